/* Sags of gain: 1,296 channels of toy shots against what was put in, for in-fill shots and double pulses; points that tell
 * nothing. */
#include "calib.h"
#include "gain_curve.h"
#include "mem.h"
#include "rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A production of shots at n_times times, n_shots each; all numbers in the units of the histograms. */
struct toy {
    const char *stem;
    double step, tau, amplitude, energy, rms, range;
    int n_times, n_shots;
    bool has_energy;
};

static double amplitude_of(const struct toy *t, int k) { return t->amplitude * (1.0 + 0.1 * sin(1.7 * k)); }

static void book(struct hist_set *set, const struct toy *t, struct hist *h[4])
{
    static const char *const names[] = {"count", "gain", "time", "energy"};
    const int64_t n                  = (int64_t)(t->range / t->step) + 1;
    for (int i = 0; i < 4; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s_%s", t->stem, names[i]);
        assert_int_equal(hist_book(set, name, name, hist_axis(CALIB_CHANNELS, -0.5, CALIB_CHANNELS - 0.5, "", "1"),
                                   hist_axis(n, -0.5 * t->step, ((double)n - 0.5) * t->step, "", "us"), i == 1, &h[i]),
                         ERR_OK);
    }
}

static void shoot(struct hist_set *set, const struct toy *t)
{
    struct hist *h[4];
    book(set, t, h);
    for (int k = 0; k < CALIB_CHANNELS; k++) {
        struct rng rng = rng_start(rng_key(11, 1, 0, 1, 55), (uint32_t)k);
        for (int i = 1; i <= t->n_times; i++)
            for (int j = 0; j < t->n_shots; j++) {
                const double x         = i * t->step,
                             energy    = t->has_energy ? t->energy * (1.0 + 0.02 * rng_normal(&rng)) : 1.0;
                const double mean      = 1.0 - amplitude_of(t, k) * energy * exp(-x / t->tau);
                const double gain      = mean * (1.0 + t->rms * rng_normal(&rng)),
                             weight[4] = {1.0, gain, 1e3 * x, 1e3 * energy};
                for (int q = 0; q < 4; q++) hist_fill(h[q], k, x, weight[q]);
            }
    }
}

static void add_truth(struct calib_input *in, const struct toy *t, const char *amplitude, const char *tau)
{
    const char *names[]   = {"run", "subrun", "calo", "crystal", amplitude, tau};
    struct calib_table tt = {.name = "gain_truth", .n_rows = CALIB_CHANNELS, .n_columns = 6};
    assert_int_equal(mem_alloc(&tt.column, 6, sizeof *tt.column), ERR_OK);
    assert_int_equal(mem_alloc(&tt.value, 6, sizeof *tt.value), ERR_OK);
    for (size_t c = 0; c < 6; c++) {
        tt.column[c] = mem_string(names[c]);
        assert_int_equal(mem_alloc(&tt.value[c], CALIB_CHANNELS, sizeof **tt.value), ERR_OK);
    }
    for (int k = 0; k < CALIB_CHANNELS; k++) {
        const double row[6] = {1, 0, floor(1 + k / (double)N_CRYSTALS), k % N_CRYSTALS, amplitude_of(t, k), t->tau};
        for (size_t c = 0; c < 6; c++) tt.value[c][k] = row[c];
    }
    assert_int_equal(calib_input_rows(in, &tt), ERR_OK);
}

/* Pulls over 1,296 channels: width 1 +- 0.0196, mean 0 +- 0.0278 by chance alone. The fit is not linear: with errors of
 * 5 to 10 % of the constants its bias is a few hundredths of an error. Limits are 5 standard errors (1 in 2 million) beyond
 * a bias of 0.1 and a widening of 0.05. */
static void check(const struct calib_pull *p, size_t n)
{
    printf("%s: mean %.3f, width %.3f, largest %.2f, bias %.3g\n", p->column, p->mean, p->width, p->largest, p->bias);
    assert_int_equal(p->n, n);
    assert_true(fabs(p->mean) < 0.1 + 5.0 * 0.0278);
    assert_true(fabs(p->width - 1.0) < 0.05 + 5.0 * 0.0196);
    assert_true(p->largest < 7.0);
}

