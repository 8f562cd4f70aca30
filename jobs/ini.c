/* The syntax of ConfigParser. */
#include "ini.h"

#include "mem.h"
#include "sql.h"
#include "utf8.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct reader {
    struct ini *ini;
    size_t line;
    size_t indent;    /* of the last key or section */
    bool has_key;     /* lines may go on with its value */
    struct sql value; /* of the last key, so far */
};

#define BAD(r, format, ...) FAIL(ERR_PARSE, "%s:%zu: " format, (r)->ini->file, (r)->line, __VA_ARGS__)

const struct ini_section *ini_section(const struct ini *ini, const char *name)
{
    for (size_t i = 0; i < ini->n; i++)
        if (strcmp(ini->section[i].name, name) == 0) return &ini->section[i];
    return NULL;
}

const struct ini_key *ini_key(const struct ini_section *section, const char *name)
{
    for (size_t i = 0; section && i < section->n; i++)
        if (strcmp(section->key[i].name, name) == 0) return &section->key[i];
    return NULL;
}

void ini_free(struct ini *ini)
{
    if (!ini) return;
    for (size_t i = 0; i < ini->n; i++) {
        struct ini_section *s = &ini->section[i];
        for (size_t k = 0; k < s->n; k++) {
            mem_free(s->key[k].name);
            mem_free(s->key[k].value);
        }
        mem_free(s->key);
        mem_free(s->name);
    }
    mem_free(ini->section);
    mem_free(ini->file);
    mem_free(ini);
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* The part of text without blanks before and after. */
static enum err copy_part(const char *text, size_t n, char **out)
{
    while (n && is_blank(*text)) text++, n--;
    while (n && is_blank(text[n - 1])) n--;
    TRY(mem_alloc(out, n + 1, 1));
    memcpy(*out, text, n);
    return ERR_OK;
}

/* What was gathered of the last key's value becomes it, without empty lines before and after. */
static enum err end_key(struct reader *r)
{
    if (!r->has_key) return ERR_OK;
    struct ini_section *s = &r->ini->section[r->ini->n - 1];
    size_t n              = r->value.n;
    size_t from           = 0;
    while (n && r->value.text[n - 1] == '\n') n--;
    while (from < n && r->value.text[from] == '\n') from++;
    r->has_key  = false;
    enum err rc = copy_part(r->value.text ? r->value.text + from : "", n - from, &s->key[s->n - 1].value);
    sql_free(&r->value);
    r->value = (struct sql){0};
    return rc;
}

static enum err add_section(struct reader *r, const char *text, size_t n)
{
    char *name;
    TRY(end_key(r));
    if (text[n - 1] != ']')
        BAD(r, "\"%.*s\": a section is [NAME], with nothing after it", (int)(n < 80 ? n : 80), text);
    TRY(copy_part(text + 1, n - 2, &name));
    const struct ini_section *other = ini_section(r->ini, name);
    size_t other_line               = other ? other->line : 0;
    enum err rc                     = mem_resize(&r->ini->section, r->ini->n, r->ini->n + 1, sizeof *r->ini->section);
    if (rc) {
        mem_free(name);
        return rc;
    }
    r->ini->section[r->ini->n++] = (struct ini_section){.name = name, .line = r->line};
    if (!*name) BAD(r, "%s", "a section without a name");
    if (other_line) BAD(r, "section [%.80s] is there already, on line %zu", name, other_line);
    return ERR_OK;
}

static enum err add_key(struct reader *r, const char *text, size_t n)
{
    size_t k = 0;
    char *name;
    TRY(end_key(r));
    while (k < n && text[k] != '=' && text[k] != ':') k++;
    if (!r->ini->n) BAD(r, "\"%.*s\" stands before the first [section]", (int)(n < 80 ? n : 80), text);
    if (k == n || k == 0)
        BAD(r, "\"%.*s\": neither [section] nor key = value; a value goes on in lines that are indented",
            (int)(n < 80 ? n : 80), text);
    struct ini_section *s = &r->ini->section[r->ini->n - 1];
    TRY(copy_part(text, k, &name));
    for (char *c = name; *c; c++)
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c - 'A' + 'a');
    const struct ini_key *other = ini_key(s, name);
    size_t other_line           = other ? other->line : 0;
    enum err rc                 = mem_resize(&s->key, s->n, s->n + 1, sizeof *s->key);
    if (rc) {
        mem_free(name);
        return rc;
    }
    s->key[s->n++] = (struct ini_key){.name = name, .line = r->line};
    r->has_key     = true;
    if (other_line) BAD(r, "[%.80s] %.80s is there already, on line %zu", s->name, name, other_line);
    for (k++; k < n && is_blank(text[k]);) k++;
    return sql_add(&r->value, "%.*s", (int)(n - k), text + k);
}

