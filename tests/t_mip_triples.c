/* MipTriples and EndpointSpectra: which clusters are kept, with which crystal; cluster_seed. */
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

extern const struct module module_mip_triples, module_endpoint_spectra;
enum { IN_CLUSTER, IN_PULSE };

struct rig {
    struct step step;
    struct hist_set set;
    void *cfg;
};

static void rig_make(struct rig *rig, const struct module *module)
{
    *rig      = (struct rig){.cfg = calloc(1, module->cfg_size)};
    rig->step = (struct step){.module = module, .label = "m", .cfg = rig->cfg, .hists = &rig->set};
    assert_int_equal(cfg_read(module->fields, NULL, "m", NULL, rig->cfg), ERR_OK);
    assert_int_equal(block_create(&table_cluster, &rig->step.in[IN_CLUSTER]), ERR_OK);
    assert_int_equal(block_create(&table_pulse, &rig->step.in[IN_PULSE]), ERR_OK);
    if (module->out) assert_int_equal(block_create(module->out[0].table, &rig->step.out[0]), ERR_OK);
    assert_int_equal(module->begin(&rig->step), ERR_OK);
}

static void rig_free(struct rig *rig)
{
    rig->step.module->end(&rig->step);
    for (int i = 0; i < 2; i++) block_free(rig->step.in[i]);
    block_free(rig->step.out[0]);
    hist_set_free(&rig->set);
    cfg_free(rig->step.module->fields, rig->cfg);
    free(rig->cfg);
}

/* A cluster with its pulse and a smaller one 0.3 ns later. */
static void add(struct rig *rig, int calo, int crystal, double t_ns, double energy_GeV)
{
    size_t i = rig->step.in[IN_CLUSTER]->n, p = rig->step.in[IN_PULSE]->n;
    assert_int_equal(block_resize(rig->step.in[IN_CLUSTER], i + 1), ERR_OK);
    assert_int_equal(block_resize(rig->step.in[IN_PULSE], p + 2), ERR_OK);
    struct cluster_view c = cluster_view(rig->step.in[IN_CLUSTER]);
    struct pulse_view v   = pulse_view(rig->step.in[IN_PULSE]);
    c.calo[i]             = (uint8_t)calo;
    c.t_fill_ns[i]        = t_ns;
    c.energy_GeV[i]       = energy_GeV;
    c.n_crystals[i]       = 2;
    c.max_fraction[i]     = 0.9F;
    c.status[i]           = 0;
    for (size_t k = 0; k < 2; k++) {
        v.calo[p + k]       = (uint8_t)calo;
        v.crystal[p + k]    = (uint8_t)(k ? crystal + 1 : crystal);
        v.t_fill_ns[p + k]  = k ? t_ns + 0.3 : t_ns;
        v.energy_GeV[p + k] = k ? 0.1 * energy_GeV : 0.9 * energy_GeV;
    }
}

static void triples(void **state)
{
    (void)state;
    struct rig rig;
    rig_make(&rig, &module_mip_triples);
    add(&rig, 24, 40, 50006.1, 0.17); /* calorimeters 23, 24, 1, in no order */
    add(&rig, 23, 35, 50000.0, 0.16);
    add(&rig, 1, 8, 50015.0, 0.18); /* late by 2.8 ns: an offset */
    add(&rig, 5, 8, 50000.0, 0.17); /* a pair */
    add(&rig, 6, 8, 50006.0, 0.17);
    add(&rig, 10, 8, 60000.0, 0.17); /* too slow */
    add(&rig, 11, 8, 60006.0, 0.17);
    add(&rig, 12, 8, 60016.5, 0.17);
    add(&rig, 15, 8, 70000.0, 0.17); /* too much energy */
    add(&rig, 16, 8, 70006.0, 0.37);
    add(&rig, 17, 8, 70012.0, 0.17);
    add(&rig, 15, 8, 10000.0, 0.17); /* too early */
    add(&rig, 16, 8, 10006.0, 0.17);
    add(&rig, 17, 8, 10012.0, 0.17);
    assert_int_equal(module_mip_triples.event(&rig.step), ERR_OK);
    struct mip_triple_view v = mip_triple_view(rig.step.out[0]);
    assert_int_equal(v.n, 1);
    assert_int_equal(v.calo[0], 23);
    assert_true(v.crystal1[0] == 35 && v.crystal2[0] == 40 && v.crystal3[0] == 8);
    assert_true(v.n_crystals1[0] == 2 && v.t_fill_ns[0] == 50000.0);
    assert_true(fabs(v.dt12_ns[0] - 6.1) < 1e-6 && fabs(v.dt23_ns[0] - 8.9) < 1e-6);
    assert_true(fabs(v.amplitude1_adc[0] - 90.0) < 1e-6 && fabs(v.amplitude3_adc[0] - 101.25) < 1e-6);
    assert_int_equal(module_mip_triples.event(&rig.step), ERR_OK); /* rows of a unit add up */
    assert_int_equal(rig.step.out[0]->n, 2);
    pulse_view(rig.step.in[IN_PULSE]).t_fill_ns[2] += 1e-6; /* pulses that the clusters were not made of */
    assert_int_equal(module_mip_triples.event(&rig.step), ERR_OK);
    assert_int_equal(rig.step.out[0]->n, 2);
    rig_free(&rig);
}

static void endpoint(void **state)
{
    (void)state;
    struct rig rig;
    rig_make(&rig, &module_endpoint_spectra);
    add(&rig, 2, 30, 50000.0, 3.0);
    add(&rig, 2, 30, 20000.0, 3.0);  /* early */
    add(&rig, 24, 53, 50000.0, 1.0); /* low */
    assert_int_equal(module_endpoint_spectra.event(&rig.step), ERR_OK);
    const struct hist *h = hist_find(&rig.set, "calib/endpoint");
    int64_t bin          = (int64_t)floor(log(3.0 / 1.5) / log(4.5 / 1.5) * (double)h->y.n);
    assert_int_equal(h->n_entries, 1);
    assert_int_equal(h->content[(N_CRYSTALS + 30) * h->y.n + bin], 1);
    rig_free(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(triples), cmocka_unit_test(endpoint)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
