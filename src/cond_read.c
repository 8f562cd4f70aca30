/* Conditions: what is valid under a tag in a range, in one pass; differences of two answers. */
#include "cond_internal.h"

#include "mem.h"

#include <endian.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BATCH_ROWS = 100000 }; /* rows asked for at once: bounds the memory of an answer */

enum err cond_tag_check(struct cond *cond, const char *tag, bool *is_frozen)
{
    int64_t n;
    bool is_found;
    TRY(cond_check_tag(tag));
    TRY(db_get_int(cond->db, "select count(*) from cond_tags where tag = $1", &DB_S(tag), 1, &n, &is_found));
    REQUIRE(n > 0, ERR_NOTFOUND, "there is no tag \"%s\"; 'gm2 cond tag DB' lists them", tag);
    TRY(db_get_int(cond->db, "select count(*) from cond_freezes where tag = $1", &DB_S(tag), 1, &n, &is_found));
    if (is_frozen) *is_frozen = n > 0;
    return ERR_OK;
}

struct read {
    struct cond *cond;
    const char *table, *tag;
    int64_t first, last;
    bool with_rows;
    struct cond_set *out;
};

static enum err take_interval(struct cond_set *set, size_t *room, const struct db_value *row)
{
    if (set->n_intervals == *room) {
        size_t more = *room ? 2 * *room : 64;
        TRY(mem_resize(&set->interval, *room, more, sizeof *set->interval));
        *room = more;
    }
    set->interval[set->n_intervals++] = (struct cond_interval){.id    = row[0].i,
                                                               .begin = row[1].i,
                                                               .end = row[2].type == DB_NULL ? COND_FOREVER : row[2].i,
                                                               .load_id = row[3].i,
                                                               .first   = set->n_rows,
                                                               .n_rows  = (size_t)row[4].i};
    set->n_rows += (size_t)row[4].i;
    return ERR_OK;
}

/* A server's rows cost more than their values: a row for each interval, with the numbers of
 * each value column as bytes, in order of the keys. */
static enum err prepare_packed(struct cond *cond, const char *keys)
{
    char sql[COND_SQL], values[COND_SQL / 4] = "", packs[COND_SQL / 2] = "";
    const struct cond_table *t = &cond->table;
    size_t v = 0, p = 0;
    for (size_t c = t->n_keys; c < t->n_columns; c++) {
        v += (size_t)snprintf(values + v, sizeof values - v, ", %s", t->column[c].name);
        p += (size_t)snprintf(packs + p, sizeof packs - p, ", string_agg(float8send(%s), '')", t->column[c].name);
    }
    cond_format(sql,
                "select iov_id, count(*)%s from (select iov_id%s from %s_data where iov_id between $1 and $2"
                " order by iov_id%s) s group by iov_id order by iov_id",
                packs, values, t->name, keys);
    return db_prepare(cond->db, sql, &cond->packed);
}

/* The statements of one table, kept for the next look-up. Intervals: one scan of the tag's index, from the last begin not
 * after $2 to $3; of equal begins the latest. */
static enum err prepare(struct read *r)
{
    char sql[COND_SQL], columns[COND_SQL], keys[COND_SQL / 4] = "";
    struct cond *cond = r->cond;
    size_t used       = 0;
    if (cond->rows && strcmp(cond->table.name, r->table) == 0) return ERR_OK;
    db_finish(cond->intervals);
    db_finish(cond->rows);
    db_finish(cond->packed);
    cond->intervals = cond->rows = cond->packed = NULL;
    TRY(cond_table(cond, r->table, &cond->table));
    cond_format(sql,
                "select i.id, i.begin_time, i.end_time, i.load_id, i.n_rows from (select begin_time, max(iov_id) as id"
                " from %s_tag_iovs where tag = $1 and begin_time <= $3 and begin_time >= coalesce((select begin_time"
                " from %s_tag_iovs where tag = $1 and begin_time <= $2 order by begin_time desc limit 1), $2)"
                " group by begin_time) w join %s_intervals i on i.id = w.id order by i.begin_time",
                r->table, r->table, r->table);
    TRY(db_prepare(cond->db, sql, &cond->intervals));
    for (size_t k = 0; k < cond->table.n_keys; k++)
        used += (size_t)snprintf(keys + used, sizeof keys - used, ", %s", cond->table.column[k].name);
    if (db_is_pgsql(cond->db)) TRY(prepare_packed(cond, keys));
    cond_column_list(&cond->table, columns);
    cond_format(sql, "select %.3000s from %s_data where iov_id between $1 and $2 order by iov_id%s", columns, r->table,
                keys);
    return db_prepare(cond->db, sql, &cond->rows);
}

