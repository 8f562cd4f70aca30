/* Running a chain over a unit. */
#include "chain_internal.h"

#include "clock.h"
#include "cond_use.h"
#include "log.h"
#include "mem.h"
#include "tables.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* ---- times ---- */

static void add_time(struct chain_time *t, double seconds, bool passed)
{
    if (t->n == 0 || seconds < t->min_s) t->min_s = seconds;
    if (seconds > t->max_s) t->max_s = seconds;
    t->n++;
    if (passed) t->n_passed++;
    t->wall_s += seconds;
    t->wall2_s2 += seconds * seconds;
    double bin = seconds > 1e-7 ? 8.0 * log2(seconds * 1e7) : 0.0;
    t->bins[bin > 255.0 ? 255 : (int)bin]++;
}

void chain_times_add(struct chain_time *into, const struct chain_time *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (from[i].n == 0) continue;
        if (into[i].n == 0 || from[i].min_s < into[i].min_s) into[i].min_s = from[i].min_s;
        if (from[i].max_s > into[i].max_s) into[i].max_s = from[i].max_s;
        into[i].n += from[i].n;
        into[i].n_passed += from[i].n_passed;
        into[i].n_failed += from[i].n_failed;
        into[i].wall_s += from[i].wall_s;
        into[i].wall2_s2 += from[i].wall2_s2;
        for (int b = 0; b < 256; b++) into[i].bins[b] += from[i].bins[b];
    }
}

double chain_time_median_s(const struct chain_time *t)
{
    int64_t below = 0;
    for (int b = 0; b < 256; b++) {
        below += t->bins[b];
        if (2 * below >= t->n) return 1e-7 * exp2((b + 0.5) / 8.0);
    }
    return 0.0;
}

const struct chain_time *chain_times(const struct chain *chain, size_t *n)
{
    *n = chain->n_steps + 1;
    return chain->times;
}

/* ---- running ---- */

static enum err call(struct chain *c, size_t index)
{
    struct step *s = &c->steps[index];
    s->pass        = true;
    double start   = clock_now_s();
    enum err rc    = s->module->event ? s->module->event(s) : ERR_OK;
    add_time(&c->times[index + 1], clock_now_s() - start, s->pass && !rc);
    if (rc) {
        c->times[index + 1].n_failed++;
        const struct fill *f = &s->fill;
        return err_context(rc, "module \"%s\", run %u subrun %u event %u", s->label, f->run, f->subrun, f->event);
    }
    return ERR_OK;
}

static enum err empty_outputs(struct step *s, bool with_per_unit)
{
    for (size_t p = 0; s->module->out && s->module->out[p].table; p++)
        if (with_per_unit || !s->out[p]->table->is_per_unit) TRY(block_resize(s->out[p], 0));
    return ERR_OK;
}

/* Tables of a fill go to the file after each fill, those of the unit at its end, as event 0. */
static enum err keep_rows(struct chain *c, const struct fill *fill, bool per_unit, struct unit_file *file)
{
    for (size_t k = 0; k < c->n_kept; k++)
        if (c->kept[k].block->table->is_per_unit == per_unit)
            TRY(unit_file_append(file, c->kept[k].group, c->kept[k].block, fill));
    return ERR_OK;
}

static enum err keep_conditions(struct chain *c, const struct unit *unit, struct unit_file *file)
{
    struct fill fill = {.run = unit->run, .subrun = unit->subrun};
    if (!*cond_use_tag(c->job->conditions)) return ERR_OK;
    TRY(block_resize(c->conditions, 0));
    TRY(cond_use_record(c->job->conditions, unit->run, unit->subrun, c->conditions));
    return unit_file_append(file, table_conditions.name, c->conditions, &fill);
}

struct fill_state {
    bool done[CHAIN_MAX_STEPS], passed[CHAIN_MAX_STEPS];
    uint32_t accepted; /* trigger paths that all their modules let pass */
};

/* An analyzer that did not select the fill is passed over; a filter that rejects it ends the path. */
static enum err run_path(struct chain *c, const struct chain_path *path, struct fill_state *f, bool *passes)
{
    *passes = true;
    for (size_t k = 0; k < path->n && *passes; k++) {
        size_t i = (size_t)path->step[k];
        if (c->select[i] && !(c->select[i] & f->accepted)) continue;
        if (!f->done[i]) {
            TRY(call(c, i));
            f->done[i]   = true;
            f->passed[i] = c->steps[i].pass;
        }
        *passes = f->passed[i];
    }
    return ERR_OK;
}

