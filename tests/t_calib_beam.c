/* Calibrations from beam data and pedestal fills on toy sums: pulls against what was put in, intervals of channel flags. */
#include "align.h"
#include "calib_beam.h"
#include "calib_mips.h"
#include "channel_flags.h"
#include "location.h"
#include "mem.h"
#include "pedestal_sums.h"
#include "rng.h"
#include "tables.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct calib_unit unit_0 = {5, 0};

static struct rng seed(uint32_t sequence) { return rng_start(rng_key(4711, 5, 0, 0, 999), sequence); }

/* gain_truth with one value column beside is_dead. */
static void add_truth(struct calib_input *in, const char *column, const double *value)
{
    const char *const names[] = {"run", "subrun", "calo", "crystal", "is_dead", "is_hot", column};
    struct calib_table t      = {.n_rows = CALIB_CHANNELS, .n_columns = 7};
    snprintf(t.name, sizeof t.name, "gain_truth");
    assert_int_equal(mem_alloc(&t.column, 7, sizeof *t.column), ERR_OK);
    assert_int_equal(mem_alloc(&t.value, 7, sizeof *t.value), ERR_OK);
    for (size_t c = 0; c < 7; c++) {
        t.column[c] = mem_string(names[c]);
        assert_int_equal(mem_alloc(&t.value[c], CALIB_CHANNELS, sizeof **t.value), ERR_OK);
    }
    for (int k = 0; k < CALIB_CHANNELS; k++) {
        const double row[] = {5, 0, 1 + k / N_CRYSTALS, k % N_CRYSTALS, 0, 0, value[k]};
        for (size_t c = 0; c < 7; c++) t.value[c][k] = row[c];
    }
    assert_int_equal(calib_input_rows(in, &t), ERR_OK);
}

/* Muons that cross three calorimeters, one in three a fourth one too (then it is in the table twice); of each way to the next a
 * quarter are strays. */
static void add_muons(struct calib_input *in, struct rng *r, int n, const double *offset, const double *ln_light,
                      double (*spread)(struct rng *))
{
    struct block *block;
    assert_int_equal(block_create(&table_mip_triple, &block), ERR_OK);
    assert_int_equal(block_resize(block, 2 * (size_t)n), ERR_OK);
    struct mip_triple_view v = mip_triple_view(block);
    size_t row               = 0;
    for (int m = 0; m < n; m++) {
        uint32_t channel[4];
        double t[4] = {2e4 + 6e5 * rng_uniform(r)}, light[4];
        int calo    = (int)(rng_u32(r) % N_CALOS);
        for (int i = 0; i < 4; i++) {
            channel[i] = (uint32_t)((calo + i) % N_CALOS * N_CRYSTALS) + rng_u32(r) % N_CRYSTALS;
            light[i]   = exp(ln_light[channel[i]] + spread(r));
            if (i == 0) continue;
            t[i] = t[i - 1] + calib_mips_flight_ns(channel[i - 1], channel[i]) + 0.008 + offset[channel[i]] -
                   offset[channel[i - 1]] + 0.05 * rng_normal(r);
            if (rng_uniform(r) < 0.25) t[i] = t[i - 1] + 2.15 + 8.0 * rng_uniform(r); /* a stray, flat in the window */
        }
        for (int first = 0; first < (m % 3 ? 1 : 2); first++, row++) {
            v.t_fill_ns[row]   = t[first];
            v.calo[row]        = (uint8_t)(1 + (calo + first) % N_CALOS);
            v.crystal1[row]    = (uint8_t)(channel[first] % N_CRYSTALS);
            v.crystal2[row]    = (uint8_t)(channel[first + 1] % N_CRYSTALS);
            v.crystal3[row]    = (uint8_t)(channel[first + 2] % N_CRYSTALS);
            v.n_crystals1[row] = v.n_crystals2[row] = v.n_crystals3[row] = 1;
            v.dt12_ns[row]                                               = t[first + 1] - t[first];
            v.dt23_ns[row]                                               = t[first + 2] - t[first + 1];
            v.amplitude1_adc[row]                                        = light[first];
            v.amplitude2_adc[row]                                        = light[first + 1];
            v.amplitude3_adc[row]                                        = light[first + 2];
        }
    }
    assert_int_equal(block_resize(block, row), ERR_OK);
    assert_int_equal(calib_input_block(in, unit_0, block), ERR_OK);
    assert_int_equal(calib_input_units(in, &unit_0, 1), ERR_OK);
    block_free(block);
}

