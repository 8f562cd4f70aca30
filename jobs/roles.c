/* Roles of a catalogue. */
#include "roles.h"
#include "catalogue_internal.h"

#include "log.h"

#include <stdio.h>
#include <string.h>

static const char *const names[] = {"no role", "analyser", "shifter", "manager", "owner"};

/* Every verb that opens a catalogue: one without a line here is refused to all. */
static const struct {
    const char *noun, *verb;
    enum roles_rank rank;
} wanted[] = {
    {"files", "get", ROLES_ANALYSER},       {"files", "list", ROLES_ANALYSER},
    {"files", "count", ROLES_ANALYSER},     {"files", "explain", ROLES_ANALYSER},
    {"files", "lineage", ROLES_ANALYSER},   {"files", "coverage", ROLES_ANALYSER},
    {"files", "audit", ROLES_ANALYSER},     {"files", "stale", ROLES_ANALYSER},
    {"files", "define", ROLES_ANALYSER},    {"files", "definitions", ROLES_ANALYSER},
    {"files", "snapshot", ROLES_ANALYSER},  {"files", "diff", ROLES_ANALYSER},
    {"files", "log", ROLES_ANALYSER},       {"files", "roles", ROLES_ANALYSER},
    {"campaign", "plan", ROLES_ANALYSER},   {"campaign", "status", ROLES_ANALYSER},
    {"campaign", "report", ROLES_ANALYSER}, {"campaign", "show", ROLES_ANALYSER},
    {"campaign", "cron", ROLES_ANALYSER},   {"roles", "list", ROLES_ANALYSER},
    {"roles", "verbs", ROLES_ANALYSER},     {"files", "ingest", ROLES_SHIFTER},
    {"campaign", "step", ROLES_SHIFTER},    {"campaign", "hold", ROLES_SHIFTER},
    {"campaign", "release", ROLES_SHIFTER}, {"campaign", "kill", ROLES_SHIFTER},
    {"campaign", "retry", ROLES_SHIFTER},   {"campaign", "launch", ROLES_SHIFTER},
    {"campaign", "approve", ROLES_SHIFTER}, {"files", "declare", ROLES_MANAGER},
    {"files", "rebuild", ROLES_MANAGER},    {"files", "locate", ROLES_MANAGER},
    {"files", "retire", ROLES_MANAGER},     {"campaign", "start", ROLES_MANAGER},
    {"roles", "grant", ROLES_MANAGER},      {"roles", "revoke", ROLES_MANAGER},
    {"roles", "setup", ROLES_OWNER},
};
enum { N_WANTED = sizeof wanted / sizeof wanted[0] };

static enum roles_rank rank_of(const char *role)
{
    for (int i = ROLES_ANALYSER; i <= ROLES_MANAGER; i++)
        if (strcmp(names[i], role) == 0) return (enum roles_rank)i;
    return ROLES_NONE;
}

/* ---- rights on a server ---------------------------------------------------------------------------------------------- */
/* On each table: what shifters and analysers may beyond reading. Managers may insert, update and delete wherever nothing is
 * said; what no table here has, only they change. Nobody but the owner changes the layout, or a row of the log. */
