/* Products and their metadata from folders into the catalogue. Tests: tests/cli/files.sh, tests/cli/campaign.sh */
#ifndef GM2_INGEST_H
#define GM2_INGEST_H

#include "catalogue.h"

enum { INGEST_GROWING = CATALOGUE_REFUSED + 1 }; /* drop box: raw files that are still being written */

struct ingest_tally {
    size_t n[INGEST_GROWING + 1]; /* by outcome; what could not be read counts as refused */
    char why[100];                /* of the first that is refused or in conflict */
};

/** Declares products by their metadata (PATH.json, or PATH itself if it ends with .json), in batches. location: NULL: a
 *  product beside its metadata is its own; "": none. Bad files are logged and counted, the others go on. */
enum err ingest_declare(struct catalogue *catalogue, const char *const *paths, size_t n, const char *location,
                        const char *user, struct ingest_tally *tally);
/** All that have metadata in a folder, in order of their names, while the check agrees; a folder that is not there has
 *  none. */
enum err ingest_folder(struct catalogue *catalogue, const char *folder, const struct catalogue_check *check,
                       const char *user, struct ingest_tally *tally);

/** The text of a file of metadata; mem_free() it. ERR_NOTFOUND, ERR_OPEN, ERR_DATA. */
enum err ingest_text(const char *path, char **out);
/** The metadata of one product: their text (mem_free() it) and what it says. */
enum err ingest_read(const char *name, const char *location, char **text, struct catalogue_file *out);
/** Names of the metadata in a folder, sorted; none if it is not there. */
enum err ingest_list(const char *folder, char ***names, size_t *n);
void ingest_list_free(char **names, size_t n);

#endif
