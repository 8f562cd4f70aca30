/* The template fit on synthetic traces: resolution, bias, pulls, separation of two pulses, and traces of any kind. */
#include "pulse_fitter.h"

#include "rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define assert_near(a, b, tolerance) assert_true(fabs((double)(a) - (double)(b)) <= (tolerance))

enum { N_SAMPLES = 27, MAX_N = 512 };
static const double noise_adc = 1.5, pedestal_adc = -1700.0, sample_ns = 1.25;

static struct pulse_fitter_options options_default(void)
{
    return (struct pulse_fitter_options){.shape             = pulse_shape(PULSE_BEAM),
                                         .noise_adc         = sqrt(noise_adc * noise_adc + 1.0 / 12.0),
                                         .threshold_adc     = 9.0,
                                         .residual_fraction = 0.01,
                                         .min_dchi2         = 30.0,
                                         .max_pulses        = 8};
}

static struct pulse_fitter *fitter_new(const struct pulse_fitter_options *options)
{
    struct pulse_fitter *f = NULL;
    assert_int_equal(pulse_fitter_create(options, &f), ERR_OK);
    assert_int_equal(pulse_fitter_reserve(f, MAX_N), ERR_OK);
    return f;
}

/* A trace of n pulses with noise, as the digitiser rounds and clips it. */
static void make_trace(struct rng *r, int n_pulses, const double *t, const double *amplitude, size_t n, int16_t *adc)
{
    for (size_t i = 0; i < n; i++) {
        double v = pedestal_adc + noise_adc * rng_normal(r);
        for (int k = 0; k < n_pulses; k++)
            v += amplitude[k] * pulse_shape_value(pulse_shape(PULSE_BEAM), (double)i - t[k], NULL, NULL);
        v      = fmin(fmax(rint(v), -2048.0), 2047.0);
        adc[i] = (int16_t)v;
    }
}

static void fit(struct pulse_fitter *f, const int16_t *adc, size_t n, double pedestal, int polarity,
                struct pulse_fitter_result *out)
{
    struct pulse_fitter_trace trace = {.adc = adc, .n = n, .pedestal_adc = pedestal, .polarity = polarity};
    pulse_fitter_fit(f, &trace, out);
}

struct moments {
    double n, sum, square;
};
static void add(struct moments *m, double x)
{
    m->n += 1.0;
    m->sum += x;
    m->square += x * x;
}
static double mean(const struct moments *m) { return m->sum / m->n; }
static double rms(const struct moments *m) { return sqrt(m->square / m->n - mean(m) * mean(m)); }

/* Single pulses of one height anywhere in the sample; with 4000 traces the mean pull has error 0.016, its width 0.011;
 * bounds are 5 sigma: with the seed fixed a false alarm would be one in 10^6 seeds. */
static void resolution_at(double amplitude, double max_rms_ps, double max_bias)
{
    enum { N = 4000 };
    struct pulse_fitter_options options = options_default();
    struct pulse_fitter *f              = fitter_new(&options);
    struct rng r                        = rng_start(rng_key(1, 1, 0, 1, 60), (uint32_t)amplitude);
    struct moments dt = {0}, da = {0}, pull_t = {0}, pull_a = {0}, chi2 = {0};
    struct pulse_fitter_result out;
    for (int i = 0; i < N; i++) {
        double t = 9.0 + rng_uniform(&r);
        int16_t adc[N_SAMPLES];
        make_trace(&r, 1, &t, &amplitude, N_SAMPLES, adc);
        fit(f, adc, N_SAMPLES, pedestal_adc, 1, &out);
        assert_int_equal(out.n, 1);
        assert_int_equal(out.pulse[0].status, 0);
        add(&dt, (out.pulse[0].t - t) * sample_ns * 1000.0);
        add(&da, out.pulse[0].amplitude / amplitude - 1.0);
        add(&pull_t, (out.pulse[0].t - t) / sqrt(out.pulse[0].var_t));
        add(&pull_a, (out.pulse[0].amplitude - amplitude) / sqrt(out.pulse[0].var_a));
        add(&chi2, out.chi2_ndf);
    }
    print_message("A = %4.0f: time %.1f ps rms, bias %+.2f ps; energy rms %.4f %%, bias %+.4f %%; pulls t %.3f %.3f a "
                  "%.3f %.3f; chi2/ndf %.3f; steps %d\n",
                  amplitude, rms(&dt), mean(&dt), 100.0 * rms(&da), 100.0 * mean(&da), mean(&pull_t), rms(&pull_t),
                  mean(&pull_a), rms(&pull_a), mean(&chi2), out.n_steps);
    assert_true(rms(&dt) < max_rms_ps);
    assert_true(fabs(mean(&da)) < max_bias);
    assert_true(fabs(mean(&pull_t)) < 0.08 && fabs(rms(&pull_t) - 1.0) < 0.06);
    assert_true(fabs(mean(&pull_a)) < 0.08 && fabs(rms(&pull_a) - 1.0) < 0.06);
    assert_true(fabs(mean(&chi2) - 1.0) < 0.03);
    pulse_fitter_free(f);
}

