/* What ended submissions have left. */
#include "ledger_left.h"

#include "ledger.h"
#include "ledger_internal.h"
#include "mem.h"

struct left {
    struct ledger_left_file *one;
    size_t n, capacity;
};

static enum err add_left(void *context, const struct db_value *row, size_t n)
{
    struct left *l = context;
    (void)n;
    TRY(ledger_grow(&l->one, l->n, &l->capacity, sizeof *l->one));
    l->one[l->n++] = (struct ledger_left_file){row[0].i, row[1].i, row[2].i};
    return ERR_OK;
}

enum err ledger_left(struct catalogue *c, int64_t stage_id, struct ledger_left_file **out, size_t *n)
{
    struct left all   = {0};
    struct db_value v = DB_I(stage_id);
    struct sql sql    = {.text =
                             (char *)"select file_id, attempts, coalesce(last_id, 0) from stage_files where stage_id = "
                                        "$1 and submission_id is null and is_parked = 0 and attempts > 0 "
                                        "order by coalesce(last_id, 0), file_id",
                         .value    = &v,
                         .n_values = 1};
    enum err rc       = catalogue_rows(c->db, &sql, add_left, &all);
    if (rc) mem_free(all.one);
    *out = rc ? NULL : all.one;
    *n   = rc ? 0 : all.n;
    return rc;
}

static enum err find_ids(struct catalogue *c, const char *text, int64_t stage_id, int64_t **ids, size_t *n)
{
    struct ledger_ids all;
    enum err rc = ledger_find_ids(c, text, stage_id, &all);
    *ids        = all.id;
    *n          = all.n;
    return rc;
}

enum err ledger_tried(struct catalogue *c, int64_t stage_id, int64_t **ids, size_t *n)
{
    return find_ids(c, "select file_id from stage_files where stage_id = $1 order by file_id", stage_id, ids, n);
}

enum err ledger_located(struct catalogue *c, int64_t stage_id, int64_t **ids, size_t *n)
{
    return find_ids(c,
                    "select f.file_id from submissions s join submission_files f on f.submission_id = s.id where "
                    "s.stage_id = $1 and s.state = 8000 order by f.file_id",
                    stage_id, ids, n);
}

struct parking {
    struct catalogue *catalogue;
    int64_t stage_id;
    const int64_t *ids;
    size_t n;
};

static enum err park(void *context)
{
    const struct parking *p = context;
    for (size_t i = 0; i < p->n; i++) {
        const struct db_value row[] = {DB_I(p->stage_id), DB_I(p->ids[i])};
        TRY(db_do(p->catalogue->db,
                  "update stage_files set is_parked = 1 where stage_id = $1 and file_id = $2 and submission_id is null",
                  row, 2));
    }
    return ERR_OK;
}

enum err ledger_park(struct catalogue *c, int64_t stage_id, const int64_t *ids, size_t n)
{
    struct parking p = {c, stage_id, ids, n};
    return db_transaction(c->db, CATALOGUE_LOCK, park, &p);
}

enum err ledger_has_run(struct catalogue *c, int64_t submission_id, bool *out)
{
    const struct db_value row[] = {DB_I(submission_id), DB_I(LEDGER_RUNNING)};
    int64_t n                   = 0;
    bool is_found;
    TRY(db_get_int(c->db,
                   "select (select count(*) from submission_history where submission_id = $1 and state = $2) + "
                   "(select count(*) from submissions where id = $1 and begin_s is not null)",
                   row, 2, &n, &is_found));
    *out = n > 0;
    return ERR_OK;
}
