/* Module PulseFit on tables made by hand: times and energies in a fill, tails of earlier islands, long islands, what is
 * left out, the run's polarity, damaged tables. */
#include "cfg.h"
#include "mem.h"
#include "module.h"
#include "odb.h"
#include "phys.h"
#include "pulse_shape.h"
#include "rng.h"
#include "tables.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define assert_near(a, b, tolerance) assert_true(fabs((double)(a) - (double)(b)) <= (tolerance))

extern const struct module module_pulse_fit;
enum { ISLAND, TRACE, SAMPLE, FILL, ODB };
static const double t0_ns = 30000.3;

/* The module with default parameters and a muon fill without islands. */
struct rig {
    struct step step;
    void *cfg;
    struct rng rng;
};

static void rig_make(struct rig *rig)
{
    const struct module *module = &module_pulse_fit;
    memset(rig, 0, sizeof *rig);
    rig->rng         = rng_start(rng_key(1, 1, 0, 1, 60), 0);
    rig->step.module = module;
    assert_int_equal(mem_alloc(&rig->cfg, 1, module->cfg_size), ERR_OK);
    assert_int_equal(cfg_read(module->fields, NULL, "test", NULL, rig->cfg), ERR_OK);
    rig->step.cfg = rig->cfg;
    for (int i = 0; module->in[i].table; i++)
        assert_int_equal(block_create(module->in[i].table, &rig->step.in[i]), ERR_OK);
    assert_int_equal(block_create(module->out[0].table, &rig->step.out[0]), ERR_OK);
    assert_int_equal(module->begin(&rig->step), ERR_OK);
    assert_int_equal(module->begin_unit(&rig->step), ERR_OK);
    assert_int_equal(block_resize(rig->step.in[FILL], 1), ERR_OK);
    struct fill_view fill = fill_view(rig->step.in[FILL]);
    fill.fill_type[0]     = 1;
    fill.t0_ns[0]         = t0_ns;
}

static void rig_free(struct rig *rig)
{
    module_pulse_fit.end(&rig->step);
    for (int i = 0; i < MODULE_MAX_PORTS; i++) {
        block_free(rig->step.in[i]);
        block_free(rig->step.out[i]);
    }
    cfg_free(module_pulse_fit.fields, rig->cfg);
    mem_free(rig->cfg);
}

static struct pulse_view run(struct rig *rig)
{
    assert_int_equal(module_pulse_fit.event(&rig->step), ERR_OK);
    return pulse_view(rig->step.out[0]);
}

/* One more trace of the last island: the part of a record with these pulses. */
static void add_trace(struct rig *rig, int crystal, size_t n_pulses, const double *at, const double *amplitude)
{
    size_t i = rig->step.in[ISLAND]->n - 1, k = rig->step.in[TRACE]->n, m = rig->step.in[SAMPLE]->n;
    struct island_view island = island_view(rig->step.in[ISLAND]);
    size_t n                  = (size_t)island.n_samples[i];
    assert_int_equal(block_resize(rig->step.in[TRACE], k + 1), ERR_OK);
    assert_int_equal(block_resize(rig->step.in[SAMPLE], m + n), ERR_OK);
    struct trace_view trace   = trace_view(rig->step.in[TRACE]);
    struct sample_view sample = sample_view(rig->step.in[SAMPLE]);
    island.n_crystals[i]++;
    trace.island[k]       = (uint32_t)i;
    trace.crystal[k]      = (uint8_t)crystal;
    trace.pedestal_adc[k] = -1700.1F;
    trace.first_sample[k] = (uint32_t)m;
    for (size_t j = 0; j < n; j++) {
        double v = -1700.1 + 1.5 * rng_normal(&rig->rng), x = island.first_sample[i] + (double)j;
        for (size_t p = 0; p < n_pulses; p++)
            v += amplitude[p] * pulse_shape_value(pulse_shape(PULSE_BEAM), x - at[p], NULL, NULL);
        sample.adc[m + j] = (int16_t)fmin(rint(v), 2047.0);
    }
}

/* An island [first, first + n) with one trace. */
static void add_island(struct rig *rig, int calo, int crystal, int first, size_t n, size_t n_pulses, const double *at,
                       const double *amplitude)
{
    size_t i = rig->step.in[ISLAND]->n;
    assert_int_equal(block_resize(rig->step.in[ISLAND], i + 1), ERR_OK);
    struct island_view island = island_view(rig->step.in[ISLAND]);
    island.calo[i]            = (uint8_t)calo;
    island.first_sample[i]    = first;
    island.n_samples[i]       = (int32_t)n;
    island.n_crystals[i]      = 0;
    island.first_trace[i]     = (uint32_t)rig->step.in[TRACE]->n;
    add_trace(rig, crystal, n_pulses, at, amplitude);
}

