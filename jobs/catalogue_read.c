/* Questions to the catalogue; definitions and snapshots. */
#include "catalogue_internal.h"

#include "cfg.h"
#include "mem.h"
#include "stale.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- definitions --------------------------------------------------------------------------------------------------- */
static enum err nearest_definition(struct catalogue *c, const char *name, char near[256])
{
    struct db_statement *s;
    const struct db_value *row;
    size_t n;
    near[0] = 0;
    TRY(db_prepare(c->db, "select name from definitions order by name limit 10000", &s));
    enum err rc = db_start(s, NULL, 0);
    while (!rc && (rc = db_next(s, &row, &n)) == ERR_OK && row)
        if (cfg_nearest(name, &row[0].text, 1)) snprintf(near, 256, "%s", row[0].text);
    db_finish(s);
    return rc;
}

enum err catalogue_definition(struct catalogue *c, const char *name, char **query)
{
    struct db_statement *s;
    const struct db_value *row = NULL;
    size_t n;
    char near[256];
    *query = NULL;
    TRY(db_prepare(c->db, "select query from definitions where name = $1", &s));
    enum err rc = db_start(s, &DB_S(name), 1);
    if (!rc) rc = db_next(s, &row, &n);
    if (!rc && row) *query = mem_string(row[0].text);
    bool is_found = row != NULL;
    db_finish(s);
    if (rc) return rc;
    if (is_found) return *query ? ERR_OK : ERR_MEMORY;
    TRY(nearest_definition(c, name, near));
    if (near[0]) FAIL(ERR_NOTFOUND, "there is no definition \"%s\"; did you mean %s?", name, near);
    FAIL(ERR_NOTFOUND, "there is no definition \"%s\"", name);
}

static enum err look_up(void *context, const char *name, char **text)
{
    return catalogue_definition(context, name, text);
}

static enum err look_live(void *context, enum dimension_live what, const char *wanted, const struct sql *scope,
                          char **ids, int64_t *n_scope)
{
    static const enum stale_what whats[] = {[DIMENSION_LIVE_STALE]      = STALE_STILL,
                                            [DIMENSION_LIVE_REPLACED]   = STALE_REPLACED,
                                            [DIMENSION_LIVE_SUFFICIENT] = STALE_SUFFICIENT};
    return stale_ids(context, scope, wanted, whats[what], ids, n_scope);
}

enum err catalogue_is_live(struct catalogue *c, const char *query, bool *is_live)
{
    struct dimension_lookup lookup = {look_up, c, NULL};
    struct dimension *parsed;
    TRY(dimension_parse(query, &parsed));
    enum err rc = dimension_define(parsed, &lookup);
    *is_live    = !rc && dimension_is_live(parsed);
    dimension_free(parsed);
    return rc;
}

enum err catalogue_is_fresh(struct catalogue *c, const char *query, bool *is_fresh)
{
    struct dimension *parsed;
    struct sql sql = {0};
    *is_fresh      = false;
    enum err rc    = catalogue_sql(c, query, &parsed, &sql);
    if (!rc) *is_fresh = dimension_is_fresh(parsed);
    if (!rc) dimension_free(parsed);
    sql_free(&sql);
    return rc;
}

enum err catalogue_sql(struct catalogue *c, const char *query, struct dimension **parsed, struct sql *out)
{
    struct dimension_lookup lookup = {look_up, c, look_live};
    TRY(dimension_parse(query, parsed));
    enum err rc = dimension_sql(*parsed, &lookup, db_is_pgsql(c->db), out);
    if (!rc) return ERR_OK;
    dimension_free(*parsed);
    *parsed = NULL;
    return rc;
}

struct naming {
    struct catalogue *catalogue;
    const char *name, *query, *user;
    int64_t id, n_files;
};

static enum err define(void *context)
{
    struct naming *d    = context;
    struct catalogue *c = d->catalogue;
    struct db_statement *s;
    const struct db_value *row = NULL;
    bool is_same               = false;
    size_t n;
    TRY(db_prepare(c->db, "select query from definitions where name = $1", &s));
    enum err rc = db_start(s, &DB_S(d->name), 1);
    if (!rc) rc = db_next(s, &row, &n);
    bool is_there = row != NULL;
    if (row) is_same = strcmp(row[0].text, d->query) == 0;
    db_finish(s);
    if (rc || is_same) return rc;
    REQUIRE(!is_there, ERR_MISMATCH, "definition %s exists and asks something else; choose another name", d->name);
    const struct db_value values[] = {DB_S(d->name), DB_S(d->query), DB_I(catalogue_now_s()), DB_S(d->user)};
    TRY(db_do(c->db, "insert into definitions (name, query, create_s, create_user) values ($1, $2, $3, $4)", values,
              4));
    return catalogue_note(c, d->user, "define", d->name);
}

