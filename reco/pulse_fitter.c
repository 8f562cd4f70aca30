/* One trace: look for a pulse, fit it, look for more in what is left. */
#include "pulse_fitter.h"

#include "mem.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { MAX_LINEAR = PULSE_FIT_MAX_PULSES + 1, MAX_STEPS = 60, MIN_SAMPLES = 5, MIN_FREE = 1 };
static const double edge_samples = 2.0, full_scale = 2047.0;
static const double max_step = 1.0, last_step = 3e-3; /* samples; behind the last one the error is below 1e-5 */
static const double min_distance = 0.5;               /* samples: closer pulses cannot be told apart */

struct pulse_fitter {
    struct pulse_fitter_options options;
    size_t capacity; /* samples, a multiple of PULSE_FIT_PAD */
    float *buffer;   /* y, weight, residual, then rows */
    float *y, *weight, *residual, *row;
    void (*load)(const int16_t *, size_t, struct pulse_fit_scale, struct pulse_fit_samples *);
    void (*newton)(const struct pulse_shape *, const struct pulse_fit_samples *, double, float *,
                   struct pulse_fit_single *);
    void (*rows)(const struct pulse_shape *, const struct pulse_fit_samples *, int, const double *, float *, size_t,
                 struct pulse_fit_sums *);
    double (*residuals)(const struct pulse_fit_samples *, int, const double *, double, const float *, size_t, float *,
                        double *, double *);
};

/* Several pulses and their pedestal; Hessian's inverse in the order times, scales. */
struct several {
    int n, n_steps;
    int is_converged;
    double t[PULSE_FIT_MAX_PULSES], scale[PULSE_FIT_MAX_PULSES], pedestal, chi2;
    double max_residual; /* an upper limit, where it is known; else DBL_MAX */
    double var_t[PULSE_FIT_MAX_PULSES], var_scale[PULSE_FIT_MAX_PULSES], cov[PULSE_FIT_MAX_PULSES];
};

enum err pulse_fitter_create(const struct pulse_fitter_options *options, struct pulse_fitter **out)
{
    struct pulse_fitter *f;
    REQUIRE(options->max_pulses >= 1 && options->max_pulses <= PULSE_FIT_MAX_PULSES, ERR_LOGIC,
            "max_pulses is %d, wanted 1..%d", options->max_pulses, PULSE_FIT_MAX_PULSES);
    REQUIRE(options->noise_adc > 0.0, ERR_LOGIC, "noise is %g counts, wanted more than 0", options->noise_adc);
    TRY(mem_alloc(&f, 1, sizeof *f));
    f->options   = *options;
    f->load      = ISA_PICK(pulse_fit_load);
    f->newton    = ISA_PICK(pulse_fit_newton);
    f->rows      = ISA_PICK(pulse_fit_rows);
    f->residuals = ISA_PICK(pulse_fit_residuals);
    *out         = f;
    return ERR_OK;
}

void pulse_fitter_free(struct pulse_fitter *fitter)
{
    if (!fitter) return;
    mem_free(fitter->buffer);
    mem_free(fitter);
}

enum err pulse_fitter_reserve(struct pulse_fitter *f, size_t n)
{
    size_t capacity = (n + PULSE_FIT_PAD) / PULSE_FIT_PAD * PULSE_FIT_PAD;
    if (capacity <= f->capacity) return ERR_OK;
    float *buffer;
    TRY(mem_alloc(&buffer, capacity * (3 + 3 * PULSE_FIT_MAX_PULSES), sizeof *buffer));
    mem_free(f->buffer);
    f->buffer   = buffer;
    f->capacity = capacity;
    f->y        = buffer;
    f->weight   = buffer + capacity;
    f->residual = buffer + 2 * capacity;
    f->row      = buffer + 3 * capacity;
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

/* In place A = L L^T of the lower triangle, 1/L on the diagonal; false if not positive definite. */
static int cholesky(int n, double a[][MAX_LINEAR])
{
    for (int j = 0; j < n; j++) {
        double d = a[j][j], whole = d;
        for (int k = 0; k < j; k++) d -= a[j][k] * a[j][k];
        if (!(d > 1e-10 * fabs(whole))) return 0;
        a[j][j] = 1.0 / sqrt(d);
        for (int i = j + 1; i < n; i++) {
            double s = a[i][j];
            for (int k = 0; k < j; k++) s -= a[i][k] * a[j][k];
            a[i][j] = s * a[j][j];
        }
    }
    return 1;
}

static void solve_forward(int n, double l[][MAX_LINEAR], double *x)
{
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < i; k++) x[i] -= l[i][k] * x[k];
        x[i] *= l[i][i];
    }
}

static void solve_backward(int n, double l[][MAX_LINEAR], double *x)
{
    for (int i = n; i-- > 0;) {
        for (int k = i + 1; k < n; k++) x[i] -= l[k][i] * x[k];
        x[i] *= l[i][i];
    }
}

