/* Changes of submissions: each is one transaction. */
#include "catalogue_internal.h"
#include "ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct change {
    struct catalogue *catalogue;
    struct ledger_submission *submission;
    const char *slice, *batch_id, *reason;
    const int64_t *files;
    size_t n_files;
    enum ledger_state to;
    bool is_free;
    int64_t max_attempts;
};

static enum err add_history(const struct change *c)
{
    const struct db_value row[] = {DB_I(c->submission->id), DB_I(catalogue_now_s()), DB_I(c->to), DB_S(c->reason)};
    return db_do(c->catalogue->db,
                 "insert into submission_history (submission_id, at_s, state, reason) values ($1, $2, $3, $4)", row, 4);
}

static enum err hold_file(const struct change *c, int64_t file)
{
    struct db *db                = c->catalogue->db;
    const struct db_value pair[] = {DB_I(c->submission->stage_id), DB_I(file), DB_I(c->submission->id)};
    int64_t n;
    bool is_found;
    TRY(db_get_int(
        db,
        "select count(*) from stage_files where stage_id = $1 and file_id = $2 and (submission_id is not null or "
        "is_parked = 1)",
        pair, 2, &n, &is_found));
    REQUIRE(n == 0, ERR_MISMATCH, "another submission of the stage holds file %" PRId64, file);
    TRY(db_do(
        db,
        "insert into stage_files (stage_id, file_id, submission_id, attempts, is_parked) values ($1, $2, $3, 0, 0) "
        "on conflict (stage_id, file_id) do update set submission_id = excluded.submission_id",
        pair, 3));
    const struct db_value held[] = {DB_I(c->submission->id), DB_I(file)};
    return db_do(db, "insert into submission_files (submission_id, file_id) values ($1, $2)", held, 2);
}

static enum err reserve(void *context)
{
    struct change *c            = context;
    struct ledger_submission *s = c->submission;
    struct db *db               = c->catalogue->db;
    bool is_found;
    TRY(db_get_int(db, "select coalesce(max(id), 0) + 1 from submissions", NULL, 0, &s->id, &is_found));
    snprintf(s->name, sizeof s->name, "%06" PRId64 "_%.100s", s->id, c->slice);
    s->create_s = s->update_s   = catalogue_now_s();
    s->n_files                  = (int64_t)c->n_files;
    s->state                    = LEDGER_NEW;
    const struct db_value row[] = {DB_I(s->id),      DB_I(s->stage_id), DB_S(s->name),
                                   DB_I(LEDGER_NEW), DB_I(s->n_files),  DB_I(s->create_s)};
    TRY(db_do(
        db,
        "insert into submissions (id, stage_id, name, state, batch_id, reason, n_files, create_s, update_s) values "
        "($1, $2, $3, $4, '', '', $5, $6, $6)",
        row, 6));
    for (size_t i = 0; i < c->n_files; i++) TRY(hold_file(c, c->files[i]));
    return add_history(c);
}

enum err ledger_reserve(struct catalogue *catalogue, int64_t stage_id, const char *slice, const int64_t *files,
                        size_t n, struct ledger_submission *out)
{
    *out            = (struct ledger_submission){.stage_id = stage_id, .seen = EXECUTOR_REPORT_NONE};
    struct change c = {.catalogue  = catalogue,
                       .submission = out,
                       .slice      = slice,
                       .reason     = "",
                       .files      = files,
                       .n_files    = n,
                       .to         = LEDGER_NEW};
    return db_transaction(catalogue->db, CATALOGUE_LOCK, reserve, &c);
}

static enum err set_state(struct change *c)
{
    struct ledger_submission *s = c->submission;
    struct db *db               = c->catalogue->db;
    int64_t state;
    bool is_found;
    TRY(db_get_int(db, "select state from submissions where id = $1", &DB_I(s->id), 1, &state, &is_found));
    REQUIRE(is_found && state == (int64_t)s->state, ERR_MISMATCH, "submission %s is in another state by now", s->name);
    const struct db_value row[] = {DB_I(s->id), DB_I(c->to), DB_S(c->batch_id), DB_S(c->reason),
                                   DB_I(catalogue_now_s())};
    TRY(db_do(db, "update submissions set state = $2, batch_id = $3, reason = $4, update_s = $5 where id = $1", row,
              5));
    return add_history(c);
}

static enum err change(void *context) { return set_state(context); }

static void take_over(struct change *c)
{
    c->submission->state = c->to;
    snprintf(c->submission->batch_id, sizeof c->submission->batch_id, "%s", c->batch_id);
    snprintf(c->submission->reason, sizeof c->submission->reason, "%s", c->reason);
}

enum err ledger_change(struct catalogue *catalogue, struct ledger_submission *s, enum ledger_state to,
                       const char *batch_id, const char *reason)
{
    char id[sizeof s->batch_id];
    snprintf(id, sizeof id, "%s", batch_id ? batch_id : s->batch_id);
    struct change c = {.catalogue = catalogue, .submission = s, .batch_id = id, .reason = reason, .to = to};
    TRY(db_transaction(catalogue->db, CATALOGUE_LOCK, change, &c));
    take_over(&c);
    return ERR_OK;
}

static enum err end(void *context)
{
    struct change *c = context;
    struct db *db    = c->catalogue->db;
    TRY(set_state(c));
    for (size_t i = 0; i < c->n_files && !c->is_free; i++) {
        const struct db_value row[] = {DB_I(c->submission->stage_id), DB_I(c->files[i]), DB_I(c->max_attempts)};
        TRY(db_do(db,
                  "update stage_files set attempts = attempts + 1, is_parked = case when attempts + 1 >= $3 then 1 "
                  "else 0 end "
                  "where stage_id = $1 and file_id = $2",
                  row, 3));
    }
    return db_do(db, "update stage_files set submission_id = null where submission_id = $1", &DB_I(c->submission->id),
                 1);
}

enum err ledger_end(struct catalogue *catalogue, struct ledger_submission *s, enum ledger_state to, const char *reason,
                    const int64_t *not_done, size_t n_not_done, bool is_free, int64_t max_attempts)
{
    char id[sizeof s->batch_id];
    memcpy(id, s->batch_id, sizeof id);
    struct change c = {.catalogue    = catalogue,
                       .submission   = s,
                       .batch_id     = id,
                       .reason       = reason,
                       .files        = not_done,
                       .n_files      = n_not_done,
                       .to           = to,
                       .is_free      = is_free,
                       .max_attempts = max_attempts};
    TRY(db_transaction(catalogue->db, CATALOGUE_LOCK, end, &c));
    take_over(&c);
    return ERR_OK;
}

struct unparking {
    struct catalogue *catalogue;
    int64_t stage_id;
    const char *user;
};

static enum err unpark(void *context)
{
    const struct unparking *u = context;
    TRY(db_do(u->catalogue->db,
              "update stage_files set is_parked = 0, attempts = 0 where stage_id = $1 and is_parked = 1",
              &DB_I(u->stage_id), 1));
    return catalogue_note(u->catalogue, u->user, "try parked files again", "");
}

enum err ledger_unpark(struct catalogue *catalogue, int64_t stage_id, const char *user)
{
    struct unparking u = {catalogue, stage_id, user};
    return db_transaction(catalogue->db, CATALOGUE_LOCK, unpark, &u);
}
