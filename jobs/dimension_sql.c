/* Queries as SQL. Sets of files are conditions on their ids, so minus is "and not"; only "with" needs a select of its own. */
#include "dimension_internal.h"

#include "mem.h"

#include <stdio.h>
#include <string.h>

struct writer {
    struct dimension *q;
    struct sql *out;
    bool is_pgsql;
    int *next_alias;
};

static enum err write_node(struct writer *w, int index, int alias);
static enum err write_select(struct writer *w, int index, int alias);

/* ---- availability -------------------------------------------------------------------------------------------------- */
/* Whether the query itself says what of availability; queries in isparentof: (Q) and the like speak for themselves. */
static bool has_availability(const struct dimension *q, int index)
{
    const struct dimension_node *n = &q->node[index];
    switch (n->kind) {
    case DIMENSION_AVAILABILITY: return true;
    case DIMENSION_WITH: return n->availability || has_availability(q, n->a);
    case DIMENSION_NOT: return has_availability(q, n->a);
    case DIMENSION_AND:
    case DIMENSION_OR:
    case DIMENSION_MINUS: return has_availability(q, n->a) || has_availability(q, n->b);
    case DIMENSION_DEFINITION: return has_availability(n->definition, n->definition->root);
    case DIMENSION_TERM:
    case DIMENSION_PARENT:
    case DIMENSION_CHILD:
    case DIMENSION_ANCESTOR:
    case DIMENSION_DESCENDANT:
    case DIMENSION_STALE:
    case DIMENSION_REPLACED:
    case DIMENSION_SUFFICIENT: break;
    }
    return false;
}

static enum err write_availability(struct writer *w, uint32_t bits, int alias)
{
    const char *glue = "(";
    for (int i = 0; i < N_AVAILABLE; i++) {
        if (!(bits & (1U << i))) continue;
        TRY(sql_add(w->out, "%s", glue));
        glue = " or ";
        switch ((enum dimension_availability)i) {
        case AVAILABLE_DEFAULT:
            TRY(sql_add(w->out, "(f%d.retired_s is null and f%d.content_status = 'good' and f%d.n_places > 0)", alias,
                        alias, alias));
            break;
        case AVAILABLE_PHYSICAL:
        case AVAILABLE_VIRTUAL:
            TRY(sql_add(w->out, "(f%d.retired_s is null and f%d.n_places %s 0)", alias, alias,
                        i == AVAILABLE_PHYSICAL ? ">" : "="));
            break;
        case AVAILABLE_ANYLOCATION:
            TRY(sql_add(w->out, "(f%d.retired_s is null and f%d.content_status = 'good')", alias, alias));
            break;
        case AVAILABLE_ANY: TRY(sql_add(w->out, "1 = 1")); break;
        case AVAILABLE_GOOD: TRY(sql_add(w->out, "f%d.content_status = 'good'", alias)); break;
        case AVAILABLE_BAD: TRY(sql_add(w->out, "f%d.content_status <> 'good'", alias)); break;
        case AVAILABLE_RETIRED: TRY(sql_add(w->out, "f%d.retired_s is not null", alias)); break;
        case N_AVAILABLE: break;
        }
    }
    return sql_add(w->out, ")");
}

/* ---- values -------------------------------------------------------------------------------------------------------- */
/* % and ? as the database writes them: GLOB of SQLite heeds letters' case as LIKE of PostgreSQL does. */
static enum err pattern(struct writer *w, const char *text, char **out)
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

static enum err write_like(struct writer *w, const char *column, const char *text)
{
    char *p;
    TRY(pattern(w, text, &p));
    TRY(sql_add(w->out, "%s %s ", column, w->is_pgsql ? "like" : "glob"));
    return sql_value(w->out, DB_S(p));
}

static enum err write_text(struct writer *w, const char *column, enum dimension_op op, const struct dimension_value *v)
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
static enum err write_bound(struct writer *w, const char *op, int64_t run, int64_t subrun)
{
    TRY(sql_add(w->out, subrun < 0 ? "r.run %s " : "(r.run, r.subrun) %s (", op));
    TRY(sql_value(w->out, DB_I(run)));
    if (subrun < 0) return ERR_OK;
    TRY(sql_add(w->out, ", "));
    TRY(sql_value(w->out, DB_I(subrun)));
    return sql_add(w->out, ")");
}

