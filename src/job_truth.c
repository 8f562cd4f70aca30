/* The units of a job that reads simulated truth. */
#include "job_truth.h"

#include "comm.h"
#include "file_fills.h"
#include "job_units.h"
#include "mem.h"
#include "merge_check.h"
#include "phys.h"
#include "tables.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_NUMBERS = 2 };
static const char *const numbers[N_NUMBERS] = {"source.run", "source.first_subrun"};

struct truth_unit {
    uint32_t run, subrun, first; /* first: number of its first event */
    int64_t n_fills;
    const char *path; /* lent */
};

struct truth_plan {
    const struct job *job;
    struct strs may_differ;
    struct merge_file first; /* all others are compared with it */
    size_t n, capacity;
    struct truth_unit *unit;
};

/* ---- rank 0: looking into the files --------------------------------------------------------------------------------- */
static enum err read_words(const struct fhicl *list, const char *key, struct strs *out)
{
    size_t n = list ? fhicl_size(list) : 0;
    TRY(mem_alloc(&out->value, n + N_NUMBERS, sizeof *out->value));
    for (size_t i = 0; i < n; i++) TRY(fhicl_as_string(fhicl_at(list, i), key, &out->value[i]));
    out->n = n;
    return ERR_OK;
}

/* Other runs and subruns are what several files are for. */
static enum err accept_numbers(struct truth_plan *p, const char *configuration)
{
    struct fhicl *document;
    TRY(fhicl_parse(configuration, strlen(configuration), "configuration", &document));
    for (int i = 0; i < N_NUMBERS; i++)
        if (fhicl_get(document, numbers[i])) p->may_differ.value[p->may_differ.n++] = numbers[i];
    fhicl_free(document);
    return ERR_OK;
}

static bool may_differ(const struct truth_plan *p, const char *word)
{
    for (size_t i = 0; i < p->may_differ.n; i++)
        if (strcmp(p->may_differ.value[i], word) == 0) return true;
    return false;
}

static enum err check_file(const struct truth_plan *p, const struct merge_file *f)
{
    struct file_fills *fills;
    int handle;
    TRY(file_fills_open(f->path, &fills));
    enum err rc = file_fills_add(fills, &table_fill_truth, &handle);
    file_fills_close(fills);
    if (rc == ERR_NOTFOUND)
        FAIL(ERR_DATA,
             "%s has no simulated truth (table %s): make such files with generate.fcl, or with outputs.out.keep: "
             "[truth, ...]",
             f->path, table_fill_truth.name);
    TRY(rc);
    REQUIRE(f->content.seed == p->job->info.seed || may_differ(p, "seed"), ERR_MISMATCH,
            "%s was simulated with seed %" PRIu64 ", this job has services.RandomNumberGenerator.seed: %" PRIu64
            "; give --set services.RandomNumberGenerator.seed=%" PRIu64
            " to get what one pass gives, or --set source.may_differ='[seed]' for other noise on the same truth",
            f->path, f->content.seed, p->job->info.seed, f->content.seed);
    const char *set = f->content.text[FILE_TEXT_constants_set];
    REQUIRE(strcmp(set, PHYS_SET_NAME) == 0 || may_differ(p, "constants_set"), ERR_MISMATCH,
            "%s was simulated with constants_set %s, this program has " PHYS_SET_NAME
            "; source.may_differ: [constants_set] accepts that",
            f->path, set);
    return ERR_OK;
}

static enum err check_like_first(const struct truth_plan *p, const struct merge_file *f)
{
    struct merge_identity identity  = {.seed = 0};
    const struct merge_file both[2] = {p->first, *f};
    enum err rc                     = merge_check_same(both, 2, &p->may_differ, &identity);
    merge_identity_free(&identity);
    return rc ? err_context(rc, "source.may_differ can accept it") : ERR_OK;
}

/* The fills of one unit lie in one stretch. */
static enum err add_unit(struct truth_plan *p, const struct merge_file *f, const struct file_unit *u)
{
    const struct file_content *c = &f->content;
    struct truth_unit unit       = {u->run, u->subrun, 1, u->n_fills, f->path};
    int64_t n                    = 0;
    for (size_t i = 0; i < c->n_stretches; i++) {
        const struct file_stretch *s = &c->stretch[i];
        if (s->run != u->run || s->subrun != u->subrun) continue;
        if (n == 0) unit.first = s->first;
        n += (int64_t)s->last - s->first + 1;
    }
    REQUIRE(n == u->n_fills, ERR_DATA,
            "%s: run %u subrun %u: table units says %" PRId64 " fills, %" PRId64 " are there", f->path, u->run,
            u->subrun, u->n_fills, n);
    if (n == 0) return ERR_OK;
    if (p->n == p->capacity) {
        size_t capacity = 2 * p->capacity + 64;
        TRY(mem_resize(&p->unit, p->n, capacity, sizeof *p->unit));
        p->capacity = capacity;
    }
    p->unit[p->n++] = unit;
    return ERR_OK;
}

