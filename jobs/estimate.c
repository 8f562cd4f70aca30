/* What jobs used. */
#include "estimate.h"

#include "catalogue_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double estimate_median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, by_value);
    return n % 2 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
}

/* Where nothing was measured here. README.md, "How fast": quiet machine with two cores. */
static const struct {
    const char *config;
    double cpu_s_a_byte;
    int64_t peak_kb;
} shipped[] = {{"production.fcl", 3.85e-9, 245 * 1024}};

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- jobs over files --------------------------------------------------------------------------------------------------- */
struct jobs {
    size_t n, n_cpu, n_wall, n_out;
    double cpu[ESTIMATE_JOBS], wall[ESTIMATE_JOBS], out[ESTIMATE_JOBS], files[ESTIMATE_JOBS];
    int64_t peak_kb;
};

static double real_of(const struct db_value *v)
{
    return v->type == DB_REAL ? v->x : v->type == DB_INT ? (double)v->i : -1.0;
}

/* cpu, wall, peak, input bytes, files, output bytes, output files */
static enum err take_job(void *context, const struct db_value *r, size_t n)
{
    struct jobs *j  = context;
    double in_bytes = real_of(&r[3]), in_files = real_of(&r[4]);
    (void)n;
    if (in_bytes <= 0.0 || in_files <= 0.0 || j->n == ESTIMATE_JOBS) return ERR_OK;
    j->n++;
    if (real_of(&r[0]) >= 0.0) j->cpu[j->n_cpu++] = real_of(&r[0]) / in_bytes;
    if (real_of(&r[1]) >= 0.0) j->wall[j->n_wall++] = real_of(&r[1]) / in_bytes;
    j->out[j->n_out]     = real_of(&r[5]) > 0.0 ? real_of(&r[5]) / in_bytes : 0.0;
    j->files[j->n_out++] = real_of(&r[6]) > 0.0 ? real_of(&r[6]) / in_files : 0.0;
    if (r[2].type == DB_INT && r[2].i > j->peak_kb) j->peak_kb = r[2].i;
    return ERR_OK;
}

/* $1: identity or name of the configuration, $2: how many jobs */
#define JOBS(COLUMN)                                                                                                   \
    "select s.cpu_s, s.wall_s, s.max_rss_kb,"                                                                          \
    " (select cast(sum(i.file_size) as bigint) from submission_files x join files i on i.id = x.file_id where "        \
    "  x.submission_id = s.id), s.n_files,"                                                                            \
    " (select cast(sum(o.file_size) as bigint) from files o where o.config_id in (select k.id from configs k where "   \
    "  k." COLUMN                                                                                                      \
    " = $1) and o.id in (select p.child_id from submission_files x join file_parents p on p.parent_id = "              \
    "  x.file_id where x.submission_id = s.id)),"                                                                      \
    " (select count(*) from files o where o.config_id in (select k.id from configs k where k." COLUMN                  \
    "  = $1) and o.id in (select p.child_id from submission_files x join file_parents p on p.parent_id = x.file_id "   \
    "  where x.submission_id = s.id))"                                                                                 \
    " from (select distinct fcl_hash from configs where " COLUMN                                                       \
    " = $1) c join stages g on g.version_key like '% ' || c.fcl_hash || '%' join submissions s on s.stage_id = g.id"   \
    " where s.state = 8000 order by s.id desc limit $2"

static enum err from_jobs(struct catalogue *c, const char *text, const char *key, const char *what, struct estimate *e)
{
    static struct jobs j;
    struct db_value values[] = {DB_S(key), DB_I(ESTIMATE_JOBS)};
    const struct sql sql     = {.text = (char *)text, .value = values, .n_values = 2};
    j                        = (struct jobs){.n = 0};
    TRY(catalogue_rows(c->db, &sql, take_job, &j));
    if (j.n == 0 || j.n_cpu == 0) return ERR_OK;
    e->cpu_s     = estimate_median(j.cpu, j.n_cpu);
    e->wall_s    = j.n_wall ? estimate_median(j.wall, j.n_wall) : -1.0;
    e->out_bytes = estimate_median(j.out, j.n_out);
    e->out_files = estimate_median(j.files, j.n_out);
    e->peak_kb   = j.peak_kb;
    snprintf(e->from, sizeof e->from, "%zu jobs %s", j.n, what);
    return ERR_OK;
}

