/* What comes next. */
#include "stage_next.h"

#include "ledger_left.h"
#include "log.h"
#include "mem.h"
#include "sql.h"
#include "stage_gate.h"
#include "stage_places.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SLOT_MB = 2000, MARGIN_PERCENT = 25 };

enum stage_role stage_role(const char *name, size_t *position)
{
    const char *slice = strchr(name, '_');
    *position         = 0;
    if (!slice++) return STAGE_SLICE;
    if (strcmp(slice, "canary") == 0) return STAGE_CANARY;
    if (strncmp(slice, "test", 4) == 0) return STAGE_TEST;
    if (strncmp(slice, "recover", 7) != 0) return STAGE_SLICE;
    const char *number = strchr(slice, '_');
    if (number) *position = (size_t)strtoul(number + 1, NULL, 10);
    return STAGE_RECOVERY;
}

const struct campaign_stage_cfg *stage_role_cfg(const struct stage_work *w, const char *name)
{
    size_t position;
    bool is_recovery = stage_role(name, &position) == STAGE_RECOVERY && position < w->stage->n_recoveries;
    return is_recovery ? &w->stage->recovery[position].cfg : &w->stage->cfg;
}

enum err stage_role_executor(const struct stage_work *w, const char *name, const struct executor **out)
{
    return executor_find(stage_role_cfg(w, name)->executor, out);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static bool is_in(int64_t id, const int64_t *ids, size_t n) { return n && bsearch(&id, ids, n, sizeof id, by_value); }

/* ---- the canary ---------------------------------------------------------------------------------------------------- */
static enum err add_rss(void *context, const struct db_value *row, size_t n)
{
    int64_t *most = context;
    (void)n;
    if (row[0].type == DB_INT && row[0].i > *most) *most = row[0].i;
    return ERR_OK;
}

/* Of the products, and as the executor saw it. */
static enum err measure(const struct stage_work *w, const struct ledger_submission *s, int64_t *memory_mb)
{
    int64_t most_kb  = s->seen.max_rss_kb > 0 ? s->seen.max_rss_kb : 0;
    struct sql query = {0};
    enum err rc =
        sql_add(&query, "ischildof: (submission_id %" PRId64 " with availability any) and (%s)", s->id, w->stage->made);
    if (!rc) rc = catalogue_list(w->catalogue, query.text, "f.peak_rss_kb", 0, add_rss, &most_kb);
    sql_free(&query);
    TRY(rc);
    *memory_mb = (most_kb + 1023) / 1024;
    return ERR_OK;
}

/* The newest canary; id 0 if there is none. One that was stopped (75) is none: another goes. */
static enum err find_canary(const struct stage_work *w, struct ledger_submission *out)
{
    struct ledger_submission *all;
    size_t n, position;
    *out = (struct ledger_submission){.id = 0};
    if (!w->stage_id) return ERR_OK;
    TRY(ledger_submissions(w->catalogue, w->stage_id, false, &all, &n));
    for (size_t i = 0; i < n; i++)
        if (stage_role(all[i].name, &position) == STAGE_CANARY) *out = all[i];
    mem_free(all);
    if (out->state == LEDGER_CANCELLED || out->state == LEDGER_REMOVED) out->id = 0;
    return ERR_OK;
}

enum err stage_canary(const struct stage_work *w, bool *is_over, bool *is_due, int64_t *memory_mb, char why[200])
{
    struct ledger_submission s;
    *is_over   = !w->stage->cfg.canary;
    *is_due    = false;
    *memory_mb = 0;
    why[0]     = 0;
    if (*is_over) return ERR_OK;
    TRY(find_canary(w, &s));
    *is_due = s.id == 0;
    if (*is_due) return ERR_OK;
    if (s.state == LEDGER_FAILED || s.state == LEDGER_LAUNCH_FAILED) {
        snprintf(why, 200, "canary %.60s failed: %.80s; mend, then gm2 campaign retry", s.name, s.reason);
        return ERR_OK;
    }
    if (s.state != LEDGER_LOCATED) {
        snprintf(why, 200, "canary %.60s runs first", s.name);
        return ERR_OK;
    }
    int64_t limit = w->stage->cfg.memory_mb ? w->stage->cfg.memory_mb : SLOT_MB;
    TRY(measure(w, &s, memory_mb));
    *is_over = *memory_mb <= limit;
    if (!*is_over)
        snprintf(why, 200,
                 "canary %.60s took %" PRId64 " MB, the limit is %" PRId64 " MB: raise memory_mb or take less", s.name,
                 *memory_mb, limit);
    return ERR_OK;
}

enum err stage_memory(const struct stage_work *w, const struct campaign_stage_cfg *cfg, int64_t *out_mb)
{
    bool is_over, is_due;
    int64_t measured_mb;
    char why[200];
    *out_mb = cfg->memory_mb;
    if (cfg != &w->stage->cfg && cfg->memory_mb != w->stage->cfg.memory_mb) return ERR_OK; /* a recovery's own */
    TRY(stage_canary(w, &is_over, &is_due, &measured_mb, why));
    if (!is_over || measured_mb == 0) return ERR_OK;
    int64_t wanted_mb = (measured_mb * (100 + MARGIN_PERCENT) + 99) / 100;
    *out_mb           = wanted_mb < SLOT_MB ? wanted_mb : measured_mb < SLOT_MB ? SLOT_MB : measured_mb;
    return ERR_OK;
}

/* ---- recoveries ---------------------------------------------------------------------------------------------------- */
struct recovering {
    const struct stage_work *w;
    const struct stage_dataset *d;
    const struct ledger_left_file *left; /* of one submission */
    size_t n_left;
};

static bool is_free(const struct stage_dataset *d, int64_t id) { return !is_in(id, d->taken, d->n_taken); }

/* Files that some product was declared of, be it retired or without a place. */
static enum err list_consumed(const struct stage_work *w, int64_t submission_id, int64_t **ids, size_t *n)
{
    struct stage_files files = {0};
    struct sql query         = {0};
    *ids                     = NULL;
    enum err rc              = sql_add(
                     &query, "submission_id %" PRId64 " intersect isparentof: (%s with availability any) with availability any",
                     submission_id, w->stage->made);
    if (!rc) rc = stage_work_list(w, query.text, &files);
    sql_free(&query);
    TRY(rc);
    rc = mem_alloc(ids, files.n + 1, sizeof **ids);
    for (size_t i = 0; i < files.n && !rc; i++) (*ids)[i] = files.one[i].id;
    *n = files.n;
    mem_free(files.one);
    return rc;
}

static enum err take_left(const struct recovering *r, bool without_consumed, struct split_slice *out)
{
    int64_t *consumed = NULL;
    size_t n_consumed = 0;
    if (without_consumed) TRY(list_consumed(r->w, r->left[0].last_id, &consumed, &n_consumed));
    for (size_t i = 0; i < r->n_left; i++)
        if (!is_in(r->left[i].file_id, consumed, n_consumed)) out->id[out->n++] = r->left[i].file_id;
    mem_free(consumed);
    return ERR_OK;
}

static enum err take_added(const struct recovering *r, struct split_slice *out)
{
    int64_t *tried;
    size_t n;
    TRY(ledger_tried(r->w->catalogue, r->w->stage_id, &tried, &n));
    for (size_t i = 0; i < r->d->files.n; i++) {
        int64_t id = r->d->files.one[i].id;
        if (!is_in(id, tried, n) && is_free(r->d, id)) out->id[out->n++] = id;
    }
    mem_free(tried);
    return ERR_OK;
}

/* The files that a kind selects; in `left` none has a product. */
static enum err take_kind(const struct recovering *r, enum campaign_recovery_kind kind, struct split_slice *out)
{
    struct ledger_submission s;
    bool has_run;
    out->n = 0;
    TRY(ledger_submission(r->w->catalogue, r->left[0].last_id, &s));
    TRY(ledger_has_run(r->w->catalogue, s.id, &has_run));
    switch (kind) {
    case RECOVERY_PENDING_FILES:
    case N_RECOVERY_KINDS: return take_left(r, false, out);
    case RECOVERY_CONSUMED_STATUS: return take_left(r, true, out);
    case RECOVERY_PROCESS_STATUS: return s.seen.exit_code == 0 ? ERR_OK : take_left(r, false, out);
    case RECOVERY_DELIVERED_NOT_CONSUMED: return has_run ? take_left(r, true, out) : ERR_OK;
    case RECOVERY_ADDED_FILES: break;
    }
    return take_added(r, out);
}

/* Of one submission: the first kind that selects something; when none does, its files wait for a human. */
static enum err recover(const struct recovering *r, struct split_slice *out)
{
    const struct campaign_stage *stage = r->w->stage;
    size_t k                           = (size_t)(r->left[0].attempts - 1);
    if (k >= stage->n_recoveries) k = stage->n_recoveries - 1;
    for (; k < stage->n_recoveries && out->n == 0; k++) {
        TRY(take_kind(r, stage->recovery[k].kind, out));
        snprintf(out->name, sizeof out->name, "recover%" PRId64 "_%zu", r->left[0].last_id, k);
    }
    if (out->n) return ERR_OK;
    if (r->w->is_held) return ERR_OK; /* only looked at */
    for (size_t i = 0; i < r->n_left; i++) out->id[i] = r->left[i].file_id;
    log_warn("%s: no recovery selects the %zu files that submission %" PRId64 " left; they are parked", stage->name,
             r->n_left, r->left[0].last_id);
    return ledger_park(r->w->catalogue, r->w->stage_id, out->id, r->n_left);
}

/* Files with attempts come in recoveries, not in slices: when none is due, they are noted as taken. */
static enum err next_recovery(const struct stage_work *w, struct stage_dataset *d, struct split_slice *out)
{
    struct ledger_left_file *left;
    size_t n, n_free = 0;
    int64_t *ids = NULL;
    if (!w->stage->n_recoveries || !w->stage_id) return ERR_OK;
    TRY(ledger_left(w->catalogue, w->stage_id, &left, &n));
    for (size_t i = 0; i < n; i++)
        if (is_free(d, left[i].file_id)) left[n_free++] = left[i];
    enum err rc = mem_alloc(&out->id, d->files.n + n_free + 1, sizeof *out->id);
    for (size_t i = 0, end; i < n_free && !rc && out->n == 0; i = end) {
        end = i;
        while (end < n_free && left[end].last_id == left[i].last_id && left[end].attempts == left[i].attempts) end++;
        rc = recover(&(struct recovering){w, d, left + i, end - i}, out);
    }
    if (!rc && out->n == 0) rc = mem_alloc(&ids, n_free + 1, sizeof *ids);
    for (size_t i = 0; ids && i < n_free; i++) ids[i] = left[i].file_id;
    if (ids) {
        qsort(ids, n_free, sizeof *ids, by_value);
        rc = stage_work_take(d, ids, n_free);
    }
    mem_free(ids);
    mem_free(left);
    return rc;
}

/* ---- all ----------------------------------------------------------------------------------------------------------- */
static enum err next_slice(const struct stage_work *w, const struct stage_dataset *d, const struct split_past *past,
                           int64_t now_s, struct split_slice *slice, char why[200])
{
    char when[32];
    struct split_past now = *past; /* what is left to recoveries is taken */
    now.taken             = d->taken;
    now.n_taken           = d->n_taken;
    TRY(split_next(&w->stage->split, "", d->files.one, d->files.n, &now, now_s, slice));
    if (!slice->not_before_s) return ERR_OK;
    stage_gate_tell(slice->not_before_s, when);
    snprintf(why, 200, "not before %s: files that end until then come together (%.60s)", when, w->stage->cfg.split);
    return ERR_OK;
}

enum err stage_window(const struct stage_work *w, char why[200])
{
    struct stage_dataset d;
    struct split_slice slice     = {0};
    const struct split_past past = {0};
    if (w->stage->split.type != SPLIT_NEW || !w->stage->dataset) return ERR_OK;
    TRY(stage_work_read(w, &d));
    enum err rc = next_slice(w, &d, &past, (int64_t)time(NULL), &slice, why);
    split_free(&slice);
    stage_work_free(&d);
    return rc;
}

static enum err next_of_all(const struct stage_work *w, struct stage_dataset *d, const struct split_past *past,
                            int64_t now_s, struct split_slice *slice, char why[200])
{
    bool is_over, is_due;
    int64_t memory_mb;
    *slice = (struct split_slice){.n = 0};
    TRY(stage_canary(w, &is_over, &is_due, &memory_mb, why));
    if (!is_over && !is_due) {
        slice->is_over = true;
        return ERR_OK;
    }
    if (is_due) {
        const struct split first = {.type = SPLIT_NFILES, .n = w->stage->cfg.canary};
        TRY(split_next(&first, "", d->files.one, d->files.n, past, now_s, slice));
        snprintf(slice->name, sizeof slice->name, "canary");
        return ERR_OK;
    }
    enum err rc = next_recovery(w, d, slice);
    if (rc || slice->n) return rc;
    split_free(slice);
    if (w->stage->split.type == SPLIT_STAGEDFILES) TRY(stage_places_mark(w, d, w->stage->split.n));
    return next_slice(w, d, past, now_s, slice, why);
}

/* Slices of which nothing can be read now are passed over. */
enum err stage_next(const struct stage_work *w, struct stage_dataset *d, const struct split_past *past, int64_t now_s,
                    struct split_slice *slice, char why[200])
{
    *slice = (struct split_slice){.n = 0};
    TRY(stage_places_begin(w, d));
    for (;;) {
        struct split_past now = *past;
        now.taken             = d->taken;
        now.n_taken           = d->n_taken;
        TRY(next_of_all(w, d, &now, now_s, slice, why));
        if (slice->is_over || !slice->n) return ERR_OK;
        TRY(stage_places_filter(w, d, slice));
        if (slice->n) return ERR_OK;
        split_free(slice);
        TRY(stage_places_mark(w, d, 1)); /* past many that are away in few steps */
    }
}
