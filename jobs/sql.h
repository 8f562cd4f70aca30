/* SQL text under construction, with its parameters: values are never pasted into the text. Test: tests/t_dimension.c */
#ifndef GM2_SQL_H
#define GM2_SQL_H

#include "db.h"

enum { SQL_MAX_VALUES = 30000 }; /* SQLite takes 32766 */

struct sql {
    char *text;
    size_t n, capacity;
    struct db_value *value; /* text of values is lent */
    size_t n_values, value_capacity;
};

/** Adds formatted text. ERR_MEMORY. */
enum err sql_add(struct sql *sql, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Adds "$k" and the value it stands for. ERR_NUMBER beyond SQL_MAX_VALUES. */
enum err sql_value(struct sql *sql, struct db_value value);
/** Adds "(the ids)" for "in" or "from": a list of any length as one value, JSON such as [1,2,3]; lent. */
enum err sql_id_list(struct sql *sql, const char *json, bool is_pgsql);
void sql_free(struct sql *sql);

#endif
