/* Spectra of the beam's centre and width at one azimuth: Fourier sums of points with weights, so that empty bins and gaps
 * do no harm. Test: tests/t_beam_report.c */
#ifndef GM2_BEAM_SPECTRUM_H
#define GM2_BEAM_SPECTRUM_H

#include "hist.h"

/** The beam at one azimuth in time. Points without muons are left out. */
struct beam_series {
    size_t n;
    double *t_us, *weight;         /* [n]; weight: muons */
    double *x_mm, *y_mm;           /* mean */
    double *x_var_mm2, *y_var_mm2; /* squared width; NaN-free: 0 for one muon */
    double bin_us;
};
/** From histograms of counts and of sums of x, x^2, y, y^2 against time [us], all with the binning of n. The last bins
 *  are joined by `join`. x2 NULL: the squares of histogram x. Free with beam_series_free(). */
enum err beam_series_make(const struct hist *n, const struct hist *x, const struct hist *x2, const struct hist *y,
                          const struct hist *y2, int64_t join, struct beam_series *out);
void beam_series_free(struct beam_series *s);

struct beam_spectrum {
    size_t n;
    double from_MHz, step_MHz;
    double *f_MHz, *amplitude; /* [n] */
    double noise;              /* median amplitude */
};
/** Amplitude of the oscillation of value(t) at each frequency: 2 |sum w h (value - mean) e^{i 2 pi f t}| / sum w h, w the
 *  weights, h a Hann window over the range of t. Free with beam_spectrum_free(). */
enum err beam_spectrum_make(size_t n, const double *t_us, const double *weight, const double *value, double from_MHz,
                            double to_MHz, double step_MHz, struct beam_spectrum *out);
void beam_spectrum_free(struct beam_spectrum *s);

struct beam_peak {
    double f_MHz, amplitude; /* 0: no line above 6 times the noise */
};
/** The highest line between two frequencies, its place by a parabola through three points of the logarithm. */
struct beam_peak beam_spectrum_peak(const struct beam_spectrum *s, double low_MHz, double high_MHz);

#endif
