/* Closing words of a job. */
#include "summary.h"

#include "comm.h"
#include "mem.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

struct rank_facts {
    int64_t peak_kB;
    double cpu_s;
};

static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
           1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void print_trig_report(const struct chain_time *t, size_t n)
{
    printf("\nTrigReport ---------- Event summary -------------\n");
    printf("TrigReport Events total = %" PRId64 " passed = %" PRId64 " failed = %" PRId64 "\n", t[0].n, t[0].n_passed,
           t[0].n_failed);
    printf("TrigReport ---------- Modules in order ----------\n");
    printf("TrigReport %12s %12s %12s %12s  %s\n", "Visited", "Passed", "Failed", "Error", "path:label:type");
    for (size_t i = 1; i < n; i++)
        printf("TrigReport %12" PRId64 " %12" PRId64 " %12" PRId64 " %12" PRId64 "  %s:%s:%s\n", t[i].n, t[i].n_passed,
               t[i].n - t[i].n_passed - t[i].n_failed, t[i].n_failed, t[i].path, t[i].label, t[i].type);
}

static void print_time_report(const struct chain_time *t, size_t n, double cpu_s, double wall_s)
{
    printf("\nTimeReport ---------- Time summary [s] ----------\n");
    printf("TimeReport CPU = %.3f Real = %.3f (CPU over all ranks)\n", cpu_s, wall_s);
    printf("TimeReport %11s %11s %11s %11s %11s %8s %7s  %s\n", "Min", "Avg", "Max", "Median", "RMS", "nEvts", "share",
           "path:label:type");
    for (size_t i = 0; i < n; i++) {
        if (t[i].n == 0) continue;
        double mean = t[i].wall_s / (double)t[i].n, square = t[i].wall2_s2 / (double)t[i].n - mean * mean;
        printf("TimeReport %11.6f %11.6f %11.6f %11.6f %11.6f %8" PRId64 " %6.1f%%  %s%s%s%s%s\n", t[i].min_s, mean,
               t[i].max_s, chain_time_median_s(&t[i]), sqrt(square > 0.0 ? square : 0.0), t[i].n,
               t[0].wall_s > 0.0 ? 100.0 * t[i].wall_s / t[0].wall_s : 0.0, t[i].path, i ? ":" : "", t[i].label,
               i ? ":" : "", t[i].type);
    }
}

static void print_memory(const struct rank_facts *f, int n_ranks)
{
    int64_t highest = 0, sum = 0;
    for (int k = 0; k < n_ranks; k++) {
        sum += f[k].peak_kB;
        if (f[k].peak_kB > highest) highest = f[k].peak_kB;
    }
    printf("\nMemReport  ---------- Memory summary [MB] -------\n");
    printf("MemReport  VmHWM largest of %d ranks = %.1f, all = %.1f\n", n_ranks, (double)highest / 1024.0,
           (double)sum / 1024.0);
}

struct tier_bytes {
    char tier[16];
    uint64_t bytes;
    int64_t n_fills; /* where not all files have this tier (raw), else 0 */
};

struct byte_count {
    struct tier_bytes tier[12];
    size_t n;
};

static void add_bytes(struct byte_count *count, const char *tier, uint64_t bytes, int64_t n_fills)
{
    size_t i = 0;
    while (i < count->n && strcmp(count->tier[i].tier, tier) != 0) i++;
    if (i == count->n) {
        if (count->n == sizeof count->tier / sizeof count->tier[0]) return;
        snprintf(count->tier[count->n++].tier, sizeof count->tier[0].tier, "%s", tier);
    }
    count->tier[i].bytes += bytes;
    count->tier[i].n_fills += n_fills;
}

static void count_group(const char *group, uint64_t bytes, uint64_t rows, void *arg)
{
    (void)rows;
    char name[128];
    snprintf(name, sizeof name, "%s", group);
    const struct table *t = table_by_name(name);
    char *cut             = strrchr(name, '_');
    while (!t && cut) { /* a second instance: TABLE_label */
        *cut = 0;
        t    = table_by_name(name);
        cut  = strrchr(name, '_');
    }
    add_bytes(arg, t ? t->tier : strncmp(group, "hist", 4) == 0 ? "hist" : "index", bytes, 0);
}

/* Bytes of what is published, and the fills in it. */
static void count_products(const struct job *job, struct byte_count *count, int64_t *n_files, int64_t *n_fills)
{
    char path[1536];
    DIR *d        = opendir(job->out_dir);
    size_t n_stem = strlen(job->out_stem);
    if (!d) return;
    for (struct dirent *e; (e = readdir(d));) {
        struct stat st;
        struct file_summary s;
        const char *dot = strrchr(e->d_name, '.');
        snprintf(path, sizeof path, "%s/%.400s", job->out_dir, e->d_name);
        bool is_ours = strncmp(e->d_name, job->out_stem, n_stem) == 0 && e->d_name[n_stem] == '_';
        bool is_raw  = strncmp(e->d_name, "gm2_run", 7) == 0 && strstr(e->d_name, ".mid") && job->is_simulation;
        if (!dot || strcmp(dot, ".part") == 0 || strcmp(dot, ".json") == 0 || strcmp(dot, ".csv") == 0 ||
            strcmp(dot, ".damaged") == 0)
            continue;
        if (is_raw && stat(path, &st) == 0) {
            add_bytes(count, "raw (MIDAS)", (uint64_t)st.st_size, job->units[0].n_fills);
            (*n_files)++;
        } else if (is_ours && strcmp(dot, ".h5") == 0 && !file_summary(path, &s)) {
            file_table_bytes(path, count_group, count);
            *n_fills += s.n_fills;
            (*n_files)++;
        }
    }
    closedir(d);
    err_clear();
}

