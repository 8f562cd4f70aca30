/* Laser pulses, hot channels and the T0 counter. */
#include "digitise_source.h"

#include <math.h>

enum { PROFILE_POINTS = DIGITISE_PROFILE_POINTS, PROFILE_MIDDLE = PROFILE_POINTS / 2 };
#define PROFILE_STEP_NS  2.0
#define GAUSS_RMS_NS     25.0
#define SECOND_PMT_SHARE 0.8F

/* Delivered beam of 2016, from -60 ns to 60 ns: physics 2.2 */
static const double w_profile[PROFILE_POINTS] = {
    27,   325,  837,  1031, 1073, 829,  620,  514,  467,  477,  469,  435,  415,  384,  345,  358,
    355,  374,  428,  429,  579,  761,  1031, 1215, 1406, 1624, 1837, 1975, 2021, 2025, 2076, 1959,
    1973, 1866, 1784, 1522, 1289, 1051, 913,  685,  505,  434,  396,  366,  342,  360,  387,  402,
    406,  473,  466,  498,  564,  547,  723,  910,  1083, 959,  368,  90,   0,
};

static enum err monitor(int laser, double sample, double amplitude_adc, struct digitise_fill *fill)
{
    const int crate = DIGITISE_MONITOR_CRATE + 1 + DIGITISE_CALOS_A_LASER * laser;
    for (int segment = 0; segment < DIGITISE_MONITOR_SEGMENT; segment++) {
        struct digitise_light light = {sample, (float)amplitude_adc, (uint16_t)digitise_channel(crate, segment),
                                       PULSE_LASER};
        TRY(digitise_add_light(fill, light));
    }
    return ERR_OK;
}

enum err digitise_laser(struct rng_key key, uint32_t sequence, double sample, double amplitude_adc, double full_adc,
                        const struct digitise_lasers *lasers, struct digitise_fill *fill)
{
    enum { CHANNELS_A_LASER = DIGITISE_CALOS_A_LASER * N_CRYSTALS };
    double intensity[DIGITISE_LASERS];
    for (uint32_t i = 0; i < DIGITISE_LASERS; i++) {
        struct rng rng = rng_start(key, (uint32_t)DIGITISE_SHOT | sequence >> 16 << 8 | i);
        intensity[i]   = lasers->mean[i];
        if (lasers->fluctuation > 0.0) intensity[i] *= fmax(0.0, 1.0 + lasers->fluctuation * rng_normal(&rng));
        if (lasers->monitor_adc > 0.0)
            TRY(monitor((int)i, sample, lasers->monitor_adc * intensity[i] * amplitude_adc / full_adc, fill));
    }
    for (uint32_t channel = 0; channel < DIGITISE_CRYSTALS; channel++) {
        double amplitude = amplitude_adc * intensity[channel / CHANNELS_A_LASER];
        if (lasers->pe_per_adc > 0.0) {
            struct rng rng = rng_start(key, sequence | channel);
            amplitude      = (double)rng_poisson(&rng, amplitude * lasers->pe_per_adc) / lasers->pe_per_adc;
        }
        struct digitise_light light = {sample, (float)amplitude, (uint16_t)channel, PULSE_LASER};
        TRY(digitise_add_light(fill, light));
    }
    return ERR_OK;
}

enum err digitise_hot(struct rng_key key, int channel, double mean_pulses, double mean_adc, int32_t n_samples,
                      struct digitise_fill *fill)
{
    struct rng rng   = rng_start(key, (uint32_t)DIGITISE_HOT | (uint32_t)channel);
    const uint64_t n = rng_poisson(&rng, mean_pulses);
    for (uint64_t i = 0; i < n; i++) {
        struct digitise_light light = {.sample        = n_samples * rng_uniform(&rng),
                                       .amplitude_adc = (float)(-mean_adc * log(rng_uniform(&rng))),
                                       .channel       = (uint16_t)channel,
                                       .kind          = PULSE_BEAM};
        TRY(digitise_add_light(fill, light));
    }
    return ERR_OK;
}

void digitise_profile(bool is_w, struct digitise_profile *out)
{
    double sum = 0.0, moment = 0.0, pmt_rms_ns = 1.2 * SAMPLE_NS;
    for (int i = 0; i < PROFILE_POINTS; i++) {
        double t_ns    = (i - PROFILE_MIDDLE) * PROFILE_STEP_NS;
        out->weight[i] = is_w ? w_profile[i] : exp(-0.5 * t_ns * t_ns / (GAUSS_RMS_NS * GAUSS_RMS_NS));
        sum += out->weight[i];
        moment += out->weight[i] * t_ns;
    }
    out->peak = 0.0;
    for (int i = 0; i < PROFILE_POINTS; i++) {
        double here  = 0.0;
        out->t_ns[i] = (i - PROFILE_MIDDLE) * PROFILE_STEP_NS - moment / sum;
        for (int j = 0; j < PROFILE_POINTS; j++) {
            double d = (i - j) * PROFILE_STEP_NS / pmt_rms_ns;
            here += out->weight[j] * exp(-0.5 * d * d);
        }
        if (here > out->peak) out->peak = here;
    }
}

enum err digitise_t0(bool is_w, double sample, double amplitude_adc, struct digitise_fill *fill)
{
    struct digitise_profile profile;
    digitise_profile(is_w, &profile);
    for (int segment = 0; segment < DIGITISE_T0_SEGMENT; segment++)
        for (int i = 0; i < PROFILE_POINTS; i++) {
            const double share          = profile.weight[i] / profile.peak;
            struct digitise_light light = {
                .sample        = sample + profile.t_ns[i] / SAMPLE_NS,
                .amplitude_adc = (float)(amplitude_adc * share) * (segment ? SECOND_PMT_SHARE : 1.0F),
                .channel       = (uint16_t)digitise_channel(DIGITISE_T0_CRATE, segment),
                .kind          = PULSE_PMT,
            };
            TRY(digitise_add_light(fill, light));
        }
    return ERR_OK;
}
