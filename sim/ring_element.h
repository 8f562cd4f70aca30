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
VEC_INLINE void drift_spin_edm(const struct ring *ring, struct lanes *m, vec alpha);
VEC_INLINE void drift_spin(const struct ring *ring, struct lanes *m, vec alpha)
{
    if (__builtin_expect(ring->eta != 0.0, 0)) {
        drift_spin_edm(ring, m, alpha);
        return;
    }
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

/* The same with (eta / 2) gamma beta_t alpha about n. */
VEC_INLINE void drift_spin_edm(const struct ring *ring, struct lanes *m, vec alpha)
{
    vec k  = vset(ring->a * ring->kappa * ring->kappa) * m->igamma1 * m->py * alpha;
    vec wn = vset(0.5 * ring->eta * ring->kappa) * m->pt * alpha;
    vec wy = vfms(k, m->py, vset(ring->a) * m->gamma * alpha), wt = k * m->pt;
    vec w2 = vfma(wn, wn, vfma(wy, wy, wt * wt));
    vec A  = vfma(w2, vfma(w2, vset(1.0 / 120.0), vset(-1.0 / 6.0)), vset(1.0));
    vec B  = vfma(w2, vfma(w2, vset(1.0 / 720.0), vset(-1.0 / 24.0)), vset(0.5));
    vec an = A * wn, ay = A * wy, at = A * wt;
    vec bdot = B * vfma(wn, m->sn, vfma(wy, m->sy, wt * m->st)), c = vfnma(B, w2, vset(1.0));
    vec sn = vfma(ay, m->st, vfnma(at, m->sy, vfma(c, m->sn, bdot * wn)));
    vec sy = vfma(c, m->sy, vfma(at, m->sn, vfnma(an, m->st, bdot * wy)));
    vec st = vfma(c, m->st, vfnma(ay, m->sn, vfma(an, m->sy, bdot * wt)));
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

/* One section of the ESQ with the sizes of its falling terms for each muon. */
struct esq_now {
    const struct ring_esq *esq;
    const vec *amplitude; /* [esq->n_terms] */
};

/* Sum of c[m] w^m for one part of a section now: by Clenshaw's recurrence as even_sum(). */
enum table { VALUE, SLOPE, POTENTIAL };
VEC_INLINE const double *coefficients(const struct ring_polynomials *p, enum table t, enum ring_part part)
{
    return t == VALUE ? p->value[part] : t == SLOPE ? p->slope[part] : p->U[part];
}
struct square {
    vec wr, wi, p, q; /* w = z^2, 2 Re w, |w|^2 */
};
VEC_INLINE struct square square_of(vec x, vec y)
{
    vec wr = vfms(x, x, y * y), r2 = vfma(x, x, y * y);
    return (struct square){wr, vset(2.0) * x * y, wr + wr, r2 * r2};
}
VEC_INLINE void part_sum(const struct esq_now *e, bool is_varying, enum table t, enum ring_part part, struct square w,
                         vec *re, vec *im)
{
    const double *base = coefficients(&e->esq->base_by_part, t, part);
    vec c[RING_EVEN_TERMS], b2 = vset(0.0), b1;
    for (int m = 0; m < RING_EVEN_TERMS; m++) c[m] = vset(base[m]);
    for (int i = 0; is_varying && i < e->esq->n_terms; i++) {
        if (!(e->esq->term_by_part[i].parts >> part & 1u)) continue;
        const double *add = coefficients(&e->esq->term_by_part[i], t, part);
        for (int m = 0; m < RING_EVEN_TERMS; m++) c[m] = vfma(e->amplitude[i], vset(add[m]), c[m]);
    }
    b1 = c[RING_EVEN_TERMS - 1];
    for (int m = RING_EVEN_TERMS - 2; m >= 1; m--) {
        vec b0 = vfma(w.p, b1, vfnma(w.q, b2, c[m]));
        b2 = b1, b1 = b0;
    }
    *re = vfma(w.wr, b1, vfnma(w.q, b2, c[0]));
    *im = w.wi * b1;
}

/* f and f' of a section by the parts that it has; see struct ring_polynomials. */
VEC_INLINE void section_field(const struct esq_now *e, bool is_varying, vec x, vec y, vec *fr, vec *fi, vec *dr,
                              vec *di)
{
    const struct square w = square_of(x, y);
    const unsigned parts  = e->esq->parts;
    vec re, im, r, i;
    part_sum(e, is_varying, VALUE, RING_A, w, &re, &im);
    part_sum(e, is_varying, SLOPE, RING_A, w, dr, di);
    *fr = vfms(re, x, im * y);
    *fi = vfma(re, y, im * x);
    if (parts >> RING_B & 1u) {
        part_sum(e, is_varying, VALUE, RING_B, w, &re, &im);
        part_sum(e, is_varying, SLOPE, RING_B, w, &r, &i);
        *fr = *fr + re;
        *fi = *fi + im;
        *dr = vfma(r, x, vfnma(i, y, *dr));
        *di = vfma(r, y, vfma(i, x, *di));
    }
    if (parts >> RING_C & 1u) {
        part_sum(e, is_varying, VALUE, RING_C, w, &re, &im);
        part_sum(e, is_varying, SLOPE, RING_C, w, &r, &i);
        *fr = *fr + im;
        *fi = *fi - re;
        *dr = vfma(r, y, vfma(i, x, *dr));
        *di = vfma(i, y, vfnma(r, x, *di));
    }
    if (parts >> RING_D & 1u) {
        part_sum(e, is_varying, VALUE, RING_D, w, &re, &im);
        part_sum(e, is_varying, SLOPE, RING_D, w, &r, &i);
        *fr = vfma(re, y, vfma(im, x, *fr));
        *fi = vfma(im, y, vfnma(re, x, *fi));
        *dr = *dr + i;
        *di = *di - r;
    }
}

/* U of a section by parts. */
VEC_INLINE vec section_potential(const struct esq_now *e, bool is_varying, vec x, vec y)
{
    const struct square w = square_of(x, y);
    const unsigned parts  = e->esq->parts;
    vec re, im, u = vset(e->esq->base.constant);
    for (int i = 0; is_varying && i < e->esq->n_terms; i++)
        u = vfma(e->amplitude[i], vset(e->esq->term[i].constant), u);
    part_sum(e, is_varying, POTENTIAL, RING_A, w, &re, &im);
    u = u - vfms(w.wr, re, w.wi * im);
    if (parts >> RING_B & 1u) {
        part_sum(e, is_varying, POTENTIAL, RING_B, w, &re, &im);
        u = u - vfms(x, re, y * im);
    }
    if (parts >> RING_C & 1u) {
        part_sum(e, is_varying, POTENTIAL, RING_C, w, &re, &im);
        u = u - vfma(x, im, y * re);
    }
    if (parts >> RING_D & 1u) {
        part_sum(e, is_varying, POTENTIAL, RING_D, w, &re, &im);
        u = u - vfma(w.wr, im, w.wi * re);
    }
    return u;
}

/* eps at (x, y) with the force gradient of strength g: f + g f' conj f for f = eps_x - i eps_y, which is analytic;
 * kind is a constant wherever this is inlined. */
VEC_INLINE void field(const struct ring *ring, enum ring_field_kind kind, const struct esq_now *e, vec x, vec y, vec g,
                      vec *ex, vec *ey)
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
        section_field(e, kind == RING_VARYING, x, y, &fr, &fi, &dr, &di);
    }
    /* conj f = fr - i fi */
    *ex = vfma(g, vfma(dr, fr, di * fi), fr);
    *ey = vset(0.0) - vfma(g, vfms(di, fr, dr * fi), fi);
}

