/* Files with their ancestors. */
#include "stale_internal.h"

#include "mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- lists of ids -------------------------------------------------------------------------------------------------- */
enum err stale_room(void *in_out, size_t n, size_t *capacity, size_t size)
{
    if (n < *capacity) return ERR_OK;
    size_t wanted = 2 * *capacity + 256;
    TRY(mem_resize(in_out, *capacity, wanted, size));
    *capacity = wanted;
    return ERR_OK;
}

enum err stale_ids_add(struct stale_ids *s, int64_t id)
{
    TRY(stale_room(&s->id, s->n, &s->capacity, sizeof *s->id));
    s->id[s->n++] = id;
    return ERR_OK;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void stale_ids_sort(struct stale_ids *s)
{
    size_t n = 0;
    if (s->n) qsort(s->id, s->n, sizeof *s->id, by_value);
    for (size_t i = 0; i < s->n; i++)
        if (!n || s->id[n - 1] != s->id[i]) s->id[n++] = s->id[i];
    s->n = n;
}

enum err stale_ids_json(const struct stale_ids *s, char **json)
{
    struct sql text = {0};
    enum err rc     = sql_add(&text, "[");
    for (size_t i = 0; i < s->n && !rc; i++) rc = sql_add(&text, "%s%" PRId64, i ? "," : "", s->id[i]);
    if (!rc) rc = sql_add(&text, "]");
    *json = rc ? NULL : text.text;
    if (rc) sql_free(&text);
    return rc;
}

enum err stale_rows(struct catalogue *c, const char *head, const struct stale_ids *ids, const char *tail,
                    enum err (*each)(void *context, const struct db_value *row, size_t n), void *context)
{
    struct sql sql = {0};
    struct db_statement *s;
    const struct db_value *row;
    char *json;
    size_t n;
    TRY(stale_ids_json(ids, &json));
    enum err rc = sql_add(&sql, "%s ", head);
    if (!rc) rc = sql_id_list(&sql, json, db_is_pgsql(catalogue_db(c)));
    if (!rc) rc = sql_add(&sql, " %s", tail);
    if (!rc) rc = db_prepare(catalogue_db(c), sql.text, &s);
    if (!rc) {
        rc = db_start(s, sql.value, sql.n_values);
        while (!rc && (rc = db_next(s, &row, &n)) == ERR_OK && row) rc = each(context, row, n);
        db_finish(s);
    }
    sql_free(&sql);
    mem_free(json);
    return rc;
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */
static enum err add_one(void *context, const struct db_value *row, size_t n)
{
    struct stale_set *s = context;
    (void)n;
    TRY(stale_room(&s->one, s->n, &s->capacity, sizeof *s->one));
    s->one[s->n++] = (struct stale_one){.id = row[0].i, .is_usable = row[1].i != 0, .because = STALE_NONE};
    return ERR_OK;
}

static enum err add_edge(void *context, const struct db_value *row, size_t n)
{
    struct stale_set *s = context;
    (void)n;
    TRY(stale_room(&s->edge, s->n_edges, &s->edge_capacity, sizeof *s->edge));
    s->edge[s->n_edges++] = (struct stale_edge){row[0].i, row[1].i};
    return ERR_OK;
}

static enum err add_subrun(void *context, const struct db_value *row, size_t n)
{
    struct stale_set *s = context;
    (void)n;
    TRY(stale_room(&s->subrun, s->n_subruns, &s->subrun_capacity, sizeof *s->subrun));
    s->subrun[s->n_subruns++] = (struct stale_subrun){row[0].i, row[1].i, row[2].i};
    return ERR_OK;
}

enum err stale_set_ids(const struct stale_set *s, bool only_stale, struct stale_ids *out)
{
    for (size_t i = 0; i < s->n; i++)
        if (!only_stale || s->one[i].is_stale) TRY(stale_ids_add(out, s->one[i].id));
    return ERR_OK;
}

enum err stale_set_read(struct catalogue *c, const struct stale_ids *ids, struct stale_set *out)
{
    struct stale_ids all = {0};
    *out                 = (struct stale_set){.n = 0};
    enum err rc =
        stale_rows(c, "with recursive t(id) as (select id from files where id in", ids,
                   "union select l.parent_id from file_parents l join t on l.child_id = t.id) select f.id, "
                   "case when f.content_status = 'good' and f.retired_s is null and f.n_places > 0 then 1 else 0 end "
                   "from files f where f.id in (select id from t) order by f.id",
                   add_one, out);
    if (!rc) rc = stale_set_ids(out, false, &all);
    if (!rc)
        rc = stale_rows(c, "select child_id, parent_id from file_parents where child_id in", &all,
                        "order by child_id, parent_id", add_edge, out);
    if (!rc)
        rc = stale_rows(c, "select file_id, run, subrun from file_runs where file_id in", &all,
                        "order by file_id, run, subrun", add_subrun, out);
    mem_free(all.id);
    if (rc) stale_set_free(out);
    return rc;
}

void stale_set_free(struct stale_set *s)
{
    for (size_t i = 0; i < s->n; i++) mem_free(s->one[i].why);
    mem_free(s->one);
    mem_free(s->edge);
    mem_free(s->subrun);
    *s = (struct stale_set){.n = 0};
}

/* ---- looking ------------------------------------------------------------------------------------------------------- */
/* The first of n entries of a list whose id, at its beginning, is not below this one. */
static size_t lower(const void *list, size_t n, size_t size, int64_t id)
{
    size_t low = 0;
    while (n > 0) {
        size_t half      = n / 2;
        const int64_t *p = (const int64_t *)((const char *)list + (low + half) * size);
        low += *p < id ? half + 1 : 0;
        n = *p < id ? n - half - 1 : half;
    }
    return low;
}

size_t stale_set_find(const struct stale_set *s, int64_t id)
{
    size_t i = lower(s->one, s->n, sizeof *s->one, id);
    return i < s->n && s->one[i].id == id ? i : STALE_NONE;
}

void stale_set_parents(const struct stale_set *s, int64_t id, size_t *first, size_t *end)
{
    *first = lower(s->edge, s->n_edges, sizeof *s->edge, id);
    *end   = lower(s->edge, s->n_edges, sizeof *s->edge, id + 1);
}

void stale_set_subruns(const struct stale_set *s, int64_t id, size_t *first, size_t *end)
{
    *first = lower(s->subrun, s->n_subruns, sizeof *s->subrun, id);
    *end   = lower(s->subrun, s->n_subruns, sizeof *s->subrun, id + 1);
}

/* ---- marking ------------------------------------------------------------------------------------------------------- */
enum err stale_set_mark(struct stale_set *s, int64_t id, const char *why)
{
    char text[STALE_WHY];
    size_t i = stale_set_find(s, id);
    REQUIRE(i != STALE_NONE, ERR_LOGIC, "file %" PRId64 " is none of the set", id);
    struct stale_one *f = &s->one[i];
    snprintf(text, sizeof text, "%s%s%s", f->why ? f->why : "", f->why ? ", " : "", why);
    mem_free(f->why);
    f->why      = mem_string(text);
    f->is_stale = true;
    return f->why ? ERR_OK : ERR_MEMORY;
}

/* Parents mostly have lower ids than their children: then one round does it, and a second one sees that. */
void stale_set_inherit(struct stale_set *s)
{
    for (bool is_changed = true; is_changed;) {
        is_changed = false;
        for (size_t k = 0; k < s->n_edges; k++) {
            size_t parent = stale_set_find(s, s->edge[k].parent), child = stale_set_find(s, s->edge[k].child);
            if (parent == STALE_NONE || child == STALE_NONE) continue;
            if (!s->one[parent].is_stale || s->one[child].is_stale) continue;
            s->one[child].is_stale = is_changed = true;
            s->one[child].because               = parent;
        }
    }
}
