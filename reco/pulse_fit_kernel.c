/* Sums over samples with explicit vectors: 4, 8 or 16 floats at a time. */
#include "pulse_fit_kernel.h"

#include <math.h>
#include <string.h>

#if defined(__AVX512F__)
#include <immintrin.h>
enum { LANES = 16 };
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif
typedef float vec __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));
typedef float vec4 __attribute__((vector_size(4 * sizeof(float))));
typedef int mask __attribute__((vector_size(LANES * sizeof(int))));

static const double time_limit = 0.003; /* samples; Newton's error behind such a step is below 1e-5 */
static const double step_limit = 1.0;   /* samples */
enum { MAX_STEPS = 30 };

static inline vec fma_vec(vec a, vec b, vec c)
{
#if defined(__AVX512F__)
    return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__) && defined(__FMA__)
    return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}
static inline vec load(const float *p) { return *(const vec *)p; }
static inline void store(float *p, vec v) { *(vec *)p = v; }
static inline vec spread(float x)
{
    vec zero = {0};
    return zero + x;
}

static inline vec max_vec(vec a, vec b)
{
    mask is_a = (mask)(a > b);
    return (vec)((is_a & (mask)a) | (~is_a & (mask)b));
}

/* Folds to four lanes. */
static inline vec4 fold(vec v)
{
#if defined(__AVX512F__)
    return (__builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7)) +
           (__builtin_shufflevector(v, v, 8, 9, 10, 11) + __builtin_shufflevector(v, v, 12, 13, 14, 15));
#elif defined(__AVX2__) && defined(__FMA__)
    return __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
#else
    return __builtin_shufflevector(v, v, 0, 1, 2, 3);
#endif
}
/* The sums of four vectors at once. */
static inline vec4 sums_of(vec a, vec b, vec c, vec d)
{
    vec4 p = fold(a), q = fold(b), r = fold(c), s = fold(d);
    vec4 pq = __builtin_shufflevector(p, q, 0, 4, 1, 5) + __builtin_shufflevector(p, q, 2, 6, 3, 7);
    vec4 rs = __builtin_shufflevector(r, s, 0, 4, 1, 5) + __builtin_shufflevector(r, s, 2, 6, 3, 7);
    return __builtin_shufflevector(pq, rs, 0, 1, 4, 5) + __builtin_shufflevector(pq, rs, 2, 3, 6, 7);
}
static inline double sum_of(vec v)
{
    vec4 s = fold(v);
    return (double)((s[0] + s[2]) + (s[1] + s[3]));
}

static inline float largest_of(vec v)
{
    float largest = v[0];
    for (int i = 1; i < LANES; i++) largest = v[i] > largest ? v[i] : largest;
    return largest;
}

/* The part of a row of samples that the template's table covers, in whole vectors; what is cut off is 0. */
struct window {
    size_t begin, end;
    float u;
    const float *c[4]; /* c[k][i]: coefficient k for sample i */
};

static inline struct window window_at(const struct pulse_shape *shape, double t, size_t n_padded)
{
    struct pulse_place place = pulse_shape_place(shape, t);
    ptrdiff_t begin = place.first < 0 ? (-place.first + LANES - 1) / LANES * LANES : 0, end = (ptrdiff_t)n_padded;
    if (end > PULSE_N - place.first) end = PULSE_N - place.first;
    if (end < begin) end = begin;
    struct window w = {.begin = (size_t)begin, .end = (size_t)(begin + (end - begin) / LANES * LANES), .u = place.u};
    for (int k = 0; k < 4; k++) w.c[k] = shape->coef[place.half][k] + place.first;
    return w;
}

struct shape_vec {
    vec t, d, q; /* template, slope, second derivative */
};

