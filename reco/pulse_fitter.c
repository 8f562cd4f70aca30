/* One trace: look for a pulse, fit it, look for more in what is left. */
#include "pulse_fitter.h"

#include "mem.h"
#include "pulse_fit_several.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { MIN_SAMPLES = 5, MIN_FREE = 1 };
static const double edge_samples = 2.0, full_scale = 2047.0;

struct pulse_fitter {
    struct pulse_fitter_options options;
    struct pulse_fit_work work;
};

enum err pulse_fitter_create(const struct pulse_fitter_options *options, struct pulse_fitter **out)
{
    struct pulse_fitter *f;
    REQUIRE(options->max_pulses >= 1 && options->max_pulses <= PULSE_FIT_MAX_PULSES, ERR_LOGIC,
            "max_pulses is %d, wanted 1..%d", options->max_pulses, PULSE_FIT_MAX_PULSES);
    REQUIRE(options->noise_adc > 0.0, ERR_LOGIC, "noise is %g counts, wanted more than 0", options->noise_adc);
    TRY(mem_alloc(&f, 1, sizeof *f));
    f->options        = *options;
    f->work.shape     = options->shape;
    f->work.load      = ISA_PICK(pulse_fit_load);
    f->work.newton    = ISA_PICK(pulse_fit_newton);
    f->work.rows      = ISA_PICK(pulse_fit_rows);
    f->work.residuals = ISA_PICK(pulse_fit_residuals);
    *out              = f;
    return ERR_OK;
}

void pulse_fitter_free(struct pulse_fitter *fitter)
{
    if (!fitter) return;
    mem_free(fitter->work.y);
    mem_free(fitter);
}

enum err pulse_fitter_reserve(struct pulse_fitter *f, size_t n)
{
    size_t capacity = (n + PULSE_FIT_PAD) / PULSE_FIT_PAD * PULSE_FIT_PAD;
    if (capacity <= f->work.capacity) return ERR_OK;
    float *buffer;
    TRY(mem_alloc(&buffer, capacity * (3 + 3 * PULSE_FIT_MAX_PULSES), sizeof *buffer));
    mem_free(f->work.y);
    f->work.capacity = capacity;
    f->work.y        = buffer;
    f->work.weight   = buffer + capacity;
    f->work.residual = buffer + 2 * capacity;
    f->work.row      = buffer + 3 * capacity;
    return ERR_OK;
}

/* Peak of the parabola through three samples. */
static double vertex_of(const float *v, size_t i)
{
    double left = (double)v[i - 1], mid = (double)v[i], right = (double)v[i + 1], bend = left - 2.0 * mid + right;
    if (!(bend < 0.0)) return (double)i;
    double d = 0.5 * (left - right) / bend;
    return (double)i + (d > 1.0 ? 1.0 : d < -1.0 ? -1.0 : d);
}

/* The same where v has its largest value `max` inside; false if that lies at an end. */
static int find_max(const float *v, size_t n, float max, double *t)
{
    size_t at = 0;
    while (at < n && v[at] < max) at++;
    if (at == 0 || at + 1 >= n) return 0;
    *t = vertex_of(v, at);
    return 1;
}

/* The highest local maximum above threshold; false if there is none. */
static int find_peak(const float *v, size_t n, double threshold, double *t)
{
    size_t at  = 0;
    float best = (float)threshold;
    for (size_t i = 1; i + 1 < n; i++)
        if (v[i] > best && v[i] >= v[i - 1] && v[i] >= v[i + 1]) {
            best = v[i];
            at   = i;
        }
    if (!at) return 0;
    *t = vertex_of(v, at);
    return 1;
}

/* Adds a pulse at t; keeps the outcome if it is a better and sensible description. */
static int add_pulse(struct pulse_fitter *f, const struct pulse_fit_samples *samples, double t,
                     struct pulse_fit_several *m)
{
    struct pulse_fit_several more = *m;
    if (samples->sum_weight < (double)(2 * (m->n + 1) + 1 + MIN_FREE)) return 0;
    more.t[more.n++] = t;
    if (!pulse_fit_several(&f->work, samples, &more)) return 0;
    const double variance = f->options.noise_adc * f->options.noise_adc;
    if (!(m->chi2 - more.chi2 > f->options.min_dchi2 * variance)) return 0;
    for (int j = 0; j < more.n; j++)
        if (!(more.scale[j] > 0.5 * f->options.threshold_adc)) return 0;
    more.n_steps += m->n_steps;
    more.max_residual = DBL_MAX;
    *m                = more;
    return 1;
}

