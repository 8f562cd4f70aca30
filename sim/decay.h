/* Muon decay at rest and in flight: the polarised Michel spectrum. Test: tests/t_decay.c */
#ifndef GM2_DECAY_H
#define GM2_DECAY_H

#include "rng.h"

/* Largest positron energy in the muon's frame [GeV]: (m_mu^2 + m_e^2) / (2 m_mu). */
#define DECAY_W_GeV 0.05283042294

/** Reduced energy x = E/W in the muon frame, (0, 1], below which a fraction u in (0, 1) of the decays lies: the root of 2x^3 - x^4 = u,
 *  the integral of n(x) = 2x^2(3-2x). Accurate to 1e-14. */
double decay_x(double u);
/** Positron of one decay. p_mu_GeV, spin, p_out_GeV: [3] on the same axes, here (r, phi, y); spin is that of the muon's
 *  rest frame reached by the pure boost (as in Thomas-BMT), its length the polarisation (cut at 1). Three uniform
 *  numbers are drawn: the density x^2[(3-2x) + P(2x-1) cos theta] is inverted, massless matrix element, no radiative
 *  correction; kinematics with the positron's mass. Source: Kuno, Okada, Rev. Mod. Phys. 73 (2001) 151. */
void decay_positron(struct rng *r, const double p_mu_GeV[3], const double spin[3], double p_out_GeV[3]);

#endif
