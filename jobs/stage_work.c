/* What a stage has to do, and what it has done. */
#include "stage_work.h"

#include "mem.h"
#include "sql.h"
#include "version.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IDS_A_QUERY = 5000 };

enum err stage_work_begin(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id,
                          size_t index, const char *user, struct stage_work *w)
{
    char key[128];
    *w = (struct stage_work){
        .catalogue = catalogue, .campaign = campaign, .stage = &campaign->stage[index], .user = user};
    TRY(executor_find(w->stage->cfg.executor, &w->executor));
    snprintf(key, sizeof key, "%s %s", version_release, w->stage->config_id);
    if (campaign_id) TRY(ledger_stage(catalogue, campaign_id, w->stage->name, key, &w->stage_id)); /* 0: only a plan */
    int n =
        snprintf(w->folder, sizeof w->folder, "%s/%s_%.8s", campaign->cfg.output, w->stage->name, w->stage->config_id);
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
    if (f->n == f->capacity) {
        size_t wanted = 2 * f->capacity + 256;
        TRY(mem_resize(&f->one, f->capacity, wanted, sizeof *f->one));
        f->capacity = wanted;
    }
    f->one[f->n++] = (struct split_file){row[0].i, row[1].i, row[2].i, true};
    return ERR_OK;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static enum err add_done(void *context, const struct db_value *row, size_t n)
{
    int64_t **at = context;
    (void)n;
    *(*at)++ = row[0].i;
    return ERR_OK;
}

/* What the stage has made counts when it is good and has a place, and whatever has become of its input. */
static enum err made_of(const struct stage_work *w, const char *inputs, struct sql *out)
{
    return sql_add(out, "(%s) intersect isparentof: (gm2.fcl_hash %s and version '%s') with availability any", inputs,
                   w->stage->config_id, version_release);
}

static enum err list_done(const struct stage_work *w, const char *inputs, size_t room, int64_t **ids, size_t *n)
{
    struct sql query = {0};
    TRY(mem_alloc(ids, room + 1, sizeof **ids));
    int64_t *end = *ids;
    enum err rc  = made_of(w, inputs, &query);
    if (!rc) rc = catalogue_list(w->catalogue, query.text, "f.id", (int64_t)room + 1, add_done, &end);
    *n = (size_t)(end - *ids);
    sql_free(&query);
    if (rc) mem_free(*ids);
    return rc;
}

void stage_work_free(struct stage_dataset *d)
{
    mem_free(d->files.one);
    mem_free(d->done);
    mem_free(d->held);
    mem_free(d->taken);
}

enum err stage_work_read(const struct stage_work *w, struct stage_dataset *d)
{
    const char *query = w->stage->dataset;
    *d                = (struct stage_dataset){.n_done = 0};
    enum err rc       = catalogue_list(w->catalogue, query,
                                       "f.id, (select min(r.run) from file_runs r where r.file_id = f.id), f.end_s", 0,
                                       add_file, &d->files);
    if (!rc) rc = list_done(w, query, d->files.n, &d->done, &d->n_done);
    if (!rc) rc = ledger_taken(w->catalogue, w->stage_id, &d->held, &d->n_held, &d->n_parked);
    d->n_taken = d->n_done + d->n_held;
    if (!rc) rc = mem_alloc(&d->taken, d->n_taken + 1, sizeof *d->taken);
    if (rc) {
        stage_work_free(d);
        return rc;
    }
    if (d->n_done) memcpy(d->taken, d->done, d->n_done * sizeof *d->taken);
    if (d->n_held) memcpy(d->taken + d->n_done, d->held, d->n_held * sizeof *d->taken);
    qsort(d->taken, d->n_taken, sizeof *d->taken, by_value);
    return ERR_OK;
}

/* ---- what a stage looks like ----------------------------------------------------------------------------------------- */
static enum err look_at_simulation(const struct stage_work *w, struct step_stage *out)
{
    struct ledger_submission *all;
    int64_t *held;
    size_t n, n_held;
    TRY(ledger_taken(w->catalogue, w->stage_id, &held, &n_held, &out->n_parked));
    mem_free(held);
    TRY(ledger_submissions(w->catalogue, w->stage_id, false, &all, &n));
    out->n_files = 1;
    for (size_t i = 0; i < n; i++) {
        out->n_done |= all[i].state == LEDGER_LOCATED;
        out->n_live += all[i].state == LEDGER_NEW || all[i].state == LEDGER_IDLE || all[i].state == LEDGER_RUNNING;
    }
    out->n_held      = out->n_live;
    out->is_complete = out->n_done == 1;
    mem_free(all);
    return ERR_OK;
}

enum err stage_work_look(const struct stage_work *w, struct step_stage *out)
{
    struct ledger_submission *live;
    struct stage_dataset d;
    if (stage_work_is_simulation(w)) return look_at_simulation(w, out);
    TRY(stage_work_read(w, &d));
    out->n_files  = d.files.n;
    out->n_done   = d.n_done;
    out->n_parked = d.n_parked;
    out->n_held   = d.n_held - d.n_parked;
    stage_work_free(&d);
    TRY(ledger_submissions(w->catalogue, w->stage_id, true, &live, &out->n_live));
    mem_free(live);
    out->is_complete = out->n_live == 0 && out->n_done == out->n_files && out->n_files > 0;
    return ERR_OK;
}

/* Files of a submission without a product. */
enum err stage_work_not_done(const struct stage_work *w, const struct ledger_submission *s, int64_t **ids, size_t *n)
{
    int64_t *all, *done = NULL;
    size_t n_all, n_done, n_left = 0;
    struct sql query = {0};
    enum err rc      = ERR_OK;
    TRY(ledger_files(w->catalogue, s->id, &all, &n_all));
    for (size_t i = 0; i < n_all && !rc; i += IDS_A_QUERY) {
        size_t end = i + IDS_A_QUERY < n_all ? i + IDS_A_QUERY : n_all;
        query.n    = 0;
        rc         = sql_add(&query, "file_id");
        for (size_t k = i; k < end && !rc; k++) rc = sql_add(&query, "%s %" PRId64, k > i ? "," : "", all[k]);
        if (!rc) rc = list_done(w, query.text, end - i, &done, &n_done);
        if (rc) break;
        for (size_t k = i; k < end; k++)
            if (!n_done || !bsearch(&all[k], done, n_done, sizeof *done, by_value)) all[n_left++] = all[k];
        mem_free(done);
    }
    sql_free(&query);
    if (rc) mem_free(all);
    *ids = rc ? NULL : all;
    *n   = n_left;
    return rc;
}
