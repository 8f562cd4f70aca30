/* Reading ODB dumps: XML, JSON, old text. */
#include "odb_tree.h"

#include "mem.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64, PATH_BYTES = 4096 };

/** A path that grows and shrinks by folders. */
struct path {
    char text[PATH_BYTES];
    size_t n, folder_end[MAX_DEPTH];
    int depth;
};

static enum err enter(struct path *p, const char *name, size_t n)
{
    REQUIRE(p->depth < MAX_DEPTH && p->n + n + 1 < PATH_BYTES, ERR_DATA, "ODB dump: folders too deep at %.80s",
            p->text);
    p->folder_end[p->depth++] = p->n;
    p->text[p->n++]           = '/';
    memcpy(p->text + p->n, name, n);
    p->n += n;
    p->text[p->n] = '\0';
    return ERR_OK;
}

static void leave(struct path *p)
{
    p->n          = p->folder_end[--p->depth];
    p->text[p->n] = '\0';
}

static enum err add_key(struct odb *odb, struct path *p, const char *name, size_t n, uint32_t type)
{
    TRY(enter(p, name, n));
    TRY(odb_tree_key(odb, p->text, p->n, type));
    leave(p);
    return ERR_OK;
}

static int line_of(const char *text, const char *at)
{
    int line = 1;
    for (; text < at; text++) line += *text == '\n';
    return line;
}

/* ---- XML ---- */

struct xml {
    const char *text, *at, *end;
    struct path path;
    struct odb *odb;
    char *scratch; /* unescaped text */
};

#define XML_REQUIRE(condition, x, ...)                                                                                 \
    do {                                                                                                               \
        if (!(condition)) return xml_fail(x, __VA_ARGS__);                                                             \
    } while (0)

static enum err xml_fail(const struct xml *x, const char *what)
{
    FAIL(ERR_DATA, "ODB dump, line %d: %s", line_of(x->text, x->at), what);
}

static size_t unescape(const char *from, size_t n, char *to)
{
    static const struct {
        const char *name;
        char c;
    } named[]  = {{"amp;", '&'}, {"lt;", '<'}, {"gt;", '>'}, {"quot;", '"'}, {"apos;", '\''}};
    size_t out = 0;
    for (size_t i = 0; i < n; i++) {
        size_t skip = 0;
        to[out]     = from[i];
        for (size_t k = 0; from[i] == '&' && k < sizeof named / sizeof *named; k++) {
            size_t length = strlen(named[k].name);
            if (n - i - 1 < length || memcmp(from + i + 1, named[k].name, length) != 0) continue;
            to[out] = named[k].c;
            skip    = length;
        }
        out++;
        i += skip;
    }
    return out;
}

/* Value of an attribute of the tag [tag, end), unescaped into `out`; false when it is not there or too long. */
static bool attribute(const char *tag, const char *end, const char *name, char *out, size_t size)
{
    size_t length = strlen(name);
    for (const char *p = tag; p < end && (p = memchr(p, ' ', (size_t)(end - p))); p++) {
        const char *q = p + 1;
        if ((size_t)(end - q) < length + 2 || memcmp(q, name, length) != 0 || q[length] != '=') continue;
        char quote = q[length + 1];
        q += length + 2;
        const char *stop = memchr(q, quote, (size_t)(end - q));
        if ((quote != '"' && quote != '\'') || !stop || (size_t)(stop - q) >= size) return false;
        out[unescape(q, (size_t)(stop - q), out)] = '\0';
        return true;
    }
    return false;
}

static bool is_tag(const char *tag, const char *end, const char *name)
{
    size_t n = strlen(name);
    return (size_t)(end - tag) >= n && memcmp(tag, name, n) == 0 &&
           ((size_t)(end - tag) == n || !isalnum((unsigned char)tag[n]));
}

/* The text up to the next '<' is a value of the last key. */
static enum err xml_value(struct xml *x)
{
    const char *stop = memchr(x->at, '<', (size_t)(x->end - x->at));
    XML_REQUIRE(stop, x, "text without an end");
    size_t n = unescape(x->at, (size_t)(stop - x->at), x->scratch);
    x->at    = stop;
    return odb_tree_value(x->odb, x->scratch, n);
}

