/* The elementary maps of the tracking engine on VEC_W muons; included by ring_kernel.c alone.
 * Symbols and equations: sim/README.md, "Gun and ring". */
#ifndef GM2_RING_ELEMENT_H
#define GM2_RING_ELEMENT_H

#include "ring_field.h"
#include "ring_vec.h"

#include "phys.h"

#define GRADIENT ((2.0 - 1.7320508075688772935) / 12.0) /* Chin's 4A, on kicks of half the stretch */

/** State of VEC_W muons. Momenta in mm (over e B0). psi: angle of the horizontal momentum outward from the beam
 *  direction; spin of length 1 in the frame (n, y, t); clock: sum of gamma times rotation angle, omega_B t. */
struct lanes {
    vec r, y, pr, pphi, py, pt, ipt, gamma, igamma, igamma1, psi, sn, sy, st, clock;
};

/* sqrt(1 - u) - 1 and asin(q)/q - 1 with u = q^2, to rounding for |q| < 0.012 and to 3e-14 for 0.03. */
VEC_INLINE vec root_minus_one(vec u)
{
    vec p = vfma(u, vset(-1.0 / 16.0), vset(-1.0 / 8.0));
    return u * vfma(u, p, vset(-0.5));
}
VEC_INLINE vec arcsine(vec q, vec u)
{
    vec p = vfma(u, vset(5.0 / 112.0), vset(3.0 / 40.0));
    p     = vfma(u, p, vset(1.0 / 6.0));
    return vfma(q * u, p, q);
}

/* Rotation of the spin by the vector (wn, wy, wt), |w| < 0.05: S' = S + A w x S + B w x (w x S). */
VEC_INLINE void rotate_spin(struct lanes *m, vec wn, vec wy, vec wt)
{
    vec w2 = vfma(wn, wn, vfma(wy, wy, wt * wt));
    vec A  = vfma(w2, vfma(w2, vset(1.0 / 120.0), vset(-1.0 / 6.0)), vset(1.0));
    vec B  = vfma(w2, vset(-1.0 / 24.0), vset(0.5));
    vec cn = vfms(wy, m->st, wt * m->sy), cy = vfms(wt, m->sn, wn * m->st), ct = vfms(wn, m->sy, wy * m->sn);
    vec dn = vfms(wy, ct, wt * cy), dy = vfms(wt, cn, wn * ct), dt = vfms(wn, cy, wy * cn);
    m->sn = vfma(A, cn, vfma(B, dn, m->sn));
    m->sy = vfma(A, cy, vfma(B, dy, m->sy));
    m->st = vfma(A, ct, vfma(B, dt, m->st));
}

/* Dipole field over an azimuth of `angle`: exact. The centre of the circle is (r - pphi, pr). */
VEC_INLINE void drift(const struct ring *ring, struct lanes *m, vec angle, vec cosine, vec sine)
{
    vec cx = m->r - m->pphi;
    vec pr = vfms(m->pr, cosine, cx * sine);
    vec q = pr * m->ipt, u = q * q;
    vec pphi  = vfma(m->pt, root_minus_one(u), m->pt);
    vec psi   = arcsine(q, u);
    vec alpha = angle + (m->psi - psi); /* rotation of the momentum in space */
    m->r      = vfma(cx, cosine, vfma(m->pr, sine, pphi));
    m->pr     = pr;
    m->pphi   = pphi;
    m->psi    = psi;
    m->y      = vfma(m->py, alpha, m->y);
    m->clock  = vfma(m->gamma, alpha, m->clock);

    /* spin: -a gamma alpha [y - gamma/(gamma+1) beta_y beta], no component along n */
    vec a  = vset(ring->a);
    vec k  = vset(ring->a * ring->kappa * ring->kappa) * m->igamma1 * m->py * alpha;
    vec wy = vfms(k, m->py, a * m->gamma * alpha), wt = k * m->pt;
    vec w2  = vfma(wy, wy, wt * wt);
    vec A   = vfma(w2, vfma(w2, vfma(w2, vset(-1.0 / 5040.0), vset(1.0 / 120.0)), vset(-1.0 / 6.0)), vset(1.0));
    vec B   = vfma(w2, vfma(w2, vfma(w2, vset(-1.0 / 40320.0), vset(1.0 / 720.0)), vset(-1.0 / 24.0)), vset(0.5));
    vec dot = vfma(wy, m->sy, wt * m->st), bdot = B * dot, c = vfnma(B, w2, vset(1.0));
    vec sn = vfma(A, vfms(wy, m->st, wt * m->sy), c * m->sn);
    vec sy = vfma(c, m->sy, vfma(A * wt, m->sn, bdot * wy));
    vec st = vfnma(A * wy, m->sn, vfma(c, m->st, bdot * wt));
    m->sn = sn, m->sy = sy, m->st = st;
}

