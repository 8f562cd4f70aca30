/* HDF5: what writing a fill costs, and MB/s (of uncompressed columns) written, read and merged.
 *
 * Tables and row counts of a simulated fill of 5,000 muons; values of random mantissa, as real ones are. */
#include "file.h"
#include "file_fills.h"

#include "mem.h"
#include "tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { N_FILLS = 10, N_UNITS = 4, N_REPEATS = 3 };

static const struct content {
    const struct table *table;
    size_t n;
} truth[]  = {{&table_muon, 5000},     {&table_vertex, 5000},       {&table_positron, 4900},
              {&table_calo_hit, 1500}, {&table_crystal_hit, 15000}, {NULL, 0}},
  reco[]   = {{&table_fill, 1}, {&table_pulse, 8000}, {&table_cluster, 1200}, {&table_cluster_truth, 1200}, {NULL, 0}},
  digits[] = {{&table_island, 1500}, {&table_trace, 40000}, {&table_sample, 1600000}, {NULL, 0}};

/* CPU seconds: other work on the machine does not count, waiting for the disk neither. */
static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint64_t mix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z          = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z          = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void fill_column(const struct column *c, void *data, size_t n, uint64_t *state)
{
    for (size_t i = 0; i < n * c->width; i++) {
        uint64_t r = mix(state);
        double u   = (double)(r >> 11) * 0x1p-53;
        switch (c->type) {
        case COL_f64: ((double *)data)[i] = 100.0 * u - 30.0; break;
        case COL_f32: ((float *)data)[i] = (float)(100.0 * u - 30.0); break;
        case COL_i64: ((int64_t *)data)[i] = (int64_t)i; break;
        case COL_i32: ((int32_t *)data)[i] = (int32_t)(1000 * i + r % 1000); break;
        case COL_u32: ((uint32_t *)data)[i] = (uint32_t)i; break;
        case COL_i16: ((int16_t *)data)[i] = (int16_t)(-1700 + (int)(r % 6)); break;
        case COL_u16: ((uint16_t *)data)[i] = (uint16_t)(r % 54); break;
        default: ((uint8_t *)data)[i] = (uint8_t)(r % 54); break;
        }
    }
}

static void check(enum err rc)
{
    if (!rc) return;
    fprintf(stderr, "%s\n", err_message());
    exit(err_exit_code(rc));
}

/* Seconds to write one unit, without the making of the numbers; bytes of columns, on disk. */
static double write_unit(const char *path, const struct content *what, uint32_t subrun, double *bytes,
                         double *seconds_append)
{
    struct provenance p    = {"bench", "0", "unknown", "a: 1\n", "0", "avx2", "set", "", "", 1, "", ""};
    struct unit unit       = {.run = 1, .subrun = subrun, .n_fills = N_FILLS};
    struct block *block[8] = {0};
    struct unit_file *f    = NULL;
    uint64_t state         = subrun;
    *bytes                 = 0;
    for (size_t k = 0; what[k].table; k++) {
        check(block_create(what[k].table, &block[k]));
        check(block_resize(block[k], what[k].n));
    }
    double t0 = cpu_s(), making = 0;
    check(unit_file_create(path, &p, &unit, &f));
    for (uint32_t e = 1; e <= N_FILLS; e++) {
        double t1 = cpu_s();
        for (size_t k = 0; what[k].table; k++)
            for (size_t c = 0; c < what[k].table->n_columns; c++) {
                /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): check() ends the program */
                fill_column(&what[k].table->columns[c], block[k]->data[c], what[k].n, &state);
                *bytes += (double)(what[k].n * column_size(what[k].table->columns[c].type));
            }
        making += cpu_s() - t1;
        struct fill fill = {.run = 1, .subrun = subrun, .event = e};
        for (size_t k = 0; what[k].table; k++) check(unit_file_append(f, what[k].table->name, block[k], &fill));
    }
    *seconds_append = cpu_s() - t0 - making;
    check(unit_file_finish(f, NULL, N_FILLS));
    double t = cpu_s() - t0 - making;
    check(unit_file_publish(f));
    for (size_t k = 0; what[k].table; k++) block_free(block[k]);
    return t;
}

