/* Storage against catalogue: what is missing, damaged, unknown, unfinished. Nothing is changed or deleted.
 * Test: tests/cli/audit.sh */
#ifndef GM2_AUDIT_H
#define GM2_AUDIT_H

#include "catalogue.h"

struct audit_counts {
    int64_t n_files, n_places;
    int64_t n_elsewhere, n_on_tape; /* elsewhere: places that nothing here could ask after */
    int64_t n_missing, n_damaged, n_unknown, n_unfinished;
};

/** Asks after every location (place.h) of the files that a query selects (size; with_checksums: every byte), and, if `store` is not NULL,
 *  at every file in that folder and below: is it declared with this place? Logs and lists of campaigns are passed over. Prints
 *  a line for each that is not as it should. */
enum err audit_run(struct catalogue *catalogue, const char *query, const char *store, bool with_checksums,
                   struct audit_counts *out);

#endif
