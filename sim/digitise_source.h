/* Light that is not from showers: the laser's pulses and the T0 counter. Tests: tests/t_digitise.c */
#ifndef GM2_DIGITISE_SOURCE_H
#define GM2_DIGITISE_SOURCE_H

#include "digitise.h"

/** A laser pulse in every crystal, photo-statistics included: amplitude_adc on average, pe_per_adc photo-electrons a
 *  count (0: no fluctuation). `sequence`: DIGITISE_SYNC or DIGITISE_LASER. */
enum err digitise_laser(struct rng_key key, uint32_t sequence, double sample, double amplitude_adc, double pe_per_adc,
                        struct digitise_fill *fill);
/** The T0 counter's two photomultipliers (the second sees 0.8 of the first): the profile of the injected bunch, its
 *  mean time at `sample`, the first one's highest sample near amplitude_adc. is_w: the "W" shape of the delivered beam
 *  (physics 2.2, 120 ns wide), else a Gaussian of 25 ns rms. Ours: 2 ns steps of a Gaussian of 1.5 ns rms. */
enum err digitise_t0(bool is_w, double sample, double amplitude_adc, struct digitise_fill *fill);

#endif