/* eps at (x, y); kind is a constant wherever this is inlined. */
VEC_INLINE void field(const struct ring *ring, enum ring_field_kind kind, vec x, vec y, vec *ex, vec *ey)
{
    vec k = vset(ring->linear);
    if (kind == RING_LINEAR) {
        *ex = k * x;
        *ey = vset(0.0) - k * y;
    } else if (kind == RING_EVEN) { /* real coefficients of w = z^2: two-term recurrence */
        vec p = vset(2.0) * vfms(x, x, y * y), r2 = vfma(x, x, y * y), q = r2 * r2;
        vec b1 = vset(ring->even[RING_EVEN_TERMS - 1]), b2 = vset(0.0);
        for (int i = RING_EVEN_TERMS - 2; i >= 1; i--) {
            vec b0 = vfma(p, b1, vfnma(q, b2, vset(ring->even[i])));
            b2 = b1, b1 = b0;
        }
        /* sum = even[0] + w b1 - q b2, times z; conjugate */
        vec wr = vset(0.5) * p, wi = vset(2.0) * x * y;
        vec re = vfma(wr, b1, vfnma(q, b2, vset(ring->even[0]))), im = wi * b1;
        *ex = vfms(re, x, im * y);
        *ey = vset(0.0) - vfma(re, y, im * x);
    } else {
        vec re = vset(0.0), im = vset(0.0);
        for (int i = RING_MAX_ORDER - 1; i >= 0; i--) {
            vec t = vfma(re, x, vfnma(im, y, vset(ring->normal[i])));
            im    = vfma(re, y, vfms(im, x, vset(ring->skew[i])));
            re    = t;
        }
        *ex = re;
        *ey = vset(0.0) - im;
    }
}

