/* What one muon's place in phase space says about its orbit and spin: equilibrium radius, vertical amplitude, phase of
 * precession, and the corrections of omega_a that belong to it. Pure functions. Test: tests/t_beam_dynamics.c */
#ifndef GM2_BEAM_OPTICS_H
#define GM2_BEAM_OPTICS_H

#include "ring_field.h"

enum { BEAM_AZIMUTHS = 1800 };

/** A ring's linear optics, looked up by azimuth. */
struct beam_optics {
    double omega_a_RADns;                     /* a (e/m) B0 sqrt(1 + (eta beta / 2a)^2) */
    double n;                                 /* field index averaged over azimuth */
    double dispersion_mm;                     /* averaged over azimuth: x_e = dispersion dp/p */
    double beta_x_mm, beta_y_mm;              /* averaged over azimuth */
    struct ring_optics at[BEAM_AZIMUTHS + 1]; /* every 0.2 degrees from 0 to 360 */
    bool has_field;                           /* the dipole has multipoles, here averaged over azimuth */
    double normal[DIPOLE_ORDERS], skew[DIPOLE_ORDERS];
};

/** ERR_CONFIG if the motion in this ring is not stable. */
enum err beam_optics_make(const struct ring *ring, struct beam_optics *out);

/** Equilibrium radius minus R0 [mm] of a muon with momentum p [GeV]: dispersion (p / p_magic - 1). */
double beam_optics_x_e_mm(const struct beam_optics *o, double p_GeV);
/** Squares of the betatron amplitudes [mm^2], averaged over azimuth: <beta> (x^2 + (alpha x + beta x')^2) / beta, the last
 *  beta and alpha at phi, interpolated; x less the dispersion's part at delta = dp/p. xp = p_r / p, yp = p_y / p [rad].
 *  Courant-Snyder. */
double beam_optics_a_x2_mm2(const struct beam_optics *o, double phi_rad, double x_mm, double xp_rad, double delta);
double beam_optics_a_y2_mm2(const struct beam_optics *o, double phi_rad, double y_mm, double yp_rad);

/** Electric-field correction of one muon, 2 n (1 - n) beta^2 x_e^2 / R0^2 [1]: smooth quadrupoles.
 *  Source: Run-1 beam-dynamics paper, arXiv:2104.03240. */
double beam_optics_c_e(const struct beam_optics *o, double x_e_mm);
/** Pitch correction of one muon, n A_y^2 / (4 R0^2) [1]; same source. */
double beam_optics_c_p(const struct beam_optics *o, double a_y2_mm2);

/** Field seen by a muon over B0, minus 1: the dipole's multipoles averaged over azimuth, betatron phases and both planes
 *  (exact to order 5); 0 without multipoles. */
double beam_optics_field(const struct beam_optics *o, double x_e_mm, double a_x2_mm2, double a_y2_mm2);

/** Angle of the spin against the horizontal momentum in the sense of the precession [rad], -pi .. pi. */
double beam_optics_phase_rad(double p_r, double p_phi, double s_r, double s_phi);
/** Angle brought to -pi .. pi. */
double beam_optics_wrap_rad(double angle_rad);

#endif
