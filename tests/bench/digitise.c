/* The digitiser: one whole fill by stages, and single loops. Showers are drawn plainly here: a fill of the reference
 * scenario has about 2,500 with a dozen crystals lit each. */
#define _POSIX_C_SOURCE 200809L
#include "digitise.h"
#include "bank.h"
#include "cfg.h"
#include "digitise_source.h"
#include "isa.h"
#include "mem.h"
#include "module.h"
#include "tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

extern const struct module module_digitise;

enum { SHOWERS = 2500, REPEATS = 11, STAGES = 5 };

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print(const char *name, double *t, double scale, const char *unit)
{
    qsort(t, REPEATS, sizeof *t, by_value);
    printf("digitise.%s.%s %.4g %s (best %.4g)\n", name, isa_name(isa_active()), t[REPEATS / 2] * scale, unit,
           t[0] * scale);
}

/* Energy falls with distance from the shower's centre by a factor e each 10 mm; 25.1 mm crystals. */
static size_t one_shower(struct crystal_hit_view v, size_t n, uint32_t shower)
{
    struct rng r = rng_start(rng_key(5, 5, 5, 5, 5), shower);
    double t_ns = -64400.0 * log(rng_uniform(&r)), energy = 0.2 + 2.6 * rng_uniform(&r) * rng_uniform(&r);
    double x = 9.0 * rng_uniform(&r) * 25.1, y = 6.0 * rng_uniform(&r) * 25.1, sum = 0.0, weight[N_CRYSTALS];
    uint8_t calo = (uint8_t)(1 + rng_u32(&r) % N_CALOS);
    for (int c = 0; c < N_CRYSTALS; c++) {
        int row   = c / 9;
        double dx = (c % 9 + 0.5) * 25.1 - x, dy = (row + 0.5) * 25.1 - y;
        sum += weight[c] = exp(-sqrt(dx * dx + dy * dy) / 10.0);
    }
    for (int c = 0; c < N_CRYSTALS && t_ns < 650e3; c++) {
        double e = energy * weight[c] / sum;
        if (e < 0.002) continue;
        v.calo[n]       = calo;
        v.crystal[n]    = (uint8_t)c;
        v.t_fill_ns[n]  = t_ns;
        v.energy_GeV[n] = e;
        n++;
    }
    return n;
}

static void bench_noise(void)
{
    enum { N = 80000 };
    static float z[N];
    double t[REPEATS];
    for (int i = 0; i < REPEATS; i++) {
        double start = now_ms();
        digitise_noise(rng_key(1, 2, 3, (uint32_t)i, 30), 5, 0, N, z);
        t[i] = now_ms() - start;
    }
    print("noise", t, 1e6 / N, "ns/sample");
}

