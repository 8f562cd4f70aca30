/* The strongest line of a turn-by-turn signal. */
#ifndef GM2_RING_SPECTRUM_H
#define GM2_RING_SPECTRUM_H

#include "err.h"

/** Frequency (turns^-1, 0 <= nu < 1) and amplitude of the strongest line of z(k) = re[k] + i im[k], k = 0..n-1, after the
 *  mean is taken off: highest bin of the FFT, then the maximum of the Fourier integral with a squared Hann window.
 *  n: a power of two, >= 64. Source: J. Laskar, Physica D 67 (1993) 257. Test: tests/t_ring_probe.c */
enum err ring_spectrum_peak(const double *re, const double *im, size_t n, double *nu, double *amplitude);

#endif
