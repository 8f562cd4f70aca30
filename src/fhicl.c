/* The tree of values: making, finding, binding, converting. Reading is in fhicl_parse.c, printing in fhicl_print.c. */
#include "fhicl_internal.h"
#include "mem.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- values --------------------------------------------------------------------------------------------------------- */

static enum err copy_string(const char *s, char **out)
{
    *out = NULL;
    if (!s) return ERR_OK;
    *out = mem_string(s);
    REQUIRE(*out, ERR_MEMORY, "out of memory");
    return ERR_OK;
}

enum err fhicl_make(enum fhicl_kind kind, const char *text, const char *origin, size_t *budget, struct fhicl **out)
{
    *out = NULL;
    REQUIRE(!budget || *budget > 0, ERR_PARSE, "more than %d values in one document", FHICL_MAX_VALUES);
    if (budget) --*budget;
    struct fhicl *v;
    enum err rc;
    TRY(mem_alloc(&v, 1, sizeof *v));
    v->kind   = kind;
    v->height = 1;
    TRY_TO(fail, copy_string(text, &v->text));
    TRY_TO(fail, copy_string(origin, &v->origin));
    *out = v;
    return ERR_OK;
fail:
    fhicl_free(v);
    return rc;
}

void fhicl_free(struct fhicl *v)
{
    if (!v) return;
    for (size_t i = 0; i < v->n; i++) fhicl_free(v->child[i]);
    mem_free(v->child);
    mem_free(v->key);
    mem_free(v->text);
    mem_free(v->imaginary);
    mem_free(v->origin);
    mem_free(v);
}

enum err fhicl_append(struct fhicl *parent, const char *key, struct fhicl *child)
{
    enum err rc;
    if (child->height >= FHICL_MAX_DEPTH)
        FAIL_TO(fail, ERR_PARSE, "values are nested more than %d deep", FHICL_MAX_DEPTH);
    if (parent->n == parent->capacity) {
        size_t capacity = 2 * parent->capacity + 4;
        TRY_TO(fail, mem_resize(&parent->child, parent->n, capacity, sizeof(struct fhicl *)));
        parent->capacity = capacity;
    }
    mem_free(child->key);
    TRY_TO(fail, copy_string(key, &child->key));
    parent->child[parent->n++] = child;
    if (parent->height <= child->height) parent->height = child->height + 1;
    return ERR_OK;
fail:
    fhicl_free(child);
    return rc;
}

enum err fhicl_make_copy(const struct fhicl *value, size_t *budget, struct fhicl **out)
{
    enum err rc;
    struct fhicl *copy, *child;
    TRY(fhicl_make(value->kind, value->text, value->origin, budget, &copy));
    copy->protection = value->protection;
    TRY_TO(fail, copy_string(value->imaginary, &copy->imaginary));
    for (size_t i = 0; i < value->n; i++) {
        TRY_TO(fail, fhicl_make_copy(value->child[i], budget, &child));
        TRY_TO(fail, fhicl_append(copy, value->child[i]->key, child));
    }
    *out = copy;
    return ERR_OK;
fail:
    fhicl_free(copy);
    *out = NULL;
    return rc;
}

enum err fhicl_copy(const struct fhicl *value, struct fhicl **out) { return fhicl_make_copy(value, NULL, out); }

enum err fhicl_set_origin(struct fhicl *value, const char *origin)
{
    char *copy;
    TRY(copy_string(origin, &copy));
    mem_free(value->origin);
    value->origin = copy;
    return ERR_OK;
}

/* ---- protection ----------------------------------------------------------------------------------------------------- */

static const char *protection_name(enum fhicl_protection p)
{
    return p == FHICL_PROTECT_ERROR ? "@protect_error" : p == FHICL_PROTECT_IGNORE ? "@protect_ignore" : "none";
}

enum err fhicl_protect(struct fhicl *value, enum fhicl_protection protection, const char *name)
{
    REQUIRE(value->protection == FHICL_OPEN || value->protection >= protection, ERR_PARSE,
            "\"%s\" has the protection %s (%s), weaker than the %s around it", name, protection_name(value->protection),
            value->origin, protection_name(protection));
    if (value->protection < protection) value->protection = protection;
    for (size_t i = 0; i < value->n; i++)
        TRY(fhicl_protect(value->child[i], value->protection, value->child[i]->key ? value->child[i]->key : name));
    return ERR_OK;
}

