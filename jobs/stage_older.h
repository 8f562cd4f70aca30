/* Submissions that were started otherwise than their stage would start them now: of another version, in another folder, by another
 * executor, or of a stage that is gone. They are asked after where they were started, their products are taken as those
 * of their own version, and nothing of them is started again. Tests: tests/cli/campaign_older.sh, tests/t_faults.c */
#ifndef GM2_STAGE_OLDER_H
#define GM2_STAGE_OLDER_H

#include "ledger_version.h"
#include "stage_work.h"

/* A stage as one submission knew it; work points into it: it must not be moved. */
struct stage_older {
    struct stage_work work;
    struct campaign campaign;
    struct campaign_stage stage;
    struct ledger_terms terms;
    bool is_noted; /* false: nobody has begun to start it */
};

/** Ends a submission that was never started: no attempt, and its files are free. is_noted: whether terms were noted of it, as far
 *  as the caller knows. ERR_AGAIN: it is not so any more, somebody is starting it. */
enum err stage_older_give_up(const struct stage_work *work, struct ledger_submission *submission, bool is_noted);
/** Live submissions of a stage that were started where it would start them now. mem_free() the list. */
enum err stage_older_not(const struct stage_work *work, struct ledger_submission **live, size_t *n);

/** Calls `each` for the live submissions of a campaign that its stages, as they are described now, do not know. stage: of these
 *  only (its name or its list's; NULL: all). What `each` fails with does not end it: the first is told at the end. */
enum err stage_older_each(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id,
                          const char *stage, const char *user,
                          enum err (*each)(void *context, struct stage_older *older, struct ledger_submission *s),
                          void *context);

#endif
