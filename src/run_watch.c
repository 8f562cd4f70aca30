/* A watched folder: units that come while the job runs. */
#include "run_internal.h"

#include "comm.h"
#include "log.h"
#include "mem.h"
#include "midas_file.h"
#include "publish.h"
#include "run_page.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct run_watch {
    struct watch *watch;
    double next_look_s;
    int n_looks;
    bool is_unreadable;
    uint32_t live_run, live_subrun; /* --fraction: the file that is followed, and how far it is taken */
    uint64_t live_byte;
    struct run_page *page;
    double next_words_s;
};

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- files that are bad: OUT/quarantine/NAME.json --------------------------------------------------------------------- */

static void quarantine_path(const struct job *job, const char *name, size_t size, char *out)
{
    snprintf(out, size, "%s/quarantine/%s%s", job->out_dir, name, *name ? ".json" : "");
}

/* How often a file was begun and not ended: the job may have died of it. */
enum { MAX_TRIES = 3 };

static void tries_path(const struct job *job, const char *source, size_t size, char *out)
{
    snprintf(out, size, "%s/quarantine/%s.tries", job->out_dir, base_of(source));
}

static long read_tries(const char *path)
{
    char text[32];
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    const char *line = fgets(text, sizeof text, f);
    fclose(f);
    return line ? strtol(line, NULL, 10) : 0;
}

enum err run_watch_begun(struct round *r, int64_t unit)
{
    const struct unit *u = &r->job->units[unit];
    char path[1800];
    if (u->end_byte > 0) return ERR_OK;
    quarantine_path(r->job, "", sizeof path, path);
    TRY(publish_make_folder(path));
    tries_path(r->job, u->source, sizeof path, path);
    long n  = read_tries(path) + 1;
    FILE *f = fopen(path, "w");
    REQUIRE(f, ERR_WRITE, "%s: %s", path, strerror(errno));
    fprintf(f, "%ld\n", n);
    REQUIRE(fclose(f) == 0, ERR_WRITE, "%s: %s", path, strerror(errno));
    return ERR_OK;
}

void run_watch_returned(struct round *r, int64_t unit)
{
    char path[1800];
    tries_path(r->job, r->job->units[unit].source, sizeof path, path);
    unlink(path);
}

static void mark_text(const struct watch_mark *mark, char out[64])
{
    snprintf(out, 64, "%" PRIu64 " bytes, changed %" PRId64 " ns", mark->size, mark->changed_ns);
}

static enum err set_aside(const struct job *job, const struct watch_file *f, const char *problem)
{
    char path[1800], mark[64];
    quarantine_path(job, "", sizeof path, path);
    TRY(publish_make_folder(path));
    quarantine_path(job, base_of(f->path), sizeof path, path);
    mark_text(&f->mark, mark);
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "file", f->path);
    cJSON_AddNumberToObject(o, "run", f->run);
    cJSON_AddNumberToObject(o, "subrun", f->subrun);
    cJSON_AddStringToObject(o, "mark", mark);
    cJSON_AddStringToObject(o, "configuration", job->config_id);
    cJSON_AddStringToObject(o, "problem", problem);
    cJSON_AddNumberToObject(o, "unix_s", run_unix_s());
    char *text = cJSON_Print(o);
    cJSON_Delete(o);
    REQUIRE(text, ERR_MEMORY, "out of memory");
    enum err rc = publish_text(path, text, strlen(text), 1);
    cJSON_free(text);
    return rc;
}

static cJSON *read_json(const char *path)
{
    char text[16384];
    FILE *f = fopen(path, "r");
    if (!f) return NULL;
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    return cJSON_Parse(text);
}

