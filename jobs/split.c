/* Slices of a dataset. */
#include "split.h"

#include "cfg.h"
#include "mem.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *parameters;
    bool needs_n;
} types[N_SPLIT_TYPES] = {
    [SPLIT_NONE]           = {"none", "", false},
    [SPLIT_LIST]           = {"list", "", false},
    [SPLIT_MULTIPARAM]     = {"multiparam", "", false},
    [SPLIT_BYRUN]          = {"byrun", "low, high", false},
    [SPLIT_BYEXISTINGRUNS] = {"byexistingruns", "", false},
    [SPLIT_MOD]            = {"mod", "n", true},
    [SPLIT_NFILES]         = {"nfiles", "n", true},
    [SPLIT_DRAININGN]      = {"drainingn", "n", true},
    [SPLIT_DRAINING]       = {"draining", "", false},
    [SPLIT_NEW]            = {"new", "window, fts, firsttime, lasttime", false},
    [SPLIT_STAGEDFILES]    = {"stagedfiles", "n", true},
    [SPLIT_LIMITN]         = {"limitn", "n", true},
};

/* ---- reading ------------------------------------------------------------------------------------------------------- */
/* 1800, 30m, 12h, 1d, 1w */
static bool read_seconds(const char *text, int64_t *out)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    char *end;
    long long x = strtoll(text, &end, 10);
    if (end == text || x < 0 || x > 1000000000000) return false;
    *out = x;
    if (!*end) return true;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (*end == units[i].letter && !end[1]) {
            *out = x * units[i].seconds;
            return true;
        }
    return false;
}

static enum err set_parameter(struct split *s, const char *key, const char *value)
{
    const struct {
        const char *key;
        int64_t *to;
        enum split_type type;
    } known[]        = {{"low", &s->low, SPLIT_BYRUN},
                        {"high", &s->high, SPLIT_BYRUN},
                        {"window", &s->window_s, SPLIT_NEW},
                        {"fts", &s->fts_s, SPLIT_NEW},
                        {"firsttime", &s->firsttime_s, SPLIT_NEW},
                        {"lasttime", &s->lasttime_s, SPLIT_NEW}};
    const char *name = types[s->type].name;
    if (strcmp(key, "n") == 0 && types[s->type].needs_n) {
        REQUIRE(read_seconds(value, &s->n) && s->n > 0, ERR_CONFIG, "%s: n is \"%s\"; a whole number from 1 is wanted",
                name, value);
        return ERR_OK;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(key, known[i].key) != 0 || known[i].type != s->type) continue;
        REQUIRE(read_seconds(value, known[i].to), ERR_CONFIG, "%s: %s is \"%s\"; a whole number is wanted%s", name, key,
                value, s->type == SPLIT_NEW ? ", or 30m, 12h, 1d, 1w" : "");
        return ERR_OK;
    }
    FAIL(ERR_CONFIG, "%s has no parameter \"%s\"; it has: %s", name, key,
         *types[s->type].parameters ? types[s->type].parameters : "none");
}

static enum err find_type(const char *name, struct split *s)
{
    const char *names[N_SPLIT_TYPES];
    for (int i = 0; i < N_SPLIT_TYPES; i++) {
        names[i] = types[i].name;
        if (strcmp(name, names[i]) != 0) continue;
        s->type = (enum split_type)i;
        return ERR_OK;
    }
    const char *near = cfg_nearest(name, names, N_SPLIT_TYPES);
    if (near) FAIL(ERR_CONFIG, "there is no split type \"%.60s\"; did you mean %s?", name, near);
    FAIL(ERR_CONFIG,
         "there is no split type \"%.60s\"; there are none, list, multiparam, byrun, byexistingruns, mod, nfiles, "
         "drainingn, "
         "draining, new, stagedfiles, limitn",
         name);
}

