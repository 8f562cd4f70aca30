/* Conditions: intervals go in, all of a load or nothing. */
#include "cond_internal.h"

#include "mem.h"
#include "sha1.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- sets ---------------------------------------------------------------------------------------------------------- */
enum err cond_set_alloc(struct cond_set *set, size_t n_intervals, size_t n_rows)
{
    set->n_intervals = n_intervals;
    set->n_rows      = n_rows;
    enum err rc      = mem_alloc(&set->interval, n_intervals, sizeof *set->interval);
    for (size_t i = 0; i < set->table.n_columns && !rc; i++)
        rc = mem_alloc(&set->value[i], n_rows, sizeof *set->value[i]);
    if (rc) cond_set_free(set);
    return rc;
}

void cond_set_free(struct cond_set *set)
{
    mem_free(set->interval);
    for (size_t i = 0; i < COND_MAX_COLUMNS; i++) mem_free(set->value[i]);
    set->interval = NULL;
    set->n_rows = set->n_intervals = 0;
    memset(set->value, 0, sizeof set->value);
}

/* ---- checks -------------------------------------------------------------------------------------------------------- */
static enum err check_value(const struct cond_set *set, size_t column, size_t row)
{
    const struct cond_column *c = &set->table.column[column];
    double x                    = set->value[column][row];
    REQUIRE(isfinite(x), ERR_DATA, "%s is no finite number", c->name);
    REQUIRE(x >= c->min && x <= c->max, ERR_DATA, "%s = %.10g is out of range; accepted is %.10g to %.10g", c->name, x,
            c->min, c->max);
    REQUIRE(!c->is_key || x == floor(x), ERR_DATA, "%s = %.10g is no whole number", c->name, x);
    return ERR_OK;
}

static size_t place_of(const struct cond_set *set, size_t row)
{
    const struct cond_table *t = &set->table;
    size_t place               = 0;
    for (size_t k = 0; k < t->n_keys; k++)
        place =
            place * (size_t)(t->column[k].max - t->column[k].min + 1) + (size_t)(set->value[k][row] - t->column[k].min);
    return place;
}

/* "calonum 1, xtalnum 7" */
static void keys_at(const struct cond_table *t, size_t place, char text[256])
{
    double key[COND_MAX_COLUMNS] = {0};
    for (size_t k = t->n_keys; k-- > 0;) {
        size_t n = (size_t)(t->column[k].max - t->column[k].min + 1);
        key[k]   = t->column[k].min + (double)(place % n);
        place /= n;
    }
    size_t used = 0;
    for (size_t k = 0; k < t->n_keys && used < 200; k++)
        used += (size_t)snprintf(text + used, 256 - used, "%s%s %.0f", k ? ", " : "", t->column[k].name, key[k]);
}

/* Rows of an interval in the order of their keys; seen[place] is the row + 1. */
static enum err order_rows(const struct cond_set *set, const struct cond_interval *v, bool is_partial, size_t *seen,
                           size_t *order)
{
    size_t full = cond_full_rows(&set->table), n = 0, missing = full;
    char keys[256];
    memset(seen, 0, full * sizeof *seen);
    REQUIRE(v->n_rows > 0, ERR_DATA, "it has no rows");
    for (size_t r = v->first; r < v->first + v->n_rows; r++) {
        for (size_t c = 0; c < set->table.n_columns; c++) TRY(check_value(set, c, r));
        size_t place = place_of(set, r);
        keys_at(&set->table, place, keys);
        REQUIRE(!seen[place], ERR_DATA, "%s is there twice", keys);
        seen[place] = r + 1;
    }
    for (size_t place = full; place-- > 0;)
        if (!seen[place]) missing = place;
    if (missing < full) keys_at(&set->table, missing, keys);
    REQUIRE(missing == full || is_partial, ERR_DATA, "%zu rows of %zu: %s is missing, for one; --partial accepts that",
            v->n_rows, full, keys);
    for (size_t place = 0; place < full; place++)
        if (seen[place]) order[v->first + n++] = seen[place] - 1;
    return ERR_OK;
}

static enum err check_interval(const struct cond_set *set, size_t i)
{
    const struct cond_interval *v = &set->interval[i];
    char next[72];
    REQUIRE(v->begin >= 0 && v->end > v->begin, ERR_DATA, "it ends before it begins");
    if (i + 1 == set->n_intervals) return ERR_OK;
    cond_time_print(&set->table, v[1].begin, next);
    REQUIRE(v[1].begin > v->begin, ERR_DATA, "the next one begins at %s: intervals come in order, none twice", next);
    REQUIRE(v->end == COND_FOREVER || v->end <= v[1].begin, ERR_DATA, "it overlaps the next one, which begins at %s",
            next);
    return ERR_OK;
}

