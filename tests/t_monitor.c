/* Module Monitor: a made-up subrun of two muon fills and a laser fill, every number known. */
#include "bank.h"
#include "cfg.h"
#include "mem.h"
#include "module.h"
#include "odb.h"
#include "phys.h"
#include "tables.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ok(call) assert_int_equal((call), ERR_OK)

extern const struct module module_monitor;

enum { IN_FILL, IN_PULSE, IN_CLUSTER, IN_ISLAND, IN_TRACE, IN_SAMPLE, IN_ODB, N_IN };
enum { OUT_ROW, OUT_CHANNEL, N_SAMPLES = 20, PEDESTAL = -1700, SYNC_ADC = 400, CALO = 3, CRYSTAL = 7 };

static void make_step(struct step *s, struct hist_set *hists, void **cfg)
{
    *s = (struct step){.module = &module_monitor, .label = "monitor", .hists = hists};
    ok(mem_alloc(cfg, 1, module_monitor.cfg_size));
    ok(cfg_read(module_monitor.fields, NULL, "monitor", NULL, *cfg));
    s->cfg = *cfg;
    for (int i = 0; i < N_IN; i++) ok(block_create(module_monitor.in[i].table, &s->in[i]));
    for (int i = 0; i < 2; i++) ok(block_create(module_monitor.out[i].table, &s->out[i]));
}

static void put_odb(struct block *block)
{
    struct odb *odb;
    char *text;
    size_t n;
    ok(odb_create(&odb));
    ok(odb_set_string(odb, "/gm2/run type", "pedestal"));
    ok(odb_xml(odb, &text, &n));
    ok(block_resize(block, n));
    memcpy(odb_view(block).byte, text, n);
    mem_free(text);
    odb_free(odb);
}

/* One channel's sync pulse, +-2 counts about the pedestal before it: variance 4.8 of five samples, unbiased. */
static void put_sync(const struct step *s)
{
    ok(block_resize(s->in[IN_ISLAND], 1));
    ok(block_resize(s->in[IN_TRACE], 1));
    ok(block_resize(s->in[IN_SAMPLE], N_SAMPLES));
    struct island_view i = island_view(s->in[IN_ISLAND]);
    struct trace_view t  = trace_view(s->in[IN_TRACE]);
    int16_t *adc         = sample_view(s->in[IN_SAMPLE]).adc;
    i.calo[0]            = CALO;
    i.first_sample[0]    = 8000;
    i.n_samples[0]       = N_SAMPLES;
    t.island[0]          = 0;
    t.crystal[0]         = CRYSTAL;
    t.pedestal_adc[0]    = PEDESTAL;
    t.first_sample[0]    = 0;
    for (int k = 0; k < N_SAMPLES; k++) adc[k] = (int16_t)(PEDESTAL + (k % 2 ? 2 : -2) + (k == 10 ? SYNC_ADC + 2 : 0));
}

/* Two late positrons and an early one; one late pulse. */
static void put_beam(const struct step *s, double phase)
{
    static const double turns[] = {20.0, 40.0, 1.0};
    ok(block_resize(s->in[IN_CLUSTER], 3));
    ok(block_resize(s->in[IN_PULSE], 1));
    struct cluster_view c = cluster_view(s->in[IN_CLUSTER]);
    struct pulse_view p   = pulse_view(s->in[IN_PULSE]);
    for (int i = 0; i < 3; i++) {
        c.t_fill_ns[i]  = (turns[i] + phase) * 1e3 / F_REFERENCE_MHz;
        c.energy_GeV[i] = 2.0;
    }
    p.calo[0]       = CALO;
    p.crystal[0]    = CRYSTAL;
    p.t_fill_ns[0]  = 50e3;
    p.energy_GeV[0] = 1.0;
}

