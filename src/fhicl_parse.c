/* The grammar: documents, bindings, values. One function a production; errors name the byte where they are noticed.
 *
 * Names bound in a prolog live in a table of their own: they can be referred to, and are no part of the result. A body
 * binding to such a name starts a new value; what the prolog bound below that name is gone. */
#include "fhicl_lex.h"
#include "mem.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* ---- references ----------------------------------------------------------------------------------------------------- */

/* The prolog's value of a path's first name, NULL if it has none. */
static struct fhicl *prolog_member(const struct parser *p, const char *path)
{
    size_t n = strcspn(path, ".[");
    for (size_t i = 0; i < p->prolog->n; i++) {
        struct fhicl *v = p->prolog->child[i];
        if (strlen(v->key) == n && memcmp(v->key, path, n) == 0) return v;
    }
    return NULL;
}

/* The name right behind "::", and what it means. */
static enum err reference(struct parser *p, const struct fhicl **out)
{
    char name[NAME_SIZE];
    size_t from = p->at;
    if (!p->body) FAIL_AT(p, from, "references are not possible here");
    TRY(fhicl_lex_qualified_name(p, name));
    struct fhicl *where = prolog_member(p, name) ? p->prolog : p->body;
    return fhicl_lex_placed(p, from, "reference", fhicl_find(where, name, out));
}

static enum err local(struct parser *p, struct fhicl **out)
{
    const struct fhicl *found;
    char origin[ORIGIN_SIZE];
    size_t from = p->at;
    p->at += strlen("@local::");
    TRY(reference(p, &found));
    TRY(fhicl_lex_placed(p, from, "@local", fhicl_make_copy(found, &p->budget, out)));
    fhicl_unprotect(*out);
    fhicl_lex_origin(p, from, origin);
    enum err rc = fhicl_set_origin(*out, origin);
    if (!rc) return ERR_OK;
    fhicl_free(*out);
    *out = NULL;
    return rc;
}

/* @table::name or @sequence::name: what the members of the named value are. */
static enum err splice_source(struct parser *p, enum fhicl_kind kind, const struct fhicl **out)
{
    size_t from = p->at;
    p->at += strlen(kind == FHICL_TABLE ? "@table::" : "@sequence::");
    TRY(reference(p, out));
    if ((*out)->kind != kind)
        FAIL_AT(p, from, "what is named here is a %s (%s), no %s", fhicl_kind_name((*out)->kind), fhicl_origin(*out),
                fhicl_kind_name(kind));
    return ERR_OK;
}
static enum err at_word(struct parser *p, struct fhicl **out)
{
    size_t from = p->at;
    if (fhicl_lex_take_keyword(p, "@nil")) {
        TRY(fhicl_atom_end(p, ""));
        return fhicl_lex_make(p, from, FHICL_NIL, "@nil", out);
    }
    if (fhicl_lex_starts(p, "@local::")) return local(p, out);
    if (fhicl_lex_starts(p, "@id::")) return fhicl_atom_id(p, out);
    if (fhicl_lex_starts(p, "@db::")) FAIL_AT(p, from, "@db:: is not implemented");
    if (fhicl_lex_starts(p, "@table::"))
        FAIL_AT(p, from, "@table:: stands in a table or document; a value is @local::");
    if (fhicl_lex_starts(p, "@sequence::")) FAIL_AT(p, from, "@sequence:: stands in a sequence; a value is @local::");
    if (fhicl_lex_starts(p, "@erase")) FAIL_AT(p, from, "@erase stands right behind the ':' of a binding");
    FAIL_AT(p, from,
            "unknown word after '@': known are @nil, @local::name, @table::name, @sequence::name, @id::, "
            "@erase");
}

/* ---- sequences, tables ---------------------------------------------------------------------------------------------- */

static enum err value(struct parser *p, struct fhicl **out);