static enum err check_set(const struct cond_set *set, bool is_partial, size_t *order)
{
    size_t *seen, i = 0;
    char begin[72];
    enum err rc = ERR_OK;
    REQUIRE(set->n_intervals > 0, ERR_DATA, "there is nothing to load");
    TRY(mem_alloc(&seen, cond_full_rows(&set->table), sizeof *seen));
    for (; i < set->n_intervals && !rc; i++) {
        rc = check_interval(set, i);
        if (!rc) rc = order_rows(set, &set->interval[i], is_partial, seen, order);
    }
    mem_free(seen);
    if (!rc) return ERR_OK;
    cond_time_print(&set->table, set->interval[i - 1].begin, begin);
    return err_context(rc, "table %s, interval that begins at %s", set->table.name, begin);
}

/* SHA-1 of the intervals and their rows: tells a load that is repeated. */
static enum err content_of(const struct cond_set *set, const size_t *order, char hex[41])
{
    double *all;
    size_t n = 0, n_columns = set->table.n_columns;
    TRY(mem_alloc(&all, set->n_rows * n_columns + 3 * set->n_intervals, sizeof *all));
    for (size_t i = 0; i < set->n_intervals; i++) {
        const struct cond_interval *v = &set->interval[i];
        all[n++]                      = (double)v->begin;
        all[n++]                      = (double)v->end;
        all[n++]                      = (double)v->n_rows;
        for (size_t r = v->first; r < v->first + v->n_rows; r++)
            for (size_t c = 0; c < n_columns; c++) all[n++] = set->value[c][order[r]] + 0.0;
    }
    sha1_hex(all, n * sizeof *all, hex);
    mem_free(all);
    return ERR_OK;
}

/* ---- putting in ---------------------------------------------------------------------------------------------------- */
static enum err put_intervals(struct cond *cond, const struct cond_set *set, struct db_bulk **bulk)
{
    char name[64];
    snprintf(name, sizeof name, "%s_intervals", set->table.name);
    TRY(db_bulk_start(cond->db, name, "id, begin_time, end_time, load_id, n_rows", 5, bulk));
    for (size_t i = 0; i < set->n_intervals; i++) {
        const struct cond_interval *v = &set->interval[i];
        struct db_value end           = v->end == COND_FOREVER ? DB_N : DB_I(v->end);
        TRY(db_bulk_add(
            *bulk, (struct db_value[]){DB_I(v->id), DB_I(v->begin), end, DB_I(v->load_id), DB_I((int64_t)v->n_rows)}));
    }
    return ERR_OK;
}

static enum err put_tag(struct cond *cond, const struct cond_set *set, const char *tag, struct db_bulk **bulk)
{
    char name[64];
    snprintf(name, sizeof name, "%s_tag_iovs", set->table.name);
    TRY(db_bulk_start(cond->db, name, "tag, begin_time, iov_id", 3, bulk));
    for (size_t i = 0; i < set->n_intervals; i++)
        TRY(db_bulk_add(*bulk,
                        (struct db_value[]){DB_S(tag), DB_I(set->interval[i].begin), DB_I(set->interval[i].id)}));
    return ERR_OK;
}

static enum err put_rows(struct cond *cond, const struct cond_set *set, const size_t *order, struct db_bulk **bulk)
{
    const struct cond_table *t = &set->table;
    struct db_value row[COND_MAX_COLUMNS + 1];
    char name[64], columns[COND_SQL];
    snprintf(name, sizeof name, "%s_data", t->name);
    cond_column_list(t, columns);
    TRY(db_bulk_start(cond->db, name, columns, t->n_columns + 1, bulk));
    for (size_t i = 0; i < set->n_intervals; i++) {
        const struct cond_interval *v = &set->interval[i];
        row[0]                        = DB_I(v->id);
        for (size_t r = v->first; r < v->first + v->n_rows; r++) {
            size_t from = order ? order[r] : r;
            for (size_t c = 0; c < t->n_columns; c++)
                row[c + 1] = c < t->n_keys ? DB_I((int64_t)set->value[c][from]) : DB_X(set->value[c][from]);
            TRY(db_bulk_add(*bulk, row));
        }
    }
    return ERR_OK;
}

