/* Metadata beside each product. */
#include "meta.h"

#include "mem.h"
#include "publish.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PATH = 4096, MAX_JSON = 64 << 20 };

void meta_fill_host(struct meta *meta)
{
    if (gethostname(meta->host, sizeof meta->host - 1) != 0) snprintf(meta->host, sizeof meta->host, "unknown");
    meta->host[sizeof meta->host - 1] = 0;
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    meta->cpu_s = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                  1e-6 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
    meta->peak_rss_kB = mem_peak_kB();
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Out of memory leaves an item out: the caller counts them at the end. */
/* A merged file may have several of each, a line each; here they are a list with commas. */
static void add_text(cJSON *o, const char *key, const char *text)
{
    cJSON *item = cJSON_AddStringToObject(o, key, text ? text : "");
    for (char *c = item ? item->valuestring : NULL; c && *c; c++)
        if (*c == '\n') *c = ',';
}
static void add_integer(cJSON *o, const char *key, int64_t value) { cJSON_AddNumberToObject(o, key, (double)value); }

static void add_time(cJSON *o, const char *key, double unix_s)
{
    char text[64];
    time_t seconds = (time_t)floor(unix_s);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S+00:00", &utc);
    add_text(o, key, text);
}

static void add_application(cJSON *o, const struct meta *m)
{
    cJSON *a = cJSON_AddObjectToObject(o, "application");
    add_text(a, "family", "gm2");
    add_text(a, "name", m->application_name);
    add_text(a, "version", m->application_version);
}

static void add_runs(cJSON *o, const struct meta *m)
{
    cJSON *runs = cJSON_AddArrayToObject(o, "runs");
    for (size_t i = 0; i < m->n_runs; i++) {
        cJSON *one = cJSON_CreateArray();
        cJSON_AddItemToArray(one, cJSON_CreateNumber(m->runs[i].run));
        cJSON_AddItemToArray(one, cJSON_CreateNumber(m->runs[i].subrun));
        cJSON_AddItemToArray(one, cJSON_CreateString(m->run_type ? m->run_type : ""));
        cJSON_AddItemToArray(runs, one);
    }
}

static void add_parents(cJSON *o, const struct meta *m)
{
    cJSON *parents = cJSON_AddArrayToObject(o, "parents");
    for (size_t i = 0; i < m->n_parents; i++) {
        cJSON *one = cJSON_CreateObject();
        add_text(one, "file_name", base_name(m->parents[i]));
        cJSON_AddItemToArray(parents, one);
    }
}

/* {"table": [ids]} */
static void add_intervals(cJSON *o, const struct meta *m)
{
    cJSON *all = cJSON_AddObjectToObject(o, "gm2.conditions"), *ids = NULL;
    for (size_t i = 0; i < m->n_intervals; i++) {
        const struct meta_interval *v = &m->intervals[i];
        if (i == 0 || strcmp(v->table, v[-1].table) != 0) ids = cJSON_AddArrayToObject(all, v->table);
        cJSON_AddItemToArray(ids, cJSON_CreateNumber((double)v->iov_id));
    }
}

static void add_own(cJSON *o, const struct meta *m)
{
    char seed[32];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)m->seed); /* a JSON number holds 53 bits */
    add_text(o, "gm2.git_commit", m->git_commit);
    add_text(o, "gm2.fcl_name", m->fcl_name);
    add_text(o, "gm2.fcl_hash", m->config_id);
    add_text(o, "gm2.process_name", m->process_name);
    add_text(o, "gm2.particle", m->particle);
    add_text(o, "gm2.conditions_tag", m->conditions_tag);
    add_intervals(o, m);
    add_text(o, "gm2.constants_set", m->constants_set);
    add_text(o, "gm2.isa", m->isa);
    add_text(o, "gm2.host", m->host);
    add_text(o, "gm2.seed", seed);
    add_integer(o, "gm2.n_ranks", m->n_ranks);
    add_integer(o, "gm2.format_version", m->format_version);
    add_integer(o, "gm2.n_units", m->n_units);
    add_integer(o, "gm2.n_bad_events", m->n_bad_events);
    cJSON_AddNumberToObject(o, "gm2.cpu_s", m->cpu_s);
    add_integer(o, "gm2.peak_rss_kB", m->peak_rss_kB);
}

