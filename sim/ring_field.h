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

#include "dipole_map.h"
#include "err.h"
#include "esq.h"
#include "kicker.h"

#include <stdbool.h>
#include <stddef.h>

#define RING_PLATES_MM 50.0 /* inner faces of the plates of ESQs and kickers: |x| and |y| beyond it are lost */

enum ring_layout {
    RING_13_26,     /* four times 13 + 26 degrees, physics of the real ring */
    RING_39,        /* four contiguous 39 degrees from phi = 0: the bench ring */
    RING_CONTINUOUS /* ESQ all around, no edges */
};

enum {
    RING_MAX_ORDER       = 14,           /* highest multipole: 28-pole */
    RING_EVEN_TERMS      = 7,            /* orders 2, 4 ... 14 */
    RING_SECTIONS        = ESQ_SECTIONS, /* in order of azimuth: Q1 short, Q1 long, Q2 short ... */
    RING_MAX_STEPS       = 512,
    RING_MAX_OPS         = 1536,
    RING_MAX_COLLIMATORS = 12,
    RING_MAX_MONITORS    = 32
};

/** A kicker: B_y + i B_r = -B0 strength pulse(t - start_ns) sum profile[k] z^(2k), z = x + i y [mm]. */
struct ring_kicker {
    double centre_deg, length_deg, strength, start_ns;
    double profile[KICKER_PROFILE_TERMS];
    struct kicker_pulse pulse; /* lent */
};

/** What a user chooses; 0 in anomaly, bend_deg, kicker_slices and vacuum_mm takes the defaults (the muon's; 26; 4; 75).
 *  Potential of the ESQ: V(r,theta) = sum (r/45 mm)^n [b_n cos n theta + a_n sin n theta]. */
struct ring_setup {
    enum ring_layout layout;
    double normal_V[RING_MAX_ORDER + 1];     /* b_n of all sections; b_2 < 0 focuses mu+ vertically */
    double skew_V[RING_MAX_ORDER + 1];       /* a_n */
    struct esq_section extra[RING_SECTIONS]; /* added in one section: its plates' own voltages, places and times */
    bool is_curved;                          /* a quadrupole alone is corrected for the ring's curvature */
    double pair_deg;                         /* longest stretch of ESQ handled by one pair of kicks */
    size_t edge_steps;                       /* soft edges: steps of each; 0: hard edges */
    double edge_mm;                          /* a soft edge reaches so far on either side */
    double anomaly, eta;                     /* of the muon's magnetic and electric dipole moment */
    const struct dipole_map *dipole;         /* what the dipole field is besides B0; NULL: nothing */
    double bend_deg;                         /* longest stretch of it handled by one kick */
    struct ring_kicker kicker[KICKERS];
    size_t n_kickers, kicker_slices;
    double open_deg; /* up to here a muon may be outside the plates and feels no ESQ there: the way in; else 0 */
    double collimator_deg[RING_MAX_COLLIMATORS];
    size_t n_collimators;
    double aperture_mm; /* radius of the collimators' circle */
    double vacuum_mm;   /* distance from the centre beyond which a muon is lost at phi = 0 */
    double monitor_deg[RING_MAX_MONITORS];
    size_t n_monitors;
};

/** Pieces of the ring, in order of azimuth. */
enum ring_step_kind {
    RING_DRIFT,  /* dipole field only */
    RING_PAIR,   /* ESQ body: plates looked at, drift, kick, drift, kick, drift */
    RING_SINGLE, /* a piece of a soft edge: drift, kick, drift */
    RING_EDGE,   /* the ESQ's field changes by scale (1: hard edge into it, -1: out) */
    RING_BEND,   /* thin magnetic kick of the dipole's multipoles, bend[index] */
    RING_KICKER, /* thin magnetic kick of kicker[index] over weight_rad */
    RING_PLANE,  /* collimator */
    RING_MONITOR /* monitor[index] */
};
struct ring_step {
    enum ring_step_kind kind;
    int index; /* ESQ section, bend, kicker or monitor */
    double phi_rad, length_rad;
    double scale;      /* ESQ: field over that of its body, or change of it */
    double fringe;     /* soft edges: second derivative of scale along the beam [1/mm^2], or change of it */
    double weight_rad; /* thin kicks */
};

/* Chin's 4A, (2 - sqrt 3) / 12: a pair of kicks over h in a field of index n has its force changed by n h^2 of this. */
#define RING_GRADIENT 0.022329099369260225

