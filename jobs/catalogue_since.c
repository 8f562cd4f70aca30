/* A dataset now against a snapshot of it. */
#include "catalogue_internal.h"

#include "mem.h"

#include <string.h>

static enum err take_text(void *context, const struct db_value *row, size_t n)
{
    *(char **)context = mem_string(row[n - 1].text);
    REQUIRE(*(char **)context, ERR_MEMORY, "out of memory");
    return ERR_OK;
}

enum err catalogue_snapshot_query(struct catalogue *c, int64_t id, char **query)
{
    struct db_value value = DB_I(id);
    struct sql sql        = {.text = "select query from snapshots where id = $1", .value = &value, .n_values = 1};
    *query                = NULL;
    TRY(catalogue_rows(c->db, &sql, take_text, query));
    REQUIRE(*query, ERR_NOTFOUND, "there is no snapshot %lld", (long long)id);
    return ERR_OK;
}

enum err catalogue_last_snapshot(struct catalogue *c, const char *query, const char *other, int64_t *id)
{
    const struct db_value values[] = {DB_S(query), DB_S(other)};
    bool is_found;
    TRY(db_get_int(c->db, "select max(id) from snapshots where query = $1 or query = $2", values, 2, id, &is_found));
    REQUIRE(is_found, ERR_NOTFOUND, "there is no snapshot of \"%.200s\": gm2 files snapshot makes one", query);
    return ERR_OK;
}

/* Rows of the files that one of two sets of ids has alone. */
static enum err only_in(struct catalogue *c, const char *query, int64_t snapshot, bool is_added, const char *columns,
                        enum err (*each)(void *context, const struct db_value *row, size_t n), void *context)
{
    struct dimension *parsed = NULL;
    struct sql sql           = {0};
    enum err rc = sql_add(&sql, "select %s from files f where f.id %sin (", columns, is_added ? "" : "not ");
    if (!rc) rc = catalogue_sql(c, query, &parsed, &sql);
    if (!rc)
        rc = sql_add(&sql, ") and f.id %sin (select s.file_id from snapshot_files s where s.snapshot_id = ",
                     is_added ? "not " : "");
    if (!rc) rc = sql_value(&sql, DB_I(snapshot));
    if (!rc) rc = sql_add(&sql, ") order by f.id");
    if (!rc) rc = catalogue_rows(c->db, &sql, each, context);
    sql_free(&sql);
    dimension_free(parsed);
    return rc;
}

enum err catalogue_since(struct catalogue *c, const char *query, int64_t snapshot,
                         enum err (*added)(void *context, const struct db_value *row, size_t n),
                         enum err (*gone)(void *context, const struct db_value *row, size_t n), void *context)
{
    char *made_of; /* it must be there */
    TRY(catalogue_snapshot_query(c, snapshot, &made_of));
    mem_free(made_of);
    TRY(only_in(c, query, snapshot, true, "f.file_name", added, context));
    return only_in(c, query, snapshot, false, "f.file_name, f.retired_s, f.retired_why, f.n_places", gone, context);
}