void fhicl_unprotect(struct fhicl *value)
{
    value->protection = FHICL_OPEN;
    for (size_t i = 0; i < value->n; i++) fhicl_unprotect(value->child[i]);
}

/* What the protection of an existing binding says to a new value: keep it (*is_ignored), replace it, or an error. */
static enum err check_override(const struct fhicl *old, const struct fhicl *value, const char *name, bool *is_ignored)
{
    *is_ignored = old->protection == FHICL_PROTECT_IGNORE;
    REQUIRE(value->protection <= old->protection, ERR_PARSE,
            "\"%s\" cannot be given a stronger protection than it has (%s, by %s)", name,
            protection_name(old->protection), old->origin);
    REQUIRE(old->protection != FHICL_PROTECT_ERROR, ERR_PARSE, "\"%s\" is protected by %s", name, old->origin);
    return ERR_OK;
}

/* ---- paths ---------------------------------------------------------------------------------------------------------- */

struct part {
    char name[256]; /* "" for an index */
    size_t index;
};

/* Takes the next part of "a.b[2].c"; *cursor NULL at the end. */
static enum err next_part(const char *path, const char **cursor, struct part *out)
{
    const char *p = *cursor;
    out->name[0] = 0, out->index = 0;
    if (*p == '[' && p != path) {
        size_t digits = strspn(p + 1, "0123456789");
        REQUIRE(digits && p[1 + digits] == ']', ERR_PARSE, "\"%s\" is not a name: wanted is a number in [ ]", path);
        for (size_t i = 0; i < digits && out->index <= FHICL_MAX_INDEX; i++)
            out->index = 10 * out->index + (size_t)(p[1 + i] - '0');
        REQUIRE(out->index <= FHICL_MAX_INDEX, ERR_PARSE, "\"%s\": an index is at most %d", path, FHICL_MAX_INDEX);
        p += digits + 2;
    } else {
        if (p != path && *p == '.') p++;
        size_t n = 0;
        while (isalnum((unsigned char)p[n]) || p[n] == '_') n++;
        REQUIRE(n > 0 && n < sizeof out->name && !isdigit((unsigned char)*p), ERR_PARSE,
                "\"%s\" is not a name: letters, digits and _, not starting with a digit, joined by '.'", path);
        memcpy(out->name, p, n);
        out->name[n] = 0;
        p += n;
    }
    REQUIRE(*p == 0 || *p == '.' || *p == '[', ERR_PARSE, "\"%s\" is not a name: unexpected '%c'", path, *p);
    *cursor = *p ? p : NULL;
    return ERR_OK;
}

static size_t member_index(const struct fhicl *table, const char *name)
{
    for (size_t i = 0; i < table->n; i++)
        if (strcmp(table->child[i]->key, name) == 0) return i;
    return SIZE_MAX;
}

enum err fhicl_find(const struct fhicl *root, const char *path, const struct fhicl **out)
{
    const struct fhicl *v = root;
    struct part part;
    *out = NULL;
    for (const char *cursor = path; cursor;) {
        TRY(next_part(path, &cursor, &part));
        if (part.name[0]) {
            REQUIRE(v->kind == FHICL_TABLE, ERR_PARSE, "\"%s\" is not there: what should hold \"%s\" is no table", path,
                    part.name);
            size_t i = member_index(v, part.name);
            REQUIRE(i != SIZE_MAX, ERR_PARSE, "\"%s\" is not there (at part \"%s\")", path, part.name);
            v = v->child[i];
        } else {
            REQUIRE(v->kind == FHICL_SEQUENCE, ERR_PARSE, "\"%s\" is not there: what should hold [%zu] is no sequence",
                    path, part.index);
            REQUIRE(part.index < v->n, ERR_PARSE, "\"%s\" is not there: the sequence has %zu elements", path, v->n);
            v = v->child[part.index];
        }
    }
    *out = v;
    return ERR_OK;
}

const struct fhicl *fhicl_get(const struct fhicl *table, const char *path)
{
    char message[4096];
    const struct fhicl *found;
    snprintf(message, sizeof message, "%s", err_message());
    if (fhicl_find(table, path, &found)) err_set_message(message);
    return found;
}

/* ---- binding -------------------------------------------------------------------------------------------------------- */

