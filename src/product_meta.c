/* Metadata JSON beside the products of a job. */
#include "comm.h"
#include "cond_use.h"
#include "mem.h"
#include "meta.h"
#include "midas_file.h"
#include "product.h"
#include "product_quality.h"
#include "tables.h"
#include "version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The version of src/FORMAT.md that file.c writes. */
enum { HDF5_FORMAT_VERSION = 1 };

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static double unix_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* What all products of the job share. */
static void fill_common(const struct job *job, struct meta *m)
{
    struct job_words words = job_words(job);
    m->data_stream         = words.data_stream;
    m->particle            = words.particle;
    m->application_name    = job->provenance.process_name;
    m->application_version = job->provenance.release;
    m->run_type            = words.run_type;
    m->start_unix_s        = (double)job->start_unix_s;
    m->end_unix_s          = unix_now_s();
    m->git_commit          = job->provenance.git_commit;
    m->fcl_name            = words.fcl_name;
    m->config_id           = job->provenance.config_id;
    m->process_name        = job->provenance.process_name;
    m->conditions_tag      = job->provenance.conditions_tag;
    m->constants_set       = job->provenance.constants_set;
    m->isa                 = job->provenance.isa;
    m->seed                = job->provenance.seed;
    m->n_ranks             = comm_size();
    m->n_extra             = job->options.n_metadata;
    m->extra               = job->options.metadata;
    meta_fill_host(m);
}

/* Files that modules read, after those of the units; cuts `lines` up. */
static void add_input_files(char *lines, struct meta *m, const char **parents)
{
    for (char *rest = NULL, *name = strtok_r(lines, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest))
        parents[m->n_parents++] = name;
}

static size_t count_lines(const char *text)
{
    size_t n = 0;
    for (const char *c = text; *c; c++) n += *c == '\n';
    return *text ? n + 1 : 0;
}

static int by_table_and_id(const void *a, const void *b)
{
    const struct meta_interval *p = a, *q = b;
    int order = strcmp(p->table, q->table);
    return order ? order : p->iov_id < q->iov_id ? -1 : p->iov_id > q->iov_id;
}

/* A merged file says itself what its units read. */
static enum err read_intervals(const char *path, struct block *block)
{
    enum err rc = file_read_table(path, table_conditions.name, block);
    if (rc != ERR_NOTFOUND) return rc;
    err_clear();
    return ERR_OK;
}

/* The intervals that n units read, each once. */
static enum err list_intervals(const struct job *job, const char *path, const struct unit *units, size_t n,
                               struct meta *m, struct meta_interval **out)
{
    struct block *block;
    enum err rc;
    TRY(block_create(&table_conditions, &block));
    if (job->is_merge) TRY_TO(done, read_intervals(path, block));
    for (size_t u = 0; u < n && !job->is_merge; u++)
        TRY_TO(done, cond_use_record(job->conditions, units[u].run, units[u].subrun, block));
    struct conditions_view v = conditions_view(block);
    TRY_TO(done, mem_alloc(out, v.n + 1, sizeof **out));
    for (size_t i = 0; i < v.n; i++) {
        (*out)[i].iov_id = v.iov_id[i];
        memcpy((*out)[i].table, v.table_name + i * sizeof(*out)[i].table, sizeof(*out)[i].table);
    }
    qsort(*out, v.n, sizeof **out, by_table_and_id);
    for (size_t i = 0; i < v.n; i++)
        if (i == 0 || by_table_and_id(&(*out)[i], &(*out)[m->n_intervals - 1]) != 0)
            (*out)[m->n_intervals++] = (*out)[i];
    m->intervals = *out;
done:
    block_free(block);
    return rc;
}

