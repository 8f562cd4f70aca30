/* Products of a job. */
#include "product.h"

#include "comm.h"
#include "cond_use.h"
#include "log.h"
#include "mem.h"
#include "publish.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Below this a shard is one rank's work: writing it takes under a second. */
enum { ALONE_BELOW_BYTES = 64 << 20 };

struct product_state {
    const struct job *job;
    size_t n_units, n_shards, n_whole, n_ripe, next_ripe;
    bool *unit_done, *shard_whole;
    int64_t *left; /* units of a shard not published yet */
    size_t *ripe;  /* queue */
    char **names;  /* of the folder at the start, sorted */
    size_t n_names;
};

static int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static bool is_listed(const struct product_state *p, const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    return p->n_names && bsearch(&base, p->names, p->n_names, sizeof *p->names, compare_names);
}

/* One listing at the start: no stat in loops on a parallel file system. */
static enum err list_folder(struct product_state *p)
{
    const char *folder = p->job->out_dir;
    TRY(publish_make_folder(folder));
    REQUIRE(access(folder, W_OK | X_OK) == 0, ERR_WRITE, "output folder %s cannot be written to: %s", folder,
            strerror(errno));
    DIR *d = opendir(folder);
    REQUIRE(d, ERR_WRITE, "output folder %s cannot be listed: %s", folder, strerror(errno));
    size_t capacity = 0;
    enum err rc     = ERR_OK;
    for (struct dirent *e; !rc && (e = readdir(d));) {
        if (publish_part_is_dead(e->d_name)) {
            unlinkat(dirfd(d), e->d_name, 0);
            continue;
        }
        if (p->n_names == capacity) {
            rc       = mem_resize(&p->names, capacity, capacity ? 2 * capacity : 256, sizeof *p->names);
            capacity = capacity ? 2 * capacity : 256;
        }
        if (!rc && !(p->names[p->n_names++] = mem_string(e->d_name)))
            rc = err_fail(ERR_MEMORY, __FILE__, __LINE__, "out of memory");
    }
    closedir(d);
    if (!rc && p->n_names) qsort(p->names, p->n_names, sizeof *p->names, compare_names);
    return rc;
}

static enum err set_aside(const char *path)
{
    char damaged[1600];
    snprintf(damaged, sizeof damaged, "%s.damaged", path);
    log_warn("%s: set aside as %s, it will be made again", err_message(), damaged);
    REQUIRE(rename(path, damaged) == 0, ERR_WRITE, "%s cannot be renamed to %s: %s", path, damaged, strerror(errno));
    return ERR_OK;
}

/* Is a published file there, and is it this job's? */
static enum err examine(const struct job *job, const char *path, size_t first, int64_t n_units, int64_t n_fills,
                        bool *is_there)
{
    struct file_summary s;
    *is_there   = false;
    enum err rc = file_summary(path, &s);
    if (rc == ERR_DATA || rc == ERR_READ) return set_aside(path);
    if (rc) return rc;
    REQUIRE(strcmp(s.config_id, job->config_id) == 0, ERR_MISMATCH,
            "%s was made with another configuration (%.8s..., now %.8s...): use another -o, or remove it", path,
            s.config_id, job->config_id);
    REQUIRE(s.n_units == n_units, ERR_MISMATCH,
            "%s holds %" PRId64 " units, this job wants %" PRId64 ": use another -o, or remove it", path, s.n_units,
            n_units);
    REQUIRE(n_fills < 0 || s.n_fills == n_fills, ERR_MISMATCH,
            "%s holds %" PRId64 " fills, this job wants %" PRId64 ": use another -o, or remove it", path, s.n_fills,
            n_fills);
    if (!job->options.watch) /* there each subrun has the constants of its day */
        rc = cond_use_check_file(job->conditions, &job->units[first], (size_t)n_units, path);
    if (rc == ERR_DATA || rc == ERR_READ) return set_aside(path);
    *is_there = !rc;
    return rc;
}

/* Killed between a product and its metadata: these are made again. */
static bool has_json(const struct product_state *p, const char *path)
{
    char json[1600];
    snprintf(json, sizeof json, "%s.json", path);
    return is_listed(p, json);
}

