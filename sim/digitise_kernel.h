/* Inner loops of the digitiser, one variant an instruction set. They hold no fused multiply-add and round by integer
 * arithmetic, so every variant gives the same bits. Test: tests/t_digitise.c */
#ifndef GM2_DIGITISE_KERNEL_H
#define GM2_DIGITISE_KERNEL_H

#include "isa.h"
#include "rng.h"

#include <stddef.h>
#include <stdint.h>

/** Philox 4x32-10 of the counters {block[i], particle[i], key.event, key.subrun}, i = 0..n-1; word[j][i] to
 *  words[j * n + i]. */
ISA_DECLARE(void, digitise_philox,
            (struct rng_key key, size_t n, const uint32_t *block, const uint32_t *particle, uint32_t *words))

/** out[i] += amplitude (c0[i] + u (c1[i] + u (c2[i] + u c3[i]))), c = coef, coef + stride ... */
ISA_DECLARE(void, digitise_add, (const float *coef, size_t stride, float u, float amplitude, size_t n, float *out))

/** adc[i] = clip(round(pedestal + v[i] + rms z[i])) to 12 bits signed; halves go to the even number. */
ISA_DECLARE(void, digitise_sample, (float pedestal, float rms, size_t n, const float *v, const float *z, int16_t *adc))

/** sum[i] += adc[i]. */
ISA_DECLARE(void, digitise_sum, (size_t n, const int16_t *adc, int32_t *sum))

#endif
