/* A batch system that goes wrong on purpose, the same for the same seed, in time of its own. Its jobs read their list of inputs
 * and make small products with metadata beside them, as gm2 does. What it knows lies in shared memory, so that a manager
 * that is killed leaves it as it was. It stands in for every executor (-Wl,--wrap=executor_find). */
#ifndef FAKE_SCHEDULER_H
#define FAKE_SCHEDULER_H

#include "executor.h"

#include <stdint.h>

/* What may go wrong; each has its share (per cent). */
enum fake_fault {
    FAKE_ANSWER_LOST,    /* a start is taken, but an error told */
    FAKE_REFUSED,        /* it is not */
    FAKE_LATE,           /* an error is told, and the job is there some asks later */
    FAKE_TWICE,          /* it is run twice */
    FAKE_NO_ANSWER,      /* asked: unknown, or an error */
    FAKE_OLD_ANSWER,     /* asked: what was right some time ago */
    FAKE_LIST_EMPTY,     /* asked: not listed, though it waits or runs */
    FAKE_PURGED,         /* forgotten soon after it ended */
    FAKE_HELD,           /* waits for long */
    FAKE_FOR_EVER,       /* does not end by itself or when asked */
    FAKE_REQUEUED,       /* taken off the node, run again */
    FAKE_NOTHING,        /* ends with 0, without a product, or with one less */
    FAKE_ALL_BUT_FAILED, /* ends with 1, with all products */
    FAKE_PARTIAL,        /* ends with 1, some products */
    FAKE_STOPPED,        /* ends with 75, some products */
    FAKE_NODE_LOST,      /* no exit status, some products, one of them half written */
    FAKE_LATE_PRODUCTS,  /* products appear after it was said to have ended */
    FAKE_BAD_METADATA,   /* a product's metadata are cut, or there are metadata without a product */
    FAKE_ROGUE,          /* makes another's product too, with other bytes */
    FAKE_BLACK_HOLE,     /* a node where all jobs end at once with 1 */
    FAKE_N_FAULTS
};
extern const char *const fake_fault_names[FAKE_N_FAULTS];

enum fake_state { FAKE_QUEUED, FAKE_RUNNING, FAKE_ENDED };
enum { FAKE_MAX_JOBS = 3000, FAKE_MAX_NAME = 200, FAKE_MAX_PATH = 600 };

struct fake_job {
    char name[FAKE_MAX_NAME], folder[FAKE_MAX_PATH], output[FAKE_MAX_PATH], config[48];
    int64_t n_fills, n_skipped; /* of a simulation; n_fills 0: by its list */
    enum fake_state state;
    enum fake_fault fault; /* FAKE_N_FAULTS: none */
    int n_hidden_asks;     /* not there yet for so many asks */
    bool is_begun, is_purged, is_stopped, is_told_ended, has_rogue;
    int64_t begin_s, end_s, purge_s, late_s;
    int n_lives, exit_code;
    uint64_t dice;
};

/* What the last answers about a submission were. */
struct fake_told {
    char name[FAKE_MAX_NAME], folder[FAKE_MAX_PATH]; /* folder: where it was looked for */
    enum executor_answer answer, before;
    bool has_ended;
};

struct fake {
    uint64_t seed, dice;
    int64_t now_s, skew_s; /* of the jobs; the manager's clock shows their sum */
    int share[FAKE_N_FAULTS];
    int64_t n_seen[FAKE_N_FAULTS]; /* how often each came to pass */
    bool is_marked;                /* jobs obey FOLDER/begun and FOLDER/closed, as the scripts of gm2 do */
    bool has_locks;                /* of files; some shared file systems have none */
    int shard;                     /* inputs in a product */
    int64_t hole_begin_s, hole_end_s;
    int n_jobs, n_told, n_starts;
    struct fake_job job[FAKE_MAX_JOBS];
    struct fake_told told[FAKE_MAX_JOBS];
    char rogue[FAKE_MAX_NAME]; /* a product that is in the catalogue, to be made with other bytes */
    int64_t n_rogues;          /* seen by a manager */
    char violation[400];       /* the first promise that was broken */
};

extern struct fake *fake; /* shared with children */
/** Whether a start is right now, as the catalogue and the ledger have it; set by the history. Says what is wrong. */
extern void (*fake_check_start)(const struct executor_job *job);
/** Whether a question is asked as the ledger knows the submission. */
extern void (*fake_check_ask)(const char *name, const char *batch_id);
/** The same when a job begins. */
extern void (*fake_check_begin)(const struct fake_job *job);
/** Whether the disk's and the database's faults are off: jobs are not the manager. */
extern bool fake_is_working;

void fake_reset(uint64_t seed);
/** The next of a sequence, 0 .. n-1. */
int fake_roll(uint64_t *dice, int n);
bool fake_chance(uint64_t *dice, int percent);
/** Lets time go by: jobs begin, make products, end. */
void fake_advance(int64_t seconds);
/** Everything goes well from now on; what hangs is ended. */
void fake_heal(void);
void fake_blame(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** The test itself cannot go on, as its folder is gone or the disk is full: says so, with the last error, and aborts. */
void fake_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/** Content of a product: `units` and `parents` are words in order. Its file and metadata under final names. */
void fake_publish(const char *path, const char *config, const char *tier, const char *units, const char *parents,
                  bool is_other);

#endif
