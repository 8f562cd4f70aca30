/* What submissions used, and what they asked for. */
#include "status_internal.h"

#include <stdlib.h>
#include <string.h>

double status_cpu_percent(const struct status_use *u) { return u->core_s > 0.0 ? 100.0 * u->cpu_s / u->core_s : -1.0; }

double status_memory_percent(const struct status_use *u)
{
    return u->n_memory && u->requested_kb ? 100.0 * (double)u->mean_rss_kb / (double)u->requested_kb : -1.0;
}

/* ---- memory asked for ------------------------------------------------------------------------------------------------ */
/* As Slurm and HTCondor write it: a number with K, M, G or T; without one, M. */
static int64_t memory_kb(const char *text)
{
    static const char units[] = "KMGT";
    char *end;
    double x = strtod(text, &end);
    while (*end == ' ') end++;
    const char *unit = *end ? strchr(units, *end & ~0x20) : &units[1];
    if (end == text || x <= 0.0 || !unit) return 0;
    for (; unit > units; unit--) x *= 1024.0;
    return x < 1e15 ? (int64_t)x : 0;
}

const char *status_option(const struct strs *options, const char *name, const char *letter)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < options->n; i++) {
        const char *o = options->value[i];
        if (strncmp(o, name, n) == 0 && o[n] == '=') return o + n + 1;
        if ((strcmp(o, name) == 0 || strcmp(o, letter) == 0) && i + 1 < options->n) return options->value[i + 1];
    }
    return NULL;
}

int64_t status_requested_kb(const struct campaign_stage_cfg *cfg)
{
    const char *of_core = status_option(&cfg->sbatch, "--mem-per-cpu", "--mem-per-cpu");
    const char *of_node = status_option(&cfg->sbatch, "--mem", "--mem");
    if (of_core) return memory_kb(of_core);
    if (of_node) return memory_kb(of_node) / cfg->ranks;
    for (size_t i = 0; i < cfg->condor.n; i++) /* a line of the submit file: name = value */
        if (strncmp(cfg->condor.value[i], "request_memory", 14) == 0 && strchr(cfg->condor.value[i], '='))
            return memory_kb(strchr(cfg->condor.value[i], '=') + 1);
    return cfg->memory_mb * 1024;
}

/* ---- used ----------------------------------------------------------------------------------------------------------- */
static double real_of(const struct db_value *v)
{
    return v->type == DB_REAL ? v->x : v->type == DB_INT ? (double)v->i : 0.0;
}

static enum err take_use(void *context, const struct db_value *r, size_t n)
{
    struct status_use *u = context;
    (void)n;
    u->n_cpu       = r[0].i;
    u->cpu_s       = real_of(&r[1]);
    u->core_s      = real_of(&r[2]); /* times the ranks, below */
    u->n_memory    = r[3].i;
    u->mean_rss_kb = r[3].i ? r[4].i / r[3].i : 0;
    u->peak_kb     = r[5].i;
    return ERR_OK;
}

enum err status_read_use(struct catalogue *c, const struct campaign_stage_cfg *cfg, struct status_stage *s)
{
    TRY(status_rows(
        c,
        "select count(case when cpu_s is not null and wall_s is not null then 1 end),"
        " sum(case when wall_s is not null then cpu_s end), sum(case when cpu_s is not null then wall_s end),"
        " count(max_rss_kb), cast(coalesce(sum(max_rss_kb), 0) as bigint), coalesce(max(max_rss_kb), 0)"
        " from submissions where stage_id = $1",
        &DB_I(s->id), 1, take_use, &s->use));
    s->use.core_s *= (double)cfg->ranks;
    s->use.requested_kb = status_requested_kb(cfg);
    return ERR_OK;
}
