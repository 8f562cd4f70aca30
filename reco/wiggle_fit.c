/* Estimates the parameters of the wiggle by least squares with iterated weights (Levenberg-Marquardt, GSL). */
#include "wiggle_fit.h"

#include "mem.h"
#include "phys.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_fft_real.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_multifit_nlinear.h>
#include <math.h>
#include <string.h>

enum { MAX_ROUNDS = 25, MAX_STEPS = 50, MIN_BINS = 10, MIN_COUNTS = 100 };

/* ---- data ---------------------------------------------------------------------------------------------------------- */

static double bin_sum(const struct hist *h, const int64_t *values, int calo, int64_t bin)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < h->x.n; i++)
        if (calo == 0 || calo == i + 1) sum += values[i * h->y.n + bin];
    return (double)sum * h->quantum;
}

enum err wiggle_data_take(const struct hist *h, int calo, double from_us, double to_us, struct wiggle_data *out)
{
    struct wiggle_data d = {.bin_us = (h->y.high - h->y.low) / (double)h->y.n};
    enum err rc;
    REQUIRE(calo >= 0 && calo <= h->x.n, ERR_OPTION, "calorimeter %d: there are 1 to %d, and 0 for all", calo,
            (int)h->x.n);
    TRY_TO(failed, mem_alloc(&d.t_us, (size_t)h->y.n, sizeof(double)));
    TRY_TO(failed, mem_alloc(&d.content, (size_t)h->y.n, sizeof(double)));
    if (h->squares) TRY_TO(failed, mem_alloc(&d.variance, (size_t)h->y.n, sizeof(double)));
    for (int64_t i = 0; i < h->y.n; i++) {
        double t_us = h->y.low + ((double)i + 0.5) * d.bin_us;
        if (t_us < from_us || t_us > to_us) continue;
        d.t_us[d.n]    = t_us;
        d.content[d.n] = bin_sum(h, h->content, calo, i);
        if (h->squares) d.variance[d.n] = bin_sum(h, h->squares, calo, i);
        d.n++;
    }
    if (d.n < MIN_BINS)
        FAIL_TO(failed, ERR_OPTION, "%g to %g us holds %zu bins of %s; give a range within %g to %g us", from_us, to_us,
                d.n, h->name, h->y.low, h->y.high);
    *out = d;
    return ERR_OK;
failed:
    wiggle_data_free(&d);
    return rc;
}

void wiggle_data_free(struct wiggle_data *data)
{
    mem_free(data->t_us);
    mem_free(data->content);
    mem_free(data->variance);
    *data = (struct wiggle_data){0};
}

/* ---- first guesses -------------------------------------------------------------------------------------------------- */

/* Weighted least squares of y = u c + v s; returns how much the weighted sum of squares falls. */
struct projection {
    double cc, cs, ss, cy, sy;
};

static void project(struct projection *p, double weight, double c, double s, double y)
{
    p->cc += weight * c * c;
    p->cs += weight * c * s;
    p->ss += weight * s * s;
    p->cy += weight * c * y;
    p->sy += weight * s * y;
}

static double projection_solve(const struct projection *p, double *amplitude, double *psi)
{
    double det = p->cc * p->ss - p->cs * p->cs;
    if (!(det > 0.0)) return 0.0;
    double u = (p->cy * p->ss - p->sy * p->cs) / det, v = (p->sy * p->cc - p->cy * p->cs) / det;
    *amplitude = hypot(u, v);
    *psi       = atan2(-v, u); /* A cos(x + psi) = A cos psi cos x - A sin psi sin x */
    return u * p->cy + v * p->sy;
}

