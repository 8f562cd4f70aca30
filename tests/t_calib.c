/* Frame of calibrations on toy sums: constants, their errors against what was put in, files of results, the database. */
#include "calib.h"
#include "mem.h"
#include "rng.h"
#include "tables.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SUBRUNS = 4, SHOTS = 60 };
static const double shot_rms = 0.044, time_rms_ns = 0.006;

/* Injected constants of a channel, by a formula that is no constant's default. */
static double oof_of(int subrun, int k) { return 1.0 + 0.004 * subrun + 0.001 * (k % 7); }
static double offset_of(int k) { return 0.3 * sin(0.37 * k); }

/* Rows of gain_truth as a simulation leaves them. */
static void add_truth(struct calib_input *in, int subrun)
{
    static const char *const names[] = {"run", "subrun", "calo", "crystal", "oof", "time_offset_ns", "is_dead"};
    struct calib_table t             = {.n_rows = CALIB_CHANNELS, .n_columns = 7};
    snprintf(t.name, sizeof t.name, "gain_truth");
    assert_int_equal(mem_alloc(&t.column, 7, sizeof *t.column), ERR_OK);
    assert_int_equal(mem_alloc(&t.value, 7, sizeof *t.value), ERR_OK);
    for (size_t c = 0; c < 7; c++) {
        t.column[c] = mem_string(names[c]);
        assert_int_equal(mem_alloc(&t.value[c], CALIB_CHANNELS, sizeof **t.value), ERR_OK);
    }
    for (int k = 0; k < CALIB_CHANNELS; k++) {
        const double row[7] = {
            5, subrun, floor(1 + k / (double)N_CRYSTALS), k % N_CRYSTALS, oof_of(subrun, k), offset_of(k), k == 77};
        for (size_t c = 0; c < 7; c++) t.value[c][k] = row[c];
    }
    assert_int_equal(calib_input_rows(in, &t), ERR_OK);
}

static void add_sums(struct calib_input *in, int subrun)
{
    struct block *block;
    assert_int_equal(block_create(&table_laser_sum, &block), ERR_OK);
    assert_int_equal(block_resize(block, CALIB_CHANNELS), ERR_OK);
    struct laser_sum_view v = laser_sum_view(block);
    struct rng_key key      = rng_key(4711, 5, (uint32_t)subrun, 1, 55);
    for (int k = 0; k < CALIB_CHANNELS; k++) {
        struct rng rng    = rng_start(key, (uint32_t)k);
        const int n       = k == 77 ? 0 : SHOTS; /* a dead channel */
        v.calo[k]         = (uint8_t)(1 + k / N_CRYSTALS);
        v.crystal[k]      = (uint8_t)(k % N_CRYSTALS);
        v.n_response[k]   = (uint32_t)n;
        v.n_time[k]       = (uint32_t)n;
        v.sum_response[k] = v.sum_response2[k] = v.sum_dt_ns[k] = v.sum_dt2_ns2[k] = 0.0;
        for (int i = 0; i < n; i++) {
            const double r = 400.0 * oof_of(subrun, k) * (1.0 + shot_rms * rng_normal(&rng));
            const double t = offset_of(k) + 0.5 + time_rms_ns * rng_normal(&rng);
            v.sum_response[k] += r;
            v.sum_response2[k] += r * r;
            v.sum_dt_ns[k] += t;
            v.sum_dt2_ns2[k] += t * t;
        }
    }
    const struct calib_unit unit = {5, (uint32_t)subrun};
    assert_int_equal(calib_input_block(in, unit, block), ERR_OK);
    assert_int_equal(calib_input_units(in, &unit, 1), ERR_OK);
    block_free(block);
}

static struct calib_input toy(int n)
{
    struct calib_input in = {.n_units = 0};
    for (int s = n - 1; s >= 0; s--) { /* files come in any order */
        add_sums(&in, s);
        add_truth(&in, s);
    }
    return in;
}

/* Mean and width of n pulls of independent channels: within 5 standard errors, 1 in 10^6 for each by chance. Errors from the
 * spread of SHOTS shots make pulls wider by 1 / (SHOTS - 3). */
static void check_pulls(const struct calib_pull *p, double n, double n_wanted, double independent)
{
    assert_true(fabs(n - n_wanted) < 0.5);
    assert_true(fabs(p->mean) < 5.0 / sqrt(independent));
    assert_true(fabs(p->width - 1.0 - 0.5 * 2.0 / (SHOTS - 3)) < 5.0 / sqrt(2.0 * independent));
}

