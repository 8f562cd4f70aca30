/* Pictures that every calibration has: constants of all channels, their course over intervals, pulls. */
#include "calib.h"
#include "mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_VALUES = 4, PULL_BINS = 40 };

/* Value columns, without the errors' own; error[i]: the column of its error, or -1. */
struct values {
    size_t n, column[MAX_VALUES];
    int error[MAX_VALUES];
};

static struct values find_values(const struct cond_table *t)
{
    struct values v = {.n = 0};
    for (size_t c = t->n_keys; c < t->n_columns; c++) {
        const size_t length = strlen(t->column[c].name);
        char error[COND_NAME + 8];
        if (length > 4 && strcmp(t->column[c].name + length - 4, "_err") == 0) continue;
        if (v.n == MAX_VALUES) break;
        v.column[v.n] = c;
        v.error[v.n]  = -1;
        snprintf(error, sizeof error, "%s_err", t->column[c].name);
        for (size_t k = t->n_keys; k < t->n_columns; k++)
            if (strcmp(t->column[k].name, error) == 0) v.error[v.n] = (int)k;
        v.n++;
    }
    return v;
}

static void axis_title(const struct cond_column *c, size_t size, char *out)
{
    const bool has_unit = strcmp(c->unit, "1") != 0;
    snprintf(out, size, "%s%s%s%s", c->name, has_unit ? " (" : "", has_unit ? c->unit : "", has_unit ? ")" : "");
}

/* ---- constants of the last interval ------------------------------------------------------------------------------------ */
static enum err draw_channels(const struct calib_input *in, const struct calib_result *r, struct sheet *s)
{
    const struct cond_set *set    = &r->set;
    const struct cond_interval *v = &set->interval[set->n_intervals - 1];
    const struct values values    = find_values(&set->table);
    double *work, *channel, *value, *error;
    size_t n_rows = 0;
    char name[64], title[96];
    (void)in;
    TRY(mem_alloc(&work, 3 * v->n_rows, sizeof *work));
    channel = work;
    value   = work + v->n_rows;
    error   = work + 2 * v->n_rows;
    fprintf(s->script,
            "unset title\nset multiplot layout %zu,1 title page_title font ',16'\nset key off\nset xrange [1:25]\nset "
            "xtics 1\n",
            values.n);
    for (size_t k = 0; k < values.n; k++) {
        const size_t c = values.column[k];
        n_rows         = 0;
        for (size_t i = v->first; i < v->first + v->n_rows; i++) {
            if (!r->is_measured[i]) continue;
            channel[n_rows] = set->value[0][i] + (set->value[1][i] + 0.5) / N_CRYSTALS;
            value[n_rows]   = set->value[c][i];
            error[n_rows]   = values.error[k] < 0 ? 0.0 : set->value[values.error[k]][i];
            n_rows++;
        }
        snprintf(name, sizeof name, "%s", set->table.column[c].name);
        const struct sheet_column columns[] = {{"channel", "1", channel},
                                               {"value", set->table.column[c].unit, value},
                                               {"error", set->table.column[c].unit, error}};
        sheet_table(s, name, n_rows, columns, 3);
        axis_title(&set->table.column[c], sizeof title, title);
        fprintf(s->script,
                "set xlabel 'calorimeter + (crystal + 1/2) / 54'\nset ylabel '%s'\n"
                "plot $%s using 1:2:3 with yerrorbars pt 7 ps 0.25 lw 0.6 lt 1\n",
                title, name);
    }
    fprintf(s->script, "unset multiplot\n");
    mem_free(work);
    return ERR_OK;
}

