/* The grammar: documents, bindings, values. One function a production; errors name the byte where they are noticed.
 *
 * Names bound in a prolog live in a table of their own: they can be referred to, and are no part of the result. A body
 * binding to such a name starts a new value; what the prolog bound below that name is gone. */
#include "fhicl_internal.h"
#include "mem.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ORIGIN_SIZE = PATH_MAX + 32, NAME_SIZE = 1024 };

struct parser {
    const struct fhicl_source *source;
    const char *text;
    size_t at, end;
    struct fhicl *body, *prolog; /* names bound so far; NULL when references are not possible */
    bool is_in_prolog;
    const char *origin; /* of all values, NULL: file and line */
    size_t budget;
    int depth;
};

/* Ends a function with an error that shows a place in the text. */
#define FAIL_AT(p, at, ...) return fail_at((p), (at), __VA_ARGS__), ERR_PARSE

__attribute__((format(printf, 3, 4))) static void fail_at(const struct parser *p, size_t at, const char *format, ...)
{
    char cause[1600];
    va_list args;
    va_start(args, format);
    vsnprintf(cause, sizeof cause, format, args);
    va_end(args);
    (void)fhicl_source_fail(p->source, at, cause);
}

/* Gives an error that knows no place the place where it was noticed. */
static enum err placed(const struct parser *p, size_t at, const char *doing, enum err rc)
{
    char cause[1200];
    if (rc != ERR_PARSE) return rc;
    snprintf(cause, sizeof cause, "%s", err_message());
    FAIL_AT(p, at, "%s: %s", doing, cause);
}

/* ---- letters -------------------------------------------------------------------------------------------------------- */

static char peek(const struct parser *p) { return p->at < p->end ? p->text[p->at] : 0; }
static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }
static bool is_comment(const struct parser *p)
{
    return peek(p) == '#' || (peek(p) == '/' && p->at + 1 < p->end && p->text[p->at + 1] == '/');
}

static void skip(struct parser *p)
{
    for (;;) {
        while (p->at < p->end && isspace((unsigned char)p->text[p->at])) p->at++;
        if (p->at >= p->end || !is_comment(p)) return;
        while (p->at < p->end && p->text[p->at] != '\n') p->at++;
    }
}

static bool starts(const struct parser *p, const char *word)
{
    size_t n = strlen(word);
    return p->end - p->at >= n && memcmp(p->text + p->at, word, n) == 0;
}

/* A keyword that no further letter continues. */
static bool take_keyword(struct parser *p, const char *word)
{
    size_t n = strlen(word);
    if (!starts(p, word) || (p->at + n < p->end && is_word(p->text[p->at + n]))) return false;
    p->at += n;
    return true;
}

/* What stands here, for messages. */
static const char *here(const struct parser *p, char out[32])
{
    unsigned char c = (unsigned char)peek(p);
    if (p->at >= p->end) {
        snprintf(out, 32, "the end of the text");
    } else if (isgraph(c) && c < 128) {
        snprintf(out, 32, "'%c'", c);
    } else if (c >= 128) {
        snprintf(out, 32, "a byte beyond ASCII (0x%02x)", c);
    } else {
        snprintf(out, 32, "the byte 0x%02x", c);
    }
    return out;
}

static enum err unexpected(const struct parser *p, const char *wanted)
{
    char found[32];
    FAIL_AT(p, p->at, "unexpected %s, wanted is %s", here(p, found), wanted);
}

static enum err expect(struct parser *p, char c, const char *wanted)
{
    skip(p);
    if (peek(p) != c) return unexpected(p, wanted);
    p->at++;
    return ERR_OK;
}

static void place_of(const struct parser *p, size_t at, char out[ORIGIN_SIZE])
{
    if (p->origin) {
        snprintf(out, ORIGIN_SIZE, "%s", p->origin);
    } else {
        fhicl_source_origin(p->source, at, out, ORIGIN_SIZE);
    }
}

