/* Counting where a campaign stands. */
#include "status.h"

#include "catalogue_internal.h"
#include "mem.h"
#include "stage_change.h"
#include "stage_gate.h"
#include "stage_made.h"
#include "stage_work.h"
#include "status_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_S = 86400 };

double status_percent(int64_t n, int64_t n_all) { return n_all > 0 ? 100.0 * (double)n / (double)n_all : 0.0; }

const char *status_state(const struct step_stage *s)
{
    if (s->is_complete) return "complete";
    if (strncmp(s->why, "held", 4) == 0) return "held";
    if (s->is_waiting) return "waits";
    if (strncmp(s->why, "refused", 7) == 0) return "refused";
    if (strncmp(s->why, "awaits", 6) == 0) return "approval";
    if (strncmp(s->why, "canary", 6) == 0) return "canary";
    if (s->n_live) return "running";
    if (s->empty) return "no input";
    if (strncmp(s->why, "not before", 10) == 0) return "later";
    if (s->n_parked && s->n_done + s->n_parked == s->n_files) return "parked";
    if (s->n_gone + s->n_staging && s->n_gone + s->n_staging >= step_left(s)) return s->n_staging ? "staging" : "gone";
    return s->n_files ? "due" : "no input";
}

/* ---- rows of the ledger ---------------------------------------------------------------------------------------------- */
enum err status_rows(struct catalogue *c, const char *text, const struct db_value *values, size_t n, status_row *each,
                     void *context)
{
    struct sql sql = {.text = (char *)text, .value = (struct db_value *)values, .n_values = n};
    return catalogue_rows(c->db, &sql, each, context);
}

static enum err take_state(void *context, const struct db_value *r, size_t n)
{
    struct status_jobs *j = context;
    (void)n;
    j->n += r[1].i;
    switch (r[0].i) {
    case 1500:
    case 9000: j->n_cancelled += r[1].i; break;
    case 2000:
    case 6000: j->n_failed += r[1].i; break;
    case 5000: j->n_held += r[1].i; break;
    case 2500: /* approved */
    case 7000:
    case 8000: j->n_success += r[1].i; break;
    case 4000: j->n_running += r[1].i; break;
    default: j->n_idle += r[1].i;
    }
    return ERR_OK;
}

static enum err take_failure(void *context, const struct db_value *r, size_t n)
{
    struct status_stage *s = context;
    (void)n;
    struct status_failure *f = &s->failure[s->n_failures++];
    f->n                     = r[0].i;
    f->exit_code             = r[1].type == DB_INT ? (int)r[1].i : -1;
    snprintf(f->state, sizeof f->state, "%s", r[2].type == DB_TEXT ? r[2].text : "");
    return ERR_OK;
}

/* version, submissions, done, last change */
static enum err take_other(void *context, const struct db_value *r, size_t n)
{
    struct status_stage *s = context;
    (void)n;
    s->n_other += r[1].i;
    if (s->n_versions++ >= STATUS_VERSIONS) return ERR_OK;
    struct status_version *v = &s->version[s->n_versions - 1];
    *v                       = (struct status_version){.n = r[1].i, .n_done = r[2].i, .update_s = r[3].i};
    snprintf(v->key, sizeof v->key, "%s", r[0].text);
    return ERR_OK;
}

static void copy_submission(const struct db_value *r, struct status_submission *s)
{
    s->id       = r[0].i;
    s->create_s = r[1].i;
    s->state    = (enum ledger_state)r[2].i;
    snprintf(s->name, sizeof s->name, "%s", r[3].text);
    snprintf(s->user, sizeof s->user, "%s", r[4].type == DB_TEXT ? r[4].text : "");
    snprintf(s->batch_id, sizeof s->batch_id, "%s", r[5].type == DB_TEXT ? r[5].text : "");
    snprintf(s->reason, sizeof s->reason, "%s", r[6].type == DB_TEXT ? r[6].text : "");
}

static enum err take_latest(void *context, const struct db_value *r, size_t n)
{
    struct status_stage *s = context;
    (void)n;
    copy_submission(r, &s->latest[s->n_latest++]);
    return ERR_OK;
}

static enum err take_one(void *context, const struct db_value *r, size_t n)
{
    (void)n;
    copy_submission(r, context);
    return ERR_OK;
}

