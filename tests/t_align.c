/* align: offsets from differences, against what was put in; the pairs of PairTimes. */
#include "align.h"
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "tables.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void pairs_are_neighbours(void **state)
{
    (void)state;
    int n_of[N_CRYSTALS] = {0};
    for (int pair = 0; pair < ALIGN_PAIRS; pair++) {
        int a, b;
        bool is_swapped;
        align_pair(pair, &a, &b);
        assert_true(b - a == 1 || b - a == 9);
        assert_int_equal(align_pair_of(a, b, &is_swapped), pair);
        assert_false(is_swapped);
        assert_int_equal(align_pair_of(b, a, &is_swapped), pair);
        assert_true(is_swapped);
        n_of[a]++;
        n_of[b]++;
    }
    assert_int_equal(n_of[0], 2);
    assert_int_equal(n_of[1], 3);
    assert_int_equal(n_of[10], 4);
    bool unused;
    assert_int_equal(align_pair_of(8, 9, &unused), -1); /* last of a row, first of the next */
    assert_int_equal(align_pair_of(3, 5, &unused), -1);
    assert_int_equal(align_pair_of(3, 3, &unused), -1);
}

/* 40 calorimeters of 54 crystals with links of different errors: pulls of 2,160 offsets, chi2. Bounds: mean 5 standard
 * errors (that a false alarm is 1e-6), width 8 % (pulls of a calorimeter are correlated, as if 1,000 were free: 3.6 sigma,
 * 3e-4), chi2 5 sigma. */
static void offsets_and_errors(void **state)
{
    (void)state;
    struct rng r = rng_start(rng_key(1, 1, 0, 0, 999), 0);
    double sum = 0.0, squares = 0.0, chi2 = 0.0;
    int n = 0, ndf = 0;
    for (int trial = 0; trial < 40; trial++) {
        double truth[N_CRYSTALS], mean = 0.0;
        struct align_link link[ALIGN_PAIRS];
        struct align_node node[N_CRYSTALS];
        struct align_result result;
        for (int c = 0; c < N_CRYSTALS; c++) mean += (truth[c] = rng_normal(&r)) / N_CRYSTALS;
        for (int pair = 0; pair < ALIGN_PAIRS; pair++) {
            struct align_link *l = &link[pair];
            align_pair(pair, &l->first, &l->second);
            l->error_ns = 0.005 + 0.05 * rng_uniform(&r);
            l->dt_ns    = truth[l->second] - truth[l->first] + l->error_ns * rng_normal(&r);
        }
        assert_int_equal(align_solve(N_CRYSTALS, link, ALIGN_PAIRS, false, node, &result), ERR_OK);
        double total = 0.0;
        for (int c = 0; c < N_CRYSTALS; c++) {
            assert_true(node[c].is_known && node[c].error_ns > 0.001 && node[c].error_ns < 0.1);
            double pull = (node[c].offset_ns - truth[c] + mean) / node[c].error_ns;
            total += node[c].offset_ns;
            sum += pull;
            squares += pull * pull;
            n++;
        }
        assert_true(fabs(total) < 1e-9); /* the gauge */
        chi2 += result.chi2;
        ndf += result.ndf;
    }
    print_message("pulls of %d offsets: mean %.3f, width %.3f; chi2/ndf %.1f/%d\n", n, sum / n, sqrt(squares / n), chi2,
                  ndf);
    assert_int_equal(ndf, 40 * (ALIGN_PAIRS - N_CRYSTALS + 1));
    assert_true(fabs(sum / n) < 0.11 && fabs(sqrt(squares / n) - 1.0) < 0.08);
    assert_true(fabs(chi2 - ndf) < 5.0 * sqrt(2.0 * ndf));
}

/* 24 calorimeters in a ring: the flight time comes out of the closed loop; an open chain leaves it open. */
static void ring_with_flight_time(void **state)
{
    (void)state;
    struct align_link link[N_CALOS];
    struct align_node node[N_CALOS];
    struct align_result result;
    for (int k = 0; k < N_CALOS; k++) link[k] = (struct align_link){k, (k + 1) % N_CALOS, 6.1, 0.02};
    link[4].dt_ns += 1.0;
    link[5].dt_ns -= 1.0; /* calorimeter 6, node 5, is late by 1 ns */
    assert_int_equal(align_solve(N_CALOS, link, N_CALOS, true, node, &result), ERR_OK);
    assert_true(fabs(result.common_ns - 6.1) < 1e-9 && fabs(result.common_error_ns - 0.02 / sqrt(24.0)) < 1e-6);
    assert_true(fabs(node[5].offset_ns - 23.0 / 24.0) < 1e-9 && fabs(node[0].offset_ns + 1.0 / 24.0) < 1e-9);
    assert_int_equal(align_solve(N_CALOS, link, N_CALOS - 1, true, node, &result), ERR_NUMBER);
    assert_int_equal(align_solve(N_CALOS, link, N_CALOS - 1, false, node, &result), ERR_OK);
    link[3].error_ns = 0.0;
    assert_int_equal(align_solve(N_CALOS, link, N_CALOS, true, node, &result), ERR_DATA);
}

