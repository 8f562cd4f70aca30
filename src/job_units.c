/* The units of a job. */
#include "job_units.h"

#include "comm.h"
#include "job_truth.h"
#include "mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int64_t source_number(const struct job *job, const char *key, int64_t fallback)
{
    char path[64];
    int64_t value = fallback;
    snprintf(path, sizeof path, "source.%s", key);
    const struct fhicl *v = fhicl_get(job->document, path);
    if (v && fhicl_as_i64(v, path, &value)) value = fallback;
    return value;
}

/* ---- units ---- */

enum err job_make_units(struct job *job, size_t n)
{
    REQUIRE(n > 0, ERR_CONFIG, "there is nothing to do: no units");
    REQUIRE(n <= 100000000, ERR_CONFIG, "%zu units are too many for one job; the limit is 1e8", n);
    TRY(mem_alloc(&job->units, n, sizeof *job->units));
    TRY(mem_alloc(&job->cost, n, sizeof *job->cost));
    job->n_units = n;
    return ERR_OK;
}

static enum err plan_simulation(struct job *job)
{
    int64_t per_unit = source_number(job, "fills_per_subrun", 10), first = source_number(job, "first_subrun", 0);
    int64_t n    = job->options.n_fills >= 0 ? job->options.n_fills : source_number(job, "maxEvents", -1);
    int64_t skip = job->options.n_skip;
    REQUIRE(n > 0, ERR_OPTION, "how many fills? Give -n N or source.maxEvents (a number above 0)");
    REQUIRE(skip % per_unit == 0, ERR_OPTION,
            "--nskip %" PRId64 ": simulation skips whole subruns, a multiple of %" PRId64 " fills", skip, per_unit);
    TRY(job_make_units(job, (size_t)((n + per_unit - 1) / per_unit)));
    for (size_t i = 0; i < job->n_units; i++) {
        int64_t left  = n - (int64_t)i * per_unit;
        job->units[i] = (struct unit){.index      = (int64_t)i,
                                      .run        = (uint32_t)source_number(job, "run", 1),
                                      .subrun     = (uint32_t)(first + skip / per_unit + (int64_t)i),
                                      .n_fills    = left < per_unit ? left : per_unit,
                                      .first_fill = (first + (int64_t)i) * per_unit + skip,
                                      .out_dir    = job->out_dir};
        job->cost[i]  = (double)job->units[i].n_fills;
    }
    job->info.end_fill = first * per_unit + skip + n;
    return ERR_OK;
}

/* What follows the words, or a number of up to six digits; NULL if it is not there. */
static const char *skip_words(const char *at, const char *words)
{
    size_t n = strlen(words);
    return strncmp(at, words, n) == 0 ? at + n : NULL;
}

static const char *skip_number(const char *at, uint32_t *out)
{
    size_t n = strspn(at, "0123456789");
    *out     = n > 0 && n <= 6 ? (uint32_t)strtoul(at, NULL, 10) : 0;
    return n > 0 && n <= 6 ? at + n : NULL;
}

static enum err parse_raw_name(const char *path, uint32_t *run, uint32_t *subrun)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    const char *at = skip_words(base, "gm2_run");
    if (at) at = skip_number(at, run);
    if (at) at = skip_words(at, "_");
    if (at) at = skip_number(at, subrun);
    if (at && *at == '_') at += 1 + strspn(at + 1, "abcdefghijklmnopqrstuvwxyz0123456789"); /* of a simulation */
    if (at) at = skip_words(at, ".mid");
    REQUIRE(at, ERR_OPTION, "%s: the name of a raw file must be gm2_runRRRRR_SSSSS.mid, .mid.gz or .mid.lz4", path);
    return ERR_OK;
}

