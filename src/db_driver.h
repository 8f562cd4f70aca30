/* What a kind of database gives to db.c; internal to db*.c. */
#ifndef GM2_DB_DRIVER_H
#define GM2_DB_DRIVER_H

#include "db.h"

struct db_driver {
    enum err (*open)(const char *url, enum db_access access, void **handle);
    void (*close)(void *handle);
    enum db_problem (*problem)(const void *handle);
    const char *(*user)(const void *handle);
    enum err (*exec)(void *handle, const char *sql);
    enum err (*prepare)(void *handle, const char *sql, void **statement);
    enum err (*start)(void *statement, const struct db_value *values, size_t n);
    enum err (*next)(void *statement, const struct db_value **row, size_t *n);
    void (*finish)(void *statement);
    enum err (*begin)(void *handle, const char *lock_table); /* NULL: to read */
    bool (*in_transaction)(const void *handle);
    enum err (*bulk_start)(void *handle, const char *table, const char *columns, size_t n, void **bulk);
    enum err (*bulk_add)(void *bulk, const struct db_value *values);
    enum err (*bulk_end)(void *bulk, bool is_good);
    enum err (*queue)(void *statement, const struct db_value *values, size_t n); /* NULL: at once */
    enum err (*flush)(void *handle);
};

enum { DB_MAX_COLUMNS = 64 };
extern const struct db_driver db_sqlite, db_pgsql;

#endif
