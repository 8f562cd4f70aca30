/* Merging units on several ranks. Without arguments: makes units, merges and checks. With arguments OUT UNIT...: merges
 * these. With "make FOLDER": writes the units that tests/mpi/shard.sh merges. Exit status: gm2's. */
#include "file.h"

#include "make_unit.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { N_UNITS = 7 };
static int rank;

static enum err make_all(const char *folder)
{
    for (uint32_t u = 0; u < N_UNITS; u++) {
        char path[512];
        /* unequal sizes; one without rows, one larger than a chunk */
        struct made m = {
            .run = 2, .subrun = u, .n_fills = 3, .n_rows = u == 4 ? 0 : 1000 * (u * u + 1), .n_samples = 60000 * u};
        snprintf(path, sizeof path, "%s/unit%u.h5", folder, u);
        TRY(make_unit(path, &m));
    }
    return ERR_OK;
}

static enum err check_clusters(const char *path)
{
    struct block *b;
    size_t row  = 0;
    enum err rc = block_create(&table_cluster, &b);
    if (!rc) rc = file_read_table(path, "cluster", b);
    if (rc) return rc;
    struct cluster_view v = cluster_view(b);
    for (uint32_t u = 0; u < N_UNITS; u++)
        for (uint32_t e = 1; e <= 3; e++)
            for (size_t i = 0; u != 4 && i < 1000 * (u * u + 1) + e; i++, row++)
                if (row >= b->n || v.t_fill_ns[row] < make_value(u, e, i) || v.t_fill_ns[row] > make_value(u, e, i))
                    FAIL(ERR_DATA, "row %zu of the shard is wrong", row);
    REQUIRE(row == b->n, ERR_DATA, "%zu rows instead of %zu", b->n, row);
    block_free(b);
    return ERR_OK;
}

static enum err check_rest(const char *path)
{
    struct file_summary s;
    struct hist_set sum = {0}, got = {0};
    TRY(file_summary(path, &s));
    REQUIRE(s.n_units == N_UNITS && s.n_fills == 3 * N_UNITS && s.first_subrun == 0 && s.last_subrun == N_UNITS - 1,
            ERR_DATA, "the summary is wrong");
    for (uint32_t u = 0; u < N_UNITS; u++)
        TRY(make_hists(&(struct made){.subrun = u}, &sum)); /* fills the same again */
    TRY(file_read_hists(path, &got));
    for (size_t i = 0; i < sum.n; i++) {
        struct hist *a = sum.hist[i], *b = hist_find(&got, a->name);
        size_t bytes = (size_t)(a->x.n * a->y.n) * sizeof(int64_t);
        REQUIRE(b && memcmp(a->content, b->content, bytes) == 0 && a->n_entries == b->n_entries, ERR_DATA,
                "histogram %s is wrong", a->name);
        REQUIRE(!a->squares || memcmp(a->squares, b->squares, bytes) == 0, ERR_DATA, "squares of %s", a->name);
    }
    hist_set_free(&sum);
    hist_set_free(&got);
    return file_verify(path);
}

static enum err damage(const char *path)
{
    FILE *f = fopen(path, "r+b");
    REQUIRE(f, ERR_LOGIC, "cannot open %s", path);
    fseek(f, 0, SEEK_END);
    long at = ftell(f) / 3; /* amid the samples and clusters */
    fseek(f, at, SEEK_SET);
    for (int i = 0; i < 2000; i++) fputc(i & 0xff, f);
    fclose(f);
    return ERR_OK;
}

static void expect(int condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "rank %d: failed: %s (%s)\n", rank, what, err_message());
    MPI_Abort(MPI_COMM_WORLD, 1);
}

static void self_test(void)
{
    char folder[64] = "/tmp/gm2-p_shard.XXXXXX", names[N_UNITS][128], out[128], part[160];
    const char *units[N_UNITS + 1];
    if (rank == 0) {
        expect(mkdtemp(folder) != NULL, "mkdtemp");
        expect(make_all(folder) == ERR_OK, "units are made");
    }
    MPI_Bcast(folder, sizeof folder, MPI_CHAR, 0, MPI_COMM_WORLD);
    for (int u = 0; u < N_UNITS; u++) {
        snprintf(names[u], sizeof names[u], "%s/unit%d.h5", folder, u);
        units[u] = names[u];
    }
    snprintf(out, sizeof out, "%s/shard.h5", folder);
    snprintf(part, sizeof part, "%s.part", out);
    expect(shard_merge(units, N_UNITS, out, 0) == ERR_OK, "merge");
    if (rank == 0) expect(check_clusters(out) == ERR_OK, "clusters");
    if (rank == 0) expect(check_rest(out) == ERR_OK, "histograms and summary");
    expect(shard_merge(units, N_UNITS, out, 0) == ERR_OK, "the same again is fine");
    expect(shard_merge(units, N_UNITS - 1, out, 0) == ERR_MISMATCH, "other units under that name are refused");
    MPI_Barrier(MPI_COMM_WORLD);

    if (rank == 0) {
        unlink(out);
        unlink(names[3]);
        struct made other = {
            .run = 2, .subrun = 3, .n_fills = 1, .config_id = "ffffffffffffffffffffffffffffffffffffffff"};
        expect(make_unit(names[3], &other) == ERR_OK, "another configuration");
    }
    MPI_Barrier(MPI_COMM_WORLD);
    expect(shard_merge(units, N_UNITS, out, 0) == ERR_MISMATCH, "another configuration is refused");
    expect(strstr(err_message(), "unit3.h5") && strstr(err_message(), "config_id"),
           "the message names unit and reason");
    units[3] = "/nowhere/unit.h5";
    expect(shard_merge(units, N_UNITS, out, 0) == ERR_OPEN, "a missing unit");
    units[3] = names[2];
    if (rank == 0) expect(damage(names[6]) == ERR_OK, "damage");
    MPI_Barrier(MPI_COMM_WORLD);
    enum err rc = shard_merge(units, N_UNITS, out, 0);
    expect(rc == ERR_DATA, "a damaged unit is refused by all ranks");
    expect(strstr(err_message(), "unit6.h5") != NULL, "the message names the damaged unit");
    MPI_Barrier(MPI_COMM_WORLD);
    expect(access(out, F_OK) != 0 && access(part, F_OK) != 0, "nothing is left of a failed merge");
    units[0] = names[0];
    expect(shard_merge(units, 1, "/nowhere/at/all.h5", 0) == ERR_WRITE, "a folder that is not there");
    expect(mem_live() == 0, "no memory is lost");
    MPI_Barrier(MPI_COMM_WORLD);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (rank == 0) expect(system(command) == 0, "clean up");
}

int main(int argc, char **argv)
{
    enum err rc = ERR_OK;
    if (argc == 3 && strcmp(argv[1], "make") == 0) { /* without MPI: so must units be writable */
        rc = make_all(argv[2]);
        if (rc) fprintf(stderr, "%s\n", err_message());
        return err_exit_code(rc);
    }
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (argc > 2)
        rc = shard_merge((const char *const *)argv + 2, (size_t)argc - 2, argv[1], 0);
    else
        self_test();
    if (rc && rank == 0) fprintf(stderr, "%s\n%s", err_message(), err_places());
    MPI_Finalize();
    return err_exit_code(rc);
}