static void times_and_energies(void **state)
{
    (void)state;
    struct rig rig;
    rig_make(&rig);
    const double at = 30009.4, amplitude = 1250.0, sync_at = 8009.0;
    add_island(&rig, 3, 17, 30000, 27, 1, &at, &amplitude);
    add_island(&rig, 3, 17, 8000, 27, 1, &sync_at, &amplitude); /* before injection: laser sync */
    add_island(&rig, 25, 0, 30000, 27, 1, &at, &amplitude);     /* T0 counter */
    struct pulse_view v = run(&rig);
    assert_int_equal(v.n, 1);
    assert_int_equal(v.island[0], 0);
    assert_int_equal(v.calo[0], 3);
    assert_int_equal(v.crystal[0], 17);
    assert_int_equal(v.n_pulses[0], 1);
    assert_int_equal(v.status[0], 0);
    assert_near(v.t_fill_ns[0], at * SAMPLE_NS - t0_ns, 0.02);
    assert_near(v.energy_GeV[0], 2.0, 0.01);
    assert_near(v.amplitude_adc[0], 1250.0, 6.0);
    assert_near(v.pedestal_adc[0], -1700.1, 3.0);
    assert_true(v.sig_t_ns[0] > 0.001F && v.sig_t_ns[0] < 0.005F);
    assert_true(v.sig_energy_GeV[0] > 0.001F && v.sig_energy_GeV[0] < 0.003F);
    fill_view(rig.step.in[FILL]).fill_type[0] = 2;
    assert_int_equal(run(&rig).n, 0);
    rig_free(&rig);
}

/* Two showers 5 ns apart, 40 crystals with 2 and 1 counts of them, one with the tail of an earlier pulse. 200 islands:
 * the means of the light below threshold within 5 sigma; noise alone would give 0, the tail left in -60. */
static void light_below_threshold(void **state)
{
    (void)state;
    enum { N = 200, N_FAINT = 40 };
    struct rig rig;
    double sum[2] = {0.0, 0.0}, square[2] = {0.0, 0.0};
    rig_make(&rig);
    for (int i = 0; i < N; i++) {
        int first            = 30000 + 400 * i;
        const double at[]    = {first + 38.3, first + 42.3};
        const double large[] = {900.0, 400.0}, small[] = {2.0, 1.0};
        const double before[] = {first + 8.0, at[0], at[1]}, with_tail[] = {1000.0, 2.0, 1.0};
        add_island(&rig, 5, N_FAINT, first, 27, 1, before, with_tail);
        add_island(&rig, 5, N_FAINT + 1, first + 30, 31, 2, at, large);
        for (int k = 0; k < N_FAINT - 1; k++) add_trace(&rig, k, 2, at, small);
        add_trace(&rig, N_FAINT, 3, before, with_tail);
    }
    struct pulse_view v = run(&rig);
    assert_int_equal(v.n, 3 * N);
    for (size_t i = 0; i < v.n; i++) {
        double faint_adc = (double)v.faint_energy_GeV[i] / 1.6e-3;
        if (v.crystal[i] == N_FAINT) assert_near(faint_adc, 0.0, 0.0); /* an island of one trace */
        if (v.crystal[i] != N_FAINT + 1) continue;
        int k = v.amplitude_adc[i] < 600.0F;
        sum[k] += faint_adc;
        square[k] += faint_adc * faint_adc;
    }
    for (int k = 0; k < 2; k++) {
        double mean = sum[k] / N, rms = sqrt(square[k] / N - mean * mean);
        print_message("light below threshold: %.2f counts of %d, rms %.2f\n", mean, N_FAINT * (k ? 1 : 2), rms);
        assert_near(mean, N_FAINT * (k ? 1.0 : 2.0), 5.0 * rms / sqrt(N));
        assert_true(rms < 12.0);
    }
    rig_free(&rig);
}

/* A pulse 30 samples behind a large one in an island of its own, given out of order: the undershoot is taken away.
 * 400 pulses: mean pull of the energy within 5 sigma = 0.25; left as it is, the tail of 1500 counts shifts it by > 2. */
static void tails_of_earlier_islands(void **state)
{
    (void)state;
    struct rig rig;
    rig_make(&rig);
    double sum = 0.0, square = 0.0;
    enum { N = 400 };
    for (int i = 0; i < N; i++) {
        int first        = 30000 + 500 * i;
        const double a[] = {1500.0, 300.0}, at[] = {first + 8.5 + rng_uniform(&rig.rng), first + 40.0};
        add_island(&rig, 1 + i % N_CALOS, 5, first + 31, 27, 2, at, a);
        add_island(&rig, 1 + i % N_CALOS, 5, first, 27, 2, at, a);
    }
    struct pulse_view v = run(&rig);
    assert_int_equal(v.n, 2 * N);
    for (size_t i = 0; i < v.n; i += 2) {
        double pull = (v.energy_GeV[i + 1] - 300.0 * 1.6e-3) / (double)v.sig_energy_GeV[i + 1];
        sum += pull;
        square += pull * pull;
    }
    print_message("energy pull behind a large pulse: mean %+.3f, rms %.3f\n", sum / N, sqrt(square / N));
    assert_true(fabs(sum / N) < 0.25);
    assert_true(sqrt(square / N) < 1.25);
    rig_free(&rig);
}