static void guess_five(const struct wiggle_data *d, double *value)
{
    double sum = 0.0, norm = 0.0, tau = wiggle_parameters[WIGGLE_TAU].start;
    struct projection p = {0};
    for (size_t i = 0; i < d->n; i++) {
        sum += d->content[i];
        norm += exp(-d->t_us[i] / tau);
    }
    value[WIGGLE_N0]  = sum / norm;
    value[WIGGLE_TAU] = tau;
    value[WIGGLE_R]   = wiggle_parameters[WIGGLE_R].start;
    for (size_t i = 0; i < d->n; i++) {
        double f = value[WIGGLE_N0] * exp(-d->t_us[i] / tau), x = 2.0 * PI * F_REFERENCE_MHz * d->t_us[i];
        project(&p, f, cos(x), sin(x), d->content[i] / f - 1.0);
    }
    value[WIGGLE_A] = value[WIGGLE_PHI] = 0.0;
    projection_solve(&p, &value[WIGGLE_A], &value[WIGGLE_PHI]);
}

/* How f changes with this term's u, relative to f, at the present parameters. */
static double lever(const struct wiggle_model *m, const struct wiggle_term *k, const double *value, double t_us)
{
    if (k->target == WIGGLE_RATE) return 1.0;
    double gradient[WIGGLE_N_PARAMETERS], f = wiggle_model_value(m, value, t_us, gradient);
    return (k->target == WIGGLE_PHASE ? gradient[WIGGLE_PHI] : gradient[WIGGLE_A] * value[WIGGLE_A]) / f;
}

static double try_term(const struct wiggle_data *d, const struct wiggle_fit *five, const struct wiggle_term *k,
                       double omega, double tau, double *amplitude, double *psi)
{
    struct projection p = {0};
    for (size_t i = 0; i < d->n; i++) {
        double t = k->harmonic * d->t_us[i], f = wiggle_model_value(&five->model, five->value, d->t_us[i], NULL);
        double weight = exp(-t / tau) * lever(&five->model, k, five->value, d->t_us[i]);
        project(&p, f, weight * cos(omega * t), weight * sin(omega * t), d->content[i] / f - 1.0);
    }
    return projection_solve(&p, amplitude, psi);
}

/* Terms start from the residuals of the five-parameter fit; a frequency is searched within 4 % of its usual value. */
static void guess_terms(const struct wiggle_data *d, const struct wiggle_fit *five, const struct wiggle_model *m,
                        double *value)
{
    enum { N_SCAN = 61 };
    int is_known[WIGGLE_N_PARAMETERS] = {0};
    for (size_t i = 0; i < m->n_terms; i++) {
        const struct wiggle_term *k = m->term[i];
        double *omega = &value[m->place[k->omega]], *tau = &value[m->place[k->tau]], best = -1.0;
        int n_scan = is_known[k->omega] ? 1 : N_SCAN;
        double low = is_known[k->omega] ? *omega : 0.96 * wiggle_parameters[k->omega].start;
        *tau       = wiggle_parameters[k->tau].start;
        for (int j = 0; j < n_scan; j++) {
            double amplitude = 0.0, psi = 0.0, trial = low * (1.0 + j * 0.08 / 0.96 / (N_SCAN - 1));
            double gain = try_term(d, five, k, trial, *tau, &amplitude, &psi);
            if (gain <= best) continue;
            best                          = gain;
            *omega                        = trial;
            value[m->place[k->amplitude]] = amplitude;
            value[m->place[k->psi]]       = psi;
        }
        is_known[k->omega] = 1;
    }
}

/* ---- the fit itself -------------------------------------------------------------------------------------------------- */

struct problem {
    const struct wiggle_data *data;
    const struct wiggle_model *model;
};

static int residuals(const gsl_vector *x, void *arg, gsl_vector *f)
{
    const struct problem *p = arg;
    for (size_t i = 0; i < p->data->n; i++)
        gsl_vector_set(f, i, wiggle_model_value(p->model, x->data, p->data->t_us[i], NULL) - p->data->content[i]);
    return GSL_SUCCESS;
}

static int jacobian(const gsl_vector *x, void *arg, gsl_matrix *j)
{
    const struct problem *p = arg;
    for (size_t i = 0; i < p->data->n; i++)
        wiggle_model_value(p->model, x->data, p->data->t_us[i], gsl_matrix_ptr(j, i, 0));
    return GSL_SUCCESS;
}

