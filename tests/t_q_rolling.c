/* Rolling pedestal and threshold: noise alone leaves nothing, drift is followed, pulses stay out of pedestals and are found
 * whole, and the filter does not move omega_a. Fixed seeds; limits on random numbers are 5 standard errors. */
#include "mem.h"
#include "phys.h"
#include "q_rolling.h"
#include "rng.h"
#include "wiggle_fit.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 9333 };
#define SIGMA 23.0

static const struct q_rolling_settings usual = {
    .window = 58, .gap = 3, .before = 1, .after = 1, .clip = 4.0, .n_rounds = 5};

static int32_t adc[N];
static double out[N];

static void add_noise(uint32_t sequence)
{
    struct rng rng = rng_start(rng_key(5, 1, 0, 1, 89), sequence);
    for (int i = 0; i < N; i++) adc[i] += (int32_t)lrint(SIGMA * rng_normal(&rng));
}

static void flat(int32_t level)
{
    for (int i = 0; i < N; i++) adc[i] = level;
}

/* Sum of what is left over its error is a standard normal; sigma is found to 5 %. Clipping at 4 sigma does nothing visible. */
static void test_noise(void **state)
{
    (void)state;
    struct q_rolling q = {0};
    assert_int_equal(q_rolling_reserve(&q, N), ERR_OK);
    for (uint32_t k = 0; k < 5; k++) {
        double sum = 0.0, sum2 = 0.0;
        flat(-408000);
        add_noise(k);
        double sigma = q_rolling_take(&q, &usual, N, adc, 1);
        assert_true(fabs(sigma / SIGMA - 1.0) < 5.0 * 1.17 / sqrt(401));
        memset(out, 0, sizeof out);
        assert_int_equal(q_rolling_add(&q, &usual, N, 0.0, 1.0, out), N);
        for (int i = 0; i < N; i++) {
            sum += out[i];
            sum2 += out[i] * out[i];
        }
        /* each value enters once and leaves by some 116 pedestals of weight 1/116: the sum all but cancels */
        assert_true(fabs(sum) < 5.0 * SIGMA * 15.0);
        assert_true(fabs(sqrt(sum2 / N) / SIGMA - sqrt(1.0 + 1.0 / 116.0)) < 5.0 / sqrt(2.0 * N));
        memset(out, 0, sizeof out);
        assert_int_equal(q_rolling_add(&q, &usual, N, 6.5 * SIGMA, 1.0, out), 0);
    }
    q_rolling_free(&q);
}

/* A sag of 1000 sigma with 30 us, either way: 30 us behind its edge (each round carries that on by a window) not even its curvature, 0.4 % a window, is left. */
static void test_drift(void **state)
{
    (void)state;
    struct q_rolling q = {0};
    assert_int_equal(q_rolling_reserve(&q, N), ERR_OK);
    flat(1000);
    for (int i = 400; i < N; i++) adc[i] -= (int32_t)lrint(1000.0 * SIGMA * exp(-(i - 400) / 400.0));
    add_noise(9);
    for (int p = -1; p <= 1; p += 2) {
        q_rolling_take(&q, &usual, N, adc, p);
        memset(out, 0, sizeof out);
        q_rolling_add(&q, &usual, N, 0.0, 1.0, out);
        for (int i = 800; i < N - 170; i += 100) {
            double mean = 0.0;
            for (int j = i; j < i + 100; j++) mean += 0.01 * out[j];
            assert_true(fabs(mean) < 0.0002 * 1000.0 * SIGMA * exp(-(i - 400) / 400.0) + 5.0 * 0.14 * SIGMA);
        }
    }
    q_rolling_free(&q);
}

