/* Counts of a stage, kept as long as they hold. */
#include "stage_count.h"
#include "catalogue_internal.h"

struct counts {
    struct catalogue *catalogue;
    int64_t stage_id, change, n_files, n_done, n_before, n_parked;
    const char *dataset, *done;
    bool is_kept;
};

/* Each change of the catalogue is a line of its log. */
static enum err last_change(struct catalogue *c, int64_t *change)
{
    bool is_found;
    return db_get_int(c->db, "select coalesce(max(id), 0) from catalogue_log", NULL, 0, change, &is_found);
}

static enum err find_kept(struct counts *s, bool *is_found)
{
    const struct db_value key[] = {DB_I(s->stage_id), DB_I(s->change), DB_S(s->dataset), DB_S(s->done)};
    struct db_statement *statement;
    const struct db_value *row = NULL;
    size_t n;
    *is_found = false;
    TRY(db_prepare(
        s->catalogue->db,
        "select n_files, n_done from stage_counts where stage_id = $1 and change_id = $2 and dataset = $3 and "
        "done = $4",
        &statement));
    enum err rc = db_start(statement, key, 4);
    if (!rc) rc = db_next(statement, &row, &n);
    if (!rc && row) {
        *is_found  = true;
        s->n_files = row[0].i;
        s->n_done  = row[1].i;
    }
    db_finish(statement);
    return rc;
}

static enum err keep(void *context)
{
    const struct counts *s      = context;
    const struct db_value row[] = {DB_I(s->stage_id), DB_I(s->change),  DB_S(s->dataset),
                                   DB_S(s->done),     DB_I(s->n_files), DB_I(s->n_done)};
    return db_do(
        s->catalogue->db,
        "insert into stage_counts (stage_id, change_id, dataset, done, n_files, n_done) values ($1, $2, $3, $4, "
        "$5, $6) on conflict (stage_id) do update set change_id = excluded.change_id, dataset = "
        "excluded.dataset, done = excluded.done, n_files = excluded.n_files, n_done = excluded.n_done",
        row, 6);
}

enum err stage_count_parked(struct catalogue *c, int64_t stage_id, const char *dataset, const char *done, int64_t *n)
{
    struct dimension *a = NULL, *b = NULL;
    struct sql sql = {0};
    bool is_found;
    TRY(db_get_int(c->db, "select count(*) from stage_files where stage_id = $1 and is_parked = 1", &DB_I(stage_id), 1,
                   n, &is_found));
    if (!*n) return ERR_OK;
    enum err rc = sql_add(&sql, "select count(*) from stage_files s where s.is_parked = 1 and s.stage_id = ");
    if (!rc) rc = sql_value(&sql, DB_I(stage_id));
    if (!rc) rc = sql_add(&sql, " and s.file_id in (");
    if (!rc) rc = catalogue_sql(c, dataset, &a, &sql);
    if (!rc && done) rc = sql_add(&sql, ") and s.file_id not in (");
    if (!rc && done) rc = catalogue_sql(c, done, &b, &sql);
    if (!rc) rc = sql_add(&sql, ")");
    if (!rc) rc = db_get_int(c->db, sql.text, sql.value, sql.n_values, n, &is_found);
    sql_free(&sql);
    dimension_free(a);
    dimension_free(b);
    return rc;
}

/* All of one state of the database: numbers of different moments could look like the end. */
static enum err count(void *context)
{
    struct counts *s            = context;
    const struct db_value key[] = {DB_I(s->stage_id), DB_S(s->dataset)};
    int64_t unused[2];
    bool is_found;
    s->is_kept  = false;
    s->n_before = -1;
    TRY(last_change(s->catalogue, &s->change));
    if (s->stage_id) TRY(find_kept(s, &s->is_kept));
    if (s->stage_id)
        TRY(db_get_int(s->catalogue->db, "select n_files from stage_counts where stage_id = $1 and dataset = $2", key,
                       2, &s->n_before, &is_found));
    if (s->stage_id && !is_found) s->n_before = -1;
    TRY(stage_count_parked(s->catalogue, s->stage_id, s->dataset, s->done, &s->n_parked));
    if (s->is_kept) return ERR_OK;
    TRY(catalogue_count(s->catalogue, s->dataset, &s->n_files, &unused[0], &unused[1]));
    return catalogue_count(s->catalogue, s->done, &s->n_done, &unused[0], &unused[1]);
}

enum err stage_count(struct catalogue *c, int64_t stage_id, const char *dataset, const char *done, bool may_keep,
                     struct stage_counts *out)
{
    bool is_live;
    TRY(catalogue_is_live(c, dataset, &is_live));
    if (is_live) stage_id = 0; /* constants can change while the catalogue stands still */
    struct counts s = {.catalogue = c, .stage_id = stage_id, .dataset = dataset, .done = done};
    TRY(db_read_transaction(c->db, count, &s));
    if (!s.is_kept && stage_id && may_keep) TRY(db_transaction(c->db, CATALOGUE_LOCK, keep, &s));
    *out = (struct stage_counts){s.n_files, s.n_done, s.n_before, s.n_parked};
    return ERR_OK;
}
