/* Conditions: names, times, tables and their layout. */
#include "cond_internal.h"

#include "cfg.h"
#include "columns.h"
#include "mem.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
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

/* ---- the standard tables ------------------------------------------------------------------------------------------- */
#define CALO                                                                                                           \
    {                                                                                                                  \
        "calonum", true, "1", 1, 24, "calorimeter"                                                                     \
    }
#define CRYSTAL                                                                                                        \
    {                                                                                                                  \
        "xtalnum", true, "1", 0, 53, "crystal, (column-1) + 9 (row-1)"                                                 \
    }
#define MANY 1e6
const struct cond_table cond_standard[] = {
    {"oof_correction",
     "out-of-fill gain: energies are divided by it",
     4,
     0,
     4,
     2,
     {CALO,
      CRYSTAL,
      {"oofcorrection", false, "1", 0, 10, "gain relative to the reference"},
      {"oofcorrection_err", false, "1", 0, 10, "its uncertainty"}}},
    {"ifg_correction",
     "in-fill gain: 1 - amplitude exp(-t/tau), t from injection",
     4,
     0,
     6,
     2,
     {CALO,
      CRYSTAL,
      {"amplitude", false, "1", -1, 1, "drop of gain at injection"},
      {"amplitude_err", false, "1", 0, 1, "its uncertainty"},
      {"tau", false, "us", 0, 1000, "recovery time"},
      {"tau_err", false, "us", 0, 1000, "its uncertainty"}}},
    {"stdp_correction",
     "short-term gain: 1 - amplitude E exp(-dt/tau) after a pulse of E GeV",
     4,
     0,
     6,
     2,
     {CALO,
      CRYSTAL,
      {"amplitude", false, "1", -1, 1, "drop of gain for 1 GeV"},
      {"amplitude_err", false, "1", 0, 1, "its uncertainty"},
      {"tau", false, "ns", 0, 1000, "recovery time"},
      {"tau_err", false, "ns", 0, 1000, "its uncertainty"}}},
    {"time_alignment",
     "time of a channel against the reference, taken off",
     4,
     0,
     4,
     2,
     {CALO,
      CRYSTAL,
      {"time_offset", false, "ns", -MANY, MANY, "time of the channel"},
      {"time_offset_err", false, "ns", 0, MANY, "its uncertainty"}}},
    {"energy_scale",
     "energy of one ADC count of the fitted pulse height",
     4,
     0,
     4,
     2,
     {CALO,
      CRYSTAL,
      {"energy_per_count", false, "MeV", 0, MANY, "energy of one count"},
      {"energy_per_count_err", false, "MeV", 0, MANY, "its uncertainty"}}},
    {"pedestal",
     "pedestal and noise, in ADC counts",
     4,
     0,
     4,
     2,
     {CALO,
      CRYSTAL,
      {"pedestal", false, "1", -4096, 4096, "mean"},
      {"pedestal_err", false, "1", 0, 4096, "its uncertainty"}}},
    {"noise",
     "noise of a sample, in ADC counts",
     4,
     0,
     4,
     2,
     {CALO, CRYSTAL, {"noise", false, "1", 0, 4096, "RMS"}, {"noise_err", false, "1", 0, 4096, "its uncertainty"}}},
    {"channel_status",
     "dead and hot channels; may change at an event",
     4,
     3,
     4,
     2,
     {CALO, CRYSTAL, {"is_dead", false, "1", 0, 1, "no pulses"}, {"is_hot", false, "1", 0, 1, "too many"}}},
    {"dqc_thresholds",
     "lowest and highest value accepted by a cut of module Dqc",
     4,
     0,
     3,
     1,
     {{"cut", true, "1", 0, 131, "bit of a cut on fills (src/dqc_cuts.h); 100 + bit of one on subruns"},
      {"low", false, "1", -1e30, 1e30, "lowest value accepted, in the unit of the cut"},
      {"high", false, "1", -1e30, 1e30, "highest"}}},
    {.name = ""},
};

