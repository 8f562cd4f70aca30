/* PedestalSums: sums of pedestal fills and of the frontend's pedestals, by hand and in the mean. */
#include "bank.h"
#include "mem.h"
#include "module.h"
#include "pedestal_sums.h"
#include "phys.h"
#include "tables.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

extern const struct module module_pedestal_sums;
enum { IN_FILL, IN_ISLAND, IN_TRACE, IN_SAMPLE, N_IN, LENGTH = 800 };

struct rig {
    struct step step;
    struct hist_set set;
    void *cfg;
};

static void rig_make(struct rig *rig)
{
    *rig      = (struct rig){.cfg = calloc(1, module_pedestal_sums.cfg_size)};
    rig->step = (struct step){.module = &module_pedestal_sums, .label = "p", .cfg = rig->cfg, .hists = &rig->set};
    assert_int_equal(cfg_read(module_pedestal_sums.fields, NULL, "p", NULL, rig->cfg), ERR_OK);
    for (int i = 0; i < N_IN; i++)
        assert_int_equal(block_create(module_pedestal_sums.in[i].table, &rig->step.in[i]), ERR_OK);
    assert_int_equal(block_resize(rig->step.in[IN_FILL], 1), ERR_OK);
    assert_int_equal(module_pedestal_sums.begin(&rig->step), ERR_OK);
}

static void rig_free(struct rig *rig)
{
    module_pedestal_sums.end(&rig->step);
    for (int i = 0; i < N_IN; i++) block_free(rig->step.in[i]);
    hist_set_free(&rig->set);
    cfg_free(module_pedestal_sums.fields, rig->cfg);
    free(rig->cfg);
}

/* One island of a calorimeter with two crystals, 3 and 53. */
static int16_t *add_island(struct rig *rig, int calo, int32_t n, float pedestal)
{
    size_t i = rig->step.in[IN_ISLAND]->n, t = rig->step.in[IN_TRACE]->n, s = rig->step.in[IN_SAMPLE]->n;
    assert_int_equal(block_resize(rig->step.in[IN_ISLAND], i + 1), ERR_OK);
    assert_int_equal(block_resize(rig->step.in[IN_TRACE], t + 2), ERR_OK);
    assert_int_equal(block_resize(rig->step.in[IN_SAMPLE], s + 2 * (size_t)n), ERR_OK);
    struct island_view island = island_view(rig->step.in[IN_ISLAND]);
    struct trace_view trace   = trace_view(rig->step.in[IN_TRACE]);
    island.calo[i]            = (uint8_t)calo;
    island.n_samples[i]       = n;
    island.n_crystals[i]      = 2;
    island.first_trace[i]     = (uint32_t)t;
    for (size_t k = 0; k < 2; k++) {
        trace.crystal[t + k]      = k ? 53 : 3;
        trace.pedestal_adc[t + k] = pedestal;
        trace.first_sample[t + k] = (uint32_t)(s + k * (size_t)n);
    }
    return sample_view(rig->step.in[IN_SAMPLE]).adc + s;
}

static void run(struct rig *rig, int type)
{
    fill_view(rig->step.in[IN_FILL]).fill_type[0] = (uint8_t)type;
    assert_int_equal(module_pedestal_sums.event(&rig->step), ERR_OK);
    for (int i = IN_ISLAND; i < N_IN; i++) assert_int_equal(block_resize(rig->step.in[i], 0), ERR_OK);
}

static int64_t sum_of(const struct rig *rig, int calo, int crystal, enum pedestal_row row)
{
    const struct hist *h = hist_find(&rig->set, PEDESTAL_SUMS);
    return h->content[((calo - 1) * N_CRYSTALS + crystal) * N_PEDESTAL_ROWS + (int)row];
}

