/* The helix in the uniform field, in the frame of positron.h (plane ahead at z = 0, x from the ring's axis). Exact; for any
 * charged particle, curvature k in its state. Tests: tests/t_positron.c, tests/t_lost_muon.c */
#ifndef GM2_POSITRON_HELIX_H
#define GM2_POSITRON_HELIX_H

#include "phys.h"
#include "positron.h"

#include <math.h>

struct positron_circle {
    double x, z, radius, u_h; /* centre, radius [mm], horizontal part of the unit direction */
};

static inline struct positron_circle positron_circle_of(const struct positron_state *p)
{
    double u_h = sqrt(p->ux * p->ux + p->uz * p->uz), per = 1.0 / p->k;
    return (struct positron_circle){p->x - p->uz * per, p->z + p->ux * per, u_h * per, u_h};
}

/** Moves along the helix to where the unit vector from the circle's centre is (ex, ez), less than a turn ahead. */
static inline void positron_helix_to(struct positron_state *p, const struct positron_circle *c, double ex, double ez)
{
    double sine = (p->ux * ex + p->uz * ez) / c->u_h, cosine = (p->uz * ex - p->ux * ez) / c->u_h;
    double angle = atan2(sine, cosine);
    if (angle < -1e-9) angle += 2.0 * PI; /* rounding may put the target a hair behind */
    double path = angle * c->radius / c->u_h;
    p->x        = c->x + c->radius * ex;
    p->z        = c->z + c->radius * ez;
    p->y += p->uy * path;
    p->ux = -ez * c->u_h;
    p->uz = ex * c->u_h;
    p->s += path;
}

/** The ray z = 0, x > 0 meets the circle at its larger x first, coming from outside. 0: no meeting. */
static inline double positron_ray_meets(const struct positron_circle *c)
{
    double root = c->radius * c->radius - c->z * c->z;
    return root > 0.0 ? c->x + sqrt(root) : 0.0;
}

/** Moves to where the helix next crosses the cylinder of radius r inward; 0 if it never does. */
static inline int positron_helix_to_radius(struct positron_state *p, const struct positron_circle *c, double r)
{
    double centre2 = c->x * c->x + c->z * c->z, centre = sqrt(centre2);
    double along = (r * r - centre2 - c->radius * c->radius) / (2.0 * c->radius * centre);
    if (!(fabs(along) < 1.0)) return 0;
    double across = sqrt(1.0 - along * along), ex = c->x / centre, ez = c->z / centre;
    positron_helix_to(p, c, along * ex - across * ez, along * ez + across * ex);
    return 1;
}

/** Turns the frame about the ring's axis, so that the plane at this angle ahead comes to z = 0. */
static inline void positron_turn(struct positron_state *p, double cosine, double sine)
{
    double x = p->x, z = p->z, ux = p->ux, uz = p->uz;
    p->x  = x * cosine + z * sine;
    p->z  = z * cosine - x * sine;
    p->ux = ux * cosine + uz * sine;
    p->uz = uz * cosine - ux * sine;
}

#endif