static double variance_scale(const struct wiggle_data *d)
{
    double content = 0.0, variance = 0.0;
    if (!d->variance) return 1.0;
    for (size_t i = 0; i < d->n; i++) {
        content += d->content[i];
        variance += d->variance[i] - d->floor_variance;
    }
    return content > 0.0 && variance > 0.0 ? variance / content : 1.0;
}

static double expected_variance(const struct wiggle_data *d, const struct wiggle_fit *fit, double expected)
{
    return fit->variance_scale * expected + d->floor_variance;
}

static void set_weights(const struct wiggle_data *d, const struct wiggle_fit *fit, enum wiggle_statistic statistic,
                        gsl_vector *weight)
{
    double floor_content = 1e-12 * fit->value[WIGGLE_N0];
    for (size_t i = 0; i < d->n; i++) {
        double observed = d->variance ? d->variance[i] : d->content[i];
        double expected = wiggle_model_value(&fit->model, fit->value, d->t_us[i], NULL);
        double variance = expected_variance(d, fit, expected > floor_content ? expected : floor_content);
        if (statistic == WIGGLE_NEYMAN) variance = observed;
        gsl_vector_set(weight, i, variance > 0.0 ? 1.0 / variance : 0.0);
    }
}

/* Inverse of the information; for weighted bins inv(F) B inv(F) with B from the observed variances. */
static enum err covariance(const struct wiggle_data *d, const gsl_vector *weight, struct wiggle_fit *fit)
{
    size_t n                                                                              = fit->model.n_par;
    double f_data[WIGGLE_N_PARAMETERS * WIGGLE_N_PARAMETERS]                              = {0},
                                        b_data[WIGGLE_N_PARAMETERS * WIGGLE_N_PARAMETERS] = {0};
    double half_data[WIGGLE_N_PARAMETERS * WIGGLE_N_PARAMETERS], g[WIGGLE_N_PARAMETERS];
    for (size_t i = 0; i < d->n; i++) {
        double w = gsl_vector_get(weight, i), observed = d->variance ? d->variance[i] : 0.0;
        wiggle_model_value(&fit->model, fit->value, d->t_us[i], g);
        for (size_t r = 0; r < n; r++)
            for (size_t k = 0; k < n; k++) {
                f_data[r * n + k] += w * g[r] * g[k];
                b_data[r * n + k] += w * w * observed * g[r] * g[k];
            }
    }
    gsl_matrix_view f = gsl_matrix_view_array(f_data, n, n), b = gsl_matrix_view_array(b_data, n, n);
    gsl_matrix_view half = gsl_matrix_view_array(half_data, n, n);
    if (gsl_linalg_cholesky_decomp1(&f.matrix) || gsl_linalg_cholesky_invert(&f.matrix))
        FAIL(ERR_NUMBER, "the data do not determine all %zu parameters of the model", n);
    if (d->variance) {
        gsl_blas_dgemm(CblasNoTrans, CblasNoTrans, 1.0, &f.matrix, &b.matrix, 0.0, &half.matrix);
        gsl_blas_dgemm(CblasNoTrans, CblasNoTrans, 1.0, &half.matrix, &f.matrix, 0.0, &b.matrix);
    }
    const double *c = d->variance ? b_data : f_data;
    for (size_t r = 0; r < n; r++) {
        for (size_t k = 0; k < n; k++) fit->covariance[r][k] = c[r * n + k];
        fit->error[r] = sqrt(c[r * n + r]);
    }
    return ERR_OK;
}

