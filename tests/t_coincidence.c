/* LostMuonCount: triples, quadruples, accidentals, and what is not counted. */
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

extern const struct module module_coincidence;

struct rig {
    struct step step;
    struct hist_set set;
    void *cfg;
};

static void rig_make(struct rig *rig)
{
    *rig      = (struct rig){.cfg = calloc(1, module_coincidence.cfg_size)};
    rig->step = (struct step){.module = &module_coincidence, .label = "losses", .cfg = rig->cfg, .hists = &rig->set};
    assert_int_equal(cfg_read(module_coincidence.fields, NULL, "losses", NULL, rig->cfg), ERR_OK);
    assert_int_equal(block_create(&table_cluster, &rig->step.in[0]), ERR_OK);
    assert_int_equal(module_coincidence.begin(&rig->step), ERR_OK);
}

static void rig_free(struct rig *rig)
{
    module_coincidence.end(&rig->step);
    block_free(rig->step.in[0]);
    hist_set_free(&rig->set);
    cfg_free(module_coincidence.fields, rig->cfg);
    free(rig->cfg);
}

static void add(struct rig *rig, int calo, double t_ns, double energy_GeV, int n_crystals, double fraction)
{
    struct block *b = rig->step.in[0];
    size_t i        = b->n;
    assert_int_equal(block_resize(b, i + 1), ERR_OK);
    struct cluster_view v = cluster_view(b);
    v.calo[i]             = (uint8_t)calo;
    v.t_fill_ns[i]        = t_ns;
    v.energy_GeV[i]       = energy_GeV;
    v.n_crystals[i]       = (uint8_t)n_crystals;
    v.max_fraction[i]     = (float)fraction;
}

static void add_mip(struct rig *rig, int calo, double t_ns) { add(rig, calo, t_ns, 0.17, 1, 1.0); }

static void run(struct rig *rig)
{
    assert_int_equal(module_coincidence.event(&rig->step), ERR_OK);
    assert_int_equal(block_resize(rig->step.in[0], 0), ERR_OK);
}

static double total(const struct rig *rig, const char *name)
{
    const struct hist *h = hist_find(&rig->set, name);
    double sum           = 0.0;
    assert_non_null(h);
    for (int64_t i = 0; i < h->x.n; i++) sum += (double)h->content[i] * h->quantum;
    return sum;
}

static void expect(const struct rig *rig, double triples, double quadruples, double accidental)
{
    assert_true(total(rig, "losses/triples") == triples && total(rig, "losses/quadruples") == quadruples);
    assert_true(fabs(total(rig, "losses/accidental") - accidental) < 1e-5);
    assert_true(fabs(total(rig, "losses/losses") - (triples - 2.0 * quadruples - accidental)) < 1e-5);
}

static void triples_and_quadruples(void **state)
{
    (void)state;
    struct rig rig;
    rig_make(&rig);
    for (int i = 0; i < 3; i++) add_mip(&rig, 23 + i > 24 ? 1 : 23 + i, 50e3 + 6.15 * i); /* 23, 24, 1 */
    run(&rig);
    expect(&rig, 1, 0, 0);
    const struct hist *h = hist_find(&rig.set, "losses/triples");
    assert_int_equal(h->content[50], 1); /* at the time of the first */
    assert_int_equal(hist_find(&rig.set, "losses/calo")->content[22], 1);
    for (int i = 0; i < 4; i++) add_mip(&rig, 5 + i, 60e3 + 6.15 * i);
    run(&rig);
    expect(&rig, 3, 1, 0); /* two triples in a quadruple, which count for nothing */
    run(&rig);             /* an empty fill */
    expect(&rig, 3, 1, 0);
    static const double slower[] = {0.0, 6.15, 13.35, 20.6}; /* second to fourth 14.45 ns: one triple, no quadruple */
    for (int i = 0; i < 4; i++) add_mip(&rig, 5 + i, 70e3 + slower[i]);
    run(&rig);
    expect(&rig, 4, 1, 0);
    rig_free(&rig);
}

