/* Times between the moments of a file's and a submission's life. */
#include "latency.h"

#include "catalogue_internal.h"
#include "mem.h"
#include "stage_made.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *title;
} words[N_LATENCY_KINDS] = {
    [LATENCY_TAKEN_TO_PRODUCT]    = {"taken_to_product", "data taken to product"},
    [LATENCY_DECLARED_TO_PRODUCT] = {"declared_to_product", "file declared to product"},
    [LATENCY_INPUT_TO_SUBMISSION] = {"input_to_submission", "last input to submission"},
    [LATENCY_SUBMISSION_TO_BEGIN] = {"submission_to_begin", "submission to its begin"},
    [LATENCY_SUBMISSION_TO_DONE]  = {"submission_to_done", "submission to its products"},
};
const char *latency_name(enum latency_kind kind) { return words[kind].name; }
const char *latency_title(enum latency_kind kind) { return words[kind].title; }

/* ---- numbers ---------------------------------------------------------------------------------------------------------- */
double latency_edge_s(int bin) { return pow(10.0, bin / 5.0); }

static int by_time(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double nearest_rank(const double *sorted, size_t n, size_t percent)
{
    return sorted[(n * percent + 99) / 100 - 1];
}

void latency_of(double *t, size_t n, struct latency *out)
{
    *out = (struct latency){.n = (int64_t)n};
    if (n == 0) return;
    qsort(t, n, sizeof *t, by_time);
    out->p50_s = nearest_rank(t, n, 50);
    out->p95_s = nearest_rank(t, n, 95);
    out->max_s = t[n - 1];
    int bin    = 0;
    for (size_t i = 0; i < n; i++) {
        while (bin < LATENCY_BINS - 1 && t[i] >= latency_edge_s(bin + 1)) bin++;
        out->bin[bin]++;
    }
}

/* ---- rows ------------------------------------------------------------------------------------------------------------- */
struct times {
    double *s;
    size_t n, capacity;
};
struct collecting {
    struct times of[N_LATENCY_KINDS], done;
};

static enum err note(struct times *t, const struct db_value *from, const struct db_value *to)
{
    if (from->type != DB_INT || to->type != DB_INT || from->i <= 0) return ERR_OK;
    if (t->n == t->capacity) {
        TRY(mem_resize(&t->s, t->capacity, 2 * t->capacity + 1024, sizeof *t->s));
        t->capacity = 2 * t->capacity + 1024;
    }
    t->s[t->n++] = to->i > from->i ? (double)(to->i - from->i) : 0.0;
    return ERR_OK;
}

/* end of data, declared, first product */
static enum err take_file(void *context, const struct db_value *r, size_t n)
{
    struct collecting *c     = context;
    const struct db_value t0 = DB_I(1);
    (void)n;
    TRY(note(&c->of[LATENCY_TAKEN_TO_PRODUCT], &r[0], &r[2]));
    TRY(note(&c->of[LATENCY_DECLARED_TO_PRODUCT], &r[1], &r[2]));
    return note(&c->done, &t0, &r[2]);
}

/* noted, begun, state, last change, last input */
static enum err take_submission(void *context, const struct db_value *r, size_t n)
{
    struct collecting *c = context;
    (void)n;
    TRY(note(&c->of[LATENCY_INPUT_TO_SUBMISSION], &r[4], &r[0]));
    TRY(note(&c->of[LATENCY_SUBMISSION_TO_BEGIN], &r[0], &r[1]));
    if (r[2].i == 8000) TRY(note(&c->of[LATENCY_SUBMISSION_TO_DONE], &r[0], &r[3]));
    return ERR_OK;
}

static enum err collect(struct catalogue *c, int64_t stage_id, const struct campaign_stage *stage,
                        struct collecting *out)
{
    struct db_value id      = DB_I(stage_id);
    const struct sql inputs = {.text =
                                   (char *)"select s.create_s, s.begin_s, s.state, s.update_s, (select max((select "
                                           "min(a.added_s) from file_locations a where a.file_id = f.file_id)) from "
                                           "submission_files f where f.submission_id = s.id) from submissions s where "
                                           "s.stage_id = $1",
                               .value    = &id,
                               .n_values = 1};
    TRY(stage_made_rows(
        c, stage,
        "select i.end_s, i.create_s, min(f.create_s) from stage_files s join file_parents p on p.parent_id "
        "= s.file_id join files f on f.id = p.child_id join files i on i.id = s.file_id where s.stage_id "
        "= $1 and f.id in",
        "group by i.id, i.end_s, i.create_s", &id, 1, take_file, out));
    return catalogue_rows(c->db, &inputs, take_submission, out);
}

enum err latency_read(struct catalogue *catalogue, int64_t stage_id, const struct campaign_stage *stage,
                      struct latency out[N_LATENCY_KINDS], struct latency_progress *progress)
{
    struct collecting c = {0};
    *progress           = (struct latency_progress){0};
    enum err rc         = collect(catalogue, stage_id, stage, &c);
    for (int k = 0; k < N_LATENCY_KINDS && !rc; k++) latency_of(c.of[k].s, c.of[k].n, &out[k]);
    if (!rc) rc = mem_alloc(&progress->at_s, c.done.n + 1, sizeof *progress->at_s);
    if (!rc) {
        if (c.done.n) qsort(c.done.s, c.done.n, sizeof *c.done.s, by_time);
        progress->n = c.done.n;
        for (size_t i = 0; i < c.done.n; i++) progress->at_s[i] = (int64_t)c.done.s[i] + 1; /* taken from 1 */
    }
    for (int k = 0; k < N_LATENCY_KINDS; k++) mem_free(c.of[k].s);
    mem_free(c.done.s);
    return rc;
}

void latency_progress_free(struct latency_progress *progress)
{
    mem_free(progress->at_s);
    progress->at_s = NULL;
}
