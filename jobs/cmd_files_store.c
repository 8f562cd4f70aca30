/* gm2 files declare, ingest, rebuild, audit, stale: the catalogue and what lies in storage. */
#include "cmd_files.h"

#include "audit.h"
#include "drop_box.h"
#include "ingest.h"
#include "rebuild.h"
#include "sql.h"
#include "stale.h"

#include <inttypes.h>
#include <stdio.h>

enum err files_declare(struct catalogue *c, const struct files_options *o, int *status)
{
    struct ingest_tally t = {{0}};
    TRY(files_want_places(o, 1, FILES_MAX_PLACES, "FILE ..."));
    TRY(ingest_declare(c, o->place, o->n_places, o->has_no_location ? "" : o->location, o->user, &t));
    printf("%zu declared, %zu known, %zu in conflict, %zu refused\n", t.n[CATALOGUE_DECLARED], t.n[CATALOGUE_SAME],
           t.n[CATALOGUE_CONFLICT], t.n[CATALOGUE_REFUSED]);
    *status = t.n[CATALOGUE_CONFLICT] + t.n[CATALOGUE_REFUSED] ? 1 : 0;
    return ERR_OK;
}

enum err files_ingest(struct catalogue *c, const struct files_options *o, int *status)
{
    struct ingest_tally t = {{0}};
    TRY(files_want_places(o, 1, 1, "DIR --to STORE"));
    REQUIRE(o->store, ERR_OPTION, "--to STORE is missing: the folder that files are kept in");
    TRY(drop_box_ingest(c, o->place[0], o->store, o->user, &t));
    if (t.n[INGEST_GROWING]) printf("%zu raw files are still being written: they wait\n", t.n[INGEST_GROWING]);
    printf("%zu ingested, %zu known before, %zu in conflict, %zu refused\n", t.n[CATALOGUE_DECLARED],
           t.n[CATALOGUE_SAME], t.n[CATALOGUE_CONFLICT], t.n[CATALOGUE_REFUSED]);
    *status = t.n[CATALOGUE_CONFLICT] + t.n[CATALOGUE_REFUSED] ? 1 : 0;
    return ERR_OK;
}

enum err files_rebuild(struct catalogue *c, const struct files_options *o, int *status)
{
    struct rebuild_tally t;
    TRY(files_want_places(o, 1, FILES_MAX_PLACES, "DIR ..."));
    TRY(rebuild_run(c, o->place, o->n_places, o->user, &t));
    printf("%zu declared, %zu known, %zu in conflict, %zu refused\n", t.n[CATALOGUE_DECLARED], t.n[CATALOGUE_SAME],
           t.n[CATALOGUE_CONFLICT], t.n[CATALOGUE_REFUSED]);
    printf(
        "%zu without a JSON, %zu whose JSON says something else; passed over: %zu unfinished, %zu of no known kind\n",
        t.n_bare, t.n_differ, t.n_unfinished, t.n_other);
    if (*t.lacks) printf("not in the headers, and unknown where there is no JSON: %s\n", t.lacks);
    printf("not in storage: definitions, snapshots, retired files, conflicts, campaigns, who declared what\n");
    *status = t.n[CATALOGUE_CONFLICT] + t.n[CATALOGUE_REFUSED] ? 1 : 0;
    return ERR_OK;
}

enum err files_audit(struct catalogue *c, const struct files_options *o, int *status)
{
    struct audit_counts n;
    TRY(files_want_places(o, 0, 1, "[QUERY] [--store DIR] [--checksums]"));
    TRY(audit_run(c, o->n_places ? o->place[0] : "availability: physical", o->store, o->wants_checksums, &n));
    printf("%" PRId64 " files at %" PRId64 " places", n.n_files, n.n_places);
    if (n.n_elsewhere) printf(", %" PRId64 " of them not on this host and not looked at", n.n_elsewhere);
    printf(": %" PRId64 " missing, %" PRId64 " damaged", n.n_missing, n.n_damaged);
    if (o->store) printf("; in %s %" PRId64 " unknown, %" PRId64 " unfinished", o->store, n.n_unknown, n.n_unfinished);
    putchar('\n');
    *status = n.n_missing || n.n_damaged || n.n_unknown || n.n_unfinished;
    return ERR_OK;
}

struct stale_names {
    struct sql query; /* file_name a, b, ... */
    size_t n;
};

static enum err print_stale(void *context, const char *file_name, const char *why)
{
    struct stale_names *s = context;
    printf("%s\t%s\n", file_name, why);
    return sql_add(&s->query, "%s '%s'", s->n++ ? "," : "file_name", file_name);
}

/* The list as a dataset: a stage can work from its parents. */
static enum err keep_stale(struct catalogue *c, const char *query, const char *user)
{
    int64_t id, n;
    struct sql text = {0};
    enum err rc     = sql_add(&text, "%s with availability any", query);
    if (!rc) rc = catalogue_snapshot(c, text.text, user, &id, &n);
    if (!rc) printf("snapshot_id %" PRId64 ": %" PRId64 " files\n", id, n);
    sql_free(&text);
    return rc;
}

enum err files_stale(struct catalogue *c, const struct files_options *o, int *status)
{
    struct cond *cond;
    struct stale_names s = {.n = 0};
    TRY(files_want_places(o, 1, 1, "QUERY --conditions COND_DB [--tag TAG] [--snapshot]"));
    REQUIRE(o->conditions, ERR_OPTION, "--conditions is missing: the database of constants");
    TRY(cond_open(o->conditions, DB_READ, &cond));
    enum err rc = stale_find(c, o->place[0], cond, o->tag ? o->tag : COND_HEAD, print_stale, &s);
    cond_close(cond);
    if (!rc && o->wants_snapshot && s.n) rc = keep_stale(c, s.query.text, o->user);
    sql_free(&s.query);
    *status = s.n > 0;
    return rc;
}