/* Copies the children of one value for another place; each is handed to `take`. */
static enum err splice(struct parser *p, enum fhicl_kind kind, struct fhicl *into,
                       enum err (*take)(struct parser *, struct fhicl *, const char *, struct fhicl *))
{
    const struct fhicl *from;
    struct fhicl *copy = NULL, *child;
    char origin[ORIGIN_SIZE];
    size_t at = p->at;
    enum err rc;
    TRY(splice_source(p, kind, &from));
    fhicl_lex_origin(p, at, origin);
    /* a copy first: binding may replace what is copied from */
    TRY(fhicl_lex_placed(p, at, "splice", fhicl_make_copy(from, &p->budget, &copy)));
    fhicl_unprotect(copy);
    rc = ERR_OK;
    for (size_t i = 0; i < copy->n && !rc; i++) {
        child          = copy->child[i];
        copy->child[i] = NULL;
        rc             = fhicl_set_origin(child, origin);
        if (rc) {
            fhicl_free(child);
        } else {
            char *key  = child->key;
            child->key = NULL;
            rc         = fhicl_lex_placed(p, at, "splice", take(p, into, key, child));
            mem_free(key);
        }
    }
    fhicl_free(copy);
    return rc;
}

static enum err take_element(struct parser *p, struct fhicl *into, const char *key, struct fhicl *child)
{
    (void)p, (void)key;
    return fhicl_append(into, NULL, child);
}

static enum err take_member(struct parser *p, struct fhicl *into, const char *key, struct fhicl *child)
{
    (void)p;
    return fhicl_bind(into, key, child);
}

static enum err element(struct parser *p, struct fhicl *sequence)
{
    fhicl_lex_skip(p);
    if (fhicl_lex_starts(p, "@sequence::")) return splice(p, FHICL_SEQUENCE, sequence, take_element);
    struct fhicl *v;
    size_t from = p->at;
    if (fhicl_lex_peek(p) == ']') FAIL_AT(p, from, "a value is wanted: no ',' may stand before ']'");
    TRY(value(p, &v));
    return fhicl_lex_placed(p, from, "sequence", fhicl_append(sequence, NULL, v));
}

static enum err elements(struct parser *p, struct fhicl *sequence, size_t start)
{
    for (bool is_first = true;; is_first = false) {
        fhicl_lex_skip(p);
        if (p->at >= p->end) FAIL_AT(p, start, "this '[' is never closed");
        if (fhicl_lex_peek(p) == ']') break;
        if (!is_first) TRY(fhicl_lex_expect(p, ',', "',' or ']'"));
        TRY(element(p, sequence));
    }
    p->at++;
    return ERR_OK;
}

/* Behind a name: the optional protection, and the colon. */
static enum err binding(struct parser *p, enum fhicl_protection *out)
{
    fhicl_lex_skip(p);
    *out = fhicl_lex_take_keyword(p, "@protect_ignore")  ? FHICL_PROTECT_IGNORE
           : fhicl_lex_take_keyword(p, "@protect_error") ? FHICL_PROTECT_ERROR
                                                         : FHICL_OPEN;
    TRY(fhicl_lex_expect(p, ':', "':'"));
    fhicl_lex_skip(p);
    return ERR_OK;
}

static enum err protected_value(struct parser *p, enum fhicl_protection protection, const char *name,
                                struct fhicl **out)
{
    size_t from = p->at;
    TRY(value(p, out));
    if (!protection) return ERR_OK;
    enum err rc = fhicl_lex_placed(p, from, "protection", fhicl_protect(*out, protection, name));
    if (rc) fhicl_free(*out);
    return rc;
}

static enum err member(struct parser *p, struct fhicl *table)
{
    if (fhicl_lex_starts(p, "@table::")) return splice(p, FHICL_TABLE, table, take_member);
    char name[NAME_SIZE] = "";
    enum fhicl_protection protection;
    struct fhicl *v;
    size_t from = p->at;
    TRY(fhicl_lex_simple_name(p, name, "a name or '}'"));
    fhicl_lex_skip(p);
    if (fhicl_lex_peek(p) == '.' || fhicl_lex_peek(p) == '[')
        FAIL_AT(p, p->at, "dotted and indexed names stand only outside of { }");
    TRY(binding(p, &protection));
    if (!protection && fhicl_lex_take_keyword(p, "@erase"))
        return fhicl_lex_placed(p, from, "erasing", fhicl_erase_path(table, name));
    TRY(protected_value(p, protection, name, &v));
    return fhicl_lex_placed(p, from, "assignment", fhicl_bind(table, name, v));
}

