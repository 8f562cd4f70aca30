/* The edge of the positrons' spectrum against time in the fill: a check of the gain that no laser is needed for. */
#include "calib_beam.h"
#include "energy_scale.h"
#include "mem.h"

#include <math.h>
#include <stdio.h>

enum { MAX_POINTS = 150 };
#define NOMINAL_GeV 1.6e-3 /* of a count */
#define LOW_GeV     2.5
#define HIGH_GeV    3.8
#define MIN_EDGE    800.0 /* positrons above LOW_GeV in a point: 0.5 % */

struct work {
    double *energy, *width, *count;
    size_t n;
};

struct points {
    size_t n;
    double time[MAX_POINTS], change[MAX_POINTS], error[MAX_POINTS];
};

static bool fit(const struct work *w, double resolution, struct energy_scale_edge *edge)
{
    const struct energy_scale_spectrum spectrum = {w->n, w->count, w->energy, w->width};
    bool is_good = energy_scale_edge(&spectrum, LOW_GeV, HIGH_GeV, CALIB_EDGE_GeV, resolution, edge) == ERR_OK;
    if (!is_good) err_clear();
    return is_good && edge->n >= MIN_EDGE;
}

/* Adds the rows [from, to) to the counts; returns the mean time of what is above LOW_GeV times its number, and the number. */
static double add_rows(const struct hist *h, int64_t from, int64_t to, struct work *w, double *n)
{
    double sum = 0.0;
    for (int64_t i = from; i < to; i++)
        for (int64_t j = 0; j < h->y.n; j++) {
            double count = (double)h->content[i * h->y.n + j];
            w->count[j] += count;
            if (w->energy[j] < LOW_GeV) continue;
            sum += count * (h->x.low + ((double)i + 0.5) * (h->x.high - h->x.low) / (double)h->x.n);
            *n += count;
        }
    return sum;
}

static void clear(struct work *w)
{
    for (size_t i = 0; i < w->n; i++) w->count[i] = 0.0;
}

/* Periods of the spin are taken together until there are enough positrons. */
static enum err find_points(const struct hist *h, struct work *w, struct points *p)
{
    struct energy_scale_edge all, edge;
    double n = 0.0, sum = 0.0;
    (void)add_rows(h, 0, h->x.n, w, &n);
    REQUIRE(fit(w, 0.0, &all), ERR_NOTFOUND, "%.0f positrons above %g GeV are too few for an edge", n, LOW_GeV);
    clear(w);
    n = 0.0;
    for (int64_t i = 0; i < h->x.n && p->n < MAX_POINTS; i++) {
        sum += add_rows(h, i, i + 1, w, &n);
        if (n < MIN_EDGE) continue;
        if (fit(w, all.resolution, &edge)) {
            p->time[p->n]   = sum / n;
            p->change[p->n] = edge.E0_GeV / all.E0_GeV - 1.0;
            p->error[p->n]  = edge.error_GeV / all.E0_GeV;
            p->n++;
        }
        clear(w);
        n = sum = 0.0;
    }
    REQUIRE(p->n > 1, ERR_NOTFOUND, "too few positrons to follow the edge in time");
    return ERR_OK;
}

enum err calib_draw_edge_time(const struct calib_input *in, const struct calib_result *r, struct sheet *s)
{
    const struct hist *h = hist_find(&in->hists, "calib/endpoint_time");
    struct points p      = {.n = 0};
    struct work w;
    (void)r;
    REQUIRE(h, ERR_NOTFOUND, "there is no histogram calib/endpoint_time");
    w.n = (size_t)h->y.n;
    TRY(mem_alloc(&w.energy, 3 * w.n, sizeof *w.energy));
    w.width     = w.energy + w.n;
    w.count     = w.energy + 2 * w.n;
    double step = (h->y.high - h->y.low) / (double)h->y.n;
    for (size_t i = 0; i < w.n; i++) {
        w.energy[i] = NOMINAL_GeV * exp(h->y.low + ((double)i + 0.5) * step);
        w.width[i]  = w.energy[i] * step;
    }
    enum err rc = find_points(h, &w, &p);
    mem_free(w.energy);
    if (rc) return rc;
    const struct sheet_column columns[] = {{"time", "us", p.time}, {"change", "1", p.change}, {"error", "1", p.error}};
    sheet_table(s, "edge", p.n, columns, 3);
    fprintf(s->script, "set xlabel 'time in fill (us)'\nset ylabel 'edge over that of all times, less 1'\nset key off\n"
                       "set xzeroaxis\nset xrange [0:*]\nplot $edge using 1:2:3 with yerrorbars pt 7 ps 0.6 lt 1\n");
    return ERR_OK;
}
