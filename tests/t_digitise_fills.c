/* Fills of the DAQ's cadence, laser shots, source monitors and injected constants: what was put in is read back from the
 * banks without noise to half a count; with noise, limits are 5 standard errors (false alarm below 1e-6 each). */
#include "bank_wfd.h"
#include "cfg.h"
#include "digitise_aux.h"
#include "digitise_raw.h"
#include "mem.h"
#include "module.h"
#include "odb.h"
#include "tables.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

extern const struct module module_digitise, module_empty_fill;

enum { RAW = DIGITISE_RAW_SAMPLES, PITCH = RAW + DIGITISE_LASER_GAP, TEST = DIGITISE_TEST_SAMPLE };

static struct unit unit = {.run = 3, .subrun = 4, .n_fills = 2, .out_dir = "."};

struct rig {
    struct step step;
    void *cfg;
};

static void rig_read(struct rig *rig, const struct module *m, const char *text)
{
    struct fhicl *doc;
    memset(rig, 0, sizeof *rig);
    assert_int_equal(fhicl_parse(text, strlen(text), "test", &doc), ERR_OK);
    assert_int_equal(mem_alloc(&rig->cfg, 1, m->cfg_size), ERR_OK);
    assert_int_equal(cfg_read(m->fields, doc, "test", NULL, rig->cfg), ERR_OK);
    fhicl_free(doc);
    rig->step.module = m;
    rig->step.cfg    = rig->cfg;
    rig->step.unit   = &unit;
}

static void rig_open(struct rig *rig, const char *text)
{
    rig_read(rig, &module_digitise, text);
    assert_int_equal(block_create(&table_crystal_hit, &rig->step.in[0]), ERR_OK);
    assert_int_equal(block_create(&table_raw, &rig->step.out[0]), ERR_OK);
    assert_int_equal(block_create(&table_odb, &rig->step.out[1]), ERR_OK);
    assert_int_equal(block_create(&table_gain_truth, &rig->step.out[2]), ERR_OK);
    assert_int_equal(module_digitise.begin(&rig->step), ERR_OK);
    assert_int_equal(module_digitise.begin_unit(&rig->step), ERR_OK);
}

static void rig_close(struct rig *rig)
{
    module_digitise.end(&rig->step);
    block_free(rig->step.in[0]);
    for (int i = 0; i < 3; i++) block_free(rig->step.out[i]);
    cfg_free(module_digitise.fields, rig->cfg);
    mem_free(rig->cfg);
}

static void make(struct rig *rig, uint8_t type, int64_t nth)
{
    const uint32_t event = 1 + (uint32_t)nth;
    rig->step.fill       = (struct fill){1, 3, 4, event, 1524400000 + 3600, type, nth};
    rig->step.rng        = rng_key(1, 3, 4, event, 30);
    if (module_digitise.event(&rig->step)) fail_msg("%s", err_message());
}

static bool find_bank(const struct rig *rig, const char *name, struct midas_bank *bank)
{
    struct midas_event event;
    struct midas_walk walk;
    const struct block *raw = rig->step.out[0];
    assert_int_equal(midas_parse(raw_view(raw).byte, raw->n, &event), ERR_OK);
    assert_int_equal(midas_walk(&event, true, &walk), ERR_OK);
    do assert_int_equal(midas_walk_next(&walk, bank), ERR_OK);
    while (bank->data && strcmp(bank->name, name) != 0);
    return bank->data != NULL;
}

/* All samples of a crate's raw banks by crystal and waveform, every header and checksum looked at. */
static int16_t raw[N_CRYSTALS][DIGITISE_LASER_WAVEFORMS][RAW];

