/* Quality cuts: what is measured in made-up fills, which bit each cut sets, what the module counts, whom the filter stops. */
#include "dqc.h"

#include "bank.h"
#include "cfg.h"
#include "mem.h"
#include "module.h"
#include "unpack.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ok(call) assert_int_equal((call), ERR_OK)

enum { INJECTION = 24000, SYNC = 8000, N_SAMPLES = 40, T0_SAMPLES = 200, PEDESTAL = -1700, N_ISLANDS = 3 };
enum { IN_FILL, IN_ISLAND, IN_TRACE, IN_SAMPLE, N_IN };

static void assert_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("%.10g is not %.10g +- %.3g", got, want, tolerance);
}

static const struct dqc_settings settings = {.sync_ns                = (SYNC - INJECTION) * SAMPLE_NS,
                                             .sync_window_ns         = 1000,
                                             .sync_min_adc           = 100,
                                             .quiet_before_ns        = 2000,
                                             .pedestal_tolerance_adc = 6,
                                             .n_quiet                = 5};

/* Quiet samples alternate by +-2: rms 2 sqrt(6/5) with divisor n - 1 of five. */
static void put_island(struct block *const b[N_IN], size_t row, int calo, int first, int n, double height,
                       double rms_ns, int n_traces)
{
    struct island_view i = island_view(b[IN_ISLAND]);
    size_t trace = b[IN_TRACE]->n, sample = b[IN_SAMPLE]->n;
    ok(block_resize(b[IN_TRACE], trace + (size_t)n_traces));
    ok(block_resize(b[IN_SAMPLE], sample + (size_t)(n_traces * n)));
    i.calo[row]         = (uint8_t)calo;
    i.first_sample[row] = first;
    i.n_samples[row]    = n;
    i.n_crystals[row]   = (uint8_t)n_traces;
    i.first_trace[row]  = (uint32_t)trace;
    struct trace_view t = trace_view(b[IN_TRACE]);
    int16_t *adc        = sample_view(b[IN_SAMPLE]).adc + sample;
    const int middle    = n / 2;
    for (int k = 0; k < n_traces; k++) {
        t.island[trace + (size_t)k]       = (uint32_t)row;
        t.crystal[trace + (size_t)k]      = (uint8_t)k;
        t.pedestal_adc[trace + (size_t)k] = PEDESTAL;
        t.first_sample[trace + (size_t)k] = (uint32_t)(sample + (size_t)(k * n));
        for (int s = 0; s < n; s++) {
            double x       = (s - middle - (n_traces == 2 ? 3 * k : 0)) * SAMPLE_NS / rms_ns;
            adc[k * n + s] = (int16_t)lrint(PEDESTAL + (s % 2 ? 2 : -2) + height * exp(-0.5 * x * x));
        }
    }
}

static void make_blocks(struct block *b[N_IN])
{
    static const struct table *const tables[N_IN] = {&table_fill, &table_island, &table_trace, &table_sample};
    for (int i = 0; i < N_IN; i++) ok(block_create(tables[i], &b[i]));
    ok(block_resize(b[IN_FILL], 1));
    struct fill_view f = fill_view(b[IN_FILL]);
    f.fill_type[0]     = BANK_MUON;
    f.t0_ns[0]         = INJECTION * SAMPLE_NS;
    f.ctag[0]          = 200;
    f.status[0]        = 0;
    f.calos[0]         = 0xffffff;
}

/* Sync pulses in 54 channels of calorimeter 1, too low in 10 of calorimeter 2; T0 with two photomultipliers. */
static void make_fill(struct block *const b[N_IN])
{
    ok(block_resize(b[IN_ISLAND], N_ISLANDS));
    ok(block_resize(b[IN_TRACE], 0));
    ok(block_resize(b[IN_SAMPLE], 0));
    put_island(b, 0, 1, SYNC - 10, N_SAMPLES, 400.0, 3.0, N_CRYSTALS);
    put_island(b, 1, 2, SYNC - 10, N_SAMPLES, 60.0, 3.0, 10);
    put_island(b, 2, BANK_CRATE_T0, INJECTION - T0_SAMPLES / 2, T0_SAMPLES, 1500.0, 25.0, 2);
}

static void free_blocks(struct block *b[N_IN])
{
    for (int i = 0; i < N_IN; i++) block_free(b[i]);
}

