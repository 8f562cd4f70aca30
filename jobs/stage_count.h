/* How many files a stage has, and how many of them are done. The numbers are kept with the place of the catalogue's log where
 * they were counted: while nothing has changed since, they are not counted again. Test: tests/t_stage_count.c */
#ifndef GM2_STAGE_COUNT_H
#define GM2_STAGE_COUNT_H

#include "catalogue.h"

/* n_before: what n_files was when it was kept last, of the same dataset; -1: it was not. n_parked: of the dataset, and not done:
 * others wait for nobody. */
struct stage_counts {
    int64_t n_files, n_done, n_before, n_parked;
};
/** Numbers of files that two queries select. stage_id 0: nothing is looked up or kept; may_keep: kept for the next time. */
enum err stage_count(struct catalogue *catalogue, int64_t stage_id, const char *dataset, const char *done,
                     bool may_keep, struct stage_counts *out);
/** How many of the files that a query selects, and another (NULL: none) does not, are parked. */
enum err stage_count_parked(struct catalogue *catalogue, int64_t stage_id, const char *dataset, const char *done,
                            int64_t *n);

#endif
