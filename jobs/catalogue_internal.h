/* What the catalogue's files share. */
#ifndef GM2_CATALOGUE_INTERNAL_H
#define GM2_CATALOGUE_INTERNAL_H

#include "catalogue.h"
#include "dimension.h"

#define CATALOGUE_LOCK "catalogue_lock"
enum { CATALOGUE_VERSION = 4 };

struct catalogue {
    struct db *db;
};

/** The SQL that selects the ids of a query, definitions resolved; *parsed must be freed after `out`. */
enum err catalogue_sql(struct catalogue *catalogue, const char *query, struct dimension **parsed, struct sql *out);
/** Notes who did what, within a transaction. */
enum err catalogue_note(struct catalogue *catalogue, const char *user, const char *action, const char *what);
/** The id of a file; ERR_NOTFOUND. */
enum err catalogue_id(struct catalogue *catalogue, const char *name, int64_t *id);
int64_t catalogue_now_s(void);
/** Calls `each` for the rows of a statement. */
enum err catalogue_rows(struct db *db, const struct sql *sql,
                        enum err (*each)(void *context, const struct db_value *row, size_t n), void *context);

#endif
