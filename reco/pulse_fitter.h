/* Template fit of one digitiser trace: pulses of known shape on a pedestal.
 *
 * Model: sample i = pedestal + sum_k scale_k T(i - t_k), T of peak 1. chi2 is minimised by variable projection: at
 * fixed times scales and pedestal solve linear equations; the times advance by Newton steps on what is left, until a
 * step is so small that the error behind it is below 1e-4 samples. Covariance: inverse of the full Hessian.
 * Further pulses: the residual's highest peak above a threshold becomes a new pulse, all are fitted again, and it is
 * kept if chi2 falls by more than a limit.
 * Sources: Fienberg et al., arXiv:1412.5525; template fit of the Muon g-2 calorimeters, reference physics 5.4.
 * Tests: tests/t_pulse_fitter.c; speed: tests/bench/pulse_fit.c */
#ifndef GM2_PULSE_FITTER_H
#define GM2_PULSE_FITTER_H

#include "err.h"
#include "pulse_fit_kernel.h"

#include <stdbool.h>

/** Bits of a pulse's status, as in table pulse. */
enum {
    PULSE_NOT_CONVERGED = 1,
    PULSE_AT_EDGE       = 2, /* peak within 2 samples of the island's ends, or outside */
    PULSE_SATURATED     = 4, /* samples at the digitiser's limits, left out of the fit */
    PULSE_LIMIT         = 8  /* more pulses than max_pulses: the last ones were not fitted */
};

struct pulse_fitter_options {
    const struct pulse_shape *shape;
    double noise_adc;         /* rms of one sample, quantisation included, > 0 */
    double threshold_adc;     /* a pulse's least height */
    double residual_fraction; /* a further pulse must be above this share of the largest too */
    double min_dchi2;         /* fall of chi2 that a further pulse must bring */
    int max_pulses;           /* 1 .. PULSE_FIT_MAX_PULSES */
};

struct pulse_fitter_pulse {
    double t;                    /* peak of the template [samples from the trace's first] */
    double amplitude;            /* peak height [adc], > 0 */
    double var_t, var_a, cov_ta; /* [samples^2], [adc^2], [samples adc] */
    unsigned status;
};

struct pulse_fitter_result {
    int n; /* 0: no pulse above threshold */
    int n_steps;
    double pedestal; /* [adc], as digitised */
    double chi2_ndf;
    /* of a trace without a pulse: its samples, upwards, less the tails of earlier pulses and a constant; lent until the
     * next call; NULL where samples are saturated or too few */
    const float *samples;
    struct pulse_fitter_pulse pulse[PULSE_FIT_MAX_PULSES]; /* in order of time */
};

/** Buffers and kernels of one thread. */
struct pulse_fitter;
enum err pulse_fitter_create(const struct pulse_fitter_options *options, struct pulse_fitter **out);
void pulse_fitter_free(struct pulse_fitter *fitter);
/** Makes room for traces of up to n samples. */
enum err pulse_fitter_reserve(struct pulse_fitter *fitter, size_t n);
/** A pulse before the trace that still reaches into it: where its peak was [samples from the trace's first, so
 *  negative] and how high. */
struct pulse_fitter_tail {
    double t, amplitude;
};

/** One trace. adc: [n]; pedestal_adc: the channel's expected baseline (not finite: the first sample stands in);
 *  polarity: +1, or -1 where pulses go down. */
struct pulse_fitter_trace {
    const int16_t *adc;
    size_t n;
    double pedestal_adc;
    int polarity, n_tails;
    const struct pulse_fitter_tail *tail;
};

/** Fits a trace (of as many samples as were reserved at most; fewer than 5 give no pulse). A trace without a local
 *  maximum above threshold gives n = 0 at once. Any content is fine: no result is NaN or infinite. */
void pulse_fitter_fit(struct pulse_fitter *fitter, const struct pulse_fitter_trace *trace,
                      struct pulse_fitter_result *out);

/** Heights of pulses at known times t[n_pulses] (1 .. PULSE_FIT_MAX_PULSES) in samples y[n], a pedestal with them: a
 *  linear fit, so without bias however small they are. False when that cannot be told: too many pulses or samples, times
 *  outside or within half a sample of each other. */
bool pulse_fitter_heights(struct pulse_fitter *fitter, const float *y, size_t n, int n_pulses, const double *t,
                          double *height);

#endif
