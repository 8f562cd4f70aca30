/* The model's derivatives, the fit's pulls, weighted bins, terms, and what is refused. */
#include "mem.h"
#include "wiggle.h"
#include "wiggle_fit.h"
#include "wiggle_toy.h"

#include <gsl/gsl_errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("%.10g is not %.10g +- %.3g", got, want, tolerance);
}

static struct wiggle_data bins(size_t n, double from_us, double bin_us)
{
    struct wiggle_data d = {.n = n, .bin_us = bin_us};
    assert_int_equal(mem_alloc(&d.t_us, n, sizeof(double)), ERR_OK);
    assert_int_equal(mem_alloc(&d.content, n, sizeof(double)), ERR_OK);
    for (size_t i = 0; i < n; i++) d.t_us[i] = from_us + ((double)i + 0.5) * bin_us;
    return d;
}

static const double five_true[] = {1000.0, 64.44, 0.37, -95.5, 2.09};

/* Each derivative of the model with all terms against a central difference. */
static void derivatives(void **state)
{
    (void)state;
    struct wiggle_model m;
    assert_int_equal(wiggle_model("full", &m), ERR_OK);
    assert_int_equal(m.n_par, WIGGLE_N_PARAMETERS);
    double value[WIGGLE_N_PARAMETERS], gradient[WIGGLE_N_PARAMETERS];
    memcpy(value, five_true, sizeof five_true);
    for (size_t i = 5; i < m.n_par; i++)
        value[i] = wiggle_parameters[i].start + (wiggle_parameters[i].start < 1 ? 0.1 : 0);
    for (int step = 0; step < 22; step++) {
        double t = 30.0 + 7.7 * step;
        double f = wiggle_model_value(&m, value, t, gradient);
        for (size_t i = 0; i < m.n_par; i++) {
            double kept = value[i],
                   h    = (i == WIGGLE_VW_OMEGA || i == WIGGLE_CBO_OMEGA ? 1e-7 : 1e-5) * fmax(1.0, fabs(kept));
            value[i]    = kept + h;
            double up   = wiggle_model_value(&m, value, t, NULL);
            value[i]    = kept - h;
            double down = wiggle_model_value(&m, value, t, NULL);
            value[i]    = kept;
            double want = (up - down) / (2.0 * h), scale = fabs(want) + 1e-3 * f;
            if (fabs(gradient[i] - want) > 1e-5 * scale)
                fail_msg("d/d%s at %g us: %.10g, numeric %.10g", wiggle_parameters[i].name, t, gradient[i], want);
        }
    }
}

/* 300 samples of 2e5 counts, most late bins empty: every parameter's pulls have mean 0 and width 1. A mean of 300
 * standard normals is off by 0.2 once in 1,900 sets, a width by 0.15 once in 4,000; seeds are fixed. */
static void pulls_of_300_seeds(void **state)
{
    (void)state;
    enum { N_SEEDS = 300 };
    static double pull[5][N_SEEDS], p_value[N_SEEDS];
    struct wiggle_data d = bins(1038, WIGGLE_FROM_US, 4 * 0.1492);
    struct wiggle_model m;
    assert_int_equal(wiggle_model("5", &m), ERR_OK);
    double truth[5];
    memcpy(truth, five_true, sizeof truth);
    truth[WIGGLE_N0] = toy_n0(&d, 2e5);
    for (uint64_t seed = 0; seed < N_SEEDS; seed++) {
        struct wiggle_fit fit;
        toy_poisson(&d, &m, truth, seed);
        if (wiggle_fit(&d, &m, WIGGLE_LIKELIHOOD, &fit)) fail_msg("seed %d: %s", (int)seed, err_message());
        for (int i = 0; i < 5; i++) pull[i][seed] = (fit.value[i] - truth[i]) / fit.error[i];
        p_value[seed] = fit.p_value;
    }
    for (int i = 0; i < 5; i++) {
        struct toy_moments got = toy_moments(pull[i], N_SEEDS);
        if (fabs(got.mean) > 0.2 || fabs(got.rms - 1.0) > 0.15)
            fail_msg("pulls of %s: mean %.3f, width %.3f", wiggle_parameters[i].name, got.mean, got.rms);
    }
    struct toy_moments p = toy_moments(p_value, N_SEEDS); /* uniform: 0.5, 0.289; 5 sigma 0.083 */
    assert_near(p.mean, 0.5, 0.083);
    wiggle_data_free(&d);
}

