/* Laser pulses from islands made by hand: kinds, responses over the monitor, double pulses, what is no laser; sums of a unit. */
#include "cfg.h"
#include "cond_use.h"
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "pulse_shape.h"
#include "rng.h"
#include "tables.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define assert_near(a, b, tolerance) assert_true(fabs((double)(a) - (double)(b)) <= (tolerance))

extern const struct module module_laser_fit, module_laser_calib;
enum { ISLAND, TRACE, SAMPLE, FILL, SYNC_SAMPLE = 8000, INJECTION = 24000, MONITOR = 101, CRYSTAL_39 = 39 };
static const double t0_ns = INJECTION * SAMPLE_NS, noise_adc = 1.5;

/* LaserFit and LaserCalib behind it, with default parameters. */
struct rig {
    struct step fit, calib;
    void *cfg[2];
    struct hist_set hists;
    struct rng rng;
};

static void make_step(struct step *s, const struct module *m, void **cfg, struct rig *rig)
{
    s->module = m;
    s->hists  = &rig->hists;
    assert_int_equal(mem_alloc(cfg, 1, m->cfg_size), ERR_OK);
    assert_int_equal(cfg_read(m->fields, NULL, "test", NULL, *cfg), ERR_OK);
    s->cfg = *cfg;
    for (int i = 0; m->out[i].table; i++) assert_int_equal(block_create(m->out[i].table, &s->out[i]), ERR_OK);
    assert_int_equal(m->begin(s), ERR_OK);
    assert_int_equal(m->begin_unit(s), ERR_OK);
}

static void rig_make(struct rig *rig)
{
    memset(rig, 0, sizeof *rig);
    rig->rng = rng_start(rng_key(1, 1, 0, 1, 54), 0);
    for (int i = 0; module_laser_fit.in[i].table; i++)
        assert_int_equal(block_create(module_laser_fit.in[i].table, &rig->fit.in[i]), ERR_OK);
    make_step(&rig->fit, &module_laser_fit, &rig->cfg[0], rig);
    make_step(&rig->calib, &module_laser_calib, &rig->cfg[1], rig);
    rig->calib.in[0] = rig->fit.out[0];
}

static void rig_free(struct rig *rig)
{
    module_laser_calib.end(&rig->calib);
    module_laser_fit.end(&rig->fit);
    for (int i = 0; i < MODULE_MAX_PORTS; i++) block_free(rig->fit.in[i]);
    block_free(rig->fit.out[0]);
    block_free(rig->calib.out[0]);
    cfg_free(module_laser_fit.fields, rig->cfg[0]);
    cfg_free(module_laser_calib.fields, rig->cfg[1]);
    mem_free(rig->cfg[0]);
    mem_free(rig->cfg[1]);
    hist_set_free(&rig->hists);
}

static void begin_fill(struct rig *rig, int type)
{
    for (int i = ISLAND; i <= SAMPLE; i++) assert_int_equal(block_resize(rig->fit.in[i], 0), ERR_OK);
    assert_int_equal(block_resize(rig->fit.in[FILL], 1), ERR_OK);
    struct fill_view fill = fill_view(rig->fit.in[FILL]);
    fill.fill_type[0]     = (uint8_t)type;
    fill.t0_ns[0]         = t0_ns;
}

struct light {
    enum pulse_kind kind;
    double at, amplitude; /* sample of the record */
};

static void add_island(struct rig *rig, int calo, int first, int n)
{
    const size_t i = rig->fit.in[ISLAND]->n;
    assert_int_equal(block_resize(rig->fit.in[ISLAND], i + 1), ERR_OK);
    struct island_view island = island_view(rig->fit.in[ISLAND]);
    island.calo[i]            = (uint8_t)calo;
    island.first_sample[i]    = first;
    island.n_samples[i]       = n;
    island.n_crystals[i]      = 0;
    island.first_trace[i]     = (uint32_t)rig->fit.in[TRACE]->n;
}