static enum err write_run(struct writer *w, enum dimension_op op, const struct dimension_value *v)
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
static enum err write_integer(struct writer *w, const char *column, enum dimension_op op, int64_t low, int64_t high)
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

static enum err write_real(struct writer *w, const char *column, enum dimension_op op, double x)
{
    static const char *const ops[] = {
        [OP_EQUAL] = "=", [OP_NOT] = "=", [OP_LESS] = "<", [OP_AT_MOST] = "<=", [OP_MORE] = ">", [OP_AT_LEAST] = ">="};
    TRY(sql_add(w->out, "%s %s ", column, ops[op]));
    return sql_value(w->out, DB_X(x));
}

static enum err write_value(struct writer *w, const struct dimension_node *n, const char *column,
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
    return is_number ? write_real(w, "p.number", n->op, v->low_x) : write_text(w, "p.text", n->op, v);
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

static enum err write_plain_list(struct writer *w, const struct dimension_node *n, const char *column)
{
    TRY(sql_add(w->out, "%s in (", column));
    for (size_t i = 0; i < n->n_values; i++) {
        const struct dimension_value *v = &w->q->value[n->first_value + i];
        if (i) TRY(sql_add(w->out, ", "));
        TRY(sql_value(w->out, n->name->type == TYPE_TEXT ? DB_S(v->text) : DB_I(v->low_i)));
    }
    return sql_add(w->out, ")");
}

/* Values of a list are joined by or; != and "not in" deny the whole. A long chain of "or" is more than SQLite nests. */
static enum err write_values(struct writer *w, const struct dimension_node *n, const char *column)
{
    if (is_plain_list(w->q, n)) return write_plain_list(w, n, column);
    for (size_t i = 0; i < n->n_values; i++) {
        TRY(sql_add(w->out, i ? " or (" : "("));
        TRY(write_value(w, n, column, &w->q->value[n->first_value + i]));
        TRY(sql_add(w->out, ")"));
    }
    return ERR_OK;
}

static enum err write_term(struct writer *w, const struct dimension_node *n, int alias)
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

/* ---- lineage ------------------------------------------------------------------------------------------------------- */
static enum err write_lineage(struct writer *w, const struct dimension_node *n, int alias)
{
    bool to_parents   = n->kind == DIMENSION_PARENT || n->kind == DIMENSION_ANCESTOR;
    bool is_recursive = n->kind == DIMENSION_ANCESTOR || n->kind == DIMENSION_DESCENDANT;
    const char *take = to_parents ? "parent_id" : "child_id", *from = to_parents ? "child_id" : "parent_id";
    TRY(sql_add(w->out, "f%d.id in (", alias));
    if (is_recursive)
        TRY(sql_add(w->out, "with recursive t(id) as (select l.%s from file_parents l where l.%s in (", take, from));
    else
        TRY(sql_add(w->out, "select l.%s from file_parents l where l.%s in (", take, from));
    TRY(write_select(w, n->a, (*w->next_alias)++));
    if (!is_recursive) return sql_add(w->out, "))");
    return sql_add(w->out, ") union select l.%s from file_parents l join t on l.%s = t.id) select id from t)", take,
                   from);
}

/* Not asked yet: all that the rest selects is asked about. */
static enum err write_live(struct writer *w, const struct dimension_node *n, int alias)
{
    if (!n->ids) return sql_add(w->out, "1 = 1");
    TRY(sql_add(w->out, "f%d.id in ", alias));
    return sql_id_list(w->out, n->ids, w->is_pgsql);
}

static enum err write_pair(struct writer *w, const struct dimension_node *n, const char *glue, int alias)
{
    TRY(sql_add(w->out, "("));
    TRY(write_node(w, n->a, alias));
    TRY(sql_add(w->out, "%s", glue));
    TRY(write_node(w, n->b, alias));
    return sql_add(w->out, ")");
}

static enum err write_node(struct writer *w, int index, int alias)
{
    const struct dimension_node *n = &w->q->node[index];
    switch (n->kind) {
    case DIMENSION_TERM: return write_term(w, n, alias);
    case DIMENSION_AVAILABILITY: return write_availability(w, n->availability, alias);
    case DIMENSION_AND: return write_pair(w, n, " and ", alias);
    case DIMENSION_OR: return write_pair(w, n, " or ", alias);
    case DIMENSION_MINUS: return write_pair(w, n, " and not ", alias);
    case DIMENSION_NOT: TRY(sql_add(w->out, "not ")); return write_node(w, n->a, alias);
    case DIMENSION_PARENT:
    case DIMENSION_CHILD:
    case DIMENSION_ANCESTOR:
    case DIMENSION_DESCENDANT: return write_lineage(w, n, alias);
    case DIMENSION_STALE:
    case DIMENSION_REPLACED:
    case DIMENSION_SUFFICIENT: return write_live(w, n, alias);
    case DIMENSION_WITH:
        TRY(sql_add(w->out, "f%d.id in (", alias));
        TRY(write_select(w, index, (*w->next_alias)++));
        return sql_add(w->out, ")");
    case DIMENSION_DEFINITION: break;
    }
    struct writer inner = *w;
    inner.q             = n->definition;
    TRY(sql_add(w->out, "("));
    TRY(write_node(&inner, inner.q->root, alias));
    return sql_add(w->out, ")");
}

/* ---- selects ------------------------------------------------------------------------------------------------------- */
static enum err write_plain(struct writer *w, int node, uint32_t availability, bool has_own, int alias)
{
    TRY(sql_add(w->out, " from files f%d where (", alias));
    TRY(write_node(w, node, alias));
    TRY(sql_add(w->out, ")"));
    if (has_own && !availability) return ERR_OK;
    TRY(sql_add(w->out, " and "));
    return write_availability(w, availability ? availability : 1U << AVAILABLE_DEFAULT, alias);
}

static enum err write_select(struct writer *w, int index, int alias)
{
    const struct dimension_node *n = &w->q->node[index];
    bool has_own                   = has_availability(w->q, index);
    if (n->kind != DIMENSION_WITH || (n->limit < 0 && n->offset < 0 && n->stride < 0)) {
        uint32_t bits = n->kind == DIMENSION_WITH ? n->availability : 0;
        TRY(sql_add(w->out, "select f%d.id", alias));
        return write_plain(w, n->kind == DIMENSION_WITH ? n->a : index, bits, has_own, alias);
    }
    int64_t offset = n->offset < 0 ? 0 : n->offset;
    TRY(sql_add(w->out, "select w.id from (select f%d.id, row_number() over (order by f%d.id) - 1 as place", alias,
                alias));
    TRY(write_plain(w, n->a, n->availability, has_own, alias));
    TRY(sql_add(w->out, ") w where w.place >= "));
    TRY(sql_value(w->out, DB_I(offset)));
    if (n->stride > 1) {
        TRY(sql_add(w->out, " and (w.place - "));
        TRY(sql_value(w->out, DB_I(offset)));
        TRY(sql_add(w->out, ") %% "));
        TRY(sql_value(w->out, DB_I(n->stride)));
        TRY(sql_add(w->out, " = 0"));
    }
    TRY(sql_add(w->out, " order by w.id"));
    if (n->limit < 0) return ERR_OK;
    TRY(sql_add(w->out, " limit "));
    return sql_value(w->out, DB_I(n->limit));
}

enum err dimension_select(struct dimension *query, int node, bool is_pgsql, struct sql *out)
{
    int next_alias  = 1;
    struct writer w = {query, out, is_pgsql, &next_alias};
    return write_select(&w, node, 0);
}

enum err dimension_sql(struct dimension *query, const struct dimension_lookup *lookup, bool is_pgsql, struct sql *out)
{
    TRY(dimension_define(query, lookup));
    TRY(dimension_live_resolve(query, query->root, lookup, is_pgsql));
    return dimension_select(query, query->root, is_pgsql, out);
}
