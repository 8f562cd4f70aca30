/* Changes of submissions: each is one transaction. */
#include "catalogue_internal.h"
#include "ledger.h"
#include "mem.h"
#include "sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct change {
    struct catalogue *catalogue;
    struct ledger_submission *submission;
    const struct catalogue_check *check;
    const char *slice, *batch_id, *reason;
    const int64_t *files;
    size_t n_files;
    enum ledger_state to;
};

static enum err add_history(const struct change *c)
{
    const struct db_value row[] = {DB_I(c->submission->id), DB_I(catalogue_now_s()), DB_I(c->to), DB_S(c->reason)};
    return db_do(c->catalogue->db,
                 "insert into submission_history (submission_id, at_s, state, reason) values ($1, $2, $3, $4)", row, 4);
}

/* Files are noted in as few statements as the number of values in one allows. */
enum { FILES_A_STATEMENT = 10000 };

static enum err note_files(const struct change *c, size_t first, size_t end)
{
    struct sql sql = {0};
    enum err rc    = sql_add(&sql, "insert into submission_files (submission_id, file_id) values ");
    for (size_t i = first; i < end && !rc; i++) {
        rc = sql_add(&sql, i > first ? ", (%" PRId64 ", " : "(%" PRId64 ", ", c->submission->id);
        if (!rc) rc = sql_value(&sql, DB_I(c->files[i]));
        if (!rc) rc = sql_add(&sql, ")");
    }
    if (!rc) rc = db_do(c->catalogue->db, sql.text, sql.value, sql.n_values);
    sql_free(&sql);
    return rc;
}

/* All or nothing: files that another holds, or that are parked, are in the way. */
static enum err hold_files(const struct change *c)
{
    struct db *db                = c->catalogue->db;
    const struct db_value both[] = {DB_I(c->submission->stage_id), DB_I(c->submission->id)};
    int64_t n                    = 0;
    bool is_found;
    for (size_t i = 0; i < c->n_files; i += FILES_A_STATEMENT)
        TRY(note_files(c, i, i + FILES_A_STATEMENT < c->n_files ? i + FILES_A_STATEMENT : c->n_files));
    TRY(db_get_int(
        db,
        "select h.file_id from submission_files n join stage_files h on h.file_id = n.file_id and h.stage_id "
        "= $1 where n.submission_id = $2 and (h.submission_id is not null or h.is_parked = 1) "
        "order by h.file_id limit 1",
        both, 2, &n, &is_found));
    REQUIRE(!is_found, ERR_MISMATCH, "another submission of the stage holds file %" PRId64, n);
    TRY(db_get_int(db,
                   "select o.file_id from (" LEDGER_OTHERS_HOLD
                   ") o join submission_files n on n.file_id = o.file_id where n.submission_id = $2 limit 1",
                   both, 2, &n, &is_found));
    REQUIRE(!is_found, ERR_MISMATCH, "another stage has file %" PRId64 " in work, in the same version", n);
    return db_do(db,
                 "insert into stage_files (stage_id, file_id, submission_id, attempts, stops, is_parked) "
                 "select cast($1 as bigint), n.file_id, n.submission_id, 0, 0, 0 from submission_files n "
                 "where n.submission_id = $2 "
                 "on conflict (stage_id, file_id) do update set submission_id = excluded.submission_id",
                 both, 2);
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
    TRY(hold_files(c));
    if (c->check) TRY(c->check->ask(c->check->context));
    TRY(catalogue_note(c->catalogue, NULL, "submit", s->name));
    return add_history(c);
}

enum err ledger_reserve(struct catalogue *catalogue, int64_t stage_id, const char *slice, const int64_t *files,
                        size_t n, const struct catalogue_check *check, struct ledger_submission *out)
{
    *out            = (struct ledger_submission){.stage_id = stage_id, .seen = EXECUTOR_REPORT_NONE};
    struct change c = {.catalogue  = catalogue,
                       .submission = out,
                       .check      = check,
                       .slice      = slice,
                       .reason     = "",
                       .files      = files,
                       .n_files    = n,
                       .to         = LEDGER_NEW};
    return db_transaction(catalogue->db, CATALOGUE_LOCK, reserve, &c);
}

static enum err check_state(const struct change *c)
{
    const struct ledger_submission *s = c->submission;
    int64_t state;
    bool is_found;
    TRY(db_get_int(c->catalogue->db, "select state from submissions where id = $1", &DB_I(s->id), 1, &state,
                   &is_found));
    REQUIRE(is_found && state == (int64_t)s->state, ERR_MISMATCH, "submission %s is in another state by now", s->name);
    return ERR_OK;
}