static void read_raw(const struct rig *rig, char prefix, int crate, uint32_t n_waveforms)
{
    char name[5];
    struct midas_bank bank;
    const void *data[4];
    size_t size[4];
    struct bank_amc amc;
    struct bank_wfd w;
    struct bank_waveform waveform;
    int32_t map[ODB_CHANNELS];
    uint32_t n_words, n = 0;
    odb_channel_map(map);
    for (int i = 0; i < 4; i++) {
        bank_name(prefix, "RACZ"[i], crate, name);
        assert_true(find_bank(rig, name, &bank));
        data[i] = bank.data;
        size[i] = bank.size;
    }
    assert_int_equal(bank_ca_read(data[1], size[1], &amc), ERR_OK);
    assert_int_equal(amc.fill_type, rig->step.fill.type);
    assert_int_equal(bank_cz_words(data[3], size[3], &n_words), ERR_OK);
    assert_int_equal(n_words, amc.total);
    bank_wfd_open(data[0], size[0], &amc, BANK_CHECK_ALL, &w);
    for (;; n++) {
        if (bank_wfd_next(&w, &waveform)) fail_msg("%s", err_message());
        if (!waveform.samples) break;
        assert_true(waveform.n_samples == RAW && waveform.n_waveforms == n_waveforms);
        assert_int_equal(waveform.gap, n_waveforms > 1 ? DIGITISE_LASER_GAP : 0);
        const int segment = map[5 * (waveform.slot - 1) + waveform.channel];
        assert_true(segment >= 0 && segment < N_CRYSTALS);
        bank_wfd_samples(&waveform, raw[segment][waveform.index]);
    }
    assert_int_equal(n, N_CRYSTALS * n_waveforms);
}

static double shape(double x) { return pulse_shape_value(pulse_shape(PULSE_LASER), x, NULL, NULL); }

/* ---- cadence ---- */

static void count_fills(const char *text, int64_t n[4])
{
    struct rig rig;
    int64_t next[4] = {0};
    memset(n, 0, 4 * sizeof *n);
    rig_read(&rig, &module_empty_fill, text);
    assert_int_equal(block_create(&table_fill_truth, &rig.step.out[0]), ERR_OK);
    for (uint32_t subrun = 0; subrun < 20; subrun++) {
        struct unit u   = {.run = 3, .subrun = subrun, .n_fills = 91};
        rig.step.unit   = &u;
        rig.step.fill   = (struct fill){.seed = 1, .run = 3, .subrun = subrun};
        int64_t earlier = 0;
        for (;;) {
            assert_int_equal(module_empty_fill.event(&rig.step), ERR_OK);
            if (!rig.step.pass) break;
            const struct fill *fill           = &rig.step.fill;
            const struct fill_truth_view told = fill_truth_view(rig.step.out[0]);
            assert_true(told.n == 1 && told.fill_type[0] == fill->type && told.nth[0] == fill->nth);
            assert_true(told.unix_time_s[0] == fill->unix_time_s);
            assert_true(fill->type >= BANK_MUON && fill->type <= BANK_PEDESTAL);
            assert_int_equal(fill->nth, next[fill->type]++); /* counted on from subrun to subrun */
            assert_true(fill->unix_time_s >= earlier);
            earlier = fill->unix_time_s;
            n[fill->type]++;
        }
    }
    assert_int_equal(n[1] + n[2] + n[3], 20 * 91);
    block_free(rig.step.out[0]);
    cfg_free(module_empty_fill.fields, rig.cfg);
    mem_free(rig.cfg);
}

static void fills_come_in_cadence(void **state)
{
    (void)state;
    int64_t n[4];
    count_fills("fills_per_subrun: 91", n);
    assert_int_equal(n[BANK_MUON], 1820);
    count_fills("fills_per_subrun: 91 fills: daq", n); /* 101 cycles of 18, and 2 */
    assert_true(n[BANK_MUON] == 101 * 16 + 2 && n[BANK_LASER] == 101 && n[BANK_PEDESTAL] == 101);
    count_fills("fills_per_subrun: 91 fills: daq cycle_muon: 5 cycle_laser: 3 cycle_pedestal: 0", n); /* 227 of 8, 4 */
    assert_true(n[BANK_MUON] == 227 * 5 + 2 && n[BANK_LASER] == 227 * 3 + 2 && n[BANK_PEDESTAL] == 0);
    count_fills("fills_per_subrun: 91 fills: laser", n);
    assert_int_equal(n[BANK_LASER], 1820);
    count_fills("fills_per_subrun: 91 fills: pedestal", n);
    assert_int_equal(n[BANK_PEDESTAL], 1820);
}

/* ---- laser fills ---- */

#define QUIET "noise_rms_adc: 0 pe_per_MeV: 0 "
#define INJECTED                                                                                                       \
    "gain_ifg: true gain_stdp: true gain_oof: true time_offset_ns: 0.5 calo_offset_ns: 2 energy_spread: 0.05 "

/* Samples are pedestal + test pulse (+ first pulse, and the test pulse sags), with every injected constant of gain_truth
 * but the in-fill sag; doubles come at the delays of the description. */
