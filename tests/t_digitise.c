/* The digitiser: chopping against a chopper that sees the whole record, samples against the pulse shape in double
 * precision, noise, clipping, presets, sums, gain, and the event as a whole. Seeds are fixed; limits on random numbers
 * are 5 standard errors or wider (false alarm below 1e-6 each). */
#include "bank.h"
#include "cfg.h"
#include "digitise.h"
#include "digitise_source.h"
#include "isa.h"
#include "mem.h"
#include "module.h"
#include "odb.h"
#include "tables.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

extern const struct module module_digitise;

enum { RECORD = 4096 };

static struct digitise_front front_run6(void)
{
    return (struct digitise_front){.n_samples          = RECORD,
                                   .last_chop          = RECORD - 1,
                                   .presamples         = 8,
                                   .postsamples        = 18,
                                   .threshold_adc      = 60,
                                   .pedestal_samples   = 100,
                                   .cs_decimation      = 32,
                                   .noise_rms_adc      = 1.5F,
                                   .ctag_threshold_adc = 1250};
}

static const struct rng_key test_key = {{123, 456}, 7, 8};

static void add(struct digitise_fill *fill, int crate, int crystal, double sample, double amplitude)
{
    struct digitise_light light = {sample, (float)amplitude, (uint16_t)digitise_channel(crate, crystal), PULSE_BEAM};
    assert_int_equal(digitise_add_light(fill, light), ERR_OK);
}

static void make(const struct digitise_front *front, struct digitise_fill *fill, int number, float level,
                 struct digitise_crate *crate)
{
    digitise_sort(fill);
    digitise_make_pulses(fill, front->threshold_adc > 0 ? 1 : -1);
    crate->number = number;
    crate->fill   = fill;
    for (int i = 0; i < N_CRYSTALS; i++) crate->level_adc[i] = level + 0.137F * (float)i;
    assert_int_equal(digitise_crate_make(front, test_key, crate), ERR_OK);
}

/* Many pulses, most near threshold, some piled up, some far beyond full scale, some at the record's ends. */
static void add_many(struct digitise_fill *fill, int crate, uint32_t particle)
{
    struct rng rng = rng_start(rng_key(1, 2, 3, 4, 5), particle);
    for (int i = 0; i < 60; i++) {
        double t = RECORD * rng_uniform(&rng), scale = i % 5 == 0 ? 4000.0 : i % 5 == 1 ? 500.0 : 75.0;
        int n = 1 + (int)(4.0 * rng_uniform(&rng));
        for (int j = 0; j < n; j++)
            add(fill, crate, (int)(N_CRYSTALS * rng_uniform(&rng)), t + 6.0 * rng_uniform(&rng),
                scale * rng_uniform(&rng));
    }
    add(fill, crate, 3, 0.4, 300.0);
    add(fill, crate, 4, RECORD - 0.6, 300.0);
    add(fill, crate, 4, RECORD + 1.5, 3000.0);
}

/* The DAQ's rule on whole records, by its own words: mark, extend, take runs of marked samples as islands. */
static size_t chop_all(const struct digitise_front *front, int16_t (*adc)[RECORD], struct digitise_window *out)
{
    static uint8_t keep[RECORD];
    memset(keep, 0, sizeof keep);
    for (int c = 0; c < N_CRYSTALS; c++) {
        double pedestal = 0.0;
        for (int i = 0; i < 100; i++) pedestal += adc[c][i];
        pedestal = (double)(float)(pedestal / 100.0);
        for (int i = 0; i < RECORD; i++) {
            double excess = adc[c][i] - pedestal;
            if (front->threshold_adc > 0 ? !(excess > front->threshold_adc) : !(excess < front->threshold_adc))
                continue;
            if (adc[c][i] == 0) continue;
            for (int j = i - front->presamples; j <= i + front->postsamples; j++)
                if (j >= 0 && j < RECORD) keep[j] = 1;
        }
    }
    size_t n = 0;
    for (int i = 0; i < RECORD; i++) {
        if (!keep[i]) continue;
        if (i == 0 || !keep[i - 1]) out[n++] = (struct digitise_window){i, 0};
        out[n - 1].length++;
    }
    return n;
}

static int16_t whole[N_CRYSTALS][RECORD];

