/* The elementary maps of the tracking engine on VEC_W muons; included by ring_kernel.c alone.
 * Symbols and equations: sim/README.md, "Gun and ring". */
#ifndef GM2_RING_ELEMENT_H
#define GM2_RING_ELEMENT_H

#include "ring_field.h"
#include "ring_vec.h"

#include "phys.h"

/** State of VEC_W muons. Momenta in mm (over e B0). cx = r - pphi: the circle's centre is at (cx, pr). psi: angle of the horizontal momentum outward from the beam
 *  direction; spin of length 1 in the frame (n, y, t); clock: sum of gamma times rotation angle, omega_B t. */
struct lanes {
    vec cx, y, pr, pphi, py, pt, ipt, gamma, igamma, igamma1, psi, sn, sy, st, clock;
};

/* Copies variable by variable, which stay in registers; a struct assignment becomes a slow block move. */
#define LANES(V)                                                                                                       \
    V(cx) V(y) V(pr) V(pphi) V(py) V(pt) V(ipt) V(gamma) V(igamma) V(igamma1) V(psi) V(sn) V(sy) V(st) V(clock)
VEC_INLINE struct lanes take(const struct lanes *from)
{
    struct lanes m;
#define TAKE(v) m.v = from->v;
    LANES(TAKE)
#undef TAKE
    return m;
}
VEC_INLINE void put(const struct lanes *m, struct lanes *to)
{
#define PUT(v) to->v = m->v;
    LANES(PUT)
#undef PUT
}

/* sqrt(1 - u) - 1 and asin(q) with u = q^2: errors below 2e-17 and 2e-18 for |q| < 6 mrad, 2e-13 and 2e-15 for 12. */
VEC_INLINE vec root_minus_one(vec u) { return u * vfma(u, vset(-1.0 / 8.0), vset(-0.5)); }
VEC_INLINE vec arcsine(vec q, vec u) { return vfma(q * u, vfma(u, vset(3.0 / 40.0), vset(1.0 / 6.0)), q); }

/* r - R0 */
VEC_INLINE vec x_of(const struct lanes *m) { return m->cx + (m->pphi - vset(RING_R0_MM)); }

/* Dipole field over an azimuth of `angle`: exact. The centre (cx, pr) only turns. */
VEC_INLINE vec drift_orbit(struct lanes *m, vec angle, vec cosine, vec sine)
{
    vec pr = vfms(m->pr, cosine, m->cx * sine);
    vec q = pr * m->ipt, u = q * q;
    vec pphi  = vfma(m->pt, root_minus_one(u), m->pt);
    vec psi   = arcsine(q, u);
    vec alpha = angle + (m->psi - psi); /* rotation of the momentum in space */
    m->cx     = vfma(m->cx, cosine, m->pr * sine);
    m->pr     = pr;
    m->pphi   = pphi;
    m->psi    = psi;
    m->y      = vfma(m->py, alpha, m->y);
    m->clock  = vfma(m->gamma, alpha, m->clock);
    return alpha;
}

/* Rotation by -a gamma alpha [y - gamma/(gamma+1) beta_y beta], which has no component along n; sin w / w and
 * (1 - cos w) / w^2 to 1e-13 for the 0.03 rad of the longest drift. */
VEC_INLINE void drift_spin(const struct ring *ring, struct lanes *m, vec alpha)
{
    vec k  = vset(ring->a * ring->kappa * ring->kappa) * m->igamma1 * m->py * alpha;
    vec wy = vfms(k, m->py, vset(ring->a) * m->gamma * alpha), wt = k * m->pt;
    vec w2 = vfma(wy, wy, wt * wt);
    vec A  = vfma(w2, vfma(w2, vset(1.0 / 120.0), vset(-1.0 / 6.0)), vset(1.0));
    vec B  = vfma(w2, vfma(w2, vset(1.0 / 720.0), vset(-1.0 / 24.0)), vset(0.5));
    vec ay = A * wy, at = A * wt;
    vec bdot = B * vfma(wy, m->sy, wt * m->st), c = vfnma(B, w2, vset(1.0));
    vec sn = vfma(ay, m->st, vfnma(at, m->sy, c * m->sn));
    vec sy = vfma(c, m->sy, vfma(at, m->sn, bdot * wy));
    vec st = vfma(c, m->st, vfnma(ay, m->sn, bdot * wt));
    m->sn = sn, m->sy = sy, m->st = st;
}

