/* The levels of a campaign's description. */
#include "campaign_layers.h"

#include "campaign.h"
#include "campaign_words.h"
#include "mem.h"
#include "split.h"

#include <stdio.h>
#include <string.h>

enum { MAX_ITEMS = 1000, MAX_KEY = 200 };

/* What a level may say beside the keys of a stage. */
static const char *const of_level[] = {"job_type", "login", "recoveries", "query", "test", "merge_overrides", NULL};

struct level {
    const struct fhicl *table; /* NULL: nothing */
    bool has_settings;         /* its `set` counts */
};
enum { LOGIN, JOB_TYPE, DEFAULTS, STAGE, TEST, N_LEVELS };

struct layering {
    const struct fhicl *document;
    const char *release;
    struct fhicl *out;
    struct level level[N_LEVELS];
    struct campaign_words words;
    char key[MAX_KEY]; /* of the stage in `out` */
};

/* ---- looking --------------------------------------------------------------------------------------------------------- */
static bool is_in(const char *word, const char *const *list)
{
    for (size_t i = 0; list[i]; i++)
        if (strcmp(list[i], word) == 0) return true;
    return false;
}

/* Keys of a level that no stage may read are looked at too. */
static enum err check_keys(const struct fhicl *table, const char *where)
{
    const char *known[100];
    size_t n = 0;
    for (const struct cfg_field *f = campaign_stage_cfg_fields; f->name && n < 80; f++) known[n++] = f->name;
    for (size_t i = 0; of_level[i]; i++) known[n++] = of_level[i];
    REQUIRE(fhicl_kind(table) == FHICL_TABLE, ERR_CONFIG, "%s (%s) is no table", where, fhicl_origin(table));
    for (size_t i = 0; i < fhicl_size(table); i++) {
        const char *key = fhicl_key(table, i);
        if (is_in(key, of_level) || cfg_find(campaign_stage_cfg_fields, key)) continue;
        const char *near = cfg_nearest(key, known, n);
        FAIL(ERR_CONFIG, "%s: there is no key \"%s\" (%s)%s%s%s", where, key, fhicl_origin(fhicl_at(table, i)),
             near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    return ERR_OK;
}

static enum err check_tables(const struct fhicl *document, const char *kind)
{
    const struct fhicl *all = fhicl_get(document, kind);
    char where[MAX_KEY];
    REQUIRE(!all || fhicl_kind(all) == FHICL_TABLE, ERR_CONFIG, "%s (%s) is no table", kind, fhicl_origin(all));
    for (size_t i = 0; all && i < fhicl_size(all); i++) {
        snprintf(where, sizeof where, "%s.%.80s", kind, fhicl_key(all, i));
        TRY(check_keys(fhicl_at(all, i), where));
    }
    return ERR_OK;
}

/* The table `kind.NAME` that the stage, else the defaults, name under `key`. */
static enum err find_named(const struct layering *l, const char *key, const char *kind, const struct fhicl **out)
{
    const struct fhicl *name = fhicl_get(l->level[STAGE].table, key), *all = fhicl_get(l->document, kind);
    const char *text;
    if (!name && l->level[DEFAULTS].table) name = fhicl_get(l->level[DEFAULTS].table, key);
    *out = NULL;
    if (!name) return ERR_OK;
    TRY(fhicl_as_string(name, key, &text));
    for (size_t i = 0; all && i < fhicl_size(all); i++) {
        const struct fhicl *one  = fhicl_at(all, i), *written;
        const char *written_text = "";
        if (fhicl_kind(one) == FHICL_TABLE && (written = fhicl_get(one, "name")) != NULL)
            TRY(fhicl_as_string(written, "name", &written_text));
        if (strcmp(text, fhicl_key(all, i)) == 0 || strcmp(text, written_text) == 0) *out = one;
    }
    REQUIRE(*out, ERR_CONFIG, "%s: %s \"%s\" (%s) is not in the table %s", l->key, key, text, fhicl_origin(name), kind);
    return ERR_OK;
}

/* The value of a key: the highest level's, NULL if none has it. */
static const struct fhicl *value_of(const struct layering *l, const char *key)
{
    for (int i = N_LEVELS - 1; i >= 0; i--)
        if (l->level[i].table && fhicl_get(l->level[i].table, key)) return fhicl_get(l->level[i].table, key);
    return NULL;
}

static enum err text_of(const struct layering *l, const char *key, const char *otherwise, const char **out)
{
    const struct fhicl *value = value_of(l, key);
    *out                      = otherwise;
    return value ? fhicl_as_string(value, key, out) : ERR_OK;
}

static enum err bind(struct layering *l, const char *part, const char *key, const char *expression, const char *origin)
{
    char path[3 * MAX_KEY];
    snprintf(path, sizeof path, "%s%s.%s", l->key, part, key);
    return fhicl_set(l->out, path, expression, origin);
}

static enum err bind_text(struct layering *l, const char *part, const char *key, const char *text, const char *origin)
{
    struct sql quoted = {0};
    enum err rc       = campaign_quote(text, &quoted);
    if (!rc) rc = bind(l, part, key, quoted.text, origin);
    sql_free(&quoted);
    return rc;
}

/* ---- settings: a later KEY=VALUE takes the place of an earlier one ------------------------------------------------- */
struct settings {
    char **one;
    size_t n, capacity;
};

static void free_settings(struct settings *s)
{
    for (size_t i = 0; i < s->n; i++) mem_free(s->one[i]);
    mem_free(s->one);
    *s = (struct settings){0};
}

static enum err add_setting(struct settings *s, const char *text)
{
    size_t n = strcspn(text, "="), k = 0;
    char *copy = mem_string(text);
    REQUIRE(copy, ERR_MEMORY, "no memory for a setting");
    while (k < s->n && (strncmp(s->one[k], text, n) != 0 || s->one[k][n] != '=')) k++;
    if (k < s->n) {
        mem_free(s->one[k]);
    } else if (s->n == s->capacity) {
        enum err rc = mem_resize(&s->one, s->capacity, 2 * s->capacity + 8, sizeof *s->one);
        if (rc) {
            mem_free(copy);
            return rc;
        }
        s->capacity = 2 * s->capacity + 8;
    }
    s->one[k] = copy;
    s->n += k == s->n;
    return ERR_OK;
}

static enum err add_settings(const struct layering *l, const struct fhicl *list, struct settings *out)
{
    REQUIRE(fhicl_kind(list) == FHICL_SEQUENCE, ERR_CONFIG, "set (%s): a list of \"KEY=VALUE\" is wanted",
            fhicl_origin(list));
    for (size_t i = 0; i < fhicl_size(list); i++) {
        const char *text;
        struct sql expanded = {0};
        TRY(fhicl_as_string(fhicl_at(list, i), "set", &text));
        enum err rc = campaign_expand(&l->words, text, fhicl_origin(list), &expanded);
        if (!rc) rc = add_setting(out, expanded.text ? expanded.text : "");
        sql_free(&expanded);
        TRY(rc);
    }
    return ERR_OK;
}

static enum err bind_settings(struct layering *l, const char *part, const struct settings *s, const char *origin)
{
    struct sql text = {0};
    enum err rc     = sql_add(&text, "[");
    for (size_t i = 0; i < s->n && !rc; i++) {
        if (i) rc = sql_add(&text, ", ");
        if (!rc) rc = campaign_quote(s->one[i], &text);
    }
    if (!rc) rc = sql_add(&text, "]");
    if (!rc) rc = bind(l, part, "set", text.text, origin);
    sql_free(&text);
    return rc;
}

/* ---- one merged table ---------------------------------------------------------------------------------------------- */
/* A recovery's override: a key of the stage, or else a setting. */
static enum err bind_override(struct layering *l, const char *part, const char *text, const char *origin,
                              struct settings *set)
{
    char key[MAX_KEY];
    const char *equal = strchr(text, '=');
    REQUIRE(equal && equal > text && (size_t)(equal - text) < sizeof key, ERR_CONFIG,
            "recoveries (%s): \"%s\" is no KEY=VALUE", origin, text);
    snprintf(key, sizeof key, "%.*s", (int)(equal - text), text);
    const struct cfg_field *field = cfg_find(campaign_stage_cfg_fields, key);
    if (!field) return add_setting(set, text);
    return field->type == CFG_str ? bind_text(l, part, key, equal + 1, origin) : bind(l, part, key, equal + 1, origin);
}

static enum err bind_overrides(struct layering *l, const char *part, const struct fhicl *list, struct settings *set)
{
    for (size_t i = 0; list && i < fhicl_size(list); i++) {
        const char *text;
        struct sql expanded = {0};
        TRY(fhicl_as_string(fhicl_at(list, i), "recoveries", &text));
        enum err rc = campaign_expand(&l->words, text, fhicl_origin(list), &expanded);
        if (!rc) rc = bind_override(l, part, expanded.text ? expanded.text : "", fhicl_origin(list), set);
        sql_free(&expanded);
        TRY(rc);
    }
    return ERR_OK;
}

static enum err merge_keys(struct layering *l, const char *part, const struct fhicl *table)
{
    for (size_t i = 0; i < fhicl_size(table); i++) {
        struct sql text   = {0};
        const char *key   = fhicl_key(table, i);
        const char *place = fhicl_origin(fhicl_at(table, i));
        if (is_in(key, of_level) || strcmp(key, "set") == 0 || strcmp(key, "name") == 0) continue;
        enum err rc = campaign_expand_value(&l->words, fhicl_at(table, i), &text);
        if (!rc) rc = bind(l, part, key, text.text, place);
        sql_free(&text);
        TRY(rc);
    }
    return ERR_OK;
}

/* All levels up to `top`, then the overrides of a recovery (NULL: none). */
static enum err merge(struct layering *l, const char *part, int top, const struct fhicl *overrides)
{
    struct settings set = {0};
    const char *origin  = fhicl_origin(l->level[STAGE].table);
    enum err rc         = ERR_OK;
    for (int i = 0; i <= top && !rc; i++) {
        const struct fhicl *table = l->level[i].table, *list = table ? fhicl_get(table, "set") : NULL;
        if (table) rc = merge_keys(l, part, table);
        if (!rc && list && l->level[i].has_settings) rc = add_settings(l, list, &set);
        if (list) origin = fhicl_origin(list);
    }
    if (!rc) rc = bind_overrides(l, part, overrides, &set);
    if (!rc && set.n) rc = bind_settings(l, part, &set, origin);
    free_settings(&set);
    if (!rc) rc = bind_text(l, part, "name", l->words.stage, fhicl_origin(l->level[STAGE].table));
    return rc;
}

static enum err merge_recovery(struct layering *l, const struct fhicl *one, size_t k)
{
    char part[40];
    const char *kind;
    snprintf(part, sizeof part, ".recovery.r%zu", k);
    REQUIRE(fhicl_kind(one) == FHICL_SEQUENCE && fhicl_size(one) >= 1 && fhicl_size(one) <= 2 &&
                (fhicl_size(one) == 1 || fhicl_kind(fhicl_at(one, 1)) == FHICL_SEQUENCE),
            ERR_CONFIG, "recoveries (%s): a list of [KIND, [\"KEY=VALUE\", ...]] is wanted", fhicl_origin(one));
    TRY(fhicl_as_string(fhicl_at(one, 0), "recoveries", &kind));
    TRY(merge(l, part, STAGE, fhicl_size(one) > 1 ? fhicl_at(one, 1) : NULL));
    return bind_text(l, part, "kind", kind, fhicl_origin(one));
}

/* ---- stages -------------------------------------------------------------------------------------------------------- */
static enum err merge_stage(struct layering *l, const char *group, const char *dataset)
{
    const struct fhicl *stage = l->level[STAGE].table, *recoveries = value_of(l, "recoveries");
    bool has_own_split = l->level[TEST].table && fhicl_get(l->level[TEST].table, "split");
    TRY(merge(l, "", STAGE, NULL));
    TRY(merge(l, ".test", TEST, NULL));
    if (dataset) {
        TRY(bind_text(l, "", "dataset", dataset, fhicl_origin(stage)));
        TRY(bind_text(l, "", "split", "none", fhicl_origin(stage)));
        TRY(bind_text(l, ".test", "dataset", dataset, fhicl_origin(stage)));
    }
    if (!has_own_split) TRY(bind_text(l, ".test", "split", "nfiles(1)", fhicl_origin(stage)));
    TRY(bind_text(l, "", "group", group, fhicl_origin(stage)));
    REQUIRE(!recoveries || fhicl_kind(recoveries) == FHICL_SEQUENCE, ERR_CONFIG,
            "recoveries (%s): a list of [KIND, [\"KEY=VALUE\", ...]] is wanted", fhicl_origin(recoveries));
    for (size_t k = 0; recoveries && k < fhicl_size(recoveries); k++)
        TRY(merge_recovery(l, fhicl_at(recoveries, k), k));
    return ERR_OK;
}

/* One of the items of a list; its dataset is what `query` makes of it. */
static enum err merge_item(struct layering *l, const char *key, const char *group, const char *dataset, int64_t k,
                           const struct split_slice *item)
{
    char name[MAX_KEY];
    const char *query;
    struct sql text           = {0};
    const struct fhicl *fills = value_of(l, "fills");
    REQUIRE(
        strspn(item->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+-") == strlen(item->name),
        ERR_CONFIG, "stage %s: item \"%s\" of its list: letters, digits and _ . + - are accepted", group, item->name);
    REQUIRE(strlen(group) + strlen(item->name) < 100, ERR_CONFIG, "stage %s: item \"%.60s...\" is too long", group,
            item->name);
    snprintf(l->key, sizeof l->key, "%.80s_i%lld", key, (long long)k);
    snprintf(name, sizeof name, "%.80s.%.110s", group, item->name);
    l->words.stage   = name;
    l->words.item    = item->name;
    l->words.dataset = item->name;
    TRY(split_components(dataset, k, l->words.component, &l->words.n_components));
    TRY(text_of(l, "query", fills ? "" : "defname: %(item)s", &query));
    enum err rc = campaign_expand(&l->words, query, fhicl_origin(l->level[STAGE].table), &text);
    if (!rc) rc = merge_stage(l, group, text.text ? text.text : "");
    sql_free(&text);
    return rc;
}

static enum err merge_items(struct layering *l, const char *key, const struct split *split, const char *dataset)
{
    const char *group        = l->words.stage;
    struct split_past past   = {0};
    struct split_slice *item = NULL;
    const char **names       = NULL;
    enum err rc              = mem_alloc(&item, MAX_ITEMS + 1, sizeof *item);
    if (!rc) rc = mem_alloc(&names, MAX_ITEMS + 1, sizeof *names);
    past.name = names;
    for (size_t k = 0; k <= MAX_ITEMS && !rc; k++) {
        rc = split_next(split, dataset, NULL, 0, &past, 0, &item[k]);
        if (rc || item[k].is_over) break;
        if (k == MAX_ITEMS)
            rc = err_fail(ERR_CONFIG, __FILE__, __LINE__, "stage %s: a list of more than %d items", group, MAX_ITEMS);
        if (!rc) rc = merge_item(l, key, group, split->type == SPLIT_MULTIPARAM ? dataset : "", (int64_t)k, &item[k]);
        names[past.n_names++] = item[k].name;
    }
    if (!rc && past.n_names == 0)
        rc = err_fail(ERR_CONFIG, __FILE__, __LINE__, "stage %s: its list of datasets is empty", group);
    mem_free(names);
    mem_free(item);
    return rc;
}

static enum err add_stage(struct layering *l, const char *key, const struct fhicl *table)
{
    const struct fhicl *defaults = l->level[DEFAULTS].table,
                       *merges   = defaults ? fhicl_get(defaults, "merge_overrides") : NULL;
    const char *name             = key, *split_text, *dataset;
    struct split split;
    bool is_merged = false;
    snprintf(l->key, sizeof l->key, "%.100s", key);
    l->words        = (struct campaign_words){.document = l->document, .release = l->release};
    l->level[STAGE] = (struct level){table, true};
    l->level[TEST]  = (struct level){fhicl_get(table, "test"), true};
    if (!l->level[TEST].table && defaults) l->level[TEST].table = fhicl_get(defaults, "test");
    if (l->level[TEST].table) TRY(check_keys(l->level[TEST].table, "test"));
    if (fhicl_get(table, "merge_overrides")) merges = fhicl_get(table, "merge_overrides");
    if (merges) TRY(fhicl_as_bool(merges, "merge_overrides", &is_merged));
    TRY(find_named(l, "login", "logins", &l->level[LOGIN].table));
    TRY(find_named(l, "job_type", "job_types", &l->level[JOB_TYPE].table));
    l->level[JOB_TYPE].has_settings = true;
    l->level[DEFAULTS].has_settings = is_merged || !fhicl_get(table, "set");
    if (fhicl_get(table, "name")) TRY(fhicl_as_string(fhicl_get(table, "name"), "name", &name));
    l->words.stage = name;
    TRY(text_of(l, "split", "draining", &split_text));
    TRY(text_of(l, "dataset", "", &dataset));
    struct sql plain = {0};
    enum err rc      = campaign_expand(&l->words, split_text, fhicl_origin(table), &plain);
    if (!rc) rc = split_parse(plain.text, &split);
    sql_free(&plain);
    if (rc) return err_context(rc, "stages.%s.split (%s)", key, fhicl_origin(table));
    if (split.type == SPLIT_LIST || split.type == SPLIT_MULTIPARAM) return merge_items(l, key, &split, dataset);
    struct sql text = {0};
    rc = campaign_expand(&l->words, dataset, fhicl_origin(table), &text); /* %(dataset)s in a dataset is unknown */
    l->words.dataset = text.text ? text.text : "";
    if (!rc) rc = merge_stage(l, name, NULL);
    sql_free(&text);
    return rc;
}

enum err campaign_layers(const struct fhicl *document, const char *release, struct fhicl **out)
{
    struct layering l          = {.document = document, .release = release};
    const struct fhicl *stages = fhicl_get(document, "stages");
    l.level[DEFAULTS].table    = fhicl_get(document, "defaults");
    *out                       = NULL;
    REQUIRE(stages && fhicl_kind(stages) == FHICL_TABLE && fhicl_size(stages) > 0, ERR_CONFIG,
            "there is no table stages");
    TRY(check_tables(document, "logins"));
    TRY(check_tables(document, "job_types"));
    TRY(check_tables(document, "stages"));
    if (l.level[DEFAULTS].table) TRY(check_keys(l.level[DEFAULTS].table, "defaults"));
    TRY(fhicl_parse("", 0, "campaign", &l.out));
    for (size_t i = 0; i < fhicl_size(stages); i++) {
        enum err rc = add_stage(&l, fhicl_key(stages, i), fhicl_at(stages, i));
        if (!rc) continue;
        fhicl_free(l.out);
        return rc;
    }
    *out = l.out;
    return ERR_OK;
}
