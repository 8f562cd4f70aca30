/* PostgreSQL through libpq. Results come in binary form; parameters go as text, so that the server knows their types. */
#include "db_driver.h"

#include <stddef.h>

#ifdef GM2_HAS_PGSQL

#include "db_pgsql.h"
#include "log.h"
#include "mem.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OID_BOOL = 16, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_FLOAT4 = 700, OID_FLOAT8 = 701 };
enum { MAX_PARAMETERS = 65535, MAX_QUEUED = 200 };

struct server_statement {
    struct server *owner;
    char name[32];
    char *sql;
    PGresult *result;
    int at, n_rows;
    struct db_value row[DB_MAX_COLUMNS];
};
static enum db_problem problem_of(const struct server *s, const char *state)
{
    if (PQstatus(s->connection) == CONNECTION_BAD) return DB_LOST;
    if (!state) return DB_OTHER;
    /* serialisation failure, deadlock, lock not available */
    if (strcmp(state, "40001") == 0 || strcmp(state, "40P01") == 0 || strcmp(state, "55P03") == 0) return DB_BUSY;
    if (strcmp(state, "42501") == 0) return DB_DENIED;
    return strcmp(state, "23505") == 0 ? DB_DUPLICATE : DB_OTHER;
}

/* Not allowed: who and what, not the SQL. Where a trigger of ours refuses, its words say all. */
static enum err deny(const struct server *s, const char *text, bool is_trigger)
{
    if (is_trigger) FAIL(ERR_DENIED, "%s", text);
    FAIL(ERR_DENIED, "the database does not let %s do this: %s", PQuser(s->connection), text);
}

enum err db_pgsql_fail(struct server *s, PGresult *result, const char *what)
{
    const char *state  = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *text   = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *detail = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL) : NULL;
    char line[512];
    snprintf(line, sizeof line, "%s", text ? text : PQerrorMessage(s->connection));
    for (char *p = line; *p; p++)
        if (*p == '\n') *p = p[1] ? ' ' : 0;
    s->problem  = problem_of(s, state);
    enum err rc = ERR_READ;
    if (s->problem == DB_BUSY || s->problem == DB_LOST) rc = ERR_AGAIN;
    if (s->problem == DB_DUPLICATE) rc = ERR_MISMATCH;
    if (state && (strncmp(state, "25006", 5) == 0 || strncmp(state, "53", 2) == 0)) rc = ERR_WRITE; /* no room */
    if (s->problem == DB_DENIED) {
        rc = deny(s, line, PQresultErrorField(result, PG_DIAG_CONTEXT) != NULL);
        PQclear(result);
        return rc;
    }
    (void)err_fail(rc, __FILE__, __LINE__, "%s%s%s%s%s%.200s", line, detail ? " (" : "", detail ? detail : "",
                   detail ? ")" : "", what ? ", in: " : "", what ? what : "");
    PQclear(result);
    return rc;
}

static void notice(void *context, const char *text)
{
    (void)context;
    log_debug("PostgreSQL: %.*s", (int)strcspn(text, "\n"), text);
}

/* ---- statements that were sent, and whose answers were not read yet (libpq's pipeline mode) ---------------------------- */
static enum err read_answers(struct server *s)
{
    enum err rc = PQpipelineSync(s->connection) == 1 ? ERR_OK : db_pgsql_fail(s, NULL, NULL);
    for (int n_none = 0; n_none < 2 && PQstatus(s->connection) == CONNECTION_OK;) { /* NULL ends one statement's */
        PGresult *result      = PQgetResult(s->connection);
        ExecStatusType status = PQresultStatus(result);
        n_none                = result ? 0 : n_none + 1;
        bool is_bad           = result && status == PGRES_FATAL_ERROR;
        if (is_bad && !rc)
            rc = db_pgsql_fail(s, result, NULL);
        else
            PQclear(result);
        if (result && status == PGRES_PIPELINE_SYNC) return rc;
    }
    return rc ? rc : db_pgsql_fail(s, NULL, NULL);
}

/* A failure that nobody was told of is told at the next call: a COMMIT after it would be a ROLLBACK without a word. */
enum err db_pgsql_settle(struct server *s)
{
    enum err rc = s->untold;
    s->untold   = ERR_OK;
    if (s->n_queued == 0) return rc;
    s->n_queued = 0;
    s->problem  = DB_FINE;
    rc          = read_answers(s);
    if (PQstatus(s->connection) == CONNECTION_OK && PQexitPipelineMode(s->connection) != 1 && !rc)
        rc = db_pgsql_fail(s, NULL, NULL);
    return rc;
}