static enum err xml_key(struct xml *x, const char *tag, const char *end, bool is_array, bool is_empty)
{
    char name[1024], type[32];
    XML_REQUIRE(attribute(tag, end, "name", name, sizeof name), x, "a key without a name");
    XML_REQUIRE(attribute(tag, end, "type", type, sizeof type), x, "a key without a type");
    TRY(add_key(x->odb, &x->path, name, strlen(name), odb_tree_type(type, strlen(type))));
    if (is_array) return ERR_OK;
    return is_empty ? odb_tree_value(x->odb, "", 0) : xml_value(x);
}

static enum err xml_tag(struct xml *x, const char *tag, const char *end)
{
    char name[1024];
    bool is_empty = end > tag && end[-1] == '/';
    if (is_tag(tag, end, "dir")) {
        XML_REQUIRE(attribute(tag, end, "name", name, sizeof name), x, "a folder without a name");
        TRY(enter(&x->path, name, strlen(name)));
        if (is_empty) leave(&x->path);
    } else if (is_tag(tag, end, "/dir")) {
        XML_REQUIRE(x->path.depth > 0, x, "a folder is closed that was not open");
        leave(&x->path);
    } else if (is_tag(tag, end, "key")) {
        TRY(xml_key(x, tag, end, false, is_empty));
    } else if (is_tag(tag, end, "keyarray")) {
        TRY(xml_key(x, tag, end, true, is_empty));
    } else if (is_tag(tag, end, "value")) {
        XML_REQUIRE(x->odb->n_keys > 0, x, "a value outside a key");
        TRY(is_empty ? odb_tree_value(x->odb, "", 0) : xml_value(x));
    }
    return ERR_OK;
}

static enum err read_xml(struct xml *x)
{
    bool is_closed = false;
    while ((x->at = memchr(x->at, '<', (size_t)(x->end - x->at)))) {
        const char *tag = x->at + 1, *stop = ">";
        if (x->end - tag >= 3 && memcmp(tag, "!--", 3) == 0) stop = "-->";
        const char *end = memmem(tag, (size_t)(x->end - tag), stop, strlen(stop));
        XML_REQUIRE(end, x, "a tag without an end");
        x->at = end + strlen(stop);
        if (*tag != '!' && *tag != '?') TRY(xml_tag(x, tag, end));
        if (is_tag(tag, end, "/odb")) {
            is_closed = true;
            break;
        }
    }
    x->at = x->at ? x->at : x->end;
    XML_REQUIRE(is_closed && x->path.depth == 0, x, "the dump ends early");
    return ERR_OK;
}

/* ---- JSON ---- */

static enum err json_value(struct odb *odb, const cJSON *item)
{
    char number[40];
    const char *text = cJSON_GetStringValue(item);
    if (cJSON_IsBool(item)) text = cJSON_IsTrue(item) ? "y" : "n";
    if (cJSON_IsNumber(item)) {
        bool is_whole = item->valuedouble == floor(item->valuedouble) && fabs(item->valuedouble) < 9e15;
        snprintf(number, sizeof number, is_whole ? "%.0f" : "%.17g", item->valuedouble);
        text = number;
    }
    return odb_tree_value(odb, text ? text : "", text ? strlen(text) : 0);
}

static uint32_t json_type(const cJSON *folder, const char *name)
{
    char key[1100];
    snprintf(key, sizeof key, "%s/key", name);
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(folder, key), "type");
    return cJSON_IsNumber(type) && type->valuedouble >= 0 && type->valuedouble < N_MIDAS_TYPES
               ? (uint32_t)type->valuedouble
               : MIDAS_STRING;
}

static enum err json_folder(struct odb *odb, struct path *path, const cJSON *folder)
{
    const cJSON *item, *value;
    cJSON_ArrayForEach(item, folder)
    {
        const char *name = item->string ? item->string : "";
        size_t n         = strlen(name);
        if (n >= 4 && strcmp(name + n - 4, "/key") == 0) continue;
        if (cJSON_IsObject(item)) {
            TRY(enter(path, name, n));
            TRY(json_folder(odb, path, item));
            leave(path);
            continue;
        }
        TRY(add_key(odb, path, name, n, json_type(folder, name)));
        if (!cJSON_IsArray(item)) TRY(json_value(odb, item));
        if (!cJSON_IsArray(item)) continue;
        cJSON_ArrayForEach(value, item) TRY(json_value(odb, value));
    }
    return ERR_OK;
}

