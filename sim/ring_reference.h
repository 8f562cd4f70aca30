/* Reference integrator for tests: long double Runge-Kutta of fourth order in azimuth, steps aligned with the edges of
 * the fields, full equations of motion and Thomas-BMT without splitting. One muon at a time, slow, independent of the
 * engine: it shares the ring's description only. 240 steps a turn are good to 3e-5 ppb of omega_a over 5,000 turns. */
#ifndef GM2_RING_REFERENCE_H
#define GM2_RING_REFERENCE_H

#include "ring_field.h"

#include <stdint.h>

/** Momenta and lengths in mm (see ring_field.h), spin along (r, y, phi), clock = omega_B t. */
struct ring_reference {
    long double r, y, p_r, p_phi, p_y, clock, s_r, s_y, s_phi;
};

/** From lab values at phi = 0: x, y [mm], momenta [GeV], spin along (r, phi, y), time [ns]. */
struct ring_reference ring_reference_start(const struct ring *ring, double x_mm, double y_mm, const double p_GeV[3],
                                           const double spin[3], double t_ns);
/** n whole turns from phi = 0 with about steps_per_turn steps a turn, no losses. */
void ring_reference_turns(const struct ring *ring, struct ring_reference *muon, int64_t n, int steps_per_turn);
/** Angle of the spin against the horizontal momentum, in the sense of the precession, -pi..pi [rad]. */
long double ring_reference_phase(const struct ring_reference *muon);
/** Total energy outside the ESQ in units of the mass (at phi = 0 outside an ESQ): conserved. */
long double ring_reference_gamma(const struct ring *ring, const struct ring_reference *muon);
/** The same in double precision, for the benchmark's ratio. */
void ring_reference_turns_f64(const struct ring *ring, double muon[9], int64_t n, int steps_per_turn);

#endif
