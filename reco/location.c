/* Huber's location of groups of samples. */
#include "location.h"

#include <math.h>
#include <stdlib.h>

static int by_group(const void *a, const void *b)
{
    const struct location_sample *p = a, *q = b;
    if (p->group != q->group) return p->group < q->group ? -1 : 1;
    return (p->x > q->x) - (p->x < q->x);
}

static double psi(double r, double clip) { return fmin(clip, fmax(-clip, r)); }

/* By halving: the sum falls with m. Samples are in order of x. */
static double solve(const struct location_sample *sample, size_t n, double clip)
{
    enum { HALVINGS = 60 };
    double low = sample[0].x, high = sample[n - 1].x;
    for (int round = 0; round < HALVINGS && high > low; round++) {
        double m = 0.5 * (low + high), sum = 0.0;
        for (size_t i = 0; i < n; i++) sum += psi(sample[i].x - m, clip);
        if (sum > 0.0)
            low = m;
        else
            high = m;
    }
    return 0.5 * (low + high);
}

/* Sums over all groups, of which each has used up one degree of freedom. */
struct common {
    double n, n_groups, squares, inside;
};

static void add_residuals(const struct location_sample *sample, size_t n, double m, double clip, struct common *sum)
{
    for (size_t i = 0; i < n; i++) {
        double r = sample[i].x - m;
        sum->squares += psi(r, clip) * psi(r, clip);
        sum->inside += fabs(r) < clip;
    }
    sum->n += (double)n;
    sum->n_groups += 1.0;
}

enum err location_groups(struct location_sample *sample, size_t n, double clip, int64_t min_n, size_t n_groups,
                         struct location *out)
{
    struct common sum = {.n = 0.0};
    for (size_t i = 0; i < n; i++)
        REQUIRE(sample[i].group < n_groups && isfinite(sample[i].x), ERR_DATA, "sample %zu: group %u of %zu, value %g",
                i, sample[i].group, n_groups, sample[i].x);
    for (size_t g = 0; g < n_groups; g++) out[g] = (struct location){.n = 0};
    if (n) qsort(sample, n, sizeof *sample, by_group);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && sample[end].group == sample[i].group;) end++;
        struct location *l = &out[sample[i].group];
        l->n               = (int64_t)(end - i);
        l->is_known        = l->n >= min_n;
        if (!l->is_known) continue;
        l->value = solve(sample + i, end - i, clip);
        add_residuals(sample + i, end - i, l->value, clip, &sum);
    }
    /* with one value a group nothing is left to tell the spread by */
    double freedom = sum.n - sum.n_groups, spread = 0.0;
    if (freedom > 0.0 && sum.inside > 0.0) spread = sqrt(sum.squares / freedom) / (sum.inside / sum.n);
    for (size_t g = 0; g < n_groups; g++) {
        out[g].is_known = out[g].is_known && spread > 0.0;
        if (out[g].is_known) out[g].error = spread / sqrt((double)out[g].n);
    }
    return ERR_OK;
}