static void put_fill(const struct step *s, int type, int64_t unix_s, double t0_ns, double ctag, uint32_t status)
{
    ok(block_resize(s->in[IN_FILL], 1));
    struct fill_view f = fill_view(s->in[IN_FILL]);
    f.unix_time_s[0]   = unix_s;
    f.fill_type[0]     = (uint8_t)type;
    f.t0_ns[0]         = t0_ns;
    f.ctag[0]          = ctag;
    f.status[0]        = status;
}

static void run_unit(struct step *s)
{
    for (int i = 0; i < 2; i++) ok(block_resize(s->out[i], 0));
    ok(module_monitor.begin_unit(s));
    put_odb(s->in[IN_ODB]);
    put_sync(s);
    put_beam(s, 0.0);
    put_fill(s, BANK_MUON, 100, 30000.0, 10.0, 0);
    ok(module_monitor.event(s));
    put_beam(s, 0.25);
    put_fill(s, BANK_MUON, 101, 30004.0, 20.0, 2);
    ok(module_monitor.event(s));
    put_fill(s, BANK_LASER, 103, 30000.0, 999.0, 4);
    ok(module_monitor.event(s));
    ok(module_monitor.end_unit(s));
}

static void check_row(const struct step *s)
{
    struct monitor_view v = monitor_view(s->out[OUT_ROW]);
    assert_int_equal(v.n, 1);
    assert_memory_equal(v.run_type, "pedestal\0\0\0\0\0\0\0\0", 16);
    assert_int_equal(v.first_unix_s[0], 100);
    assert_int_equal(v.last_unix_s[0], 103);
    assert_int_equal(v.n_fills[0], 3);
    assert_int_equal(v.n_muon[0], 2);
    assert_int_equal(v.n_laser[0], 1);
    assert_int_equal(v.n_damaged[0], 1);
    assert_int_equal(v.n_missing[0], 1);
    assert_int_equal(v.n_no_t0[0], 0);
    assert_int_equal(v.n_positrons[0], 4);
    assert_float_equal(v.ctag[0], 15.0, 1e-12);
    assert_float_equal(v.t0_ns[0], 30002.0, 1e-9);
    assert_float_equal(v.t0_rms_ns[0], 2.0, 1e-4);
    assert_float_equal(v.sync_adc[0], SYNC_ADC, 1e-9);
    assert_float_equal(v.pedestal_adc[0], PEDESTAL, 1e-9);
    assert_float_equal(v.noise_adc[0], sqrt(4.8), 1e-9);
    assert_float_equal(v.wiggle_cos[0], 0.5, 1e-9); /* half at phase 0, half at a quarter */
    assert_float_equal(v.wiggle_sin[0], 0.5, 1e-9);
}

static void every_number(void **state)
{
    (void)state;
    struct step s;
    struct hist_set hists = {0};
    void *cfg;
    make_step(&s, &hists, &cfg);
    ok(module_monitor.begin(&s));
    for (int unit = 0; unit < 2; unit++) { /* nothing stays from one unit to the next */
        run_unit(&s);
        check_row(&s);
    }
    struct monitor_channel_view c = monitor_channel_view(s.out[OUT_CHANNEL]);
    size_t row                    = (CALO - 1) * 54 + CRYSTAL;
    assert_int_equal(c.n, 24 * 54);
    assert_int_equal(c.calo[row], CALO);
    assert_int_equal(c.crystal[row], CRYSTAL);
    assert_int_equal(c.n_pulses[row], 2);
    assert_int_equal(c.n_sync[row], 2);
    assert_float_equal(c.sync_adc[row], SYNC_ADC, 1e-4);
    assert_float_equal(c.noise_adc[row], sqrt(4.8), 1e-6);
    assert_int_equal(c.n_sync[row + 1], 0);
    assert_true(isnan(c.sync_adc[row + 1]) && isnan(c.noise_adc[row + 1]));
    module_monitor.end(&s);
    for (int i = 0; i < N_IN; i++) block_free(s.in[i]);
    for (int i = 0; i < 2; i++) block_free(s.out[i]);
    cfg_free(module_monitor.fields, cfg);
    mem_free(cfg);
    hist_set_free(&hists);
    assert_int_equal(mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_number)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
