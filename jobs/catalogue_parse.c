/* Metadata JSON, SAM's fields, strictly read. */
#include "catalogue.h"

#include "mem.h"
#include "place.h"
#include "utf8.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MAX_TEXT = 1000, MAX_WORD = 40, MAX_KEY = 100, MAX_PARENTS = 1000000, MAX_FIELDS = 10000, MAX_MAKING = 4000 };

enum err catalogue_check_name(const char *name)
{
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.+-");
    REQUIRE(n > 0 && !name[n] && n <= CATALOGUE_MAX_NAME && name[0] != '.' && name[0] != '-', ERR_DATA,
            "\"%.80s\" is no file name: accepted are 1 to %d letters, digits and _ . + -, neither . nor - first", name,
            CATALOGUE_MAX_NAME);
    return ERR_OK;
}

enum err catalogue_check_text(const char *what, const char *text, size_t max_bytes)
{
    REQUIRE(strlen(text) <= max_bytes, ERR_DATA, "%s is longer than %zu bytes", what, max_bytes);
    REQUIRE(utf8_is_plain(text), ERR_DATA, "%s holds a control character, or is no UTF-8: \"%.80s\"", what, text);
    return ERR_OK;
}

enum err catalogue_check_location(const char *url)
{
    TRY(catalogue_check_text("the location", url, 1000));
    REQUIRE(!db_url_holds_secret(url), ERR_OPTION,
            "the location holds a password or token, which everybody could read; leave it out");
    return place_check(url);
}

static enum err take_text(const cJSON *o, const char *key, const char *fallback, const char **out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);
    const char *text  = cJSON_GetStringValue(item);
    if (!item && fallback) text = fallback;
    REQUIRE(text, ERR_DATA, "%s is %s; a text is wanted", key, item ? "no text" : "missing");
    TRY(catalogue_check_text(key, text, MAX_TEXT));
    *out = text;
    return ERR_OK;
}

static enum err take_int(const cJSON *o, const char *key, const int64_t *fallback, int64_t *out)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);
    if (!item && fallback) {
        *out = *fallback;
        return ERR_OK;
    }
    double x = item && cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
    REQUIRE(x >= 0.0 && x <= 9.0e15 && x == floor(x), ERR_DATA, "%s is %s; a whole number from 0 is wanted", key,
            item ? "something else" : "missing");
    *out = (int64_t)x;
    return ERR_OK;
}

/* 2022-03-01T12:00:00 with +00:00, Z or nothing */
static enum err take_time(const cJSON *o, const char *key, int64_t *out)
{
    const char *text;
    struct tm t = {0};
    TRY(take_text(o, key, "1970-01-01T00:00:00", &text));
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &t);
    if (end && *end == '.') end += 1 + strspn(end + 1, "0123456789");
    bool is_good = end && (!*end || strcmp(end, "Z") == 0 || strcmp(end, "+00:00") == 0);
    REQUIRE(is_good, ERR_DATA, "%s is \"%.40s\"; wanted is a time in UTC such as 2022-03-01T12:00:00+00:00", key, text);
    *out = timegm(&t);
    return ERR_OK;
}

/* The adler32 of the list. */
static enum err take_checksum(const cJSON *o, const char **out)
{
    const cJSON *sums = cJSON_GetObjectItemCaseSensitive(o, "checksum"), *sum;
    *out              = NULL;
    cJSON_ArrayForEach(sum, sums)
    {
        const char *text = cJSON_GetStringValue(sum);
        if (text && strncmp(text, "adler32:", 8) == 0 && strlen(text) == 16 &&
            strspn(text + 8, "0123456789abcdef") == 8)
            *out = text;
    }
    REQUIRE(*out, ERR_DATA, "checksum holds no \"adler32:\" with 8 hexadecimal digits");
    return ERR_OK;
}

static enum err take_runs(const cJSON *o, struct catalogue_file *f)
{
    const cJSON *runs = cJSON_GetObjectItemCaseSensitive(o, "runs"), *run;
    int n             = cJSON_GetArraySize(runs);
    REQUIRE(cJSON_IsArray(runs) && n > 0 && n <= CATALOGUE_MAX_RUNS, ERR_DATA,
            "runs is no list of 1 to %d [run, subrun, type]", CATALOGUE_MAX_RUNS);
    TRY(mem_alloc(&f->run, (size_t)n, sizeof *f->run));
    cJSON_ArrayForEach(run, runs)
    {
        int size       = cJSON_GetArraySize(run);
        const cJSON *a = cJSON_GetArrayItem(run, 0), *b = cJSON_GetArrayItem(run, 1);
        const char *type = cJSON_GetStringValue(cJSON_GetArrayItem(run, size - 1));
        bool is_good     = (size == 2 || size == 3) && cJSON_IsNumber(a) && (size == 2 || cJSON_IsNumber(b)) && type &&
                       a->valuedouble >= 0 && a->valuedouble <= 1e9 && a->valuedouble == floor(a->valuedouble);
        double subrun = size == 3 && cJSON_IsNumber(b) ? b->valuedouble : -1;
        REQUIRE(is_good && subrun >= -1 && subrun <= 1e9 && subrun == floor(subrun), ERR_DATA,
                "entry %zu of runs is no [run, subrun, type] or [run, type]", f->n_runs + 1);
        TRY(catalogue_check_text("the type of a run", type, MAX_WORD));
        f->run[f->n_runs++] = (struct catalogue_run){(int64_t)a->valuedouble, (int64_t)subrun, type};
    }
    return ERR_OK;
}

