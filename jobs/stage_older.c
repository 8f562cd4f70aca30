/* Submissions of the past. */
#include "stage_older.h"

#include "campaign_internal.h"
#include "log.h"
#include "mem.h"
#include "stage_next.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* ---- the stage as it was -------------------------------------------------------------------------------------------- */
/* Lines of a text; the words are lent by it. */
static enum err split_lines(char *text, struct strs *out)
{
    size_t n = 0;
    for (const char *c = text; *c; c++) n += *c == '\n';
    out->n = 0;
    TRY(mem_alloc((void *)&out->value, n + 1, sizeof *out->value));
    for (char *rest = NULL, *word = strtok_r(text, "\n", &rest); word; word = strtok_r(NULL, "\n", &rest))
        out->value[out->n++] = word;
    return ERR_OK;
}

static enum err take_terms(struct stage_older *o)
{
    const struct ledger_terms *t   = &o->terms;
    struct campaign_stage_cfg *cfg = &o->stage.cfg;
    o->stage.kind                  = (enum campaign_kind)t->kind;
    o->campaign.cfg.store          = t->store;
    cfg->executor                  = t->executor;
    cfg->to_store                  = *t->store != 0;
    cfg->fills                     = t->fills;
    cfg->launches                  = t->launches;
    cfg->max_attempts              = t->max_attempts;
    TRY(split_lines((char *)(uintptr_t)t->outputs, &cfg->outputs));
    TRY(split_lines((char *)(uintptr_t)t->only, &cfg->only));
    if (o->stage.kind != CAMPAIGN_SIMULATION) {
        o->stage.dataset = mem_string("file_id 0"); /* what is held counts, not what there is now */
        REQUIRE(o->stage.dataset, ERR_MEMORY, "no memory for a stage");
    }
    TRY(executor_find(t->executor, &o->work.executor));
    int n = snprintf(o->work.folder, sizeof o->work.folder, "%s", t->folder);
    REQUIRE(n < (int)sizeof o->work.folder - 200, ERR_DATA, "the folder of a submission is too long");
    return campaign_find_made(&o->stage);
}

static enum err open_older(const struct ledger_stage_row *row, const struct ledger_submission *s, struct stage_older *o)
{
    struct stage_work *w = &o->work;
    TRY(version_key_parse(row->version_key, &o->stage.version));
    w->version = o->stage.version;
    version_key_digest(&w->version, w->digest);
    snprintf(w->folder, sizeof w->folder, "%.1500s/%s_%s", o->campaign.cfg.output, row->name, w->digest);
    TRY(ledger_terms(w->catalogue, s->id, &o->terms, &o->is_noted));
    return o->is_noted ? take_terms(o) : ERR_OK;
}

static void close_older(struct stage_older *o)
{
    mem_free((void *)o->stage.cfg.outputs.value);
    mem_free((void *)o->stage.cfg.only.value);
    mem_free(o->stage.dataset);
    mem_free(o->stage.made);
    ledger_terms_free(&o->terms);
    memset(o, 0, sizeof *o);
}

/* The stage as a submission knew it. `row`: its stage and version. */
static enum err open_as_it_was(struct catalogue *catalogue, const struct campaign *campaign, const char *user,
                               const struct ledger_stage_row *row, const struct ledger_submission *s,
                               struct stage_older *o)
{
    memset(o, 0, sizeof *o);
    o->campaign            = *campaign;
    o->stage.name          = row->name;
    o->stage.group         = row->name;
    o->stage.cfg.supersede = "keep";
    o->work                = (struct stage_work){.catalogue = catalogue,
                                                 .campaign  = &o->campaign,
                                                 .stage     = &o->stage,
                                                 .user      = user,
                                                 .stage_id  = row->id,
                                                 .is_held   = true,
                                                 .is_older  = true};
    enum err rc            = open_older(row, s, o);
    if (rc) close_older(o);
    return rc;
}

/* ---- which they are ------------------------------------------------------------------------------------------------- */
/* Whether the stage as it is now would look elsewhere for a live submission of its own version. */
static enum err find_moved(const struct stage_work *w, const struct ledger_submission *s, bool *out)
{
    struct ledger_terms terms;
    bool is_noted;
    TRY(ledger_terms(w->catalogue, s->id, &terms, &is_noted));
    *out = is_noted &&
           (strcmp(terms.folder, w->folder) != 0 || strcmp(terms.executor, stage_role_cfg(w, s->name)->executor) != 0);
    ledger_terms_free(&terms);
    return ERR_OK;
}

enum err stage_older_not(const struct stage_work *w, struct ledger_submission **live, size_t *n)
{
    size_t n_all;
    enum err rc = ledger_submissions(w->catalogue, w->stage_id, true, live, &n_all);
    *n          = 0;
    for (size_t i = 0; i < n_all && !rc; i++) {
        bool is_moved;
        rc = find_moved(w, &(*live)[i], &is_moved);
        if (!rc && !is_moved) (*live)[(*n)++] = (*live)[i];
    }
    if (rc) mem_free(*live);
    return rc;
}

