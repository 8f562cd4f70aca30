/* The measured templates as splines, and rows of samples drawn from them. */
#include "pulse_shape.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

enum { MAX_KNOTS = 64, CORE_POINTS = 17, TAIL_POINTS = 30 };

/* -4, -3.5 ... +4 samples */
static const double core[2][CORE_POINTS] = {
    {.0001, .0010, .0100, .0529, .1157, .1867, .2371, .2705, .2793, .2650, .2319, .1887, .1494, .1103, .0826, .0584,
     .0453},
    {.0002, .0005, .0054, .0341, .1046, .1995, .2849, .3379, .3536, .3301, .2768, .2081, .1405, .0840, .0435, .0189,
     .0071},
};
/* beam, measured to 76 samples; 80 and 84 let it end smoothly */
static const double tail[TAIL_POINTS][2] = {
    {5, .0291},   {6, .0218},   {7, .0151},   {8, .0078},   {9, .0009},   {10, -.0051}, {12, -.0122}, {14, -.0132},
    {16, -.0110}, {18, -.0088}, {20, -.0097}, {22, -.0131}, {24, -.0159}, {26, -.0152}, {28, -.0098}, {30, -.0026},
    {32, .0033},  {34, .0052},  {36, .0036},  {40, -.0007}, {44, -.0003}, {48, -.0024}, {52, -.0051}, {56, -.0005},
    {60, .0033},  {64, .0010},  {70, .0012},  {76, -.0016}, {80, -.0004}, {84, 0.0},
};
static const double pmt_rms            = 1.2;                           /* ours */
static const double laser_tail_earlier = 4.0, laser_tail_scale = 0.957; /* ours; gives area 1 */

struct knots {
    size_t n;
    double x[MAX_KNOTS], y[MAX_KNOTS], m[MAX_KNOTS]; /* m: second derivatives */
};

static void add_knot(struct knots *k, double x, double y)
{
    k->x[k->n]   = x;
    k->y[k->n++] = y;
}

static void collect_pmt_knots(struct knots *k)
{
    k->n = 0;
    add_knot(k, PULSE_FIRST, 0.0);
    for (int i = 2 * PULSE_FIRST + 1; i < -2 * PULSE_FIRST; i++) {
        double x = 0.5 * i;
        add_knot(k, x, exp(-0.5 * x * x / (pmt_rms * pmt_rms)));
    }
    add_knot(k, -PULSE_FIRST, 0.0);
}

static void collect_knots(enum pulse_kind kind, struct knots *k)
{
    k->n = 0;
    add_knot(k, PULSE_FIRST, 0.0);
    add_knot(k, PULSE_FIRST + 0.5, 0.0);
    for (int i = 0; i < CORE_POINTS; i++) add_knot(k, -4.0 + 0.5 * i, core[kind][i]);
    for (int i = 0; i < TAIL_POINTS; i++) {
        double x = tail[i][0] - (kind == PULSE_LASER ? laser_tail_earlier : 0.0);
        if (x > 4.0) add_knot(k, x, tail[i][1] * (kind == PULSE_LASER ? laser_tail_scale : 1.0));
    }
}

/* Second derivatives of the cubic spline with zero slope at both ends (Thomas algorithm). */
static void solve_spline(struct knots *k)
{
    double diagonal[MAX_KNOTS], upper[MAX_KNOTS], slope_before = 0.0;
    for (size_t i = 0; i < k->n; i++) {
        double h_before = i ? k->x[i] - k->x[i - 1] : 0.0, h = i + 1 < k->n ? k->x[i + 1] - k->x[i] : 0.0;
        double slope = i + 1 < k->n ? (k->y[i + 1] - k->y[i]) / h : 0.0;
        diagonal[i]  = 2.0 * (h_before + h);
        upper[i]     = h;
        k->m[i]      = 6.0 * (slope - slope_before);
        slope_before = slope;
        if (i == 0) continue;
        double factor = h_before / diagonal[i - 1];
        diagonal[i] -= factor * upper[i - 1];
        k->m[i] -= factor * k->m[i - 1];
    }
    for (size_t i = k->n; i-- > 0;) k->m[i] = (k->m[i] - (i + 1 < k->n ? upper[i] * k->m[i + 1] : 0.0)) / diagonal[i];
}

/* Taylor coefficients of the spline at y, for the interval to its right. */
static void expand_at(const struct knots *k, double y, double c[4])
{
    memset(c, 0, 4 * sizeof *c);
    if (y < k->x[0] || y >= k->x[k->n - 1]) return;
    size_t i = 0;
    while (y >= k->x[i + 1]) i++;
    double h = k->x[i + 1] - k->x[i], a = y - k->x[i];
    double slope = (k->y[i + 1] - k->y[i]) / h - h * (2.0 * k->m[i] + k->m[i + 1]) / 6.0;
    double third = (k->m[i + 1] - k->m[i]) / h;
    c[0]         = k->y[i] + a * (slope + a * (k->m[i] / 2.0 + a * third / 6.0));
    c[1]         = slope + a * (k->m[i] + a * third / 2.0);
    c[2]         = (k->m[i] + a * third) / 2.0;
    c[3]         = third / 6.0;
}

