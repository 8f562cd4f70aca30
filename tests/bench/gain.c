/* Module Gain: time a pulse with all corrections, for the pulses of a fill of 5,000 muons. */
#include "bank.h"
#include "cond_use.h"
#include "mem.h"
#include "module.h"
#include "rng.h"
#include "tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern const struct module module_gain;

enum { PULSES = 5000, REPEATS = 400 };
static const char *const names[] = {"energy_scale",   "oof_correction", "stdp_correction",
                                    "ifg_correction", "time_alignment", "channel_status"};

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static enum err add_table(struct cond *cond, struct cond_use *use, int k)
{
    static const double values[6][4] = {{1.6, 0.1},        {0.99, 0.1}, {0.03, 0.1, 15, 1},
                                        {0.03, 0.1, 8, 1}, {0.5, 0.1},  {0}};
    static double column[6][COND_CHANNELS];
    struct cond_interval interval = {1, 0, COND_FOREVER, 1, 0, COND_CHANNELS};
    struct cond_set set           = {.n_intervals = 1, .n_rows = COND_CHANNELS, .interval = &interval};
    int handle;
    TRY(cond_table(cond, names[k], &set.table));
    for (int i = 0; i < COND_CHANNELS; i++) {
        column[0][i] = floor(i / (double)N_CRYSTALS) + 1.0;
        column[1][i] = i % N_CRYSTALS;
        for (int c = 2; c < 6; c++) column[c][i] = values[k][c - 2];
    }
    for (size_t c = 0; c < set.table.n_columns; c++) set.value[c] = column[c];
    return cond_use_add(use, &set, &handle);
}

static enum err make_pulses(struct block *pulse)
{
    struct rng r = rng_start(rng_key(1, 1, 0, 1, 904), 0);
    double t_ns  = 0.0;
    TRY(block_resize(pulse, PULSES));
    for (size_t c = 0; c < pulse->table->n_columns; c++)
        memset(pulse->data[c], 0, PULSES * column_size(pulse->table->columns[c].type));
    struct pulse_view v = pulse_view(pulse);
    for (size_t i = 0; i < PULSES; i++) {
        if (i % 6 == 0) t_ns = -64400.0 * log(rng_uniform(&r));
        v.calo[i]          = (uint8_t)(1 + (int)(24.0 * rng_uniform(&r)));
        v.crystal[i]       = (uint8_t)(54.0 * rng_uniform(&r));
        v.t_fill_ns[i]     = t_ns;
        v.amplitude_adc[i] = 500.0F;
        v.energy_GeV[i]    = 0.8;
    }
    return ERR_OK;
}

static enum err measure(struct step *s)
{
    struct job_info job = *s->job;
    char path[]         = "/tmp/gm2-bench_gain.XXXXXX";
    int fd              = mkstemp(path);
    struct cond *cond;
    double best = 1e9;
    if (fd >= 0) close(fd);
    TRY(cond_init(path, &(struct cond_note){"bench", "bench"}, &cond));
    for (int k = 0; k < 6; k++) TRY(add_table(cond, job.conditions, k));
    cond_close(cond);
    unlink(path);
    for (int i = 0; i < 2; i++) TRY(block_create(module_gain.in[i].table, &s->in[i]));
    TRY(block_create(&table_pulse, &s->out[0]));
    TRY(block_resize(s->in[1], 1));
    fill_view(s->in[1]).fill_type[0] = BANK_MUON;
    TRY(make_pulses(s->in[0]));
    TRY(module_gain.begin(s));
    double start = cpu_s();
    TRY(module_gain.begin_unit(s));
    printf("gain.begin_unit %.3g ms\n", 1e3 * (cpu_s() - start));
    for (int i = 0; i < REPEATS; i++) {
        start = cpu_s();
        TRY(module_gain.event(s));
        double used = cpu_s() - start;
        if (used < best) best = used;
    }
    printf("gain.pulse %.3g ns\ngain.fill.5000pulses %.3g ms\n", 1e9 * best / PULSES, 1e3 * best);
    return ERR_OK;
}

int main(void)
{
    static const char empty[]     = "services: { conditions: { database: \"\" } }";
    static const struct unit unit = {.run = 1, .subrun = 0};
    struct fhicl *document;
    struct job_info job = {.seed = 1};
    struct step s       = {.module = &module_gain, .label = "gain", .job = &job, .unit = &unit};
    void *cfg           = NULL;
    s.fill              = (struct fill){.run = 1, .event = 1};
    enum err rc         = fhicl_parse(empty, strlen(empty), "bench", &document);
    if (!rc) rc = cfg_fill_defaults(conditions_cfg_fields, document, "services.conditions");
    if (!rc) rc = cond_use_create(document, &job.conditions);
    if (!rc) rc = mem_alloc(&cfg, 1, module_gain.cfg_size);
    if (!rc) rc = cfg_read(module_gain.fields, NULL, "bench", NULL, cfg);
    s.cfg = cfg;
    if (!rc) rc = measure(&s);
    if (rc) fprintf(stderr, "bench_gain: %s\n", err_message());
    return rc != ERR_OK;
}
