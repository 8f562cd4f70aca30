/* The edge of the positrons' spectrum at their highest energy.
 *
 * With u = 1 - E/E0 the spectrum is u (6 + 3 u - 4 u^2) near its end; to second order, folded with a Gaussian of rms s, on a
 * constant for pile-up: dN/dE = a (I1 + I2 / (2 E0)) + c, I1 = s [z Phi(z) + phi(z)], I2 = s^2 [(z^2 + 1) Phi(z) + z phi(z)],
 * z = (E0 - E) / s. a and c are linear, E0 is found by the likelihood of Poisson counts. Acceptance is taken as constant: what it
 * does to E0 is the same for all calorimeters and is in the reference (calib_energy.c). Tests: tests/t_energy_scale.c */
#ifndef GM2_ENERGY_SCALE_H
#define GM2_ENERGY_SCALE_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

/** Counts in bins, in order of energy. */
struct energy_scale_spectrum {
    size_t n;
    const double *count;          /* [n] expected about as often: sums of weights 1 */
    const double *energy, *width; /* [n] centres and widths, GeV */
};

struct energy_scale_edge {
    double E0_GeV, error_GeV;
    double resolution; /* rms over E0 */
    double deviance;   /* 2 ln of the likelihood's ratio: as chi2 where counts are many */
    int ndf;
    double n;         /* counts in the range */
    double linear[2]; /* a, c [1/GeV^2, 1/GeV] */
};

/** Finds E0 within 12 % of `start_GeV`, with bins between low and high. resolution: rms over E0 (0.005 to 0.1), 0: fitted too.
 *  ERR_NOTFOUND with fewer than 30 counts or when E0 runs to the end of its range. */
enum err energy_scale_edge(const struct energy_scale_spectrum *spectrum, double low_GeV, double high_GeV,
                           double start_GeV, double resolution, struct energy_scale_edge *out);
/** The fitted curve, counts per GeV. */
double energy_scale_model(const struct energy_scale_edge *edge, double energy_GeV);

#endif
