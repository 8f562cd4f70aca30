/* The ODB as a sorted list of paths, and its XML. */
#include "odb_tree.h"

#include "mem.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct type_name {
    const char *classical, *modern;
    uint32_t type;
} type_names[] = {
    {"BYTE", "UINT8", MIDAS_U8},     {"SBYTE", "INT8", MIDAS_I8},      {"CHAR", "CHAR", MIDAS_CHAR},
    {"WORD", "UINT16", MIDAS_U16},   {"SHORT", "INT16", MIDAS_I16},    {"DWORD", "UINT32", MIDAS_U32},
    {"INT", "INT32", MIDAS_I32},     {"BOOL", "BOOL", MIDAS_BOOL},     {"FLOAT", "FLOAT", MIDAS_F32},
    {"DOUBLE", "DOUBLE", MIDAS_F64}, {"BITFIELD", "BITS", MIDAS_BITS}, {"STRING", "STRING", MIDAS_STRING},
    {"LINK", "LINK", MIDAS_LINK},    {"QWORD", "UINT64", MIDAS_U64},   {"INT64", "INT64", MIDAS_I64},
};
enum { N_TYPE_NAMES = sizeof type_names / sizeof *type_names };

uint32_t odb_tree_type(const char *name, size_t n)
{
    for (size_t i = 0; i < N_TYPE_NAMES; i++) {
        const struct type_name *t = &type_names[i];
        if (strlen(t->classical) == n && memcmp(t->classical, name, n) == 0) return t->type;
        if (strlen(t->modern) == n && memcmp(t->modern, name, n) == 0) return t->type;
    }
    return 0;
}

const char *odb_tree_type_name(uint32_t type)
{
    for (size_t i = 0; i < N_TYPE_NAMES; i++)
        if (type_names[i].type == type) return type_names[i].classical;
    return "STRING";
}

/* ---- the tree ---- */

enum err odb_create(struct odb **out) { return mem_alloc(out, 1, sizeof **out); }

void odb_free(struct odb *odb)
{
    if (!odb) return;
    mem_free(odb->keys);
    mem_free(odb->values);
    mem_free(odb->pool);
    mem_free(odb);
}

static enum err grow(void *in_out, size_t used, size_t needed, size_t *capacity, size_t size)
{
    if (needed <= *capacity) return ERR_OK;
    size_t more = *capacity ? 2 * *capacity : 256;
    if (more < needed) more = needed;
    TRY(mem_resize(in_out, used, more, size));
    *capacity = more;
    return ERR_OK;
}

static enum err add_text(struct odb *odb, const char *text, size_t n, size_t *offset)
{
    TRY(grow(&odb->pool, odb->n_pool, odb->n_pool + n + 1, &odb->pool_capacity, 1));
    *offset = odb->n_pool;
    memcpy(odb->pool + odb->n_pool, text, n);
    odb->pool[odb->n_pool + n] = '\0';
    odb->n_pool += n + 1;
    return ERR_OK;
}

enum err odb_tree_key(struct odb *odb, const char *path, size_t path_length, uint32_t type)
{
    struct odb_key key = {.first = odb->n_values, .type = type, .order = (uint32_t)odb->n_keys};
    TRY(add_text(odb, path, path_length, &key.path));
    TRY(grow(&odb->keys, odb->n_keys, odb->n_keys + 1, &odb->keys_capacity, sizeof key));
    odb->keys[odb->n_keys++] = key;
    return ERR_OK;
}

enum err odb_tree_value(struct odb *odb, const char *text, size_t n)
{
    size_t offset = 0;
    TRY(add_text(odb, text, n, &offset));
    TRY(grow(&odb->values, odb->n_values, odb->n_values + 1, &odb->values_capacity, sizeof *odb->values));
    odb->values[odb->n_values++] = offset;
    odb->keys[odb->n_keys - 1].n++;
    return ERR_OK;
}

/* '/' sorts before all else, so that a folder's keys stand together. */
static int compare_paths(const char *a, const char *b)
{
    while (*a == '/') a++;
    while (*b == '/') b++;
    for (;; a++, b++) {
        int ca = *a == '/' ? 1 : (unsigned char)*a, cb = *b == '/' ? 1 : (unsigned char)*b;
        ca = ca >= 'A' && ca <= 'Z' ? ca + 32 : ca;
        cb = cb >= 'A' && cb <= 'Z' ? cb + 32 : cb;
        if (ca != cb || ca == 0) return ca - cb;
    }
}

