/* What a stage's jobs will use, from what jobs of the same configuration did use. Nothing is guessed: what was never measured is
 * not known. Tests: tests/t_estimate.c, tests/cli/campaign_plan.sh */
#ifndef GM2_ESTIMATE_H
#define GM2_ESTIMATE_H

#include "campaign.h"
#include "catalogue.h"

/** A unit is a byte of input, or for a simulation a fill. Below 0: not known. */
struct estimate {
    double cpu_s, wall_s, out_bytes; /* of a unit; wall time of a job with one unit of work, start-up included */
    double out_files;                /* of an input file, or a fill */
    int64_t peak_kb;                 /* largest process; 0: not known */
    char from[100];                  /* "34 jobs of this configuration", "unknown" */
};

/** Medians over the last ESTIMATE_JOBS jobs that ended with all products: of the same configuration (any release); else of the
 *  same name of configuration; else a figure of this program's own benchmarks. Of a simulation: sums over all its jobs and
 *  products. */
enum { ESTIMATE_JOBS = 200 };
enum err estimate_read(struct catalogue *catalogue, const struct campaign_stage *stage, struct estimate *estimate);
/** The middle one of n values, the mean of two; sorts them. n > 0. */
double estimate_median(double *values, size_t n);

#endif
