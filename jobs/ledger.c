/* The ledger of submissions. */
#include "ledger.h"
#include "ledger_internal.h"
#include "ledger_seen.h"

#include "mem.h"
#include "roles.h"

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
    "  create_s bigint not null, update_s bigint not null, begin_s bigint, end_s bigint, cpu_s double precision,"
    "  wall_s double precision, max_rss_kb bigint, exit_code bigint, batch_state text, batch_reason text);"
    "create index if not exists submissions_by_stage on submissions (stage_id, state);"
    "create table if not exists submission_versions (submission_id bigint primary key, program text not null,"
    "  release text not null, git_commit text not null, config_id text not null, conditions_tag text not null,"
    "  fcl_commit text not null, rules text not null, executor text not null, folder text not null,"
    "  outputs text not null, calibrations text not null, store text not null, kind bigint not null,"
    "  fills bigint not null, launches bigint not null, max_attempts bigint not null);"
    "create table if not exists submission_files (submission_id bigint not null, file_id bigint not null,"
    "  primary key (submission_id, file_id));"
    "create table if not exists submission_history (submission_id bigint not null, at_s bigint not null,"
    "  state bigint not null, reason text not null);"
    "create table if not exists stage_files (stage_id bigint not null, file_id bigint not null,"
    "  submission_id bigint, attempts bigint not null, stops bigint not null, is_parked bigint not null, last_id "
    "bigint,"
    "  primary key (stage_id, file_id));"
    "create index if not exists stage_files_by_submission on stage_files (submission_id);"
    "create table if not exists stage_holds (campaign_id bigint not null, stage text not null, why text not null,"
    "  until_s bigint not null, create_s bigint not null, create_user text not null, primary key (campaign_id, stage));"
    "create table if not exists stage_places (stage_id bigint not null, file_id bigint not null, state bigint not null,"
    "  why text not null, seen_s bigint not null, primary key (stage_id, file_id));"
    "create table if not exists stage_counts (stage_id bigint primary key, change_id bigint not null,"
    "  dataset text not null, done text not null, n_files bigint not null, n_done bigint not null);";

const char *ledger_state_name(enum ledger_state state)
{
    switch (state) {
    case LEDGER_NEW: return "New";
    case LEDGER_CANCELLED: return "Cancelled";
    case LEDGER_LAUNCH_FAILED: return "LaunchFailed";
    case LEDGER_AWAITING: return "Awaiting Approval";
    case LEDGER_APPROVED: return "Approved";
    case LEDGER_IDLE: return "Idle";
    case LEDGER_RUNNING: return "Running";
    case LEDGER_HELD: return "Held";
    case LEDGER_FAILED: return "Failed";
    case LEDGER_LOCATED: return "Located";
    case LEDGER_REMOVED: return "Removed";
    }
    return "unknown";
}

static enum err make_layout(void *context) { return db_exec(((struct catalogue *)context)->db, layout); }

/* On a server the tables are the owner's; others find them. */
enum err ledger_init(struct catalogue *c)
{
    enum roles_rank rank;
    TRY(roles_rank(c, "", &rank));
    if (db_is_pgsql(c->db) && rank < ROLES_OWNER) return ERR_OK;
    return db_transaction(c->db, CATALOGUE_LOCK, make_layout, c);
}

/* ---- rows ---------------------------------------------------------------------------------------------------------- */
enum err ledger_grow(void *in_out, size_t n, size_t *capacity, size_t size)
{
    size_t wanted = 2 * *capacity + 16;
    if (n < *capacity) return ERR_OK;
    TRY(mem_resize(in_out, *capacity, wanted, size));
    *capacity = wanted;
    return ERR_OK;
}

enum err ledger_add_id(void *context, const struct db_value *row, size_t n)
{
    struct ledger_ids *s = context;
    TRY(ledger_grow(&s->id, s->n, &s->capacity, sizeof *s->id));
    s->id[s->n++] = row[0].i;
    if (n > 1 && row[1].i) s->n_flagged++;
    return ERR_OK;
}