static double no_spread(struct rng *r)
{
    (void)r;
    return 0.0;
}

static const double zeros[CALIB_CHANNELS];

/* Offsets of 0.5 ns rms for crystals and 1 ns for calorimeters; 18 pairs with the first
 * larger, 6 with the second on average, 2 % strays; 12,000 muons.
 * Offsets of one calorimeter share the calorimeter's error, which is of the size of the crystals': bounds as if 24 were free
 * for the mean (0.9: 4.5 sigma, 7e-6), 15 % for the width (seen with other seeds: 4 %). */
static void times(void **state)
{
    (void)state;
    static double offset[CALIB_CHANNELS];
    struct rng r          = seed(1);
    struct calib_input in = {.n_units = 0};
    struct hist *h;
    struct calib_result result;
    for (int k = 0; k < N_CALOS; k++) {
        double calo = rng_normal(&r);
        for (int c = 0; c < N_CRYSTALS; c++) offset[k * N_CRYSTALS + c] = calo + 0.5 * rng_normal(&r);
    }
    assert_int_equal(hist_book(&in.hists, "calib/pair_dt", "", hist_axis(186 * 24, 0, 186 * 24, "", "1"),
                               hist_axis(100, -5.0, 5.0, "", "ns"), 0, &h),
                     ERR_OK);
    for (int row = 0; row < 186 * N_CALOS; row++) {
        int a, b, k = row / 186 * N_CRYSTALS;
        align_pair(row % 186 / 2, &a, &b);
        double dt = offset[k + b] - offset[k + a] + (row % 2 ? -0.03 : 0.03); /* the smaller is late by 30 ps */
        for (uint64_t n = rng_poisson(&r, row % 2 ? 6.0 : 18.0); n > 0; n--)
            hist_fill(h, row + 0.5, rng_uniform(&r) < 0.02 ? 10.0 * rng_uniform(&r) - 5.0 : dt + 0.06 * rng_normal(&r),
                      1.0);
    }
    add_muons(&in, &r, 12000, offset, zeros, no_spread);
    add_truth(&in, "time_offset_ns", offset);
    assert_true(calibration_has_input(&calibration_beam_time, &in));
    assert_int_equal(calibration_run(&calibration_beam_time, &in, &result), ERR_OK);
    const struct calib_pull *p = &result.pull[0];
    print_message("%s\n%zu channels: error %.1f ps, pulls: mean %.3f, width %.3f, largest %.1f\n", result.note, p->n,
                  1e3 * result.set.value[3][30], p->mean, p->width, p->largest);
    assert_int_equal(p->n, CALIB_CHANNELS);
    assert_true(fabs(p->mean) < 0.9 && fabs(p->width - 1.0) < 0.15 && p->largest < 5.5);
    assert_true(result.set.value[3][30] < 0.025);
    double squares = 0.0; /* calorimeters alone: strays must not pull their offsets towards the middle of the window */
    for (int k = 0; k < N_CALOS; k++) {
        double mean = 0.0;
        for (int i = k * N_CRYSTALS; i < (k + 1) * N_CRYSTALS; i++)
            mean += (result.set.value[2][i] - result.truth[2][i]) / N_CRYSTALS;
        squares += mean * mean / N_CALOS;
    }
    print_message("calorimeters: rms of recovered less injected %.1f ps\n", 1e3 * sqrt(squares));
    assert_true(sqrt(squares) < 0.0055);
    calib_result_free(&result);
    calib_input_free(&in);
}

static double ln_spread(struct rng *r) { return 0.11 * rng_normal(r) - 0.08 * log(rng_uniform(r)); }

/* Energies of positrons at the edge as energy_scale.h has it, 2.1 % resolution. */
static double positron(struct rng *r)
{
    for (;;) {
        double u = 0.3 * rng_uniform(r);
        if (rng_uniform(r) * 2.1 < u * (6.0 + 3.0 * u - 4.0 * u * u))
            return CALIB_EDGE_GeV * (1.0 - u) * (1.0 + 0.021 * rng_normal(r));
    }
}