static void check_laser_fill(const struct rig *rig, int calo, int64_t nth)
{
    const struct gain_truth_view truth = gain_truth_view(rig->step.out[2]);
    double worst                       = 0.0;
    read_raw(rig, 'L', calo, DIGITISE_LASER_WAVEFORMS);
    for (int crystal = 0; crystal < N_CRYSTALS; crystal++)
        for (int k = 0; k < DIGITISE_LASER_WAVEFORMS; k++) {
            const size_t c  = (size_t)(calo - 1) * N_CRYSTALS + (size_t)crystal;
            const double d  = k % 2 ? 5.0 * (double)(1 + (2 * nth + k / 2) % 16) : 0.0;
            const double at = TEST + truth.time_offset_ns[c] / 1.25, gain = truth.oof[c] * truth.energy_factor[c];
            double sag = d > 0.0 ? truth.stdp_amplitude[c] * 1250.0 * 0.0016 * exp(-d / truth.stdp_tau_ns[c]) : 0.0;
            assert_true(truth.calo[c] == calo && truth.crystal[c] == crystal);
            for (int i = 0; i < RAW; i++) {
                double want = truth.pedestal_adc[c] + 400.0 * gain * (1.0 - sag) * shape(i - at);
                if (d > 0.0) want += 1250.0 * gain * shape(i - at + d / 1.25);
                worst = fmax(worst, fabs(want - raw[crystal][k][i]));
            }
        }
    if (worst > 0.51) fail_msg("calorimeter %d, laser fill %d: off by %g counts", calo, (int)nth, worst);
}

static void laser_fill_is_as_said(void **state)
{
    (void)state;
    struct rig rig;
    struct midas_bank bank;
    rig_open(&rig, QUIET INJECTED);
    for (int64_t nth = 0; nth < 9; nth++) {
        make(&rig, BANK_LASER, nth);
        check_laser_fill(&rig, 1 + (int)(5 * nth % 24), nth);
    }
    assert_false(find_bank(&rig, "CT25", &bank));
    assert_false(find_bank(&rig, "sT01", &bank));
    const struct gain_truth_view truth = gain_truth_view(rig.step.out[2]);
    double sum[3]                      = {0};
    assert_int_equal(truth.n, N_CALOS * N_CRYSTALS);
    for (size_t c = 0; c < truth.n; c++) {
        sum[0] += pow(truth.energy_factor[c] - 1.0, 2) / (double)truth.n;
        sum[1] += truth.oof[c] / (double)truth.n;
        sum[2] += truth.ifg_amplitude[c] / (double)truth.n;
    }
    assert_true(fabs(sqrt(sum[0]) / 0.05 - 1.0) < 5.0 / sqrt(2.0 * 1296));
    assert_true(fabs(sum[1] - 1.01) < 5.0 * 0.002 * sqrt(5.0 / 1296)); /* an hour, and steps of 5 subruns */
    assert_true(fabs(sum[2] - 0.03) < 5.0 * 0.003 / sqrt(1296.0));
    rig_close(&rig);
}

/* Crystals and monitor see the same intensity: of all shots of a laser, and another of the next laser. */
static void monitor_sees_the_intensity(void **state)
{
    (void)state;
    struct rig rig;
    struct midas_bank bank;
    struct bank_ct ct;
    struct bank_island island;
    double intensity[DIGITISE_LASERS][20], mean = 0.0, square = 0.0;
    const double least = 0.5 / 400.0 + 0.5 / 1000.0;
    rig_open(&rig, QUIET
             "monitor_is_on: true laser_fluctuation: 0.05 laser_drift: 0.02 double_adc: 0 pedestal_spread_adc: 0");
    for (int64_t nth = 0; nth < 5; nth++) {
        make(&rig, BANK_LASER, nth);
        for (int laser = 0; laser < DIGITISE_LASERS; laser++) {
            char name[5];
            bank_name('s', 'T', 1 + 4 * laser, name);
            assert_true(find_bank(&rig, name, &bank));
            assert_int_equal(bank_ct_open(bank.data, bank.size, &ct), ERR_OK);
            assert_true(ct.n_islands == 4 && ct.n_segments == 5);
            for (int k = 0; k < 4; k++) {
                assert_int_equal(bank_ct_next(&ct, &island), ERR_OK);
                const int at = PITCH * k + TEST - (int)island.first_sample;
                assert_true(at >= 50 && at < 55 && island.length >= 300);
                intensity[laser][4 * nth + k] = (bank_ct_samples(&ct, &island, 4)[at] + 1700.0) / 1000.0;
                assert_int_equal(bank_ct_samples(&ct, &island, 0)[at], bank_ct_samples(&ct, &island, 4)[at]);
            }
            for (int calo = 4 * laser + 1; calo <= 4 * laser + 4; calo++) {
                read_raw(&rig, 'L', calo, 4);
                for (int k = 0; k < 4; k++)
                    assert_true(fabs((raw[17][k][TEST] + 1700.0) / 400.0 - intensity[laser][4 * nth + k]) < least);
            }
        }
    }
    for (int i = 0; i < 20 * DIGITISE_LASERS; i++) {
        mean += intensity[i / 20][i % 20] / 120.0;
        square += pow(intensity[i / 20][i % 20], 2) / 120.0;
    }
    assert_true(fabs(mean - 1.0) < 5.0 * hypot(0.05 / sqrt(120.0), 0.02 / sqrt(6.0)));
    assert_true(fabs(sqrt(square - mean * mean) / hypot(0.05, 0.02) - 1.0) < 0.4);
    assert_true(fabs(intensity[0][0] - intensity[1][0]) > 2.0 * least);
    make(&rig, BANK_PEDESTAL, 0);
    assert_false(find_bank(&rig, "sT01", &bank));
    make(&rig, BANK_MUON, 0); /* the sync pulse */
    assert_true(find_bank(&rig, "sT21", &bank));
    assert_int_equal(bank_ct_open(bank.data, bank.size, &ct), ERR_OK);
    assert_int_equal(ct.n_islands, 1);
    assert_true(find_bank(&rig, "sP21", &bank));
    rig_close(&rig);
}

