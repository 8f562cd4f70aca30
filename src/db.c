/* The database: what both kinds share. */
#include "db_driver.h"

#include "log.h"
#include "mem.h"
#include "utf8.h"

#include <string.h>
#include <strings.h>
#include <time.h>

struct db {
    const struct db_driver *driver;
    void *handle;
    bool is_inside; /* a transaction */
    bool is_stuck;  /* in a transaction that failed, and that could not be rolled back */
};
struct db_statement {
    const struct db_driver *driver;
    void *handle;
};
struct db_bulk {
    const struct db_driver *driver;
    void *handle;
};

static bool begins(const char *text, const char *head) { return strncmp(text, head, strlen(head)) == 0; }

static bool contains_word(const char *text, const char *word)
{
    for (size_t n = strlen(word); *text; text++)
        if (strncasecmp(text, word, n) == 0) return true;
    return false;
}

/* user:secret@ before the host, password= or sslpassword= after it, also written with %70 and the like. */
bool db_url_holds_secret(const char *url)
{
    const char *host = strstr(url, "://");
    if (host) {
        host += 3;
        size_t n       = strcspn(host, "/?#");
        const char *at = memrchr(host, '@', n), *colon = memchr(host, ':', n);
        /* what stands behind the last @ is the host; a secret may itself hold / or ? */
        if (!at) at = strchr(host, '@');
        if (at && !colon) colon = memchr(host, ':', (size_t)(at - host));
        if (at && colon && colon < at) return true;
    }
    static const char *const words[] = {"passw", "pwd=", "secret", "token=", "authz=", "signature="};
    const char *query                = strchr(url, '?');
    if (contains_word(url, "password=")) return true; /* key=value pairs without a scheme */
    for (size_t i = 0; query && i < sizeof words / sizeof words[0]; i++)
        if (contains_word(query, words[i])) return true;
    for (const char *p = query; p && (p = strchr(p, '%')) != NULL; p++) {
        const char *equal = strchr(p, '='), *amp = strchr(p, '&');
        if (equal && (!amp || equal < amp)) return true; /* a key written in escapes has no other use */
    }
    return false;
}

enum err db_check_url(const char *url)
{
    REQUIRE(url && *url, ERR_OPTION, "no database is named; accepted: a file, sqlite:FILE, postgresql://host/name");
    bool is_server = begins(url, "postgresql://") || begins(url, "postgres://");
    REQUIRE(!(is_server || strchr(url, '=')) || !db_url_holds_secret(url), ERR_OPTION,
            "the database's URL holds a password, which others can read on the command line; leave it out and put it "
            "into ~/.pgpass (mode 0600), or name such a file in PGPASSFILE");
    REQUIRE(is_server || !strstr(url, "://") || begins(url, "sqlite:"), ERR_OPTION,
            "%s: of servers only postgresql://... is known; a file is a path or sqlite:FILE", url);
    REQUIRE(is_server || !begins(url, "postgres"), ERR_OPTION,
            "%s: a server is written postgresql://[user@]host[:port]/name; a file of that name as sqlite:FILE", url);
    REQUIRE(strcmp(url, "sqlite:") != 0, ERR_OPTION, "%s names no file", url);
    return ERR_OK;
}

enum err db_open(const char *url, enum db_access access, struct db **out)
{
    *out = NULL;
    TRY(db_check_url(url));
    bool is_server   = begins(url, "postgresql://") || begins(url, "postgres://");
    const char *file = begins(url, "sqlite:") ? url + strlen("sqlite:") : url;
    struct db *db;
    TRY(mem_alloc(&db, 1, sizeof *db));
    db->driver  = is_server ? &db_pgsql : &db_sqlite;
    enum err rc = db->driver->open(is_server ? url : file, access, &db->handle);
    if (rc) {
        mem_free(db);
        return err_context(rc, "database %.*s", (int)strcspn(url, "?"), url); /* behind ? may be anything */
    }
    *out = db;
    return ERR_OK;
}

void db_close(struct db *db)
{
    if (!db) return;
    db->driver->close(db->handle);
    mem_free(db);
}

bool db_is_pgsql(const struct db *db) { return db->driver == &db_pgsql; }
const char *db_user(const struct db *db) { return db->driver->user(db->handle); }
enum db_problem db_problem(const struct db *db) { return db->driver->problem(db->handle); }

/* What such a transaction wrote must not be seen, nor committed later. */
static enum err clear_away(struct db *db)
{
    if (!db->is_stuck) return ERR_OK;
    if (db->driver->in_transaction(db->handle)) TRY(db->driver->exec(db->handle, "rollback"));
    db->is_stuck = false;
    return ERR_OK;
}

enum err db_exec(struct db *db, const char *sql)
{
    TRY(clear_away(db));
    return db->driver->exec(db->handle, sql);
}

enum err db_prepare(struct db *db, const char *sql, struct db_statement **out)
{
    *out = NULL;
    TRY(clear_away(db));
    TRY(mem_alloc(out, 1, sizeof **out));
    (*out)->driver = db->driver;
    enum err rc    = db->driver->prepare(db->handle, sql, &(*out)->handle);
    if (!rc) return ERR_OK;
    mem_free(*out);
    *out = NULL;
    return rc;
}

