/* SQLite: a file, one writer at a time. The rollback journal is used, not WAL, which must not lie on shared disks. */
#include "db_driver.h"

#include "log.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 60000, NAP_MS = 50, SILENT_MS = 5000, MAX_KEPT = 64 };

struct lite_statement;
struct lite {
    sqlite3 *db;
    enum db_problem problem;
    char path[512];
    struct lite_statement *kept[MAX_KEPT]; /* finished ones: to parse is a third of the work of short queries */
    size_t n_kept;                         /* ever; the oldest goes first */
};
struct lite_statement {
    struct lite *owner;
    sqlite3_stmt *statement;
    struct db_value row[DB_MAX_COLUMNS];
};

static enum db_problem problem_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return DB_FINE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return DB_BUSY;
    case SQLITE_CONSTRAINT: return code == SQLITE_CONSTRAINT_TRIGGER ? DB_OTHER : DB_DUPLICATE;
    default: return DB_OTHER;
    }
}

static enum err fail(struct lite *l, const char *what)
{
    int code         = sqlite3_extended_errcode(l->db);
    l->problem       = problem_of(code);
    const char *text = sqlite3_errmsg(l->db);
    enum err rc      = ERR_READ;
    if (l->problem == DB_BUSY) rc = ERR_AGAIN;
    if (l->problem == DB_DUPLICATE) rc = ERR_MISMATCH;
    if ((code & 0xff) == SQLITE_NOTADB || (code & 0xff) == SQLITE_CORRUPT) rc = ERR_DATA;
    if ((code & 0xff) == SQLITE_FULL || (code & 0xff) == SQLITE_READONLY || (code & 0xff) == SQLITE_IOERR)
        rc = ERR_WRITE;
    if ((code & 0xff) == SQLITE_NOMEM) rc = ERR_MEMORY;
    FAIL(rc, "%s%s%.200s", text, what ? ", in: " : "", what ? what : "");
}

/* Another process has the file: some naps; who waits long hears why. */
static int wait_for_lock(void *context, int n_naps)
{
    const struct lite *l = context;
    long waited_ms       = 0;
    for (int i = 0; i < n_naps; i++) waited_ms += i < NAP_MS ? i + 1 : NAP_MS;
    if (waited_ms >= WAIT_MS) return 0;
    long ms = n_naps < NAP_MS ? n_naps + 1 : NAP_MS;
    if (waited_ms < SILENT_MS && waited_ms + ms >= SILENT_MS)
        log_warn("database %s: another process has locked it; waiting, up to %d s", l->path, WAIT_MS / 1000);
    const struct timespec nap = {0, ms * 1000000};
    nanosleep(&nap, NULL);
    return 1;
}

