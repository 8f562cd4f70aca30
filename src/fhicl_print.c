/* Printing: one canonical line, whose SHA-1 names a configuration, and an indented text for people. */
#include "fhicl_internal.h"
#include "mem.h"
#include "sha1.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_WIDTH = 100 };

/* In double quotes, with the escapes that the reader knows; all of it printable ASCII. */
static enum err print_string(struct fhicl_text *out, const char *s)
{
    static const char codes[] = "\a\b\f\n\r\t\v\\\"", letters[] = "abfnrtv\\\"";
    TRY(fhicl_text_word(out, "\""));
    for (; *s; s++) {
        char escape[8]  = {*s, 0};
        const char *hit = strchr(codes, *s);
        if (hit) {
            snprintf(escape, sizeof escape, "\\%c", letters[hit - codes]);
        } else if (*s < ' ' || *s > '~') {
            snprintf(escape, sizeof escape, "\\%03o", (unsigned)(unsigned char)*s);
        }
        TRY(fhicl_text_word(out, escape));
    }
    return fhicl_text_word(out, "\"");
}

static enum err print_atom(struct fhicl_text *out, const struct fhicl *v)
{
    switch (v->kind) {
    case FHICL_NIL: return fhicl_text_word(out, "@nil");
    case FHICL_STRING: return print_string(out, v->text);
    case FHICL_TABLE_ID: TRY(fhicl_text_word(out, "@id::")); break;
    case FHICL_COMPLEX:
        TRY(fhicl_text_word(out, "("));
        TRY(fhicl_text_word(out, v->text));
        TRY(fhicl_text_word(out, ","));
        TRY(fhicl_text_word(out, v->imaginary));
        return fhicl_text_word(out, ")");
    default: break;
    }
    return fhicl_text_word(out, v->text);
}