static void measures(void **state)
{
    (void)state;
    struct block *b[N_IN];
    struct dqc_measured m;
    make_blocks(b);
    make_fill(b);
    const struct dqc_input in = {b[IN_FILL], b[IN_ISLAND], b[IN_TRACE], b[IN_SAMPLE]};
    dqc_measure(&settings, &in, &m);
    assert_near(m.n_sync, N_CRYSTALS, 0);
    assert_near(m.n_bad_pedestals, 0, 0);
    assert_near(m.noise_adc, 2.0 * sqrt(1.2), 1e-9);
    assert_near(m.t0_adc, 1500, 3);
    assert_near(m.t0_width_ns, 25.0 * sqrt(0.95), 1.0); /* samples below a twentieth of the peak are cut off */
    assert_near(m.t0_pair_ns, -3 * SAMPLE_NS, 0.3);
    assert_near(m.ctag, 200, 0);
    trace_view(b[IN_TRACE]).pedestal_adc[3] += 20.0F; /* the samples are off this channel's pedestal now */
    dqc_measure(&settings, &in, &m);
    assert_near(m.n_bad_pedestals, 1, 0);
    fill_view(b[IN_FILL]).status[0] = UNPACK_NO_T0;
    dqc_measure(&settings, &in, &m);
    assert_true(m.t0_adc == 0.0 && isnan(m.t0_width_ns));
    const struct dqc_input bare = {.fill = b[IN_FILL]};
    dqc_measure(&settings, &bare, &m);
    assert_true(isnan(m.t0_adc) && isnan(m.n_sync) && isnan(m.n_bad_pedestals) && isnan(m.noise_adc));
    free_blocks(b);
}

/* Negative pulses are as good as positive ones. */
static void either_polarity(void **state)
{
    (void)state;
    struct block *b[N_IN];
    struct dqc_measured m;
    make_blocks(b);
    make_fill(b);
    int16_t *adc = sample_view(b[IN_SAMPLE]).adc;
    for (size_t i = 0; i < b[IN_SAMPLE]->n; i++) adc[i] = (int16_t)(2 * PEDESTAL - adc[i]);
    const struct dqc_input in = {b[IN_FILL], b[IN_ISLAND], b[IN_TRACE], b[IN_SAMPLE]};
    dqc_measure(&settings, &in, &m);
    assert_near(m.n_sync, N_CRYSTALS, 0);
    assert_near(m.t0_width_ns, 25.0 * sqrt(0.95), 1.0);
    free_blocks(b);
}

static const struct dqc_measured healthy = {.fill_type       = BANK_MUON,
                                            .calos           = 0xffffff,
                                            .ctag            = 200,
                                            .t0_adc          = 1500,
                                            .t0_width_ns     = 29,
                                            .t0_pair_ns      = 0,
                                            .n_sync          = 1296,
                                            .n_bad_pedestals = 0,
                                            .noise_adc       = 1.5};

#define LIMIT_ROW(A, B, name, unit, low, high, ...) {low, high},
static const struct dqc_limits standard[N_DQC_CUTS] = {DQC_CUTS(LIMIT_ROW, , )};

/* Thresholds moved past the value of one cut: its bit, and no other. */
static void each_cut_has_its_bit(void **state)
{
    (void)state;
    double value[N_DQC_CUTS];
    uint32_t flags, unknown;
    dqc_judge(&healthy, standard, value, &flags, &unknown);
    assert_int_equal(flags | unknown, 0);
    for (int i = 0; i < N_DQC_CUTS; i++)
        for (int is_high = 0; is_high <= 1; is_high++) {
            struct dqc_limits limits[N_DQC_CUTS];
            memcpy(limits, standard, sizeof limits);
            limits[i] = is_high ? (struct dqc_limits){value[i] - 2.0, value[i] - 1.0}
                                : (struct dqc_limits){value[i] + 1.0, value[i] + 2.0};
            dqc_judge(&healthy, limits, value, &flags, &unknown);
            assert_int_equal(flags, 1u << i);
            assert_non_null(dqc_cuts[i].name);
        }
    struct dqc_measured laser = healthy;
    laser.fill_type           = BANK_LASER;
    laser.ctag                = 0;
    laser.t0_adc              = 0;
    dqc_judge(&laser, standard, value, &flags, &unknown);
    assert_int_equal(flags | unknown, 0); /* these cuts are for muon fills */
    struct dqc_measured blind = healthy;
    blind.noise_adc           = (double)NAN;
    dqc_judge(&blind, standard, value, &flags, &unknown);
    assert_true(flags == 0 && unknown == 1u << DQC_noise_adc);
}