static void groups_apart(void **state)
{
    (void)state;
    const struct align_link link[] = {{0, 1, 0.5, 0.1}, {1, 2, 0.5, 0.1}, {4, 5, 9.0, 0.1}};
    struct align_node node[7];
    struct align_result result;
    assert_int_equal(align_solve(7, link, 3, false, node, &result), ERR_OK);
    for (int i = 0; i < 7; i++) assert_int_equal(node[i].is_known, i < 3);
    assert_true(fabs(node[0].offset_ns + 0.5) < 1e-9 && fabs(node[2].offset_ns - 0.5) < 1e-9);
    assert_true(node[4].offset_ns == 0.0);
    assert_int_equal(align_solve(7, link, 0, false, node, &result), ERR_OK);
    assert_false(node[0].is_known);
}

/* ---- the module ---------------------------------------------------------------------------------------------------- */
extern const struct module module_pair_times;

static void module_sums_pairs(void **state)
{
    (void)state;
    struct hist_set set = {0};
    void *cfg           = calloc(1, module_pair_times.cfg_size);
    struct step s       = {.module = &module_pair_times, .label = "pairs", .cfg = cfg, .hists = &set};
    assert_int_equal(cfg_read(module_pair_times.fields, NULL, "pairs", NULL, cfg), ERR_OK);
    assert_int_equal(block_create(&table_pulse, &s.in[0]), ERR_OK);
    assert_int_equal(module_pair_times.begin(&s), ERR_OK);
    static const struct {
        int calo, crystal;
        double t, energy;
    } hit[] = {
        {3, 10, 1000.0, 0.9},  {3, 11, 1000.76, 0.3}, {3, 19, 999.86, 0.2}, /* right of 10 and above it */
        {3, 12, 1000.0, 0.05},                                              /* too small */
        {3, 9, 1009.0, 0.5},                                                /* too late */
        {4, 10, 1000.0, 0.9},                                               /* another calorimeter */
        {24, 44, 5000.0, 0.1}, {24, 53, 5000.1, 0.4},
    };
    assert_int_equal(block_resize(s.in[0], 8), ERR_OK);
    struct pulse_view v = pulse_view(s.in[0]);
    for (int i = 0; i < 8; i++) {
        v.calo[i]       = (uint8_t)hit[i].calo;
        v.crystal[i]    = (uint8_t)hit[i].crystal;
        v.t_fill_ns[i]  = hit[i].t;
        v.energy_GeV[i] = hit[i].energy;
        v.status[i]     = 0;
    }
    assert_int_equal(module_pair_times.event(&s), ERR_OK);
    const struct hist *h = hist_find(&set, "calib/pair_dt");
    bool unused;
    int beside = 2 * (2 * ALIGN_PAIRS + align_pair_of(10, 11, &unused));
    int above  = 2 * (2 * ALIGN_PAIRS + align_pair_of(10, 19, &unused));
    int last   = 2 * (23 * ALIGN_PAIRS + align_pair_of(44, 53, &unused)) + 1;
    assert_int_equal(h->n_entries, 3);
    assert_true(fabs(align_row_peak(h, beside, 3.0, 0.3).mean - 0.75) < 0.013); /* half a bin */
    assert_true(fabs(align_row_peak(h, above, 3.0, 0.3).mean + 0.15) < 0.013);
    assert_int_equal(align_row_peak(h, last, 3.0, 0.3).n, 1);
    assert_int_equal(align_row_peak(h, 0, 3.0, 0.3).n, 0);
    module_pair_times.end(&s);
    block_free(s.in[0]);
    hist_set_free(&set);
    cfg_free(module_pair_times.fields, cfg);
    free(cfg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_neighbours),  cmocka_unit_test(offsets_and_errors),
        cmocka_unit_test(ring_with_flight_time), cmocka_unit_test(groups_apart),
        cmocka_unit_test(module_sums_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
