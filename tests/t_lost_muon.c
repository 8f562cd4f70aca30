/* Lost muons: energy loss, scattering, light in crystals, flight from calorimeter to calorimeter. */
#include "calo_shower.h"
#include "geometry.h"
#include "lost_muon_track.h"
#include "matter.h"
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
#include <string.h>

#include <cmocka.h>

extern const struct module module_lost_muon;

static const struct rng_key no_fill = {{11, 12}, 1, 0};
#define P_GeV MAGIC_P_GeV

/* ---- matter ------------------------------------------------------------------------------------------------------- */

/* Least dE/dx of the Particle Data Group's table: 1.403 (Cu), 1.615 (Al) MeV cm2/g. At magic momentum Bethe's equation
 * worked out by a separate program: 1.7008, 1.9114, 1.5325 MeV cm2/g in Cu, Al, PbF2. */
static void mean_loss(void **state)
{
    (void)state;
    const struct {
        const struct matter *m;
        double least, magic;
    } want[] = {
        {&matter_copper, 1.403, 1.7008}, {&matter_aluminium, 1.615, 1.9114}, {&matter_lead_fluoride, 0, 1.5325}};
    for (size_t i = 0; i < 3; i++) {
        double least = 1e9, per = 1e4 / want[i].m->density_g_cm3; /* GeV/mm to MeV cm2/g */
        for (int k = 0; k < 300; k++) least = fmin(least, per * matter_dedx_GeV_mm(want[i].m, 0.1 * pow(1.01, k)));
        if (want[i].least > 0.0) assert_true(fabs(least / want[i].least - 1.0) < 2e-3);
        assert_true(fabs(per * matter_dedx_GeV_mm(want[i].m, P_GeV) / want[i].magic - 1.0) < 2e-4);
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The mean is Bethe's. Quantiles against Vavilov's distribution, worked out by a separate program from its characteristic
 * function (kappa = 0.01, beta^2 = 0.9988): 10, 50, 90 and 99 % lie at -29.5, -13.86, 38.5 and 218 MeV from the mean. */
static void losses_fluctuate(void **state)
{
    (void)state;
    enum { N = 100000 };
    static double loss[N];
    const double path = 140.0, part[] = {0.1, 0.5, 0.9, 0.99}, at[] = {-29.51, -13.86, 38.52, 217.8},
                 near[] = {0.4, 0.4, 2.0,
                           15.0}; /* four standard errors, and 0.3 MeV for the small collisions' Gaussian */
    double sum = 0.0, squares = 0.0, want = 1e3 * path * matter_dedx_GeV_mm(&matter_lead_fluoride, P_GeV);
    struct rng r = rng_start(no_fill, 1);
    for (int i = 0; i < N; i++) {
        loss[i] = 1e3 * matter_loss_GeV(&matter_lead_fluoride, &r, P_GeV, path);
        sum += loss[i];
        squares += loss[i] * loss[i];
    }
    double mean = sum / N, error = sqrt((squares / N - mean * mean) / N);
    qsort(loss, N, sizeof loss[0], by_value);
    print_message("PbF2, 140 mm: mean %.2f +- %.2f, Bethe %.2f; 10, 50, 90, 99 %% at %.2f %.2f %.2f %.1f MeV from it\n",
                  mean, error, want, loss[N / 10] - want, loss[N / 2] - want, loss[9 * N / 10] - want,
                  loss[99 * N / 100] - want);
    assert_true(fabs(mean - want) < 4.0 * error); /* false alarm: 6e-5 of samples; the sample is fixed */
    for (int i = 0; i < 4; i++) assert_true(fabs(loss[(int)(part[i] * N)] - want - at[i]) < near[i]);
    assert_true(loss[0] > 0.0);
}

/* 15 mm of copper: 13.6 MeV / 3093.4 MeV sqrt(1.0446) (1 + 0.038 ln 1.0446) = 4.504 mrad. */
static void scattering(void **state)
{
    (void)state;
    enum { N = 20000 };
    const double path = 15.0, want = 4.504e-3;
    double angle2 = 0.0, out2 = 0.0, both = 0.0;
    struct rng r = rng_start(no_fill, 2);
    assert_true(fabs(matter_scatter_rad(&matter_copper, P_GeV, path) / want - 1.0) < 1e-3);
    for (int i = 0; i < N; i++) {
        struct matter_effect e = matter_cross(&matter_copper, &r, P_GeV, path);
        for (int j = 0; j < 2; j++) {
            double out = e.shift_mm[j] + e.angle_rad[j] * path; /* where the track leaves the copper */
            angle2 += e.angle_rad[j] * e.angle_rad[j];
            out2 += out * out;
            both += e.angle_rad[j] * out;
        }
    }
    /* 40,000 Gaussian numbers: the rms is good to 0.35 %, the correlation to 0.0013 */
    assert_true(fabs(sqrt(angle2 / (2 * N)) / want - 1.0) < 0.014);
    assert_true(fabs(sqrt(out2 / (2 * N)) / (want * path / sqrt(3.0)) - 1.0) < 0.014);
    assert_true(fabs(both / sqrt(angle2 * out2) - 0.5 * sqrt(3.0)) < 0.005);
}

/* ---- crystals ----------------------------------------------------------------------------------------------------- */

static double sum_of(const double path[N_CRYSTALS])
{
    double sum = 0.0;
    for (int i = 0; i < N_CRYSTALS; i++) sum += path[i];
    return sum;
}

static void paths_in_crystals(void **state)
{
    (void)state;
    const double half = 0.5 * CALO_COLUMNS * CRYSTAL_PITCH_MM;
    double path[N_CRYSTALS], entry;
    struct calo_track straight = {geometry_crystal_x_mm(22), geometry_crystal_y_mm(22), 0.0, 0.0};
    calo_track_paths(&straight, path);
    assert_true(fabs(path[22] - 140.0) < 1e-9 && fabs(sum_of(path) - 140.0) < 1e-9);

    /* slope -0.1 from 5 mm inside the edge of crystal 22: 50 mm in it, 90 mm in crystal 21 */
    const double per           = sqrt(1.01);
    struct calo_track sideways = {geometry_crystal_x_mm(22) - 0.5 * CRYSTAL_PITCH_MM + 5.0, geometry_crystal_y_mm(22),
                                  -0.1, 0.0};
    calo_track_paths(&sideways, path);
    assert_true(fabs(path[22] - 50.0 * per) < 1e-9 && fabs(path[21] - 90.0 * per) < 1e-9);
    assert_true(fabs(calo_track_path(&sideways, &entry) - 140.0 * per) < 1e-9 && entry == 0.0);

    /* in by the outer side, 4 mm beside the array: 40 mm before it, 100 mm in it; upward into the next row */
    struct calo_track by_side = {half + 4.0, 22.0, -0.1, 0.05};
    double length = calo_track_path(&by_side, &entry), per3 = sqrt(1.0 + 0.01 + 0.0025);
    calo_track_paths(&by_side, path);
    assert_true(fabs(length - 100.0 * per3) < 1e-9 && fabs(entry - 40.0 * per3) < 1e-9);
    assert_true(fabs(sum_of(path) - length) < 1e-9);

    struct calo_track beside = {half + 20.0, 0.0, -0.1, 0.0};
    calo_track_paths(&beside, path);
    assert_true(calo_track_path(&beside, &entry) == 0.0 && sum_of(path) == 0.0);
}

/* Light: Poisson about 0.8 a MeV, shared by path; at least 80 % in one crystal unless the track changes crystals. */
static void light_of_a_track(void **state)
{
    (void)state;
    enum { N = 2000 };
    static struct shower_model m;
    const struct shower_par par = {0.9, 5.0, 25.0, 9.3, 9e-3, 0.015, 0.3, 0.028, 0.015, 800.0, 350.0, 1e-3};
    const struct calo_track t   = {geometry_crystal_x_mm(22) - 0.5 * CRYSTAL_PITCH_MM + 5.0, geometry_crystal_y_mm(22),
                                   -0.1, 0.0};
    double all = 0.0, here = 0.0;
    uint32_t n_pe[N_CRYSTALS];
    struct rng r = rng_start(no_fill, 3);
    assert_int_equal(shower_model_make(&par, &m), ERR_OK);
    for (int i = 0; i < N; i++) {
        shower_sample_track(&m, &r, 0.170, &t, n_pe);
        for (int j = 0; j < N_CRYSTALS; j++) {
            assert_true(j == 21 || j == 22 || n_pe[j] == 0);
            all += n_pe[j];
        }
        here += n_pe[22];
    }
    assert_true(fabs(all / N - 136.0) < 4.5 * sqrt(136.0 / N));
    assert_true(fabs(here / N - 136.0 * 50.0 / 140.0) < 4.5 * sqrt(136.0 * 50.0 / 140.0 / N));
}

/* ---- flight ------------------------------------------------------------------------------------------------------- */

static struct lost_muon_setup setup_of(const struct lost_muon_par *par)
{
    static const double x[POSITRON_NODES] = {-150, -190, -240, -300, -390, -520};
    static const double b[POSITRON_NODES] = {1.0, 0.951, 0.815, 0.620, 0.313, 0.10};
    struct positron_setup field;
    struct lost_muon_setup s;
    assert_int_equal(positron_setup_make(x, b, &field), ERR_OK);
    assert_int_equal(lost_muon_setup_make(&field, par, &s), ERR_OK);
    return s;
}

static struct lost_muon_par standard(void)
{
    return (struct lost_muon_par){.collimator_deg      = {241.0, 301.0},
                                  .n_collimators       = 2,
                                  .aperture_mm         = 45.0,
                                  .collimator_mm       = 15.0,
                                  .collimator_width_mm = 5.0,
                                  .plate_mm            = 0.5,
                                  .n_index             = 0.1077,
                                  .mip_GeV             = 0.170,
                                  .min_path_mm         = 5.0,
                                  .max_turns           = 5.0,
                                  .min_p_GeV           = 0.2};
}

static struct lost_muon muon_at(double x, double y, double phi_deg, double p_r, double p_phi, double p_y)
{
    return (struct lost_muon){
        .t_ns = 1000.0, .x_mm = x, .y_mm = y, .phi_rad = phi_deg * (PI / 180.0), .p_GeV = {p_r, p_phi, p_y}};
}

/* A circle about the ring's axis at r = 7002 mm, which enters the arrays (outer edge 7015 mm) without any slope. */
static void from_face_to_face(void **state)
{
    (void)state;
    enum { N = 500 };
    struct lost_muon_par par = standard();
    struct lost_muon_setup s = setup_of(&par);
    struct lost_muon_work w  = {0};
    static struct lost_muon muon[N];
    const double p = P_GeV * 7002.0 / RING_R0_MM, beta_c = C_MM_NS * p / hypot(p, MUON_MASS_GeV),
                 pitch = 15.0 * PI / 180.0;
    double light = 0.0, n_full = 0.0, squares = 0.0, flight = 0.0, n_flights = 0.0;
    for (uint32_t i = 0; i < N; i++) {
        muon[i]          = muon_at(-110.0, 0.0, 25.0, 0.0, p, 0.0);
        muon[i].particle = muon[i].vertex = i;
    }
    assert_int_equal(lost_muon_track(&s, no_fill, muon, N, &w), ERR_OK);
    for (size_t i = 0; i < w.n_hits; i++) {
        const struct lost_muon_hit *h = &w.hit[i];
        if (h->n_before == 0) { /* 3 degrees ahead stands calorimeter 2; nothing is in between */
            assert_int_equal(h->calo, 2);
            assert_true(fabs(h->t_ns - 1000.0 - 7002.0 * pitch / 5.0 / beta_c) < 1e-6 && fabs(h->p_GeV - p) < 1e-12);
            assert_true(fabs(h->x_mm - (7002.0 - CALO_CENTRE_R_MM)) < 1e-6 && fabs(h->dxdz) < 1e-9 && h->y_mm == 0.0);
            light += h->energy_GeV;
            squares += h->energy_GeV * h->energy_GeV;
            n_full++;
        } else if (h->n_before == 1 && h->calo == 3) {
            assert_ptr_not_equal(h, w.hit);
            flight += h->t_ns - h[-1].t_ns;
            n_flights++;
            assert_true(h->p_GeV < p - 0.08); /* some 170 MeV less after 140 mm of lead fluoride */
        }
    }
    assert_int_equal((int)n_full, N);
    double mean = light / N, error = sqrt((squares / N - mean * mean) / N);
    print_message("light %.4f +- %.4f GeV; to the next calorimeter %.3f ns; %.2f calorimeters a muon\n", mean, error,
                  flight / n_flights, (double)w.n_hits / N);
    assert_true(fabs(mean - 0.170) < 4.0 * error);
    /* 15 degrees of 7002 mm take 6.118 ns; the orbit curls in by some 15 mm on average half way: 0.007 ns less */
    assert_true(fabs(flight / n_flights - 7002.0 * pitch / beta_c) < 0.03);
    assert_true(fabs(RING_R0_MM * pitch / beta_c - 6.215) < 0.01); /* on the design orbit, physics of 3.094 GeV */
    assert_true((double)w.n_hits / N > 2.2 && (double)w.n_hits / N < 3.2);
    lost_muon_work_free(&w);
}

/* What a muon hit first takes its momentum: 15 mm of copper 22.9 MeV; 0.5 mm of aluminium at 8 mrad are 62.5 mm, 32.2 MeV. */
static void what_it_hit(void **state)
{
    (void)state;
    enum { N = 4000 };
    struct lost_muon_par par = standard();
    par.n_collimators        = 0;
    struct lost_muon_setup s = setup_of(&par);
    struct lost_muon_work w  = {0};
    static struct lost_muon muon[N];
    for (int at = 0; at < 2; at++) {
        double want = at ? 22.857 : 32.24, sum = 0.0, squares = 0.0, n = 0.0;
        for (uint32_t i = 0; i < N; i++) {
            muon[i]                  = at ? muon_at(-80.0, 0.0, 301.0, 0.0, P_GeV * 0.98, 0.0)
                                          : muon_at(-64.0, 0.0, 289.5, -0.008 * P_GeV, P_GeV, 0.0);
            muon[i].is_at_collimator = at;
            muon[i].particle = muon[i].vertex = i;
        }
        double p = hypot(muon[0].p_GeV[0], muon[0].p_GeV[1]);
        assert_int_equal(lost_muon_track(&s, no_fill, muon, N, &w), ERR_OK);
        for (size_t i = 0; i < w.n_hits; i++) {
            double loss = 1e3 * (p - w.hit[i].p_GeV); /* beta 0.9994: momentum stands for energy */
            if (w.hit[i].n_before != 0 || loss > 120.0) continue;
            sum += loss;
            squares += loss * loss;
            n++;
        }
        double mean = sum / n, error = sqrt((squares / n - mean * mean) / n);
        print_message("%s: %.2f +- %.2f MeV (%.0f of %d reach a calorimeter)\n", at ? "copper" : "aluminium", mean,
                      error, n, N);
        /* the long tail of single collisions above 120 MeV, cut off, holds 2 to 3 % of the mean */
        assert_true(n > 0.05 * N && mean > 0.94 * want - 4.0 * error && mean < want + 4.0 * error);
    }
    lost_muon_work_free(&w);
}

/* The electric field holds a muon between the plates that would leave upward without it. */
static void plates_focus(void **state)
{
    (void)state;
    for (int on = 0; on < 2; on++) {
        struct lost_muon_par par = standard();
        par.n_collimators        = 0;
        par.n_index              = on ? 0.1077 : 0.0;
        struct lost_muon_setup s = setup_of(&par);
        struct lost_muon_work w  = {0};
        struct lost_muon muon    = muon_at(0.0, 0.0, 1.0, 0.0, P_GeV, 1.5e-3 * P_GeV); /* 33 mm amplitude */
        assert_int_equal(lost_muon_track(&s, no_fill, &muon, 1, &w), ERR_OK);
        assert_int_equal(muon.end, on ? LOST_MUON_TURNS : LOST_MUON_HEIGHT);
        assert_int_equal(w.n_hits, 0);
        lost_muon_work_free(&w);
    }
}

/* A muon's hits depend on itself alone. */
static void alone_or_in_company(void **state)
{
    (void)state;
    enum { N = 300 };
    struct lost_muon_par par = standard();
    struct lost_muon_setup s = setup_of(&par);
    struct lost_muon_work w = {0}, one = {0};
    static struct lost_muon muon[N];
    struct rng r = rng_start(no_fill, 4);
    for (uint32_t i = 0; i < N; i++) {
        double angle = 2.0 * PI * rng_uniform(&r), slope = 4e-3 * rng_normal(&r);
        muon[i] = muon_at(45.1 * cos(angle), 45.1 * sin(angle), 241.0, slope * P_GeV, P_GeV, 1e-3 * P_GeV);
        muon[i].is_at_collimator = true;
        muon[i].particle         = 1000 + i;
    }
    assert_int_equal(lost_muon_track(&s, no_fill, muon, N, &w), ERR_OK);
    assert_true(w.n_hits > N / 2);
    size_t n = 0;
    for (uint32_t i = 0; i < N; i++) {
        struct lost_muon again = muon[i];
        assert_int_equal(lost_muon_track(&s, no_fill, &again, 1, &one), ERR_OK);
        assert_int_equal(again.end, muon[i].end);
        assert_int_equal(again.n_calos, muon[i].n_calos);
        for (size_t k = 0; k < one.n_hits; k++, n++) {
            one.hit[k].muon = w.hit[n].muon;
            assert_int_equal(w.hit[n].n_before, k);
            assert_memory_equal(&one.hit[k].t_ns, &w.hit[n].t_ns, 8 * sizeof(double));
        }
    }
    assert_int_equal(n, w.n_hits);
    lost_muon_work_free(&w);
    lost_muon_work_free(&one);
}

static void refuses_a_collimator_at_a_face(void **state)
{
    (void)state;
    struct lost_muon_par par = standard();
    struct lost_muon_setup s = setup_of(&par);
    par.collimator_deg[1]    = 238.02; /* calorimeter 16: 238.0 */
    assert_int_equal(lost_muon_setup_make(&s.field, &par, &s), ERR_CONFIG);
    assert_non_null(strstr(err_message(), "238.0"));
    err_clear();
}

/* ---- the module --------------------------------------------------------------------------------------------------- */

static void put(struct vertex_view *v, size_t i, uint8_t fate, double t_ns)
{
    v->muon[i]      = (uint32_t)(i + 7);
    v->fate[i]      = fate;
    v->t_fill_ns[i] = t_ns;
    v->x_mm[i]      = -110.0;
    v->y_mm[i]      = 0.0;
    v->phi_rad[i]   = 25.0 * (PI / 180.0);
    v->p_r_GeV[i] = v->p_y_GeV[i] = v->s_r[i] = v->s_phi[i] = v->s_y[i] = v->turns[i] = 0.0;
    v->p_phi_GeV[i]                                                                   = P_GeV * 7002.0 / RING_R0_MM;
}

/* Only lost muons are followed, and only those late enough; rows name their vertices. */
static void module_follows_the_lost(void **state)
{
    (void)state;
    struct block *in, *out;
    void *cfg           = calloc(1, module_lost_muon.cfg_size);
    struct hist_set set = {0};
    assert_int_equal(cfg_read(module_lost_muon.fields, NULL, "lost", NULL, cfg), ERR_OK);
    assert_int_equal(block_create(&table_vertex, &in), ERR_OK);
    assert_int_equal(block_create(&table_mip_hit, &out), ERR_OK);
    struct step step = {.module = &module_lost_muon, .label = "lost", .cfg = cfg, .hists = &set, .rng = no_fill};
    step.in[0]       = in;
    step.out[0]      = out;
    assert_int_equal(module_lost_muon.begin(&step), ERR_OK);

    static const uint8_t fate[] = {0, 1, 2, 1, 3, 3};
    for (size_t n = 2; n <= 6; n += 4) {
        assert_int_equal(block_resize(in, n), ERR_OK);
        struct vertex_view v = vertex_view(in);
        for (size_t i = 0; i < n; i++) put(&v, i, fate[i], i == 5 ? -200.0 : 5e3);
        assert_int_equal(module_lost_muon.event(&step), ERR_OK);
        struct mip_hit_view hit = mip_hit_view(out);
        if (n == 2) assert_int_equal(out->n, 0); /* alive, decayed */
        for (size_t i = 0; i < out->n; i++) assert_true(hit.vertex[i] == 2 || hit.vertex[i] == 4);
        if (n == 6) assert_true(out->n > 3);
    }
    const struct hist *end = hist_find(&set, "lost_muon/end");
    assert_non_null(end);
    assert_int_equal(end->n_entries, 2);
    module_lost_muon.end(&step);
    hist_set_free(&set);
    cfg_free(module_lost_muon.fields, cfg);
    free(cfg);
    block_free(in);
    block_free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mean_loss),
        cmocka_unit_test(losses_fluctuate),
        cmocka_unit_test(scattering),
        cmocka_unit_test(paths_in_crystals),
        cmocka_unit_test(light_of_a_track),
        cmocka_unit_test(from_face_to_face),
        cmocka_unit_test(what_it_hit),
        cmocka_unit_test(plates_focus),
        cmocka_unit_test(alone_or_in_company),
        cmocka_unit_test(refuses_a_collimator_at_a_face),
        cmocka_unit_test(module_follows_the_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