/** The same as elementary operations with their constants, for whole turns. */
enum ring_op_kind {
    RING_OP_DRIFT,
    RING_OP_KICK,
    RING_OP_EDGE,
    RING_OP_BEND,
    RING_OP_KICKER,
    RING_OP_PLATES,
    RING_OP_PLANE,
    RING_OP_MONITOR
};
struct ring_op {
    enum ring_op_kind kind;
    int index;                      /* as in its step */
    double phi_rad;                 /* azimuth at its end */
    double angle_rad, cosine, sine; /* drift */
    double weight_rad;              /* kick: half the length of its pair times the scale; thin kicks; edge: change */
    double gradient, clock;         /* kick: strength of the force gradient, term of the clock */
    double fringe;                  /* as in its step, times what makes it an addition to the field */
    double ahead_ns;                /* plates: half the time through the pair */
};

enum ring_field_kind {
    RING_LINEAR,
    RING_CURVED,  /* E_r = (k/2)(r - R0^2/r), E_y = -k y: obeys Laplace's equation in the ring's curvature */
    RING_EVEN,    /* normal multipoles of even order, the same in all sections */
    RING_GENERAL, /* each section has its own */
    RING_VARYING  /* and they change with time */
};

/** One section's field: eps_x - i eps_y = sum (normal[k] - i skew[k]) z^k, z = x + i y [mm]. */
struct ring_multipoles {
    double normal[RING_MAX_ORDER], skew[RING_MAX_ORDER];
    double constant; /* of U [mm^2] */
};
/** The same by symmetry, with w = z^2:
 *      eps_x - i eps_y = z (A(w) - i D(w)) + B(w) - i C(w)
 *  with real polynomials: A, D of normal and skew multipoles of even order, B, C of odd order. Derivatives: A' and D' in the
 *  place of z A and z D, z B' and z C' in that of B and C; potentials w A and w D, z B and z C. */
enum ring_part { RING_A, RING_B, RING_C, RING_D, RING_PARTS };
struct ring_polynomials {
    unsigned parts; /* bit 1 << part: it is there */
    double value[RING_PARTS][RING_EVEN_TERMS], slope[RING_PARTS][RING_EVEN_TERMS], U[RING_PARTS][RING_EVEN_TERMS];
};
struct ring_esq {
    struct ring_multipoles base;
    struct ring_multipoles term[ESQ_PLATES]; /* added times esq_time() */
    struct ring_polynomials base_by_part, term_by_part[ESQ_PLATES];
    struct esq_time time[ESQ_PLATES];
    int time_index[ESQ_PLATES]; /* in ring.time */
    int n_terms;
    unsigned parts; /* of base and terms */
};

struct ring {
    double kappa, a, eta, GeV, omega_B; /* 1/mm, anomaly, EDM, GeV per mm of momentum, e B0 / m [rad/ns] */
    enum ring_field_kind field;
    double linear;                      /* K [1]: eps = (K x, -K y) of the quadrupole alone, first section */
    double n_inside;                    /* field index inside the first section: K gamma_magic */
    double n_mean;                      /* averaged over azimuth: the field index n */
    double even[RING_EVEN_TERMS];       /* eps_x - i eps_y = z sum even[m] z^(2m), z = x + i y [mm] */
    double even_slope[RING_EVEN_TERMS]; /* derivative of the above: sum even_slope[m] z^(2m) */
    double even_U[RING_EVEN_TERMS];     /* U = -Re sum even_U[m] z^(2m+2) */
    struct ring_esq esq[RING_SECTIONS];
    struct esq_time time[RING_SECTIONS * ESQ_PLATES]; /* the different ones */
    int n_times;
    double bend[RING_MAX_STEPS]
               [2 * DIPOLE_ORDERS];  /* b_y + i b_r = sum (bend[k] - i bend[DIPOLE_ORDERS + k]) z^k, over B0 */
    enum ring_layout layout;         /* this and the next two: for the reference, which takes smooth fields */
    double edge_mm;                  /* 0: hard edges */
    const struct dipole_map *dipole; /* lent */
    struct ring_kicker kicker[KICKERS];
    double open_rad, aperture_mm, vacuum_mm;
    size_t n_monitors;
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
/** The part of ring_build() that fills in the ESQs' fields; kappa must be set. */
void ring_set_field(struct ring *ring, const struct ring_setup *setup);
/** Makes the ring; ERR_CONFIG if the setup cannot be built (too many pieces, a collimator inside an ESQ, ...). */
enum err ring_build(const struct ring_setup *setup, struct ring *out);

/** First and last azimuth of each ESQ section [deg]; returns how many there are (0: continuous). */
struct ring_section {
    double begin_deg, end_deg;
};
size_t ring_sections(enum ring_layout layout, const struct ring_section **out);

/** Electric field eps [mm] at (x, y) [mm] inside a section, without its falling terms, and potential U [mm^2]. */
void ring_field(const struct ring *ring, int section, double x_mm, double y_mm, double *eps_x, double *eps_y);
double ring_potential(const struct ring *ring, int section, double x_mm, double y_mm);

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
