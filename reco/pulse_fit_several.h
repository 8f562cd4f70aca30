/* Several pulses and a pedestal fitted together to one trace. Equations: pulse_fitter.h. Test: tests/t_pulse_fitter.c */
#ifndef GM2_PULSE_FIT_SEVERAL_H
#define GM2_PULSE_FIT_SEVERAL_H

#include "pulse_fit_kernel.h"

/** The template, the kernels of the instruction set, and buffers for traces of up to `capacity` samples (a multiple of
 *  PULSE_FIT_PAD): y, weight, residual [capacity], row [3 PULSE_FIT_MAX_PULSES][capacity]. */
struct pulse_fit_work {
    const struct pulse_shape *shape;
    size_t capacity;
    float *y, *weight, *residual, *row;
    void (*load)(const int16_t *, size_t, struct pulse_fit_scale, struct pulse_fit_samples *);
    void (*newton)(const struct pulse_shape *, const struct pulse_fit_samples *, double, float *,
                   struct pulse_fit_single *);
    void (*rows)(const struct pulse_shape *, const struct pulse_fit_samples *, int, const double *, float *, size_t,
                 struct pulse_fit_sums *);
    double (*residuals)(const struct pulse_fit_samples *, int, const double *, double, const float *, size_t, float *,
                        double *, double *);
};

/** n pulses and their pedestal: times [samples], scales [units of y]; variances and covariances of each pulse's time
 *  and scale for noise 1, from the inverse of the full Hessian. */
struct pulse_fit_several {
    int n, n_steps;
    int is_converged;
    double t[PULSE_FIT_MAX_PULSES], scale[PULSE_FIT_MAX_PULSES], pedestal, chi2;
    double max_residual; /* an upper limit, where it is known; else DBL_MAX */
    double var_t[PULSE_FIT_MAX_PULSES], var_scale[PULSE_FIT_MAX_PULSES], cov[PULSE_FIT_MAX_PULSES];
};

/** Newton from the times m->t; a step that raises chi2 is halved. False when it leads nowhere (times that cannot be
 *  told apart, outside the trace, or no end after 60 steps). Leaves the residual in work->residual. */
int pulse_fit_several(const struct pulse_fit_work *work, const struct pulse_fit_samples *samples,
                      struct pulse_fit_several *m);
/** Scales, pedestal, chi2 and covariance at the times m->t as they are; not called converged. False as above. */
int pulse_fit_at(const struct pulse_fit_work *work, const struct pulse_fit_samples *samples,
                 struct pulse_fit_several *m);

/** Scales and pedestal alone at the times m->t: a linear fit. False when the times cannot be told apart. */
int pulse_fit_scales(const struct pulse_fit_work *work, const struct pulse_fit_samples *samples,
                     struct pulse_fit_several *m);

#endif