/* CBO and vertical waist put in at ten times their usual size come back within 4 errors, from the default starts. */
static void oscillations_are_found(void **state)
{
    (void)state;
    struct wiggle_data d = bins(4154, WIGGLE_FROM_US, 0.1492);
    struct wiggle_model m;
    struct wiggle_fit fit;
    assert_int_equal(wiggle_model("cbo+vw", &m), ERR_OK);
    assert_int_equal(m.n_par, 13);
    double truth[] = {0, 64.44, 0.37, -95.5, 2.09, 0.04, 2.322, 1.0, 160.0, 0.08, 14.30, 5.0, 30.0};
    truth[0]       = toy_n0(&d, 2e7);
    toy_poisson(&d, &m, truth, 7);
    assert_int_equal(wiggle_fit(&d, &m, WIGGLE_LIKELIHOOD, &fit), ERR_OK);
    for (size_t i = 0; i < m.n_par; i++)
        if (fabs(fit.value[i] - truth[i]) > 4.0 * fit.error[i])
            fail_msg("%s: %g +- %g, put in %g", wiggle_parameters[m.par[i]].name, fit.value[i], fit.error[i], truth[i]);
    assert_true(fit.p_value > 1e-4);
    /* five parameters alone leave lines at both frequencies */
    struct wiggle_fit five;
    static double pull[4154], power[4154 / 2 + 1];
    assert_int_equal(wiggle_model("5", &m), ERR_OK);
    assert_int_equal(wiggle_fit(&d, &m, WIGGLE_LIKELIHOOD, &five), ERR_OK);
    assert_true(five.p_value < 1e-6);
    wiggle_pulls(&d, &five, pull);
    assert_int_equal(wiggle_spectrum(pull, d.n, power), ERR_OK);
    double line = 2.322 / (2.0 * PI) * (double)d.n * d.bin_us;
    size_t near = (size_t)lround(line);
    assert_true(power[near - 1] + power[near] + power[near + 1] > 100.0);
    wiggle_pulls(&d, &fit, pull);
    assert_int_equal(wiggle_spectrum(pull, d.n, power), ERR_OK);
    assert_true(power[near - 1] + power[near] + power[near + 1] < 25.0);
    wiggle_data_free(&d);
}

/* Weighted bins whose variance is not one multiple of the content: errors are those of refits with each bin moved in
 * turn, sum (d value / d content)^2 variance. */
static void weighted_bins(void **state)
{
    (void)state;
    struct wiggle_data d = bins(40, WIGGLE_FROM_US, 4 * 0.1492);
    struct wiggle_model m;
    struct wiggle_fit fit, moved;
    double want[5] = {0}, truth[5];
    assert_int_equal(mem_alloc(&d.variance, d.n, sizeof(double)), ERR_OK);
    assert_int_equal(wiggle_model("5", &m), ERR_OK);
    memcpy(truth, five_true, sizeof truth);
    truth[WIGGLE_N0] = toy_n0(&d, 1e6);
    for (size_t i = 0; i < d.n; i++) {
        d.content[i]  = wiggle_model_value(&m, truth, d.t_us[i], NULL);
        d.variance[i] = (i % 3 ? 1.0 : 40.0) * d.content[i];
    }
    assert_int_equal(wiggle_fit(&d, &m, WIGGLE_LIKELIHOOD, &fit), ERR_OK);
    for (size_t i = 0; i < d.n; i++) {
        double kept = d.content[i], step = 1e-3 * kept;
        d.content[i] = kept + step;
        assert_int_equal(wiggle_fit(&d, &m, WIGGLE_LIKELIHOOD, &moved), ERR_OK);
        d.content[i] = kept;
        for (size_t k = 0; k < 5; k++) {
            double slope = (moved.value[k] - fit.value[k]) / step;
            want[k] += slope * slope * d.variance[i];
        }
    }
    for (size_t k = 0; k < 5; k++) assert_near(fit.error[k] / sqrt(want[k]), 1.0, 0.02);
    wiggle_data_free(&d);
}

static double fit_sum(const struct wiggle_data *d, const struct wiggle_fit *fit)
{
    double sum = 0.0;
    for (size_t i = 0; i < d->n; i++) sum += wiggle_model_value(&fit->model, fit->value, d->t_us[i], NULL);
    return sum;
}

