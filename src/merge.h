/* The merging job (source MergeInput): files of one production into one, all ranks together, all or nothing.
 * Tests: tests/t_merge.c, tests/cli/merge.sh, tests/mpi/merge.sh, tests/kill/merge.sh */
#ifndef GM2_MERGE_H
#define GM2_MERGE_H

#include "job.h"

/** Collective: merges the files of a job whose source is MergeInput into DIR/STEM.h5, with its metadata. ERR_MISMATCH when
 *  they do not belong together, with the reason; then, and when killed, nothing bears the final name. The content does not
 *  depend on the ranks nor on the order of the list (but an accepted duplicate is taken where it comes first). */
enum err merge_run(struct job *job);

#endif
