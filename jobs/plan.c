/* What a campaign would take. */
#include "plan.h"

#include "mem.h"
#include "stage_places.h"
#include "stage_units.h"
#include "stage_work.h"
#include "status.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

enum { MAX_SLICES = 20000 };
#define LITTLE_MEMORY 0.3 /* of what is asked for: slots are wasted */
#define MUCH_MEMORY   0.9

/* ---- jobs --------------------------------------------------------------------------------------------------------------- */
/* Slice after slice, as passes would take them. */
static enum err count_slices(const struct split *split, struct split_file *files, size_t n, double *n_jobs)
{
    int64_t *taken;
    struct split_past past = {0};
    TRY(mem_alloc(&taken, n + 1, sizeof *taken));
    enum err rc = ERR_OK;
    for (past.taken = taken; !rc && past.n_slices < MAX_SLICES; past.n_slices++) {
        struct split_slice slice;
        rc = split_next(split, "", files, n, &past, (int64_t)time(NULL), &slice);
        if (rc || slice.is_over) break;
        for (size_t i = 0; i < slice.n; i++) { /* put in where it belongs */
            size_t at = past.n_taken++;
            for (; at > 0 && taken[at - 1] > slice.id[i]; at--) taken[at] = taken[at - 1];
            taken[at] = slice.id[i];
        }
        split_free(&slice);
    }
    mem_free(taken);
    *n_jobs = past.n_slices < MAX_SLICES ? (double)past.n_slices : -1.0;
    return rc;
}

static int by_run(const void *a, const void *b)
{
    int64_t x = ((const struct split_file *)a)->run, y = ((const struct split_file *)b)->run;
    return (x > y) - (x < y);
}

static double count_runs(const struct split *split, struct split_file *files, size_t n)
{
    double n_runs = 0.0;
    qsort(files, n, sizeof *files, by_run);
    for (size_t i = 0; i < n; i++) {
        bool is_in = split->type != SPLIT_BYRUN || (files[i].run >= split->low && files[i].run < split->high);
        n_runs += is_in && (i == 0 || files[i].run != files[i - 1].run);
    }
    return n_runs;
}

enum err plan_count_jobs(const struct split *split, struct split_file *files, size_t n, double *n_jobs)
{
    *n_jobs = 0.0;
    if (n == 0) return ERR_OK;
    switch (split->type) {
    case SPLIT_NFILES:
    case SPLIT_DRAININGN:
    case SPLIT_LIMITN:
    case SPLIT_STAGEDFILES: *n_jobs = ceil((double)n / (double)split->n); return ERR_OK;
    case SPLIT_NONE:
    case SPLIT_DRAINING: *n_jobs = 1.0; return ERR_OK;
    case SPLIT_BYRUN:
    case SPLIT_BYEXISTINGRUNS: *n_jobs = count_runs(split, files, n); return ERR_OK;
    default: return count_slices(split, files, n, n_jobs);
    }
}

/* ---- files that are left ------------------------------------------------------------------------------------------------ */
struct sizes {
    const int64_t *taken;
    size_t n_taken, n;
    double bytes;
};

