/* Gas gun and ring tracker as modules: what comes out of one fill. */
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "tables.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define assert_near(got, want, within) assert_true(fabs((got) - (want)) <= (within))

struct pair {
    struct step gun, ring;
    void *gun_cfg, *ring_cfg;
    struct fhicl *document;
};

static void open_step(struct step *s, void **cfg, const char *name, const struct fhicl *table, struct block *in)
{
    const struct module_entry *entry = module_find(name);
    assert_non_null(entry);
    assert_int_equal(mem_alloc(cfg, 1, entry->module->cfg_size), ERR_OK);
    assert_int_equal(cfg_read(entry->module->fields, table, name, NULL, *cfg), ERR_OK);
    *s       = (struct step){.module = entry->module, .label = name, .cfg = *cfg};
    s->rng   = rng_key(1234, 1, 0, 1, entry->stream);
    s->in[0] = in;
    assert_int_equal(block_create(entry->module->out[0].table, &s->out[0]), ERR_OK);
    assert_int_equal(s->module->begin(s), ERR_OK);
}

static void run(struct pair *p, const char *text)
{
    *p       = (struct pair){0};
    size_t n = 0;
    while (text[n]) n++;
    assert_int_equal(fhicl_parse(text, n, "test", &p->document), ERR_OK);
    open_step(&p->gun, &p->gun_cfg, "GasGun", fhicl_get(p->document, "gun"), NULL);
    open_step(&p->ring, &p->ring_cfg, "RingTracker", fhicl_get(p->document, "ring"), p->gun.out[0]);
    assert_int_equal(p->gun.module->event(&p->gun), ERR_OK);
    assert_int_equal(p->ring.module->event(&p->ring), ERR_OK);
}

static void close_step(struct step *s, void *cfg)
{
    s->module->end(s);
    block_free(s->out[0]);
    cfg_free(s->module->fields, cfg);
    mem_free(cfg);
}

static void finish(struct pair *p)
{
    close_step(&p->ring, p->ring_cfg);
    close_step(&p->gun, p->gun_cfg);
    fhicl_free(p->document);
}

static double rms(const double *v, size_t n, double *mean)
{
    double s = 0.0, s2 = 0.0;
    for (size_t i = 0; i < n; i++) s += v[i], s2 += v[i] * v[i];
    *mean = s / (double)n;
    return sqrt(s2 / (double)n - *mean * *mean);
}

/* Widths of the default beam, 5,000 muons: 3-sigma limits about 3 % of the values. */
static void default_beam(void **state)
{
    (void)state;
    struct pair p;
    double mean;
    run(&p, "gun: { muons_per_fill: 5000 } ring: { record_end_us: 0.2 }");
    struct muon_view m = muon_view(p.gun.out[0]);
    assert_int_equal(m.n, 5000);
    assert_near(rms(m.y_mm, m.n, &mean), 12.9, 0.5);
    assert_near(mean, 0.0, 0.8);
    assert_near(rms(m.t_fill_ns, m.n, &mean), 30.0, 4.0);
    double polarisation = 0.0;
    for (size_t i = 0; i < m.n; i++) {
        double p2 = m.p_r_GeV[i] * m.p_r_GeV[i] + m.p_phi_GeV[i] * m.p_phi_GeV[i] + m.p_y_GeV[i] * m.p_y_GeV[i];
        polarisation -= (m.s_r[i] * m.p_r_GeV[i] + m.s_phi[i] * m.p_phi_GeV[i] + m.s_y[i] * m.p_y_GeV[i]) / sqrt(p2);
        assert_true(m.t_decay_ns[i] > m.t_fill_ns[i]);
        assert_near(m.phi_rad[i], 355.0 * PI / 180.0, 1e-12);
    }
    assert_near(polarisation / (double)m.n, 0.96, 1e-4);
    finish(&p);
}