/* A file that failed in an earlier life, with this configuration and as it is now, is not tried again. */
static void recall_one(const struct round *r, const cJSON *o)
{
    const cJSON *run = cJSON_GetObjectItem(o, "run"), *subrun = cJSON_GetObjectItem(o, "subrun");
    const char *mark = cJSON_GetStringValue(cJSON_GetObjectItem(o, "mark"));
    const char *id   = cJSON_GetStringValue(cJSON_GetObjectItem(o, "configuration"));
    char now[64];
    if (!cJSON_IsNumber(run) || !cJSON_IsNumber(subrun) || !mark || !id || strcmp(id, r->job->config_id) != 0) return;
    const struct watch_file *f = watch_find(r->watch->watch, (uint32_t)run->valuedouble, (uint32_t)subrun->valuedouble);
    if (!f) return;
    mark_text(&f->mark, now);
    if (strcmp(now, mark) != 0) return;
    log_warn("%s failed before and has not changed: left alone (%s/quarantine)", f->path, r->job->out_dir);
    watch_reject(r->watch->watch, f->run, f->subrun);
}

static enum err recall_tries(const struct round *r, const char *name)
{
    char path[1800], raw[300];
    uint32_t run, subrun;
    snprintf(raw, sizeof raw, "%.*s", (int)(strlen(name) - strlen(".tries")), name);
    if (!midas_file_name(raw, &run, &subrun)) return ERR_OK;
    const struct watch_file *f = watch_find(r->watch->watch, run, subrun);
    tries_path(r->job, raw, sizeof path, path);
    if (!f || read_tries(path) < MAX_TRIES) return ERR_OK;
    log_error("%s: the job ended %d times while it processed this file: it is set aside", f->path, MAX_TRIES);
    TRY(set_aside(r->job, f, "the job ended several times while it processed this file"));
    watch_reject(r->watch->watch, run, subrun);
    unlink(path);
    return ERR_OK;
}

static enum err recall_bad_files(const struct round *r)
{
    char path[1800];
    quarantine_path(r->job, "", sizeof path, path);
    DIR *d      = opendir(path);
    enum err rc = ERR_OK;
    if (!d) return ERR_OK;
    for (struct dirent *e; !rc && (e = readdir(d));) {
        const char *dot = strrchr(e->d_name, '.');
        if (dot && strcmp(dot, ".tries") == 0) rc = recall_tries(r, e->d_name);
        if (!dot || strcmp(dot, ".json") != 0) continue;
        char name[2100];
        snprintf(name, sizeof name, "%s%s", path, e->d_name);
        cJSON *o = read_json(name);
        if (o) recall_one(r, o);
        cJSON_Delete(o);
    }
    closedir(d);
    return rc;
}

/* ---- units ----------------------------------------------------------------------------------------------------------- */

static enum err add_unit(struct round *r, const struct unit *unit, double bytes, bool *has_new)
{
    TRY(job_add_unit(r->job, unit, bytes));
    if (r->deal) TRY(deal_add(r->deal, bytes));
    *has_new = true;
    return ERR_OK;
}

static enum err take_closed(struct round *r, bool *has_new)
{
    struct watch_file f;
    while (watch_take(r->watch->watch, &f)) {
        struct unit unit = {
            .run = f.run, .subrun = f.subrun, .source = f.path, .closed_unix_s = 1e-9 * (double)f.mark.changed_ns};
        TRY(add_unit(r, &unit, (double)f.mark.size, has_new));
        log_detail("run %u subrun %u is closed: %" PRIu64 " bytes", f.run, f.subrun, f.mark.size);
    }
    return ERR_OK;
}

/* The file to follow: the present one until all its whole events are taken, then the latest. */
static const struct watch_file *choose_live(const struct run_watch *w)
{
    size_t n;
    const struct watch_file *files = watch_files(w->watch, &n), *latest = NULL;
    for (size_t i = n; i-- > 0 && !latest;)
        if (!files[i].is_compressed && !files[i].is_lost && files[i].end_of_events > 0) latest = &files[i];
    const struct watch_file *now = w->live_byte > 0 ? watch_find(w->watch, w->live_run, w->live_subrun) : NULL;
    return now && now->end_of_events > w->live_byte ? now : latest;
}

