/* The catalogue's layout, and small changes to it. */
#include "catalogue_internal.h"

#include "mem.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* @: a text column that compares by bytes on either database; #: a key of one number, SQLite's own row number; ~ ends a table
 * whose rows lie in its key */
static const char layout[] =
    "create table catalogue_layout (version bigint not null);"
    "create table configs (id #, config_key @ not null unique, family @ not null, application @ not null,"
    "  version @ not null, git_commit @ not null, fcl_name @ not null, fcl_hash @ not null, process_name @ not null,"
    "  conditions_tag @ not null, constants_set @ not null, isa @ not null, seed @ not null,"
    "  format_version bigint not null);"
    "create table files (id #, file_name @ not null unique, config_id bigint not null,"
    "  file_size bigint not null, checksum @ not null, file_type @ not null, file_format @ not null, data_tier @ not "
    "null,"
    "  data_stream @ not null, content_status @ not null, event_count bigint not null, first_event bigint not null,"
    "  last_event bigint not null, start_s bigint not null, end_s bigint not null, host @ not null, n_ranks bigint not "
    "null,"
    "  n_units bigint not null, n_bad_events bigint not null, cpu_s double precision not null, peak_rss_kb bigint not "
    "null,"
    "  create_s bigint not null, create_user @ not null, update_s bigint not null, retired_s bigint, retired_why @,"
    "  n_places bigint not null);"
    "create index files_by_tier on files (data_tier, config_id, content_status, n_places, retired_s);"
    "create index files_by_config on files (config_id, data_tier, content_status, n_places, retired_s);"
    "create index files_by_creation on files (create_s);"
    "create table file_runs (file_id bigint not null, run bigint not null, subrun bigint not null, run_type @ not null,"
    "  primary key (file_id, run, subrun))~;"
    "create index file_runs_by_run on file_runs (run, subrun, file_id);"
    "create table file_parents (child_id bigint not null, parent_id bigint not null, primary key (child_id, "
    "parent_id))~;"
    "create index file_parents_by_parent on file_parents (parent_id, child_id);"
    "create table file_locations (file_id bigint not null, url @ not null, added_s bigint not null,"
    "  primary key (file_id, url))~;"
    "create table file_params (file_id bigint not null, name @ not null, text @ not null, number double precision,"
    "  primary key (file_id, name))~;"
    "create index file_params_by_name on file_params (name, text);"
    "create table file_conditions (file_id bigint not null, table_name @ not null, iov_id bigint not null,"
    "  primary key (file_id, table_name, iov_id))~;"
    "create index file_conditions_by_iov on file_conditions (table_name, iov_id);"
    "create table file_conflicts (id #, file_name @ not null, file_size bigint not null,"
    "  checksum @ not null, location @, create_s bigint not null, create_user @ not null, metadata @ not null);"
    "create table definitions (name @ primary key, query @ not null, create_s bigint not null, create_user @ not null);"
    "create table snapshots (id #, query @ not null, n_files bigint not null, create_s bigint not null,"
    "  create_user @ not null);"
    "create table snapshot_files (snapshot_id bigint not null, file_id bigint not null,"
    "  primary key (snapshot_id, file_id))~;"
    "create index snapshot_files_by_file on snapshot_files (file_id);"
    "create table definition_lock (id bigint);"
    "create table catalogue_roles (user_name @ primary key, role @ not null);"
    "create table catalogue_log (id #, create_s bigint not null, create_user @ not null,"
    "  db_user @ not null, action @ not null, what @ not null);";

int64_t catalogue_now_s(void) { return (int64_t)time(NULL); }
struct db *catalogue_db(struct catalogue *catalogue) { return catalogue->db; }

/* ---- layout -------------------------------------------------------------------------------------------------------- */
static const char *word_for(char mark, bool is_pgsql)
{
    if (mark == '@') return is_pgsql ? "text collate \"C\"" : "text";
    if (mark == '#') return is_pgsql ? "bigint primary key" : "integer primary key";
    return is_pgsql ? "" : " without rowid";
}

static enum err look_for_layout(struct catalogue *c, bool *is_there)
{
    int64_t n = 0;
    bool is_found;
    const char *look = db_is_pgsql(c->db) ? "select count(*) from pg_class where oid = to_regclass('catalogue_layout')"
                                          : "select count(*) from sqlite_master where name = 'catalogue_layout'";
    TRY(db_get_int(c->db, look, NULL, 0, &n, &is_found));
    *is_there = n > 0;
    return ERR_OK;
}

static enum err make_layout(void *context)
{
    struct catalogue *c = context;
    struct sql sql      = {0};
    bool is_there;
    TRY(look_for_layout(c, &is_there));
    if (is_there) return ERR_OK;
    enum err rc = ERR_OK;
    for (const char *at = layout; *at && !rc;) {
        size_t length = strcspn(at, "@#~");
        rc            = sql_add(&sql, "%.*s", (int)length, at);
        at += length;
        if (!*at) break;
        if (!rc) rc = sql_add(&sql, "%s", word_for(*at, db_is_pgsql(c->db)));
        at++;
    }
    if (!rc) rc = db_exec(c->db, sql.text);
    sql_free(&sql);
    if (rc) return rc;
    TRY(db_do(c->db, "insert into catalogue_layout (version) values ($1)", &DB_I(CATALOGUE_VERSION), 1));
    if (db_is_pgsql(c->db)) TRY(catalogue_make_server_parts(c));
    return catalogue_note(c, NULL, "init", "");
}

