/* Speed of the production's chain on raw subruns: fills of 5,000 stored muons are made first (mockdaq.fcl), then read by
 * production.fcl. CPU time, scaled to a subrun of 91 muon fills, and per GB; what the parts take by the clock; peak memory. An argument names
 * a raw file to read instead. Lines: name value unit; the median of three runs. */
#include "chain.h"
#include "cond_use.h"
#include "file.h"
#include "mem.h"
#include "midas_file.h"
#include "pulse_shape.h"
#include "tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { N_FILLS = 9, FULL_SUBRUN = 91, REPEATS = 3, MAX_STEPS = 32 };

static char folder[64];
static const struct job_info job = {.seed = 1, .release = "", .git_commit = "", .config_id = "", .config_text = ""};
static const struct provenance provenance = {.process_name   = "bench",
                                             .release        = "",
                                             .git_commit     = "",
                                             .config_text    = "",
                                             .config_id      = "",
                                             .isa            = "",
                                             .constants_set  = "",
                                             .conditions_tag = "",
                                             .parents        = ""};

static void stop_on(enum err rc)
{
    if (!rc) return;
    fprintf(stderr, "%s\n", err_message());
    exit(err_exit_code(rc));
}

/* Constants of a typical size for every channel, those that correct nothing left out. */
static struct cond_use *make_constants(void)
{
    static const struct {
        const char *table;
        double value[4];
    } typical[]              = {{"energy_scale", {1.6, 0.01}},
                                {"oof_correction", {1.01, 0.001}},
                                {"stdp_correction", {0.03, 0.001, 15.0, 0.5}},
                                {"ifg_correction", {0.03, 0.001, 8.0, 0.1}},
                                {"time_alignment", {0.5, 0.01}},
                                {"channel_status", {0.0}}};
    static const char text[] = "services.conditions.database: \"\"";
    static double value[6][COND_CHANNELS];
    struct fhicl *document;
    struct cond_use *use;
    stop_on(fhicl_parse(text, sizeof text - 1, "bench", &document));
    stop_on(cfg_fill_defaults(conditions_cfg_fields, document, "services.conditions"));
    stop_on(cond_use_create(document, &use));
    fhicl_free(document);
    for (size_t k = 0; k < sizeof typical / sizeof typical[0]; k++) {
        struct cond_interval interval = {.id = 1, .end = COND_FOREVER, .load_id = 1, .n_rows = COND_CHANNELS};
        struct cond_set set           = {.table       = *cond_standard_table(typical[k].table),
                                         .n_intervals = 1,
                                         .n_rows      = COND_CHANNELS,
                                         .interval    = &interval};
        int handle;
        for (size_t i = 0; i < COND_CHANNELS; i++) {
            value[0][i] = (double)(1 + i / N_CRYSTALS);
            value[1][i] = (double)(i % N_CRYSTALS);
            for (size_t c = 2; c < set.table.n_columns && c < 6; c++) value[c][i] = typical[k].value[c - 2];
        }
        for (size_t c = 0; c < set.table.n_columns && c < 6; c++) set.value[c] = value[c];
        stop_on(cond_use_add(use, &set, &handle));
    }
    return use;
}

static void make_chain(const char *name, const char *const settings[][2], const struct job_info *about,
                       struct chain **out)
{
    char path[512];
    struct fhicl *document;
    snprintf(path, sizeof path, "%s/jobs/fcl/%s", TEST_SOURCE_DIR, name);
    stop_on(fhicl_read(path, &document));
    for (; settings && settings[0][0]; settings++)
        stop_on(fhicl_set(document, settings[0][0], settings[0][1], "bench"));
    stop_on(chain_complete(document));
    stop_on(chain_create(document, about, &provenance, out));
    fhicl_free(document);
}

/* Muon fills alone, without whole waveforms: islands as a subrun of 91 has them. */
static void make_raw(void)
{
    static const char *const settings[][2] = {{"source.fills", "muon"},
                                              {"source.fills_per_subrun", "9"},
                                              {"physics.producers.digitise.raw_every", "0"},
                                              {"physics.producers.digitise.q_flush_fills", "0"},
                                              {NULL, NULL}};
    static const struct unit unit          = {.run = 1, .n_fills = N_FILLS, .out_dir = folder};
    struct chain *chain;
    atomic_bool stop = false;
    char path[128];
    struct unit_result result;
    make_chain("mockdaq.fcl", settings, &job, &chain);
    snprintf(path, sizeof path, "%s/mock.h5", folder);
    stop_on(chain_run_unit(chain, &unit, path, &stop, &result));
    chain_free(chain);
    unlink(path);
}

