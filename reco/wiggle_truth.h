/* What R a simulated sample should give. Test: tests/t_cmd_fit.c */
#ifndef GM2_WIGGLE_TRUTH_H
#define GM2_WIGGLE_TRUTH_H

#include "wiggle_input.h"

/* Effective field index of the usual quadrupole setting, 18.3 kV. */
#define WIGGLE_FIELD_INDEX 0.108

struct wiggle_truth {
    double r_ppm;                 /* a_mu (e/m) B0 of phys.h: a muon at the magic momentum in the mid-plane */
    bool has_corrections;         /* the sample's decays are histogrammed (module Quality) */
    double delta_mean, delta_rms; /* p / p_magic - 1 */
    double c_e_ppm, c_p_ppm;      /* what the electric field and the pitch take away */
    double expected_ppm;          /* r_ppm - c_e_ppm - c_p_ppm */
};

/** From the histograms of decays after 30 us: C_e = 2 n beta^2 <delta^2> / (1 - n), C_p = n <y^2> / (2 R0^2), continuous
 *  quadrupoles of index WIGGLE_FIELD_INDEX. Source: Phys. Rev. Accel. Beams 24, 044002 (2021), electric field and pitch.
 *  Not in it: phase acceptance, differential decay, losses. */
struct wiggle_truth wiggle_truth(const struct wiggle_input *in);

/** Mean and rms of a histogram along x, or along y. */
void wiggle_truth_moments(const struct hist *h, bool along_y, double *mean, double *rms);

#endif
