/* A drop box: files with their metadata beside them, on their way into the store and the catalogue.
 * Tests: tests/t_drop_box.c, tests/cli/ingest.sh, tests/cli/ingest_raw.sh, tests/kill/ingest.sh */
#ifndef GM2_DROP_BOX_H
#define GM2_DROP_BOX_H

#include "ingest.h"

/** Moves all files of a folder that have metadata (NAME and NAME.json), and raw files without, which speak for themselves
 *  (header.h) once they are closed (watch.h: an end-of-run event, or unchanged for a minute), to STORE/TIER/RUN/NAME (STORE: a folder, or a URL of place.h): checks size and adler32,
 *  copies, checks the copy, gives it its name without replacing, declares it there, and only then lets the source go. A file
 *  that is damaged, in conflict or refused stays and is logged; the others go on. Killed anywhere: run it again.
 *  `check` (NULL: none) is asked before anything is copied, and again in the transaction that declares: where it does not
 *  agree, its error is returned, nothing is declared and no source goes. */
enum err drop_box_ingest(struct catalogue *catalogue, const char *folder, const char *store,
                         const struct catalogue_check *check, const char *user, struct ingest_tally *tally);

#endif
