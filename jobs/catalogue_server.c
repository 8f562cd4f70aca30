/* What a PostgreSQL server has beside the catalogue's tables, for what grants alone cannot say. The log's rows carry the
 * server's own time and name of the user; by hand only managers declare; an analyser's definitions begin with his name; a
 * snapshot is filled in the transaction that makes it, and never after. Test: tests/server/roles.sh */
#include "catalogue_internal.h"

#include <stdio.h>

/* Function and table names are looked up in this schema alone, whatever the caller's search_path is. */
static const char parts[] =
    "create sequence catalogue_log_ids;"
    /* 4: owns the catalogue; 3, 2, 1: by roles; 0: none */
    "create function gm2_rank() returns bigint language sql stable as $$"
    " select case when pg_has_role(session_user, (select relowner from pg_class where oid = 'files'::regclass), "
    "'member')"
    "  then 4 else coalesce((select max(case rolname when 'gm2_manager' then 3 when 'gm2_shifter' then 2 else 1 end)"
    "   from pg_roles where rolname in ('gm2_manager', 'gm2_shifter', 'gm2_analyser')"
    "   and pg_has_role(session_user, oid, 'member')), 0) end::bigint $$;"

    "create function gm2_log_row() returns trigger language plpgsql security definer as $$ begin"
    "  if gm2_rank() < 3 and new.action in ('declare', 'rebuild', 'add location', 'remove location', 'retire') then"
    "    raise exception '% has no right to % by hand: the role manager is wanted', session_user, new.action"
    "      using errcode = '42501';"
    "  end if;"
    "  new.id := nextval('catalogue_log_ids');"
    "  new.create_s := floor(extract(epoch from clock_timestamp()));"
    "  new.db_user := session_user;"
    "  return new;"
    " end $$;"
    "create trigger gm2_log_row before insert on catalogue_log for each row execute function gm2_log_row();"

    "create function gm2_own_definition() returns trigger language plpgsql as $$ begin"
    "  if gm2_rank() < 3 and left(new.name, length(session_user) + 1) <> session_user || '.' then"
    "    raise exception '% may only make definitions of his own, named %.NAME; for % the role manager is wanted',"
    "      session_user, session_user, new.name using errcode = '42501';"
    "  end if;"
    "  return new;"
    " end $$;"
    "create trigger gm2_own_definition before insert or update on definitions for each row"
    " execute function gm2_own_definition();"

    "create function gm2_is_new(row_xmin xid) returns boolean language sql as $$"
    " select row_xmin::text = (pg_current_xact_id()::text::bigint % 4294967296)::text $$;"

    "create function gm2_own_snapshot() returns trigger language plpgsql as $$ begin"
    "  if tg_op = 'INSERT' and new.id > (select coalesce(max(id), 0) + 1 from snapshots) then"
    "    raise exception 'snapshots are numbered one by one' using errcode = '42501';"
    "  end if;"
    "  if tg_op = 'UPDATE' and gm2_rank() < 4 and not gm2_is_new((select s.xmin from snapshots s where s.id = old.id))"
    "  then"
    "    raise exception 'snapshot % is frozen', old.id using errcode = '42501';"
    "  end if;"
    "  return new;"
    " end $$;"
    "create trigger gm2_own_snapshot before insert or update on snapshots for each row"
    " execute function gm2_own_snapshot();"

    "create function gm2_fill_snapshot() returns trigger language plpgsql as $$ begin"
    "  if gm2_rank() < 4 and exists (select 1 from (select distinct snapshot_id from added) a where not exists"
    "    (select 1 from snapshots s where s.id = a.snapshot_id and gm2_is_new(s.xmin))) then"
    "    raise exception 'a snapshot takes files only while it is made' using errcode = '42501';"
    "  end if;"
    "  return null;"
    " end $$;"
    "create trigger gm2_fill_snapshot after insert on snapshot_files referencing new table as added"
    " for each statement execute function gm2_fill_snapshot();"

    "do $$ declare f text; begin"
    "  foreach f in array array['gm2_rank()', 'gm2_log_row()', 'gm2_own_definition()', 'gm2_own_snapshot()',"
    "                           'gm2_fill_snapshot()', 'gm2_is_new(xid)'] loop"
    "    execute format('alter function %s set search_path = pg_catalog, %I, pg_temp', f, current_schema());"
    "  end loop;"
    " end $$;";

enum err catalogue_make_server_parts(struct catalogue *c) { return db_exec(c->db, parts); }

struct names {
    char *text;
    size_t room;
};

static enum err take_names(void *context, const struct db_value *row, size_t n)
{
    const struct names *names = context;
    (void)n;
    if (row[0].type == DB_TEXT) snprintf(names->text, names->room, "%s", row[0].text);
    return ERR_OK;
}

void catalogue_whom_to_ask(struct catalogue *c, bool is_owner, char *names, size_t room)
{
    static const char owner[]    = "select r.rolname::text from pg_class t join pg_roles r on r.oid = t.relowner"
                                   " where t.oid = to_regclass('catalogue_layout')",
                      managers[] = "select string_agg(u.rolname::text, ', ' order by u.rolname) from pg_auth_members m"
                                   " join pg_roles g on g.oid = m.roleid join pg_roles u on u.oid = m.member"
                                   " where g.rolname = 'gm2_manager' and u.rolcanlogin";
    struct names found           = {names, room};
    struct sql sql               = {.text = (char *)owner};
    snprintf(names, room, "a manager");
    if (catalogue_rows(c->db, &sql, take_names, &found)) err_clear(); /* the refusal counts */
    sql.text = (char *)managers;
    if (!is_owner && catalogue_rows(c->db, &sql, take_names, &found)) err_clear();
}
