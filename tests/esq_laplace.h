/* The potential of the ESQ's cross-section by boundary elements: an independent computation for tests.
 *
 * Thin plates, grounded walls and four grounded rods between the plates are cut into straight panels of constant charge;
 * their potential -ln|z - s| is integrated in closed form, and is right in the middle of each panel. */
#ifndef GM2_ESQ_LAPLACE_H
#define GM2_ESQ_LAPLACE_H

#include "esq.h"

#include <complex.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <string.h>

enum { LAPLACE_MAX = 600, LAPLACE_PLATE = 48, LAPLACE_WALL = 32, LAPLACE_ROD = 20, LAPLACE_GROUND = ESQ_PLATES };

#define IMAG ((double complex)_Complex_I)

struct laplace_shape {
    double top_mm, side_mm;            /* widths of the plates */
    double rod_mm, rod_radius_mm;      /* rods at (+-rod, +-rod); radius 0: none */
    double left_mm, right_mm, half_mm; /* walls */
    double out_mm[ESQ_PLATES];         /* plates moved outward */
};

struct laplace {
    double complex begin[LAPLACE_MAX], end[LAPLACE_MAX];
    int owner[LAPLACE_MAX];
    size_t n;
};

/* Panels get shorter towards the ends of a strip, where charge piles up. */
static inline void laplace_strip(struct laplace *l, double complex from, double complex to, int n, int owner)
{
    for (int i = 0; i < n; i++) {
        const double a = 0.5 * (1.0 - cos(M_PI * i / n)), b = 0.5 * (1.0 - cos(M_PI * (i + 1) / n));
        l->begin[l->n]   = from + (to - from) * a;
        l->end[l->n]     = from + (to - from) * b;
        l->owner[l->n++] = owner;
    }
}

static inline void laplace_rod(struct laplace *l, double complex centre, double radius)
{
    for (int i = 0; i < LAPLACE_ROD; i++) {
        l->begin[l->n]   = centre + radius * cexp(2.0 * M_PI * IMAG * i / LAPLACE_ROD);
        l->end[l->n]     = centre + radius * cexp(2.0 * M_PI * IMAG * (i + 1) / LAPLACE_ROD);
        l->owner[l->n++] = LAPLACE_GROUND;
    }
}

static inline void laplace_panels(const struct laplace_shape *s, struct laplace *l)
{
    static const double complex outward[ESQ_PLATES] = {IMAG, -IMAG, -1.0, 1.0};
    l->n                                            = 0;
    for (int p = 0; p < ESQ_PLATES; p++) {
        const double half           = 0.5 * (p < ESQ_INNER ? s->top_mm : s->side_mm);
        const double complex centre = outward[p] * (50.0 + s->out_mm[p]), along = IMAG * outward[p] * half;
        laplace_strip(l, centre - along, centre + along, LAPLACE_PLATE, p);
    }
    const double complex corner[4] = {s->left_mm - IMAG * s->half_mm, s->right_mm - IMAG * s->half_mm,
                                      s->right_mm + IMAG * s->half_mm, s->left_mm + IMAG * s->half_mm};
    for (int i = 0; i < 4; i++) laplace_strip(l, corner[i], corner[(i + 1) % 4], LAPLACE_WALL, LAPLACE_GROUND);
    for (int i = 0; i < 4 && s->rod_radius_mm > 0.0; i++)
        laplace_rod(l, s->rod_mm * ((i & 1 ? 1.0 : -1.0) + IMAG * (i & 2 ? 1.0 : -1.0)), s->rod_radius_mm);
}

static inline double complex laplace_log(double complex w) { return w == 0.0 ? 0.0 : w * clog(w) - w; }

/* Potential at z of a panel with a unit of charge per length. */
static inline double laplace_of_panel(const struct laplace *l, size_t i, double complex z)
{
    const double complex along = (l->end[i] - l->begin[i]) / cabs(l->end[i] - l->begin[i]);
    return -creal(laplace_log((z - l->begin[i]) / along) - laplace_log((z - l->end[i]) / along));
}

/* b_n and a_n on 45 mm: of -ln|z - s| they are Re and -Im of (45 / s)^n / n, integrated over the panel. */
static inline void laplace_add(const struct laplace *l, size_t i, double charge, struct esq_multipoles *out)
{
    const double complex along = (l->end[i] - l->begin[i]) / cabs(l->end[i] - l->begin[i]);
    out->normal_V[0] += charge * laplace_of_panel(l, i, 0.0);
    for (int n = 1; n < ESQ_ORDERS; n++) {
        double complex c = n == 1 ? 45.0 * clog(l->end[i] / l->begin[i])
                                  : 45.0 / (n - 1) * (cpow(45.0 / l->begin[i], n - 1) - cpow(45.0 / l->end[i], n - 1));
        c *= charge / (along * n);
        out->normal_V[n] += creal(c);
        out->skew_V[n] -= cimag(c);
    }
}

/* Multipoles for plates at these voltages. */
static inline void laplace_solve(const struct laplace_shape *shape, const double plate_kV[ESQ_PLATES],
                                 struct esq_multipoles *out)
{
    static struct laplace l;
    laplace_panels(shape, &l);
    gsl_matrix *m = gsl_matrix_alloc(l.n, l.n);
    gsl_vector *v = gsl_vector_alloc(l.n), *q = gsl_vector_alloc(l.n);
    gsl_permutation *p = gsl_permutation_alloc(l.n);
    int sign;
    for (size_t i = 0; i < l.n; i++) {
        gsl_vector_set(v, i, l.owner[i] == LAPLACE_GROUND ? 0.0 : 1e3 * plate_kV[l.owner[i]]);
        for (size_t k = 0; k < l.n; k++)
            gsl_matrix_set(m, i, k, laplace_of_panel(&l, k, 0.5 * (l.begin[i] + l.end[i])));
    }
    gsl_linalg_LU_decomp(m, p, &sign);
    gsl_linalg_LU_solve(m, p, v, q);
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < l.n; i++) laplace_add(&l, i, gsl_vector_get(q, i), out);
    gsl_matrix_free(m), gsl_vector_free(v), gsl_vector_free(q), gsl_permutation_free(p);
}

#endif
