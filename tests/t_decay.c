/* The Michel spectrum at rest and in flight. Counts are compared with the closed forms by chi-square; each such test has
 * a fixed seed and bounds that a true sample passes but for 1 in 100,000. */
#include "decay.h"
#include "module.h"
#include "phys.h"
#include "tables.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_cdf.h>

enum { N_DECAYS = 1000000, N_BINS = 50 };
#define FALSE_ALARM 1e-5

static double sum_above(double y) /* share of positrons above y, unpolarised */
{
    return (1.0 - y) * (1.0 - y) * (-y * y + y + 3.0) / 3.0;
}

static double asymmetry_above(double y) { return y * (2.0 * y + 1.0) / (-y * y + y + 3.0); }

static double e_max_GeV(void)
{
    return DECAY_W_GeV * MAGIC_GAMMA + sqrt(DECAY_W_GeV * DECAY_W_GeV - ELECTRON_MASS_GeV * ELECTRON_MASS_GeV) *
                                           sqrt(MAGIC_GAMMA * MAGIC_GAMMA - 1.0);
}

static double energy(const double p[3])
{
    return sqrt(p[0] * p[0] + p[1] * p[1] + p[2] * p[2] + ELECTRON_MASS_GeV * ELECTRON_MASS_GeV);
}

static void reduced_energy_inverts_its_integral(void **state)
{
    (void)state;
    for (int i = 1; i < 1000; i++) {
        double u = pow(1e-3 * i, 4.0), x = decay_x(u);
        assert_true(x > 0.0 && x <= 1.0);
        assert_true(fabs(x * x * x * (2.0 - x) - u) < 1e-14 * u + 1e-16);
    }
}

/* At rest: energy against n(x), mean of cos theta against P a(x)/3, in bins of x. */
static void at_rest(void **state)
{
    (void)state;
    static double count[N_BINS], cosine[N_BINS];
    const double p_mu[3] = {0.0, 0.0, 0.0}, spin[3] = {0.48, 0.64, 0.0}; /* length 0.8 */
    for (uint32_t i = 0; i < N_DECAYS; i++) {
        struct rng r = rng_start(rng_key(1, 1, 0, 1, 20), i);
        double p[3];
        decay_positron(&r, p_mu, spin, p);
        double e = energy(p), p_abs = sqrt(p[0] * p[0] + p[1] * p[1] + p[2] * p[2]);
        int bin = (int)(e / DECAY_W_GeV * N_BINS * (1.0 - 1e-12));
        assert_in_range(bin, 0, N_BINS - 1);
        count[bin] += 1.0;
        cosine[bin] += (p[0] * 0.6 + p[1] * 0.8) / p_abs;
    }
    double chi2 = 0.0, chi2_cosine = 0.0;
    for (int i = 1; i < N_BINS; i++) { /* the first bin is emptied by the positron's mass */
        double a = i / (double)N_BINS, b = (i + 1) / (double)N_BINS, x = 0.5 * (a + b);
        double want = N_DECAYS * (2.0 * b * b * b - b * b * b * b - 2.0 * a * a * a + a * a * a * a);
        double mean = 0.8 * (2.0 * x - 1.0) / (3.0 - 2.0 * x) / 3.0;
        chi2 += (count[i] - want) * (count[i] - want) / want;
        chi2_cosine += pow(cosine[i] / count[i] - mean, 2.0) * count[i] / (1.0 / 3.0 - mean * mean);
    }
    assert_true(gsl_cdf_chisq_Q(chi2, N_BINS - 1) > FALSE_ALARM);
    assert_true(gsl_cdf_chisq_Q(chi2_cosine, N_BINS - 1) > FALSE_ALARM);
}

/* In flight, full polarisation along (sign +1) or against (-1) the momentum. */
static void fly(double sign, uint32_t event, double count[N_BINS], double *n_above, double *largest)
{
    const double p_mu[3] = {0.0, MAGIC_P_GeV, 0.0}, spin[3] = {0.0, sign, 0.0}, e_max = e_max_GeV();
    *n_above = *largest = 0.0;
    for (uint32_t i = 0; i < N_DECAYS; i++) {
        struct rng r = rng_start(rng_key(2, 1, 0, event, 20), i);
        double p[3];
        decay_positron(&r, p_mu, spin, p);
        double y = energy(p) / e_max;
        assert_true(y <= 1.0 + 1e-12);
        count[(int)(y * N_BINS * (1.0 - 1e-11))] += 1.0;
        *n_above += y > 1.7 / 3.1 ? 1.0 : 0.0;
        *largest = fmax(*largest, y);
    }
}

