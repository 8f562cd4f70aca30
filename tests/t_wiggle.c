/* Wiggle and Quality modules on small hand-made fills. */
#include "wiggle.h"

#include "cfg.h"
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "tables.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("%.10g is not %.10g +- %.3g", got, want, tolerance);
}

#define ok(call) assert_int_equal((call), ERR_OK)

/* Values of physics tables for full polarisation: differential A at 1.7, 2.5, 3.0 GeV; zero at 1.307 GeV. */
static void asymmetry_of_energy(void **state)
{
    (void)state;
    assert_near(wiggle_asymmetry(1.0), -0.0791, 1.5e-3);
    assert_near(wiggle_asymmetry(1.3067), 0.0, 1e-4);
    assert_near(wiggle_asymmetry(1.7), 0.1311, 1.5e-3);
    assert_near(wiggle_asymmetry(2.5), 0.5282, 2.5e-3);
    assert_near(wiggle_asymmetry(3.1), 1.0, 1e-12);
    assert_near(wiggle_asymmetry(9.0), 1.0, 1e-12);
}

struct rig {
    struct step step;
    struct hist_set hists;
    void *cfg;
};

static void rig_begin(struct rig *r, const char *type)
{
    const struct module_entry *e = module_find(type);
    assert_non_null(e);
    r->step.module = e->module;
    r->step.label  = "test";
    r->step.hists  = &r->hists;
    ok(mem_alloc(&r->cfg, 1, e->module->cfg_size));
    ok(cfg_read(e->module->fields, NULL, "test", NULL, r->cfg));
    r->step.cfg = r->cfg;
    ok(e->module->begin(&r->step));
}

static void rig_fill(struct rig *r, const char *type, uint32_t event)
{
    r->step.fill = (struct fill){.seed = 1, .run = 1, .event = event};
    r->step.rng  = rng_key(1, 1, 0, event, module_find(type)->stream);
    ok(r->step.module->event(&r->step));
}

static void rig_end(struct rig *r)
{
    r->step.module->end(&r->step);
    for (size_t i = 0; i < MODULE_MAX_PORTS; i++) block_free(r->step.in[i]);
    cfg_free(r->step.module->fields, r->cfg);
    mem_free(r->cfg);
    hist_set_free(&r->hists);
}

static void set_cluster(struct block *b, size_t row, uint8_t calo, double t_us, double energy_GeV)
{
    struct cluster_view c = cluster_view(b);
    c.calo[row]           = calo;
    c.t_fill_ns[row]      = t_us * 1e3;
    c.energy_GeV[row]     = energy_GeV;
    c.x_mm[row] = c.y_mm[row] = 0.0f;
    c.status[row]             = 0;
}

static int64_t total(const struct hist_set *set, const char *name)
{
    const struct hist *h = hist_find(set, name);
    int64_t sum          = 0;
    assert_non_null(h);
    for (int64_t i = 0; i < h->x.n * h->y.n; i++) sum += h->content[i];
    return sum;
}

/* Three clusters a fill: one below both ranges, one for A alone, one for both; a laser fill adds nothing. */
static void counts_and_weights(void **state)
{
    (void)state;
    struct rig r = {0};
    ok(block_create(&table_cluster, &r.step.in[0]));
    ok(block_create(&table_fill, &r.step.in[1]));
    ok(block_resize(r.step.in[0], 3));
    ok(block_resize(r.step.in[1], 1));
    fill_view(r.step.in[1]).fill_type[0] = 1;
    rig_begin(&r, "Wiggle");
    set_cluster(r.step.in[0], 0, 1, 100.0, 0.8);
    set_cluster(r.step.in[0], 1, 2, 100.0, 1.5);
    set_cluster(r.step.in[0], 2, 24, 100.0, 2.0);
    for (uint32_t event = 1; event <= 1000; event++) rig_fill(&r, "Wiggle", event);
    fill_view(r.step.in[1]).fill_type[0] = 2;
    rig_fill(&r, "Wiggle", 1001);
    const struct hist *t = hist_find(&r.hists, "wiggle/t_method"), *a = hist_find(&r.hists, "wiggle/a_method");
    assert_int_equal(total(&r.hists, "wiggle/t_method"), 1000);
    assert_int_equal(total(&r.hists, "wiggle/fills"), 1000);
    double want = 1000.0 * (wiggle_asymmetry(1.5) + wiggle_asymmetry(2.0));
    assert_near((double)total(&r.hists, "wiggle/a_method") * a->quantum, want, 1000 * 2 * a->quantum);
    /* 100 us lies 0.268 of a bin above an edge: the shift of +-half a bin reaches two bins, 0.768 and 0.232 of it */
    int64_t bin = (int64_t)floor(100.0 / (BIN_WIDTH_NS * 1e-3)), row = 23 * t->y.n;
    assert_int_equal(t->content[row + bin] + t->content[row + bin - 1], 1000);
    assert_true(llabs(t->content[row + bin] - 768) < 67); /* 5 sigma */
    rig_end(&r);
}

