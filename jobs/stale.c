/* Stale files: the intervals that a file records against those of a tag. */
#include "stale.h"

#include "mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TABLES = 64 };

/* One row a file, table and recorded interval. */
struct used {
    int64_t file, iov_id;
    int table;
};
struct subrun {
    int64_t file, run, subrun;
};

struct stale {
    size_t n_used, used_capacity, n_subruns, subrun_capacity, n_names, name_capacity;
    struct used *used;     /* by file, table, id */
    struct subrun *subrun; /* by file, run, subrun */
    struct name {
        int64_t file;
        char *text;
    } * name; /* by file */
    int n_tables;
    char table[MAX_TABLES][COND_NAME];
    struct cond_set set[MAX_TABLES];
};

/* ---- what the catalogue says ------------------------------------------------------------------------------------------ */
static enum err add_used(void *context, const struct db_value *row, size_t n)
{
    struct stale *s = context;
    int t           = 0;
    (void)n;
    while (t < s->n_tables && strcmp(s->table[t], row[1].text) != 0) t++;
    if (t == s->n_tables) {
        REQUIRE(t < MAX_TABLES, ERR_DATA, "files record more than %d tables of constants", MAX_TABLES);
        snprintf(s->table[s->n_tables++], COND_NAME, "%s", row[1].text);
    }
    if (s->n_used == s->used_capacity) {
        size_t wanted = 2 * s->used_capacity + 1024;
        TRY(mem_resize(&s->used, s->used_capacity, wanted, sizeof *s->used));
        s->used_capacity = wanted;
    }
    s->used[s->n_used++] = (struct used){row[0].i, row[2].i, t};
    return ERR_OK;
}

static enum err add_subrun(void *context, const struct db_value *row, size_t n)
{
    struct stale *s = context;
    (void)n;
    if (s->n_subruns == s->subrun_capacity) {
        size_t wanted = 2 * s->subrun_capacity + 1024;
        TRY(mem_resize(&s->subrun, s->subrun_capacity, wanted, sizeof *s->subrun));
        s->subrun_capacity = wanted;
    }
    s->subrun[s->n_subruns++] = (struct subrun){row[0].i, row[1].i, row[2].i};
    return ERR_OK;
}

static enum err add_name(void *context, const struct db_value *row, size_t n)
{
    struct stale *s = context;
    (void)n;
    if (s->n_names == s->name_capacity) {
        size_t wanted = 2 * s->name_capacity + 1024;
        TRY(mem_resize(&s->name, s->name_capacity, wanted, sizeof *s->name));
        s->name_capacity = wanted;
    }
    char *text = mem_string(row[1].text);
    REQUIRE(text, ERR_MEMORY, "out of memory");
    s->name[s->n_names++] = (struct name){row[0].i, text};
    return ERR_OK;
}

static void stale_free(struct stale *s)
{
    for (int t = 0; t < s->n_tables; t++) cond_set_free(&s->set[t]);
    for (size_t i = 0; i < s->n_names; i++) mem_free(s->name[i].text);
    mem_free(s->used);
    mem_free(s->subrun);
    mem_free(s->name);
    mem_free(s);
}

/* ---- what the tag gives -------------------------------------------------------------------------------------------------- */
static enum err read_sets(struct stale *s, struct cond *cond, const char *tag)
{
    struct cond_time low = {INT64_MAX, 0, 0}, high = {0, 0, 0};
    for (size_t i = 0; i < s->n_subruns; i++) {
        if (s->subrun[i].run < low.run) low.run = s->subrun[i].run;
        if (s->subrun[i].run >= high.run) high.run = s->subrun[i].run + 1;
    }
    for (int t = 0; t < s->n_tables; t++) {
        struct cond_table table;
        int64_t first, last;
        TRY(cond_table(cond, s->table[t], &table));
        TRY(cond_pack(&table, low, &first));
        TRY(cond_pack(&table, high, &last)); /* the beginning of the run after the last */
        TRY(cond_read(cond, s->table[t], tag, first, last, false, &s->set[t]));
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

/* The intervals of a table that are valid somewhere in the subruns [a, b): all recorded, and no others recorded. */
static enum err compare(const struct cond_set *set, const struct used *used, size_t n_used, const struct subrun *a,
                        const struct subrun *b, bool *is_same)
{
    size_t n_now = 0, k = 0;
    int64_t last_id = -1;
    *is_same        = true;
    for (const struct subrun *r = a; r < b; r++) {
        int64_t first, last;
        TRY(cond_pack(&set->table, (struct cond_time){r->run, r->subrun, 0}, &first));
        TRY(cond_pack_end(&set->table, (struct cond_time){r->run, r->subrun, 0}, &last));
        while (k > 0 && end_of(set, k - 1) > first) k--;
        while (k < set->n_intervals && end_of(set, k) <= first) k++;
        for (size_t i = k; i < set->n_intervals && set->interval[i].begin <= last; i++) {
            int64_t id = set->interval[i].id;
            *is_same   = *is_same && is_one_of(used, n_used, id);
            n_now += id != last_id;
            last_id = id;
        }
    }
    *is_same = *is_same && n_now == n_used;
    return ERR_OK;
}

static enum err judge(const struct stale *s, enum err (*each)(void *context, const char *file_name, const char *why),
                      void *context)
{
    size_t u = 0, r = 0;
    for (size_t i = 0; i < s->n_names; i++) {
        char why[400] = "";
        int64_t file  = s->name[i].file;
        while (r < s->n_subruns && s->subrun[r].file < file) r++;
        size_t end = r;
        while (end < s->n_subruns && s->subrun[end].file == file) end++;
        while (u < s->n_used && s->used[u].file < file) u++;
        while (u < s->n_used && s->used[u].file == file) {
            size_t n = 1;
            bool is_same;
            int table = s->used[u].table;
            while (u + n < s->n_used && s->used[u + n].file == file && s->used[u + n].table == table) n++;
            TRY(compare(&s->set[table], &s->used[u], n, &s->subrun[r], &s->subrun[end], &is_same));
            size_t used = strlen(why);
            if (!is_same) snprintf(why + used, sizeof why - used, "%s%s", used ? ", " : "", s->table[table]);
            u += n;
        }
        if (*why) TRY(each(context, s->name[i].text, why));
    }
    return ERR_OK;
}

enum err stale_find(struct catalogue *catalogue, const char *query, struct cond *cond, const char *tag,
                    enum err (*each)(void *context, const char *file_name, const char *why), void *context)
{
    struct stale *s;
    TRY(mem_alloc(&s, 1, sizeof *s));
    enum err rc = catalogue_list(catalogue, query, "f.id, f.file_name", 0, add_name, s);
    if (!rc) rc = catalogue_conditions(catalogue, query, add_used, s);
    if (!rc) rc = catalogue_file_subruns(catalogue, query, add_subrun, s);
    if (!rc && s->n_used) rc = read_sets(s, cond, tag);
    if (!rc && s->n_used) rc = judge(s, each, context);
    stale_free(s);
    return rc;
}