#define SUBMISSION                                                                                                     \
    "select s.id, s.create_s, s.state, s.name, k.create_user, s.batch_id, s.reason from submissions s join stages g "  \
    "on g.id = s.stage_id join campaigns k on k.id = g.campaign_id where s.stage_id = $1"
static enum err read_submissions(struct catalogue *c, size_t index, struct status_stage *s)
{
    const struct db_value limit[] = {DB_I(s->id), DB_I(STATUS_LATEST)};
    TRY(status_rows(c, SUBMISSION " and s.state in " LEDGER_LIVE " order by s.id limit 1", &DB_I(s->id), 1, take_one,
                    &s->oldest));
    TRY(status_rows(c, SUBMISSION " and s.state in (2000, 6000) order by s.id desc limit 1", &DB_I(s->id), 1, take_one,
                    &s->failed));
    TRY(status_rows(c, SUBMISSION " and s.state = 5000 order by s.id limit 1", &DB_I(s->id), 1, take_one, &s->held));
    TRY(status_rows(c, SUBMISSION " order by s.id desc limit $2", limit, 2, take_latest, s));
    s->oldest.stage = s->failed.stage = s->held.stage = index;
    for (size_t i = 0; i < s->n_latest; i++) s->latest[i].stage = index;
    return ERR_OK;
}

/* ---- days ------------------------------------------------------------------------------------------------------------ */
/* day, what, count */
static enum err take_day(void *context, const struct db_value *r, size_t n)
{
    struct status_stage *s = context;
    (void)n;
    int64_t i = r[0].i - s->day[0].start_s / DAY_S;
    if (i < 0 || i >= STATUS_DAYS) return ERR_OK;
    struct status_day *d = &s->day[i];
    *(r[1].i == 1000   ? &d->n_submitted
      : r[1].i == 8000 ? &d->n_done
      : r[1].i == 0    ? &d->n_files
                       : &d->n_failed) += r[2].i;
    return ERR_OK;
}

static enum err read_days(struct catalogue *c, const struct campaign_stage *stage, int64_t now_s,
                          struct status_stage *s)
{
    for (int i = 0; i < STATUS_DAYS; i++) s->day[i].start_s = (now_s / DAY_S - (STATUS_DAYS - 1 - i)) * DAY_S;
    const struct db_value ours[] = {DB_I(s->id), DB_I(s->day[0].start_s)};
    TRY(status_rows(
        c,
        "select create_s / 86400, 1000, count(*) from submissions where stage_id = $1 and create_s >= $2 group "
        "by 1",
        ours, 2, take_day, s));
    TRY(status_rows(
        c,
        "select h.at_s / 86400, h.state, count(*) from submissions s join submission_history h on h.submission_id "
        "= s.id where s.stage_id = $1 and h.at_s >= $2 and h.state in (2000, 6000, 8000) group by 1, 2",
        ours, 2, take_day, s));
    return stage_made_rows(c, stage,
                           "select f.create_s / 86400, 0, count(*) from files f where f.create_s >= $1 and f.id in",
                           "group by 1", &ours[1], 1, take_day, s);
}

/* ---- subruns, rate ----------------------------------------------------------------------------------------------------- */
/* Different subruns that the files of every query have. */
static enum err count_subruns(struct catalogue *c, const struct sql *query, size_t n_queries, int64_t *n)
{
    static const char runs[] = "select run, subrun from file_runs where subrun >= 0 and file_id in (";
    struct {
        struct dimension *tree;
    } * parsed;
    struct sql sql = {0};
    bool is_found;
    TRY(mem_alloc(&parsed, n_queries, sizeof *parsed));
    enum err rc = sql_add(&sql, "select count(*) from (select distinct run, subrun from (%s", runs);
    for (size_t i = 0; i < n_queries && !rc; i++) {
        if (i) rc = sql_add(&sql, ") intersect %s", runs);
        if (!rc) rc = catalogue_sql(c, query[i].text, &parsed[i].tree, &sql);
    }
    if (!rc) rc = sql_add(&sql, ")) x) y");
    if (!rc) rc = db_get_int(c->db, sql.text, sql.value, sql.n_values, n, &is_found);
    for (size_t i = 0; i < n_queries; i++) dimension_free(parsed[i].tree);
    mem_free(parsed);
    sql_free(&sql);
    return rc;
}

