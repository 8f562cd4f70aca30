/* Where the peaks of many like samples lie: Huber's location, one a group, with errors from what all groups have in common.
 *
 * m solves sum_i psi(x_i - m) = 0, psi(r) = r within +-clip and +-clip beyond. So strays far away weigh no more than one at
 * the clip, the solution is unique, and a shift of a sample is a shift of m. Its error is sqrt(E[psi^2] / n) / P(|r| < clip), with
 * both means taken over all groups. Source: Huber, Ann. Math. Statist. 35 (1964) 73. Tests: tests/t_location.c */
#ifndef GM2_LOCATION_H
#define GM2_LOCATION_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

struct location_sample {
    uint32_t group;
    double x;
};

struct location {
    int64_t n;
    double value, error; /* in the unit of x; 0 where not known */
    bool is_known;       /* of at least min_n values */
};

/** Locations of n_groups groups; samples are put in order of their groups. ERR_DATA for a sample of no group or no number. */
enum err location_groups(struct location_sample *sample, size_t n, double clip, int64_t min_n, size_t n_groups,
                         struct location *out);

#endif
