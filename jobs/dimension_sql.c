/* Queries as SQL. Sets of files are conditions on their ids, so minus is "and not"; only "with" needs a select of its own. */
#include "dimension_internal.h"

#include "mem.h"

#include <string.h>

/* SQLite's parser holds 100 symbols: those that are open at each place. */
enum { MAX_SYMBOLS = 50, PAIR_SYMBOLS = 3, SELECT_SYMBOLS = 20, RECURSIVE_SYMBOLS = 28 };

typedef enum err write_what(struct dimension_writer *w, int index, int alias);
static enum err write_node(struct dimension_writer *w, int index, int alias);
static enum err write_select(struct dimension_writer *w, int index, int alias);

/* A select in the place of which the name of one that is put before the query stands, where it would be too deep. */
static enum err write_deeper(struct dimension_writer *w, int n_symbols, write_what *write, int index)
{
    int depth = w->depth, alias = (*w->next_alias)++;
    size_t from   = w->out->n;
    bool is_apart = depth + n_symbols > MAX_SYMBOLS;
    w->depth      = is_apart ? n_symbols : depth + n_symbols;
    TRY(write(w, index, alias));
    w->depth = depth;
    if (!is_apart) return ERR_OK;
    TRY(sql_add(w->apart, "%s s%d(id) as (%s)", w->apart->n ? "," : "with", alias, w->out->text + from));
    w->out->n = from;
    return sql_add(w->out, "select id from s%d", alias);
}

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

static enum err write_availability(struct dimension_writer *w, uint32_t bits, int alias)
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

/* ---- lineage ------------------------------------------------------------------------------------------------------- */
static enum err write_lineage(struct dimension_writer *w, const struct dimension_node *n, int alias)
{
    bool to_parents   = n->kind == DIMENSION_PARENT || n->kind == DIMENSION_ANCESTOR;
    bool is_recursive = n->kind == DIMENSION_ANCESTOR || n->kind == DIMENSION_DESCENDANT;
    const char *take = to_parents ? "parent_id" : "child_id", *from = to_parents ? "child_id" : "parent_id";
    TRY(sql_add(w->out, "f%d.id in (", alias));
    if (is_recursive)
        TRY(sql_add(w->out, "with recursive t(id) as (select l.%s from file_parents l where l.%s in (", take, from));
    else
        TRY(sql_add(w->out, "select l.%s from file_parents l where l.%s in (", take, from));
    TRY(write_deeper(w, is_recursive ? RECURSIVE_SYMBOLS : SELECT_SYMBOLS, write_select, n->a));
    if (!is_recursive) return sql_add(w->out, "))");
    return sql_add(w->out, ") union select l.%s from file_parents l join t on l.%s = t.id) select id from t)", take,
                   from);
}

/* Not asked yet: all that the rest selects is asked about. */
static enum err write_live(struct dimension_writer *w, const struct dimension_node *n, int alias)
{
    if (!n->ids) return sql_add(w->out, "1 = 1");
    TRY(sql_add(w->out, "f%d.id in ", alias));
    return sql_id_list(w->out, n->ids, w->is_pgsql);
}

/* a and b and c: SQLite nests brackets less deep than queries have terms. */
static bool is_chain(enum dimension_kind left, enum dimension_kind kind)
{
    return (left == DIMENSION_OR) == (kind == DIMENSION_OR) &&
           (left == DIMENSION_AND || left == DIMENSION_MINUS || left == DIMENSION_OR);
}

static enum err write_chain(struct dimension_writer *w, int index, int alias)
{
    const struct dimension_node *n = &w->q->node[index];
    const char *glue = n->kind == DIMENSION_OR ? " or " : n->kind == DIMENSION_AND ? " and " : " and not ";
    if (is_chain(w->q->node[n->a].kind, n->kind))
        TRY(write_chain(w, n->a, alias));
    else
        TRY(write_node(w, n->a, alias));
    TRY(sql_add(w->out, "%s", glue));
    return write_node(w, n->b, alias);
}

