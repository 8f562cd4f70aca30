/* The ring as the tracking engine sees it: a uniform dipole field, electrostatic quadrupoles (ESQ) and collimators.
 *
 * Frame: r radius from the ring's centre, phi azimuth along the beam, y up, x = r - R0. Units inside the engine:
 * momenta are divided by e B0 and so are lengths in mm (the magic momentum is R0); gamma is the Lorentz factor. With
 *     kappa = e B0 / (m c) [1/mm],   gamma^2 = 1 + kappa^2 p^2,
 * the electric field is scaled to eps = E / (kappa^2 m) [mm], so that an ESQ changes the momentum by
 *     dp = eps gamma (r / p_phi) dphi,
 * and its potential to U (eps = -grad U), so that the edge changes the energy by dgamma = -kappa^2 U. A linear ESQ has
 * eps = (K x, -K y), K gamma = the field index inside it. Tests: tests/t_ring.c, tests/t_ring_lattice.c */
#ifndef GM2_RING_FIELD_H
#define GM2_RING_FIELD_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

#define RING_PLATES_MM 50.0 /* inner faces of the ESQ plates: |x| and |y| beyond it are lost */

enum ring_layout {
    RING_13_26,     /* four times 13 + 26 degrees, physics of the real ring */
    RING_39,        /* four contiguous 39 degrees from phi = 0: the bench ring */
    RING_CONTINUOUS /* ESQ all around, no edges */
};

enum {
    RING_MAX_ORDER       = 14, /* highest multipole: 28-pole */
    RING_EVEN_TERMS      = 7,  /* orders 2, 4 ... 14 */
    RING_MAX_STEPS       = 256,
    RING_MAX_OPS         = 768,
    RING_MAX_COLLIMATORS = 12
};

/** What a user chooses. Potential of the ESQ: V(r,theta) = sum (r/45 mm)^n [b_n cos n theta + a_n sin n theta]. */
struct ring_setup {
    enum ring_layout layout;
    double normal_V[RING_MAX_ORDER + 1]; /* b_n; b_2 < 0 focuses mu+ vertically */
    double skew_V[RING_MAX_ORDER + 1];   /* a_n */
    bool is_curved;                      /* a quadrupole alone is corrected for the ring's curvature */
    double pair_deg;                     /* longest stretch of ESQ handled by one pair of kicks */
    double collimator_deg[RING_MAX_COLLIMATORS];
    size_t n_collimators;
    double aperture_mm; /* radius of the collimators' circle */
};

/** Pieces of the ring, in order of azimuth. */
enum ring_step_kind {
    RING_DRIFT, /* dipole field only */
    RING_PAIR,  /* ESQ body: plates looked at, drift, kick, drift, kick, drift */
    RING_ENTER, /* hard edge into an ESQ */
    RING_EXIT,  /* and out */
    RING_PLANE  /* collimator */
};
struct ring_step {
    enum ring_step_kind kind;
    double phi_rad, length_rad;
};

/* Chin's 4A, (2 - sqrt 3) / 12: a pair of kicks over h in a field of index n has its force changed by n h^2 of this. */
#define RING_GRADIENT 0.022329099369260225

/** The same as elementary operations with their constants, for whole turns. */
enum ring_op_kind { RING_OP_DRIFT, RING_OP_KICK, RING_OP_ENTER, RING_OP_EXIT, RING_OP_PLATES, RING_OP_PLANE };
struct ring_op {
    enum ring_op_kind kind;
    double phi_rad;                 /* azimuth at its end */
    double angle_rad, cosine, sine; /* drift */
    double weight_rad;              /* kick: half the length of its pair */
    double gradient, clock;         /* kick: strength of the force gradient, term of the clock */
};

enum ring_field_kind {
    RING_LINEAR,
    RING_CURVED, /* E_r = (k/2)(r - R0^2/r), E_y = -k y: obeys Laplace's equation in the ring's curvature */
    RING_EVEN,   /* normal multipoles of even order */
    RING_GENERAL
};

struct ring {
    double kappa, a, GeV, omega_B; /* 1/mm, anomaly, GeV per mm of momentum, e B0 / m [rad/ns] */
    enum ring_field_kind field;
    double linear;                      /* K [1]: eps = (K x, -K y) of the quadrupole alone */
    double n_inside;                    /* field index inside the ESQ: K gamma_magic */
    double n_mean;                      /* averaged over azimuth: the field index n */
    double even[RING_EVEN_TERMS];       /* eps_x - i eps_y = z sum even[m] z^(2m), z = x + i y [mm] */
    double even_slope[RING_EVEN_TERMS]; /* derivative of the above: sum even_slope[m] z^(2m) */
    double even_U[RING_EVEN_TERMS];     /* U = -Re sum even_U[m] z^(2m+2) */
    double normal[RING_MAX_ORDER];      /* eps_x - i eps_y = sum (normal[k] - i skew[k]) z^k */
    double skew[RING_MAX_ORDER];
    double aperture_mm;
    struct ring_step steps[RING_MAX_STEPS];
    size_t n_steps;
    struct ring_op ops[RING_MAX_OPS];
    size_t n_ops;
};

/** The default: 13+26 degrees, multipoles of the "NIM array" at 18.3 kV, the two collimators of Run-1. */
struct ring_setup ring_setup_default(void);
/** Sets the multipoles to the "NIM array" scaled to a voltage [kV] (24 kV gives n = 0.141). */
void ring_setup_nim(struct ring_setup *setup, double high_voltage_kV);
/** Sets a pure quadrupole of azimuth-averaged field index n, 0 < n < 0.5, for the setup's layout. */
void ring_setup_linear(struct ring_setup *setup, double n);
/** Makes the ring; ERR_CONFIG if the setup cannot be built (too many pieces, a collimator inside an ESQ, ...). */
enum err ring_build(const struct ring_setup *setup, struct ring *out);

/** Electric field eps [mm] at (x, y) [mm] inside an ESQ, and potential U [mm^2]. */
void ring_field(const struct ring *ring, double x_mm, double y_mm, double *eps_x, double *eps_y);
double ring_potential(const struct ring *ring, double x_mm, double y_mm);

/** Linear optics at an azimuth, from the product of hard-edge matrices of the quadrupole part. */
struct ring_optics {
    double nu_x, nu_y; /* tunes */
    double beta_x_mm, alpha_x, beta_y_mm, alpha_y;
    double dispersion_mm, dispersion_slope; /* closed orbit x = D delta, x' = D' delta (x' = p_r / p) */
};
/** Source: Courant-Snyder theory. ERR_CONFIG if the motion is not stable. */
enum err ring_optics(const struct ring *ring, double phi_rad, struct ring_optics *out);
/** Averages over azimuth (the equilibrium radius is R0 + mean D delta); alphas and slopes are left 0. */
enum err ring_mean_optics(const struct ring *ring, struct ring_optics *out);

#endif
