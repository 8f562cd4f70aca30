/* Q histograms of the digitiser against sums of its own samples; noise; units and flushes. Fixed seeds; limits on random
 * numbers are 5 standard errors (false alarm below 1e-6 each). */
#include "bank.h"
#include "digitise_q.h"
#include "mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { RECORD = 4096, FIRST = 100, LAST = 3999, WIDTH = 60, N_BINS = 65, CRATE = 7 };

static const struct digitise_front front = {.n_samples        = RECORD,
                                            .last_chop        = RECORD - 1,
                                            .presamples       = 8,
                                            .postsamples      = 18,
                                            .threshold_adc    = 60,
                                            .pedestal_samples = 100,
                                            .cs_decimation    = 32,
                                            .noise_rms_adc    = 1.5F};

static struct rng_key key_of(uint32_t event) { return rng_key(11, 1, 0, event, 30); }

static void make_crate(uint32_t event, int n_pulses, struct digitise_fill *fill, struct digitise_crate *crate)
{
    struct rng rng = rng_start(key_of(event), 999);
    fill->n        = 0;
    for (int i = 0; i < n_pulses; i++) {
        double t = RECORD * rng_uniform(&rng), amplitude = 1500.0 * rng_uniform(&rng);
        struct digitise_light light = {
            t, (float)amplitude, (uint16_t)digitise_channel(CRATE, (int)(N_CRYSTALS * rng_uniform(&rng))), PULSE_BEAM};
        assert_int_equal(digitise_add_light(fill, light), ERR_OK);
    }
    digitise_sort(fill);
    digitise_make_pulses(fill, 1);
    crate->number = CRATE;
    crate->fill   = fill;
    for (int i = 0; i < N_CRYSTALS; i++) crate->level_adc[i] = -1700.0F + 0.137F * (float)i;
    assert_int_equal(digitise_crate_make(&front, key_of(event), crate), ERR_OK);
}

/* The CQ bank of an event; false if there is none. */
static bool find_q(const struct midas_build *build, struct bank_cq *cq)
{
    struct midas_event event;
    struct midas_walk walk;
    struct midas_bank bank;
    assert_int_equal(midas_parse(build->bytes, build->n, &event), ERR_OK);
    assert_int_equal(midas_walk(&event, false, &walk), ERR_OK);
    for (;;) {
        assert_int_equal(midas_walk_next(&walk, &bank), ERR_OK);
        if (!bank.data) return false;
        if (strcmp(bank.name, "CQ07") == 0) break;
    }
    assert_int_equal(bank.type, MIDAS_U32);
    assert_int_equal(bank_cq_read(bank.data, bank.size, cq), ERR_OK);
    return true;
}

static struct digitise_q settings(int32_t n_flush)
{
    return (struct digitise_q){.n_flush = n_flush, .decimation = WIDTH, .sag_tau_samples = 1000.0};
}

/* A fill of one crate: true if it ended a sum. */
static bool one_fill(uint32_t event, int n_pulses, struct digitise_q *q, struct digitise_fill *fill,
                     struct digitise_crate *crate, struct midas_build *build, struct bank_cq *cq)
{
    make_crate(event, n_pulses, fill, crate);
    assert_int_equal(midas_build_begin(build, MIDAS_ID_FILL, 0, event - 1, 1524400000), ERR_OK);
    digitise_q_fill(q);
    assert_int_equal(digitise_q_crate(&front, key_of(event), crate, q, build), ERR_OK);
    assert_int_equal(midas_build_end(build), ERR_OK);
    return find_q(build, cq);
}

