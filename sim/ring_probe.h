/* Asking a ring by tracking: closed orbit, one-turn map, lattice functions, tunes, spin.
 *
 * A state at an azimuth is a ray u of canonical coordinates with the azimuth as independent variable,
 *     u = (x [mm], p_r/p_m, y [mm], p_y/p_m, zeta = -beta_m c t [mm], delta = (E - E_m) / (beta_m c p_m)),
 * E the total energy (kinetic and electric potential), index m: magic momentum on the design orbit. To first order delta
 * is dp/p outside the electric field. There is no vector potential in these components, so a map u -> u' of any stretch
 * satisfies M^T J M = J. Derivatives are five-point differences of tracked rays.
 * Fields are taken as constant in time: kickers and falling voltages are the caller's to take out.
 * Tests: tests/t_ring_probe.c */
#ifndef GM2_RING_PROBE_H
#define GM2_RING_PROBE_H

#include "ring_track.h"

#include <stdint.h>

enum { RAY_X, RAY_PX, RAY_Y, RAY_PY, RAY_ZETA, RAY_DELTA, RAY_N };

/** delta of a muon whose momentum outside the electric field is (1 + dp) times magic; and back. */
double ring_probe_delta(double dp);
double ring_probe_dp(double delta);
/** zeta of a time, and back. */
double ring_probe_zeta(double t_ns);
double ring_probe_time_ns(double zeta_mm);

/** Row i of a batch from a ray, its spin along its momentum; and a ray from a row. ERR_NUMBER if there is no such muon. */
enum err ring_probe_load(const struct ring *ring, double phi_rad, const double u[RAY_N], struct ring_batch *b,
                         size_t i);
void ring_probe_store(const struct ring *ring, double phi_rad, const struct ring_batch *b, size_t i, double u[RAY_N]);
/** Angle of a muon's spin against its horizontal momentum in the sense of the precession, -pi..pi [rad]. */
double ring_probe_phase(const struct ring_batch *b, size_t i);

/** A turn from phi = 0 for those rows of a batch whose fate is 0. A muon that is beyond the plates afterwards gets fate 3
 *  and is put onto the design orbit, where it disturbs nobody. */
enum err ring_probe_turn(const struct ring *ring, struct ring_batch *b);

/** Carries n rays from one azimuth, 0 <= from_rad < 2 pi, each to its own to_rad[i] > from_rad (it may lie turns ahead).
 *  phase_rad (may be NULL): how far the spin has turned against the momentum, -pi..pi. An azimuth within 1e-8 rad of an edge of the ESQ counts as outside of it.
 *  ERR_NUMBER if a ray does not arrive. */
enum err ring_probe_carry(const struct ring *ring, double from_rad, size_t n, const double (*in)[RAY_N],
                          const double *to_rad, double (*out)[RAY_N], double *phase_rad);

/** A map about a ray: image, matrix[i][k] = d out_i / d in_k, and the same for the spin's phase. */
struct ring_map {
    double out[RAY_N], matrix[RAY_N][RAY_N];
    double phase_rad, phase_slope[RAY_N];
};
/** n maps about one ray, from one azimuth to each of to_rad. */
enum err ring_probe_maps(const struct ring *ring, double from_rad, const double in[RAY_N], size_t n,
                         const double *to_rad, struct ring_map *out);
/** Largest element of M^T J M - J with lengths in units of R0, so that all elements are pure numbers. */
double ring_probe_symplectic_error(const struct ring_map *map);

/** The ray at phi = 0 that repeats after a turn in (x, p_r, y, p_y), by Newton's method; zeta = 0.
 *  ERR_CONFIG if there is
 *  none within the plates. map (may be NULL): the turn about it. */
enum err ring_probe_closed(const struct ring *ring, double delta, double ray[RAY_N], struct ring_map *map);

/** Lattice functions at an azimuth. */
struct ring_point {
    double phi_rad, orbit[RAY_N];
    double nu_x, nu_y, beta_x_mm, alpha_x, beta_y_mm, alpha_y; /* tunes modulo 1 */
    double dispersion_mm, dispersion_slope, dispersion_y_mm;   /* derivatives by delta */
    double coupling;                                           /* largest element that joins x and y, lengths in R0 */
};
/** From a one-turn map about the closed orbit: Courant-Snyder functions of its two diagonal blocks. ERR_CONFIG if the
 *  motion is not stable. */
enum err ring_probe_point(const struct ring_map *turn, double phi_rad, struct ring_point *out);
/** The same at n azimuths (0 <= phi < 2 pi), from the closed orbit at phi = 0 and its turn. */
enum err ring_probe_around(const struct ring *ring, const double closed[RAY_N], const struct ring_map *turn, size_t n,
                           const double *phi_rad, struct ring_point *out);

/** Tunes of n muons that start at phi = 0 with amplitudes a_x_mm, a_y_mm (at their outermost) about the closed orbit:
 *  strongest lines of the turn-by-turn motion, good to about 1e-8 for 1,024 turns. n_turns: a power of two, >= 64. NAN for
 *  a muon that is lost on the way. */
enum err ring_probe_tunes(const struct ring *ring, const double closed[RAY_N], const struct ring_point *at, size_t n,
                          const double *a_x_mm, const double *a_y_mm, size_t n_turns, double *nu_x, double *nu_y);

/** A muon's spin and energy over many turns from phi = 0; NAN if it is lost. */
struct ring_spin {
    double period_ns;   /* mean time of a turn */
    double omega_a_ppb; /* slope of the unwrapped phase, sin^4 window, against a e B0 / m: (omega - omega_a)/omega_a */
    double spin_tune;   /* turns of the spin against the momentum, a turn */
    double energy_change; /* largest change of delta */
};
/** Source of the window: reference tracking by Runge-Kutta, see tests/t_ring_lattice.c. */
enum err ring_probe_spin(const struct ring *ring, size_t n, const double (*start)[RAY_N], size_t n_turns,
                         struct ring_spin *out);

#endif