/* Neyman's weights pull the rate down by one count a bin: nothing with many counts, much with few. */
static void neyman_for_comparison(void **state)
{
    (void)state;
    struct wiggle_data d = bins(200, WIGGLE_FROM_US, 4 * 0.1492);
    struct wiggle_model m;
    struct wiggle_fit likelihood, neyman;
    assert_int_equal(wiggle_model("5", &m), ERR_OK);
    double truth[5], n[2] = {2e7, 2e3};
    memcpy(truth, five_true, sizeof truth);
    for (int i = 0; i < 2; i++) {
        truth[WIGGLE_N0] = toy_n0(&d, n[i]);
        toy_poisson(&d, &m, truth, 5);
        assert_int_equal(wiggle_fit(&d, &m, WIGGLE_LIKELIHOOD, &likelihood), ERR_OK);
        assert_int_equal(wiggle_fit(&d, &m, WIGGLE_NEYMAN, &neyman), ERR_OK);
        /* the likelihood's sum is that of the data; Neyman's falls short by about one count a bin */
        double short_by = (fit_sum(&d, &likelihood) - fit_sum(&d, &neyman)) / (double)d.n;
        assert_near(fit_sum(&d, &likelihood), likelihood.n_counts, 1e-4 * likelihood.n_counts);
        assert_near(short_by, 1.0, 0.5);
    }
    wiggle_data_free(&d);
}

/* Power of white noise is 1 on average; a pure line stands where it belongs. */
static void spectrum(void **state)
{
    (void)state;
    enum { N = 4154 };
    static double x[N], power[N / 2 + 1];
    struct rng r = rng_start(rng_key(1, 1, 0, 1, 903), 0);
    double sum   = 0.0;
    for (size_t i = 0; i < N; i++) x[i] = rng_normal(&r);
    assert_int_equal(wiggle_spectrum(x, N, power), ERR_OK);
    for (size_t k = 1; k < N / 2; k++) sum += power[k];
    assert_near(2.0 * sum / (N - 2), 1.0, 5.0 / sqrt(N / 2.0));
    for (size_t i = 0; i < N; i++) x[i] = cos(2.0 * PI * 321.0 * (double)i / N);
    assert_int_equal(wiggle_spectrum(x, N, power), ERR_OK);
    assert_near(power[321], N / 4.0, 1e-6);
    assert_near(power[320] + power[322], 0.0, 1e-6);
}

static void models_and_data(void **state)
{
    (void)state;
    struct wiggle_model m;
    struct wiggle_fit fit;
    assert_int_equal(wiggle_model("cbo", &m), ERR_OK);
    assert_int_equal(m.n_par, 9);
    assert_int_equal(wiggle_model("5+cbo+2cbo", &m), ERR_OK);
    assert_int_equal(m.n_par, 11);
    assert_int_equal(wiggle_model("cbo+cbo", &m), ERR_OPTION);
    assert_int_equal(wiggle_model("6", &m), ERR_OPTION);
    assert_int_equal(wiggle_model("5", &m), ERR_OK);
    struct hist_set set = {0};
    struct hist *h;
    struct wiggle_data d;
    assert_int_equal(hist_book(&set, "h", "", hist_axis(24, 0.5, 24.5, "", ""), hist_axis(100, 0, 100, "", ""), 0, &h),
                     ERR_OK);
    for (int calo = 1; calo <= 24; calo++) hist_fill(h, calo, 50.5, calo);
    assert_int_equal(wiggle_data_take(h, 0, 40.0, 60.0, &d), ERR_OK);
    assert_int_equal(d.n, 20);
    assert_near(d.content[10], 300.0, 0.0);
    assert_null(d.variance);
    wiggle_data_free(&d);
    assert_int_equal(wiggle_data_take(h, 7, 40.0, 60.0, &d), ERR_OK);
    assert_near(d.content[10], 7.0, 0.0);
    assert_int_equal(wiggle_fit(&d, &m, WIGGLE_LIKELIHOOD, &fit), ERR_DATA);
    wiggle_data_free(&d);
    assert_int_equal(wiggle_data_take(h, 25, 40.0, 60.0, &d), ERR_OPTION);
    assert_int_equal(wiggle_data_take(h, 0, 40.0, 45.0, &d), ERR_OPTION);
    hist_set_free(&set);
}

int main(void)
{
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(derivatives),
        cmocka_unit_test(pulls_of_300_seeds),
        cmocka_unit_test(oscillations_are_found),
        cmocka_unit_test(weighted_bins),
        cmocka_unit_test(neyman_for_comparison),
        cmocka_unit_test(spectrum),
        cmocka_unit_test(models_and_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