static enum err scan_shard(struct product_state *p, size_t shard)
{
    const struct job *job = p->job;
    char path[1536];
    size_t first, end;
    job_shard_path(job, shard, path);
    job_shard_units(job, shard, &first, &end);
    if (!is_listed(p, path)) return ERR_OK;
    int64_t fills = 0;
    for (size_t u = first; u < end; u++)
        fills = job->units[u].n_fills < 0 ? -1 : fills < 0 ? -1 : fills + job->units[u].n_fills;
    bool is_there;
    TRY(examine(job, path, first, (int64_t)(end - first), job->units[first].source ? -1 : fills, &is_there));
    if (!is_there) return ERR_OK;
    p->shard_whole[shard] = true;
    p->n_whole++;
    p->left[shard] = 0;
    if (!has_json(p, path)) TRY(product_describe_shard(job, shard));
    for (size_t u = first; u < end; u++) {
        p->unit_done[u] = true;
        job_unit_path(job, u, path);
        if (is_listed(p, path)) unlink(path); /* killed between gathering and tidying */
    }
    return ERR_OK;
}

/* Units of different builds are never gathered into one shard: better told now than after the work. */
static enum err examine_build(const struct job *job, const char *path)
{
    char *commit;
    TRY(file_read_provenance_text(path, "git_commit", &commit));
    bool is_same = strcmp(commit, job->info.git_commit) == 0;
    enum err rc  = ERR_OK;
    if (!is_same)
        rc = err_fail(
            ERR_MISMATCH, __FILE__, __LINE__,
            "%s was made by another build (commit %.12s, this is %.12s): go on with that build, use another -o, "
            "or remove it",
            path, commit, job->info.git_commit);
    mem_free(commit);
    return rc;
}

static enum err scan_units(struct product_state *p)
{
    char path[1536];
    for (size_t u = 0; u < p->job->n_units; u++) {
        if (p->unit_done[u]) continue;
        job_unit_path(p->job, u, path);
        if (!is_listed(p, path)) continue;
        bool is_there;
        const struct unit *unit = &p->job->units[u];
        TRY(examine(p->job, path, u, 1, unit->source ? -1 : unit->n_fills, &is_there));
        if (is_there && p->job->scheduler.units_per_shard > 1) TRY(examine_build(p->job, path));
        if (is_there) product_unit_done(p, u);
        if (is_there && p->job->scheduler.units_per_shard == 1 && !has_json(p, path))
            TRY(product_describe_unit(p->job, unit));
    }
    return ERR_OK;
}

enum err product_scan(const struct job *job, struct product_state **out)
{
    struct product_state *p;
    enum err rc;
    TRY(mem_alloc(&p, 1, sizeof *p));
    p->job      = job;
    p->n_units  = job->n_units;
    p->n_shards = job_n_shards(job);
    TRY_TO(failed, mem_alloc(&p->unit_done, job->n_units, sizeof *p->unit_done));
    TRY_TO(failed, mem_alloc(&p->shard_whole, p->n_shards, sizeof *p->shard_whole));
    TRY_TO(failed, mem_alloc(&p->left, p->n_shards, sizeof *p->left));
    TRY_TO(failed, mem_alloc(&p->ripe, p->n_shards, sizeof *p->ripe));
    TRY_TO(failed, list_folder(p));
    for (size_t k = 0; k < p->n_shards; k++) {
        size_t first, end;
        job_shard_units(job, k, &first, &end);
        p->left[k] = (int64_t)(end - first);
        if (job->scheduler.units_per_shard > 1) TRY_TO(failed, scan_shard(p, k));
    }
    TRY_TO(failed, scan_units(p));
    *out = p;
    return ERR_OK;
failed:
    product_free(p);
    return rc;
}

void product_free(struct product_state *p)
{
    if (!p) return;
    for (size_t i = 0; i < p->n_names; i++) mem_free(p->names[i]);
    mem_free(p->names);
    mem_free(p->unit_done);
    mem_free(p->shard_whole);
    mem_free(p->left);
    mem_free(p->ripe);
    mem_free(p);
}

