/* The parser of SAM's dimension language: recursive descent, a function a level of precedence. */
#include "dimension_internal.h"

#include "cfg.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_DEPTH = 60, MAX_QUERY = 4 << 20, MAX_NAMES = 64, MAX_NODES = DIMENSION_MAX_NODES };

static const char *const availabilities[N_AVAILABLE + 1] = {
    [AVAILABLE_DEFAULT]     = "default",
    [AVAILABLE_PHYSICAL]    = "physical",
    [AVAILABLE_VIRTUAL]     = "virtual",
    [AVAILABLE_ANYLOCATION] = "anylocation",
    [AVAILABLE_ANY]         = "any",
    [AVAILABLE_GOOD]        = "good",
    [AVAILABLE_BAD]         = "bad",
    [AVAILABLE_RETIRED]     = "retired",
    [N_AVAILABLE]           = NULL,
};

/* ---- memory -------------------------------------------------------------------------------------------------------- */
enum err dimension_keep(struct dimension *q, const char *text, size_t n, char **out)
{
    if (q->n_strings == q->string_capacity) {
        size_t wanted = 2 * q->string_capacity + 16;
        TRY(mem_resize(&q->string, q->string_capacity, wanted, sizeof *q->string));
        q->string_capacity = wanted;
    }
    TRY(mem_alloc(out, n + 1, 1));
    memcpy(*out, text, n);
    q->string[q->n_strings++] = *out;
    return ERR_OK;
}

static enum err add_node(struct dimension *q, struct dimension_node node, int *out)
{
    if (q->n_nodes == q->node_capacity) {
        size_t wanted = 2 * q->node_capacity + 16;
        TRY(mem_resize(&q->node, q->node_capacity, wanted, sizeof *q->node));
        q->node_capacity = wanted;
    }
    if (q->n_nodes == MAX_NODES)
        return dimension_fault(q->text, node.at, "more than %d terms; use lists, ranges or a definition", MAX_NODES);
    *out                  = (int)q->n_nodes;
    q->node[q->n_nodes++] = node;
    return ERR_OK;
}

static enum err add_value(struct dimension *q, struct dimension_value value)
{
    if (q->n_values == q->value_capacity) {
        size_t wanted = 2 * q->value_capacity + 16;
        TRY(mem_resize(&q->value, q->value_capacity, wanted, sizeof *q->value));
        q->value_capacity = wanted;
    }
    q->value[q->n_values++] = value;
    return ERR_OK;
}

void dimension_free(struct dimension *q)
{
    if (!q) return;
    for (size_t i = 0; i < q->n_nodes; i++) dimension_free(q->node[i].definition);
    for (size_t i = 0; i < q->n_strings; i++) mem_free(q->string[i]);
    mem_free(q->node);
    mem_free(q->value);
    mem_free(q->string);
    mem_free(q->text);
    mem_free(q);
}

/* ---- terms --------------------------------------------------------------------------------------------------------- */
static enum err take_value(struct dimension_parser *p, const struct dimension_name *name)
{
    const char *text         = p->q->text;
    struct dimension_token t = p->next;
    struct dimension_value v = {.is_quoted = t.kind == TOKEN_QUOTED, .at = t.at};
    if (t.kind != TOKEN_WORD && t.kind != TOKEN_QUOTED)
        return dimension_fault(text, t.at, "a value of %s is expected here", name->name);
    TRY(dimension_keep(p->q, t.text, t.n, &v.text));
    bool is_range = v.is_quoted && text[p->pos] == '-' && (text[p->pos + 1] == '\'' || text[p->pos + 1] == '"');
    if (is_range) {
        p->pos++;
        TRY(dimension_token_next(p));
        TRY(dimension_keep(p->q, p->next.text, p->next.n, &v.high));
    }
    TRY(dimension_value_read(text, name, &v));
    TRY(add_value(p->q, v));
    return dimension_token_next(p);
}

