/* omega_a by the Q-method, from Q histograms drawn positron by positron: decays with the toy acceptance, pulses of the measured
 * shape in bins of 150 ns, noise, pedestals that sag after injection. R, tau and errors against what was put in; the variance
 * that a bin is given against pulls of the fit. Fixed seeds; a limit of 4 errors has a false alarm of 6e-5. */
#include "digitise.h"
#include "q_fit.h"
#include "wiggle_toy_fill.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

extern const struct module module_q_method;

enum {
    N_FLUSHES   = 16,
    N_XTALS     = 9,
    N_POSITRONS = 20000,
    N_BINS      = 4667,
    DECIMATION  = 120,
    INJECTION   = 24000,
    N_FILLS     = 4
};
#define R_PPM   -95.5
#define SAG_ADC 10.0
#define NOISE   1.53

static const struct rng_key noise_key = {{77, 1}, 2, 3};

struct toy {
    struct step step;
    struct unit unit;
    struct hist_set hists;
    struct block *hist, *count;
    float *sum, *noise; /* [calo][crystal][bin]; [bin] */
    void *cfg;
};

static void open_toy(struct toy *t, const char *text)
{
    const struct module *m = &module_q_method;
    struct fhicl *table;
    *t = (struct toy){.unit = {.run = 1}};
    assert_int_equal(fhicl_parse(text, strlen(text), "test", &table), ERR_OK);
    assert_int_equal(mem_alloc(&t->cfg, 1, m->cfg_size), ERR_OK);
    assert_int_equal(cfg_read(m->fields, table, "QMethod", NULL, t->cfg), ERR_OK);
    fhicl_free(table);
    assert_int_equal(block_create(&table_q_hist, &t->hist), ERR_OK);
    assert_int_equal(block_create(&table_q_count, &t->count), ERR_OK);
    assert_int_equal(mem_alloc(&t->sum, (size_t)N_CALOS * N_XTALS * N_BINS, sizeof *t->sum), ERR_OK);
    assert_int_equal(mem_alloc(&t->noise, N_BINS, sizeof *t->noise), ERR_OK);
    t->step = (struct step){
        .module = m, .label = "qm", .cfg = t->cfg, .unit = &t->unit, .hists = &t->hists, .in = {t->hist, t->count}};
    assert_int_equal(m->begin(&t->step), ERR_OK);
}

static void close_toy(struct toy *t)
{
    module_q_method.end(&t->step);
    block_free(t->hist);
    block_free(t->count);
    mem_free(t->sum);
    mem_free(t->noise);
    cfg_free(module_q_method.fields, t->cfg);
    mem_free(t->cfg);
    hist_set_free(&t->hists);
}

/* One positron's pulse in one crystal. */
static void draw_positron(struct toy *t, struct rng *r)
{
    double t_us = 0.0, energy = 0.0;
    int is_kept = 0;
    while (!is_kept) {
        t_us = -64.4 * log(rng_uniform(r));
        toy_positron(r, R_PPM, t_us, &energy, &is_kept);
    }
    if (rng_uniform(r) > toy_acceptance(energy)) return;
    const struct pulse_shape *shape = pulse_shape(PULSE_BEAM);
    size_t row                      = (size_t)(rng_uniform(r) * N_CALOS * N_XTALS);
    struct pulse_place place        = pulse_shape_place(shape, INJECTION + t_us * 1e3 / SAMPLE_NS);
    struct digitise_pulse pulse     = {.first         = (int32_t)(PULSE_PAD - place.first),
                                       .u             = place.u,
                                       .amplitude_adc = (float)(energy / 0.0016),
                                       .half          = (uint8_t)place.half,
                                       .kind          = PULSE_BEAM};
    digitise_sum_pulse(&pulse, 0, DECIMATION, N_BINS, t->sum + row * N_BINS);
}

