/* The verbs of `gm2 files` that are more than a call. Test: tests/cli/files.sh */
#ifndef GM2_CMD_FILES_H
#define GM2_CMD_FILES_H

#include "catalogue.h"
#include "mem.h"

#define FILES_MAX_PLACES SIZE_MAX

struct files_options {
    const char *verb, *db, *location, *columns, *budget, *depth, *wanted, *reason, *user, *store, *conditions, *tag,
        *since, *what, *by;
    const char **place;
    size_t n_places;
    bool has_no_location, is_remove, wants_checksums;
};

/** Ancestors and descendants of a file, indented by generation. */
enum err files_lineage(struct catalogue *catalogue, const struct files_options *options);
/** Subruns that a query covers, more than once, or not; *status 1 if any is double or missing. */
enum err files_coverage(struct catalogue *catalogue, const struct files_options *options, int *status);

/** The log of changes. */
enum err files_log(struct catalogue *catalogue, const struct files_options *options);
/** Who may what: list, setup, grant, revoke. */
enum err files_roles(struct catalogue *catalogue, const struct files_options *options);

#endif
