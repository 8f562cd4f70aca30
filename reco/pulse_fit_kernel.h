/* The vector part of the pulse fit: sums over the samples of one trace. Everything else is in pulse_fitter.c.
 *
 * Samples are floats relative to a base near the pedestal, padded with zeros to a multiple of PULSE_FIT_PAD; weights
 * are 1, or 0 for what is not fitted (saturated samples, padding). Vectors run over samples: all samples of a pulse
 * share the template's phase, so that coefficients are loaded in order, without gathers. Test: tests/t_pulse_fitter.c */
#ifndef GM2_PULSE_FIT_KERNEL_H
#define GM2_PULSE_FIT_KERNEL_H

#include "isa.h"
#include "pulse_shape.h"

#include <stdint.h>

enum { PULSE_FIT_PAD = 16, PULSE_FIT_MAX_PULSES = 16 };

/** How samples become floats: y = sign (adc - base); adc outside (low, high) is saturated. */
struct pulse_fit_scale {
    float sign, base, low, high;
};

/** One trace. y and weight: [n_padded], 64-byte aligned. */
struct pulse_fit_samples {
    size_t n, n_padded;
    float *y, *weight;
    double sum_weight, sum_y; /* of fitted samples */
    float max;                /* largest y, saturated samples too */
};

/** One pulse, as fitted with a pedestal. Variances are for noise 1. */
struct pulse_fit_single {
    double t, scale, pedestal; /* samples; units of y */
    double chi2;               /* sum of squared residuals */
    double var_t, var_scale, cov;
    double max_residual; /* largest, of fitted samples */
    int n_steps;
    int is_converged;
};

/** Sums over samples for n pulses at times t; d: template slope, q: second derivative (in x, so d/dt is -d). */
struct pulse_fit_sums {
    double t[PULSE_FIT_MAX_PULSES], d[PULSE_FIT_MAX_PULSES]; /* sum of T_j, of D_j */
    double ty[PULSE_FIT_MAX_PULSES];
    double tt[PULSE_FIT_MAX_PULSES][PULSE_FIT_MAX_PULSES];
    double td[PULSE_FIT_MAX_PULSES][PULSE_FIT_MAX_PULSES]; /* [j][k]: T_j D_k */
    double dd[PULSE_FIT_MAX_PULSES][PULSE_FIT_MAX_PULSES];
};

/** Fills samples->y, weight (both of n_padded = n rounded up to PULSE_FIT_PAD) and the sums. */
ISA_DECLARE(void, pulse_fit_load,
            (const int16_t *adc, size_t n, struct pulse_fit_scale scale, struct pulse_fit_samples *samples))
/** Newton on the time from t_start, scale and pedestal projected out; residual: [n_padded], written. */
ISA_DECLARE(void, pulse_fit_newton,
            (const struct pulse_shape *shape, const struct pulse_fit_samples *samples, double t_start, float *residual,
             struct pulse_fit_single *out))
/** Rows of n pulses (row[3 j], [3 j + 1], [3 j + 2]: T_j, D_j, Q_j, each [stride], weights applied) and their sums. */
ISA_DECLARE(void, pulse_fit_rows,
            (const struct pulse_shape *shape, const struct pulse_fit_samples *samples, int n, const double *t,
             float *row, size_t stride, struct pulse_fit_sums *sums))
/** residual = y - pedestal - sum scale_j T_j; its sums with D_j and Q_j; returns the sum of squares. */
ISA_DECLARE(double, pulse_fit_residuals,
            (const struct pulse_fit_samples *samples, int n, const double *scale, double pedestal, const float *row,
             size_t stride, float *residual, double *with_d, double *with_q))

#endif