/* Whether something is left above threshold, and where. */
static int find_next(const struct pulse_fitter *f, const struct pulse_fit_several *m, size_t n, double *t)
{
    double largest = 0.0;
    for (int j = 0; j < m->n; j++) largest = fmax(largest, m->scale[j]);
    double threshold = fmax(f->options.threshold_adc, f->options.residual_fraction * largest);
    return m->max_residual > threshold && find_peak(f->work.residual, n, threshold, t);
}

static void sort_by_time(struct pulse_fitter_result *r)
{
    for (int j = 1; j < r->n; j++)
        for (int k = j; k > 0 && r->pulse[k].t < r->pulse[k - 1].t; k--) {
            struct pulse_fitter_pulse p = r->pulse[k];
            r->pulse[k]                 = r->pulse[k - 1];
            r->pulse[k - 1]             = p;
        }
}

static void write_result(const struct pulse_fitter *f, const struct pulse_fit_samples *samples,
                         const struct pulse_fit_several *m, unsigned status, struct pulse_fitter_result *out)
{
    const double variance = f->options.noise_adc * f->options.noise_adc, last = (double)samples->n - 1.0;
    double ndf = samples->sum_weight - 2.0 * m->n - 1.0;
    if (!m->is_converged) status |= PULSE_NOT_CONVERGED;
    if (samples->sum_weight < (double)samples->n) status |= PULSE_SATURATED;
    out->n        = m->n;
    out->n_steps  = m->n_steps;
    out->chi2_ndf = m->chi2 / (variance * fmax(ndf, 1.0));
    for (int j = 0; j < m->n; j++) {
        int is_edge   = m->t[j] < edge_samples || m->t[j] > last - edge_samples;
        out->pulse[j] = (struct pulse_fitter_pulse){.t         = m->t[j],
                                                    .amplitude = m->scale[j],
                                                    .var_t     = variance * m->var_t[j],
                                                    .var_a     = variance * m->var_scale[j],
                                                    .cov_ta    = variance * m->cov[j],
                                                    .status    = status | (is_edge ? (unsigned)PULSE_AT_EDGE : 0U)};
    }
    sort_by_time(out);
}

/* The trace as searched for its first pulse: saturated samples stand at the highest value. */
static const float *searched(struct pulse_fitter *f, const struct pulse_fit_samples *samples)
{
    if (samples->sum_weight >= (double)samples->n) return samples->y;
    for (size_t i = 0; i < samples->n; i++)
        f->work.residual[i] = samples->weight[i] > 0.0F ? samples->y[i] : samples->max;
    return f->work.residual;
}

/* One pulse from t. Where Newton alone does not arrive, damped steps try; else the time stays as guessed, marked.
 * n = 0 when even that describes nothing. */
static void fit_first(struct pulse_fitter *f, const struct pulse_fit_samples *samples, double t,
                      struct pulse_fit_several *m)
{
    struct pulse_fit_single one;
    f->work.newton(f->work.shape, samples, t, f->work.residual, &one);
    m->n            = 1;
    m->n_steps      = one.n_steps;
    m->is_converged = one.is_converged && one.scale > 0.0;
    if (m->is_converged) {
        m->max_residual = one.max_residual;
        m->t[0]         = one.t;
        m->scale[0]     = one.scale;
        m->pedestal     = one.pedestal;
        m->chi2         = one.chi2;
        m->var_t[0]     = one.var_t;
        m->var_scale[0] = one.var_scale;
        m->cov[0]       = one.cov;
        return;
    }
    m->t[0]         = t;
    m->max_residual = DBL_MAX;
    if (pulse_fit_several(&f->work, samples, m) && m->scale[0] > 0.0) return;
    m->t[0] = t;
    if (!pulse_fit_at(&f->work, samples, m)) m->n = 0;
}

