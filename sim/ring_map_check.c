/* The map engine against the element engine on a sample. */
#include "ring_map.h"

#include "phys.h"
#include "ring_track.h"

#include <math.h>

enum { N_MUONS = 64, N_SAMPLES = 40, TURNS = 25 };

/* Muons all over the aperture: amplitudes, phases and momenta in the ratios of irrational numbers. */
static void place(const struct ring_optics *o, double aperture_mm, struct ring_batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        const double k = (double)i + 0.5, u = k / (double)b->n;
        double share = 0.5 * PI * fmod(0.618034 * k, 1.0), fx = 2.0 * PI * fmod(0.754878 * k, 1.0);
        double fy = 2.0 * PI * fmod(0.569840 * k, 1.0), delta = 1.5e-3 * (2.0 * u - 1.0);
        double room = 0.95 * aperture_mm - fabs(o->dispersion_mm * delta), p = MAGIC_P_GeV * (1.0 + delta);
        double ax = room * cos(share), ay = fmin(room * sin(share), 0.99 * RING_MAP_VERTICAL_MM);
        double xp = -ax * sin(fx) / o->beta_x_mm, yp = -ay * sin(fy) / o->beta_y_mm;
        ring_batch_reset(b, i);
        b->x_mm[i]      = ax * cos(fx) + o->dispersion_mm * delta;
        b->y_mm[i]      = ay * cos(fy);
        b->p_r_GeV[i]   = p * xp;
        b->p_y_GeV[i]   = p * yp;
        b->p_phi_GeV[i] = p * sqrt(1.0 - xp * xp - yp * yp);
    }
}

/* Angle of the spin against the horizontal momentum, in the sense of the precession. */
static double phase(const struct ring_batch *b, size_t i)
{
    double along  = b->s_phi[i] * b->p_phi_GeV[i] + b->s_r[i] * b->p_r_GeV[i];
    double across = b->s_r[i] * b->p_phi_GeV[i] - b->s_phi[i] * b->p_r_GeV[i];
    return atan2(-across, along);
}

enum err ring_map_turns(const struct ring_maps *map, struct ring_batch *batch, int64_t n_turns)
{
    struct ring_maps free = *map; /* without looks */
    free.n_looks          = 0;
    free.reach_mm         = HUGE_VAL;
    for (size_t i = 0; i < batch->n; i++) batch->turns[i] = batch->fate[i] = 0.0;
    ISA_PICK(ring_map_kernel_turns)(&free, batch, n_turns);
    for (size_t i = 0; i < batch->n; i++)
        REQUIRE(batch->fate[i] == 0.0, ERR_NUMBER, "map engine: muon %zu is no number after %lld turns", i,
                (long long)n_turns);
    return ERR_OK;
}

/* Slope of the difference of phases at equal times against time, over omega_a. */
static enum err compare(const struct ring_maps *map, const struct ring *ring, struct ring_batch *a,
                        struct ring_batch *b, double *max_ppb)
{
    double st = 0.0, stt = 0.0, sy[N_MUONS] = {0}, sty[N_MUONS] = {0};
    for (int k = 0; k < N_SAMPLES; k++) {
        TRY(ring_map_turns(map, a, TURNS));
        TRY(ring_turns(ring, b, TURNS));
        const double t = (k + 1) * TURNS * CYCLOTRON_PERIOD_NS;
        st += t, stt += t * t;
        for (size_t i = 0; i < N_MUONS; i++) {
            double d = phase(a, i) - phase(b, i);
            d -= 2.0 * PI * round(d / (2.0 * PI)) + OMEGA_A_RADNS * (a->t_ns[i] - b->t_ns[i]);
            sy[i] += d, sty[i] += t * d;
        }
    }
    *max_ppb = 0.0;
    for (size_t i = 0; i < N_MUONS; i++) {
        double slope = (N_SAMPLES * sty[i] - st * sy[i]) / (N_SAMPLES * stt - st * st);
        double ppb   = 1e9 * fabs(slope) / OMEGA_A_RADNS;
        if (!(ppb <= *max_ppb)) *max_ppb = ppb;
    }
    REQUIRE(
        *max_ppb <= RING_MAP_LIMIT_PPB, ERR_NUMBER,
        "map engine: %.3g ppb of omega_a from the element engine over %d turns, accepted are %g; take more map_kicks, "
        "or engine: element",
        *max_ppb, N_SAMPLES * TURNS, RING_MAP_LIMIT_PPB);
    return ERR_OK;
}

enum err ring_map_check(const struct ring_maps *map, const struct ring *ring, double *max_ppb)
{
    struct ring_batch a, b = {0};
    enum err rc = ERR_OK;
    TRY(ring_batch_create(N_MUONS, &a));
    TRY_TO(done, ring_batch_create(N_MUONS, &b));
    place(&map->optics, ring->aperture_mm, &a);
    place(&map->optics, ring->aperture_mm, &b);
    TRY_TO(done, compare(map, ring, &a, &b, max_ppb));
done:
    ring_batch_free(&a);
    ring_batch_free(&b);
    return rc;
}