/* N(y), A(y) hold for beta = 1: at 29.3 they are off by about (1 - beta)/y, so the first bin is left out. */
static void in_flight(void **state)
{
    (void)state;
    static double along[N_BINS], against[N_BINS];
    double above_along, above_against, largest, largest_against, chi2 = 0.0, chi2_a = 0.0;
    fly(1.0, 1, along, &above_along, &largest);
    fly(-1.0, 2, against, &above_against, &largest_against);
    assert_true(fabs(e_max_GeV() - 3.0953) < 1e-4);
    assert_true(largest > 0.998);
    for (int i = 1; i < N_BINS; i++) {
        double a = i / (double)N_BINS, b = (i + 1) / (double)N_BINS;
        double share  = sum_above(a) - sum_above(b);
        double excess = sum_above(a) * asymmetry_above(a) - sum_above(b) * asymmetry_above(b);
        double sum = along[i] + against[i], want = 2.0 * N_DECAYS * share, want_a = excess / share;
        chi2 += (sum - want) * (sum - want) / want;
        chi2_a += pow((along[i] - against[i]) / sum - want_a, 2.0) * sum / (1.0 - want_a * want_a + 1e-9);
    }
    assert_true(gsl_cdf_chisq_Q(chi2, N_BINS - 1) > FALSE_ALARM);
    assert_true(gsl_cdf_chisq_Q(chi2_a, N_BINS - 1) > FALSE_ALARM);

    /* Above 1.7 of 3.1 GeV: 0.2208 of all, asymmetry 0.3541; bounds 4.5 sigma. */
    double sum = above_along + above_against, share = sum / (2.0 * N_DECAYS), a = (above_along - above_against) / sum;
    assert_true(fabs(share - 0.2208) < 4.5 * sqrt(0.2208 * 0.7792 / (2.0 * N_DECAYS)) + 5e-5);
    assert_true(fabs(a - 0.3541) < 4.5 * sqrt((1.0 - 0.3541 * 0.3541) / sum) + 5e-5);
}

/* Four-momentum: a positron is as energetic at rest as its boosted self taken back, whatever the axes. */
static void boost_is_exact(void **state)
{
    (void)state;
    const double rest[3] = {0.0, 0.0, 0.0}, spin[3] = {0.3, -0.5, 0.4};
    const double p_mu[3] = {0.004, 3.1, -0.007};
    double m = MUON_MASS_GeV, e_mu = sqrt(m * m + p_mu[0] * p_mu[0] + p_mu[1] * p_mu[1] + p_mu[2] * p_mu[2]);
    for (uint32_t i = 0; i < 1000; i++) {
        double p0[3], p[3];
        struct rng r1 = rng_start(rng_key(3, 1, 0, 1, 20), i), r2 = r1;
        decay_positron(&r1, rest, spin, p0);
        decay_positron(&r2, p_mu, spin, p);
        double invariant = energy(p) * e_mu - p[0] * p_mu[0] - p[1] * p_mu[1] - p[2] * p_mu[2];
        double e         = energy(p0) * e_mu / m + (p0[0] * p_mu[0] + p0[1] * p_mu[1] + p0[2] * p_mu[2]) / m;
        assert_true(fabs(invariant / m - energy(p0)) < 1e-12);
        assert_true(fabs(energy(p) - e) < 1e-14 * e_mu);
    }
}

/* A spin at right angles to the momentum throws high-energy positrons to its own side. */
static void positrons_follow_the_spin(void **state)
{
    (void)state;
    const double p_mu[3] = {0.0, MAGIC_P_GeV, 0.0};
    for (int axis = 0; axis < 3; axis += 2) {
        double spin[3] = {0.0, 0.0, 0.0}, sum = 0.0, sum2 = 0.0, n = 0.0;
        spin[axis] = 1.0;
        for (uint32_t i = 0; i < 200000; i++) {
            struct rng r = rng_start(rng_key(4, 1, 0, 1, 20), i);
            double p[3];
            decay_positron(&r, p_mu, spin, p);
            if (energy(p) < 1.0) continue;
            sum += p[axis];
            sum2 += p[axis] * p[axis];
            n += 1.0;
        }
        assert_true(sum / n > 20.0 * sqrt(sum2) / n);
    }
}

static void module_takes_decays_only(void **state)
{
    (void)state;
    const struct module *m = module_find("MuonDecay")->module;
    double no_cut[8]       = {0.0}; /* min_energy_GeV is its only parameter */
    struct step s          = {.module = m, .label = "decay", .cfg = no_cut, .rng = rng_key(5, 1, 0, 1, 20)};
    assert_int_equal(block_create(&table_vertex, &s.in[0]), ERR_OK);
    assert_int_equal(block_create(&table_positron, &s.out[0]), ERR_OK);
    assert_int_equal(block_resize(s.in[0], 100), ERR_OK);
    struct vertex_view v = vertex_view(s.in[0]);
    for (size_t i = 0; i < 100; i++) {
        v.muon[i]      = (uint32_t)i;
        v.fate[i]      = (uint8_t)(i % 4);
        v.t_fill_ns[i] = (double)i;
        v.x_mm[i]      = 1.0;
        v.y_mm[i]      = 2.0;
        v.phi_rad[i]   = 3.0;
        v.p_r_GeV[i] = v.p_y_GeV[i] = 0.0;
        v.p_phi_GeV[i]              = MAGIC_P_GeV;
        v.s_r[i] = v.s_y[i] = 0.0;
        v.s_phi[i]          = -0.96;
    }
    assert_int_equal(m->event(&s), ERR_OK);
    struct positron_view p = positron_view(s.out[0]);
    assert_int_equal(p.n, 25);
    for (size_t i = 0; i < p.n; i++) {
        assert_int_equal(p.vertex[i], 4 * i + 1);
        assert_true(p.t_fill_ns[i] == (double)(4 * i + 1) && p.phi_rad[i] == 3.0);
    }
    block_free(s.in[0]);
    block_free(s.out[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reduced_energy_inverts_its_integral),
        cmocka_unit_test(at_rest),
        cmocka_unit_test(in_flight),
        cmocka_unit_test(boost_is_exact),
        cmocka_unit_test(positrons_follow_the_spin),
        cmocka_unit_test(module_takes_decays_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
