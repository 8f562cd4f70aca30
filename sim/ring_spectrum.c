/* Frequency analysis of a complex signal. */
#include "ring_spectrum.h"

#include "mem.h"
#include "phys.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_fft_complex.h>
#include <math.h>

struct signal {
    const double *z; /* windowed, [n][2] */
    size_t n;
};

/* Modulus of sum z(k) exp(-2 pi i nu k). */
static double line(const struct signal *s, double nu)
{
    const double c = cos(2.0 * PI * nu), d = -sin(2.0 * PI * nu);
    double re = 0.0, im = 0.0; /* Horner from the last turn */
    for (size_t k = s->n; k-- > 0;) {
        double t = re * c - im * d + s->z[2 * k];
        im       = re * d + im * c + s->z[2 * k + 1];
        re       = t;
    }
    return hypot(re, im);
}

/* Maximum in [a, b] by golden section; the peak is flat, so its place is good to about 1e-8 of the interval. */
static double summit(const struct signal *s, double a, double b)
{
    const double g = 0.61803398874989484820;
    double c = b - g * (b - a), d = a + g * (b - a), fc = line(s, c), fd = line(s, d);
    for (int i = 0; i < 45; i++) {
        if (fc > fd) {
            b = d, d = c, fd = fc;
            c = b - g * (b - a), fc = line(s, c);
        } else {
            a = c, c = d, fc = fd;
            d = a + g * (b - a), fd = line(s, d);
        }
    }
    return 0.5 * (a + b);
}

enum err ring_spectrum_peak(const double *re, const double *im, size_t n, double *nu, double *amplitude)
{
    double *z, *f, sum = 0.0, mean_re = 0.0, mean_im = 0.0;
    REQUIRE(n >= 64 && (n & (n - 1)) == 0, ERR_OPTION, "turns = %zu; accepted is a power of two, 64 or more", n);
    TRY(mem_alloc(&z, 4 * n, sizeof *z));
    f = z + 2 * n;
    for (size_t k = 0; k < n; k++) {
        double h = sin(PI * ((double)k + 0.5) / (double)n), w = h * h * h * h;
        mean_re += w * re[k], mean_im += w * im[k], sum += w;
    }
    for (size_t k = 0; k < n; k++) {
        double h = sin(PI * ((double)k + 0.5) / (double)n), w = h * h * h * h / sum;
        z[2 * k] = f[2 * k] = w * (re[k] - mean_re / sum);
        z[2 * k + 1] = f[2 * k + 1] = w * (im[k] - mean_im / sum);
    }
    int rc      = gsl_fft_complex_radix2_forward(f, 1, n);
    size_t top  = 0;
    double best = -1.0;
    for (size_t k = 0; k < n; k++) {
        double v = hypot(f[2 * k], f[2 * k + 1]);
        if (v > best) best = v, top = k;
    }
    const struct signal s = {z, n};
    double at             = summit(&s, ((double)top - 1.0) / (double)n, ((double)top + 1.0) / (double)n);
    *amplitude            = line(&s, at);
    *nu                   = at - floor(at);
    mem_free(z);
    REQUIRE(rc == GSL_SUCCESS && isfinite(best), ERR_NUMBER, "the turn-by-turn motion is not finite");
    return ERR_OK;
}
