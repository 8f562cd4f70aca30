/* Laser pulses of one island. */
#include "laser_island.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { UNUSABLE = PULSE_NOT_CONVERGED | PULSE_AT_EDGE | PULSE_SATURATED };

/* Pulses of each trace that are high enough, in order of time. */
struct fits {
    int n[LASER_MAX_CHANNELS], n_all[LASER_MAX_CHANNELS]; /* high enough; with the small ones */
    struct pulse_fitter_pulse pulse[LASER_MAX_CHANNELS][PULSE_FIT_MAX_PULSES];
    double chi2_ndf[LASER_MAX_CHANNELS];
};

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *value, size_t n)
{
    qsort(value, n, sizeof *value, by_value);
    return n % 2 ? value[n / 2] : 0.5 * (value[n / 2 - 1] + value[n / 2]);
}

/* Highest sample of a trace above its pedestal, and where. */
static double highest(const int16_t *adc, size_t n, double pedestal, int polarity, size_t *at)
{
    int best = polarity * adc[0];
    *at      = 0;
    for (size_t i = 1; i < n; i++) {
        if (polarity * adc[i] <= best) continue;
        best = polarity * adc[i];
        *at  = i;
    }
    return best - polarity * pedestal;
}

/* Where the light is: the median place of the highest samples. False when too few channels have any. */
static bool find_centre(const struct laser_traces *traces, const struct laser_cuts *cuts, size_t *centre)
{
    double place[LASER_MAX_CHANNELS];
    size_t n = 0, at;
    for (size_t k = 0; k < traces->n_traces; k++)
        if (highest(traces->adc[k], traces->n_samples, traces->pedestal_adc[k], traces->polarity, &at) > cuts->min_adc)
            place[n++] = (double)at;
    if (n == 0 || n < (size_t)cuts->min_channels) return false;
    *centre = (size_t)median(place, n);
    return true;
}

static void fit_traces(struct pulse_fitter *fitter, const struct laser_traces *traces, const struct laser_cuts *cuts,
                       size_t centre, struct fits *out)
{
    const size_t half = (size_t)cuts->half_window, first = centre > half ? centre - half : 0;
    const size_t end = centre + half < traces->n_samples ? centre + half : traces->n_samples;
    struct pulse_fitter_result result;
    for (size_t k = 0; k < traces->n_traces; k++) {
        const struct pulse_fitter_trace trace = {.adc          = traces->adc[k] + first,
                                                 .n            = end - first,
                                                 .pedestal_adc = traces->pedestal_adc[k],
                                                 .polarity     = traces->polarity};
        pulse_fitter_fit(fitter, &trace, &result);
        out->n[k]        = 0;
        out->n_all[k]    = result.n;
        out->chi2_ndf[k] = result.chi2_ndf;
        for (int j = 0; j < result.n; j++) {
            if (result.pulse[j].amplitude < cuts->min_adc) continue;
            out->pulse[k][out->n[k]] = result.pulse[j];
            out->pulse[k][out->n[k]++].t += (double)first;
        }
    }
}

/* The number of pulses that most traces have; at most LASER_MAX_SHOTS. */
static int count_shots(const struct laser_traces *traces, const struct laser_cuts *cuts, const struct fits *fits)
{
    int n_traces[LASER_MAX_SHOTS + 1] = {0}, best = 1, n_lit = 0;
    for (size_t k = 0; k < traces->n_traces; k++) {
        n_lit += fits->n[k] > 0;
        if (fits->n[k] >= 1 && fits->n[k] <= LASER_MAX_SHOTS) n_traces[fits->n[k]]++;
    }
    if (n_lit == 0 || n_lit < cuts->min_channels) return 0;
    for (int n = 2; n <= LASER_MAX_SHOTS; n++)
        if (n_traces[n] > n_traces[best]) best = n;
    return n_traces[best] > 0 ? best : 0;
}

static void find_times(const struct laser_traces *traces, const struct fits *fits, struct laser_island *out)
{
    double t[LASER_MAX_CHANNELS];
    for (int shot = 0; shot < out->n_shots; shot++) {
        size_t n = 0;
        for (size_t k = 0; k < traces->n_traces; k++)
            if (fits->n[k] == out->n_shots) t[n++] = fits->pulse[k][shot].t;
        out->t[shot] = median(t, n);
    }
}

/* A trace with as many pulses as shots has them in order; otherwise the nearest pulse is taken. */
static int pulse_of(const struct laser_island *island, const struct laser_cuts *cuts, const struct fits *fits, size_t k,
                    int shot)
{
    double reach = cuts->max_apart;
    int best     = -1;
    if (island->n_shots > 1) reach = fmin(reach, 0.5 * (island->t[1] - island->t[0]));
    if (fits->n[k] == island->n_shots) {
        best  = shot;
        reach = cuts->max_apart;
    }
    for (int j = 0; j < fits->n[k] && fits->n[k] != island->n_shots; j++)
        if (best < 0 || fabs(fits->pulse[k][j].t - island->t[shot]) < fabs(fits->pulse[k][best].t - island->t[shot]))
            best = j;
    return best >= 0 && fabs(fits->pulse[k][best].t - island->t[shot]) < reach ? best : -1;
}

void laser_island_fit(struct pulse_fitter *fitter, const struct laser_traces *traces, const struct laser_cuts *cuts,
                      struct laser_island *out)
{
    struct fits fits;
    size_t centre;
    out->n_shots = 0;
    if (traces->n_samples < 5 || !find_centre(traces, cuts, &centre)) return;
    fit_traces(fitter, traces, cuts, centre, &fits);
    out->n_shots = count_shots(traces, cuts, &fits);
    find_times(traces, &fits, out);
    for (int shot = 0; shot < out->n_shots; shot++)
        for (size_t k = 0; k < traces->n_traces; k++) {
            const int j       = pulse_of(out, cuts, &fits, k, shot);
            out->hit[shot][k] = (struct laser_hit){
                .is_there = j >= 0, .has_other_light = fits.n_all[k] != out->n_shots, .chi2_ndf = fits.chi2_ndf[k]};
            if (j >= 0) out->hit[shot][k].pulse = fits.pulse[k][j];
        }
    for (int shot = 0; shot < out->n_shots; shot++)
        for (size_t k = traces->n_traces; k < LASER_MAX_CHANNELS; k++) out->hit[shot][k].is_there = false;
}

double laser_island_amplitude(const struct laser_island *island, int shot)
{
    double sum = 0.0;
    int n      = 0;
    for (int k = 0; k < LASER_MAX_CHANNELS; k++) {
        const struct laser_hit *h = &island->hit[shot][k];
        if (!h->is_there || (h->pulse.status & UNUSABLE)) continue;
        sum += h->pulse.amplitude;
        n++;
    }
    return n ? sum / n : 0.0;
}
