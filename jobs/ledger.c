/* The ledger of submissions. */
#include "ledger.h"
#include "catalogue_internal.h"

#include "mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char layout[] =
    "create table if not exists campaigns (id bigint primary key, name text not null unique, path text not null,"
    "  is_held bigint not null, create_s bigint not null, create_user text not null);"
    "create table if not exists campaign_texts (campaign_id bigint not null, edition bigint not null, text text not "
    "null,"
    "  create_s bigint not null, create_user text not null, primary key (campaign_id, edition));"
    "create table if not exists stages (id bigint primary key, campaign_id bigint not null, name text not null,"
    "  version_key text not null, unique (campaign_id, name, version_key));"
    "create table if not exists submissions (id bigint primary key, stage_id bigint not null, name text not null "
    "unique,"
    "  state bigint not null, batch_id text not null, reason text not null, n_files bigint not null,"
    "  create_s bigint not null, update_s bigint not null);"
    "create index if not exists submissions_by_stage on submissions (stage_id, state);"
    "create table if not exists submission_files (submission_id bigint not null, file_id bigint not null,"
    "  primary key (submission_id, file_id));"
    "create table if not exists submission_history (submission_id bigint not null, at_s bigint not null,"
    "  state bigint not null, reason text not null);"
    "create table if not exists stage_files (stage_id bigint not null, file_id bigint not null,"
    "  submission_id bigint, attempts bigint not null, is_parked bigint not null, primary key (stage_id, file_id));"
    "create index if not exists stage_files_by_submission on stage_files (submission_id);";

const char *ledger_state_name(enum ledger_state state)
{
    switch (state) {
    case LEDGER_NEW: return "New";
    case LEDGER_CANCELLED: return "Cancelled";
    case LEDGER_LAUNCH_FAILED: return "LaunchFailed";
    case LEDGER_IDLE: return "Idle";
    case LEDGER_RUNNING: return "Running";
    case LEDGER_FAILED: return "Failed";
    case LEDGER_LOCATED: return "Located";
    }
    return "unknown";
}

static enum err make_layout(void *context) { return db_exec(((struct catalogue *)context)->db, layout); }

enum err ledger_init(struct catalogue *c) { return db_transaction(c->db, CATALOGUE_LOCK, make_layout, c); }

/* ---- rows ---------------------------------------------------------------------------------------------------------- */
struct ids {
    int64_t *id;
    size_t n, capacity;
    size_t n_flagged; /* rows whose second column is not 0 */
};

static enum err add_id(void *context, const struct db_value *row, size_t n)
{
    struct ids *s = context;
    if (s->n == s->capacity) {
        size_t wanted = 2 * s->capacity + 256;
        TRY(mem_resize(&s->id, s->capacity, wanted, sizeof *s->id));
        s->capacity = wanted;
    }
    s->id[s->n++] = row[0].i;
    if (n > 1 && row[1].i) s->n_flagged++;
    return ERR_OK;
}

static enum err find_ids(struct catalogue *c, const char *text, int64_t value, struct ids *out)
{
    struct db_value v = DB_I(value);
    struct sql sql    = {.text = (char *)text, .value = &v, .n_values = 1};
    enum err rc       = catalogue_rows(c->db, &sql, add_id, out);
    if (rc) mem_free(out->id);
    return rc;
}

enum err ledger_taken(struct catalogue *c, int64_t stage_id, int64_t **ids, size_t *n, size_t *n_parked)
{
    struct ids all = {0};
    TRY(find_ids(c,
                 "select file_id, is_parked from stage_files where stage_id = $1 and (submission_id is not null or "
                 "is_parked = 1) order by file_id",
                 stage_id, &all));
    *ids      = all.id;
    *n        = all.n;
    *n_parked = all.n_flagged;
    return ERR_OK;
}

enum err ledger_files(struct catalogue *c, int64_t submission_id, int64_t **ids, size_t *n)
{
    struct ids all = {0};
    TRY(find_ids(c, "select file_id from submission_files where submission_id = $1 order by file_id", submission_id,
                 &all));
    *ids = all.id;
    *n   = all.n;
    return ERR_OK;
}