/* ---- muon fills ---- */

/* Peak of the crystal's island of a calorimeter that holds the sample, in counts above pedestal; -1: there is none. */
static double peak_at(const struct rig *rig, int calo, int crystal, int sample, double pedestal_adc)
{
    char name[5];
    struct midas_bank bank;
    struct bank_ct ct;
    struct bank_island island;
    bank_name('C', 'T', calo, name);
    assert_true(find_bank(rig, name, &bank));
    assert_int_equal(bank_ct_open(bank.data, bank.size, &ct), ERR_OK);
    for (;;) {
        assert_int_equal(bank_ct_next(&ct, &island), ERR_OK);
        if (!island.words) return -1.0;
        const int at = sample - (int)island.first_sample;
        if (at < 0 || at >= (int)island.length) continue;
        return bank_ct_samples(&ct, &island, (uint32_t)crystal)[at] - pedestal_adc;
    }
}

/* The in-fill pulse sags with the time after injection, the sync pulse before it does not. */
static void in_fill_pulse_sags(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, QUIET "gain_ifg: true gain_stdp: true gain_oof: true laser_every: 10 laser_range_us: 40");
    const struct gain_truth_view *truth = NULL;
    struct gain_truth_view view;
    for (int64_t i = 0; i < 10; i++) {
        make(&rig, BANK_MUON, 10 * i + 9);
        view             = gain_truth_view(rig.step.out[2]);
        truth            = &view;
        const double t   = 5.0 * (double)(i % 8);
        const int sample = 24000 + (int)(t * 800.0), calo = 3, crystal = 5 * (int)i;
        const size_t c = (size_t)(calo - 1) * N_CRYSTALS + (size_t)crystal;
        double want    = 400.0 * truth->oof[c] * (1.0 - truth->ifg_amplitude[c] * exp(-t / truth->ifg_tau_us[c]));
        assert_true(fabs(peak_at(&rig, calo, crystal, sample, truth->pedestal_adc[c]) - want) < 0.51);
        assert_true(fabs(peak_at(&rig, calo, crystal, 8000, truth->pedestal_adc[c]) - 400.0 * truth->oof[c]) < 0.51);
    }
    assert_true(truth->ifg_amplitude[0] > 0.01);
    make(&rig, BANK_MUON, 8);
    assert_true(peak_at(&rig, 3, 0, 24000, -1700.0) < 0.0);
    rig_close(&rig);
}

