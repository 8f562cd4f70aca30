/* The frequency put in, and the corrections of the simulated beam. */
#include "wiggle_truth.h"

#include "phys.h"

#include <math.h>

void wiggle_truth_moments(const struct hist *h, bool along_y, double *mean, double *rms)
{
    double n = 0.0, sum = 0.0, sum2 = 0.0;
    const struct hist_axis *a = along_y ? &h->y : &h->x;
    for (int64_t i = 0; i < h->x.n * h->y.n; i++) {
        int64_t bin  = along_y ? i % h->y.n : i / h->y.n;
        double value = a->low + ((double)bin + 0.5) * (a->high - a->low) / (double)a->n, count = (double)h->content[i];
        n += count;
        sum += count * value;
        sum2 += count * value * value;
    }
    *mean = n > 0.0 ? sum / n : 0.0;
    *rms  = n > 0.0 ? sqrt(fmax(0.0, sum2 / n - *mean * *mean)) : 0.0;
}

struct wiggle_truth wiggle_truth(const struct wiggle_input *in)
{
    struct wiggle_truth t = {.r_ppm = (OMEGA_A_RADNS * 1e3 / (2.0 * PI) / F_REFERENCE_MHz - 1.0) * 1e6};
    const struct hist *p = hist_find(&in->hists, "quality/momentum"), *xy = hist_find(&in->hists, "quality/beam_xy");
    double y = 0.0, sig_y = 0.0, n = WIGGLE_FIELD_INDEX;
    t.expected_ppm    = t.r_ppm;
    t.has_corrections = p && xy && xy->n_entries > xy->n_outside;
    if (!t.has_corrections) return t;
    wiggle_truth_moments(p, false, &t.delta_mean, &t.delta_rms);
    wiggle_truth_moments(xy, true, &y, &sig_y);
    double beta2 = 1.0 - 1.0 / (MAGIC_GAMMA * MAGIC_GAMMA);
    t.c_e_ppm    = 1e6 * 2.0 * n * beta2 * (t.delta_mean * t.delta_mean + t.delta_rms * t.delta_rms) / (1.0 - n);
    t.c_p_ppm    = 1e6 * n * (y * y + sig_y * sig_y) / (2.0 * RING_R0_MM * RING_R0_MM);
    t.expected_ppm -= t.c_e_ppm + t.c_p_ppm;
    return t;
}
