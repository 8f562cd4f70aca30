/* The inflector as a field-free straight channel, and the beam that passes through it. Pure functions.
 *
 * Entrance and exit are planes across the channel's axis; x, y, x', y' count from the axis, x outward. At the exit the
 * axis stands at radius R0 + exit_x and azimuth exit_phi, with the slope dx/ds = axis_slope to the tangent. The tilt of
 * the exit plane against phi = const is neglected: 9 mm times the slope, below 0.05 mm along the beam.
 * Windows and coils scatter; they take no energy. Test: tests/t_guns.c */
#ifndef GM2_INFLECTOR_H
#define GM2_INFLECTOR_H

#include "rng.h"

/** Twiss parameters of one plane at the entrance; alpha > 0: the beam converges. */
struct inflector_twiss {
    double beta_mm, alpha, emittance_mm; /* rms emittance [mm rad] */
};
struct inflector {
    double length_mm, half_width_mm, half_height_mm;
    double scatter_rad; /* rms angle of scattering in x and in y, at the entrance and again at the exit */
    struct inflector_twiss x, y;
    double x0_mm, xp0, y0_mm, yp0;          /* of the beam's centre to the axis, at the entrance */
    double dispersion_mm, dispersion_slope; /* at the exit: x = D delta, x' = D' delta */
};
struct inflector_ray {
    double x_mm, xp, y_mm, yp;
};
enum inflector_fate { INFLECTOR_PASSED, INFLECTOR_AT_ENTRANCE, INFLECTOR_INSIDE, INFLECTOR_FATES };

/** Rms emittance [mm rad] of the ellipse that holds 95 % of a Gaussian beam, in the customary pi mm mrad:
 *  e / (-2 ln 0.05) * 1e-3. */
double inflector_rms_emittance(double e95_pi_mm_mrad);
/** A muon of momentum magic (1 + delta) at the entrance; four normal numbers. */
struct inflector_ray inflector_draw(const struct inflector *f, double delta, struct rng *r);
/** Follows a ray to the exit. The channel is convex, so who is inside at both ends is inside in between. Two normal numbers
 *  at each end that scatters. */
enum inflector_fate inflector_pass(const struct inflector *f, struct rng *r, struct inflector_ray *ray);
/** Twiss parameters at the exit from those at the entrance, by the drift matrix: beta - 2 alpha L + gamma L^2, alpha - gamma L. */
struct inflector_twiss inflector_twiss_at_exit(const struct inflector_twiss *t, double length_mm);
/** Slope to the tangent at which a muon of magic momentum must leave a point at R0 + x_mm to cross the design orbit
 *  angle_rad further on, in the uniform field: its circle has the radius R0 and passes through both points. Defined for
 *  0 < angle < pi. */
double inflector_aim_slope(double x_mm, double angle_rad);

#endif