static int by_id(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static enum err add_size(void *context, const struct db_value *r, size_t n)
{
    struct sizes *s = context;
    (void)n;
    if (s->n_taken && bsearch(&r[0].i, s->taken, s->n_taken, sizeof *s->taken, by_id)) return ERR_OK;
    s->bytes += (double)r[1].i;
    s->n++;
    return ERR_OK;
}

static void warn(struct plan_stage *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void warn(struct plan_stage *p, const char *format, ...)
{
    va_list args;
    if (p->n_warnings == PLAN_WARNINGS) return;
    va_start(args, format);
    vsnprintf(p->warning[p->n_warnings++], sizeof p->warning[0], format, args);
    va_end(args);
}

/* What cannot be read now is started later. */
static enum err look_at_places(const struct stage_work *w, const struct split_file *files, size_t n,
                               struct plan_stage *p)
{
    struct stage_places_sample seen;
    TRY(stage_places_sample(w, files, n, &seen));
    if (seen.n_staging + seen.n_gone)
        warn(p, "of %zu files asked after, %zu on tape, %zu gone: they are not started before they are there",
             seen.n_asked, seen.n_staging, seen.n_gone);
    return ERR_OK;
}

static enum err read_files(const struct stage_work *w, struct plan_stage *p)
{
    struct stage_dataset d;
    TRY(stage_work_read(w, &d));
    struct sizes left = {.taken = d.taken, .n_taken = d.n_taken};
    enum err rc       = catalogue_list(w->catalogue, w->stage->dataset, "f.id, f.file_size", 0, add_size, &left);
    size_t n          = 0;
    for (size_t i = 0; i < d.files.n && !rc; i++) {
        bool is_taken = d.n_taken && bsearch(&d.files.one[i].id, d.taken, d.n_taken, sizeof *d.taken, by_id);
        if (!is_taken) d.files.one[n++] = d.files.one[i];
    }
    if (!rc) rc = look_at_places(w, d.files.one, n, p);
    if (!rc) rc = plan_count_jobs(&w->stage->split, d.files.one, n, &p->n_jobs);
    p->n_files  = (double)n;
    p->in_bytes = left.bytes;
    stage_work_free(&d);
    return rc;
}

/* ---- warnings ----------------------------------------------------------------------------------------------------------- */
double plan_time_limit_s(const char *text)
{
    double part[4] = {0.0};
    int n          = 0;
    char *end;
    const char *dash = strchr(text, '-');
    double days      = dash ? strtod(text, &end) : 0.0;
    if (dash && end != dash) return -1.0;
    for (const char *at = dash ? dash + 1 : text; n < 3; at = end + 1) {
        part[n++] = strtod(at, &end);
        if (end == at || part[n - 1] < 0.0 || (*end && *end != ':')) return -1.0;
        if (!*end) break;
    }
    if (*end) return -1.0;
    if (dash) return 86400.0 * days + 3600.0 * part[0] + 60.0 * part[1] + part[2];
    if (n == 1) return 60.0 * part[0];
    return n == 2 ? 60.0 * part[0] + part[1] : 3600.0 * part[0] + 60.0 * part[1] + part[2];
}

static void check_requests(const struct campaign_stage *s, struct plan_stage *p)
{
    int64_t asked_kb = status_requested_kb(&s->cfg);
    double used_mb = (double)p->use.peak_kb / 1024.0, asked_mb = (double)asked_kb / 1024.0;
    if (asked_kb && p->use.peak_kb && used_mb > MUCH_MEMORY * asked_mb)
        warn(p, "asks for %.0f MB a process; one was seen to use %.0f MB", asked_mb, used_mb);
    if (asked_kb && p->use.peak_kb && used_mb < LITTLE_MEMORY * asked_mb)
        warn(p, "asks for %.0f MB a process; none was seen to use more than %.0f MB: slots are wasted", asked_mb,
             used_mb);
    const char *limit = status_option(&s->cfg.sbatch, "--time", "-t");
    double limit_s    = limit ? plan_time_limit_s(limit) : -1.0;
    double job_s      = p->use.wall_s > 0.0 && p->n_jobs > 0.0
                            ? p->use.wall_s * (s->dataset ? p->in_bytes : p->n_files) / p->n_jobs
                            : -1.0;
    if (limit_s > 0.0 && job_s > MUCH_MEMORY * limit_s)
        warn(p, "a job takes about %.1f h, its time limit is %.1f h: smaller slices, or a longer limit", job_s / 3600.0,
             limit_s / 3600.0);
}

static void check_room(const struct campaign *c, struct plan_stage *stages)
{
    char path[1024];
    struct statvfs v;
    double need = 0.0;
    for (size_t i = 0; i < c->n_stages; i++)
        if (stages[i].out_bytes > 0.0) need += stages[i].out_bytes;
    snprintf(path, sizeof path, "%s", c->cfg.output);
    while (strlen(path) > 1 && statvfs(path, &v) != 0) { /* the folder may not be there yet */
        char *slash                  = strrchr(path, '/');
        slash[slash == path ? 1 : 0] = 0;
    }
    if (statvfs(path, &v) != 0) return;
    double room = (double)v.f_bavail * (double)v.f_frsize;
    if (need > room)
        warn(&stages[c->order[c->n_stages - 1]], "all stages write about %.1f GB; %s has room for %.1f GB", need / 1e9,
             path, room / 1e9);
}

/* ---- all ---------------------------------------------------------------------------------------------------------------- */
/* A dataset that a stage makes, and that is there in part, grows with it. */
static void extrapolate(const struct campaign *c, size_t i, const struct step_stage *look, struct plan_stage *p)
{
    double scale = 1.0;
    for (size_t k = 0; k < c->stage[i].n_needs; k++) {
        size_t need = c->stage[i].need[k];
        if (look[need].is_complete) continue;
        double done = (double)look[need].n_done, all = (double)look[need].n_files;
        bool is_known = c->stage[need].dataset && done > 0.0 && look[i].n_files > 0;
        if (!is_known) scale = -1.0;
        if (is_known && scale > 0.0 && all / done > scale) scale = all / done;
    }
    if (scale == 1.0) return;
    p->is_extrapolated = true;
    if (scale < 0.0) {
        p->n_jobs = p->n_files = p->in_bytes = -1.0;
        return;
    }
    double n_all = (double)look[i].n_files, more = (scale - 1.0) * n_all;
    double a_file = p->n_files > 0.0 ? p->in_bytes / p->n_files : 0.0;
    p->n_jobs     = p->n_files > 0.0 ? ceil(p->n_jobs * (p->n_files + more) / p->n_files) : -1.0;
    p->n_files += more;
    p->in_bytes += more * a_file;
}

static double times(double a, double b) { return a < 0.0 || b < 0.0 ? -1.0 : a * b; }

static void work_out(const struct campaign_stage *s, struct plan_stage *p)
{
    double units   = s->dataset ? p->in_bytes : p->n_files;
    double use_s   = times(p->use.cpu_s, units);
    double wall_s  = times(p->use.wall_s, units);
    double at_once = p->n_jobs < (double)s->cfg.max_submissions ? p->n_jobs : (double)s->cfg.max_submissions;
    p->core_h      = use_s < 0.0 ? -1.0 : use_s / 3600.0;
    p->out_bytes   = times(p->use.out_bytes, units);
    p->out_files   = times(p->use.out_files, p->n_files);
    p->wall_h      = units == 0.0 ? 0.0 : wall_s < 0.0 || at_once <= 0.0 ? -1.0 : wall_s / at_once / 3600.0;
    if (units == 0.0) p->core_h = p->out_bytes = p->out_files = 0.0;
}

static enum err plan_stage(struct catalogue *catalogue, const struct campaign *c, size_t i,
                           const struct step_stage *look, struct plan_stage *p)
{
    const struct campaign_stage *s = &c->stage[i];
    struct stage_work w;
    *p = (struct plan_stage){0};
    TRY(stage_work_begin(catalogue, c, 0, i, "", &w));
    if (!s->dataset) {
        int64_t n;
        TRY(stage_units_left(&w, &n));
        p->n_jobs  = (double)n;
        p->n_files = p->n_jobs * (double)s->cfg.fills;
    } else {
        TRY(read_files(&w, p));
        extrapolate(c, i, look, p);
    }
    TRY(estimate_read(catalogue, s, &p->use));
    work_out(s, p);
    check_requests(s, p);
    return ERR_OK;
}

enum err plan_read(struct catalogue *catalogue, const struct campaign *c, struct plan_stage *stages)
{
    struct step_stage *look;
    TRY(mem_alloc(&look, c->n_stages, sizeof *look));
    enum err rc = ERR_OK;
    for (size_t k = 0; k < c->n_stages && !rc; k++) {
        size_t i = c->order[k];
        rc       = step_look(catalogue, c, 0, i, &look[i]);
        if (!rc) rc = plan_stage(catalogue, c, i, look, &stages[i]);
        if (!rc && !c->stage[i].dataset && stages[i].n_files == 0.0) look[i].is_complete = true;
        for (size_t j = 0; j < c->stage[i].n_needs && !rc; j++) {
            const struct plan_stage *need = &stages[c->stage[i].need[j]];
            double end_h = need->wall_h < 0.0 || need->begin_h < 0.0 ? -1.0 : need->begin_h + need->wall_h;
            if (end_h < 0.0 || stages[i].begin_h < 0.0)
                stages[i].begin_h = -1.0;
            else if (end_h > stages[i].begin_h)
                stages[i].begin_h = end_h;
        }
    }
    if (!rc) check_room(c, stages);
    mem_free(look);
    return rc;
}
