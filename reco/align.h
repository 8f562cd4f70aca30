/* Time offsets from differences of times: crystals of a calorimeter from neighbours that see one shower, calorimeters from
 * muons that cross several. Least squares on a graph: channels are nodes, measured differences are links.
 *
 * Only differences are measured, so the mean of all offsets of a graph is 0. Tests: tests/t_align.c */
#ifndef GM2_ALIGN_H
#define GM2_ALIGN_H

#include "hist.h"

#include <stdbool.h>

enum { ALIGN_PAIRS = 93 }; /* neighbours in a calorimeter: 48 side by side, 45 one above the other */

/** The crystals of neighbour pair 0..92; the second is right of the first (larger x) or above it. */
void align_pair(int pair, int *first, int *second);
/** Number of a pair of crystals, in either order; -1 if they are not side by side. *is_swapped: the first is the larger. */
int align_pair_of(int a, int b, bool *is_swapped);

/** A measured difference: offset of `second` less that of `first`. */
struct align_link {
    int first, second;
    double dt_ns, error_ns;
};

struct align_node {
    double offset_ns, error_ns; /* 0 and 0 where not known */
    bool is_known;              /* joined to the others by links */
};

struct align_result {
    double chi2;
    int ndf;
    double common_ns, common_error_ns; /* see align_solve() */
};

/** Offsets of n nodes. Of several groups without a link between them the largest is solved, the others are not known.
 *  has_common: every link holds the same unknown constant besides (a flight time), which only closed loops tell; ERR_NUMBER
 *  if they do not. ERR_DATA for links that name no node or have no error. */
enum err align_solve(size_t n, const struct align_link *link, size_t n_links, bool has_common, struct align_node *node,
                     struct align_result *result);

/** Place of a peak in one row of a histogram. */
struct align_peak {
    int64_t n;             /* entries used */
    double mean, variance; /* of these, in the axis's unit */
};
/** Mean and variance within n_sigma rms of a row's peak, found as the stretch of twice least_width with most entries, repeated
 *  until it stands still; at least least_width on either side. n = 0: the row is empty. */
struct align_peak align_row_peak(const struct hist *h, int64_t row, double n_sigma, double least_width);

#endif