static enum err take_op(struct dimension_parser *p, enum dimension_op *op, bool *is_list)
{
    static const struct {
        const char *text;
        enum dimension_op op;
    } ops[]     = {{"=", OP_EQUAL},    {"==", OP_EQUAL}, {"!=", OP_NOT},      {"<>", OP_NOT},
                   {"<=", OP_AT_MOST}, {"<", OP_LESS},   {">=", OP_AT_LEAST}, {">", OP_MORE}};
    bool is_not = dimension_token_is(&p->next, "not");
    size_t at   = p->next.at;
    *op         = OP_EQUAL;
    *is_list    = false;
    if (p->next.kind == TOKEN_OP) {
        size_t i = 0, n = sizeof ops / sizeof ops[0];
        while (i < n && (strlen(ops[i].text) != p->next.n || strncmp(ops[i].text, p->next.text, p->next.n) != 0)) i++;
        if (i == n) return dimension_fault(p->q->text, at, "accepted are = != < <= > >= like, not like, in, not in");
        *op = ops[i].op;
        return dimension_token_next(p);
    }
    if (is_not) TRY(dimension_token_next(p));
    if (dimension_token_is(&p->next, "like")) {
        *op = is_not ? OP_NOT_LIKE : OP_LIKE;
        return dimension_token_next(p);
    }
    if (dimension_token_is(&p->next, "in")) {
        *op      = is_not ? OP_NOT : OP_EQUAL;
        *is_list = true;
        return dimension_token_next(p);
    }
    if (is_not) return dimension_fault(p->q->text, p->next.at, "after \"not\" here: like or in");
    return ERR_OK;
}

static bool is_joint(const struct dimension_token *t)
{
    static const char *const joints[] = {"and", "or", "minus", "intersect", "union", "with"};
    for (size_t i = 0; i < sizeof joints / sizeof joints[0]; i++)
        if (dimension_token_is(t, joints[i])) return true;
    return false;
}

static enum err unknown_name(const struct dimension_parser *p)
{
    char word[64];
    const char *list[MAX_NAMES];
    size_t n = 0;
    snprintf(word, sizeof word, "%.*s", (int)p->next.n, p->next.text);
    if (is_joint(&p->next))
        return dimension_fault(p->q->text, p->next.at, "\"%s\" stands between two terms; one is missing before it",
                               word);
    while (n < MAX_NAMES && dimension_name(n)) {
        list[n] = dimension_name(n);
        n++;
    }
    const char *near = cfg_nearest(word, list, n);
    if (near)
        return dimension_fault(p->q->text, p->next.at, "there is no dimension \"%s\"; did you mean %s?", word, near);
    return dimension_fault(
        p->q->text, p->next.at,
        "there is no dimension \"%s\" ('gm2 files --help' lists them); a parameter has a point in its "
        "name",
        word);
}

static enum err take_term(struct dimension_parser *p, int *out)
{
    struct dimension_node node = {.kind = DIMENSION_TERM, .a = -1, .b = -1, .at = p->next.at};
    if (p->next.kind != TOKEN_WORD)
        return dimension_fault(p->q->text, p->next.at,
                               "a dimension (data_tier, run_number, ...), \"not\" or \"(\" is expected here");
    node.name = dimension_name_find(p->next.text, p->next.n);
    if (!node.name) return unknown_name(p);
    if (node.name->place == PLACE_PARAMETER) {
        char *name;
        TRY(dimension_keep(p->q, p->next.text, p->next.n, &name));
        node.parameter = name;
    }
    TRY(dimension_token_next(p));
    bool is_list, has_open = false;
    TRY(take_op(p, &node.op, &is_list));
    if (p->next.kind == TOKEN_OPEN) {
        has_open = true;
        TRY(dimension_token_next(p));
    }
    node.first_value = p->q->n_values;
    TRY(take_value(p, node.name));
    while (p->next.kind == TOKEN_COMMA) {
        if (node.op != OP_EQUAL && node.op != OP_NOT)
            return dimension_fault(p->q->text, p->next.at, "a list goes with =, !=, in and not in");
        TRY(dimension_token_next(p));
        TRY(take_value(p, node.name));
    }
    node.n_values = p->q->n_values - node.first_value;
    if (has_open) TRY(dimension_token_expect(p, TOKEN_CLOSE, "\")\" after the list"));
    const struct dimension_value *v = &p->q->value[node.first_value];
    bool is_order = node.op == OP_LESS || node.op == OP_AT_MOST || node.op == OP_MORE || node.op == OP_AT_LEAST;
    bool is_range = v->high || (node.name->type == TYPE_INT && v->low_i != v->high_i) ||
                    (v->is_number && v->low_x < v->high_x) ||
                    (node.name->type == TYPE_RUN && (v->low_i != v->high_i || v->low_s != v->high_s));
    if (is_order && is_range) return dimension_fault(p->q->text, v->at, "a range goes with =, !=, in and not in");
    bool is_like = node.op == OP_LIKE || node.op == OP_NOT_LIKE;
    if (is_like && node.name->type != TYPE_TEXT && node.name->type != TYPE_PARAMETER)
        return dimension_fault(p->q->text, v->at, "like is for texts; %s is none", node.name->name);
    return add_node(p->q, node, out);
}