VEC_INLINE void drift(const struct ring *ring, struct lanes *m, vec angle, vec cosine, vec sine)
{
    drift_spin(ring, m, drift_orbit(m, angle, cosine, sine));
}

/* Complex sum of c[m] (z^2)^m with real coefficients, by Clenshaw's two-term recurrence. */
VEC_INLINE void even_sum(const double c[RING_EVEN_TERMS], vec x, vec y, vec *re, vec *im)
{
    vec wr = vfms(x, x, y * y), wi = vset(2.0) * x * y, p = wr + wr, r2 = vfma(x, x, y * y), q = r2 * r2;
    vec b1 = vset(c[RING_EVEN_TERMS - 1]), b2 = vset(0.0);
    for (int i = RING_EVEN_TERMS - 2; i >= 1; i--) {
        vec b0 = vfma(p, b1, vfnma(q, b2, vset(c[i])));
        b2 = b1, b1 = b0;
    }
    *re = vfma(wr, b1, vfnma(q, b2, vset(c[0])));
    *im = wi * b1;
}

/* eps at (x, y) with the force gradient of strength g: f + g f' conj f for f = eps_x - i eps_y, which is analytic;
 * kind is a constant wherever this is inlined. */
VEC_INLINE void field(const struct ring *ring, enum ring_field_kind kind, vec x, vec y, vec g, vec *ex, vec *ey)
{
    vec k = vset(ring->linear), fr, fi, dr = k, di = vset(0.0);
    if (kind == RING_LINEAR || kind == RING_CURVED) {
        vec h = vset(1.0 / RING_R0_MM) * x, gk = g * k, fx = k * x, fy = k * y;
        if (kind == RING_CURVED) fx = fx * vfma(h, vfma(vset(0.5) * h, vset(1.0) - h, vset(-0.5)), vset(1.0));
        *ex = vfma(gk, fx, fx);
        *ey = vfms(gk, fy, fy);
        return;
    }
    if (kind == RING_EVEN) {
        vec re, im;
        even_sum(ring->even, x, y, &re, &im);
        fr = vfms(re, x, im * y);
        fi = vfma(re, y, im * x);
        even_sum(ring->even_slope, x, y, &dr, &di);
    } else {
        fr = vset(ring->normal[RING_MAX_ORDER - 1]), fi = vset(-ring->skew[RING_MAX_ORDER - 1]);
        dr = vset(0.0);
        for (int i = RING_MAX_ORDER - 2; i >= 0; i--) {
            vec t = vfma(dr, x, vfnma(di, y, fr)), u = vfma(fr, x, vfnma(fi, y, vset(ring->normal[i])));
            di = vfma(dr, y, vfma(di, x, fi));
            fi = vfma(fr, y, vfms(fi, x, vset(ring->skew[i])));
            dr = t, fr = u;
        }
    }
    /* conj f = fr - i fi */
    *ex = vfma(g, vfma(dr, fr, di * fi), fr);
    *ey = vset(0.0) - vfma(g, vfms(di, fr, dr * fi), fi);
}

/* U at (x, y). */
VEC_INLINE vec potential(const struct ring *ring, enum ring_field_kind kind, vec x, vec y)
{
    if (kind == RING_LINEAR) return vset(-0.5 * ring->linear) * vfms(x, x, y * y);
    if (kind == RING_CURVED) {
        vec f = x * vset(1.0 / RING_R0_MM);
        vec g = vfma(f, vfma(f, vfma(f, vset(-0.2), vset(0.25)), vset(-1.0 / 3.0)), vset(1.0));
        return vset(-0.5 * ring->linear) * vfms(x * x, g, y * y);
    }
    if (kind == RING_EVEN) {
        vec wr = vfms(x, x, y * y), p = wr + wr, r2 = vfma(x, x, y * y), q = r2 * r2;
        vec b1 = vset(ring->even_U[RING_EVEN_TERMS - 1]), b2 = vset(0.0);
        for (int i = RING_EVEN_TERMS - 2; i >= 0; i--) {
            vec b0 = vfma(p, b1, vfnma(q, b2, vset(ring->even_U[i])));
            b2 = b1, b1 = b0;
        }
        return vfms(q, b2, wr * b1); /* -Re(w sum) = -(wr b1 - q b2) */
    }
    vec re = vset(0.0), im = vset(0.0);
    for (int i = RING_MAX_ORDER - 1; i >= 0; i--) {
        re    = re + vset(ring->normal[i] / (i + 1));
        im    = im - vset(ring->skew[i] / (i + 1));
        vec t = vfms(re, x, im * y);
        im    = vfma(re, y, im * x);
        re    = t;
    }
    return vset(0.0) - re;
}

