/* How many files a stage has, and how many of them are done. The numbers are kept with the place of the catalogue's log where
 * they were counted: while nothing has changed since, they are not counted again. Test: tests/t_stage_count.c */
#ifndef GM2_STAGE_COUNT_H
#define GM2_STAGE_COUNT_H

#include "catalogue.h"

/** Numbers of files that two queries select. stage_id 0: nothing is looked up or kept; may_keep: kept for the next time. */
enum err stage_count(struct catalogue *catalogue, int64_t stage_id, const char *dataset, const char *done,
                     bool may_keep, int64_t *n_files, int64_t *n_done);

#endif
