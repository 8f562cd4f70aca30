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

static void sum_quiet(struct q_rolling *q, size_t n)
{
    double sum     = 0.0;
    uint32_t count = 0;
    for (size_t i = 0; i < n; i++) {
        q->sum[i]   = sum;
        q->count[i] = count;
        sum += q->is_quiet[i] ? q->x[i] : 0.0;
        count += q->is_quiet[i];
    }
    q->sum[n]   = sum;
    q->count[n] = count;
}

/* Means of the windows, from running sums over quiet bins. False where too few are quiet. */
static bool window_mean(const struct q_rolling *q, const struct q_rolling_settings *set, size_t n, size_t i,
                        double *mean)
{
    size_t reach = set->gap + set->window, low = i > reach ? i - reach : 0,
           high = i + reach + 1 < n ? i + reach + 1 : n;
    size_t from = i > set->gap ? i - set->gap : 0, to = i + set->gap + 1 < n ? i + set->gap + 1 : n;
    uint32_t count = q->count[high] - q->count[low] - (q->count[to] - q->count[from]);
    size_t width   = (high - low) - (to - from);
    if (count == 0 || 4 * (size_t)count < width) return false;
    *mean = (q->sum[high] - q->sum[low] - (q->sum[to] - q->sum[from])) / count;
    return true;
}

/* One round: pedestals from the bins now quiet; where these are too few they stay. */
static void find_pedestals(struct q_rolling *q, const struct q_rolling_settings *set, size_t n)
{
    sum_quiet(q, n);
    for (size_t i = 0; i < n; i++) {
        double mean;
        if (window_mean(q, set, n, i, &mean)) q->pedestal[i] = mean;
    }
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
