/* Fits of the wiggle: the model as a table of terms, the estimate, and how well it describes the data.
 *
 *     f(t) = N0 e^{-t/tau} [1 + A a(t) cos(omega_a t + phi + p(t))] g(t)
 *     omega_a = 2 pi 0.2291 MHz (1 + R 1e-6)
 *
 * Terms multiply into g (rate), a (asymmetry) or add to p (phase); each is an oscillation
 * u e^{-h t/T} cos(h omega t + psi) with harmonic h. A new term is a row in `wiggle_terms`, with rows for its
 * parameters. Times are those of bin centres [us]. Source: Kinnaird, thesis (Boston 2020); Run-1 omega_a paper,
 * Phys. Rev. D 103, 072002 (2021). Tests: tests/t_wiggle_fit.c, tests/long_wiggle_fit.c */
#ifndef GM2_WIGGLE_FIT_H
#define GM2_WIGGLE_FIT_H

#include "err.h"
#include "hist.h"

#include <stddef.h>

enum wiggle_parameter {
    WIGGLE_N0,
    WIGGLE_TAU,
    WIGGLE_A,
    WIGGLE_R,
    WIGGLE_PHI,
    WIGGLE_CBO_N,
    WIGGLE_CBO_OMEGA,
    WIGGLE_CBO_PSI_N,
    WIGGLE_CBO_TAU,
    WIGGLE_2CBO_N,
    WIGGLE_2CBO_PSI_N,
    WIGGLE_VW_N,
    WIGGLE_VW_OMEGA,
    WIGGLE_VW_PSI_N,
    WIGGLE_VW_TAU,
    WIGGLE_CBO_A,
    WIGGLE_CBO_PSI_A,
    WIGGLE_CBO_P,
    WIGGLE_CBO_PSI_P,
    WIGGLE_N_PARAMETERS
};

struct wiggle_parameter_row {
    const char *name, *unit, *doc;
    double start; /* first guess; those of the five parameters and of amplitudes come from the data */
};
/** One row a parameter, by enum wiggle_parameter. */
extern const struct wiggle_parameter_row wiggle_parameters[WIGGLE_N_PARAMETERS];

enum wiggle_target { WIGGLE_RATE, WIGGLE_ASYMMETRY, WIGGLE_PHASE };
struct wiggle_term {
    const char *name;
    enum wiggle_target target;
    int harmonic;
    enum wiggle_parameter amplitude, omega, psi, tau;
    const char *doc;
};
enum { WIGGLE_MAX_TERMS = 8 };
/** The rows of the table; ends with a NULL name. */
extern const struct wiggle_term wiggle_terms[];

/** Which terms, and so which parameters in which order: the five first. */
struct wiggle_model {
    size_t n_terms, n_par;
    const struct wiggle_term *term[WIGGLE_MAX_TERMS];
    enum wiggle_parameter par[WIGGLE_N_PARAMETERS];
    int place[WIGGLE_N_PARAMETERS]; /* position of a parameter in par, -1 if it is not in the model */
};

/** A model by its text: "5", or term names joined by '+' ("cbo" has 9 parameters, "cbo+2cbo+vw" 15), or "full".
 *  ERR_OPTION names the terms there are. */
enum err wiggle_model(const char *text, struct wiggle_model *out);

/** Value at t_us; gradient [n_par] may be NULL. value [n_par] in the units of wiggle_parameters.
 *  Analytic derivatives; test: tests/t_wiggle_fit.c compares them with numeric ones. */
double wiggle_model_value(const struct wiggle_model *model, const double *value, double t_us, double *gradient);

/** Bins to fit, [n] each. variance NULL: counts (Poisson). Expected variance of a bin: s f + floor_variance. */
struct wiggle_data {
    size_t n;
    double bin_us;
    double floor_variance; /* of a bin without positrons: noise of the Q-method's sums, else 0 */
    double *t_us, *content, *variance;
};

/** Takes the bins whose centres lie in [from_us, to_us] from a histogram [calo][time]: calorimeter 1..24, 0: all.
 *  Weighted histograms give variances. Free with wiggle_data_free(). ERR_OPTION when the range holds fewer than
 *  10 bins or the calorimeter does not exist. */
enum err wiggle_data_take(const struct hist *h, int calo, double from_us, double to_us, struct wiggle_data *out);
void wiggle_data_free(struct wiggle_data *data);

/* WIGGLE_LIKELIHOOD: weights 1 / variance expected from the fit itself, iterated; for counts that is the maximum of
 *   the Poisson likelihood, unbiased down to empty bins, and for weighted bins its quasi-likelihood with errors from
 *   the observed variances (sandwich). The default: late bins hold few counts or none.
 * WIGGLE_NEYMAN: weights 1 / observed variance, empty bins left out; biased low below some 30 counts a bin. For
 *   comparison with analyses that use it. */
enum wiggle_statistic { WIGGLE_LIKELIHOOD, WIGGLE_NEYMAN };

struct wiggle_fit {
    struct wiggle_model model;
    double value[WIGGLE_N_PARAMETERS], error[WIGGLE_N_PARAMETERS];
    double covariance[WIGGLE_N_PARAMETERS][WIGGLE_N_PARAMETERS];
    double chi2;           /* over groups of neighbouring bins with at least 10 expected counts each */
    double ndf, p_value;   /* p: probability of a larger chi2 */
    double from_us, to_us; /* edges of the range */
    double n_counts;       /* sum of the contents */
    double variance_scale; /* expected variance less the floor over expected content: s; 1 for counts */
    int n_iterations;
};

/** Fits. Amplitudes come out >= 0 and phases in [0, 2 pi). ERR_NUMBER when the fit does not converge, ERR_DATA with
 *  fewer than 100 counts or more parameters than bins. */
enum err wiggle_fit(const struct wiggle_data *data, const struct wiggle_model *model, enum wiggle_statistic statistic,
                    struct wiggle_fit *out);

/** (content - fit) / sqrt(expected variance) of each bin, out [n]. */
void wiggle_pulls(const struct wiggle_data *data, const struct wiggle_fit *fit, double *out);

/** Spectrum of the pulls: out [n/2 + 1] power, mean 1 for noise alone; line k lies at k / (n bin_us) MHz. */
enum err wiggle_spectrum(const double *pulls, size_t n, double *out);

#endif
