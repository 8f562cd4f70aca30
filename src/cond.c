/* Conditions: opening a database, its layout, the tables in it. */
#include "cond_internal.h"

#include "cfg.h"
#include "mem.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void cond_format(char sql[COND_SQL], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(sql, COND_SQL, format, args);
    va_end(args);
}

/* ---- layout -------------------------------------------------------------------------------------------------------- */
/* A table that refuses to be changed, whoever asks. */
static enum err protect(struct cond *cond, const char *table)
{
    static const char *const events[] = {"update", "delete"};
    char sql[COND_SQL];
    if (db_is_pgsql(cond->db)) {
        cond_format(sql,
                    "create trigger %s_fixed before update or delete or truncate on %s for each statement execute "
                    "function cond_refuse()",
                    table, table);
        return db_exec(cond->db, sql);
    }
    for (int i = 0; i < 2; i++) {
        cond_format(sql,
                    "create trigger %s_%s before %s on %s begin select raise(abort, 'conditions are never rewritten'); "
                    "end",
                    table, events[i], events[i], table);
        TRY(db_exec(cond->db, sql));
    }
    return ERR_OK;
}

static const char layout[] =
    "create table cond_layout (version bigint not null);"
    "create table cond_log (id bigint primary key, created text not null, author text not null, action text not null,"
    "  table_name text, tag text, comment text not null, n_intervals bigint not null, n_rows bigint not null,"
    "  content text);"
    "create index cond_log_loads on cond_log (table_name, tag, id);"
    "create table cond_tables (table_name text primary key, subrun_digits bigint not null, event_digits bigint not "
    "null,"
    "  doc text not null);"
    "create table cond_columns (table_name text not null, place bigint not null, column_name text not null,"
    "  is_key bigint not null, unit text not null, min_value double precision not null,"
    "  max_value double precision not null, doc text not null, primary key (table_name, place));"
    "create table cond_tags (tag text primary key, from_tag text, log_id bigint not null);"
    "create table cond_freezes (tag text primary key, log_id bigint not null);";

static enum err make_layout(void *context)
{
    struct cond *cond              = context;
    static const char *const all[] = {"cond_layout",  "cond_log",  "cond_tables",
                                      "cond_columns", "cond_tags", "cond_freezes"};
    int64_t n;
    bool is_there;
    const char *look = db_is_pgsql(cond->db)
                           ? "select count(*) from information_schema.tables where table_name = 'cond_layout' and "
                             "table_schema = any (current_schemas(false))"
                           : "select count(*) from sqlite_master where name = 'cond_layout'";
    TRY(db_get_int(cond->db, look, NULL, 0, &n, &is_there));
    if (n > 0) return ERR_OK;
    TRY(db_exec(cond->db, layout));
    TRY(db_do(cond->db, "insert into cond_layout (version) values ($1)", &DB_I(COND_VERSION), 1));
    if (db_is_pgsql(cond->db))
        TRY(db_exec(cond->db, "create or replace function cond_refuse() returns trigger language plpgsql as "
                              "'begin raise exception ''conditions are never rewritten''; end'"));
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) TRY(protect(cond, all[i]));
    return ERR_OK;
}

enum err cond_make_layout(struct cond *cond)
{
    static const char lock[] = "create table if not exists " COND_LOCK " (id bigint)";
    if (db_exec(cond->db, lock)) TRY(db_exec(cond->db, lock)); /* two that make it at once: one fails, and finds it */
    return db_transaction(cond->db, COND_LOCK, make_layout, cond);
}