static enum err check_characters(const struct reader *r, const char *text, size_t n)
{
    const char *at = text;
    uint32_t code;
    while (at < text + n) {
        size_t size = *at == '\t' ? 1 : utf8_next(at, &code);
        if (!size) BAD(r, "byte %zu of the line is no UTF-8", (size_t)(at - text) + 1);
        if (*at != '\t' && utf8_is_control(code))
            BAD(r, "byte %zu of the line is a control character (U+%04X)", (size_t)(at - text) + 1, (unsigned)code);
        at += size;
    }
    return ERR_OK;
}

static enum err add_line(struct reader *r, const char *text, size_t n)
{
    size_t indent = 0;
    TRY(check_characters(r, text, n));
    while (n && is_blank(text[n - 1])) n--;
    while (indent < n && is_blank(text[indent])) indent++;
    text += indent;
    n -= indent;
    if (n && (*text == '#' || *text == ';')) return ERR_OK;
    if (r->has_key && (!n || indent > r->indent)) return sql_add(&r->value, "\n%.*s", (int)n, text);
    if (!n) return ERR_OK;
    r->indent = indent;
    return *text == '[' ? add_section(r, text, n) : add_key(r, text, n);
}

/* `text` ends with a zero beyond its length. */
static enum err read_lines(struct reader *r, const char *text, size_t length)
{
    const char *at = text, *end = text + length;
    if (length >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0) at += 3; /* byte order mark */
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t n            = (size_t)((newline ? newline : end) - at);
        r->line++;
        if (memchr(at, 0, n)) BAD(r, "byte %zu of the line is zero", (size_t)((const char *)memchr(at, 0, n) - at) + 1);
        TRY(add_line(r, at, n && at[n - 1] == '\r' ? n - 1 : n));
        at += n + (newline != NULL);
    }
    return end_key(r);
}

enum err ini_parse(const char *text, size_t length, const char *file, struct ini **out)
{
    struct reader r = {.line = 0};
    char *copy      = NULL;
    *out            = NULL;
    REQUIRE(length <= INI_MAX_BYTES, ERR_PARSE, "%s: more than %d bytes; no campaign is so long", file, INI_MAX_BYTES);
    TRY(mem_alloc(&r.ini, 1, sizeof *r.ini));
    r.ini->file = mem_string(file);
    enum err rc = r.ini->file ? mem_alloc(&copy, length + 1, 1) : ERR_MEMORY;
    if (!rc && length) memcpy(copy, text, length);
    if (!rc) rc = read_lines(&r, copy, length);
    mem_free(copy);
    sql_free(&r.value);
    if (rc)
        ini_free(r.ini);
    else
        *out = r.ini;
    return rc;
}

enum err ini_read(const char *path, struct ini **out)
{
    char *text;
    *out    = NULL;
    FILE *f = fopen(path, "rb");
    REQUIRE(f, ERR_OPEN, "%s cannot be opened", path);
    enum err rc = mem_alloc(&text, INI_MAX_BYTES + 1, 1);
    if (!rc) {
        size_t n = fread(text, 1, INI_MAX_BYTES + 1, f);
        rc       = ferror(f) ? err_fail(ERR_READ, __FILE__, __LINE__, "%s cannot be read", path)
                             : ini_parse(text, n, path, out);
        mem_free(text);
    }
    (void)fclose(f);
    return rc;
}
