/* Clusters and their truth: showers are kept whole, neighbours 5 ns apart are told apart, positions, energies. */
#include "calo_shower.h"
#include "cfg.h"
#include "geometry.h"
#include "mem.h"
#include "module.h"
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

static const double scale = 1.032; /* the default absolute scale */
extern const struct module module_cluster, module_truth_match;

/* A module with its parameters' defaults and blocks of its own. */
struct rig {
    struct step step;
    void *cfg;
};

static void rig_make(struct rig *rig, const struct module *module)
{
    memset(rig, 0, sizeof *rig);
    rig->step.module = module;
    assert_int_equal(mem_alloc(&rig->cfg, 1, module->cfg_size), ERR_OK);
    assert_int_equal(cfg_read(module->fields, NULL, "test", NULL, rig->cfg), ERR_OK);
    rig->step.cfg = rig->cfg;
    for (int i = 0; module->in[i].table; i++)
        assert_int_equal(block_create(module->in[i].table, &rig->step.in[i]), ERR_OK);
    assert_int_equal(block_create(module->out[0].table, &rig->step.out[0]), ERR_OK);
    if (module->begin) assert_int_equal(module->begin(&rig->step), ERR_OK);
}

static void rig_free(struct rig *rig)
{
    if (rig->step.module->end) rig->step.module->end(&rig->step);
    for (int i = 0; i < MODULE_MAX_PORTS; i++) {
        block_free(rig->step.in[i]);
        block_free(rig->step.out[i]);
    }
    cfg_free(rig->step.module->fields, rig->cfg);
    mem_free(rig->cfg);
}

static void add_pulse(struct block *pulse, int calo, int crystal, double t_ns, double energy_GeV)
{
    size_t i = pulse->n;
    assert_int_equal(block_resize(pulse, i + 1), ERR_OK);
    struct pulse_view v   = pulse_view(pulse);
    v.island[i]           = 0;
    v.calo[i]             = (uint8_t)calo;
    v.crystal[i]          = (uint8_t)crystal;
    v.t_fill_ns[i]        = t_ns;
    v.energy_GeV[i]       = energy_GeV;
    v.amplitude_adc[i]    = (float)(energy_GeV / 1.6e-3);
    v.pedestal_adc[i]     = -1700.0F;
    v.chi2_ndf[i]         = 1.0F;
    v.sig_t_ns[i]         = (float)(3.2 / (energy_GeV / 1.6e-3));
    v.sig_energy_GeV[i]   = 1.6e-3F;
    v.cov_t_energy[i]     = 0.0F;
    v.faint_energy_GeV[i] = 0.0F;
    v.n_pulses[i]         = 1;
    v.status[i]           = 0;
}

/* Mean shares of a shower of the simulation's profile; crystals above 14 MeV, times smeared as the fit would. */
static double add_shower(struct block *pulse, const struct shower_model *model, struct rng *r, int calo, double t_ns,
                         double energy_GeV, double x_mm, double y_mm)
{
    double share[N_CRYSTALS], seen = 0.0;
    shower_shares(model, energy_GeV, x_mm, y_mm, 0.0, 0.0, share);
    for (int i = 0; i < N_CRYSTALS; i++) {
        double e = energy_GeV * share[i], pe = 800.0 * e;
        e *= 1.0 + rng_normal(r) / sqrt(pe);
        if (e < 0.014) continue;
        double sig_t_ns = 3.2 / (e / 1.6e-3);
        add_pulse(pulse, calo, i, t_ns + sig_t_ns * rng_normal(r), e);
        seen += e;
    }
    return seen;
}

static struct shower_model *model_new(void)
{
    struct shower_model *model;
    struct shower_par par = {.core_share    = 0.85,
                             .core_mm       = 5.4,
                             .tail_mm       = 25.2,
                             .X0_mm         = 9.3,
                             .critical_GeV  = 0.009,
                             .leak          = 0.015,
                             .leak_slope    = 1.0,
                             .stochastic    = 0.028,
                             .constant      = 0.015,
                             .pe_per_GeV    = 800.0,
                             .spots_per_GeV = 0.0,
                             .min_GeV       = 0.0};
    assert_int_equal(mem_alloc(&model, 1, sizeof *model), ERR_OK);
    assert_int_equal(shower_model_make(&par, model), ERR_OK);
    return model;
}

