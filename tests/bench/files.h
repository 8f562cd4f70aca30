/* Made-up files for benchmarks of the catalogue: raw subruns, 500 a run, and a child of each. */
#ifndef GM2_BENCH_FILES_H
#define GM2_BENCH_FILES_H

#include "catalogue.h"

#include <stdio.h>
#include <time.h>

enum { BENCH_BATCH = 5000 };

static inline double bench_clock_s(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
static inline double bench_now_s(void) { return bench_clock_s(CLOCK_MONOTONIC); }
static inline double bench_cpu_s(void) { return bench_clock_s(CLOCK_PROCESS_CPUTIME_ID); }

/* The file of subrun i in a place of a batch, whose texts stay until the place is used again. */
static inline void bench_file(struct catalogue_file *f, int place, long i, bool is_child)
{
    static struct catalogue_run runs[BENCH_BATCH];
    static const char *parents[BENCH_BATCH];
    static char names[BENCH_BATCH][40], raws[BENCH_BATCH][40], places[BENCH_BATCH][64];
    snprintf(raws[place], sizeof raws[place], "gm2_run%05ld_%05ld.mid", 20000 + i / 500, i % 500);
    snprintf(names[place], sizeof names[place], "full_%05ld_%05ld.h5", 20000 + i / 500, i % 500);
    snprintf(places[place], sizeof places[place], "file:/store/%s", is_child ? names[place] : raws[place]);
    runs[place]    = (struct catalogue_run){20000 + i / 500, i % 500, "physics"};
    parents[place] = raws[place];
    *f             = (struct catalogue_file){.file_name      = is_child ? names[place] : raws[place],
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
                                             .run            = &runs[place],
                                             .n_parents      = is_child ? 1 : 0,
                                             .parent         = &parents[place],
                                             .location       = places[place]};
}

#endif
