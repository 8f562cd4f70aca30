/* A sag of gain and its recovery: g(x) = n (1 - a e exp(-x / tau)), x a time, e the energy that made the sag (1: none is known).
 *
 * At fixed tau the parameters n and n a are a linear fit, so chi2 is a function of tau alone: its least value is looked for on
 * a logarithmic grid, then by golden section. Errors: inverse of J^T W J of all three. Where the recovery time is not
 * determined, it is fixed. Test: tests/t_gain_curve.c */
#ifndef GM2_GAIN_CURVE_H
#define GM2_GAIN_CURVE_H

#include "hist.h"

#include <stdbool.h>

enum { GAIN_CURVE_MAX = 1024 };

struct gain_curve {
    size_t n;
    double x[GAIN_CURVE_MAX], gain[GAIN_CURVE_MAX]; /* means of a bin's shots */
    double energy[GAIN_CURVE_MAX];                  /* mean energy before, 1 where none is known */
    double weight[GAIN_CURVE_MAX];                  /* shots in the bin */
    double spread2, ndf; /* variance of one shot about its bin's mean, and its degrees of freedom */
};

/** One channel (row of the first axis) of the histograms STEM_count, _gain, _time (sums in thousandths of the unit) and, where
 *  it is told, _energy (in MeV) of module LaserCalib, or all channels together (channel -1). ERR_NOTFOUND, ERR_NUMBER (too many bins). */
enum err gain_curve_take(const struct hist_set *hists, const char *stem, int64_t channel, bool has_energy,
                         struct gain_curve *out);

struct gain_fit {
    double norm, amplitude, tau;
    double norm_err, amplitude_err, tau_err;
    double chi2; /* of n - 3 degrees of freedom (2 with fixed tau) */
    bool is_tau_fixed;
};
/** Fits a curve whose shots have the variance `spread2`; tau between the two limits. False with fewer than 4 points or where
 *  nothing is determined. */
bool gain_fit(const struct gain_curve *curve, double spread2, double tau_min, double tau_max, struct gain_fit *out);
/** The same at a given tau; its error is set to tau itself. */
bool gain_fit_fixed(const struct gain_curve *curve, double spread2, double tau, struct gain_fit *out);
/** n (1 - a e exp(-x / tau)). */
double gain_fit_value(const struct gain_fit *fit, double x, double energy);

#endif
