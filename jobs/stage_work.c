/* What a stage has to do, and what it has done. */
#include "stage_work.h"

#include "ledger_internal.h"
#include "ledger_left.h"
#include "log.h"
#include "mem.h"
#include "sql.h"
#include "stage_count.h"
#include "stage_gate.h"
#include "stage_places.h"
#include "stage_whole.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum err stage_work_begin(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id,
                          size_t index, const char *user, struct stage_work *w)
{
    return stage_work_begin_stage(catalogue, campaign, campaign_id, &campaign->stage[index], user, w);
}

enum err stage_work_begin_stage(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id,
                                const struct campaign_stage *stage, const char *user, struct stage_work *w)
{
    char key[VERSION_KEY_TEXT];
    *w = (struct stage_work){.catalogue = catalogue, .campaign = campaign, .stage = stage, .user = user};
    TRY(executor_find(w->stage->cfg.executor, &w->executor));
    w->version = w->stage->version;
    version_key_text(&w->version, key);
    version_key_digest(&w->version, w->digest);
    if (campaign_id && *user) TRY(ledger_stage(catalogue, campaign_id, w->stage->name, key, &w->stage_id));
    if (campaign_id && !*user) TRY(ledger_stage_look(catalogue, campaign_id, w->stage->name, key, &w->stage_id));
    int n = snprintf(w->folder, sizeof w->folder, "%s/%s_%s", campaign->cfg.output, w->stage->name, w->digest);
    REQUIRE(n < (int)sizeof w->folder - 200, ERR_CONFIG, "campaign.output is too long");
    return ERR_OK;
}

void stage_work_folder(const struct stage_work *w, const char *name, char out[STAGE_MAX_PATH])
{
    snprintf(out, STAGE_MAX_PATH, "%.1500s/%.160s", w->folder, name);
}

bool stage_work_is_simulation(const struct stage_work *w) { return !w->stage->dataset; }
const int64_t stage_work_simulation[1] = {0};

/* ---- files of the dataset ------------------------------------------------------------------------------------------ */

static enum err add_file(void *context, const struct db_value *row, size_t n)
{
    struct stage_files *f = context;
    (void)n;
    TRY(ledger_grow(&f->one, f->n, &f->capacity, sizeof *f->one));
    f->one[f->n++] = (struct split_file){row[0].i, row[1].i, row[2].i, false};
    return ERR_OK;
}