/* What is known at one set of times. Linear parameters: scales, then the pedestal. */
struct point {
    struct pulse_fit_sums sums;
    double rd[PULSE_FIT_MAX_PULSES], rq[PULSE_FIT_MAX_PULSES]; /* residual with D_j, Q_j */
    double linear[MAX_LINEAR][MAX_LINEAR];                     /* L of the linear parameters' normal matrix C = L L^T */
    double mixed[PULSE_FIT_MAX_PULSES][MAX_LINEAR]; /* row j: L^-1 B_j, B_j the Hessian's column (linear, t_j) */
    double times[MAX_LINEAR][MAX_LINEAR];           /* Cholesky of the Schur complement of the times */
};

/* Scales and pedestal at fixed times. */
static int solve_linear(const struct pulse_fit_samples *samples, struct point *p, struct several *m)
{
    double x[MAX_LINEAR];
    int n = m->n;
    for (int j = 0; j < n; j++) {
        for (int k = 0; k <= j; k++) p->linear[j][k] = p->sums.tt[j][k];
        p->linear[n][j] = p->sums.t[j];
        x[j]            = p->sums.ty[j];
    }
    p->linear[n][n] = samples->sum_weight;
    x[n]            = samples->sum_y;
    if (!cholesky(n + 1, p->linear)) return 0;
    solve_forward(n + 1, p->linear, x);
    solve_backward(n + 1, p->linear, x);
    memcpy(m->scale, x, (size_t)n * sizeof *x);
    m->pedestal = x[n];
    return 1;
}

/* Hessian of chi2/2 in the times, linear parameters eliminated; without its second derivatives unless `full`. */
static int reduce_to_times(const struct several *m, double full, struct point *p)
{
    int n = m->n;
    for (int j = 0; j < n; j++) {
        for (int i = 0; i < n; i++) p->mixed[j][i] = -m->scale[j] * p->sums.td[i][j];
        p->mixed[j][j] += full * p->rd[j];
        p->mixed[j][n] = -m->scale[j] * p->sums.d[j];
        solve_forward(n + 1, p->linear, p->mixed[j]);
        for (int k = 0; k <= j; k++) {
            double h = m->scale[j] * m->scale[k] * p->sums.dd[j][k];
            for (int i = 0; i <= n; i++) h -= p->mixed[j][i] * p->mixed[k][i];
            p->times[j][k] = h;
        }
        p->times[j][j] -= full * m->scale[j] * p->rq[j];
    }
    return cholesky(n, p->times);
}

/* Diagonals of the inverse Hessian, by solving for one unit vector after the other. */
static void take_covariance(struct point *p, struct several *m)
{
    int n = m->n;
    for (int j = 0; j < n; j++) {
        double t[PULSE_FIT_MAX_PULSES] = {0.0}, x[MAX_LINEAR] = {0.0}, unit[MAX_LINEAR] = {0.0};
        t[j] = 1.0;
        solve_forward(n, p->times, t);
        solve_backward(n, p->times, t);
        for (int i = 0; i <= n; i++)
            for (int k = 0; k < n; k++) x[i] -= p->mixed[k][i] * t[k];
        solve_backward(n + 1, p->linear, x);
        m->var_t[j] = t[j];
        m->cov[j]   = x[j];
        unit[j]     = 1.0;
        solve_forward(n + 1, p->linear, unit);
        double variance = 0.0;
        for (int i = 0; i <= n; i++) variance += unit[i] * unit[i];
        for (int k = 0; k < n; k++) {
            t[k] = 0.0;
            for (int i = 0; i <= n; i++) t[k] += p->mixed[k][i] * unit[i];
        }
        solve_forward(n, p->times, t);
        for (int k = 0; k < n; k++) variance += t[k] * t[k];
        m->var_scale[j] = variance;
    }
}

static int is_possible(const struct several *m, size_t n_samples)
{
    for (int j = 0; j < m->n; j++) {
        if (!(m->t[j] > -3.0 && m->t[j] < (double)n_samples + 2.0)) return 0;
        for (int k = 0; k < j; k++)
            if (!(fabs(m->t[j] - m->t[k]) > min_distance)) return 0;
    }
    return 1;
}

/* Everything at the times m->t: scales, chi2, Hessian. False where there is nothing to fit. */
static int evaluate(struct pulse_fitter *f, const struct pulse_fit_samples *samples, struct point *p, struct several *m)
{
    if (!is_possible(m, samples->n)) return 0;
    f->rows(f->options.shape, samples, m->n, m->t, f->row, f->capacity, &p->sums);
    if (!solve_linear(samples, p, m)) return 0;
    m->chi2 = f->residuals(samples, m->n, m->scale, m->pedestal, f->row, f->capacity, f->residual, p->rd, p->rq);
    return reduce_to_times(m, 1.0, p) || reduce_to_times(m, 0.0, p);
}

