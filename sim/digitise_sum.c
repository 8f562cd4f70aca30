/* The calorimeter sum: exact sums of the pulses over each bin, plus noise of the right variance. */
#include "digitise.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

/* Sums of the cubics' coefficients over the first k samples of a shape, so that a pulse's sum over any samples is one
 * cubic in u. */
static double partial[N_PULSE_KINDS][2][DIGITISE_SUPPORT + 1][4];

static void make_partial_sums(void)
{
    for (int kind = 0; kind < N_PULSE_KINDS; kind++)
        for (int h = 0; h < 2; h++)
            for (int k = 0; k < DIGITISE_SUPPORT; k++)
                for (int c = 0; c < 4; c++)
                    partial[kind][h][k + 1][c] =
                        partial[kind][h][k][c] + (double)pulse_shape((enum pulse_kind)kind)->coef[h][c][PULSE_PAD + k];
}

static double sum_to(const struct digitise_pulse *pulse, int32_t end)
{
    int32_t k       = end - pulse->first;
    k               = k < 0 ? 0 : k > DIGITISE_SUPPORT ? DIGITISE_SUPPORT : k;
    const double *c = partial[pulse->kind][pulse->half][k], u = (double)pulse->u;
    return c[0] + u * (c[1] + u * (c[2] + u * c[3]));
}

void digitise_sum_pulse(const struct digitise_pulse *pulse, int32_t from, int32_t width, int32_t n, float *sum)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_partial_sums);
    int32_t last = pulse->first + DIGITISE_SUPPORT - 1, first = pulse->first < from ? from : pulse->first;
    if (last < from) return;
    double before = sum_to(pulse, first);
    for (int32_t bin = (first - from) / width; bin < n && from + bin * width <= last; bin++) {
        double after = sum_to(pulse, from + (bin + 1) * width);
        sum[bin] += pulse->amplitude_adc * (float)(after - before);
        before = after;
    }
}

void digitise_calo_sum(const struct digitise_front *front, struct rng_key key, const struct digitise_crate *crate,
                       size_t n, float *work, int32_t *sum)
{
    const size_t *start = crate->fill->start + digitise_channel(crate->number, 0);
    const double rms = (double)front->noise_rms_adc, n_summed = (double)front->cs_decimation * crate->n_segments;
    double variance = n_summed * (rms * rms + 1.0 / 12.0);
    double level    = 0.0;
    for (int s = 0; s < crate->n_segments; s++) level += front->cs_decimation * (double)crate->level_adc[s];
    for (int s = 0; s < crate->n_segments && crate->noise_rms_adc; s++)
        variance +=
            front->cs_decimation * ((double)crate->noise_rms_adc[s] * (double)crate->noise_rms_adc[s] - rms * rms);
    const float noise = (float)sqrt(variance);
    digitise_noise(key, (uint32_t)DIGITISE_CS_NOISE | (uint32_t)crate->number, 0, n, work);
    for (size_t i = 0; i < n; i++) work[i] *= noise;
    for (size_t i = start[0]; i < start[crate->n_segments]; i++)
        digitise_sum_pulse(&crate->fill->pulse[i], 0, front->cs_decimation, (int32_t)n, work);
    for (size_t i = 0; i < n; i++) sum[i] = (int32_t)lrint(level + (double)work[i]);
}
