/* Pulse shapes of the SiPM, its amplifier and the digitiser: the measured beam and laser templates.
 *
 * The tables are area-normalised, in steps of half a sample (SLAC 2016 test beam, crystal 24; reference sheet
 * physics 5.2: core to +-4 samples, beam tail to +76). Here a shape is scaled to peak 1 and moved so that the peak is
 * at x = 0 exactly: x in samples of 1.25 ns from the peak, so an amplitude is a peak amplitude. Before and behind the
 * measured range the shape goes to 0 with zero slope (at -5 and +84 samples). No laser tail beyond +4 is
 * published: ours is the beam's undershoot 4 samples earlier, scaled so that the area is 1 like the beam's. The third
 * shape, the photomultiplier of the T0 counter, is a Gaussian of 1.2 samples rms (ours).
 *
 * Between the points: cubic spline, twice continuously differentiable. All knots lie on multiples of half a sample, so
 * the spline is kept exactly, as cubics on half samples, ordered so that the samples of one pulse are neighbours:
 *     y = x + shift,  k = floor(y),  f = y - k,  h = f >= 1/2,  u = f - h/2
 *     T(x) = c0 + u (c1 + u (c2 + u c3)),  c_i = coef[h][i][PULSE_PAD - PULSE_FIRST + k]
 * Samples of one pulse share h and u. Test: tests/t_pulse_shape.c */
#ifndef GM2_PULSE_SHAPE_H
#define GM2_PULSE_SHAPE_H

#include <stddef.h>

enum pulse_kind { PULSE_BEAM, PULSE_LASER, PULSE_PMT, N_PULSE_KINDS };

enum {
    PULSE_FIRST = -5, /* spline coordinate y where the shape begins ... */
    PULSE_LAST  = 85, /* ... and is over */
    PULSE_PAD   = 64, /* zeros kept on either side, so that fits need no branch */
    PULSE_N     = PULSE_LAST - PULSE_FIRST + 2 * PULSE_PAD + 10 /* cubics a row; a multiple of 4 */
};

/** One shape: constant, made once in the process, shared by all threads. */
struct pulse_shape {
    double shift; /* spline coordinate y of the peak: y = x + shift */
    double area;  /* integral over x in samples, at peak 1 */
    _Alignas(64) float coef[2][4][PULSE_N];
};

/** Where a row of samples lies in the table: sample i of the row has coefficients coef[half][.][first + i]. */
struct pulse_place {
    int half;
    float u;         /* 0 <= u < 1/2 */
    ptrdiff_t first; /* may lie outside [0, PULSE_N - n]: then part of the row is 0 */
};

/** The shape of a kind; lent for ever. */
const struct pulse_shape *pulse_shape(enum pulse_kind kind);
/** T at x [samples from the peak], and its first and second derivatives [1/sample, 1/sample^2] unless NULL. */
double pulse_shape_value(const struct pulse_shape *shape, double x, double *d1, double *d2);
/** The place of samples 0, 1, 2 ... for a pulse whose peak is at t [samples, any real below 1e9]. */
static inline struct pulse_place pulse_shape_place(const struct pulse_shape *shape, double t)
{
    double y = shape->shift - t;
    long k   = (long)y;
    if ((double)k > y) k--; /* floor, without a call where the instruction set lacks it */
    double f = y - (double)k;
    int h    = f >= 0.5;
    return (struct pulse_place){h, (float)(f - 0.5 * h), PULSE_PAD - PULSE_FIRST + k};
}
/** out[i] = T(i - t), i = 0..n-1, with first and second derivatives in x unless NULL (d/dt has the other sign). */
void pulse_shape_row(const struct pulse_shape *shape, double t, size_t n, float *out, float *d1, float *d2);
/** out[i] += amplitude T(i - t), i = 0..n-1. */
void pulse_shape_add(const struct pulse_shape *shape, double t, float amplitude, size_t n, float *out);

#endif