static const char rights[] =
    "create temporary table gm2_rights (name text primary key, manager text, shifter text, analyser text);"
    "insert into gm2_rights values"
    " ('catalogue_layout', '', '', ''), ('catalogue_roles', '', '', ''),"
    " ('catalogue_log', 'insert', 'insert', 'insert'),"
    " ('catalogue_lock', 'update', 'update', ''), ('definition_lock', 'update', 'update', 'update'),"
    " ('definitions', 'insert, update, delete', 'insert', 'insert'),"
    " ('snapshots', 'insert, update (n_files)', 'insert, update (n_files)', 'insert, update (n_files)'),"
    " ('snapshot_files', 'insert', 'insert', 'insert'),"
    " ('files', 'insert, update', 'insert, update (n_places)', ''), ('configs', 'insert', 'insert', ''),"
    " ('file_runs', 'insert', 'insert', ''), ('file_parents', 'insert', 'insert', ''),"
    " ('file_params', 'insert', 'insert', ''), ('file_conditions', 'insert', 'insert', ''),"
    " ('file_locations', 'insert, delete', 'insert', ''), ('file_conflicts', 'insert', 'insert', ''),"
    " ('campaigns', 'insert, update', 'update (is_held)', ''), ('campaign_texts', 'insert', '', ''),"
    " ('stages', 'insert', 'insert', ''), ('submissions', 'insert, update', 'insert, update', ''),"
    " ('submission_files', 'insert', 'insert', ''), ('submission_history', 'insert', 'insert', ''),"
    " ('submission_versions', 'insert, update', 'insert, update', ''),"
    " ('stage_counts', 'insert, update', 'insert, update', ''), ('stage_holds', 'insert, delete', 'insert, delete', "
    "''), ('stage_places', 'insert, delete', 'insert, delete', ''), ('stage_files', 'insert, update', 'insert, "
    "update', '');";

/* Groups nest: a manager is a shifter is an analyser. A database that two set up at once: one of them finds the groups. */
static const char groups[] =
    "do $$ declare g text; begin"
    "  foreach g in array array['gm2_analyser', 'gm2_shifter', 'gm2_manager'] loop"
    "    if not exists (select 1 from pg_roles where rolname = g) then"
    "      begin execute format('create role %I nologin', g);"
    "      exception when duplicate_object or unique_violation then null; end;"
    "    end if;"
    "  end loop;"
    "  if not pg_has_role('gm2_shifter', 'gm2_analyser', 'member') then grant gm2_analyser to gm2_shifter; end if;"
    "  if not pg_has_role('gm2_manager', 'gm2_shifter', 'member') then"
    "    grant gm2_shifter to gm2_manager with admin option;"
    "  end if;"
    "  if not exists (select 1 from pg_auth_members where roleid = 'gm2_analyser'::regrole"
    "                 and member = 'gm2_manager'::regrole) then"
    "    grant gm2_analyser to gm2_manager with admin option;"
    "  end if;"
    " end $$;";

static const char grants[] =
    "do $$ declare t record; r record; begin"
    "  execute format('grant usage on schema %I to gm2_analyser', current_schema());"
    "  execute format('alter default privileges in schema %I grant select on tables to gm2_analyser', "
    "current_schema());"
    "  execute format('alter default privileges in schema %I grant insert, update, delete on tables to gm2_manager',"
    "                 current_schema());"
    "  for t in select c.relname from pg_class c where c.relkind = 'r' and c.relnamespace = "
    "current_schema()::regnamespace"
    "           and pg_has_role(c.relowner, 'usage') loop"
    "    execute format('revoke all on %I from public, gm2_manager, gm2_shifter, gm2_analyser', t.relname);"
    "    execute format('grant select on %I to gm2_analyser', t.relname);"
    "    select * into r from gm2_rights where name = t.relname;"
    "    if not found then"
    "      execute format('grant insert, update, delete on %I to gm2_manager', t.relname);"
    "    else"
    "      if r.manager <> '' then execute format('grant %s on %I to gm2_manager', r.manager, t.relname); end if;"
    "      if r.shifter <> '' then execute format('grant %s on %I to gm2_shifter', r.shifter, t.relname); end if;"
    "      if r.analyser <> '' then execute format('grant %s on %I to gm2_analyser', r.analyser, t.relname); end if;"
    "    end if;"
    "  end loop;"
    " end $$;"
    "drop table gm2_rights;";

static enum err set_up(void *context)
{
    struct catalogue *c = context;
    TRY(db_exec(c->db, groups));
    TRY(db_exec(c->db, rights));
    TRY(db_exec(c->db, grants));
    return catalogue_note(c, NULL, "set up roles", "");
}