enum err meta_check_extra(const char *pair)
{
    static const char *const own[] = {META_FCL_COMMIT, "gm2.campaign", "gm2.stage", "gm2.submission"};
    size_t n                       = strcspn(pair, "="), word;
    bool is_ours = strncmp(pair, "gm2.", 4) == 0, is_known = !is_ours;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        is_known = is_known || (strlen(own[i]) == n && strncmp(pair, own[i], n) == 0);
    word = strspn(pair, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.");
    REQUIRE(is_known && pair[n] && word == n && n < 100 && isalpha((unsigned char)pair[0]) && pair[n - 1] != '.' &&
                memchr(pair, '.', n),
            ERR_OPTION,
            "--metadata %.100s: wanted is KEY=VALUE with gm2.fcl_commit, gm2.campaign, gm2.stage, gm2.submission, or a "
            "CATEGORY.NAME that does not begin with gm2",
            pair);
    for (const char *c = pair + n; *c; c++)
        REQUIRE((unsigned char)*c >= ' ' && *c != 127, ERR_OPTION, "--metadata %.*s: a control character in the value",
                (int)n, pair);
    return ERR_OK;
}

static void add_values(cJSON *o, const struct meta *m)
{
    for (size_t i = 0; i < m->n_values; i++) {
        const struct meta_value *v = &m->values[i];
        if (v->text)
            add_text(o, v->name, v->text);
        else
            cJSON_AddNumberToObject(o, v->name, v->number);
    }
}

static void add_extra(cJSON *o, const struct meta *m)
{
    for (size_t i = 0; i < m->n_extra; i++) {
        char key[100];
        size_t n = strcspn(m->extra[i], "=");
        snprintf(key, sizeof key, "%.*s", (int)n, m->extra[i]);
        if (!cJSON_HasObjectItem(o, key)) add_text(o, key, m->extra[i] + n + 1);
    }
}

/* When the raw file was closed, and how long after that its product was there. */
static void add_latency(cJSON *o, const struct meta *m)
{
    if (!(m->closed_unix_s > 0.0)) return;
    cJSON_AddNumberToObject(o, "gm2.closed_unix_s", m->closed_unix_s);
    cJSON_AddNumberToObject(o, "gm2.latency_s", m->end_unix_s - m->closed_unix_s);
}

static cJSON *build(const char *product, const struct meta *m, const char *checksum, unsigned long long size)
{
    cJSON *o = cJSON_CreateObject();
    add_text(o, "file_name", base_name(product));
    add_integer(o, "file_size", (int64_t)size);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(o, "checksum"), cJSON_CreateString(checksum));
    add_text(o, "file_type", m->file_type);
    add_text(o, "file_format", m->file_format);
    add_text(o, "data_tier", m->data_tier);
    add_text(o, "data_stream", m->data_stream);
    add_application(o, m);
    add_runs(o, m);
    add_integer(o, "event_count", m->event_count);
    add_integer(o, "first_event", m->first_event);
    add_integer(o, "last_event", m->last_event);
    add_time(o, "start_time", m->start_unix_s);
    add_time(o, "end_time", m->end_unix_s);
    add_parents(o, m);
    add_own(o, m);
    add_latency(o, m);
    add_values(o, m);
    if (m->merged_by) add_text(o, "gm2.merged_by", m->merged_by);
    add_extra(o, m);
    return o;
}

enum { N_FIELDS = 32, N_LATENCY_FIELDS = 2 };

enum err meta_text(const char *product, const struct meta *meta, char **text)
{
    char checksum[32];
    unsigned long long size;
    TRY(publish_checksum(product, checksum, &size));
    cJSON *o    = build(product, meta, checksum, size);
    int n_built = cJSON_GetArraySize(o);
    int n_wanted =
        N_FIELDS + (int)meta->n_values + (meta->closed_unix_s > 0.0 ? N_LATENCY_FIELDS : 0) + (meta->merged_by != NULL);
    char *print = cJSON_Print(o);
    cJSON_Delete(o);
    bool is_whole = print && n_built >= n_wanted && (meta->n_extra == 0 || n_built > n_wanted);
    *text         = is_whole ? mem_string(print) : NULL;
    cJSON_free(print);
    REQUIRE(*text, ERR_MEMORY, "out of memory for the metadata of %s", product);
    return ERR_OK;
}

enum err meta_write(const char *product, const struct meta *meta)
{
    char path[MAX_PATH], *text;
    int length = snprintf(path, sizeof path, "%s.json", product);
    REQUIRE(length > 0 && length < MAX_PATH, ERR_WRITE, "file name too long: %s", product);
    TRY(meta_text(product, meta, &text));
    enum err rc = publish_text(path, text, strlen(text), 1);
    mem_free(text);
    return rc;
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */
static enum err read_text(const char *path, char **out)
{
    FILE *f = fopen(path, "r");
    REQUIRE(f, errno == ENOENT ? ERR_NOTFOUND : ERR_OPEN, "cannot open %s: %s", path, strerror(errno));
    fseek(f, 0, SEEK_END);
    long n      = ftell(f);
    enum err rc = n < 0 || n > MAX_JSON ? err_fail(ERR_DATA, __FILE__, __LINE__, "%s has %ld bytes", path, n) : ERR_OK;
    rewind(f);
    if (!rc) rc = mem_alloc(out, (size_t)n + 1, 1);
    if (!rc && fread(*out, 1, (size_t)n, f) != (size_t)n) {
        rc = err_fail(ERR_READ, __FILE__, __LINE__, "cannot read %s", path);
        mem_free(*out);
    }
    fclose(f);
    return rc;
}

enum err meta_read_text(const char *product, const char *field, size_t size, char *out)
{
    char path[MAX_PATH], *text;
    int length = snprintf(path, sizeof path, "%s.json", product);
    REQUIRE(length > 0 && length < MAX_PATH, ERR_OPEN, "file name too long: %s", product);
    TRY(read_text(path, &text));
    cJSON *o          = cJSON_Parse(text);
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, field);
    if (cJSON_IsArray(item)) item = cJSON_GetArrayItem(cJSON_GetArrayItem(item, 0), 2);
    const char *word = cJSON_GetStringValue(item);
    if (word) snprintf(out, size, "%s", word);
    cJSON_Delete(o);
    mem_free(text);
    REQUIRE(word, ERR_NOTFOUND, "%s has no text %s", path, field);
    return ERR_OK;
}
