/* SQL text under construction. */
#include "sql.h"

#include "mem.h"

#include <stdarg.h>
#include <stdio.h>

static enum err make_room(struct sql *sql, size_t more)
{
    if (sql->n + more + 1 <= sql->capacity) return ERR_OK;
    size_t wanted = 2 * (sql->n + more) + 256;
    TRY(mem_resize(&sql->text, sql->capacity, wanted, 1));
    sql->capacity = wanted;
    return ERR_OK;
}

enum err sql_add(struct sql *sql, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n       = vsnprintf(NULL, 0, format, args);
    enum err rc = n < 0 ? ERR_LOGIC : make_room(sql, (size_t)n);
    if (!rc) sql->n += (size_t)vsnprintf(sql->text + sql->n, sql->capacity - sql->n, format, again);
    va_end(again);
    va_end(args);
    return rc;
}

enum err sql_value(struct sql *sql, struct db_value value)
{
    REQUIRE(sql->n_values < SQL_MAX_VALUES, ERR_NUMBER, "the query holds more than %d values; use ranges",
            SQL_MAX_VALUES);
    if (sql->n_values == sql->value_capacity) {
        size_t wanted = 2 * sql->value_capacity + 16;
        TRY(mem_resize(&sql->value, sql->value_capacity, wanted, sizeof *sql->value));
        sql->value_capacity = wanted;
    }
    sql->value[sql->n_values++] = value;
    return sql_add(sql, "$%zu", sql->n_values);
}

enum err sql_id_list(struct sql *sql, const char *json, bool is_pgsql)
{
    TRY(sql_add(sql, is_pgsql ? "(select cast(j.value as bigint) from json_array_elements_text(cast("
                              : "(select j.value from json_each("));
    TRY(sql_value(sql, DB_S(json)));
    return sql_add(sql, is_pgsql ? " as json)) j(value))" : ") j)");
}

void sql_free(struct sql *sql)
{
    mem_free(sql->text);
    mem_free(sql->value);
    *sql = (struct sql){0};
}
