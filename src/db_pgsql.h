/* A connection to PostgreSQL, shared by db_pgsql*.c. */
#ifndef GM2_DB_PGSQL_H
#define GM2_DB_PGSQL_H

#include "db_driver.h"

#include <libpq-fe.h>

struct server {
    PGconn *connection;
    enum db_problem problem;
    unsigned n_prepared, n_queued; /* queued: sent, answers not read */
    enum err untold;               /* a queued statement failed, and no caller was told */
};

/** The server's words on one line, and what kind of problem it is. Takes the result. Test: tests/t_db.c */
enum err db_pgsql_fail(struct server *server, PGresult *result, const char *what);
/** Waits for the answers to all that is queued; the first failure. Before anything else is asked. Test: tests/t_db.c */
enum err db_pgsql_settle(struct server *server);
/** A value as the server reads it; NULL for null. */
const char *db_pgsql_text(const struct db_value *value, char room[40]);

/** COPY, for db_driver. Test: tests/t_db.c */
enum err db_pgsql_bulk_start(void *handle, const char *table, const char *columns, size_t n, void **bulk);
enum err db_pgsql_bulk_add(void *bulk, const struct db_value *values);
enum err db_pgsql_bulk_end(void *bulk, bool is_good);

#endif
