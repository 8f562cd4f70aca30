/* The GPU's fits against what was put in, whole waveforms against the islands of the same fill, the clock crate's banks
 * against the reader. Fixed seeds; limits on means are 5 standard errors (false alarm below 1e-6 each). */
#include "bank_wfd.h"
#include "digitise_extra.h"
#include "odb.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { RECORD = 20000, CRATE = 7, PULSES = 12, PITCH = 1500 };

static struct digitise_front front_of(int polarity)
{
    return (struct digitise_front){.n_samples        = RECORD,
                                   .last_chop        = RECORD - 1,
                                   .presamples       = 8,
                                   .postsamples      = 18,
                                   .threshold_adc    = 60 * polarity,
                                   .pedestal_samples = 100,
                                   .cs_decimation    = 32,
                                   .noise_rms_adc    = 1.5F};
}

static double time_of(int pulse, int segment) { return 1000.0 + PITCH * pulse + 0.61 * segment; }
static float amplitude_of(int pulse, int segment) { return 200.0F + (float)((pulse * 211 + segment * 37) % 1300); }

static struct rng_key key;
static struct digitise_fill fill;
static struct digitise_crate crate;
static struct midas_build build;

static void make_crate(const struct digitise_front *front)
{
    const int polarity = front->threshold_adc > 0 ? 1 : -1;
    key                = rng_key(11, 1, 0, 1, 30);
    fill.n             = 0;
    for (int p = 0; p < PULSES; p++)
        for (int s = 0; s < N_CRYSTALS; s++) {
            struct digitise_light light = {time_of(p, s), amplitude_of(p, s), (uint16_t)digitise_channel(CRATE, s),
                                           PULSE_BEAM};
            assert_int_equal(digitise_add_light(&fill, light), ERR_OK);
        }
    digitise_sort(&fill);
    digitise_make_pulses(&fill, polarity);
    crate.number = CRATE;
    crate.fill   = &fill;
    for (int i = 0; i < N_CRYSTALS; i++) crate.level_adc[i] = (float)polarity * (-1700.0F + 0.137F * (float)i);
    assert_int_equal(digitise_crate_make(front, key, &crate), ERR_OK);
    assert_int_equal(midas_build_begin(&build, MIDAS_ID_FILL, 0, 0, 0), ERR_OK);
}

static struct midas_bank bank_of(const char *name)
{
    struct midas_event event;
    struct midas_walk walk;
    struct midas_bank bank;
    assert_int_equal(midas_parse(build.bytes, build.n, &event), ERR_OK);
    assert_int_equal(midas_walk(&event, true, &walk), ERR_OK);
    do {
        assert_int_equal(midas_walk_next(&walk, &bank), ERR_OK);
        assert_non_null(bank.data);
    } while (strcmp(bank.name, name) != 0);
    return bank;
}

static int tear_down(void **state)
{
    (void)state;
    digitise_fill_free(&fill);
    digitise_crate_free(&crate);
    midas_build_free(&build);
    return 0;
}

/* ---- the GPU's fits ---- */

struct sums {
    double n, dt, dt2, de, de2, dp;
};

static void take(const struct bank_pulse *pulse, int segment, int p, int polarity, double area, struct sums *sums)
{
    const double amplitude = (double)amplitude_of(p, segment), dt = (double)pulse->time - time_of(p, segment);
    const double de = (double)pulse->energy / area / amplitude - 1.0;
    const double dp = (double)pulse->pedestal - (double)crate.level_adc[segment];
    assert_true(fabs(dt) < 12.0 / amplitude + 0.02);
    assert_true(fabs(de) < 9.0 / amplitude + 0.01);
    assert_true(fabs(dp) < 4.0);
    assert_true(fabs(pulse->peak_index - time_of(p, segment)) <= 1.0);
    assert_true(polarity * (double)pulse->peak_value > polarity * (double)crate.level_adc[segment] + 0.8 * amplitude);
    assert_true((double)pulse->chi2 >= 0.0);
    sums->n += 1.0;
    sums->dt += dt;
    sums->dt2 += dt * dt;
    sums->de += de;
    sums->de2 += de * de;
    sums->dp += dp;
}