/* ---- course over intervals ---------------------------------------------------------------------------------------------- */
static void summarise(const struct calib_result *r, size_t interval, size_t c, double *mean, double *rms)
{
    const struct cond_interval *v = &r->set.interval[interval];
    double n = 0.0, sum = 0.0, sum2 = 0.0;
    for (size_t i = v->first; i < v->first + v->n_rows; i++) {
        if (!r->is_measured[i]) continue;
        n += 1.0;
        sum += r->set.value[c][i];
    }
    *mean = sum / fmax(1.0, n);
    for (size_t i = v->first; i < v->first + v->n_rows; i++)
        if (r->is_measured[i]) sum2 += (r->set.value[c][i] - *mean) * (r->set.value[c][i] - *mean);
    *rms = sqrt(sum2 / fmax(1.0, n));
}

static enum err draw_trend(const struct calib_input *in, const struct calib_result *r, struct sheet *s)
{
    const struct cond_set *set = &r->set;
    const struct values values = find_values(&set->table);
    const size_t n             = set->n_intervals;
    double *work;
    char title[96];
    (void)in;
    REQUIRE(n > 1, ERR_NOTFOUND, "there is one interval");
    TRY(mem_alloc(&work, 3 * n, sizeof *work));
    fprintf(s->script,
            "unset title\nset multiplot layout %zu,1 title page_title font ',16'\nset key top left\nset offsets graph "
            "0.02, graph 0.02, 0, 0\n",
            values.n);
    for (size_t k = 0; k < values.n; k++) {
        const struct cond_column *column = &set->table.column[values.column[k]];
        for (size_t i = 0; i < n; i++) {
            work[i] = (double)i;
            summarise(r, i, values.column[k], &work[n + i], &work[2 * n + i]);
        }
        const struct sheet_column columns[] = {
            {"interval", "1", work}, {"mean", column->unit, work + n}, {"rms", column->unit, work + 2 * n}};
        sheet_table(s, column->name, n, columns, 3);
        axis_title(column, sizeof title, title);
        fprintf(s->script,
                "set xlabel 'interval, from 0'\nset ylabel '%s'\n"
                "plot $%s using 1:2:3 with yerrorbars pt 7 ps 0.6 lt 1 title 'mean and rms of the channels'\n",
                title, column->name);
    }
    fprintf(s->script, "unset multiplot\n");
    mem_free(work);
    return ERR_OK;
}

/* ---- pulls -------------------------------------------------------------------------------------------------------------- */
static void count_pulls(const struct calib_result *r, size_t c, int error, double count[PULL_BINS])
{
    memset(count, 0, PULL_BINS * sizeof *count);
    for (size_t i = 0; i < r->set.n_rows; i++) {
        const double sigma = r->set.value[error][i], pull = (r->set.value[c][i] - r->truth[c][i]) / sigma;
        if (!r->is_measured[i] || !(sigma > 0.0) || !(fabs(pull) < 5.0)) continue;
        count[(int)((pull + 5.0) * PULL_BINS / 10.0)] += 1.0;
    }
}

static const struct calib_pull *pull_of(const struct calib_result *r, const char *column)
{
    for (size_t i = 0; i < r->n_pulls; i++)
        if (strcmp(r->pull[i].column, column) == 0) return &r->pull[i];
    return NULL;
}

static enum err draw_pulls(const struct calib_input *in, const struct calib_result *r, struct sheet *s)
{
    const struct cond_table *t = &r->set.table;
    const struct values values = find_values(t);
    double x[PULL_BINS], count[PULL_BINS];
    (void)in;
    REQUIRE(r->n_pulls > 0, ERR_NOTFOUND, "nothing was put in that is known (table gain_truth)");
    for (int i = 0; i < PULL_BINS; i++) x[i] = -5.0 + (i + 0.5) * 10.0 / PULL_BINS;
    fprintf(s->script,
            "unset title\nset multiplot layout 1,%zu title page_title font ',16'\nset samples 200\nset xrange "
            "[-5:5]\nset yrange [0:*]\n",
            r->n_pulls);
    for (size_t k = 0; k < values.n; k++) {
        const struct cond_column *column = &t->column[values.column[k]];
        const struct calib_pull *p       = pull_of(r, column->name);
        char name[COND_NAME + 8];
        if (!p) continue;
        count_pulls(r, values.column[k], values.error[k], count);
        const struct sheet_column columns[] = {{"pull", "1", x}, {"channels", "1", count}};
        snprintf(name, sizeof name, "%s_pull", column->name);
        sheet_table(s, name, PULL_BINS, columns, 2);
        fprintf(
            s->script,
            "set xlabel '%s: (recovered - injected) / error'\nset ylabel 'channels'\nset key top left reverse Left\n"
            "plot $%s with histeps lt 1 title '%zu: mean %.3f, width %.3f', "
            "%g * exp(-x * x / 2) with lines lt 2 title 'normal'\n",
            column->name, name, p->n, p->mean, p->width, (double)p->n * 10.0 / PULL_BINS / 2.5066282746);
    }
    fprintf(s->script, "unset multiplot\n");
    return ERR_OK;
}

