/* Linear optics of the ring: products of hard-edge matrices. */
#include "ring_field.h"

#include "phys.h"

#include <math.h>

/* ---- linear optics: x'' = -k x + delta / R0 ..., in azimuth; x in mm, x' = p_r / p in rad ---- */

struct matrix {
    double m[3][3];
};

static struct matrix product(const struct matrix *a, const struct matrix *b)
{
    struct matrix c = {0};
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            for (int j = 0; j < 3; j++) c.m[i][j] += a->m[i][k] * b->m[k][j];
    return c;
}

/* A stretch of azimuth with restoring strength k >= 0 per rad^2 (numbers that are none below: not stable) and dispersion
 * source s. */
static struct matrix stretch(double k, double source, double angle)
{
    const double w = sqrt(k);
    if (w == 0.0)
        return (struct matrix){{{1.0, RING_R0_MM * angle, RING_R0_MM * source * 0.5 * angle * angle},
                                {0.0, 1.0, source * angle},
                                {0.0, 0.0, 1.0}}};
    const double c = cos(w * angle), s = sin(w * angle);
    return (struct matrix){{{c, RING_R0_MM * s / w, RING_R0_MM * source * (1.0 - c) / w / w},
                            {-s * w / RING_R0_MM, c, source * s / w},
                            {0.0, 0.0, 1.0}}};
}

/* One turn from phi, both planes. */
static void one_turn(const struct ring *ring, double phi, struct matrix *mx, struct matrix *my)
{
    *mx = *my = stretch(0.0, 0.0, 0.0);
    for (size_t i = 0; i < 2 * ring->n_steps; i++) {
        bool is_first             = i < ring->n_steps;
        const struct ring_step *s = &ring->steps[is_first ? i : i - ring->n_steps];
        double shift = is_first ? 0.0 : 2.0 * PI, begin = fmax(s->phi_rad + shift, phi);
        double end = fmin(s->phi_rad + s->length_rad + shift, phi + 2.0 * PI);
        if (end <= begin || (s->kind != RING_DRIFT && s->kind != RING_PAIR && s->kind != RING_SINGLE)) continue;
        double n         = s->kind != RING_DRIFT ? ring->esq[s->index].base.normal[1] * MAGIC_GAMMA * s->scale : 0.0;
        struct matrix sx = stretch(1.0 - n, 1.0, end - begin);
        struct matrix sy = stretch(n, 0.0, end - begin);
        *mx              = product(&sx, mx);
        *my              = product(&sy, my);
    }
}

static enum err plane_optics(const struct matrix *m, double *nu, double *beta, double *alpha)
{
    double half_trace = 0.5 * (m->m[0][0] + m->m[1][1]);
    REQUIRE(fabs(half_trace) < 1.0, ERR_CONFIG, "ring: the muons' motion is not stable at this field index");
    double mu = acos(half_trace);
    if (m->m[0][1] < 0.0) mu = 2.0 * PI - mu;
    *nu    = mu / (2.0 * PI);
    *beta  = m->m[0][1] / sin(mu);
    *alpha = (m->m[0][0] - m->m[1][1]) / (2.0 * sin(mu));
    return ERR_OK;
}

enum err ring_optics(const struct ring *ring, double phi_rad, struct ring_optics *out)
{
    struct matrix x, y;
    one_turn(ring, phi_rad, &x, &y);
    TRY(plane_optics(&x, &out->nu_x, &out->beta_x_mm, &out->alpha_x));
    TRY(plane_optics(&y, &out->nu_y, &out->beta_y_mm, &out->alpha_y));
    double det            = (1.0 - x.m[0][0]) * (1.0 - x.m[1][1]) - x.m[0][1] * x.m[1][0];
    out->dispersion_mm    = ((1.0 - x.m[1][1]) * x.m[0][2] + x.m[0][1] * x.m[1][2]) / det;
    out->dispersion_slope = (x.m[1][0] * x.m[0][2] + (1.0 - x.m[0][0]) * x.m[1][2]) / det;
    return ERR_OK;
}

enum err ring_mean_optics(const struct ring *ring, struct ring_optics *out)
{
    enum { N = 360 };
    struct ring_optics o, sum = {0};
    for (int i = 0; i < N; i++) {
        TRY(ring_optics(ring, 2.0 * PI * (i + 0.5) / N, &o));
        sum.dispersion_mm += o.dispersion_mm / N;
        sum.beta_x_mm += o.beta_x_mm / N;
        sum.beta_y_mm += o.beta_y_mm / N;
    }
    sum.nu_x = o.nu_x, sum.nu_y = o.nu_y;
    *out = sum;
    return ERR_OK;
}
