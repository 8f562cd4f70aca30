/* Planning: from source and options to the list of units. Test: tests/t_job.c */
#ifndef GM2_JOB_UNITS_H
#define GM2_JOB_UNITS_H

#include "job.h"

/** Fills job->units; a job that watches a folder has none yet. ERR_OPTION, ERR_CONFIG. */
enum err job_plan(struct job *job);

#endif