static enum err make_data_tables(struct cond *cond, const struct cond_table *t)
{
    static const char *const parts[] = {"intervals", "data", "tag_iovs"};
    char sql[COND_SQL], columns[2048] = "", keys[1024] = "", name[64], run[64], subrun[64];
    bool is_pgsql = db_is_pgsql(cond->db);
    size_t n = 0, k = 0;
    for (size_t i = 0; i < t->n_columns; i++) {
        const struct cond_column *c = &t->column[i];
        n += (size_t)snprintf(columns + n, sizeof columns - n, "%s %s not null, ", c->name,
                              c->is_key ? "bigint" : "double precision");
        if (c->is_key) k += (size_t)snprintf(keys + k, sizeof keys - k, ", %s", c->name);
    }
    const char *no_rowid = is_pgsql ? "" : " without rowid";
    cond_format(sql,
                "create table %s_intervals (id bigint primary key, begin_time bigint not null, end_time bigint,"
                " load_id bigint not null, n_rows bigint not null);"
                "create index %s_begin on %s_intervals (begin_time, id);"
                "create table %s_data (iov_id bigint not null, %sprimary key (iov_id%s))%s;"
                "create table %s_tag_iovs (tag text not null, begin_time bigint not null, iov_id bigint not null,"
                " primary key (tag, begin_time, iov_id))%s",
                t->name, t->name, t->name, t->name, columns, keys, no_rowid, t->name, no_rowid);
    TRY(db_exec(cond->db, sql));
    snprintf(run, sizeof run, "%" PRId64, cond_power(t->subrun_digits + t->event_digits));
    snprintf(subrun, sizeof subrun, "%" PRId64, cond_power(t->event_digits));
    /* one row a begin_time, whatever was superseded: a query without join condition then finds each row of data once */
    cond_format(sql,
                "create view %s_iovs as select id, begin_time, end_time, load_id, begin_time / %s as run,"
                " begin_time / %s %% %" PRId64 " as subrun, begin_time %% %s as event from %s_intervals i"
                " where not exists (select 1 from %s_intervals j where j.begin_time = i.begin_time and j.id > i.id)",
                t->name, run, subrun, cond_power(t->subrun_digits), subrun, t->name, t->name);
    TRY(db_exec(cond->db, sql));
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s_%s", t->name, parts[i]);
        TRY(protect(cond, name));
    }
    return ERR_OK;
}

enum err cond_make_table(struct cond *cond, const struct cond_table *t)
{
    TRY(db_do(cond->db,
              "insert into cond_tables (table_name, subrun_digits, event_digits, doc) values ($1, $2, $3, $4)",
              (struct db_value[]){DB_S(t->name), DB_I(t->subrun_digits), DB_I(t->event_digits), DB_S(t->doc)}, 4));
    for (size_t i = 0; i < t->n_columns; i++) {
        const struct cond_column *c = &t->column[i];
        TRY(db_do(cond->db, "insert into cond_columns values ($1, $2, $3, $4, $5, $6, $7, $8)",
                  (struct db_value[]){DB_S(t->name), DB_I((int64_t)i), DB_S(c->name), DB_I(c->is_key), DB_S(c->unit),
                                      DB_X(c->min), DB_X(c->max), DB_S(c->doc)},
                  8));
    }
    return make_data_tables(cond, t);
}

enum err cond_note_down(struct cond *cond, const char *action, const char *table, const char *tag,
                        const struct cond_note *note, int64_t n_intervals, int64_t n_rows, const char *content,
                        int64_t *id)
{
    char now[32], who[300];
    bool is_found;
    const char *user = db_user(cond->db); /* as the server knows him, beside what he calls himself */
    time_t t         = time(NULL);
    struct tm utc;
    gmtime_r(&t, &utc);
    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", &utc);
    if (*user && strcmp(user, note->author) != 0)
        snprintf(who, sizeof who, "%.200s (%.64s)", note->author, user);
    else
        snprintf(who, sizeof who, "%.200s", note->author);
    TRY(db_get_int(cond->db, "select coalesce(max(id), 0) + 1 from cond_log", NULL, 0, id, &is_found));
    return db_do(cond->db, "insert into cond_log values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                 (struct db_value[]){DB_I(*id), DB_S(now), DB_S(who), DB_S(action), table ? DB_S(table) : DB_N,
                                     tag ? DB_S(tag) : DB_N, DB_S(note->comment), DB_I(n_intervals), DB_I(n_rows),
                                     content ? DB_S(content) : DB_N},
                 10);
}