static void dead_and_hot_channels(void **state)
{
    (void)state;
    struct rig rig;
    int n_dead = 0, n_hot = 0;
    rig_open(&rig, "dead_channels: [317] hot_channels: [1203] dead_fraction: 0.02 hot_fraction: 0.01 hot_adc: 400");
    make(&rig, BANK_MUON, 0);
    const struct gain_truth_view truth = gain_truth_view(rig.step.out[2]);
    for (size_t c = 0; c < truth.n; c++) {
        const int calo = truth.calo[c], crystal = truth.crystal[c];
        double sync = peak_at(&rig, calo, crystal, 8000, truth.pedestal_adc[c]);
        n_dead += truth.is_dead[c];
        n_hot += truth.is_hot[c];
        if (truth.is_dead[c] ? fabs(sync) > 10.0 : sync < 200.0)
            fail_msg("calorimeter %d crystal %d: %g counts", calo, crystal, sync);
    }
    assert_true(truth.is_dead[2 * N_CRYSTALS + 17] && truth.is_hot[11 * N_CRYSTALS + 3]);
    assert_true(n_dead > 5 && n_dead < 60 && n_hot > 1 && n_hot < 40); /* of 26 + 1, 13 + 1 */
    struct midas_bank bank;
    struct bank_ct ct;
    assert_true(find_bank(&rig, "CT12", &bank));
    assert_int_equal(bank_ct_open(bank.data, bank.size, &ct), ERR_OK);
    assert_true(ct.n_islands > 20 && ct.n_islands < 400); /* sync, and e^(-60/400) of 70 pulses for each hot one */
    rig_close(&rig);
    rig_read(&rig, &module_digitise, "dead_channels: [317, 354]");
    assert_int_equal(module_digitise.begin(&rig.step), ERR_CONFIG);
    assert_non_null(strstr(err_message(), "dead_channels: 354"));
    err_clear();
    module_digitise.end(&rig.step);
    cfg_free(module_digitise.fields, rig.cfg);
    mem_free(rig.cfg);
}

/* ---- pedestal fills ---- */
static void pedestal_fill_is_noise(void **state)
{
    (void)state;
    struct rig rig;
    rig_open(&rig, "noise_spread: 0.2 gain_ifg: true monitor_is_on: true");
    make(&rig, BANK_PEDESTAL, 3);
    const struct gain_truth_view truth = gain_truth_view(rig.step.out[2]);
    read_raw(&rig, 'P', 24, 1);
    for (size_t k = 0; k < N_CRYSTALS; k++) {
        const size_t c = 23 * N_CRYSTALS + k;
        double mean = 0.0, square = 0.0, rms = sqrt(truth.noise_adc[c] * truth.noise_adc[c] + 1.0 / 12.0);
        for (int i = 0; i < RAW; i++) mean += raw[k][0][i] / (double)RAW;
        for (int i = 0; i < RAW; i++) square += pow(raw[k][0][i] - mean, 2) / (RAW - 1.0);
        assert_true(fabs(mean - truth.pedestal_adc[c]) < 5.0 * rms / sqrt(RAW));
        assert_true(fabs(sqrt(square) / rms - 1.0) < 5.0 / sqrt(2.0 * RAW));
    }
    assert_true(fabs(truth.noise_adc[0] - truth.noise_adc[1]) > 1e-3);
    rig_close(&rig);
}

/* ---- auxiliary crates ---- */

static void open_islands(const struct rig *rig, const char *name, uint32_t n_segments, struct bank_ct *ct)
{
    struct midas_bank bank;
    assert_true(find_bank(rig, name, &bank));
    assert_int_equal(bank_ct_open(bank.data, bank.size, ct), ERR_OK);
    assert_int_equal(ct->n_segments, n_segments);
}

/* The bunch in the fibres in place: about 12 and 9 mm rms, and in the time of the T0 counter's profile. */
static void ibms_shows_the_profile(void **state)
{
    (void)state;
    struct rig rig;
    struct bank_ct ct;
    struct bank_island island;
    static const double want_mm[2] = {12.0, 9.0};
    rig_open(&rig, "ibms_is_on: true pedestal_spread_adc: 0");
    make(&rig, BANK_MUON, 0);
    open_islands(&rig, "CT26", DIGITISE_IBMS_SEGMENT, &ct);
    assert_int_equal(ct.n_islands, 1);
    assert_int_equal(bank_ct_next(&ct, &island), ERR_OK);
    for (uint32_t plane = 0; plane < 2; plane++) {
        double sum = 0.0, mean = 0.0, square = 0.0, time = 0.0;
        for (uint32_t f = 0; f < 16; f++)
            for (uint32_t i = 0; i < island.length; i++) {
                double charge = bank_ct_samples(&ct, &island, 16 * plane + f)[i] + 1700.0, mm = (f - 7.5) * 5.5;
                sum += charge;
                mean += charge * mm;
                square += charge * mm * mm;
                time += charge * (island.first_sample + (double)i - 24000.0) * 1.25;
            }
        assert_true(fabs(mean / sum) < 5.0); /* moves by 1 mm rms */
        assert_true(fabs(sqrt(square / sum - pow(mean / sum, 2)) - want_mm[plane]) < 1.0);
        assert_true(fabs(time / sum) < 1.0);
    }
    rig_close(&rig);
}