enum err ledger_find_ids(struct catalogue *c, const char *text, int64_t value, struct ledger_ids *out)
{
    struct db_value v = DB_I(value);
    struct sql sql    = {.text = (char *)text, .value = &v, .n_values = 1};
    *out              = (struct ledger_ids){.n = 0};
    enum err rc       = catalogue_rows(c->db, &sql, ledger_add_id, out);
    if (!rc) return ERR_OK;
    mem_free(out->id);
    *out = (struct ledger_ids){.n = 0};
    return rc;
}

void ledger_text(char *to, size_t room, const struct db_value *v)
{
    snprintf(to, room, "%s", v->type == DB_TEXT ? v->text : "");
}

enum err ledger_taken(struct catalogue *c, int64_t stage_id, int64_t **ids, size_t *n, size_t *n_parked)
{
    struct ledger_ids all;
    TRY(ledger_find_ids(
        c,
        "select file_id, max(p) from (select file_id, is_parked as p from stage_files where stage_id = $1 and "
        "(submission_id is not null or is_parked = 1) union all " LEDGER_OTHERS_HOLD
        ") q group by file_id order by file_id",
        stage_id, &all));
    *ids      = all.id;
    *n        = all.n;
    *n_parked = all.n_flagged;
    return ERR_OK;
}

enum err ledger_held(struct catalogue *c, int64_t stage_id, int64_t *n_held, int64_t *n_parked, size_t *n_live)
{
    int64_t n;
    bool is_found;
    TRY(db_get_int(
        c->db, "select count(*) from stage_files where stage_id = $1 and submission_id is not null and is_parked = 0",
        &DB_I(stage_id), 1, n_held, &is_found));
    TRY(db_get_int(c->db, "select count(*) from stage_files where stage_id = $1 and is_parked = 1", &DB_I(stage_id), 1,
                   n_parked, &is_found));
    TRY(db_get_int(c->db, "select count(*) from submissions where stage_id = $1 and state in " LEDGER_LIVE,
                   &DB_I(stage_id), 1, &n, &is_found));
    *n_live = (size_t)n;
    return ERR_OK;
}