enum err catalogue_define(struct catalogue *catalogue, const char *name, const char *query, const char *user)
{
    struct naming d = {.catalogue = catalogue, .name = name, .query = query, .user = user};
    struct dimension *parsed;
    struct sql sql = {0};
    TRY(catalogue_check_name(name));
    TRY(catalogue_sql(catalogue, query, &parsed, &sql)); /* what it refers to must be there: so it cannot go round */
    sql_free(&sql);
    dimension_free(parsed);
    return db_transaction(catalogue->db, CATALOGUE_DEFINITION_LOCK, define, &d);
}

static enum err snapshot(void *context)
{
    struct naming *d    = context;
    struct catalogue *c = d->catalogue;
    struct dimension *parsed;
    struct sql sql = {0};
    bool is_found;
    enum err rc;
    TRY(db_get_int(c->db, "select coalesce(max(id), 0) + 1 from snapshots", NULL, 0, &d->id, &is_found));
    /* the snapshot first: a server takes its files only while it is being made */
    const struct db_value row[] = {DB_I(d->id), DB_S(d->query), DB_I(catalogue_now_s()), DB_S(d->user)};
    TRY(db_do(c->db, "insert into snapshots (id, query, n_files, create_s, create_user) values ($1, $2, 0, $3, $4)",
              row, 4));
    TRY(sql_add(&sql, "insert into snapshot_files (snapshot_id, file_id) select %lld, q.id from (", (long long)d->id));
    TRY_TO(done, catalogue_sql(c, d->query, &parsed, &sql));
    rc = sql_add(&sql, ") q");
    if (!rc) rc = db_do(c->db, sql.text, sql.value, sql.n_values);
    dimension_free(parsed);
    if (rc) goto done;
    TRY_TO(done, db_get_int(c->db, "select count(*) from snapshot_files where snapshot_id = $1", &DB_I(d->id), 1,
                            &d->n_files, &is_found));
    const struct db_value counted[] = {DB_I(d->id), DB_I(d->n_files)};
    TRY_TO(done, db_do(c->db, "update snapshots set n_files = $2 where id = $1", counted, 2));
    rc = catalogue_note(c, d->user, "snapshot", d->query);
done:
    sql_free(&sql);
    return rc;
}

enum err catalogue_snapshot(struct catalogue *catalogue, const char *query, const char *user, int64_t *id,
                            int64_t *n_files)
{
    struct naming d = {.catalogue = catalogue, .query = query, .user = user};
    TRY(db_transaction(catalogue->db, CATALOGUE_DEFINITION_LOCK, snapshot, &d));
    *id      = d.id;
    *n_files = d.n_files;
    return ERR_OK;
}

/* ---- lists --------------------------------------------------------------------------------------------------------- */
enum err catalogue_rows(struct db *db, const struct sql *sql,
                        enum err (*each)(void *context, const struct db_value *row, size_t n), void *context)
{
    struct db_statement *s;
    const struct db_value *row;
    size_t n;
    TRY(db_prepare(db, sql->text, &s));
    enum err rc = db_start(s, sql->value, sql->n_values);
    while (!rc && (rc = db_next(s, &row, &n)) == ERR_OK && row) rc = each(context, row, n);
    db_finish(s);
    return rc;
}

/* HEAD (ids of the query) TAIL */
static enum err select_rows(struct catalogue *c, const char *head, const char *query, const char *tail,
                            enum err (*each)(void *context, const struct db_value *row, size_t n), void *context)
{
    struct dimension *parsed = NULL;
    struct sql sql           = {0};
    enum err rc              = sql_add(&sql, "%s (", head);
    if (!rc) rc = catalogue_sql(c, query, &parsed, &sql);
    if (!rc) rc = sql_add(&sql, ") %s", tail);
    if (!rc) rc = catalogue_rows(c->db, &sql, each, context);
    sql_free(&sql);
    dimension_free(parsed);
    return rc;
}

static enum err take_counts(void *context, const struct db_value *row, size_t n)
{
    int64_t *counts = context;
    for (size_t i = 0; i < n; i++) counts[i] = row[i].i;
    return ERR_OK;
}

enum err catalogue_count(struct catalogue *c, const char *query, int64_t *n_files, int64_t *n_bytes, int64_t *n_events)
{
    int64_t counts[3] = {0};
    TRY(select_rows(c,
                    "select count(*), cast(coalesce(sum(f.file_size), 0) as bigint), "
                    "cast(coalesce(sum(f.event_count), 0) as bigint) from files f where f.id in",
                    query, "", take_counts, counts));
    *n_files  = counts[0];
    *n_bytes  = counts[1];
    *n_events = counts[2];
    return ERR_OK;
}

