/* Runge-Kutta reference; the same text in two precisions. */
#include "ring_reference.h"

#include "phys.h"

#include <math.h>

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
