/* Values of one word: numbers, words, strings, complex numbers, ids. */
#include "fhicl_lex.h"
#include "mem.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Nothing may follow an atom but a blank, a comment or a closing or separating character. */
enum err fhicl_atom_end(const struct parser *p, const char *hint)
{
    char c = fhicl_lex_peek(p), found[32];
    if (p->at >= p->end || isspace((unsigned char)c) || strchr(",])}", c) || fhicl_lex_is_comment(p)) return ERR_OK;
    FAIL_AT(p, p->at, "unexpected %s after a value%s", fhicl_lex_here(p, found), hint);
}

enum err fhicl_atom_plain(struct parser *p, struct fhicl **out)
{
    size_t from   = p->at;
    bool is_plain = true;
    for (; fhicl_lex_is_word(fhicl_lex_peek(p)) || (fhicl_lex_peek(p) && strchr("+-.", fhicl_lex_peek(p))); p->at++)
        is_plain = is_plain && fhicl_lex_is_word(fhicl_lex_peek(p));
    size_t n = p->at - from;
    if (n == 0) return fhicl_lex_unexpected(p, "a value");
    TRY(fhicl_atom_end(p, "; a string with anything but letters, digits and _ must be in quotes"));
    char *text;
    enum err rc;
    TRY(fhicl_number_canonical(p->text + from, n, &text));
    if (text) {
        rc = fhicl_lex_make(p, from, FHICL_NUMBER, text, out);
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
    rc           = fhicl_lex_make(p, from, is_bool ? FHICL_BOOL : FHICL_STRING, word.data, out);
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
    for (int i = 0; i < max_digits && p->at < p->end && digit_value(fhicl_lex_peek(p)) < base; i++, p->at++)
        value = value * base + digit_value(fhicl_lex_peek(p));
    if (p->at == from || value == 0 || value > 255)
        FAIL_AT(p, from, "bad escape: a number between 1 and 255 is wanted");
    *out = (char)value;
    return ERR_OK;
}

/* The character that an escape stands for; p->at is behind the backslash. */
static enum err escape(struct parser *p, char *out)
{
    static const char letters[] = "abfnrtv\\\"'?", codes[] = "\a\b\f\n\r\t\v\\\"'?";
    char c = fhicl_lex_peek(p);
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
    const char quote   = fhicl_lex_peek(p);
    const size_t start = p->at++;
    TRY(fhicl_text_add(content, "", 0));
    for (;;) {
        if (p->at >= p->end) FAIL_AT(p, start, "this string has no closing quote");
        char c = p->text[p->at];
        if (c == quote) break;
        if ((unsigned char)c >= 128 || c == 0) {
            char found[32];
            FAIL_AT(p, p->at, "%s in a string: only ASCII is accepted", fhicl_lex_here(p, found));
        }
        p->at++;
        if (c == '\\' && quote == '"') TRY(escape(p, &c));
        TRY(fhicl_text_add(content, &c, 1));
    }
    p->at++;
    return fhicl_atom_end(p, quote == '\'' ? " (a single-quoted string cannot hold a single quote)" : "");
}

enum err fhicl_atom_quoted(struct parser *p, struct fhicl **out)
{
    size_t from               = p->at;
    struct fhicl_text content = {0};
    enum err rc               = quoted_content(p, &content);
    if (!rc) rc = fhicl_lex_make(p, from, FHICL_STRING, content.data, out);
    mem_free(content.data);
    return rc;
}

static enum err complex_part(struct parser *p, struct fhicl **out)
{
    fhicl_lex_skip(p);
    size_t from = p->at;
    if (!(fhicl_lex_is_word(fhicl_lex_peek(p)) || (fhicl_lex_peek(p) && strchr("+-.", fhicl_lex_peek(p)))))
        return fhicl_lex_unexpected(p, "a number");
    TRY(fhicl_atom_plain(p, out));
    if ((*out)->kind == FHICL_NUMBER) return ERR_OK;
    fhicl_free(*out);
    *out = NULL;
    FAIL_AT(p, from, "a part of a complex number must be a number");
}

enum err fhicl_atom_complex(struct parser *p, struct fhicl **out)
{
    struct fhicl *re = NULL, *im = NULL;
    size_t from = p->at++;
    enum err rc;
    TRY_TO(done, complex_part(p, &re));
    TRY_TO(done, fhicl_lex_expect(p, ',', "','"));
    TRY_TO(done, complex_part(p, &im));
    TRY_TO(done, fhicl_lex_expect(p, ')', "')'"));
    TRY_TO(done, fhicl_lex_make(p, from, FHICL_COMPLEX, re->text, out));
    (*out)->imaginary = im->text;
    im->text          = NULL;
done:
    fhicl_free(re);
    fhicl_free(im);
    return rc;
}
enum err fhicl_atom_id(struct parser *p, struct fhicl **out)
{
    char digits[41];
    size_t from = p->at, n = 0;
    p->at += strlen("@id::");
    for (; isxdigit((unsigned char)fhicl_lex_peek(p)); p->at++, n++)
        if (n < 40) digits[n] = fhicl_lex_peek(p);
    if (n != 40) FAIL_AT(p, from, "@id:: wants 40 hexadecimal digits, here are %zu", n);
    digits[40] = 0;
    TRY(fhicl_atom_end(p, ""));
    return fhicl_lex_make(p, from, FHICL_TABLE_ID, digits, out);
}
