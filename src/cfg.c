/* Parameters: reading, checking, filling in, explaining, all from one list of fields. */
#include "cfg.h"

#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_KEYS = 256 };

static bool is_list(enum cfg_type type) { return type == CFG_f64s || type == CFG_strs; }

/* ---- defaults ------------------------------------------------------------------------------------------------------- */

/* Binds a field's default in a table. A list's default is a quoted string whose content is FHiCL. */
static enum err bind_default(const struct cfg_field *f, struct fhicl *table, const char *path)
{
    enum err rc = fhicl_set(table, path, f->default_text, "default");
    if (!rc && is_list(f->type)) {
        const char *content;
        TRY(fhicl_as_string(fhicl_get(table, path), f->name, &content));
        char *text = mem_string(content);
        REQUIRE(text, ERR_MEMORY, "out of memory");
        rc = fhicl_set(table, path, text, "default");
        mem_free(text);
    }
    if (rc == ERR_PARSE) return err_context(ERR_LOGIC, "the default of %s, %s, is not FHiCL", f->name, f->default_text);
    return rc;
}

enum err cfg_fill_defaults(const struct cfg_field *fields, struct fhicl *table, const char *path)
{
    for (const struct cfg_field *f = fields; f->name; f++) {
        char full[1024];
        snprintf(full, sizeof full, "%s%s%s", path, *path ? "." : "", f->name);
        if (!fhicl_get(table, full)) TRY(bind_default(f, table, full));
    }
    return ERR_OK;
}

/* ---- keys ----------------------------------------------------------------------------------------------------------- */

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Levenshtein: letters to change, add or drop; words beyond 63 letters count as far. */
static size_t distance(const char *a, const char *b)
{
    size_t n = strlen(b), row[64];
    if (n > 63 || strlen(a) > 63) return 64;
    for (size_t j = 0; j <= n; j++) row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0]          = i + 1;
        for (size_t j = 0; j < n; j++) {
            size_t changed = diagonal + (a[i] != b[j]);
            diagonal       = row[j + 1];
            row[j + 1]     = smallest(changed, diagonal + 1, row[j] + 1);
        }
    }
    return row[n];
}

const char *cfg_nearest(const char *word, const char *const *known, size_t n)
{
    size_t best       = strlen(word) < 4 ? 2 : strlen(word) / 3 + 2;
    const char *found = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t d = distance(word, known[i]);
        if (d < best) best = d, found = known[i];
    }
    return found;
}

static enum err unknown_key(const struct cfg_field *fields, const struct fhicl *value, const char *key,
                            const char *where)
{
    const char *known[MAX_KEYS] = {NULL};
    char list[1200]             = "";
    size_t n = 0, used = 0;
    for (const struct cfg_field *f = fields; f->name && n < MAX_KEYS; f++) {
        known[n++] = f->name;
        if (used < sizeof list) used += (size_t)snprintf(list + used, sizeof list - used, " %s", f->name);
    }
    const char *near = cfg_nearest(key, known, n);
    if (near)
        FAIL(ERR_CONFIG, "%s: unknown key \"%s\" in %s; did you mean \"%s\"?", fhicl_origin(value), key, where, near);
    FAIL(ERR_CONFIG, "%s: unknown key \"%s\" in %s; known are:%s", fhicl_origin(value), key, where, n ? list : " none");
}

static bool is_reserved(const char *key, const char *const *reserved)
{
    for (; reserved && *reserved; reserved++)
        if (strcmp(key, *reserved) == 0) return true;
    return false;
}

static enum err check_keys(const struct cfg_field *fields, const struct fhicl *table, const char *where,
                           const char *const *reserved)
{
    for (size_t i = 0; i < fhicl_size(table); i++) {
        const char *key           = fhicl_key(table, i);
        const struct cfg_field *f = fields;
        while (f->name && strcmp(f->name, key) != 0) f++;
        if (!f->name && !is_reserved(key, reserved)) return unknown_key(fields, fhicl_at(table, i), key, where);
    }
    return ERR_OK;
}

/* ---- values --------------------------------------------------------------------------------------------------------- */