/* gamma += d. 1/gamma and 1/(gamma+1) follow to first order: 1e-11, taken out once a turn. */
VEC_INLINE void change_gamma(struct lanes *m, vec d)
{
    m->gamma   = m->gamma + d;
    m->igamma  = vfnma(m->igamma * m->igamma, d, m->igamma);
    m->igamma1 = vfnma(m->igamma1 * m->igamma1, d, m->igamma1);
}

/* pt^2 *= 1 + 2 d for d below 1e-5, with 1/pt following. */
VEC_INLINE void change_pt(struct lanes *m, vec d)
{
    vec one = vset(1.0);
    m->pt   = vfma(m->pt * d, vfnma(vset(0.5), d, one), m->pt);
    m->ipt  = vfnma(m->ipt * d, vfnma(vset(1.5), d, one), m->ipt);
}

/* 1/pphi from 1/pt, u = (pr/pt)^2 */
VEC_INLINE vec inverse_pphi(const struct lanes *m, vec u)
{
    return vfma(m->ipt * u, vfma(u, vset(3.0 / 8.0), vset(0.5)), m->ipt);
}

/* What a kick needs to know of its stretch of length h: h / 2, strength of the force gradient, term of the clock. */
struct kick {
    vec weight, gradient, clock;
};
VEC_INLINE struct kick kick_of(const struct ring *ring, vec weight)
{
    return (struct kick){weight, vset(4.0 * RING_GRADIENT * MAGIC_GAMMA) * weight * weight,
                         vset(2.0 * RING_GRADIENT * ring->kappa * ring->kappa) * weight};
}

/* ESQ kick of half a stretch with force gradient, in three parts: several blocks go through one part after another, so
 * that their chains of dependent instructions overlap. */
struct push {
    vec ex, ey;                   /* from kick_field */
    vec dr, dy, pym, work_r, ig0; /* from kick_momentum; ig0: 1/gamma before */
};
VEC_INLINE void kick_field(const struct ring *ring, enum ring_field_kind kind, const struct lanes *m, struct kick k,
                           struct push *p)
{
    field(ring, kind, x_of(m), m->y, k.gradient, &p->ex, &p->ey);
}

VEC_INLINE void kick_momentum(const struct ring *ring, struct lanes *m, struct kick k, struct push *p)
{
    const vec half = vset(0.5), kappa2 = vset(ring->kappa * ring->kappa);
    /* time spent is r gamma / pphi, with gamma at mid kick; e = relative change of gamma up to there */
    vec q = m->pr * m->ipt, ig = m->igamma;
    vec time = (m->cx + m->pphi) * inverse_pphi(m, q * q) * m->gamma * k.weight;
    vec push = vfma(half * time, vfma(p->ex, p->ex, p->ey * p->ey), vfma(m->pr, p->ex, m->py * p->ey));
    vec e    = vset(0.5) * kappa2 * ig * ig * time * push;
    time     = vfma(time, e, time);
    vec dr = time * p->ex, dy = time * p->ey;
    /* the force gradient's counterpart in the clock; in the radial direction spin and clock miss it alike */
    m->clock = vfnma(k.clock * ig, dy * dy, m->clock);

    vec prm = vfma(half, dr, m->pr), pym = vfma(half, dy, m->py);
    vec work_r = prm * dr, work = vfma(pym, dy, work_r);
    change_gamma(m, kappa2 * work * ig * (vset(1.0) - e));
    change_pt(m, work_r * m->ipt * m->ipt);
    m->pr     = m->pr + dr;
    m->py     = m->py + dy;
    q         = m->pr * m->ipt;
    m->psi    = arcsine(q, q * q);
    p->dr     = dr;
    p->dy     = dy;
    p->pym    = pym;
    p->work_r = work_r;
    p->ig0    = ig;
}

/* Spin against the momentum's direction: g p x dp minus the turn of the momentum, at mid kick; about y this is the
 * small a gamma - (1 + a)/gamma, zero at magic momentum. */