static void check_chopping(struct digitise_front front, float level, uint32_t particle)
{
    static struct digitise_window want[RECORD];
    struct digitise_fill fill   = {0};
    struct digitise_crate crate = {0};
    add_many(&fill, 5, particle);
    make(&front, &fill, 5, level, &crate);
    for (int c = 0; c < N_CRYSTALS; c++)
        for (int i = 0; i < RECORD; i++) whole[c][i] = digitise_sample_at(&front, test_key, &crate, c, i);
    size_t n = chop_all(&front, whole, want);
    assert_true(n > 10);
    assert_int_equal(crate.n_windows, n);
    const int16_t *adc = crate.adc;
    for (size_t w = 0; w < n; w++) {
        assert_int_equal(crate.window[w].first, want[w].first);
        assert_int_equal(crate.window[w].length, want[w].length);
        for (int c = 0; c < N_CRYSTALS; c++)
            for (int i = 0; i < want[w].length; i++) assert_int_equal(*adc++, whole[c][want[w].first + i]);
    }
    assert_int_equal((size_t)(adc - crate.adc), crate.n_adc);
    for (int c = 0; c < N_CRYSTALS; c++) {
        double pedestal = 0.0;
        for (int i = 0; i < 100; i++) pedestal += whole[c][i] / 100.0;
        assert_true(fabs(pedestal - (double)crate.pedestal_adc[c]) < 1e-3);
    }
    digitise_fill_free(&fill);
    digitise_crate_free(&crate);
}

static void chopping_is_the_daqs(void **state)
{
    (void)state;
    struct digitise_front run1 = front_run6(), noisy = front_run6(), near_zero = front_run6();
    struct digitise_front quiet = front_run6(); /* whole-number pedestals: excesses equal to the threshold */
    quiet.noise_rms_adc         = 0.0F;
    run1.threshold_adc          = -300;
    run1.postsamples            = 16;
    noisy.noise_rms_adc         = 12.0F;
    for (uint32_t i = 0; i < 4; i++) {
        check_chopping(front_run6(), -1700.0F, i);
        check_chopping(run1, 1700.0F, 10 + i);
        check_chopping(quiet, -1700.0F, 40 + i);
        check_chopping(noisy, -1700.0F, 20 + i);
        check_chopping(near_zero, -70.0F, 30 + i); /* pulses cross the forbidden value 0 near threshold */
    }
}

/* Islands longer than one chunk of random numbers, and islands in a stretch of the record alone. */
static void long_islands_and_limits(void **state)
{
    (void)state;
    struct digitise_front front = front_run6();
    front.first_chop            = 1000;
    front.last_chop             = 3000;
    struct digitise_fill fill   = {0};
    struct digitise_crate crate = {0};
    for (int t = 200; t < 4000; t += 20) add(&fill, 5, 11, t, 900.0);
    make(&front, &fill, 5, -1700.0F, &crate);
    assert_int_equal(crate.n_windows, 1);
    assert_true(crate.window[0].first >= 992 && crate.window[0].first < 1020);
    assert_true(crate.window[0].first + crate.window[0].length <= 3019);
    const int32_t length = crate.window[0].length;
    for (int c = 0; c < N_CRYSTALS; c++)
        for (int i = 0; i < length; i += 7)
            assert_int_equal(crate.adc[c * length + i],
                             digitise_sample_at(&front, test_key, &crate, c, crate.window[0].first + i));
    digitise_fill_free(&fill);
    digitise_crate_free(&crate);
}

static void samples_follow_the_shape(void **state)
{
    (void)state;
    struct digitise_front front = front_run6();
    struct digitise_fill fill   = {0};
    struct digitise_crate crate = {0};
    const double t[] = {500.3, 507.9, 560.0, 901.25}, a[] = {800.0, 400.0, 1500.0, 90.0};
    double worst = 0.0;
    for (int i = 0; i < 4; i++) add(&fill, 2, 17, t[i], a[i]);
    front.noise_rms_adc = 0.0F;
    make(&front, &fill, 2, -1700.0F, &crate);
    for (int i = 400; i < 1100; i++) {
        double want = (double)crate.level_adc[17];
        for (int j = 0; j < 4; j++) want += a[j] * pulse_shape_value(pulse_shape(PULSE_BEAM), i - t[j], NULL, NULL);
        worst = fmax(worst, fabs(want - digitise_sample_at(&front, test_key, &crate, 17, i)));
    }
    assert_true(worst < 0.501);
    digitise_fill_free(&fill);
    digitise_crate_free(&crate);
}

