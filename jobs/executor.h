/* Executors: where submissions run. Each answers by the submission's folder and name, so that a start whose answer was lost
 * is found again and nothing is started twice. "Unknown" is an answer: then nothing is done.
 * Tests: tests/cli/campaign.sh, tests/kill/campaign.sh */
#ifndef GM2_EXECUTOR_H
#define GM2_EXECUTOR_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EXECUTOR_MAX_PATH = 2048, EXECUTOR_MAX_NAME = 128 };

enum executor_answer {
    EXECUTOR_UNKNOWN,     /* it could not be asked */
    EXECUTOR_NOT_STARTED, /* it never heard of it */
    EXECUTOR_WAITING,
    EXECUTOR_HELD, /* in the queue, and it will not begin before somebody lets it go */
    EXECUTOR_RUNNING,
    EXECUTOR_ENDED
};

/* What is known of a job. Numbers below 0 and empty words: not known. */
struct executor_report {
    enum executor_answer answer;
    int exit_code;               /* of an ended job; -1 if it left none (killed with its host) */
    char batch_id[64];           /* as found now */
    char state[40], reason[160]; /* the scheduler's own: COMPLETED, OUT_OF_MEMORY, NODE_FAIL, PREEMPTED, ... */
    int64_t begin_s, end_s;      /* unix time */
    double cpu_s, wall_s;        /* CPU of all processes */
    int64_t max_rss_kb;          /* of the largest process */
};
#define EXECUTOR_REPORT_NONE                                                                                           \
    {                                                                                                                  \
        .answer = EXECUTOR_UNKNOWN, .exit_code = -1, .begin_s = -1, .end_s = -1, .cpu_s = -1.0, .wall_s = -1.0,        \
        .max_rss_kb = -1                                                                                               \
    }

struct executor_job {
    const char *folder;      /* of its own, made by start(): log, exit status */
    const char *name;        /* unique */
    const char *const *argv; /* NULL-ended; argv[0] a path */
    int n_ranks;
    size_t n_options;
    const char *const *option; /* of the executor's own command: sbatch */
    int max_running;           /* of jobs started together; 0: any number */
};

struct executor {
    const char *name;
    /** Starts a job, or finds that it was started already. ERR_AGAIN with the scheduler's words: not accepted now (limits,
     *  no answer); nothing is lost. */
    enum err (*start)(const struct executor_job *job, char batch_id[64]);
    enum err (*ask)(const char *folder, const char *name, const char *batch_id, struct executor_report *report);
    /** Asks a job to stop (SIGTERM): what it has published stays. */
    enum err (*stop)(const char *folder, const char *name, const char *batch_id);
    /** Starts several at once, batch_id [n]; NULL if the scheduler has nothing for that. */
    enum err (*start_many)(const struct executor_job *jobs, size_t n, char (*batch_id)[64]);
    /** Refuses options of its command that no production may have, ERR_CONFIG; NULL: it takes no options. */
    enum err (*check)(const char *const *option, size_t n);
};

extern const struct executor executor_local, executor_slurm, executor_condor;
/** By name; ERR_CONFIG. */
enum err executor_find(const char *name, const struct executor **out);
/** FOLDER/file. ERR_WRITE: too long. */
enum err executor_path(const char *folder, const char *file, char path[EXECUTOR_MAX_PATH]);
/** What a scheduler knows a job by, "gm2.DIGEST.KINDNAME": unique by its folder, so that it is found when an answer was lost. */
void executor_job_name(const char *folder, const char *kind, const char *name, char out[EXECUTOR_MAX_NAME]);
/** jobs/grid_job: beside the program that jobs run, in ../jobs, or what GM2_GRID_JOB names. ERR_CONFIG.
 *  Test: tests/cli/campaign_places.sh */
enum err executor_wrapper(const char *program, char path[EXECUTOR_MAX_PATH]);
/** The number in a file of one line; false if there is none, or not a whole one yet. */
bool executor_read_number(const char *path, int *out);
/** Reads what a job left when it ended (FOLDER/exit): its exit status in the first line, then lines `begin_s`, `end_s`,
 *  `cpu_s`, `wall_s`, `max_rss_kb`, each with a number, as far as they are known. false: it left none. */
bool executor_read_exit(const char *folder, struct executor_report *report);

#endif
