/* Decay, positrons to the calorimeters, showers: figures per particle and per fill of 5,000 decays. */
#define _POSIX_C_SOURCE 200809L
#include "decay.h"
#include "calo_shower.h"
#include "geometry.h"
#include "phys.h"
#include "positron.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { N = 5000, REPEATS = 15 };

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *t)
{
    qsort(t, REPEATS, sizeof *t, by_value);
    return t[REPEATS / 2];
}

static void decay_all(struct block *b, uint32_t event)
{
    struct positron_view v = positron_view(b);
    for (size_t i = 0; i < N; i++) {
        struct rng r         = rng_start(rng_key(1, 1, 0, event, 20), (uint32_t)i);
        const double p_mu[3] = {0.003 * MAGIC_P_GeV * sin((double)i), MAGIC_P_GeV, 0.0}, spin[3] = {0.0, 0.96, 0.0};
        double p[3];
        decay_positron(&r, p_mu, spin, p);
        v.vertex[i]    = (uint32_t)i;
        v.t_fill_ns[i] = 0.0;
        v.x_mm[i]      = 6.0 + 16.0 * sin(1.3 * (double)i);
        v.y_mm[i]      = 18.0 * sin(0.7 * (double)i);
        v.phi_rad[i]   = fmod(0.618 * (double)i, 2.0 * PI);
        v.p_r_GeV[i]   = p[0];
        v.p_phi_GeV[i] = p[1];
        v.p_y_GeV[i]   = p[2];
    }
}

static size_t shower_all(const struct shower_model *m, const struct positron_work *w, uint32_t event)
{
    size_t n = 0;
    for (uint32_t i = 0; i < N; i++) {
        const struct positron_state *p = &w->state[i];
        uint32_t n_pe[N_CRYSTALS];
        if (p->end != POSITRON_HIT) continue;
        struct rng r = rng_start(rng_key(1, 1, 0, event, 22), i);
        shower_sample(m, &r, p->p_GeV, p->x - CALO_CENTRE_R_MM, p->y, p->ux / p->uz, p->uy / p->uz, n_pe);
        n++;
    }
    return n;
}

int main(void)
{
    static const double x[POSITRON_NODES]  = {-150, -190, -240, -300, -390, -520};
    static const double by[POSITRON_NODES] = {1.0, 0.951, 0.815, 0.620, 0.313, 0.10};
    const struct shower_par par = {0.90, 5.04, 25.2, 9.3, 9e-3, 0.015, 0.3, 0.028, 0.015, 800.0, 350.0, 1e-3};
    static struct shower_model model;
    struct positron_setup setup;
    struct positron_work work = {0};
    struct block *b;
    double decay_s[REPEATS], track_s[REPEATS], shower_s[REPEATS];
    size_t n_hits = 0;
    if (positron_setup_make(x, by, &setup) || shower_model_make(&par, &model) || block_create(&table_positron, &b) ||
        block_resize(b, N)) {
        fprintf(stderr, "%s\n", err_message());
        return 1;
    }
    for (uint32_t k = 0; k < REPEATS; k++) {
        double t0 = now_s();
        decay_all(b, k);
        double t1              = now_s();
        struct positron_view v = positron_view(b);
        if (positron_track(&setup, rng_key(1, 1, 0, k, 21), &v, &work)) return 1;
        double t2   = now_s();
        n_hits      = shower_all(&model, &work, k);
        double t3   = now_s();
        decay_s[k]  = t1 - t0;
        track_s[k]  = t2 - t1;
        shower_s[k] = t3 - t2;
    }
    double d = median(decay_s), t = median(track_s), s = median(shower_s);
    printf("decay.rate %.3g decays/s\n", N / d);
    printf("positron.track.%s %.3g positrons/s\n", isa_name(isa_active()), N / t);
    printf("calo_shower.rate %.3g showers/s\n", (double)n_hits / s);
    printf("decay.fill %.2f ms\npositron.fill %.2f ms\ncalo_shower.fill %.2f ms\n", 1e3 * d, 1e3 * t, 1e3 * s);
    positron_work_free(&work);
    block_free(b);
    return 0;
}