static enum err set_state(struct change *c)
{
    struct ledger_submission *s = c->submission;
    struct db *db               = c->catalogue->db;
    const struct db_value row[] = {DB_I(s->id), DB_I(c->to), DB_S(c->batch_id), DB_S(c->reason),
                                   DB_I(catalogue_now_s())};
    TRY(db_do(db, "update submissions set state = $2, batch_id = $3, reason = $4, update_s = $5 where id = $1", row,
              5));
    return add_history(c);
}

static enum err change(void *context)
{
    TRY(check_state(context));
    return set_state(context);
}

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

/* ---- the end --------------------------------------------------------------------------------------------------------- */
struct ending {
    struct change change;
    struct ledger_verdict verdict;
    int64_t max_attempts;
    enum err (*judge)(void *context, struct ledger_verdict *out);
    void *context;
};

/* An attempt more, or a stop, at files that have no product; at the limit they are parked. */
static enum err count_attempts(const struct ending *e, size_t first, size_t end)
{
    const struct ledger_verdict *v = &e->verdict;
    bool is_stop                   = v->to == LEDGER_CANCELLED;
    const char *count              = is_stop ? "stops" : "attempts";
    struct sql sql                 = {0};
    enum err rc =
        sql_add(&sql, "update stage_files set %s = %s + 1, is_parked = case when %s + 1 >= ", count, count, count);
    if (!rc) rc = sql_value(&sql, DB_I(is_stop ? e->max_attempts * LEDGER_STOPS_AN_ATTEMPT : e->max_attempts));
    if (!rc) rc = sql_add(&sql, " then 1 else 0 end where stage_id = ");
    if (!rc) rc = sql_value(&sql, DB_I(e->change.submission->stage_id));
    for (size_t i = first; i < end && !rc; i++) {
        rc = sql_add(&sql, i > first ? ", " : " and file_id in (");
        if (!rc) rc = sql_value(&sql, DB_I(v->not_done[i]));
    }
    if (!rc) rc = sql_add(&sql, ")");
    if (!rc) rc = db_do(e->change.catalogue->db, sql.text, sql.value, sql.n_values);
    sql_free(&sql);
    return rc;
}

static enum err end(void *context)
{
    struct ending *e         = context;
    struct change *c         = &e->change;
    struct ledger_verdict *v = &e->verdict;
    char what[240];
    mem_free(v->not_done); /* of an earlier try */
    *v = (struct ledger_verdict){.to = LEDGER_FAILED};
    TRY(check_state(c));
    TRY(e->judge(e->context, v));
    c->to     = v->to;
    c->reason = v->reason;
    TRY(set_state(c));
    snprintf(what, sizeof what, "%s %s", c->submission->name, ledger_state_name(c->to));
    TRY(catalogue_note(c->catalogue, NULL, "end submission", what));
    for (size_t i = 0; i < v->n_not_done; i += FILES_A_STATEMENT)
        TRY(count_attempts(e, i, i + FILES_A_STATEMENT < v->n_not_done ? i + FILES_A_STATEMENT : v->n_not_done));
    return db_do(c->catalogue->db,
                 "update stage_files set submission_id = null, last_id = submission_id where submission_id = $1",
                 &DB_I(c->submission->id), 1);
}

enum err ledger_end(struct catalogue *catalogue, struct ledger_submission *s, int64_t max_attempts,
                    enum err (*judge)(void *context, struct ledger_verdict *out), void *context)
{
    char id[sizeof s->batch_id];
    memcpy(id, s->batch_id, sizeof id);
    struct ending e = {.change       = {.catalogue = catalogue, .submission = s, .batch_id = id},
                       .max_attempts = max_attempts,
                       .judge        = judge,
                       .context      = context};
    enum err rc     = db_transaction(catalogue->db, CATALOGUE_LOCK, end, &e);
    if (!rc) take_over(&e.change);
    mem_free(e.verdict.not_done);
    return rc;
}

struct unparking {
    struct catalogue *catalogue;
    int64_t stage_id;
    const char *user;
};

static enum err unpark(void *context)
{
    const struct unparking *u = context;
    char what[40];
    snprintf(what, sizeof what, "stage %" PRId64, u->stage_id);
    TRY(db_do(u->catalogue->db,
              "update stage_files set is_parked = 0, attempts = 0, stops = 0 where stage_id = $1 and is_parked = 1",
              &DB_I(u->stage_id), 1));
    return catalogue_note(u->catalogue, u->user, "try parked files again", what);
}

enum err ledger_unpark(struct catalogue *catalogue, int64_t stage_id, const char *user)
{
    struct unparking u = {catalogue, stage_id, user};
    return db_transaction(catalogue->db, CATALOGUE_LOCK, unpark, &u);
}
