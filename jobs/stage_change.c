/* Datasets that change. */
#include "stage_change.h"

#include "catalogue_internal.h"
#include "mem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- snapshots ------------------------------------------------------------------------------------------------------ */
/* The last snapshot of the dataset, or of the definition that it is; *id 0: there is none. */
static enum err last_snapshot(const struct stage_work *w, int64_t *id, int64_t *n_files)
{
    static const char defname[] = "defname:";
    const char *dataset         = w->stage->dataset;
    char *query                 = NULL;
    bool is_found, is_definition = strncmp(dataset, defname, sizeof defname - 1) == 0;
    *id = *n_files = 0;
    if (is_definition && catalogue_definition(w->catalogue, dataset + strspn(dataset + 8, " ") + 8, &query))
        err_clear(); /* more than a name */
    enum err rc = catalogue_last_snapshot(w->catalogue, dataset, query ? query : dataset, id);
    mem_free(query);
    if (rc == ERR_NOTFOUND) {
        err_clear();
        *id = 0;
        return ERR_OK;
    }
    TRY(rc);
    return db_get_int(w->catalogue->db, "select n_files from snapshots where id = $1", &DB_I(*id), 1, n_files,
                      &is_found);
}

/* ---- files that are gone ------------------------------------------------------------------------------------------- */
struct gone {
    int64_t n, n_done; /* had by submissions that ended; of those with a product */
};

static enum err take_gone(void *context, const struct db_value *row, size_t n)
{
    struct gone *g = context;
    (void)n;
    g->n      = row[0].i;
    g->n_done = row[1].i;
    return ERR_OK;
}

static enum err count_gone(const struct stage_work *w, struct gone *out)
{
    struct dimension *dataset = NULL, *made = NULL;
    struct sql sql = {0}, query = {0};
    *out        = (struct gone){0};
    enum err rc = sql_add(&query, "(%s) with availability any", w->stage->made);
    if (!rc)
        rc = sql_add(&sql, "select count(*), count(case when exists (select 1 from file_parents p where p.parent_id = "
                           "s.file_id and p.child_id in (");
    if (!rc) rc = catalogue_sql(w->catalogue, query.text, &made, &sql);
    if (!rc)
        rc = sql_add(&sql, ")) then 1 end) from stage_files s where s.file_id > 0 and s.submission_id is null and "
                           "s.stage_id = ");
    if (!rc) rc = sql_value(&sql, DB_I(w->stage_id));
    if (!rc) rc = sql_add(&sql, " and s.file_id not in (");
    if (!rc) rc = catalogue_sql(w->catalogue, w->stage->dataset, &dataset, &sql);
    if (!rc) rc = sql_add(&sql, ")");
    if (!rc) rc = catalogue_rows(w->catalogue->db, &sql, take_gone, out);
    sql_free(&query);
    sql_free(&sql);
    dimension_free(dataset);
    dimension_free(made);
    return rc;
}

/* ---- all ------------------------------------------------------------------------------------------------------------ */
enum { ROOM = 170 };

__attribute__((format(printf, 2, 3))) static void add(char text[ROOM], const char *format, ...)
{
    size_t used = strlen(text);
    va_list list;
    va_start(list, format);
    vsnprintf(text + used, ROOM - used, format, list);
    va_end(list);
}

enum err stage_change_tell(const struct stage_work *w, const struct step_stage *look, char text[200])
{
    int64_t snapshot, n_then, n = (int64_t)look->n_files, more = look->n_before < 0 ? 0 : n - look->n_before;
    struct gone gone = {0};
    char what[ROOM]  = "";
    text[0]          = 0;
    if (stage_work_is_simulation(w) || !w->stage->dataset) return ERR_OK;
    TRY(last_snapshot(w, &snapshot, &n_then));
    if (w->stage_id) TRY(count_gone(w, &gone));
    if (more) add(what, ", %" PRId64 " %s than at the last pass", more > 0 ? more : -more, more > 0 ? "more" : "fewer");
    if (snapshot && n_then != n) add(what, "; snapshot %" PRId64 " has %" PRId64, snapshot, n_then);
    if (gone.n_done) add(what, "; %" PRId64 " that were processed are not in it any more", gone.n_done);
    if (gone.n > gone.n_done) add(what, "; %" PRId64 " that were tried are not in it any more", gone.n - gone.n_done);
    if (*what) snprintf(text, 200, "dataset: %" PRId64 " files%s", n, what);
    return ERR_OK;
}
