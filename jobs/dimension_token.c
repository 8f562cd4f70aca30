/* Tokens of SAM's dimension language, and messages that point into a query. */
#include "dimension_internal.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *word;
    enum dimension_kind kind;
} specials[] = {
    {"defname", DIMENSION_DEFINITION},    {"dataset_def_name", DIMENSION_DEFINITION},
    {"isparentof", DIMENSION_PARENT},     {"ischildof", DIMENSION_CHILD},
    {"isancestorof", DIMENSION_ANCESTOR}, {"isdescendantof", DIMENSION_DESCENDANT},
    {"stale", DIMENSION_STALE},           {"replaced", DIMENSION_REPLACED},
    {"sufficient", DIMENSION_SUFFICIENT}, {"availability", DIMENSION_AVAILABILITY},
};
enum { N_SPECIALS = sizeof specials / sizeof specials[0] };

/* ---- faults -------------------------------------------------------------------------------------------------------- */
/* The part of the query around a byte, and a caret below it. */
static void point(const char *text, size_t at, char *out, size_t room)
{
    enum { BEFORE = 60, AROUND = 100 };
    char line[AROUND + 1];
    size_t from = at > BEFORE ? at - BEFORE : 0;
    snprintf(line, sizeof line, "%s", text + from);
    for (char *c = line; *c; c++)
        if (iscntrl((unsigned char)*c)) *c = ' ';
    snprintf(out, room, "\n    %s\n    %*s^", line, (int)(at - from), "");
}

enum err dimension_fault(const char *text, size_t at, const char *format, ...)
{
    char what[400], where[300];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    point(text, at, where, sizeof where);
    FAIL(ERR_PARSE, "%s%s", what, where);
}

enum err dimension_point(enum err code, const char *text, size_t at, const char *format, ...)
{
    char what[400], where[300], why[1000];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    snprintf(why, sizeof why, "%s", err_message());
    point(text, at, where, sizeof where);
    FAIL(code, "%s: %s%s", what, why, where);
}

/* ---- tokens -------------------------------------------------------------------------------------------------------- */
static bool is_word(char c) { return c && !isspace((unsigned char)c) && !strchr("(),=<>!'\"", c); }

static bool is_special(const char *text, size_t *n)
{
    for (size_t i = 0; i < N_SPECIALS; i++) {
        size_t length = strlen(specials[i].word);
        if (strncasecmp(text, specials[i].word, length) != 0 || text[length] != ':') continue;
        *n = length + 1;
        return true;
    }
    return false;
}

enum err dimension_token_next(struct dimension_parser *p)
{
    const char *text = p->q->text;
    while (isspace((unsigned char)text[p->pos])) p->pos++;
    const char *c             = text + p->pos;
    struct dimension_token *t = &p->next;
    *t                        = (struct dimension_token){TOKEN_END, c, 1, p->pos};
    if (!*c) {
        t->n = 0;
        return ERR_OK;
    }
    if (*c == '(') {
        t->kind = TOKEN_OPEN;
    } else if (*c == ')') {
        t->kind = TOKEN_CLOSE;
    } else if (*c == ',') {
        t->kind = TOKEN_COMMA;
    } else if (strchr("=<>!", *c)) {
        t->kind = TOKEN_OP;
        if ((*c != '=' && c[1] == '=') || (*c == '<' && c[1] == '>')) t->n = 2;
    } else if (*c == '\'' || *c == '"') {
        const char *end = strchr(c + 1, *c);
        if (!end) return dimension_fault(text, p->pos, "this quote has no end");
        *t = (struct dimension_token){TOKEN_QUOTED, c + 1, (size_t)(end - c - 1), p->pos};
        p->pos += t->n + 2;
        return ERR_OK;
    } else if (is_special(c, &t->n)) {
        t->kind = TOKEN_SPECIAL;
    } else {
        t->kind = TOKEN_WORD;
        while (is_word(c[t->n])) t->n++;
    }
    p->pos += t->n;
    return ERR_OK;
}

bool dimension_token_is(const struct dimension_token *t, const char *word)
{
    return t->kind == TOKEN_WORD && t->n == strlen(word) && strncasecmp(t->text, word, t->n) == 0;
}

enum err dimension_token_expect(struct dimension_parser *p, enum dimension_token_kind kind, const char *what)
{
    if (p->next.kind != kind) return dimension_fault(p->q->text, p->next.at, "%s is expected here", what);
    return dimension_token_next(p);
}

enum dimension_kind dimension_token_special(const struct dimension_token *t)
{
    size_t i = 0;
    while (i + 1 < N_SPECIALS && (strncasecmp(specials[i].word, t->text, t->n - 1) != 0 || specials[i].word[t->n - 1]))
        i++;
    return specials[i].kind;
}
