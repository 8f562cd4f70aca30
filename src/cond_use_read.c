/* Conditions in a job: reading them once, on rank 0, and giving them to all ranks. */
#include "cond_use_internal.h"

#include "comm.h"
#include "log.h"
#include "mem.h"
#include "sha1.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 1 << 30 };

/* ---- content ------------------------------------------------------------------------------------------------------- */
static int by_begin(const void *a, const void *b)
{
    const struct cond_interval *p = a, *q = b;
    return p->begin < q->begin ? -1 : p->begin > q->begin;
}

static enum err digest(struct want *w)
{
    const struct cond_set *set = &w->set;
    double *row                = NULL;
    size_t most                = 1;
    for (size_t i = 0; i < set->n_intervals; i++)
        if (set->interval[i].n_rows > most) most = set->interval[i].n_rows;
    TRY(mem_alloc(&w->content, set->n_intervals + 1, sizeof *w->content));
    TRY(mem_alloc(&row, most * set->table.n_columns, sizeof *row));
    for (size_t i = 0; i < set->n_intervals; i++) {
        const struct cond_interval *v = &set->interval[i];
        size_t k                      = 0;
        for (size_t r = 0; r < v->n_rows; r++)
            for (size_t c = 0; c < set->table.n_columns; c++) row[k++] = set->value[c][v->first + r];
        sha1_hex(row, k * sizeof *row, w->content[i]);
    }
    mem_free(row);
    return ERR_OK;
}

static enum err copy_set(const struct cond_set *from, struct cond_set *to)
{
    *to       = (struct cond_set){.n_rows = 0};
    to->table = from->table;
    TRY(cond_set_alloc(to, from->n_intervals, from->n_rows));
    memcpy(to->interval, from->interval, from->n_intervals * sizeof *from->interval);
    for (size_t c = 0; c < from->table.n_columns; c++)
        memcpy(to->value[c], from->value[c], from->n_rows * sizeof *from->value[c]);
    return ERR_OK;
}

enum err cond_use_add(struct cond_use *use, const struct cond_set *set, int *handle)
{
    TRY(cond_use_add_want(use, set->table.name, handle));
    struct want *w = &use->want[*handle];
    TRY(copy_set(set, &w->set));
    qsort(w->set.interval, w->set.n_intervals, sizeof *w->set.interval, by_begin);
    w->is_loaded = true;
    return digest(w);
}

/* ---- reading, on rank 0 ---------------------------------------------------------------------------------------------- */
enum err cond_use_range(const struct cond_table *t, const struct unit *u, int64_t *first, int64_t *last)
{
    struct cond_time at = {u->run, u->subrun, 0};
    TRY(cond_pack(t, at, first));
    return cond_pack_end(t, at, last);
}

static enum err job_range(const struct cond_use *use, const struct cond_table *t, const struct unit *units, size_t n,
                          int64_t *first, int64_t *last)
{
    *first = INT64_MAX;
    *last  = -1;
    if (use->first_run >= 0) {
        TRY(cond_pack(t, (struct cond_time){use->first_run, 0, 0}, first));
        TRY(cond_pack(t, (struct cond_time){use->last_run, 0, 0}, last));
        for (int d = t->subrun_digits + t->event_digits, size = 1; d-- > 0; size *= 10) *last += 9 * (int64_t)size;
    }
    for (size_t i = 0; i < n; i++) {
        int64_t a, b;
        TRY(cond_use_range(t, &units[i], &a, &b));
        if (a < *first) *first = a;
        if (b > *last) *last = b;
    }
    return ERR_OK;
}

/* Refuses units without constants, where some module cannot do without. */
static enum err check_units(const struct cond_use *use, const struct want *w, const struct unit *units, size_t n)
{
    size_t n_bad             = 0;
    const struct unit *first = NULL;
    for (size_t i = 0; i < n && w->is_required; i++) {
        int64_t a, b, hole;
        TRY(cond_use_range(&w->set.table, &units[i], &a, &b));
        if (!cond_has_hole(&w->set, a, b, &hole)) continue;
        if (n_bad++ == 0) first = &units[i];
    }
    REQUIRE(n_bad == 0, ERR_NOTFOUND,
            "table %s has no constants for run %u subrun %u under tag %s (%zu of %zu subruns lack them), which module "
            "\"%s\" needs: load them, use another tag, or say how to go on without (its parameter missing)",
            w->table, first->run, first->subrun, use->tag, n_bad, n, w->who);
    for (size_t i = 0; i < w->set.n_intervals && w->is_required; i++)
        REQUIRE(w->set.interval[i].n_rows == cond_full_rows(&w->set.table), ERR_NOTFOUND,
                "table %s: interval %" PRId64
                " has %zu rows of %zu, and module \"%s\" needs all channels (its parameter "
                "missing)",
                w->table, w->set.interval[i].id, w->set.interval[i].n_rows, cond_full_rows(&w->set.table), w->who);
    return ERR_OK;
}

