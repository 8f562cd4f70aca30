/* Reading letters, keywords and names; errors that show their place. */
#include "fhicl_lex.h"
#include "mem.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void fhicl_lex_fail(const struct parser *p, size_t at, const char *format, ...)
{
    char cause[1600];
    va_list args;
    va_start(args, format);
    vsnprintf(cause, sizeof cause, format, args);
    va_end(args);
    (void)fhicl_source_fail(p->source, at, cause);
}

/* Gives an error that knows no place the place where it was noticed. */
enum err fhicl_lex_placed(const struct parser *p, size_t at, const char *doing, enum err rc)
{
    char cause[1200];
    if (rc != ERR_PARSE) return rc;
    snprintf(cause, sizeof cause, "%s", err_message());
    FAIL_AT(p, at, "%s: %s", doing, cause);
}

/* ---- letters -------------------------------------------------------------------------------------------------------- */

char fhicl_lex_peek(const struct parser *p) { return p->at < p->end ? p->text[p->at] : 0; }
bool fhicl_lex_is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }
bool fhicl_lex_is_comment(const struct parser *p)
{
    return fhicl_lex_peek(p) == '#' || (fhicl_lex_peek(p) == '/' && p->at + 1 < p->end && p->text[p->at + 1] == '/');
}

void fhicl_lex_skip(struct parser *p)
{
    for (;;) {
        while (p->at < p->end && isspace((unsigned char)p->text[p->at])) p->at++;
        if (p->at >= p->end || !fhicl_lex_is_comment(p)) return;
        while (p->at < p->end && p->text[p->at] != '\n') p->at++;
    }
}

bool fhicl_lex_starts(const struct parser *p, const char *word)
{
    size_t n = strlen(word);
    return p->end - p->at >= n && memcmp(p->text + p->at, word, n) == 0;
}

/* A keyword that no further letter continues. */
bool fhicl_lex_take_keyword(struct parser *p, const char *word)
{
    size_t n = strlen(word);
    if (!fhicl_lex_starts(p, word) || (p->at + n < p->end && fhicl_lex_is_word(p->text[p->at + n]))) return false;
    p->at += n;
    return true;
}

/* What stands here, for messages. */
const char *fhicl_lex_here(const struct parser *p, char out[32])
{
    unsigned char c = (unsigned char)fhicl_lex_peek(p);
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

enum err fhicl_lex_expect(struct parser *p, char c, const char *wanted)
{
    fhicl_lex_skip(p);
    if (fhicl_lex_peek(p) != c) return fhicl_lex_unexpected(p, wanted);
    p->at++;
    return ERR_OK;
}

/* The place that annotated printing put behind the last '#' of a line. */
static bool annotation(const struct parser *p, size_t at, char out[ORIGIN_SIZE])
{
    size_t end = at;
    while (end < p->end && p->text[end] != '\n') end++;
    size_t from = end;
    while (from > at && p->text[from - 1] != '#') from--;
    if (from == at || end - from < 2 || end - from > ORIGIN_SIZE) return false;
    snprintf(out, ORIGIN_SIZE, "%.*s", (int)(end - from - 1), p->text + from + 1);
    return true;
}

void fhicl_lex_origin(const struct parser *p, size_t at, char out[ORIGIN_SIZE])
{
    if (p->origin) {
        snprintf(out, ORIGIN_SIZE, "%s", p->origin);
    } else if (!p->is_annotated || !annotation(p, at, out)) {
        fhicl_source_origin(p->source, at, out, ORIGIN_SIZE);
    }
}

enum err fhicl_lex_make(struct parser *p, size_t at, enum fhicl_kind kind, const char *text, struct fhicl **out)
{
    char origin[ORIGIN_SIZE];
    fhicl_lex_origin(p, at, origin);
    return fhicl_lex_placed(p, at, "too large", fhicl_make(kind, text, origin, &p->budget, out));
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

enum err fhicl_lex_simple_name(struct parser *p, char name[NAME_SIZE], const char *wanted)
{
    size_t from = p->at;
    if (isdigit((unsigned char)fhicl_lex_peek(p))) FAIL_AT(p, p->at, "a name does not start with a digit");
    while (fhicl_lex_is_word(fhicl_lex_peek(p))) p->at++;
    if (p->at == from) return fhicl_lex_unexpected(p, wanted);
    return add_to_name(p, from, name);
}

/* a.b[2].c: blanks may stand around the delimiters; name gets the path without them. */
enum err fhicl_lex_qualified_name(struct parser *p, char name[NAME_SIZE])
{
    name[0] = 0;
    TRY(fhicl_lex_simple_name(p, name, "a name"));
    for (;;) {
        size_t before = p->at;
        fhicl_lex_skip(p);
        size_t from = p->at;
        if (fhicl_lex_peek(p) != '.' && fhicl_lex_peek(p) != '[') {
            p->at = before;
            return ERR_OK;
        }
        bool is_index = fhicl_lex_peek(p) == '[';
        p->at++;
        TRY(add_to_name(p, from, name));
        fhicl_lex_skip(p);
        from = p->at;
        if (!is_index) {
            TRY(fhicl_lex_simple_name(p, name, "a name after '.'"));
            continue;
        }
        while (isdigit((unsigned char)fhicl_lex_peek(p))) p->at++;
        if (p->at == from) return fhicl_lex_unexpected(p, "a number in [ ]");
        TRY(add_to_name(p, from, name));
        TRY(fhicl_lex_expect(p, ']', "']'"));
        from = p->at - 1;
        TRY(add_to_name(p, from, name));
    }
}
