/* The map engine, one copy for each instruction set: blocks of VEC_W muons, each with its own number of turns. */
#include "ring_map.h"

#include "phys.h"
#include "ring_vec.h"

#include <math.h>
#include <stdbool.h>

enum { STRETCH = 64 }; /* turns between looks at who is done or out */

/* Maps of VEC_W muons at their own energies. */
struct frozen_node {
    vec kick, kick_x, turn[4], x[6], y[4];
};
struct frozen_look {
    vec x[3], y[2];
};
struct frozen {
    vec even[RING_MAP_EVEN][5], odd[RING_MAP_ODD][4];
    struct frozen_node node[RING_MAP_NODES];
    struct frozen_look look[RING_MAX_COLLIMATORS];
};
/* Orbit over scales, clock, turn of the spin since the start. */
struct state {
    vec x, p, y, q, clock, Q0, Q1, Q2, Q3;
};

struct block {
    struct state s, done;
    vec far;                       /* the largest (distance / limit)^2 of a look */
    double delta[VEC_W], p[VEC_W]; /* momentum [mm] */
    int64_t n[VEC_W], made[VEC_W];
    bool is_out[VEC_W];
};

/* ---- coefficients at each muon's energy ---- */

VEC_INLINE vec horner(const double c[RING_MAP_POWERS], vec delta)
{
    vec v = vset(c[RING_MAP_POWERS - 1]);
    for (int k = RING_MAP_POWERS - 2; k >= 0; k--) v = vfma(v, delta, vset(c[k]));
    return v;
}

static void freeze_map(const struct ring_map_series *from, vec delta, struct frozen *f)
{
    for (int k = 0; k < RING_MAP_EVEN; k++)
        for (int i = 0; i < 5; i++) f->even[k][i] = horner(from->even[k][i], delta);
    for (int k = 0; k < RING_MAP_ODD; k++)
        for (int i = 0; i < 4; i++) f->odd[k][i] = horner(from->odd[k][i], delta);
}

static void freeze_node(const struct ring_map_node *from, vec delta, struct frozen_node *f)
{
    f->kick   = horner(from->kick, delta);
    f->kick_x = f->kick * vset(RING_MAP_SCALE_MM / RING_R0_MM);
    for (int i = 0; i < 4; i++) f->turn[i] = horner(from->turn[i], delta);
    for (int i = 0; i < 6; i++) f->x[i] = horner(from->x[i], delta);
    for (int i = 0; i < 4; i++) f->y[i] = horner(from->y[i], delta);
}

static void freeze_turn(const struct ring_maps *map, vec delta, struct frozen *f)
{
    freeze_map(&map->turn, delta, f);
    for (int j = 0; j < map->n_nodes; j++) freeze_node(&map->node[j], delta, &f->node[j]);
    for (int l = 0; l < map->n_looks; l++) {
        const vec per = vset(1.0 / map->look[l].limit);
        for (int i = 0; i < 3; i++) f->look[l].x[i] = per * horner(map->look[l].x[i], delta);
        for (int i = 0; i < 2; i++) f->look[l].y[i] = per * horner(map->look[l].y[i], delta);
    }
}

/* ---- maps ---- */

/* r Q */
VEC_INLINE void turn_spin(struct state *s, vec r0, vec r1, vec r2, vec r3)
{
    vec a0 = vfnma(r3, s->Q3, vfnma(r2, s->Q2, vfnma(r1, s->Q1, r0 * s->Q0)));
    vec a1 = vfnma(r3, s->Q2, vfma(r2, s->Q3, vfma(r1, s->Q0, r0 * s->Q1)));
    vec a2 = vfnma(r1, s->Q3, vfma(r3, s->Q1, vfma(r2, s->Q0, r0 * s->Q2)));
    vec a3 = vfnma(r2, s->Q1, vfma(r1, s->Q2, vfma(r3, s->Q0, r0 * s->Q3)));
    s->Q0 = a0, s->Q1 = a1, s->Q2 = a2, s->Q3 = a3;
}