/* The amplitude is the peak's height: a parabola through the three highest samples gives it back within 1.5 %. */
static void energy_is_the_peak(void **state)
{
    (void)state;
    struct digitise_front front = front_run6();
    struct digitise_fill fill   = {0};
    struct digitise_crate crate = {0};
    for (int i = 0; i < 30; i++) add(&fill, 1, 20, 300.0 + 120.0 * i + i / 30.0, 1000.0);
    make(&front, &fill, 1, -1700.0F, &crate);
    assert_int_equal(crate.n_windows, 30);
    const int16_t *adc = crate.adc;
    for (size_t w = 0; w < 30; w++) {
        int32_t n = crate.window[w].length, best = 1;
        const int16_t *y = adc + 20 * n;
        for (int32_t i = 1; i + 1 < n; i++)
            if (y[i] > y[best]) best = i;
        double b = 0.5 * (y[best + 1] - y[best - 1]), c = 0.5 * (y[best + 1] + y[best - 1]) - y[best];
        double height = y[best] - b * b / (4.0 * c) - (double)crate.pedestal_adc[20];
        double time   = crate.window[w].first + best - b / (2.0 * c);
        assert_true(fabs(height - 1000.0) < 15.0);
        assert_true(fabs(time - (300.0 + 120.0 * (double)w + (double)w / 30.0)) < 0.1);
        adc += (size_t)n * N_CRYSTALS;
    }
    digitise_fill_free(&fill);
    digitise_crate_free(&crate);
}

/* Noise of crystals without light: mean, rms (1/12 from rounding added), no correlation from sample to sample. */
static void noise_is_white(void **state)
{
    (void)state;
    struct digitise_front front = front_run6();
    struct digitise_fill fill   = {0};
    struct digitise_crate crate = {0};
    double n = 0.0, sum = 0.0, square = 0.0, next = 0.0;
    make(&front, &fill, 9, -1700.0F, &crate);
    assert_int_equal(crate.n_windows, 0);
    for (int c = 0; c < N_CRYSTALS; c++) {
        double before = 0.0;
        for (int i = 0; i < RECORD; i++) {
            double x = digitise_sample_at(&front, test_key, &crate, c, i) - (double)crate.level_adc[c];
            n += 1.0;
            sum += x;
            square += x * x;
            next += x * before;
            before = x;
        }
    }
    const double rms = sqrt(2.25 + 1.0 / 12.0);
    assert_true(fabs(sum / n) < 5.0 * rms / sqrt(n));
    assert_true(fabs(sqrt(square / n) / rms - 1.0) < 5.0 / sqrt(2.0 * n));
    assert_true(fabs(next / n) < 5.0 * rms * rms / sqrt(n));
    digitise_crate_free(&crate);
}

static void full_scale_is_twelve_bits(void **state)
{
    (void)state;
    for (int polarity = -1; polarity <= 1; polarity += 2) {
        struct digitise_front front = front_run6();
        struct digitise_fill fill   = {0};
        struct digitise_crate crate = {0};
        front.threshold_adc *= polarity;
        add(&fill, 3, 8, 700.0, 9000.0);
        make(&front, &fill, 3, (float)(-1700 * polarity), &crate);
        assert_int_equal(crate.n_windows, 1);
        int16_t extreme = 0;
        for (int32_t i = 0; i < crate.window[0].length; i++) {
            int16_t y = crate.adc[8 * crate.window[0].length + i];
            if (polarity * y > polarity * extreme) extreme = y;
        }
        assert_int_equal(extreme, polarity > 0 ? 2047 : -2048);
        digitise_fill_free(&fill);
        digitise_crate_free(&crate);
    }
}

