/* Bins of the Q-method: energies, variances from the scatter of sums. */
#include "q_fit.h"

#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EARLY_TO_US -1.0 /* before it there are no positrons */

bool q_fit_is_method(const char *method)
{
    return method[0] == 'q' && (!method[1] || (method[1] >= '0' && method[1] <= '7' && !method[2]));
}

/* Variance of a bin's sum over the calorimeters asked for, from the scatter of each one's sums. */
static double scatter(const struct hist *h, const struct hist *sums, int calo, int64_t bin)
{
    double variance = 0.0;
    for (int64_t c = 0; c < h->x.n; c++) {
        double n = (double)sums->content[c];
        if ((calo != 0 && calo != c + 1) || n < 2.0) continue;
        double content = (double)h->content[c * h->y.n + bin] * h->quantum;
        double squares = (double)h->squares[c * h->y.n + bin] * h->quantum;
        variance += (squares - content * content / n) * n / (n - 1.0);
    }
    return variance;
}

static int by_value(const void *a, const void *b)
{
    const double *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

static enum err floor_variance(const struct hist *h, const struct hist *sums, int calo, double *out)
{
    double *v, width = (h->y.high - h->y.low) / (double)h->y.n;
    int64_t n = (int64_t)((EARLY_TO_US - h->y.low) / width);
    *out      = 0.0;
    if (n < 10 || n > h->y.n) return ERR_OK;
    TRY(mem_alloc(&v, (size_t)n, sizeof *v));
    for (int64_t i = 0; i < n; i++) v[i] = scatter(h, sums, calo, i);
    qsort(v, (size_t)n, sizeof *v, by_value);
    *out = v[n / 2];
    mem_free(v);
    return ERR_OK;
}

enum err q_fit_take(const struct wiggle_input *in, const char *method, int calo, double from_us, double to_us,
                    struct wiggle_data *out)
{
    char name[32];
    struct hist *h, *sums;
    snprintf(name, sizeof name, "qmethod/energy_%c", method[1] ? method[1] : '0');
    TRY(wiggle_input_hist(in, name, &h));
    TRY(wiggle_input_hist(in, "qmethod/sums", &sums));
    REQUIRE(h->squares && sums->x.n == h->x.n, ERR_DATA, "histogram %s has no squares", name);
    for (int64_t c = 0; c < h->x.n; c++)
        REQUIRE((calo != 0 && calo != c + 1) || sums->content[c] != 1, ERR_DATA,
                "calorimeter %d has one Q histogram: its variance is not known, at least 2 are needed", (int)c + 1);
    TRY(wiggle_data_take(h, calo, from_us, to_us, out));
    double width = out->bin_us;
    for (size_t i = 0; i < out->n; i++)
        out->variance[i] = scatter(h, sums, calo, (int64_t)((out->t_us[i] - h->y.low) / width));
    enum err rc = floor_variance(h, sums, calo, &out->floor_variance);
    if (rc) wiggle_data_free(out);
    return rc;
}
