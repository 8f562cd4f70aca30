/* Counts of a stage, kept as long as they hold. */
#include "stage_count.h"
#include "catalogue_internal.h"

struct counts {
    struct catalogue *catalogue;
    int64_t stage_id, change, n_files, n_done;
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

/* All of one state of the database: numbers of different moments could look like the end. */
static enum err count(void *context)
{
    struct counts *s = context;
    int64_t unused[2];
    s->is_kept = false;
    TRY(last_change(s->catalogue, &s->change));
    if (s->stage_id) TRY(find_kept(s, &s->is_kept));
    if (s->is_kept) return ERR_OK;
    TRY(catalogue_count(s->catalogue, s->dataset, &s->n_files, &unused[0], &unused[1]));
    return catalogue_count(s->catalogue, s->done, &s->n_done, &unused[0], &unused[1]);
}

enum err stage_count(struct catalogue *c, int64_t stage_id, const char *dataset, const char *done, bool may_keep,
                     int64_t *n_files, int64_t *n_done)
{
    bool is_live;
    TRY(catalogue_is_live(c, dataset, &is_live));
    if (is_live) stage_id = 0; /* constants can change while the catalogue stands still */
    struct counts s = {.catalogue = c, .stage_id = stage_id, .dataset = dataset, .done = done};
    TRY(db_read_transaction(c->db, count, &s));
    if (!s.is_kept && stage_id && may_keep) TRY(db_transaction(c->db, CATALOGUE_LOCK, keep, &s));
    *n_files = s.n_files;
    *n_done  = s.n_done;
    return ERR_OK;
}