#define EVEN(k, monomial)                                                                                              \
    do {                                                                                                               \
        const vec m_ = (monomial);                                                                                     \
        for (int i = 0; i < 5; i++) e[i] = vfma(f->even[k][i], m_, e[i]);                                              \
    } while (0)
#define ODD(k, monomial)                                                                                               \
    do {                                                                                                               \
        const vec m_ = (monomial);                                                                                     \
        for (int i = 0; i < 4; i++) o[i] = vfma(f->odd[k][i], m_, o[i]);                                               \
    } while (0)
/* Monomials in the order of ring_map.c. */
VEC_INLINE void apply_map(const struct frozen *f, struct state *s)
{
    const vec x = s->x, p = s->p, y = s->y, q = s->q;
    const vec xx = x * x, xp = x * p, pp = p * p, yy = y * y, yq = y * q, qq = q * q;
    vec e[5], o[4];
    for (int i = 0; i < 5; i++) e[i] = f->even[0][i];
    for (int i = 0; i < 4; i++) o[i] = f->odd[0][i] * y;
    EVEN(1, x);
    ODD(1, q);
    EVEN(2, p);
    ODD(2, x * y);
    EVEN(3, xx);
    ODD(3, x * q);
    EVEN(4, xp);
    ODD(4, p * y);
    EVEN(5, pp);
    ODD(5, p * q);
    EVEN(6, xx * x);
    ODD(6, xx * y);
    EVEN(7, xx * p);
    ODD(7, xx * q);
    EVEN(8, pp * x);
    ODD(8, xp * y);
    EVEN(9, pp * p);
    ODD(9, xp * q);
    EVEN(10, yy);
    ODD(10, pp * y);
    EVEN(11, yq);
    ODD(11, pp * q);
    EVEN(12, qq);
    ODD(12, yy * y);
    EVEN(13, x * yy);
    ODD(13, yy * q);
    EVEN(14, x * yq);
    ODD(14, qq * y);
    EVEN(15, x * qq);
    ODD(15, qq * q);
    EVEN(16, p * yy);
    EVEN(17, p * yq);
    EVEN(18, p * qq);
    s->x = e[0], s->p = e[1], s->y = o[0], s->q = o[1];
    s->clock = s->clock + e[2];
    turn_spin(s, e[3], o[2], e[4], o[3]);
}

VEC_INLINE void look(const struct frozen_look *l, const struct state *s, vec *far)
{
    vec x = vfma(l->x[1], s->x, vfma(l->x[2], s->p, l->x[0])), y = vfma(l->y[0], s->y, l->y[1] * s->q);
    *far = vmax(vfma(x, x, y * y), *far);
}

VEC_INLINE void look_all(const struct ring_maps *map, const struct frozen *f, int m, int node, const struct state *s,
                         vec *far)
{
    for (int l = 0; l < map->n_looks; l++)
        if (map->look[l].map == m && map->look[l].node == node) look(&f->look[l], s, far);
}

/* z w sum c[k] w^k with w = z^2, by Clenshaw's two-term recurrence. */
VEC_INLINE void multipoles(const double c[RING_MAP_MULTIPOLES], vec x, vec y, vec *ex, vec *ey)
{
    vec wr = vfms(x, x, y * y), wi = vset(2.0) * x * y, p = wr + wr, r2 = vfma(x, x, y * y), q = r2 * r2;
    vec b1 = vset(c[RING_MAP_MULTIPOLES - 1]), b2 = vset(0.0);
    for (int i = RING_MAP_MULTIPOLES - 2; i >= 1; i--) {
        vec b0 = vfma(p, b1, vfnma(q, b2, vset(c[i])));
        b2 = b1, b1 = b0;
    }
    vec re = vfma(wr, b1, vfnma(q, b2, vset(c[0]))), im = wi * b1;
    vec ur = vfms(re, wr, im * wi), ui = vfma(re, wi, im * wr);
    *ex = vfms(ur, x, ui * y);
    *ey = vset(0.0) - vfma(ur, y, ui * x);
}