static void add_trace(struct rig *rig, int crystal, size_t n_lights, const struct light *light)
{
    const size_t i = rig->fit.in[ISLAND]->n - 1, k = rig->fit.in[TRACE]->n, m = rig->fit.in[SAMPLE]->n;
    struct island_view island = island_view(rig->fit.in[ISLAND]);
    const size_t n            = (size_t)island.n_samples[i];
    assert_int_equal(block_resize(rig->fit.in[TRACE], k + 1), ERR_OK);
    assert_int_equal(block_resize(rig->fit.in[SAMPLE], m + n), ERR_OK);
    struct trace_view trace   = trace_view(rig->fit.in[TRACE]);
    struct sample_view sample = sample_view(rig->fit.in[SAMPLE]);
    island.n_crystals[i]++;
    trace.island[k]       = (uint32_t)i;
    trace.crystal[k]      = (uint8_t)crystal;
    trace.pedestal_adc[k] = -1700.0F;
    trace.first_sample[k] = (uint32_t)m;
    for (size_t j = 0; j < n; j++) {
        double v = -1700.0 + noise_adc * rng_normal(&rig->rng), x = island.first_sample[i] + (double)j;
        for (size_t p = 0; p < n_lights; p++)
            v += light[p].amplitude * pulse_shape_value(pulse_shape(light[p].kind), x - light[p].at, NULL, NULL);
        sample.adc[m + j] = (int16_t)fmin(rint(v), 2047.0);
    }
}

/* Gain and time of a crystal in these tests. */
static double gain_of(int crystal) { return 1.0 + 0.001 * crystal; }
static double offset_of(int crystal) { return 0.02 * crystal; }

/* One shot of all crystals of a calorimeter; first_adc > 0: a first pulse `delay` samples before. */
static void add_shot(struct rig *rig, int calo, double at, double intensity, double first_adc, double delay,
                     bool is_long)
{
    add_island(rig, calo, is_long ? 0 : (int)at - 9, is_long ? 800 : 27);
    for (int c = 0; c < N_CRYSTALS; c++) {
        const double t              = at + offset_of(c) / SAMPLE_NS;
        const struct light light[2] = {{PULSE_LASER, t, 400.0 * intensity * gain_of(c)},
                                       {PULSE_LASER, t - delay, first_adc * intensity * gain_of(c)}};
        add_trace(rig, c, first_adc > 0.0 ? 2 : 1, light);
    }
}

static void add_monitor(struct rig *rig, double at, double intensity, double first_adc, double delay)
{
    add_island(rig, MONITOR, (int)(at - delay) - 50, 320);
    for (int c = 0; c < 5; c++) {
        const struct light light[2] = {{PULSE_LASER, at, 1000.0 * intensity},
                                       {PULSE_LASER, at - delay, 2.5 * first_adc * intensity}};
        add_trace(rig, c, first_adc > 0.0 ? 2 : 1, light);
    }
}

static struct laser_pulse_view run(struct rig *rig)
{
    assert_int_equal(module_laser_fit.event(&rig->fit), ERR_OK);
    return laser_pulse_view(rig->fit.out[0]);
}

static void sync_and_in_fill(void **state)
{
    (void)state;
    struct rig rig;
    rig_make(&rig);
    begin_fill(&rig, 1);
    add_shot(&rig, 1, SYNC_SAMPLE + 0.3, 1.2, 0.0, 0.0, false);
    add_monitor(&rig, SYNC_SAMPLE + 0.3, 1.2, 0.0, 0.0);
    add_shot(&rig, 2, INJECTION + 8000.4, 0.9, 0.0, 0.0, false);
    add_monitor(&rig, INJECTION + 8000.4, 0.9, 0.0, 0.0);
    add_shot(&rig, 5, INJECTION + 8000.4, 1.0, 0.0, 0.0, false); /* of another laser, without its monitor */
    struct laser_pulse_view v = run(&rig);
    assert_int_equal(v.n, 3 * N_CRYSTALS);
    for (size_t i = 0; i < v.n; i++) {
        const bool is_sync = v.calo[i] == 1, has_monitor = v.calo[i] < 5;
        const double at = is_sync ? SYNC_SAMPLE + 0.3 - INJECTION : 8000.4, level = is_sync       ? 1.2
                                                                                    : has_monitor ? 0.9
                                                                                                  : 1.0;
        assert_int_equal(v.kind[i], is_sync ? 0 : 1);
        assert_int_equal(v.status[i], has_monitor ? 0 : 16);
        assert_near(v.amplitude_adc[i], 400.0 * level * gain_of(v.crystal[i]), 10.0); /* noise alone: 1.3 */
        assert_near(v.t_fill_ns[i], at * SAMPLE_NS + offset_of(v.crystal[i]), 0.05);
        assert_near(v.response[i], has_monitor ? 0.4 * gain_of(v.crystal[i]) : 0.0, 0.01);
        assert_near(v.delay_ns[i], 0.0, 0.0);
    }
    rig_free(&rig);
}