static void oof_is_recovered(void **state)
{
    (void)state;
    struct calib_input in = toy(SUBRUNS);
    struct calib_result r;
    assert_int_equal(calibration_run(&calibration_oof, &in, &r), ERR_OK);
    assert_int_equal(r.set.n_intervals, SUBRUNS);
    assert_int_equal(r.set.n_rows, SUBRUNS * CALIB_CHANNELS);
    assert_int_equal(r.n_pulls, 1);
    /* the reference's own noise is in all subruns of a channel, so channels count */
    check_pulls(&r.pull[0], (double)r.pull[0].n, (SUBRUNS - 1.0) * (CALIB_CHANNELS - 1), CALIB_CHANNELS);
    assert_true(r.set.value[2][3] == 1.0 && r.set.value[3][3] == 0.0); /* the reference */
    assert_true(!r.is_measured[77] && r.set.value[2][77] == 1.0 && r.set.value[3][77] == 10.0);
    assert_int_equal(cond_unpack(&r.set.table, r.set.interval[2].begin).subrun, 2);
    assert_true(r.set.interval[2].end == r.set.interval[3].begin);
    calib_result_free(&r);
    in.has_reference = true;
    in.reference     = (struct calib_unit){5, 2};
    assert_int_equal(calibration_run(&calibration_oof, &in, &r), ERR_OK);
    assert_true(r.set.value[2][3] < 1.0 && r.set.value[2][2 * CALIB_CHANNELS + 3] == 1.0);
    check_pulls(&r.pull[0], (double)r.pull[0].n, (SUBRUNS - 1.0) * (CALIB_CHANNELS - 1), CALIB_CHANNELS);
    calib_result_free(&r);
    calib_input_free(&in);
}

static void offsets_are_recovered(void **state)
{
    (void)state;
    struct calib_input in = toy(1);
    struct calib_result r;
    assert_int_equal(calibration_run(&calibration_sync, &in, &r), ERR_OK);
    assert_int_equal(r.set.n_intervals, 1);
    check_pulls(&r.pull[0], (double)r.pull[0].n, CALIB_CHANNELS - 1.0, CALIB_CHANNELS);
    assert_true(r.set.value[3][5] > 0.6 * time_rms_ns / sqrt(SHOTS) &&
                r.set.value[3][5] < 1.6 * time_rms_ns / sqrt(SHOTS));
    calib_result_free(&r);
    calib_input_free(&in);
}

static void too_little_is_said(void **state)
{
    (void)state;
    struct calib_input in = {.n_units = 0};
    struct calib_result r;
    assert_false(calibration_has_input(&calibration_oof, &in));
    add_sums(&in, 0);
    in.has_reference = true;
    in.reference     = (struct calib_unit){5, 9};
    assert_int_equal(calibration_run(&calibration_oof, &in, &r), ERR_NOTFOUND);
    assert_non_null(strstr(err_message(), "run 5 subrun 9"));
    err_clear();
    calib_input_free(&in);
}

static void stored_once(void **state)
{
    (void)state;
    char folder[] = "/tmp/gm2_t_calib_XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/c.db", folder);
    const struct cond_note note = {"tester", "toy"};
    struct calib_input in       = toy(3);
    struct calib_result r;
    struct cond *cond;
    size_t n;
    assert_int_equal(calibration_run(&calibration_oof, &in, &r), ERR_OK);
    assert_int_equal(cond_init(path, &note, &cond), ERR_OK);
    assert_int_equal(calib_store(cond, &r, COND_HEAD, &note, &n), ERR_OK);
    assert_int_equal(n, 3);
    assert_int_equal(calib_store(cond, &r, COND_HEAD, &note, &n), ERR_OK);
    assert_int_equal(n, 0);
    r.set.value[2][CALIB_CHANNELS + 9] += 1e-4; /* one constant of the second interval */
    assert_int_equal(calib_store(cond, &r, COND_HEAD, &note, &n), ERR_OK);
    assert_int_equal(n, 1);
    cond_close(cond);
    calib_result_free(&r);
    calib_input_free(&in);
    unlink(path);
    rmdir(folder);
}

static void frees_all(void **state)
{
    (void)state;
    assert_int_equal(mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oof_is_recovered),   cmocka_unit_test(offsets_are_recovered),
        cmocka_unit_test(too_little_is_said), cmocka_unit_test(stored_once),
        cmocka_unit_test(frees_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