/* The kicks of a quarter of the ring, from its first node to its last. */
VEC_INLINE void kicks(const struct ring_maps *map, const struct frozen *f, int m, struct state *s, vec *far)
{
    vec w1 = vset(0.0), w2 = vset(0.0), w3 = vset(0.0);
    const vec per = vset(RING_MAP_SCALE_MM * RING_MAP_SCALE_MM / (map->reach_mm * map->reach_mm));
    for (int j = 0; j < map->n_nodes; j++) {
        const struct frozen_node *n = &f->node[j];
        vec kx, ky, h = vfma(n->kick_x, s->x, n->kick);
        multipoles(map->even, s->x, s->y, &kx, &ky);
        *far     = vmax(per * vfma(s->x, s->x, s->y * s->y), *far);
        kx       = kx * h;
        ky       = ky * h;
        w1       = vfma(n->turn[0], ky, w1);
        w2       = vfma(n->turn[1], kx, w2);
        w3       = vfma(n->turn[2], ky, w3);
        s->clock = vfma(n->turn[3], kx, s->clock);
        s->p     = s->p + kx;
        s->q     = s->q + ky;
        look_all(map, f, m, j, s, far);
        if (j + 1 == map->n_nodes) break;
        vec x = vfma(n->x[1], s->x, vfma(n->x[2], s->p, n->x[0])), y = vfma(n->y[0], s->y, n->y[1] * s->q);
        s->p = vfma(n->x[4], s->x, vfma(n->x[5], s->p, n->x[3]));
        s->q = vfma(n->y[2], s->y, n->y[3] * s->q);
        s->x = x, s->y = y;
    }
    turn_spin(s, vset(1.0), w1, w2, w3);
}

static void turns(const struct ring_maps *map, const struct frozen *f, struct block *b, int64_t n)
{
    struct state s = b->s;
    vec far        = b->far;
    const vec per  = vset(RING_MAP_SCALE_MM * RING_MAP_SCALE_MM / (map->reach_mm * map->reach_mm));
    for (int64_t turn = 0; turn < n; turn++)
        if (map->n_nodes == 0) {
            far = vmax(per * vfma(s.x, s.x, s.y * s.y), far);
            look_all(map, f, 0, 0, &s, &far);
            apply_map(f, &s);
        } else {
            for (int m = 0; m < 4; m++) {
                kicks(map, f, m, &s, &far);
                apply_map(f, &s);
            }
        }
    b->s   = s;
    b->far = far;
}

/* ---- to and from the columns ---- */

static double lane(vec v, unsigned i)
{
    double x[VEC_W];
    vstore(x, v);
    return x[i];
}

/* Larger than the time of a turn at a momentum. */
static double turn_ns(double delta) { return CYCLOTRON_PERIOD_NS * (1.0 + 1.3 * fabs(delta)) + 0.03; }

/* The amplitudes by the linear lattice, with the closed orbit: within the aperture, and vertically within what maps of
 * third order carry. */
static bool is_inside(const struct ring_maps *map, double x_mm, double xp, double y_mm, double yp, double delta)
{
    const struct ring_optics *o = &map->optics;
    double centre = o->dispersion_mm * delta, x = x_mm - centre, slope = xp - o->dispersion_slope * delta;
    double ux = o->beta_x_mm * slope + o->alpha_x * x, uy = o->beta_y_mm * yp + o->alpha_y * y_mm;
    double ax = sqrt(x * x + ux * ux), ay = sqrt(y_mm * y_mm + uy * uy);
    return fabs(centre) + ax < map->reach_mm && ay < RING_MAP_VERTICAL_MM;
}