static void put_row(struct toy *t, uint32_t flush, size_t row, int32_t *adc)
{
    const double n = (double)DECIMATION * N_FILLS;
    digitise_noise(noise_key, (uint32_t)(flush * N_CALOS * N_XTALS + row), 0, N_BINS, t->noise);
    for (int i = 0; i < N_BINS; i++) {
        double late = (i - (double)INJECTION / DECIMATION) * (DECIMATION * SAMPLE_NS * 1e-3);
        double sag  = late < 0.0 ? 0.0 : SAG_ADC * exp(-late / 30.0);
        adc[i]      = (int32_t)lrint(n * (-1700.0 - sag) + NOISE * sqrt(n) * (double)t->noise[i] +
                                     (double)t->sum[row * N_BINS + (size_t)i]);
    }
}

static void one_sum(struct toy *t, uint64_t seed, uint32_t flush, int n_positrons)
{
    struct rng r        = rng_start(rng_key(seed, 1, 0, flush + 1, 903), 0);
    const size_t n_rows = (size_t)N_CALOS * N_XTALS;
    memset(t->sum, 0, n_rows * N_BINS * sizeof *t->sum);
    for (int i = 0; i < n_positrons; i++) draw_positron(t, &r);
    assert_int_equal(block_resize(t->hist, n_rows), ERR_OK);
    assert_int_equal(block_resize(t->count, n_rows * N_BINS), ERR_OK);
    struct q_hist_view q = q_hist_view(t->hist);
    for (size_t row = 0; row < n_rows; row++) {
        q.calo[row]         = (uint8_t)(1 + row / N_XTALS);
        q.crystal[row]      = (uint8_t)(row % N_XTALS);
        q.first_sample[row] = 0;
        q.decimation[row]   = DECIMATION;
        q.n_fills[row]      = N_FILLS;
        q.polarity[row]     = 1;
        q.n_bins[row]       = N_BINS;
        q.first_count[row]  = (uint32_t)(row * N_BINS);
        put_row(t, flush, row, q_count_view(t->count).adc + row * N_BINS);
    }
    assert_int_equal(module_q_method.event(&t->step), ERR_OK);
}

static void fit_method(const struct toy *t, const char *method, struct wiggle_fit *fit)
{
    struct wiggle_input in = {.hists = t->hists};
    struct wiggle_model model;
    struct wiggle_data d;
    assert_int_equal(wiggle_model("5", &model), ERR_OK);
    assert_int_equal(q_fit_take(&in, method, 0, 30.0, 400.0, &d), ERR_OK);
    assert_int_equal(wiggle_fit(&d, &model, WIGGLE_LIKELIHOOD, fit), ERR_OK);
    wiggle_data_free(&d);
    print_message("%s: R %.1f +- %.1f ppm, tau %.3f +- %.3f us, A %.4f +- %.4f, N0 %.2f, chi2/ndf %.1f/%.0f, p %.3f\n",
                  method, fit->value[WIGGLE_R], fit->error[WIGGLE_R], fit->value[WIGGLE_TAU], fit->error[WIGGLE_TAU],
                  fit->value[WIGGLE_A], fit->error[WIGGLE_A], fit->value[WIGGLE_N0], fit->chi2, fit->ndf, fit->p_value);
}

static void test_omega_a(void **state)
{
    (void)state;
    struct toy t;
    struct wiggle_fit fit[3];
    static const char *const methods[] = {"q", "q1", "q2"};
    open_toy(&t, "injection_sample: 24000");
    assert_int_equal(module_q_method.begin_unit(&t.step), ERR_OK);
    for (uint32_t f = 0; f < N_FLUSHES; f++) one_sum(&t, 3, f, N_POSITRONS);
    for (int k = 0; k < 3; k++) {
        fit_method(&t, methods[k], &fit[k]);
        assert_true(fabs(fit[k].value[WIGGLE_R] - R_PPM) < 4.0 * fit[k].error[WIGGLE_R]);
        assert_true(fabs(fit[k].value[WIGGLE_TAU] - 64.4) < 4.0 * fit[k].error[WIGGLE_TAU]);
        assert_true(fit[k].p_value > 1e-4 && fit[k].p_value < 1.0 - 1e-4);
    }
    close_toy(&t);
}

