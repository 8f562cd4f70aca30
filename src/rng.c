/* Philox 4x32-10 and what is drawn with it. */
#include "rng.h"

#include "phys.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <pthread.h>

void rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = 0xD2511F53ull * c0, p1 = 0xCD9E8D57ull * c2;
        uint32_t hi0 = (uint32_t)(p0 >> 32), hi1 = (uint32_t)(p1 >> 32);
        c0 = hi1 ^ c1 ^ k0;
        c2 = hi0 ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

struct rng_key rng_key(uint64_t seed, uint32_t run, uint32_t subrun, uint32_t event, uint32_t stream)
{
    uint32_t name[4]       = {run, stream, 0x676d32u, 0}; /* "gm2": not a counter of a particle's own */
    const uint32_t seed2[] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t mixed[4];
    rng_philox(name, seed2, mixed);
    return (struct rng_key){{mixed[0], mixed[1]}, event, subrun};
}

struct rng rng_start(struct rng_key key, uint32_t particle) { return (struct rng){.key = key, .particle = particle}; }

uint32_t rng_u32(struct rng *r)
{
    if (r->n_left == 0) {
        uint32_t counter[4] = {r->draw++, r->particle, r->key.event, r->key.subrun};
        rng_philox(counter, r->key.key, r->word);
        r->n_left = 4;
    }
    return r->word[4 - r->n_left--];
}

double rng_uniform(struct rng *r)
{
    uint64_t high = rng_u32(r) >> 5, low = rng_u32(r) >> 6; /* 27 + 26 bits */
    return ((double)(high << 26 | low) + 0.5) * 0x1p-53;
}

double rng_normal(struct rng *r)
{
    if (r->has_normal) {
        r->has_normal = 0;
        return r->normal;
    }
    double radius = sqrt(-2.0 * log(rng_uniform(r))), angle = 2.0 * PI * rng_uniform(r);
    r->normal     = radius * sin(angle);
    r->has_normal = 1;
    return radius * cos(angle);
}

uint64_t rng_poisson(struct rng *r, double mean)
{
    if (!(mean > 0.0)) return 0;
    if (mean < 30.0) {
        double limit = exp(-mean), product = rng_uniform(r);
        uint64_t n = 0;
        while (product > limit) {
            product *= rng_uniform(r);
            n++;
        }
        return n;
    }
    /* Hoermann, "The transformed rejection method for generating Poisson random variables", 1993, algorithm PTRS */
    double b = 0.931 + 2.53 * sqrt(mean), a = -0.059 + 0.02483 * b;
    double inv_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2.0);
    for (;;) {
        double u = rng_uniform(r) - 0.5, v = rng_uniform(r);
        double us = 0.5 - fabs(u), k = floor((2.0 * a / us + b) * u + mean + 0.43);
        if (us >= 0.07 && v <= v_r) return (uint64_t)k;
        if (k < 0.0 || (us < 0.013 && v > us)) continue;
        if (log(v) + log(inv_alpha) - log(a / (us * us) + b) <= -mean + k * log(mean) - lgamma(k + 1.0))
            return (uint64_t)k;
    }
}

static float normal_table[65536];

static void make_normal_table(void)
{
    for (int i = 0; i < 65536; i++) normal_table[i] = (float)gsl_cdf_ugaussian_Pinv((i + 0.5) / 65536.0);
}

const float *rng_normal_table(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_normal_table);
    return normal_table;
}