enum err ledger_files(struct catalogue *c, int64_t submission_id, int64_t **ids, size_t *n)
{
    struct ledger_ids all;
    TRY(ledger_find_ids(c, "select file_id from submission_files where submission_id = $1 order by file_id",
                        submission_id, &all));
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

static enum err add_submission(void *context, const struct db_value *r, size_t n)
{
    struct list *l = context;
    (void)n;
    TRY(ledger_grow(&l->one, l->n, &l->capacity, sizeof *l->one));
    struct ledger_submission *s = &l->one[l->n++];
    *s                          = (struct ledger_submission){.id       = r[0].i,
                                                             .stage_id = r[1].i,
                                                             .n_files  = r[2].i,
                                                             .create_s = r[3].i,
                                                             .update_s = r[4].i,
                                                             .state    = (enum ledger_state)r[5].i};
    ledger_text(s->name, sizeof s->name, &r[6]);
    ledger_text(s->batch_id, sizeof s->batch_id, &r[7]);
    ledger_text(s->reason, sizeof s->reason, &r[8]);
    ledger_seen_read(r + 9, &s->seen);
    return ERR_OK;
}

enum err ledger_submissions(struct catalogue *c, int64_t stage_id, bool only_live, struct ledger_submission **out,
                            size_t *n)
{
    struct list all   = {0};
    struct db_value v = DB_I(stage_id);
    struct sql sql    = {.value = &v, .n_values = 1};
#define COLUMNS "id, stage_id, n_files, create_s, update_s, state, name, batch_id, reason, " LEDGER_SEEN_COLUMNS
    sql.text = only_live ? (char *)"select " COLUMNS " from submissions where stage_id = $1 and state in " LEDGER_LIVE
                                   " order by id"
                         : (char *)"select " COLUMNS " from submissions where stage_id = $1 order by id";
    enum err rc = catalogue_rows(c->db, &sql, add_submission, &all);
    if (rc) mem_free(all.one);
    *out = rc ? NULL : all.one;
    *n   = rc ? 0 : all.n;
    return rc;
}

static enum err take_state(void *context, const struct db_value *r, size_t n)
{
    struct ledger_submission *s = context;
    (void)n;
    s->state = (enum ledger_state)r[0].i;
    ledger_text(s->batch_id, sizeof s->batch_id, &r[1]);
    return ERR_OK;
}

enum err ledger_refresh(struct catalogue *c, struct ledger_submission *s)
{
    struct db_value v = DB_I(s->id);
    struct sql sql    = {.text     = "select state, batch_id from submissions where id = $1 and state in " LEDGER_LIVE,
                         .value    = &v,
                         .n_values = 1};
    enum ledger_state before = s->state;
    s->state                 = LEDGER_FAILED;
    TRY(catalogue_rows(c->db, &sql, take_state, s));
    bool is_live = s->state != LEDGER_FAILED;
    if (!is_live) s->state = before;
    REQUIRE(is_live, ERR_MISMATCH, "submission %s is over by now", s->name);
    return ERR_OK;
}

enum err ledger_submission(struct catalogue *c, int64_t id, struct ledger_submission *out)
{
    struct list all   = {0};
    struct db_value v = DB_I(id);
    struct sql sql = {.text = (char *)"select " COLUMNS " from submissions where id = $1", .value = &v, .n_values = 1};
    enum err rc    = catalogue_rows(c->db, &sql, add_submission, &all);
    if (!rc && all.n == 0) rc = err_fail(ERR_NOTFOUND, __FILE__, __LINE__, "there is no submission %" PRId64, id);
    if (!rc) *out = all.one[0];
    mem_free(all.one);
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
    TRY(db_do(
        db,
        "insert into campaign_texts (campaign_id, edition, text, create_s, create_user) values ($1, $2, $3, $4, $5)",
        row, 5));
    char what[160];
    snprintf(what, sizeof what, "%.100s, edition %" PRId64, n->name, edition + 1);
    return catalogue_note(n->catalogue, n->user, "describe campaign", what);
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
    } else { /* its description may have moved */
        const struct db_value row[] = {DB_I(n->id), DB_S(n->path)};
        TRY(db_do(db, "update campaigns set path = $2 where id = $1 and path <> $2", row, 2));
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
    REQUIRE(is_found, ERR_NOTFOUND, "there is no campaign \"%s\" in this database (gm2 campaign status DB lists them)",
            name);
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

static enum err find_stage(struct naming *n, bool *is_found)
{
    const struct db_value key[] = {DB_I(n->campaign_id), DB_S(n->name), DB_S(n->version_key)};
    n->id                       = 0;
    return db_get_int(n->catalogue->db,
                      "select id from stages where campaign_id = $1 and name = $2 and version_key = $3", key, 3, &n->id,
                      is_found);
}

static enum err note_stage(void *context)
{
    struct naming *n = context;
    struct db *db    = n->catalogue->db;
    bool is_found;
    TRY(find_stage(n, &is_found));
    if (is_found) return ERR_OK;
    TRY(db_get_int(db, "select coalesce(max(id), 0) + 1 from stages", NULL, 0, &n->id, &is_found));
    const struct db_value row[] = {DB_I(n->id), DB_I(n->campaign_id), DB_S(n->name), DB_S(n->version_key)};
    TRY(db_do(db, "insert into stages (id, campaign_id, name, version_key) values ($1, $2, $3, $4)", row, 4));
    return catalogue_note(n->catalogue, NULL, "new version of stage", n->name);
}

enum err ledger_stage_look(struct catalogue *c, int64_t campaign_id, const char *name, const char *version_key,
                           int64_t *id)
{
    struct naming n = {.catalogue = c, .name = name, .version_key = version_key, .campaign_id = campaign_id};
    bool is_found;
    TRY(find_stage(&n, &is_found));
    *id = is_found ? n.id : 0;
    return ERR_OK;
}

enum err ledger_stage(struct catalogue *c, int64_t campaign_id, const char *name, const char *version_key, int64_t *id)
{
    struct naming n = {.catalogue = c, .name = name, .version_key = version_key, .campaign_id = campaign_id};
    bool is_found;
    TRY(find_stage(&n, &is_found)); /* most often it is there, and who only looks takes no lock */
    enum roles_rank rank = ROLES_OWNER;
    if (!is_found) TRY(roles_rank(c, c->user ? c->user : "", &rank));
    if (!is_found && (rank >= ROLES_SHIFTER || !db_is_pgsql(c->db)))
        TRY(db_transaction(c->db, CATALOGUE_LOCK, note_stage, &n));
    *id = n.id;
    return ERR_OK;
}