enum err roles_setup(struct catalogue *c)
{
    if (!db_is_pgsql(c->db)) return ERR_OK;
    enum err rc = db_transaction(c->db, CATALOGUE_LOCK, set_up, c);
    if (rc != ERR_DENIED) return rc;
    return err_context(
        rc,
        "the groups gm2_analyser, gm2_shifter and gm2_manager are made by who may create roles, and their "
        "rights given by who owns the tables (the server's administrator: alter role %s createrole)",
        db_user(c->db));
}

/* ---- who has which ------------------------------------------------------------------------------------------------- */
struct grant {
    struct catalogue *catalogue;
    const char *name, *role;
    bool is_granted;
};

/* The server itself quotes the names. */
static enum err grant_on_server(const struct grant *g)
{
    struct db *db = g->catalogue->db;
    struct db_statement *s;
    const struct db_value *row;
    char group[32], sql[512] = "";
    size_t n;
    int64_t n_users;
    bool is_found;
    TRY(db_get_int(db, "select count(*) from pg_roles where rolname = $1 and rolcanlogin", &DB_S(g->name), 1, &n_users,
                   &is_found));
    REQUIRE(
        n_users == 1, ERR_NOTFOUND,
        "the server knows no user \"%s\"; its administrator makes one (create role %s login), the name is that of the "
        "login",
        g->name, g->name);
    snprintf(group, sizeof group, "gm2_%s", g->role);
    const char *admin              = strcmp(g->role, "manager") == 0 ? " with admin option" : "";
    const struct db_value values[] = {DB_S(group), DB_S(g->name), DB_S(admin)};
    TRY(db_prepare(db,
                   g->is_granted ? "select format('grant %I to %I%s', $1::text, $2::text, $3::text)"
                                 : "select format('revoke %I from %I', $1::text, $2::text)",
                   &s));
    enum err rc = db_start(s, values, g->is_granted ? 3 : 2);
    if (!rc) rc = db_next(s, &row, &n);
    if (!rc && row) snprintf(sql, sizeof sql, "%s", row[0].text);
    db_finish(s);
    return rc ? rc : db_exec(db, sql);
}

static enum err grant_in_file(const struct grant *g)
{
    const struct db_value row[] = {DB_S(g->name), DB_S(g->role)};
    if (!g->is_granted)
        return db_do(g->catalogue->db, "delete from catalogue_roles where user_name = $1 and role = $2", row, 2);
    return db_do(g->catalogue->db,
                 "insert into catalogue_roles (user_name, role) values ($1, $2) on conflict (user_name) do update set "
                 "role = excluded.role",
                 row, 2);
}

static enum err change(void *context)
{
    const struct grant *g = context;
    char what[200];
    TRY(db_is_pgsql(g->catalogue->db) ? grant_on_server(g) : grant_in_file(g));
    snprintf(what, sizeof what, "%.100s %s", g->name, g->role);
    return catalogue_note(g->catalogue, NULL, g->is_granted ? "grant role" : "revoke role", what);
}

static void say_advice(const struct catalogue *c)
{
    if (!db_is_pgsql(c->db))
        log_warn(
            "%s is a file: roles in it are advice only, whoever may write the file may do everything; a PostgreSQL "
            "server refuses by itself",
            c->url);
}

enum err roles_change(struct catalogue *c, const char *name, const char *role, bool is_granted)
{
    struct grant g = {c, name, role, is_granted};
    REQUIRE(rank_of(role) != ROLES_NONE, ERR_OPTION, "there is no role \"%s\"; there are: manager, shifter, analyser",
            role);
    TRY(catalogue_check_name(name));
    say_advice(c);
    return db_transaction(c->db, CATALOGUE_DEFINITION_LOCK, change, &g);
}