static void single_pulses(void **state)
{
    (void)state;
    resolution_at(1250.0, 50.0, 1e-3);
    resolution_at(100.0, 80.0, 1e-3);
    resolution_at(20.0, 400.0, 5e-3);
}

/* Share of traces where both of two pulses are found, each within 1 sample and 10 % + 10 counts. */
static double separated(double distance, double a, double ratio, int n)
{
    struct pulse_fitter_options options = options_default();
    struct pulse_fitter *f              = fitter_new(&options);
    struct rng r                        = rng_start(rng_key(2, 1, 0, 1, 60), (uint32_t)(a + 1000.0 * ratio));
    int good                            = 0;
    for (int i = 0; i < n; i++) {
        double t[2] = {8.5 + rng_uniform(&r), 0.0}, amplitude[2] = {a, a * ratio};
        t[1] = t[0] + distance;
        int16_t adc[N_SAMPLES + 8];
        struct pulse_fitter_result out;
        make_trace(&r, 2, t, amplitude, N_SAMPLES + 4, adc);
        fit(f, adc, N_SAMPLES + 4, pedestal_adc, 1, &out);
        int ok = out.n == 2;
        for (int k = 0; ok && k < 2; k++)
            ok = fabs(out.pulse[k].t - t[k]) < 1.0 &&
                 fabs(out.pulse[k].amplitude - amplitude[k]) < 10.0 + 0.1 * amplitude[k];
        good += ok;
    }
    pulse_fitter_free(f);
    return (double)good / n;
}

static void two_pulses(void **state)
{
    (void)state;
    const double heights[] = {190.0, 400.0, 1000.0}, ratios[] = {1.0 / 3.0, 0.5, 1.0, 2.0, 3.0};
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 5; k++) {
            if (heights[i] * ratios[k] < 187.0) continue;
            double share = separated(4.0, heights[i], ratios[k], 1000);
            print_message("5 ns apart, %4.0f and %4.0f counts: %.1f %% separated (2.5 ns: %.1f %%)\n", heights[i],
                          heights[i] * ratios[k], 100.0 * share, 100.0 * separated(2.0, heights[i], ratios[k], 300));
            assert_true(share >= 0.99);
        }
}

/* No single pulse becomes two: none in 20,000 traces means below 1.5e-4 at 95 % confidence. */
static void single_stays_single(void **state)
{
    (void)state;
    struct pulse_fitter_options options = options_default();
    struct pulse_fitter *f              = fitter_new(&options);
    struct rng r                        = rng_start(rng_key(3, 1, 0, 1, 60), 0);
    for (int i = 0; i < 20000; i++) {
        double t = 8.0 + 4.0 * rng_uniform(&r), a = 30.0 * exp(4.5 * rng_uniform(&r));
        int16_t adc[40];
        struct pulse_fitter_result out;
        make_trace(&r, 1, &t, &a, 40, adc);
        fit(f, adc, 40, pedestal_adc, 1, &out);
        assert_int_equal(out.n, 1);
    }
    pulse_fitter_free(f);
}

/* Noise alone: 6 standard deviations; 20,000 traces of 27 samples hold 5e5 samples, expected 5e-4 pulses. */
static void noise_is_no_pulse(void **state)
{
    (void)state;
    struct pulse_fitter_options options = options_default();
    struct pulse_fitter *f              = fitter_new(&options);
    struct rng r                        = rng_start(rng_key(4, 1, 0, 1, 60), 0);
    for (int i = 0; i < 20000; i++) {
        int16_t adc[N_SAMPLES];
        struct pulse_fitter_result out;
        make_trace(&r, 0, NULL, NULL, N_SAMPLES, adc);
        fit(f, adc, N_SAMPLES, pedestal_adc, 1, &out);
        assert_int_equal(out.n, 0);
    }
    pulse_fitter_free(f);
}