/* An HDF5 product of n units. */
static enum err describe_hdf5(const struct job *job, const char *path, const struct unit *units, size_t n)
{
    struct file_summary s;
    struct meta m                   = {0};
    struct meta_run *runs           = NULL;
    const char **parents            = NULL;
    char *inputs                    = NULL;
    struct meta_interval *intervals = NULL;
    struct product_quality quality  = {.n = 0};
    struct job_words words          = job_words(job);
    enum err rc;
    TRY(file_summary(path, &s));
    fill_common(job, &m);
    TRY_TO(done, mem_alloc(&runs, n, sizeof *runs));
    TRY_TO(done, mem_alloc(&parents, n + count_lines(job->provenance.parents), sizeof *parents));
    for (size_t u = 0; u < n; u++) {
        runs[u]            = (struct meta_run){units[u].run, units[u].subrun};
        const char *before = u > 0 ? units[u - 1].source : NULL;
        bool is_same       = before && units[u].source && strcmp(before, units[u].source) == 0;
        if (units[u].source && !is_same) parents[m.n_parents++] = base_of(units[u].source);
    }
    inputs = mem_string(job->provenance.parents);
    if (!inputs) FAIL_TO(done, ERR_MEMORY, "out of memory");
    add_input_files(inputs, &m, parents);
    TRY_TO(done, product_quality(path, &quality));
    TRY_TO(done, list_intervals(job, path, units, n, &m, &intervals));
    m.file_type      = words.file_type;
    m.file_format    = "hdf5";
    m.data_tier      = words.data_tier;
    m.n_runs         = n;
    m.runs           = runs;
    m.event_count    = s.n_fills;
    m.first_event    = s.n_fills ? units[0].n_skip + 1 : 0;
    m.last_event     = units[n - 1].n_skip + (units[n - 1].n_fills > 0 ? units[n - 1].n_fills : s.n_fills);
    m.parents        = parents;
    m.n_units        = (int64_t)n;
    m.n_values       = quality.n;
    m.values         = quality.value;
    m.format_version = HDF5_FORMAT_VERSION;
    m.closed_unix_s  = n == 1 ? units[0].closed_unix_s : 0.0;
    m.merged_by      = *words.merged_by ? words.merged_by : NULL;
    rc               = meta_write(path, &m);
done:
    mem_free(runs);
    mem_free(parents);
    mem_free(inputs);
    mem_free(intervals);
    return rc;
}

/* The raw file of a simulated unit, if the job keeps it. */
static enum err describe_raw(const struct job *job, const struct unit *u)
{
    static const enum midas_compression kinds[] = {MIDAS_PLAIN, MIDAS_GZ, MIDAS_LZ4};
    struct meta_run run                         = {u->run, u->subrun};
    char path[1536];
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        TRY(midas_file_path(job->out_dir, u->run, u->subrun, job->options.raw_tag, kinds[i], sizeof path, path));
        if (access(path, F_OK) != 0) continue;
        struct meta m = {0};
        fill_common(job, &m);
        m.file_type   = "importedSimulated";
        m.file_format = "midas";
        m.data_tier   = "raw";
        m.n_runs      = 1;
        m.runs        = &run;
        m.event_count = u->n_fills;
        m.first_event = u->n_skip + 1;
        m.last_event  = u->n_skip + u->n_fills;
        m.n_units     = 1;
        m.parents     = &u->source;
        m.n_parents   = u->source ? 1 : 0;
        return meta_write(path, &m);
    }
    return ERR_OK;
}

enum err product_describe_unit(const struct job *job, const struct unit *unit)
{
    if (job->is_simulation) TRY(describe_raw(job, unit));
    if (job->scheduler.units_per_shard > 1) return ERR_OK; /* a checkpoint, not a product */
    char path[1536];
    job_file_of(job, unit, path);
    return describe_hdf5(job, path, unit, 1);
}

enum err product_describe_merged(const struct job *job, const char *path)
{
    return describe_hdf5(job, path, job->units, job->n_units);
}

enum err product_describe_shard(const struct job *job, size_t shard)
{
    char path[1536];
    size_t first, end;
    job_shard_path(job, shard, path);
    job_shard_units(job, shard, &first, &end);
    return describe_hdf5(job, path, &job->units[first], end - first);
}