static inline struct shape_vec shape_at(const struct window *w, size_t i)
{
    vec c1 = load(w->c[1] + i), c2 = load(w->c[2] + i), c3 = load(w->c[3] + i);
    vec u = spread(w->u), c2_twice = c2 + c2;
    struct shape_vec s;
    s.t = fma_vec(u, fma_vec(u, fma_vec(u, c3, c2), c1), load(w->c[0] + i));
    s.d = fma_vec(u, fma_vec(3.0f * u, c3, c2_twice), c1);
    s.q = fma_vec(6.0f * u, c3, c2_twice);
    return s;
}

/* y and weight of LANES samples. */
static inline vec load_adc(const int16_t *adc, struct pulse_fit_scale scale, vec *weight)
{
    typedef int16_t shorts __attribute__((vector_size(LANES * sizeof(int16_t)), aligned(2), may_alias));
    vec a       = __builtin_convertvector(*(const shorts *)adc, vec);
    mask is_fit = (mask)(a > scale.low) & (mask)(a < scale.high);
    *weight     = (vec)(is_fit & (mask)spread(1.0f));
    return scale.sign * (a - scale.base);
}

void KERNEL(pulse_fit_load)(const int16_t *adc, size_t n, struct pulse_fit_scale scale,
                            struct pulse_fit_samples *samples)
{
    int16_t rest[PULSE_FIT_PAD] = {0};
    float in_trace[PULSE_FIT_PAD];
    vec max = spread(-1e30f), sum_w = {0}, sum_y = {0};
    size_t whole      = n / PULSE_FIT_PAD * PULSE_FIT_PAD;
    samples->n        = n;
    samples->n_padded = (n + PULSE_FIT_PAD - 1) / PULSE_FIT_PAD * PULSE_FIT_PAD;
    for (size_t i = 0; i < PULSE_FIT_PAD; i++) {
        in_trace[i] = whole + i < n ? 1.0f : 0.0f;
        if (whole + i < n) rest[i] = adc[whole + i];
    }
    for (size_t i = 0; i < samples->n_padded; i += LANES) {
        vec w, inside = i < whole ? spread(1.0f) : load(in_trace + i - whole);
        vec y = load_adc(i < whole ? adc + i : rest + i - whole, scale, &w);
        y     = y * inside;
        w     = w * inside;
        max   = max_vec(y, max);
        y     = y * w;
        store(samples->y + i, y);
        store(samples->weight + i, w);
        sum_w = sum_w + w;
        sum_y = sum_y + y;
    }
    samples->max        = largest_of(max);
    samples->sum_weight = sum_of(sum_w);
    samples->sum_y      = sum_of(sum_y);
}

/* Sums for one pulse. */
struct single_sums {
    double t, d, q, tt, td, dd, tq, ty, dy, qy;
};

static inline struct single_sums sum_single(const struct pulse_shape *shape, const struct pulse_fit_samples *samples,
                                            double time)
{
    struct window w = window_at(shape, time, samples->n_padded);
    vec t = {0}, d = {0}, q = {0}, tt = {0}, td = {0}, dd = {0}, tq = {0}, ty = {0}, dy = {0}, qy = {0};
    for (size_t i = w.begin; i < w.end; i += LANES) {
        struct shape_vec s = shape_at(&w, i);
        vec weight = load(samples->weight + i), y = load(samples->y + i), wt = weight * s.t, wd = weight * s.d;
        t  = t + wt;
        d  = d + wd;
        q  = fma_vec(weight, s.q, q);
        tt = fma_vec(wt, s.t, tt);
        td = fma_vec(wt, s.d, td);
        dd = fma_vec(wd, s.d, dd);
        tq = fma_vec(wt, s.q, tq);
        ty = fma_vec(y, s.t, ty);
        dy = fma_vec(y, s.d, dy);
        qy = fma_vec(y, s.q, qy);
    }
    vec4 a = sums_of(t, d, q, tt), b = sums_of(td, dd, tq, ty), c = sums_of(dy, qy, dy, qy);
    return (struct single_sums){(double)a[0], (double)a[1], (double)a[2], (double)a[3], (double)b[0],
                                (double)b[1], (double)b[2], (double)b[3], (double)c[0], (double)c[1]};
}