/* Lone showers of 0.3 to 3 GeV anywhere on the inner crystals: one cluster each, all pulses in it. */
static void showers_stay_whole(void **state)
{
    (void)state;
    enum { N = 2000 };
    struct rig rig;
    struct rng r               = rng_start(rng_key(1, 1, 0, 1, 61), 0);
    struct shower_model *model = model_new();
    double seen[N];
    rig_make(&rig, &module_cluster);
    for (int i = 0; i < N; i++)
        seen[i] = add_shower(rig.step.in[0], model, &r, 1 + i % N_CALOS, 100.0 * i, 0.3 + 2.7 * rng_uniform(&r),
                             170.0 * (rng_uniform(&r) - 0.5), 90.0 * (rng_uniform(&r) - 0.5));
    assert_int_equal(module_cluster.event(&rig.step), ERR_OK);
    struct cluster_view c = cluster_view(rig.step.out[0]);
    assert_int_equal(c.n, N);
    for (size_t i = 0; i < c.n; i++) {
        size_t which = (size_t)lround(c.t_fill_ns[i] / 100.0);
        assert_near(c.energy_GeV[i], scale * seen[which], 1e-9);
        assert_int_equal(c.calo[i], 1 + which % N_CALOS);
        assert_true(fabs(c.t_fill_ns[i] - 100.0 * (double)which) < 0.3);
        if (i) assert_true(c.calo[i] > c.calo[i - 1] || c.t_fill_ns[i] > c.t_fill_ns[i - 1]);
    }
    mem_free(model);
    rig_free(&rig);
}

/* Two showers 5 ns apart at one place: two clusters, each with its own energy to 3 % (small pulses may change side). */
static void showers_5_ns_apart(void **state)
{
    (void)state;
    enum { N = 1000 };
    struct rig rig;
    struct rng r               = rng_start(rng_key(2, 1, 0, 1, 61), 0);
    struct shower_model *model = model_new();
    int good                   = 0;
    double e[N][2];
    rig_make(&rig, &module_cluster);
    for (int i = 0; i < N; i++)
        for (int k = 0; k < 2; k++)
            e[i][k] = add_shower(rig.step.in[0], model, &r, 3, 100.0 * i + 5.0 * k, 0.8 + 2.0 * rng_uniform(&r),
                                 10.0 * rng_uniform(&r), 10.0 * rng_uniform(&r));
    assert_int_equal(module_cluster.event(&rig.step), ERR_OK);
    struct cluster_view c = cluster_view(rig.step.out[0]);
    assert_true(c.n >= 2 * N && c.n < 2 * N + 20);
    for (size_t i = 0; i < c.n; i++) {
        size_t which = (size_t)((c.t_fill_ns[i] + 50.0) / 100.0);
        int k        = c.t_fill_ns[i] - 100.0 * (double)which > 2.5;
        good += fabs(c.energy_GeV[i] / (scale * e[which][k]) - 1.0) < 0.03;
    }
    print_message("two showers 5 ns apart: %.2f %% of clusters have their energy\n", 100.0 * good / (2.0 * N));
    assert_true(good >= 0.99 * 2 * N);
    mem_free(model);
    rig_free(&rig);
}

static void positions(void **state)
{
    (void)state;
    enum { N = 4000 };
    struct rig rig;
    struct rng r               = rng_start(rng_key(3, 1, 0, 1, 61), 0);
    struct shower_model *model = model_new();
    double x[N], y[N], sum = 0.0, square = 0.0;
    rig_make(&rig, &module_cluster);
    for (int i = 0; i < N; i++) {
        x[i] = 4.0 * CRYSTAL_PITCH_MM * (rng_uniform(&r) - 0.5);
        y[i] = 2.0 * CRYSTAL_PITCH_MM * (rng_uniform(&r) - 0.5);
        add_shower(rig.step.in[0], model, &r, 1, 100.0 * i, 2.0, x[i], y[i]);
    }
    assert_int_equal(module_cluster.event(&rig.step), ERR_OK);
    struct cluster_view c = cluster_view(rig.step.out[0]);
    assert_int_equal(c.n, N);
    for (size_t i = 0; i < c.n; i++) {
        double dx = (double)c.x_mm[i] - x[i], dy = (double)c.y_mm[i] - y[i];
        sum += dx + dy;
        square += dx * dx + dy * dy;
        assert_true((double)c.max_fraction[i] > 0.2 && (double)c.max_fraction[i] <= 1.0);
        assert_in_range(c.n_crystals[i], 3, 30);
    }
    print_message("position at 2 GeV: mean %+.2f mm, rms %.2f mm\n", sum / (2.0 * N), sqrt(square / (2.0 * N)));
    assert_true(fabs(sum / (2.0 * N)) < 0.2);
    assert_true(sqrt(square / (2.0 * N)) < 2.0);
    mem_free(model);
    rig_free(&rig);
}

