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

enum { N_SAMPLES = 27, MAX_N = 512 };
static const double noise_adc = 1.5, pedestal_adc = -1700.0, sample_ns = 1.25;

static struct pulse_fitter_options options_default(void)
{
    return (struct pulse_fitter_options){.shape             = pulse_shape(PULSE_BEAM),
                                         .noise_adc         = sqrt(noise_adc * noise_adc + 1.0 / 12.0),
                                         .threshold_adc     = 9.0,
                                         .residual_fraction = 0.01,
                                         .min_dchi2         = 30.0,
                                         .polarity          = 1.0,
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
        pulse_fitter_trace(f, adc, N_SAMPLES, pedestal_adc, &out);
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
        pulse_fitter_trace(f, adc, N_SAMPLES + 4, pedestal_adc, &out);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_pulses),
        cmocka_unit_test(two_pulses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
