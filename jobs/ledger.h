/* The ledger: what was submitted of each stage, and which files each submission holds, in the catalogue's database. What is
 * done is not in it: that is a question to the catalogue. So ledger and products cannot disagree.
 *
 * A file is held by at most one live submission of a version: of a stage by the key (stage_id, file_id), of all stages that
 * make the same (items of a list, other campaigns) by a look in the same transaction.
 * Tests: tests/t_ledger.c, tests/kill/campaign.sh */
#ifndef GM2_LEDGER_H
#define GM2_LEDGER_H

#include "catalogue.h"
#include "executor.h"

/* POMS's names and numbers; their order has a meaning. */
enum ledger_state {
    LEDGER_NEW           = 1000, /* noted; perhaps started: the executor knows */
    LEDGER_CANCELLED     = 1500,
    LEDGER_LAUNCH_FAILED = 2000,
    LEDGER_AWAITING      = 2400, /* approval */
    LEDGER_APPROVED      = 2500,
    LEDGER_IDLE          = 3000,
    LEDGER_RUNNING       = 4000,
    LEDGER_HELD          = 5000, /* by the batch system: it will not start by itself */
    LEDGER_FAILED        = 6000, /* ended; some of its files have no product */
    LEDGER_LOCATED       = 8000, /* ended; all products are in the catalogue */
    LEDGER_REMOVED       = 9000, /* a failed canary that was given up: another goes */
};
/** In SQL: started, or about to be, and not ended. */
#define LEDGER_LIVE "(1000, 3000, 4000, 5000)"
const char *ledger_state_name(enum ledger_state state);

struct ledger_submission {
    int64_t id, stage_id, n_files, create_s, update_s;
    enum ledger_state state;
    char name[160], batch_id[64], reason[200];
    struct executor_report seen; /* as last noted, but for its answer and exit_code -1 */
};

/** Makes the ledger's tables where they are not there. */
enum err ledger_init(struct catalogue *catalogue);

/** Notes a campaign, or finds it: *is_held tells. The text is that of its description; another text under the name is noted
 *  as a new edition. ERR_NOTFOUND for ledger_campaign_find() without one. */
enum err ledger_campaign(struct catalogue *catalogue, const char *name, const char *path, const char *text,
                         const char *user, int64_t *id);
enum err ledger_campaign_find(struct catalogue *catalogue, const char *name, int64_t *id, bool *is_held,
                              char path[1024]);
enum err ledger_hold(struct catalogue *catalogue, const char *name, bool is_held, const char *user);
/** The stage of a campaign for a version (configuration and release), as it stands; *id 0: it is not there. */
enum err ledger_stage_look(struct catalogue *catalogue, int64_t campaign_id, const char *name, const char *version_key,
                           int64_t *id);
/** The same; made where it is not there. *id 0: it is not, and this user may only look. */
enum err ledger_stage(struct catalogue *catalogue, int64_t campaign_id, const char *name, const char *version_key,
                      int64_t *id);

/** Notes a submission in state New that holds these files, all or nothing. ERR_MISMATCH: another holds one of them, or the
 *  check (NULL: none) says so, asked in the same transaction, when the submission is noted. */
enum err ledger_reserve(struct catalogue *catalogue, int64_t stage_id, const char *slice, const int64_t *files,
                        size_t n, const struct catalogue_check *check, struct ledger_submission *out);
/** Takes state and batch_id as they are now. ERR_MISMATCH: it is not live any more. A check for catalogue_declare_if() and
 *  ledger_reserve() too. */
enum err ledger_refresh(struct catalogue *catalogue, struct ledger_submission *submission);
/** Changes a submission's state; `from` must be its state still: ERR_MISMATCH if another was quicker. */
enum err ledger_change(struct catalogue *catalogue, struct ledger_submission *submission, enum ledger_state to,
                       const char *batch_id, const char *reason);
/** Notes what the executor says of a submission (columns begin_s, end_s, cpu_s, wall_s, max_rss_kb, exit_code, batch_state,
 *  batch_reason: null if not known); what is not known now stays as it was; nothing is written if nothing is new. */
enum err ledger_see(struct catalogue *catalogue, struct ledger_submission *submission,
                    const struct executor_report *report);

/** What became of a submission. */
struct ledger_verdict {
    enum ledger_state to; /* LEDGER_CANCELLED: no attempt; but LEDGER_STOPS_AN_ATTEMPT of them are */
    char reason[200];
    int64_t *not_done; /* [n_not_done] files without a product; ledger_end() frees it */
    size_t n_not_done;
};
enum { LEDGER_STOPS_AN_ATTEMPT = 10 };
/** Ends a submission: its files are let go; those that are not done count an attempt (or a stop), and are parked at
 *  max_attempts. judge() is asked in the same transaction, so that what it sees is what is written. ERR_MISMATCH: it is in
 *  another state by now. */
enum err ledger_end(struct catalogue *catalogue, struct ledger_submission *submission, int64_t max_attempts,
                    enum err (*judge)(void *context, struct ledger_verdict *out), void *context);

/** Submissions of a stage, newest last; live ones only if wanted. mem_free() the list. */
enum err ledger_submissions(struct catalogue *catalogue, int64_t stage_id, bool only_live,
                            struct ledger_submission **out, size_t *n);
/** One submission by its id. ERR_NOTFOUND. */
enum err ledger_submission(struct catalogue *catalogue, int64_t id, struct ledger_submission *out);
/* Files that live submissions of other stages hold, which make the same of them: of the version of stage $1. */
#define LEDGER_OTHERS_HOLD                                                                                             \
    "select h.file_id, 0 from stages a join stages b on b.version_key = a.version_key and b.id <> a.id "               \
    "join stage_files h on h.stage_id = b.id where a.id = $1 and h.file_id > 0 and h.submission_id is not null"
/** Files that may not be taken now: held by a live submission, of another stage of this version too, or parked; ascending.
 *  mem_free() it. */
enum err ledger_taken(struct catalogue *catalogue, int64_t stage_id, int64_t **ids, size_t *n, size_t *n_parked);
/** How many files of a stage live submissions hold, how many are parked; how many submissions live. */
enum err ledger_held(struct catalogue *catalogue, int64_t stage_id, int64_t *n_held, int64_t *n_parked, size_t *n_live);
/** Files of a submission, ascending. mem_free() it. */
enum err ledger_files(struct catalogue *catalogue, int64_t submission_id, int64_t **ids, size_t *n);
/** How many submissions a stage ever had. */
enum err ledger_count(struct catalogue *catalogue, int64_t stage_id, int64_t *n);
/** Lets parked files of a stage be tried again. */
enum err ledger_unpark(struct catalogue *catalogue, int64_t stage_id, const char *user);

#endif
