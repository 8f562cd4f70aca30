/* Submissions of a stage that are started together, as one array of the batch system. Tests: tests/t_stage_array.c, tests/server/arrays.sh */
#ifndef GM2_STAGE_ARRAY_H
#define GM2_STAGE_ARRAY_H

#include "stage_work.h"

/** Whether the stage wants it, and the executor can. */
bool stage_array_is_wanted(const struct stage_work *work);

/** Whether a submission is started so: canaries, recoveries and tests go alone, with settings of their own. */
bool stage_array_takes(const struct stage_work *work, const char *submission);

/* Submissions that were noted just now, until there are enough. */
struct stage_array {
    struct ledger_submission *s; /* [capacity] */
    size_t n, capacity;
};
enum err stage_array_begin(const struct stage_work *work, struct stage_array *array);
/** Starts when there are as many as the stage wants. ERR_AGAIN: they are not accepted now. */
enum err stage_array_add(const struct stage_work *work, struct stage_array *array,
                         const struct ledger_submission *submission);
/** Starts the rest, unless `rc` is a failure (then they stay New, and the next pass starts them); frees; gives `rc` back. */
enum err stage_array_end(const struct stage_work *work, struct stage_array *array, enum err rc);
/** Those of a list that are New and were never started. */
enum err stage_array_start_new(const struct stage_work *work, struct ledger_submission *live, size_t n);

#endif
