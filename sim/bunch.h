/* What the guns share: the bunch's profile in time, spin and life of a muon at its start. Tests: tests/t_guns.c */
#ifndef GM2_BUNCH_H
#define GM2_BUNCH_H

#include "rng.h"

enum { BUNCH_N = 61 };

/** Cumulative sums of the W-shaped profile. */
struct bunch {
    double sum[BUNCH_N + 1];
};

/** Delivered beam of 2016 (simulated), every 2 ns from -60 to +60 ns; Gauss fallback and numbers: physics sheet 2.2. */
struct bunch bunch_make(void);
/** A time from the W, linear within its 2 ns bins, from -61 to +61 ns; one uniform number. */
double bunch_draw_ns(const struct bunch *bunch, struct rng *r);

/** A direction of flight (u_r, u_phi, u_y), normalised by the caller. */
struct bunch_direction {
    double r, phi, y;
};
/** Rest-frame spin of length `polarisation` along the direction (against it if negative), turned about the vertical by
 *  phase_rad: a phase ahead is a rotation inwards. */
void bunch_spin(struct bunch_direction u, double polarisation, double phase_rad, double *s_r, double *s_phi,
                double *s_y);
/** A life in the laboratory: - gamma tau ln u [ns]; one uniform number. */
double bunch_life_ns(double p_GeV, struct rng *r);

#endif
