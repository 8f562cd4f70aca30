/* Shower shares, light and resolution. Statistical bounds: fixed seeds, 5 sigma (a false alarm in 2 million each). */
#include "calo_shower.h"
#include "geometry.h"
#include "mem.h"
#include "module.h"
#include "tables.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct shower_model model;

static const struct shower_par par = {.core_share    = 0.90,
                                      .core_mm       = 0.28 * 18.0,
                                      .tail_mm       = 1.4 * 18.0,
                                      .X0_mm         = 9.3,
                                      .critical_GeV  = 9e-3,
                                      .leak          = 0.015,
                                      .leak_slope    = 0.3,
                                      .stochastic    = 0.028,
                                      .constant      = 0.015,
                                      .pe_per_GeV    = 800.0,
                                      .spots_per_GeV = 350.0,
                                      .min_GeV       = 1e-3};

static int make(void **state)
{
    (void)state;
    return shower_model_make(&par, &model) != ERR_OK;
}

/* The closed form against a plain sum over the rectangle, and over the whole plane. */
static void corner_is_the_integral(void **state)
{
    (void)state;
    const double x = 17.0, y = 9.0, h = 0.05;
    double sum = 0.0;
    for (int i = 0; i < 340; i++)
        for (int j = 0; j < 180; j++) {
            double a = (i + 0.5) * h, b = (j + 0.5) * h;
            double r2 = a * a + b * b, c2 = par.core_mm * par.core_mm, t2 = par.tail_mm * par.tail_mm;
            sum += (0.9 * c2 / ((r2 + c2) * (r2 + c2)) + 0.1 * t2 / ((r2 + t2) * (r2 + t2))) / PI;
        }
    assert_true(fabs(shower_corner(&par, x, y) - sum * h * h) < 1e-5);
    assert_true(shower_corner(&par, -x, y) == -shower_corner(&par, x, y));
    assert_true(fabs(shower_corner(&par, 1e9, 1e9) - 0.25) < 1e-9);
    assert_true(model.corner[SHOWER_GRID][SHOWER_GRID] == 0.25f);
}

static void table_follows_the_closed_form(void **state)
{
    (void)state;
    for (int k = 0; k < 17; k++)
        for (int l = 0; l < 14; l++) {
            double x = -112.0 + 13.7 * k, y = -75.0 + 11.3 * l;
            double share[N_CRYSTALS], sum   = 0.0;
            shower_shares(&model, 2.0, x, y, 0.0, 0.0, share);
            for (int i = 0; i < N_CRYSTALS; i++) {
                double x0 = geometry_crystal_x_mm(i) - 0.5 * CRYSTAL_PITCH_MM - x, x1 = x0 + CRYSTAL_PITCH_MM;
                double y0 = geometry_crystal_y_mm(i) - 0.5 * CRYSTAL_PITCH_MM - y, y1 = y0 + CRYSTAL_PITCH_MM;
                double want = shower_corner(&par, x1, y1) - shower_corner(&par, x0, y1) - shower_corner(&par, x1, y0) +
                              shower_corner(&par, x0, y0);
                assert_true(fabs(share[i] - want) < 3e-4);
                assert_true(share[i] > 0.0);
                sum += share[i];
            }
            assert_true(sum < 1.0);
        }
}

static void core_is_narrow(void **state)
{
    (void)state;
    double share[N_CRYSTALS];
    shower_shares(&model, 2.0, 0.0, geometry_crystal_y_mm(22), 0.0, 0.0, share);
    print_message("central crystal %.3f; within R_M %.3f, within 1.25 R_M %.3f\n", share[22], shower_within(&par, 18.0),
                  shower_within(&par, 22.5));
    assert_true(share[22] > 0.77 && share[22] < 0.85);
    assert_true(shower_within(&par, 18.0) > 0.85 && shower_within(&par, 1.25 * 18.0) > 0.895);
}

