/* What Slurm says of jobs, by their names: squeue, and sacct where a site has it. Test: tests/t_slurm_query.c */
#ifndef GM2_SLURM_QUERY_H
#define GM2_SLURM_QUERY_H

#include "executor.h"

struct slurm_job {
    char id[64], state[32], reason[100];
    int64_t begin_s, end_s; /* -1: not known */
};

/** Reads what squeue printed (slurm_query_format), for the job of that name, or element `index` of the array of that name
 *  (-1: no array). Of several (a job submitted twice) the one that is most alive. false: there is none. */
bool slurm_query_parse(const char *text, const char *name, int index, struct slurm_job *out);
extern const char slurm_query_format[];

/** Asks squeue; an answer of at most 2 s ago about all jobs serves too, if it has this one. ERR_AGAIN: the controller does not
 *  answer; told once in the log, and not asked again for 5 s. *is_known false: it lists no such job. */
enum err slurm_query(const char *name, int index, bool is_fresh, bool *is_known, struct slurm_job *out);

enum executor_answer slurm_query_answer(const struct slurm_job *job);

/** Reads what sacct printed (slurm_account_format) of a job and its steps: state, times, CPU, memory. false: nothing. */
bool slurm_account_parse(const char *text, struct executor_report *out);
extern const char slurm_account_format[];
/** Asks sacct for an ended job, if the site has it; else nothing changes. */
void slurm_account(const char *id, struct executor_report *out);

#endif