enum err roles_list(struct catalogue *c, enum err (*each)(void *context, const struct db_value *row, size_t n),
                    void *context)
{
    struct sql sql = {0};
    say_advice(c);
    enum err rc =
        sql_add(&sql, "%s",
                db_is_pgsql(c->db)
                    ? "select u.rolname::text, substr(g.rolname::text, 5) from pg_auth_members m join pg_roles g "
                      "on g.oid = m.roleid join pg_roles u on u.oid = m.member where g.rolname in "
                      "('gm2_analyser', 'gm2_shifter', 'gm2_manager') and u.rolname not in ('gm2_analyser', "
                      "'gm2_shifter', 'gm2_manager') order by u.rolname collate \"C\", g.rolname collate \"C\""
                    : "select user_name, role from catalogue_roles order by user_name");
    if (!rc) rc = catalogue_rows(c->db, &sql, each, context);
    sql_free(&sql);
    return rc;
}

/* ---- checks -------------------------------------------------------------------------------------------------------- */
static enum err take_role(void *context, const struct db_value *row, size_t n)
{
    (void)n;
    *(enum roles_rank *)context = rank_of(row[0].text);
    return ERR_OK;
}

/* A file without roles lets everybody be its owner. */
static enum err rank_in_file(struct catalogue *c, const char *user, enum roles_rank *rank)
{
    int64_t n = 0;
    bool is_found;
    *rank = ROLES_OWNER;
    TRY(db_get_int(c->db, "select count(*) from catalogue_roles", NULL, 0, &n, &is_found));
    if (n == 0) return ERR_OK;
    *rank             = ROLES_NONE;
    struct db_value v = DB_S(user);
    struct sql sql    = {
           .text = (char *)"select role from catalogue_roles where user_name = $1", .value = &v, .n_values = 1};
    return catalogue_rows(c->db, &sql, take_role, rank);
}

enum err roles_rank(struct catalogue *c, const char *user, enum roles_rank *rank)
{
    int64_t known = 0;
    bool is_found;
    if (!db_is_pgsql(c->db)) return rank_in_file(c, user, rank);
    TRY(db_get_int(c->db, "select gm2_rank()", NULL, 0, &known, &is_found));
    *rank = (enum roles_rank)known;
    return ERR_OK;
}

enum err roles_verbs(enum err (*each)(void *context, const struct db_value *row, size_t n), void *context)
{
    for (size_t i = 0; i < N_WANTED; i++) {
        const struct db_value row[] = {DB_S(wanted[i].noun), DB_S(wanted[i].verb), DB_S(names[wanted[i].rank])};
        TRY(each(context, row, 3));
    }
    return ERR_OK;
}

static enum err rank_for(const char *noun, const char *verb, enum roles_rank *least)
{
    for (size_t i = 0; i < N_WANTED; i++)
        if (strcmp(wanted[i].noun, noun) == 0 && strcmp(wanted[i].verb, verb) == 0) {
            *least = wanted[i].rank;
            return ERR_OK;
        }
    FAIL(ERR_LOGIC, "nobody has said yet who may do gm2 %s %s", noun, verb);
}

enum err roles_check(struct catalogue *c, const char *noun, const char *verb, const char *user)
{
    enum roles_rank least, rank;
    char whom[256];
    TRY(rank_for(noun, verb, &least));
    TRY(roles_rank(c, user, &rank));
    if (rank >= least) return ERR_OK;
    const char *has = rank ? "the role " : "", *command = strcmp(noun, "roles") == 0 ? "files roles" : noun;
    if (!db_is_pgsql(c->db)) {
        log_warn("%s has %s%s, %s %s wants the role %s; in a SQLite file this is advice only, it is done", user, has,
                 names[rank], command, verb, names[least]);
        return ERR_OK;
    }
    user = db_user(c->db);
    catalogue_whom_to_ask(c, least == ROLES_OWNER, whom, sizeof whom);
    REQUIRE(least != ROLES_OWNER, ERR_DENIED, "%s may not: %s has %s%s, %s %s wants the catalogue's owner: ask %s",
            verb, user, has, names[rank], command, verb, whom);
    FAIL(ERR_DENIED, "%s may not: %s has %s%s, %s %s wants the role %s: ask %s (gm2 files roles DB grant %s %s)", verb,
         user, has, names[rank], command, verb, names[least], whom, user, names[least]);
}