/* A simulation's units are fills; each tier of it holds all of them. */
static enum err count_fills(struct catalogue *c, const struct campaign_stage *stage, struct status_stage *s)
{
    s->n_subruns = stage->cfg.fills;
    return stage_made_int(
        c, stage,
        "select cast(coalesce(max(n), 0) as bigint) from (select sum(f.event_count) as n from files f "
        "where f.retired_s is null and f.content_status = 'good' and f.id in",
        "group by f.data_tier) x", NULL, 0, &s->n_subruns_done);
}

/* Of a dataset's subruns, those are done that the products have, of each kind that is wanted. */
static enum err read_coverage(const struct stage_work *w, struct status_stage *s)
{
    if (stage_work_is_simulation(w)) return count_fills(w->catalogue, w->stage, s);
    const struct strs *outputs = &w->stage->cfg.outputs;
    size_t n                   = 1 + (outputs->n ? outputs->n : 1);
    struct sql *query;
    TRY(mem_alloc(&query, n, sizeof *query));
    enum err rc = sql_add(&query[0], "%s", w->stage->dataset);
    for (size_t i = 1; i < n && !rc; i++)
        rc = outputs->n ? sql_add(&query[i], "%s and file_name like '%s'", w->stage->made, outputs->value[i - 1])
                        : sql_add(&query[i], "%s", w->stage->made);
    if (!rc) rc = count_subruns(w->catalogue, query, 1, &s->n_subruns);
    if (!rc) rc = count_subruns(w->catalogue, query, n, &s->n_subruns_done);
    for (size_t i = 0; i < n; i++) sql_free(&query[i]);
    mem_free(query);
    return rc;
}

/* Files of the stage whose first product came lately. */
static enum err read_rate(const struct stage_work *w, int64_t now_s, struct status_stage *s)
{
    int64_t first_s;
    bool is_found;
    s->left_s = -1.0;
    TRY(db_get_int(w->catalogue->db, "select min(create_s) from submissions where stage_id = $1", &DB_I(s->id), 1,
                   &first_s, &is_found));
    if (!is_found) return ERR_OK;
    int64_t from_s              = first_s > now_s - STATUS_RATE_S ? first_s : now_s - STATUS_RATE_S;
    const struct db_value key[] = {DB_I(s->id), DB_I(from_s)};
    s->recent_s                 = (double)(now_s - from_s);
    TRY(stage_made_int(
        w->catalogue, w->stage,
        "select count(*) from (select p.parent_id from stage_files s join file_parents p on p.parent_id = "
        "s.file_id join files f on f.id = p.child_id where s.stage_id = $1 and f.id in",
        "group by p.parent_id having min(f.create_s) >= $2) x", key, 2, &s->n_recent));
    size_t left = s->look.n_files - s->look.n_done - s->look.n_parked;
    if (s->n_recent && s->recent_s > 0.0) s->left_s = (double)left * s->recent_s / (double)s->n_recent;
    return ERR_OK;
}

/* ---- one stage, all ------------------------------------------------------------------------------------------------- */
struct reading {
    struct catalogue *catalogue;
    struct status *status;
    enum err (*also)(void *context);
    void *context;
    struct stage_gate gate;
    struct step_stage *report; /* [n_stages] */
};