static enum err check(const struct split *s)
{
    REQUIRE(!types[s->type].needs_n || s->n > 0, ERR_CONFIG, "%s needs a number of files: %s(10)", types[s->type].name,
            types[s->type].name);
    REQUIRE(s->type != SPLIT_BYRUN || s->low < s->high, ERR_CONFIG,
            "byrun needs low below high: byrun(low=24337,high=24400), which ends with run 24399");
    REQUIRE(s->type != SPLIT_NEW || s->window_s > 0, ERR_CONFIG, "new needs a window: new(window=1d)");
    return ERR_OK;
}

enum err split_parse(const char *text, struct split *out)
{
    char copy[300], *rest = NULL;
    *out     = (struct split){.window_s = 604800, .fts_s = 1800};
    size_t n = strlen(text);
    REQUIRE(n < sizeof copy, ERR_CONFIG, "a split type of %zu bytes", n);
    memcpy(copy, text, n + 1);
    char *open = strchr(copy, '(');
    if (open) {
        REQUIRE(n > 1 && copy[n - 1] == ')', ERR_CONFIG, "split type \"%s\" lacks \")\" at its end", text);
        copy[n - 1] = 0;
        *open++     = 0;
    }
    TRY(find_type(*copy ? copy : "none", out));
    for (char *one = open ? strtok_r(open, ", ", &rest) : NULL; one; one = strtok_r(NULL, ", ", &rest)) {
        char *equal = strchr(one, '=');
        if (equal) *equal++ = 0;
        TRY(set_parameter(out, equal ? one : "n", equal ? equal : one));
    }
    return check(out);
}

/* ---- names --------------------------------------------------------------------------------------------------------- */
static bool is_used(const struct split_past *past, const char *name)
{
    for (size_t i = 0; i < past->n_names; i++)
        if (strcmp(past->name[i], name) == 0) return true;
    return false;
}

static enum err set_name(struct split_slice *out, const char *text, size_t n)
{
    REQUIRE(n > 0 && n < sizeof out->name, ERR_CONFIG, "a name of %zu bytes in the dataset; 1 to %zu are accepted", n,
            sizeof out->name - 1);
    memcpy(out->name, text, n);
    out->name[n] = 0;
    return ERR_OK;
}

static enum err next_of_list(const char *dataset, const struct split_past *past, struct split_slice *out)
{
    for (const char *at = dataset; *at;) {
        at += strspn(at, ", \t\n");
        size_t n = strcspn(at, ",");
        size_t k = n;
        while (k > 0 && strchr(" \t\n", at[k - 1])) k--;
        if (k > 0) TRY(set_name(out, at, k));
        if (k > 0 && !is_used(past, out->name)) return ERR_OK;
        at += n;
    }
    out->name[0] = 0;
    out->is_over = out->is_final = true;
    return ERR_OK;
}

/* Combination number k: the last list goes fastest. */
static enum err take_components(const cJSON *lists, int64_t k, char out[SPLIT_MAX_COMPONENTS][SPLIT_MAX_COMPONENT])
{
    for (int i = cJSON_GetArraySize(lists) - 1; i >= 0; i--) {
        const cJSON *list = cJSON_GetArrayItem(lists, i);
        const cJSON *item = cJSON_GetArrayItem(list, (int)(k % cJSON_GetArraySize(list)));
        bool is_text      = cJSON_IsString(item);
        k /= cJSON_GetArraySize(list);
        REQUIRE(is_text || cJSON_IsNumber(item), ERR_CONFIG, "multiparam: a value that is neither text nor number");
        int n = is_text ? snprintf(out[i], SPLIT_MAX_COMPONENT, "%s", item->valuestring)
                        : snprintf(out[i], SPLIT_MAX_COMPONENT, "%.15g", item->valuedouble);
        REQUIRE(n > 0 && n < SPLIT_MAX_COMPONENT, ERR_CONFIG, "multiparam: a value of %d bytes; 1 to %d are accepted",
                n, SPLIT_MAX_COMPONENT - 1);
    }
    return ERR_OK;
}

