/* The run loop: rank 0 deals units, every rank's worker runs them, all ranks gather complete shards.
 *
 * What is published is done: a restart needs no other state. Tests: tests/mpi/, tests/kill/ */
#ifndef GM2_RUN_H
#define GM2_RUN_H

#include "job.h"

/** What a run did, on rank 0. */
struct run_totals {
    int64_t n_units, n_done_before, n_done, n_failed, n_left;
    int64_t n_fills; /* made in this life of the job */
    int64_t n_shards, n_shards_whole;
    double wall_s, unit_seconds, merge_seconds;
};

/** Collective: runs a job to its end, or until a signal. ERR_AGAIN: stopped early, nothing lost. All ranks return the
 *  same code. */
enum err run_job(struct job *job, struct chain *chain, struct run_totals *totals);

#endif