static void by_hand(void **state)
{
    (void)state;
    struct rig rig;
    rig_make(&rig);
    int16_t *adc = add_island(&rig, 2, LENGTH, 0.0F);
    for (int i = 0; i < 2 * LENGTH; i++) adc[i] = (int16_t)(i % 2 ? -1700 : -1698);
    adc[LENGTH + 17] = -1600; /* a pulse in crystal 53 */
    run(&rig, BANK_PEDESTAL);
    assert_int_equal(sum_of(&rig, 2, 3, PEDESTAL_WAVEFORMS), 1);
    assert_int_equal(sum_of(&rig, 2, 3, PEDESTAL_MEAN), -1699 * 1024);
    assert_int_equal(sum_of(&rig, 2, 3, PEDESTAL_WITHIN), (int64_t)LENGTH * LENGTH); /* variance 1 */
    assert_int_equal(sum_of(&rig, 2, 3, PEDESTAL_WITHIN_N), (int64_t)LENGTH * (LENGTH - 1));
    assert_int_equal(sum_of(&rig, 2, 53, PEDESTAL_WAVEFORMS), 0);
    assert_int_equal(sum_of(&rig, 2, 53, PEDESTAL_LEFT_OUT), 1);
    for (int i = 0; i < 2; i++) { /* two islands of a fill: its pedestal counts once */
        adc = add_island(&rig, 5, 30, -1700.5F);
        for (int k = 0; k < 60; k++) adc[k] = 0;
    }
    run(&rig, BANK_MUON);
    adc = add_island(&rig, 5, 30, -1701.5F);
    for (int k = 0; k < 60; k++) adc[k] = 0;
    run(&rig, BANK_MUON);
    assert_int_equal(sum_of(&rig, 5, 53, PEDESTAL_CP), 2);
    assert_int_equal(sum_of(&rig, 5, 53, PEDESTAL_CP_SUM), -3402 * 1024);
    adc = add_island(&rig, 5, LENGTH, -1701.5F);
    for (int k = 0; k < 2 * LENGTH; k++) adc[k] = 0;
    run(&rig, BANK_LASER); /* not looked at */
    assert_int_equal(sum_of(&rig, 5, 53, PEDESTAL_CP), 2);
    assert_int_equal(sum_of(&rig, 5, 53, PEDESTAL_WAVEFORMS), 0);
    rig_free(&rig);
}

/* 50 waveforms of 40,000 samples of Gaussian noise in all: mean within 4.5 of its errors, noise likewise (7e-6 each). */
static void of_noise(void **state)
{
    (void)state;
    enum { WAVEFORMS = 50 };
    const double pedestal = -1702.3, noise = 1.5;
    struct rig rig;
    struct rng r = rng_start(rng_key(1, 1, 0, 0, 999), 0);
    rig_make(&rig);
    for (int w = 0; w < WAVEFORMS; w++) {
        int16_t *adc = add_island(&rig, 24, LENGTH, 0.0F);
        for (int i = 0; i < 2 * LENGTH; i++) adc[i] = (int16_t)lrint(pedestal + noise * rng_normal(&r));
        run(&rig, BANK_PEDESTAL);
    }
    double n    = (double)sum_of(&rig, 24, 53, PEDESTAL_WAVEFORMS);
    double mean = (double)sum_of(&rig, 24, 53, PEDESTAL_MEAN) * PEDESTAL_STEP / n;
    double rms  = sqrt((double)sum_of(&rig, 24, 53, PEDESTAL_WITHIN) / (double)sum_of(&rig, 24, 53, PEDESTAL_WITHIN_N));
    double want = sqrt(noise * noise + 1.0 / 12.0), samples = WAVEFORMS * LENGTH;
    assert_true(n == WAVEFORMS);
    assert_true(fabs(mean - pedestal) < 4.5 * want / sqrt(samples) + PEDESTAL_STEP);
    assert_true(fabs(rms - want) < 4.5 * want / sqrt(2.0 * samples));
    rig_free(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_hand), cmocka_unit_test(of_noise)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