static enum err replace(struct fhicl *parent, size_t i, struct fhicl *value)
{
    struct fhicl *old = parent->child[i];
    enum err rc;
    if (value->height >= FHICL_MAX_DEPTH)
        FAIL_TO(fail, ERR_PARSE, "values are nested more than %d deep", FHICL_MAX_DEPTH);
    mem_free(value->key);
    TRY_TO(fail, copy_string(old->key, &value->key));
    parent->child[i] = value;
    if (parent->height <= value->height) parent->height = value->height + 1;
    fhicl_free(old);
    return ERR_OK;
fail:
    fhicl_free(value);
    return rc;
}

enum err fhicl_bind(struct fhicl *table, const char *name, struct fhicl *value)
{
    size_t i = member_index(table, name);
    if (i == SIZE_MAX) return fhicl_append(table, name, value);
    bool is_ignored;
    enum err rc = check_override(table->child[i], value, name, &is_ignored);
    if (!rc && !is_ignored) return replace(table, i, value);
    fhicl_free(value);
    return rc;
}

/* An undefined value on the way of a path becomes what the path wants it to be. */
static enum err shape(struct fhicl *v, const struct part *part, const char *path)
{
    enum fhicl_kind want = part->name[0] ? FHICL_TABLE : FHICL_SEQUENCE;
    if (v->kind == FHICL_NIL) v->kind = want;
    REQUIRE(v->kind == want, ERR_PARSE, "\"%s\" cannot be assigned: %s \"%.60s\" is no %s (it is a %s of %s)", path,
            v->key ? "member" : "element", v->key ? v->key : "", fhicl_kind_name(want), fhicl_kind_name(v->kind),
            v->origin);
    return ERR_OK;
}

/* The child of v that a part names, made as @nil where it is missing. */
static enum err step_into(struct fhicl *v, const struct part *part, const char *origin, size_t *budget, size_t *out)
{
    struct fhicl *nil;
    if (part->name[0]) {
        *out = member_index(v, part->name);
        if (*out != SIZE_MAX) return ERR_OK;
        *out = v->n;
        TRY(fhicl_make(FHICL_NIL, "@nil", origin, budget, &nil));
        return fhicl_append(v, part->name, nil);
    }
    *out = part->index;
    while (v->n <= part->index) {
        TRY(fhicl_make(FHICL_NIL, "@nil", origin, budget, &nil));
        TRY(fhicl_append(v, NULL, nil));
    }
    return ERR_OK;
}

/* Heights on the way to a new value, whose own is `height`; the way has n values. */
static enum err raise_heights(struct fhicl **way, size_t n, size_t height)
{
    REQUIRE(n + height <= FHICL_MAX_DEPTH, ERR_PARSE, "values are nested more than %d deep", FHICL_MAX_DEPTH);
    for (size_t i = 0; i < n; i++)
        if (way[i]->height < n - i + height) way[i]->height = n - i + height;
    return ERR_OK;
}

static enum err bind_path(struct fhicl *root, const char *path, const struct fhicl *value, size_t *budget,
                          struct fhicl **parent, size_t *index)
{
    struct fhicl *way[FHICL_MAX_DEPTH], *v = root;
    struct part part;
    size_t n = 0;
    for (const char *cursor = path; cursor; v = v->child[*index]) {
        TRY(next_part(path, &cursor, &part));
        REQUIRE(n < FHICL_MAX_DEPTH, ERR_PARSE, "\"%.60s...\" has more than %d parts", path, FHICL_MAX_DEPTH);
        TRY(shape(v, &part, path));
        TRY(step_into(v, &part, value->origin, budget, index));
        way[n++] = *parent = v;
        bool is_ignored = false, is_last = !cursor;
        const struct fhicl *next = v->child[*index];
        if (is_last && next->kind == FHICL_NIL && !next->protection) break;
        if (is_last || next->protection) TRY(check_override(next, value, path, &is_ignored));
        if (is_ignored) {
            *parent = NULL;
            return ERR_OK;
        }
    }
    return raise_heights(way, n, value->height);
}

enum err fhicl_bind_path(struct fhicl *root, const char *path, struct fhicl *value, size_t *budget)
{
    struct fhicl *parent = NULL;
    size_t index         = 0;
    enum err rc          = bind_path(root, path, value, budget, &parent, &index);
    if (!rc && parent) return replace(parent, index, value);
    fhicl_free(value);
    return rc;
}

static void remove_at(struct fhicl *parent, size_t i)
{
    fhicl_free(parent->child[i]);
    parent->n--;
    memmove(parent->child + i, parent->child + i + 1, (parent->n - i) * sizeof(struct fhicl *));
}