/* residual = y - pedestal - scale T over all samples; adds chi2 and the largest residual. */
static inline void residuals_single(const struct pulse_shape *shape, const struct pulse_fit_samples *samples,
                                    float *residual, struct pulse_fit_single *fit)
{
    struct window w = window_at(shape, fit->t, samples->n_padded);
    const vec p = spread((float)-fit->pedestal), scale = spread((float)-fit->scale);
    vec sum = {0}, max = spread(-1e30f);
    for (size_t i = 0; i < samples->n_padded; i += LANES) {
        vec weight = load(samples->weight + i), model = p;
        if (i >= w.begin && i < w.end) {
            vec u = spread(w.u);
            vec t = fma_vec(u, fma_vec(u, fma_vec(u, load(w.c[3] + i), load(w.c[2] + i)), load(w.c[1] + i)),
                            load(w.c[0] + i));
            model = fma_vec(scale, t, p);
        }
        vec r = fma_vec(weight, model, load(samples->y + i));
        store(residual + i, r);
        sum = fma_vec(r, r, sum);
        max = max_vec(r, max);
    }
    fit->chi2         = sum_of(sum);
    fit->max_residual = (double)largest_of(max);
}

/* Elements of the full Hessian of chi2/2 in (time, scale), the pedestal eliminated, and the gradient in time. */
struct reduced {
    double tt, ts, ss, gradient, gauss_newton;
};

static inline struct reduced reduce(const struct single_sums *s, const struct pulse_fit_samples *samples,
                                    struct pulse_fit_single *fit)
{
    double n = 1.0 / samples->sum_weight, y = samples->sum_y * n;
    double ctt = s->tt - s->t * s->t * n, ctd = s->td - s->t * s->d * n, cdd = s->dd - s->d * s->d * n;
    double ctq   = s->tq - s->t * s->q * n;
    double scale = (s->ty - s->t * y) / ctt, rd = s->dy - s->d * y - scale * ctd, rq = s->qy - s->q * y - scale * ctq;
    fit->scale    = scale;
    fit->pedestal = y - scale * s->t * n;
    return (struct reduced){.tt           = scale * scale * cdd - scale * rq,
                            .ts           = rd - scale * ctd,
                            .ss           = ctt,
                            .gradient     = scale * rd,
                            .gauss_newton = scale * scale * (cdd - ctd * ctd / ctt)};
}

void KERNEL(pulse_fit_newton)(const struct pulse_shape *shape, const struct pulse_fit_samples *samples, double t_start,
                              float *residual, struct pulse_fit_single *out)
{
    struct pulse_fit_single fit = {.t = t_start};
    const double t_max          = (double)samples->n + 2.0;
    while (fit.n_steps < MAX_STEPS && !fit.is_converged) {
        fit.n_steps++;
        struct single_sums s = sum_single(shape, samples, fit.t);
        struct reduced h     = reduce(&s, samples, &fit);
        double curvature     = h.tt - h.ts * h.ts / h.ss;
        if (!(h.ss > 1e-3 && h.gauss_newton > 0.0)) break; /* no pulse here, or none of its samples */
        if (!(curvature > 0.2 * h.gauss_newton)) curvature = h.gauss_newton;
        double step = -h.gradient / curvature;
        step        = step > step_limit ? step_limit : step < -step_limit ? -step_limit : step;
        fit.t += step;
        if (!(fit.t > -3.0 && fit.t < t_max)) break;
        if (fabs(step) >= time_limit) continue;
        double determinant = h.tt * h.ss - h.ts * h.ts;
        if (!(determinant > 0.0)) break; /* no minimum */
        fit.is_converged = 1;
        double dscale    = -h.ts / h.ss * step;
        fit.pedestal     = (samples->sum_y - (fit.scale + dscale) * (s.t - s.d * step)) / samples->sum_weight;
        fit.scale += dscale;
        fit.var_t     = h.ss / determinant;
        fit.var_scale = h.tt / determinant;
        fit.cov       = -h.ts / determinant;
    }
    if (fit.is_converged) residuals_single(shape, samples, residual, &fit);
    *out = fit;
}