static enum err look_at(struct truth_plan *p, const char *path)
{
    struct merge_file f = {.path = path};
    enum err rc;
    TRY_TO(done, file_content_read(path, &f.content));
    TRY_TO(done, check_file(p, &f));
    if (p->first.path) TRY_TO(done, check_like_first(p, &f));
    for (size_t i = 0; i < f.content.n_units; i++) TRY_TO(done, add_unit(p, &f, &f.content.unit[i]));
    if (!p->first.path) {
        TRY_TO(done, accept_numbers(p, f.content.text[FILE_TEXT_configuration]));
        p->first  = f;
        f.content = (struct file_content){0};
    }
done:
    file_content_free(&f.content);
    return rc;
}

static int by_subrun(const void *a, const void *b)
{
    const struct truth_unit *u = a, *v = b;
    if (u->run != v->run) return u->run < v->run ? -1 : 1;
    return u->subrun < v->subrun ? -1 : u->subrun > v->subrun;
}

static enum err look_at_all(struct truth_plan *p, const struct fhicl *files)
{
    for (size_t i = 0; i < fhicl_size(files); i++) {
        const char *path;
        TRY(fhicl_as_string(fhicl_at(files, i), "source.fileNames", &path));
        TRY(look_at(p, path));
    }
    REQUIRE(p->n > 0, ERR_CONFIG, "there is nothing to do: no fill in any of the files");
    qsort(p->unit, p->n, sizeof *p->unit, by_subrun);
    for (size_t i = 1; i < p->n; i++) {
        const struct truth_unit *u = &p->unit[i], *before = u - 1;
        REQUIRE(by_subrun(before, u), ERR_OPTION, "run %u subrun %u is given twice: in %s and %s", u->run, u->subrun,
                before->path, u->path);
    }
    return ERR_OK;
}

/* "RUN SUBRUN FIRST FILLS PATH", one a line. */
static enum err print_units(const struct truth_plan *p, char **out)
{
    size_t room = 1, used = 0;
    for (size_t i = 0; i < p->n; i++) room += strlen(p->unit[i].path) + 64;
    TRY(mem_alloc(out, room, 1));
    for (size_t i = 0; i < p->n; i++) {
        const struct truth_unit *u = &p->unit[i];
        used += (size_t)snprintf(*out + used, room - used, "%u %u %u %" PRId64 " %s\n", u->run, u->subrun, u->first,
                                 u->n_fills, u->path);
    }
    return ERR_OK;
}

static enum err look(struct job *job, char **out)
{
    struct truth_plan plan    = {.job = job};
    const struct fhicl *files = fhicl_get(job->document, "source.fileNames");
    enum err rc;
    if (!files || fhicl_size(files) == 0)
        FAIL(ERR_OPTION, "no files of simulated truth: give -s FILE, -S LIST or source.fileNames");
    TRY_TO(done, read_words(fhicl_get(job->document, "source.may_differ"), "source.may_differ", &plan.may_differ));
    TRY_TO(done, look_at_all(&plan, files));
    rc = print_units(&plan, out);
done:
    file_content_free(&plan.first.content);
    mem_free(plan.may_differ.value);
    mem_free(plan.unit);
    return rc;
}

/* ---- all ---------------------------------------------------------------------------------------------------------------- */
/* As in other files: n_skip events are passed over, then n_fills taken. */
static enum err take_units(struct job *job, size_t n)
{
    char *rest = NULL, *line = strtok_r(job->truth_list, "\n", &rest);
    for (size_t i = 0; i < n && line; i++, line = strtok_r(NULL, "\n", &rest)) {
        int64_t number[4] = {0};
        for (int k = 0; k < 4; k++) number[k] = strtoll(line, &line, 10);
        job->units[i] = (struct unit){.index   = (int64_t)i,
                                      .run     = (uint32_t)number[0],
                                      .subrun  = (uint32_t)number[1],
                                      .n_skip  = number[2] - 1,
                                      .n_fills = number[3],
                                      .source  = line + 1,
                                      .out_dir = job->out_dir};
        job->cost[i]  = (double)number[3];
    }
    return ERR_OK;
}

static enum err cut(struct job *job)
{
    const struct job_options *o = &job->options;
    int64_t limit               = o->n_fills;
    const struct fhicl *events  = fhicl_get(job->document, "source.maxEvents");
    if (limit < 0 && events) TRY(fhicl_as_i64(events, "source.maxEvents", &limit));
    if (limit < 0 && o->n_skip == 0) return ERR_OK;
    REQUIRE(job->n_units == 1, ERR_OPTION, "-n and --nskip count the fills of one subrun; %zu are given", job->n_units);
    struct unit *u = &job->units[0];
    REQUIRE(o->n_skip < u->n_fills && limit != 0, ERR_OPTION,
            "there is nothing to do: -n %" PRId64 " --nskip %" PRId64 " of %" PRId64 " fills in %s", limit, o->n_skip,
            u->n_fills, u->source);
    u->n_skip += o->n_skip;
    u->n_fills -= o->n_skip;
    if (limit > 0 && limit < u->n_fills) u->n_fills = limit;
    return ERR_OK;
}

enum err job_plan_truth(struct job *job)
{
    size_t n = 0;
    TRY(comm_agree(comm_rank() == 0 ? look(job, &job->truth_list) : ERR_OK));
    TRY(comm_broadcast_text(&job->truth_list));
    for (const char *c = job->truth_list; *c; c++) n += *c == '\n';
    TRY(comm_agree(job_make_units(job, n)));
    TRY(take_units(job, n));
    return cut(job);
}