static enum err make(struct parser *p, size_t at, enum fhicl_kind kind, const char *text, struct fhicl **out)
{
    char origin[ORIGIN_SIZE];
    place_of(p, at, origin);
    return placed(p, at, "too large", fhicl_make(kind, text, origin, &p->budget, out));
}

/* ---- names ---------------------------------------------------------------------------------------------------------- */

static enum err add_to_name(const struct parser *p, size_t from, char name[NAME_SIZE])
{
    size_t n = p->at - from, used = strlen(name);
    if (used + n >= NAME_SIZE) FAIL_AT(p, from, "a name is longer than %d characters", NAME_SIZE);
    memcpy(name + used, p->text + from, n);
    name[used + n] = 0;
    return ERR_OK;
}

static enum err simple_name(struct parser *p, char name[NAME_SIZE], const char *wanted)
{
    size_t from = p->at;
    if (isdigit((unsigned char)peek(p))) FAIL_AT(p, p->at, "a name does not start with a digit");
    while (is_word(peek(p))) p->at++;
    if (p->at == from) return unexpected(p, wanted);
    return add_to_name(p, from, name);
}

/* a.b[2].c: blanks may stand around the delimiters; name gets the path without them. */
static enum err qualified_name(struct parser *p, char name[NAME_SIZE])
{
    name[0] = 0;
    TRY(simple_name(p, name, "a name"));
    for (;;) {
        size_t before = p->at;
        skip(p);
        size_t from = p->at;
        if (peek(p) != '.' && peek(p) != '[') {
            p->at = before;
            return ERR_OK;
        }
        bool is_index = peek(p) == '[';
        p->at++;
        TRY(add_to_name(p, from, name));
        skip(p);
        from = p->at;
        if (!is_index) {
            TRY(simple_name(p, name, "a name after '.'"));
            continue;
        }
        while (isdigit((unsigned char)peek(p))) p->at++;
        if (p->at == from) return unexpected(p, "a number in [ ]");
        TRY(add_to_name(p, from, name));
        TRY(expect(p, ']', "']'"));
        from = p->at - 1;
        TRY(add_to_name(p, from, name));
    }
}

/* ---- atoms ---------------------------------------------------------------------------------------------------------- */

/* Nothing may follow an atom but a blank, a comment or a closing or separating character. */
static enum err end_of_atom(const struct parser *p, const char *hint)
{
    char c = peek(p), found[32];
    if (p->at >= p->end || isspace((unsigned char)c) || strchr(",])}", c) || is_comment(p)) return ERR_OK;
    FAIL_AT(p, p->at, "unexpected %s after a value%s", here(p, found), hint);
}

static enum err number_or_word(struct parser *p, struct fhicl **out)
{
    size_t from   = p->at;
    bool is_plain = true;
    for (; is_word(peek(p)) || (peek(p) && strchr("+-.", peek(p))); p->at++) is_plain = is_plain && is_word(peek(p));
    size_t n = p->at - from;
    if (n == 0) return unexpected(p, "a value");
    TRY(end_of_atom(p, "; a string with anything but letters, digits and _ must be in quotes"));
    char *text;
    enum err rc;
    TRY(fhicl_number_canonical(p->text + from, n, &text));
    if (text) {
        rc = make(p, from, FHICL_NUMBER, text, out);
        mem_free(text);
        return rc;
    }
    if (!is_plain)
        FAIL_AT(p, from,
                "neither a number nor a word: a string with anything but letters, digits and _ must be in quotes "
                "(hexadecimal and binary numbers have no sign and at most 64 bits)");
    struct fhicl_text word = {0};
    TRY(fhicl_text_add(&word, p->text + from, n));
    bool is_bool = strcmp(word.data, "true") == 0 || strcmp(word.data, "false") == 0;
    rc           = make(p, from, is_bool ? FHICL_BOOL : FHICL_STRING, word.data, out);
    mem_free(word.data);
    return rc;
}

static int digit_value(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : 99;
}