static void double_pulses(void **state)
{
    (void)state;
    struct rig rig;
    rig_make(&rig);
    for (int k = 1; k <= 16; k += 3) { /* 5 to 80 ns */
        const double delay = 4.0 * k;
        size_t n[5]        = {0};
        begin_fill(&rig, 2);
        add_shot(&rig, 3, 400.0, 1.1, 1250.0, delay, true);
        add_monitor(&rig, 400.0, 1.1, 800.0, delay);
        struct laser_pulse_view v = run(&rig);
        for (size_t i = 0; i < v.n; i++) {
            n[v.kind[i]]++;
            if (v.kind[i] != 3) continue;
            assert_int_equal(v.status[i], 0);
            assert_near(v.delay_ns[i], delay * SAMPLE_NS, 0.1);
            assert_near(v.first_adc[i], 1375.0 * gain_of(v.crystal[i]), 12.0);
            assert_near(v.response[i], 0.4 * gain_of(v.crystal[i]), 0.015);
        }
        assert_true(n[3] == N_CRYSTALS && n[4] == N_CRYSTALS && n[0] + n[1] + n[2] == 0);
    }
    begin_fill(&rig, 2);
    add_shot(&rig, 3, 400.0, 1.0, 0.0, 0.0, true);
    struct laser_pulse_view v = run(&rig);
    assert_int_equal(v.n, N_CRYSTALS);
    assert_int_equal(v.kind[0], 2);
    rig_free(&rig);
}

/* A positron in a few crystals is no shot; in the middle of a shot it takes no crystal's pulse. */
static void positrons(void **state)
{
    (void)state;
    struct rig rig;
    rig_make(&rig);
    begin_fill(&rig, 1);
    add_island(&rig, 4, INJECTION + 500, 27);
    for (int c = 0; c < CRYSTAL_39; c++) add_trace(&rig, c, 1, &(struct light){PULSE_BEAM, INJECTION + 509.0, 300.0});
    assert_int_equal(run(&rig).n, 0);
    begin_fill(&rig, 1);
    add_island(&rig, 4, INJECTION + 8000, 45);
    for (int c = 0; c < N_CRYSTALS; c++) {
        const struct light light[2] = {{PULSE_LASER, INJECTION + 8009.0, 400.0},
                                       {PULSE_BEAM, INJECTION + 8025.0, 900.0}};
        add_trace(&rig, c, c < 9 ? 2 : 1, light);
    }
    add_monitor(&rig, INJECTION + 8009.0, 1.0, 0.0, 0.0);
    struct laser_pulse_view v = run(&rig);
    assert_int_equal(v.n, N_CRYSTALS);
    for (size_t i = 0; i < v.n; i++) {
        assert_int_equal(v.status[i], v.crystal[i] < 9 ? 32 : 0);
        assert_near(v.amplitude_adc[i], 400.0, v.crystal[i] < 9 ? 20.0 : 10.0);
        assert_near(v.t_fill_ns[i], 8009.0 * SAMPLE_NS, 0.1);
    }
    begin_fill(&rig, 3); /* a pedestal fill */
    add_shot(&rig, 1, 400.0, 1.0, 0.0, 0.0, true);
    assert_int_equal(run(&rig).n, 0);
    rig_free(&rig);
}

/* Sums of a unit: the laser's fluctuation is gone from the responses, times are against the mean, in-fill shots are over the
 * unit's own response, the shot at injection is left out. */
static void sums_of_a_unit(void **state)
{
    (void)state;
    enum { FILLS = 8 };
    struct rig rig;
    rig_make(&rig);
    for (int f = 0; f < FILLS; f++) {
        const double intensity = 1.0 + 0.1 * (f % 3 - 1), t = INJECTION + (f ? 4000.0 : 0.0);
        begin_fill(&rig, 1);
        add_shot(&rig, 1, SYNC_SAMPLE, intensity, 0.0, 0.0, false);
        add_monitor(&rig, SYNC_SAMPLE, intensity, 0.0, 0.0);
        add_shot(&rig, 1, t, 0.97 * intensity, 0.0, 0.0, false); /* its monitor sees the full light: a sag of 3 % */
        add_monitor(&rig, t, intensity, 0.0, 0.0);
        run(&rig);
        assert_int_equal(module_laser_calib.event(&rig.calib), ERR_OK);
    }
    assert_int_equal(module_laser_calib.end_unit(&rig.calib), ERR_OK);
    const struct laser_sum_view v = laser_sum_view(rig.calib.out[0]);
    assert_int_equal(v.n, N_CALOS * N_CRYSTALS);
    for (int k = 0; k < N_CRYSTALS; k++) {
        assert_int_equal(v.n_response[k], FILLS);
        assert_near(v.sum_response[k] / FILLS, 0.4 * gain_of(k), 0.003); /* 5 sigma of noise: 0.0024 */
        assert_near(v.sum_dt_ns[k] / FILLS, offset_of(k) - offset_of(0) - 0.02 * (N_CRYSTALS - 1) / 2.0, 0.02);
    }
    assert_int_equal(v.n_response[N_CRYSTALS], 0);
    const struct hist *count = hist_find(&rig.hists, "laser/ifg_count"),
                      *gain  = hist_find(&rig.hists, "laser/ifg_gain");
    assert_int_equal(count->n_entries, (FILLS - 1) * N_CRYSTALS);
    for (int64_t k = 0; k < N_CRYSTALS; k++) {
        assert_int_equal(count->content[k * count->y.n + 1], FILLS - 1); /* 5 us */
        assert_near((double)gain->content[k * gain->y.n + 1] * gain->quantum / (FILLS - 1), 0.97, 0.01);
    }
    rig_free(&rig);
}

