/* The tracking engine: orbit and spin of many muons at once, compiled for each instruction set.
 *
 * Splitting in azimuth. In the dipole alone the motion over an angle is exact; the ESQ acts in kicks at two
 * Gauss-Legendre nodes per stretch with a force-gradient term (Chin's 4A), which makes orbit and spin fourth order.
 * The spin is carried in the frame of the horizontal momentum (n outward-ish, y, t along the momentum), where it only
 * turns by the anomaly. Equations: sim/README.md, "Gun and ring". Source: S. A. Chin, Phys. Lett. A 226 (1997) 344;
 * Thomas-BMT equation. Tests: tests/t_ring.c, tests/long_ring.c */
#ifndef GM2_RING_KERNEL_H
#define GM2_RING_KERNEL_H

#include "isa.h"
#include "ring_field.h"

#include <stddef.h>
#include <stdint.h>

enum { RING_LANES = 16 }; /* n of a batch is a multiple of this */

/** Turn-by-turn sums at the ring's monitors: sum[monitor][quantity][bin] of 1, x, x^2, y, y^2 [mm, mm^2] in units of
 *  1 / RING_SUM_UNIT (the first in ones): integers, so that their order does not matter. */
enum { RING_N_SUMS = 5 };
#define RING_SUM_UNIT 1048576.0
struct ring_monitors {
    int64_t *sum;
    size_t n_bins;
    double first_ns, per_bin_ns; /* start of bin 0; 1 / width */
};

/** Muons, a column each; all arrays hold n values. In: start; out: end. Frames: src/tables.h. */
struct ring_batch {
    size_t n;
    double *x_mm, *y_mm, *phi_rad, *p_r_GeV, *p_phi_GeV, *p_y_GeV, *s_r, *s_phi, *s_y, *t_ns;
    double *t_end_ns; /* when to stop */
    double *turns;    /* the turns made are added */
    double *fate;     /* out: 1 reached t_end_ns, 2 hit a collimator, 3 hit an ESQ plate or left the vacuum, 0 alive at
                         phi = 0 after last_crossing */
    struct ring_monitors *monitors; /* added to; NULL: none */
};

/** Tracks each muon from its own azimuth until t_end_ns, its loss, or its last_crossing of phi = 0. No allocation, no error: the caller has checked
 *  that momenta are within 10 % of magic and azimuths in 0..2 pi. A muon's result does not depend on its neighbours. */
ISA_DECLARE(void, ring_kernel_track, (const struct ring *ring, struct ring_batch *batch, double last_crossing))
/** Whole turns from phi = 0, without losses or end: for studies, tests and benchmarks. turns, fate, t_end_ns unused. */
ISA_DECLARE(void, ring_kernel_turns, (const struct ring *ring, struct ring_batch *batch, int64_t n_turns))

#endif