static enum err plan_raw(struct job *job)
{
    const struct fhicl *files = fhicl_get(job->document, "source.fileNames");
    size_t n                  = files ? fhicl_size(files) : 0;
    REQUIRE(n > 0, ERR_OPTION, "no raw files: give -s FILE, -S LIST or source.fileNames");
    int64_t limit = job->options.n_fills >= 0 ? job->options.n_fills : source_number(job, "maxEvents", -1);
    REQUIRE(n == 1 || (limit < 0 && job->options.n_skip == 0), ERR_OPTION,
            "-n and --nskip count events of one raw file; %zu files are given", n);
    TRY(job_make_units(job, n));
    for (size_t i = 0; i < n; i++) {
        struct unit *u = &job->units[i];
        *u             = (struct unit){
                        .index = (int64_t)i, .n_fills = limit, .n_skip = job->options.n_skip, .out_dir = job->out_dir};
        TRY(fhicl_as_string(fhicl_at(files, i), "source.fileNames", &u->source));
        TRY(parse_raw_name(u->source, &u->run, &u->subrun));
        struct stat st;
        job->cost[i] = comm_rank() == 0 && stat(u->source, &st) == 0 ? (double)st.st_size : 0.0;
        for (size_t k = 0; k < i && n <= 10000; k++)
            REQUIRE(job->units[k].run != u->run || job->units[k].subrun != u->subrun, ERR_OPTION,
                    "run %u subrun %u is given twice: %s and %s", u->run, u->subrun, job->units[k].source, u->source);
    }
    return ERR_OK;
}

/* The units come while the job runs. */
static enum err plan_watch(struct job *job)
{
    const struct job_options *o = &job->options;
    REQUIRE(!job->is_simulation, ERR_OPTION,
            "--watch takes raw files: use it with a document of RawInput, such as "
            "nearline.fcl");
    REQUIRE(!o->n_sources && !o->source_list && o->n_fills < 0 && o->n_skip == 0, ERR_OPTION,
            "--watch takes whole files as they come: leave out -s, -S, -n and --nskip");
    REQUIRE(job->scheduler.units_per_shard == 1, ERR_CONFIG,
            "--watch publishes each subrun by itself: services.scheduler.units_per_shard must be 1, it is %lld",
            (long long)job->scheduler.units_per_shard);
    return ERR_OK;
}

enum err job_add_unit(struct job *job, const struct unit *unit, double cost)
{
    if (job->n_units == job->unit_capacity) {
        size_t capacity = job->unit_capacity ? 2 * job->unit_capacity : 64;
        TRY(mem_resize(&job->units, job->n_units, capacity, sizeof *job->units));
        TRY(mem_resize(&job->cost, job->n_units, capacity, sizeof *job->cost));
        job->unit_capacity = capacity;
    }
    struct unit *u = &job->units[job->n_units];
    *u             = *unit;
    u->index       = (int64_t)job->n_units;
    u->out_dir     = job->out_dir;
    u->n_fills     = -1;

    job->cost[job->n_units++] = cost;
    return ERR_OK;
}

enum err job_plan(struct job *job)
{
    REQUIRE(job->options.watch || (!job->options.is_once && job->options.fraction == 0.0), ERR_OPTION,
            "--once and --fraction belong to --watch DIR");
    if (job->options.watch) return plan_watch(job);
    const char *source = "";
    TRY(fhicl_as_string(fhicl_get(job->document, "source.module_type"), "source.module_type", &source));
    if (strcmp(source, "TruthInput") == 0) return job_plan_truth(job);
    return job->is_simulation ? plan_simulation(job) : plan_raw(job);
}

void job_file_of(const struct job *job, const struct unit *unit, char path[1536])
{
    if (unit->end_byte > 0) /* part of a file that grows: for the page, not for good */
        snprintf(path, 1536, "%s/live/%s_r%06u_s%05u_b%" PRIu64 ".h5", job->out_dir, job->out_stem, unit->run,
                 unit->subrun, unit->end_byte);
    else
        snprintf(path, 1536, "%s/%s_r%06u_s%05u.h5", job->out_dir, job->out_stem, unit->run, unit->subrun);
}

void job_unit_path(const struct job *job, size_t unit, char path[1536]) { job_file_of(job, &job->units[unit], path); }

void job_shard_path(const struct job *job, size_t shard, char path[1536])
{
    snprintf(path, 1536, "%s/%s_shard%05zu.h5", job->out_dir, job->out_stem, shard);
}

size_t job_n_shards(const struct job *job)
{
    size_t per = (size_t)job->scheduler.units_per_shard;
    return (job->n_units + per - 1) / per;
}

void job_shard_units(const struct job *job, size_t shard, size_t *first, size_t *end)
{
    size_t per = (size_t)job->scheduler.units_per_shard;
    *first     = shard * per;
    *end       = *first + per < job->n_units ? *first + per : job->n_units;
}