static enum err take_parents(const cJSON *o, struct catalogue_file *f)
{
    const cJSON *parents = cJSON_GetObjectItemCaseSensitive(o, "parents"), *one;
    int n                = cJSON_GetArraySize(parents);
    REQUIRE(!parents || cJSON_IsArray(parents), ERR_DATA, "parents is no list of {file_name}");
    REQUIRE(n <= MAX_PARENTS, ERR_DATA, "it has %d parents, more than %d", n, MAX_PARENTS);
    if (n <= 0) return ERR_OK;
    TRY(mem_alloc(&f->parent, (size_t)n, sizeof *f->parent));
    cJSON_ArrayForEach(one, parents)
    {
        const char *name = cJSON_IsString(one)
                               ? one->valuestring
                               : cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "file_name"));
        REQUIRE(name, ERR_DATA, "entry %zu of parents has no file_name", f->n_parents + 1);
        TRY(catalogue_check_name(name));
        f->parent[f->n_parents++] = name;
    }
    return ERR_OK;
}

static enum err take_application(const cJSON *o, struct catalogue_file *f)
{
    const cJSON *a = cJSON_GetObjectItemCaseSensitive(o, "application");
    REQUIRE(!a || cJSON_IsObject(a), ERR_DATA, "application is no {family, name, version}");
    TRY(take_text(a, "family", "", &f->family));
    TRY(take_text(a, "name", "", &f->application));
    return take_text(a, "version", "", &f->version);
}

static enum err take_own(const cJSON *o, struct catalogue_file *f)
{
    static const int64_t none = 0;
    const cJSON *cpu          = cJSON_GetObjectItemCaseSensitive(o, "gm2.cpu_s");
    TRY(take_text(o, "gm2.git_commit", "", &f->git_commit));
    TRY(take_text(o, "gm2.fcl_name", "", &f->fcl_name));
    TRY(take_text(o, "gm2.fcl_hash", "", &f->fcl_hash));
    TRY(take_text(o, "gm2.process_name", "", &f->process_name));
    TRY(take_text(o, "gm2.conditions_tag", "", &f->conditions_tag));
    TRY(take_text(o, "gm2.constants_set", "", &f->constants_set));
    TRY(take_text(o, "gm2.isa", "", &f->isa));
    TRY(take_text(o, "gm2.seed", "", &f->seed));
    TRY(take_text(o, "gm2.host", "", &f->host));
    TRY(take_int(o, "gm2.n_ranks", &none, &f->n_ranks));
    TRY(take_int(o, "gm2.n_units", &none, &f->n_units));
    TRY(take_int(o, "gm2.n_bad_events", &none, &f->n_bad_events));
    TRY(take_int(o, "gm2.peak_rss_kB", &none, &f->peak_rss_kB));
    TRY(take_int(o, "gm2.format_version", &none, &f->format_version));
    f->cpu_s = cJSON_IsNumber(cpu) && cpu->valuedouble >= 0 && isfinite(cpu->valuedouble) ? cpu->valuedouble : 0.0;
    return ERR_OK;
}

static bool is_known(const char *key)
{
    static const char *const known[] = {"gm2.git_commit",   "gm2.fcl_name", "gm2.fcl_hash",       "gm2.process_name",
                                        "gm2.isa",          "gm2.seed",     "gm2.conditions_tag", "gm2.constants_set",
                                        "gm2.conditions",   "gm2.host",     "gm2.n_ranks",        "gm2.n_units",
                                        "gm2.n_bad_events", "gm2.cpu_s",    "gm2.peak_rss_kB",    "gm2.format_version"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(key, known[i]) == 0) return true;
    return false;
}

/* gm2.conditions: {"table": [ids]} */
static enum err take_intervals(const cJSON *o, struct catalogue_file *f)
{
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(o, "gm2.conditions"), *ids, *id;
    size_t n         = 0;
    REQUIRE(!all || cJSON_IsObject(all), ERR_DATA, "gm2.conditions is no object of tables and their intervals");
    cJSON_ArrayForEach(ids, all)
    {
        REQUIRE(cJSON_IsArray(ids), ERR_DATA, "gm2.conditions: %.80s has no list of intervals", ids->string);
        n += (size_t)cJSON_GetArraySize(ids);
    }
    if (n == 0) return ERR_OK;
    TRY(mem_alloc(&f->interval, n, sizeof *f->interval));
    cJSON_ArrayForEach(ids, all) cJSON_ArrayForEach(id, ids)
    {
        REQUIRE(cJSON_IsNumber(id) && id->valuedouble >= 1 && id->valuedouble < 9e15 &&
                    id->valuedouble == floor(id->valuedouble),
                ERR_DATA, "gm2.conditions: an interval of %.80s is no whole number from 1", ids->string);
        TRY(catalogue_check_text("gm2.conditions: the name of a table", ids->string, MAX_KEY));
        f->interval[f->n_intervals++] = (struct catalogue_interval){ids->string, (int64_t)id->valuedouble};
    }
    return ERR_OK;
}

