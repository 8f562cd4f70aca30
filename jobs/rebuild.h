/* The catalogue from storage alone: every file below some folders is read and declared by its own header. What only a JSON
 * beside it knows (host, times, ...) is taken from there if there is one; where the two disagree the header counts.
 * Tests: tests/cli/rebuild.sh */
#ifndef GM2_REBUILD_H
#define GM2_REBUILD_H

#include "catalogue.h"

struct rebuild_tally {
    size_t n[CATALOGUE_REFUSED + 1]; /* by outcome; what could not be read counts as refused */
    size_t n_bare, n_differ;         /* files without a JSON; files whose JSON says something else */
    size_t n_unfinished, n_other;    /* .part files; files that have no header of ours */
    char lacks[400];                 /* fields that some file's header does not have and nobody else knows */
};

/** Parents may be read after their children. Bad files are logged and counted, the others go on; killed anywhere, run again.
 *  Nothing in the folders is changed. ERR_OPEN for a folder that is not there. */
enum err rebuild_run(struct catalogue *catalogue, const char *const *folders, size_t n, const char *user,
                     struct rebuild_tally *out);

#endif
