/* Toy wiggles for tests: Poisson counts of the model in each bin. */
#ifndef GM2_WIGGLE_TOY_H
#define GM2_WIGGLE_TOY_H

#include "phys.h"
#include "rng.h"
#include "wiggle_fit.h"

#include <math.h>

/** Fills content (from t_us) with Poisson draws of the model at `value`; seed names the sample. */
static inline void toy_poisson(struct wiggle_data *d, const struct wiggle_model *m, const double *value, uint64_t seed)
{
    struct rng r = rng_start(rng_key(seed, 1, 0, 1, 900), 0);
    for (size_t i = 0; i < d->n; i++)
        d->content[i] = (double)rng_poisson(&r, wiggle_model_value(m, value, d->t_us[i], NULL));
}

/** N0 for which the model's five-parameter part sums to n_counts over the data's bins. */
static inline double toy_n0(const struct wiggle_data *d, double n_counts)
{
    double sum = 0.0;
    for (size_t i = 0; i < d->n; i++) sum += exp(-d->t_us[i] / 64.4);
    return n_counts / sum;
}

struct toy_moments {
    double mean, rms;
};
static inline struct toy_moments toy_moments(const double *x, size_t n)
{
    double sum = 0.0, sum2 = 0.0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    for (size_t i = 0; i < n; i++) sum2 += (x[i] - sum / (double)n) * (x[i] - sum / (double)n);
    return (struct toy_moments){sum / (double)n, sqrt(sum2 / (double)(n - 1))};
}

#endif
