/* The catalogue at scale: raw files and one child of nine in ten, in batches of 1000.
 *   bench_catalogue [N_RAW [N_WRITERS]]     default 100000, 1; GM2_BENCH_DB=URL for a server */
#include "files.h"

#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BATCH = 1000 };

/* Every n_writers-th batch from `first` on. */
static enum err declare_batches(struct catalogue *c, long first, int n_writers, long n, bool is_child)
{
    static struct catalogue_file file[BATCH];
    static struct catalogue_result result[BATCH];
    for (first *= BATCH; first < n; first += (long)n_writers * BATCH) {
        int k = 0;
        for (long i = first; i < first + BATCH && i < n; i++)
            if (!is_child || i % 10) bench_file(&file[k], k, i, is_child), k++;
        TRY(catalogue_declare(c, file, (size_t)k, "bench", result));
    }
    return ERR_OK;
}

static enum err declare_by_many(const char *url, int n_writers, long n, bool is_child)
{
    bool is_bad = false;
    fflush(stdout);
    for (int w = 0; w < n_writers; w++) {
        pid_t pid = fork();
        REQUIRE(pid >= 0, ERR_OPEN, "fork: no process");
        if (pid > 0) continue;
        struct catalogue *c;
        enum err rc = catalogue_open(url, DB_WRITE, &c);
        if (!rc) rc = declare_batches(c, w, n_writers, n, is_child);
        if (rc) fprintf(stderr, "writer %d: %s\n", w, err_message());
        _exit(rc ? 1 : 0);
    }
    for (int status, w = 0; w < n_writers; w++) is_bad = wait(&status) < 0 || status != 0 || is_bad;
    REQUIRE(!is_bad, ERR_WRITE, "a writer failed");
    return ERR_OK;
}

static enum err fill(struct catalogue *c, const char *url, int n_writers, long n, bool is_child, const char *name)
{
    double start = bench_now_s(), cpu = bench_cpu_s();
    long n_done = is_child ? n - (n + 9) / 10 : n;
    TRY(n_writers > 1 ? declare_by_many(url, n_writers, n, is_child) : declare_batches(c, 0, 1, n, is_child));
    printf("%s %.0f files/s", name, (double)n_done / (bench_now_s() - start));
    if (n_writers > 1) printf(", %d writers\n", n_writers);
    if (n_writers == 1) printf(", %.0f a second of this process\n", (double)n_done / (bench_cpu_s() - cpu));
    return ERR_OK;
}

static enum err ask(struct catalogue *c, const char *name, const char *query)
{
    int64_t n, bytes, events;
    double best = 1e9, best_cpu = 1e9;
    for (int i = 0; i < 3; i++) {
        double start = bench_now_s(), cpu = bench_cpu_s();
        TRY(catalogue_count(c, query, &n, &bytes, &events));
        if (bench_now_s() - start < best) best = bench_now_s() - start;
        if (bench_cpu_s() - cpu < best_cpu) best_cpu = bench_cpu_s() - cpu;
    }
    printf("%s %.4f s, %.4f s of this process (%lld files)\n", name, best, best_cpu, (long long)n);
    return ERR_OK;
}

static enum err bench(struct catalogue *c, const char *url, int n_writers, long n)
{
    TRY(fill(c, url, n_writers, n, false, "catalogue.declare.raw"));
    TRY(fill(c, url, n_writers, n, true, "catalogue.declare.child"));
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
        rc = bench(c, url ? url : path, argc > 2 ? atoi(argv[2]) : 1, n);
        catalogue_close(c);
    }
    if (!url) unlink(path);
    if (rc) fprintf(stderr, "%s\n", err_message());
    return err_exit_code(rc);
}
