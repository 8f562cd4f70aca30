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
    size_t n_staging, n_gone; /* of the files left: wait for staging (or nobody can say), have no place any more */
    size_t n_live;            /* submissions */
    int64_t n_before;         /* files of its dataset at the last pass; -1: not known */
    bool is_waiting;          /* for stages that it needs */
    bool is_complete;
    bool is_fresh;     /* the dataset has no file, as nothing is stale: that is complete */
    const char *empty; /* the dataset, or the part of it, that selects nothing; lent by the campaign; NULL: none */
    char why[200];     /* nothing starts, though there are files: held, not yet time, canary, approval; else "" */
    char hold[104];    /* whose hold it is: a stage's, a list's, "" the campaign's */
};

/** Files not done, not held, not parked. */
size_t step_left(const struct step_stage *stage);
/** Looks at a stage without changing anything. */
enum err step_look(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, size_t stage,
                   struct step_stage *out);
/** The same, and for what it waits; report [n_stages], zero but for those before it in the campaign's order. */
struct stage_gate;
struct stage_work;
enum err step_look_one(const struct stage_gate *gate, size_t stage, const struct stage_work *w,
                       struct step_stage *report);
/** Looks at all stages, and for what they wait, without changing anything; report [n_stages]. campaign_id 0: of a plan. */
enum err step_look_all(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id,
                       struct step_stage *report);
/** A stage by its name. ERR_NOTFOUND names the nearest. */
enum err step_find(const struct campaign *campaign, const char *name, size_t *stage);
/** One pass; report [n_stages]. is_held: nothing new is started. */
enum err step_campaign(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, bool is_held,
                       const char *user, struct step_stage *report);
/** All submissions of a stage; mem_free() the list. */
enum err step_submissions(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id,
                          size_t stage, struct ledger_submission **out, size_t *n);
/** Starts the next submission of a stage now, or one of its test; *n_started 0: `why` says for what it waits ("": there is
 *  nothing to do). Schedules and holds are not looked at. */
enum err step_launch(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, size_t stage,
                     bool is_test, const char *user, size_t *n_started, char why[200]);
/** Lets parked files of a stage be tried again, and its canary, if that failed. */
enum err step_retry(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, size_t stage,
                    const char *user);
/** Asks live submissions to stop: of a stage or list (NULL: all), or one of them (NULL: all). */
enum err step_kill(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, const char *stage,
                   const char *submission, size_t *n);

#endif
