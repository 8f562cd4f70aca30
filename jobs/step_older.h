/* What a pass does with submissions of the past (stage_older.h). Tests: tests/cli/campaign_older.sh, tests/t_faults.c */
#ifndef GM2_STEP_OLDER_H
#define GM2_STEP_OLDER_H

#include "stage_older.h"

/** Asks after all of them; those that ended are settled under their own version. */
enum err step_older_meet(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id,
                         const char *user);
/** Asks them to stop: of a stage (NULL: all), or one of them (NULL: all); *n grows. */
enum err step_older_kill(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id,
                         const char *stage, const char *submission, size_t *n);
/** How many there are. */
enum err step_older_count(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, size_t *n);

#endif