/* Newton on the slope from the highest knot, which lies at y = 0. */
static double find_peak(const struct knots *k, double *height)
{
    double y = 0.0, c[4];
    for (int i = 0; i < 50; i++) {
        expand_at(k, y, c);
        y -= c[1] / (2.0 * c[2]);
    }
    expand_at(k, y, c);
    *height = c[0];
    return y;
}

static void make_shape(enum pulse_kind kind, struct pulse_shape *shape)
{
    struct knots k;
    double height;
    if (kind == PULSE_PMT)
        collect_pmt_knots(&k);
    else
        collect_knots(kind, &k);
    solve_spline(&k);
    memset(shape, 0, sizeof *shape);
    shape->shift = find_peak(&k, &height);
    for (int y = PULSE_FIRST; y < PULSE_LAST; y++)
        for (int h = 0; h < 2; h++) {
            double c[4];
            expand_at(&k, y + 0.5 * h, c);
            for (int i = 0; i < 4; i++) shape->coef[h][i][PULSE_PAD - PULSE_FIRST + y] = (float)(c[i] / height);
            shape->area += (c[0] / 2.0 + c[1] / 8.0 + c[2] / 24.0 + c[3] / 64.0) / height;
        }
}

static struct pulse_shape shapes[N_PULSE_KINDS];

static void make_shapes(void)
{
    for (int kind = 0; kind < N_PULSE_KINDS; kind++) make_shape((enum pulse_kind)kind, &shapes[kind]);
}

const struct pulse_shape *pulse_shape(enum pulse_kind kind)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_shapes);
    return &shapes[kind];
}

double pulse_shape_value(const struct pulse_shape *shape, double x, double *d1, double *d2)
{
    double y = x + shape->shift, k = floor(y), f = y - k;
    int h    = f >= 0.5;
    double u = f - 0.5 * h, c[4] = {0.0, 0.0, 0.0, 0.0};
    if (k >= PULSE_FIRST && k < PULSE_LAST)
        for (int i = 0; i < 4; i++) c[i] = (double)shape->coef[h][i][PULSE_PAD - PULSE_FIRST + (int)k];
    if (d1) *d1 = c[1] + u * (2.0 * c[2] + u * 3.0 * c[3]);
    if (d2) *d2 = 2.0 * c[2] + u * 6.0 * c[3];
    return c[0] + u * (c[1] + u * (c[2] + u * c[3]));
}

/* The part [*begin, *end) of n samples that lies in the table. */
static void clip(struct pulse_place place, size_t n, size_t *begin, size_t *end)
{
    ptrdiff_t low = -place.first, high = PULSE_N - place.first, last = (ptrdiff_t)n;
    low    = low < 0 ? 0 : low > last ? last : low;
    high   = high < low ? low : high > last ? last : high;
    *begin = (size_t)low;
    *end   = (size_t)high;
}

void pulse_shape_row(const struct pulse_shape *shape, double t, size_t n, float *out, float *d1, float *d2)
{
    struct pulse_place p = pulse_shape_place(shape, t);
    size_t begin, end;
    clip(p, n, &begin, &end);
    const float(*c)[PULSE_N] = shape->coef[p.half];
    const float *c0 = c[0] + p.first, *c1 = c[1] + p.first, *c2 = c[2] + p.first, *c3 = c[3] + p.first;
    const float u = p.u;
    if (begin > 0 || end < n) {
        memset(out, 0, n * sizeof *out);
        if (d1) memset(d1, 0, n * sizeof *d1);
        if (d2) memset(d2, 0, n * sizeof *d2);
    }
#pragma omp simd
    for (size_t i = begin; i < end; i++) out[i] = c0[i] + u * (c1[i] + u * (c2[i] + u * c3[i]));
    if (d1) {
#pragma omp simd
        for (size_t i = begin; i < end; i++) d1[i] = c1[i] + u * (2.0f * c2[i] + u * (3.0f * c3[i]));
    }
    if (d2) {
#pragma omp simd
        for (size_t i = begin; i < end; i++) d2[i] = 2.0f * c2[i] + u * (6.0f * c3[i]);
    }
}

void pulse_shape_add(const struct pulse_shape *shape, double t, float amplitude, size_t n, float *out)
{
    struct pulse_place p = pulse_shape_place(shape, t);
    size_t begin, end;
    clip(p, n, &begin, &end);
    const float(*c)[PULSE_N] = shape->coef[p.half];
    const float *c0 = c[0] + p.first, *c1 = c[1] + p.first, *c2 = c[2] + p.first, *c3 = c[3] + p.first;
    const float u = p.u;
#pragma omp simd
    for (size_t i = begin; i < end; i++) out[i] += amplitude * (c0[i] + u * (c1[i] + u * (c2[i] + u * c3[i])));
}