static int compare_keys(const void *a, const void *b, void *pool)
{
    const struct odb_key *x = a, *y = b;
    int order = compare_paths((char *)pool + x->path, (char *)pool + y->path);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

void odb_tree_sort(struct odb *odb)
{
    size_t kept = 0;
    if (odb->n_keys) qsort_r(odb->keys, odb->n_keys, sizeof *odb->keys, compare_keys, odb->pool);
    for (size_t i = 0; i < odb->n_keys; i++) {
        bool is_same = kept && compare_paths(odb->pool + odb->keys[kept - 1].path, odb->pool + odb->keys[i].path) == 0;
        odb->keys[is_same ? kept - 1 : kept++] = odb->keys[i];
    }
    odb->n_keys = kept;
    for (size_t i = 0; i < kept; i++) odb->keys[i].order = (uint32_t)i;
}

static const struct odb_key *find(const struct odb *odb, const char *path)
{
    size_t low = 0, high = odb->n_keys;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order     = compare_paths(path, odb->pool + odb->keys[middle].path);
        if (order == 0) return &odb->keys[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* ---- setting ---- */

static int print_value(char *text, size_t size, enum midas_type type, const void *values, size_t i)
{
    switch (type) {
    case MIDAS_I32: return snprintf(text, size, "%d", ((const int32_t *)values)[i]);
    case MIDAS_U32: return snprintf(text, size, "%u", ((const uint32_t *)values)[i]);
    case MIDAS_I64: return snprintf(text, size, "%lld", (long long)((const int64_t *)values)[i]);
    case MIDAS_BOOL: return snprintf(text, size, "%c", ((const uint32_t *)values)[i] ? 'y' : 'n');
    case MIDAS_F32: return snprintf(text, size, "%.9g", (double)((const float *)values)[i]);
    case MIDAS_F64: return snprintf(text, size, "%.17g", ((const double *)values)[i]);
    default: return -1;
    }
}

enum err odb_set(struct odb *odb, const char *path, enum midas_type type, size_t n, const void *values)
{
    TRY(odb_tree_key(odb, path, strlen(path), type));
    for (size_t i = 0; i < n; i++) {
        char number[40];
        const char *text = number;
        if (type == MIDAS_STRING)
            text = ((const char *const *)values)[i];
        else
            REQUIRE(print_value(number, sizeof number, type, values, i) > 0, ERR_LOGIC, "ODB key %s: type %d", path,
                    type);
        TRY(odb_tree_value(odb, text, strlen(text)));
    }
    odb_tree_sort(odb);
    return ERR_OK;
}

enum err odb_set_i32(struct odb *odb, const char *path, int32_t value)
{
    return odb_set(odb, path, MIDAS_I32, 1, &value);
}
enum err odb_set_f64(struct odb *odb, const char *path, double value)
{
    return odb_set(odb, path, MIDAS_F64, 1, &value);
}
enum err odb_set_string(struct odb *odb, const char *path, const char *value)
{
    return odb_set(odb, path, MIDAS_STRING, 1, &value);
}

/* ---- getting ---- */

size_t odb_n_keys(const struct odb *odb) { return odb->n_keys; }
const char *odb_path(const struct odb *odb, size_t i) { return odb->pool + odb->keys[i].path; }

size_t odb_size(const struct odb *odb, const char *path)
{
    const struct odb_key *key = find(odb, path);
    return key ? key->n : 0;
}

enum err odb_string(const struct odb *odb, const char *path, size_t index, const char **out)
{
    const struct odb_key *key = find(odb, path);
    *out                      = "";
    REQUIRE(key, ERR_NOTFOUND, "the ODB has no key %s", path);
    REQUIRE(index < key->n, ERR_NOTFOUND, "ODB key %s has %zu values, number %zu was asked for", path, key->n, index);
    *out = odb->pool + odb->values[key->first + index];
    return ERR_OK;
}

enum err odb_f64(const struct odb *odb, const char *path, size_t index, double *out)
{
    const char *text;
    char *end;
    *out = 0;
    TRY(odb_string(odb, path, index, &text));
    if (strcmp(text, "y") == 0 || strcmp(text, "n") == 0) {
        *out = text[0] == 'y';
        return ERR_OK;
    }
    double value = strtod(text, &end);
    REQUIRE(end != text && *end == '\0', ERR_DATA, "ODB key %s is '%.40s', a number was expected", path, text);
    *out = value;
    return ERR_OK;
}

enum err odb_i64(const struct odb *odb, const char *path, size_t index, int64_t *out)
{
    const char *text;
    char *end;
    double value;
    *out = 0;
    TRY(odb_string(odb, path, index, &text));
    errno           = 0;
    long long whole = strtoll(text, &end, 0);
    if (end != text && *end == '\0' && errno == 0) {
        *out = whole;
        return ERR_OK;
    }
    TRY(odb_f64(odb, path, index, &value));
    REQUIRE(value == floor(value) && fabs(value) < 9e18, ERR_DATA, "ODB key %s is '%.40s', an integer was expected",
            path, text);
    *out = (int64_t)value;
    return ERR_OK;
}

/* ---- XML ---- */

struct sink {
    char *text;
    size_t n, capacity;
};

static enum err put(struct sink *s, const char *text, size_t n)
{
    TRY(grow(&s->text, s->n, s->n + n + 1, &s->capacity, 1));
    memcpy(s->text + s->n, text, n);
    s->n += n;
    s->text[s->n] = '\0';
    return ERR_OK;
}

static enum err put_escaped(struct sink *s, const char *text, size_t n)
{
    static const char *const named[256] = {
        ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&apos;"};
    for (size_t i = 0; i < n; i++) {
        const char *name = named[(unsigned char)text[i]];
        TRY(put(s, name ? name : text + i, name ? strlen(name) : 1));
    }
    return ERR_OK;
}

static enum err put_line(struct sink *s, int depth, const char *before, const char *text, size_t n, const char *after)
{
    for (int i = 0; i < depth; i++) TRY(put(s, "  ", 2));
    TRY(put(s, before, strlen(before)));
    TRY(put_escaped(s, text, n));
    return put(s, after, strlen(after));
}

static enum err put_key(struct sink *s, int depth, const struct odb *odb, const struct odb_key *key, const char *name)
{
    char after[96];
    const char *type = odb_tree_type_name(key->type);
    size_t size      = 32;
    for (size_t i = 0; i < key->n; i++) {
        size_t n = strlen(odb->pool + odb->values[key->first + i]) + 1;
        if (n > size) size = n;
    }
    bool is_text = key->type == MIDAS_STRING || key->type == MIDAS_LINK;
    int n        = snprintf(after, sizeof after, "\" type=\"%s\"", type);
    if (is_text) n += snprintf(after + n, sizeof after - (size_t)n, " size=\"%zu\"", size);
    if (key->n != 1) n += snprintf(after + n, sizeof after - (size_t)n, " num_values=\"%zu\"", key->n);
    snprintf(after + n, sizeof after - (size_t)n, key->n == 1 ? ">" : ">\n");
    TRY(put_line(s, depth, key->n == 1 ? "<key name=\"" : "<keyarray name=\"", name, strlen(name), after));
    for (size_t i = 0; i < key->n; i++) {
        const char *text = odb->pool + odb->values[key->first + i];
        char before[48];
        snprintf(before, sizeof before, "<value index=\"%zu\">", i);
        if (key->n == 1)
            TRY(put_escaped(s, text, strlen(text)));
        else
            TRY(put_line(s, depth + 1, before, text, strlen(text), "</value>\n"));
    }
    return key->n == 1 ? put(s, "</key>\n", 7) : put_line(s, depth, "</keyarray>", "", 0, "\n");
}

/* Length of the folder part that two paths share, its '/' included. */
static size_t common_folder(const char *a, const char *b)
{
    size_t n = 0;
    for (size_t i = 0; a[i] && b[i] && strncasecmp(a + i, b + i, 1) == 0; i++)
        if (a[i] == '/') n = i + 1;
    return n;
}

static int count_slashes(const char *text, size_t n)
{
    int count = 0;
    for (size_t i = 0; i < n; i++) count += text[i] == '/';
    return count;
}

static enum err put_tree(struct sink *s, const struct odb *odb)
{
    const char *last = "";
    int depth        = 0;
    for (size_t i = 0; i <= odb->n_keys; i++) {
        const char *path = i < odb->n_keys ? odb->pool + odb->keys[i].path : "";
        while (*path == '/') path++;
        size_t same = common_folder(last, path);
        for (int keep = count_slashes(path, same); depth > keep; depth--)
            TRY(put_line(s, depth, "</dir>", "", 0, "\n"));
        if (i == odb->n_keys) break;
        const char *name = path + same, *slash;
        for (; (slash = strchr(name, '/')); name = slash + 1)
            TRY(put_line(s, ++depth, "<dir name=\"", name, (size_t)(slash - name), "\">\n"));
        TRY(put_key(s, depth + 1, odb, &odb->keys[i], name));
        last = path;
    }
    return ERR_OK;
}

enum err odb_xml(const struct odb *odb, char **out, size_t *n)
{
    static const char head[] =
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n"
        "<odb root=\"/\" filename=\"Last.xml\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
        "xsi:noNamespaceSchemaLocation=\"http://midas.psi.ch/odb.xsd\">\n";
    struct sink s = {0};
    enum err rc;
    *out = NULL;
    *n   = 0;
    TRY_TO(fail, put(&s, head, sizeof head - 1));
    TRY_TO(fail, put_tree(&s, odb));
    TRY_TO(fail, put(&s, "</odb>\n", 7));
    *out = s.text;
    *n   = s.n;
    return ERR_OK;
fail:
    mem_free(s.text);
    return rc;
}