static int compare_keys(const void *a, const void *b)
{
    const struct fhicl *const *x = a, *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

static enum err canonical(struct fhicl_text *out, const struct fhicl *v);

static enum err canonical_members(struct fhicl_text *out, const struct fhicl *table)
{
    const struct fhicl **sorted;
    enum err rc = ERR_OK;
    TRY(mem_alloc(&sorted, table->n, sizeof(struct fhicl *)));
    if (table->n) memcpy(sorted, table->child, table->n * sizeof(struct fhicl *));
    qsort(sorted, table->n, sizeof(struct fhicl *), compare_keys);
    for (size_t i = 0; i < table->n; i++) {
        if (i) TRY_TO(done, fhicl_text_word(out, " "));
        TRY_TO(done, fhicl_text_word(out, sorted[i]->key));
        TRY_TO(done, fhicl_text_word(out, ":"));
        TRY_TO(done, canonical(out, sorted[i]));
    }
done:
    mem_free(sorted);
    return rc;
}

static enum err canonical(struct fhicl_text *out, const struct fhicl *v)
{
    if (v->kind == FHICL_TABLE) {
        TRY(fhicl_text_word(out, "{"));
        TRY(canonical_members(out, v));
        return fhicl_text_word(out, "}");
    }
    if (v->kind != FHICL_SEQUENCE) return print_atom(out, v);
    TRY(fhicl_text_word(out, "["));
    for (size_t i = 0; i < v->n; i++) {
        if (i) TRY(fhicl_text_word(out, ","));
        TRY(canonical(out, v->child[i]));
    }
    return fhicl_text_word(out, "]");
}

enum err fhicl_canonical(const struct fhicl *value, char **out)
{
    struct fhicl_text text = {0};
    enum err rc            = fhicl_text_word(&text, "");
    if (!rc) rc = value->kind == FHICL_TABLE && !value->key ? canonical_members(&text, value) : canonical(&text, value);
    if (rc) mem_free(text.data);
    *out = rc ? NULL : text.data;
    return rc;
}

enum err fhicl_id(const struct fhicl *value, char id[41])
{
    char *text;
    TRY(fhicl_canonical(value, &text));
    sha1_hex(text, strlen(text), id);
    mem_free(text);
    return ERR_OK;
}

/* ---- indented ------------------------------------------------------------------------------------------------------- */

struct printer {
    struct fhicl_text *out;
    bool annotate;
};

static enum err indent(const struct printer *p, int level)
{
    for (int i = 0; i < level; i++) TRY(fhicl_text_word(p->out, "   "));
    return ERR_OK;
}

/* Ends a line; the place where its value was written as a comment. */
static enum err end_line(const struct printer *p, const struct fhicl *v, size_t line_start)
{
    enum { COLUMN = 60 };
    if (p->annotate && v && v->origin) {
        size_t used = p->out->n - line_start;
        do TRY(fhicl_text_word(p->out, " "));
        while (++used < COLUMN);
        TRY(fhicl_text_word(p->out, "# "));
        TRY(fhicl_text_word(p->out, v->origin));
    }
    return fhicl_text_word(p->out, "\n");
}

static bool has_tables(const struct fhicl *sequence)
{
    for (size_t i = 0; i < sequence->n; i++)
        if (sequence->child[i]->kind == FHICL_TABLE && sequence->child[i]->n) return true;
    return false;
}

/* On one line when it is short and holds no table. */
static enum err one_line(const struct fhicl *v, size_t used, char **out)
{
    struct fhicl_text text = {0};
    *out                   = NULL;
    if (v->kind == FHICL_TABLE && v->n) return ERR_OK;
    if (v->kind == FHICL_SEQUENCE && has_tables(v)) return ERR_OK;
    enum err rc = canonical(&text, v);
    bool is_ok  = !rc && (v->kind != FHICL_SEQUENCE || v->n == 0 || text.n + used <= LINE_WIDTH);
    if (is_ok) {
        *out = text.data;
    } else {
        mem_free(text.data);
    }
    return rc;
}

static enum err print_value(const struct printer *p, const struct fhicl *v, int level, size_t line_start,
                            const char *after)
{
    char *line;
    TRY(one_line(v, p->out->n - line_start, &line));
    if (line) {
        enum err rc = fhicl_text_word(p->out, line);
        mem_free(line);
        if (rc) return rc;
        TRY(fhicl_text_word(p->out, after));
        return end_line(p, v, line_start);
    }
    bool is_table = v->kind == FHICL_TABLE;
    TRY(fhicl_text_word(p->out, is_table ? "{" : "["));
    TRY(end_line(p, v, line_start));
    for (size_t i = 0; i < v->n; i++) {
        size_t start = p->out->n;
        TRY(indent(p, level + 1));
        if (is_table) {
            TRY(fhicl_text_word(p->out, v->child[i]->key));
            TRY(fhicl_text_word(p->out, ": "));
        }
        TRY(print_value(p, v->child[i], level + 1, start, is_table || i + 1 == v->n ? "" : ","));
    }
    TRY(indent(p, level));
    TRY(fhicl_text_word(p->out, is_table ? "}" : "]"));
    TRY(fhicl_text_word(p->out, after));
    return fhicl_text_word(p->out, "\n");
}

static enum err print_document(const struct printer *p, const struct fhicl *table)
{
    TRY(fhicl_text_word(p->out, ""));
    for (size_t i = 0; i < table->n; i++) {
        size_t start = p->out->n;
        TRY(fhicl_text_word(p->out, table->child[i]->key));
        TRY(fhicl_text_word(p->out, ": "));
        TRY(print_value(p, table->child[i], 0, start, ""));
    }
    return ERR_OK;
}

enum err fhicl_print(const struct fhicl *table, bool annotate, char **out)
{
    struct fhicl_text text = {0};
    struct printer p       = {&text, annotate};
    bool is_document       = table->kind == FHICL_TABLE && !table->key;
    enum err rc            = is_document ? print_document(&p, table) : print_value(&p, table, 0, 0, "");
    if (rc) mem_free(text.data);
    *out = rc ? NULL : text.data;
    return rc;
}