/* ---- simulations -------------------------------------------------------------------------------------------------------- */
struct sums {
    double cpu_s, wall_s, fills, bytes, files;
    int64_t n, peak_kb;
};

static enum err take_sums(void *context, const struct db_value *r, size_t n)
{
    struct sums *s = context;
    (void)n;
    s->n       = r[0].i;
    s->cpu_s   = real_of(&r[1]);
    s->wall_s  = real_of(&r[2]);
    s->peak_kb = r[3].type == DB_INT ? r[3].i : 0;
    return ERR_OK;
}

/* A tier holds all fills; the products of all tiers are its bytes. */
static enum err take_tier(void *context, const struct db_value *r, size_t n)
{
    struct sums *s = context;
    (void)n;
    if ((double)r[0].i > s->fills) s->fills = (double)r[0].i;
    s->bytes += (double)r[1].i;
    s->files += (double)r[2].i;
    return ERR_OK;
}

static enum err from_simulation(struct catalogue *c, const char *config_id, struct estimate *e)
{
    struct sums s         = {0};
    struct db_value value = DB_S(config_id);
    const struct sql jobs = {.text =
                                 (char *)"select count(s.cpu_s), sum(s.cpu_s), sum(s.wall_s), max(s.max_rss_kb) from "
                                         "stages g join submissions s on s.stage_id = g.id where g.version_key like "
                                         "'% ' || $1 || '%'",
                             .value    = &value,
                             .n_values = 1};
    const struct sql made = {
        .text     = (char *)"select cast(sum(f.event_count) as bigint), cast(sum(f.file_size) as bigint), "
                            "count(*) from configs c join files f on f.config_id = c.id where c.fcl_hash = "
                            "$1 and f.retired_s is null group by f.data_tier",
        .value    = &value,
        .n_values = 1};
    TRY(catalogue_rows(c->db, &jobs, take_sums, &s));
    TRY(catalogue_rows(c->db, &made, take_tier, &s));
    if (s.n == 0 || s.fills <= 0.0) return ERR_OK;
    e->cpu_s     = s.cpu_s / s.fills;
    e->wall_s    = s.wall_s >= 0.0 ? s.wall_s / s.fills : -1.0;
    e->out_bytes = s.bytes / s.fills;
    e->out_files = s.files / s.fills;
    e->peak_kb   = s.peak_kb;
    snprintf(e->from, sizeof e->from, "%" PRId64 " jobs of this configuration, %.0f fills", s.n, s.fills);
    return ERR_OK;
}

/* ---- all ---------------------------------------------------------------------------------------------------------------- */
static void from_shipped(const char *name, struct estimate *e)
{
    for (size_t i = 0; i < sizeof shipped / sizeof shipped[0]; i++)
        if (strcmp(shipped[i].config, name) == 0) {
            e->cpu_s   = shipped[i].cpu_s_a_byte;
            e->wall_s  = shipped[i].cpu_s_a_byte;
            e->peak_kb = shipped[i].peak_kb;
            snprintf(e->from, sizeof e->from, "this program's benchmarks (README.md)");
        }
}

enum err estimate_read(struct catalogue *c, const struct campaign_stage *stage, struct estimate *e)
{
    const char *name = base_of(stage->cfg.config);
    *e               = (struct estimate){-1.0, -1.0, -1.0, -1.0, 0, "unknown"};
    if (!stage->dataset) return from_simulation(c, stage->version.config_id, e);
    TRY(from_jobs(c, JOBS("fcl_hash"), stage->version.config_id, "of this configuration", e));
    if (e->cpu_s < 0.0) TRY(from_jobs(c, JOBS("fcl_name"), name, "of another version of this configuration", e));
    if (e->cpu_s < 0.0) from_shipped(name, e);
    return ERR_OK;
}