/* ---- the module and the filter --------------------------------------------------------------------------------------- */

struct rig {
    struct step step;
    struct hist_set hists;
    struct fhicl *document;
    struct unit unit;
    void *cfg;
};

static enum err rig_open(struct rig *r, const char *type, const char *text)
{
    static const char *const reserved[] = {"module_type", NULL};
    const struct module_entry *e        = module_find(type);
    assert_non_null(e);
    *r             = (struct rig){.unit = {.run = 1}};
    r->step.module = e->module;
    r->step.label  = "test";
    r->step.hists  = &r->hists;
    r->step.unit   = &r->unit;
    ok(mem_alloc(&r->cfg, 1, e->module->cfg_size));
    r->step.cfg = r->cfg;
    ok(fhicl_parse(text, strlen(text), "test", &r->document));
    TRY(cfg_read(e->module->fields, r->document, "test", reserved, r->cfg));
    for (size_t i = 0; e->module->out && e->module->out[i].table; i++)
        ok(block_create(e->module->out[i].table, &r->step.out[i]));
    return e->module->begin(&r->step);
}

static void rig_close(struct rig *r)
{
    r->step.module->end(&r->step);
    for (size_t i = 0; i < MODULE_MAX_PORTS; i++) block_free(r->step.out[i]);
    cfg_free(r->step.module->fields, r->cfg);
    mem_free(r->cfg);
    fhicl_free(r->document);
    hist_set_free(&r->hists);
}

static void give(struct rig *r, struct block *b[N_IN], int type, int ctag, uint32_t status)
{
    struct fill_view f = fill_view(b[IN_FILL]);
    f.fill_type[0]     = (uint8_t)type;
    f.ctag[0]          = ctag;
    f.status[0]        = status;
    for (int i = 0; i < N_IN; i++) r->step.in[i] = b[i];
    ok(block_resize(r->step.out[0], 0));
    ok(r->step.module->event(&r->step));
}

static const struct hist *cuts_hist(const struct rig *r) { return hist_find(&r->hists, "dqc/cuts"); }

/* Sync in 54 channels only: the cut on it is open here. */
#define OPEN "sync_channels_low: 0 t0_pair_ns_low: -10 "

static void counts_what_cuts_cost(void **state)
{
    (void)state;
    struct block *b[N_IN];
    struct rig r;
    make_blocks(b);
    make_fill(b);
    ok(rig_open(&r, "Dqc", OPEN "good_fraction_low: 0.5"));
    ok(r.step.module->begin_unit(&r.step));
    give(&r, b, BANK_MUON, 200, 0);
    assert_int_equal(dqc_view(r.step.out[0]).is_good[0], 1);
    give(&r, b, BANK_MUON, 3, 0);
    assert_int_equal(dqc_view(r.step.out[0]).flags[0], 1u << DQC_ctag);
    assert_int_equal(dqc_view(r.step.out[0]).is_good[0], 0);
    give(&r, b, BANK_MUON, 3, UNPACK_DAMAGED);
    assert_int_equal(dqc_view(r.step.out[0]).flags[0], 1u << DQC_ctag | 1u << DQC_damaged);
    give(&r, b, BANK_LASER, 0, 0);
    assert_int_equal(dqc_view(r.step.out[0]).is_good[0], 1);
    ok(r.step.module->end_unit(&r.step));
    const struct hist *h = cuts_hist(&r);
    assert_true(h->content[2 * DQC_ctag] == 2 && h->content[2 * DQC_ctag + 1] == 1);
    assert_true(h->content[2 * DQC_damaged] == 1 && h->content[2 * DQC_damaged + 1] == 0);
    assert_int_equal(h->n_entries, 4);
    const struct dqc_subrun_view v = dqc_subrun_view(r.step.out[1]);
    assert_int_equal(r.step.out[1]->n, 1);
    assert_true(v.n_fills[0] == 4 && v.n_muon_fills[0] == 3.0F && v.n_good[0] == 1);
    assert_true(v.n_failed[DQC_ctag] == 2 && v.n_alone[DQC_ctag] == 1 && v.n_alone[DQC_damaged] == 0);
    assert_int_equal(v.flags[0], 1u << DQC_SUBRUN_good_fraction); /* a third is below a half */
    assert_int_equal(v.is_good[0], 0);
    assert_int_equal(v.calos[0], 0xffffff);
    /* the next subrun begins anew */
    ok(r.step.module->begin_unit(&r.step));
    give(&r, b, BANK_MUON, 200, 0);
    ok(r.step.module->end_unit(&r.step));
    assert_int_equal(dqc_subrun_view(r.step.out[1]).is_good[0], 1);
    rig_close(&r);
    free_blocks(b);
}

