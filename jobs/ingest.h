/* Products and their metadata from folders into the catalogue. Tests: tests/cli/files.sh, tests/cli/campaign.sh */
#ifndef GM2_INGEST_H
#define GM2_INGEST_H

#include "catalogue.h"

struct ingest_tally {
    size_t n[CATALOGUE_REFUSED + 1]; /* by outcome; what could not be read counts as refused */
};

/** Declares products by their metadata (PATH.json, or PATH itself if it ends with .json), in batches. location: NULL: a
 *  product beside its metadata is its own; "": none. Bad files are logged and counted, the others go on. */
enum err ingest_declare(struct catalogue *catalogue, const char *const *paths, size_t n, const char *location,
                        const char *user, struct ingest_tally *tally);
/** All that have metadata in a folder, in order of their names; a folder that is not there has none. */
enum err ingest_folder(struct catalogue *catalogue, const char *folder, const char *user, struct ingest_tally *tally);

#endif
