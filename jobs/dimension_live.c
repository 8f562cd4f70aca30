/* Terms that are answered by more than the catalogue's tables (stale: and the like): asked before the SQL is written, which then
 * holds the answer as a list. Only files that the rest of the query selects are asked about, where that can be said. */
#include "dimension_internal.h"

#include "mem.h"

#include <string.h>

enum { MAX_LIVE = 64 };

struct live {
    const struct dimension_lookup *lookup;
    bool is_pgsql;
    size_t n;
    struct {
        struct dimension *q;
        int node;
        bool is_narrow; /* a file that the term selects is not selected without it: the rest can be asked first */
    } one[MAX_LIVE];
};

/* ---- reading ------------------------------------------------------------------------------------------------------- */
enum err dimension_live_take(struct dimension_parser *p, struct dimension_node *node)
{
    struct sql list = {0};
    char *copy      = NULL;
    enum err rc     = ERR_OK;
    for (bool is_more = true; is_more && !rc;) {
        if (p->next.kind != TOKEN_WORD && p->next.kind != TOKEN_QUOTED)
            rc = dimension_fault(p->q->text, p->next.at,
                                 "a tag of constants, TAG or TAG@DATABASE, or campaign:NAME is expected here");
        if (!rc) rc = sql_add(&list, "%s%.*s", list.n ? "," : "", (int)p->next.n, p->next.text);
        if (!rc) rc = dimension_token_next(p);
        is_more = p->next.kind == TOKEN_COMMA;
        if (is_more && !rc) rc = dimension_token_next(p);
    }
    if (!rc) rc = dimension_keep(p->q, list.text, list.n, &copy);
    node->parameter = copy;
    sql_free(&list);
    if (rc) return rc;
    const char *database = strchr(copy, '@');
    REQUIRE(!database || !db_url_holds_secret(database + 1), ERR_OPTION,
            "a query holds a database's password: write none, ~/.pgpass has it");
    return ERR_OK;
}

/* ---- asking -------------------------------------------------------------------------------------------------------- */
bool dimension_is_live(const struct dimension *q)
{
    for (size_t i = 0; i < q->n_nodes; i++) {
        const struct dimension_node *n = &q->node[i];
        if (n->kind == DIMENSION_STALE || n->kind == DIMENSION_REPLACED || n->kind == DIMENSION_SUFFICIENT) return true;
        if (n->definition && dimension_is_live(n->definition)) return true;
    }
    return false;
}

static enum err answer(const struct live *l, struct dimension *q, struct dimension_node *node, struct sql *scope)
{
    static const enum dimension_live kinds[] = {[DIMENSION_STALE]      = DIMENSION_LIVE_STALE,
                                                [DIMENSION_REPLACED]   = DIMENSION_LIVE_REPLACED,
                                                [DIMENSION_SUFFICIENT] = DIMENSION_LIVE_SUFFICIENT};
    char *ids                                = NULL;
    int64_t n_scope                          = 0;
    if (!l->lookup || !l->lookup->live)
        return dimension_fault(q->text, node->at, "this can be asked of a catalogue only");
    enum err rc = l->lookup->live(l->lookup->context, kinds[node->kind], node->parameter, scope, &ids, &n_scope);
    if (rc) return dimension_point(rc, q->text, node->at, "%s", node->parameter);
    node->is_scope_empty = n_scope == 0;
    rc                   = dimension_keep(q, ids, strlen(ids), &node->ids);
    mem_free(ids);
    return rc;
}

static enum err inner_select(const struct live *l, struct dimension *q, int index)
{
    return dimension_live_resolve(q, index, l->lookup, l->is_pgsql);
}

static enum err sufficient(const struct live *l, struct dimension *q, struct dimension_node *node)
{
    struct sql scope = {0};
    if (node->ids) return ERR_OK;
    TRY(inner_select(l, q, node->a));
    enum err rc = dimension_select(q, node->a, l->is_pgsql, &scope);
    if (!rc) rc = answer(l, q, node, &scope);
    sql_free(&scope);
    return rc;
}

static enum err add(struct live *l, struct dimension *q, int index, bool is_narrow)
{
    if (q->node[index].ids) return ERR_OK;
    if (l->n == MAX_LIVE)
        return dimension_fault(q->text, q->node[index].at, "more than %d such terms in one query", MAX_LIVE);
    l->one[l->n].q           = q;
    l->one[l->n].node        = index;
    l->one[l->n++].is_narrow = is_narrow;
    return ERR_OK;
}

static enum err collect(struct live *l, struct dimension *q, int index, bool is_narrow)
{
    struct dimension_node *n = &q->node[index];
    switch (n->kind) {
    case DIMENSION_STALE:
    case DIMENSION_REPLACED: return add(l, q, index, is_narrow);
    case DIMENSION_SUFFICIENT: return sufficient(l, q, n);
    case DIMENSION_NOT: return collect(l, q, n->a, false);
    case DIMENSION_AND:
    case DIMENSION_OR: TRY(collect(l, q, n->a, is_narrow)); return collect(l, q, n->b, is_narrow);
    case DIMENSION_MINUS: TRY(collect(l, q, n->a, is_narrow)); return collect(l, q, n->b, false);
    case DIMENSION_DEFINITION: return collect(l, n->definition, n->definition->root, is_narrow);
    case DIMENSION_WITH: return inner_select(l, q, index);
    case DIMENSION_PARENT:
    case DIMENSION_CHILD:
    case DIMENSION_ANCESTOR:
    case DIMENSION_DESCENDANT: return inner_select(l, q, n->a);
    case DIMENSION_TERM:
    case DIMENSION_AVAILABILITY: break;
    }
    return ERR_OK;
}

/* Those of which nothing can be said first: then the others' answers are asked about fewer files. */
static enum err ask(struct live *l, struct dimension *q, int root)
{
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < l->n; i++) {
            struct sql scope            = {0};
            struct dimension_node *node = &l->one[i].q->node[l->one[i].node];
            if (l->one[i].is_narrow != (pass == 1) || node->ids) continue;
            enum err rc = pass == 1 ? dimension_select(q, root, l->is_pgsql, &scope)
                                    : sql_add(&scope, "select f.id from files f");
            if (!rc) rc = answer(l, l->one[i].q, node, &scope);
            sql_free(&scope);
            if (rc) return rc;
        }
    }
    return ERR_OK;
}

enum err dimension_live_resolve(struct dimension *q, int root, const struct dimension_lookup *lookup, bool is_pgsql)
{
    const struct dimension_node *n = &q->node[root];
    struct live *l;
    if (!dimension_is_live(q)) return ERR_OK;
    TRY(mem_alloc(&l, 1, sizeof *l));
    l->lookup    = lookup;
    l->is_pgsql  = is_pgsql;
    bool is_with = n->kind == DIMENSION_WITH;
    bool is_cut  = is_with && (n->limit >= 0 || n->offset >= 0 || n->stride >= 0);
    enum err rc  = collect(l, q, is_with ? n->a : root, !is_cut);
    if (!rc) rc = ask(l, q, root);
    mem_free(l);
    return rc;
}

bool dimension_is_fresh(const struct dimension *q)
{
    for (size_t i = 0; i < q->n_nodes; i++) {
        if (q->node[i].is_scope_empty) return false;
        if (q->node[i].definition && dimension_is_live(q->node[i].definition) &&
            !dimension_is_fresh(q->node[i].definition))
            return false;
    }
    return dimension_is_live(q);
}