static void add_edge(struct calib_input *in, struct rng *r, const double *factor)
{
    struct hist *h;
    assert_int_equal(hist_book(&in->hists, "calib/endpoint", "",
                               hist_axis(CALIB_CHANNELS, 0, CALIB_CHANNELS, "channel", "1"),
                               hist_axis(110, log(1500.0 / 1.6), log(4500.0 / 1.6), "ln of counts", "1"), 0, &h),
                     ERR_OK);
    for (int channel = 0; channel < CALIB_CHANNELS; channel++)
        for (int i = 0; i < 60; i++) hist_fill(h, channel + 0.5, log(1e3 * positron(r) * factor[channel] / 1.6), 1.0);
}

/* Scales of 5 % rms about calorimeters' of 3 %; 35 crossings a crystal. The error of a crystal is 3 %, that of the edge of a
 * calorimeter 0.6 %: pulls are nearly free. Bounds: mean 0.25 (1.5 sigma of the edge's common error, beside 4.5 of its own),
 * width 8 % (4 sigma, 6e-5). */
static void energies(void **state)
{
    (void)state;
    enum { MANY = 200000 };
    static double factor[CALIB_CHANNELS], ln_light[CALIB_CHANNELS];
    static struct location_sample sample[MANY];
    struct location shape;
    struct rng r          = seed(2);
    struct calib_input in = {.n_units = 0};
    struct calib_result result;
    for (int i = 0; i < MANY; i++) sample[i] = (struct location_sample){0, ln_spread(&r)};
    assert_int_equal(location_groups(sample, MANY, 0.15, 10, 1, &shape), ERR_OK);
    for (int k = 0; k < N_CALOS; k++) {
        double calo = 0.03 * rng_normal(&r);
        for (int c = 0; c < N_CRYSTALS; c++) {
            int i     = k * N_CRYSTALS + c;
            factor[i] = 1.0 + calo + 0.05 * rng_normal(&r);
            ln_light[i] =
                log(CALIB_MIP_MeV * 0.97 / 1.6 * factor[i]) - shape.value; /* muons give 3 % less: the edge mends it */
        }
    }
    add_muons(&in, &r, 14000, zeros, ln_light, ln_spread);
    add_edge(&in, &r, factor);
    add_truth(&in, "energy_factor", factor);
    assert_int_equal(calibration_run(&calibration_energy, &in, &result), ERR_OK);
    const struct calib_pull *p = &result.pull[0];
    print_message("%s\n%zu channels: error %.2f %%, pulls: mean %.3f, width %.3f, largest %.1f\n", result.note, p->n,
                  100.0 * result.set.value[3][30] / result.set.value[2][30], p->mean, p->width, p->largest);
    assert_int_equal(p->n, CALIB_CHANNELS);
    assert_true(fabs(p->mean) < 0.25 && fabs(p->width - 1.0) < 0.08 && p->largest < 5.5);
    calib_result_free(&result);
    calib_input_free(&in);
}

/* 20 waveforms of 800 samples, drawn as means and variances; channel 9 has none but pedestals of fills. Bounds: 4.5 sigma for
 * means (7e-6), 9 % for widths (4.5 sigma). */
