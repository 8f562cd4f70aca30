/* Light that is not from showers: the laser's pulses and the T0 counter. Tests: tests/t_digitise.c */
#ifndef GM2_DIGITISE_SOURCE_H
#define GM2_DIGITISE_SOURCE_H

#include "digitise.h"

/** The six lasers: what they send, and how much the sensors see of it. */
struct digitise_lasers {
    double pe_per_adc;            /* photo-electrons a count in crystals; 0: no fluctuation */
    double monitor_adc;           /* of a source monitor's segments; 0: there are none */
    double fluctuation;           /* rms of the intensity from shot to shot */
    double mean[DIGITISE_LASERS]; /* intensity, 1 nominally */
};
/** One shot of all lasers at the same time: in every crystal amplitude_adc times its laser's intensity on average, with
 *  photo-statistics; in the segments of the source monitors monitor_adc times intensity times amplitude_adc / full_adc.
 *  Light reaches all crystals at once: fibres are of equal length (ours).
 *  `sequence`: DIGITISE_SYNC, DIGITISE_LASER, or DIGITISE_LASER | shot << 16. */
enum err digitise_laser(struct rng_key key, uint32_t sequence, double sample, double amplitude_adc, double full_adc,
                        const struct digitise_lasers *lasers, struct digitise_fill *fill);
/** A hot channel's own pulses in n_samples samples: Poisson of mean_pulses, uniform in time, exponential in amplitude. */
enum err digitise_hot(struct rng_key key, int channel, double mean_pulses, double mean_adc, int32_t n_samples,
                      struct digitise_fill *fill);
enum { DIGITISE_PROFILE_POINTS = 61 };
/** The injected bunch in steps of 2 ns around its middle: weights, their mean time, and the highest value once each point is
 *  a pulse of the photomultiplier's shape. is_w as below. */
struct digitise_profile {
    double weight[DIGITISE_PROFILE_POINTS], t_ns[DIGITISE_PROFILE_POINTS]; /* t_ns: from the mean */
    double peak;
};
void digitise_profile(bool is_w, struct digitise_profile *out);
/** The T0 counter's two photomultipliers (the second sees 0.8 of the first): the profile of the injected bunch, its
 *  mean time at `sample`, the first one's highest sample near amplitude_adc. is_w: the "W" shape of the delivered beam
 *  (physics 2.2, 120 ns wide), else a Gaussian of 25 ns rms. Ours: 2 ns steps of a Gaussian of 1.5 ns rms. */
enum err digitise_t0(bool is_w, double sample, double amplitude_adc, struct digitise_fill *fill);

#endif
