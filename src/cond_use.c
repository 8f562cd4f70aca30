/* Conditions in a job: what is wanted, reading it once, giving it to all ranks, looking things up. */
#include "cond_use.h"

#include "comm.h"
#include "cond_internal.h"
#include "file.h"
#include "log.h"
#include "mem.h"
#include "sha1.h"
#include "tables.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WANTS = 32, MAX_BYTES = 1 << 30 };

struct want {
    char table[COND_NAME], who[64]; /* who: the first module that cannot do without */
    bool is_required, is_loaded;
    struct cond_set set;
    char (*content)[41]; /* SHA-1 of each interval's keys and values */
};

struct cond_use {
    char *database, tag[64];
    int64_t first_run, last_run;
    int n_wants;
    struct want want[MAX_WANTS];
};

static enum err check_cfg(const struct conditions_cfg *cfg)
{
    if (*cfg->database) TRY(db_check_url(cfg->database));
    TRY(cond_check_tag(cfg->tag));
    REQUIRE((cfg->first_run < 0) == (cfg->last_run < 0) && cfg->last_run >= cfg->first_run, ERR_CONFIG,
            "first_run and last_run are a range, or both -1");
    return ERR_OK;
}

enum err cond_use_create(const struct fhicl *document, struct cond_use **out)
{
    static const char where[] = "services.conditions";
    struct conditions_cfg cfg;
    struct cond_use *use = NULL;
    enum err rc;
    TRY(cfg_read(conditions_cfg_fields, fhicl_get(document, where), where, NULL, &cfg));
    TRY_TO(done, check_cfg(&cfg));
    TRY_TO(done, mem_alloc(&use, 1, sizeof *use));
    use->database = mem_string(cfg.database);
    snprintf(use->tag, sizeof use->tag, "%s", cfg.tag);
    use->first_run = cfg.first_run;
    use->last_run  = cfg.last_run;
    if (!use->database) FAIL_TO(done, ERR_MEMORY, "out of memory");
done:
    cfg_free(conditions_cfg_fields, &cfg);
    if (rc) cond_use_free(use);
    *out = rc ? NULL : use;
    return rc ? err_context(rc, "%s", where) : ERR_OK;
}

enum err cond_use_check(const struct fhicl *document)
{
    struct cond_use *use;
    TRY(cond_use_create(document, &use));
    cond_use_free(use);
    return ERR_OK;
}

void cond_use_free(struct cond_use *use)
{
    if (!use) return;
    for (int i = 0; i < use->n_wants; i++) {
        cond_set_free(&use->want[i].set);
        mem_free(use->want[i].content);
    }
    mem_free(use->database);
    mem_free(use);
}

static int find_want(const struct cond_use *use, const char *table)
{
    for (int i = 0; i < use->n_wants; i++)
        if (strcmp(use->want[i].table, table) == 0) return i;
    return -1;
}

static enum err add_want(struct cond_use *use, const char *table, int *handle)
{
    *handle = find_want(use, table);
    if (*handle >= 0) return ERR_OK;
    REQUIRE(use->n_wants < MAX_WANTS, ERR_CONFIG, "more than %d tables of constants in one job", MAX_WANTS);
    *handle                        = use->n_wants++;
    use->want[*handle].is_required = false;
    snprintf(use->want[*handle].table, COND_NAME, "%s", table);
    return ERR_OK;
}

enum err cond_use_want(struct cond_use *use, const char *table, bool is_required, const char *who, int *handle)
{
    int known = use ? find_want(use, table) : -1;
    REQUIRE(known >= 0 || (use && *use->database), ERR_CONFIG,
            "module \"%s\" needs constants (table %s), but services.conditions.database is empty: give it a file, a "
            "snapshot or postgresql://host/name, and services.conditions.tag if not \"head\"",
            who, table);
    TRY(add_want(use, table, handle));
    struct want *w = &use->want[*handle];
    if (is_required && !w->is_required) snprintf(w->who, sizeof w->who, "%s", who);
    w->is_required |= is_required;
    return ERR_OK;
}

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
    TRY(add_want(use, set->table.name, handle));
    struct want *w = &use->want[*handle];
    TRY(copy_set(set, &w->set));
    qsort(w->set.interval, w->set.n_intervals, sizeof *w->set.interval, by_begin);
    w->is_loaded = true;
    return digest(w);
}

/* ---- reading, on rank 0 ---------------------------------------------------------------------------------------------- */
/* What one table needs of a unit: [first, last], packed. */
static enum err unit_range(const struct cond_table *t, const struct unit *u, int64_t *first, int64_t *last)
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
        TRY(unit_range(t, &units[i], &a, &b));
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
        TRY(unit_range(&w->set.table, &units[i], &a, &b));
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