/* 60 pulses in one island of 3000 samples: fitted in pieces, none lost, none twice. */
static void long_island(void **state)
{
    (void)state;
    enum { N = 60 };
    struct rig rig;
    rig_make(&rig);
    double at[N], a[N];
    for (int k = 0; k < N; k++) {
        at[k] = 30000.0 + 20.0 + 49.0 * k + 12.0 * rng_uniform(&rig.rng);
        a[k]  = 80.0 + 900.0 * rng_uniform(&rig.rng);
    }
    add_island(&rig, 9, 40, 30000, 3000, N, at, a);
    struct pulse_view v = run(&rig);
    assert_int_equal(v.n, N);
    for (size_t k = 0; k < N; k++) {
        assert_near(v.t_fill_ns[k], at[k] * SAMPLE_NS - t0_ns, 6.0 * (double)v.sig_t_ns[k]);
        assert_near(v.energy_GeV[k], a[k] * 1.6e-3, 8.0 * (double)v.sig_energy_GeV[k]);
    }
    rig_free(&rig);
}

static void polarity_of_the_run(void **state)
{
    (void)state;
    struct rig rig;
    rig_make(&rig);
    struct odb *odb;
    char *text;
    size_t n;
    const double at = 30009.4, amplitude = 800.0;
    struct odb_crate crate = {.crate            = 7,
                              .n_samples        = 560000,
                              .threshold_adc    = -300.0,
                              .polarity         = -1,
                              .presamples       = 8,
                              .postsamples      = 16,
                              .sum_decimation   = 32,
                              .q_decimation     = 16,
                              .injection_sample = 24000,
                              .preset           = "run1-like"};
    odb_channel_map(crate.channel_map);
    assert_int_equal(odb_create(&odb), ERR_OK);
    assert_int_equal(odb_put_crate(odb, &crate), ERR_OK);
    assert_int_equal(odb_xml(odb, &text, &n), ERR_OK);
    assert_int_equal(block_resize(rig.step.in[ODB], n), ERR_OK);
    memcpy(odb_view(rig.step.in[ODB]).byte, text, n);
    add_island(&rig, 7, 1, 30000, 27, 1, &at, &amplitude);
    add_island(&rig, 8, 1, 30000, 27, 1, &at, &amplitude); /* not in the settings: positive */
    struct sample_view sample = sample_view(rig.step.in[SAMPLE]);
    for (size_t i = 0; i < 27; i++) sample.adc[i] = (int16_t)-sample.adc[i];
    trace_view(rig.step.in[TRACE]).pedestal_adc[0] = 1700.1F;
    struct pulse_view v                            = run(&rig);
    assert_int_equal(v.n, 2);
    for (size_t i = 0; i < 2; i++) assert_near(v.amplitude_adc[i], 800.0, 6.0);
    assert_near(v.pedestal_adc[0], 1700.1, 3.0);
    mem_free(text);
    odb_free(odb);
    rig_free(&rig);
}

static void damaged_tables(void **state)
{
    (void)state;
    struct rig rig;
    rig_make(&rig);
    const double at = 30009.4, amplitude = 800.0;
    add_island(&rig, 7, 1, 30000, 27, 1, &at, &amplitude);
    struct island_view island = island_view(rig.step.in[ISLAND]);
    island.n_samples[0]       = 28;
    assert_int_equal(module_pulse_fit.event(&rig.step), ERR_DATA);
    assert_non_null(strstr(err_message(), "27 samples"));
    island.n_samples[0]   = 27;
    island.first_trace[0] = 1;
    assert_int_equal(module_pulse_fit.event(&rig.step), ERR_DATA);
    island.first_trace[0] = 0;
    assert_int_equal(block_resize(rig.step.in[FILL], 0), ERR_OK);
    assert_int_equal(module_pulse_fit.event(&rig.step), ERR_DATA);
    err_clear();
    rig_free(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_and_energies),       cmocka_unit_test(light_below_threshold),
        cmocka_unit_test(tails_of_earlier_islands), cmocka_unit_test(long_island),
        cmocka_unit_test(polarity_of_the_run),      cmocka_unit_test(damaged_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
