/* The inflector as a channel. */
#include "inflector.h"

#include "phys.h"

#include <math.h>

double inflector_rms_emittance(double e95_pi_mm_mrad) { return 1e-3 * e95_pi_mm_mrad / (-2.0 * log(0.05)); }

static void draw_plane(const struct inflector_twiss *t, struct rng *r, double *x, double *xp)
{
    double u = rng_normal(r), v = rng_normal(r);
    double size = sqrt(t->emittance_mm * t->beta_mm);
    *x          = size * u;
    *xp         = size * (v - t->alpha * u) / t->beta_mm;
}

struct inflector_ray inflector_draw(const struct inflector *f, double delta, struct rng *r)
{
    struct inflector_ray ray;
    draw_plane(&f->x, r, &ray.x_mm, &ray.xp);
    draw_plane(&f->y, r, &ray.y_mm, &ray.yp);
    ray.x_mm += f->x0_mm + (f->dispersion_mm - f->length_mm * f->dispersion_slope) * delta;
    ray.xp += f->xp0 + f->dispersion_slope * delta;
    ray.y_mm += f->y0_mm;
    ray.yp += f->yp0;
    return ray;
}

static int is_inside(const struct inflector *f, const struct inflector_ray *ray)
{
    return fabs(ray->x_mm) < f->half_width_mm && fabs(ray->y_mm) < f->half_height_mm;
}

static void scatter(const struct inflector *f, struct rng *r, struct inflector_ray *ray)
{
    if (f->scatter_rad == 0.0) return;
    ray->xp += f->scatter_rad * rng_normal(r);
    ray->yp += f->scatter_rad * rng_normal(r);
}

enum inflector_fate inflector_pass(const struct inflector *f, struct rng *r, struct inflector_ray *ray)
{
    if (!is_inside(f, ray)) return INFLECTOR_AT_ENTRANCE;
    scatter(f, r, ray);
    ray->x_mm += f->length_mm * ray->xp;
    ray->y_mm += f->length_mm * ray->yp;
    if (!is_inside(f, ray)) return INFLECTOR_INSIDE;
    scatter(f, r, ray);
    return INFLECTOR_PASSED;
}

struct inflector_twiss inflector_twiss_at_exit(const struct inflector_twiss *t, double length_mm)
{
    double gamma = (1.0 + t->alpha * t->alpha) / t->beta_mm;
    return (struct inflector_twiss){.beta_mm = t->beta_mm - 2.0 * t->alpha * length_mm + gamma * length_mm * length_mm,
                                    .alpha   = t->alpha - gamma * length_mm,
                                    .emittance_mm = t->emittance_mm};
}

double inflector_aim_slope(double x_mm, double angle_rad)
{
    /* start P = (R0 + x, 0), goal Q; the centre is to the left of P -> Q, above the middle of the chord */
    double px = RING_R0_MM + x_mm;
    double dx = RING_R0_MM * cos(angle_rad) - px, dy = RING_R0_MM * sin(angle_rad);
    double chord = hypot(dx, dy), above = sqrt(RING_R0_MM * RING_R0_MM - 0.25 * chord * chord);
    double cx = px + 0.5 * dx - above * dy / chord, cy = 0.5 * dy + above * dx / chord;
    return cy / (px - cx); /* the radius vector (px - cx, -cy), turned by a quarter */
}
