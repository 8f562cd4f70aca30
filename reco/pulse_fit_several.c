/* Variable projection with Newton steps: the linear parameters are eliminated, small matrices by Cholesky. */
#include "pulse_fit_several.h"

#include <float.h>
#include <math.h>

enum { MAX_LINEAR = PULSE_FIT_MAX_PULSES + 1, MAX_STEPS = 60 };
static const double max_step = 1.0, last_step = 3e-3; /* samples; behind the last one the error is below 1e-5 */
static const double min_distance = 0.5;               /* samples: closer pulses cannot be told apart */

/* Two pulses are by far the most common case: with n known all loops over pulses unroll. */
#define FORCE_INLINE inline __attribute__((always_inline))

/* In place A = L L^T of the lower triangle, 1/L on the diagonal; false if not positive definite. */
static FORCE_INLINE int cholesky(int n, double a[][MAX_LINEAR])
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

static FORCE_INLINE void solve_forward(int n, double l[][MAX_LINEAR], double *x)
{
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < i; k++) x[i] -= l[i][k] * x[k];
        x[i] *= l[i][i];
    }
}

static FORCE_INLINE void solve_backward(int n, double l[][MAX_LINEAR], double *x)
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
static FORCE_INLINE int solve_linear(const struct pulse_fit_samples *samples, struct point *p,
                                     struct pulse_fit_several *m, int n)
{
    double x[MAX_LINEAR];
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
    for (int j = 0; j < n; j++) m->scale[j] = x[j];
    m->pedestal = x[n];
    return 1;
}

/* Hessian of chi2/2 in the times, linear parameters eliminated; without its second derivatives unless `full`. */
static FORCE_INLINE int reduce_to_times(const struct pulse_fit_several *m, double full, struct point *p, int n)
{
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
static FORCE_INLINE void take_covariance(struct point *p, struct pulse_fit_several *m, int n)
{
    for (int j = 0; j < n; j++) {
        double t[PULSE_FIT_MAX_PULSES], x[MAX_LINEAR], unit[MAX_LINEAR];
        for (int i = 0; i < n; i++) t[i] = 0.0;
        for (int i = 0; i <= n; i++) x[i] = unit[i] = 0.0;
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

static int is_possible(const struct pulse_fit_several *m, size_t n_samples)
{
    for (int j = 0; j < m->n; j++) {
        if (!(m->t[j] > -3.0 && m->t[j] < (double)n_samples + 2.0)) return 0;
        for (int k = 0; k < j; k++)
            if (!(fabs(m->t[j] - m->t[k]) > min_distance)) return 0;
    }
    return 1;
}

/* Everything at the times m->t: scales, chi2, Hessian. False where there is nothing to fit. */
static FORCE_INLINE int evaluate(const struct pulse_fit_work *w, const struct pulse_fit_samples *samples,
                                 struct point *p, struct pulse_fit_several *m, int n)
{
    if (!is_possible(m, samples->n)) return 0;
    w->rows(w->shape, samples, n, m->t, w->row, w->capacity, &p->sums);
    if (!solve_linear(samples, p, m, n)) return 0;
    m->chi2 = w->residuals(samples, n, m->scale, m->pedestal, w->row, w->capacity, w->residual, p->rd, p->rq);
    return reduce_to_times(m, 1.0, p, n) || reduce_to_times(m, 0.0, p, n);
}

/* Newton's step, shortened to at most max_step; returns the largest of its parts. */
static FORCE_INLINE double find_step(struct point *p, const struct pulse_fit_several *m, double *step, int n)
{
    double largest = 0.0;
    for (int j = 0; j < n; j++) step[j] = -m->scale[j] * p->rd[j]; /* minus the gradient */
    solve_forward(n, p->times, step);
    solve_backward(n, p->times, step);
    for (int j = 0; j < n; j++) largest = fmax(largest, fabs(step[j]));
    if (!(largest > max_step)) return largest;
    for (int j = 0; j < n; j++) step[j] *= max_step / largest;
    return max_step;
}

static FORCE_INLINE int newton(const struct pulse_fit_work *w, const struct pulse_fit_samples *samples,
                               struct pulse_fit_several *m, int n)
{
    struct point p;
    double last_t[PULSE_FIT_MAX_PULSES], step[PULSE_FIT_MAX_PULSES];
    double last_chi2 = DBL_MAX, largest = max_step;
    m->is_converged = 0;
    for (int j = 0; j < n; j++) step[j] = last_t[j] = 0.0;
    for (m->n_steps = 1; m->n_steps <= MAX_STEPS; m->n_steps++) {
        if (!evaluate(w, samples, &p, m, n)) return 0;
        if (m->chi2 > last_chi2 * (1.0 + 1e-5) && largest > 1e-3) {
            largest *= 0.5;
            for (int j = 0; j < n; j++) m->t[j] = last_t[j] + (step[j] *= 0.5);
            continue;
        }
        if (largest < last_step) {
            m->is_converged = 1;
            take_covariance(&p, m, n);
            return 1;
        }
        largest   = find_step(&p, m, step, n);
        last_chi2 = m->chi2;
        for (int j = 0; j < n; j++) {
            last_t[j] = m->t[j];
            m->t[j] += step[j];
        }
    }
    return 0;
}

int pulse_fit_several(const struct pulse_fit_work *w, const struct pulse_fit_samples *samples,
                      struct pulse_fit_several *m)
{
    return m->n == 2 ? newton(w, samples, m, 2) : newton(w, samples, m, m->n);
}

int pulse_fit_scales(const struct pulse_fit_work *w, const struct pulse_fit_samples *samples,
                     struct pulse_fit_several *m)
{
    struct point p;
    if (!is_possible(m, samples->n)) return 0;
    w->rows(w->shape, samples, m->n, m->t, w->row, w->capacity, &p.sums);
    return solve_linear(samples, &p, m, m->n);
}

int pulse_fit_at(const struct pulse_fit_work *w, const struct pulse_fit_samples *samples, struct pulse_fit_several *m)
{
    struct point p;
    m->is_converged = 0;
    m->n_steps      = MAX_STEPS;
    if (!evaluate(w, samples, &p, m, m->n)) return 0;
    take_covariance(&p, m, m->n);
    return 1;
}