/* Whatever else has a point in its name: category.name, a text or a number. */
static enum err take_parameters(const cJSON *o, struct catalogue_file *f)
{
    const cJSON *item;
    TRY(mem_alloc(&f->parameter, (size_t)cJSON_GetArraySize(o), sizeof *f->parameter));
    cJSON_ArrayForEach(item, o)
    {
        const char *text = NULL, *key = item->string;
        if (!strchr(key, '.') || is_known(key)) continue;
        REQUIRE(isalpha((unsigned char)key[0]), ERR_DATA, "\"%.80s\" is no name of a parameter", key);
        TRY(catalogue_check_text("the name of a parameter", key, MAX_KEY));
        if (!cJSON_IsNumber(item)) TRY(take_text(o, key, NULL, &text));
        REQUIRE(text || isfinite(item->valuedouble), ERR_DATA, "%s is no finite number", key);
        f->parameter[f->n_parameters++] =
            (struct catalogue_parameter){key, text ? text : "", text ? (double)NAN : item->valuedouble};
    }
    return ERR_OK;
}

/* Readers of JSON differ in which of two they take. */
static enum err check_keys(const cJSON *o)
{
    const cJSON *item;
    REQUIRE(cJSON_GetArraySize(o) <= MAX_FIELDS, ERR_DATA, "it has more than %d fields", MAX_FIELDS);
    cJSON_ArrayForEach(item, o) REQUIRE(cJSON_GetObjectItemCaseSensitive(o, item->string) == item, ERR_DATA,
                                        "\"%.80s\" stands there twice", item->string);
    return ERR_OK;
}

/* They are one key in the catalogue. */
static enum err check_making(const struct catalogue_file *f)
{
    const char *const all[] = {f->family,        f->application, f->version,      f->git_commit,
                               f->fcl_name,      f->fcl_hash,    f->process_name, f->conditions_tag,
                               f->constants_set, f->isa,         f->seed};
    size_t n = 0, n_all = sizeof all / sizeof all[0];
    for (size_t i = 0; i < n_all; i++) n += strlen(all[i]) + 1;
    REQUIRE(n <= MAX_MAKING, ERR_DATA, "names of its application and configuration are longer than %d bytes in all",
            MAX_MAKING);
    return ERR_OK;
}

static enum err take_all(const cJSON *o, struct catalogue_file *f)
{
    static const int64_t none = 0;
    TRY(check_keys(o));
    TRY(take_text(o, "file_name", NULL, &f->file_name));
    TRY(catalogue_check_name(f->file_name));
    TRY(take_int(o, "file_size", NULL, &f->file_size));
    TRY(take_checksum(o, &f->checksum));
    TRY(take_text(o, "file_type", "unknown", &f->file_type));
    TRY(take_text(o, "file_format", "unknown", &f->file_format));
    TRY(take_text(o, "data_tier", NULL, &f->data_tier));
    TRY(take_text(o, "data_stream", "", &f->data_stream));
    TRY(take_text(o, "content_status", "good", &f->content_status));
    TRY(take_int(o, "event_count", &none, &f->event_count));
    TRY(take_int(o, "first_event", &none, &f->first_event));
    TRY(take_int(o, "last_event", &none, &f->last_event));
    TRY(take_time(o, "start_time", &f->start_s));
    TRY(take_time(o, "end_time", &f->end_s));
    TRY(take_runs(o, f));
    TRY(take_parents(o, f));
    TRY(take_application(o, f));
    TRY(take_own(o, f));
    TRY(check_making(f));
    TRY(take_intervals(o, f));
    return take_parameters(o, f);
}

enum err catalogue_parse(const char *text, const char *origin, struct catalogue_file *out)
{
    const char *end;
    *out      = (struct catalogue_file){0};
    out->json = cJSON_ParseWithOpts(text, &end, 1);
    enum err rc;
    if (!cJSON_IsObject(out->json))
        rc = err_fail(ERR_DATA, __FILE__, __LINE__, "this is no JSON object (byte %zd)", end - text);
    else if (strstr(text, "\\u0000")) /* a text would end there */
        rc = err_fail(ERR_DATA, __FILE__, __LINE__, "a text holds \\u0000");
    else
        rc = take_all(out->json, out);
    if (!rc) return ERR_OK;
    catalogue_file_free(out);
    return err_context(rc, "%s", origin);
}

void catalogue_file_free(struct catalogue_file *file)
{
    cJSON_Delete(file->json);
    mem_free(file->run);
    mem_free(file->parent);
    mem_free(file->parameter);
    mem_free(file->interval);
    mem_free(file->location);
    *file = (struct catalogue_file){0};
}