static void ignored_and_unknown(void **state)
{
    (void)state;
    struct block *b[N_IN], *none[N_IN];
    struct rig r;
    make_blocks(b);
    make_fill(b);
    ok(rig_open(&r, "Dqc", OPEN "ignore: [ctag]"));
    ok(r.step.module->begin_unit(&r.step));
    give(&r, b, BANK_MUON, 3, 0);
    assert_int_equal(dqc_view(r.step.out[0]).flags[0], 1u << DQC_ctag);
    assert_int_equal(dqc_view(r.step.out[0]).is_good[0], 1);
    assert_int_equal(cuts_hist(&r)->n_entries, 0);
    rig_close(&r);
    memcpy(none, b, sizeof none);
    none[IN_ISLAND] = none[IN_TRACE] = none[IN_SAMPLE] = NULL;
    ok(rig_open(&r, "Dqc", "unknown_is_bad: true"));
    ok(r.step.module->begin_unit(&r.step));
    give(&r, none, BANK_MUON, 200, 0);
    assert_int_equal(dqc_view(r.step.out[0]).is_good[0], 0);
    rig_close(&r);
    free_blocks(b);
}

static void bad_parameters(void **state)
{
    (void)state;
    static const struct {
        const char *type, *text;
    } bad[] = {{"Dqc", "ctag_low: 100 ctag_high: 10"},
               {"Dqc", "ignore: [quads]"},
               {"Dqc", "quads_low: 1"},
               {"DqcFilter", "cuts: [quads]"},
               {"DqcFilter", "fills: protons"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct rig r;
        assert_int_equal(rig_open(&r, bad[i].type, bad[i].text), ERR_CONFIG);
        err_clear();
        rig_close(&r);
    }
}

static bool passes(struct rig *r, struct block *dqc, int type, uint32_t flags, int is_good)
{
    struct dqc_view v = dqc_view(dqc);
    v.fill_type[0]    = (uint8_t)type;
    v.flags[0]        = flags;
    v.is_good[0]      = (uint8_t)is_good;
    r->step.in[0]     = dqc;
    r->step.pass      = true;
    ok(r->step.module->event(&r->step));
    return r->step.pass;
}

static void filters(void **state)
{
    (void)state;
    struct block *dqc;
    struct rig r;
    ok(block_create(&table_dqc, &dqc));
    ok(block_resize(dqc, 1));
    ok(rig_open(&r, "DqcFilter", ""));
    assert_true(passes(&r, dqc, BANK_MUON, 0, 1));
    assert_true(passes(&r, dqc, BANK_MUON, 1u << DQC_ctag, 1)); /* a cut that Dqc ignores */
    assert_false(passes(&r, dqc, BANK_MUON, 1u << DQC_ctag, 0));
    assert_false(passes(&r, dqc, BANK_LASER, 0, 1));
    rig_close(&r);
    ok(rig_open(&r, "DqcFilter", "cuts: [damaged] fills: any"));
    assert_true(passes(&r, dqc, BANK_LASER, 1u << DQC_ctag, 0));
    assert_false(passes(&r, dqc, BANK_LASER, 1u << DQC_damaged, 0));
    rig_close(&r);
    block_free(dqc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures),
        cmocka_unit_test(either_polarity),
        cmocka_unit_test(each_cut_has_its_bit),
        cmocka_unit_test(counts_what_cuts_cost),
        cmocka_unit_test(ignored_and_unknown),
        cmocka_unit_test(bad_parameters),
        cmocka_unit_test(filters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
