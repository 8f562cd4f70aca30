/* HTCondor's languages as text: submit files, DAGs, the equivalent jobsub command. Nothing of a value can end a line or start a
 * macro. Tests: tests/t_condor_text.c, with a parser of its own tests/cli/condor.sh */
#ifndef GM2_CONDOR_TEXT_H
#define GM2_CONDOR_TEXT_H

#include "executor.h"
#include "sql.h"

struct condor_job {
    const char *name;        /* Gm2Name of the job's ClassAd: it is found by it */
    const char *wrapper;     /* grid_job */
    const char *const *argv; /* the wrapper's arguments, NULL-ended */
    const char *folder;
    const char *const *input;       /* files of the folder that travel, NULL-ended */
    const char *const *environment; /* NAME=VALUE, NULL-ended */
    const char *const *line;        /* of the user: "request_memory = 1990MB" */
    size_t n_lines;
};

/** Lines that a user may add: KEY = VALUE of one line, but none of those that condor_text_submit() writes. ERR_CONFIG. */
enum err condor_text_check(const char *const *line, size_t n);
/** A submit file. ERR_CONFIG: a word that cannot be said in it (a line break, "$(" ). */
enum err condor_text_submit(const struct condor_job *job, struct sql *out);
/** The same as a command for jobsub; memory, disk and lifetime from the user's lines. */
enum err condor_text_jobsub(const struct condor_job *job, struct sql *out);
/** A DAG of n nodes without dependencies, each with FOLDER/job.sub; at most max_running at a time (0: any number). Its own job
 *  is found by the name. A node's failure is the node's: no script masks it. */
enum err condor_text_dag(const char *name, const char *const *folder, size_t n, int max_running, struct sql *out);

#endif
