/* Least squares for offsets from differences. */
#include "align.h"

#include "geometry.h"
#include "mem.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdlib.h>

enum { BESIDE = (CALO_COLUMNS - 1) * CALO_ROWS };

/* ---- neighbours ---------------------------------------------------------------------------------------------------- */
void align_pair(int pair, int *first, int *second)
{
    if (pair < BESIDE) {
        *first  = pair / (CALO_COLUMNS - 1) * CALO_COLUMNS + pair % (CALO_COLUMNS - 1);
        *second = *first + 1;
    } else {
        *first  = pair - BESIDE;
        *second = *first + CALO_COLUMNS;
    }
}

int align_pair_of(int a, int b, bool *is_swapped)
{
    int low = a < b ? a : b, high = a < b ? b : a;
    *is_swapped = a > b;
    if (high - low == CALO_COLUMNS) return BESIDE + low;
    if (high - low != 1 || high % CALO_COLUMNS == 0) return -1;
    return low / CALO_COLUMNS * (CALO_COLUMNS - 1) + low % CALO_COLUMNS;
}

/* ---- peaks --------------------------------------------------------------------------------------------------------- */
/* Moments of a row between two places; bins that are cut count by the part inside. */
static struct align_peak moments(const struct hist *h, int64_t row, double low, double high)
{
    const double width   = (h->y.high - h->y.low) / (double)h->y.n;
    const int64_t *count = h->content + row * h->y.n;
    double n = 0.0, sum = 0.0, squares = 0.0;
    for (int64_t i = 0; i < h->y.n; i++) {
        double from = h->y.low + (double)i * width, to = from + width;
        from = fmax(from, low);
        to   = fmin(to, high);
        if (count[i] == 0 || to <= from) continue;
        double w = (double)count[i] * (to - from) / width, centre = 0.5 * (from + to);
        n += w;
        sum += w * centre;
        squares += w * centre * centre;
    }
    if (!(n > 0.0)) return (struct align_peak){0, 0.0, 0.0};
    double mean = sum / n;
    return (struct align_peak){llround(n), mean, fmax(0.0, squares / n - mean * mean)};
}

/* Centre of the stretch of that many bins with most entries: strays far from it do not count. */
static double row_mode(const struct hist *h, int64_t row, double stretch)
{
    const double width   = (h->y.high - h->y.low) / (double)h->y.n;
    const int64_t *count = h->content + row * h->y.n;
    int64_t n = (int64_t)fmax(1.0, floor(stretch / width)), sum = 0, best = -1, from = 0, to = 0;
    for (int64_t i = 0; i < h->y.n; i++) {
        sum += count[i] - (i >= n ? count[i - n] : 0);
        if (sum < best) continue;
        if (sum > best) from = i;
        best = sum;
        to   = i; /* of equal ones the middle */
    }
    return h->y.low + (0.5 * (double)(from + to) + 1.0 - 0.5 * (double)n) * width;
}

struct align_peak align_row_peak(const struct hist *h, int64_t row, double n_sigma, double least_width)
{
    enum { ROUNDS = 12 };
    int64_t total = 0;
    for (int64_t i = 0; i < h->y.n; i++) total += h->content[row * h->y.n + i];
    if (total == 0) return (struct align_peak){0, 0.0, 0.0};
    double centre = row_mode(h, row, 2.0 * least_width), half = least_width;
    struct align_peak peak = {0, centre, 0.0};
    for (int round = 0; round < ROUNDS; round++) {
        struct align_peak next = moments(h, row, centre - half, centre + half);
        if (next.n == 0) break;
        bool is_still = fabs(next.mean - peak.mean) < 1e-6;
        peak          = next;
        centre        = peak.mean;
        half          = fmax(least_width, n_sigma * sqrt(peak.variance));
        if (is_still && round > 0) break;
    }
    return peak;
}

/* ---- least squares ------------------------------------------------------------------------------------------------- */
/* Nodes of the largest group joined by links get is_known. */
static enum err find_group(size_t n, const struct align_link *link, size_t n_links, struct align_node *node)
{
    size_t *group, *size, best = 0;
    TRY(mem_alloc(&group, 2 * n, sizeof *group));
    size = group + n;
    for (size_t i = 0; i < n; i++) group[i] = i;
    for (bool has_changed = true; has_changed;) {
        has_changed = false;
        for (size_t k = 0; k < n_links; k++) {
            size_t *a = &group[link[k].first], *b = &group[link[k].second];
            if (*a == *b) continue;
            *a = *b     = *a < *b ? *a : *b;
            has_changed = true;
        }
    }
    for (size_t i = 0; i < n; i++) size[group[i]]++;
    for (size_t i = 0; i < n; i++)
        if (size[i] > size[best]) best = i;
    for (size_t i = 0; i < n; i++)
        node[i] = (struct align_node){.is_known = n_links > 0 && size[best] > 1 && group[i] == best};
    mem_free(group);
    return ERR_OK;
}

/* The normal equations' matrix and right side; the gauge, sum of offsets 0, is added as one more observation. */
struct normal {
    gsl_matrix *matrix;
    gsl_vector *right, *x;
    size_t *place, n_known; /* place of each node in the equations */
};

static void add(struct normal *e, size_t i, size_t j, double value)
{
    gsl_matrix_set(e->matrix, i, j, gsl_matrix_get(e->matrix, i, j) + value);
}