static void not_minimum_ionising(void **state)
{
    (void)state;
    static const struct {
        double energy;
        int n_crystals;
        double fraction;
    } bad[] = {{0.09, 1, 1.0}, {0.26, 1, 1.0}, {0.17, 4, 0.9}, {0.17, 2, 0.79}};
    struct rig rig;
    rig_make(&rig);
    for (size_t k = 0; k < 4; k++) {
        for (int i = 0; i < 3; i++)
            if (i == 1)
                add(&rig, 1 + i, 50e3 + 6.15 * i, bad[k].energy, bad[k].n_crystals, bad[k].fraction);
            else
                add_mip(&rig, 1 + i, 50e3 + 6.15 * i);
        run(&rig);
    }
    expect(&rig, 0, 0, 0);
    static const double late[] = {4.9, 7.6, -6.15}; /* of the third after the second */
    for (size_t k = 0; k < 3; k++) {
        add_mip(&rig, 1, 50e3);
        add_mip(&rig, 2, 50e3 + 6.15);
        add_mip(&rig, 3, 50e3 + 6.15 + late[k]);
        run(&rig);
    }
    add_mip(&rig, 1, 50e3); /* slow: 7.3 ns each */
    add_mip(&rig, 2, 50e3 + 7.3);
    add_mip(&rig, 3, 50e3 + 14.6);
    run(&rig);
    add_mip(&rig, 1, 50e3); /* not neighbours */
    add_mip(&rig, 2, 50e3 + 6.15);
    add_mip(&rig, 4, 50e3 + 12.3);
    run(&rig);
    expect(&rig, 0, 0, 0);
    rig_free(&rig);
}

/* 2.5 ns of window over 4 ns of side windows: 0.625. */
static void side_windows(void **state)
{
    (void)state;
    struct rig rig;
    rig_make(&rig);
    static const double dt[][2] = {{6.15, 10.0}, {2.0, 6.15}, {10.0, 2.0}};
    static const double want[]  = {0.625, 1.25, 1.25 - 0.625 * 0.625 * (1 + 0.5 * 0.6 * 0.6 / 6.25)};
    for (size_t k = 0; k < 3; k++) {
        add_mip(&rig, 1, 50e3);
        add_mip(&rig, 2, 50e3 + dt[k][0]);
        add_mip(&rig, 3, 50e3 + dt[k][0] + dt[k][1]);
        run(&rig);
        expect(&rig, 0, 0, want[k]);
    }
    rig_free(&rig);
}

/* Strays alone, and strays after real pairs: what is counted less what is estimated is 0 on average. 2,000 fills of 24
 * calorimeters with 40 strays a microsecond and two pairs each: 4 standard errors, false alarm 6e-5; the seed is fixed. */
static void accidentals_cancel(void **state)
{
    (void)state;
    enum { FILLS = 2000, STRAYS = 960 };
    struct rig rig;
    rig_make(&rig);
    struct rng r = rng_start((struct rng_key){{1, 2}, 3, 4}, 5);
    for (int fill = 0; fill < FILLS; fill++) {
        for (int i = 0; i < STRAYS; i++)
            add_mip(&rig, 1 + (int)(24.0 * rng_uniform(&r)), 50e3 + 1000.0 * rng_uniform(&r));
        for (int i = 0; i < 2; i++) {
            double t_ns = 50e3 + 1000.0 * rng_uniform(&r);
            int calo    = 1 + (int)(22.0 * rng_uniform(&r));
            add_mip(&rig, calo, t_ns);
            add_mip(&rig, calo + 1, t_ns + 6.15);
        }
        run(&rig);
    }
    double triples = total(&rig, "losses/triples"), accidental = total(&rig, "losses/accidental");
    const struct hist *h = hist_find(&rig.set, "losses/accidental");
    double variance      = triples;
    for (int64_t i = 0; i < h->x.n; i++) variance += (double)h->squares[i] * h->quantum;
    print_message("triples %.0f, accidental %.0f, error %.0f\n", triples, accidental, sqrt(variance));
    assert_true(triples > 5000.0);
    assert_true(fabs(triples - accidental) < 4.0 * sqrt(variance));
    rig_free(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(triples_and_quadruples),
        cmocka_unit_test(not_minimum_ionising),
        cmocka_unit_test(side_windows),
        cmocka_unit_test(accidentals_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
