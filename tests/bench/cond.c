/* Conditions at scale: 1,000 intervals of 1,296 channels, a point look-up and a job's range, among 1e6 intervals in all.
 * On a SQLite file in TMPDIR, or the empty database that GM2_BENCH_DB names; with GM2_BENCH_FILLED an earlier
 * run has filled it. Times are of the clock and, of this process, of the processor. */
#include "cond.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SUBRUNS = 1000, CHANNELS = 1296, ALL = 1000000, LOOK_UPS = 200, REPEATS = 3 };

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double now_s(void) { return seconds(CLOCK_MONOTONIC); }

/* n intervals of `channels` rows, one a subrun from run `run` on. */
static enum err fill(struct cond *cond, int64_t run, size_t n, size_t channels)
{
    static const struct cond_note note = {"bench", "filled"};
    struct cond_set set                = {.n_rows = n * channels, .n_intervals = n};
    struct cond_loaded done;
    TRY(cond_table(cond, "oof_correction", &set.table));
    TRY(mem_alloc(&set.interval, n, sizeof *set.interval));
    for (size_t c = 0; c < set.table.n_columns; c++) TRY(mem_alloc(&set.value[c], set.n_rows, sizeof(double)));
    for (size_t i = 0; i < n; i++) {
        set.interval[i] = (struct cond_interval){.end = COND_FOREVER, .first = i * channels, .n_rows = channels};
        TRY(cond_pack(&set.table, (struct cond_time){run + (int64_t)(i / 1000), (int64_t)(i % 1000), 0},
                      &set.interval[i].begin));
        for (size_t k = 0; k < channels; k++) {
            size_t calo                    = k / 54 + 1;
            set.value[0][i * channels + k] = (double)calo;
            set.value[1][i * channels + k] = (double)(k % 54);
            set.value[2][i * channels + k] = 0.9 + 1e-7 * (double)(i + k);
            set.value[3][i * channels + k] = 1e-3;
        }
    }
    double start = now_s();
    enum err rc  = cond_load(cond, &set, COND_HEAD, &note, channels < CHANNELS, &done);
    printf("cond.load.%zux%zu %.3g s\n", n, channels, now_s() - start);
    cond_set_free(&set);
    return rc;
}

/* Look-ups of intervals of n_rows channels: `run` on if those are one a run, subruns of it if they are whole. */
static enum err measure_points(struct cond *cond, const struct cond_table *t, const char *n_rows, int64_t run)
{
    double best = 1e9, sum = 0;
    for (int i = 0; i < LOOK_UPS; i++) {
        struct cond_set set;
        int64_t key;
        TRY(cond_pack(t, (struct cond_time){run == 1 ? 1 : run + i, 7 * i % 1000, 0}, &key));
        double start = now_s();
        TRY(cond_read(cond, t->name, COND_HEAD, key, key, true, &set));
        double used = now_s() - start;
        sum += used;
        if (used < best) best = used;
        cond_set_free(&set);
    }
    printf("cond.point.%s.mean %.3g ms\ncond.point.%s.best %.3g ms\n", n_rows, 1e3 * sum / LOOK_UPS, n_rows,
           1e3 * best);
    return ERR_OK;
}

static enum err measure(struct cond *cond)
{
    struct cond_set set;
    struct cond_table t;
    double best;
    int64_t first, last;
    TRY(cond_table(cond, "oof_correction", &t));
    TRY(measure_points(cond, &t, "1", 2000));
    TRY(measure_points(cond, &t, "1296", 1));
    TRY(cond_pack(&t, (struct cond_time){1, 0, 0}, &first));
    TRY(cond_pack(&t, (struct cond_time){1, SUBRUNS - 1, 0}, &last));
    best       = 1e9;
    double cpu = 1e9;
    for (int i = 0; i < REPEATS; i++) {
        double start = now_s(), start_cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
        TRY(cond_read(cond, "oof_correction", COND_HEAD, first, last, true, &set));
        double used = now_s() - start;
        if (used < best) best = used;
        if (seconds(CLOCK_PROCESS_CPUTIME_ID) - start_cpu < cpu) cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - start_cpu;
        REQUIRE(set.n_rows == (size_t)SUBRUNS * CHANNELS, ERR_LOGIC, "%zu rows", set.n_rows);
        cond_set_free(&set);
    }
    printf("cond.range.1000x1296.best %.3g s\ncond.range.1000x1296.cpu %.3g s\n", best, cpu);
    return ERR_OK;
}

int main(void)
{
    static const struct cond_note note = {"bench", "layout"};
    char path[]                        = "/tmp/gm2-bench_cond.XXXXXX", url[64];
    const char *server                 = getenv("GM2_BENCH_DB");
    struct cond *cond                  = NULL;
    int fd                             = server ? -1 : mkstemp(path);
    if (fd >= 0) close(fd);
    snprintf(url, sizeof url, "sqlite:%s", path);
    enum err rc    = cond_init(server ? server : url, &note, &cond);
    bool is_filled = getenv("GM2_BENCH_FILLED") != NULL;
    if (!rc && !is_filled) rc = fill(cond, 1, SUBRUNS, CHANNELS);
    if (!rc && !is_filled) rc = fill(cond, 1001, ALL - SUBRUNS, 1);
    if (!rc) rc = measure(cond);
    if (rc) fprintf(stderr, "bench_cond: %s\n", err_message());
    cond_close(cond);
    if (fd >= 0) unlink(path);
    return rc != ERR_OK;
}