/* A slope moves the centre of gravity by slope times the mean depth. */
static void slope_moves_the_axis(void **state)
{
    (void)state;
    double straight[N_CRYSTALS], tilted[N_CRYSTALS], moved[N_CRYSTALS], mean, rms;
    shower_depth(&par, 2.0, &mean, &rms);
    shower_shares(&model, 2.0, 3.0, 1.0, 0.0, 0.0, straight);
    shower_shares(&model, 2.0, 3.0, 1.0, -0.1, 0.05, tilted);
    shower_shares(&model, 2.0, 3.0 - 0.1 * mean, 1.0 + 0.05 * mean, 0.0, 0.0, moved);
    double x[3] = {0}, y[3] = {0}, n[3] = {0};
    for (int i = 0; i < N_CRYSTALS; i++) {
        const double *of[3] = {straight, tilted, moved};
        for (int j = 0; j < 3; j++) {
            x[j] += of[j][i] * geometry_crystal_x_mm(i);
            y[j] += of[j][i] * geometry_crystal_y_mm(i);
            n[j] += of[j][i];
        }
    }
    assert_true(fabs(mean / par.X0_mm - (log(2.0 / 9e-3) + 0.5 + 2.0)) < 1e-12);
    assert_true(x[1] / n[1] < x[0] / n[0] - 1.5 && y[1] / n[1] > y[0] / n[0] + 1.5);
    assert_true(fabs(x[1] / n[1] - x[2] / n[2]) < 1.0 && fabs(y[1] / n[1] - y[2] / n[2]) < 0.7);
}

/* Sum of all crystals: mean, linearity, resolution. */
static void energy_and_resolution(void **state)
{
    (void)state;
    enum { N = 20000 };
    const double energies[] = {0.5, 1.0, 2.0, 3.0};
    for (size_t k = 0; k < sizeof energies / sizeof energies[0]; k++) {
        double e = energies[k], sum = 0.0, sum2 = 0.0, share[N_CRYSTALS], inside = 0.0;
        shower_shares(&model, e, 0.0, 0.0, 0.0, 0.0, share);
        for (int i = 0; i < N_CRYSTALS; i++) inside += share[i];
        for (uint32_t j = 0; j < N; j++) {
            uint32_t n_pe[N_CRYSTALS], total = 0;
            struct rng r = rng_start(rng_key(1, 1, 0, (uint32_t)k + 1, 22), j);
            shower_sample(&model, &r, e, 0.0, 0.0, 0.0, 0.0, n_pe);
            for (int i = 0; i < N_CRYSTALS; i++) total += n_pe[i];
            double seen = total / par.pe_per_GeV;
            sum += seen;
            sum2 += seen * seen;
        }
        double mean = sum / N, width = sqrt(sum2 / N - mean * mean) / mean;
        double want       = e * (1.0 - shower_leak(&par, e)) * inside;
        double spots      = (1.0 - inside) / inside / (par.spots_per_GeV * e); /* share beside the array fluctuates */
        double want_width = sqrt(1.0 / (par.pe_per_GeV * want) + pow(shower_extra_width(&par, e), 2.0) + spots);
        print_message("%.1f GeV: mean %.4f GeV (%.4f), sigma/E %.4f (%.4f; 2.8 %%/sqrt(E) (+) 1.5 %%: %.4f)\n", e, mean,
                      want, width, want_width, sqrt(0.028 * 0.028 / e + 0.015 * 0.015));
        assert_true(fabs(mean - want) < 5.0 * want * want_width / sqrt(N));
        assert_true(fabs(width - want_width) < 5.0 * want_width / sqrt(2.0 * N));
    }
    /* what photo-statistics of 800 a GeV leave of 2.8 %/sqrt(E) (+) 1.5 % */
    assert_true(shower_extra_width(&par, 1.0) == 0.0);
    assert_true(fabs(shower_extra_width(&par, 3.0) - sqrt(0.028 * 0.028 / 3.0 + 0.015 * 0.015 - 1.0 / 2400.0)) < 1e-12);
    assert_true(fabs(shower_leak(&par, 2.0) - 0.015) < 1e-15 && shower_leak(&par, 3.0) > 0.015);
    assert_true(shower_leak(&par, 0.01) == 0.0);
}