/* A server takes nothing else; a file would take it, and then not be copied to a server. */
static enum err check_texts(const struct db_value *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *at = values[i].type == DB_TEXT ? values[i].text : "";
        for (size_t step; *at; at += step) {
            uint32_t code;
            step = utf8_next(at, &code);
            REQUIRE(step, ERR_DATA, "\"%.200s\" is no UTF-8: databases keep nothing else", values[i].text);
        }
    }
    return ERR_OK;
}

enum err db_start(struct db_statement *s, const struct db_value *values, size_t n)
{
    TRY(check_texts(values, n));
    return s->driver->start(s->handle, values, n);
}

enum err db_next(struct db_statement *s, const struct db_value **row, size_t *n)
{
    return s->driver->next(s->handle, row, n);
}

enum err db_queue(struct db_statement *s, const struct db_value *values, size_t n)
{
    const struct db_value *row;
    size_t n_columns;
    TRY(check_texts(values, n));
    if (s->driver->queue) return s->driver->queue(s->handle, values, n);
    TRY(s->driver->start(s->handle, values, n));
    return s->driver->next(s->handle, &row, &n_columns);
}

enum err db_flush(struct db *db) { return db->driver->flush ? db->driver->flush(db->handle) : ERR_OK; }

void db_finish(struct db_statement *s)
{
    if (!s) return;
    s->driver->finish(s->handle);
    mem_free(s);
}

enum err db_do(struct db *db, const char *sql, const struct db_value *values, size_t n)
{
    struct db_statement *s;
    const struct db_value *row;
    size_t n_columns;
    TRY(db_prepare(db, sql, &s));
    enum err rc = db_start(s, values, n);
    do {
        if (!rc) rc = db_next(s, &row, &n_columns);
    } while (!rc && row);
    db_finish(s);
    return rc;
}

enum err db_get_int(struct db *db, const char *sql, const struct db_value *values, size_t n, int64_t *out,
                    bool *is_found)
{
    struct db_statement *s;
    const struct db_value *row = NULL;
    size_t n_columns;
    *is_found = false;
    TRY(db_prepare(db, sql, &s));
    enum err rc = db_start(s, values, n);
    if (!rc) rc = db_next(s, &row, &n_columns);
    if (!rc && row && row[0].type == DB_INT) {
        *out      = row[0].i;
        *is_found = true;
    }
    db_finish(s);
    return rc;
}

enum err db_bulk_start(struct db *db, const char *table, const char *columns, size_t n_columns, struct db_bulk **out)
{
    TRY(mem_alloc(out, 1, sizeof **out));
    (*out)->driver = db->driver;
    enum err rc    = db->driver->bulk_start(db->handle, table, columns, n_columns, &(*out)->handle);
    if (!rc) return ERR_OK;
    mem_free(*out);
    *out = NULL;
    return rc;
}

enum err db_bulk_add(struct db_bulk *bulk, const struct db_value *values)
{
    return bulk->driver->bulk_add(bulk->handle, values);
}

enum err db_bulk_end(struct db_bulk *bulk, bool is_good)
{
    if (!bulk) return ERR_OK;
    enum err rc = bulk->driver->bulk_end(bulk->handle, is_good);
    mem_free(bulk);
    return rc;
}

/* ---- transactions -------------------------------------------------------------------------------------------------- */
static void wait_a_little(int attempt)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    long ms                   = (5L << attempt) + now.tv_nsec % (5L << attempt); /* so that rivals do not meet again */
    const struct timespec nap = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&nap, NULL);
}

static void roll_back(struct db *db)
{
    char why[1024];
    size_t n = strlen(err_message());
    if (n >= sizeof why) n = sizeof why - 1;
    memcpy(why, err_message(), n); /* the first failure is what counts */
    why[n]       = 0;
    db->is_stuck = db->driver->exec(db->handle, "rollback") && db->driver->in_transaction(db->handle);
    err_set_message(why);
}

static enum err once(struct db *db, const char *lock_table, enum err (*work)(void *), void *context,
                     enum db_problem *problem)
{
    enum err rc = clear_away(db);
    if (!rc) rc = db->driver->begin(db->handle, lock_table);
    *problem = db_problem(db);
    if (!rc) {
        db->is_inside = true;
        rc            = work(context);
        db->is_inside = false;
        if (rc) *problem = db_problem(db);
    }
    if (!rc) {
        rc = db->driver->exec(db->handle, "commit");
        if (rc) *problem = db_problem(db);
        if (rc && *problem == DB_LOST)
            return err_context(rc, "the connection was lost in COMMIT: look whether the work was done before it is "
                                   "repeated");
    }
    if (rc) roll_back(db);
    return rc;
}

static enum err repeat(struct db *db, const char *lock_table, enum err (*work)(void *), void *context)
{
    for (int attempt = 0;; attempt++) {
        enum db_problem problem;
        enum err rc = once(db, lock_table, work, context, &problem);
        if (!rc || problem != DB_BUSY) return rc;
        if (attempt + 1 == DB_TRIES)
            return err_context(ERR_AGAIN, "the database is busy, %d tries were in vain", DB_TRIES);
        log_detail("the database is busy, trying again: %s", err_message());
        wait_a_little(attempt);
    }
}

enum err db_transaction(struct db *db, const char *lock_table, enum err (*work)(void *context), void *context)
{
    return repeat(db, lock_table, work, context);
}

enum err db_read_transaction(struct db *db, enum err (*work)(void *context), void *context)
{
    return db->is_inside ? work(context) : repeat(db, NULL, work, context);
}