/* One round of Levenberg-Marquardt with fixed weights, then the covariance. */
static enum err round_of_fit(const struct wiggle_data *d, enum wiggle_statistic statistic,
                             gsl_multifit_nlinear_workspace *work, gsl_vector *weight, struct wiggle_fit *fit)
{
    struct problem p             = {d, &fit->model};
    gsl_multifit_nlinear_fdf fdf = {.f = residuals, .df = jacobian, .n = d->n, .p = fit->model.n_par, .params = &p};
    gsl_vector_view x            = gsl_vector_view_array(fit->value, fit->model.n_par);
    int info;
    set_weights(d, fit, statistic, weight);
    int status = gsl_multifit_nlinear_winit(&x.vector, weight, &fdf, work);
    if (!status) status = gsl_multifit_nlinear_driver(MAX_STEPS, 1e-8, 1e-8, 0.0, NULL, NULL, &info, work);
    /* No progress: the start was the minimum. Too many steps: the next round goes on, iterate() judges. */
    REQUIRE(!status || status == GSL_ENOPROG || status == GSL_EMAXITER, ERR_NUMBER,
            "the fit of %zu parameters does not converge: %s", fit->model.n_par, gsl_strerror(status));
    fit->n_iterations += (int)gsl_multifit_nlinear_niter(work);
    memcpy(fit->value, gsl_multifit_nlinear_position(work)->data, fit->model.n_par * sizeof(double));
    for (size_t i = 0; i < fit->model.n_par; i++)
        REQUIRE(isfinite(fit->value[i]), ERR_NUMBER, "the fit of %zu parameters diverges", fit->model.n_par);
    return covariance(d, weight, fit);
}

static enum err iterate(const struct wiggle_data *d, enum wiggle_statistic statistic, struct wiggle_fit *fit)
{
    gsl_multifit_nlinear_parameters how = gsl_multifit_nlinear_default_parameters();
    how.solver                          = gsl_multifit_nlinear_solver_cholesky;
    gsl_multifit_nlinear_workspace *work =
        gsl_multifit_nlinear_alloc(gsl_multifit_nlinear_trust, &how, d->n, fit->model.n_par);
    gsl_vector *weight = gsl_vector_alloc(d->n);
    double old[WIGGLE_N_PARAMETERS], moved = (double)INFINITY;
    enum err rc = ERR_OK;
    if (!work || !weight) FAIL_TO(done, ERR_MEMORY, "no memory for a fit of %zu bins", d->n);
    for (int round = 0; round < MAX_ROUNDS && moved > 1e-5; round++) {
        memcpy(old, fit->value, sizeof old);
        TRY_TO(done, round_of_fit(d, statistic, work, weight, fit));
        moved = 0.0;
        for (size_t i = 0; statistic == WIGGLE_LIKELIHOOD && i < fit->model.n_par; i++)
            moved = fmax(moved, fabs(fit->value[i] - old[i]) / fit->error[i]);
    }
    if (moved > 1e-5)
        FAIL_TO(
            done, ERR_NUMBER,
            "the fit of %zu parameters does not settle: after %d rounds a parameter still moves by %.2g of its error",
            fit->model.n_par, MAX_ROUNDS, moved);
done:
    gsl_multifit_nlinear_free(work);
    gsl_vector_free(weight);
    return rc;
}

/* ---- after the fit --------------------------------------------------------------------------------------------------- */

/* A cos(x + psi) with A < 0 is |A| cos(x + psi + pi). */
static void make_positive(struct wiggle_fit *fit, size_t amplitude, size_t psi)
{
    if (fit->value[amplitude] < 0.0) {
        fit->value[amplitude] = -fit->value[amplitude];
        fit->value[psi] += PI;
        for (size_t i = 0; i < fit->model.n_par; i++) {
            fit->covariance[amplitude][i] = -fit->covariance[amplitude][i];
            fit->covariance[i][amplitude] = -fit->covariance[i][amplitude];
        }
    }
    fit->value[psi] -= 2.0 * PI * floor(fit->value[psi] / (2.0 * PI));
}

