/* 300 cluster-level samples, drawn positron by positron and binned by the Wiggle module: the five-parameter fits of both
 * methods give back R without bias and with true errors. About half a minute. */
#include "wiggle_fit.h"
#include "wiggle_toy.h"
#include "wiggle_toy_fill.h"

#include <gsl/gsl_errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { N_SEEDS = 300, N_MUONS = 100000 };
#define R_TRUE_PPM -95.5
/* Uniform smearing over the bin and over the random shift, each of full width T_c: sinc(pi f_a T_c) squared. */
#define SMEARING (0.99808 * 0.99808)

#define ok(call) assert_int_equal((call), ERR_OK)

static void draw_clusters(struct block *block, uint64_t seed)
{
    struct rng r = rng_start(rng_key(seed, 1, 0, 1, 902), 0);
    size_t n     = 0;
    ok(block_resize(block, N_MUONS));
    struct cluster_view c = cluster_view(block);
    for (size_t i = 0; i < N_MUONS; i++) {
        double t_us, energy_GeV;
        int is_kept;
        do {
            t_us = 25.0 - 64.4 * log(rng_uniform(&r)); /* the fit begins at 30 us */
            toy_positron(&r, R_TRUE_PPM, t_us, &energy_GeV, &is_kept);
        } while (!is_kept);
        if (rng_uniform(&r) > toy_acceptance(energy_GeV)) continue;
        c.calo[n]       = (uint8_t)(1 + i % 24);
        c.status[n]     = 0;
        c.t_fill_ns[n]  = t_us * 1e3;
        c.energy_GeV[n] = energy_GeV;
        n++;
    }
    ok(block_resize(block, n));
}

/* As fills of 100 positrons, each with its own random shift. */
static void fill_in_parts(struct step *wiggle, const struct block *clusters, uint64_t seed)
{
    struct block part = *clusters;
    wiggle->in[0]     = &part;
    for (size_t first = 0; first < clusters->n; first += 100) {
        part.n = clusters->n - first < 100 ? clusters->n - first : 100;
        for (size_t k = 0; k < table_cluster.n_columns; k++)
            part.data[k] = (char *)clusters->data[k] + first * column_size(table_cluster.columns[k].type);
        wiggle->rng = rng_key(seed, 1, 0, (uint32_t)first + 1, module_find("Wiggle")->stream);
        ok(wiggle->module->event(wiggle));
    }
    wiggle->in[0] = NULL;
}

struct method {
    const char *hist;
    double pull[3][N_SEEDS], p_value[N_SEEDS], error[N_SEEDS], asymmetry[N_SEEDS];
};

static void fit_method(const struct hist_set *hists, struct method *m, int seed)
{
    struct wiggle_model five;
    struct wiggle_data d;
    struct wiggle_fit fit;
    ok(wiggle_model("5", &five));
    ok(wiggle_data_take(hist_find(hists, m->hist), 0, WIGGLE_FROM_US, WIGGLE_TO_US, &d));
    if (wiggle_fit(&d, &five, WIGGLE_LIKELIHOOD, &fit)) fail_msg("seed %d: %s", seed, err_message());
    m->pull[0][seed]   = (fit.value[WIGGLE_R] - R_TRUE_PPM) / fit.error[WIGGLE_R];
    m->pull[1][seed]   = (fit.value[WIGGLE_TAU] - 64.4) / fit.error[WIGGLE_TAU];
    m->pull[2][seed]   = (fit.value[WIGGLE_PHI] - 2.09) / fit.error[WIGGLE_PHI];
    m->p_value[seed]   = fit.p_value;
    m->error[seed]     = fit.error[WIGGLE_R];
    m->asymmetry[seed] = fit.value[WIGGLE_A];
    wiggle_data_free(&d);
}

static void judge(const struct method *m, double asymmetry)
{
    static const char *const names[] = {"R", "tau", "phi"};
    struct toy_moments p = toy_moments(m->p_value, N_SEEDS), a = toy_moments(m->asymmetry, N_SEEDS);
    struct toy_moments e = toy_moments(m->error, N_SEEDS);
    print_message("%s: error of R %.1f ppm, A %.4f, p %.3f +- %.3f\n", m->hist, e.mean, a.mean, p.mean, p.rms);
    for (int i = 0; i < 3; i++) {
        struct toy_moments got = toy_moments(m->pull[i], N_SEEDS);
        print_message("  pull of %s: mean %.3f, width %.3f\n", names[i], got.mean, got.rms);
        if (fabs(got.mean) > 0.2 || fabs(got.rms - 1.0) > 0.15) fail_msg("pull of %s", names[i]);
    }
    if (asymmetry > 0.0) assert_true(fabs(a.mean - asymmetry) < 5.0 * a.rms / sqrt(N_SEEDS) + 0.0005);
    assert_true(fabs(p.mean - 0.5) < 0.083); /* 5 sigma */
}

static void both_methods(void **state)
{
    (void)state;
    static struct method t = {.hist = "wiggle/t_method"}, a = {.hist = "wiggle/a_method"};
    struct hist_set hists = {0};
    struct step wiggle;
    struct block *clusters;
    ok(block_create(&table_cluster, &clusters));
    ok(toy_step(&wiggle, &hists, "Wiggle"));
    ok(wiggle.module->begin(&wiggle));
    for (int seed = 0; seed < N_SEEDS; seed++) {
        hist_set_clear(&hists);
        draw_clusters(clusters, (uint64_t)seed);
        fill_in_parts(&wiggle, clusters, (uint64_t)seed);
        fit_method(&hists, &t, seed);
        fit_method(&hists, &a, seed);
    }
    /* 0.3713: A(> 1.7 GeV) with this acceptance (physics of the decay), times polarisation */
    judge(&t, 0.3713 * 0.96 * SMEARING);
    judge(&a, 0.0);
    double ratio = toy_moments(a.error, N_SEEDS).mean / toy_moments(t.error, N_SEEDS).mean;
    print_message("A over T error: %.3f (0.877 without acceptance)\n", ratio);
    assert_true(ratio > 0.82 && ratio < 0.92);
    toy_step_free(&wiggle);
    block_free(clusters);
    hist_set_free(&hists);
}

int main(void)
{
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {cmocka_unit_test(both_methods)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