static enum err read_intervals(struct read *r)
{
    struct db_statement *s = r->cond->intervals;
    const struct db_value *row;
    size_t n, room = 0;
    TRY(db_start(s, (struct db_value[]){DB_S(r->tag), DB_I(r->first), DB_I(r->last)}, 3));
    for (;;) {
        TRY(db_next(s, &row, &n));
        if (!row) break;
        if (row[2].type == DB_INT && row[2].i <= r->first) continue; /* over before the range begins */
        TRY(take_interval(r->out, &room, row));
    }
    for (size_t i = 0; i + 1 < r->out->n_intervals; i++)
        if (r->out->interval[i].end > r->out->interval[i + 1].begin)
            r->out->interval[i].end = r->out->interval[i + 1].begin;
    return ERR_OK;
}

/* Rows of the intervals [from, to), whose ids follow one another. */
static enum err read_rows(struct db_statement *s, struct cond_set *set, size_t from, size_t to)
{
    const struct db_value *row;
    size_t n, v = from, left = set->interval[from].n_rows, r = set->interval[from].first;
    TRY(db_start(s, (struct db_value[]){DB_I(set->interval[from].id), DB_I(set->interval[to - 1].id)}, 2));
    for (;;) {
        TRY(db_next(s, &row, &n));
        if (!row) break;
        while (left == 0 && v + 1 < to) left = set->interval[++v].n_rows;
        REQUIRE(left > 0 && row[0].i == set->interval[v].id, ERR_DATA,
                "table %s: interval %" PRId64 " has not the rows that it says", set->table.name, set->interval[v].id);
        for (size_t c = 0; c < set->table.n_columns; c++)
            set->value[c][r] = row[c + 1].type == DB_INT ? (double)row[c + 1].i : row[c + 1].x;
        left--;
        r++;
    }
    REQUIRE(left == 0 && v + 1 == to, ERR_DATA, "table %s: interval %" PRId64 " lacks rows", set->table.name,
            set->interval[v].id);
    return ERR_OK;
}

/* The keys of an interval that has all combinations. */
static void fill_keys(struct cond_set *set, size_t first)
{
    size_t n = cond_full_rows(&set->table), repeat = n;
    for (size_t k = 0; k < set->table.n_keys; k++) {
        const struct cond_column *c = &set->table.column[k];
        size_t size                 = (size_t)(c->max - c->min) + 1;
        repeat /= size;
        for (size_t i = 0; i < n; i++) set->value[k][first + i] = c->min + (double)(i / repeat % size);
    }
}

/* n numbers as float8send() gives them. */
static void take_numbers(const char *text, size_t n, double *out)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;
        memcpy(&bits, text + 8 * i, sizeof bits);
        bits = be64toh(bits);
        memcpy(&out[i], &bits, sizeof bits);
    }
}

/* The same as read_rows() for intervals that are whole. */
static enum err read_packed(struct db_statement *s, struct cond_set *set, size_t from, size_t to)
{
    const struct db_value *row;
    size_t n, v = from, n_rows = cond_full_rows(&set->table);
    TRY(db_start(s, (struct db_value[]){DB_I(set->interval[from].id), DB_I(set->interval[to - 1].id)}, 2));
    for (;;) {
        TRY(db_next(s, &row, &n));
        if (!row) break;
        REQUIRE(v < to && row[0].i == set->interval[v].id && (size_t)row[1].i == n_rows, ERR_DATA,
                "table %s: interval %" PRId64 " has not the rows that it says", set->table.name, row[0].i);
        size_t first = set->interval[v].first, k = 2;
        for (size_t c = set->table.n_keys; c < set->table.n_columns; c++)
            take_numbers(row[k++].text, n_rows, set->value[c] + first);
        fill_keys(set, first);
        v++;
    }
    REQUIRE(v == to, ERR_DATA, "table %s: interval %" PRId64 " lacks rows", set->table.name, set->interval[v].id);
    return ERR_OK;
}

static enum err read_all_rows(struct read *r)
{
    struct cond_set *set = r->out;
    size_t n_full        = cond_full_rows(&set->table);
    for (size_t c = 0; c < set->table.n_columns; c++)
        TRY(mem_alloc(&set->value[c], set->n_rows, sizeof *set->value[c]));
    for (size_t from = 0, to = 0; from < set->n_intervals; from = to) {
        size_t rows    = set->interval[from].n_rows;
        bool is_packed = r->cond->packed && rows == n_full && rows > 8;
        for (to = from + 1;
             to < set->n_intervals && set->interval[to].id == set->interval[to - 1].id + 1 &&
             rows + set->interval[to].n_rows <= BATCH_ROWS && (!is_packed || set->interval[to].n_rows == n_full);
             to++)
            rows += set->interval[to].n_rows;
        TRY(is_packed ? read_packed(r->cond->packed, set, from, to) : read_rows(r->cond->rows, set, from, to));
    }
    return ERR_OK;
}

