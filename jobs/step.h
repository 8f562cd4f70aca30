/* One pass over a campaign: asks after what runs, puts ended submissions' products into the catalogue, starts what is due. A
 * pass may be killed anywhere; the next one is right. Tests: tests/cli/campaign.sh, tests/kill/campaign.sh */
#ifndef GM2_STEP_H
#define GM2_STEP_H

#include "campaign.h"
#include "catalogue.h"
#include "ledger.h"

/** Where a stage stands. */
struct step_stage {
    size_t n_files, n_done, n_held, n_parked; /* files of its dataset */
    size_t n_live;                            /* submissions */
    bool is_waiting;                          /* for stages that it needs */
    bool is_complete;
    const char *empty; /* the dataset, or the part of it, that selects nothing; lent by the campaign; NULL: none */
};

/** Looks at a stage without changing anything. */
enum err step_look(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, size_t stage,
                   struct step_stage *out);
/** One pass; report [n_stages]. is_held: nothing new is started. */
enum err step_campaign(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, bool is_held,
                       const char *user, struct step_stage *report);
/** All submissions of a stage; mem_free() the list. */
enum err step_submissions(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id,
                          size_t stage, struct ledger_submission **out, size_t *n);
/** Lets parked files of a stage be tried again. */
enum err step_retry(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, size_t stage,
                    const char *user);
/** Asks all live submissions to stop. */
enum err step_kill(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, size_t *n);

#endif