static void levels(void **state)
{
    (void)state;
    enum { WAVEFORMS = 20, LENGTH = 800 };
    static double pedestal[CALIB_CHANNELS], noise[CALIB_CHANNELS];
    struct rng r          = seed(3);
    struct calib_input in = {.n_units = 0};
    struct calib_result result;
    struct hist *h;
    assert_int_equal(hist_book(&in.hists, PEDESTAL_SUMS, "", hist_axis(CALIB_CHANNELS, 0, CALIB_CHANNELS, "", "1"),
                               hist_axis(N_PEDESTAL_ROWS, 0, N_PEDESTAL_ROWS, "", "1"), 0, &h),
                     ERR_OK);
    for (int i = 0; i < CALIB_CHANNELS; i++) {
        int64_t *sum = h->content + (int64_t)i * N_PEDESTAL_ROWS;
        pedestal[i]  = -1700.0 + 5.0 * rng_normal(&r);
        noise[i]     = 1.5 * (1.0 + 0.1 * rng_normal(&r));
        double rms   = sqrt(noise[i] * noise[i] + 1.0 / 12.0);
        for (int w = 0; w < WAVEFORMS; w++) {
            int64_t mean    = llrint((pedestal[i] + rms / sqrt(LENGTH) * rng_normal(&r)) / PEDESTAL_STEP);
            double variance = rms * rms * (1.0 + sqrt(2.0 / (LENGTH - 1)) * rng_normal(&r));
            int row         = i == 9 ? PEDESTAL_CP : PEDESTAL_WAVEFORMS;
            sum[row] += 1;
            sum[row + 1] += mean;
            sum[row + 2] += mean * mean;
            if (i == 9) continue;
            sum[PEDESTAL_WITHIN] += llrint(variance * LENGTH * (LENGTH - 1));
            sum[PEDESTAL_WITHIN_N] += (int64_t)LENGTH * (LENGTH - 1);
        }
    }
    h->n_entries = 1;
    assert_int_equal(calib_input_units(&in, &unit_0, 1), ERR_OK);
    add_truth(&in, "pedestal_adc", pedestal);
    assert_int_equal(calibration_run(&calibration_pedestal, &in, &result), ERR_OK);
    assert_int_equal(result.pull[0].n, CALIB_CHANNELS);
    assert_true(fabs(result.pull[0].mean) < 0.125 && fabs(result.pull[0].width - 1.0) < 0.09);
    calib_result_free(&result);
    calib_table_free(&in.table[--in.n_tables]);
    add_truth(&in, "noise_adc", noise);
    assert_int_equal(calibration_run(&calibration_noise, &in, &result), ERR_OK);
    assert_int_equal(result.pull[0].n, CALIB_CHANNELS - 1);
    assert_false(result.is_measured[9]);
    assert_true(fabs(result.pull[0].mean) < 0.125 && fabs(result.pull[0].width - 1.0) < 0.09);
    calib_result_free(&result);
    calib_input_free(&in);
}

/* A gain that sags by 3 % exp(-t / 8 us) is seen in the edge against time. 400,000 positrons within 30 % of the edge; each of
 * some 50 points within 4.5 errors of what was put in (false alarm 3e-4), chi2 within 4 sigma. */
static void edge_in_time(void **state)
{
    (void)state;
    enum { POSITRONS = 400000 };
    struct rng r          = seed(5);
    struct calib_input in = {.n_units = 0};
    struct hist *h;
    char *script = NULL;
    size_t size;
    const double period_us = 2e-3 * PI / OMEGA_A_RADNS;
    assert_int_equal(hist_book(&in.hists, "calib/endpoint_time", "", hist_axis(150, 0.0, 150 * period_us, "time", "us"),
                               hist_axis(110, log(1500.0 / 1.6), log(4500.0 / 1.6), "ln of counts", "1"), 0, &h),
                     ERR_OK);
    double mean = 0.0;
    for (int i = 0; i < POSITRONS; i++) {
        double t_us = -64.4 * log(rng_uniform(&r)), gain = 1.0 - 0.03 * exp(-t_us / 8.0);
        hist_fill(h, t_us, log(1e3 * positron(&r) * gain / 1.6), 1.0);
        mean += gain / POSITRONS;
    }
    struct sheet s = {open_memstream(&script, &size), cJSON_CreateObject()};
    assert_int_equal(calib_draw_edge_time(&in, NULL, &s), ERR_OK);
    const cJSON *table  = cJSON_GetObjectItem(s.json, "edge");
    const cJSON *t      = cJSON_GetObjectItem(cJSON_GetObjectItem(table, "time"), "values"),
                *change = cJSON_GetObjectItem(cJSON_GetObjectItem(table, "change"), "values"),
                *error  = cJSON_GetObjectItem(cJSON_GetObjectItem(table, "error"), "values");
    int n               = cJSON_GetArraySize(t);
    double chi2 = 0.0, flat = 0.0;
    for (int i = 0; i < n; i++) {
        double t_us = cJSON_GetArrayItem(t, i)->valuedouble, sigma = cJSON_GetArrayItem(error, i)->valuedouble;
        double seen = cJSON_GetArrayItem(change, i)->valuedouble, want = (1.0 - 0.03 * exp(-t_us / 8.0)) / mean - 1.0;
        assert_true(fabs(seen - want) < 4.5 * sigma + 0.001); /* 0.1 %: the mean gain in a period of 4.4 us */
        chi2 += (seen - want) * (seen - want) / sigma / sigma;
        flat += seen * seen / sigma / sigma;
    }
    print_message("edge in %d stretches of time: chi2 %.0f against what was put in, %.0f against none\n", n, chi2,
                  flat);
    assert_true(n > 20 && fabs(chi2 - n) < 4.0 * sqrt(2.0 * n) && flat > 3.0 * n);
    fclose(s.script);
    free(script);
    cJSON_Delete(s.json);
    calib_input_free(&in);
}

