/* Many rows to PostgreSQL by COPY. */
#include "db_driver.h"

#ifdef GM2_HAS_PGSQL

#include "db_pgsql.h"
#include "mem.h"

#include <stdio.h>
#include <string.h>

enum { BULK_BYTES = 1 << 16 };

struct server_bulk {
    struct server *owner;
    size_t n_columns, used;
    char *buffer;
    char *table;
};

static void bulk_free(struct server_bulk *b)
{
    mem_free(b->buffer);
    mem_free(b->table);
    mem_free(b);
}

enum err db_pgsql_bulk_start(void *handle, const char *table, const char *columns, size_t n, void **bulk)
{
    struct server *s = handle;
    char sql[4096];
    struct server_bulk *b;
    TRY(db_pgsql_settle(s));
    s->problem = DB_FINE;
    TRY(mem_alloc(&b, 1, sizeof *b));
    b->owner     = s;
    b->n_columns = n;
    b->table     = mem_string(table);
    enum err rc  = mem_alloc(&b->buffer, BULK_BYTES, 1);
    if (!rc && !b->table) rc = ERR_MEMORY;
    int used = snprintf(sql, sizeof sql, "copy %s (%s) from stdin", table, columns);
    if (!rc && (used < 0 || (size_t)used >= sizeof sql))
        rc = err_fail(ERR_LOGIC, __FILE__, __LINE__, "too many columns in %s", table);
    if (!rc) {
        PGresult *result = PQexec(s->connection, sql);
        if (PQresultStatus(result) != PGRES_COPY_IN) {
            rc = db_pgsql_fail(s, result, sql);
        } else {
            PQclear(result);
        }
    }
    if (rc) {
        bulk_free(b);
        return rc;
    }
    *bulk = b;
    return ERR_OK;
}

static enum err flush(struct server_bulk *b)
{
    if (b->used && PQputCopyData(b->owner->connection, b->buffer, (int)b->used) != 1)
        return db_pgsql_fail(b->owner, NULL, b->table);
    b->used = 0;
    return ERR_OK;
}

static enum err put(struct server_bulk *b, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (b->used == BULK_BYTES) TRY(flush(b));
        b->buffer[b->used++] = bytes[i];
    }
    return ERR_OK;
}

static enum err put_escaped(struct server_bulk *b, const char *text)
{
    static const char special[] = "\b\f\n\r\t\v\\", letter[] = "bfnrtv\\";
    for (; *text; text++) {
        const char *at = strchr(special, *text);
        if (at) TRY(put(b, "\\", 1));
        TRY(put(b, at ? &letter[at - special] : text, 1));
    }
    return ERR_OK;
}

enum err db_pgsql_bulk_add(void *bulk, const struct db_value *values)
{
    struct server_bulk *b = bulk;
    char room[40]         = "";
    for (size_t i = 0; i < b->n_columns; i++) {
        const char *text = db_pgsql_text(&values[i], room);
        if (i) TRY(put(b, "\t", 1));
        if (!text)
            TRY(put(b, "\\N", 2));
        else if (values[i].type == DB_TEXT)
            TRY(put_escaped(b, text));
        else
            TRY(put(b, text, strlen(text)));
    }
    return put(b, "\n", 1);
}

enum err db_pgsql_bulk_end(void *bulk, bool is_good)
{
    struct server_bulk *b = bulk;
    struct server *s      = b->owner;
    enum err rc           = is_good ? flush(b) : ERR_OK;
    if (PQputCopyEnd(s->connection, is_good && !rc ? NULL : "given up") != 1 && !rc)
        rc = db_pgsql_fail(s, NULL, b->table);
    for (PGresult *result; (result = PQgetResult(s->connection)) != NULL;) {
        if (is_good && !rc && PQresultStatus(result) != PGRES_COMMAND_OK) {
            rc = db_pgsql_fail(s, result, b->table);
        } else {
            PQclear(result);
        }
    }
    bulk_free(b);
    return rc;
}

#endif