/* Sums without noise against the samples themselves; with noise, their spread. */
static void sums_are_sums(void **state)
{
    (void)state;
    enum { N = RECORD / 32 };
    struct digitise_front front = front_run6();
    struct digitise_fill fill   = {0};
    struct digitise_crate crate = {0};
    float work[N];
    int32_t quiet[N], noisy[N];
    for (int i = 0; i < 40; i++) add(&fill, 6, i, 90.7 * i + 3.3, 100.0 + 10.0 * i);
    front.noise_rms_adc = 0.0F;
    make(&front, &fill, 6, -1700.0F, &crate);
    digitise_calo_sum(&front, test_key, &crate, N, work, quiet);
    double spread = sqrt(54.0 * 32.0 / 12.0); /* of rounding; the drawn sum has it as noise */
    for (int bin = 0; bin < N; bin++) {
        double want = 0.0;
        for (int c = 0; c < N_CRYSTALS; c++)
            for (int i = 0; i < 32; i++) want += digitise_sample_at(&front, test_key, &crate, c, 32 * bin + i);
        /* unlit crystals round the same way 32 times, so rounding adds up to half a count a sample */
        assert_true(fabs(want - quiet[bin]) < 0.1 * 54.0 * 32.0 + 6.0 * spread);
    }
    front.noise_rms_adc = 1.5F;
    digitise_calo_sum(&front, test_key, &crate, N, work, noisy);
    double square = 0.0, want = 54.0 * 32.0 * (2.25 + 1.0 / 6.0); /* both draws share their deviates */
    for (int bin = 0; bin < N; bin++) square += pow(noisy[bin] - quiet[bin], 2.0) / N;
    double ratio = pow(sqrt(54.0 * 32.0 * (2.25 + 1.0 / 12.0)) - spread, 2.0) / want;
    assert_true(fabs(square / want / ratio - 1.0) < 5.0 * sqrt(2.0 / N));
    digitise_fill_free(&fill);
    digitise_crate_free(&crate);
}

static void ctag_counts_late_showers(void **state)
{
    (void)state;
    struct digitise_front front = front_run6();
    struct digitise_fill fill   = {0};
    struct digitise_crate crate = {0};
    front.ctag_first_sample     = 1000;
    const double times[]        = {500.0, 999.0, 1001.5, 1500.2, 2000.7, 2006.9};
    for (size_t i = 0; i < 6; i++)
        for (int c = 20; c < 24; c++) add(&fill, 7, c, times[i], i == 3 ? 290.0 : 350.0); /* the fourth is below */
    make(&front, &fill, 7, -1700.0F, &crate);
    assert_int_equal(crate.ctag, 3);
    digitise_fill_free(&fill);
    digitise_crate_free(&crate);
}

static void gain_is_as_said(void **state)
{
    (void)state;
    static struct digitise_gain gain;
    struct digitise_fill fill = {0};
    gain                      = (struct digitise_gain){.is_ifg           = true,
                                                       .is_stdp          = true,
                                                       .is_oof           = true,
                                                       .ifg_tau_ns       = 8000.0,
                                                       .stdp_per_GeV     = 0.03,
                                                       .stdp_tau_ns      = 15.0,
                                                       .GeV_per_adc      = 0.0016,
                                                       .injection_sample = 1000.0};
    for (int c = 0; c < N_CALOS * N_CRYSTALS; c++) {
        gain.factor[c]        = 1.0F;
        gain.ifg_amplitude[c] = 0.03F;
        gain.oof[c]           = 0.99F;
    }
    add(&fill, 2, 5, 7412.0, 500.0); /* 6412 samples = 8.015 us after injection */
    add(&fill, 2, 5, 7400.0, 1000.0);
    add(&fill, 2, 6, 900.0, 1000.0); /* before injection */
    digitise_sort(&fill);
    digitise_apply_gain(&fill, &gain);
    double first = 1000.0 * 0.99 * (1.0 - 0.03 * exp(-1.0)), sag = 0.03 * 1.6 * exp(-1.0);
    double second = 500.0 * 0.99 * (1.0 - 0.03 * exp(-8015.0 / 8000.0)) * (1.0 - sag);
    assert_true(fabs((double)fill.sorted[0].amplitude_adc - first) < 1e-2);
    assert_true(fabs((double)fill.sorted[1].amplitude_adc - second) < 1e-2);
    assert_true(fabs((double)fill.sorted[2].amplitude_adc - 990.0) < 1e-2);
    digitise_fill_free(&fill);
}

/* Same bits whatever the instruction set. */
static void same_on_every_instruction_set(void **state)
{
    (void)state;
    const char *sets[]          = {"baseline", "avx2", "avx512"};
    struct digitise_front front = front_run6();
    struct digitise_fill fill   = {0};
    struct digitise_crate base = {0}, crate = {0};
    add_many(&fill, 5, 77);
    for (int i = 0; i < 3; i++) {
        if (isa_force(sets[i])) continue;
        make(&front, &fill, 5, -1700.0F, i == 0 ? &base : &crate);
        if (i == 0) continue;
        assert_int_equal(crate.n_adc, base.n_adc);
        assert_memory_equal(crate.adc, base.adc, base.n_adc * sizeof *base.adc);
    }
    isa_force("best");
    digitise_fill_free(&fill);
    digitise_crate_free(&base);
    digitise_crate_free(&crate);
}

