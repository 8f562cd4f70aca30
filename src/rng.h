/* Random numbers: Philox 4x32-10, a pure function of who asks.
 *
 * Key: 64 bits made from (seed, run, stream); counter: (draw, particle, event, subrun). So a value depends on nothing
 * but its name: the same on any number of ranks, in any order, after any restart.
 * Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11. Test: tests/t_rng.c
 * (the three known answers of that paper's distribution). */
#ifndef GM2_RNG_H
#define GM2_RNG_H

#include <stddef.h>
#include <stdint.h>

/** What all particles of one module in one fill share. */
struct rng_key {
    uint32_t key[2];
    uint32_t event, subrun;
};

/** One particle's own sequence. */
struct rng {
    struct rng_key key;
    uint32_t particle, draw; /* draw counts blocks of four words */
    uint32_t word[4];
    int n_left;
    int has_normal;
    double normal;
};

/** The ten-round bijection itself. */
void rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);
/** Names the sequences of one module (stream: its number in modules.def) in one fill. */
struct rng_key rng_key(uint64_t seed, uint32_t run, uint32_t subrun, uint32_t event, uint32_t stream);
/** Starts the sequence of one particle (0 .. 2^32-1). */
struct rng rng_start(struct rng_key key, uint32_t particle);
/** Uniform integer. */
uint32_t rng_u32(struct rng *r);
/** Uniform in (0, 1), 53 bits, never 0 or 1. */
double rng_uniform(struct rng *r);
/** Standard normal (Box-Muller, two at a time). */
double rng_normal(struct rng *r);
/** Poisson with the given mean >= 0 (inversion below 30, else PTRS, Hoermann 1993). */
uint64_t rng_poisson(struct rng *r, double mean);
/** Inverse cumulative of the standard normal at (i + 1/2) / 65536, i = 0..65535, for fast white noise (tails end at 4.2
 *  sigma); lent for ever. Test: tests/t_digitise.c */
const float *rng_normal_table(void);

#endif
