/* gm2 campaign hold, release, kill, retry, launch, approve */
#include "cmd_campaign.h"
#include "ledger.h"
#include "ledger_hold.h"
#include "mem.h"
#include "rules.h"
#include "stage_gate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A stage, or the name that the items of a list were written under. */
static enum err check_stage(const struct campaign *c, const char *name)
{
    size_t stage;
    for (size_t i = 0; i < c->n_stages; i++)
        if (strcmp(c->stage[i].group, name) == 0) return ERR_OK;
    return step_find(c, name, &stage);
}

/* "6h" from now, or a time. */
static enum err read_until(const char *text, int64_t *out_s)
{
    int64_t now_s = (int64_t)time(NULL);
    *out_s        = 0;
    if (!text) return ERR_OK;
    if (stage_gate_interval(text, out_s) == ERR_OK) {
        *out_s += now_s;
        return ERR_OK;
    }
    err_clear();
    enum err rc = stage_gate_time(text, out_s);
    if (rc) return err_context(rc, "--until (or 30m, 6h, 1d from now)");
    REQUIRE(*out_s > now_s, ERR_OPTION, "--until %s is over", text);
    return ERR_OK;
}

/* A hold of the whole campaign without an end is its flag too. */
static enum err hold(struct cmd_campaign *k, const struct cmd_campaign_options *o, const char *why)
{
    struct ledger_hold_row row = {.until_s = 0};
    snprintf(row.stage, sizeof row.stage, "%s", o->stage ? o->stage : "");
    snprintf(row.why, sizeof row.why, "%s", why);
    snprintf(row.user, sizeof row.user, "%s", o->user);
    TRY(read_until(o->until, &row.until_s));
    if (!o->stage && !row.until_s) TRY(ledger_hold(k->catalogue, o->what, true, o->user));
    return ledger_hold_set(k->catalogue, k->id, o->what, &row);
}

enum err cmd_campaign_hold(struct catalogue *c, const struct cmd_campaign_options *o, int *status)
{
    struct cmd_campaign k;
    (void)status;
    TRY(cmd_campaign_read(c, o->what, &k));
    enum err rc = o->stage ? check_stage(k.campaign, o->stage) : ERR_OK;
    if (!rc && o->stage && !o->why)
        rc = err_fail(ERR_OPTION, __FILE__, __LINE__, "say why: gm2 campaign hold %s %s %s --why \"...\"", o->db,
                      o->what, o->stage);
    if (!rc) rc = hold(&k, o, o->why ? o->why : "");
    cmd_campaign_free(&k);
    return rc;
}

enum err cmd_campaign_release(struct catalogue *c, const struct cmd_campaign_options *o, int *status)
{
    struct cmd_campaign k;
    (void)status;
    TRY(cmd_campaign_read(c, o->what, &k));
    enum err rc = o->stage ? check_stage(k.campaign, o->stage) : ledger_hold(c, o->what, false, o->user);
    if (!rc) rc = ledger_hold_drop(c, k.id, o->what, o->stage ? o->stage : "", o->user);
    cmd_campaign_free(&k);
    return rc;
}

/* What is killed is held first: else the next pass starts it again. One submission alone comes again by itself. */
enum err cmd_campaign_kill(struct catalogue *c, const struct cmd_campaign_options *o, int *status)
{
    struct cmd_campaign k;
    size_t n;
    (void)status;
    TRY(cmd_campaign_read(c, o->what, &k));
    bool is_submission = o->stage && o->stage[0] >= '0' && o->stage[0] <= '9';
    enum err rc        = o->stage && !is_submission ? check_stage(k.campaign, o->stage) : ERR_OK;
    if (!rc && !is_submission) rc = hold(&k, o, "killed");
    if (!rc) rc = step_kill(c, k.campaign, k.id, is_submission ? NULL : o->stage, is_submission ? o->stage : NULL, &n);
    if (!rc) rc = catalogue_log_add(c, "kill campaign", o->what);
    if (!rc && is_submission && n == 0)
        rc = err_fail(ERR_NOTFOUND, __FILE__, __LINE__, "no submission %s runs", o->stage);
    if (!rc && is_submission)
        printf("%s was asked to stop; what it leaves goes into later submissions\n", o->stage);
    else if (!rc)
        printf("%zu submissions were asked to stop; the %s is held (gm2 campaign release %s %s%s%s)\n", n,
               o->stage ? "stage" : "campaign", o->db, o->what, o->stage ? " " : "", o->stage ? o->stage : "");
    cmd_campaign_free(&k);
    return rc;
}

enum err cmd_campaign_retry(struct catalogue *c, const struct cmd_campaign_options *o, int *status)
{
    struct cmd_campaign k;
    (void)status;
    TRY(cmd_campaign_read(c, o->what, &k));
    enum err rc = o->stage ? check_stage(k.campaign, o->stage) : ERR_OK;
    for (size_t i = 0; i < k.campaign->n_stages && !rc; i++) {
        const struct campaign_stage *s = &k.campaign->stage[i];
        if (o->stage && strcmp(s->name, o->stage) != 0 && strcmp(s->group, o->stage) != 0) continue;
        rc = step_retry(c, k.campaign, k.id, i, o->user);
    }
    cmd_campaign_free(&k);
    return rc;
}

static enum err launch(struct cmd_campaign *k, const struct cmd_campaign_options *o)
{
    size_t stage, n;
    char why[200];
    TRY(step_find(k->campaign, o->stage, &stage));
    TRY(rules_check(k->campaign, k->path));
    TRY(cmd_campaign_look(k));
    const struct step_stage *s = &k->report[stage];
    REQUIRE(!s->is_waiting, ERR_MISMATCH, "stage %s waits for stages that it needs", o->stage);
    REQUIRE(!k->is_held, ERR_MISMATCH, "the campaign is held; go on with: gm2 campaign release %s %s", o->db, o->what);
    REQUIRE(strncmp(s->why, "held", 4) != 0 && strncmp(s->why, "refused", 7) != 0, ERR_MISMATCH, "stage %s is %s",
            o->stage, s->why);
    TRY(step_launch(k->catalogue, k->campaign, k->id, stage, o->is_test, o->user, &n, why));
    if (n)
        printf("started; gm2 campaign step %s %s looks after it\n", o->db, o->what);
    else
        printf("nothing to start%s%s\n", *why ? ": " : "", why);
    return ERR_OK;
}

enum err cmd_campaign_launch(struct catalogue *c, const struct cmd_campaign_options *o, int *status)
{
    struct cmd_campaign k;
    (void)status;
    TRY(cmd_campaign_read(c, o->what, &k));
    enum err rc = launch(&k, o);
    cmd_campaign_free(&k);
    return rc;
}

enum err cmd_campaign_approve(struct catalogue *c, const struct cmd_campaign_options *o, int *status)
{
    struct cmd_campaign k;
    struct stage_work w;
    size_t stage;
    (void)status;
    TRY(cmd_campaign_read(c, o->what, &k));
    enum err rc = step_find(k.campaign, o->stage, &stage);
    if (!rc) rc = stage_work_begin(c, k.campaign, k.id, stage, o->user, &w);
    if (!rc) rc = stage_gate_approve(&w, o->comment ? o->comment : "");
    cmd_campaign_free(&k);
    return rc;
}
