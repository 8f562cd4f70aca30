/* PostgreSQL through libpq. Results come in binary form; parameters go as text, so that the server knows their types. */
#include "db_driver.h"

#include <stddef.h>

#ifdef GM2_HAS_PGSQL

#include "log.h"
#include "mem.h"

#include <endian.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OID_BOOL = 16, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_FLOAT4 = 700, OID_FLOAT8 = 701 };
enum { BULK_BYTES = 1 << 16, MAX_PARAMETERS = 65535 };

struct server {
    PGconn *connection;
    enum db_problem problem;
    unsigned n_prepared;
};
struct server_statement {
    struct server *owner;
    char name[32];
    char *sql;
    PGresult *result;
    int at, n_rows;
    struct db_value row[DB_MAX_COLUMNS];
};
struct server_bulk {
    struct server *owner;
    size_t n_columns, used;
    char *buffer;
    char *table;
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

/* The server's words on one line. Takes the result. */
static enum err fail(struct server *s, PGresult *result, const char *what)
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

static enum err exec(void *handle, const char *sql)
{
    struct server *s      = handle;
    s->problem            = DB_FINE;
    PGresult *result      = PQexec(s->connection, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) return fail(s, result, sql);
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
        enum err rc = fail(owner, result, sql);
        finish(s);
        return rc;
    }
    PQclear(result);
    memcpy(s->name, name, sizeof name);
    *out = s;
    return ERR_OK;
}

/* A value as the server reads it; NULL for null. */
static const char *as_text(const struct db_value *v, char room[40])
{
    if (v->type == DB_INT) snprintf(room, 40, "%lld", (long long)v->i);
    if (v->type == DB_REAL) snprintf(room, 40, "%.17g", v->x);
    if (v->type == DB_TEXT) return v->text;
    return v->type == DB_NULL ? NULL : room;
}

static enum err start(void *statement, const struct db_value *values, size_t n)
{
    struct server_statement *s = statement;
    char(*room)[40];
    const char **text;
    s->owner->problem = DB_FINE;
    REQUIRE(n <= MAX_PARAMETERS, ERR_NUMBER, "%zu parameters, at most %d are possible", n, MAX_PARAMETERS);
    TRY(mem_alloc(&room, n + 1, sizeof *room));
    if (mem_alloc(&text, n + 1, sizeof *text)) {
        mem_free(room);
        return ERR_MEMORY;
    }
    for (size_t i = 0; i < n; i++) text[i] = as_text(&values[i], room[i]);
    PQclear(s->result);
    s->result             = NULL;
    s->at                 = 0;
    PGresult *result      = PQexecPrepared(s->owner->connection, s->name, (int)n, text, NULL, NULL, 1);
    ExecStatusType status = PQresultStatus(result);
    mem_free(text);
    mem_free(room);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) return fail(s->owner, result, s->sql);
    s->result = result;
    s->n_rows = PQntuples(result);
    REQUIRE(PQnfields(result) <= DB_MAX_COLUMNS, ERR_LOGIC, "more than %d columns asked for", DB_MAX_COLUMNS);
    return ERR_OK;
}

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

/* ---- COPY --------------------------------------------------------------------------------------------------------- */
static void bulk_free(struct server_bulk *b)
{
    mem_free(b->buffer);
    mem_free(b->table);
    mem_free(b);
}

static bool in_transaction(const void *handle)
{
    PGTransactionStatusType s = PQtransactionStatus(((const struct server *)handle)->connection);
    return s == PQTRANS_INTRANS || s == PQTRANS_INERROR;
}

static enum err bulk_start(void *handle, const char *table, const char *columns, size_t n, void **bulk)
{
    struct server *s = handle;
    char sql[4096];
    struct server_bulk *b;
    s->problem = DB_FINE;
    TRY(mem_alloc(&b, 1, sizeof *b));
    b->owner     = s;
    b->n_columns = n;
    b->table     = mem_string(table);
    enum err rc  = mem_alloc(&b->buffer, BULK_BYTES, 1);
    if (!rc && !b->table) rc = ERR_MEMORY;
    int used = snprintf(sql, sizeof sql, "copy %s (%s) from stdin", table, columns);
    if (!rc && (used < 0 || (size_t)used >= sizeof sql))
        rc = err_fail(ERR_LOGIC, __FILE__, __LINE__, "too many columns in %s", table);
    if (!rc) {
        PGresult *result = PQexec(s->connection, sql);
        if (PQresultStatus(result) != PGRES_COPY_IN) {
            rc = fail(s, result, sql);
        } else {
            PQclear(result);
        }
    }
    if (rc) {
        bulk_free(b);
        return rc;
    }
    *bulk = b;
    return ERR_OK;
}

static enum err flush(struct server_bulk *b)
{
    if (b->used && PQputCopyData(b->owner->connection, b->buffer, (int)b->used) != 1)
        return fail(b->owner, NULL, b->table);
    b->used = 0;
    return ERR_OK;
}

static enum err put(struct server_bulk *b, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (b->used == BULK_BYTES) TRY(flush(b));
        b->buffer[b->used++] = bytes[i];
    }
    return ERR_OK;
}

static enum err put_escaped(struct server_bulk *b, const char *text)
{
    static const char special[] = "\b\f\n\r\t\v\\", letter[] = "bfnrtv\\";
    for (; *text; text++) {
        const char *at = strchr(special, *text);
        if (at) TRY(put(b, "\\", 1));
        TRY(put(b, at ? &letter[at - special] : text, 1));
    }
    return ERR_OK;
}

static enum err bulk_add(void *bulk, const struct db_value *values)
{
    struct server_bulk *b = bulk;
    char room[40]         = "";
    for (size_t i = 0; i < b->n_columns; i++) {
        const char *text = as_text(&values[i], room);
        if (i) TRY(put(b, "\t", 1));
        if (!text)
            TRY(put(b, "\\N", 2));
        else if (values[i].type == DB_TEXT)
            TRY(put_escaped(b, text));
        else
            TRY(put(b, text, strlen(text)));
    }
    return put(b, "\n", 1);
}

static enum err bulk_end(void *bulk, bool is_good)
{
    struct server_bulk *b = bulk;
    struct server *s      = b->owner;
    enum err rc           = is_good ? flush(b) : ERR_OK;
    if (PQputCopyEnd(s->connection, is_good && !rc ? NULL : "given up") != 1 && !rc) rc = fail(s, NULL, b->table);
    for (PGresult *result; (result = PQgetResult(s->connection)) != NULL;) {
        if (is_good && !rc && PQresultStatus(result) != PGRES_COMMAND_OK) {
            rc = fail(s, result, b->table);
        } else {
            PQclear(result);
        }
    }
    bulk_free(b);
    return rc;
}

const struct db_driver db_pgsql = {open_server, close_server, problem, user,           exec,       prepare,  start,
                                   next,        finish,       begin,   in_transaction, bulk_start, bulk_add, bulk_end};
bool db_has_pgsql(void) { return true; }

#else

static enum err open_server(const char *url, enum db_access access, void **handle)
{
    (void)url;
    (void)access;
    *handle = NULL;
    FAIL(ERR_OPEN, "this gm2 was built without PostgreSQL (libpq was not found); a snapshot file works without");
}

const struct db_driver db_pgsql = {.open = open_server};
bool db_has_pgsql(void) { return false; }

#endif
