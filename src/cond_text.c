/* Conditions as text: CSV and JSON, in and out. What is written is read back as it was. */
#include "cond_internal.h"

#include "columns.h"
#include "mem.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 100000000, N_TIMES = 6 };
#define MAX_JSON ((long)1 << 31)

/* ---- intervals of rows --------------------------------------------------------------------------------------------- */
/* Opens an interval for the rows that follow. */
static enum err open_interval(struct cond_set *set, size_t *room, int64_t begin, int64_t end)
{
    if (!set->interval || set->n_intervals == *room) {
        size_t more = *room ? 2 * *room : 64;
        TRY(mem_resize(&set->interval, *room, more, sizeof *set->interval));
        *room = more;
    }
    set->interval[set->n_intervals++] = (struct cond_interval){.begin = begin, .end = end, .first = set->n_rows};
    return ERR_OK;
}

static enum err whole(double x, const char *what, int64_t *out)
{
    REQUIRE(x == floor(x) && fabs(x) < 1e15, ERR_DATA, "%s = %.10g is no whole number", what, x);
    *out = (int64_t)x;
    return ERR_OK;
}

/* ---- CSV ----------------------------------------------------------------------------------------------------------- */
static const char *const time_names[N_TIMES] = {"run", "subrun", "event", "end_run", "end_subrun", "end_event"};

/* The interval a row says; a negative end_run means no end. */
static enum err interval_of_row(const struct cond_table *t, const struct columns *c, size_t row, int64_t *begin,
                                int64_t *end)
{
    int64_t part[N_TIMES] = {0};
    for (int i = 0; i < N_TIMES; i++)
        if (c->value[i]) TRY(whole(c->value[i][row], time_names[i], &part[i]));
    TRY(cond_pack(t, (struct cond_time){part[0], part[1], part[2]}, begin));
    *end = COND_FOREVER;
    if (!c->value[3] || part[3] < 0) return ERR_OK;
    return cond_pack(t, (struct cond_time){part[3], part[4], part[5]}, end);
}

static enum err fixed_interval(const struct cond_table *t, const struct cond_time *from, const struct cond_time *until,
                               int64_t *begin, int64_t *end)
{
    *end = COND_FOREVER;
    TRY(cond_pack(t, *from, begin));
    return until ? cond_pack(t, *until, end) : ERR_OK;
}

static enum err group_rows(const struct columns *c, const struct cond_time *from, const struct cond_time *until,
                           struct cond_set *set)
{
    size_t room = 0;
    for (size_t r = 0; r < c->n_rows; r++) {
        int64_t begin, end;
        char place[32];
        enum err rc = c->value[0] ? interval_of_row(&set->table, c, r, &begin, &end)
                                  : fixed_interval(&set->table, from, until, &begin, &end);
        columns_place(c, r, place);
        if (rc) return err_context(c->value[0] ? ERR_DATA : ERR_OPTION, "%s", c->value[0] ? place : "the interval");
        const struct cond_interval *last = set->n_intervals ? &set->interval[set->n_intervals - 1] : NULL;
        if (!last || begin != last->begin) TRY(open_interval(set, &room, begin, end));
        struct cond_interval *now = &set->interval[set->n_intervals - 1];
        REQUIRE(now->end == end, ERR_DATA, "%s: the interval has two ends", place);
        now->n_rows++;
        set->n_rows++;
    }
    return ERR_OK;
}

