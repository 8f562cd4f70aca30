/* AuxPulses: toy traces of T0, IBMS and harps come back with their times, heights and areas; pulses a turn apart are told
 * apart; polarity; other crates and other fills are left alone. */
#include "aux_detector.h"
#include "bank.h"
#include "cfg.h"
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "tables.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

extern const struct module module_aux_pulses;

enum { LENGTH = 600, FIRST = 23900 };
#define T0_NS 30000.0

struct toy {
    struct step step;
    struct unit unit;
    struct hist_set hists;
    struct block *in[4];
    void *cfg;
};

static enum err open_toy(struct toy *t, const char *text)
{
    const struct module *m       = &module_aux_pulses;
    const struct table *tables[] = {&table_island, &table_trace, &table_sample, &table_fill};
    struct fhicl *table;
    *t = (struct toy){.unit = {.run = 1}};
    assert_int_equal(fhicl_parse(text, strlen(text), "test", &table), ERR_OK);
    assert_int_equal(mem_alloc(&t->cfg, 1, m->cfg_size), ERR_OK);
    assert_int_equal(cfg_read(m->fields, table, "AuxPulses", NULL, t->cfg), ERR_OK);
    fhicl_free(table);
    t->step = (struct step){.module = m, .label = "aux", .cfg = t->cfg, .unit = &t->unit, .hists = &t->hists};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(block_create(tables[i], &t->in[i]), ERR_OK);
        t->step.in[i] = t->in[i];
    }
    assert_int_equal(block_create(&table_aux_pulse, &t->step.out[0]), ERR_OK);
    TRY(m->begin(&t->step));
    return m->begin_unit(&t->step);
}

static void close_toy(struct toy *t)
{
    module_aux_pulses.end(&t->step);
    for (int i = 0; i < 4; i++) block_free(t->in[i]);
    block_free(t->step.out[0]);
    cfg_free(module_aux_pulses.fields, t->cfg);
    mem_free(t->cfg);
    hist_set_free(&t->hists);
}

/* A fill of type `type`, n islands to come. */
static void begin_fill(struct toy *t, uint8_t type)
{
    for (int i = 0; i < 3; i++) assert_int_equal(block_resize(t->in[i], 0), ERR_OK);
    assert_int_equal(block_resize(t->in[3], 1), ERR_OK);
    assert_int_equal(block_resize(t->step.out[0], 0), ERR_OK);
    struct fill_view f = fill_view(t->in[3]);
    f.fill_type[0]     = type;
    f.t0_ns[0]         = T0_NS;
}

/* An island of one trace: n Gaussian pulses of 6 samples rms at times from injection, heights halved from one to the next. */
static void add_trace(struct toy *t, int crate, int segment, int sign, double ped, double height, int n,
                      const double *ns)
{
    size_t i = t->in[0]->n, k = t->in[1]->n, s = t->in[2]->n;
    assert_int_equal(block_resize(t->in[0], i + 1), ERR_OK);
    assert_int_equal(block_resize(t->in[1], k + 1), ERR_OK);
    assert_int_equal(block_resize(t->in[2], s + LENGTH), ERR_OK);
    struct island_view v  = island_view(t->in[0]);
    struct trace_view tr  = trace_view(t->in[1]);
    struct sample_view sv = sample_view(t->in[2]);
    v.calo[i]             = (uint8_t)crate;
    v.first_sample[i]     = FIRST;
    v.n_samples[i]        = LENGTH;
    v.n_crystals[i]       = 1;
    v.first_trace[i]      = (uint32_t)k;
    tr.island[k]          = (uint32_t)i;
    tr.crystal[k]         = (uint8_t)segment;
    tr.pedestal_adc[k]    = (float)ped;
    tr.first_sample[k]    = (uint32_t)s;
    for (int j = 0; j < LENGTH; j++) {
        double value = 0.0;
        for (int p = 0; p < n; p++) {
            double x = (FIRST + j - (T0_NS + ns[p]) / SAMPLE_NS) / 6.0;
            value += height / (1 << p) * exp(-0.5 * x * x);
        }
        sv.adc[s + (size_t)j] = (int16_t)lrint(ped + sign * value);
    }
}

