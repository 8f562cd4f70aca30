/* The nearline page's numbers: quantities from sums, sums of parts, limits, alarms and warnings. */
#include "dqm.h"

#include "mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct dqm_sums some(double n)
{
    return (struct dqm_sums){.n_fills      = 1.25 * n,
                             .n_muon       = n,
                             .n_no_t0      = 0.1 * n,
                             .n_damaged    = 0.125 * n,
                             .ctag         = 300.0 * n,
                             .pedestal_adc = -1700.0 * n,
                             .t0_ns        = 0.9 * n * 30000.0,
                             .t0_ns2       = 0.9 * n * (30000.0 * 30000.0 + 9.0),
                             .n_sync       = 1296.0 * n,
                             .sync_adc     = 1296.0 * n * 400.0,
                             .n_noise      = 10.0 * n,
                             .noise_adc2   = 10.0 * n * 2.25,
                             .n_positrons  = 500.0 * n,
                             .wiggle_cos   = 500.0 * n * 0.16,
                             .wiggle_sin   = -500.0 * n * 0.12};
}

static void quantities_are_means(void **state)
{
    (void)state;
    struct dqm_row row = {
        .sums = some(80.0), .dead_channels = 3.0, .latency_s = 12.5, .first_unix_s = 100.0, .last_unix_s = 110.0};
    struct dqm_sums reference = some(7.0), part = some(20.0);
    reference.sync_adc *= 1.25;
    reference.pedestal_adc += 7.0 * 2.0;
    dqm_sums_add(&row.sums, &part);
    dqm_row_values(&row, NULL);
    assert_float_equal(row.value[DQM_ctag], 300.0, 1e-9);
    assert_float_equal(row.value[DQM_t0_ns], 30000.0, 1e-6);
    assert_float_equal(row.value[DQM_t0_rms_ns], 3.0, 1e-3);
    assert_float_equal(row.value[DQM_noise_adc], 1.5, 1e-9);
    assert_float_equal(row.value[DQM_asymmetry], 0.4, 1e-9);
    assert_float_equal(row.value[DQM_positrons], 500.0, 1e-9);
    assert_float_equal(row.value[DQM_no_t0], 0.1, 1e-9);
    assert_float_equal(row.value[DQM_damaged], 0.1, 1e-9);
    assert_float_equal(row.value[DQM_dead_channels], 3.0, 0.0);
    assert_float_equal(row.value[DQM_latency_s], 12.5, 0.0);
    assert_float_equal(row.value[DQM_fills_per_s], 12.4, 1e-9);
    assert_true(isnan(row.value[DQM_sync_ratio]));
    dqm_row_values(&row, &reference);
    assert_float_equal(row.value[DQM_sync_ratio], 0.8, 1e-9);
    assert_float_equal(row.value[DQM_pedestal_shift_adc], -2.0, 1e-6);
}

static void nothing_is_not_a_number(void **state)
{
    (void)state;
    struct dqm_row row = {.dead_channels = (double)NAN, .latency_s = (double)NAN};
    dqm_row_values(&row, NULL);
    for (int q = 0; q < N_DQM_QUANTITIES; q++) assert_true(isnan(row.value[q]));
}

static void alarms_say_what_and_where(void **state)
{
    (void)state;
    struct dqm_row rows[3] = {{.run = 5, .subrun = 1}, {.run = 5, .subrun = 2}, {.run = 5, .subrun = 3}};
    struct dqm *d;
    struct dqm_alarm alarm[8];
    size_t n;
    assert_int_equal(mem_alloc(&d, 1, sizeof *d), ERR_OK);
    assert_int_equal(cfg_read(dqm_cfg_fields, NULL, "services.dqm", NULL, &d->cfg), ERR_OK);
    dqm_take_limits(&d->cfg, &d->limits);
    d->row = rows;
    d->n   = 3;
    for (int i = 0; i < 3; i++) {
        rows[i].sums            = some(10.0);
        rows[i].sums.n_damaged  = 0.0;
        rows[i].sums.n_no_t0    = 0.0;
        rows[i].sums.t0_ns      = 10.0 * 30000.0;
        rows[i].sums.t0_ns2     = 10.0 * 30000.0 * 30000.0;
        rows[i].sums.noise_adc2 = rows[i].sums.n_noise * (i == 1 ? 100.0 : 2.25);
        rows[i].dead_channels   = i == 2 ? 100.0 : 0.0;
        rows[i].latency_s       = (double)NAN;
        dqm_row_values(&rows[i], NULL);
    }
    dqm_alarms(d, 8, alarm, &n);
    assert_int_equal(n, 2);
    assert_false(alarm[0].is_alarm); /* noise: it was bad, now it is not */
    assert_non_null(strstr(alarm[0].text, "noise_adc: 10 adc in run 5 subrun 2 is above 4"));
    assert_true(alarm[1].is_alarm);
    assert_non_null(
        strstr(alarm[1].text, "dead_channels: 100  in run 5 subrun 3 is above 10 (1 of the last 3 subruns)"));
    d->n_bad = 1;
    strcpy(d->bad[0], "gm2_run00005_00004.mid");
    dqm_alarms(d, 2, alarm, &n); /* never more than there is room for */
    assert_int_equal(n, 2);
    dqm_alarms(d, 8, alarm, &n);
    assert_int_equal(n, 3);
    assert_non_null(strstr(alarm[2].text, "gm2_run00005_00004.mid"));
    d->row = NULL;
    cfg_free(dqm_cfg_fields, &d->cfg);
    mem_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantities_are_means),
        cmocka_unit_test(nothing_is_not_a_number),
        cmocka_unit_test(alarms_say_what_and_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) || mem_live() != 0;
}
