/* The catalogue at scale: raw files and one child of nine in ten, in batches of 1000.
 *   bench_catalogue [N_RAW]     default 100000; GM2_BENCH_DB=URL for a server */
#include "catalogue.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 1000 };

static double clock_s(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
static double now_s(void) { return clock_s(CLOCK_MONOTONIC); }
static double cpu_s(void) { return clock_s(CLOCK_PROCESS_CPUTIME_ID); }

static struct catalogue_run runs[BATCH];
static const char *parents[BATCH];
static char names[BATCH][40], raws[BATCH][40], places[BATCH][64];

static void set_file(struct catalogue_file *f, int slot, long i, bool is_child)
{
    snprintf(raws[slot], sizeof raws[slot], "gm2_run%05ld_%05ld.mid", 20000 + i / 500, i % 500);
    snprintf(names[slot], sizeof names[slot], "full_v9_%05ld_%05ld.h5", 20000 + i / 500, i % 500);
    snprintf(places[slot], sizeof places[slot], "file:/store/%s", is_child ? names[slot] : raws[slot]);
    runs[slot]    = (struct catalogue_run){20000 + i / 500, i % 500, "physics"};
    parents[slot] = raws[slot];
    *f            = (struct catalogue_file){.file_name      = is_child ? names[slot] : raws[slot],
                                            .checksum       = "adler32:00000001",
                                            .file_type      = "importedDetector",
                                            .file_format    = is_child ? "hdf5" : "midas",
                                            .data_tier      = is_child ? "reco" : "raw",
                                            .data_stream    = "full",
                                            .content_status = "good",
                                            .family         = "gm2",
                                            .application    = is_child ? "full" : "daq",
                                            .version        = "v9_71_00",
                                            .git_commit     = "",
                                            .fcl_name       = "",
                                            .fcl_hash       = "",
                                            .process_name   = "",
                                            .conditions_tag = "",
                                            .constants_set  = "",
                                            .isa            = "",
                                            .seed           = "",
                                            .host           = "",
                                            .file_size      = 2000000000,
                                            .event_count    = 91,
                                            .first_event    = 1,
                                            .last_event     = 91,
                                            .n_runs         = 1,
                                            .run            = &runs[slot],
                                            .n_parents      = is_child ? 1 : 0,
                                            .parent         = &parents[slot],
                                            .location       = places[slot]};
}

static enum err fill(struct catalogue *c, long n, bool is_child, const char *name)
{
    static struct catalogue_file file[BATCH];
    static struct catalogue_result result[BATCH];
    double start = now_s(), cpu = cpu_s();
    long n_done = 0;
    for (long first = 0; first < n; first += BATCH) {
        int k = 0;
        for (long i = first; i < first + BATCH && i < n; i++)
            if (!is_child || i % 10) set_file(&file[k], k, i, is_child), k++;
        TRY(catalogue_declare(c, file, (size_t)k, "bench", result));
        n_done += k;
    }
    printf("%s %.0f files/s, %.0f a second of this process\n", name, (double)n_done / (now_s() - start),
           (double)n_done / (cpu_s() - cpu));
    return ERR_OK;
}

static enum err ask(struct catalogue *c, const char *name, const char *query)
{
    int64_t n, bytes, events;
    double best = 1e9, best_cpu = 1e9;
    for (int i = 0; i < 3; i++) {
        double start = now_s(), cpu = cpu_s();
        TRY(catalogue_count(c, query, &n, &bytes, &events));
        if (now_s() - start < best) best = now_s() - start;
        if (cpu_s() - cpu < best_cpu) best_cpu = cpu_s() - cpu;
    }
    printf("%s %.4f s, %.4f s of this process (%lld files)\n", name, best, best_cpu, (long long)n);
    return ERR_OK;
}

static enum err bench(struct catalogue *c, long n)
{
    TRY(fill(c, n, false, "catalogue.declare.raw"));
    TRY(fill(c, n, true, "catalogue.declare.child"));
    TRY(ask(c, "catalogue.query.name", "file_name gm2_run20001_00007.mid"));
    TRY(ask(c, "catalogue.query.run", "data_tier raw and run_number 20001-20010"));
    TRY(ask(c, "catalogue.query.pending", "data_tier raw minus isparentof: (data_tier reco and version v9_71_00)"));
    return ask(c, "catalogue.query.all", "data_tier raw");
}

int main(int argc, char **argv)
{
    char path[]     = "/tmp/bench_catalogue.XXXXXX";
    const char *url = getenv("GM2_BENCH_DB");
    long n          = argc > 1 ? strtol(argv[1], NULL, 10) : 100000;
    struct catalogue *c;
    if (!url) {
        int fd = mkstemp(path);
        if (fd < 0) return 1;
        close(fd);
        unlink(path);
    }
    enum err rc = catalogue_init(url ? url : path, &c);
    if (!rc) {
        rc = bench(c, n);
        catalogue_close(c);
    }
    if (!url) unlink(path);
    if (rc) fprintf(stderr, "%s\n", err_message());
    return err_exit_code(rc);
}