enum err ledger_count(struct catalogue *c, int64_t stage_id, int64_t *n)
{
    bool is_found;
    return db_get_int(c->db, "select count(*) from submissions where stage_id = $1", &DB_I(stage_id), 1, n, &is_found);
}

struct list {
    struct ledger_submission *one;
    size_t n, capacity;
};

static void copy_text(char *to, size_t room, const struct db_value *v)
{
    snprintf(to, room, "%s", v->type == DB_TEXT ? v->text : "");
}

static enum err add_submission(void *context, const struct db_value *r, size_t n)
{
    struct list *l = context;
    (void)n;
    if (l->n == l->capacity) {
        size_t wanted = 2 * l->capacity + 16;
        TRY(mem_resize(&l->one, l->capacity, wanted, sizeof *l->one));
        l->capacity = wanted;
    }
    struct ledger_submission *s = &l->one[l->n++];
    *s                          = (struct ledger_submission){.id       = r[0].i,
                                                             .stage_id = r[1].i,
                                                             .n_files  = r[2].i,
                                                             .create_s = r[3].i,
                                                             .update_s = r[4].i,
                                                             .state    = (enum ledger_state)r[5].i};
    copy_text(s->name, sizeof s->name, &r[6]);
    copy_text(s->batch_id, sizeof s->batch_id, &r[7]);
    copy_text(s->reason, sizeof s->reason, &r[8]);
    return ERR_OK;
}

enum err ledger_submissions(struct catalogue *c, int64_t stage_id, bool only_live, struct ledger_submission **out,
                            size_t *n)
{
    struct list all   = {0};
    struct db_value v = DB_I(stage_id);
    struct sql sql    = {.value = &v, .n_values = 1};
    sql.text    = only_live ? (char *)"select id, stage_id, n_files, create_s, update_s, state, name, batch_id, reason "
                                      "from submissions where stage_id = $1 and state in (1000, 3000, 4000) order by id"
                            : (char *)"select id, stage_id, n_files, create_s, update_s, state, name, batch_id, reason "
                                      "from submissions where stage_id = $1 order by id";
    enum err rc = catalogue_rows(c->db, &sql, add_submission, &all);
    if (rc) mem_free(all.one);
    *out = rc ? NULL : all.one;
    *n   = rc ? 0 : all.n;
    return rc;
}

/* ---- campaigns and stages ------------------------------------------------------------------------------------------ */
struct naming {
    struct catalogue *catalogue;
    const char *name, *path, *text, *user, *version_key;
    int64_t campaign_id, id;
    bool is_held;
};

static enum err note_text(const struct naming *n)
{
    int64_t edition = 0, same = 0;
    bool is_found;
    struct db *db                = n->catalogue->db;
    const struct db_value last[] = {DB_I(n->id), DB_S(n->text)};
    TRY(db_get_int(db, "select coalesce(max(edition), 0) from campaign_texts where campaign_id = $1", last, 1, &edition,
                   &is_found));
    const struct db_value look[] = {DB_I(n->id), DB_I(edition), DB_S(n->text)};
    TRY(db_get_int(db, "select count(*) from campaign_texts where campaign_id = $1 and edition = $2 and text = $3",
                   look, 3, &same, &is_found));
    if (same) return ERR_OK;
    const struct db_value row[] = {DB_I(n->id), DB_I(edition + 1), DB_S(n->text), DB_I(catalogue_now_s()),
                                   DB_S(n->user)};
    return db_do(
        db,
        "insert into campaign_texts (campaign_id, edition, text, create_s, create_user) values ($1, $2, $3, $4, $5)",
        row, 5);
}