/* Noise alone, a mock DAQ with sagging pedestals: 10 us behind injection nothing is above a threshold, and what the rolling
 * pedestal leaves is flat to a hundredth of what a fixed one leaves. */
static void test_noise(void **state)
{
    (void)state;
    struct toy t;
    open_toy(&t, "injection_sample: 24000");
    assert_int_equal(module_q_method.begin_unit(&t.step), ERR_OK);
    for (uint32_t f = 0; f < 4; f++) one_sum(&t, 4, f, 0);
    const struct hist *all = hist_find(&t.hists, "qmethod/energy_1"), *above = hist_find(&t.hists, "qmethod/energy_2");
    const struct hist *fixed = hist_find(&t.hists, "qmethod/fixed");
    const int first = 270, width = 430;
    for (int64_t c = 0; c < N_CALOS; c++)
        for (int64_t i = first; i < above->y.n; i++) assert_int_equal(above->content[c * above->y.n + i], 0);
    for (int part = 0; part < 10; part++) {
        double sum = 0.0, squares = 0.0, sum_fixed = 0.0, late = (first + part * width - 200) * 0.15;
        for (int64_t c = 0; c < N_CALOS; c++)
            for (int64_t i = c * all->y.n + first + part * width, end = i + width; i < end; i++) {
                sum += (double)all->content[i] * all->quantum;
                squares += (double)all->squares[i] * all->quantum;
                sum_fixed += (double)fixed->content[i] * fixed->quantum;
            }
        /* the pedestals' own noise takes part of the sum's away, so its error is below this */
        assert_true(fabs(sum) < 0.01 * fabs(sum_fixed) * (late < 100.0) + 5.0 * sqrt(squares));
        if (part == 0) assert_true(sum_fixed < -100.0 * sqrt(squares));
    }
    assert_int_equal(hist_find(&t.hists, "qmethod/sums")->content[3], 4);
    assert_int_equal(hist_find(&t.hists, "qmethod/fills")->content[3], 4 * N_FILLS);
    close_toy(&t);
}

static void test_refusals(void **state)
{
    (void)state;
    struct toy t;
    struct wiggle_input in = {0};
    struct wiggle_data d;
    assert_true(q_fit_is_method("q") && q_fit_is_method("q7"));
    assert_false(q_fit_is_method("q8") || q_fit_is_method("q00") || q_fit_is_method("t"));
    assert_int_equal(q_fit_take(&in, "q", 0, 30.0, 400.0, &d), ERR_NOTFOUND);
    open_toy(&t, "");
    assert_int_equal(module_q_method.begin_unit(&t.step), ERR_NOTFOUND); /* neither ODB nor injection_sample */
    close_toy(&t);
    open_toy(&t, "injection_sample: 24000 bin_samples: 119");
    assert_int_equal(module_q_method.begin_unit(&t.step), ERR_OK);
    assert_int_equal(block_resize(t.hist, 1), ERR_OK);
    assert_int_equal(block_resize(t.count, 10), ERR_OK);
    struct q_hist_view q = q_hist_view(t.hist);
    q.calo[0] = q.crystal[0] = 1;
    q.first_sample[0]        = 0;
    q.decimation[0]          = 60;
    q.n_fills[0]             = 1;
    q.n_bins[0]              = 10;
    q.first_count[0]         = 0;
    assert_int_equal(module_q_method.event(&t.step), ERR_CONFIG);
    q.n_bins[0] = 11;
    assert_int_equal(module_q_method.event(&t.step), ERR_DATA);
    err_clear();
    close_toy(&t);
    open_toy(&t, "injection_sample: 24000");
    assert_int_equal(module_q_method.begin_unit(&t.step), ERR_OK);
    one_sum(&t, 4, 0, 10);
    in.hists = t.hists;
    assert_int_equal(q_fit_take(&in, "q", 0, 30.0, 400.0, &d), ERR_DATA); /* one sum has no scatter */
    err_clear();
    close_toy(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_omega_a), cmocka_unit_test(test_noise),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
