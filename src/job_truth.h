/* Planning of jobs that read simulated truth (source TruthInput): a unit is a subrun, a file may hold many.
 * Tests: tests/t_truth_input.c, tests/cli/truth.sh */
#ifndef GM2_JOB_TRUTH_H
#define GM2_JOB_TRUTH_H

#include "job.h"

/** Collective: rank 0 looks into all files, all ranks get the units, by run and subrun. Refuses files without truth, made
 *  differently from the first (but for source.may_differ) or with another seed than the job's, and a subrun that comes twice.
 *  ERR_OPTION, ERR_OPEN, ERR_READ, ERR_DATA, ERR_MISMATCH, ERR_NOTFOUND. */
enum err job_plan_truth(struct job *job);

#endif
