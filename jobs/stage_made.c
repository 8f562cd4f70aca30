/* All that a stage has made. */
#include "stage_made.h"

#include "catalogue_internal.h"

enum err stage_made_rows(struct catalogue *c, const struct campaign_stage *stage, const char *head, const char *tail,
                         const struct db_value *values, size_t n,
                         enum err (*each)(void *context, const struct db_value *row, size_t n), void *context)
{
    struct dimension *parsed = NULL;
    struct sql query = {0}, sql = {0};
    enum err rc = sql_add(&query, "(%s) with availability any", stage->made);
    for (size_t i = 0; i < n && !rc; i++) rc = sql_value(&sql, values[i]);
    sql.n = 0; /* the first values' places are in head and tail */
    if (!rc) rc = sql_add(&sql, "%s (", head);
    if (!rc) rc = catalogue_sql(c, query.text, &parsed, &sql);
    if (!rc) rc = sql_add(&sql, ") %s", tail);
    if (!rc) rc = catalogue_rows(c->db, &sql, each, context);
    sql_free(&query);
    sql_free(&sql);
    dimension_free(parsed);
    return rc;
}

static enum err take_int(void *context, const struct db_value *row, size_t n)
{
    (void)n;
    *(int64_t *)context = row[0].type == DB_INT ? row[0].i : 0;
    return ERR_OK;
}

enum err stage_made_int(struct catalogue *c, const struct campaign_stage *stage, const char *head, const char *tail,
                        const struct db_value *values, size_t n, int64_t *out)
{
    *out = 0;
    return stage_made_rows(c, stage, head, tail, values, n, take_int, out);
}
