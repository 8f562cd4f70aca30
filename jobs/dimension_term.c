/* A term of a query as a condition in SQL. */
#include "dimension_internal.h"

#include "mem.h"

#include <stdio.h>
#include <string.h>

enum { TOGETHER = 200 };

/* ---- values -------------------------------------------------------------------------------------------------------- */
/* % and ? as the database writes them: GLOB of SQLite heeds letters' case as LIKE of PostgreSQL does. */
static enum err pattern(struct dimension_writer *w, const char *text, char **out)
{
    char *p;
    size_t n = 0, room = 3 * strlen(text) + 1;
    TRY(mem_alloc(&p, room, 1));
    for (; *text; text++) {
        if (*text == '%')
            p[n++] = w->is_pgsql ? '%' : '*';
        else if (*text == '?')
            p[n++] = w->is_pgsql ? '_' : '?';
        else if (w->is_pgsql && strchr("_\\", *text))
            n += (size_t)snprintf(p + n, room - n, "\\%c", *text);
        else if (!w->is_pgsql && strchr("*[", *text))
            n += (size_t)snprintf(p + n, room - n, "[%c]", *text);
        else
            p[n++] = *text;
    }
    enum err rc = dimension_keep(w->q, p, n, out);
    mem_free(p);
    return rc;
}

static enum err write_like(struct dimension_writer *w, const char *column, const char *text)
{
    char *p;
    TRY(pattern(w, text, &p));
    TRY(sql_add(w->out, "%s %s ", column, w->is_pgsql ? "like" : "glob"));
    return sql_value(w->out, DB_S(p));
}

static enum err write_text(struct dimension_writer *w, const char *column, enum dimension_op op,
                           const struct dimension_value *v)
{
    static const char *const ops[] = {
        [OP_EQUAL] = "=", [OP_NOT] = "=", [OP_LESS] = "<", [OP_AT_MOST] = "<=", [OP_MORE] = ">", [OP_AT_LEAST] = ">="};
    bool is_like = op == OP_LIKE || op == OP_NOT_LIKE || ((op == OP_EQUAL || op == OP_NOT) && strchr(v->text, '%'));
    if (is_like) return write_like(w, column, v->text);
    if (v->high) {
        TRY(sql_add(w->out, "%s between ", column));
        TRY(sql_value(w->out, DB_S(v->text)));
        TRY(sql_add(w->out, " and "));
        return sql_value(w->out, DB_S(v->high));
    }
    TRY(sql_add(w->out, "%s %s ", column, ops[op]));
    return sql_value(w->out, DB_S(v->text));
}

/* One bound of a run, or of a run and subrun. */
static enum err write_bound(struct dimension_writer *w, const char *op, int64_t run, int64_t subrun)
{
    TRY(sql_add(w->out, subrun < 0 ? "r.run %s " : "(r.run, r.subrun) %s (", op));
    TRY(sql_value(w->out, DB_I(run)));
    if (subrun < 0) return ERR_OK;
    TRY(sql_add(w->out, ", "));
    TRY(sql_value(w->out, DB_I(subrun)));
    return sql_add(w->out, ")");
}

static enum err write_run(struct dimension_writer *w, enum dimension_op op, const struct dimension_value *v)
{
    switch (op) {
    case OP_LESS: return write_bound(w, "<", v->low_i, v->low_s);
    case OP_AT_MOST: return write_bound(w, "<=", v->high_i, v->high_s);
    case OP_MORE: return write_bound(w, ">", v->high_i, v->high_s);
    case OP_AT_LEAST: return write_bound(w, ">=", v->low_i, v->low_s);
    default: break;
    }
    bool is_one = v->low_i == v->high_i && v->low_s == v->high_s;
    TRY(write_bound(w, is_one ? "=" : ">=", v->low_i, v->low_s));
    if (is_one) return ERR_OK;
    TRY(sql_add(w->out, " and "));
    return write_bound(w, "<=", v->high_i, v->high_s);
}

/* low and high are inclusive for numbers; for times high is one past what is named. */
static enum err write_integer(struct dimension_writer *w, const char *column, enum dimension_op op, int64_t low,
                              int64_t high)
{
    static const char *const ops[] = {[OP_LESS] = "<", [OP_AT_MOST] = "<=", [OP_MORE] = ">", [OP_AT_LEAST] = ">="};
    if (op != OP_EQUAL && op != OP_NOT) {
        TRY(sql_add(w->out, "%s %s ", column, ops[op]));
        return sql_value(w->out, DB_I(op == OP_LESS || op == OP_AT_LEAST ? low : high));
    }
    if (low == high) {
        TRY(sql_add(w->out, "%s = ", column));
        return sql_value(w->out, DB_I(low));
    }
    TRY(sql_add(w->out, "%s between ", column));
    TRY(sql_value(w->out, DB_I(low)));
    TRY(sql_add(w->out, " and "));
    return sql_value(w->out, DB_I(high));
}

static enum err write_real(struct dimension_writer *w, const char *column, enum dimension_op op, double x)
{
    static const char *const ops[] = {
        [OP_EQUAL] = "=", [OP_NOT] = "=", [OP_LESS] = "<", [OP_AT_MOST] = "<=", [OP_MORE] = ">", [OP_AT_LEAST] = ">="};
    TRY(sql_add(w->out, "%s %s ", column, ops[op]));
    return sql_value(w->out, DB_X(x));
}