/* The number of an escape \ooo (base 8) or \xhh (base 16). */
static enum err numeric_escape(struct parser *p, int base, int max_digits, char *out)
{
    size_t from = p->at;
    int value   = 0;
    for (int i = 0; i < max_digits && p->at < p->end && digit_value(peek(p)) < base; i++, p->at++)
        value = value * base + digit_value(peek(p));
    if (p->at == from || value == 0 || value > 255)
        FAIL_AT(p, from, "bad escape: a number between 1 and 255 is wanted");
    *out = (char)value;
    return ERR_OK;
}

/* The character that an escape stands for; p->at is behind the backslash. */
static enum err escape(struct parser *p, char *out)
{
    static const char letters[] = "abfnrtv\\\"'?", codes[] = "\a\b\f\n\r\t\v\\\"'?";
    char c = peek(p);
    if (c == 'x') {
        p->at++;
        return numeric_escape(p, 16, 2, out);
    }
    if (digit_value(c) < 8) return numeric_escape(p, 8, 3, out);
    const char *hit = c ? strchr(letters, c) : NULL;
    if (!hit) FAIL_AT(p, p->at, "bad escape: known are \\n \\t \\r \\a \\b \\f \\v \\\\ \\\" \\' \\? \\ooo \\xhh");
    *out = codes[hit - letters];
    p->at++;
    return ERR_OK;
}

static enum err quoted_content(struct parser *p, struct fhicl_text *content)
{
    const char quote   = peek(p);
    const size_t start = p->at++;
    TRY(fhicl_text_add(content, "", 0));
    for (;;) {
        if (p->at >= p->end) FAIL_AT(p, start, "this string has no closing quote");
        char c = p->text[p->at];
        if (c == quote) break;
        if ((unsigned char)c >= 128 || c == 0) {
            char found[32];
            FAIL_AT(p, p->at, "%s in a string: only ASCII is accepted", here(p, found));
        }
        p->at++;
        if (c == '\\' && quote == '"') TRY(escape(p, &c));
        TRY(fhicl_text_add(content, &c, 1));
    }
    p->at++;
    return end_of_atom(p, quote == '\'' ? " (a single-quoted string cannot hold a single quote)" : "");
}

static enum err quoted(struct parser *p, struct fhicl **out)
{
    size_t from               = p->at;
    struct fhicl_text content = {0};
    enum err rc               = quoted_content(p, &content);
    if (!rc) rc = make(p, from, FHICL_STRING, content.data, out);
    mem_free(content.data);
    return rc;
}

static enum err complex_part(struct parser *p, struct fhicl **out)
{
    skip(p);
    size_t from = p->at;
    if (!(is_word(peek(p)) || (peek(p) && strchr("+-.", peek(p))))) return unexpected(p, "a number");
    TRY(number_or_word(p, out));
    if ((*out)->kind == FHICL_NUMBER) return ERR_OK;
    fhicl_free(*out);
    *out = NULL;
    FAIL_AT(p, from, "a part of a complex number must be a number");
}

static enum err complex_number(struct parser *p, struct fhicl **out)
{
    struct fhicl *re = NULL, *im = NULL;
    size_t from = p->at++;
    enum err rc;
    TRY_TO(done, complex_part(p, &re));
    TRY_TO(done, expect(p, ',', "','"));
    TRY_TO(done, complex_part(p, &im));
    TRY_TO(done, expect(p, ')', "')'"));
    TRY_TO(done, make(p, from, FHICL_COMPLEX, re->text, out));
    (*out)->imaginary = im->text;
    im->text          = NULL;
done:
    fhicl_free(re);
    fhicl_free(im);
    return rc;
}

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
    TRY(qualified_name(p, name));
    struct fhicl *where = prolog_member(p, name) ? p->prolog : p->body;
    return placed(p, from, "reference", fhicl_find(where, name, out));
}

