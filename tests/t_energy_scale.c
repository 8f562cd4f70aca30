/* energy_scale: the edge of spectra drawn from the physics, its place and its error. */
#include "energy_scale.h"
#include "mem.h"
#include "rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { BINS = 110 };
static const double low_GeV = 1.5, high_GeV = 4.5, E_max = 3.0953;

/* Energies of positrons: (y - 1)(4 y^2 - 5 y - 5) above 1.5 GeV, resolution 2.2 %, 0.3 % of pile-up up to 4.5 GeV. */
static double draw(struct rng *r)
{
    if (rng_uniform(r) < 0.003) return low_GeV + (high_GeV - low_GeV) * rng_uniform(r);
    for (;;) {
        double y = 0.4 + 0.6 * rng_uniform(r), p = (y - 1.0) * (4.0 * y * y - 5.0 * y - 5.0);
        if (rng_uniform(r) * 4.0 < p) return E_max * y * (1.0 + 0.022 * rng_normal(r));
    }
}

struct sample {
    double count[BINS], energy[BINS], width[BINS];
};

static struct energy_scale_spectrum make(struct sample *s, struct rng *r, int n, double scale)
{
    double step = log(high_GeV / low_GeV) / BINS;
    for (int i = 0; i < BINS; i++) {
        s->count[i]  = 0.0;
        s->energy[i] = low_GeV * exp((i + 0.5) * step);
        s->width[i]  = s->energy[i] * step;
    }
    for (int k = 0; k < n; k++) {
        double bin = log(scale * draw(r) / low_GeV) / step;
        if (bin >= 0.0 && bin < BINS) s->count[(int)bin] += 1.0;
    }
    return (struct energy_scale_spectrum){BINS, s->count, s->energy, s->width};
}

/* 200 spectra of 4,000 positrons, scales within +-8 %: pulls against 3.0953 GeV times the scale. Bounds: mean 0.3 (4.2 standard
 * errors, 3e-5, and 0.05 that the model's shape may be off), width 18 % (3.6 sigma, 3e-4). */
static void edges(void **state)
{
    (void)state;
    enum { TRIALS = 200 };
    struct rng r = rng_start(rng_key(1, 1, 0, 0, 999), 0);
    static struct sample s;
    double sum = 0.0, squares = 0.0, error = 0.0;
    for (int trial = 0; trial < TRIALS; trial++) {
        double scale = 0.92 + 0.16 * rng_uniform(&r);
        struct energy_scale_edge e;
        struct energy_scale_spectrum spectrum = make(&s, &r, 4000, scale);
        assert_int_equal(energy_scale_edge(&spectrum, 2.4, 3.8, 3.1, 0.022, &e), ERR_OK);
        double pull = (e.E0_GeV - scale * E_max) / e.error_GeV;
        sum += pull;
        squares += pull * pull;
        error += e.error_GeV / e.E0_GeV / TRIALS;
    }
    double mean = sum / TRIALS, width = sqrt(squares / TRIALS - mean * mean);
    print_message("4,000 positrons above 1.5 GeV: error %.3f %%; pulls: mean %.3f, width %.3f\n", 100.0 * error, mean,
                  width);
    assert_true(fabs(mean) < 0.35 && fabs(width - 1.0) < 0.18);
    assert_true(error < 0.008);
}

static void resolution_too(void **state)
{
    (void)state;
    struct rng r = rng_start(rng_key(1, 1, 0, 1, 999), 0);
    static struct sample s;
    struct energy_scale_edge e;
    struct energy_scale_spectrum spectrum = make(&s, &r, 200000, 1.0);
    assert_int_equal(energy_scale_edge(&spectrum, 2.4, 3.8, 3.1, 0.0, &e), ERR_OK);
    print_message("200,000 positrons: E0 %.4f +- %.4f GeV, resolution %.4f, deviance %.0f/%d\n", e.E0_GeV, e.error_GeV,
                  e.resolution, e.deviance, e.ndf);
    assert_true(fabs(e.E0_GeV - E_max) < 0.008 && fabs(e.resolution - 0.022) < 0.003); /* 0.25 %: bias of the shape */
    double sum = 0.0, counts = 0.0;
    for (size_t i = 0; i < BINS; i++) {
        if (s.energy[i] < 2.4 || s.energy[i] > 3.8) continue;
        sum += energy_scale_model(&e, s.energy[i]) * s.width[i];
        counts += s.count[i];
    }
    assert_true(fabs(sum / counts - 1.0) < 1e-3);
}

static void no_edge(void **state)
{
    (void)state;
    struct rng r = rng_start(rng_key(1, 1, 0, 2, 999), 0);
    static struct sample s;
    struct energy_scale_edge e;
    struct energy_scale_spectrum spectrum = make(&s, &r, 40, 1.0);
    assert_int_equal(energy_scale_edge(&spectrum, 2.4, 3.8, 3.1, 0.022, &e), ERR_NOTFOUND);
    spectrum = make(&s, &r, 20000, 1.3); /* far from where it is looked for */
    assert_int_equal(energy_scale_edge(&spectrum, 2.4, 4.5, 3.1, 0.022, &e), ERR_NOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(edges), cmocka_unit_test(resolution_too),
                                       cmocka_unit_test(no_edge)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
