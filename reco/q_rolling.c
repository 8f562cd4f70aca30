/* Rolling pedestal and threshold: running sums, so that the work does not grow with the window. */
#include "q_rolling.h"

#include "mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PAIRS = 401 };

enum err q_rolling_reserve(struct q_rolling *q, size_t n)
{
    if (n <= q->capacity) return ERR_OK;
    q_rolling_free(q);
    TRY(mem_alloc(&q->x, n, sizeof *q->x));
    TRY(mem_alloc(&q->pedestal, n, sizeof *q->pedestal));
    TRY(mem_alloc(&q->rest, n, sizeof *q->rest));
    TRY(mem_alloc(&q->sum, n + 1, sizeof *q->sum));
    TRY(mem_alloc(&q->count, n + 1, sizeof *q->count));
    TRY(mem_alloc(&q->is_quiet, n, sizeof *q->is_quiet));
    TRY(mem_alloc(&q->mark, n, sizeof *q->mark));
    q->capacity = n;
    return ERR_OK;
}

void q_rolling_free(struct q_rolling *q)
{
    mem_free(q->x);
    mem_free(q->pedestal);
    mem_free(q->rest);
    mem_free(q->sum);
    mem_free(q->count);
    mem_free(q->is_quiet);
    mem_free(q->mark);
    *q = (struct q_rolling){0};
}

static int by_value(const void *a, const void *b)
{
    const double *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

/* Median |x_(i+1) - x_i| over pairs all along the histogram: 0.6745 sqrt(2) sigma of white noise. */
static double noise_of(const double *x, size_t n)
{
    double d[MAX_PAIRS];
    size_t n_pairs = n / 2 < MAX_PAIRS ? n / 2 : MAX_PAIRS;
    if (n_pairs == 0) return 0.0;
    for (size_t k = 0; k < n_pairs; k++) {
        size_t i = 2 * (k * (n / 2) / n_pairs);
        d[k]     = fabs(x[i + 1] - x[i]);
    }
    qsort(d, n_pairs, sizeof *d, by_value);
    return d[n_pairs / 2] / (0.674490 * sqrt(2.0));
}

static void sum_quiet(struct q_rolling *q, const double *x, size_t n)
{
    double sum = 0.0, count = 0.0;
    for (size_t i = 0; i < n; i++) {
        q->sum[i]   = sum;
        q->count[i] = count;
        sum += q->is_quiet[i] ? x[i] : 0.0;
        count += q->is_quiet[i];
    }
    q->sum[n]   = sum;
    q->count[n] = count;
}

/* Mean of the quiet bins of [low, from) and [to, high); `otherwise` where these are less than a quarter. */
static inline double mean_of(const struct q_rolling *q, size_t low, size_t from, size_t to, size_t high,
                             double otherwise)
{
    double count = q->count[high] - q->count[low] - (q->count[to] - q->count[from]);
    double sum   = q->sum[high] - q->sum[low] - (q->sum[to] - q->sum[from]);
    double least = 0.25 * (double)(int64_t)((high - low) - (to - from));
    return count >= least && count > 0.0 ? sum / count : otherwise;
}

/* Means of all windows, from running sums; out[i] = its mean, or stays (is_added: or nothing is added) where too few are quiet. */
static void window_means(const struct q_rolling *q, const struct q_rolling_settings *set, size_t n, bool is_added,
                         double *out)
{
    const size_t gap = set->gap, reach = gap + set->window;
    for (size_t i = 0; i < n; i++) {
        if (i >= reach && i + reach + 1 < n) continue;
        size_t low = i > reach ? i - reach : 0, high = i + reach + 1 < n ? i + reach + 1 : n;
        size_t from = i > gap ? i - gap : 0, to = i + gap + 1 < n ? i + gap + 1 : n;
        out[i] = mean_of(q, low, from, to, high, is_added ? 0.0 : out[i]) + (is_added ? out[i] : 0.0);
    }
    /* away from the ends, without branches */
    for (size_t i = reach; i + reach + 1 < n; i++) {
        double old = out[i], mean = mean_of(q, i - reach, i - gap, i + gap + 1, i + reach + 1, is_added ? 0.0 : old);
        out[i] = is_added ? old + mean : mean;
    }
}

static void find_pedestals(struct q_rolling *q, const struct q_rolling_settings *set, size_t n)
{
    sum_quiet(q, q->x, n);
    window_means(q, set, n, false, q->pedestal);
}

/* A mean over a window misses the curvature of a drift; the mean of what it leaves is added once more. */
static void add_curvature(struct q_rolling *q, const struct q_rolling_settings *set, size_t n)
{
    for (size_t i = 0; i < n; i++) q->rest[i] = q->x[i] - q->pedestal[i];
    sum_quiet(q, q->rest, n);
    window_means(q, set, n, true, q->pedestal);
}

double q_rolling_take(struct q_rolling *q, const struct q_rolling_settings *set, size_t n, const int32_t *adc,
                      int polarity)
{
    /* relative to the first bin, so that sums lose nothing */
    for (size_t i = 0; i < n; i++) q->x[i] = polarity * ((double)adc[i] - (double)adc[0]);
    double sigma = noise_of(q->x, n), cut = set->clip * fmax(sigma, 0.5);
    memset(q->is_quiet, 1, n);
    for (size_t i = 0; i < n; i++) q->pedestal[i] = 0.0;
    find_pedestals(q, set, n);
    bool is_last = set->n_rounds <= 1;
    for (int round = 0; round < set->n_rounds; round++) {
        size_t n_changed = 0;
        for (size_t i = 0; i < n; i++) {
            double d         = q->x[i] - q->pedestal[i];
            uint8_t is_quiet = d < cut && (!is_last || d > -cut);
            n_changed += is_quiet != q->is_quiet[i];
            q->is_quiet[i] = is_quiet;
        }
        if (n_changed > 0) find_pedestals(q, set, n);
        if (is_last) break;
        is_last = n_changed == 0 || round + 2 == set->n_rounds;
    }
    if (set->n_rounds > 0) add_curvature(q, set, n);
    return sigma;
}

size_t q_rolling_add(struct q_rolling *q, const struct q_rolling_settings *set, size_t n, double threshold_adc,
                     double scale, double *out)
{
    size_t n_above = 0, last = 0; /* bins below `last` are marked or passed */
    if (threshold_adc <= 0.0) {
        for (size_t i = 0; i < n; i++) out[i] += scale * (q->x[i] - q->pedestal[i]);
        return n;
    }
    for (size_t i = 0; i < n; i++) {
        if (q->x[i] - q->pedestal[i] <= threshold_adc) continue;
        size_t from = i > set->before ? i - set->before : 0, to = i + set->after + 1 < n ? i + set->after + 1 : n;
        for (size_t j = from > last ? from : last; j < to; j++) out[j] += scale * (q->x[j] - q->pedestal[j]);
        last = to;
        n_above++;
    }
    return n_above;
}