/* How many turns surely end before the muon's end, or as many as are asked for. */
static int64_t turns_for(const struct ring_batch *t, size_t k, double delta, int64_t asked)
{
    if (asked >= 0) return asked;
    if (t->fate[k] != 0.0 || t->phi_rad[k] != 0.0) return 0;
    double n = (t->t_end_ns[k] - t->t_ns[k]) / turn_ns(delta) - 1.0;
    return n > 0.0 ? (int64_t)n : 0;
}

static void load_lane(const struct ring_maps *map, struct ring_batch *t, size_t k, unsigned i, int64_t asked,
                      struct block *b, double v[5][VEC_W])
{
    const double per = 1.0 / map->GeV, pr = t->p_r_GeV[k] * per, pphi = t->p_phi_GeV[k] * per, py = t->p_y_GeV[k] * per;
    double p = sqrt(pr * pr + pphi * pphi + py * py), delta = p / map->magic - 1.0;
    b->n[i]      = turns_for(t, k, delta, asked);
    b->made[i]   = 0;
    b->delta[i]  = delta / RING_MAP_DELTA;
    b->p[i]      = p;
    b->is_out[i] = asked < 0 && b->n[i] > 0 && !is_inside(map, t->x_mm[k], pr / p, t->y_mm[k], py / p, delta);
    if (b->is_out[i]) b->n[i] = 0;
    const bool is_on      = b->n[i] > 0;
    const double value[5] = {t->x_mm[k] / RING_MAP_SCALE_MM, pr / RING_MAP_SCALE_MM, t->y_mm[k] / RING_MAP_SCALE_MM,
                             py / RING_MAP_SCALE_MM, t->t_ns[k] * map->omega_B};
    for (int c = 0; c < 5; c++) v[c][i] = is_on ? value[c] : 0.0;
    if (!is_on) b->delta[i] = 0.0, b->p[i] = map->magic;
}

static void rotate(const double Q[4], double s[3])
{
    const double n = Q[0] * Q[0] + Q[1] * Q[1] + Q[2] * Q[2] + Q[3] * Q[3];
    double t[3]    = {2.0 * (Q[2] * s[2] - Q[3] * s[1]), 2.0 * (Q[3] * s[0] - Q[1] * s[2]),
                      2.0 * (Q[1] * s[1] - Q[2] * s[0])};
    double u[3]    = {Q[2] * t[2] - Q[3] * t[1], Q[3] * t[0] - Q[1] * t[2], Q[1] * t[1] - Q[2] * t[0]};
    for (int i = 0; i < 3; i++) s[i] += (Q[0] * t[i] + u[i]) / n;
}

static void store_lane(const struct ring_maps *map, const struct block *b, unsigned i, int64_t asked,
                       struct ring_batch *t, size_t k)
{
    const double Q[4] = {lane(b->s.Q0, i), lane(b->s.Q1, i), lane(b->s.Q2, i), lane(b->s.Q3, i)};
    double pt = hypot(t->p_r_GeV[k], t->p_phi_GeV[k]), sine = t->p_r_GeV[k] / pt, cosine = t->p_phi_GeV[k] / pt;
    double s[3] = {t->s_r[k] * cosine - t->s_phi[k] * sine, t->s_y[k], t->s_phi[k] * cosine + t->s_r[k] * sine};
    double pr = lane(b->s.p, i) * RING_MAP_SCALE_MM, py = lane(b->s.q, i) * RING_MAP_SCALE_MM;
    double pphi = sqrt(b->p[i] * b->p[i] - pr * pr - py * py), t_ns = lane(b->s.clock, i) / map->omega_B;
    if ((asked < 0 && !(t_ns < t->t_end_ns[k])) || !isfinite(pphi)) {
        t->fate[k] = RING_MAP_STAYS;
        return;
    }
    rotate(Q, s);
    pt = hypot(pr, pphi), sine = pr / pt, cosine = pphi / pt;
    t->x_mm[k]      = lane(b->s.x, i) * RING_MAP_SCALE_MM;
    t->y_mm[k]      = lane(b->s.y, i) * RING_MAP_SCALE_MM;
    t->p_r_GeV[k]   = pr * map->GeV;
    t->p_phi_GeV[k] = pphi * map->GeV;
    t->p_y_GeV[k]   = py * map->GeV;
    t->t_ns[k]      = t_ns;
    t->s_r[k]       = s[0] * cosine + s[2] * sine;
    t->s_phi[k]     = s[2] * cosine - s[0] * sine;
    t->s_y[k]       = s[1];
    t->turns[k] += (double)b->n[i];
}