static enum err local(struct parser *p, struct fhicl **out)
{
    const struct fhicl *found;
    char origin[ORIGIN_SIZE];
    size_t from = p->at;
    p->at += strlen("@local::");
    TRY(reference(p, &found));
    TRY(placed(p, from, "@local", fhicl_make_copy(found, &p->budget, out)));
    fhicl_unprotect(*out);
    place_of(p, from, origin);
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

static enum err id(struct parser *p, struct fhicl **out)
{
    char digits[41];
    size_t from = p->at, n = 0;
    p->at += strlen("@id::");
    for (; isxdigit((unsigned char)peek(p)); p->at++, n++)
        if (n < 40) digits[n] = peek(p);
    if (n != 40) FAIL_AT(p, from, "@id:: wants 40 hexadecimal digits, here are %zu", n);
    digits[40] = 0;
    TRY(end_of_atom(p, ""));
    return make(p, from, FHICL_TABLE_ID, digits, out);
}

static enum err at_word(struct parser *p, struct fhicl **out)
{
    size_t from = p->at;
    if (take_keyword(p, "@nil")) {
        TRY(end_of_atom(p, ""));
        return make(p, from, FHICL_NIL, "@nil", out);
    }
    if (starts(p, "@local::")) return local(p, out);
    if (starts(p, "@id::")) return id(p, out);
    if (starts(p, "@db::")) FAIL_AT(p, from, "@db:: is not implemented");
    if (starts(p, "@table::")) FAIL_AT(p, from, "@table:: stands in a table or document; a value is @local::");
    if (starts(p, "@sequence::")) FAIL_AT(p, from, "@sequence:: stands in a sequence; a value is @local::");
    if (starts(p, "@erase")) FAIL_AT(p, from, "@erase stands right behind the ':' of a binding");
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
    place_of(p, at, origin);
    /* a copy first: binding may replace what is copied from */
    TRY(placed(p, at, "splice", fhicl_make_copy(from, &p->budget, &copy)));
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
            rc         = placed(p, at, "splice", take(p, into, key, child));
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
    skip(p);
    if (starts(p, "@sequence::")) return splice(p, FHICL_SEQUENCE, sequence, take_element);
    struct fhicl *v;
    size_t from = p->at;
    if (peek(p) == ']') FAIL_AT(p, from, "a value is wanted: no ',' may stand before ']'");
    TRY(value(p, &v));
    return placed(p, from, "sequence", fhicl_append(sequence, NULL, v));
}

static enum err elements(struct parser *p, struct fhicl *sequence, size_t start)
{
    for (bool is_first = true;; is_first = false) {
        skip(p);
        if (p->at >= p->end) FAIL_AT(p, start, "this '[' is never closed");
        if (peek(p) == ']') break;
        if (!is_first) TRY(expect(p, ',', "',' or ']'"));
        TRY(element(p, sequence));
    }
    p->at++;
    return ERR_OK;
}

/* Behind a name: the optional protection, and the colon. */
static enum err binding(struct parser *p, enum fhicl_protection *out)
{
    skip(p);
    *out = take_keyword(p, "@protect_ignore")  ? FHICL_PROTECT_IGNORE
           : take_keyword(p, "@protect_error") ? FHICL_PROTECT_ERROR
                                               : FHICL_OPEN;
    TRY(expect(p, ':', "':'"));
    skip(p);
    return ERR_OK;
}

static enum err protected_value(struct parser *p, enum fhicl_protection protection, const char *name,
                                struct fhicl **out)
{
    size_t from = p->at;
    TRY(value(p, out));
    if (!protection) return ERR_OK;
    enum err rc = placed(p, from, "protection", fhicl_protect(*out, protection, name));
    if (rc) fhicl_free(*out);
    return rc;
}

static enum err member(struct parser *p, struct fhicl *table)
{
    if (starts(p, "@table::")) return splice(p, FHICL_TABLE, table, take_member);
    char name[NAME_SIZE] = "";
    enum fhicl_protection protection;
    struct fhicl *v;
    size_t from = p->at;
    TRY(simple_name(p, name, "a name or '}'"));
    skip(p);
    if (peek(p) == '.' || peek(p) == '[') FAIL_AT(p, p->at, "dotted and indexed names stand only outside of { }");
    TRY(binding(p, &protection));
    if (!protection && take_keyword(p, "@erase")) return placed(p, from, "erasing", fhicl_erase_path(table, name));
    TRY(protected_value(p, protection, name, &v));
    return placed(p, from, "assignment", fhicl_bind(table, name, v));
}

static enum err members(struct parser *p, struct fhicl *table, size_t start)
{
    for (;;) {
        skip(p);
        if (p->at >= p->end) FAIL_AT(p, start, "this '{' is never closed");
        if (peek(p) == '}') break;
        if (peek(p) == ',') FAIL_AT(p, p->at, "members of a table are not separated by ','");
        TRY(member(p, table));
    }
    p->at++;
    return ERR_OK;
}

static enum err container(struct parser *p, enum fhicl_kind kind, struct fhicl **out)
{
    size_t start = p->at++;
    if (p->depth >= FHICL_MAX_DEPTH) FAIL_AT(p, start, "values are nested more than %d deep", FHICL_MAX_DEPTH);
    TRY(make(p, start, kind, NULL, out));
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
    switch (peek(p)) {
    case '"':
    case '\'': return quoted(p, out);
    case '(': return complex_number(p, out);
    case '[': return container(p, FHICL_SEQUENCE, out);
    case '{': return container(p, FHICL_TABLE, out);
    case '@': return at_word(p, out);
    default: return number_or_word(p, out);
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
    if (starts(p, "@table::")) return splice(p, FHICL_TABLE, NULL, take_top);
    TRY(qualified_name(p, name));
    TRY(binding(p, &protection));
    if (!protection && take_keyword(p, "@erase"))
        return placed(p, from, "erasing", fhicl_erase_path(p->is_in_prolog ? p->prolog : p->body, name));
    TRY(protected_value(p, protection, name, &v));
    return placed(p, from, "assignment", bind_top(p, name, v));
}

static enum err prolog(struct parser *p, size_t start)
{
    p->is_in_prolog = true;
    for (;;) {
        skip(p);
        if (p->at >= p->end) FAIL_AT(p, start, "this prolog is never closed by END_PROLOG");
        if (take_keyword(p, "END_PROLOG")) break;
        if (starts(p, "BEGIN_PROLOG")) FAIL_AT(p, p->at, "prologs cannot be nested");
        TRY(item(p));
    }
    p->is_in_prolog = false;
    return ERR_OK;
}

static enum err document(struct parser *p)
{
    bool has_items = false;
    for (;;) {
        skip(p);
        size_t start = p->at;
        if (p->at >= p->end) return ERR_OK;
        if (take_keyword(p, "END_PROLOG")) FAIL_AT(p, start, "END_PROLOG without BEGIN_PROLOG");
        if (take_keyword(p, "BEGIN_PROLOG")) {
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

enum err fhicl_parse(const char *text, size_t length, const char *name, struct fhicl **out)
{
    struct chain c;
    *out = NULL;
    TRY(begin(&c));
    enum err rc = fhicl_source_add_text(c.source, text, length, name);
    if (!rc) rc = parse_added(&c);
    if (!rc) rc = fhicl_set_origin(c.parser.body, name);
    return finish(&c, rc, out);
}

enum err fhicl_parse_expression(const char *text, const char *origin, struct fhicl **out)
{
    struct fhicl_source *source;
    *out = NULL;
    TRY(fhicl_source_create(&source));
    struct parser p = {.source = source, .origin = origin, .budget = FHICL_MAX_VALUES};
    enum err rc     = fhicl_source_add_text(source, text, strlen(text), origin);
    p.text          = fhicl_source_text(source, &p.end);
    skip(&p);
    if (!rc) rc = value(&p, out);
    skip(&p);
    if (!rc && p.at < p.end) rc = unexpected(&p, "nothing after the value");
    fhicl_source_free(source);
    if (rc) fhicl_free(*out);
    if (rc) *out = NULL;
    return rc;
}
