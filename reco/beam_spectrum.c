/* Fourier sums of weighted points. */
#include "beam_spectrum.h"

#include "mem.h"
#include "phys.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define LINE_OVER_NOISE 6.0

static double sum_bins(const struct hist *h, const int64_t *cells, int64_t from, int64_t to)
{
    int64_t sum = 0;
    for (int64_t i = from; i < to; i++) sum += cells[i];
    return (double)sum * h->quantum;
}

static void add_point(struct beam_series *s, double t_us, const double m[5])
{
    const double n = m[0], x = m[1] / n, y = m[3] / n;
    if (n < 1.0) return;
    const double unbiased = n > 1.0 ? n / (n - 1.0) : 0.0;
    size_t k              = s->n++;
    s->t_us[k]            = t_us;
    s->weight[k]          = n;
    s->x_mm[k]            = x;
    s->y_mm[k]            = y;
    s->x_var_mm2[k]       = unbiased * fmax(0.0, m[2] / n - x * x);
    s->y_var_mm2[k]       = unbiased * fmax(0.0, m[4] / n - y * y);
}

enum err beam_series_make(const struct hist *n, const struct hist *x, const struct hist *x2, const struct hist *y,
                          const struct hist *y2, int64_t join, struct beam_series *out)
{
    const struct hist *of[5] = {n, x, x2 ? x2 : x, y, y2 ? y2 : y};
    const int64_t *cells[5]  = {n->content, x->content, x2 ? x2->content : x->squares, y->content,
                               y2 ? y2->content : y->squares};
    const double bin_us      = (n->x.high - n->x.low) / (double)n->x.n;
    const size_t size        = (size_t)(n->x.n / join);
    *out                     = (struct beam_series){.bin_us = bin_us * (double)join};
    for (int k = 1; k < 5; k++)
        REQUIRE(of[k]->x.n == n->x.n && cells[k], ERR_MISMATCH, "histogram %s does not go with %s", of[k]->name,
                n->name);
    TRY(mem_alloc(&out->t_us, 6 * (size ? size : 1), sizeof *out->t_us));
    double **column[] = {&out->weight, &out->x_mm, &out->y_mm, &out->x_var_mm2, &out->y_var_mm2};
    for (size_t k = 0; k < 5; k++) *column[k] = out->t_us + (k + 1) * size;
    for (size_t i = 0; i < size; i++) {
        int64_t from = (int64_t)i * join;
        double m[5];
        for (int k = 0; k < 5; k++) m[k] = sum_bins(of[k], cells[k], from, from + join);
        add_point(out, n->x.low + bin_us * ((double)from + 0.5 * (double)join), m);
    }
    return ERR_OK;
}

void beam_series_free(struct beam_series *s)
{
    mem_free(s->t_us);
    *s = (struct beam_series){0};
}

static double weighted_mean(size_t n, const double *weight, const double *value)
{
    double sum = 0.0, all = 0.0;
    for (size_t i = 0; i < n; i++) sum += weight[i] * value[i], all += weight[i];
    return all > 0.0 ? sum / all : 0.0;
}

static void add_up(const struct beam_spectrum *s, double v, double t_us, double *sums)
{
    double angle = 2.0 * PI * s->from_MHz * t_us, turn = 2.0 * PI * s->step_MHz * t_us;
    double c = v * cos(angle), d = v * sin(angle), cs = cos(turn), sn = sin(turn);
    for (size_t f = 0; f < s->n; f++) { /* one rotation a frequency */
        sums[2 * f] += c;
        sums[2 * f + 1] += d;
        double next = c * cs - d * sn;
        d           = c * sn + d * cs;
        c           = next;
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

enum err beam_spectrum_make(size_t n, const double *t_us, const double *weight, const double *value, double from_MHz,
                            double to_MHz, double step_MHz, struct beam_spectrum *out)
{
    const double mean = weighted_mean(n, weight, value), t0 = n ? t_us[0] : 0.0, span = n > 1 ? t_us[n - 1] - t0 : 1.0;
    struct beam_spectrum s = {.from_MHz = from_MHz, .step_MHz = step_MHz};
    double *sums, all = 0.0;
    s.n = (size_t)floor((to_MHz - from_MHz) / step_MHz) + 1;
    TRY(mem_alloc(&s.f_MHz, 4 * s.n, sizeof *s.f_MHz));
    s.amplitude = s.f_MHz + s.n;
    sums        = s.f_MHz + 2 * s.n;
    for (size_t i = 0; i < n; i++) {
        double root = sin(PI * (t_us[i] - t0) / span), h = weight[i] * root * root;
        all += h;
        add_up(&s, h * (value[i] - mean), t_us[i], sums);
    }
    for (size_t f = 0; f < s.n; f++) {
        s.f_MHz[f]     = from_MHz + step_MHz * (double)f;
        s.amplitude[f] = all > 0.0 ? 2.0 * hypot(sums[2 * f], sums[2 * f + 1]) / all : 0.0;
    }
    for (size_t f = 0; f < s.n; f++) sums[f] = s.amplitude[f];
    qsort(sums, s.n, sizeof *sums, by_value);
    s.noise = sums[s.n / 2];
    *out    = s;
    return ERR_OK;
}

void beam_spectrum_free(struct beam_spectrum *s)
{
    mem_free(s->f_MHz);
    *s = (struct beam_spectrum){0};
}

struct beam_peak beam_spectrum_peak(const struct beam_spectrum *s, double low_MHz, double high_MHz)
{
    const double *a = s->amplitude;
    size_t best     = 0;
    for (size_t k = 1; k + 1 < s->n; k++)
        if (s->f_MHz[k] >= low_MHz && s->f_MHz[k] <= high_MHz && a[k] >= a[k - 1] && a[k] >= a[k + 1] &&
            (best == 0 || a[k] > a[best]))
            best = k;
    if (best == 0 || !(a[best] > LINE_OVER_NOISE * s->noise)) return (struct beam_peak){0};
    double l = log(a[best - 1]), m = log(a[best]), r = log(a[best + 1]);
    double curve = l - 2.0 * m + r, shift = curve < 0.0 ? 0.5 * (l - r) / curve : 0.0;
    return (struct beam_peak){s->from_MHz + s->step_MHz * ((double)best + shift), exp(m - 0.25 * (l - r) * shift)};
}
