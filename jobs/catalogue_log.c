/* Who did what, when, to what: one row a change, in its transaction. */
#include "catalogue_internal.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

/* A server puts in the name that it knows; a file can only be told. */
static const char *login_name(void)
{
    const struct passwd *p = getpwuid(geteuid());
    return p && p->pw_name ? p->pw_name : "unknown";
}

enum err catalogue_note(struct catalogue *c, const char *user, const char *action, const char *what)
{
    const char *who                = user && *user ? user : c->user && *c->user ? c->user : login_name();
    const struct db_value values[] = {DB_I(catalogue_now_s()), DB_S(who), DB_S(login_name()), DB_S(action), DB_S(what)};
    return db_do(c->db,
                 "insert into catalogue_log (id, create_s, create_user, db_user, action, what) values "
                 "((select coalesce(max(id), 0) + 1 from catalogue_log), $1, $2, $3, $4, $5)",
                 values, 5);
}

struct addition {
    struct catalogue *catalogue;
    const char *action, *what;
};

static enum err add(void *context)
{
    const struct addition *a = context;
    return catalogue_note(a->catalogue, NULL, a->action, a->what);
}

enum err catalogue_log_add(struct catalogue *catalogue, const char *action, const char *what)
{
    struct addition a = {catalogue, action, what};
    return db_transaction(catalogue->db, CATALOGUE_DEFINITION_LOCK, add, &a);
}

struct reading {
    enum err (*each)(void *context, const struct catalogue_event *event);
    void *context;
};

static enum err pass_on(void *context, const struct db_value *row, size_t n)
{
    const struct reading *r        = context;
    const struct catalogue_event e = {row[0].i, row[1].i, row[2].text, row[3].text, row[4].text, row[5].text};
    (void)n;
    return r->each(r->context, &e);
}

enum err catalogue_log(struct catalogue *c, const struct catalogue_log_filter *f,
                       enum err (*each)(void *context, const struct catalogue_event *event), void *context)
{
    const char *find = db_is_pgsql(c->db) ? "strpos" : "instr"; /* like would take % and _ for more than they are */
    struct reading r = {each, context};
    struct sql sql   = {0};
    enum err rc      = sql_add(&sql, "select id, create_s, create_user, db_user, action, what from catalogue_log where "
                                          "create_s >= ");
    if (!rc) rc = sql_value(&sql, DB_I(f->since_s));
    if (!rc && f->what) {
        rc = sql_add(&sql, " and %s(action || ' ' || what, ", find);
        if (!rc) rc = sql_value(&sql, DB_S(f->what));
        if (!rc) rc = sql_add(&sql, ") > 0");
    }
    for (int i = 0; i < 2 && f->by && !rc; i++) {
        rc = sql_add(&sql, i ? " or db_user = " : " and (create_user = ");
        if (!rc) rc = sql_value(&sql, DB_S(f->by));
        if (!rc && i) rc = sql_add(&sql, ")");
    }
    if (!rc) rc = sql_add(&sql, " order by id");
    if (!rc) rc = catalogue_rows(c->db, &sql, pass_on, &r);
    sql_free(&sql);
    return rc;
}