static enum err check_range(const struct cfg_field *f, const struct fhicl *value, const char *key, double x)
{
    REQUIRE(x >= f->min && x <= f->max, ERR_CONFIG, "%s: %s = %.17g is out of range; accepted is %.10g to %.10g%s%s",
            fhicl_origin(value), key, x, f->min, f->max, strcmp(f->unit, "1") ? " " : "",
            strcmp(f->unit, "1") ? f->unit : "");
    return ERR_OK;
}

/* The unit slot of a string holds the choices "a|b|c", "" for any. */
static enum err check_choice(const struct cfg_field *f, const struct fhicl *value, const char *key, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = f->unit; *p; p += *p == '|') {
        size_t length = strcspn(p, "|");
        if (length == n && memcmp(p, word, n) == 0) return ERR_OK;
        p += length;
    }
    REQUIRE(!*f->unit, ERR_CONFIG, "%s: %s = \"%s\" is none of the choices %s", fhicl_origin(value), key, word,
            f->unit);
    return ERR_OK;
}

static enum err read_f64(const struct cfg_field *f, const struct fhicl *value, const char *key, double *out)
{
    TRY(fhicl_as_f64(value, key, out));
    return check_range(f, value, key, *out);
}

static enum err read_str(const struct cfg_field *f, const struct fhicl *value, const char *key, const char **out)
{
    const char *word;
    TRY(fhicl_as_string(value, key, &word));
    TRY(check_choice(f, value, key, word));
    *out = mem_string(word);
    REQUIRE(*out, ERR_MEMORY, "out of memory");
    return ERR_OK;
}

static enum err read_list(const struct cfg_field *f, const struct fhicl *value, const char *key, char *slot)
{
    const size_t n = fhicl_size(value);
    char element_key[640];
    struct f64s *numbers = (void *)slot;
    struct strs *words   = (void *)slot;
    REQUIRE(fhicl_kind(value) == FHICL_SEQUENCE, ERR_CONFIG, "%s: %s is a %s, wanted is a list: [ ... ]",
            fhicl_origin(value), key, fhicl_kind_name(fhicl_kind(value)));
    if (f->type == CFG_f64s) {
        TRY(mem_alloc(&numbers->value, n, sizeof *numbers->value));
    } else {
        TRY(mem_alloc(&words->value, n, sizeof *words->value));
    }
    for (size_t i = 0; i < n; i++) {
        snprintf(element_key, sizeof element_key, "%s[%zu]", key, i);
        if (f->type == CFG_f64s) {
            TRY(read_f64(f, fhicl_at(value, i), element_key, &numbers->value[i]));
            numbers->n++;
        } else {
            TRY(read_str(f, fhicl_at(value, i), element_key, &words->value[i]));
            words->n++;
        }
    }
    return ERR_OK;
}

static enum err read_value(const struct cfg_field *f, const struct fhicl *value, const char *key, char *slot)
{
    switch (f->type) {
    case CFG_i64:
        TRY(fhicl_as_i64(value, key, (int64_t *)(void *)slot));
        return check_range(f, value, key, (double)*(int64_t *)(void *)slot);
    case CFG_f64: return read_f64(f, value, key, (double *)(void *)slot);
    case CFG_flag: return fhicl_as_bool(value, key, (bool *)(void *)slot);
    case CFG_str:
    case CFG_file: return read_str(f, value, key, (const char **)(void *)slot);
    default: return read_list(f, value, key, slot);
    }
}

static enum err read_field(const struct cfg_field *f, const struct fhicl *table, const char *where, char *slot)
{
    char key[512];
    snprintf(key, sizeof key, "%s%s%s", where, *where ? "." : "", f->name);
    const struct fhicl *value = table ? fhicl_get(table, f->name) : NULL;
    if (value) return read_value(f, value, key, slot);
    struct fhicl *defaults;
    TRY(fhicl_parse("", 0, "default", &defaults));
    enum err rc = bind_default(f, defaults, f->name);
    if (!rc) rc = read_value(f, fhicl_get(defaults, f->name), key, slot);
    fhicl_free(defaults);
    return rc;
}

static size_t slot_size(enum cfg_type type)
{
    static const size_t sizes[] = {sizeof(cfg_i64),  sizeof(cfg_f64),  sizeof(cfg_flag), sizeof(cfg_str),
                                   sizeof(cfg_f64s), sizeof(cfg_strs), sizeof(cfg_file)};
    return sizes[type];
}

