/* Compiled once for each instruction set (src/isa.h). */
#include "digitise_kernel.h"

/* Source: Salmon, Moraes, Dror, Shaw, SC11; the same function as rng_philox(). */
void KERNEL(digitise_philox)(struct rng_key key, size_t n, const uint32_t *block, const uint32_t *particle,
                             uint32_t *words)
{
    uint32_t *restrict w0 = words, *restrict w1 = words + n, *restrict w2 = words + 2 * n, *restrict w3 = words + 3 * n;
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        uint32_t c0 = block[i], c1 = particle[i], c2 = key.event, c3 = key.subrun;
        uint32_t k0 = key.key[0], k1 = key.key[1];
        for (int round = 0; round < 10; round++) {
            uint64_t p0 = 0xD2511F53ull * c0, p1 = 0xCD9E8D57ull * c2;
            c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
            c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
            c1 = (uint32_t)p1;
            c3 = (uint32_t)p0;
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        w0[i] = c0;
        w1[i] = c1;
        w2[i] = c2;
        w3[i] = c3;
    }
}

void KERNEL(digitise_add)(const float *coef, size_t stride, float u, float amplitude, size_t n, float *out)
{
    const float *c0 = coef, *c1 = coef + stride, *c2 = coef + 2 * stride, *c3 = coef + 3 * stride;
#pragma omp simd
    for (size_t i = 0; i < n; i++) out[i] += amplitude * (c0[i] + u * (c1[i] + u * (c2[i] + u * c3[i])));
}

/* Adding and taking away 1.5 * 2^23 rounds a float to an integer, halves to even. */
void KERNEL(digitise_sample)(float pedestal, float rms, size_t n, const float *v, const float *z, int16_t *adc)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++) {
        float a       = pedestal + v[i] + rms * z[i];
        float rounded = (a + 12582912.0f) - 12582912.0f;
        int32_t value = (int32_t)rounded;
        value         = value > 2047 ? 2047 : value;
        value         = value < -2048 ? -2048 : value;
        adc[i]        = (int16_t)value;
    }
}

void KERNEL(digitise_sum)(size_t n, const int16_t *adc, int32_t *sum)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++) sum[i] += adc[i];
}
