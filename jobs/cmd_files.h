/* The verbs of `gm2 files` that are more than a call. Test: tests/cli/files.sh */
#ifndef GM2_CMD_FILES_H
#define GM2_CMD_FILES_H

#include "catalogue.h"
#include "mem.h"

#define FILES_MAX_PLACES SIZE_MAX
enum { FILES_BUDGET = 1000000 }; /* files that a list has at most, unless --budget says otherwise */

struct files_options {
    const char *verb, *db, *location, *columns, *budget, *depth, *wanted, *reason, *user, *store, *conditions, *tag,
        *since, *what, *by, *campaign;
    const char **place;
    size_t n_places;
    bool has_no_location, is_remove, wants_checksums, wants_snapshot, wants_inputs, wants_replaced;
};

/** Each verb is called with an open catalogue; *status is the command's exit status, 0 unless it is set.
 *  ERR_OPTION: other places than it wants. */
typedef enum err files_verb(struct catalogue *catalogue, const struct files_options *options, int *status);

/** Products and their metadata; a drop box; the catalogue from storage alone; storage against catalogue; constants that were
 *  replaced. *status 1: something is refused, in conflict, missing, damaged, unknown, stale. */
files_verb files_declare, files_ingest, files_rebuild, files_audit, files_stale;
/** Ancestors and descendants of a file, indented by generation. */
files_verb files_lineage;
/** Subruns that a query covers, more than once, or not; *status 1 if any is double or missing. */
files_verb files_coverage;
/** A definition or the query of a snapshot now, against a snapshot then; *status 1 if they differ. */
files_verb files_diff;
/** The log of changes; who may what: list, setup, grant, revoke. */
files_verb files_log, files_roles;

/** Are there as many places as a verb wants? ERR_OPTION says what is wanted. */
enum err files_want_places(const struct files_options *options, size_t min, size_t max, const char *what);

#endif