struct older_pass {
    struct catalogue *catalogue;
    const struct campaign *campaign;
    int64_t campaign_id;
    const char *user;
    enum err (*each)(void *context, struct stage_older *older, struct ledger_submission *s);
    void *context;
    enum err rc; /* the first trouble */
    char message[500];
};

/* As this stage, or its test, is described: would it find the submission? */
static enum err is_known(const struct older_pass *p, const struct campaign_stage *stage,
                         const struct ledger_stage_row *row, const struct ledger_submission *s, bool *out)
{
    char key[VERSION_KEY_TEXT];
    struct stage_work w;
    bool is_moved;
    version_key_text(&stage->version, key);
    if (strcmp(stage->name, row->name) == 0 && strcmp(key, row->version_key) == 0) {
        TRY(stage_work_begin_stage(p->catalogue, p->campaign, 0, stage, p->user, &w));
        TRY(find_moved(&w, s, &is_moved));
        *out = *out || !is_moved;
    }
    return stage->test && !*out ? is_known(p, stage->test, row, s, out) : ERR_OK;
}

static enum err meet(const struct older_pass *p, const struct ledger_stage_row *row, struct ledger_submission *s)
{
    struct stage_older older;
    bool is_here = false;
    for (size_t i = 0; i < p->campaign->n_stages && !is_here; i++)
        TRY(is_known(p, &p->campaign->stage[i], row, s, &is_here));
    if (is_here) return ERR_OK;
    TRY(open_as_it_was(p->catalogue, p->campaign, p->user, row, s, &older));
    enum err rc = p->each(p->context, &older, s);
    close_older(&older);
    return rc;
}

static enum err meet_stage(struct older_pass *p, const struct ledger_stage_row *row)
{
    struct ledger_submission *live;
    size_t n;
    TRY(ledger_submissions(p->catalogue, row->id, true, &live, &n));
    for (size_t i = 0; i < n; i++) {
        enum err rc = meet(p, row, &live[i]);
        bool is_bad =
            rc && rc != ERR_MISMATCH && rc != ERR_AGAIN; /* another pass was quicker, or the next one will be */
        if (rc) log_warn("%s: submission %s: %s", row->name, live[i].name, err_message());
        if (is_bad && !p->rc) snprintf(p->message, sizeof p->message, "submission %s: %s", live[i].name, err_message());
        if (is_bad && !p->rc) p->rc = rc;
        if (rc) err_clear();
    }
    mem_free(live);
    return ERR_OK;
}

/* A stage that is gone has no list but its own name. */
static bool is_wanted(const struct campaign *campaign, const char *stage, const char *name)
{
    if (!stage || strcmp(stage, name) == 0) return true;
    for (size_t i = 0; i < campaign->n_stages; i++)
        if (strcmp(campaign->stage[i].name, name) == 0 && strcmp(campaign->stage[i].group, stage) == 0) return true;
    return false;
}

enum err stage_older_each(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id,
                          const char *stage, const char *user,
                          enum err (*each)(void *context, struct stage_older *older, struct ledger_submission *s),
                          void *context)
{
    struct older_pass p = {
        .catalogue = catalogue, .campaign = campaign, .user = user, .each = each, .context = context};
    struct ledger_stage_row *row;
    size_t n;
    TRY(ledger_live_stages(catalogue, campaign_id, &row, &n));
    enum err rc = ERR_OK;
    for (size_t i = 0; i < n && !rc; i++)
        if (is_wanted(campaign, stage, row[i].name)) rc = meet_stage(&p, &row[i]);
    mem_free(row);
    if (!rc && p.rc) err_set_message(p.message);
    return rc ? rc : p.rc;
}

/* ---- the end of what was never started ------------------------------------------------------------------------------ */
struct giving_up {
    const struct stage_work *work;
    const struct ledger_submission *submission;
    bool is_noted;
};

static enum err judge_unstarted(void *context, struct ledger_verdict *v)
{
    const struct giving_up *g = context;
    struct ledger_terms terms;
    bool is_noted;
    TRY(ledger_terms(g->work->catalogue, g->submission->id, &terms, &is_noted));
    ledger_terms_free(&terms);
    REQUIRE(is_noted == g->is_noted, ERR_AGAIN, "another pass is starting it");
    v->to = LEDGER_CANCELLED;
    snprintf(v->reason, sizeof v->reason, "never started: its stage was described otherwise before it was its turn");
    return ERR_OK;
}

enum err stage_older_give_up(const struct stage_work *w, struct ledger_submission *s, bool is_noted)
{
    struct giving_up giving_up = {w, s, is_noted};
    TRY(stage_close(w, s));
    TRY(ledger_end(w->catalogue, s, w->stage->cfg.max_attempts, judge_unstarted, &giving_up));
    log_info("%s: submission %s: %s", w->stage->name, s->name, s->reason);
    return ERR_OK;
}