static enum err read_csv(const char *path, const struct cond_time *from, const struct cond_time *until,
                         struct cond_set *set)
{
    const struct cond_table *t = &set->table;
    struct column_want want[N_TIMES + COND_MAX_COLUMNS];
    struct columns c;
    for (int i = 0; i < N_TIMES; i++) want[i] = (struct column_want){time_names[i], "1", true, 0, 0};
    for (size_t i = 0; i < t->n_columns; i++)
        want[N_TIMES + i] =
            (struct column_want){t->column[i].name, t->column[i].unit, false, t->column[i].min, t->column[i].max};
    TRY(columns_read(path, "", want, N_TIMES + t->n_columns, MAX_ROWS, &c));
    enum err rc = ERR_OK;
    if (!c.value[0] && !from)
        rc = err_fail(ERR_OPTION, __FILE__, __LINE__,
                      "the file has no column run: say where the interval begins, --from RUN[:SUBRUN[:EVENT]]");
    if (!rc && c.value[0] && (from || until))
        rc = err_fail(ERR_OPTION, __FILE__, __LINE__, "the file has a column run, and --from or --until is given too");
    if (!rc) rc = group_rows(&c, from, until, set);
    for (size_t i = 0; i < t->n_columns && !rc; i++) {
        set->value[i]        = c.value[N_TIMES + i];
        c.value[N_TIMES + i] = NULL;
    }
    columns_free(&c);
    return rc;
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------- */
static enum err json_time(const struct cond_table *t, const cJSON *v, const char *what, int64_t *key)
{
    int64_t part[3] = {0};
    int n           = cJSON_GetArraySize(v);
    REQUIRE(cJSON_IsArray(v) && n >= 1 && n <= 3, ERR_DATA, "\"%s\" is no [run, subrun, event]", what);
    for (int i = 0; i < n; i++) {
        const cJSON *x = cJSON_GetArrayItem(v, i);
        REQUIRE(cJSON_IsNumber(x), ERR_DATA, "\"%s\" is no [run, subrun, event]", what);
        TRY(whole(x->valuedouble, what, &part[i]));
    }
    return cond_pack(t, (struct cond_time){part[0], part[1], part[2]}, key);
}

static enum err json_factors(const cJSON *o, const struct cond_table *t, double factor[COND_MAX_COLUMNS])
{
    const cJSON *units = cJSON_GetObjectItemCaseSensitive(o, "units");
    for (size_t i = 0; i < t->n_columns; i++) {
        const cJSON *unit = cJSON_GetObjectItemCaseSensitive(units, t->column[i].name);
        bool is_number    = strcmp(t->column[i].unit, "1") == 0;
        REQUIRE(cJSON_IsString(unit) || (is_number && !unit), ERR_DATA, "\"units\" lacks that of %s, e.g. \"%s\"",
                t->column[i].name, t->column[i].unit);
        enum err rc = columns_unit(unit ? unit->valuestring : "1", t->column[i].unit, &factor[i]);
        if (rc) return err_context(ERR_DATA, "column %s", t->column[i].name);
    }
    return ERR_OK;
}

static enum err json_rows(const cJSON *columns, const double *factor, const struct cond_interval *v,
                          struct cond_set *set)
{
    for (size_t c = 0; c < set->table.n_columns; c++) {
        const cJSON *list = cJSON_GetObjectItemCaseSensitive(columns, set->table.column[c].name), *x;
        size_t r          = v->first;
        REQUIRE(cJSON_IsArray(list) && (size_t)cJSON_GetArraySize(list) == v->n_rows, ERR_DATA,
                "column %s is no list as long as the others", set->table.column[c].name);
        cJSON_ArrayForEach(x, list)
        {
            REQUIRE(cJSON_IsNumber(x), ERR_DATA, "column %s holds what is no number", set->table.column[c].name);
            set->value[c][r++] = x->valuedouble * factor[c];
        }
    }
    return ERR_OK;
}

static enum err json_interval(const cJSON *o, size_t *room, struct cond_set *set)
{
    const cJSON *end     = cJSON_GetObjectItemCaseSensitive(o, "end");
    const cJSON *columns = cJSON_GetObjectItemCaseSensitive(o, "columns");
    const cJSON *first   = cJSON_GetObjectItemCaseSensitive(columns, set->table.column[0].name);
    int64_t from, until = COND_FOREVER;
    TRY(json_time(&set->table, cJSON_GetObjectItemCaseSensitive(o, "begin"), "begin", &from));
    if (end && !cJSON_IsNull(end)) TRY(json_time(&set->table, end, "end", &until));
    REQUIRE(cJSON_IsArray(first), ERR_DATA, "\"columns\" has no list \"%s\"", set->table.column[0].name);
    TRY(open_interval(set, room, from, until));
    set->interval[set->n_intervals - 1].n_rows = (size_t)cJSON_GetArraySize(first);
    set->n_rows += (size_t)cJSON_GetArraySize(first);
    return ERR_OK;
}

static enum err parse_set(const cJSON *o, struct cond_set *set)
{
    double factor[COND_MAX_COLUMNS] = {0};
    const cJSON *list               = cJSON_GetObjectItemCaseSensitive(o, "intervals"), *v;
    const cJSON *name               = cJSON_GetObjectItemCaseSensitive(o, "table");
    size_t room = 0, i = 0;
    REQUIRE(cJSON_IsArray(list), ERR_DATA, "there is no list \"intervals\"");
    REQUIRE(!name || (cJSON_IsString(name) && strcmp(name->valuestring, set->table.name) == 0), ERR_DATA,
            "it is of another table, \"%.60s\"", cJSON_IsString(name) ? name->valuestring : "?");
    TRY(json_factors(o, &set->table, factor));
    cJSON_ArrayForEach(v, list)
    {
        enum err rc = json_interval(v, &room, set);
        i++;
        if (rc) return err_context(ERR_DATA, "interval %zu of \"intervals\"", i);
    }
    for (size_t c = 0; c < set->table.n_columns; c++)
        TRY(mem_alloc(&set->value[c], set->n_rows, sizeof *set->value[c]));
    i = 0;
    cJSON_ArrayForEach(v, list)
    {
        enum err rc = json_rows(cJSON_GetObjectItemCaseSensitive(v, "columns"), factor, &set->interval[i++], set);
        if (rc) return err_context(ERR_DATA, "interval %zu of \"intervals\"", i);
    }
    return ERR_OK;
}

static enum err read_json(const char *path, struct cond_set *set)
{
    char *text = NULL;
    FILE *f    = fopen(path, "rbe");
    REQUIRE(f, ERR_OPEN, "cannot open: %s", strerror(errno));
    (void)fseek(f, 0, SEEK_END);
    long n      = ftell(f);
    enum err rc = n < 0 || n > MAX_JSON ? err_fail(ERR_DATA, __FILE__, __LINE__, "it has %ld bytes", n) : ERR_OK;
    rewind(f);
    if (!rc) rc = mem_alloc(&text, (size_t)n + 1, 1);
    if (!rc && fread(text, 1, (size_t)n, f) != (size_t)n) rc = err_fail(ERR_READ, __FILE__, __LINE__, "cannot read");
    fclose(f);
    cJSON *o = rc ? NULL : cJSON_ParseWithLength(text, (size_t)n);
    if (!rc && !o) {
        const char *at = cJSON_GetErrorPtr();
        int line       = 1;
        for (const char *p = text; at && p < at; p++) line += *p == '\n';
        rc = err_fail(ERR_DATA, __FILE__, __LINE__, "it is no JSON, from line %d on", line);
    }
    if (!rc) rc = parse_set(o, set);
    cJSON_Delete(o);
    mem_free(text);
    return rc;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

enum err cond_read_file(const char *path, const struct cond_table *table, const struct cond_time *from,
                        const struct cond_time *until, struct cond_set *out)
{
    *out = (struct cond_set){.table = *table};
    enum err rc;
    if (!ends_with(path, ".json")) {
        rc = read_csv(path, from, until, out);
        if (rc == ERR_OPTION) return cond_set_free(out), err_context(rc, "%s", path);
    } else {
        REQUIRE(!from && !until, ERR_OPTION, "%s: a JSON file says its intervals; --from and --until are for CSV",
                path);
        rc = read_json(path, out);
    }
    if (!rc) return ERR_OK;
    cond_set_free(out);
    return strstr(err_message(), path) ? rc : err_context(rc, "%s", path);
}

/* ---- out ----------------------------------------------------------------------------------------------------------- */
/* The shortest text that is read as the same number. */
static const char *shortest(double x, char text[40])
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, 40, "%.*g", digits, x);
        if (strtod(text, NULL) == x) break;
    }
    return text;
}