enum err cfg_read(const struct cfg_field *fields, const struct fhicl *table, const char *where,
                  const char *const *reserved, void *out)
{
    REQUIRE(!table || fhicl_kind(table) == FHICL_TABLE, ERR_CONFIG, "%s: %s is a %s, wanted is a table: { ... }",
            fhicl_origin(table), where, fhicl_kind_name(fhicl_kind(table)));
    if (table) TRY(check_keys(fields, table, where, reserved));
    for (const struct cfg_field *f = fields; f->name; f++) memset((char *)out + f->offset, 0, slot_size(f->type));
    for (const struct cfg_field *f = fields; f->name; f++) {
        enum err rc = read_field(f, table, where, (char *)out + f->offset);
        if (!rc) continue;
        cfg_free(fields, out);
        return err_pass(rc, __FILE__, __LINE__, f->name);
    }
    return ERR_OK;
}

void cfg_free(const struct cfg_field *fields, void *cfg)
{
    if (!cfg) return;
    for (const struct cfg_field *f = fields; f->name; f++) {
        void *slot         = (char *)cfg + f->offset;
        struct strs *words = slot;
        if (f->type == CFG_str || f->type == CFG_file) mem_free((void *)*(uintptr_t *)slot);
        if (f->type == CFG_f64s) mem_free(((struct f64s *)slot)->value);
        if (f->type == CFG_strs) {
            for (size_t i = 0; i < words->n; i++) mem_free((void *)(uintptr_t)words->value[i]);
            mem_free((void *)words->value);
        }
        memset(slot, 0, slot_size(f->type));
    }
}

/* ---- comparison ---------------------------------------------------------------------------------------------------- */

const struct cfg_field *cfg_find(const struct cfg_field *fields, const char *name)
{
    for (const struct cfg_field *f = fields; f && f->name; f++)
        if (strcmp(f->name, name) == 0) return f;
    return NULL;
}

bool cfg_same(const struct cfg_field *field_a, const void *a, const struct cfg_field *field_b, const void *b)
{
    const void *x = (const char *)a + field_a->offset, *y = (const char *)b + field_b->offset;
    if (field_a->type != field_b->type) return false;
    if (field_a->type == CFG_str || field_a->type == CFG_file)
        return strcmp(*(const char *const *)x, *(const char *const *)y) == 0;
    if (field_a->type == CFG_strs) {
        const struct strs *p = x, *q = y;
        bool is_same = p->n == q->n;
        for (size_t i = 0; is_same && i < p->n; i++) is_same = strcmp(p->value[i], q->value[i]) == 0;
        return is_same;
    }
    if (field_a->type != CFG_f64s) return memcmp(x, y, slot_size(field_a->type)) == 0;
    const struct f64s *p = x, *q = y;
    return p->n == q->n && (p->n == 0 || memcmp(p->value, q->value, p->n * sizeof *p->value) == 0);
}

/* ---- help ----------------------------------------------------------------------------------------------------------- */

/* The default as a user would write it. */
static void show_default(const struct cfg_field *f)
{
    const char *text = f->default_text;
    size_t n         = strlen(text);
    if (is_list(f->type) && n >= 2) text++, n -= 2;
    printf("%.*s", (int)n, text);
}

void cfg_help(const struct cfg_field *fields)
{
    static const char *const types[] = {"integer", "number", "true|false", "string", "[numbers]", "[strings]", "file"};
    int width                        = 0;
    for (const struct cfg_field *f = fields; f->name; f++)
        if ((int)strlen(f->name) > width) width = (int)strlen(f->name);
    for (const struct cfg_field *f = fields; f->name; f++) {
        bool is_text = f->type == CFG_str || f->type == CFG_strs || f->type == CFG_file;
        printf("  %-*s  %s; default ", width, f->name, types[f->type]);
        show_default(f);
        if (is_text && *f->unit) printf("; one of %s", f->unit);
        if (!is_text && f->type != CFG_flag) printf("; %.10g to %.10g", f->min, f->max);
        if (!is_text && f->type != CFG_flag && strcmp(f->unit, "1") != 0) printf(" %s", f->unit);
        printf("\n  %-*s  %s\n", width, "", f->doc);
    }
}
