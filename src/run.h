/* The run loop: rank 0 deals units, every rank's worker runs them, all ranks gather complete shards.
 *
 * What is published is done: a restart needs no other state. Tests: tests/mpi/, tests/kill/ */
#ifndef GM2_RUN_H
#define GM2_RUN_H

#include "job.h"

enum { RUN_LATENCY_BINS = 192 };
/** Of a job that watches a folder. Latency: from the closing of a raw file to its product. */
struct run_watch_totals {
    int64_t n;    /* subruns published in this life */
    double bytes; /* of their raw files */
    double latency_max_s;
    int32_t latency_bins[RUN_LATENCY_BINS]; /* bin b holds 0.01 * 2^(b/8) s and up */
};

/** What a run did, on rank 0. */
struct run_totals {
    int64_t n_units, n_done_before, n_done, n_failed, n_left;
    int64_t n_fills; /* made in this life of the job */
    int64_t n_shards, n_shards_whole;
    double wall_s, unit_seconds, merge_seconds;
    double raw_bytes, unit_cpu_s; /* raw files of the units done now; CPU time of all units done now */
    struct run_watch_totals watch;
};

/** Collective: runs a job to its end, or until a signal. ERR_AGAIN: stopped early, nothing lost. All ranks return the
 *  same code. */
enum err run_job(struct job *job, struct chain *chain, struct run_totals *totals);

/** Median latency from the bins [s]. */
double run_latency_median_s(const struct run_watch_totals *t);

#endif