static enum err read_json(struct odb *odb, struct path *path, const char *text, size_t n)
{
    const char *stop = text;
    cJSON *root      = cJSON_ParseWithLengthOpts(text, n, &stop, false);
    if (!cJSON_IsObject(root)) {
        cJSON_Delete(root);
        FAIL(ERR_DATA, "ODB dump, line %d: not a JSON object", line_of(text, stop && stop <= text + n ? stop : text));
    }
    enum err rc = json_folder(odb, path, root);
    cJSON_Delete(root);
    return rc;
}

/* ---- old text: "[/path]", then "name = TYPE : value", "name = TYPE[n] :" with lines "[i] value" ---- */

static const char *line_end(const char *p, const char *end)
{
    const char *newline = memchr(p, '\n', (size_t)(end - p));
    return newline ? newline : end;
}

/* Strings carry their size in brackets before the text. */
static enum err old_value(struct odb *odb, const char *p, const char *end)
{
    while (p < end && *p == ' ') p++;
    if (p < end && *p == '[') {
        const char *close = memchr(p, ']', (size_t)(end - p));
        if (close) p = close + 1;
        if (p < end && *p == ' ') p++;
    }
    while (end > p && end[-1] == '\r') end--;
    return odb_tree_value(odb, p, (size_t)(end - p));
}

static enum err old_key(struct odb *odb, struct path *path, const char *p, const char *end, bool *is_array)
{
    const char *equals = memmem(p, (size_t)(end - p), " = ", 3);
    *is_array          = false;
    if (!equals) return ERR_OK; /* a blank line */
    const char *type = equals + 3, *stop = type;
    while (stop < end && isalnum((unsigned char)*stop)) stop++;
    const char *colon = memmem(stop, (size_t)(end - stop), " :", 2);
    REQUIRE(colon, ERR_DATA, "ODB dump: '%.*s' has no value", (int)(end - p > 80 ? 80 : end - p), p);
    TRY(add_key(odb, path, p, (size_t)(equals - p), odb_tree_type(type, (size_t)(stop - type))));
    *is_array = stop < end && *stop == '[';
    return *is_array ? ERR_OK : old_value(odb, colon + 2, end);
}

static enum err read_old(struct odb *odb, struct path *path, const char *text, size_t n)
{
    const char *end = text + n;
    bool is_array   = false;
    for (const char *p = text, *stop; p < end; p = stop + 1) {
        stop = line_end(p, end);
        if (is_array && *p == '[' && stop - p > 1 && p[1] != '/') {
            TRY(old_value(odb, p, stop));
        } else if (*p == '[') {
            const char *close = memrchr(p, ']', (size_t)(stop - p));
            REQUIRE(close && close - p > 1, ERR_DATA, "ODB dump, line %d: a folder without a name", line_of(text, p));
            while (path->depth) leave(path);
            const char *name = p[1] == '/' ? p + 2 : p + 1;
            if (close > name) TRY(enter(path, name, (size_t)(close - name)));
            is_array = false;
        } else {
            TRY(old_key(odb, path, p, stop, &is_array));
        }
    }
    REQUIRE(odb->n_keys, ERR_DATA, "ODB dump of %zu bytes without a single key", n);
    return ERR_OK;
}

enum err odb_parse(const char *text, size_t n, struct odb **out)
{
    struct path path = {.n = 0};
    enum err rc;
    const char *start = text, *end = text + n;
    struct xml x = {.text = text, .at = text, .end = end};
    *out         = NULL;
    while (start < end && (isspace((unsigned char)*start) || *start == '\0')) start++;
    REQUIRE(start < end, ERR_DATA, "the ODB dump is empty");
    TRY(odb_create(&x.odb));
    if (*start == '<') {
        TRY_TO(done, mem_alloc(&x.scratch, n + 1, 1));
        TRY_TO(done, read_xml(&x));
    } else if (*start == '{') {
        TRY_TO(done, read_json(x.odb, &path, start, (size_t)(end - start)));
    } else {
        TRY_TO(done, read_old(x.odb, &path, start, (size_t)(end - start)));
    }
    odb_tree_sort(x.odb);
    *out  = x.odb;
    x.odb = NULL;
    rc    = ERR_OK;
done:
    mem_free(x.scratch);
    odb_free(x.odb);
    return rc;
}