static void same_key_same_light(void **state)
{
    (void)state;
    uint32_t a[N_CRYSTALS], b[N_CRYSTALS], c[N_CRYSTALS];
    struct rng r1 = rng_start(rng_key(1, 1, 0, 7, 22), 3), r2 = r1, r3 = rng_start(rng_key(1, 1, 0, 7, 22), 4);
    shower_sample(&model, &r1, 1.7, 20.0, 10.0, -0.1, 0.0, a);
    shower_sample(&model, &r3, 1.7, 20.0, 10.0, -0.1, 0.0, c);
    shower_sample(&model, &r2, 1.7, 20.0, 10.0, -0.1, 0.0, b);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_not_equal(a, c, sizeof a);
}

static void run_module(const void *cfg, struct block *in, struct block **out)
{
    const struct module *m = module_find("CaloShower")->module;
    struct step s          = {.module = m, .label = "shower", .cfg = cfg, .rng = rng_key(3, 1, 0, 1, 22), .in = {in}};
    assert_int_equal(block_create(&table_crystal_hit, &s.out[0]), ERR_OK);
    assert_int_equal(m->begin(&s), ERR_OK);
    assert_int_equal(m->event(&s), ERR_OK);
    m->end(&s);
    *out = s.out[0];
}

/* The module with all defaults: rows in order, energies from photo-electrons, the same rows again. */
static void module_shares_the_light(void **state)
{
    (void)state;
    const struct module *m = module_find("CaloShower")->module;
    struct block *in, *out, *again;
    void *cfg;
    assert_int_equal(mem_alloc(&cfg, 1, m->cfg_size), ERR_OK);
    assert_int_equal(cfg_read(m->fields, NULL, "shower", NULL, cfg), ERR_OK);
    assert_int_equal(block_create(&table_calo_hit, &in), ERR_OK);
    assert_int_equal(block_resize(in, 100), ERR_OK);
    struct calo_hit_view v = calo_hit_view(in);
    for (size_t i = 0; i < 100; i++) {
        v.positron[i]  = (uint32_t)i;
        v.calo[i]      = (uint8_t)(i % 24 + 1);
        v.t_fill_ns[i] = (double)i;
        v.x_mm[i] = v.y_mm[i] = v.dydz[i] = 0.0;
        v.dxdz[i]                         = -0.1;
        v.energy_GeV[i]                   = 2.0;
    }
    run_module(cfg, in, &out);
    run_module(cfg, in, &again);
    struct crystal_hit_view h = crystal_hit_view(out), g = crystal_hit_view(again);
    double sum[100] = {0};
    assert_int_equal(h.n, g.n);
    for (size_t i = 0; i < h.n; i++) {
        assert_true(i == 0 ||
                    h.calo_hit[i] * N_CRYSTALS + h.crystal[i] > h.calo_hit[i - 1] * N_CRYSTALS + h.crystal[i - 1]);
        assert_int_equal(h.calo[i], h.calo_hit[i] % 24 + 1);
        assert_true(h.t_fill_ns[i] == h.calo_hit[i]);
        assert_true(h.energy_GeV[i] >= 1e-3 && fabs(h.energy_GeV[i] - h.n_pe[i] / 800.0) < 1e-12);
        assert_true(h.n_pe[i] == g.n_pe[i] && h.crystal[i] == g.crystal[i]);
        sum[h.calo_hit[i]] += h.energy_GeV[i];
    }
    for (size_t i = 0; i < 100; i++) assert_true(fabs(sum[i] - 1.95) < 6.0 * 0.05);
    block_free(in);
    block_free(out);
    block_free(again);
    cfg_free(m->fields, cfg);
    mem_free(cfg);
}

static void refuses_nonsense(void **state)
{
    (void)state;
    struct shower_par bad = par;
    bad.core_mm           = 0.0;
    static struct shower_model ignored;
    assert_int_equal(shower_model_make(&bad, &ignored), ERR_CONFIG);
    err_clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(corner_is_the_integral),  cmocka_unit_test(table_follows_the_closed_form),
        cmocka_unit_test(core_is_narrow),          cmocka_unit_test(slope_moves_the_axis),
        cmocka_unit_test(energy_and_resolution),   cmocka_unit_test(same_key_same_light),
        cmocka_unit_test(module_shares_the_light), cmocka_unit_test(refuses_nonsense),
    };
    return cmocka_run_group_tests(tests, make, NULL);
}