static enum err members(struct parser *p, struct fhicl *table, size_t start)
{
    for (;;) {
        fhicl_lex_skip(p);
        if (p->at >= p->end) FAIL_AT(p, start, "this '{' is never closed");
        if (fhicl_lex_peek(p) == '}') break;
        if (fhicl_lex_peek(p) == ',') FAIL_AT(p, p->at, "members of a table are not separated by ','");
        TRY(member(p, table));
    }
    p->at++;
    return ERR_OK;
}

static enum err container(struct parser *p, enum fhicl_kind kind, struct fhicl **out)
{
    size_t start = p->at++;
    if (p->depth >= FHICL_MAX_DEPTH) FAIL_AT(p, start, "values are nested more than %d deep", FHICL_MAX_DEPTH);
    TRY(fhicl_lex_make(p, start, kind, NULL, out));
    p->depth++;
    enum err rc = kind == FHICL_TABLE ? members(p, *out, start) : elements(p, *out, start);
    p->depth--;
    if (!rc) return ERR_OK;
    fhicl_free(*out);
    *out = NULL;
    return rc;
}

static enum err value(struct parser *p, struct fhicl **out)
{
    *out = NULL;
    switch (fhicl_lex_peek(p)) {
    case '"':
    case '\'': return fhicl_atom_quoted(p, out);
    case '(': return fhicl_atom_complex(p, out);
    case '[': return container(p, FHICL_SEQUENCE, out);
    case '{': return container(p, FHICL_TABLE, out);
    case '@': return at_word(p, out);
    default: return fhicl_atom_plain(p, out);
    }
}

/* ---- documents ------------------------------------------------------------------------------------------------------ */

/* Binds at the top: in a prolog into its table; in the body, where the prolog's value of the first name goes. */
static enum err bind_top(struct parser *p, const char *path, struct fhicl *v)
{
    if (p->is_in_prolog) return fhicl_bind_path(p->prolog, path, v, &p->budget);
    struct fhicl *hidden = prolog_member(p, path);
    if (hidden) {
        char first[NAME_SIZE];
        snprintf(first, sizeof first, "%s", hidden->key);
        fhicl_unprotect(hidden);
        fhicl_remove(p->prolog, first);
    }
    return fhicl_bind_path(p->body, path, v, &p->budget);
}

static enum err take_top(struct parser *p, struct fhicl *into, const char *key, struct fhicl *child)
{
    (void)into;
    return bind_top(p, key, child);
}

static enum err item(struct parser *p)
{
    char name[NAME_SIZE];
    enum fhicl_protection protection;
    struct fhicl *v;
    size_t from = p->at;
    if (fhicl_lex_starts(p, "@table::")) return splice(p, FHICL_TABLE, NULL, take_top);
    TRY(fhicl_lex_qualified_name(p, name));
    TRY(binding(p, &protection));
    if (!protection && fhicl_lex_take_keyword(p, "@erase"))
        return fhicl_lex_placed(p, from, "erasing", fhicl_erase_path(p->is_in_prolog ? p->prolog : p->body, name));
    TRY(protected_value(p, protection, name, &v));
    return fhicl_lex_placed(p, from, "assignment", bind_top(p, name, v));
}

static enum err prolog(struct parser *p, size_t start)
{
    p->is_in_prolog = true;
    for (;;) {
        fhicl_lex_skip(p);
        if (p->at >= p->end) FAIL_AT(p, start, "this prolog is never closed by END_PROLOG");
        if (fhicl_lex_take_keyword(p, "END_PROLOG")) break;
        if (fhicl_lex_starts(p, "BEGIN_PROLOG")) FAIL_AT(p, p->at, "prologs cannot be nested");
        TRY(item(p));
    }
    p->is_in_prolog = false;
    return ERR_OK;
}

static enum err document(struct parser *p)
{
    bool has_items = false;
    for (;;) {
        fhicl_lex_skip(p);
        size_t start = p->at;
        if (p->at >= p->end) return ERR_OK;
        if (fhicl_lex_take_keyword(p, "END_PROLOG")) FAIL_AT(p, start, "END_PROLOG without BEGIN_PROLOG");
        if (fhicl_lex_take_keyword(p, "BEGIN_PROLOG")) {
            if (has_items) FAIL_AT(p, start, "prologs must stand together, before all else");
            TRY(prolog(p, start));
        } else {
            has_items = true;
            TRY(item(p));
        }
    }
}