static void add_bytes(const char *group, uint64_t bytes, uint64_t rows, void *total)
{
    (void)group, (void)rows;
    *(double *)total += (double)bytes;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void print(const char *name, const char *what, double value[N_REPEATS], const char *unit)
{
    qsort(value, N_REPEATS, sizeof *value, by_size);
    printf("file.%s.%s %.4g %s\n", name, what, value[N_REPEATS / 2], unit);
}

/* CPU seconds of reading a unit's tables fill by fill, as a source does. */
static double read_fills(const char *path, const struct content *what)
{
    struct file_fills *f;
    struct block *block[8];
    int handle[8], n = 0;
    size_t n_fills;
    double start = cpu_s();
    check(file_fills_open(path, &f));
    for (; what[n].table; n++) {
        check(block_create(what[n].table, &block[n]));
        check(file_fills_add(f, what[n].table, &handle[n]));
    }
    check(file_fills_seek(f, 1, 0, &n_fills));
    for (size_t i = 0; i < n_fills; i++)
        for (int k = 0; k < n; k++) check(file_fills_read(f, handle[k], i, block[k]));
    file_fills_close(f);
    while (n > 0) block_free(block[--n]);
    return cpu_s() - start;
}

static void bench(const char *name, const struct content *what, const char *folder)
{
    double write[N_REPEATS], append[N_REPEATS], verify[N_REPEATS], fills[N_REPEATS], merge[N_REPEATS];
    double bytes, on_disk = 0;
    char path[N_UNITS][256], shard[256];
    const char *units[N_UNITS];
    snprintf(shard, sizeof shard, "%s/shard.h5", folder);
    for (int r = 0; r < N_REPEATS; r++) {
        double t = 0, a = 0, one;
        for (int u = 0; u < N_UNITS; u++) {
            snprintf(path[u], sizeof path[u], "%s/%s%d.h5", folder, name, u);
            units[u] = path[u];
            unlink(path[u]);
            t += write_unit(path[u], what, (uint32_t)u, &bytes, &one) / N_UNITS;
            a += one / N_UNITS;
        }
        write[r]  = 1e3 * t / N_FILLS;
        append[r] = 1e3 * a / N_FILLS;
        double t0 = cpu_s();
        check(file_verify(path[0]));
        verify[r] = bytes / (cpu_s() - t0) * 1e-6;
        fills[r]  = 1e3 * read_fills(path[0], what) / N_FILLS;
        unlink(shard);
        t0 = cpu_s();
        check(shard_merge(units, N_UNITS, shard, INT64_MAX));
        merge[r] = N_UNITS * bytes / (cpu_s() - t0) * 1e-6;
    }
    check(file_table_bytes(path[0], add_bytes, &on_disk));
    printf("file.%s.columns %.4g kB/fill\n", name, bytes / N_FILLS * 1e-3);
    printf("file.%s.disk %.4g kB/fill\n", name, on_disk / N_FILLS * 1e-3);
    print(name, "append", append, "CPU-ms/fill");
    print(name, "write", write, "CPU-ms/fill"); /* with closing, checking and syncing */
    qsort(write, N_REPEATS, sizeof *write, by_size);
    printf("file.%s.write_rate %.4g MB/CPU-s\n", name, bytes / N_FILLS * 1e-3 / write[N_REPEATS / 2]);
    print(name, "read", verify, "MB/CPU-s");
    print(name, "read_fill", fills, "CPU-ms/fill");
    print(name, "merge", merge, "MB/CPU-s");
}

int main(void)
{
    char folder[256], command[300];
    const char *top = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/gm2-bench_file.XXXXXX", top ? top : "/tmp");
    if (!mkdtemp(folder)) return 1;
    bench("truth", truth, folder);
    bench("reco", reco, folder);
    bench("digits", digits, folder);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) ? 1 : 0;
}