static enum err read_stage(const struct reading *r, size_t i)
{
    struct catalogue *c                = r->catalogue;
    const struct campaign_stage *stage = &r->status->campaign->stage[i];
    struct status_stage *s             = &r->status->stage[i];
    struct stage_work w;
    version_key_text(&stage->version, s->version_key);
    TRY(stage_work_begin(c, r->status->campaign, r->status->id, i, "", &w));
    s->id = w.stage_id;
    TRY(step_look_one(&r->gate, i, &w, r->report));
    s->look = r->report[i];
    if (!stage_gate_is_approval(stage)) TRY(stage_change_tell(&w, &s->look, s->change));
    s->state    = status_state(&s->look);
    size_t left = s->look.n_files - s->look.n_done - s->look.n_parked;
    s->n_left   = left > s->look.n_held ? left - s->look.n_held : 0;
    TRY(status_rows(c, "select state, count(*) from submissions where stage_id = $1 group by state", &DB_I(s->id), 1,
                    take_state, &s->jobs));
    const struct db_value other[] = {DB_I(r->status->id), DB_S(stage->name), DB_I(s->id)};
    TRY(status_rows(c,
                    "select g.version_key, count(*), count(case when s.state = 8000 then 1 end), max(s.update_s) from "
                    "stages g join submissions s on s.stage_id = g.id where g.campaign_id = $1 and g.name = $2 and "
                    "g.id <> $3 group by g.id, g.version_key order by max(s.update_s) desc, g.id",
                    other, 3, take_other, s));
    TRY(status_read_use(c, &stage->cfg, s));
    const struct db_value limit[] = {DB_I(s->id), DB_I(STATUS_FAILURES)};
    TRY(status_rows(
        c,
        "select count(*), exit_code, batch_state from submissions where stage_id = $1 and state in (2000, 6000) "
        "group by exit_code, batch_state order by 1 desc, 2, 3 limit $2",
        limit, 2, take_failure, s));
    TRY(read_submissions(c, i, s));
    TRY(read_days(c, stage, r->status->at_s, s));
    TRY(read_coverage(&w, s));
    TRY(read_rate(&w, r->status->at_s, s));
    return latency_read(c, s->id, stage, s->latency, &s->progress);
}

/* The newest of all stages, from those of each. */
static void merge_latest(struct status *k)
{
    size_t taken[100] = {0};
    for (k->n_latest = 0; k->n_latest < STATUS_LATEST; k->n_latest++) {
        size_t best = SIZE_MAX;
        for (size_t i = 0; i < k->campaign->n_stages; i++) {
            const struct status_stage *s = &k->stage[i];
            if (taken[i] == s->n_latest) continue;
            if (best == SIZE_MAX || s->latest[taken[i]].id > k->stage[best].latest[taken[best]].id) best = i;
        }
        if (best == SIZE_MAX) return;
        k->latest[k->n_latest] = k->stage[best].latest[taken[best]++];
    }
}

/* The transaction may be tried again. */
static void forget(struct status_stage *s)
{
    latency_progress_free(&s->progress);
    memset(s, 0, sizeof *s);
}

static enum err read_all(void *context)
{
    struct reading *r               = context;
    const struct campaign *campaign = r->status->campaign;
    enum err rc                     = ERR_OK;
    r->status->at_s                 = catalogue_now_s();
    r->status->n_latest             = 0;
    for (size_t i = 0; i < campaign->n_stages; i++) forget(&r->status->stage[i]);
    memset(r->report, 0, campaign->n_stages * sizeof *r->report);
    TRY(stage_gate_open(r->catalogue, campaign, r->status->id, &r->gate));
    for (size_t k = 0; k < campaign->n_stages && !rc; k++) {
        rc = read_stage(r, campaign->order[k]);
        if (rc) rc = err_context(rc, "stage %s", campaign->stage[campaign->order[k]].name);
    }
    stage_gate_close(&r->gate);
    TRY(rc);
    merge_latest(r->status);
    TRY(status_read_older(r->catalogue, r->status));
    return r->also ? r->also(r->context) : ERR_OK;
}

enum err status_read(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, bool is_held,
                     const char *db, enum err (*also)(void *context), void *context, struct status *out)
{
    struct reading r = {.catalogue = catalogue, .status = out, .also = also, .context = context};
    *out             = (struct status){.campaign = campaign, .db = db, .id = campaign_id, .is_held = is_held};
    TRY(mem_alloc(&out->stage, campaign->n_stages, sizeof *out->stage));
    enum err rc = mem_alloc(&r.report, campaign->n_stages, sizeof *r.report);
    if (!rc) rc = db_read_transaction(catalogue->db, read_all, &r);
    mem_free(r.report);
    for (size_t i = 0; i < campaign->n_stages && !rc; i++) status_add_hints(out, i);
    if (rc) status_free(out);
    return rc;
}

void status_free(struct status *s)
{
    for (size_t i = 0; s->stage && i < s->campaign->n_stages; i++) forget(&s->stage[i]);
    mem_free(s->stage);
    s->stage = NULL;
}
