/* Stale by constants: the intervals that a file records against those of a tag. */
#include "stale_internal.h"

#include "mem.h"

#include <stdio.h>
#include <string.h>

enum { MAX_TABLES = 64 };

/* One row a file, table and recorded interval. */
struct used {
    int64_t file, iov_id;
    int table;
};

struct tables {
    size_t n_used, capacity;
    struct used *used; /* by file, table, id */
    int n;
    char name[MAX_TABLES][COND_NAME];
    struct cond_set set[MAX_TABLES];
};

static enum err add_used(void *context, const struct db_value *row, size_t n)
{
    struct tables *s = context;
    int t            = 0;
    (void)n;
    while (t < s->n && strcmp(s->name[t], row[1].text) != 0) t++;
    if (t == s->n) {
        REQUIRE(t < MAX_TABLES, ERR_DATA, "files record more than %d tables of constants", MAX_TABLES);
        snprintf(s->name[s->n++], COND_NAME, "%s", row[1].text);
    }
    TRY(stale_room(&s->used, s->n_used, &s->capacity, sizeof *s->used));
    s->used[s->n_used++] = (struct used){row[0].i, row[2].i, t};
    return ERR_OK;
}

/* ---- what the tag gives --------------------------------------------------------------------------------------------- */
static enum err read_sets(struct tables *s, const struct stale_set *files, struct cond *cond, const char *tag)
{
    struct cond_time low = {INT64_MAX, 0, 0}, high = {0, 0, 0};
    for (size_t i = 0; i < files->n_subruns; i++) {
        if (files->subrun[i].run < low.run) low.run = files->subrun[i].run;
        if (files->subrun[i].run >= high.run) high.run = files->subrun[i].run + 1;
    }
    for (int t = 0; t < s->n; t++) {
        struct cond_table table;
        int64_t first, last;
        TRY(cond_table(cond, s->name[t], &table));
        TRY(cond_pack(&table, low, &first));
        TRY(cond_pack(&table, high, &last)); /* the beginning of the run after the last */
        TRY(cond_read(cond, s->name[t], tag, first, last, false, &s->set[t]));
    }
    return ERR_OK;
}

static bool is_one_of(const struct used *used, size_t n, int64_t id)
{
    for (size_t i = 0; i < n; i++)
        if (used[i].iov_id == id) return true;
    return false;
}

/* The next interval ends one too. */
static int64_t end_of(const struct cond_set *set, size_t i)
{
    int64_t end = set->interval[i].end;
    return i + 1 < set->n_intervals && set->interval[i + 1].begin < end ? set->interval[i + 1].begin : end;
}

/* The first interval that ends behind a moment. */
static size_t first_behind(const struct cond_set *set, int64_t key)
{
    size_t low = 0, n = set->n_intervals;
    while (n > 0) {
        size_t half  = n / 2;
        bool is_over = end_of(set, low + half) <= key;
        low += is_over ? half + 1 : 0;
        n = is_over ? n - half - 1 : half;
    }
    return low;
}

/* Subrun -1 is the whole run. */
static enum err bounds(const struct cond_table *table, const struct stale_subrun *r, int64_t *first, int64_t *last)
{
    TRY(cond_pack(table, (struct cond_time){r->run, r->subrun < 0 ? 0 : r->subrun, 0}, first));
    if (r->subrun >= 0) return cond_pack_end(table, (struct cond_time){r->run, r->subrun, 0}, last);
    TRY(cond_pack(table, (struct cond_time){r->run + 1, 0, 0}, last));
    --*last;
    return ERR_OK;
}

/* The intervals of a table that are valid somewhere in the subruns [a, b): all recorded, and no others recorded. */
static enum err compare(const struct cond_set *set, const struct used *used, size_t n_used,
                        const struct stale_subrun *a, const struct stale_subrun *b, bool *is_same)
{
    size_t n_now    = 0;
    int64_t last_id = -1;
    *is_same        = true;
    for (const struct stale_subrun *r = a; r < b; r++) {
        int64_t first, last;
        TRY(bounds(&set->table, r, &first, &last));
        for (size_t i = first_behind(set, first); i < set->n_intervals && set->interval[i].begin <= last; i++) {
            int64_t id = set->interval[i].id;
            *is_same   = *is_same && is_one_of(used, n_used, id);
            n_now += id != last_id;
            last_id = id;
        }
    }
    *is_same = *is_same && n_now == n_used;
    return ERR_OK;
}

static enum err judge(const struct tables *s, struct stale_set *files)
{
    size_t first = 0, end = 0;
    for (size_t u = 0, n; u < s->n_used; u += n) {
        const struct used *at = &s->used[u];
        bool is_same;
        for (n = 1; u + n < s->n_used && at[n].file == at->file && at[n].table == at->table;) n++;
        if (u == 0 || at[-1].file != at->file) stale_set_subruns(files, at->file, &first, &end);
        if (first == end) continue; /* of no subrun: nothing to compare with */
        TRY(compare(&s->set[at->table], at, n, &files->subrun[first], files->subrun + end, &is_same));
        if (!is_same) TRY(stale_set_mark(files, at->file, s->name[at->table]));
    }
    return ERR_OK;
}

enum err stale_tag_mark(struct catalogue *c, struct stale_set *files, struct cond *cond, const char *tag)
{
    struct stale_ids ids = {0};
    struct tables *s;
    TRY(cond_tag_check(cond, tag, NULL));
    TRY(mem_alloc(&s, 1, sizeof *s));
    enum err rc = stale_set_ids(files, false, &ids);
    if (!rc)
        rc = stale_rows(c, "select file_id, table_name, iov_id from file_conditions where file_id in", &ids,
                        "order by file_id, table_name, iov_id", add_used, s);
    if (!rc && s->n_used && files->n_subruns) rc = read_sets(s, files, cond, tag);
    if (!rc && s->n_used && files->n_subruns) rc = judge(s, files);
    for (int t = 0; t < s->n; t++) cond_set_free(&s->set[t]);
    mem_free(s->used);
    mem_free(s);
    mem_free(ids.id);
    return rc;
}