static void check_fits(int polarity)
{
    static struct digitise_gpu gpu;
    const struct digitise_front front = front_of(polarity);
    const struct bank_pulse *pulses;
    struct sums sums = {0};
    struct bank_cf cf;
    uint32_t n;
    digitise_gpu_create(&gpu);
    make_crate(&front);
    assert_int_equal(digitise_gpu_crate(&front, &gpu, &crate, &build), ERR_OK);
    assert_int_equal(midas_build_end(&build), ERR_OK);
    const struct midas_bank bank = bank_of("CF07");
    assert_int_equal(bank_cf_open(bank.data, bank.size, &cf), ERR_OK);
    assert_int_equal(cf.n_segments, N_CRYSTALS);
    for (int s = 0; s < N_CRYSTALS; s++) {
        assert_int_equal(bank_cf_next(&cf, &pulses, &n), ERR_OK);
        assert_int_equal(n, PULSES);
        for (int p = 0; p < PULSES; p++) take(&pulses[p], s, p, polarity, gpu.area, &sums);
    }
    assert_int_equal(bank_cf_next(&cf, &pulses, &n), ERR_OK);
    assert_null(pulses);
    assert_true(fabs(sums.dt) < 5.0 * sqrt(sums.dt2) + 0.002 * sums.n); /* steps of the map: 0.001 */
    assert_true(fabs(sums.de) < 5.0 * sqrt(sums.de2) + 0.002 * sums.n);
    assert_true(fabs(sums.dp) < 0.3 * sums.n);
}

static void test_fits(void **state)
{
    (void)state;
    check_fits(1);
    check_fits(-1);
}

/* ---- whole waveforms ---- */

static void test_payload(void **state)
{
    (void)state;
    const struct digitise_front front   = front_of(1);
    const struct bank_daq_header header = {.trigger_number = 77,
                                           .n_samples      = RECORD,
                                           .n_channels     = N_CRYSTALS,
                                           .fill_type      = BANK_MUON,
                                           .clock_ticks    = 1234567};
    static int16_t islands[N_CRYSTALS][RECORD];
    static bool is_in[RECORD];
    struct bank_amc amc;
    struct bank_wfd w;
    struct bank_waveform wave;
    static int16_t record[RECORD];
    int32_t map[ODB_CHANNELS];
    int n_channels = 0;
    make_crate(&front);
    memset(is_in, 0, sizeof is_in);
    const int16_t *adc = crate.adc;
    for (size_t i = 0; i < crate.n_windows; i++)
        for (int s = 0; s < N_CRYSTALS; s++, adc += crate.window[i].length)
            for (int32_t k = 0; k < crate.window[i].length; k++) {
                islands[s][crate.window[i].first + k] = adc[k];
                is_in[crate.window[i].first + k]      = true;
            }
    assert_int_equal(bank_daq_add(&build, CRATE, &header), ERR_OK);
    assert_int_equal(digitise_payload(&front, key, &crate, &header, &build), ERR_OK);
    assert_int_equal(midas_build_end(&build), ERR_OK);
    const struct midas_bank ca = bank_of("CA07"), cr = bank_of("CR07");
    assert_int_equal(bank_ca_read(ca.data, ca.size, &amc), ERR_OK);
    odb_channel_map(map);
    bank_wfd_open(cr.data, cr.size, &amc, BANK_CHECK_ALL, &w);
    for (;; n_channels++) {
        assert_int_equal(bank_wfd_next(&w, &wave), ERR_OK);
        if (!wave.samples) break;
        assert_int_equal(wave.n_samples, RECORD);
        bank_wfd_samples(&wave, record);
        const int segment = map[5 * (wave.slot - 1) + wave.channel];
        for (int i = 0; i < RECORD; i++)
            if (is_in[i]) assert_int_equal(record[i], islands[segment][i]);
        double mean = 0.0;
        for (int i = 0; i < 900; i++) mean += record[i] / 900.0;
        assert_true(fabs(mean - (double)crate.level_adc[segment]) < 0.3);
    }
    assert_int_equal(n_channels, N_CRYSTALS);
}

/* ---- the clock crate ---- */

static void test_clock(void **state)
{
    (void)state;
    const struct bank_daq_header header = {
        .trigger_number = 0x123456, .clock_ticks = 0xABC12345678, .fill_type = BANK_LASER};
    struct bank_amc amc;
    uint32_t n_words, n_boards;
    uint64_t n_waveforms;
    assert_int_equal(midas_build_begin(&build, MIDAS_ID_FILL, 0, 0, 0), ERR_OK);
    assert_int_equal(bank_ttc_add(&build, &header), ERR_OK);
    assert_int_equal(midas_build_end(&build), ERR_OK);
    const struct midas_bank a = bank_of("TTCA"), b = bank_of("TTCB"), z = bank_of("TTCZ");
    assert_int_equal(bank_ca_read(a.data, a.size, &amc), ERR_OK);
    assert_int_equal(amc.trigger, 0x123456);
    assert_int_equal(amc.fill_type, BANK_LASER);
    assert_int_equal(bank_wfd_check(b.data, b.size, &amc, BANK_CHECK_ALL, &n_boards, &n_waveforms), ERR_OK);
    assert_int_equal(n_boards, 1);
    assert_int_equal(n_waveforms, 0);
    assert_int_equal(bank_cz_words(z.data, z.size, &n_words), ERR_OK);
    assert_int_equal(n_words, amc.total);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fits), cmocka_unit_test(test_payload),
                                       cmocka_unit_test(test_clock)};
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