enum err cond_put(struct cond *cond, const struct cond_set *set, const char *tag, const size_t *order)
{
    for (int part = 0; part < 3; part++) {
        struct db_bulk *bulk = NULL;
        enum err rc          = part == 0   ? put_intervals(cond, set, &bulk)
                               : part == 1 ? put_tag(cond, set, tag, &bulk)
                                           : put_rows(cond, set, order, &bulk);
        if (rc) {
            (void)db_bulk_end(bulk, false);
            return rc;
        }
        TRY(db_bulk_end(bulk, true));
    }
    return ERR_OK;
}

struct load {
    struct cond *cond;
    struct cond_set set; /* a copy, with intervals of its own */
    const char *tag, *content;
    const struct cond_note *note;
    const size_t *order;
    struct cond_loaded *out;
};

/* The last load of this table and tag had this content. */
static enum err is_repeat(struct load *l, bool *out)
{
    int64_t id, last;
    bool is_found;
    TRY(db_get_int(
        l->cond->db,
        "select max(id) from cond_log where action = 'load' and table_name = $1 and tag = $2 and content = $3",
        (struct db_value[]){DB_S(l->set.table.name), DB_S(l->tag), DB_S(l->content)}, 3, &id, &is_found));
    *out = false;
    if (!is_found) return ERR_OK;
    TRY(db_get_int(l->cond->db, "select max(id) from cond_log where action = 'load' and table_name = $1 and tag = $2",
                   (struct db_value[]){DB_S(l->set.table.name), DB_S(l->tag)}, 2, &last, &is_found));
    *out            = is_found && id == last;
    l->out->load_id = id;
    return ERR_OK;
}

static enum err load(void *context)
{
    struct load *l = context;
    char sql[COND_SQL];
    int64_t last;
    bool is_frozen, is_found;
    TRY(db_get_int(l->cond->db, "select count(*) from cond_log where action = 'snapshot'", NULL, 0, &last, &is_found));
    REQUIRE(last == 0, ERR_MISMATCH, "this is a snapshot: constants are loaded into the database it was taken from");
    TRY(cond_tag_check(l->cond, l->tag, &is_frozen));
    REQUIRE(!is_frozen, ERR_MISMATCH,
            "tag \"%s\" is frozen: nothing can be loaded under it; make a new one with "
            "'gm2 cond tag DB NEW --from %s'",
            l->tag, l->tag);
    TRY(is_repeat(l, &l->out->is_repeat));
    cond_format(sql, "select coalesce(max(id), 0) from %s_intervals", l->set.table.name);
    TRY(db_get_int(l->cond->db, sql, NULL, 0, &last, &is_found));
    l->out->first_id    = last + 1;
    l->out->n_intervals = (int64_t)l->set.n_intervals;
    if (l->out->is_repeat) return ERR_OK;
    TRY(cond_note_down(l->cond, "load", l->set.table.name, l->tag, l->note, (int64_t)l->set.n_intervals,
                       (int64_t)l->set.n_rows, l->content, &l->out->load_id));
    for (size_t i = 0; i < l->set.n_intervals; i++) {
        l->set.interval[i].id      = last + 1 + (int64_t)i;
        l->set.interval[i].load_id = l->out->load_id;
    }
    return cond_put(l->cond, &l->set, l->tag, l->order);
}

enum err cond_load(struct cond *cond, const struct cond_set *set, const char *tag, const struct cond_note *note,
                   bool is_partial, struct cond_loaded *out)
{
    char content[41];
    size_t *order = NULL;
    enum err rc;
    struct load l = {cond, *set, tag, content, note, NULL, out};
    TRY(cond_check_tag(tag));
    TRY(cond_check_note(note));
    TRY(cond_table(cond, set->table.name, &l.set.table));
    REQUIRE(cond_is_same_table(&l.set.table, &set->table), ERR_MISMATCH,
            "table %s is defined otherwise in the database than in what is to be loaded", set->table.name);
    TRY_TO(done, mem_alloc(&order, set->n_rows, sizeof *order));
    TRY_TO(done, check_set(&l.set, is_partial, order));
    TRY_TO(done, content_of(&l.set, order, content));
    l.set.interval = NULL;
    TRY_TO(done, mem_alloc(&l.set.interval, set->n_intervals, sizeof *l.set.interval));
    memcpy(l.set.interval, set->interval, set->n_intervals * sizeof *set->interval);
    l.order = order;
    TRY_TO(done, db_transaction(cond->db, COND_LOCK, load, &l));
done:
    if (l.set.interval != set->interval) mem_free(l.set.interval);
    mem_free(order);
    return rc;
}