/* ---- availability, with -------------------------------------------------------------------------------------------- */
static enum err take_availability(struct dimension_parser *p, uint32_t *bits)
{
    for (;;) {
        size_t i = 0;
        while (i < N_AVAILABLE && !dimension_token_is(&p->next, availabilities[i])) i++;
        if (i == N_AVAILABLE)
            return dimension_fault(
                p->q->text, p->next.at,
                "availability is default, physical, virtual, anylocation, any, good, bad or retired");
        *bits |= 1U << i;
        TRY(dimension_token_next(p));
        if (p->next.kind != TOKEN_COMMA) return ERR_OK;
        TRY(dimension_token_next(p));
    }
}

static enum err take_count(struct dimension_parser *p, const char *what, int64_t least, int64_t *out)
{
    char copy[24] = "", *end = copy;
    struct dimension_token t = p->next;
    if (t.kind == TOKEN_WORD && t.n < sizeof copy) {
        memcpy(copy, t.text, t.n);
        *out = strtoll(copy, &end, 10);
    }
    if (end == copy || *end || *out < least)
        return dimension_fault(p->q->text, t.at, "%s needs a whole number, at least %lld", what, (long long)least);
    return dimension_token_next(p);
}

static enum err take_with(struct dimension_parser *p, int *node)
{
    struct dimension_node w = {.kind = DIMENSION_WITH, .a = *node, .b = -1, .at = p->next.at};
    w.limit = w.offset = w.stride = -1;
    size_t n_taken                = 0;
    TRY(dimension_token_next(p));
    for (;; n_taken++) {
        bool is_limit = dimension_token_is(&p->next, "limit"), is_offset = dimension_token_is(&p->next, "offset");
        bool is_stride    = dimension_token_is(&p->next, "stride"),
             is_available = dimension_token_is(&p->next, "availability");
        if (!is_limit && !is_offset && !is_stride && !is_available) break;
        TRY(dimension_token_next(p));
        if (is_available)
            TRY(take_availability(p, &w.availability));
        else if (is_limit)
            TRY(take_count(p, "limit", 0, &w.limit));
        else if (is_offset)
            TRY(take_count(p, "offset", 0, &w.offset));
        else
            TRY(take_count(p, "stride", 1, &w.stride));
    }
    if (n_taken == 0)
        return dimension_fault(p->q->text, p->next.at,
                               "after \"with\": limit N, offset N, stride N or availability WORD");
    return add_node(p->q, w, node);
}

/* ---- combining ----------------------------------------------------------------------------------------------------- */
static enum err take_query(struct dimension_parser *p, int *out);

static enum err take_special(struct dimension_parser *p, int *out)
{
    struct dimension_node node = {.a = -1, .b = -1, .at = p->next.at};
    node.kind                  = dimension_token_special(&p->next);
    TRY(dimension_token_next(p));
    if (node.kind == DIMENSION_AVAILABILITY) {
        TRY(take_availability(p, &node.availability));
    } else if (node.kind == DIMENSION_DEFINITION) {
        if (p->next.kind != TOKEN_WORD && p->next.kind != TOKEN_QUOTED)
            return dimension_fault(p->q->text, p->next.at, "the name of a definition is expected here");
        char *name;
        TRY(dimension_keep(p->q, p->next.text, p->next.n, &name));
        node.parameter = name;
        TRY(dimension_token_next(p));
    } else if (node.kind == DIMENSION_STALE || node.kind == DIMENSION_REPLACED) {
        TRY(dimension_live_take(p, &node));
    } else {
        if (node.kind == DIMENSION_SUFFICIENT) TRY(dimension_live_take(p, &node));
        TRY(dimension_token_expect(p, TOKEN_OPEN, "\"(\""));
        TRY(take_query(p, &node.a));
        TRY(dimension_token_expect(p, TOKEN_CLOSE, "\")\", or and, or, minus, intersect, union, with"));
    }
    return add_node(p->q, node, out);
}