/* Both have noise of their own: differences over their error have mean 0 and width 1. Pulses stay below full scale. */
static void test_against_samples(void **state)
{
    (void)state;
    static double direct[N_CRYSTALS][N_BINS];
    struct digitise_q q         = settings(3);
    struct digitise_fill fill   = {0};
    struct digitise_crate crate = {0};
    struct midas_build build    = {0};
    struct bank_cq cq           = {0};
    double sum = 0.0, sum2 = 0.0, n = N_CRYSTALS * N_BINS, error = sqrt(2.0 * 3.0 * WIDTH * (2.25 + 1.0 / 12.0));
    assert_int_equal(digitise_q_create(FIRST, LAST, &q), ERR_OK);
    digitise_q_clear(&q);
    assert_int_equal(q.n_bins, N_BINS);
    for (uint32_t event = 1; event <= 3; event++) {
        assert_int_equal(one_fill(event, 300, &q, &fill, &crate, &build, &cq), event == 3);
        for (int s = 0; s < N_CRYSTALS; s++)
            for (int i = 0; i < N_BINS * WIDTH; i++)
                direct[s][i / WIDTH] += digitise_sample_at(&front, key_of(event), &crate, s, FIRST + i);
    }
    assert_int_equal(cq.first_sample, FIRST);
    assert_int_equal(cq.last_sample, LAST);
    assert_int_equal(cq.n_segments, N_CRYSTALS);
    for (int s = 0; s < N_CRYSTALS; s++)
        for (int i = 0; i < N_BINS; i++) {
            double d = ((double)cq.counts[s * N_BINS + i] - direct[s][i]) / error;
            sum += d;
            sum2 += d * d;
        }
    assert_true(fabs(sum / n) < 5.0 / sqrt(n));
    assert_true(fabs(sqrt(sum2 / n) - 1.0) < 5.0 / sqrt(2.0 * n));
    digitise_q_free(&q);
    digitise_fill_free(&fill);
    digitise_crate_free(&crate);
    midas_build_free(&build);
}

/* Without pulses: pedestals, the sag where it belongs; what a clear forgets; nothing when off. */
static void test_pedestal(void **state)
{
    (void)state;
    struct digitise_q q         = settings(2);
    struct digitise_fill fill   = {0};
    struct digitise_crate crate = {0};
    struct midas_build build    = {0};
    struct bank_cq cq           = {0};
    q.sag_adc                   = 20.0;
    q.injection_sample          = 1000;
    assert_int_equal(digitise_q_create(FIRST, LAST, &q), ERR_OK);
    digitise_q_clear(&q);
    assert_false(one_fill(1, 500, &q, &fill, &crate, &build, &cq));
    digitise_q_clear(&q);
    assert_false(one_fill(2, 0, &q, &fill, &crate, &build, &cq));
    assert_true(one_fill(3, 0, &q, &fill, &crate, &build, &cq));
    assert_non_null(cq.counts);
    if (!cq.counts) return; /* for analysers */
    for (int i = 0; i < N_BINS; i++) {
        double mean = 0.0, t = FIRST + (i + 0.5) * WIDTH - 1000.0, want = t < 0.0 ? 0.0 : -20.0 * exp(-t / 1000.0);
        for (int s = 0; s < N_CRYSTALS; s++)
            mean += (cq.counts[s * N_BINS + i] / (2.0 * WIDTH) + 1700.0 - 0.137 * s) / N_CRYSTALS;
        assert_true(fabs(mean - want) < 5.0 * 1.53 / sqrt(2.0 * WIDTH * N_CRYSTALS));
    }
    assert_false(one_fill(4, 0, &q, &fill, &crate, &build, &cq));
    assert_true(one_fill(5, 0, &q, &fill, &crate, &build, &cq));
    digitise_q_free(&q);
    q = settings(0);
    assert_int_equal(digitise_q_create(FIRST, LAST, &q), ERR_OK);
    assert_null(q.sum);
    assert_false(one_fill(6, 0, &q, &fill, &crate, &build, &cq));
    q = settings(1);
    assert_int_equal(digitise_q_create(100, 150, &q), ERR_CONFIG);
    err_clear();
    digitise_q_free(&q);
    digitise_fill_free(&fill);
    digitise_crate_free(&crate);
    midas_build_free(&build);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_samples), cmocka_unit_test(test_pedestal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