static void add_link(struct normal *e, const struct align_link *l, bool has_common)
{
    double w          = 1.0 / (l->error_ns * l->error_ns);
    size_t at[3]      = {e->place[l->second], e->place[l->first], e->n_known};
    const double d[3] = {1.0, -1.0, 1.0};
    size_t n          = has_common ? 3 : 2;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) add(e, at[i], at[j], w * d[i] * d[j]);
        gsl_vector_set(e->right, at[i], gsl_vector_get(e->right, at[i]) + w * d[i] * l->dt_ns);
    }
}

/* Returns what the gauge adds to each element of the inverse. */
static double fill_normal(struct normal *e, const struct align_link *link, size_t n_links,
                          const struct align_node *node, bool has_common)
{
    gsl_matrix_set_zero(e->matrix);
    gsl_vector_set_zero(e->right);
    double scale = 0.0; /* the gauge's weight: of the size of the others, so that nothing is lost in rounding */
    for (size_t k = 0; k < n_links; k++) {
        if (!node[link[k].first].is_known) continue;
        add_link(e, &link[k], has_common);
        scale = fmax(scale, 1.0 / (link[k].error_ns * link[k].error_ns));
    }
    for (size_t i = 0; i < e->n_known; i++)
        for (size_t j = 0; j < e->n_known; j++) add(e, i, j, scale);
    return 1.0 / (scale * (double)e->n_known * (double)e->n_known);
}

static enum err solve(struct normal *e)
{
    gsl_error_handler_t *old = gsl_set_error_handler_off();
    int rc                   = gsl_linalg_cholesky_decomp1(e->matrix);
    if (rc == 0) rc = gsl_linalg_cholesky_solve(e->matrix, e->right, e->x);
    if (rc == 0) rc = gsl_linalg_cholesky_invert(e->matrix);
    gsl_set_error_handler(old);
    REQUIRE(rc == 0, ERR_NUMBER, "the differences of times do not determine all offsets");
    return ERR_OK;
}

static void read_out(const struct normal *e, size_t n, const struct align_link *link, size_t n_links, bool has_common,
                     double gauge, struct align_node *node, struct align_result *result)
{
    for (size_t i = 0; i < n; i++) {
        if (!node[i].is_known) continue;
        double variance   = gsl_matrix_get(e->matrix, e->place[i], e->place[i]) - gauge;
        node[i].offset_ns = gsl_vector_get(e->x, e->place[i]);
        node[i].error_ns  = sqrt(fmax(0.0, variance));
    }
    if (has_common) {
        result->common_ns       = gsl_vector_get(e->x, e->n_known);
        result->common_error_ns = sqrt(gsl_matrix_get(e->matrix, e->n_known, e->n_known));
    }
    result->ndf = -(int)e->n_known + 1 - (has_common ? 1 : 0);
    for (size_t k = 0; k < n_links; k++) {
        const struct align_link *l = &link[k];
        if (!node[l->first].is_known) continue;
        double r = l->dt_ns - node[l->second].offset_ns + node[l->first].offset_ns - result->common_ns;
        result->chi2 += r * r / (l->error_ns * l->error_ns);
        result->ndf++;
    }
}

static enum err solve_known(size_t n, const struct align_link *link, size_t n_links, bool has_common,
                            struct align_node *node, struct align_result *result)
{
    struct normal e = {.n_known = 0};
    enum err rc     = ERR_OK;
    double worst    = 0.0;
    TRY(mem_alloc(&e.place, n, sizeof *e.place));
    for (size_t i = 0; i < n; i++)
        if (node[i].is_known) e.place[i] = e.n_known++;
    for (size_t k = 0; k < n_links; k++) worst = fmax(worst, link[k].error_ns);
    size_t size  = e.n_known + (has_common ? 1 : 0);
    e.matrix     = gsl_matrix_alloc(size, size);
    e.right      = gsl_vector_alloc(size);
    e.x          = gsl_vector_alloc(size);
    double gauge = fill_normal(&e, link, n_links, node, has_common);
    TRY_TO(done, solve(&e));
    if (has_common && !(gsl_matrix_get(e.matrix, e.n_known, e.n_known) < 1e6 * worst * worst))
        FAIL_TO(done, ERR_NUMBER, "no closed loop of links tells their common part");
    read_out(&e, n, link, n_links, has_common, gauge, node, result);
done:
    gsl_matrix_free(e.matrix);
    gsl_vector_free(e.right);
    gsl_vector_free(e.x);
    mem_free(e.place);
    return rc;
}

enum err align_solve(size_t n, const struct align_link *link, size_t n_links, bool has_common, struct align_node *node,
                     struct align_result *result)
{
    *result = (struct align_result){.chi2 = 0.0};
    for (size_t k = 0; k < n_links; k++)
        REQUIRE(link[k].first >= 0 && (size_t)link[k].first < n && link[k].second >= 0 && (size_t)link[k].second < n &&
                    link[k].first != link[k].second && link[k].error_ns > 0.0 && isfinite(link[k].dt_ns),
                ERR_DATA, "link %zu joins %d and %d of %zu with an error of %g ns", k, link[k].first, link[k].second, n,
                link[k].error_ns);
    TRY(find_group(n, link, n_links, node));
    for (size_t i = 0; i < n; i++)
        if (node[i].is_known) return solve_known(n, link, n_links, has_common, node, result);
    return ERR_OK;
}