/* Charges of the x harp's fibres, turn by turn: their centroid follows the CBO, pulls of 150 turns by photo-statistics. */
static void harps_show_the_cbo(void **state)
{
    (void)state;
    enum { HARP = 1, FROM = 40, TO = 190 };
    struct rig rig;
    struct bank_ct ct;
    struct bank_island island;
    double chi2 = 0.0, least = 1e9, most = -1e9, pe_adc = 100.0 * 1.2 * sqrt(2.0 * PI);
    rig_open(&rig, "harp_is_on: true pedestal_spread_adc: 0");
    make(&rig, BANK_MUON, 0);
    open_islands(&rig, "CT28", DIGITISE_HARP_SEGMENT, &ct);
    do assert_int_equal(bank_ct_next(&ct, &island), ERR_OK);
    while (island.words && island.length < 20000);
    assert_non_null(island.words);
    for (int n = FROM; n < TO; n++) {
        double t_ns = (n + (167.5 + 5.0) / 360.0) * 149.2, charge[7] = {0}, weight[7], sum = 0.0, all = 0.0, mean = 0.0;
        double want = 0.0, square = 0.0, middle = digitise_harp_mm(HARP, n);
        for (int f = 0; f < 7; f++) {
            const int16_t *adc = bank_ct_samples(&ct, &island, (uint32_t)(7 * HARP + f));
            for (int i = (int)(24000.0 + (t_ns - 74.6) / 1.25); i < 24000.0 + (t_ns + 74.6) / 1.25; i++)
                charge[f] += adc[i - (int)island.first_sample] + 1700.0;
            weight[f] = exp(-0.5 * pow(((f - 3) * 13.0 - middle) / 16.0, 2));
            sum += charge[f];
            all += weight[f];
            mean += charge[f] * (f - 3) * 13.0;
            want += weight[f] * (f - 3) * 13.0;
            square += weight[f] * pow((f - 3) * 13.0, 2);
        }
        want /= all;
        double error = sqrt((square / all - want * want) / (sum / pe_adc));
        chi2 += pow((mean / sum - want) / error, 2) / (TO - FROM);
        least = fmin(least, mean / sum);
        most  = fmax(most, mean / sum);
    }
    assert_true(fabs(chi2 - 1.0) < 5.0 * sqrt(2.0 / (TO - FROM)));
    assert_true(most - least > 10.0);
    rig_close(&rig);
}

/* A fill's bytes do not depend on what was made before, of whatever type. */
static void fills_do_not_know_each_other(void **state)
{
    (void)state;
    static const char text[] =
        INJECTED "monitor_is_on: true laser_fluctuation: 0.01 noise_spread: 0.1 hot_fraction: 0.01 "
                 "laser_every: 2 ibms_is_on: true harp_is_on: true";
    struct rig a, b;
    int64_t live = mem_live();
    rig_open(&a, text);
    rig_open(&b, text);
    make(&a, BANK_MUON, 1);
    make(&a, BANK_PEDESTAL, 1);
    for (int type = BANK_MUON; type <= BANK_PEDESTAL; type++) {
        make(&a, (uint8_t)type, 7);
        make(&b, (uint8_t)type, 7);
        assert_int_equal(a.step.out[0]->n, b.step.out[0]->n);
        assert_memory_equal(raw_view(a.step.out[0]).byte, raw_view(b.step.out[0]).byte, a.step.out[0]->n);
    }
    b.step.fill.type = BANK_ASYNC;
    assert_int_equal(module_digitise.event(&b.step), ERR_DATA);
    err_clear();
    rig_close(&a);
    rig_close(&b);
    assert_true(mem_live() == live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_come_in_cadence),        cmocka_unit_test(laser_fill_is_as_said),
        cmocka_unit_test(monitor_sees_the_intensity),   cmocka_unit_test(in_fill_pulse_sags),
        cmocka_unit_test(dead_and_hot_channels),        cmocka_unit_test(pedestal_fill_is_noise),
        cmocka_unit_test(ibms_shows_the_profile),       cmocka_unit_test(harps_show_the_cbo),
        cmocka_unit_test(fills_do_not_know_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