enum err cond_write_csv(const struct cond_set *set, const char *tag, FILE *f)
{
    const struct cond_table *t = &set->table;
    bool has_end               = false;
    char number[40];
    for (size_t i = 0; i < set->n_intervals; i++) has_end = has_end || set->interval[i].end != COND_FOREVER;
    fprintf(f, "# gm2 cond: table %s, tag %s\n", t->name, tag);
    fprintf(f, "iov_id,run,subrun,event%s", has_end ? ",end_run,end_subrun,end_event" : "");
    for (size_t c = 0; c < t->n_columns; c++) {
        bool has_unit = strcmp(t->column[c].unit, "1") != 0;
        fprintf(f, ",%s%s%s%s", t->column[c].name, has_unit ? " [" : "", has_unit ? t->column[c].unit : "",
                has_unit ? "]" : "");
    }
    fputc('\n', f);
    for (size_t i = 0; i < set->n_intervals; i++) {
        const struct cond_interval *v = &set->interval[i];
        struct cond_time begin = cond_unpack(t, v->begin), end = {-1, -1, -1};
        if (v->end != COND_FOREVER) end = cond_unpack(t, v->end);
        for (size_t r = v->first; r < v->first + v->n_rows; r++) {
            fprintf(f, "%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64, v->id, begin.run, begin.subrun, begin.event);
            if (has_end) fprintf(f, ",%" PRId64 ",%" PRId64 ",%" PRId64, end.run, end.subrun, end.event);
            for (size_t c = 0; c < t->n_columns; c++) fprintf(f, ",%s", shortest(set->value[c][r], number));
            fputc('\n', f);
        }
    }
    REQUIRE(!ferror(f), ERR_WRITE, "the result cannot be written");
    return ERR_OK;
}

static void put_time(FILE *f, const struct cond_table *t, int64_t key)
{
    struct cond_time time = cond_unpack(t, key);
    if (key == COND_FOREVER)
        fputs("null", f);
    else
        fprintf(f, "[%" PRId64 ", %" PRId64 ", %" PRId64 "]", time.run, time.subrun, time.event);
}

enum err cond_write_json(const struct cond_set *set, const char *tag, FILE *f)
{
    const struct cond_table *t = &set->table;
    char number[40];
    fprintf(f, "{\"table\": \"%s\", \"tag\": \"%s\",\n \"units\": {", t->name, tag);
    for (size_t c = 0; c < t->n_columns; c++)
        fprintf(f, "%s\"%s\": \"%s\"", c ? ", " : "", t->column[c].name, t->column[c].unit);
    fputs("},\n \"intervals\": [", f);
    for (size_t i = 0; i < set->n_intervals; i++) {
        const struct cond_interval *v = &set->interval[i];
        fprintf(f, "%s\n  {\"iov_id\": %" PRId64 ", \"begin\": ", i ? "," : "", v->id);
        put_time(f, t, v->begin);
        fputs(", \"end\": ", f);
        put_time(f, t, v->end);
        fputs(", \"columns\": {", f);
        for (size_t c = 0; c < t->n_columns; c++) {
            fprintf(f, "%s\n   \"%s\": [", c ? "," : "", t->column[c].name);
            for (size_t r = v->first; r < v->first + v->n_rows; r++)
                fprintf(f, "%s%s", r > v->first ? "," : "", shortest(set->value[c][r], number));
            fputs("]", f);
        }
        fputs("}}", f);
    }
    fputs("]}\n", f);
    REQUIRE(!ferror(f), ERR_WRITE, "the result cannot be written");
    return ERR_OK;
}