/* U at (x, y). */
VEC_INLINE vec potential(const struct ring *ring, enum ring_field_kind kind, vec x, vec y)
{
    if (kind == RING_LINEAR) return vset(-0.5 * ring->linear) * vfms(x, x, y * y);
    if (kind == RING_EVEN) {
        vec wr = vfms(x, x, y * y), p = wr + wr, r2 = vfma(x, x, y * y), q = r2 * r2;
        vec b1 = vset(ring->even[RING_EVEN_TERMS - 1] * (0.5 / RING_EVEN_TERMS)), b2 = vset(0.0);
        for (int i = RING_EVEN_TERMS - 2; i >= 0; i--) {
            vec b0 = vfma(p, b1, vfnma(q, b2, vset(ring->even[i] * (0.5 / (i + 1)))));
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

/* gamma += d, with 1/gamma and 1/(gamma+1) following (relative steps below 1e-5). */
VEC_INLINE void change_gamma(struct lanes *m, vec d)
{
    vec e = d * m->igamma, e1 = d * m->igamma1, one = vset(1.0);
    m->gamma   = m->gamma + d;
    m->igamma  = vfnma(m->igamma * e, one - e, m->igamma);
    m->igamma1 = vfnma(m->igamma1 * e1, one - e1, m->igamma1);
}

/* pt^2 *= 1 + 2 d, with 1/pt following. */
VEC_INLINE void change_pt(struct lanes *m, vec d)
{
    vec one = vset(1.0);
    m->pt   = vfma(m->pt * d, vfnma(vset(0.5) * d, one - d, one), m->pt);
    m->ipt  = vfnma(m->ipt * d, vfnma(vset(1.5) * d, vfnma(vset(5.0 / 3.0), d, one), one), m->ipt);
}

/* ESQ kick of half a stretch (weight = h / 2) with force gradient. */
VEC_INLINE void kick(const struct ring *ring, enum ring_field_kind kind, struct lanes *m, vec weight)
{
    const double kappa2 = ring->kappa * ring->kappa;
    vec half = vset(0.5), one = vset(1.0), ex, ey;
    field(ring, kind, m->r - vset(RING_R0_MM), m->y, &ex, &ey);
    vec f = vset(4.0 * GRADIENT * ring->n_inside) * weight * weight;
    ex    = vfma(ex, f, ex);
    ey    = vfnma(ey, f, ey);

    /* 1/pphi from 1/pt; time spent r gamma / pphi with gamma at mid kick */
    vec q = m->pr * m->ipt, u = q * q;
    vec ipphi = vfma(m->ipt * u, vfma(u, vfma(u, vset(5.0 / 16.0), vset(3.0 / 8.0)), half), m->ipt);
    vec time  = m->r * ipphi * m->gamma * weight;
    vec dr = time * ex, dy = time * ey;
    vec e = vset(0.5 * kappa2) * m->igamma * m->igamma *
            vfma(vfma(half, dr, m->pr), dr, vfma(half, dy, m->py) * dy); /* (gamma_mid - gamma) / gamma */
    dr = vfma(dr, e, dr);
    dy = vfma(dy, e, dy);

    vec prm = vfma(half, dr, m->pr), pym = vfma(half, dy, m->py);
    vec work_r = prm * dr, work = vfma(pym, dy, work_r);
    vec ig0 = m->igamma, ig10 = m->igamma1, pt0 = m->pt, ipt0 = m->ipt;
    change_gamma(m, vset(kappa2) * work * m->igamma * (one - e));
    change_pt(m, work_r * m->ipt * m->ipt);
    m->pr  = m->pr + dr;
    m->py  = m->py + dy;
    q      = m->pr * m->ipt;
    m->psi = arcsine(q, q * q);

    /* the force gradient's counterpart in the clock; in the radial direction spin and clock miss it alike */
    m->clock = vfnma(vset(2.0 * GRADIENT * kappa2) * weight * ig0, dy * dy, m->clock);

    /* spin against the momentum's direction, all at mid kick */
    vec ptm = half * (pt0 + m->pt), iptm = half * (ipt0 + m->ipt);
    vec igm = half * (ig0 + m->igamma), ig1m = half * (ig10 + m->igamma1);
    vec g  = vset(kappa2) * (vset(ring->a) + ig1m) * igm;
    vec dn = dr * m->pphi * iptm, dt = work_r * iptm;
    vec wn = g * vfms(pym, dt, ptm * dy);
    vec wy = dn * vfms(g, ptm, iptm);
    vec wt = vset(0.0) - g * pym * dn;
    rotate_spin(m, wn, wy, wt);
}

/* Hard edge: sign +1 into the ESQ, -1 out. Energy is conserved: the momentum along phi pays for the potential. */
VEC_INLINE void edge(const struct ring *ring, enum ring_field_kind kind, struct lanes *m, double sign)
{
    const double kappa2 = ring->kappa * ring->kappa;
    vec half = vset(0.5), one = vset(1.0);
    vec du     = vset(-sign) * potential(ring, kind, m->r - vset(RING_R0_MM), m->y); /* dgamma / kappa^2 */
    vec dgamma = vset(kappa2) * du;
    vec gmid   = vfma(half, dgamma, m->gamma);
    vec work   = gmid * du; /* half the change of p^2 */
    vec q = m->pr * m->ipt, u = q * q;
    vec ipphi = vfma(m->ipt * u, vfma(u, vfma(u, vset(5.0 / 16.0), vset(3.0 / 8.0)), half), m->ipt);
    vec d     = work * ipphi * ipphi;
    vec dphi  = m->pphi * d * vfnma(half * d, one - d, one);
    vec g     = vset(kappa2) * (vset(ring->a) + m->igamma1) * m->igamma;
    vec dt = dphi * m->pphi * m->ipt, dn = vset(0.0) - dphi * q;
    change_gamma(m, dgamma);
    change_pt(m, work * m->ipt * m->ipt);
    m->pphi = m->pphi + dphi;
    q       = m->pr * m->ipt;
    m->psi  = arcsine(q, q * q);
    vec wn  = g * m->py * dt;
    vec wy  = dn * vfms(g, m->pt, m->ipt);
    vec wt  = vset(0.0) - g * m->py * dn;
    /* below 1e-7: first order is exact */
    vec sn = vfma(wy, m->st, vfnma(wt, m->sy, m->sn));
    vec sy = vfma(wt, m->sn, vfnma(wn, m->st, m->sy));
    m->st  = vfma(wn, m->sy, vfnma(wy, m->sn, m->st));
    m->sn = sn, m->sy = sy;
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