/* U at (x, y). */
VEC_INLINE vec potential(const struct ring *ring, enum ring_field_kind kind, const struct esq_now *e, vec x, vec y)
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
    return section_potential(e, kind == RING_VARYING, x, y);
}

/* exp(-u) for u >= 0, to 1e-14; 0 at once beyond 45. The 64th root by its series, then squares: the same in every
 * instruction set's arithmetic, unlike a library's. */
VEC_INLINE vec fall(vec u)
{
    vec v = vset(-1.0 / 64.0) * vpick(vless(u, vset(45.0)), u, vset(45.0)), e = vset(1.0);
    for (int n = 15; n >= 1; n--) e = vfma(e, v * vset(1.0 / n), vset(1.0));
    for (int i = 0; i < 6; i++) e = e * e;
    return vpick(vless(u, vset(45.0)), e, vset(0.0));
}

/* Size of what falls at a clock reading. */
VEC_INLINE vec esq_size(const struct ring *ring, const struct esq_time *time, vec clock)
{
    double tau = time->tau_ns > 1e-3 ? time->tau_ns : 1e-3; /* 0: a step */
    vec t      = clock * vset(1.0 / ring->omega_B);
    return fall(vmax((t - vset(time->begin_ns)) * vset(1.0 / tau), vset(0.0)));
}