/* ---- the module ---------------------------------------------------------------------------------------------------- */
static const struct unit test_unit = {.run = 3, .subrun = 4, .n_fills = 2, .n_skip = 0, .source = NULL, .out_dir = "."};
static const struct job_info test_job = {
    .seed = 1, .release = "0.1", .git_commit = "abc", .config_id = "hash", .config_text = "", .process_name = "test"};

struct rig {
    struct step step;
    void *cfg;
};

static void rig_open(struct rig *rig, const char *text)
{
    const struct module *m = &module_digitise;
    struct fhicl *doc;
    memset(rig, 0, sizeof *rig);
    assert_int_equal(fhicl_parse(text, strlen(text), "test", &doc), ERR_OK);
    assert_int_equal(mem_alloc(&rig->cfg, 1, m->cfg_size), ERR_OK);
    assert_int_equal(cfg_read(m->fields, doc, "test", NULL, rig->cfg), ERR_OK);
    fhicl_free(doc);
    rig->step.module = m;
    rig->step.cfg    = rig->cfg;
    rig->step.unit   = &test_unit;
    rig->step.job    = &test_job;
    rig->step.fill   = (struct fill){1, 3, 4, 1, 1524400000, BANK_MUON, 0};
    rig->step.rng    = rng_key(1, 3, 4, 1, 30);
    assert_int_equal(block_create(&table_crystal_hit, &rig->step.in[0]), ERR_OK);
    assert_int_equal(block_create(&table_raw, &rig->step.out[0]), ERR_OK);
    assert_int_equal(block_create(&table_odb, &rig->step.out[1]), ERR_OK);
    assert_int_equal(block_create(&table_gain_truth, &rig->step.out[2]), ERR_OK);
    assert_int_equal(m->begin(&rig->step), ERR_OK);
    assert_int_equal(m->begin_unit(&rig->step), ERR_OK);
}

static void rig_close(struct rig *rig)
{
    rig->step.module->end(&rig->step);
    block_free(rig->step.in[0]);
    block_free(rig->step.out[0]);
    block_free(rig->step.out[1]);
    block_free(rig->step.out[2]);
    cfg_free(rig->step.module->fields, rig->cfg);
    mem_free(rig->cfg);
}

static void set_hits(struct rig *rig, size_t n)
{
    assert_int_equal(block_resize(rig->step.in[0], n), ERR_OK);
    struct crystal_hit_view v = crystal_hit_view(rig->step.in[0]);
    struct rng rng            = rng_start(rng_key(9, 9, 9, 9, 9), 0);
    for (size_t i = 0; i < n; i++) {
        v.calo_hit[i]   = 0;
        v.calo[i]       = (uint8_t)(1 + rng_u32(&rng) % N_CALOS);
        v.crystal[i]    = (uint8_t)(rng_u32(&rng) % N_CRYSTALS);
        v.t_fill_ns[i]  = 650e3 * rng_uniform(&rng);
        v.energy_GeV[i] = 2.0 * rng_uniform(&rng);
        v.n_pe[i]       = 0.0;
    }
}

static void find_bank(const struct block *raw, const char *name, struct midas_bank *bank)
{
    struct midas_event event;
    struct midas_walk walk;
    assert_int_equal(midas_parse(raw_view(raw).byte, raw->n, &event), ERR_OK);
    assert_int_equal(event.serial, 0);
    assert_int_equal(midas_walk(&event, true, &walk), ERR_OK);
    do assert_int_equal(midas_walk_next(&walk, bank), ERR_OK);
    while (bank->data && strcmp(bank->name, name) != 0);
    assert_non_null(bank->data);
}