struct chain {
    struct fhicl_source *source;
    struct parser parser;
};

static enum err begin(struct chain *c)
{
    memset(c, 0, sizeof *c);
    enum err rc;
    TRY(fhicl_source_create(&c->source));
    c->parser.source = c->source;
    c->parser.budget = FHICL_MAX_VALUES;
    TRY_TO(fail, fhicl_make(FHICL_TABLE, NULL, "", NULL, &c->parser.body));
    TRY_TO(fail, fhicl_make(FHICL_TABLE, NULL, "", NULL, &c->parser.prolog));
    return ERR_OK;
fail:
    fhicl_free(c->parser.body);
    fhicl_source_free(c->source);
    return rc;
}

/* Parses what the source has gained. */
static enum err parse_added(struct chain *c)
{
    c->parser.text = fhicl_source_text(c->source, &c->parser.end);
    return document(&c->parser);
}

static enum err finish(struct chain *c, enum err rc, struct fhicl **out)
{
    fhicl_free(c->parser.prolog);
    fhicl_source_free(c->source);
    if (rc) {
        fhicl_free(c->parser.body);
        c->parser.body = NULL;
    } else {
        fhicl_unprotect(c->parser.body);
    }
    *out = c->parser.body;
    return rc;
}

/* Files of "a.fcl;b.fcl", blanks around the names left out. */
static enum err read_files(struct chain *c, const char *names)
{
    char name[PATH_MAX];
    int n_files = 0;
    for (const char *p = names;;) {
        p += strspn(p, " \t;");
        size_t n = strcspn(p, ";");
        if (n == 0) break;
        REQUIRE(n < sizeof name, ERR_OPEN, "the name of a configuration is longer than %d characters", PATH_MAX);
        memcpy(name, p, n);
        p += n;
        while (n && (name[n - 1] == ' ' || name[n - 1] == '\t')) n--;
        name[n] = 0;
        TRY(fhicl_source_add_file(c->source, name));
        TRY(parse_added(c));
        n_files++;
    }
    REQUIRE(n_files, ERR_OPEN, "no configuration is named in \"%s\"", names);
    return fhicl_set_origin(c->parser.body, names);
}

enum err fhicl_read(const char *path, struct fhicl **out)
{
    struct chain c;
    *out = NULL;
    TRY(begin(&c));
    return finish(&c, read_files(&c, path), out);
}

static enum err parse_text(const char *text, size_t length, const char *name, bool is_annotated, struct fhicl **out)
{
    struct chain c;
    *out = NULL;
    TRY(begin(&c));
    c.parser.is_annotated = is_annotated;
    enum err rc           = fhicl_source_add_text(c.source, text, length, name);
    if (!rc) rc = parse_added(&c);
    if (!rc) rc = fhicl_set_origin(c.parser.body, name);
    return finish(&c, rc, out);
}

enum err fhicl_parse(const char *text, size_t length, const char *name, struct fhicl **out)
{
    return parse_text(text, length, name, false, out);
}

enum err fhicl_parse_annotated(const char *text, const char *name, struct fhicl **out)
{
    return parse_text(text, strlen(text), name, true, out);
}

enum err fhicl_parse_expression(const char *text, const char *origin, struct fhicl **out)
{
    struct fhicl_source *source;
    *out = NULL;
    TRY(fhicl_source_create(&source));
    struct parser p = {.source = source, .origin = origin, .budget = FHICL_MAX_VALUES};
    enum err rc     = fhicl_source_add_text(source, text, strlen(text), origin);
    p.text          = fhicl_source_text(source, &p.end);
    fhicl_lex_skip(&p);
    if (!rc) rc = value(&p, out);
    fhicl_lex_skip(&p);
    if (!rc && p.at < p.end) rc = fhicl_lex_unexpected(&p, "nothing after the value");
    fhicl_source_free(source);
    if (rc) fhicl_free(*out);
    if (rc) *out = NULL;
    return rc;
}
