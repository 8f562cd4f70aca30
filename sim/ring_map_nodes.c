/* Gauss nodes of the ESQ in a quarter of the ring. */
#include "ring_map_arc.h"

#include "phys.h"

#include <gsl/gsl_eigen.h>
#include <math.h>

#define DEG (PI / 180.0)
enum { POINTS = 400, MAX_POINTS = POINTS * RING_SECTIONS };

/* The quarter's ESQ as points, and two neighbouring orthogonal polynomials on them. */
struct measure {
    size_t n;
    double phi[MAX_POINTS], weight[MAX_POINTS], p[MAX_POINTS], before[MAX_POINTS];
};

static void make_measure(const struct ring *ring, struct measure *m)
{
    const struct ring_section *section;
    size_t n_sections = ring_sections(ring->layout, &section);
    m->n              = 0;
    for (size_t i = 0; i < n_sections && section[i].begin_deg < 90.0; i++)
        for (int k = 0; k < POINTS; k++) { /* two Gauss nodes in each piece */
            double length = (section[i].end_deg - section[i].begin_deg) * DEG / POINTS;
            double middle = k - k % 2 + 1.0, off = (k % 2 ? 1.0 : -1.0) / sqrt(3.0);
            m->phi[m->n]      = section[i].begin_deg * DEG + length * (middle + off);
            m->weight[m->n]   = length;
            m->p[m->n]        = 1.0;
            m->before[m->n++] = 0.0;
        }
}

/* One step of p_k+1 = (phi - a_k) p_k - b_k p_k-1 (Stieltjes): a_k and the norm of p_k; b_k is the ratio of norms. */
static void step(struct measure *m, double norm_before, double *a, double *norm)
{
    double mean = 0.0;
    *norm       = 0.0;
    for (size_t i = 0; i < m->n; i++) {
        double w = m->weight[i] * m->p[i] * m->p[i];
        *norm += w;
        mean += w * m->phi[i];
    }
    *a = mean / *norm;
    for (size_t i = 0; i < m->n; i++) {
        double next  = (m->phi[i] - *a) * m->p[i] - *norm / norm_before * m->before[i];
        m->before[i] = m->p[i];
        m->p[i]      = next;
    }
}

enum err ring_map_nodes(const struct ring *ring, int n, struct ring_nodes *out)
{
    const size_t N = (size_t)n;
    struct measure m;
    double a[RING_MAP_NODES], norm[RING_MAP_NODES];
    make_measure(ring, &m);
    for (int k = 0; k < n; k++) step(&m, k > 0 ? norm[k - 1] : HUGE_VAL, &a[k], &norm[k]);
    double jacobi[RING_MAP_NODES * RING_MAP_NODES] = {0}, value[RING_MAP_NODES];
    double vector[RING_MAP_NODES * RING_MAP_NODES];
    for (size_t k = 0; k < N; k++) {
        jacobi[k * N + k] = a[k];
        if (k > 0) jacobi[k * N + k - 1] = jacobi[(k - 1) * N + k] = sqrt(norm[k] / norm[k - 1]);
    }
    gsl_matrix_view J = gsl_matrix_view_array(jacobi, N, N), V = gsl_matrix_view_array(vector, N, N);
    gsl_vector_view v            = gsl_vector_view_array(value, N);
    gsl_eigen_symmv_workspace *w = gsl_eigen_symmv_alloc(N);
    REQUIRE(w, ERR_MEMORY, "no memory for the nodes of %d kicks", n);
    (void)gsl_eigen_symmv(&J.matrix, &v.vector, &V.matrix, w);
    gsl_eigen_symmv_free(w);
    (void)gsl_eigen_symmv_sort(&v.vector, &V.matrix, GSL_EIGEN_SORT_VAL_ASC);
    *out = (struct ring_nodes){.n = n, .centre_rad = a[0]};
    for (size_t k = 0; k < N; k++) {
        out->phi_rad[k]    = value[k];
        out->weight_rad[k] = norm[0] * vector[k] * vector[k];
    }
    return ERR_OK;
}
