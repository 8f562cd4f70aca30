/* The wiggle: binning of clusters, and fits of 4,154 bins. Medians of interleaved repeats. */
#include "wiggle_fit.h"
#include "wiggle_toy.h"
#include "wiggle_toy_fill.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { N_REPEATS = 9 };

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print(const char *name, double *seconds, double per, double unit, const char *unit_name)
{
    qsort(seconds, N_REPEATS, sizeof *seconds, by_size);
    printf("%s %.4g %s\n", name, seconds[N_REPEATS / 2] / per * unit, unit_name);
    printf("%s.best %.4g %s\n", name, seconds[0] / per * unit, unit_name);
}

struct sample {
    struct wiggle_data data;
    struct wiggle_model five, cbo;
};

static enum err make_sample(struct sample *s)
{
    double truth[9] = {0, 64.4, 0.37, -95.5, 2.09, 0.004, 2.33, 1.0, 175.0};
    s->data         = (struct wiggle_data){.n = 4154, .bin_us = 0.1492};
    TRY(wiggle_model("5", &s->five));
    TRY(wiggle_model("cbo", &s->cbo));
    TRY(mem_alloc(&s->data.t_us, s->data.n, sizeof(double)));
    TRY(mem_alloc(&s->data.content, s->data.n, sizeof(double)));
    for (size_t i = 0; i < s->data.n; i++) s->data.t_us[i] = WIGGLE_FROM_US + ((double)i + 0.5) * s->data.bin_us;
    truth[0] = toy_n0(&s->data, 1e9);
    toy_poisson(&s->data, &s->cbo, truth, 1);
    return ERR_OK;
}

static enum err bench(void)
{
    enum { N_FILLS = 40 };
    double bin_s[N_REPEATS], five_s[N_REPEATS], cbo_s[N_REPEATS], n_clusters = 0.0;
    struct sample s;
    struct wiggle_fit fit;
    struct hist_set hists = {0};
    struct step wiggle;
    struct toy_fill fill;
    TRY(make_sample(&s));
    TRY(toy_fill_create(&fill));
    TRY(toy_fill_make(&fill, rng_key(1, 1, 0, 1, 901), 5000, -95.5));
    TRY(toy_step(&wiggle, &hists, "Wiggle"));
    wiggle.in[0] = fill.table[TOY_CLUSTER];
    wiggle.in[2] = fill.table[TOY_PULSE];
    TRY(wiggle.module->begin(&wiggle));
    for (int k = 0; k < N_REPEATS; k++) {
        double begin = cpu_s();
        for (uint32_t i = 1; i <= N_FILLS; i++) {
            wiggle.rng = rng_key(1, 1, 0, i, 70);
            TRY(wiggle.module->event(&wiggle));
        }
        bin_s[k] = cpu_s() - begin;
        begin    = cpu_s();
        TRY(wiggle_fit(&s.data, &s.five, WIGGLE_LIKELIHOOD, &fit));
        five_s[k] = cpu_s() - begin;
        begin     = cpu_s();
        TRY(wiggle_fit(&s.data, &s.cbo, WIGGLE_LIKELIHOOD, &fit));
        cbo_s[k] = cpu_s() - begin;
    }
    n_clusters = (double)fill.table[TOY_CLUSTER]->n * N_FILLS;
    print("wiggle.histograms", bin_s, n_clusters, 1e9, "ns/cluster");
    print("wiggle.fit.5", five_s, 1.0, 1e3, "ms");
    print("wiggle.fit.cbo", cbo_s, 1.0, 1e3, "ms");
    toy_step_free(&wiggle);
    toy_fill_free(&fill);
    wiggle_data_free(&s.data);
    hist_set_free(&hists);
    return ERR_OK;
}

int main(void)
{
    enum err rc = bench();
    if (rc) fprintf(stderr, "%s\n", err_message());
    return err_exit_code(rc);
}
