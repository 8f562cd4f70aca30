/* Engine against the long double reference: shared by t_ring.c and long_ring.c.
 *
 * The error of omega_a of a muon is the slope over the run of
 *     (phase - omega_a t) of the engine - (phase - omega_a t) of the reference
 * at the same azimuth (phi = 0), over omega_a: the phase of the spin against the horizontal momentum at equal times. */
#ifndef GM2_TESTS_RING_COMPARE_H
#define GM2_TESTS_RING_COMPARE_H

#include "isa.h"
#include "phys.h"
#include "ring_map.h"
#include "ring_reference.h"
#include "ring_track.h"
#include "rng.h"

#include <math.h>

enum { PLANE_X = 1, PLANE_Y = 2, PLANE_P = 4, PLANE_ALL = 7 };

struct ring_error {
    double mean_ppb, rms_ppb, max_ppb; /* of omega_a, over the muons */
    double orbit_mm;                   /* largest distance at a sample */
    double energy;                     /* largest relative change of gamma at phi = 0 */
};

static inline struct ring ring_bench(double pair_deg)
{
    struct ring_setup s = {.layout = RING_39, .pair_deg = pair_deg, .aperture_mm = APERTURE_MM};
    struct ring ring;
    ring_setup_linear(&s, 0.108);
    (void)ring_build(&s, &ring);
    return ring;
}

/* The ensemble of the performance figures: amplitudes to 40 mm (x), 35 mm (y), dp/p +-0.15 %; within: all inside 42 mm:
 * further out high multipoles make a few orbits chaotic, which no integrator can follow for long. */
static inline void ring_ensemble(struct ring_batch *b, size_t n, unsigned planes, int within)
{
    for (size_t i = 0; i < b->n; i++) {
        struct rng r = rng_start(rng_key(20, 1, 0, 1, 11), (uint32_t)i);
        double ax = 40.0 * sqrt(rng_uniform(&r)), ay = 35.0 * sqrt(rng_uniform(&r));
        double fx = 2.0 * PI * rng_uniform(&r), fy = 2.0 * PI * rng_uniform(&r);
        double delta = 1.5e-3 * (2.0 * rng_uniform(&r) - 1.0), k = 1.0;
        if (!(planes & PLANE_X)) ax = 0.0;
        if (!(planes & PLANE_Y)) ay = 0.0;
        if (!(planes & PLANE_P)) delta = 0.0;
        if (within) k = fmin(1.0, 42.0 / hypot(ax + 7970.0 * fabs(delta), ay));
        ax *= k, ay *= k, delta *= k;
        double p = MAGIC_P_GeV * (1.0 + delta), xp = -ax * sin(fx) / 7530.0, yp = -ay * sin(fy) / 21600.0;
        ring_batch_reset(b, i);
        if (i >= n) continue;
        b->x_mm[i]      = ax * cos(fx) + 7970.0 * delta;
        b->y_mm[i]      = ay * cos(fy);
        b->p_r_GeV[i]   = p * xp;
        b->p_y_GeV[i]   = p * yp;
        b->p_phi_GeV[i] = p * sqrt(1.0 - xp * xp - yp * yp);
    }
}

/* Angle of the spin against the horizontal momentum in the sense of the precession. */
static inline double ring_phase(const struct ring_batch *b, size_t i)
{
    double along  = b->s_phi[i] * b->p_phi_GeV[i] + b->s_r[i] * b->p_r_GeV[i];
    double across = b->s_r[i] * b->p_phi_GeV[i] - b->s_phi[i] * b->p_r_GeV[i];
    return atan2(-across, along);
}

static inline double ring_momentum(const struct ring_batch *b, size_t i)
{
    return sqrt(b->p_r_GeV[i] * b->p_r_GeV[i] + b->p_phi_GeV[i] * b->p_phi_GeV[i] + b->p_y_GeV[i] * b->p_y_GeV[i]);
}

/* Straight line through points of unit weight. */
struct ring_line {
    double n, t, tt, y, ty;
};
static inline void ring_line_add(struct ring_line *l, double t, double y, double weight)
{
    l->n += weight, l->t += weight * t, l->tt += weight * t * t, l->y += weight * y, l->ty += weight * t * y;
}
static inline double ring_line_slope(const struct ring_line *l)
{
    return (l->n * l->ty - l->t * l->y) / (l->n * l->tt - l->t * l->t);
}