/* ---- a block from start to end ---- */

static void begin_block(const struct ring_maps *map, struct ring_batch *batch, size_t first, int64_t asked,
                        struct block *b)
{
    double v[5][VEC_W];
    const vec zero = vset(0.0);
    *b             = (struct block){.far = zero};
    for (unsigned i = 0; i < VEC_W; i++) load_lane(map, batch, first + i, i, asked, b, v);
    b->s = (struct state){vload(v[0]), vload(v[1]), vload(v[2]), vload(v[3]), vload(v[4]), vset(1.0), zero, zero, zero};
    b->done = b->s;
}

/* Lanes of the mask are put aside as they are. */
static void set_aside(struct block *b, unsigned mask)
{
    const vec *from = &b->s.x;
    vec *to         = &b->done.x;
    for (size_t i = 0; i < sizeof b->s / sizeof b->s.x; i++) to[i] = vpick(mask, from[i], to[i]);
}

/* Turns until the next muon is done or a stretch is over; 0: all are done. */
static int64_t next_stretch(const struct block *b)
{
    int64_t n = 0;
    for (unsigned i = 0; i < VEC_W; i++) {
        int64_t left = b->n[i] - b->made[i];
        if (left > 0 && (n == 0 || left < n)) n = left;
    }
    return n < STRETCH ? n : STRETCH;
}

static void all_turns(const struct ring_maps *map, const struct frozen *f, struct block *b)
{
    for (int64_t n = next_stretch(b); n > 0; n = next_stretch(b)) {
        unsigned done = 0, out;
        b->far        = vset(0.0);
        turns(map, f, b, n);
        out = ~vless(b->far, vset(1.0)); /* numbers that are none are out */
        for (unsigned i = 0; i < VEC_W; i++) {
            if (b->made[i] >= b->n[i]) continue;
            b->made[i] += n;
            if (out >> i & 1u) b->is_out[i] = true, b->n[i] = 0;
            if (b->made[i] == b->n[i]) done |= 1u << i;
        }
        if (done) set_aside(b, done);
    }
}

static void track(const struct ring_maps *map, struct ring_batch *batch, int64_t asked)
{
    for (size_t first = 0; first < batch->n; first += VEC_W) {
        struct block b;
        struct frozen f;
        begin_block(map, batch, first, asked, &b);
        const vec delta = vload(b.delta);
        freeze_map(&map->in, delta, &f);
        apply_map(&f, &b.s);
        freeze_turn(map, delta, &f);
        all_turns(map, &f, &b);
        freeze_map(&map->out, delta, &f);
        b.s = b.done;
        apply_map(&f, &b.s);
        for (unsigned i = 0; i < VEC_W; i++) {
            if (b.is_out[i]) batch->fate[first + i] = RING_MAP_STAYS;
            if (b.n[i] > 0) store_lane(map, &b, i, asked, batch, first + i);
        }
    }
}

void KERNEL(ring_map_kernel)(const struct ring_maps *map, struct ring_batch *batch) { track(map, batch, -1); }

void KERNEL(ring_map_kernel_turns)(const struct ring_maps *map, struct ring_batch *batch, int64_t n_turns)
{
    track(map, batch, n_turns);
}