enum err stage_work_list(const struct stage_work *w, const char *query, struct stage_files *out)
{
    *out = (struct stage_files){.n = 0};
    enum err rc =
        catalogue_list(w->catalogue, query,
                       "f.id, (select min(r.run) from file_runs r where r.file_id = f.id), f.end_s", 0, add_file, out);
    if (!rc) return ERR_OK;
    mem_free(out->one);
    *out = (struct stage_files){.n = 0};
    return rc;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* What the stage has made counts when it is good and has a place. An input is done when it has a product for each of the
 * outputs. Of a dataset those that it selects now are done, as what it does not select is not wanted; of a submission
 * (is_any) whatever has become of them. */
static enum err made_of(const struct stage_work *w, const char *inputs, bool is_any, struct sql *out)
{
    const struct strs *outputs = &w->stage->cfg.outputs;
    enum err rc                = sql_add(out, "(%s)", inputs);
    if (!rc && !outputs->n) rc = sql_add(out, " intersect isparentof: (%s)", w->stage->made);
    for (size_t i = 0; i < outputs->n && !rc; i++)
        rc = sql_add(out, " intersect isparentof: (%s and file_name like '%s')", w->stage->made, outputs->value[i]);
    return rc || !is_any ? rc : sql_add(out, " with availability any");
}

/* Ascending. */
static enum err list_done(const struct stage_work *w, const char *inputs, bool is_any, int64_t **ids, size_t *n)
{
    struct sql query      = {0};
    struct ledger_ids all = {.n = 0};
    enum err rc           = made_of(w, inputs, is_any, &query);
    if (!rc) rc = catalogue_list(w->catalogue, query.text, "f.id", 0, ledger_add_id, &all);
    sql_free(&query);
    if (rc) mem_free(all.id);
    *ids = rc ? NULL : all.id;
    *n   = rc ? 0 : all.n;
    return rc;
}

void stage_work_free(struct stage_dataset *d)
{
    mem_free(d->files.one);
    mem_free(d->done);
    mem_free(d->held);
    mem_free(d->taken);
    *d = (struct stage_dataset){.n_done = 0};
}

enum err stage_work_take(struct stage_dataset *d, const int64_t *ids, size_t n)
{
    size_t old = d->n_taken;
    TRY(mem_resize(&d->taken, old + 1, old + n + 1, sizeof *d->taken));
    d->n_taken += n;
    while (n > 0) { /* both ascend: merged from the end */
        bool is_old           = old > 0 && d->taken[old - 1] > ids[n - 1];
        d->taken[old + n - 1] = is_old ? d->taken[old - 1] : ids[n - 1];
        old -= is_old;
        n -= !is_old;
    }
    return ERR_OK;
}

static enum err whole_done(const struct stage_work *w, struct stage_dataset *d)
{
    TRY(mem_alloc(&d->done, d->files.n + 1, sizeof *d->done));
    return stage_whole_done(w, &d->files, false, d->done, &d->n_done);
}

/* What is held is read first: a file that is let go, done, while this goes on is held here, or done. */
static enum err read_dataset(const struct stage_work *w, struct stage_dataset *d)
{
    *d = (struct stage_dataset){.n_done = 0};
    TRY(ledger_taken(w->catalogue, w->stage_id, &d->held, &d->n_held, &d->n_parked));
    TRY(stage_work_list(w, w->stage->dataset, &d->files));
    return campaign_is_whole(w->stage) ? whole_done(w, d)
                                       : list_done(w, w->stage->dataset, false, &d->done, &d->n_done);
}

/* What others change meanwhile is found when a slice is reserved. */
enum err stage_work_read(const struct stage_work *w, struct stage_dataset *d)
{
    enum err rc = read_dataset(w, d);
    d->n_taken  = d->n_done + d->n_held;
    if (!rc) rc = mem_alloc(&d->taken, d->n_taken + d->files.n + 1, sizeof *d->taken);
    if (rc) {
        stage_work_free(d);
        return rc;
    }
    if (d->n_done) memcpy(d->taken, d->done, d->n_done * sizeof *d->taken);
    if (d->n_held) memcpy(d->taken + d->n_done, d->held, d->n_held * sizeof *d->taken);
    qsort(d->taken, d->n_taken, sizeof *d->taken, by_value);
    return campaign_is_whole(w->stage) ? stage_whole_take(w, &d->files, d->taken, &d->n_taken) : ERR_OK;
}

/* ---- what a stage looks like ----------------------------------------------------------------------------------------- */
static enum err look_at_simulation(const struct stage_work *w, struct step_stage *out)
{
    int64_t *done, n_held, n_parked;
    size_t n;
    TRY(ledger_located(w->catalogue, w->stage_id, &done, &n));
    mem_free(done);
    TRY(ledger_held(w->catalogue, w->stage_id, &n_held, &n_parked, &out->n_live));
    out->n_files     = (size_t)w->stage->cfg.launches;
    out->n_done      = n < out->n_files ? n : out->n_files;
    out->n_held      = (size_t)n_held;
    out->n_parked    = (size_t)n_parked;
    out->is_complete = stage_gate_is_complete(&w->stage->cfg, out);
    return ERR_OK;
}

/* Nothing is begun while a part of the dataset selects nothing: it may be misspelt; unless nothing of it is stale. */
static enum err find_empty(const struct stage_work *w, struct step_stage *out)
{
    if (out->n_files == 0) {
        TRY(catalogue_is_fresh(w->catalogue, w->stage->dataset, &out->is_fresh));
        if (!out->is_fresh) out->empty = w->stage->dataset;
    }
    bool by_part = w->stage->n_parts > 1 || w->stage->is_live; /* what was made anew stands beside a live part */
    for (size_t i = 0; i < w->stage->n_parts && by_part && !out->empty; i++) {
        int64_t n_files, n_bytes, n_events;
        bool is_fresh = false;
        TRY(catalogue_count(w->catalogue, w->stage->part[i], &n_files, &n_bytes, &n_events));
        if (n_files == 0) TRY(catalogue_is_fresh(w->catalogue, w->stage->part[i], &is_fresh));
        if (n_files == 0 && !is_fresh) out->empty = w->stage->part[i];
    }
    return ERR_OK;
}

static enum err look_at_whole(const struct stage_work *w, struct step_stage *out)
{
    struct ledger_submission *live;
    struct stage_dataset d;
    int64_t n_parked = 0, n_files, n_bytes, n_events;
    TRY(catalogue_count(w->catalogue, w->stage->dataset, &n_files, &n_bytes, &n_events));
    out->n_files = (size_t)n_files;
    if (n_files > w->stage->cfg.max_files) return ERR_OK; /* check_budget() refuses it */
    enum err rc = read_dataset(w, &d);
    if (!rc) rc = stage_count_parked(w->catalogue, w->stage_id, w->stage->dataset, NULL, &n_parked);
    out->n_files  = d.files.n;
    out->n_done   = d.n_done;
    out->n_parked = (size_t)n_parked;
    out->n_held   = d.n_held - d.n_parked;
    stage_work_free(&d);
    TRY(rc);
    TRY(ledger_submissions(w->catalogue, w->stage_id, true, &live, &out->n_live));
    mem_free(live);
    return ERR_OK;
}

/* Only numbers: nothing is listed, and nothing is asked again while the catalogue stands still. */
static enum err look_at_files(const struct stage_work *w, struct step_stage *out)
{
    struct sql done = {0};
    struct stage_counts c;
    int64_t n_held, unused;
    enum err rc = made_of(w, w->stage->dataset, false, &done);
    if (!rc) rc = stage_count(w->catalogue, w->stage_id, w->stage->dataset, done.text, *w->user, &c);
    sql_free(&done);
    if (!rc) rc = ledger_held(w->catalogue, w->stage_id, &n_held, &unused, &out->n_live);
    if (rc) return rc;
    out->n_files  = (size_t)c.n_files;
    out->n_done   = (size_t)c.n_done;
    out->n_parked = (size_t)c.n_parked;
    out->n_held   = (size_t)n_held;
    out->n_before = c.n_before;
    if (*w->user && c.n_before >= 0 && c.n_before != c.n_files)
        log_info("%s: the dataset has %" PRId64 " files, at the last pass it had %" PRId64, w->stage->name, c.n_files,
                 c.n_before);
    return ERR_OK;
}

/* A query that is wider than it was meant starts nothing. */
static void check_budget(const struct stage_work *w, struct step_stage *out)
{
    int64_t most = w->stage->cfg.max_files;
    if ((int64_t)out->n_files <= most || *out->why) return;
    snprintf(out->why, sizeof out->why,
             "refused: the dataset selects %zu files, max_files is %" PRId64 ": ask for less, or raise stages.%.60s."
             "max_files",
             out->n_files, most, w->stage->group);
}

enum err stage_work_look(const struct stage_work *w, struct step_stage *out)
{
    out->n_before = -1;
    if (stage_work_is_simulation(w)) return look_at_simulation(w, out);
    TRY(campaign_is_whole(w->stage) ? look_at_whole(w, out) : look_at_files(w, out));
    TRY(find_empty(w, out));
    check_budget(w, out);
    TRY(stage_places_count(w->catalogue, w->stage_id, &out->n_staging, &out->n_gone));
    size_t left = step_left(out); /* what was done or let go since the last pass is not waited for */
    if (out->n_gone > left) out->n_gone = left;
    if (out->n_staging > left - out->n_gone) out->n_staging = left - out->n_gone;
    out->is_complete = !out->empty && stage_gate_is_complete(&w->stage->cfg, out);
    return ERR_OK;
}

/* All of them, or none. */
static enum err whole_not_done(const struct stage_work *w, const struct ledger_submission *s, int64_t **ids, size_t *n)
{
    struct stage_files files = {0};
    int64_t *done            = NULL;
    size_t n_done            = 0;
    TRY(ledger_files(w->catalogue, s->id, ids, n));
    enum err rc = mem_alloc(&files.one, *n + 1, sizeof *files.one);
    if (!rc) rc = mem_alloc(&done, *n + 1, sizeof *done);
    for (files.n = 0; !rc && files.n < *n; files.n++) files.one[files.n] = (struct split_file){.id = (*ids)[files.n]};
    if (!rc) rc = stage_whole_done(w, &files, true, done, &n_done);
    if (!rc) *n -= n_done;
    mem_free(files.one);
    mem_free(done);
    if (rc) mem_free(*ids);
    return rc;
}

/* Files of a submission without a product. */
enum err stage_work_not_done(const struct stage_work *w, const struct ledger_submission *s, int64_t **ids, size_t *n)
{
    int64_t *all, *done;
    size_t n_all, n_done, n_left = 0;
    char inputs[64];
    if (campaign_is_whole(w->stage)) return whole_not_done(w, s, ids, n);
    snprintf(inputs, sizeof inputs, "submission_id %" PRId64, s->id);
    TRY(ledger_files(w->catalogue, s->id, &all, &n_all));
    enum err rc = list_done(w, inputs, true, &done, &n_done);
    if (rc) {
        mem_free(all);
        return rc;
    }
    for (size_t k = 0; k < n_all; k++)
        if (!n_done || !bsearch(&all[k], done, n_done, sizeof *done, by_value)) all[n_left++] = all[k];
    mem_free(done);
    *ids = all;
    *n   = n_left;
    return ERR_OK;
}