/* Takes away what earlier pulses leave in this trace. */
static void subtract_tails(struct pulse_fitter *f, const struct pulse_fitter_trace *trace,
                           struct pulse_fit_samples *samples)
{
    double sum_y = 0.0;
    float max    = samples->sum_weight < (double)samples->n ? samples->max : -FLT_MAX;
    memset(f->work.residual, 0, samples->n_padded * sizeof *f->work.residual);
    for (int k = 0; k < trace->n_tails; k++)
        pulse_shape_add(f->work.shape, trace->tail[k].t, (float)trace->tail[k].amplitude, samples->n, f->work.residual);
    for (size_t i = 0; i < samples->n; i++) {
        samples->y[i] -= samples->weight[i] * f->work.residual[i];
        sum_y += (double)samples->y[i];
        max = samples->y[i] > max ? samples->y[i] : max;
    }
    samples->sum_y = sum_y;
    samples->max   = max;
}

void pulse_fitter_fit(struct pulse_fitter *f, const struct pulse_fitter_trace *trace, struct pulse_fitter_result *out)
{
    const size_t n = trace->n;
    out->n         = 0;
    out->samples   = NULL;
    if (n < MIN_SAMPLES || n > f->work.capacity) return;
    double pedestal_adc              = fabs(trace->pedestal_adc) < 1e5 ? trace->pedestal_adc : (double)trace->adc[0];
    struct pulse_fit_scale scale     = {.sign = (float)trace->polarity,
                                        .base = (float)rint(pedestal_adc),
                                        .low  = (float)(-full_scale - 1.0),
                                        .high = (float)full_scale};
    struct pulse_fit_samples samples = {.y = f->work.y, .weight = f->work.weight};
    f->work.load(trace->adc, n, scale, &samples);
    if (trace->n_tails) subtract_tails(f, trace, &samples);
    if (samples.sum_weight >= (double)n) out->samples = samples.y;
    /* On an undershoot that was not taken away the baseline is lower than the fill's pedestal. */
    double start = 0.25 * ((double)samples.y[0] + (double)samples.y[1] + (double)samples.y[2] + (double)samples.y[3]);
    double level = f->options.threshold_adc + fmin(start, 0.0), t;
    if ((double)samples.max <= level || samples.sum_weight < MIN_SAMPLES) return;
    const float *v = searched(f, &samples);
    if (!find_max(v, n, samples.max, &t) && !find_peak(v, n, level, &t)) return;
    struct pulse_fit_several m;
    fit_first(f, &samples, t, &m);
    unsigned status = 0;
    for (double next; m.is_converged && find_next(f, &m, n, &next);) {
        if (m.n == f->options.max_pulses) status = PULSE_LIMIT;
        if (status || !add_pulse(f, &samples, next, &m)) break;
    }
    if (m.n == 0 || (m.n == 1 && !(m.scale[0] >= 0.5 * f->options.threshold_adc))) return;
    write_result(f, &samples, &m, status, out);
    out->pedestal = (double)(scale.base + scale.sign * (float)m.pedestal);
}

bool pulse_fitter_heights(struct pulse_fitter *f, const float *y, size_t n, int n_pulses, const double *t,
                          double *height)
{
    struct pulse_fit_several m       = {.n = n_pulses};
    struct pulse_fit_samples samples = {.n = n, .y = f->work.y, .weight = f->work.weight, .sum_weight = (double)n};
    samples.n_padded                 = (n + PULSE_FIT_PAD - 1) / PULSE_FIT_PAD * PULSE_FIT_PAD;
    if (n_pulses < 1 || n_pulses > PULSE_FIT_MAX_PULSES || n < (size_t)n_pulses + 2 || n > f->work.capacity)
        return false;
    for (size_t i = 0; i < samples.n_padded; i++) {
        samples.y[i]      = i < n ? y[i] : 0.0F;
        samples.weight[i] = i < n ? 1.0F : 0.0F;
        samples.sum_y += (double)samples.y[i];
    }
    memcpy(m.t, t, (size_t)n_pulses * sizeof *t);
    if (!pulse_fit_scales(&f->work, &samples, &m)) return false;
    memcpy(height, m.scale, (size_t)n_pulses * sizeof *height);
    return true;
}