/* The first interval that ends after a time. */
static size_t first_after(const struct cond_set *set, int64_t key)
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
        if (unit_range(&set->table, &units[i], &a, &b)) continue; /* job_range() has told it */
        for (size_t k = first_after(set, a); k < set->n_intervals && set->interval[k].begin <= b; k++)
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

/* ---- looking up ------------------------------------------------------------------------------------------------------ */
const struct cond_set *cond_use_set(const struct cond_use *use, int handle) { return &use->want[handle].set; }

const char *cond_use_tag(const struct cond_use *use) { return use && use->n_wants ? use->tag : ""; }

enum err cond_use_at(const struct cond_use *use, int handle, uint32_t run, uint32_t subrun, uint32_t event,
                     const struct cond_interval **out)
{
    const struct want *w = &use->want[handle];
    struct cond_time at  = {run, subrun, w->set.table.event_digits ? event : 0};
    int64_t key;
    *out = NULL;
    REQUIRE(w->is_loaded, ERR_LOGIC, "constants of table %s are asked for before they are read", w->table);
    TRY(cond_pack(&w->set.table, at, &key));
    if (cond_find(&w->set, key, out)) err_clear();
    return ERR_OK;
}

enum err cond_use_channels(const struct cond_use *use, int handle, const struct cond_interval *interval,
                           const char *column, double value[COND_CHANNELS])
{
    const struct cond_set *set = &use->want[handle].set;
    const struct cond_table *t = &set->table;
    size_t c                   = t->n_keys;
    while (c < t->n_columns && strcmp(t->column[c].name, column) != 0) c++;
    REQUIRE(c < t->n_columns, ERR_NOTFOUND, "table %s of the conditions has no column %s", t->name, column);
    REQUIRE(t->n_keys == 2 && strcmp(t->column[0].name, "calonum") == 0 && strcmp(t->column[1].name, "xtalnum") == 0,
            ERR_NOTFOUND, "table %s of the conditions is not by calonum and xtalnum", t->name);
    for (int k = 0; k < COND_CHANNELS; k++) value[k] = (double)NAN;
    for (size_t r = 0; interval && r < interval->n_rows; r++) {
        size_t row  = interval->first + r;
        int channel = ((int)set->value[0][row] - 1) * N_CRYSTALS + (int)set->value[1][row];
        if (channel >= 0 && channel < COND_CHANNELS) value[channel] = set->value[c][row];
    }
    return ERR_OK;
}

/* ---- what a unit has read -------------------------------------------------------------------------------------------- */
static enum err record_want(const struct want *w, uint32_t run, uint32_t subrun, struct block *block)
{
    struct unit unit = {.run = run, .subrun = subrun};
    int64_t first, last;
    TRY(unit_range(&w->set.table, &unit, &first, &last));
    for (size_t i = first_after(&w->set, first); i < w->set.n_intervals && w->set.interval[i].begin <= last; i++) {
        const struct cond_interval *v = &w->set.interval[i];
        size_t n                      = block->n;
        TRY(block_resize(block, n + 1));
        struct conditions_view out = conditions_view(block);
        memset(out.table_name + n * COND_NAME, 0, COND_NAME);
        memcpy(out.table_name + n * COND_NAME, w->table, strlen(w->table));
        memcpy(out.content_sha1 + n * 40, w->content[i], 40);
        out.iov_id[n]     = v->id;
        out.begin_time[n] = v->begin;
    }
    return ERR_OK;
}

enum err cond_use_record(const struct cond_use *use, uint32_t run, uint32_t subrun, struct block *block)
{
    for (int i = 0; use && i < use->n_wants; i++) TRY(record_want(&use->want[i], run, subrun, block));
    return ERR_OK;
}

static bool is_same_content(const struct block *a, const struct block *b)
{
    struct conditions_view x = conditions_view(a), y = conditions_view(b);
    return x.n == y.n && (x.n == 0 || (memcmp(x.table_name, y.table_name, x.n * COND_NAME) == 0 &&
                                       memcmp(x.content_sha1, y.content_sha1, x.n * 40) == 0));
}

enum err cond_use_check_file(const struct cond_use *use, const struct unit *units, size_t n_units, const char *path)
{
    struct block *ours = NULL, *theirs = NULL;
    enum err rc;
    if (!use || use->n_wants == 0) return ERR_OK;
    TRY_TO(done, block_create(&table_conditions, &ours));
    TRY_TO(done, block_create(&table_conditions, &theirs));
    for (size_t i = 0; i < n_units; i++) TRY_TO(done, cond_use_record(use, units[i].run, units[i].subrun, ours));
    TRY_TO(done, file_read_table(path, table_conditions.name, theirs));
    if (!is_same_content(ours, theirs))
        FAIL_TO(done, ERR_MISMATCH,
                "%s was made with other constants than tag %s has now: use another -o, another tag, or remove it", path,
                use->tag);
done:
    block_free(ours);
    block_free(theirs);
    return rc;
}