static enum err take_not(struct dimension_parser *p, int *out)
{
    if (++p->depth > MAX_DEPTH)
        return dimension_fault(p->q->text, p->next.at, "the query is nested deeper than %d", MAX_DEPTH);
    enum err rc;
    if (dimension_token_is(&p->next, "not")) {
        struct dimension_node node = {.kind = DIMENSION_NOT, .b = -1, .at = p->next.at};
        TRY(dimension_token_next(p));
        TRY(take_not(p, &node.a));
        rc = add_node(p->q, node, out);
    } else if (p->next.kind == TOKEN_OPEN) {
        TRY(dimension_token_next(p));
        TRY(take_query(p, out));
        rc = dimension_token_expect(p, TOKEN_CLOSE, "\")\", or and, or, minus, intersect, union, with");
    } else if (p->next.kind == TOKEN_SPECIAL) {
        rc = take_special(p, out);
    } else {
        rc = take_term(p, out);
    }
    p->depth--;
    return rc;
}

static enum err take_and(struct dimension_parser *p, int *out)
{
    TRY(take_not(p, out));
    while (dimension_token_is(&p->next, "and")) {
        struct dimension_node node = {.kind = DIMENSION_AND, .a = *out, .at = p->next.at};
        TRY(dimension_token_next(p));
        TRY(take_not(p, &node.b));
        TRY(add_node(p->q, node, out));
    }
    return ERR_OK;
}

static enum err take_or(struct dimension_parser *p, int *out)
{
    TRY(take_and(p, out));
    while (dimension_token_is(&p->next, "or")) {
        struct dimension_node node = {.kind = DIMENSION_OR, .a = *out, .at = p->next.at};
        TRY(dimension_token_next(p));
        TRY(take_and(p, &node.b));
        TRY(add_node(p->q, node, out));
    }
    return ERR_OK;
}

static enum err take_query(struct dimension_parser *p, int *out)
{
    static const struct {
        const char *word;
        enum dimension_kind kind;
    } sets[] = {{"minus", DIMENSION_MINUS}, {"intersect", DIMENSION_AND}, {"union", DIMENSION_OR}};
    TRY(take_or(p, out));
    for (size_t i = 0; i < 3;) {
        if (!dimension_token_is(&p->next, sets[i].word)) {
            i++;
            continue;
        }
        struct dimension_node node = {.kind = sets[i].kind, .a = *out, .at = p->next.at};
        TRY(dimension_token_next(p));
        TRY(take_or(p, &node.b));
        TRY(add_node(p->q, node, out));
        i = 0;
    }
    if (dimension_token_is(&p->next, "with")) TRY(take_with(p, out));
    return ERR_OK;
}

static enum err parse(struct dimension *q)
{
    struct dimension_parser p = {.q = q};
    for (const char *c = q->text; *c; c++)
        if ((unsigned char)*c >= 128) return dimension_fault(q->text, (size_t)(c - q->text), "only ASCII is accepted");
    TRY(dimension_token_next(&p));
    TRY(take_query(&p, &q->root));
    if (p.next.kind != TOKEN_END)
        return dimension_fault(q->text, p.next.at,
                               "and, or, minus, intersect, union, with or the end is expected here");
    return ERR_OK;
}

enum err dimension_parse(const char *text, struct dimension **out)
{
    struct dimension *q;
    *out = NULL;
    REQUIRE(strlen(text) < MAX_QUERY, ERR_PARSE, "the query is longer than %d bytes", MAX_QUERY);
    TRY(mem_alloc(&q, 1, sizeof *q));
    q->text     = mem_string(text);
    enum err rc = q->text ? parse(q) : ERR_MEMORY;
    if (rc) {
        dimension_free(q);
        return rc;
    }
    *out = q;
    return ERR_OK;
}