VEC_INLINE void kick_spin(const struct ring *ring, struct lanes *m, const struct push *p)
{
    const vec half = vset(0.5), a = vset(ring->a), one_a = vset(1.0 + ring->a);
    vec g   = vset(ring->kappa * ring->kappa) * (a + m->igamma1) * p->ig0;
    vec gpy = g * p->pym, dn = p->dr * m->pphi * m->ipt;
    vec wn = g * vfms(p->pym * p->work_r, m->ipt, m->pt * p->dy);
    vec wy = dn * m->ipt * vfnma(gpy, p->pym, vfms(a, m->gamma, one_a * p->ig0));
    vec wt = gpy * dn; /* minus */
    /* S + w x (S + w x S / 2): |w| < 2e-3 */
    vec hn = vfma(half, vfma(wy, m->st, wt * m->sy), m->sn);
    vec hy = vfnma(half, vfma(wt, m->sn, wn * m->st), m->sy);
    vec ht = vfma(half, vfms(wn, m->sy, wy * m->sn), m->st);
    m->sn  = vfma(wy, ht, vfma(wt, hy, m->sn));
    m->sy  = vfnma(wt, hn, vfnma(wn, ht, m->sy));
    m->st  = vfma(wn, hy, vfnma(wy, hn, m->st));
}

VEC_INLINE void kick(const struct ring *ring, enum ring_field_kind kind, struct lanes *m, struct kick k)
{
    struct push p;
    kick_field(ring, kind, m, k, &p);
    kick_momentum(ring, m, k, &p);
    kick_spin(ring, m, &p);
}

/* Hard edge: sign +1 into the ESQ, -1 out. Energy is conserved: the momentum along phi pays for the potential. The
 * relative change is below 1e-5, so the spin only turns about n to what matters (the rest is below 1e-10). */
VEC_INLINE vec edge_potential(const struct ring *ring, enum ring_field_kind kind, const struct lanes *m, double sign)
{
    return vset(-sign) * potential(ring, kind, x_of(m), m->y); /* dgamma / kappa^2 */
}

VEC_INLINE void edge_apply(const struct ring *ring, struct lanes *m, vec du)
{
    const vec half = vset(0.5), one = vset(1.0), kappa2 = vset(ring->kappa * ring->kappa);
    vec dgamma = kappa2 * du;
    vec work   = vfma(half, dgamma, m->gamma) * du; /* half the change of p^2 */
    vec q = m->pr * m->ipt, ipphi = inverse_pphi(m, q * q);
    vec d = work * ipphi * ipphi, dt = work * m->ipt * m->ipt;
    vec wn = kappa2 * (vset(ring->a) + m->igamma1) * m->igamma * m->py * m->pt * dt;
    change_gamma(m, dgamma);
    change_pt(m, dt);
    vec dphi = m->pphi * d * vfnma(half, d, one);
    m->pphi  = m->pphi + dphi;
    m->cx    = m->cx - dphi;
    m->psi   = vfnma(m->psi, dt, m->psi);
    vec sy   = m->sy;
    m->sy    = vfnma(wn, m->st, sy);
    m->st    = vfma(wn, sy, m->st);
}

VEC_INLINE void edge(const struct ring *ring, enum ring_field_kind kind, struct lanes *m, double sign)
{
    edge_apply(ring, m, edge_potential(ring, kind, m, sign));
}

/* Once a turn: rounding of the carried quantities is taken out. */
VEC_INLINE void renormalise(const struct ring *ring, struct lanes *m)
{
    vec one = vset(1.0), half = vset(0.5), two = vset(2.0), kappa2 = vset(ring->kappa * ring->kappa);
    vec p2     = vfma(m->py, m->py, vfma(m->pr, m->pr, m->pphi * m->pphi));
    vec pt2    = vfma(m->pr, m->pr, m->pphi * m->pphi);
    m->ipt     = m->ipt * vfnma(m->pt, m->ipt, two);
    m->pt      = vfma(half * m->ipt, vfnma(m->pt, m->pt, pt2), m->pt);
    m->ipt     = m->ipt * vfnma(m->pt, m->ipt, two);
    m->gamma   = vfma(half * m->igamma, vfma(kappa2, p2, vfnma(m->gamma, m->gamma, one)), m->gamma);
    m->igamma  = m->igamma * vfnma(m->gamma, m->igamma, two);
    m->igamma1 = m->igamma1 * vfnma(m->gamma + one, m->igamma1, two);
    vec s2     = vfma(m->sn, m->sn, vfma(m->sy, m->sy, m->st * m->st));
    vec f      = vfnma(half, s2, vset(1.5));
    m->sn = m->sn * f, m->sy = m->sy * f, m->st = m->st * f;
}

#endif