/* Sizes of a section's falling terms at a clock reading ahead_ns later. */
VEC_INLINE void esq_amplitudes(const struct ring *ring, const struct ring_esq *esq, vec clock, double ahead_ns,
                               vec amplitude[ESQ_PLATES])
{
    for (int i = 0; i < esq->n_terms; i++)
        amplitude[i] = esq_size(ring, &esq->time[i], clock + vset(ahead_ns * ring->omega_B));
}

/* The same within a turn that began with the sizes at_start of ring->time at clock_start: exp() of the little that u has
 * grown since, by its series, to 1e-14 for u below SHORT_U. */
#define SHORT_U 0.08
VEC_INLINE void esq_amplitudes_on(const struct ring *ring, const struct ring_esq *esq, vec clock, double ahead_ns,
                                  vec clock_start, const vec *at_start, vec amplitude[ESQ_PLATES])
{
    const vec per = vset(1.0 / ring->omega_B), t0 = clock_start * per, t = vfma(clock, per, vset(ahead_ns));
    for (int i = 0; i < esq->n_terms; i++) {
        const vec begin = vset(esq->time[i].begin_ns), rate = vset(1.0 / esq->time[i].tau_ns), none = vset(0.0);
        vec v = vmax(t0 - begin, none) - vmax(t - begin, none), u = v * rate, e = vset(1.0);
        for (int n = 7; n >= 1; n--) e = vfma(e, u * vset(1.0 / n), vset(1.0));
        amplitude[i] = e * at_start[esq->time_index[i]];
    }
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
    double fringe; /* soft edges: of what grows with x^3 and y^3 */
};
VEC_INLINE struct kick kick_of(const struct ring *ring, const struct ring_step *s, vec weight)
{
    vec scale = vset(s->scale);
    double K  = ring->esq[s->index].base.normal[1];
    return (struct kick){weight * scale, vset(4.0 * RING_GRADIENT * MAGIC_GAMMA) * weight * weight * scale,
                         vset(2.0 * RING_GRADIENT * ring->kappa * ring->kappa) * weight,
                         s->fringe == 0.0 ? 0.0 : s->fringe * K / (6.0 * s->scale)};
}

/* ESQ kick of half a stretch with force gradient, in three parts: several blocks go through one part after another, so
 * that their chains of dependent instructions overlap. */
struct push {
    vec ex, ey;                   /* from kick_field */
    vec dr, dy, pym, work_r, ig0; /* from kick_momentum; ig0: 1/gamma before */
};
/* Written so that a number that is none counts as outside. */
VEC_INLINE unsigned outside_plates(const struct lanes *m)
{
    vec x = x_of(m), limit = vset(RING_PLATES_MM * RING_PLATES_MM);
    return ~(vless(x * x, limit) & vless(m->y * m->y, limit));
}

VEC_INLINE void kick_field(const struct ring *ring, enum ring_field_kind kind, const struct esq_now *e,
                           const struct lanes *m, struct kick k, struct push *p)
{
    vec x = x_of(m);
    field(ring, kind, e, x, m->y, k.gradient, &p->ex, &p->ey);
    if (__builtin_expect(k.fringe != 0.0, 0)) {
        p->ex = vfnma(vset(k.fringe) * x, x * x, p->ex);
        p->ey = vfma(vset(k.fringe) * m->y, m->y * m->y, p->ey);
    }
    if (__builtin_expect(ring->open_rad > 0.0, 0)) {
        unsigned out = outside_plates(m);
        p->ex        = vpick(out, vset(0.0), p->ex);
        p->ey        = vpick(out, vset(0.0), p->ey);
    }
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
    if (__builtin_expect(ring->eta != 0.0, 0)) {
        /* -(eta / 2) kappa [dp - gamma / (gamma + 1) (beta . dp) beta] */
        vec c = vset(-0.5 * ring->eta * ring->kappa), along = vfma(p->pym, p->dy, p->work_r);
        along = along * vset(ring->kappa * ring->kappa) * p->ig0 * m->igamma1;
        wn    = vfma(c, dn, wn);
        wy    = vfma(c, vfnma(along, p->pym, p->dy), wy);
        wt    = vfnma(c, vfms(p->work_r, m->ipt, along * m->pt), wt);
    }
    vec hn = vfma(half, vfma(wy, m->st, wt * m->sy), m->sn);
    vec hy = vfnma(half, vfma(wt, m->sn, wn * m->st), m->sy);
    vec ht = vfma(half, vfms(wn, m->sy, wy * m->sn), m->st);
    m->sn  = vfma(wy, ht, vfma(wt, hy, m->sn));
    m->sy  = vfnma(wt, hn, vfnma(wn, ht, m->sy));
    m->st  = vfma(wn, hy, vfnma(wy, hn, m->st));
}