static enum err exec(void *handle, const char *sql)
{
    struct server *s = handle;
    enum err before  = db_pgsql_settle(s);
    if (before && strcmp(sql, "rollback") != 0) return before;
    s->problem            = DB_FINE;
    PGresult *result      = PQexec(s->connection, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) return db_pgsql_fail(s, result, sql);
    PQclear(result);
    return ERR_OK;
}

static void close_server(void *handle)
{
    struct server *s = handle;
    PQfinish(s->connection);
    mem_free(s);
}

static enum err open_server(const char *url, enum db_access access, void **handle)
{
    const char *keys[]   = {"connect_timeout", "tcp_user_timeout", "fallback_application_name",
                            "dbname",          "client_encoding",  NULL};
    const char *values[] = {"10", "60000", "gm2", url, "UTF8", NULL};
    struct server *s;
    TRY(mem_alloc(&s, 1, sizeof *s));
    s->connection = PQconnectdbParams(keys, values, 1);
    if (PQstatus(s->connection) != CONNECTION_OK) {
        char line[512];
        snprintf(line, sizeof line, "%s", s->connection ? PQerrorMessage(s->connection) : "out of memory");
        for (char *p = line; *p; p++)
            if (*p == '\n') *p = p[1] ? ' ' : 0;
        /* refused for good, or not there just now? */
        enum err rc = PQpingParams(keys, values, 1) == PQPING_OK ? ERR_OPEN : ERR_AGAIN;
        (void)err_fail(rc, __FILE__, __LINE__, "%s", line);
        close_server(s);
        return rc;
    }
    PQsetNoticeProcessor(s->connection, notice, NULL);
    enum err rc = exec(s, access == DB_READ ? "set lock_timeout = '60s'; set default_transaction_read_only = on"
                                            : "set lock_timeout = '60s'");
    if (rc) {
        close_server(s);
        return rc;
    }
    *handle = s;
    return ERR_OK;
}

static enum db_problem problem(const void *handle)
{
    const struct server *s = handle;
    return PQstatus(s->connection) == CONNECTION_BAD ? DB_LOST : s->problem;
}

static const char *user(const void *handle) { return PQuser(((const struct server *)handle)->connection); }

static void finish(void *statement)
{
    struct server_statement *s = statement;
    enum err rc                = db_pgsql_settle(s->owner);
    if (rc) s->owner->untold = rc;
    PQclear(s->result);
    if (s->name[0] && PQtransactionStatus(s->owner->connection) != PQTRANS_INERROR) {
        char sql[64];
        snprintf(sql, sizeof sql, "deallocate %s", s->name);
        PQclear(PQexec(s->owner->connection, sql));
    }
    mem_free(s->sql);
    mem_free(s);
}

static enum err prepare(void *handle, const char *sql, void **out)
{
    struct server *owner = handle;
    struct server_statement *s;
    TRY(db_pgsql_settle(owner));
    owner->problem = DB_FINE;
    TRY(mem_alloc(&s, 1, sizeof *s));
    s->owner = owner;
    s->sql   = mem_string(sql);
    if (!s->sql) {
        mem_free(s);
        return ERR_MEMORY;
    }
    char name[sizeof s->name];
    snprintf(name, sizeof name, "gm2_%u", owner->n_prepared++);
    PGresult *result = PQprepare(owner->connection, name, sql, 0, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        enum err rc = db_pgsql_fail(owner, result, sql);
        finish(s);
        return rc;
    }
    PQclear(result);
    memcpy(s->name, name, sizeof name);
    *out = s;
    return ERR_OK;
}

const char *db_pgsql_text(const struct db_value *v, char room[40])
{
    if (v->type == DB_INT) snprintf(room, 40, "%lld", (long long)v->i);
    if (v->type == DB_REAL) snprintf(room, 40, "%.17g", v->x);
    if (v->type == DB_TEXT) return v->text;
    return v->type == DB_NULL ? NULL : room;
}

/* Sends, and waits for the answer unless the statement is queued. */
static enum err send(struct server_statement *s, const struct db_value *values, size_t n, bool is_queued,
                     PGresult **result)
{
    PGconn *connection = s->owner->connection;
    char(*room)[40];
    const char **text;
    REQUIRE(n <= MAX_PARAMETERS, ERR_NUMBER, "%zu parameters, at most %d are possible", n, MAX_PARAMETERS);
    TRY(mem_alloc(&room, n + 1, sizeof *room));
    if (mem_alloc(&text, n + 1, sizeof *text)) {
        mem_free(room);
        return ERR_MEMORY;
    }
    for (size_t i = 0; i < n; i++) text[i] = db_pgsql_text(&values[i], room[i]);
    bool is_sent = true;
    if (is_queued)
        is_sent = PQsendQueryPrepared(connection, s->name, (int)n, text, NULL, NULL, 1) == 1;
    else
        *result = PQexecPrepared(connection, s->name, (int)n, text, NULL, NULL, 1);
    mem_free(text);
    mem_free(room);
    return is_sent ? ERR_OK : db_pgsql_fail(s->owner, NULL, s->sql);
}