enum err catalogue_list(struct catalogue *c, const char *query, const char *columns, int64_t max_rows,
                        enum err (*each)(void *context, const struct db_value *row, size_t n), void *context)
{
    int64_t n_files, unused[2];
    struct sql head = {0};
    if (max_rows > 0) {
        TRY(catalogue_count(c, query, &n_files, &unused[0], &unused[1]));
        REQUIRE(n_files <= max_rows, ERR_NUMBER,
                "the query selects %lld files, the budget is %lld: ask for less, or raise it (--budget N)",
                (long long)n_files, (long long)max_rows);
    }
    enum err rc = sql_add(&head, "select %s from files f where f.id in", columns);
    if (!rc) rc = select_rows(c, head.text, query, "order by f.id", each, context);
    sql_free(&head);
    return rc;
}

enum err catalogue_subruns(struct catalogue *c, const char *query,
                           enum err (*each)(void *context, const struct db_value *row, size_t n), void *context)
{
    return select_rows(c, "select run, subrun from file_runs where subrun >= 0 and file_id in", query,
                       "order by run, subrun", each, context);
}

enum err catalogue_places(struct catalogue *c, const char *query,
                          enum err (*each)(void *context, const struct db_value *row, size_t n), void *context)
{
    return select_rows(
        c,
        "select f.file_name, f.file_size, f.checksum, a.url from files f join file_locations a on a.file_id = "
        "f.id where f.id in",
        query, "order by f.id, a.url", each, context);
}

enum err catalogue_file_subruns(struct catalogue *c, const char *query,
                                enum err (*each)(void *context, const struct db_value *row, size_t n), void *context)
{
    return select_rows(c, "select file_id, run, subrun from file_runs where subrun >= 0 and file_id in", query,
                       "order by file_id, run, subrun", each, context);
}

static enum err add_plan_line(void *context, const struct db_value *row, size_t n)
{
    return sql_add(context, "    %s\n", row[n - 1].type == DB_TEXT ? row[n - 1].text : "");
}

/* How many files, and how long the database took to count them. */
static enum err add_cost(struct catalogue *c, const char *query, struct sql *out)
{
    struct timespec start, end;
    int64_t n_files, n_bytes, n_events;
    clock_gettime(CLOCK_MONOTONIC, &start);
    TRY(catalogue_count(c, query, &n_files, &n_bytes, &n_events));
    clock_gettime(CLOCK_MONOTONIC, &end);
    return sql_add(out, "selects: %lld files, %lld bytes; counted in %.3f s\n", (long long)n_files, (long long)n_bytes,
                   (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec));
}

static enum err add_values(const struct sql *sql, struct sql *out)
{
    for (size_t i = 0; i < sql->n_values; i++) {
        const struct db_value *v = &sql->value[i];
        if (v->type == DB_TEXT)
            TRY(sql_add(out, "    $%zu = '%.200s%s'\n", i + 1, v->text, strlen(v->text) > 200 ? " ..." : ""));
        else if (v->type == DB_INT)
            TRY(sql_add(out, "    $%zu = %lld\n", i + 1, (long long)v->i));
        else
            TRY(sql_add(out, "    $%zu = %.17g\n", i + 1, v->x));
    }
    return ERR_OK;
}

/* The plan is asked for by the same text and values. */
static enum err add_plan(struct catalogue *c, const struct sql *sql, struct sql *out)
{
    struct sql plan = {0};
    enum err rc     = sql_add(&plan, db_is_pgsql(c->db) ? "explain " : "explain query plan ");
    if (!rc) rc = sql_add(&plan, "%s", sql->text);
    plan.value    = sql->value; /* lent */
    plan.n_values = sql->n_values;
    if (!rc) rc = catalogue_rows(c->db, &plan, add_plan_line, out);
    plan.value = NULL;
    sql_free(&plan);
    return rc;
}

enum err catalogue_explain(struct catalogue *c, const char *query, char **text)
{
    struct dimension *parsed;
    struct sql sql = {0}, out = {0};
    *text       = NULL;
    enum err rc = catalogue_sql(c, query, &parsed, &sql);
    if (rc) {
        sql_free(&sql);
        return rc;
    }
    rc = sql_add(&out, "%s\nvalues:\n", sql.text);
    if (!rc) rc = add_values(&sql, &out);
    if (!rc) rc = sql_add(&out, "plan:\n");
    if (!rc) rc = add_plan(c, &sql, &out);
    if (!rc) rc = add_cost(c, query, &out);
    dimension_free(parsed);
    if (!rc) *text = mem_string(out.text);
    if (!rc && !*text) rc = ERR_MEMORY;
    sql_free(&sql);
    sql_free(&out);
    return rc;
}

enum err catalogue_definitions(struct catalogue *c,
                               enum err (*each)(void *context, const struct db_value *row, size_t n), void *context)
{
    struct sql sql = {.text = "select name, query, create_s, create_user from definitions order by name"};
    return catalogue_rows(c->db, &sql, each, context);
}
