/* Guns: cost of a muon at its start, and of a row of a phase-space file. */
#define _POSIX_C_SOURCE 200809L
#include "mem.h"
#include "module.h"
#include "phase_space.h"
#include "tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { N = 50000, N_ROWS = 200000, REPEATS = 9 };

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *t)
{
    qsort(t, REPEATS, sizeof *t, by_value);
    return t[REPEATS / 2];
}

/* Seconds a fill of N muons. */
static enum err time_gun(const char *name, const char *text, double *seconds)
{
    const struct module_entry *entry = module_find(name);
    struct unit unit                 = {.run = 1};
    struct hist_set hists            = {0};
    struct fhicl *table;
    void *cfg;
    double t[REPEATS];
    TRY(fhicl_parse(text, strlen(text), "bench", &table));
    TRY(mem_alloc(&cfg, 1, entry->module->cfg_size));
    TRY(cfg_read(entry->module->fields, table, name, NULL, cfg));
    struct step s = {.module = entry->module, .label = name, .cfg = cfg, .unit = &unit, .hists = &hists};
    TRY(block_create(&table_muon, &s.out[0]));
    TRY(s.module->begin(&s));
    for (uint32_t k = 0; k < REPEATS; k++) {
        s.fill       = (struct fill){.seed = 1, .run = 1, .event = k + 1};
        s.rng        = rng_key(1, 1, 0, k + 1, entry->stream);
        double start = now_s();
        TRY(s.module->event(&s));
        t[k] = now_s() - start;
    }
    *seconds = median(t);
    s.module->end(&s);
    block_free(s.out[0]);
    cfg_free(s.module->fields, cfg);
    mem_free(cfg);
    hist_set_free(&hists);
    fhicl_free(table);
    return ERR_OK;
}

static enum err bench(const char *path)
{
    static const struct {
        const char *figure, *module, *text;
    } guns[] = {{"gun.gas", "GasGun", "muons_per_fill: 50000"},
                {"gun.inflector", "InflectorGun", "muons_per_fill: 50000"},
                {"gun.inflector.delivered", "InflectorGun", "muons_per_fill: 50000 count: entrance"},
                {"gun.file.sequence", "FileGun", "reuse: wrap"},
                {"gun.file.shuffle", "FileGun", "reuse: wrap order: shuffle"},
                {"gun.file.resample", "FileGun", "order: resample"}};
    double t[REPEATS], seconds;
    for (int k = 0; k < REPEATS; k++) {
        struct phase_space p;
        const struct phase_space_options o = {.polarisation = -0.96, .is_checked = true};
        double start                       = now_s();
        TRY(phase_space_read(path, "", &o, &p));
        t[k] = now_s() - start;
        phase_space_free(&p);
    }
    printf("gun.file.read %.0f ns/row\n", 1e9 * median(t) / N_ROWS);
    for (size_t i = 0; i < sizeof guns / sizeof guns[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, "%s", guns[i].text);
        if (strcmp(guns[i].module, "FileGun") == 0)
            snprintf(text, sizeof text, "path: \"%s\" muons_per_fill: %d %s", path, N, guns[i].text);
        TRY(time_gun(guns[i].module, text, &seconds));
        printf("%s %.0f ns/muon\n", guns[i].figure, 1e9 * seconds / N);
    }
    return ERR_OK;
}

int main(void)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/bench_guns.%d", (int)getpid());
    FILE *f = fopen(path, "w");
    if (!f) return 1;
    fprintf(f, "x_mm,y_mm,xp_mrad,yp_mrad,p_GeV,t_ns\n");
    for (int i = 0; i < N_ROWS; i++)
        fprintf(f, "%.4f,%.4f,%.5f,%.5f,%.7f,%.3f\n", 0.0001 * (i % 99991), 0.0001 * (i % 99989), 1e-5 * (i % 99971),
                1e-5 * (i % 99961), 3.09 + 1e-7 * (i % 99929), 1e-3 * (i % 99923));
    if (fclose(f) != 0) return 1;
    enum err rc = bench(path);
    if (rc) fprintf(stderr, "%s\n", err_message());
    unlink(path);
    return rc ? 1 : 0;
}
