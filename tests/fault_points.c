/* Faults by the linker: each __wrap_ function stands before the real one. */
#include "fault_points.h"

#include "catalogue.h"
#include "fake_scheduler.h"
#include "ingest.h"
#include "ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct fault_plan fault_plan;
void (*fault_interlude)(void);
int fault_transactions;
bool fault_is_verbose;

typedef struct sqlite3 sqlite3;
typedef struct sqlite3_stmt sqlite3_stmt;
typedef struct pg_conn PGconn;
typedef struct pg_result PGresult;
enum { SQLITE_OK = 0, SQLITE_IOERR = 10, SQLITE_FULL = 13 };

/* The wrapped and the real. */
#define WRAP(type, name, ...)                                                                                          \
    type __real_##name(__VA_ARGS__);                                                                                   \
    type __wrap_##name(__VA_ARGS__);                                                                                   \
    type __wrap_##name(__VA_ARGS__)

/* ---- points ---------------------------------------------------------------------------------------------------------- */
/* True: the call is to fail. */
static bool point(bool is_disk, bool is_database)
{
    struct fault_plan *p = &fault_plan;
    if (fake_is_working || p->mode == FAULT_NONE) return false;
    if ((p->mode == FAULT_DISK && !is_disk) || (p->mode >= FAULT_DB && !is_database)) return false;
    int64_t here = p->count++;
    if (p->mode == FAULT_KILL && here == p->at) kill(getpid(), SIGKILL);
    return p->mode >= FAULT_DISK && here >= p->at && here < p->at + (p->mode == FAULT_DB_UNHEARD ? 1 : p->n);
}

static void kill_point(void)
{
    if (fault_plan.mode == FAULT_KILL || fault_plan.mode == FAULT_COUNT) (void)point(false, false);
}

static void interlude(void)
{
    if (fault_interlude && !fake_is_working && fault_transactions == 0) fault_interlude();
}

#define DISK(call)                                                                                                     \
    do {                                                                                                               \
        if (point(true, false)) {                                                                                      \
            errno = ENOSPC;                                                                                            \
            return -1;                                                                                                 \
        }                                                                                                              \
        __typeof__(call) result = call;                                                                                \
        int why                 = errno;                                                                               \
        kill_point();                                                                                                  \
        errno = why;                                                                                                   \
        return result;                                                                                                 \
    } while (0)

/* ---- the system ------------------------------------------------------------------------------------------------------ */
WRAP(ssize_t, write, int fd, const void *data, size_t n) { DISK(__real_write(fd, data, n)); }
WRAP(int, fsync, int fd) { DISK(__real_fsync(fd)); }
WRAP(int, rename, const char *from, const char *to) { DISK(__real_rename(from, to)); }
WRAP(int, linkat, int a, const char *from, int b, const char *to, int flags)
{
    DISK(__real_linkat(a, from, b, to, flags));
}
WRAP(int, mkdir, const char *path, mode_t mode) { DISK(__real_mkdir(path, mode)); }

WRAP(int, flock, int fd, int how)
{
    if (!fake || fake->has_locks) return __real_flock(fd, how);
    errno = ENOLCK;
    return -1;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (!(flags & O_CREAT)) return __real_open(path, flags);
    DISK(__real_open(path, flags, mode));
}

WRAP(time_t, time, time_t *out)
{
    time_t t = fake ? (time_t)(fake->now_s + fake->skew_s) : __real_time(NULL);
    if (out) *out = t;
    return t;
}
WRAP(int, nanosleep, const struct timespec *wanted, struct timespec *left)
{
    if (!fake) return __real_nanosleep(wanted, left);
    return 0;
}
void __wrap_log_line(int level, const char *format, ...);
void __wrap_log_line(int level, const char *format, ...)
{
    va_list args;
    (void)level;
    if (!fault_is_verbose) return;
    va_start(args, format);
    fprintf(stderr, "    [%ld] ", (long)getpid());
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

/* ---- databases ------------------------------------------------------------------------------------------------------- */
static int lite_code;

#define LITE(call)                                                                                                     \
    do {                                                                                                               \
        lite_code      = 0;                                                                                            \
        bool is_failed = point(false, true);                                                                           \
        if (is_failed && fault_plan.mode == FAULT_DB)                                                                  \
            return lite_code = fault_plan.at % 2 ? SQLITE_IOERR : SQLITE_FULL;                                         \
        int result = call;                                                                                             \
        kill_point();                                                                                                  \
        if (is_failed) return lite_code = SQLITE_IOERR;                                                                \
        return result;                                                                                                 \
    } while (0)

WRAP(int, sqlite3_exec, sqlite3 *db, const char *sql, int (*each)(void *, int, char **, char **), void *context,
     char **why)
{
    LITE(__real_sqlite3_exec(db, sql, each, context, why));
}
WRAP(int, sqlite3_step, sqlite3_stmt *s)
{
    lite_code = 0;
    if (fault_plan.mode == FAULT_DB && point(false, true)) return lite_code = SQLITE_IOERR;
    return __real_sqlite3_step(s);
}
WRAP(int, sqlite3_extended_errcode, sqlite3 *db) { return lite_code ? lite_code : __real_sqlite3_extended_errcode(db); }

/* A server that does not answer: the statement comes back without a result. */
PGresult *__real_PQexec(PGconn *c, const char *sql) __attribute__((weak));
PGresult *__wrap_PQexec(PGconn *c, const char *sql);
PGresult *__wrap_PQexec(PGconn *c, const char *sql)
{
    bool is_failed = point(false, true);
    if (is_failed && fault_plan.mode == FAULT_DB) return NULL;
    PGresult *result = __real_PQexec(c, sql);
    kill_point();
    return is_failed ? NULL : result;
}

WRAP(enum err, db_transaction, struct db *db, const char *lock, enum err (*work)(void *), void *context)
{
    interlude();
    fault_transactions++;
    enum err rc = __real_db_transaction(db, lock, work, context);
    fault_transactions--;
    if (!rc) interlude();
    return rc;
}
WRAP(enum err, db_read_transaction, struct db *db, enum err (*work)(void *), void *context)
{
    interlude();
    fault_transactions++;
    enum err rc = __real_db_read_transaction(db, work, context);
    fault_transactions--;
    if (!rc) interlude();
    return rc;
}

/* ---- the catalogue and the ledger ------------------------------------------------------------------------------------ */
WRAP(enum err, catalogue_list, struct catalogue *c, const char *query, const char *columns, int64_t limit,
     enum err (*each)(void *, const struct db_value *, size_t), void *context)
{
    interlude();
    return __real_catalogue_list(c, query, columns, limit, each, context);
}
WRAP(enum err, ledger_submissions, struct catalogue *c, int64_t stage, bool only_live, struct ledger_submission **out,
     size_t *n)
{
    interlude();
    enum err rc = __real_ledger_submissions(c, stage, only_live, out, n);
    if (!rc) interlude();
    return rc;
}
WRAP(enum err, ledger_refresh, struct catalogue *c, struct ledger_submission *s)
{
    enum err rc = __real_ledger_refresh(c, s);
    if (!rc) interlude();
    return rc;
}
WRAP(enum err, publish_make_folder, const char *path)
{
    interlude();
    return __real_publish_make_folder(path);
}