static void print_products(const struct job *job, const struct run_totals *t)
{
    struct byte_count count = {0};
    int64_t n_files = 0, n_fills = 0;
    if (job->n_units <= 20000) count_products(job, &count, &n_files, &n_fills);
    printf("\nProducts   %s/%s_*: %" PRId64 " files, %" PRId64 " fills\n", job->out_dir, job->out_stem, n_files,
           n_fills);
    for (size_t i = 0; i < count.n; i++)
        printf("Products   %-12s %10.3f MB, %10.0f bytes a fill\n", count.tier[i].tier,
               1e-6 * (double)count.tier[i].bytes,
               (double)count.tier[i].bytes / (double)(count.tier[i].n_fills ? count.tier[i].n_fills
                                                      : n_fills             ? n_fills
                                                                            : 1));
    printf("Units      %" PRId64 " in all: %" PRId64 " done before, %" PRId64 " done now, %" PRId64 " failed, %" PRId64
           " left; shards %" PRId64 " of %" PRId64 "\n",
           t->n_units, t->n_done_before, t->n_done, t->n_failed, t->n_left, t->n_shards_whole, t->n_shards);
    printf("Speed      %" PRId64 " fills in %.1f s: %.2f fills/s; gathering shards %.1f s; ranks busy %.0f%%\n",
           t->n_fills, t->wall_s, t->wall_s > 0.0 ? (double)t->n_fills / t->wall_s : 0.0, t->merge_seconds,
           t->wall_s > 0.0 ? 100.0 * t->unit_seconds / (t->wall_s * comm_size()) : 0.0);
}

/* Batch scripts read this line. */
static void print_use(const struct rank_facts *facts, int n_ranks, double cpu_s)
{
    int64_t peak_kB = 0;
    for (int k = 0; k < n_ranks; k++)
        if (facts[k].peak_kB > peak_kB) peak_kB = facts[k].peak_kB;
    printf("Used       CPU %.1f s of %d ranks, at most %" PRId64 " kB in a rank\n", cpu_s, n_ranks, peak_kB);
}

/* What a watched folder may bring without a queue growing. */
static void print_watch(const struct run_totals *t)
{
    const struct run_watch_totals *w = &t->watch;
    if (w->n == 0 || !(t->unit_seconds > 0.0)) return;
    printf("Nearline   %" PRId64
           " subruns, %.3f GB; %.3f s a subrun and rank; sustains one subrun each %.3f s, %.1f MB/s\n",
           w->n, 1e-9 * w->bytes, t->unit_seconds / (double)w->n, t->unit_seconds / ((double)w->n * comm_size()),
           1e-6 * w->bytes * comm_size() / t->unit_seconds);
    printf("Nearline   latency from closed to published: median %.1f s, largest %.1f s\n", run_latency_median_s(w),
           w->latency_max_s);
}

/* How many cores keep up with a DAQ that writes 2 GB each 8 s is read off here. */
static void print_raw(const struct job *job, const struct run_totals *t)
{
    if (job->is_simulation || t->raw_bytes <= 0.0 || t->wall_s <= 0.0) return;
    const double GB = 1e-9 * t->raw_bytes;
    printf("Raw        %.3f GB read: %.2f s/GB of CPU time, %.2f s/GB of a rank's time; %.3f GB/s in all\n", GB,
           t->unit_cpu_s / GB, t->unit_seconds / GB, GB / t->wall_s);
}

enum err summary_print(const struct job *job, const struct chain *chain, const struct run_totals *totals)
{
    size_t n;
    const struct chain_time *own = chain_times(chain, &n);
    struct rank_facts facts = {mem_peak_kB(), cpu_seconds()}, *all_facts = NULL;
    struct chain_time *all = NULL;
    int n_ranks            = comm_size();
    enum err rc            = ERR_OK;
    if (comm_rank() == 0) {
        rc = mem_alloc(&all, n * (size_t)n_ranks, sizeof *all);
        if (!rc) rc = mem_alloc(&all_facts, (size_t)n_ranks, sizeof *all_facts);
    }
    rc = comm_agree(rc);
    if (!rc) rc = comm_gather(own, n * sizeof *own, all);
    if (!rc) rc = comm_gather(&facts, sizeof facts, all_facts);
    if (!rc && all && all_facts) {
        double cpu_s = all_facts[0].cpu_s;
        for (int k = 1; k < n_ranks; k++) {
            chain_times_add(all, all + (size_t)k * n, n);
            cpu_s += all_facts[k].cpu_s;
        }
        print_trig_report(all, n);
        if (job->prints_time) print_time_report(all, n, cpu_s, totals->wall_s);
        if (job->prints_memory) print_memory(all_facts, n_ranks);
        print_products(job, totals);
        print_use(all_facts, n_ranks, cpu_s);
        print_raw(job, totals);
        if (job->options.watch) print_watch(totals);
        fflush(stdout);
    }
    mem_free(all);
    mem_free(all_facts);
    return rc;
}