/* Times and amplitudes of two overlapping pulses: pulls of unit width (4000 each, 5 sigma). */
static void pulls_of_two(void **state)
{
    (void)state;
    struct pulse_fitter_options options = options_default();
    struct pulse_fitter *f              = fitter_new(&options);
    struct rng r                        = rng_start(rng_key(5, 1, 0, 1, 60), 0);
    struct moments pull_t = {0}, pull_a = {0}, pull_ta = {0};
    for (int i = 0; i < 2000; i++) {
        double t[2] = {8.5 + rng_uniform(&r), 12.5 + 2.0 * rng_uniform(&r)}, a[2] = {600.0, 400.0};
        int16_t adc[36];
        struct pulse_fitter_result out;
        make_trace(&r, 2, t, a, 36, adc);
        fit(f, adc, 36, pedestal_adc, 1, &out);
        assert_int_equal(out.n, 2);
        for (int k = 0; k < 2; k++) {
            const struct pulse_fitter_pulse *p = &out.pulse[k];
            double dt = (p->t - t[k]) / sqrt(p->var_t), da = (p->amplitude - a[k]) / sqrt(p->var_a);
            double rho = p->cov_ta / sqrt(p->var_t * p->var_a);
            assert_true(fabs(rho) < 1.0);
            add(&pull_t, dt);
            add(&pull_a, da);
            add(&pull_ta, (da - rho * dt) / sqrt(1.0 - rho * rho)); /* unit width only with the right covariance */
        }
    }
    print_message("two pulses: pulls t %.3f %.3f, a %.3f %.3f, a given t %.3f\n", mean(&pull_t), rms(&pull_t),
                  mean(&pull_a), rms(&pull_a), rms(&pull_ta));
    assert_true(fabs(mean(&pull_t)) < 0.08 && fabs(rms(&pull_t) - 1.0) < 0.06);
    assert_true(fabs(mean(&pull_a)) < 0.08 && fabs(rms(&pull_a) - 1.0) < 0.06);
    assert_true(fabs(rms(&pull_ta) - 1.0) < 0.06);
    pulse_fitter_free(f);
}

/* A merged island: ten pulses over 400 samples, undershoots and all. */
static void long_island(void **state)
{
    (void)state;
    struct pulse_fitter_options options = options_default();
    options.max_pulses                  = 16;
    struct pulse_fitter *f              = fitter_new(&options);
    struct rng r                        = rng_start(rng_key(6, 1, 0, 1, 60), 0);
    double t[10], a[10];
    int16_t adc[400];
    struct pulse_fitter_result out;
    for (int k = 0; k < 10; k++) {
        t[k] = 20.0 + 36.0 * k + 10.0 * rng_uniform(&r);
        a[k] = 40.0 + 900.0 * rng_uniform(&r);
    }
    make_trace(&r, 10, t, a, 400, adc);
    fit(f, adc, 400, pedestal_adc, 1, &out);
    assert_int_equal(out.n, 10);
    assert_true(out.chi2_ndf > 0.6 && out.chi2_ndf < 1.4);
    for (int k = 0; k < 10; k++) {
        assert_true(fabs(out.pulse[k].t - t[k]) < 6.0 * sqrt(out.pulse[k].var_t));
        assert_true(fabs(out.pulse[k].amplitude - a[k]) < 6.0 * sqrt(out.pulse[k].var_a));
    }
    pulse_fitter_free(f);
    options.max_pulses = 4;
    f                  = fitter_new(&options);
    fit(f, adc, 400, pedestal_adc, 1, &out);
    assert_int_equal(out.n, 4);
    for (int k = 0; k < 4; k++) assert_true(out.pulse[k].status & PULSE_LIMIT);
    pulse_fitter_free(f);
}

/* Clipped samples are left out: the amplitude above full scale is still found. */
static void saturation(void **state)
{
    (void)state;
    struct pulse_fitter_options options = options_default();
    struct pulse_fitter *f              = fitter_new(&options);
    struct rng r                        = rng_start(rng_key(7, 1, 0, 1, 60), 0);
    for (int i = 0; i < 200; i++) {
        double t = 8.5 + rng_uniform(&r), a = 4500.0;
        int16_t adc[N_SAMPLES];
        struct pulse_fitter_result out;
        make_trace(&r, 1, &t, &a, N_SAMPLES, adc);
        fit(f, adc, N_SAMPLES, pedestal_adc, 1, &out);
        assert_int_equal(out.n, 1);
        assert_int_equal(out.pulse[0].status, PULSE_SATURATED);
        assert_true(fabs(out.pulse[0].amplitude - a) < 0.01 * a);
    }
    pulse_fitter_free(f);
}

static void downward_pulses_and_unknown_pedestal(void **state)
{
    (void)state;
    struct pulse_fitter_options options = options_default();
    struct pulse_fitter *f              = fitter_new(&options);
    struct rng r                        = rng_start(rng_key(8, 1, 0, 1, 60), 0);
    double t = 9.3, a = 500.0;
    int16_t adc[N_SAMPLES], down[N_SAMPLES];
    struct pulse_fitter_result up, out;
    make_trace(&r, 1, &t, &a, N_SAMPLES, adc);
    for (int i = 0; i < N_SAMPLES; i++) down[i] = (int16_t)-adc[i];
    fit(f, adc, N_SAMPLES, pedestal_adc, 1, &up);
    fit(f, down, N_SAMPLES, -pedestal_adc, -1, &out);
    assert_int_equal(out.n, 1);
    assert_near(out.pulse[0].t, up.pulse[0].t, 1e-9);
    assert_near(out.pulse[0].amplitude, up.pulse[0].amplitude, 1e-6);
    assert_near(out.pedestal, -up.pedestal, 1e-3);
    fit(f, adc, N_SAMPLES, nan(""), 1, &out);
    assert_int_equal(out.n, 1);
    assert_near(out.pulse[0].t, up.pulse[0].t, 1e-3);
    pulse_fitter_free(f);
}

