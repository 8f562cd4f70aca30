/* Names of dimensions, and what their values mean. */
#include "dimension_internal.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { MAX_VALUE = 4000 };

static const struct dimension_name names[] = {
    {"file_name", "file_name", TYPE_TEXT, PLACE_FILE},
    {"file_id", "id", TYPE_INT, PLACE_FILE},
    {"file_size", "file_size", TYPE_INT, PLACE_FILE},
    {"checksum", "checksum", TYPE_TEXT, PLACE_FILE},
    {"file_type", "file_type", TYPE_TEXT, PLACE_FILE},
    {"file_format", "file_format", TYPE_TEXT, PLACE_FILE},
    {"file_content_status", "content_status", TYPE_TEXT, PLACE_FILE},
    {"data_tier", "data_tier", TYPE_TEXT, PLACE_FILE},
    {"data_stream", "data_stream", TYPE_TEXT, PLACE_FILE},
    {"datastream", "data_stream", TYPE_TEXT, PLACE_FILE},
    {"event_count", "event_count", TYPE_INT, PLACE_FILE},
    {"first_event_number", "first_event", TYPE_INT, PLACE_FILE},
    {"last_event_number", "last_event", TYPE_INT, PLACE_FILE},
    {"start_time", "start_s", TYPE_TIME, PLACE_FILE},
    {"end_time", "end_s", TYPE_TIME, PLACE_FILE},
    {"create_date", "create_s", TYPE_TIME, PLACE_FILE},
    {"create_user", "create_user", TYPE_TEXT, PLACE_FILE},
    {"update_date", "update_s", TYPE_TIME, PLACE_FILE},
    {"retired_date", "retired_s", TYPE_TIME, PLACE_FILE},
    {"gm2.host", "host", TYPE_TEXT, PLACE_FILE},
    {"gm2.n_ranks", "n_ranks", TYPE_INT, PLACE_FILE},
    {"gm2.n_units", "n_units", TYPE_INT, PLACE_FILE},
    {"gm2.n_bad_events", "n_bad_events", TYPE_INT, PLACE_FILE},
    {"gm2.cpu_s", "cpu_s", TYPE_REAL, PLACE_FILE},
    {"gm2.peak_rss_kB", "peak_rss_kb", TYPE_INT, PLACE_FILE},
    {"family", "family", TYPE_TEXT, PLACE_CONFIG},
    {"application", "application", TYPE_TEXT, PLACE_CONFIG},
    {"appl_name", "application", TYPE_TEXT, PLACE_CONFIG},
    {"version", "version", TYPE_TEXT, PLACE_CONFIG},
    {"gm2.git_commit", "git_commit", TYPE_TEXT, PLACE_CONFIG},
    {"gm2.fcl_name", "fcl_name", TYPE_TEXT, PLACE_CONFIG},
    {"gm2.fcl_hash", "fcl_hash", TYPE_TEXT, PLACE_CONFIG},
    {"gm2.process_name", "process_name", TYPE_TEXT, PLACE_CONFIG},
    {"gm2.conditions_tag", "conditions_tag", TYPE_TEXT, PLACE_CONFIG},
    {"gm2.constants_set", "constants_set", TYPE_TEXT, PLACE_CONFIG},
    {"gm2.isa", "isa", TYPE_TEXT, PLACE_CONFIG},
    {"gm2.seed", "seed", TYPE_TEXT, PLACE_CONFIG},
    {"gm2.format_version", "format_version", TYPE_INT, PLACE_CONFIG},
    {"run_number", "run", TYPE_RUN, PLACE_RUN},
    {"subrun_number", "subrun", TYPE_INT, PLACE_RUN},
    {"run_type", "run_type", TYPE_TEXT, PLACE_RUN},
    {"full_path", "url", TYPE_TEXT, PLACE_LOCATION},
    {"snapshot_id", "snapshot_id", TYPE_INT, PLACE_SNAPSHOT},
    {"submission_id", "submission_id", TYPE_INT, PLACE_SUBMISSION},
    {NULL, NULL, TYPE_TEXT, PLACE_FILE},
};