enum err fhicl_erase_path(struct fhicl *root, const char *path)
{
    struct fhicl *v = root, *parent = root;
    struct part part;
    size_t i = 0;
    for (const char *cursor = path; cursor;) {
        TRY(next_part(path, &cursor, &part));
        bool is_name = part.name[0];
        REQUIRE(v->kind == (is_name ? FHICL_TABLE : FHICL_SEQUENCE), ERR_PARSE,
                "\"%s\" cannot be erased: a part of it is no %s", path, is_name ? "table" : "sequence");
        i = is_name ? member_index(v, part.name) : part.index;
        if (i >= v->n) return ERR_OK;
        REQUIRE(cursor || is_name, ERR_PARSE, "\"%s\": an element of a sequence cannot be erased", path);
        parent = v;
        v      = v->child[i];
        REQUIRE(v->protection != FHICL_PROTECT_ERROR, ERR_PARSE, "\"%s\" is protected by %s", path, v->origin);
        if (v->protection == FHICL_PROTECT_IGNORE) return ERR_OK;
    }
    remove_at(parent, i);
    return ERR_OK;
}

enum err fhicl_set(struct fhicl *table, const char *path, const char *expression, const char *origin)
{
    struct fhicl *value;
    TRY(fhicl_parse_expression(expression, origin, &value));
    return fhicl_bind_path(table, path, value, NULL);
}

void fhicl_remove(struct fhicl *table, const char *path)
{
    if (fhicl_get(table, path)) (void)fhicl_erase_path(table, path);
}

/* ---- asking --------------------------------------------------------------------------------------------------------- */

enum fhicl_kind fhicl_kind(const struct fhicl *value) { return value->kind; }

const char *fhicl_kind_name(enum fhicl_kind kind)
{
    static const char *const names[] = {"nil", "bool", "number", "complex", "string", "sequence", "table", "id"};
    return names[kind];
}

size_t fhicl_size(const struct fhicl *value) { return value->n; }
const char *fhicl_key(const struct fhicl *table, size_t i) { return i < table->n ? table->child[i]->key : NULL; }
const struct fhicl *fhicl_at(const struct fhicl *value, size_t i) { return i < value->n ? value->child[i] : NULL; }
const char *fhicl_origin(const struct fhicl *value) { return value->origin ? value->origin : ""; }

static enum err unlike(const struct fhicl *value, const char *key, const char *wanted)
{
    if (value->text && value->kind != FHICL_NIL)
        FAIL(ERR_CONFIG, "%s: %s is the %s %.200s, wanted is %s", fhicl_origin(value), key,
             fhicl_kind_name(value->kind), value->text, wanted);
    FAIL(ERR_CONFIG, "%s: %s is a %s, wanted is %s", fhicl_origin(value), key, fhicl_kind_name(value->kind), wanted);
}

enum err fhicl_as_f64(const struct fhicl *value, const char *key, double *out)
{
    if (value->kind != FHICL_NUMBER) return unlike(value, key, "a number");
    double x = strtod(value->text, NULL); /* reads "infinity" too */
    if (isinf(x) && !strstr(value->text, "infinity")) return unlike(value, key, "a number below 1.8e308 in size");
    *out = x;
    return ERR_OK;
}

enum err fhicl_as_i64(const struct fhicl *value, const char *key, int64_t *out)
{
    if (value->kind != FHICL_NUMBER) return unlike(value, key, "an integer");
    if (!fhicl_number_i64(value->text, out)) return unlike(value, key, "an integer of at most 64 bits");
    return ERR_OK;
}

enum err fhicl_as_bool(const struct fhicl *value, const char *key, bool *out)
{
    bool is_word = value->kind == FHICL_BOOL || value->kind == FHICL_STRING;
    bool is_true = is_word && strcmp(value->text, "true") == 0;
    if (!is_true && !(is_word && strcmp(value->text, "false") == 0)) return unlike(value, key, "true or false");
    *out = is_true;
    return ERR_OK;
}

enum err fhicl_as_string(const struct fhicl *value, const char *key, const char **out)
{
    bool is_word = value->kind == FHICL_STRING || value->kind == FHICL_NUMBER || value->kind == FHICL_BOOL;
    if (!is_word) return unlike(value, key, "a string");
    *out = value->text;
    return ERR_OK;
}