size_t cond_use_first_after(const struct cond_set *set, int64_t key)
{
    size_t low = 0, high = set->n_intervals;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (set->interval[middle].end <= key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Leaves only the intervals that units touch: between far runs there may be many others. */
static enum err drop_untouched(struct cond_set *set, const struct unit *units, size_t n)
{
    bool *is_used;
    size_t kept = 0, rows = 0;
    TRY(mem_alloc(&is_used, set->n_intervals + 1, sizeof *is_used));
    for (size_t i = 0; i < n; i++) {
        int64_t a, b;
        if (cond_use_range(&set->table, &units[i], &a, &b)) continue; /* job_range() has told it */
        for (size_t k = cond_use_first_after(set, a); k < set->n_intervals && set->interval[k].begin <= b; k++)
            is_used[k] = true;
    }
    for (size_t i = 0; i < set->n_intervals; i++) {
        struct cond_interval v = set->interval[i];
        if (!is_used[i]) continue;
        for (size_t c = 0; c < set->table.n_columns; c++)
            memmove(set->value[c] + rows, set->value[c] + v.first, v.n_rows * sizeof *set->value[c]);
        v.first = rows;
        rows += v.n_rows;
        set->interval[kept++] = v;
    }
    set->n_intervals = kept;
    set->n_rows      = rows;
    mem_free(is_used);
    return ERR_OK;
}

static enum err read_want(const struct cond_use *use, struct cond *cond, struct want *w, const struct unit *units,
                          size_t n, enum log_level level)
{
    struct cond_table table;
    int64_t first, last;
    TRY(cond_table(cond, w->table, &table));
    TRY(job_range(use, &table, units, n, &first, &last));
    TRY(cond_read(cond, w->table, use->tag, first, last, true, &w->set));
    if (use->first_run < 0) TRY(drop_untouched(&w->set, units, n));
    double bytes = (double)w->set.n_rows * (double)w->set.table.n_columns * sizeof(double);
    REQUIRE(bytes < MAX_BYTES, ERR_CONFIG,
            "table %s: the constants of this job are %.1f GB, at most 1 GB is held: "
            "split the job",
            w->table, 1e-9 * bytes);
    TRY(check_units(use, w, units, n));
    log_line(level, "constants: %s, tag %s: %zu intervals, %zu rows", w->table, use->tag, w->set.n_intervals,
             w->set.n_rows);
    return ERR_OK;
}

static enum err read_wants(struct cond_use *use, const struct unit *units, size_t n, enum log_level level)
{
    struct cond *cond;
    TRY(cond_open(use->database, DB_READ, &cond));
    enum err rc = ERR_OK;
    for (int i = 0; i < use->n_wants && !rc; i++)
        if (!use->want[i].is_loaded) rc = read_want(use, cond, &use->want[i], units, n, level);
    cond_close(cond);
    return rc;
}

/* ---- giving it to all ------------------------------------------------------------------------------------------------ */
static enum err broadcast_want(struct want *w)
{
    struct cond_set *set = &w->set, head = *set;
    TRY(comm_broadcast(&head, sizeof head));
    enum err rc = ERR_OK;
    if (comm_rank() != 0) {
        *set = (struct cond_set){.table = head.table};
        rc   = cond_set_alloc(set, head.n_intervals, head.n_rows);
    }
    TRY(comm_agree(rc));
    TRY(comm_broadcast(set->interval, set->n_intervals * sizeof *set->interval));
    for (size_t c = 0; c < set->table.n_columns; c++)
        TRY(comm_broadcast(set->value[c], set->n_rows * sizeof *set->value[c]));
    w->is_loaded = true;
    return comm_agree(digest(w));
}

enum err cond_use_load(struct cond_use *use, const struct unit *units, size_t n_units)
{
    bool is_any = false;
    for (int i = 0; use && i < use->n_wants; i++) is_any |= !use->want[i].is_loaded;
    if (!is_any) return ERR_OK;
    enum err rc = comm_rank() == 0 ? read_wants(use, units, n_units, LOG_INFO) : ERR_OK;
    if (rc) err_context(rc, "services.conditions");
    TRY(comm_agree(rc));
    for (int i = 0; i < use->n_wants; i++)
        if (!use->want[i].is_loaded) TRY(broadcast_want(&use->want[i]));
    return ERR_OK;
}

enum err cond_use_reload(struct cond_use *use, const struct unit *unit)
{
    enum err rc = ERR_OK;
    if (!use || use->n_wants == 0) return ERR_OK;
    for (int i = 0; i < use->n_wants; i++) {
        struct want *w = &use->want[i];
        cond_set_free(&w->set);
        mem_free(w->content);
        w->set       = (struct cond_set){.n_rows = 0};
        w->content   = NULL;
        w->is_loaded = false;
    }
    rc = read_wants(use, unit, 1, LOG_DETAIL);
    for (int i = 0; i < use->n_wants && !rc; i++) {
        rc                     = digest(&use->want[i]);
        use->want[i].is_loaded = !rc;
    }
    return rc ? err_context(rc, "services.conditions") : ERR_OK;
}