static void bench_stages(struct step *step, const struct digitise_front *front)
{
    static struct digitise_fill fill;
    static struct digitise_gain gain = {.is_ifg = true, .is_stdp = true, .ifg_tau_ns = 8e3, .stdp_tau_ns = 15.0};
    static struct digitise_crate crate;
    static float work[17500];
    static int32_t sums[17500];
    double t[STAGES][REPEATS];
    struct crystal_hit_view v = crystal_hit_view(step->in[0]);
    size_t n_islands = 0, n_samples = 0;
    for (int k = 0; k < REPEATS; k++) {
        step->rng.event = (uint32_t)k + 1;
        double start    = now_ms();
        fill.n          = 0;
        for (size_t i = 0; i < v.n; i++) {
            struct digitise_light one = {24000.0 + v.t_fill_ns[i] / 1.25, (float)(v.energy_GeV[i] / 0.0016),
                                         (uint16_t)digitise_channel(v.calo[i], v.crystal[i]), PULSE_BEAM};
            if (digitise_add_light(&fill, one)) exit(1);
        }
        digitise_sort(&fill);
        t[0][k] = now_ms() - start;
        start   = now_ms();
        digitise_apply_gain(&fill, &gain);
        digitise_make_pulses(&fill, 1);
        t[1][k] = now_ms() - start;
        t[2][k] = t[3][k] = 0.0;
        n_islands = n_samples = 0;
        for (int c = 1; c <= N_CALOS; c++) {
            crate.number = c;
            crate.fill   = &fill;
            for (int s = 0; s < N_CRYSTALS; s++) crate.level_adc[s] = -1700.0F;
            start = now_ms();
            if (digitise_crate_make(front, step->rng, &crate)) exit(1);
            t[2][k] += now_ms() - start;
            start = now_ms();
            digitise_calo_sum(front, step->rng, &crate, 17500, work, sums);
            t[3][k] += now_ms() - start;
            n_islands += crate.n_windows;
            n_samples += crate.n_adc;
        }
        start = now_ms();
        if (step->module->event(step)) exit(1);
        t[4][k] = now_ms() - start;
    }
    printf("digitise.islands %zu /fill\ndigitise.samples %zu /fill\ndigitise.event %zu B/fill\n", n_islands, n_samples,
           step->out[0]->n);
    print("sort", t[0], 1.0, "ms/fill");
    print("gain", t[1], 1.0, "ms/fill");
    print("crates", t[2], 1.0, "ms/fill");
    printf("digitise.trace_sample.%s %.4g ns/sample\n", isa_name(isa_active()),
           t[2][REPEATS / 2] * 1e6 / (double)n_samples);
    printf("digitise.island_rate.%s %.4g islands/s\n", isa_name(isa_active()),
           1e3 * (double)n_islands / t[2][REPEATS / 2]);
    print("calo_sum", t[3], 1.0, "ms/fill");
    print("module", t[4], 1.0, "ms/fill");
    digitise_fill_free(&fill);
    digitise_crate_free(&crate);
}

int main(void)
{
    const struct module *m    = &module_digitise;
    const struct unit unit    = {.run = 1};
    const struct job_info job = {
        .seed = 1, .release = "", .git_commit = "", .config_id = "", .config_text = "", .process_name = "bench"};
    struct step step = {.module = m, .unit = &unit, .job = &job, .fill = {1, 1, 0, 1, 1524400000, BANK_MUON, 1}};
    const struct digitise_front front = {.n_samples          = 560000,
                                         .last_chop          = 559999,
                                         .presamples         = 8,
                                         .postsamples        = 18,
                                         .threshold_adc      = 60,
                                         .pedestal_samples   = 100,
                                         .cs_decimation      = 32,
                                         .noise_rms_adc      = 1.5F,
                                         .ctag_threshold_adc = 1250,
                                         .ctag_first_sample  = 64000};
    void *cfg;
    size_t n = 0;
    if (mem_alloc(&cfg, 1, m->cfg_size) || cfg_read(m->fields, NULL, "bench", NULL, cfg)) return 1;
    step.cfg = cfg;
    step.rng = rng_key(1, 1, 0, 1, 30);
    if (block_create(&table_crystal_hit, &step.in[0]) || block_create(&table_raw, &step.out[0]) ||
        block_create(&table_odb, &step.out[1]) || block_resize(step.in[0], (size_t)SHOWERS * N_CRYSTALS))
        return 1;
    for (uint32_t i = 0; i < SHOWERS; i++) n = one_shower(crystal_hit_view(step.in[0]), n, i);
    if (block_resize(step.in[0], n) || m->begin(&step) || m->begin_unit(&step)) return 1;
    printf("digitise.crystal_hits %zu /fill\n", n);
    const char *sets[] = {"baseline", "avx2", "avx512"};
    for (int i = 0; i < 3; i++) {
        if (isa_force(sets[i])) continue;
        bench_noise();
        bench_stages(&step, &front);
    }
    m->end(&step);
    block_free(step.in[0]);
    block_free(step.out[0]);
    block_free(step.out[1]);
    cfg_free(m->fields, cfg);
    mem_free(cfg);
    return 0;
}
