/* Histories: short campaigns of several stages on the fake batch system, and a judge who knows nothing of the product's code: he
 * reads the tables, the files and what the fake has seen. */
#ifndef HISTORY_H
#define HISTORY_H

#include "campaign.h"
#include "catalogue.h"
#include "fake_scheduler.h"
#include "fault_points.h"
#include "step.h"

enum {
    HISTORY_MAX_STAGES   = 3,
    HISTORY_MAX_MANAGERS = 3,
    HISTORY_MAX_FILES    = 4000,
    HISTORY_MAX_VERSIONS = 2 * HISTORY_MAX_STAGES + 1
};

struct history {
    uint64_t seed, dice;
    char folder[120], url[200];
    int n_stages, n_units, n_managers;
    struct campaign campaign,
        other; /* other: the description that takes its place, of another version from a stage on */
    struct campaign_stage stage[HISTORY_MAX_STAGES], other_stage[HISTORY_MAX_STAGES];
    int first_changed, change_at; /* at this pass; -1: never */
    bool is_changed, goes_back, is_final;
    size_t order[HISTORY_MAX_STAGES], need[HISTORY_MAX_STAGES];
    struct step_stage report[HISTORY_MAX_STAGES];
    int64_t campaign_id;
    struct catalogue *manager[HISTORY_MAX_MANAGERS], *judge;
    int depth; /* managers at work, one within another's pause */
    int n_passes;
    bool may_fail;  /* passes may end with an error */
    bool is_judged; /* attempts are followed from the beginning */
    /* what the judge has seen */
    bool is_ended[FAKE_MAX_JOBS];
    int attempts[HISTORY_MAX_VERSIONS][HISTORY_MAX_FILES], stops[HISTORY_MAX_VERSIONS][HISTORY_MAX_FILES];
};
extern struct history history;

/** How much goes wrong. */
struct history_plan {
    bool has_faults, has_jumps, has_change;
    int n_managers;
    int n_units; /* 0: by the seed */
};

/** A folder, a database and a campaign; managers are not connected yet. */
void history_begin(uint64_t seed, const struct history_plan *plan);
void history_connect(int n_managers);
void history_disconnect(void);
/** The description that counts now; the stage, by its number in the ledger. */
const struct campaign *history_campaign(void);
const struct campaign_stage *history_stage(int64_t stage_id);
/** Passes until all is complete (true) or `max` were made. */
bool history_loop(int max, bool has_jumps);
/** One pass of a manager; what the judge says of it is in fake->violation. */
void history_pass(int manager);
/** Faults end; parked files are tried again; all must be complete in `max` passes. */
void history_finish(int max);
void history_end(void);
/** A history of faults from its seed to the verdict; true: nothing is wrong. */
bool history_run(uint64_t seed);
/** How many of n are wrong (it stops at ten); prints what came to pass. */
int history_run_many(uint64_t first, long n);

/* ---- the judge (history_judge.c) ---- */
/** Parked files are tried again: their attempts are forgotten. */
void history_forgive(void);
/** The newest product of the catalogue is the one that rogues make with other bytes. */
void history_choose_rogue(void);
/** Between passes: nothing held twice, nothing made twice, attempts counted right. */
void history_check(void);
/** At the end: each unit once in catalogue, ledger and on disk, with the right bytes. */
void history_check_end(void);
/** The first column of the first row; -1 without one. */
int64_t history_number(const char *sql, int64_t a, int64_t b);

#endif