/* n <= 64 muons, n_turns in n_samples equal parts, reference with `steps` a turn; map NULL: the element engine. */
static inline enum err ring_compare_map(const struct ring *ring, const struct ring_maps *map, size_t n, unsigned planes,
                                        int64_t n_turns, int n_samples, int steps, struct ring_error *out)
{
    struct ring_batch b;
    struct ring_reference ref[64];
    struct ring_line line[64] = {{0}};
    double p0[64];
    *out = (struct ring_error){0};
#ifdef __SANITIZE_ADDRESS__ /* the copy of the kernels that has every check */
    (void)isa_force("baseline");
#endif
    TRY(ring_batch_create(n, &b));
    ring_ensemble(&b, n, planes, ring->field != RING_LINEAR);
    for (size_t i = 0; i < n; i++) {
        const double p[3] = {b.p_r_GeV[i], b.p_phi_GeV[i], b.p_y_GeV[i]}, s[3] = {b.s_r[i], b.s_phi[i], b.s_y[i]};
        ref[i] = ring_reference_start(ring, b.x_mm[i], b.y_mm[i], p, s, 0.0);
        p0[i]  = ring_momentum(&b, i);
    }
    for (int k = 0; k < n_samples; k++) {
        TRY(map ? ring_map_turns(map, &b, n_turns / n_samples) : ring_turns(ring, &b, n_turns / n_samples));
        for (size_t i = 0; i < n; i++) {
            ring_reference_turns(ring, &ref[i], n_turns / n_samples, steps);
            double t = (double)ref[i].clock / ring->omega_B;
            double d = ring_phase(&b, i) - (double)ring_reference_phase(&ref[i]);
            d -= 2.0 * PI * round(d / (2.0 * PI)) + OMEGA_A_RADNS * (b.t_ns[i] - t);
            ring_line_add(&line[i], t, d, 1.0);
            double dx = b.x_mm[i] - ((double)ref[i].r - RING_R0_MM), dy = b.y_mm[i] - (double)ref[i].y;
            out->orbit_mm = fmax(out->orbit_mm, hypot(dx, dy));
            out->energy   = fmax(out->energy, fabs(ring_momentum(&b, i) / p0[i] - 1.0));
        }
    }
    for (size_t i = 0; i < n; i++) {
        double ppb = 1e9 * ring_line_slope(&line[i]) / OMEGA_A_RADNS;
        out->mean_ppb += ppb / (double)n;
        out->rms_ppb += ppb * ppb / (double)n;
        out->max_ppb = fmax(out->max_ppb, fabs(ppb));
    }
    out->rms_ppb = sqrt(out->rms_ppb);
    ring_batch_free(&b);
    (void)isa_force("best");
    return ERR_OK;
}

static inline enum err ring_compare(const struct ring *ring, size_t n, unsigned planes, int64_t n_turns, int n_samples,
                                    int steps, struct ring_error *out)
{
    return ring_compare_map(ring, NULL, n, planes, n_turns, n_samples, steps, out);
}

/* cmocka's own shows floats only. */
#define assert_near(got, want, within)                                                                                 \
    do {                                                                                                               \
        double got_ = (got), want_ = (want);                                                                           \
        if (!(fabs(got_ - want_) <= (within)))                                                                         \
            fail_msg("%s is %.10g, want %.10g +- %g", #got, got_, want_, (double)(within));                            \
    } while (0)

/* A pure quadrupole of azimuth-averaged field index n. */
static inline struct ring ring_quadrupole(enum ring_layout layout, double n, bool is_curved)
{
    struct ring_setup s = {.layout = layout, .pair_deg = 26.0, .aperture_mm = APERTURE_MM, .is_curved = is_curved};
    struct ring ring;
    ring_setup_linear(&s, n);
    (void)ring_build(&s, &ring);
    return ring;
}

/* The default ring, with the first n of its collimators. */
static inline struct ring ring_nim(size_t n_collimators)
{
    struct ring_setup s = ring_setup_default();
    struct ring ring;
    s.n_collimators = n_collimators;
    (void)ring_build(&s, &ring);
    return ring;
}

#endif
