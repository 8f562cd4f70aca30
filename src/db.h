/* The database: one thin layer over SQLite (a file) and PostgreSQL (a server). SQL is the common subset of both, with
 * parameters $1, $2, ...; only db_sqlite.c and db_pgsql.c know the libraries. Tests: tests/t_db.c, tests/server/units.sh */
#ifndef GM2_DB_H
#define GM2_DB_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum db_type { DB_NULL, DB_INT, DB_REAL, DB_TEXT };
struct db_value {
    enum db_type type;
    int64_t i;
    double x;
    const char *text;
};
#define DB_I(v) ((struct db_value){.type = DB_INT, .i = (v)})
#define DB_X(v) ((struct db_value){.type = DB_REAL, .x = (v)})
#define DB_S(v) ((struct db_value){.type = DB_TEXT, .text = (v)})
#define DB_N    ((struct db_value){.type = DB_NULL})

enum db_access { DB_READ, DB_WRITE, DB_CREATE };
/** Why the last call failed: another writer (worth another try), a key that exists, a connection that is gone (ERR_AGAIN), a
 *  right that this user has not (ERR_DENIED, without the SQL), else. */
enum db_problem { DB_FINE, DB_BUSY, DB_DUPLICATE, DB_LOST, DB_DENIED, DB_OTHER };

struct db;
struct db_statement;
struct db_bulk;

/** Does a URL of any kind hold user:secret@, or a key that is called password, token and the like? Test: tests/t_db.c */
bool db_url_holds_secret(const char *url);
/** Is this a name that db_open() takes? Opens nothing. */
enum err db_check_url(const char *url);
/** Opens `sqlite:FILE`, a plain path, or `postgresql://[user@]host[:port]/name[?...]`. DB_READ: a file must exist and is
 *  never written; DB_WRITE: it must exist; DB_CREATE: it is made where it does not exist. A server's database always
 *  exists. Passwords come from PGPASSFILE (~/.pgpass), a service file or PGPASSWORD: a URL that holds one is refused, as
 *  ERR_OPTION, and is not repeated in the message. ERR_OPEN with the reason of the library; ERR_AGAIN: a server that does
 *  not answer, or is just starting or stopping. */
enum err db_open(const char *url, enum db_access access, struct db **out);
/** Closes; an open transaction is rolled back. NULL is fine. */
void db_close(struct db *db);
bool db_is_pgsql(const struct db *db);
/** The name that the server knows this user by; "" for a file. Lent. Test: tests/server/roles.sh */
const char *db_user(const struct db *db);
enum db_problem db_problem(const struct db *db);

/** Runs statements without parameters and without results, separated by ';'. */
enum err db_exec(struct db *db, const char *sql);
/** One statement with n values for $1 ... $n; rows are passed over. */
enum err db_do(struct db *db, const char *sql, const struct db_value *values, size_t n);
/** The first column of the first row as an integer; *is_found false if there is no row or it is null. */
enum err db_get_int(struct db *db, const char *sql, const struct db_value *values, size_t n, int64_t *out,
                    bool *is_found);

/** A prepared statement, to be started any number of times; free with db_finish() (NULL is fine). */
enum err db_prepare(struct db *db, const char *sql, struct db_statement **out);
enum err db_start(struct db_statement *s, const struct db_value *values, size_t n);
/** The next row of n columns, lent until the next call; *row NULL after the last. */
enum err db_next(struct db_statement *s, const struct db_value **row, size_t *n);
void db_finish(struct db_statement *s);
/** db_start() for a statement without rows, in a transaction: a server may do it later, many with one answer. What fails is
 *  told by this or a later call, by db_flush() or the commit at the latest. Test: tests/t_db.c */
enum err db_queue(struct db_statement *s, const struct db_value *values, size_t n);
/** All that is queued is done, or why not. Test: tests/t_db.c */
enum err db_flush(struct db *db);

/** Many rows into a table, in a transaction: COPY on a server. `columns` is "a, b, c"; nothing else may run on this
 *  connection until db_bulk_end(), which frees; is_good false drops what was added and returns ERR_OK. */
enum err db_bulk_start(struct db *db, const char *table, const char *columns, size_t n_columns, struct db_bulk **out);
enum err db_bulk_add(struct db_bulk *bulk, const struct db_value *values);
enum err db_bulk_end(struct db_bulk *bulk, bool is_good);

/** Runs work(context) in one transaction that writes. Writers that name the same lock_table (it must exist) follow one
 *  another; readers go on. When another writer is in the way (busy, serialisation failure, deadlock) all is rolled back
 *  and tried again up to DB_TRIES times: work must be repeatable. Then ERR_AGAIN. Any failure leaves nothing behind, but
 *  a connection lost in COMMIT: whether it was done is then unknown, and the message says so. */
enum { DB_TRIES = 8 };
enum err db_transaction(struct db *db, const char *lock_table, enum err (*work)(void *context), void *context);
/** The same for reading: all statements see one state of the database. Within a transaction, work is a part of that. */
enum err db_read_transaction(struct db *db, enum err (*work)(void *context), void *context);

#endif