const char *dimension_name(size_t i) { return i < sizeof names / sizeof names[0] ? names[i].name : NULL; }

const struct dimension_name *dimension_name_find(const char *word, size_t n)
{
    static const struct dimension_name parameter = {"category.name", NULL, TYPE_PARAMETER, PLACE_PARAMETER};
    for (const struct dimension_name *d = names; d->name; d++)
        if (strlen(d->name) == n && strncasecmp(d->name, word, n) == 0) return d;
    bool is_parameter = memchr(word, '.', n) && isalpha((unsigned char)word[0]) && word[n - 1] != '.';
    for (size_t i = 0; i < n && is_parameter; i++)
        is_parameter = isalnum((unsigned char)word[i]) || strchr("._-", word[i]) != NULL;
    return is_parameter ? &parameter : NULL;
}

/* ---- numbers ------------------------------------------------------------------------------------------------------- */
static bool read_int(const char *text, size_t n, int64_t *out)
{
    char copy[32], *end;
    if (n == 0 || n >= sizeof copy) return false;
    memcpy(copy, text, n);
    copy[n] = 0;
    if (isspace((unsigned char)copy[0])) return false;
    errno = 0;
    *out  = strtoll(copy, &end, 10);
    return *end == 0 && errno == 0;
}

/* "24337" or "24337.0196" */
static bool read_run(const char *text, size_t n, int64_t *run, int64_t *subrun)
{
    const char *point = memchr(text, '.', n);
    *subrun           = -1;
    if (!point) return read_int(text, n, run) && *run >= 0;
    size_t before = (size_t)(point - text);
    return read_int(text, before, run) && *run >= 0 && read_int(point + 1, n - before - 1, subrun) && *subrun >= 0;
}

/* ---- times --------------------------------------------------------------------------------------------------------- */
/* YYYY-MM-DD, DD-Mon-YY, DD-Mon-YYYY, each with THH:MM[:SS[.sss]] and Z or +00:00; *high is one past what is named. */
static bool read_time(const char *text, size_t n, int64_t *low, int64_t *high)
{
    static const char *const dates[] = {"%Y-%m-%d", "%d-%b-%Y"};
    char copy[48];
    const char *at = NULL;
    struct tm t    = {0};
    int64_t length = 86400;
    if (n == 0 || n >= sizeof copy) return false;
    memcpy(copy, text, n);
    copy[n] = 0;
    for (size_t i = 0; i < 2 && !at; i++) {
        t  = (struct tm){0};
        at = strptime(copy, dates[i], &t);
    }
    if (!at) return false;
    if (t.tm_year < 100 - 1900) t.tm_year += 2000; /* 01-Mar-22 */
    if (t.tm_year < 70) return false;
    if (*at == 'T' || *at == ' ') {
        length = 60;
        at     = strptime(at + 1, "%H:%M", &t);
        if (at && *at == ':') {
            length = 1;
            at     = strptime(at + 1, "%S", &t);
        }
        if (at && *at == '.') at += 1 + strspn(at + 1, "0123456789");
        if (at && *at == 'Z') at++;
        if (at && strncmp(at, "+00:00", 6) == 0) at += 6;
    }
    if (!at || *at) return false;
    int day = t.tm_mday;
    *low    = timegm(&t);
    *high   = *low + length;
    return t.tm_mday == day; /* no 30th of February */
}

/* ---- ranges -------------------------------------------------------------------------------------------------------- */
typedef bool reader(const char *text, size_t n, int64_t *low, int64_t *high);

