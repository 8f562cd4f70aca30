/* Inputs of a stage that cannot be read now: all their places are gone, on tape, or cannot be asked (place.h). Such a file is not
 * started and not lost: it is noted in the ledger (table stage_places), asked after again in each pass, and taken when it is
 * there. Tests: tests/t_stage_places.c, tests/cli/campaign_places.sh */
#ifndef GM2_STAGE_PLACES_H
#define GM2_STAGE_PLACES_H

#include "place.h"
#include "stage_work.h"

/** Once for a dataset in hand: asks after what was noted before, for a minute at most, the longest unasked first; what is still not there counts
 *  as taken. Test: tests/t_stage_places.c */
enum err stage_places_begin(const struct stage_work *work, struct stage_dataset *dataset);
/** For the split stagedfiles: asks, in order, until n more files that are free are known to be staged. Test: tests/t_stage_places.c */
enum err stage_places_mark(const struct stage_work *work, struct stage_dataset *dataset, int64_t n);
/** Takes out of a slice what cannot be read now; of a job that takes whole groups, all of it. What went counts as taken in the
 *  dataset. Test: tests/t_stage_places.c */
enum err stage_places_filter(const struct stage_work *work, struct stage_dataset *dataset, struct split_slice *slice);
/** How many files the last passes found on tape or not to be asked after (*n_staging), and gone. Test: tests/t_stage_places.c */
enum err stage_places_count(struct catalogue *catalogue, int64_t stage_id, size_t *n_staging, size_t *n_gone);

struct stage_places_sample {
    size_t n_asked, n_staging, n_gone;
};
/** Asks after the first files of a list, for two seconds at most; nothing is noted. Test: tests/cli/campaign_places.sh */
enum err stage_places_sample(const struct stage_work *work, const struct split_file *files, size_t n,
                             struct stage_places_sample *out);

/** The inputs of a submission for -S, a line each: a path of this host, or URL, size and checksum for grid_job; *is_far: there is one of
 *  the second kind; *copy_s: how long a copy of one may take. ERR_DATA: a file cannot be read. Test: tests/cli/campaign_places.sh */
enum err stage_places_list(const struct stage_work *work, int64_t submission_id, struct sql *out, bool *is_far,
                           double *copy_s);

#endif