static enum err read_set(void *context)
{
    struct read *r    = context;
    struct cond *cond = r->cond;
    cond_set_free(r->out); /* what an earlier try left */
    TRY(prepare(r));
    r->out->table = cond->table;
    if (strcmp(cond->tag, r->tag) != 0) TRY(cond_tag_check(cond, r->tag, NULL));
    snprintf(cond->tag, sizeof cond->tag, "%s", r->tag);
    TRY(read_intervals(r));
    return r->with_rows ? read_all_rows(r) : ERR_OK;
}

enum err cond_read_inside(struct cond *cond, const char *table, const char *tag, struct cond_set *out)
{
    struct read r = {cond, table, tag, 0, COND_FOREVER - 1, true, out};
    *out          = (struct cond_set){.n_rows = 0};
    enum err rc   = read_set(&r);
    if (rc) cond_set_free(out);
    return rc;
}

enum err cond_read(struct cond *cond, const char *table, const char *tag, int64_t first, int64_t last, bool with_rows,
                   struct cond_set *out)
{
    struct read r = {cond, table, tag, first, last, with_rows, out};
    *out          = (struct cond_set){.n_rows = 0};
    /* intervals are one statement's, their rows came with them and never change: a server needs no transaction */
    enum err rc = db_is_pgsql(cond->db) ? read_set(&r) : db_read_transaction(cond->db, read_set, &r);
    if (rc) cond_set_free(out);
    return rc;
}

/* The last interval that begins at or before a time; NULL if none does. */
static const struct cond_interval *begun(const struct cond_set *set, int64_t key)
{
    size_t low = 0, high = set->n_intervals;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (set->interval[middle].begin <= key)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &set->interval[low - 1] : NULL;
}

static const struct cond_interval *valid(const struct cond_set *set, int64_t key)
{
    const struct cond_interval *v = begun(set, key);
    return v && key < v->end ? v : NULL;
}

enum err cond_find(const struct cond_set *set, int64_t key, const struct cond_interval **out)
{
    char when[72];
    *out = valid(set, key);
    if (*out) return ERR_OK;
    cond_time_print(&set->table, key, when);
    FAIL(ERR_NOTFOUND, "table %s has no constants for %s", set->table.name, when);
}

bool cond_has_hole(const struct cond_set *set, int64_t first, int64_t last, int64_t *hole)
{
    for (int64_t at = first; at <= last;) {
        const struct cond_interval *v = valid(set, at);
        *hole                         = at;
        if (!v) return true;
        if (v->end == COND_FOREVER) return false;
        at = v->end;
    }
    return false;
}

/* ---- differences --------------------------------------------------------------------------------------------------- */
static int compare_keys(const struct cond_set *a, size_t i, const struct cond_set *b, size_t j)
{
    for (size_t k = 0; k < a->table.n_keys; k++)
        if (a->value[k][i] != b->value[k][j]) return a->value[k][i] < b->value[k][j] ? -1 : 1;
    return 0;
}

/* Rows are in the order of their keys. */
static void compare_rows(const struct cond_set *a, const struct cond_set *b, struct cond_difference *d)
{
    size_t i = d->a ? d->a->first : 0, i_end = d->a ? i + d->a->n_rows : 0;
    size_t j = d->b ? d->b->first : 0, j_end = d->b ? j + d->b->n_rows : 0;
    d->n_rows = 0;
    memset(d->largest, 0, sizeof d->largest);
    while (i < i_end || j < j_end) {
        int order    = i == i_end ? 1 : j == j_end ? -1 : compare_keys(a, i, b, j);
        bool differs = order != 0;
        for (size_t c = a->table.n_keys; c < a->table.n_columns && order == 0; c++) {
            double by = fabs(a->value[c][i] - b->value[c][j]);
            if (by > 0.0) differs = true;
            if (by > d->largest[c]) d->largest[c] = by;
        }
        d->n_rows += differs;
        i += order <= 0;
        j += order >= 0;
    }
}

static int64_t next_boundary(const struct cond_set *set, const struct cond_interval *v, int64_t at)
{
    if (v) return v->end;
    const struct cond_interval *before = begun(set, at);
    size_t next                        = before ? (size_t)(before - set->interval) + 1 : 0;
    return next < set->n_intervals ? set->interval[next].begin : COND_FOREVER;
}

enum err cond_diff(const struct cond_set *a, const struct cond_set *b,
                   enum err (*each)(void *context, const struct cond_difference *difference), void *context)
{
    for (int64_t at = 0; at < COND_FOREVER;) {
        struct cond_difference d = {.begin = at, .a = valid(a, at), .b = valid(b, at)};
        int64_t end_a = next_boundary(a, d.a, at), end_b = next_boundary(b, d.b, at);
        d.end = end_a < end_b ? end_a : end_b;
        at    = d.end;
        if ((!d.a && !d.b) || (d.a && d.b && d.a->id == d.b->id)) continue;
        compare_rows(a, b, &d);
        if (d.n_rows > 0) TRY(each(context, &d));
    }
    return ERR_OK;
}