/* ---- tables -------------------------------------------------------------------------------------------------------- */
enum err cond_tables(struct cond *cond, char (**names)[COND_NAME], size_t *n)
{
    struct db_statement *s = NULL;
    const struct db_value *row;
    size_t n_columns;
    enum err rc;
    *n = 0;
    TRY(mem_alloc(names, COND_MAX_TABLES, sizeof **names));
    TRY_TO(failed, db_prepare(cond->db, "select table_name from cond_tables order by table_name", &s));
    TRY_TO(failed, db_start(s, NULL, 0));
    for (;;) {
        TRY_TO(failed, db_next(s, &row, &n_columns));
        if (!row || *n == COND_MAX_TABLES) break;
        snprintf((*names)[(*n)++], COND_NAME, "%s", row[0].text);
    }
    db_finish(s);
    return ERR_OK;
failed:
    db_finish(s);
    mem_free(*names);
    *names = NULL;
    return rc;
}

static enum err no_table(struct cond *cond, const char *name)
{
    char(*names)[COND_NAME], nearest[COND_NAME] = "";
    const char *known[COND_MAX_TABLES];
    size_t n;
    TRY(cond_tables(cond, &names, &n));
    for (size_t i = 0; i < n; i++) known[i] = names[i];
    const char *near = cfg_nearest(name, known, n);
    if (near) snprintf(nearest, sizeof nearest, "%s", near);
    mem_free(names);
    if (nearest[0]) FAIL(ERR_NOTFOUND, "there is no table \"%.60s\"; did you mean \"%s\"?", name, nearest);
    FAIL(ERR_NOTFOUND, "there is no table \"%.60s\"; 'gm2 cond tables' lists them", name);
}

static enum err read_columns(struct db_statement *s, struct cond_table *t)
{
    const struct db_value *row;
    size_t n;
    TRY(db_start(s, &DB_S(t->name), 1));
    for (;;) {
        TRY(db_next(s, &row, &n));
        if (!row) return ERR_OK;
        REQUIRE(t->n_columns < COND_MAX_COLUMNS, ERR_DATA, "table %s has more than %d columns", t->name,
                COND_MAX_COLUMNS);
        struct cond_column *c = &t->column[t->n_columns++];
        snprintf(c->name, sizeof c->name, "%s", row[0].text);
        c->is_key = row[1].i != 0;
        snprintf(c->unit, sizeof c->unit, "%s", row[2].text);
        c->min = row[3].x;
        c->max = row[4].x;
        snprintf(c->doc, sizeof c->doc, "%s", row[5].text);
    }
}

enum err cond_table(struct cond *cond, const char *name, struct cond_table *out)
{
    struct db_statement *s;
    const struct db_value *row;
    size_t n;
    *out = (struct cond_table){.n_columns = 0};
    TRY(db_prepare(cond->db, "select subrun_digits, event_digits, doc from cond_tables where table_name = $1", &s));
    enum err rc = db_start(s, &DB_S(name), 1);
    if (!rc) rc = db_next(s, &row, &n);
    bool is_found = !rc && row;
    if (is_found) {
        out->subrun_digits = (int)row[0].i;
        out->event_digits  = (int)row[1].i;
        snprintf(out->name, sizeof out->name, "%s", name);
        snprintf(out->doc, sizeof out->doc, "%s", row[2].text);
    }
    db_finish(s);
    if (rc) return rc;
    if (!is_found) return no_table(cond, name);
    TRY(db_prepare(cond->db,
                   "select column_name, is_key, unit, min_value, max_value, doc from cond_columns where table_name = $1"
                   " order by place",
                   &s));
    rc = read_columns(s, out);
    db_finish(s);
    if (rc) return rc;
    return cond_check_table(out);
}

struct table_work {
    struct cond *cond;
    const struct cond_table *table;
    const struct cond_note *note;
};