/* What has come since: one part at a time, so that no queue grows when the machine is too slow. */
static enum err take_live(struct round *r, bool *has_new)
{
    struct run_watch *w = r->watch;
    if (r->deal && deal_count(r->deal, DEAL_PENDING) + deal_count(r->deal, DEAL_GRANTED) > 0) return ERR_OK;
    const struct watch_file *f = choose_live(w);
    if (!f) return ERR_OK;
    if (f->run != w->live_run || f->subrun != w->live_subrun) w->live_byte = 0;
    w->live_run    = f->run;
    w->live_subrun = f->subrun;
    if (f->end_of_events <= w->live_byte) return ERR_OK;
    struct unit unit = {.run           = f->run,
                        .subrun        = f->subrun,
                        .source        = f->path,
                        .first_byte    = w->live_byte,
                        .end_byte      = f->end_of_events,
                        .closed_unix_s = 1e-9 * (double)f->mark.changed_ns};
    w->live_byte     = f->end_of_events;
    return add_unit(r, &unit, (double)(unit.end_byte - unit.first_byte), has_new);
}

static enum err take_new(struct round *r, bool *has_new)
{
    *has_new = false;
    TRY(r->job->options.fraction > 0.0 ? take_live(r, has_new) : take_closed(r, has_new));
    return r->products ? product_grow(r->products) : ERR_OK;
}

static enum err look(struct round *r)
{
    struct run_watch *w = r->watch;
    w->next_look_s      = run_now_s() + r->job->watch.scan_s;
    enum err rc         = watch_look(w->watch, run_unix_s());
    if (rc == ERR_OPEN) {
        if (!w->is_unreadable) log_error("%s; it is tried again", err_message());
        w->is_unreadable = true;
        err_clear();
        return ERR_OK;
    }
    TRY(rc);
    w->is_unreadable = false;
    w->n_looks++;
    return ERR_OK;
}

/* Parts of an earlier life were for its page. */
static enum err make_live_folder(const struct job *job)
{
    char path[1800];
    int n = snprintf(path, sizeof path, "%s/live", job->out_dir);
    TRY(publish_make_folder(path));
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (strncmp(e->d_name, job->out_stem, strlen(job->out_stem)) != 0) continue;
        snprintf(path + n, sizeof path - (size_t)n, "/%s", e->d_name);
        unlink(path);
    }
    if (d) closedir(d);
    return ERR_OK;
}

static void tell_page(const struct round *r)
{
    char words[256];
    if (!r->watch->page || !r->watch->watch || !r->deal) return;
    run_watch_progress(r, sizeof words, words);
    run_page_say(r->watch->page, words);
}

enum err run_watch_open(struct round *r)
{
    bool has_new;
    TRY(mem_alloc(&r->watch, 1, sizeof *r->watch));
    TRY(watch_open(r->job->options.watch, &r->job->watch, &r->watch->watch));
    TRY(look(r));
    TRY(recall_bad_files(r));
    if (r->job->options.fraction > 0.0) TRY(make_live_folder(r->job));
    TRY(take_new(r, &has_new));
    log_info("%s is watched: %zu subruns are closed, %zu are not", r->job->options.watch, r->job->n_units,
             watch_count(r->watch->watch, WATCH_GROWING));
    return run_page_open(r->job, &r->watch->page);
}

void run_watch_close(struct round *r)
{
    if (!r->watch) return;
    size_t n_bad = r->watch->watch ? watch_count(r->watch->watch, WATCH_BAD) : 0;
    if (n_bad) log_warn("%zu bad files are left alone, see %s/quarantine", n_bad, r->job->out_dir);
    tell_page(r);
    run_page_close(r->watch->page);
    watch_free(r->watch->watch);
    mem_free(r->watch);
    r->watch = NULL;
}

enum err run_watch_look(struct round *r, bool *has_new)
{
    *has_new = false;
    if (run_now_s() < r->watch->next_look_s) return ERR_OK;
    if (run_now_s() > r->watch->next_words_s) {
        r->watch->next_words_s = run_now_s() + r->job->scheduler.progress_s;
        tell_page(r);
    }
    TRY(look(r));
    return take_new(r, has_new);
}

