/* What HTCondor says of jobs, by the attribute Gm2Name of their ClassAds. Tests: tests/t_condor_query.c, tests/cli/condor.sh */
#ifndef GM2_CONDOR_QUERY_H
#define GM2_CONDOR_QUERY_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

enum condor_status {
    CONDOR_IDLE = 1,
    CONDOR_RUNNING,
    CONDOR_REMOVED,
    CONDOR_COMPLETED,
    CONDOR_HELD,
    CONDOR_TRANSFERRING,
    CONDOR_SUSPENDED
};
struct condor_ad {
    char id[64], why[160]; /* why: held, or removed */
    int status;
    int64_t begin_s, end_s; /* numbers below 0: not known */
    double cpu_s, wall_s;
    int64_t rss_kb;
};

/** Reads what -af printed, a line a job, for the job of that name. ERR_AGAIN: its line is not understood. */
enum err condor_query_parse(const char *text, const char *name, bool *is_known, struct condor_ad *out);
/** Asks condor_q; an answer of at most 2 s ago about all jobs of campaigns serves too, if it has this one. ERR_AGAIN: no answer. */
enum err condor_query(const char *name, bool is_fresh, bool *is_known, struct condor_ad *out);
/** Asks condor_history: jobs that have left the queue. */
enum err condor_history(const char *name, bool *is_known, struct condor_ad *out);

#endif