void KERNEL(pulse_fit_rows)(const struct pulse_shape *shape, const struct pulse_fit_samples *samples, int n,
                            const double *t, float *row, size_t stride, struct pulse_fit_sums *sums)
{
    for (int j = 0; j < n; j++) {
        float *tj = row + (size_t)(3 * j) * stride, *dj = tj + stride, *qj = dj + stride;
        struct window w = window_at(shape, t[j], samples->n_padded);
        memset(tj, 0, 3 * stride * sizeof *tj);
        vec st = {0}, sd = {0}, sy = {0};
        for (size_t i = w.begin; i < w.end; i += LANES) {
            struct shape_vec s = shape_at(&w, i);
            vec weight         = load(samples->weight + i);
            s.t                = s.t * weight;
            s.d                = s.d * weight;
            store(tj + i, s.t);
            store(dj + i, s.d);
            store(qj + i, s.q * weight);
            st = st + s.t;
            sd = sd + s.d;
            sy = fma_vec(s.t, load(samples->y + i), sy);
        }
        vec4 sum    = sums_of(st, sd, sy, sy);
        sums->t[j]  = (double)sum[0];
        sums->d[j]  = (double)sum[1];
        sums->ty[j] = (double)sum[2];
    }
    for (int j = 0; j < n; j++)
        for (int k = 0; k <= j; k++) {
            const float *tj = row + (size_t)(3 * j) * stride, *tk = row + (size_t)(3 * k) * stride;
            vec tt = {0}, td = {0}, dt = {0}, dd = {0};
            for (size_t i = 0; i < samples->n_padded; i += LANES) {
                vec a = load(tj + i), b = load(tk + i), c = load(tj + stride + i), d = load(tk + stride + i);
                tt = fma_vec(a, b, tt);
                td = fma_vec(a, d, td);
                dt = fma_vec(c, b, dt);
                dd = fma_vec(c, d, dd);
            }
            vec4 sum       = sums_of(tt, td, dt, dd);
            sums->tt[j][k] = sums->tt[k][j] = (double)sum[0];
            sums->td[j][k]                  = (double)sum[1];
            sums->td[k][j]                  = (double)sum[2];
            sums->dd[j][k] = sums->dd[k][j] = (double)sum[3];
        }
}

double KERNEL(pulse_fit_residuals)(const struct pulse_fit_samples *samples, int n, const double *scale, double pedestal,
                                   const float *row, size_t stride, float *residual, double *with_d, double *with_q)
{
    const vec p = spread((float)-pedestal);
    vec square  = {0};
    for (size_t i = 0; i < samples->n_padded; i += LANES) {
        vec r = fma_vec(load(samples->weight + i), p, load(samples->y + i));
        for (int j = 0; j < n; j++) r = fma_vec(spread((float)-scale[j]), load(row + (size_t)(3 * j) * stride + i), r);
        store(residual + i, r);
        square = fma_vec(r, r, square);
    }
    for (int j = 0; j < n; j++) {
        const float *dj = row + (size_t)(3 * j + 1) * stride, *qj = dj + stride;
        vec d = {0}, q = {0};
        for (size_t i = 0; i < samples->n_padded; i += LANES) {
            vec r = load(residual + i);
            d     = fma_vec(r, load(dj + i), d);
            q     = fma_vec(r, load(qj + i), q);
        }
        with_d[j] = sum_of(d);
        with_q[j] = sum_of(q);
    }
    return sum_of(square);
}
