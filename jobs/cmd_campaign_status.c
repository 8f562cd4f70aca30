/* gm2 campaign status */
#include "catalogue_internal.h"
#include "cfg.h"
#include "cmd_campaign.h"
#include "mem.h"
#include "status.h"
#include "utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- all submissions, one a line -------------------------------------------------------------------------------------- */
static enum err print_submissions(struct cmd_campaign *k, const char *db)
{
    TRY(cmd_campaign_look(k));
    cmd_campaign_print(k, db);
    char name[320], why[400], reason[800];
    printf("\n%-15s %-24s %-17s %8s  %s\n", "stage", "submission", "state", "files", "reason");
    for (size_t i = 0; i < k->campaign->n_stages; i++) {
        struct ledger_submission *all;
        size_t n;
        TRY(step_submissions(k->catalogue, k->campaign, k->id, i, &all, &n));
        for (size_t j = 0; j < n; j++) {
            const struct ledger_submission *s = &all[j];
            bool is_live                      = !*s->reason && *s->seen.state; /* the scheduler's words */
            snprintf(why, sizeof why, "%s%s%s", is_live ? s->seen.state : s->reason,
                     is_live && *s->seen.reason ? ": " : "", is_live ? s->seen.reason : "");
            printf("%-15s %-24s %-17s %8" PRId64 "  %s\n", k->campaign->stage[i].name,
                   utf8_printable(s->name, 0, name, sizeof name), ledger_state_name(s->state), s->n_files,
                   utf8_printable(why, 0, reason, sizeof reason));
        }
        mem_free(all);
    }
    return ERR_OK;
}

/* ---- one campaign ----------------------------------------------------------------------------------------------------- */
static enum err find_stage(const struct campaign *c, const char *name, size_t *out)
{
    *out = SIZE_MAX;
    return name ? step_find(c, name, out) : ERR_OK;
}

static enum err print_json(const struct status *s)
{
    cJSON *json = status_json(s);
    char *text  = json ? cJSON_Print(json) : NULL;
    cJSON_Delete(json);
    REQUIRE(text, ERR_MEMORY, "out of memory");
    printf("%s\n", text);
    cJSON_free(text);
    return ERR_OK;
}

static enum err one_campaign(struct catalogue *c, const struct cmd_campaign_options *o)
{
    struct cmd_campaign k;
    struct status s = {0};
    size_t stage;
    TRY(cmd_campaign_read(c, o->what, &k));
    enum err rc = find_stage(k.campaign, o->stage, &stage);
    if (!rc && o->wants_submissions) {
        rc = print_submissions(&k, o->db);
    } else if (!rc) {
        rc = status_read(c, k.campaign, k.id, k.is_held, o->db, NULL, NULL, &s);
        if (!rc && o->wants_json)
            rc = print_json(&s);
        else if (!rc)
            status_print(&s, stage);
        status_free(&s);
    }
    cmd_campaign_free(&k);
    return rc;
}

/* ---- all campaigns ----------------------------------------------------------------------------------------------------- */
/* name, is_held, create_s, all, failed, live, last change */
static enum err print_campaign(void *context, const struct db_value *r, size_t n)
{
    char created[32], changed[32] = "-";
    (void)n;
    ++*(size_t *)context;
    status_time(r[2].i, created);
    if (r[6].type == DB_INT) status_time(r[6].i, changed);
    printf("%-34.60s %-5s %-10.10s %12" PRId64 " %7" PRId64 " %5" PRId64 "  %s\n", r[0].text, r[1].i ? "held" : "",
           created, r[3].i, r[4].i, r[5].i, changed);
    return ERR_OK;
}

static enum err all_campaigns(struct catalogue *c, const char *db)
{
    size_t n       = 0;
    struct sql sql = {.text = (char *)"select k.name, k.is_held, k.create_s, count(s.id),"
                                      " count(case when s.state in (2000, 6000) then 1 end),"
                                      " count(case when s.state in " LEDGER_LIVE " then 1 end),"
                                      " max(s.update_s) from campaigns k left join stages g on g.campaign_id = k.id"
                                      " left join submissions s on s.stage_id = g.id"
                                      " group by k.id, k.name, k.is_held, k.create_s order by k.id"};
    printf("%-34s %-5s %-10s %12s %7s %5s  %s\n", "campaign", "", "since", "submissions", "failed", "live",
           "last change (UTC)");
    if (catalogue_rows(catalogue_db(c), &sql, print_campaign, &n))
        return err_context(ERR_NOTFOUND, "there are no campaigns in this database ('gm2 campaign start')");
    if (n)
        printf("\nnext: gm2 campaign status %s NAME\n", db);
    else
        printf("\nnone; next: gm2 campaign start %s FILE.fcl\n", db);
    return ERR_OK;
}

enum err cmd_campaign_status(struct catalogue *c, const struct cmd_campaign_options *o, int *status)
{
    (void)status;
    if (o->what) return one_campaign(c, o);
    REQUIRE(!o->wants_json && !o->wants_submissions, ERR_OPTION,
            "--json and --submissions want the name of a campaign");
    return all_campaigns(c, o->db);
}
