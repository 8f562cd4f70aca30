/* Files that ought to be made anew: what they were made with has been replaced since, be it constants (their intervals are not
 * those that a tag gives their subruns now) or the version that a campaign makes; and what was made of such files. A file is
 * replaced, and has not to be made again, when good files of its kind that are not stale hold all its subruns.
 * Tests: tests/cli/stale.sh, tests/cli/stale_rerun.sh, tests/server/parity.sh */
#ifndef GM2_STALE_H
#define GM2_STALE_H

#include "catalogue.h"

struct sql;

/** A stale file: `why` tells tables of constants, parts of the version, or the parent that is stale. `by`: the files that
 *  replaced it, or else those that suffice to make it anew: the nearest ancestors that are not stale (or what replaced
 *  them), none if there are none. */
struct stale_file {
    int64_t id;
    const char *name, *why;
    bool is_replaced;
    size_t n_by;
    const struct stale_name {
        int64_t id;
        const char *name, *tier;
    } * by;
};

/** Calls `each` for every stale or replaced file of a query, in the catalogue's order. `wanted` is a list, with commas, of
 *  TAG or TAG@DATABASE (constants) and campaign:NAME (the version of each of its stages that it worked on last); a tag
 *  without a database is looked for in catalogue_set_conditions(). ERR_NOTFOUND: no such tag, table, campaign. */
enum err stale_find(struct catalogue *catalogue, const char *query, const char *wanted,
                    enum err (*each)(void *context, const struct stale_file *file), void *context);

enum stale_what { STALE_STILL, STALE_REPLACED, STALE_SUFFICIENT };
/** Ids of files that are stale, or replaced, of a select of ids, or of those that suffice to make the stale ones anew: as JSON,
 *  [1,2,3], to be freed with mem_free(). *n_scope: how many files the select has. */
enum err stale_ids(struct catalogue *catalogue, const struct sql *scope, const char *wanted, enum stale_what what,
                   char **json, int64_t *n_scope);

#endif