VEC_INLINE void kick(const struct ring *ring, enum ring_field_kind kind, const struct esq_now *e, struct lanes *m,
                     struct kick k)
{
    struct push p;
    kick_field(ring, kind, e, m, k, &p);
    kick_momentum(ring, m, k, &p);
    kick_spin(ring, m, &p);
}

/* Edge: the ESQ's field changes by `change` (1: hard edge into it, -1: out). Energy is conserved: the momentum along phi
 * pays for the potential. The relative change is below 1e-5, so the spin only turns about n to what matters (the rest is
 * below 1e-10). */
VEC_INLINE vec edge_potential(const struct ring *ring, enum ring_field_kind kind, const struct esq_now *e,
                              const struct lanes *m, double change, double fringe)
{
    vec x = x_of(m), du = vset(-change) * potential(ring, kind, e, x, m->y); /* dgamma / kappa^2 */
    if (__builtin_expect(fringe != 0.0, 0)) {
        vec x2 = x * x, y2 = m->y * m->y;
        du = vfnma(vset(fringe), vfms(x2, x2, y2 * y2), du);
    }
    if (__builtin_expect(ring->open_rad > 0.0, 0)) du = vpick(outside_plates(m), vset(0.0), du);
    return du;
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

VEC_INLINE void edge(const struct ring *ring, enum ring_field_kind kind, const struct esq_now *e, struct lanes *m,
                     double change, double fringe)
{
    edge_apply(ring, m, edge_potential(ring, kind, e, m, change, fringe));
}

/* Thin magnetic kick of a field (b_y, b_r) over B0 along `weight` of azimuth: turns the momentum, and the spin by
 * -gamma lambda [(a + 1/gamma) b - a gamma/(gamma + 1) (beta b) beta], of which the turn of the horizontal momentum is
 * the frame's. */
VEC_INLINE void bend(const struct ring *ring, struct lanes *m, vec by, vec br, vec weight)
{
    const vec half = vset(0.5), one = vset(1.0), r = m->cx + m->pphi;
    vec q = m->pr * m->ipt, u = q * q, length = r * weight, lambda = length * inverse_pphi(m, u);
    vec bn = vfnma(half * u, br, br), bt = q * br;
    vec dy = length * br, psi = m->psi;
    vec k  = vset(ring->a * ring->kappa * ring->kappa) * m->igamma1 * lambda * vfma(m->py, by, m->pt * bt);
    vec g  = lambda * vfma(vset(ring->a), m->gamma, one); /* lambda (1 + a gamma) */
    vec wn = vset(0.0) - g * bn, wy = vfms(k, m->py, g * by), wt = vfms(k, m->pt, g * bt);
    if (__builtin_expect(ring->eta != 0.0, 0)) {
        vec c = vset(0.5 * ring->eta * ring->kappa) * lambda;
        wn    = vfma(c, vfms(m->pt, by, m->py * bt), wn);
        wy    = vfnma(c * m->pt, bn, wy);
        wt    = vfma(c * m->py, bn, wt);
    }
    change_pt(m, vset(0.0) - vfma(half, dy, m->py) * dy * m->ipt * m->ipt);
    m->py = m->py + dy;
    m->pr = vfnma(length, by, m->pr);
    q = m->pr * m->ipt, u = q * q;
    m->pphi = vfma(m->pt, root_minus_one(u), m->pt);
    m->cx   = r - m->pphi;
    m->psi  = arcsine(q, u);
    wy      = wy - (m->psi - psi);
    vec hn  = vfma(half, vfms(wy, m->st, wt * m->sy), m->sn);
    vec hy  = vfma(half, vfms(wt, m->sn, wn * m->st), m->sy);
    vec ht  = vfma(half, vfms(wn, m->sy, wy * m->sn), m->st);
    m->sn   = m->sn + vfms(wy, ht, wt * hy);
    m->sy   = m->sy + vfms(wt, hn, wn * ht);
    m->st   = m->st + vfms(wn, hy, wy * hn);
}

/* The same for fields of some ppm: what is of second order, or of first with the square of an angle, is below 1e-9 of it. */
VEC_INLINE void bend_weakly(const struct ring *ring, struct lanes *m, vec by, vec br, vec weight)
{
    vec r = m->cx + m->pphi, length = r * weight, dy = length * br, psi = m->psi;
    vec g  = length * m->ipt * vfma(vset(ring->a), m->gamma, vset(1.0));
    vec d  = m->py * dy * m->ipt * m->ipt;
    m->py  = m->py + dy;
    m->pr  = vfnma(length, by, m->pr);
    m->pt  = vfnma(m->pt, d, m->pt);
    m->ipt = vfma(m->ipt, d, m->ipt);
    vec q = m->pr * m->ipt, u = q * q;
    m->pphi = vfma(m->pt, root_minus_one(u), m->pt);
    m->cx   = r - m->pphi;
    m->psi  = arcsine(q, u);
    vec wn = g * br, wy = vfma(g, by, m->psi - psi), sn = m->sn; /* minus */
    m->sn = vfnma(wy, m->st, sn);
    m->st = vfma(wy, sn, vfnma(wn, m->sy, m->st));
    m->sy = vfma(wn, m->st, m->sy);
}

/* b_y + i b_r = sum (c[k] - i c[DIPOLE_ORDERS + k]) z^k */
VEC_INLINE void dipole_field(const double c[2 * DIPOLE_ORDERS], vec x, vec y, vec *by, vec *br)
{
    vec re = vset(c[DIPOLE_ORDERS - 1]), im = vset(-c[2 * DIPOLE_ORDERS - 1]);
    for (int k = DIPOLE_ORDERS - 2; k >= 0; k--) {
        vec t = vfma(re, x, vfnma(im, y, vset(c[k])));
        im    = vfma(re, y, vfms(im, x, vset(c[DIPOLE_ORDERS + k])));
        re    = t;
    }
    *by = re, *br = im;
}

/* The same of a kicker: sum c[k] z^(2k) */
VEC_INLINE void kicker_field(const double c[KICKER_PROFILE_TERMS], vec x, vec y, vec *by, vec *br)
{
    vec wr = vfms(x, x, y * y), wi = vset(2.0) * x * y;
    vec re = vset(c[KICKER_PROFILE_TERMS - 1]), im = vset(0.0);
    for (int k = KICKER_PROFILE_TERMS - 2; k >= 0; k--) {
        vec t = vfma(re, wr, vfnma(im, wi, vset(c[k])));
        im    = vfma(re, wi, im * wr);
        re    = t;
    }
    *by = re, *br = im;
}

/* A pulse at a clock reading, one muon at a time: only the first turns come here. */
VEC_INLINE vec pulse_at(const struct ring *ring, const struct ring_kicker *kicker, vec clock)
{
    const struct kicker_pulse *p = &kicker->pulse;
    double u[VEC_W], v[VEC_W];
    vec t = vfma(clock, vset(1.0 / ring->omega_B), vset(-kicker->start_ns)), in_steps = t - vset(p->first_ns);
    vstore(u, in_steps * vset(1.0 / p->step_ns));
    for (int i = 0; i < (int)VEC_W; i++) {
        v[i] = 0.0;
        if (!(u[i] >= 0.0) || u[i] > (double)(p->n - 1)) continue;
        size_t k = (size_t)u[i];
        if (k + 1 >= p->n) k = p->n - 2;
        v[i] = p->value[k] + (u[i] - (double)k) * (p->value[k + 1] - p->value[k]);
    }
    if (p->eddy == 0.0) return vload(v);
    vec late = (in_steps - vset((double)(p->n - 1) * p->step_ns)) * vset(1.0 / p->eddy_tau_ns);
    return vpick(vless(vset(0.0), late), vset(p->eddy) * fall(vmax(late, vset(0.0))), vload(v));
}

VEC_INLINE void kicker_kick(const struct ring *ring, const struct ring_kicker *kicker, struct lanes *m, vec weight)
{
    vec size = vset(-kicker->strength) * pulse_at(ring, kicker, m->clock), by, br;
    kicker_field(kicker->profile, x_of(m), m->y, &by, &br);
    bend(ring, m, size * by, size * br, weight);
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
