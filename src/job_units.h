/* Planning: from source and options to the list of units. Test: tests/t_job.c */
#ifndef GM2_JOB_UNITS_H
#define GM2_JOB_UNITS_H

#include "job.h"

/** Fills job->units; a job that watches a folder has none yet. ERR_OPTION, ERR_CONFIG. */
enum err job_plan(struct job *job);
/** Room for n units and their costs. ERR_CONFIG if there are none or too many. */
enum err job_make_units(struct job *job, size_t n);

#endif