static enum err write_value(struct dimension_writer *w, const struct dimension_node *n, const char *column,
                            const struct dimension_value *v)
{
    switch (n->name->type) {
    case TYPE_TEXT: return write_text(w, column, n->op, v);
    case TYPE_INT: return write_integer(w, column, n->op, v->low_i, v->high_i);
    case TYPE_TIME: return write_integer(w, column, n->op, v->low_i, v->high_i - 1);
    case TYPE_REAL: return write_real(w, column, n->op, v->low_x);
    case TYPE_RUN: return write_run(w, n->op, v);
    case TYPE_PARAMETER: break;
    }
    bool is_number = v->is_number && n->op != OP_LIKE && n->op != OP_NOT_LIKE;
    TRY(sql_add(w->out, "p.name = "));
    TRY(sql_value(w->out, DB_S(n->parameter)));
    TRY(sql_add(w->out, " and "));
    if (!is_number) return write_text(w, "p.text", n->op, v);
    if (n->op != OP_EQUAL && n->op != OP_NOT) return write_real(w, "p.number", n->op, v->low_x);
    TRY(sql_add(w->out, "(p.number between ")); /* or a text of digits */
    TRY(sql_value(w->out, DB_X(v->low_x)));
    TRY(sql_add(w->out, " and "));
    TRY(sql_value(w->out, DB_X(v->high_x)));
    TRY(sql_add(w->out, " or "));
    TRY(write_text(w, "p.text", n->op, v));
    return sql_add(w->out, ")");
}

/* ---- terms --------------------------------------------------------------------------------------------------------- */
/* A list of plain values, neither ranges nor patterns. */
static bool is_plain_list(const struct dimension *q, const struct dimension_node *n)
{
    bool is_int = n->name->type == TYPE_INT || n->name->type == TYPE_RUN;
    if (n->n_values < 2 || (!is_int && n->name->type != TYPE_TEXT)) return false;
    for (size_t i = 0; i < n->n_values; i++) {
        const struct dimension_value *v = &q->value[n->first_value + i];
        if (is_int && (v->low_i != v->high_i || (n->name->type == TYPE_RUN && (v->low_s >= 0 || v->high_s >= 0))))
            return false;
        if (!is_int && (v->high || strchr(v->text, '%'))) return false;
    }
    return true;
}

static enum err write_plain_list(struct dimension_writer *w, const struct dimension_node *n, const char *column)
{
    TRY(sql_add(w->out, "%s in (", column));
    for (size_t i = 0; i < n->n_values; i++) {
        const struct dimension_value *v = &w->q->value[n->first_value + i];
        if (i) TRY(sql_add(w->out, ", "));
        TRY(sql_value(w->out, n->name->type == TYPE_TEXT ? DB_S(v->text) : DB_I(v->low_i)));
    }
    return sql_add(w->out, ")");
}

/* Values of a list are joined by or; != and "not in" deny the whole. A chain of "or" is a tree to SQLite, at most 1000 deep. */
static enum err write_values(struct dimension_writer *w, const struct dimension_node *n, const char *column)
{
    if (is_plain_list(w->q, n)) return write_plain_list(w, n, column);
    bool has_groups = n->n_values > TOGETHER;
    if (has_groups) TRY(sql_add(w->out, "("));
    for (size_t i = 0; i < n->n_values; i++) {
        TRY(sql_add(w->out, "%s(", i == 0 ? "" : i % TOGETHER ? " or " : ") or ("));
        TRY(write_value(w, n, column, &w->q->value[n->first_value + i]));
        TRY(sql_add(w->out, ")"));
    }
    return has_groups ? sql_add(w->out, ")") : ERR_OK;
}

enum err dimension_term(struct dimension_writer *w, const struct dimension_node *n, int alias)
{
    static const struct {
        const char *head, *alias, *tail;
    } places[] = {
        [PLACE_FILE]       = {"(", NULL, ")"},
        [PLACE_CONFIG]     = {"f%d.config_id in (select c.id from configs c where ", "c", ")"},
        [PLACE_RUN]        = {"f%d.id in (select r.file_id from file_runs r where ", "r", ")"},
        [PLACE_LOCATION]   = {"f%d.id in (select l.file_id from file_locations l where ", "l", ")"},
        [PLACE_SNAPSHOT]   = {"f%d.id in (select s.file_id from snapshot_files s where ", "s", ")"},
        [PLACE_SUBMISSION] = {"f%d.id in (select s.file_id from submission_files s where ", "s", ")"},
        [PLACE_PARAMETER]  = {"f%d.id in (select p.file_id from file_params p where ", "p", ")"},
    };
    enum dimension_place place = n->name->place;
    char column[64], head[128];
    const char *owner = places[place].alias;
    if (owner)
        snprintf(column, sizeof column, "%s.%s", owner, n->name->column ? n->name->column : "");
    else
        snprintf(column, sizeof column, "f%d.%s", alias, n->name->column);
    snprintf(head, sizeof head, "%s", places[place].head);
    bool is_denied = n->op == OP_NOT || n->op == OP_NOT_LIKE;
    char *d        = strstr(head, "%d");
    if (is_denied) TRY(sql_add(w->out, "not "));
    if (d)
        TRY(sql_add(w->out, "%.*s%d%s", (int)(d - head), head, alias, d + 2));
    else
        TRY(sql_add(w->out, "%s", head));
    TRY(write_values(w, n, column));
    return sql_add(w->out, "%s", places[place].tail);
}