static enum err note_campaign(void *context)
{
    struct naming *n = context;
    struct db *db    = n->catalogue->db;
    bool is_found;
    TRY(db_get_int(db, "select id from campaigns where name = $1", &DB_S(n->name), 1, &n->id, &is_found));
    if (!is_found) {
        TRY(db_get_int(db, "select coalesce(max(id), 0) + 1 from campaigns", NULL, 0, &n->id, &is_found));
        const struct db_value row[] = {DB_I(n->id), DB_S(n->name), DB_S(n->path), DB_I(catalogue_now_s()),
                                       DB_S(n->user)};
        TRY(db_do(
            db, "insert into campaigns (id, name, path, is_held, create_s, create_user) values ($1, $2, $3, 0, $4, $5)",
            row, 5));
        TRY(catalogue_note(n->catalogue, n->user, "start campaign", n->name));
    }
    return note_text(n);
}

enum err ledger_campaign(struct catalogue *c, const char *name, const char *path, const char *text, const char *user,
                         int64_t *id)
{
    struct naming n = {.catalogue = c, .name = name, .path = path, .text = text, .user = user};
    TRY(db_transaction(c->db, CATALOGUE_LOCK, note_campaign, &n));
    *id = n.id;
    return ERR_OK;
}

enum err ledger_campaign_find(struct catalogue *c, const char *name, int64_t *id, bool *is_held, char path[1024])
{
    struct db_statement *s;
    const struct db_value *row = NULL;
    size_t n;
    if (db_prepare(c->db, "select id, is_held, path from campaigns where name = $1", &s))
        return err_context(ERR_NOTFOUND, "there are no campaigns in this database ('gm2 campaign start')");
    enum err rc = db_start(s, &DB_S(name), 1);
    if (!rc) rc = db_next(s, &row, &n);
    if (!rc && row) {
        *id      = row[0].i;
        *is_held = row[1].i != 0;
        snprintf(path, 1024, "%s", row[2].text);
    }
    bool is_found = row != NULL;
    db_finish(s);
    if (rc) return rc;
    REQUIRE(is_found, ERR_NOTFOUND, "there is no campaign \"%s\" in this database", name);
    return ERR_OK;
}

static enum err hold(void *context)
{
    const struct naming *n       = context;
    const struct db_value both[] = {DB_S(n->name), DB_I(n->is_held)};
    TRY(db_do(n->catalogue->db, "update campaigns set is_held = $2 where name = $1", both, 2));
    return catalogue_note(n->catalogue, n->user, n->is_held ? "hold campaign" : "release campaign", n->name);
}

enum err ledger_hold(struct catalogue *c, const char *name, bool is_held, const char *user)
{
    struct naming n = {.catalogue = c, .name = name, .user = user, .is_held = is_held};
    char path[1024];
    bool was_held;
    TRY(ledger_campaign_find(c, name, &n.id, &was_held, path));
    return db_transaction(c->db, CATALOGUE_LOCK, hold, &n);
}

static enum err note_stage(void *context)
{
    struct naming *n            = context;
    struct db *db               = n->catalogue->db;
    const struct db_value key[] = {DB_I(n->campaign_id), DB_S(n->name), DB_S(n->version_key)};
    static const char find[]    = "select id from stages where campaign_id = $1 and name = $2 and version_key = $3";
    bool is_found;
    TRY(db_get_int(db, find, key, 3, &n->id, &is_found));
    if (is_found) return ERR_OK;
    TRY(db_get_int(db, "select coalesce(max(id), 0) + 1 from stages", NULL, 0, &n->id, &is_found));
    const struct db_value row[] = {DB_I(n->id), key[0], key[1], key[2]};
    return db_do(db, "insert into stages (id, campaign_id, name, version_key) values ($1, $2, $3, $4)", row, 4);
}

enum err ledger_stage(struct catalogue *c, int64_t campaign_id, const char *name, const char *version_key, int64_t *id)
{
    struct naming n = {.catalogue = c, .name = name, .version_key = version_key, .campaign_id = campaign_id};
    TRY(db_transaction(c->db, CATALOGUE_LOCK, note_stage, &n));
    *id = n.id;
    return ERR_OK;
}

/* ---- submissions --------------------------------------------------------------------------------------------------- */
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
    *out            = (struct ledger_submission){.stage_id = stage_id};
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
