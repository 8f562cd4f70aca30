/* One file's metadata, as JSON in SAM's fields. */
#include "catalogue_internal.h"

#include "mem.h"

#include <cjson/cJSON.h>
#include <string.h>
#include <time.h>

enum field_kind { FIELD_TEXT, FIELD_NUMBER, FIELD_TIME };

/* The order is that of the JSON. */
static const struct {
    const char *key, *column;
    enum field_kind kind;
} fields[] = {
    {"file_name", "f.file_name", FIELD_TEXT},
    {"file_id", "f.id", FIELD_NUMBER},
    {"file_size", "f.file_size", FIELD_NUMBER},
    {"file_type", "f.file_type", FIELD_TEXT},
    {"file_format", "f.file_format", FIELD_TEXT},
    {"content_status", "f.content_status", FIELD_TEXT},
    {"data_tier", "f.data_tier", FIELD_TEXT},
    {"data_stream", "f.data_stream", FIELD_TEXT},
    {"event_count", "f.event_count", FIELD_NUMBER},
    {"first_event", "f.first_event", FIELD_NUMBER},
    {"last_event", "f.last_event", FIELD_NUMBER},
    {"start_time", "f.start_s", FIELD_TIME},
    {"end_time", "f.end_s", FIELD_TIME},
    {"create_date", "f.create_s", FIELD_TIME},
    {"create_user", "f.create_user", FIELD_TEXT},
    {"update_date", "f.update_s", FIELD_TIME},
    {"retired_date", "f.retired_s", FIELD_TIME},
    {"retired_why", "f.retired_why", FIELD_TEXT},
    {"gm2.git_commit", "c.git_commit", FIELD_TEXT},
    {"gm2.fcl_name", "c.fcl_name", FIELD_TEXT},
    {"gm2.fcl_hash", "c.fcl_hash", FIELD_TEXT},
    {"gm2.process_name", "c.process_name", FIELD_TEXT},
    {"gm2.conditions_tag", "c.conditions_tag", FIELD_TEXT},
    {"gm2.constants_set", "c.constants_set", FIELD_TEXT},
    {"gm2.isa", "c.isa", FIELD_TEXT},
    {"gm2.seed", "c.seed", FIELD_TEXT},
    {"gm2.format_version", "c.format_version", FIELD_NUMBER},
    {"gm2.host", "f.host", FIELD_TEXT},
    {"gm2.n_ranks", "f.n_ranks", FIELD_NUMBER},
    {"gm2.n_units", "f.n_units", FIELD_NUMBER},
    {"gm2.n_bad_events", "f.n_bad_events", FIELD_NUMBER},
    {"gm2.cpu_s", "f.cpu_s", FIELD_NUMBER},
    {"gm2.peak_rss_kB", "f.peak_rss_kb", FIELD_NUMBER},
};
enum { N_FIELDS = sizeof fields / sizeof fields[0] };