static enum err combine(const cJSON *lists, int64_t k, struct split_slice *out)
{
    char part[SPLIT_MAX_COMPONENTS][SPLIT_MAX_COMPONENT], all[SPLIT_MAX_COMPONENTS * SPLIT_MAX_COMPONENT] = "";
    TRY(take_components(lists, k, part));
    size_t n = 0;
    for (int i = 0; i < cJSON_GetArraySize(lists) && n < sizeof all; i++)
        n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", i ? "_" : "", part[i]);
    return set_name(out, all, strlen(all));
}

/* How many combinations; ERR_CONFIG for what is no list of lists. */
static enum err count_product(const char *dataset, cJSON **lists, int64_t *n)
{
    cJSON *list;
    *lists        = cJSON_Parse(dataset);
    bool is_right = cJSON_IsArray(*lists) && cJSON_GetArraySize(*lists) <= SPLIT_MAX_COMPONENTS;
    *n            = is_right && cJSON_GetArraySize(*lists) > 0 ? 1 : 0;
    cJSON_ArrayForEach(list, *lists) if (*n <= 1000000) *n *= cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
    if (*n > 0 && *n <= 1000000) return ERR_OK;
    cJSON_Delete(*lists);
    FAIL(ERR_CONFIG,
         "multiparam: the dataset must be a JSON list of 1 to %d lists, such as [[\"a\", \"b\"], [1, 2]], with at most "
         "1000000 combinations",
         SPLIT_MAX_COMPONENTS);
}

enum err split_components(const char *dataset, int64_t k, char out[SPLIT_MAX_COMPONENTS][SPLIT_MAX_COMPONENT],
                          size_t *n)
{
    cJSON *lists;
    int64_t n_all;
    *n = 0;
    if (!*dataset) return ERR_OK;
    TRY(count_product(dataset, &lists, &n_all));
    enum err rc = take_components(lists, k % n_all, out);
    if (!rc) *n = (size_t)cJSON_GetArraySize(lists);
    cJSON_Delete(lists);
    return rc;
}

static enum err next_of_product(const char *dataset, const struct split_past *past, struct split_slice *out)
{
    cJSON *lists;
    int64_t n;
    enum err rc = ERR_OK;
    TRY(count_product(dataset, &lists, &n));
    out->is_over = out->is_final = true;
    for (int64_t k = 0; k < n && !rc; k++) {
        rc = combine(lists, k, out);
        if (rc || is_used(past, out->name)) continue;
        out->is_over = out->is_final = false;
        break;
    }
    if (out->is_over) out->name[0] = 0;
    cJSON_Delete(lists);
    return rc;
}