static void test_pulses(void **state)
{
    (void)state;
    struct toy t;
    const double turns[] = {20.0, 169.0, 318.0}, once[] = {0.0}, later[] = {0.7};
    assert_int_equal(open_toy(&t, ""), ERR_OK);
    begin_fill(&t, BANK_MUON);
    add_trace(&t, BANK_CRATE_T0, 0, 1, -1700.0, 800.0, 1, once);
    add_trace(&t, BANK_CRATE_T0, 1, 1, -1690.0, 600.0, 1, later);
    add_trace(&t, BANK_CRATE_HARP, 9, 1, -1700.0, 400.0, 3, turns);
    add_trace(&t, BANK_CRATE_IBMS, 31, 1, -1700.0, 300.0, 1, once);
    add_trace(&t, BANK_CRATE_HARP, 28, 1, -1700.0, 400.0, 1, once); /* not connected */
    add_trace(&t, 5, 3, 1, -1700.0, 400.0, 1, once);                /* a calorimeter */
    assert_int_equal(module_aux_pulses.event(&t.step), ERR_OK);
    struct aux_pulse_view v = aux_pulse_view(t.step.out[0]);
    assert_int_equal(v.n, 6);
    const int detector[] = {4, 4, 0, 0, 0, 3}, crate[] = {25, 25, 28, 28, 28, 26}, channel[] = {0, 1, 9, 9, 9, 31};
    const double ns[] = {0.0, 0.7, 20.0, 169.0, 318.0, 0.0}, adc[] = {800.0, 600.0, 400.0, 200.0, 100.0, 300.0};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(v.detector[i], detector[i]);
        assert_int_equal(v.crate[i], crate[i]);
        assert_int_equal(v.channel[i], channel[i]);
        assert_true(fabs(v.t_fill_ns[i] - ns[i]) < 0.15); /* the cut at 12 counts is not symmetric */
        assert_true(fabs((double)v.amplitude_adc[i] - adc[i]) < 0.01 * adc[i] + 1.0);
        assert_true(fabs((double)v.area_adc[i] / (adc[i] * 6.0 * sqrt(2.0 * PI)) - 1.0) < 0.06); /* cut at 12 counts */
    }
    const struct hist *harp = hist_find(&t.hists, "aux/harp"), *signal = hist_find(&t.hists, "aux/harp_signal");
    assert_true(harp->content[1 * 7 + 2] > 0 && harp->content[1 * 7 + 3] == 0);
    for (int p = 0; p < 3; p++) { /* bins of 10 ns: most of a pulse is within 2 of its own */
        double here = 0.0;
        int64_t bin = (int64_t)(turns[p] / 10.0);
        for (int64_t b = bin - 2 < 0 ? 0 : bin - 2; b <= bin + 2; b++)
            here += (double)signal->content[9 * signal->y.n + b] * signal->quantum;
        assert_true(here > 0.95 * (double)v.area_adc[2 + p]);
    }
    assert_int_equal(hist_find(&t.hists, "aux/t0_difference")->n_entries, 1);
    int64_t near_0_7 = 0;
    for (int b = 111; b <= 116; b++) near_0_7 += hist_find(&t.hists, "aux/t0_difference")->content[b];
    assert_int_equal(near_0_7, 1);
    close_toy(&t);
}

/* Two pulses whose valley is not deep enough are one; a deeper one parts them. */
static void test_valleys(void **state)
{
    (void)state;
    struct toy t;
    const double near_by[] = {0.0, 20.0}, apart[] = {0.0, 32.0};
    assert_int_equal(open_toy(&t, "polarity: negative detectors: [harp]"), ERR_OK);
    begin_fill(&t, BANK_MUON);
    add_trace(&t, BANK_CRATE_HARP, 0, -1, 1700.0, 400.0, 2, near_by);
    add_trace(&t, BANK_CRATE_HARP, 1, -1, 1700.0, 400.0, 2, apart);
    add_trace(&t, BANK_CRATE_T0, 0, -1, 1700.0, 400.0, 2, apart); /* not wanted */
    assert_int_equal(module_aux_pulses.event(&t.step), ERR_OK);
    struct aux_pulse_view v = aux_pulse_view(t.step.out[0]);
    assert_int_equal(v.n, 3);
    assert_int_equal(v.channel[0], 0);
    assert_true(fabs(v.t_fill_ns[1]) < 2.0 && fabs(v.t_fill_ns[2] - 32.0) < 3.0);
    begin_fill(&t, BANK_LASER);
    add_trace(&t, BANK_CRATE_HARP, 0, -1, 1700.0, 400.0, 1, apart);
    assert_int_equal(module_aux_pulses.event(&t.step), ERR_OK);
    assert_int_equal(t.step.out[0]->n, 0);
    assert_int_equal(hist_find(&t.hists, "aux/fills")->content[0], 1);
    close_toy(&t);
    assert_int_equal(open_toy(&t, "detectors: [scifi]"), ERR_CONFIG);
    err_clear();
    close_toy(&t);
}

static void test_map(void **state)
{
    (void)state;
    struct aux_detector d;
    assert_true(aux_detector(25, 1, &d) && d.kind == AUX_T0 && d.plane == 1);
    assert_true(aux_detector(26, 17, &d) && d.kind == AUX_IBMS && d.plane == 1 && d.fibre == 1);
    assert_true(aux_detector(28, 27, &d) && d.kind == AUX_HARP && d.plane == 3 && d.fibre == 6);
    assert_false(aux_detector(28, 28, &d) || aux_detector(26, 32, &d) || aux_detector(24, 0, &d) ||
                 aux_detector(25, 2, &d));
    assert_true(fabs(aux_ibms_mm(0) + 41.25) < 1e-9 && fabs(aux_ibms_mm(15) - 41.25) < 1e-9);
    assert_true(fabs(aux_harp_mm(0) + 39.0) < 1e-9 && fabs(aux_harp_mm(3)) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pulses), cmocka_unit_test(test_valleys),
                                       cmocka_unit_test(test_map)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
