/* Where a campaign stands, in numbers. Each is a count over the database's tables, all at one moment, and equals a fresh count
 * (tests/recount.py). Of a stage, what counts is its present version (configuration and release).
 * Tests: tests/cli/campaign_status.sh, tests/server/parity.sh */
#ifndef GM2_STATUS_H
#define GM2_STATUS_H

#include "campaign.h"
#include "catalogue.h"
#include "latency.h"
#include "step.h"

#include <cjson/cJSON.h>

enum {
    STATUS_DAYS     = 7,
    STATUS_LATEST   = 10,
    STATUS_FAILURES = 20,
    STATUS_HINTS    = 10,
    STATUS_VERSIONS = 10,
    STATUS_OLDER    = 20,
    STATUS_RATE_S   = 86400
};

/** Submissions by where they are: of the four that the production's page has, percentages; and the live ones. */
struct status_jobs {
    int64_t n, n_cancelled, n_failed, n_held, n_success; /* n: all that ever were */
    int64_t n_idle, n_running;                           /* idle: noted, to be approved, or in the queue */
};

/** What submissions used, of those whose executor says so. */
struct status_use {
    int64_t n_cpu;                          /* submissions with CPU and wall time */
    double cpu_s, core_s;                   /* CPU time; wall time x cores */
    int64_t n_memory, mean_rss_kb, peak_kb; /* largest process of each: mean and maximum */
    int64_t requested_kb;                   /* memory of one process as asked of the executor; 0: nothing was asked */
};

struct status_day {
    int64_t start_s;                       /* 0 h UTC */
    int64_t n_submitted, n_done, n_failed; /* submissions */
    int64_t n_files;                       /* products declared */
};

struct status_failure {
    int64_t n;
    int exit_code;  /* -1: none was left */
    char state[40]; /* of the scheduler, "" if it says none */
};

/** A live submission, or a late one. */
struct status_submission {
    int64_t id, create_s; /* id 0: there is none */
    size_t stage;
    enum ledger_state state;
    char name[160], user[64], batch_id[64], reason[200];
};

/** A live submission that its stage, as it is described now, does not know: of another version, folder or executor. */
struct status_older {
    int64_t n_files, create_s;
    enum ledger_state state;
    char name[160], stage[104], version[VERSION_KEY_TEXT], folder[1600]; /* folder: of its stage then */
};

/** Something that a human should look at, and what to type. */
struct status_hint {
    char what[400], next[2400];
};

/** What there is of another version of a stage. */
struct status_version {
    char key[VERSION_KEY_TEXT];
    int64_t n, n_done, update_s; /* submissions; of them Located; the last change */
};

struct status_stage {
    int64_t id; /* in the ledger; 0: nothing was submitted of this version yet */
    char version_key[VERSION_KEY_TEXT];
    struct step_stage look;
    const char *state; /* complete, waits, running, parked, due, no input */
    char change[200];  /* of its dataset; "": none */
    size_t n_left;     /* files: neither done, nor running, nor parked */
    struct status_jobs jobs;
    int64_t n_other;   /* submissions of other versions */
    size_t n_versions; /* other versions with submissions: all; the list has the last changed */
    struct status_version version[STATUS_VERSIONS];
    struct status_use use;
    int64_t n_subruns, n_subruns_done;     /* of its dataset; of a simulation, fills */
    int64_t n_recent;                      /* files done in the last STATUS_RATE_S, or since its first submission */
    double recent_s, left_s;               /* the time they took; time that is left at this rate, -1: not known */
    struct status_submission oldest;       /* live */
    struct status_submission held, failed; /* the first that is held, the last that failed */
    size_t n_latest;
    struct status_submission latest[STATUS_LATEST]; /* newest first */
    struct latency latency[N_LATENCY_KINDS];
    struct latency_progress progress;
    struct status_day day[STATUS_DAYS];
    struct status_failure failure[STATUS_FAILURES];
    size_t n_failures, n_hints;
    struct status_hint hint[STATUS_HINTS];
};

struct status {
    const struct campaign *campaign;
    const char *db; /* as typed */
    int64_t id, at_s;
    bool is_held;
    size_t n_latest;
    struct status_submission latest[STATUS_LATEST]; /* newest first */
    size_t n_older;                                 /* all; the list has the first of them */
    struct status_older older[STATUS_OLDER];
    struct status_stage *stage; /* [campaign->n_stages] */
};

/** Counts, in one transaction that reads; nothing is changed. The campaign is lent. `also`, if it is not NULL, is called in the
 *  same transaction (perhaps again). Free with status_free(). */
enum err status_read(struct catalogue *catalogue, const struct campaign *campaign, int64_t campaign_id, bool is_held,
                     const char *db, enum err (*also)(void *context), void *context, struct status *out);
void status_free(struct status *status);

/** Share of n in n_all [%]; 0 if n_all is 0. */
double status_percent(int64_t n, int64_t n_all);
/** CPU time / (wall time x cores), peak RSS / memory asked for [%]; -1: not known. */
double status_cpu_percent(const struct status_use *use);
double status_memory_percent(const struct status_use *use);
/** The word for where a stage stands. */
const char *status_state(const struct step_stage *stage);
/** "YYYYMMDD_HHMMSS_user_id", as the production's page lists outputs. */
void status_label(const struct status_submission *submission, char out[160]);
/** For what a stage waits: its `why`, or the stages that it needs; "": for nothing. */
void status_waits(const struct status *k, size_t index, char out[400]);
/** Folder of a submission, in that of the campaign: there are its log, its list of inputs, its products. */
void status_folder(const struct status *k, const struct status_submission *submission, char out[400]);
/** "2026-03-01 12:00:05", UTC. */
void status_time(int64_t at_s, char out[32]);
/** "2.5 h", "3.1 d", ...; "-" if it is below 0. */
void status_duration(double s, char out[32]);
/** Memory that a stage asks for, of one process [kB], from --mem, --mem-per-cpu, request_memory of its options; 0:
 *  none. */
int64_t status_requested_kb(const struct campaign_stage_cfg *cfg);
/** The value of an option of the scheduler, --NAME=V, --NAME V or -L V; NULL if it is not there. */
const char *status_option(const struct strs *options, const char *name, const char *letter);
/** Notes what a human should look at. */
void status_add_hints(const struct status *k, size_t index);
/** What to type next, one line; `sum`: its stages, each added by status_add_stage(). */
struct status_sum {
    size_t n, n_complete, n_parked, n_live, n_older; /* n_older: live submissions of earlier descriptions */
    size_t n_starved;                                /* stages that are due, but whose dataset selects no file */
    size_t n_due;                                    /* all others that are neither complete nor wait for another */
    const char *approval;                            /* the stage that awaits one, NULL */
    const char *canary;                              /* the stage whose canary keeps the rest from starting, NULL */
    bool has_hints;                                  /* they are shown above */
};
void status_add_stage(struct status_sum *sum, const char *stage, const struct step_stage *look);
void status_say_next(const struct status_sum *sum, const char *campaign, bool is_held, const char *db, char out[400]);
void status_next(const struct status *k, char out[400]);

/** All of it as JSON; free with cJSON_Delete(). NULL: out of memory. */
cJSON *status_json(const struct status *k);
/** For a terminal of 100 columns; stage SIZE_MAX: the campaign, else one stage. */
void status_print(const struct status *k, size_t stage);

#endif