static enum err add_table(void *context)
{
    struct table_work *w = context;
    struct cond_table old;
    int64_t n, id;
    bool is_found;
    TRY(db_get_int(w->cond->db, "select count(*) from cond_tables where table_name = $1", &DB_S(w->table->name), 1, &n,
                   &is_found));
    if (n > 0) {
        TRY(cond_table(w->cond, w->table->name, &old));
        REQUIRE(cond_is_same_table(&old, w->table), ERR_MISMATCH,
                "table %s exists and is defined otherwise; definitions are never changed, take another name",
                w->table->name);
        return ERR_OK;
    }
    TRY(cond_make_table(w->cond, w->table));
    return cond_note_down(w->cond, "table", w->table->name, NULL, w->note, 0, 0, NULL, &id);
}

enum err cond_add_table(struct cond *cond, const struct cond_table *table, const struct cond_note *note)
{
    struct cond_table checked = *table;
    TRY(cond_check_table(&checked));
    TRY(cond_check_note(note));
    return db_transaction(cond->db, COND_LOCK, add_table, &(struct table_work){cond, &checked, note});
}

static enum err check_layout(struct cond *cond)
{
    int64_t version;
    bool is_found;
    if (db_get_int(cond->db, "select version from cond_layout", NULL, 0, &version, &is_found)) {
        return err_context(ERR_NOTFOUND, "there are no conditions to be read ('gm2 cond init' makes the layout)");
    }
    REQUIRE(is_found && version == COND_VERSION, ERR_DATA, "the layout has version %lld, this gm2 knows %d",
            (long long)(is_found ? version : 0), COND_VERSION);
    return ERR_OK;
}

/* All our queries follow an index, in its order; a server without statistics would rather read and sort everything. */
static enum err tune(struct cond *cond)
{
    if (!db_is_pgsql(cond->db)) return ERR_OK;
    return db_exec(cond->db, "set enable_sort = off; set enable_bitmapscan = off; set jit = off; "
                             "set plan_cache_mode = force_generic_plan");
}

enum err cond_open(const char *url, enum db_access access, struct cond **out)
{
    *out = NULL;
    struct cond *cond;
    TRY(mem_alloc(&cond, 1, sizeof *cond));
    enum err rc = db_open(url, access, &cond->db);
    if (!rc) {
        rc = check_layout(cond);
        if (!rc) rc = tune(cond);
        if (rc) rc = err_context(rc, "database %s", url);
    }
    if (rc) {
        cond_close(cond);
        return rc;
    }
    *out = cond;
    return ERR_OK;
}

void cond_close(struct cond *cond)
{
    if (!cond) return;
    db_finish(cond->intervals);
    db_finish(cond->rows);
    db_finish(cond->packed);
    db_close(cond->db);
    mem_free(cond);
}

static enum err init(struct cond *cond, const struct cond_note *note)
{
    int64_t n;
    bool is_found;
    TRY(cond_make_layout(cond));
    TRY(check_layout(cond));
    TRY(db_get_int(cond->db, "select count(*) from cond_tags where tag = $1", &DB_S(COND_HEAD), 1, &n, &is_found));
    if (n == 0) {
        enum err rc = cond_tag(cond, COND_HEAD, NULL, note);
        if (rc && rc != ERR_MISMATCH) return rc; /* another made it meanwhile */
    }
    for (const struct cond_table *t = cond_standard; t->name[0]; t++) TRY(cond_add_table(cond, t, note));
    return ERR_OK;
}

enum err cond_init(const char *url, const struct cond_note *note, struct cond **out)
{
    *out = NULL;
    struct cond *cond;
    TRY(cond_check_note(note));
    TRY(mem_alloc(&cond, 1, sizeof *cond));
    enum err rc = db_open(url, DB_CREATE, &cond->db);
    if (!rc) rc = init(cond, note);
    if (rc) {
        cond_close(cond);
        return rc;
    }
    *out = cond;
    return ERR_OK;
}