/* Every hit above threshold lies in an island of its calorimeter; the sync pulse opens each crate's islands. */
static void event_holds_all_hits(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, "");
    set_hits(&rig, 600);
    assert_int_equal(module_digitise.event(&rig.step), ERR_OK);
    struct crystal_hit_view v = crystal_hit_view(rig.step.in[0]);
    for (int calo = 1; calo <= N_CALOS; calo++) {
        char name[5];
        struct midas_bank bank;
        struct bank_ct ct;
        struct bank_island island;
        size_t n_found = 0, n_hits = 0;
        bank_name('C', 'T', calo, name);
        find_bank(rig.step.out[0], name, &bank);
        assert_int_equal(bank_ct_open(bank.data, bank.size, &ct), ERR_OK);
        assert_int_equal(ct.n_segments, N_CRYSTALS);
        for (size_t i = 0; i < v.n; i++) n_hits += v.calo[i] == calo && v.energy_GeV[i] > 0.13;
        for (int first = 1;; first = 0) {
            assert_int_equal(bank_ct_next(&ct, &island), ERR_OK);
            if (!island.words) break;
            if (first) assert_true(island.first_sample < 8000 && island.first_sample > 7980);
            for (size_t i = 0; i < v.n; i++) {
                double sample = 24000.0 + v.t_fill_ns[i] / 1.25 - island.first_sample;
                n_found += v.calo[i] == calo && v.energy_GeV[i] > 0.13 && sample > 6.0 && sample < island.length - 18.0;
            }
        }
        assert_int_equal(n_found, n_hits);
    }
    rig_close(&rig);
}

/* T0: mean time of each trace is injection. */
static void t0_tells_injection(void **state)
{
    (void)state;
    const char *documents[] = {"", "t0_profile: gauss", "preset: \"run1-like\""};
    for (int k = 0; k < 3; k++) {
        struct rig rig;
        struct midas_bank bank;
        struct bank_ct ct;
        struct bank_island island;
        rig_open(&rig, documents[k]);
        assert_int_equal(module_digitise.event(&rig.step), ERR_OK);
        find_bank(rig.step.out[0], "CT25", &bank);
        assert_int_equal(bank_ct_open(bank.data, bank.size, &ct), ERR_OK);
        assert_int_equal(ct.n_islands, 1);
        assert_int_equal(ct.n_segments, 2);
        assert_int_equal(bank_ct_next(&ct, &island), ERR_OK);
        for (uint32_t pmt = 0; pmt < 2; pmt++) {
            const int16_t *adc = bank_ct_samples(&ct, &island, pmt);
            double sum = 0.0, moment = 0.0, level = 0.5 * (adc[0] + adc[1]);
            for (uint32_t i = 0; i < island.length; i++) {
                sum += adc[i] - level;
                moment += (adc[i] - level) * (island.first_sample + i);
            }
            assert_true(fabs(moment / sum - 24000.0) < 0.6);
        }
        rig_close(&rig);
    }
}

static void settings_are_told(void **state)
{
    (void)state;
    struct rig rig;
    struct odb *odb;
    struct odb_crate crate;
    rig_open(&rig, "preset: \"run1-like\" cs_decimation: 64");
    assert_int_equal(odb_parse((const char *)odb_view(rig.step.out[1]).byte, rig.step.out[1]->n, &odb), ERR_OK);
    assert_int_equal(odb_get_crate(odb, 24, &crate), ERR_OK);
    assert_int_equal(crate.n_samples, 560000);
    assert_true(crate.threshold_adc == -300.0);
    assert_int_equal(crate.polarity, -1);
    assert_int_equal(crate.presamples, 8);
    assert_int_equal(crate.postsamples, 16);
    assert_int_equal(crate.sum_decimation, 64);
    assert_int_equal(crate.injection_sample, 24000);
    assert_string_equal(crate.preset, "run1-like");
    assert_int_equal(odb_get_crate(odb, 25, &crate), ERR_OK);
    assert_int_equal(crate.channel_map[1], 1);
    assert_int_equal(crate.channel_map[2], -1);
    odb_free(odb);
    rig_close(&rig);
}