/* Edges: nothing, one pulse, a pulse on the centre line, status bits, pulses below the least energy. */
static void small_cases(void **state)
{
    (void)state;
    struct rig rig;
    rig_make(&rig, &module_cluster);
    assert_int_equal(module_cluster.event(&rig.step), ERR_OK);
    assert_int_equal(rig.step.out[0]->n, 0);
    add_pulse(rig.step.in[0], 7, 9 * 2 + 3, 1000.0, 1.0);
    add_pulse(rig.step.in[0], 7, 9 * 2 + 4, 1000.3, 1.0 / 3.0);
    add_pulse(rig.step.in[0], 8, 0, 1000.0, 0.020); /* below 50 MeV */
    pulse_view(rig.step.in[0]).status[1] = 4;
    assert_int_equal(module_cluster.event(&rig.step), ERR_OK);
    struct cluster_view c = cluster_view(rig.step.out[0]);
    assert_int_equal(c.n, 1);
    double w0 = 4.0 + log(0.75), w1 = 4.0 + log(0.25);
    assert_near(c.x_mm[0], -CRYSTAL_PITCH_MM * w0 / (w0 + w1), 1e-4);
    assert_near(c.y_mm[0], -0.5 * CRYSTAL_PITCH_MM, 1e-4);
    assert_near(c.max_fraction[0], 0.75, 1e-6);
    assert_near(c.t_fill_ns[0], 1000.0, 0.0);
    assert_near(c.energy_GeV[0], scale * 4.0 / 3.0, 1e-9);
    assert_int_equal(c.status[0], 4);
    pulse_view(rig.step.in[0]).faint_energy_GeV[0] = 0.05F; /* light below threshold: energy, no crystal */
    assert_int_equal(module_cluster.event(&rig.step), ERR_OK);
    c = cluster_view(rig.step.out[0]);
    assert_near(c.energy_GeV[0], scale * (4.0 / 3.0 + 0.05), 1e-6);
    assert_int_equal(c.n_crystals[0], 2);
    for (int i = 0; i < N_CRYSTALS; i++) add_pulse(rig.step.in[0], 9, i, 5000.0, 0.64); /* a laser pulse */
    assert_int_equal(module_cluster.event(&rig.step), ERR_OK);
    assert_int_equal(rig.step.out[0]->n, 1);
    rig_free(&rig);
}

/* A small pulse within reach of two seeds goes to the nearer one, whichever is larger. */
static void nearer_seed(void **state)
{
    (void)state;
    struct rig rig;
    rig_make(&rig, &module_cluster);
    for (int larger = 0; larger < 2; larger++) {
        assert_int_equal(block_resize(rig.step.in[0], 0), ERR_OK);
        add_pulse(rig.step.in[0], 4, 20, 1000.0, larger == 0 ? 1.2 : 0.8);
        add_pulse(rig.step.in[0], 4, 21, 1004.0, larger == 1 ? 1.2 : 0.8);
        add_pulse(rig.step.in[0], 4, 22, 1002.6, 0.014); /* 0.37 ns of error: reach 3.9 ns */
        assert_int_equal(module_cluster.event(&rig.step), ERR_OK);
        struct cluster_view c = cluster_view(rig.step.out[0]);
        assert_int_equal(c.n, 2);
        assert_int_equal(c.n_crystals[0], 1);
        assert_int_equal(c.n_crystals[1], 2);
    }
    rig_free(&rig);
}

static void add_hit(struct block *hit, int calo, double t_ns, double energy_GeV, double x_mm)
{
    size_t i = hit->n;
    assert_int_equal(block_resize(hit, i + 1), ERR_OK);
    struct calo_hit_view v = calo_hit_view(hit);
    v.calo[i]              = (uint8_t)calo;
    v.t_fill_ns[i]         = t_ns;
    v.energy_GeV[i]        = energy_GeV;
    v.x_mm[i]              = x_mm;
    v.y_mm[i]              = -x_mm;
}

/* The largest in the window wins; other calorimeters and other times do not; a cluster without a hit gives no row. */
static void truth(void **state)
{
    (void)state;
    struct rig rig;
    rig_make(&rig, &module_truth_match);
    assert_int_equal(block_resize(rig.step.in[0], 3), ERR_OK);
    struct cluster_view c = cluster_view(rig.step.in[0]);
    const double t_ns[]   = {500.0, 700.0, 500.0};
    for (size_t i = 0; i < 3; i++) {
        c.calo[i]      = i < 2 ? 5 : 6;
        c.t_fill_ns[i] = t_ns[i];
    }
    add_hit(rig.step.in[1], 6, 504.9, 0.7, 4.0);
    add_hit(rig.step.in[1], 5, 503.0, 1.0, 1.0);
    add_hit(rig.step.in[1], 5, 499.0, 2.0, 2.0);
    add_hit(rig.step.in[1], 5, 494.9, 3.0, 3.0); /* too early */
    assert_int_equal(module_truth_match.event(&rig.step), ERR_OK);
    struct cluster_truth_view v = cluster_truth_view(rig.step.out[0]);
    assert_int_equal(v.n, 2);
    assert_int_equal(v.cluster[0], 0);
    assert_int_equal(v.calo_hit[0], 2);
    assert_int_equal(v.n_hits[0], 2);
    assert_near(v.dt_ns[0], 1.0, 1e-12);
    assert_near(v.true_energy_GeV[0], 2.0, 0.0);
    assert_near(v.true_x_mm[0], 2.0, 0.0);
    assert_near(v.true_y_mm[0], -2.0, 0.0);
    assert_int_equal(v.cluster[1], 2);
    assert_int_equal(v.calo_hit[1], 0);
    assert_int_equal(v.n_hits[1], 1);
    rig_free(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(showers_stay_whole), cmocka_unit_test(showers_5_ns_apart), cmocka_unit_test(positions),
        cmocka_unit_test(small_cases),        cmocka_unit_test(nearer_seed),        cmocka_unit_test(truth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
