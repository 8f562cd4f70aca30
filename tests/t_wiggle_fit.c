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
    for (double t = 30.0; t < 200.0; t += 7.7) {
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

int main(void)
{
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(derivatives),
        cmocka_unit_test(pulls_of_300_seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