/* Constants in memory: 3.2 MeV a count in all channels. */
static struct cond_use *energy_scale(void)
{
    static const char text[]     = "services.conditions.database: \"none.db\"";
    struct cond_set set          = {.table = *cond_standard_table("energy_scale"), .n_intervals = 1};
    struct cond_interval forever = {.id = 1, .end = COND_FOREVER, .load_id = 1, .n_rows = COND_CHANNELS};
    struct fhicl *document;
    struct cond_use *use;
    int handle;
    static double value[4][COND_CHANNELS];
    for (int k = 0; k < COND_CHANNELS; k++) {
        const double row[4] = {floor(1 + k / (double)N_CRYSTALS), k % N_CRYSTALS, 3.2, 0.1};
        for (int c = 0; c < 4; c++) value[c][k] = row[c];
    }
    for (int c = 0; c < 4; c++) set.value[c] = value[c];
    set.interval = &forever;
    set.n_rows   = COND_CHANNELS;
    assert_int_equal(fhicl_parse(text, strlen(text), "test", &document), ERR_OK);
    assert_int_equal(cfg_fill_defaults(conditions_cfg_fields, document, "services.conditions"), ERR_OK);
    assert_int_equal(cond_use_create(document, &use), ERR_OK);
    fhicl_free(document);
    assert_int_equal(cond_use_add(use, &set, &handle), ERR_OK);
    return use;
}

/* Energies of first pulses: by the parameter, or by the conditions. */
static void energies(void **state)
{
    (void)state;
    for (int is_by_conditions = 0; is_by_conditions <= 1; is_by_conditions++) {
        static const char setting[] = "uses_energy_scale: true";
        const struct module *m      = &module_laser_calib;
        const struct unit unit      = {.run = 7, .subrun = 3};
        struct fhicl *document      = NULL;
        struct rig rig;
        rig_make(&rig);
        m->end(&rig.calib);
        cfg_free(m->fields, rig.cfg[1]);
        const struct job_info job = {.conditions = is_by_conditions ? energy_scale() : NULL};
        if (is_by_conditions) assert_int_equal(fhicl_parse(setting, strlen(setting), "test", &document), ERR_OK);
        assert_int_equal(cfg_read(m->fields, document, "test", NULL, rig.cfg[1]), ERR_OK);
        rig.calib.job   = &job;
        rig.calib.unit  = &unit;
        rig.calib.label = "laser_calib";
        assert_int_equal(m->begin(&rig.calib), ERR_OK);
        assert_int_equal(m->begin_unit(&rig.calib), ERR_OK);
        for (int f = 0; f < 6; f++) {
            begin_fill(&rig, 2);
            add_shot(&rig, 3, 400.0, 1.0, f ? 0.0 : 1250.0, 16.0, true);
            add_monitor(&rig, 400.0, 1.0, f ? 0.0 : 800.0, 16.0);
            run(&rig);
            assert_int_equal(m->event(&rig.calib), ERR_OK);
        }
        assert_int_equal(m->end_unit(&rig.calib), ERR_OK);
        const struct hist *energy = hist_find(&rig.hists, "laser/stdp_energy");
        for (int64_t c = 0; c < N_CRYSTALS; c++) {
            int64_t sum = 0;
            for (int64_t b = 0; b < energy->y.n; b++) sum += energy->content[(2 * N_CRYSTALS + c) * energy->y.n + b];
            assert_near(sum, 1250.0 * gain_of((int)c) * (is_by_conditions ? 3.2 : 1.6), 30.0);
        }
        rig_free(&rig);
        fhicl_free(document);
        cond_use_free(job.conditions);
    }
}

static void frees_all(void **state)
{
    (void)state;
    assert_int_equal(mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sync_and_in_fill), cmocka_unit_test(double_pulses),
                                       cmocka_unit_test(positrons),        cmocka_unit_test(sums_of_a_unit),
                                       cmocka_unit_test(energies),         cmocka_unit_test(frees_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