static enum err open_file(const char *path, enum db_access access, void **handle)
{
    static const int flags[] = {[DB_READ]   = SQLITE_OPEN_READONLY,
                                [DB_WRITE]  = SQLITE_OPEN_READWRITE,
                                [DB_CREATE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE};
    struct lite *l;
    REQUIRE(access == DB_CREATE || faccessat(AT_FDCWD, path, F_OK, 0) == 0 || errno != ENOENT, ERR_OPEN,
            "there is no such file; a catalogue is made by 'gm2 files init', conditions by 'gm2 cond init'");
    TRY(mem_alloc(&l, 1, sizeof *l));
    int code = sqlite3_open_v2(path, &l->db, flags[access] | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) {
        (void)err_fail(ERR_OPEN, __FILE__, __LINE__, "%s", l->db ? sqlite3_errmsg(l->db) : "out of memory");
        sqlite3_close(l->db);
        mem_free(l);
        return ERR_OPEN;
    }
    snprintf(l->path, sizeof l->path, "%s", path);
    sqlite3_busy_handler(l->db, wait_for_lock, l);
    sqlite3_extended_result_codes(l->db, 1);
    *handle = l;
    /* the first look into the file tells whether it is a database */
    code = sqlite3_exec(
        l->db,
        "pragma synchronous = full; pragma cache_size = -65536; pragma temp_store = memory; pragma schema_version",
        NULL, NULL, NULL);
    if (code == SQLITE_OK) return ERR_OK;
    enum err rc = fail(l, NULL);
    sqlite3_close(l->db);
    mem_free(l);
    *handle = NULL;
    return rc;
}

static void drop(struct lite_statement *s)
{
    if (!s) return;
    sqlite3_finalize(s->statement);
    mem_free(s);
}

static void close_file(void *handle)
{
    struct lite *l = handle;
    for (size_t i = 0; i < MAX_KEPT; i++) drop(l->kept[i]);
    sqlite3_close(l->db);
    mem_free(l);
}

static enum db_problem problem(const void *handle) { return ((const struct lite *)handle)->problem; }

static const char *user(const void *handle)
{
    (void)handle;
    return ""; /* a file asks nobody */
}

static enum err exec(void *handle, const char *sql)
{
    struct lite *l = handle;
    l->problem     = DB_FINE;
    return sqlite3_exec(l->db, sql, NULL, NULL, NULL) == SQLITE_OK ? ERR_OK : fail(l, sql);
}

static struct lite_statement *take_kept(struct lite *l, const char *text)
{
    for (size_t i = 0; i < MAX_KEPT; i++) {
        struct lite_statement *s = l->kept[i];
        if (!s || strcmp(sqlite3_sql(s->statement), text) != 0) continue;
        l->kept[i] = NULL;
        return s;
    }
    return NULL;
}

static enum err parse(struct lite *l, const char *text, struct lite_statement **out)
{
    struct lite_statement *s;
    TRY(mem_alloc(&s, 1, sizeof *s));
    s->owner    = l;
    int code    = sqlite3_prepare_v2(l->db, text, -1, &s->statement, NULL);
    enum err rc = code == SQLITE_OK ? ERR_OK : fail(l, text);
    if (!rc && sqlite3_column_count(s->statement) > DB_MAX_COLUMNS)
        rc = err_fail(ERR_LOGIC, __FILE__, __LINE__, "more than %d columns asked for", DB_MAX_COLUMNS);
    if (rc) drop(s);
    if (!rc) *out = s;
    return rc;
}

/* $1 is a name for SQLite, ?1 the first value. */
static enum err prepare(void *handle, const char *sql, void **out)
{
    struct lite *l = handle;
    l->problem     = DB_FINE;
    char *text     = mem_string(sql);
    REQUIRE(text, ERR_MEMORY, "no memory for a query");
    for (char *p = text; *p; p++)
        if (p[0] == '$' && p[1] >= '1' && p[1] <= '9') *p = '?';
    struct lite_statement *s = take_kept(l, text);
    enum err rc              = s ? ERR_OK : parse(l, text, &s);
    mem_free(text);
    *out = s;
    return rc;
}

static int bind(sqlite3_stmt *s, int place, const struct db_value *v)
{
    switch (v->type) {
    case DB_INT: return sqlite3_bind_int64(s, place, v->i);
    case DB_REAL: return sqlite3_bind_double(s, place, v->x);
    case DB_TEXT: return sqlite3_bind_text(s, place, v->text, -1, SQLITE_TRANSIENT);
    default: return sqlite3_bind_null(s, place);
    }
}

static enum err start(void *statement, const struct db_value *values, size_t n)
{
    struct lite_statement *s = statement;
    s->owner->problem        = DB_FINE;
    sqlite3_reset(s->statement);
    int wanted = sqlite3_bind_parameter_count(s->statement);
    REQUIRE((size_t)wanted == n, ERR_LOGIC, "%zu values given for %d parameters of %s", n, wanted,
            sqlite3_sql(s->statement));
    for (size_t i = 0; i < n; i++)
        if (bind(s->statement, (int)i + 1, &values[i]) != SQLITE_OK) return fail(s->owner, sqlite3_sql(s->statement));
    return ERR_OK;
}

static enum err next(void *statement, const struct db_value **row, size_t *n)
{
    struct lite_statement *s = statement;
    *row                     = NULL;
    int code                 = sqlite3_step(s->statement);
    if (code == SQLITE_DONE) {
        sqlite3_reset(s->statement);
        return ERR_OK;
    }
    if (code != SQLITE_ROW) {
        enum err rc = fail(s->owner, sqlite3_sql(s->statement));
        sqlite3_reset(s->statement);
        return rc;
    }
    *n = (size_t)sqlite3_column_count(s->statement);
    for (int i = 0; i < (int)*n; i++) {
        struct db_value *v = &s->row[i];
        switch (sqlite3_column_type(s->statement, i)) {
        case SQLITE_INTEGER: *v = DB_I(sqlite3_column_int64(s->statement, i)); break;
        case SQLITE_FLOAT: *v = DB_X(sqlite3_column_double(s->statement, i)); break;
        case SQLITE_NULL: *v = DB_N; break;
        default: *v = DB_S((const char *)sqlite3_column_text(s->statement, i)); break;
        }
    }
    *row = s->row;
    return ERR_OK;
}

static void finish(void *statement)
{
    struct lite_statement *s = statement;
    if (!s->statement) { /* an empty text */
        drop(s);
        return;
    }
    sqlite3_reset(s->statement);
    sqlite3_clear_bindings(s->statement);
    struct lite_statement **place = &s->owner->kept[s->owner->n_kept++ % MAX_KEPT];
    drop(*place);
    *place = s;
}

/* IMMEDIATE takes the write lock at once, so that no transaction has to give up half-way. */
static enum err begin(void *handle, const char *lock_table)
{
    return exec(handle, lock_table ? "begin immediate" : "begin");
}

static bool in_transaction(const void *handle) { return !sqlite3_get_autocommit(((const struct lite *)handle)->db); }

static enum err bulk_start(void *handle, const char *table, const char *columns, size_t n, void **bulk)
{
    char sql[4096];
    int used = snprintf(sql, sizeof sql, "insert into %s (%s) values (", table, columns);
    for (size_t i = 0; i < n && used > 0 && (size_t)used < sizeof sql - 16; i++)
        used += snprintf(sql + used, sizeof sql - (size_t)used, "%s$%zu", i ? ", " : "", i + 1);
    REQUIRE(used > 0 && (size_t)used < sizeof sql - 16, ERR_LOGIC, "too many columns in %s", table);
    memcpy(sql + used, ")", 2);
    return prepare(handle, sql, bulk);
}

static enum err bulk_add(void *bulk, const struct db_value *values)
{
    struct lite_statement *s = bulk;
    const struct db_value *row;
    size_t n;
    TRY(start(bulk, values, (size_t)sqlite3_bind_parameter_count(s->statement)));
    return next(bulk, &row, &n);
}

static enum err bulk_end(void *bulk, bool is_good)
{
    (void)is_good; /* the transaction drops what was added */
    finish(bulk);
    return ERR_OK;
}

const struct db_driver db_sqlite = {open_file, close_file, problem,        user,       exec,     prepare,  start, next,
                                    finish,    begin,      in_transaction, bulk_start, bulk_add, bulk_end, NULL,  NULL};