/* Every muon ends: fates, times and places agree with each other. */
static void fill_is_tracked(void **state)
{
    (void)state;
    struct pair p;
    run(&p, "gun: { muons_per_fill: 403 start: uniform } ring: { record_end_us: 100 }");
    struct muon_view m   = muon_view(p.gun.out[0]);
    struct vertex_view v = vertex_view(p.ring.out[0]);
    size_t n_fate[4]     = {0};
    double life          = 0.0;
    assert_int_equal(v.n, m.n);
    for (size_t i = 0; i < v.n; i++) {
        assert_int_equal(v.muon[i], i);
        assert_true(v.fate[i] <= 3);
        n_fate[v.fate[i]]++;
        assert_true(v.phi_rad[i] >= 0.0 && v.phi_rad[i] < 2.0 * PI);
        if (v.fate[i] == 0) assert_near(v.t_fill_ns[i], 1e5, 1e-6);
        if (v.fate[i] == 1) assert_near(v.t_fill_ns[i], m.t_decay_ns[i], 1e-6);
        assert_near(v.turns[i] * CYCLOTRON_PERIOD_NS / (v.t_fill_ns[i] - m.t_fill_ns[i]), 1.0, 0.02);
        double s2 = v.s_r[i] * v.s_r[i] + v.s_phi[i] * v.s_phi[i] + v.s_y[i] * v.s_y[i];
        assert_near(sqrt(s2), 0.96, 1e-9);
        double r = hypot(v.x_mm[i], v.y_mm[i]);
        if (v.fate[i] == 2) assert_true(r > 45.0 && r < 60.0);
        life += v.t_fill_ns[i] - m.t_fill_ns[i];
    }
    assert_true(n_fate[1] > 250 && n_fate[0] > 40 && n_fate[3] == 0);
    assert_near(life / 403.0, 64.4e3 * (1.0 - exp(-100.0 / 64.4)), 8e3);
    finish(&p);
}

/* The bunch oscillates as a whole: amplitude and tune of x against turns made. 5,000 muons: amplitude +- 0.6 mm. */
static void beam_oscillates(void **state)
{
    (void)state;
    struct pair p;
    double best = 0.0, best_nu = 0.0;
    run(&p, "gun: { muons_per_fill: 5000 } ring: { record_end_us: 30 }");
    struct vertex_view v = vertex_view(p.ring.out[0]);
    double mean;
    (void)rms(v.x_mm, v.n, &mean);
    for (int k = 0; k < 250; k++) {
        double nu = 0.92 + 2e-4 * k;
        double a = 0.0, b = 0.0;
        for (size_t i = 0; i < v.n; i++) {
            a += (v.x_mm[i] - mean) * cos(2.0 * PI * nu * v.turns[i]);
            b += (v.x_mm[i] - mean) * sin(2.0 * PI * nu * v.turns[i]);
        }
        double amplitude = 2.0 * hypot(a, b) / (double)v.n;
        if (amplitude > best) best = amplitude, best_nu = nu;
    }
    assert_near(best_nu, 0.945, 0.002); /* f_CBO = (1 - nu) f_c = 0.37 MHz */
    assert_near(best, 8.3, 1.5);
    finish(&p);
}

/* A pencil on its closed orbit stays there, with the spin turning at omega_a. */
static void pencil_on_orbit(void **state)
{
    (void)state;
    struct pair p;
    run(&p, "gun: { muons_per_fill: 20 start: fixed profile: none pencil: true pencil_x_e_mm: 10 pencil_x_mm: 10 } "
            "ring: { esq_field: linear }");
    struct muon_view m   = muon_view(p.gun.out[0]);
    struct vertex_view v = vertex_view(p.ring.out[0]);
    for (size_t i = 0; i < v.n; i++) {
        assert_true(v.fate[i] == 1);
        assert_near(m.x_mm[i], 10.0, 1e-12);
        assert_near(v.x_mm[i], 10.0, 0.5);
        assert_near(v.y_mm[i], 0.0, 1e-12);
        double along  = v.s_phi[i] * v.p_phi_GeV[i] + v.s_r[i] * v.p_r_GeV[i];
        double across = v.s_r[i] * v.p_phi_GeV[i] - v.s_phi[i] * v.p_r_GeV[i];
        double start  = PI - 1e-3 * 100.0 * 10.0 * (m.p_phi_GeV[i] / MAGIC_P_GeV - 1.0);
        double phase  = start + OMEGA_A_RADNS * (1.0 - 380e-9) * (v.t_fill_ns[i] - m.t_fill_ns[i]);
        assert_near(remainder(atan2(-across, along) - phase, 2.0 * PI), 0.0, 2e-5);
    }
    finish(&p);
}

static void impossible_beam(void **state)
{
    (void)state;
    struct step gun;
    void *cfg;
    struct fhicl *d;
    static const char text[] = "gun: { x_e_mean_mm: 44 x_e_sigma_mm: 0.1 cbo_amplitude_mm: 40 x_sigma_mm: 0.1 }";
    assert_int_equal(fhicl_parse(text, sizeof text - 1, "test", &d), ERR_OK);
    open_step(&gun, &cfg, "GasGun", fhicl_get(d, "gun"), NULL);
    assert_int_equal(gun.module->event(&gun), ERR_CONFIG);
    err_clear();
    close_step(&gun, cfg);
    fhicl_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(default_beam), cmocka_unit_test(fill_is_tracked),
                                       cmocka_unit_test(beam_oscillates), cmocka_unit_test(pencil_on_orbit),
                                       cmocka_unit_test(impossible_beam)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