/* Newton's step, shortened to at most max_step; returns the largest of its parts. */
static double find_step(struct point *p, const struct several *m, double *step)
{
    double largest = 0.0;
    for (int j = 0; j < m->n; j++) step[j] = -m->scale[j] * p->rd[j]; /* minus the gradient */
    solve_forward(m->n, p->times, step);
    solve_backward(m->n, p->times, step);
    for (int j = 0; j < m->n; j++) largest = fmax(largest, fabs(step[j]));
    if (!(largest > max_step)) return largest;
    for (int j = 0; j < m->n; j++) step[j] *= max_step / largest;
    return max_step;
}

/* Newton from m->t; a step that raises chi2 is halved. False when it leads nowhere. */
static int fit_several(struct pulse_fitter *f, const struct pulse_fit_samples *samples, struct several *m)
{
    struct point p;
    double last_t[PULSE_FIT_MAX_PULSES] = {0.0}, step[PULSE_FIT_MAX_PULSES] = {0.0};
    double last_chi2 = DBL_MAX, largest = max_step;
    m->is_converged = 0;
    for (m->n_steps = 1; m->n_steps <= MAX_STEPS; m->n_steps++) {
        if (!evaluate(f, samples, &p, m)) return 0;
        if (m->chi2 > last_chi2 * (1.0 + 1e-5) && largest > 1e-3) {
            largest *= 0.5;
            for (int j = 0; j < m->n; j++) m->t[j] = last_t[j] + (step[j] *= 0.5);
            continue;
        }
        if (largest < last_step) {
            m->is_converged = 1;
            take_covariance(&p, m);
            return 1;
        }
        largest   = find_step(&p, m, step);
        last_chi2 = m->chi2;
        for (int j = 0; j < m->n; j++) {
            last_t[j] = m->t[j];
            m->t[j] += step[j];
        }
    }
    return 0;
}

/* Adds a pulse at t; keeps the outcome if it is a better and sensible description. */
static int add_pulse(struct pulse_fitter *f, const struct pulse_fit_samples *samples, double t, struct several *m)
{
    struct several more = *m;
    if (samples->sum_weight < (double)(2 * (m->n + 1) + 1 + MIN_FREE)) return 0;
    more.t[more.n++] = t;
    if (!fit_several(f, samples, &more)) return 0;
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
static int find_next(const struct pulse_fitter *f, const struct several *m, size_t n, double *t)
{
    double largest = 0.0;
    for (int j = 0; j < m->n; j++) largest = fmax(largest, m->scale[j]);
    double threshold = fmax(f->options.threshold_adc, f->options.residual_fraction * largest);
    return m->max_residual > threshold && find_peak(f->residual, n, threshold, t);
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

static void write_result(const struct pulse_fitter *f, const struct pulse_fit_samples *samples, const struct several *m,
                         unsigned status, struct pulse_fitter_result *out)
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
    for (size_t i = 0; i < samples->n; i++) f->residual[i] = samples->weight[i] > 0.0F ? samples->y[i] : samples->max;
    return f->residual;
}

/* One pulse from t. Where Newton alone does not arrive, damped steps try; else the time stays as guessed, marked.
 * n = 0 when even that describes nothing. */
static void fit_first(struct pulse_fitter *f, const struct pulse_fit_samples *samples, double t, struct several *m)
{
    struct pulse_fit_single one;
    f->newton(f->options.shape, samples, t, f->residual, &one);
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
    struct point p;
    m->t[0]         = t;
    m->max_residual = DBL_MAX;
    if (fit_several(f, samples, m) && m->scale[0] > 0.0) return;
    m->n_steps      = MAX_STEPS;
    m->is_converged = 0;
    m->t[0]         = t;
    if (evaluate(f, samples, &p, m))
        take_covariance(&p, m);
    else
        m->n = 0;
}

void pulse_fitter_trace(struct pulse_fitter *f, const int16_t *adc, size_t n, double pedestal_adc, int polarity,
                        struct pulse_fitter_result *out)
{
    out->n = 0;
    if (n < MIN_SAMPLES || n > f->capacity) return;
    if (!(fabs(pedestal_adc) < 1e5)) pedestal_adc = (double)adc[0]; /* none was recorded */
    struct pulse_fit_scale scale     = {.sign = (float)polarity,
                                        .base = (float)rint(pedestal_adc),
                                        .low  = (float)(-full_scale - 1.0),
                                        .high = (float)full_scale};
    struct pulse_fit_samples samples = {.y = f->y, .weight = f->weight};
    f->load(adc, n, scale, &samples);
    /* On the undershoot of an earlier pulse the baseline is lower than the fill's pedestal. */
    double start = 0.25 * ((double)samples.y[0] + (double)samples.y[1] + (double)samples.y[2] + (double)samples.y[3]);
    double level = f->options.threshold_adc + fmin(start, 0.0), t;
    if ((double)samples.max <= level || samples.sum_weight < MIN_SAMPLES) return;
    const float *v = searched(f, &samples);
    if (!find_max(v, n, samples.max, &t) && !find_peak(v, n, level, &t)) return;
    struct several m;
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