static void judge(const struct wiggle_data *d, struct wiggle_fit *fit)
{
    double content = 0.0, variance = 0.0, expected = 0.0, least = 10.0 * fit->variance_scale * fit->variance_scale;
    size_t n_groups = 0;
    fit->chi2       = 0.0;
    for (size_t i = 0; i < d->n; i++) {
        double f = wiggle_model_value(&fit->model, fit->value, d->t_us[i], NULL);
        content += d->content[i];
        expected += f;
        variance += expected_variance(d, fit, f);
        if (variance < least && i + 1 < d->n) continue;
        if (variance > 0.0) fit->chi2 += (content - expected) * (content - expected) / variance;
        content = expected = variance = 0.0;
        n_groups++;
    }
    fit->ndf     = (double)n_groups - (double)fit->model.n_par;
    fit->p_value = fit->ndf > 0.0 ? gsl_cdf_chisq_Q(fit->chi2, fit->ndf) : (double)NAN;
}

static void finish(const struct wiggle_data *d, struct wiggle_fit *fit)
{
    make_positive(fit, WIGGLE_A, WIGGLE_PHI);
    for (size_t i = 0; i < fit->model.n_terms; i++)
        make_positive(fit, (size_t)fit->model.place[fit->model.term[i]->amplitude],
                      (size_t)fit->model.place[fit->model.term[i]->psi]);
    judge(d, fit);
}

enum err wiggle_fit(const struct wiggle_data *d, const struct wiggle_model *model, enum wiggle_statistic statistic,
                    struct wiggle_fit *out)
{
    struct wiggle_fit five = {.variance_scale = variance_scale(d)}, fit;
    for (size_t i = 0; i < d->n; i++) five.n_counts += d->content[i];
    REQUIRE(five.n_counts >= MIN_COUNTS && d->n > model->n_par, ERR_DATA,
            "%.0f counts in %zu bins are too few for a fit of %zu parameters; at least %d counts are needed",
            five.n_counts, d->n, model->n_par, MIN_COUNTS);
    five.from_us = d->t_us[0] - 0.5 * d->bin_us;
    five.to_us   = d->t_us[d->n - 1] + 0.5 * d->bin_us;
    TRY(wiggle_model("5", &five.model));
    guess_five(d, five.value);
    TRY(iterate(d, statistic, &five));
    fit = five;
    if (model->n_terms > 0) {
        fit.model = *model;
        guess_terms(d, &five, model, fit.value);
        TRY(iterate(d, statistic, &fit));
    }
    finish(d, &fit);
    *out = fit;
    return ERR_OK;
}

void wiggle_pulls(const struct wiggle_data *d, const struct wiggle_fit *fit, double *out)
{
    for (size_t i = 0; i < d->n; i++) {
        double f = wiggle_model_value(&fit->model, fit->value, d->t_us[i], NULL);
        out[i]   = (d->content[i] - f) / sqrt(expected_variance(d, fit, f));
    }
}

enum err wiggle_spectrum(const double *pulls, size_t n, double *out)
{
    REQUIRE(n >= 2, ERR_LOGIC, "a spectrum of %zu bins", n);
    gsl_fft_real_wavetable *table     = gsl_fft_real_wavetable_alloc(n);
    gsl_fft_real_workspace *workspace = gsl_fft_real_workspace_alloc(n);
    double *x                         = NULL;
    enum err rc                       = ERR_OK;
    if (!table || !workspace) FAIL_TO(done, ERR_MEMORY, "no memory for a Fourier transform of %zu bins", n);
    TRY_TO(done, mem_alloc(&x, n, sizeof *x));
    memcpy(x, pulls, n * sizeof *x);
    gsl_fft_real_transform(x, 1, n, table, workspace);
    /* GSL's half-complex order: x[0], then real and imaginary parts, the last real alone for even n */
    out[0] = x[0] * x[0] / (double)n;
    for (size_t k = 1; k <= n / 2; k++) {
        double re = x[2 * k - 1], im = 2 * k < n ? x[2 * k] : 0.0;
        out[k] = (re * re + im * im) / (double)n;
    }
done:
    mem_free(x);
    if (table) gsl_fft_real_wavetable_free(table);
    if (workspace) gsl_fft_real_workspace_free(workspace);
    return rc;
}
