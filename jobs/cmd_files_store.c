/* gm2 files declare, ingest, rebuild, audit: the catalogue and what lies in storage. */
#include "cmd_files.h"

#include "audit.h"
#include "drop_box.h"
#include "ingest.h"
#include "rebuild.h"

#include <inttypes.h>
#include <stdio.h>

enum err files_declare(struct catalogue *c, const struct files_options *o, int *status)
{
    struct ingest_tally t = {.n = {0}};
    TRY(files_want_places(o, 1, FILES_MAX_PLACES, "FILE ..."));
    TRY(ingest_declare(c, o->place, o->n_places, o->has_no_location ? "" : o->location, o->user, &t));
    printf("%zu declared, %zu known, %zu in conflict, %zu refused\n", t.n[CATALOGUE_DECLARED], t.n[CATALOGUE_SAME],
           t.n[CATALOGUE_CONFLICT], t.n[CATALOGUE_REFUSED]);
    *status = t.n[CATALOGUE_CONFLICT] + t.n[CATALOGUE_REFUSED] ? 1 : 0;
    return ERR_OK;
}

enum err files_ingest(struct catalogue *c, const struct files_options *o, int *status)
{
    struct ingest_tally t = {.n = {0}};
    TRY(files_want_places(o, 1, 1, "DIR --to STORE"));
    REQUIRE(o->store, ERR_OPTION, "--to STORE is missing: the folder, or the URL, that files are kept at");
    TRY(drop_box_ingest(c, o->place[0], o->store, NULL, o->user, &t));
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
    if (n.n_elsewhere) printf(", %" PRId64 " of them elsewhere, where nothing could be asked", n.n_elsewhere);
    if (n.n_on_tape) printf(", %" PRId64 " on tape", n.n_on_tape);
    printf(": %" PRId64 " missing, %" PRId64 " damaged", n.n_missing, n.n_damaged);
    if (o->store) printf("; in %s %" PRId64 " unknown, %" PRId64 " unfinished", o->store, n.n_unknown, n.n_unfinished);
    putchar('\n');
    *status = n.n_missing || n.n_damaged || n.n_unknown || n.n_unfinished;
    return ERR_OK;
}
