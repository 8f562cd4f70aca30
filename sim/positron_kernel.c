/* Positrons in the falling field inside the ring: Runge-Kutta steps over many at once. */
#include "positron.h"

#include <math.h>

struct path {
    double x, y, z, ux, uy, uz;
};

/* d/ds of position and direction: du/ds = k u x B/B0, B = (Br, By) with By falling towards the axis of the ring. */
static inline __attribute__((always_inline)) struct path slope(const struct positron_setup *s, struct path p, double k)
{
    double r2 = FMA(p.x, p.x, p.z * p.z), r = sqrt(r2), depth = (s->r_uniform_mm - r) * 0.01;
    double by = 1.0, db = 0.0;
    for (int i = 0; i < POSITRON_KNOTS; i++) {
        double t = depth - s->knot[i], bt;
        t        = t > 0.0 ? t : 0.0;
        bt       = s->b[i] * t;
        by       = FMA(t * t, s->a[i] + bt, by);
        db       = FMA(t, FMA(3.0, bt, 2.0 * s->a[i]), db);
    }
    double c = k * by, d = -0.01 * k * db * p.y / r; /* d = k Br / r */
    double turn = FMA(p.x, p.uz, -(p.z * p.ux));     /* r u_phi */
    return (struct path){
        .x  = p.ux,
        .y  = p.uy,
        .z  = p.uz,
        .ux = FMA(-c, p.uz, d * p.uy * p.z),
        .uz = FMA(c, p.ux, -(d * p.uy * p.x)),
        .uy = d * turn,
    };
}

static inline __attribute__((always_inline)) struct path ahead(struct path p, struct path d, double h)
{
    return (struct path){FMA(h, d.x, p.x),   FMA(h, d.y, p.y),   FMA(h, d.z, p.z),
                         FMA(h, d.ux, p.ux), FMA(h, d.uy, p.uy), FMA(h, d.uz, p.uz)};
}

static inline __attribute__((always_inline)) struct path step(const struct positron_setup *s, struct path p, double k,
                                                              double h)
{
    struct path d1 = slope(s, p, k), d2 = slope(s, ahead(p, d1, 0.5 * h), k);
    struct path d3 = slope(s, ahead(p, d2, 0.5 * h), k), d4 = slope(s, ahead(p, d3, h), k);
    p = ahead(p, d1, h / 6.0);
    p = ahead(p, d2, h / 3.0);
    p = ahead(p, d3, h / 3.0);
    return ahead(p, d4, h / 6.0);
}

static int64_t loss(const struct positron_setup *s, double r2, double y, double turn)
{
    if (r2 < s->r_min_mm * s->r_min_mm) return 2 + POSITRON_INNER;
    if (fabs(y) > s->y_max_mm) return 2 + POSITRON_HEIGHT;
    if (r2 > s->r_max_mm * s->r_max_mm) return 2 + POSITRON_OUTER;
    return turn > 0.0 ? 0 : 2 + POSITRON_BACK;
}

/* One group of lanes. A lane that has stopped takes steps of length 0, which leave it as it is. */
static void steps_of_group(const struct positron_setup *s, struct positron_lanes *l, size_t first)
{
    double *restrict x = l->x + first, *restrict y = l->y + first, *restrict z = l->z + first;
    double *restrict ux = l->ux + first, *restrict uy = l->uy + first, *restrict uz = l->uz + first;
    double *restrict path = l->s + first, *restrict k = l->k + first;
    int64_t *restrict stop = l->stop + first;
    const double limit2 = s->r_max_mm * s->r_max_mm, low2 = s->r_min_mm * s->r_min_mm, y_max = s->y_max_mm;
    double h[POSITRON_LANES], event[POSITRON_LANES];
    double n_live = 0.0;
    for (int i = 0; i < POSITRON_LANES; i++) {
        h[i] = stop[i] ? 0.0 : s->step_mm;
        n_live += stop[i] ? 0.0 : 1.0;
    }
    while (n_live > 0.0) {
        double n_events = 0.0;
#pragma omp simd reduction(+ : n_events)
        for (int i = 0; i < POSITRON_LANES; i++) {
            struct path p = {x[i], y[i], z[i], ux[i], uy[i], uz[i]}, q = step(s, p, k[i], h[i]);
            double crosses = q.z >= 0.0 ? 1.0 : 0.0, r2 = FMA(q.x, q.x, q.z * q.z);
            double turn = FMA(q.x, q.uz, -(q.z * q.ux)), out = r2 > limit2 ? 2.0 : 0.0;
            out      = r2 < low2 ? 2.0 : out;
            out      = fabs(q.y) > y_max ? 2.0 : out;
            out      = turn > 0.0 ? out : 2.0;
            out      = crosses > 0.0 ? 1.0 : out;
            out      = h[i] > 0.0 ? out : 0.0;
            event[i] = out;
            x[i]     = crosses > 0.0 ? p.x : q.x;
            y[i]     = crosses > 0.0 ? p.y : q.y;
            z[i]     = crosses > 0.0 ? p.z : q.z;
            ux[i]    = crosses > 0.0 ? p.ux : q.ux;
            uy[i]    = crosses > 0.0 ? p.uy : q.uy;
            uz[i]    = crosses > 0.0 ? p.uz : q.uz;
            path[i] += crosses > 0.0 ? 0.0 : h[i];
            n_events += out;
        }
        if (n_events == 0.0) continue;
        for (int i = 0; i < POSITRON_LANES; i++) {
            if (event[i] == 0.0) continue;
            n_live -= 1.0;
            h[i]    = 0.0;
            stop[i] = event[i] == 1.0 ? 1 : loss(s, x[i] * x[i] + z[i] * z[i], y[i], x[i] * uz[i] - z[i] * ux[i]);
        }
    }
}

void KERNEL(positron_steps)(const struct positron_setup *s, struct positron_lanes *lanes, size_t n)
{
    for (size_t i = 0; i < n; i += POSITRON_LANES) steps_of_group(s, lanes, i);
}

void KERNEL(positron_to_plane)(const struct positron_setup *s, struct positron_lanes *l, size_t i)
{
    struct path p = {l->x[i], l->y[i], l->z[i], l->ux[i], l->uy[i], l->uz[i]}, q;
    double h      = s->step_mm;
    for (int iteration = 0; iteration < 5; iteration++) {
        q = step(s, p, l->k[i], h);
        h = fmin(fmax(h - q.z / q.uz, 0.0), s->step_mm);
    }
    q        = step(s, p, l->k[i], h);
    l->x[i]  = q.x;
    l->y[i]  = q.y;
    l->z[i]  = 0.0;
    l->ux[i] = q.ux;
    l->uy[i] = q.uy;
    l->uz[i] = q.uz;
    l->s[i] += h;
}
