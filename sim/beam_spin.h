/* Histograms of what the orbits do to the spin: phase against momentum, and how much slower than omega_a each muon's spin
 * precesses, beside C_e and C_p by formula. Part of module BeamDynamics. Test: tests/t_beam_dynamics.c */
#ifndef GM2_BEAM_SPIN_H
#define GM2_BEAM_SPIN_H

#include "beam_optics.h"
#include "hist.h"

enum { BEAM_SPIN_SUMS = 22 };

/** For a line through s against u = 1 / w in bins of an amplitude squared: sums of 1, u, s, s u; squares are kept. */
struct beam_line {
    struct hist *n, *u, *s, *su;
};
struct beam_spin {
    struct hist *phase_delta, *entry_delta, *shift_x_e2, *shift_a_y2, *difference;
    struct beam_line line_e, line_p;
    struct hist *sum[BEAM_SPIN_SUMS]; /* one bin each */
};
/** Books beam/phase_delta ... beam/sum/... */
enum err beam_spin_book(struct hist_set *set, struct beam_spin *out);

/** One stored muon, from its start to its end. */
struct beam_life {
    double t_start_ns, t_end_ns, phase_start_rad, phase_end_rad, delta; /* delta = p / p_magic - 1 at the end */
    double x_e_mm, a_y2_mm2, field; /* field seen over B0, minus 1: taken away from the shift */
};
/** Fills all; muons that live less than 6.4 us are left out. */
void beam_spin_fill(const struct beam_optics *optics, const struct beam_life *life, struct beam_spin *to);

#endif