/* A MIP of 170 MeV gives an island with Run-6 settings and none with Run-1's. */
static void presets_differ_as_they_should(void **state)
{
    (void)state;
    const char *documents[] = {"sync_is_on: false", "sync_is_on: false preset: \"run1-like\""};
    for (int k = 0; k < 2; k++) {
        struct rig rig;
        struct midas_bank bank;
        struct bank_ct ct;
        rig_open(&rig, documents[k]);
        assert_int_equal(block_resize(rig.step.in[0], 2), ERR_OK);
        struct crystal_hit_view v = crystal_hit_view(rig.step.in[0]);
        for (int i = 0; i < 2; i++) {
            v.calo[i]       = 4;
            v.crystal[i]    = 30;
            v.t_fill_ns[i]  = 1000.0 + 5000.0 * i;
            v.energy_GeV[i] = i ? 1.0 : 0.17;
        }
        assert_int_equal(module_digitise.event(&rig.step), ERR_OK);
        find_bank(rig.step.out[0], "CT04", &bank);
        assert_int_equal(bank_ct_open(bank.data, bank.size, &ct), ERR_OK);
        assert_int_equal(ct.n_islands, k ? 1 : 2);
        find_bank(rig.step.out[0], "CP04", &bank);
        float pedestal[N_CRYSTALS];
        uint32_t n;
        assert_int_equal(bank_cp_read(bank.data, bank.size, N_CRYSTALS, pedestal, &n), ERR_OK);
        assert_int_equal(n, N_CRYSTALS);
        assert_true(fabs((double)pedestal[30] - (k ? 1700.0 : -1700.0)) < 6.0);
        rig_close(&rig);
    }
}

/* Same key, same bytes, whatever was made before; another event differs; nothing leaks. */
static void is_repeatable(void **state)
{
    (void)state;
    struct rig a, b;
    int64_t live = mem_live();
    rig_open(&a, "gain_ifg: true gain_stdp: true gain_oof: true laser_every: 1");
    rig_open(&b, "gain_ifg: true gain_stdp: true gain_oof: true laser_every: 1");
    set_hits(&a, 300);
    set_hits(&b, 700);
    assert_int_equal(module_digitise.event(&a.step), ERR_OK);
    assert_int_equal(module_digitise.event(&b.step), ERR_OK);
    set_hits(&b, 300);
    assert_int_equal(module_digitise.event(&b.step), ERR_OK);
    assert_int_equal(a.step.out[0]->n, b.step.out[0]->n);
    assert_memory_equal(raw_view(a.step.out[0]).byte, raw_view(b.step.out[0]).byte, a.step.out[0]->n);
    b.step.rng.event = 2;
    assert_int_equal(module_digitise.event(&b.step), ERR_OK);
    assert_true(a.step.out[0]->n != b.step.out[0]->n ||
                memcmp(raw_view(a.step.out[0]).byte, raw_view(b.step.out[0]).byte, a.step.out[0]->n) != 0);
    rig_close(&a);
    rig_close(&b);
    assert_true(mem_live() == live);
}

static void bad_rows_are_refused(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, "");
    set_hits(&rig, 3);
    crystal_hit_view(rig.step.in[0]).crystal[1] = 54;
    assert_int_equal(module_digitise.event(&rig.step), ERR_DATA);
    assert_non_null(strstr(err_message(), "crystal 54"));
    err_clear();
    rig_close(&rig);
}

static void noise_that_triggers_is_refused(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, "");
    module_digitise.end(&rig.step);
    struct fhicl *doc;
    const char *text = "noise_rms_adc: 13";
    cfg_free(module_digitise.fields, rig.cfg);
    assert_int_equal(fhicl_parse(text, strlen(text), "test", &doc), ERR_OK);
    assert_int_equal(cfg_read(module_digitise.fields, doc, "test", NULL, rig.cfg), ERR_OK);
    fhicl_free(doc);
    assert_int_equal(module_digitise.begin(&rig.step), ERR_CONFIG);
    assert_non_null(strstr(err_message(), "at most 12.3"));
    err_clear();
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chopping_is_the_daqs),
        cmocka_unit_test(long_islands_and_limits),
        cmocka_unit_test(samples_follow_the_shape),
        cmocka_unit_test(energy_is_the_peak),
        cmocka_unit_test(noise_is_white),
        cmocka_unit_test(full_scale_is_twelve_bits),
        cmocka_unit_test(sums_are_sums),
        cmocka_unit_test(ctag_counts_late_showers),
        cmocka_unit_test(gain_is_as_said),
        cmocka_unit_test(same_on_every_instruction_set),
        cmocka_unit_test(event_holds_all_hits),
        cmocka_unit_test(t0_tells_injection),
        cmocka_unit_test(settings_are_told),
        cmocka_unit_test(presets_differ_as_they_should),
        cmocka_unit_test(is_repeatable),
        cmocka_unit_test(bad_rows_are_refused),
        cmocka_unit_test(noise_that_triggers_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
