/* The calibrations there are, and what holds for all of them: run, compare with what was put in, load. */
#include "calib.h"
#include "mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
const struct calibration *const calibrations[] = {
    &calibration_oof,
    &calibration_ifg,
    &calibration_stdp,
    &calibration_sync,
    &calibration_beam_time,
    &calibration_energy,
    &calibration_pedestal,
    &calibration_noise,
    &calibration_channels,
    NULL,
};
/* clang-format on */

const struct calibration *calibration_find(const char *name)
{
    for (size_t i = 0; calibrations[i]; i++)
        if (strcmp(calibrations[i]->name, name) == 0) return calibrations[i];
    return NULL;
}

bool calibration_has_input(const struct calibration *c, const struct calib_input *in)
{
    for (size_t i = 0; c->hists[i]; i++) {
        const struct hist *h = hist_find(&in->hists, c->hists[i]);
        if (!h || h->n_entries == 0) return false;
    }
    for (size_t i = 0; c->tables[i]; i++)
        if (!calib_table(in, c->tables[i])) return false;
    return true;
}

/* ---- recovered against injected -------------------------------------------------------------------------------------- */

/* The column that holds the error of a value column: NAME_err; -1: none. */
static int error_column(const struct cond_table *t, size_t c)
{
    char name[COND_NAME + 8];
    snprintf(name, sizeof name, "%s_err", t->column[c].name);
    for (size_t i = t->n_keys; i < t->n_columns; i++)
        if (strcmp(t->column[i].name, name) == 0) return (int)i;
    return -1;
}

static void count_pulls(struct calib_result *r, size_t c)
{
    const struct cond_table *t = &r->set.table;
    const int error            = error_column(t, c);
    struct calib_pull p        = {.n = 0};
    double sum = 0.0, sum2 = 0.0, difference = 0.0;
    if (error < 0) return;
    for (size_t i = 0; i < r->set.n_rows; i++) {
        const double sigma = r->set.value[error][i], away = r->set.value[c][i] - r->truth[c][i];
        /* a constant that is right by definition, as that of the reference itself, has no error and no pull */
        if (!r->is_measured[i] || !isfinite(r->truth[c][i]) || !(sigma > 0.0)) continue;
        p.n++;
        sum += away / sigma;
        sum2 += away * away / sigma / sigma;
        difference += away;
        p.largest = fmax(p.largest, fabs(away / sigma));
    }
    if (p.n == 0) return;
    const double n = (double)p.n;
    p.mean         = sum / n;
    p.width        = sqrt(fmax(0.0, sum2 / n - p.mean * p.mean));
    p.bias         = difference / n;
    snprintf(p.column, sizeof p.column, "%s", t->column[c].name);
    r->pull[r->n_pulls++] = p;
}

static enum err find_truth(const struct calibration *c, const struct calib_input *in, struct calib_result *r)
{
    const struct cond_table *t = &r->set.table;
    for (size_t k = t->n_keys; k < t->n_columns; k++) TRY(mem_alloc(&r->truth[k], r->set.n_rows, sizeof *r->truth[k]));
    for (size_t i = 0; i < r->set.n_intervals; i++) {
        const struct cond_interval *v = &r->set.interval[i];
        for (size_t row = v->first; row < v->first + v->n_rows; row++) {
            double value[COND_MAX_COLUMNS];
            bool is_known =
                c->truth(in, cond_unpack(t, v->begin), (int)r->set.value[0][row], (int)r->set.value[1][row], value);
            for (size_t k = t->n_keys; k < t->n_columns; k++)
                r->truth[k][row] = is_known ? value[k - t->n_keys] : (double)NAN;
        }
    }
    for (size_t k = t->n_keys; k < t->n_columns; k++) count_pulls(r, k);
    return ERR_OK;
}

enum err calibration_run(const struct calibration *c, const struct calib_input *in, struct calib_result *out)
{
    *out        = (struct calib_result){.n_pulls = 0};
    enum err rc = c->extract(in, out);
    if (!rc && out->set.n_rows == 0)
        rc = err_fail(ERR_NOTFOUND, __FILE__, __LINE__, "too little data for any constant");
    if (!rc && c->truth && calib_table(in, "gain_truth")) rc = find_truth(c, in, out);
    if (!rc) return ERR_OK;
    calib_result_free(out);
    return err_context(rc, "calibration %s", c->name);
}

/* ---- loading ----------------------------------------------------------------------------------------------------------- */

/* True if an interval that is valid under the tag holds just these constants for just this time. */
static bool is_there(const struct cond_set *have, const struct cond_set *set, const struct cond_interval *v)
{
    const struct cond_interval *old;
    if (cond_find(have, v->begin, &old) != ERR_OK) {
        err_clear();
        return false;
    }
    if (old->begin != v->begin || old->end != v->end || old->n_rows != v->n_rows) return false;
    for (size_t c = 0; c < set->table.n_columns; c++) /* what is read has the order of the keys, as what is made here */
        for (size_t i = 0; i < v->n_rows; i++)
            if (have->value[c][old->first + i] != set->value[c][v->first + i]) return false;
    return true;
}

static enum err load_new(struct cond *cond, const struct calib_result *r, const struct cond_set *have, const char *tag,
                         const struct cond_note *note, size_t *n)
{
    struct cond_set some = r->set;
    struct cond_loaded loaded;
    TRY(mem_alloc(&some.interval, r->set.n_intervals, sizeof *some.interval));
    some.n_intervals = 0;
    for (size_t i = 0; i < r->set.n_intervals; i++)
        if (!is_there(have, &r->set, &r->set.interval[i])) some.interval[some.n_intervals++] = r->set.interval[i];
    *n          = some.n_intervals;
    enum err rc = *n ? cond_load(cond, &some, tag, note, false, &loaded) : ERR_OK;
    mem_free(some.interval);
    return rc;
}

enum err calib_store(struct cond *cond, const struct calib_result *r, const char *tag, const struct cond_note *note,
                     size_t *n)
{
    struct cond_table table;
    struct cond_set have;
    *n = 0;
    REQUIRE(r->set.n_intervals > 0, ERR_LOGIC, "there is nothing to load");
    TRY(cond_table(cond, r->set.table.name, &table));
    REQUIRE(table.n_columns == r->set.table.n_columns && table.n_keys == r->set.table.n_keys, ERR_MISMATCH,
            "table %s of the database has other columns than the standard table", table.name);
    for (size_t c = 0; c < table.n_columns; c++)
        REQUIRE(strcmp(table.column[c].name, r->set.table.column[c].name) == 0, ERR_MISMATCH,
                "table %s of the database has other columns than the standard table", table.name);
    const struct cond_interval *last = &r->set.interval[r->set.n_intervals - 1];
    TRY(cond_read(cond, table.name, tag, r->set.interval[0].begin, last->end - 1, true, &have));
    enum err rc = load_new(cond, r, &have, tag, note, n);
    cond_set_free(&have);
    return rc;
}