static enum err write_where(struct dimension_writer *w, int index, int alias)
{
    TRY(sql_add(w->out, "select f%d.id from files f%d where ", alias, alias));
    return write_node(w, index, alias);
}

static enum err write_pair(struct dimension_writer *w, int index, int alias)
{
    bool is_apart = w->depth + PAIR_SYMBOLS > MAX_SYMBOLS;
    if (is_apart) {
        TRY(sql_add(w->out, "f%d.id in (", alias));
        TRY(write_deeper(w, SELECT_SYMBOLS, write_where, index));
    } else {
        w->depth += PAIR_SYMBOLS;
        TRY(sql_add(w->out, "("));
        TRY(write_chain(w, index, alias));
        w->depth -= PAIR_SYMBOLS;
    }
    return sql_add(w->out, ")");
}

static enum err write_not(struct dimension_writer *w, int index, int alias)
{
    bool is_not = false;
    for (; w->q->node[index].kind == DIMENSION_NOT; index = w->q->node[index].a) is_not = !is_not;
    if (is_not) TRY(sql_add(w->out, "not "));
    return write_node(w, index, alias);
}

static enum err write_node(struct dimension_writer *w, int index, int alias)
{
    const struct dimension_node *n = &w->q->node[index];
    switch (n->kind) {
    case DIMENSION_TERM: return dimension_term(w, n, alias);
    case DIMENSION_AVAILABILITY: return write_availability(w, n->availability, alias);
    case DIMENSION_AND:
    case DIMENSION_OR:
    case DIMENSION_MINUS: return write_pair(w, index, alias);
    case DIMENSION_NOT: return write_not(w, index, alias);
    case DIMENSION_PARENT:
    case DIMENSION_CHILD:
    case DIMENSION_ANCESTOR:
    case DIMENSION_DESCENDANT: return write_lineage(w, n, alias);
    case DIMENSION_STALE:
    case DIMENSION_REPLACED:
    case DIMENSION_SUFFICIENT: return write_live(w, n, alias);
    case DIMENSION_WITH:
        TRY(sql_add(w->out, "f%d.id in (", alias));
        TRY(write_deeper(w, RECURSIVE_SYMBOLS, write_select, index));
        return sql_add(w->out, ")");
    case DIMENSION_DEFINITION: break;
    }
    struct dimension_writer inner = *w;
    inner.q                       = n->definition;
    return write_node(&inner, inner.q->root, alias);
}

/* ---- selects ------------------------------------------------------------------------------------------------------- */
static enum err write_plain(struct dimension_writer *w, int node, uint32_t availability, bool has_own, int alias)
{
    TRY(sql_add(w->out, " from files f%d where (", alias));
    TRY(write_node(w, node, alias));
    TRY(sql_add(w->out, ")"));
    if (has_own && !availability) return ERR_OK;
    TRY(sql_add(w->out, " and "));
    return write_availability(w, availability ? availability : 1U << AVAILABLE_DEFAULT, alias);
}

static enum err write_select(struct dimension_writer *w, int index, int alias)
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
    int next_alias            = 1;
    struct sql apart          = {0};
    struct dimension_writer w = {query, out, &apart, is_pgsql, &next_alias, 0};
    size_t from               = out->n;
    enum err rc               = write_select(&w, node, 0);
    char *rest                = NULL;
    if (!rc && apart.n) {
        rest   = mem_string(out->text + from);
        out->n = from;
        rc     = rest ? sql_add(out, "%s %s", apart.text, rest) : ERR_MEMORY;
    }
    mem_free(rest);
    sql_free(&apart);
    return rc;
}

enum err dimension_sql(struct dimension *query, const struct dimension_lookup *lookup, bool is_pgsql, struct sql *out)
{
    TRY(dimension_define(query, lookup));
    TRY(dimension_live_resolve(query, query->root, lookup, is_pgsql));
    return dimension_select(query, query->root, is_pgsql, out);
}