/* Pulses in one of ten bins: pedestals are those without, and all charge is found; the threshold keeps the neighbours. */
static void test_pulses(void **state)
{
    (void)state;
    struct q_rolling q = {0};
    struct rng rng     = rng_start(rng_key(6, 1, 0, 1, 89), 0);
    double total = 0.0, found = 0.0, bias = 0.0;
    size_t n_pulses = 0;
    assert_int_equal(q_rolling_reserve(&q, N), ERR_OK);
    flat(-5000);
    add_noise(7);
    for (int i = 200; i < N - 1; i++) {
        if (rng_uniform(&rng) > 0.1) continue;
        double charge = 20.0 * SIGMA - 80.0 * SIGMA * log(rng_uniform(&rng));
        adc[i] += (int32_t)lrint(1.06 * charge);
        adc[i + 1] -= (int32_t)lrint(0.06 * charge);
        total += charge;
        n_pulses++;
    }
    q_rolling_take(&q, &usual, N, adc, 1);
    for (int i = 0; i < N; i++) bias += (q.pedestal[i] + adc[0] + 5000.0) / N;
    assert_true(fabs(bias) < 0.25 * SIGMA); /* undershoots within 4 sigma and smallest pulses remain */
    memset(out, 0, sizeof out);
    assert_true(q_rolling_add(&q, &usual, N, 8.0 * SIGMA, 1.0, out) <= n_pulses);
    for (int i = 0; i < N; i++) found += out[i];
    assert_true(fabs(found / total - 1.0) < 0.01);
    /* nothing twice: more neighbours than there are distances */
    struct q_rolling_settings wide = usual;
    wide.before = wide.after = 50;
    memset(out, 0, sizeof out);
    q_rolling_add(&q, &wide, N, 8.0 * SIGMA, 1.0, out);
    for (int i = 300; i < N; i++) assert_true(fabs(out[i] - (q.x[i] - q.pedestal[i])) < 1e-9);
    q_rolling_free(&q);
}

/* No clipping: a linear filter. Amplitude and phase change, R does not. */
static void test_frequency(void **state)
{
    (void)state;
    static double t_us[4000], content[4000], variance[4000];
    struct wiggle_data d = {.n = 4000, .bin_us = 0.075, .t_us = t_us, .content = content, .variance = variance};
    double value[]       = {2e7, 64.4, 0.25, -50.0, 2.0}, r[3];
    struct q_rolling q   = {0};
    struct wiggle_model model;
    struct wiggle_fit fit;
    assert_int_equal(wiggle_model("5", &model), ERR_OK);
    assert_int_equal(q_rolling_reserve(&q, N), ERR_OK);
    for (int i = 0; i < N; i++) adc[i] = (int32_t)lrint(wiggle_model_value(&model, value, 0.075 * i, NULL));
    const size_t windows[] = {0, 58, 40};
    for (int k = 0; k < 3; k++) {
        const struct q_rolling_settings set = {.window = windows[k] ? windows[k] : 58, .gap = 3};
        q_rolling_take(&q, &set, N, adc, 1);
        for (size_t i = 0; i < d.n; i++) {
            t_us[i]     = 0.075 * (double)(i + 400);
            variance[i] = 4e3 * adc[i + 400];
            content[i]  = windows[k] ? q.x[i + 400] - q.pedestal[i + 400] + 0.5 * adc[i + 400] : adc[i + 400];
        }
        assert_int_equal(wiggle_fit(&d, &model, WIGGLE_LIKELIHOOD, &fit), ERR_OK);
        r[k] = fit.value[WIGGLE_R];
        if (k == 1) assert_true(fabs(fit.value[WIGGLE_A] - 0.75) < 0.02); /* half the exponential, all of the wiggle */
    }
    assert_true(fabs(r[0] + 50.0) < 0.05);
    assert_true(fabs(r[1] - r[0]) < 0.05);
    assert_true(fabs(r[2] - r[0]) < 0.05);
    q_rolling_free(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_noise), cmocka_unit_test(test_drift),
                                       cmocka_unit_test(test_pulses), cmocka_unit_test(test_frequency)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