static void add_counts(struct calib_input *in, uint32_t subrun, uint32_t last_of_700)
{
    const struct calib_unit unit = {5, subrun};
    struct block *block;
    assert_int_equal(block_create(&table_channel_count, &block), ERR_OK);
    assert_int_equal(block_resize(block, CALIB_CHANNELS), ERR_OK);
    struct channel_count_view v = channel_count_view(block);
    for (size_t i = 0; i < CALIB_CHANNELS; i++) {
        uint32_t n       = i == 700 ? last_of_700 : i == 800 ? 0 : 91;
        v.calo[i]        = (uint8_t)(1 + i / N_CRYSTALS);
        v.crystal[i]     = (uint8_t)(i % N_CRYSTALS);
        v.n_fills[i]     = 91;
        v.n_pulses[i]    = i == 900 ? 5000 : 2 * n;
        v.n_laser[i]     = 91;
        v.n_response[i]  = n;
        v.first_event[i] = n ? 1 : 0;
        v.last_event[i]  = n;
        v.last_laser[i]  = 91;
    }
    assert_int_equal(calib_input_block(in, unit, block), ERR_OK);
    assert_int_equal(calib_input_units(in, &unit, 1), ERR_OK);
    block_free(block);
}

/* 800 is dead, 900 hot, always; 700 dies in subrun 2 behind event 40. Subruns without a change make one interval. */
static void channel_intervals(void **state)
{
    (void)state;
    static const struct {
        uint32_t subrun, last;
    } row[]               = {{0, 91}, {1, 91}, {2, 40}, {3, 0}, {5, 0}};
    struct calib_input in = {.n_units = 0};
    struct calib_result r;
    for (size_t i = 0; i < 5; i++) add_counts(&in, row[i].subrun, row[i].last);
    assert_int_equal(calibration_run(&calibration_channels, &in, &r), ERR_OK);
    assert_int_equal(r.set.n_intervals, 3); /* 0 to 2:41, to 3, 5: there is no subrun 4 */
    assert_int_equal(r.set.n_rows, 3 * CALIB_CHANNELS);
    struct cond_time t = cond_unpack(&r.set.table, r.set.interval[1].begin);
    assert_true(t.run == 5 && t.subrun == 2 && t.event == 41);
    assert_true(r.set.interval[0].end == r.set.interval[1].begin && r.set.interval[1].end < r.set.interval[2].begin);
    t = cond_unpack(&r.set.table, r.set.interval[1].end);
    assert_true(t.subrun == 4 && t.event == 0);
    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i < CALIB_CHANNELS; i++) {
            assert_true(r.set.value[2][k * CALIB_CHANNELS + i] == (i == 800 || (i == 700 && k > 0)));
            assert_true(r.set.value[3][k * CALIB_CHANNELS + i] == (i == 900));
        }
    calib_result_free(&r);
    calib_input_free(&in);
}

static void too_little(void **state)
{
    (void)state;
    struct calib_input in = {.n_units = 0};
    struct calib_result result;
    struct rng r = seed(4);
    struct hist *h;
    add_muons(&in, &r, 3, zeros, zeros, no_spread);
    assert_false(calibration_has_input(&calibration_beam_time, &in));
    assert_int_equal(hist_book(&in.hists, "calib/pair_dt", "", hist_axis(186 * 24, 0, 186 * 24, "", "1"),
                               hist_axis(100, -5.0, 5.0, "", "ns"), 0, &h),
                     ERR_OK);
    assert_int_equal(calibration_run(&calibration_beam_time, &in, &result), ERR_NOTFOUND);
    assert_int_equal(hist_book(&in.hists, "calib/endpoint", "", hist_axis(CALIB_CHANNELS, 0, CALIB_CHANNELS, "", "1"),
                               hist_axis(110, 6.8, 7.9, "", "1"), 0, &h),
                     ERR_OK);
    assert_int_equal(calibration_run(&calibration_energy, &in, &result), ERR_NOTFOUND);
    calib_input_free(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times),        cmocka_unit_test(energies),          cmocka_unit_test(levels),
        cmocka_unit_test(edge_in_time), cmocka_unit_test(channel_intervals), cmocka_unit_test(too_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
