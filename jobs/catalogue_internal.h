/* What the catalogue's files share. */
#ifndef GM2_CATALOGUE_INTERNAL_H
#define GM2_CATALOGUE_INTERNAL_H

#include "catalogue.h"
#include "dimension.h"

#define CATALOGUE_LOCK "catalogue_lock"
/* Of definitions and snapshots: analysers make them, and must not stand in the production's way. */
#define CATALOGUE_DEFINITION_LOCK "definition_lock"
enum { CATALOGUE_VERSION = 6 };

struct catalogue {
    struct db *db;
    enum db_access access;
    const char *user, *verb; /* who changes things, by which command: lent */
    const char *conditions;  /* database of constants for stale: TAG, lent; NULL: none is named */
    char url[1024];
};

/** The SQL that selects the ids of a query, definitions resolved; *parsed must be freed after `out`. */
enum err catalogue_sql(struct catalogue *catalogue, const char *query, struct dimension **parsed, struct sql *out);
/** Notes who did what, within a transaction; user NULL or "": of catalogue_set_actor(). On a server the name that it knows
 *  the user by, the time and the row's number are the server's own (catalogue_server.c). */
enum err catalogue_note(struct catalogue *catalogue, const char *user, const char *action, const char *what);
/** What a server has beside the tables: triggers that keep the log and the snapshots honest; once, when the layout is made. */
enum err catalogue_make_server_parts(struct catalogue *catalogue);
/** Who gives roles on a server, as "a, b": its managers, or the owner; "a manager" where they cannot be read.
 *  Test: tests/server/roles.sh */
void catalogue_whom_to_ask(struct catalogue *catalogue, bool is_owner, char *names, size_t room);
/** The id of a file; ERR_NOTFOUND. */
enum err catalogue_id(struct catalogue *catalogue, const char *name, int64_t *id);
int64_t catalogue_now_s(void);
/** Calls `each` for the rows of a statement. */
enum err catalogue_rows(struct db *db, const struct sql *sql,
                        enum err (*each)(void *context, const struct db_value *row, size_t n), void *context);

#endif