const struct cond_table *cond_standard_table(const char *name)
{
    for (const struct cond_table *t = cond_standard; t->name[0]; t++)
        if (strcmp(t->name, name) == 0) return t;
    return NULL;
}

/* ---- names --------------------------------------------------------------------------------------------------------- */
enum err cond_check_name(const char *what, const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    REQUIRE(n > 0 && !name[n] && n < COND_NAME - 8 && name[0] >= 'a', ERR_DATA,
            "%s \"%.60s\": accepted are lower-case letters, digits and _, a letter first, at most %d", what, name,
            COND_NAME - 9);
    return ERR_OK;
}

enum err cond_check_tag(const char *tag)
{
    size_t n = strspn(tag, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");
    REQUIRE(n > 0 && !tag[n] && n < 64 && tag[0] != '-', ERR_OPTION,
            "tag \"%.80s\": accepted are letters, digits and _ . -, at most 63", tag);
    return ERR_OK;
}

enum err cond_check_note(const struct cond_note *note)
{
    REQUIRE(note && note->author && note->author[0], ERR_OPTION, "no author is given (--author NAME)");
    REQUIRE(note->comment && note->comment[0], ERR_OPTION, "no comment is given (--comment TEXT): say what and why");
    REQUIRE(strlen(note->comment) < 2000 && strlen(note->author) < 100, ERR_OPTION,
            "the comment is longer than 2000 bytes or the author longer than 100");
    return ERR_OK;
}

static enum err check_column(const struct cond_table *t, size_t i)
{
    static const char *const taken[] = {"id",     "iov_id", "begin_time", "end_time",   "load_id",   "tag",   "run",
                                        "subrun", "event",  "end_run",    "end_subrun", "end_event", "n_rows"};
    const struct cond_column *c      = &t->column[i];
    double factor;
    TRY(cond_check_name("column", c->name));
    for (size_t k = 0; k < sizeof taken / sizeof taken[0]; k++)
        REQUIRE(strcmp(c->name, taken[k]) != 0, ERR_DATA, "column %s: this name is taken by the layout", c->name);
    for (size_t k = 0; k < i; k++)
        REQUIRE(strcmp(c->name, t->column[k].name) != 0, ERR_DATA, "column %s is there twice", c->name);
    REQUIRE(isfinite(c->min) && isfinite(c->max) && c->min < c->max, ERR_DATA, "column %s: min and max are not a range",
            c->name);
    bool is_range = c->min == floor(c->min) && c->max == floor(c->max) && c->max - c->min < 1e6 && fabs(c->min) < 1e9;
    REQUIRE(!c->is_key || is_range, ERR_DATA, "key %s: min and max are whole numbers, not far apart", c->name);
    return columns_unit(c->unit, c->unit, &factor);
}

enum err cond_check_table(struct cond_table *t)
{
    TRY(cond_check_name("table", t->name));
    REQUIRE(t->subrun_digits >= 1 && t->subrun_digits <= 6 && t->event_digits >= 0 && t->event_digits <= 5, ERR_DATA,
            "table %s: subrun_digits is 1 to 6, event_digits 0 to 5", t->name);
    t->n_keys = 0;
    for (size_t i = 0; i < t->n_columns; i++) {
        enum err rc = check_column(t, i);
        if (rc) return err_context(ERR_DATA, "table %s", t->name);
        REQUIRE(!t->column[i].is_key || t->n_keys == i, ERR_DATA, "table %s: keys come first", t->name);
        t->n_keys += t->column[i].is_key;
    }
    REQUIRE(t->n_keys > 0 && t->n_keys < t->n_columns, ERR_DATA, "table %s needs at least one key and one value",
            t->name);
    REQUIRE(cond_full_rows(t) <= 1000000, ERR_DATA, "table %s: more than 1000000 rows an interval", t->name);
    return ERR_OK;
}

size_t cond_full_rows(const struct cond_table *t)
{
    double n = 1;
    for (size_t i = 0; i < t->n_keys; i++) n *= t->column[i].max - t->column[i].min + 1;
    return n < 1e15 ? (size_t)n : (size_t)1e15;
}

void cond_column_list(const struct cond_table *t, char text[COND_SQL])
{
    size_t used = (size_t)snprintf(text, COND_SQL, "iov_id");
    for (size_t i = 0; i < t->n_columns; i++)
        used += (size_t)snprintf(text + used, COND_SQL - used, ", %s", t->column[i].name);
}

/* ---- times --------------------------------------------------------------------------------------------------------- */
static int64_t power(int digits)
{
    int64_t p = 1;
    while (digits-- > 0) p *= 10;
    return p;
}

enum err cond_time_parse(const char *text, struct cond_time *out)
{
    int64_t part[3] = {0};
    const char *at  = text;
    for (int i = 0; i < 3; i++) {
        char *end;
        bool is_digit = *at >= '0' && *at <= '9';
        part[i]       = is_digit ? strtoll(at, &end, 10) : -1;
        REQUIRE(is_digit && part[i] <= 1000000000 && (*end == 0 || (*end == ':' && i < 2)), ERR_OPTION,
                "\"%.60s\" is no time; wanted is RUN, RUN:SUBRUN or RUN:SUBRUN:EVENT", text);
        at = end + 1;
        if (*end == 0) break;
    }
    *out = (struct cond_time){part[0], part[1], part[2]};
    return ERR_OK;
}

enum err cond_pack(const struct cond_table *t, struct cond_time time, int64_t *key)
{
    int64_t s = power(t->subrun_digits), e = power(t->event_digits);
    REQUIRE(time.run >= 0 && time.run < 1000000, ERR_NUMBER, "run %" PRId64 " is not in 0 to 999999", time.run);
    REQUIRE(time.subrun >= 0 && time.subrun < s, ERR_NUMBER, "subrun %" PRId64 ": table %s has room for 0 to %" PRId64,
            time.subrun, t->name, s - 1);
    REQUIRE(time.event >= 0 && time.event < e, ERR_NUMBER, "event %" PRId64 ": table %s %s", time.event, t->name,
            t->event_digits ? "has no room for it" : "is by subrun, intervals begin at event 0");
    *key = (time.run * s + time.subrun) * e + time.event;
    return ERR_OK;
}

enum err cond_pack_end(const struct cond_table *t, struct cond_time time, int64_t *key)
{
    int64_t event = time.event;
    if (t->event_digits == 0) time.event = 0; /* constants of a subrun are those of its events */
    TRY(cond_pack(t, time, key));
    if (event == 0) *key += power(t->event_digits) - 1;
    return ERR_OK;
}

struct cond_time cond_unpack(const struct cond_table *t, int64_t key)
{
    int64_t s = power(t->subrun_digits), e = power(t->event_digits);
    return (struct cond_time){key / e / s, key / e % s, key % e};
}

void cond_time_print(const struct cond_table *t, int64_t key, char text[72])
{
    struct cond_time time = cond_unpack(t, key);
    if (key == COND_FOREVER)
        snprintf(text, 72, "-");
    else if (t->event_digits)
        snprintf(text, 72, "%" PRId64 ":%" PRId64 ":%" PRId64, time.run, time.subrun, time.event);
    else
        snprintf(text, 72, "%" PRId64 ":%" PRId64, time.run, time.subrun);
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
    snprintf(run, sizeof run, "%" PRId64, power(t->subrun_digits + t->event_digits));
    snprintf(subrun, sizeof subrun, "%" PRId64, power(t->event_digits));
    /* one row a begin_time, whatever was superseded: a query without join condition then finds each row of data once */
    cond_format(sql,
                "create view %s_iovs as select id, begin_time, end_time, load_id, begin_time / %s as run,"
                " begin_time / %s %% %" PRId64 " as subrun, begin_time %% %s as event from %s_intervals i"
                " where not exists (select 1 from %s_intervals j where j.begin_time = i.begin_time and j.id > i.id)",
                t->name, run, subrun, power(t->subrun_digits), subrun, t->name, t->name);
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
    char now[32];
    bool is_found;
    time_t t = time(NULL);
    struct tm utc;
    gmtime_r(&t, &utc);
    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", &utc);
    TRY(db_get_int(cond->db, "select coalesce(max(id), 0) + 1 from cond_log", NULL, 0, id, &is_found));
    return db_do(cond->db, "insert into cond_log values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                 (struct db_value[]){DB_I(*id), DB_S(now), DB_S(note->author), DB_S(action), table ? DB_S(table) : DB_N,
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

bool cond_is_same_table(const struct cond_table *a, const struct cond_table *b)
{
    bool is_same =
        a->n_columns == b->n_columns && a->subrun_digits == b->subrun_digits && a->event_digits == b->event_digits;
    for (size_t i = 0; is_same && i < a->n_columns; i++) {
        const struct cond_column *c = &a->column[i], *d = &b->column[i];
        is_same = strcmp(c->name, d->name) == 0 && c->is_key == d->is_key && strcmp(c->unit, d->unit) == 0 &&
                  c->min == d->min && c->max == d->max;
    }
    return is_same;
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

static enum err text_of(const cJSON *o, const char *key, char *out, size_t size)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    REQUIRE(!v || cJSON_IsString(v), ERR_DATA, "\"%s\" is no string", key);
    if (!v) return ERR_OK;
    REQUIRE(strlen(v->valuestring) < size, ERR_DATA, "\"%s\" is longer than %zu bytes", key, size - 1);
    memcpy(out, v->valuestring, strlen(v->valuestring) + 1);
    return ERR_OK;
}

static enum err number_of(const cJSON *o, const char *key, double *out)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    REQUIRE(!v || cJSON_IsNumber(v), ERR_DATA, "\"%s\" is no number", key);
    if (v) *out = v->valuedouble;
    return ERR_OK;
}

static enum err parse_table(const cJSON *o, struct cond_table *t)
{
    double subrun_digits = 4, event_digits = 0;
    REQUIRE(cJSON_IsObject(o), ERR_DATA, "the definition of a table is no JSON object");
    TRY(text_of(o, "name", t->name, sizeof t->name));
    TRY(text_of(o, "doc", t->doc, sizeof t->doc));
    TRY(number_of(o, "subrun_digits", &subrun_digits));
    TRY(number_of(o, "event_digits", &event_digits));
    REQUIRE(subrun_digits >= 1 && subrun_digits <= 6 && event_digits >= 0 && event_digits <= 5, ERR_DATA,
            "subrun_digits is 1 to 6, event_digits 0 to 5");
    t->subrun_digits     = (int)subrun_digits;
    t->event_digits      = (int)event_digits;
    const cJSON *columns = cJSON_GetObjectItemCaseSensitive(o, "columns"), *c;
    REQUIRE(cJSON_IsArray(columns) && cJSON_GetArraySize(columns) <= COND_MAX_COLUMNS, ERR_DATA,
            "\"columns\" is no list of at most %d columns", COND_MAX_COLUMNS);
    cJSON_ArrayForEach(c, columns)
    {
        struct cond_column *to = &t->column[t->n_columns++];
        *to                    = (struct cond_column){.unit = "1", .min = -1e300, .max = 1e300};
        TRY(text_of(c, "name", to->name, sizeof to->name));
        TRY(text_of(c, "unit", to->unit, sizeof to->unit));
        TRY(text_of(c, "doc", to->doc, sizeof to->doc));
        TRY(number_of(c, "min", &to->min));
        TRY(number_of(c, "max", &to->max));
        to->is_key = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(c, "key"));
    }
    return cond_check_table(t);
}

enum err cond_table_parse(const char *text, struct cond_table *out)
{
    *out        = (struct cond_table){.n_columns = 0};
    cJSON *o    = cJSON_Parse(text);
    enum err rc = o ? parse_table(o, out) : err_fail(ERR_DATA, __FILE__, __LINE__, "the definition is no JSON");
    cJSON_Delete(o);
    return rc;
}

/* ---- open ---------------------------------------------------------------------------------------------------------- */
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