/* Resolutions use single positrons; acceptance follows rows through the tables; losses are split by fate. */
static void quality_follows_rows(void **state)
{
    (void)state;
    struct rig r                      = {0};
    const struct table *const ports[] = {&table_cluster, &table_cluster_truth, &table_vertex, &table_positron,
                                         &table_calo_hit};
    for (size_t i = 0; i < 5; i++) {
        ok(block_create(ports[i], &r.step.in[i]));
        ok(block_resize(r.step.in[i], 2));
    }
    rig_begin(&r, "Quality");
    set_cluster(r.step.in[0], 0, 1, 50.0, 2.1);
    set_cluster(r.step.in[0], 1, 1, 60.0, 3.0);
    struct cluster_truth_view t = cluster_truth_view(r.step.in[1]);
    struct vertex_view v        = vertex_view(r.step.in[2]);
    struct positron_view p      = positron_view(r.step.in[3]);
    struct calo_hit_view h      = calo_hit_view(r.step.in[4]);
    for (uint8_t i = 0; i < 2; i++) {
        t.cluster[i]         = i;
        t.calo_hit[i]        = 1;
        t.n_hits[i]          = (uint8_t)(i + 1);
        t.dt_ns[i]           = 0.1;
        t.true_energy_GeV[i] = 2.0;
        t.true_x_mm[i] = t.true_y_mm[i] = 1.0;
        v.fate[i]                       = (uint8_t)(i + 1);
        v.t_fill_ns[i]                  = 40e3;
        v.x_mm[i]                       = 7.0;
        v.y_mm[i]                       = -3.0;
        v.phi_rad[i]                    = PI;
        v.p_r_GeV[i] = v.p_y_GeV[i] = 0.0;
        v.p_phi_GeV[i]              = MAGIC_P_GeV * 1.00105;
        p.t_fill_ns[i]              = 40e3;
        p.p_r_GeV[i] = p.p_y_GeV[i] = 0.0;
        p.p_phi_GeV[i]              = i ? 2.22 : 1.11;
        h.positron[i]               = i;
    }
    rig_fill(&r, "Quality", 1);
    assert_int_equal(total(&r.hists, "quality/dt"), 1);
    assert_int_equal(total(&r.hists, "quality/n_hits"), 2);
    assert_int_equal(hist_find(&r.hists, "quality/de")->content[8 * 200 + 112], 1); /* 2.0 GeV, +5 % */
    assert_int_equal(total(&r.hists, "quality/born"), 2);
    assert_int_equal(total(&r.hists, "quality/entered"), 2);
    assert_int_equal(hist_find(&r.hists, "quality/found")->content[44], 2);
    assert_int_equal(total(&r.hists, "quality/losses"), 1);
    assert_int_equal(total(&r.hists, "quality/beam_xy"), 1);
    const struct hist *x = hist_find(&r.hists, "quality/cbo_x");
    assert_near((double)x->content[200] * x->quantum, 7.0, 1e-5);
    assert_near((double)x->squares[200] * x->quantum, 49.0, 1e-4);
    assert_int_equal(hist_find(&r.hists, "quality/momentum")->content[90], 1);
    rig_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asymmetry_of_energy),
        cmocka_unit_test(counts_and_weights),
        cmocka_unit_test(quality_follows_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