static void assert_sane(const struct pulse_fitter_result *out)
{
    assert_in_range(out->n, 0, PULSE_FIT_MAX_PULSES);
    for (int k = 0; k < out->n; k++) {
        const struct pulse_fitter_pulse *p = &out->pulse[k];
        assert_true(isfinite(p->t) && isfinite(p->amplitude) && isfinite(p->cov_ta));
        assert_true(p->amplitude > 0.0 && p->var_t >= 0.0 && isfinite(p->var_t) && p->var_a >= 0.0 &&
                    isfinite(p->var_a));
        assert_true(isfinite(out->chi2_ndf) && isfinite(out->pedestal));
    }
}

/* Constant, empty, extreme and random traces, pulses across the edges: always an answer, always finite. */
static void any_trace(void **state)
{
    (void)state;
    struct pulse_fitter_options options = options_default();
    struct pulse_fitter *f              = fitter_new(&options);
    struct rng r                        = rng_start(rng_key(9, 1, 0, 1, 60), 0);
    struct pulse_fitter_result out;
    static const int16_t levels[] = {0, -1700, -2048, 2047, 32767, -32768, 100};
    static int16_t adc[MAX_N];
    for (size_t k = 0; k < sizeof levels / sizeof levels[0]; k++)
        for (size_t n = 0; n < 70; n++) {
            for (size_t i = 0; i < n; i++) adc[i] = levels[k];
            fit(f, adc, n, pedestal_adc, 1, &out);
            assert_int_equal(out.n, 0);
        }
    for (int i = 0; i < 20000; i++) {
        size_t n = 1 + rng_u32(&r) % 80;
        double t = -5.0 + (double)(n + 10) * rng_uniform(&r), a = 3000.0 * rng_uniform(&r);
        uint32_t how = rng_u32(&r) % 4, range = 1 + rng_u32(&r) % 4096;
        if (how == 0) make_trace(&r, 1, &t, &a, n, adc);
        for (size_t j = 0; how && j < n; j++) {
            int noise = (int)(rng_u32(&r) % range) - 2048, spikes = j % 3 == 0 ? 2047 : -2048;
            int slope = -1700 + (int)j * (int)(range % 50), value = how == 1 ? noise : how == 2 ? spikes : slope;
            adc[j] = (int16_t)value;
        }
        fit(f, adc, n, pedestal_adc, i % 2 ? 1 : -1, &out);
        assert_sane(&out);
    }
    pulse_fitter_free(f);
}

/* All instruction sets give the same within what single precision leaves. */
static void instruction_sets_agree(void **state)
{
    (void)state;
    static const char *const names[]    = {"baseline", "avx2", "avx512"};
    struct pulse_fitter_options options = options_default();
    struct pulse_fitter_result first[50], out;
    for (size_t k = 0; k < 3; k++) {
        if (isa_force(names[k]) != 0) continue;
        struct pulse_fitter *f = fitter_new(&options);
        for (uint32_t i = 0; i < 50; i++) {
            struct rng r = rng_start(rng_key(10, 1, 0, 1, 60), i);
            double t[2] = {9.0 + rng_uniform(&r), 15.0}, a[2] = {700.0, 300.0};
            int16_t adc[N_SAMPLES];
            make_trace(&r, 1 + (int)i % 2, t, a, N_SAMPLES, adc);
            fit(f, adc, N_SAMPLES, pedestal_adc, 1, &out);
            if (k == 0) first[i] = out;
            assert_int_equal(out.n, first[i].n);
            for (int j = 0; j < out.n; j++) {
                assert_near(out.pulse[j].t, first[i].pulse[j].t, 1e-5);
                assert_near(out.pulse[j].amplitude, first[i].pulse[j].amplitude, 1e-2);
            }
        }
        pulse_fitter_free(f);
    }
    isa_force("best");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_pulses),       cmocka_unit_test(two_pulses),
        cmocka_unit_test(single_stays_single), cmocka_unit_test(noise_is_no_pulse),
        cmocka_unit_test(pulls_of_two),        cmocka_unit_test(long_island),
        cmocka_unit_test(saturation),          cmocka_unit_test(downward_pulses_and_unknown_pedestal),
        cmocka_unit_test(any_trace),           cmocka_unit_test(instruction_sets_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