bool run_watch_is_over(const struct round *r)
{
    if (!r->job->options.is_once || r->watch->n_looks < 2 || deal_count(r->deal, DEAL_PENDING) > 0) return false;
    if (r->job->options.fraction > 0.0) {
        const struct watch_file *f = choose_live(r->watch);
        return !f || f->end_of_events <= r->watch->live_byte;
    }
    return watch_count(r->watch->watch, WATCH_READY) == 0;
}

/* What was bad is good now. */
static void forget_bad(const struct round *r, const struct unit *u)
{
    char path[1800];
    quarantine_path(r->job, base_of(u->source), sizeof path, path);
    unlink(path);
}

enum err run_watch_done(struct round *r, const struct report *report)
{
    const struct unit *u = &r->job->units[report->unit];
    struct watch_mark mark;
    struct run_watch_totals *t = &r->totals->watch;
    if (u->end_byte == 0) forget_bad(r, u);
    run_watch_returned(r, report->unit);
    if (report->was_published) return ERR_OK;
    double latency_s = run_unix_s() - u->closed_unix_s, bin = latency_s > 0.01 ? 8.0 * log2(latency_s * 100.0) : 0.0;
    t->bytes += r->job->cost[report->unit];
    t->n++;
    t->latency_bins[bin < RUN_LATENCY_BINS - 1.0 ? (int)bin : RUN_LATENCY_BINS - 1]++;
    if (latency_s > t->latency_max_s) t->latency_max_s = latency_s;
    if (u->end_byte > 0) return ERR_OK;
    const struct watch_file *f = watch_find(r->watch->watch, u->run, u->subrun);
    if (watch_mark(u->source, &mark)) { /* it may have been cleared away */
        err_clear();
        return ERR_OK;
    }
    if (!f || mark.size == f->mark.size) return ERR_OK;
    log_error("%s has changed after it was taken as closed: %" PRIu64 " bytes, now %" PRIu64
              "; its product holds what was there first",
              u->source, f->mark.size, mark.size);
    return set_aside(r->job, f,
                     "the file changed after it was taken as closed; its product holds what was there first");
}

enum err run_watch_failed(struct round *r, const struct report *report)
{
    const struct unit *u       = &r->job->units[report->unit];
    const struct watch_file *f = watch_find(r->watch->watch, u->run, u->subrun);
    if (!f || u->end_byte > 0) return ERR_OK;
    run_watch_returned(r, report->unit);
    TRY(set_aside(r->job, f, report->message));
    watch_reject(r->watch->watch, u->run, u->subrun);
    return ERR_OK;
}

double run_latency_median_s(const struct run_watch_totals *t)
{
    int64_t below = 0;
    for (int b = 0; b < RUN_LATENCY_BINS; b++) {
        below += t->latency_bins[b];
        if (2 * below >= t->n) return fmin(t->latency_max_s, 0.01 * exp2((b + 0.5) / 8.0));
    }
    return 0.0;
}

void run_watch_progress(const struct round *r, size_t size, char *out)
{
    const struct run_watch_totals *t = &r->totals->watch;
    double unit_s                    = t->n ? r->totals->unit_seconds / (double)t->n : 0.0;
    int n = snprintf(out, size, "%" PRId64 " subruns done, %zu waiting, %zu growing, %zu bad", r->totals->n_done,
                     deal_count(r->deal, DEAL_PENDING), watch_count(r->watch->watch, WATCH_GROWING),
                     watch_count(r->watch->watch, WATCH_BAD));
    if (t->n && n > 0 && (size_t)n < size)
        snprintf(out + n, size - (size_t)n, "; sustains one each %.2f s; latency %.1f s, largest %.1f s",
                 unit_s / comm_size(), run_latency_median_s(t), t->latency_max_s);
}