static void put_time(cJSON *o, const char *key, int64_t unix_s)
{
    char text[40];
    time_t t = (time_t)unix_s;
    struct tm utc;
    gmtime_r(&t, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S+00:00", &utc);
    cJSON_AddStringToObject(o, key, text);
}

/* Empty values are left out: SAM's files have none of gm2's fields. */
static enum err put_file(void *context, const struct db_value *row, size_t n)
{
    cJSON *o = context, *application = cJSON_CreateObject();
    for (size_t i = 0; i < N_FIELDS && i < n; i++) {
        const struct db_value *v = &row[i];
        if (v->type == DB_NULL || (v->type == DB_TEXT && !*v->text)) continue;
        if (fields[i].kind == FIELD_TEXT)
            cJSON_AddStringToObject(o, fields[i].key, v->text);
        else if (fields[i].kind == FIELD_TIME)
            put_time(o, fields[i].key, v->i);
        else
            cJSON_AddNumberToObject(o, fields[i].key, v->type == DB_REAL ? v->x : (double)v->i);
    }
    cJSON_AddStringToObject(application, "family", row[N_FIELDS].text);
    cJSON_AddStringToObject(application, "name", row[N_FIELDS + 1].text);
    cJSON_AddStringToObject(application, "version", row[N_FIELDS + 2].text);
    cJSON_AddItemToObject(o, "application", application);
    cJSON_AddItemToArray(cJSON_AddArrayToObject(o, "checksum"), cJSON_CreateString(row[N_FIELDS + 3].text));
    return ERR_OK;
}

static enum err put_run(void *context, const struct db_value *row, size_t n)
{
    cJSON *one = cJSON_CreateArray();
    cJSON_AddItemToArray(one, cJSON_CreateNumber((double)row[0].i));
    if (row[1].i >= 0) cJSON_AddItemToArray(one, cJSON_CreateNumber((double)row[1].i));
    cJSON_AddItemToArray(one, cJSON_CreateString(row[n - 1].text));
    cJSON_AddItemToArray(context, one);
    return ERR_OK;
}

static enum err put_name(void *context, const struct db_value *row, size_t n)
{
    cJSON *one = cJSON_CreateObject();
    cJSON_AddStringToObject(one, "file_name", row[n - 1].text);
    cJSON_AddItemToArray(context, one);
    return ERR_OK;
}

static enum err put_string(void *context, const struct db_value *row, size_t n)
{
    cJSON_AddItemToArray(context, cJSON_CreateString(row[n - 1].text));
    return ERR_OK;
}

static enum err put_parameter(void *context, const struct db_value *row, size_t n)
{
    if (row[n - 1].type == DB_NULL)
        cJSON_AddStringToObject(context, row[0].text, row[1].text);
    else
        cJSON_AddNumberToObject(context, row[0].text, row[n - 1].x);
    return ERR_OK;
}

static enum err put_interval(void *context, const struct db_value *row, size_t n)
{
    cJSON *ids = cJSON_GetObjectItemCaseSensitive(context, row[0].text);
    if (!ids) ids = cJSON_AddArrayToObject(context, row[0].text);
    cJSON_AddItemToArray(ids, cJSON_CreateNumber((double)row[n - 1].i));
    return ERR_OK;
}

typedef enum err each_row(void *context, const struct db_value *row, size_t n);

/* "select ... where ... = $1 order by ORDER" */
static enum err put_rows(struct catalogue *c, int64_t id, const char *text, const char *order, each_row *each,
                         cJSON *to)
{
    struct sql sql = {0};
    enum err rc    = sql_add(&sql, "%s ", text);
    if (!rc) rc = sql_value(&sql, DB_I(id));
    if (!rc) rc = sql_add(&sql, " order by %s", order);
    if (!rc) rc = catalogue_rows(c->db, &sql, each, to);
    sql_free(&sql);
    return rc;
}

static enum err put_all(struct catalogue *c, int64_t id, cJSON *o)
{
    struct sql sql = {0};
    enum err rc    = sql_add(&sql, "select ");
    for (size_t i = 0; i < N_FIELDS && !rc; i++) rc = sql_add(&sql, "%s, ", fields[i].column);
    if (!rc)
        rc = sql_add(&sql, "c.family, c.application, c.version, f.checksum from files f join configs c on c.id = "
                           "f.config_id where f.id =");
    if (!rc) rc = put_rows(c, id, sql.text, "f.id", put_file, o);
    sql_free(&sql);
    if (rc) return rc;
    TRY(put_rows(c, id, "select name, text, number from file_params where file_id =", "name", put_parameter, o));
    TRY(put_rows(c, id, "select run, subrun, run_type from file_runs where file_id =", "run, subrun", put_run,
                 cJSON_AddArrayToObject(o, "runs")));
    TRY(put_rows(c, id, "select f.file_name from file_parents p join files f on f.id = p.parent_id where p.child_id =",
                 "f.id", put_name, cJSON_AddArrayToObject(o, "parents")));
    TRY(put_rows(c, id, "select table_name, iov_id from file_conditions where file_id =", "table_name, iov_id",
                 put_interval, cJSON_AddObjectToObject(o, "gm2.conditions")));
    return put_rows(c, id, "select url from file_locations where file_id =", "url", put_string,
                    cJSON_AddArrayToObject(o, "locations"));
}

enum err catalogue_get(struct catalogue *catalogue, const char *name, char **json)
{
    int64_t id;
    *json = NULL;
    TRY(catalogue_id(catalogue, name, &id));
    cJSON *o = cJSON_CreateObject();
    REQUIRE(o, ERR_MEMORY, "out of memory");
    enum err rc = put_all(catalogue, id, o);
    char *text  = rc ? NULL : cJSON_Print(o);
    cJSON_Delete(o);
    if (rc) return rc;
    REQUIRE(text, ERR_MEMORY, "out of memory");
    *json = mem_string(text);
    cJSON_free(text);
    return *json ? ERR_OK : ERR_MEMORY;
}