/* "a-b": at which '-' both sides can be read. A single value: 0. */
static size_t find_cut(const char *text, reader *read)
{
    size_t n = strlen(text);
    int64_t unused[2];
    if (read(text, n, &unused[0], &unused[1])) return 0;
    for (size_t i = 1; i + 1 < n; i++)
        if (text[i] == '-' && read(text, i, &unused[0], &unused[1]) &&
            read(text + i + 1, n - i - 1, &unused[0], &unused[1]))
            return i;
    return n;
}

static bool read_plain_int(const char *text, size_t n, int64_t *low, int64_t *high)
{
    *high = 0;
    return read_int(text, n, low);
}

/* The two ends of a value; `low2` and `high2` are the reader's second number of each. */
static bool read_ends(const struct dimension_value *v, reader *read, int64_t *low, int64_t *low2, int64_t *high,
                      int64_t *high2)
{
    if (v->high) return read(v->text, strlen(v->text), low, low2) && read(v->high, strlen(v->high), high, high2);
    size_t cut = find_cut(v->text, read), n = strlen(v->text);
    if (cut == n) return false;
    if (!read(v->text, cut ? cut : n, low, low2)) return false;
    return cut ? read(v->text + cut + 1, n - cut - 1, high, high2) : read(v->text, n, high, high2);
}

/* "100-200", or one number */
static void read_numbers(struct dimension_value *v)
{
    char *end;
    v->low_x     = strtod(v->text, &end);
    v->high_x    = v->low_x;
    v->is_number = !v->is_quoted && end != v->text;
    if (*end == '-' && end[1]) v->high_x = strtod(end + 1, &end);
    v->is_number = v->is_number && !*end && isfinite(v->low_x) && isfinite(v->high_x) && v->low_x <= v->high_x;
}

static bool is_upside_down(enum dimension_type type, const struct dimension_value *v)
{
    if (type == TYPE_INT) return v->low_i > v->high_i;
    if (type == TYPE_TIME) return v->low_i >= v->high_i;
    return type == TYPE_RUN &&
           (v->low_i > v->high_i || (v->low_i == v->high_i && v->high_s >= 0 && v->low_s > v->high_s));
}

static bool is_wild(const char *text) { return strchr(text, '%') != NULL; }

enum err dimension_value_read(const char *query, const struct dimension_name *name, struct dimension_value *v)
{
    static const char *const wanted[] = {
        [TYPE_INT]  = "a whole number or a range such as 1-100",
        [TYPE_REAL] = "a number",
        [TYPE_TIME] = "a date such as 2022-03-01, 01-Mar-2022, a quoted \"2022-03-01T12:00:00\", or a range of them",
        [TYPE_RUN]  = "a run, a run and subrun such as 24337.0196, or a range of them",
    };
    int64_t spare[2];
    bool is_good = true;
    char *end;
    if (strlen(v->text) > MAX_VALUE)
        return dimension_fault(query, v->at, "this value is longer than %d bytes", MAX_VALUE);
    switch (name->type) {
    case TYPE_TEXT: return ERR_OK;
    case TYPE_PARAMETER: read_numbers(v); return ERR_OK;
    case TYPE_INT: is_good = read_ends(v, read_plain_int, &v->low_i, &spare[0], &v->high_i, &spare[1]); break;
    case TYPE_TIME: is_good = read_ends(v, read_time, &v->low_i, &spare[0], &spare[1], &v->high_i); break;
    case TYPE_RUN: is_good = read_ends(v, read_run, &v->low_i, &v->low_s, &v->high_i, &v->high_s); break;
    case TYPE_REAL:
        v->low_x = strtod(v->text, &end);
        is_good  = end != v->text && *end == 0 && !v->high && isfinite(v->low_x);
        break;
    }
    if (is_good && is_upside_down(name->type, v))
        return dimension_fault(query, v->at, "this range ends before it begins");
    if (is_good) return ERR_OK;
    return dimension_fault(query, v->at, "\"%.60s\" is no value of %s; wanted is %s%s", v->text, name->name,
                           wanted[name->type], is_wild(v->text) ? " (% stands for letters of texts only)" : "");
}
