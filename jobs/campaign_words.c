/* Keywords. */
#include "campaign_words.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

enum err campaign_quote(const char *text, struct sql *out)
{
    TRY(sql_add(out, "\""));
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            TRY(sql_add(out, "\\%c", *text));
        else if ((unsigned char)*text < ' ' || *text == 127)
            TRY(sql_add(out, "\\%03o", (unsigned)(unsigned char)*text));
        else
            TRY(sql_add(out, "%c", *text));
    }
    return sql_add(out, "\"");
}

static enum err from_document(const struct campaign_words *w, const char *table, const char *key, const char **out)
{
    const struct fhicl *all = fhicl_get(w->document, table), *value = NULL;
    for (size_t i = 0; all && fhicl_kind(all) == FHICL_TABLE && i < fhicl_size(all); i++)
        if (strcmp(fhicl_key(all, i), key) == 0) value = fhicl_at(all, i);
    return value ? fhicl_as_string(value, key, out) : ERR_OK;
}

/* *out NULL: not known. */
static enum err find(const struct campaign_words *w, const char *name, const char **out)
{
    *out = NULL;
    TRY(from_document(w, "keywords", name, out));
    if (*out) return ERR_OK;
    if (strcmp(name, "stage") == 0) *out = w->stage;
    if (strcmp(name, "dataset") == 0) *out = w->dataset;
    if (strcmp(name, "item") == 0) *out = w->item;
    if (strcmp(name, "version") == 0) *out = w->release;
    if (strcmp(name, "campaign") == 0) TRY(from_document(w, "campaign", "name", out));
    if (strcmp(name, "output") == 0) TRY(from_document(w, "campaign", "output", out));
    if (strcmp(name, "experiment") == 0 || strcmp(name, "group") == 0) {
        *out = "gm2";
        TRY(from_document(w, "campaign", "experiment", out));
    }
    if (strncmp(name, "item", 4) == 0 && name[4] >= '1' && name[4] <= '9' && !name[5]) {
        size_t k = (size_t)(name[4] - '1');
        if (k < w->n_components) *out = w->component[k];
    }
    return ERR_OK;
}

enum err campaign_expand(const struct campaign_words *w, const char *text, const char *origin, struct sql *out)
{
    static const char later[] = "%(stage.";
    TRY(sql_add(out, "%s", ""));
    for (const char *at = text; *at;) {
        const char *mark = strstr(at, "%("), *end = mark ? strstr(mark, ")s") : NULL, *value;
        char name[80];
        TRY(sql_add(out, "%.*s", (int)(mark ? mark - at : (ptrdiff_t)strlen(at)), at));
        if (!mark) break;
        if (strncmp(mark, later, sizeof later - 1) == 0) { /* its own name may hold keywords */
            TRY(sql_add(out, "%s", later));
            at = mark + sizeof later - 1;
            continue;
        }
        REQUIRE(end && (size_t)(end - mark - 2) < sizeof name, ERR_CONFIG, "\"%.60s\" (%s) lacks \")s\"", mark, origin);
        memcpy(name, mark + 2, (size_t)(end - mark - 2));
        name[end - mark - 2] = 0;
        TRY(find(w, name, &value));
        REQUIRE(value, ERR_CONFIG,
                "keyword %%(%s)s (%s) stands for nothing here; known are campaign, output, stage, dataset, version, "
                "experiment, "
                "group, with lists item, item1 ..., and what the table keywords holds",
                name, origin);
        TRY(sql_add(out, "%s", value));
        at = end + 2;
    }
    return ERR_OK;
}

/* A keyword alone that stands for a number is one: fills: "%(fills)s". */
static bool is_number(const struct campaign_words *w, const char *text)
{
    const struct fhicl *all = fhicl_get(w->document, "keywords");
    size_t n                = strlen(text);
    if (!all || fhicl_kind(all) != FHICL_TABLE || strncmp(text, "%(", 2) != 0) return false;
    for (size_t i = 0; i < fhicl_size(all); i++) {
        size_t k = strlen(fhicl_key(all, i));
        if (n == k + 4 && strncmp(text + 2, fhicl_key(all, i), k) == 0 && strcmp(text + 2 + k, ")s") == 0)
            return fhicl_kind(fhicl_at(all, i)) == FHICL_NUMBER || fhicl_kind(fhicl_at(all, i)) == FHICL_BOOL;
    }
    return false;
}

static enum err expand_text(const struct campaign_words *w, const struct fhicl *value, struct sql *out)
{
    const char *text;
    struct sql plain = {0};
    TRY(fhicl_as_string(value, "", &text));
    enum err rc = campaign_expand(w, text, fhicl_origin(value), &plain);
    if (!rc) rc = is_number(w, text) ? sql_add(out, "%s", plain.text) : campaign_quote(plain.text, out);
    sql_free(&plain);
    return rc;
}

enum err campaign_expand_value(const struct campaign_words *w, const struct fhicl *value, struct sql *out)
{
    char *text;
    if (fhicl_kind(value) == FHICL_STRING) return expand_text(w, value, out);
    if (fhicl_kind(value) == FHICL_SEQUENCE) {
        TRY(sql_add(out, "["));
        for (size_t i = 0; i < fhicl_size(value); i++) {
            if (i) TRY(sql_add(out, ", "));
            TRY(campaign_expand_value(w, fhicl_at(value, i), out));
        }
        return sql_add(out, "]");
    }
    TRY(fhicl_canonical(value, &text));
    enum err rc = sql_add(out, "%s", text);
    mem_free(text);
    return rc;
}
