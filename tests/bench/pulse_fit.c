/* Speed of the template fit: single pulses, two pulses, traces without a pulse, and GSL's general least squares on the
 * same traces and model. Lines: name value unit; median of interleaved repeats, then the best. */
#include "pulse_fitter.h"
#include "rng.h"

#include <gsl/gsl_multifit_nlinear.h>
#include <gsl/gsl_spline.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { N_TRACES = 2000, LENGTH = 32, REPEATS = 9, N_GSL = 500, N_KINDS = 3 };
static const double pedestal_adc = -1700.0, noise_adc = 1.5;
static double fitted_t[N_TRACES]; /* keeps results alive */

struct traces {
    int16_t adc[N_TRACES][LENGTH];
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* n_pulses of 60 to 1560 counts, 4 samples apart. */
static void make(int n_pulses, struct traces *out)
{
    const struct pulse_shape *shape = pulse_shape(PULSE_BEAM);
    for (uint32_t i = 0; i < N_TRACES; i++) {
        struct rng r = rng_start(rng_key(1, 1, 0, 1, 60), i);
        double t     = 9.0 + rng_uniform(&r), a[2];
        for (int k = 0; k < 2; k++) a[k] = 60.0 + 1500.0 * rng_uniform(&r);
        for (int j = 0; j < LENGTH; j++) {
            double v = pedestal_adc + noise_adc * rng_normal(&r);
            for (int k = 0; k < n_pulses; k++) v += a[k] * pulse_shape_value(shape, j - t - 4.0 * k, NULL, NULL);
            out->adc[i][j] = (int16_t)fmin(rint(v), 2047.0);
        }
    }
}

static double time_ours(struct pulse_fitter *f, const struct traces *traces, double *steps)
{
    struct pulse_fitter_result out;
    double start = now_s(), n_steps = 0.0;
    for (int i = 0; i < N_TRACES; i++) {
        pulse_fitter_fit(f, &(struct pulse_fitter_trace){traces->adc[i], LENGTH, pedestal_adc, 1, 0, NULL}, &out);
        fitted_t[i] = out.n ? out.pulse[0].t : 0.0;
        n_steps += out.n ? out.n_steps : 0;
    }
    *steps = n_steps / N_TRACES;
    return (now_s() - start) / N_TRACES;
}

struct gsl_model {
    const int16_t *adc;
    gsl_spline *spline;
    gsl_interp_accel *accel;
};
enum { GSL_T, GSL_SCALE, GSL_PEDESTAL, GSL_PARAMETERS };

static int gsl_residuals(const gsl_vector *x, void *data, gsl_vector *f)
{
    struct gsl_model *m = data;
    for (int i = 0; i < LENGTH; i++) {
        double t     = gsl_spline_eval(m->spline, i - gsl_vector_get(x, GSL_T), m->accel);
        double value = gsl_vector_get(x, GSL_PEDESTAL) + gsl_vector_get(x, GSL_SCALE) * t;
        gsl_vector_set(f, (size_t)i, (value - m->adc[i]) / noise_adc);
    }
    return GSL_SUCCESS;
}

static int gsl_jacobian(const gsl_vector *x, void *data, gsl_matrix *j)
{
    struct gsl_model *m = data;
    for (int i = 0; i < LENGTH; i++) {
        double at = i - gsl_vector_get(x, GSL_T), scale = gsl_vector_get(x, GSL_SCALE);
        gsl_matrix_set(j, (size_t)i, GSL_T, -scale * gsl_spline_eval_deriv(m->spline, at, m->accel) / noise_adc);
        gsl_matrix_set(j, (size_t)i, GSL_SCALE, gsl_spline_eval(m->spline, at, m->accel) / noise_adc);
        gsl_matrix_set(j, (size_t)i, GSL_PEDESTAL, 1.0 / noise_adc);
    }
    return GSL_SUCCESS;
}

/* The textbook way: Levenberg-Marquardt on three parameters with GSL's defaults. */
static double time_gsl(const struct traces *traces, gsl_multifit_nlinear_workspace *w, struct gsl_model *model,
                       double *worst)
{
    double start = now_s();
    *worst       = 0.0;
    for (int i = 0; i < N_GSL; i++) {
        int info, peak = 0;
        model->adc = traces->adc[i];
        for (int j = 1; j < LENGTH; j++) peak = model->adc[j] > model->adc[peak] ? j : peak;
        double guess[GSL_PARAMETERS] = {peak, model->adc[peak] - pedestal_adc, pedestal_adc};
        gsl_vector_view x            = gsl_vector_view_array(guess, GSL_PARAMETERS);
        gsl_multifit_nlinear_fdf fdf = {
            .f = gsl_residuals, .df = gsl_jacobian, .n = LENGTH, .p = GSL_PARAMETERS, .params = model};
        gsl_multifit_nlinear_init(&x.vector, &fdf, w);
        gsl_multifit_nlinear_driver(100, 1e-5, 0.0, 0.0, NULL, NULL, &info, w);
        *worst = fmax(*worst, fabs(gsl_vector_get(gsl_multifit_nlinear_position(w), GSL_T) - fitted_t[i]));
    }
    return (now_s() - start) / N_GSL;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print(const char *name, double *seconds)
{
    qsort(seconds, REPEATS, sizeof *seconds, by_value);
    printf("pulse_fit.%s %.1f ns/trace\n", name, 1e9 * seconds[REPEATS / 2]);
    printf("pulse_fit.%s.rate %.3f M/s\n", name, 1e-6 / seconds[REPEATS / 2]);
    printf("pulse_fit.%s.best %.3f M/s\n", name, 1e-6 / seconds[0]);
}

static void bench_isa(struct traces *traces, const struct pulse_fitter_options *options)
{
    static const char *const names[N_KINDS] = {"none", "single", "double"};
    struct pulse_fitter *f;
    double seconds[N_KINDS][REPEATS], steps[N_KINDS];
    if (pulse_fitter_create(options, &f) || pulse_fitter_reserve(f, LENGTH)) exit(1);
    for (int r = 0; r < REPEATS; r++)
        for (int k = 0; k < N_KINDS; k++) seconds[k][r] = time_ours(f, &traces[k], &steps[k]);
    for (int k = 0; k < N_KINDS; k++) {
        char name[64];
        snprintf(name, sizeof name, "%s.%s", names[k], isa_name(isa_active()));
        print(name, seconds[k]);
    }
    printf("pulse_fit.single.steps %.2f 1\npulse_fit.double.steps %.2f 1\n", steps[1], steps[2]);
    pulse_fitter_free(f);
}

static void bench_gsl(struct traces *traces, const struct pulse_fitter_options *options)
{
    enum { KNOTS = 320 };
    struct pulse_fitter *f;
    gsl_multifit_nlinear_parameters parameters = gsl_multifit_nlinear_default_parameters();
    gsl_multifit_nlinear_workspace *w =
        gsl_multifit_nlinear_alloc(gsl_multifit_nlinear_trust, &parameters, LENGTH, GSL_PARAMETERS);
    double x[KNOTS], y[KNOTS], seconds[REPEATS], ours[REPEATS], steps, worst = 0.0;
    for (int i = 0; i < KNOTS; i++) {
        x[i] = -80.0 + 0.5 * i - options->shape->shift; /* its own knots */
        y[i] = pulse_shape_value(options->shape, x[i], NULL, NULL);
    }
    struct gsl_model model = {.spline = gsl_spline_alloc(gsl_interp_cspline, KNOTS), .accel = gsl_interp_accel_alloc()};
    gsl_spline_init(model.spline, x, y, KNOTS);
    if (pulse_fitter_create(options, &f) || pulse_fitter_reserve(f, LENGTH)) exit(1);
    for (int r = 0; r < REPEATS; r++) {
        ours[r]    = time_ours(f, &traces[1], &steps);
        seconds[r] = time_gsl(&traces[1], w, &model, &worst);
    }
    print("single.gsl", seconds);
    qsort(ours, REPEATS, sizeof *ours, by_value);
    printf("pulse_fit.single.gsl_over_ours %.1f 1\n", seconds[REPEATS / 2] / ours[REPEATS / 2]);
    printf("pulse_fit.single.gsl_difference %.2e samples\n", worst);
    gsl_spline_free(model.spline);
    gsl_interp_accel_free(model.accel);
    gsl_multifit_nlinear_free(w);
    pulse_fitter_free(f);
}

int main(void)
{
    static struct traces traces[N_KINDS];
    static const char *const isas[]     = {"baseline", "avx2", "avx512"};
    struct pulse_fitter_options options = {.shape             = pulse_shape(PULSE_BEAM),
                                           .noise_adc         = sqrt(noise_adc * noise_adc + 1.0 / 12.0),
                                           .threshold_adc     = 9.0,
                                           .residual_fraction = 0.01,
                                           .min_dchi2         = 30.0,
                                           .max_pulses        = 8};
    for (int k = 0; k < N_KINDS; k++) make(k, &traces[k]);
    for (int i = 0; i < 3; i++)
        if (isa_force(isas[i]) == 0) bench_isa(traces, &options);
    isa_force("best");
    bench_gsl(traces, &options);
    return 0;
}