/* ---- files --------------------------------------------------------------------------------------------------------- */
static int by_id(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static bool is_taken(const struct split_past *past, int64_t id)
{
    return past->n_taken && bsearch(&id, past->taken, past->n_taken, sizeof id, by_id);
}

/* What the files of the next slice have in common. */
struct rule {
    int64_t run;        /* -1: any */
    int64_t residue, n; /* of the place in the dataset; n 0: any */
    int64_t until_s;    /* -1: any */
    int64_t limit;      /* -1: none */
};

static bool is_in_range(const struct split *s, const struct split_file *f)
{
    if (s->type == SPLIT_BYRUN) return f->run >= s->low && f->run < s->high;
    if (s->type == SPLIT_STAGEDFILES) return f->is_staged;
    if (s->type != SPLIT_NEW) return true;
    return (s->firsttime_s == 0 || f->end_s > s->firsttime_s) && (s->lasttime_s == 0 || f->end_s <= s->lasttime_s);
}

/* The end of the window that holds the oldest file left. */
static int64_t window_of(const struct split *s, int64_t oldest_s)
{
    int64_t k     = (oldest_s - s->firsttime_s - 1) / s->window_s;
    int64_t until = s->firsttime_s + (k + 1) * s->window_s;
    return s->lasttime_s && until > s->lasttime_s ? s->lasttime_s : until;
}

/* False if nothing is left to take. */
static bool find_rule(const struct split *s, const struct split_file *files, size_t n, const struct split_past *past,
                      struct rule *rule)
{
    int64_t lowest_run = INT64_MAX, oldest_s = INT64_MAX, place = INT64_MAX;
    for (size_t i = 0; i < n; i++) {
        if (!is_in_range(s, &files[i]) || is_taken(past, files[i].id)) continue;
        if (files[i].run < lowest_run) lowest_run = files[i].run;
        if (files[i].end_s < oldest_s) oldest_s = files[i].end_s;
        if (s->type == SPLIT_MOD) { /* the next residue that has files left */
            int64_t after = ((int64_t)i % s->n - past->n_slices % s->n + s->n) % s->n;
            if (after < place) place = after;
        } else {
            place = 0;
        }
    }
    *rule = (struct rule){.run = -1, .until_s = -1, .limit = -1};
    if (place == INT64_MAX) return false;
    switch (s->type) {
    case SPLIT_BYRUN:
    case SPLIT_BYEXISTINGRUNS: rule->run = lowest_run; break;
    case SPLIT_MOD:
        rule->n       = s->n;
        rule->residue = (past->n_slices + place) % s->n;
        break;
    case SPLIT_NFILES:
    case SPLIT_DRAININGN:
    case SPLIT_STAGEDFILES:
    case SPLIT_LIMITN: rule->limit = s->n; break;
    case SPLIT_NEW: rule->until_s = window_of(s, oldest_s); break;
    case SPLIT_NONE:
    case SPLIT_DRAINING:
    case SPLIT_LIST:
    case SPLIT_MULTIPARAM:
    case N_SPLIT_TYPES: break;
    }
    return true;
}

static void name_slice(const struct split *s, const struct rule *rule, const struct split_past *past,
                       struct split_slice *out)
{
    if (rule->run >= 0)
        snprintf(out->name, sizeof out->name, "run%" PRId64, rule->run);
    else if (rule->n > 0)
        snprintf(out->name, sizeof out->name, "slice%" PRId64 "_of_%" PRId64, rule->residue, s->n);
    else
        snprintf(out->name, sizeof out->name, "slice%" PRId64, past->n_slices);
}

enum err split_next(const struct split *s, const char *dataset, const struct split_file *files, size_t n,
                    const struct split_past *past, int64_t now_s, struct split_slice *out)
{
    struct rule rule;
    *out = (struct split_slice){0};
    if (s->type == SPLIT_LIST) return next_of_list(dataset, past, out);
    if (s->type == SPLIT_MULTIPARAM) return next_of_product(dataset, past, out);
    out->is_over = !find_rule(s, files, n, past, &rule);
    if (!out->is_over && s->type == SPLIT_NEW && rule.until_s > now_s - s->fts_s) { /* late files may still come */
        out->is_over      = true;
        out->not_before_s = rule.until_s + s->fts_s;
    }
    if (out->is_over) return ERR_OK;
    TRY(mem_alloc(&out->id, n, sizeof *out->id));
    for (size_t i = 0; i < n && (rule.limit < 0 || (int64_t)out->n < rule.limit); i++) {
        const struct split_file *f = &files[i];
        bool fits                  = is_in_range(s, f) && (rule.run < 0 || f->run == rule.run) &&
                    (rule.n == 0 || (int64_t)i % rule.n == rule.residue) &&
                    (rule.until_s < 0 || f->end_s <= rule.until_s);
        if (fits && !is_taken(past, f->id)) out->id[out->n++] = f->id;
    }
    name_slice(s, &rule, past, out);
    return ERR_OK;
}

void split_free(struct split_slice *slice)
{
    mem_free(slice->id);
    *slice = (struct split_slice){0};
}