static enum err start(void *statement, const struct db_value *values, size_t n)
{
    struct server_statement *s = statement;
    PGresult *result           = NULL;
    TRY(db_pgsql_settle(s->owner));
    s->owner->problem = DB_FINE;
    PQclear(s->result);
    s->result = NULL;
    s->at     = 0;
    TRY(send(s, values, n, false, &result));
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) return db_pgsql_fail(s->owner, result, s->sql);
    s->result = result;
    s->n_rows = PQntuples(result);
    REQUIRE(PQnfields(result) <= DB_MAX_COLUMNS, ERR_LOGIC, "more than %d columns asked for", DB_MAX_COLUMNS);
    return ERR_OK;
}

/* Not so many that both sides wait for the other to read. */
static enum err queue(void *statement, const struct db_value *values, size_t n)
{
    struct server_statement *s = statement;
    struct server *owner       = s->owner;
    if (owner->untold || owner->n_queued >= MAX_QUEUED) TRY(db_pgsql_settle(owner));
    owner->problem = DB_FINE;
    if (owner->n_queued == 0 && PQenterPipelineMode(owner->connection) != 1) return db_pgsql_fail(owner, NULL, s->sql);
    owner->n_queued++;
    return send(s, values, n, true, NULL);
}

static enum err flush_queue(void *handle) { return db_pgsql_settle(handle); }

static uint64_t big_endian(const char *bytes, int n)
{
    uint64_t value = 0;
    for (int i = 0; i < n; i++) value = value << 8 | (unsigned char)bytes[i];
    return value;
}

static struct db_value value_of(Oid type, const char *bytes, int n)
{
    union {
        uint64_t u;
        double x;
    } wide = {big_endian(bytes, n <= 8 ? n : 0)};
    union {
        uint32_t u;
        float x;
    } narrow = {(uint32_t)wide.u};
    switch (type) {
    case OID_BOOL: return DB_I(bytes[0] != 0);
    case OID_INT2: return DB_I((int16_t)wide.u);
    case OID_INT4: return DB_I((int32_t)wide.u);
    case OID_INT8: return DB_I((int64_t)wide.u);
    case OID_FLOAT4: return DB_X((double)narrow.x);
    case OID_FLOAT8: return DB_X(wide.x);
    default: return DB_S(bytes);
    }
}

static enum err next(void *statement, const struct db_value **row, size_t *n)
{
    struct server_statement *s = statement;
    *row                       = NULL;
    if (!s->result || s->at >= s->n_rows) {
        PQclear(s->result);
        s->result = NULL;
        return ERR_OK;
    }
    *n = (size_t)PQnfields(s->result);
    for (int i = 0; i < (int)*n; i++)
        s->row[i] = PQgetisnull(s->result, s->at, i) ? DB_N
                                                     : value_of(PQftype(s->result, i), PQgetvalue(s->result, s->at, i),
                                                                PQgetlength(s->result, s->at, i));
    s->at++;
    *row = s->row;
    return ERR_OK;
}

static enum err begin(void *handle, const char *lock_table)
{
    if (!lock_table) return exec(handle, "begin isolation level repeatable read read only");
    char sql[256];
    snprintf(sql, sizeof sql, "begin; lock table %s in share row exclusive mode", lock_table);
    return exec(handle, sql);
}

static bool in_transaction(const void *handle)
{
    PGTransactionStatusType s = PQtransactionStatus(((const struct server *)handle)->connection);
    return s == PQTRANS_INTRANS || s == PQTRANS_INERROR;
}

const struct db_driver db_pgsql = {open_server,
                                   close_server,
                                   problem,
                                   user,
                                   exec,
                                   prepare,
                                   start,
                                   next,
                                   finish,
                                   begin,
                                   in_transaction,
                                   db_pgsql_bulk_start,
                                   db_pgsql_bulk_add,
                                   db_pgsql_bulk_end,
                                   queue,
                                   flush_queue};

#else

static enum err open_server(const char *url, enum db_access access, void **handle)
{
    (void)url;
    (void)access;
    *handle = NULL;
    FAIL(ERR_OPEN, "this gm2 was built without PostgreSQL (libpq was not found); a snapshot file works without");
}

const struct db_driver db_pgsql = {.open = open_server};

#endif