static enum err check_layout(struct catalogue *c)
{
    int64_t version;
    bool is_found;
    enum err rc = db_get_int(c->db, "select version from catalogue_layout", NULL, 0, &version, &is_found);
    if (rc == ERR_DENIED) {
        char whom[256];
        catalogue_whom_to_ask(c, false, whom, sizeof whom);
        return err_context(rc,
                           "%s has no role in this catalogue: ask %s (gm2 files roles DB grant %s "
                           "analyser|shifter|manager)",
                           db_user(c->db), whom, db_user(c->db));
    }
    if (rc && rc != ERR_AGAIN)
        return err_context(ERR_NOTFOUND, "there is no catalogue to be read ('gm2 files init' makes one)");
    TRY(rc);
    REQUIRE(is_found && version == CATALOGUE_VERSION, ERR_DATA, "the catalogue has version %lld, this gm2 knows %d",
            (long long)(is_found ? version : 0), CATALOGUE_VERSION);
    return ERR_OK;
}

static enum err open_with(const char *url, enum db_access access, bool is_init, struct catalogue **out)
{
    static const char lock[] = "create table if not exists " CATALOGUE_LOCK " (id bigint)";
    struct catalogue *c;
    *out = NULL;
    TRY(mem_alloc(&c, 1, sizeof *c));
    c->access = access;
    snprintf(c->url, sizeof c->url, "%s", url);
    enum err rc   = db_open(url, access, &c->db);
    bool is_there = false;
    if (!rc && is_init) rc = look_for_layout(c, &is_there);
    if (!rc && is_init && !is_there) { /* who finds it need not be allowed to make it */
        rc = db_exec(c->db, lock);
        if (rc) rc = db_exec(c->db, lock); /* two that make it at once: one fails, and finds it */
        if (!rc) rc = db_transaction(c->db, CATALOGUE_LOCK, make_layout, c);
    }
    if (!rc) rc = check_layout(c);
    if (rc) {
        bool is_open = c->db != NULL; /* db_open() names the database itself */
        catalogue_close(c);
        return is_open ? err_context(rc, "database %.*s", (int)strcspn(url, "?"), url) : rc;
    }
    *out = c;
    return ERR_OK;
}

enum err catalogue_open(const char *url, enum db_access access, struct catalogue **out)
{
    return open_with(url, access, false, out);
}

enum err catalogue_init(const char *url, struct catalogue **out) { return open_with(url, DB_CREATE, true, out); }

enum err catalogue_verdict(struct catalogue *c, enum err rc)
{
    if (!rc || db_problem(c->db) != DB_LOST) return rc;
    return err_context(ERR_AGAIN, "the database went away; what is noted is noted, type it again when it is back");
}

enum err catalogue_reopen(struct catalogue *c)
{
    struct db *db;
    TRY(db_open(c->url, c->access, &db));
    db_close(c->db);
    c->db = db;
    return ERR_OK;
}

void catalogue_set_actor(struct catalogue *c, const char *user, const char *verb)
{
    c->user = user;
    c->verb = verb;
}

void catalogue_set_conditions(struct catalogue *c, const char *url) { c->conditions = url; }

void catalogue_close(struct catalogue *catalogue)
{
    if (!catalogue) return;
    db_close(catalogue->db);
    mem_free(catalogue);
}

/* ---- small changes ------------------------------------------------------------------------------------------------- */
enum err catalogue_id(struct catalogue *c, const char *name, int64_t *id)
{
    bool is_found;
    TRY(db_get_int(c->db, "select id from files where file_name = $1", &DB_S(name), 1, id, &is_found));
    REQUIRE(is_found, ERR_NOTFOUND, "no file \"%s\" is declared", name);
    return ERR_OK;
}

struct change {
    struct catalogue *catalogue;
    const char *name, *text, *user;
    bool is_added;
};

static enum err locate(void *context)
{
    const struct change *c = context;
    struct catalogue *k    = c->catalogue;
    int64_t id;
    char what[1500];
    TRY(catalogue_id(k, c->name, &id));
    const struct db_value values[] = {DB_I(id), DB_S(c->text), DB_I(catalogue_now_s())};
    if (c->is_added)
        TRY(db_do(k->db,
                  "insert into file_locations (file_id, url, added_s) values ($1, $2, $3) on conflict do nothing",
                  values, 3));
    else
        TRY(db_do(k->db, "delete from file_locations where file_id = $1 and url = $2", values, 2));
    TRY(db_do(k->db,
              "update files set n_places = (select count(*) from file_locations where file_id = $1) where id = $1",
              values, 1));
    snprintf(what, sizeof what, "%s %s", c->name, c->text);
    return catalogue_note(k, c->user, c->is_added ? "add location" : "remove location", what);
}

enum err catalogue_locate(struct catalogue *catalogue, const char *name, const char *url, bool is_added,
                          const char *user)
{
    struct change c = {catalogue, name, url, user, is_added};
    TRY(catalogue_check_location(url));
    return db_transaction(catalogue->db, CATALOGUE_LOCK, locate, &c);
}

static enum err retire(void *context)
{
    const struct change *c = context;
    int64_t id;
    char what[1500];
    TRY(catalogue_id(c->catalogue, c->name, &id));
    const struct db_value values[] = {DB_I(id), DB_I(catalogue_now_s()), DB_S(c->text)};
    TRY(db_do(c->catalogue->db,
              "update files set retired_s = $2, retired_why = $3, update_s = $2 where id = $1 and retired_s is null",
              values, 3));
    snprintf(what, sizeof what, "%s: %s", c->name, c->text);
    return catalogue_note(c->catalogue, c->user, "retire", what);
}

enum err catalogue_retire(struct catalogue *catalogue, const char *name, const char *reason, const char *user)
{
    struct change c = {catalogue, name, reason, user, false};
    REQUIRE(*reason, ERR_OPTION, "a reason is wanted");
    TRY(catalogue_check_text("the reason", reason, 1000));
    return db_transaction(catalogue->db, CATALOGUE_LOCK, retire, &c);
}