static void recover(const struct toy *toy, const struct calibration *c, const char *amplitude, const char *tau)
{
    struct calib_input in        = {.n_units = 0};
    const struct calib_unit unit = {1, 0};
    struct calib_result r;
    shoot(&in.hists, toy);
    add_truth(&in, toy, amplitude, tau);
    assert_int_equal(calib_input_units(&in, &unit, 1), ERR_OK);
    assert_true(calibration_has_input(c, &in));
    assert_int_equal(calibration_run(c, &in, &r), ERR_OK);
    printf("%s\n", r.note);
    assert_int_equal(r.set.n_rows, CALIB_CHANNELS);
    assert_int_equal(r.n_pulls, 2);
    check(&r.pull[0], CALIB_CHANNELS);
    check(&r.pull[1], CALIB_CHANNELS);
    calib_result_free(&r);
    calib_input_free(&in);
}

static void in_fill(void **state)
{
    (void)state;
    recover(&(struct toy){"laser/ifg", 2.5, 8.0, 0.03, 1.0, 0.011, 175.0, 60, 60, false}, &calibration_ifg,
            "ifg_amplitude", "ifg_tau_us");
}

static void double_pulse(void **state)
{
    (void)state;
    recover(&(struct toy){"laser/stdp", 5.0, 15.0, 0.03, 2.0, 0.02, 100.0, 16, 120, true}, &calibration_stdp,
            "stdp_amplitude", "stdp_tau_ns");
}

/* A channel alone tells no recovery time: that of all is taken. */
static void weak_channels(void **state)
{
    (void)state;
    const struct toy toy         = {"laser/ifg", 5.0, 8.0, 0.03, 1.0, 0.044, 175.0, 30, 4, false};
    struct calib_input in        = {.n_units = 0};
    const struct calib_unit unit = {1, 0};
    struct calib_result r;
    size_t n_fixed = 0;
    shoot(&in.hists, &toy);
    assert_int_equal(calib_input_units(&in, &unit, 1), ERR_OK);
    assert_int_equal(calibration_run(&calibration_ifg, &in, &r), ERR_OK);
    for (size_t i = 0; i < r.set.n_rows; i++) {
        n_fixed += r.set.value[4][i] == r.set.value[5][i];
        assert_true(r.set.value[3][i] > 0.0 && r.set.value[4][i] > 0.0);
    }
    assert_true(n_fixed > CALIB_CHANNELS / 2);
    calib_result_free(&r);
    calib_input_free(&in);
}

static void nothing_to_fit(void **state)
{
    (void)state;
    const struct toy toy         = {"laser/ifg", 5.0, 8.0, 0.0, 1.0, 0.0, 175.0, 1, 1, false};
    struct calib_input in        = {.n_units = 0};
    const struct calib_unit unit = {1, 0};
    struct gain_curve *c;
    struct gain_fit f;
    struct calib_result r;
    shoot(&in.hists, &toy);
    assert_int_equal(calib_input_units(&in, &unit, 1), ERR_OK);
    assert_int_equal(calibration_run(&calibration_ifg, &in, &r), ERR_NOTFOUND);
    assert_non_null(strstr(err_message(), "too few laser shots"));
    err_clear();
    assert_int_equal(mem_alloc(&c, 1, sizeof *c), ERR_OK);
    for (c->n = 0; c->n < 10; c->n++) { /* no sag at all: no recovery time */
        c->x[c->n]    = 5.0 * (double)c->n;
        c->gain[c->n] = c->energy[c->n] = c->weight[c->n] = 1.0;
    }
    assert_false(gain_fit(c, 0.0, 1.0, 100.0, &f));
    assert_true(gain_fit_fixed(c, 1e-4, 8.0, &f));
    assert_true(fabs(f.amplitude) < 1e-9 && fabs(f.norm - 1.0) < 1e-9);
    assert_true(fabs(gain_fit_value(&f, 3.0, 1.0) - 1.0) < 1e-9);
    mem_free(c);
    calib_input_free(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_fill), cmocka_unit_test(double_pulse),
                                       cmocka_unit_test(weak_channels), cmocka_unit_test(nothing_to_fit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
