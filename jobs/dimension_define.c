/* Definitions in place of their names. */
#include "dimension_internal.h"

#include "mem.h"

enum { MAX_DEFINITIONS = 16 };

/* *n_nodes counts terms of all definitions: however they name one another, this ends. */
static enum err resolve(struct dimension *q, const struct dimension_lookup *lookup, int depth, size_t *n_nodes)
{
    *n_nodes += q->n_nodes;
    for (size_t i = 0; i < q->n_nodes; i++) {
        struct dimension_node *node = &q->node[i];
        char *text;
        if (node->kind != DIMENSION_DEFINITION || node->definition) continue;
        if (depth == MAX_DEFINITIONS)
            return dimension_fault(q->text, node->at, "definitions stand more than %d deep in one another, or go round",
                                   MAX_DEFINITIONS);
        enum err rc = lookup && lookup->find ? lookup->find(lookup->context, node->parameter, &text) : ERR_NOTFOUND;
        if (rc) return dimension_point(rc, q->text, node->at, "defname: %s", node->parameter);
        rc = dimension_parse(text, &node->definition);
        mem_free(text);
        if (!rc) rc = resolve(node->definition, lookup, depth + 1, n_nodes);
        if (rc) return err_context(rc, "definition %s", node->parameter);
        if (*n_nodes > DIMENSION_MAX_NODES)
            return dimension_fault(
                q->text, node->at,
                "with its definitions the query has more than %d terms; use lists, ranges or a snapshot",
                DIMENSION_MAX_NODES);
    }
    return ERR_OK;
}

enum err dimension_define(struct dimension *query, const struct dimension_lookup *lookup)
{
    size_t n_nodes = 0;
    return resolve(query, lookup, 0, &n_nodes);
}