static enum err run_fill(struct chain *c, const struct fill *fill, struct unit_file *file)
{
    struct fill_state f = {0};
    bool passes;
    for (size_t i = 1; i < c->n_steps; i++) {
        struct step *s = &c->steps[i];
        TRY(empty_outputs(s, false));
        s->fill = *fill;
        s->rng  = rng_key(fill->seed, fill->run, fill->subrun, fill->event, c->stream[i]);
    }
    for (size_t p = 0; p < c->n_trigger; p++) {
        TRY(run_path(c, &c->trigger[p], &f, &passes));
        if (passes) f.accepted |= 1u << p;
    }
    for (size_t p = 0; p < c->n_end; p++) TRY(run_path(c, &c->end[p], &f, &passes));
    return keep_rows(c, fill, false, file);
}

static enum err run_fills(struct chain *c, const struct unit *unit, struct unit_file *file, const atomic_bool *stop,
                          int64_t *n_fills)
{
    struct step *source = &c->steps[0];
    source->fill        = (struct fill){.seed = c->job->seed, .run = unit->run, .subrun = unit->subrun};
    for (;;) {
        if (stop && atomic_load(stop)) FAIL(ERR_AGAIN, "stopped before the unit was done");
        double start = clock_now_s();
        TRY(empty_outputs(source, false));
        source->rng = rng_key(c->job->seed, unit->run, unit->subrun, source->fill.event + 1, c->stream[0]);
        TRY(call(c, 0));
        if (!source->pass) return ERR_OK;
        TRY(run_fill(c, &source->fill, file));
        add_time(&c->times[0], clock_now_s() - start, true);
        (*n_fills)++;
    }
}

enum err chain_run_unit(struct chain *c, const struct unit *unit, const char *path, const atomic_bool *stop,
                        struct unit_result *result)
{
    enum err rc;
    struct unit_file *file = NULL;
    double start = clock_now_s(), cpu = clock_s(CLOCK_THREAD_CPUTIME_ID);
    *result = (struct unit_result){0};
    hist_set_clear(&c->hists);
    for (size_t i = 0; i < c->n_steps; i++) {
        c->steps[i].unit = unit;
        TRY(empty_outputs(&c->steps[i], true));
    }
    TRY_TO(failed, unit_file_create(path, c->provenance, unit, &file));
    for (size_t i = 0; i < c->n_steps; i++)
        if (c->steps[i].module->begin_unit) TRY_TO(failed, c->steps[i].module->begin_unit(&c->steps[i]));
    TRY_TO(failed, run_fills(c, unit, file, stop, &result->n_fills));
    for (size_t i = 0; i < c->n_steps; i++)
        if (c->steps[i].module->end_unit) TRY_TO(failed, c->steps[i].module->end_unit(&c->steps[i]));
    TRY_TO(failed, keep_rows(c, &(struct fill){.run = unit->run, .subrun = unit->subrun}, true, file));
    TRY_TO(failed, keep_conditions(c, unit, file));
    TRY_TO(failed, unit_file_finish(file, &c->hists, result->n_fills));
    for (size_t i = 0; i < c->n_steps; i++)
        if (c->steps[i].module->publish) TRY_TO(failed, c->steps[i].module->publish(&c->steps[i]));
    struct unit_file *finished = file;
    file                       = NULL; /* publish frees it, also when it fails */
    TRY_TO(failed, unit_file_publish(finished));
    result->seconds     = clock_now_s() - start;
    result->cpu_seconds = clock_s(CLOCK_THREAD_CPUTIME_ID) - cpu;
    struct stat raw;
    if (unit->source && stat(unit->source, &raw) == 0) result->raw_bytes = (uint64_t)raw.st_size;
    return ERR_OK;
failed:
    unit_file_abandon(file);
    for (size_t i = 0; i < c->n_steps; i++)
        if (c->steps[i].module->abandon) c->steps[i].module->abandon(&c->steps[i]);
    return rc;
}