/* ---- recovered less injected, channel by channel ------------------------------------------------------------------------- */
static size_t take_differences(const struct calib_result *r, size_t c, size_t error, double *channel, double *away,
                               double *sigma)
{
    const struct cond_set *set    = &r->set;
    const struct cond_interval *v = &set->interval[set->n_intervals - 1];
    size_t n                      = 0;
    for (size_t i = v->first; i < v->first + v->n_rows; i++) {
        if (!r->is_measured[i]) continue;
        channel[n] = set->value[0][i] + (set->value[1][i] + 0.5) / N_CRYSTALS;
        away[n]    = set->value[c][i] - r->truth[c][i];
        sigma[n]   = set->value[error][i];
        n++;
    }
    return n;
}

static enum err draw_truth(const struct calib_input *in, const struct calib_result *r, struct sheet *s)
{
    const struct cond_table *t = &r->set.table;
    const struct values values = find_values(t);
    const size_t room          = r->set.interval[r->set.n_intervals - 1].n_rows;
    double *work;
    char title[96], name[COND_NAME + 16];
    (void)in;
    REQUIRE(r->n_pulls > 0, ERR_NOTFOUND, "nothing was put in that is known (table gain_truth)");
    TRY(mem_alloc(&work, 3 * room, sizeof *work));
    fprintf(s->script,
            "unset title\nset multiplot layout %zu,1 title page_title font ',16'\nset key off\nset xrange [1:25]\n"
            "set xtics 1\n",
            r->n_pulls);
    for (size_t k = 0; k < values.n; k++) {
        const struct cond_column *column = &t->column[values.column[k]];
        if (!pull_of(r, column->name)) continue;
        const size_t n =
            take_differences(r, values.column[k], (size_t)values.error[k], work, work + room, work + 2 * room);
        const struct sheet_column columns[] = {{"channel", "1", work},
                                               {"difference", column->unit, work + room},
                                               {"error", column->unit, work + 2 * room}};
        snprintf(name, sizeof name, "%s_difference", column->name);
        sheet_table(s, name, n, columns, 3);
        axis_title(column, sizeof title, title);
        fprintf(s->script,
                "set xlabel 'calorimeter + (crystal + 1/2) / 54'\nset ylabel '%s'\n"
                "plot $%s using 1:2:3 with yerrorbars pt 7 ps 0.25 lw 0.6 lt 1, 0 with lines lt 2\n",
                title, name);
    }
    fprintf(s->script, "unset multiplot\n");
    mem_free(work);
    return ERR_OK;
}

const struct calib_picture calib_common_pictures[] = {
    {"channels", "constants of the last interval",
     "Value and error of each channel; channels not measured are left out.", 1100, 500, draw_channels},
    {"trend", "course of the constants", "Mean over the measured channels, bars: their rms.", 1100, 420, draw_trend},
    {"pulls", "recovered against injected: pulls", "All measured channels and intervals with an error.", 1100, 420,
     draw_pulls},
    {"truth", "recovered less injected", "Channels of the last interval.", 1100, 500, draw_truth},
    {.name = NULL},
};
