/* Runge-Kutta reference; the same text in two precisions. */
#include "ring_reference.h"

#include "phys.h"

#include <math.h>

/* Where along the ring a derivative is taken. */
struct where {
    bool is_esq, is_soft;
    int section, kicker; /* kicker: -1 none */
    double phi_rad;
    double s[4]; /* soft edges: the field's fall and its derivatives along the beam */
};

/* The kicker that holds an azimuth; steps are cut inside kickers, so their slices' ends do not matter much. */
static void where_kicker(const struct ring *ring, double phi_rad, struct where *at)
{
    at->kicker = -1;
    for (int i = 0; i < KICKERS; i++) {
        const struct ring_kicker *k = &ring->kicker[i];
        if (fabs(phi_rad * 180.0 / PI - k->centre_deg) < 0.5 * k->length_deg) at->kicker = i;
    }
}

static void where_azimuth(const struct ring *ring, double phi_rad, struct where *at)
{
    const struct ring_section *section;
    at->phi_rad = phi_rad;
    if (!at->is_soft) return;
    size_t n = ring_sections(ring->layout, &section);
    at->s[0] = at->s[1] = at->s[2] = at->s[3] = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double mm = RING_R0_MM * PI / 180.0, deg = phi_rad * 180.0 / PI, h = 0.05;
        double in = (section[i].begin_deg - deg) * mm, out = (deg - section[i].end_deg) * mm;
        double z = in > out ? in : out, sign = in > out ? -1.0 : 1.0, d[2], a[2], b[2]; /* z grows outward */
        if (z > ring->edge_mm) continue;
        at->section = (int)i;
        at->s[0]    = 1.0;
        if (z < -ring->edge_mm) continue;
        at->s[0] = esq_enge(z, d);
        (void)esq_enge(z - h, a);
        (void)esq_enge(z + h, b);
        at->s[1] = sign * d[0];
        at->s[2] = d[1];
        at->s[3] = sign * (b[1] - a[1]) / (2.0 * h);
    }
}

enum { R, Y, PR, PPHI, PY, CLOCK, SR, SY, SPHI, N_STATE };

#define REAL    long double
#define NAME(x) x##_long
#define SQRT    sqrtl
#include "ring_reference_inc.h"
#undef REAL
#undef NAME
#undef SQRT
#define REAL    double
#define NAME(x) x##_f64
#define SQRT    sqrt
#include "ring_reference_inc.h"

struct ring_reference ring_reference_start(const struct ring *ring, double x_mm, double y_mm, const double p_GeV[3],
                                           const double spin[3], double t_ns)
{
    const long double per = 1.0L / (long double)ring->GeV;
    return (struct ring_reference){.r     = (long double)RING_R0_MM + (long double)x_mm,
                                   .y     = (long double)y_mm,
                                   .p_r   = (long double)p_GeV[0] * per,
                                   .p_phi = (long double)p_GeV[1] * per,
                                   .p_y   = (long double)p_GeV[2] * per,
                                   .clock = (long double)ring->omega_B * (long double)t_ns,
                                   .s_r   = (long double)spin[0],
                                   .s_phi = (long double)spin[1],
                                   .s_y   = (long double)spin[2]};
}

void ring_reference_turns(const struct ring *ring, struct ring_reference *m, int64_t n, int steps_per_turn)
{
    long double v[N_STATE] = {m->r, m->y, m->p_r, m->p_phi, m->p_y, m->clock, m->s_r, m->s_y, m->s_phi};
    turns_long(ring, v, n, steps_per_turn);
    *m = (struct ring_reference){v[R], v[Y], v[PR], v[PPHI], v[PY], v[CLOCK], v[SR], v[SY], v[SPHI]};
}

void ring_reference_turns_f64(const struct ring *ring, double muon[9], int64_t n, int steps_per_turn)
{
    turns_f64(ring, muon, n, steps_per_turn);
}

long double ring_reference_phase(const struct ring_reference *m)
{
    /* along and outward across the horizontal momentum; the spin turns from along to inward */
    long double along = m->s_phi * m->p_phi + m->s_r * m->p_r, across = m->s_r * m->p_phi - m->s_phi * m->p_r;
    return atan2l(-across, along);
}

long double ring_reference_gamma(const struct ring *ring, const struct ring_reference *m)
{
    long double k = (long double)ring->kappa, p2 = m->p_r * m->p_r + m->p_phi * m->p_phi + m->p_y * m->p_y;
    return sqrtl(1.0L + k * k * p2);
}