enum err product_grow(struct product_state *p)
{
    size_t n = p->job->n_units;
    if (n <= p->n_units) return ERR_OK;
    n += n / 2;
    TRY(mem_resize(&p->unit_done, p->n_units, n, sizeof *p->unit_done));
    TRY(mem_resize(&p->shard_whole, p->n_units, n, sizeof *p->shard_whole));
    TRY(mem_resize(&p->left, p->n_units, n, sizeof *p->left));
    for (size_t u = p->n_units; u < n; u++) p->left[u] = 1;
    p->n_units = p->n_shards = n;
    return ERR_OK;
}

bool product_has_unit(const struct product_state *p, size_t unit) { return p->unit_done[unit]; }

void product_unit_done(struct product_state *p, size_t unit)
{
    size_t shard       = unit / (size_t)p->job->scheduler.units_per_shard;
    p->unit_done[unit] = true;
    if (--p->left[shard] > 0) return;
    if (p->job->scheduler.units_per_shard == 1) {
        p->shard_whole[shard] = true;
        p->n_whole++;
    } else {
        p->ripe[p->n_ripe++] = shard;
    }
}

size_t product_n_ripe(const struct product_state *p) { return p->n_ripe - p->next_ripe; }

size_t product_next_ripe(struct product_state *p)
{
    size_t shard          = p->ripe[p->next_ripe++];
    p->shard_whole[shard] = true;
    p->n_whole++;
    return shard;
}

size_t product_n_whole(const struct product_state *p) { return p->n_whole; }

static enum err list_paths(const struct job *job, size_t first, size_t n, char (**paths)[1536], const char ***list)
{
    TRY(mem_alloc(paths, n, sizeof **paths));
    TRY(mem_alloc(list, n, sizeof **list));
    for (size_t i = 0; i < n; i++) {
        job_unit_path(job, first + i, (*paths)[i]);
        (*list)[i] = (*paths)[i];
    }
    return ERR_OK;
}

/* Is a file published that this job would make? */
static bool is_published(const struct job *job, const char *path, const struct unit *units, int64_t n_units)
{
    struct file_summary s;
    bool is_so = access(path, F_OK) == 0 && !file_summary(path, &s) && strcmp(s.config_id, job->config_id) == 0 &&
                 s.n_units == n_units &&
                 (job->options.watch || !cond_use_check_file(job->conditions, units, (size_t)n_units, path));
    err_clear();
    return is_so;
}

bool product_is_published(const struct job *job, const struct unit *unit)
{
    char path[1536];
    size_t shard = (size_t)unit->index / (size_t)job->scheduler.units_per_shard, first, end;
    job_file_of(job, unit, path);
    if (is_published(job, path, unit, 1)) return true;
    if (job->scheduler.units_per_shard == 1) return false;
    job_shard_units(job, shard, &first, &end);
    job_shard_path(job, shard, path);
    return is_published(job, path, &job->units[first], (int64_t)(end - first));
}

enum err product_gather(const struct job *job, size_t shard)
{
    size_t first, end;
    char path[1536], (*paths)[1536] = NULL;
    const char **list = NULL;
    job_shard_path(job, shard, path);
    job_shard_units(job, shard, &first, &end);
    enum err rc = comm_agree(list_paths(job, first, end - first, &paths, &list));
    if (!rc) rc = shard_merge(list, end - first, path, ALONE_BELOW_BYTES);
    if (rc && is_published(job, path, &job->units[first],
                           (int64_t)(end - first))) { /* all ranks see the same: it was made in the meantime */
        if (comm_rank() == 0) log_warn("%s: another job has made it", path);
        rc = ERR_OK;
    }
    rc = comm_agree(rc);
    if (!rc && list && comm_rank() == 0) {
        rc = product_describe_shard(job, shard);
        for (size_t i = 0; !rc && i < end - first; i++) unlink(list[i]);
    }
    rc = comm_agree(rc);
    mem_free(list);
    mem_free(paths);
    return rc;
}