/* What one pass over the file took. */
struct pass {
    double cpu_s, part_s[MAX_STEPS];
    char part[MAX_STEPS][64];
    size_t n_parts;
    int64_t n_fills;
    uint64_t n_pulses, n_traces;
};

static void count_fits(const char *path, struct pass *out)
{
    struct block *pulse, *island;
    stop_on(block_create(&table_pulse, &pulse));
    stop_on(block_create(&table_island, &island));
    stop_on(file_read_table(path, "pulse_fit", pulse));
    stop_on(file_read_table(path, "island", island));
    const struct island_view v = island_view(island);
    out->n_pulses              = pulse->n;
    for (size_t i = 0; i < v.n; i++) out->n_traces += v.n_crystals[i];
    block_free(pulse);
    block_free(island);
}

/* Pulses and islands are kept only to be counted, in a pass that is not timed. */
static void read_raw(const char *raw, bool counts, struct pass *out)
{
    static const char *const settings[][2] = {
        {"outputs.out.drop", "[]"}, {"outputs.out.keep", "[reco, dqc, hist, island]"}, {NULL, NULL}};
    struct unit unit = {.run = 1, .n_fills = -1, .source = raw, .out_dir = folder};
    struct chain *chain;
    atomic_bool stop = false;
    char path[128];
    struct unit_result result;
    *out                  = (struct pass){0};
    struct job_info about = job;
    about.conditions      = make_constants();
    make_chain("production.fcl", counts ? settings : NULL, &about, &chain);
    snprintf(path, sizeof path, "%s/full.h5", folder);
    stop_on(chain_run_unit(chain, &unit, path, &stop, &result));
    const struct chain_time *t = chain_times(chain, &out->n_parts);
    if (out->n_parts > MAX_STEPS) out->n_parts = MAX_STEPS;
    for (size_t i = 0; i < out->n_parts; i++) {
        out->part_s[i] = t[i].wall_s;
        memcpy(out->part[i], t[i].type, sizeof out->part[i]);
    }
    out->cpu_s   = result.cpu_seconds;
    out->n_fills = result.n_fills;
    if (counts) count_fits(path, out);
    chain_free(chain);
    cond_use_free(about.conditions);
    unlink(path);
}

static int by_time(const void *a, const void *b)
{
    const struct pass *x = a, *y = b;
    return (x->cpu_s > y->cpu_s) - (x->cpu_s < y->cpu_s);
}

static void print_pass(const struct pass *p, const struct pass *counted, double bytes)
{
    const double scale = (double)FULL_SUBRUN / (double)p->n_fills, GB = 1e-9 * bytes;
    printf("chain.raw_bytes %.0f B\n", bytes);
    printf("chain.file %.2f s\n", p->cpu_s);
    printf("chain.subrun_of_91 %.2f s\n", p->cpu_s * scale);
    printf("chain.per_GB %.2f s/GB\n", p->cpu_s / GB);
    for (size_t i = 1; i < p->n_parts; i++) {
        printf("chain.%s.subrun_of_91 %.3f s\n", p->part[i], p->part_s[i] * scale);
        if (strcmp(p->part[i], "CaloUnpack") == 0) printf("chain.unpack %.0f MB/s\n", 1e3 * GB / p->part_s[i]);
        if (strcmp(p->part[i], "PulseFit") != 0) continue;
        printf("chain.fits %.0f traces/s\n", (double)counted->n_traces / p->part_s[i]);
        printf("chain.pulses %.0f pulses/s\n", (double)counted->n_pulses / p->part_s[i]);
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("chain.peak_memory %.0f MB\n", (double)usage.ru_maxrss / 1024.0);
}

int main(int argc, char **argv)
{
    static struct pass pass[REPEATS], counted;
    char raw[128];
    struct stat st;
    snprintf(folder, sizeof folder, "%s/gm2-bench.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder)) return 1;
    snprintf(raw, sizeof raw, "%s/gm2_run00001_00000.mid", folder);
    if (argc < 2) make_raw();
    const char *path = argc < 2 ? raw : argv[1];
    read_raw(path, true, &counted);
    for (int i = 0; i < REPEATS; i++) read_raw(path, false, &pass[i]);
    qsort(pass, REPEATS, sizeof pass[0], by_time);
    if (stat(path, &st) == 0) print_pass(&pass[REPEATS / 2], &counted, (double)st.st_size);
    unlink(raw);
    return rmdir(folder) != 0;
}
