/* The equations of ring_reference_inc.h, on series, for the quadrupole part of the field. */
#include "ring_map_arc.h"

#include "phys.h"

#include <math.h>
#include <stdlib.h>

#define DEG (PI / 180.0)
enum { STEPS_PER_TURN = 240, R = 0, PR, Y, PY, PPHI, CLOCK, Q, N_STATE = Q + 4 };

struct flow {
    const struct ring *ring;
    const struct tpsa_space *s;
    double K; /* gradient */
    struct tpsa v[N_STATE];
};

#define ADD(a, b)   tpsa_add((a), (b))
#define SUB(a, b)   tpsa_sub((a), (b))
#define MUL(a, b)   tpsa_mul(s, (a), (b))
#define SCALE(a, f) tpsa_scale((a), (f))

static struct tpsa sum_of_squares(const struct tpsa_space *s, const struct tpsa *a, const struct tpsa *b,
                                  const struct tpsa *c)
{
    return ADD(MUL(*a, *a), ADD(MUL(*b, *b), MUL(*c, *c)));
}

static struct tpsa gamma_of(const struct flow *f, const struct tpsa v[N_STATE])
{
    const double k2 = f->ring->kappa * f->ring->kappa;
    return tpsa_root(f->s, tpsa_plus(SCALE(sum_of_squares(f->s, &v[PR], &v[PPHI], &v[PY]), k2), 1.0));
}

/* U of the quadrupole: -K (x^2 - y^2) / 2 */
static struct tpsa potential(const struct flow *f, const struct tpsa *r, const struct tpsa *y)
{
    const struct tpsa_space *s = f->s;
    struct tpsa x              = tpsa_plus(*r, -RING_R0_MM);
    return SCALE(SUB(MUL(x, x), MUL(*y, *y)), -0.5 * f->K);
}

/* out = (1, w/2) q without the 1: half the rotation w = (n, y, t) applied to q. */
static void turn(const struct tpsa_space *s, const struct tpsa w[3], const struct tpsa q[4], struct tpsa out[4])
{
    out[0] = SCALE(ADD(MUL(w[0], q[1]), ADD(MUL(w[1], q[2]), MUL(w[2], q[3]))), -0.5);
    out[1] = SCALE(ADD(MUL(w[0], q[0]), SUB(MUL(w[1], q[3]), MUL(w[2], q[2]))), 0.5);
    out[2] = SCALE(ADD(MUL(w[1], q[0]), SUB(MUL(w[2], q[1]), MUL(w[0], q[3]))), 0.5);
    out[3] = SCALE(ADD(MUL(w[2], q[0]), SUB(MUL(w[0], q[2]), MUL(w[1], q[1]))), 0.5);
}

/* Per radian of azimuth, spin along (r, y, phi). */
static void derive(const struct flow *f, bool is_esq, const struct tpsa v[N_STATE], struct tpsa d[N_STATE])
{
    const struct tpsa_space *s = f->s;
    const double k2 = f->ring->kappa * f->ring->kappa, a = f->ring->a;
    struct tpsa gamma = gamma_of(f, v), inverse1 = tpsa_inverse(s, tpsa_plus(gamma, 1.0));
    struct tpsa rate = MUL(v[R], tpsa_inverse(s, v[PPHI])), gr = MUL(gamma, rate);
    struct tpsa cb = SCALE(MUL(MUL(rate, inverse1), v[PY]), a * k2);
    d[R]           = MUL(v[PR], rate);
    d[Y]           = MUL(v[PY], rate);
    d[PR]          = SUB(v[PPHI], MUL(rate, v[PPHI]));
    d[PPHI]        = SUB(d[R], v[PR]);
    d[PY]          = tpsa_constant(0.0);
    d[CLOCK]       = gr;
    struct tpsa w[3];
    w[0] = MUL(cb, v[PR]);
    w[1] = tpsa_plus(SUB(MUL(cb, v[PY]), ADD(SCALE(gr, a), rate)), 1.0);
    w[2] = MUL(cb, v[PPHI]);
    if (is_esq) {
        struct tpsa fx = SCALE(MUL(gr, tpsa_plus(v[R], -RING_R0_MM)), f->K), fy = SCALE(MUL(gr, v[Y]), -f->K);
        struct tpsa ce = SCALE(MUL(tpsa_plus(inverse1, a), tpsa_inverse(s, gamma)), k2);
        d[PR]          = ADD(d[PR], fx);
        d[PY]          = fy;
        w[0]           = SUB(w[0], MUL(ce, MUL(v[PPHI], fy)));
        w[1]           = ADD(w[1], MUL(ce, MUL(v[PPHI], fx)));
        w[2]           = ADD(w[2], MUL(ce, SUB(MUL(v[PR], fy), MUL(v[PY], fx))));
    }
    turn(s, w, &v[Q], &d[Q]);
}

static void add_to(struct tpsa to[N_STATE], const struct tpsa from[N_STATE], double h, const struct tpsa k[N_STATE])
{
    for (int i = 0; i < N_STATE; i++)
        for (int j = 0; j < TPSA_TERMS; j++) to[i].c[j] = from[i].c[j] + h * k[i].c[j];
}

static void rk4(struct flow *f, bool is_esq, double h)
{
    struct tpsa k[4][N_STATE], u[N_STATE];
    derive(f, is_esq, f->v, k[0]);
    add_to(u, f->v, h / 2, k[0]);
    derive(f, is_esq, u, k[1]);
    add_to(u, f->v, h / 2, k[1]);
    derive(f, is_esq, u, k[2]);
    add_to(u, f->v, h, k[2]);
    derive(f, is_esq, u, k[3]);
    for (int i = 0; i < 4; i++) add_to(f->v, f->v, i == 0 || i == 3 ? h / 6 : h / 3, k[i]);
}

static void edge(struct flow *f, double sign)
{
    const struct tpsa_space *s = f->s;
    const double k2            = f->ring->kappa * f->ring->kappa;
    struct tpsa gamma = gamma_of(f, f->v), before = f->v[PPHI];
    struct tpsa change = SCALE(potential(f, &f->v[R], &f->v[Y]), -sign * k2), mid = ADD(gamma, SCALE(change, 0.5));
    f->v[PPHI]     = tpsa_root(s, ADD(MUL(before, before), SCALE(MUL(mid, change), 2.0 / k2)));
    struct tpsa dp = SUB(f->v[PPHI], before);
    struct tpsa c =
        SCALE(MUL(MUL(tpsa_plus(tpsa_inverse(s, tpsa_plus(mid, 1.0)), f->ring->a), tpsa_inverse(s, mid)), dp), k2);
    struct tpsa w[3] = {MUL(c, f->v[PY]), SCALE(MUL(c, f->v[PR]), -1.0), tpsa_constant(0.0)}, d[4];
    turn(s, w, &f->v[Q], d);
    for (int i = 0; i < 4; i++) f->v[Q + i] = ADD(f->v[Q + i], d[i]);
}

/* ---- where the edges are ---- */

static bool is_inside(const struct ring *ring, double phi_rad)
{
    const struct ring_section *section;
    size_t n   = ring_sections(ring->layout, &section);
    double deg = fmod(phi_rad / DEG + 720.0, 360.0);
    for (size_t i = 0; i < n; i++)
        if (deg > section[i].begin_deg + 1e-9 && deg < section[i].end_deg - 1e-9) return true;
    return false;
}

struct place {
    double phi_rad, sign;
};
static int by_azimuth(const void *a, const void *b)
{
    const struct place *p = a, *q = b;
    return (p->phi_rad > q->phi_rad) - (p->phi_rad < q->phi_rad);
}

enum { MAX_EDGES = 6 * RING_SECTIONS };
static size_t edges_between(const struct ring *ring, double low_rad, double high_rad, struct place out[MAX_EDGES])
{
    const struct ring_section *section;
    size_t n_sections = ring_sections(ring->layout, &section), n = 0;
    for (int turns = -1; turns <= 1; turns++)
        for (size_t i = 0; i < 2 * n_sections; i++) {
            const struct ring_section *at = &section[i / 2];
            double phi                    = ((i % 2 ? at->end_deg : at->begin_deg) + 360.0 * turns) * DEG;
            if (phi >= low_rad - 1e-12 && phi < high_rad - 1e-12) out[n++] = (struct place){phi, i % 2 ? -1.0 : 1.0};
        }
    qsort(out, n, sizeof *out, by_azimuth);
    return n;
}

/* ---- the map ---- */

/* p_phi at total energy delta: x, p_r, y, p_y scaled are the first variables. */
static struct tpsa pphi_at(const struct flow *f, double phi_rad)
{
    const struct tpsa_space *s = f->s;
    const double k2 = f->ring->kappa * f->ring->kappa, magic = MAGIC_P_GeV / f->ring->GeV;
    struct tpsa p      = tpsa_variable(s, 4, magic, magic * RING_MAP_DELTA);
    struct tpsa energy = tpsa_root(s, tpsa_plus(SCALE(MUL(p, p), k2), 1.0));
    if (is_inside(f->ring, phi_rad)) energy = SUB(energy, SCALE(potential(f, &f->v[R], &f->v[Y]), k2));
    struct tpsa p2 = SCALE(tpsa_plus(MUL(energy, energy), -1.0), 1.0 / k2);
    return tpsa_root(s, SUB(p2, ADD(MUL(f->v[PR], f->v[PR]), MUL(f->v[PY], f->v[PY]))));
}

/* Half the angle of the horizontal momentum outward: its cosine and sine. */
static void half_angle(const struct tpsa_space *s, const struct tpsa *pr, const struct tpsa *pphi, struct tpsa out[2])
{
    struct tpsa ipt = tpsa_inverse(s, tpsa_root(s, ADD(MUL(*pr, *pr), MUL(*pphi, *pphi))));
    out[0]          = tpsa_root(s, tpsa_plus(SCALE(MUL(*pphi, ipt), 0.5), 0.5));
    out[1]          = SCALE(MUL(MUL(*pr, ipt), tpsa_inverse(s, out[0])), 0.5);
}

/* From the frame (r, y, phi) at both ends to that of the horizontal momentum there. */
static void to_momentum(const struct tpsa_space *s, const struct tpsa in[2], const struct tpsa out[2], struct tpsa q[4])
{
    struct tpsa u[4] = {SUB(MUL(q[0], in[0]), MUL(q[2], in[1])), SUB(MUL(q[1], in[0]), MUL(q[3], in[1])),
                        ADD(MUL(q[2], in[0]), MUL(q[0], in[1])), ADD(MUL(q[3], in[0]), MUL(q[1], in[1]))};
    q[0]             = ADD(MUL(out[0], u[0]), MUL(out[1], u[2]));
    q[1]             = SUB(MUL(out[0], u[1]), MUL(out[1], u[3]));
    q[2]             = SUB(MUL(out[0], u[2]), MUL(out[1], u[0]));
    q[3]             = ADD(MUL(out[0], u[3]), MUL(out[1], u[1]));
}

static void go(struct flow *f, double from_rad, double to_rad)
{
    const double length = fabs(to_rad - from_rad);
    const bool is_esq   = is_inside(f->ring, 0.5 * (from_rad + to_rad));
    if (length < 1e-13) return;
    int n = (int)ceil(length * STEPS_PER_TURN / (2.0 * PI));
    for (int i = 0; i < n; i++) rk4(f, is_esq, (to_rad - from_rad) / n);
}

void ring_map_arc(const struct ring *ring, const struct tpsa_space *s, double from_rad, double to_rad,
                  struct ring_arc *out)
{
    struct flow f = {.ring = ring, .s = s, .K = ring->linear};
    struct place edges[MAX_EDGES];
    struct tpsa in[2], end[2];
    const bool is_backward = to_rad < from_rad;
    size_t n               = edges_between(ring, fmin(from_rad, to_rad), fmax(from_rad, to_rad), edges);
    double at              = from_rad;
    for (int v = 0; v < 4; v++) f.v[v] = tpsa_variable(s, v, v == 0 ? RING_R0_MM : 0.0, RING_MAP_SCALE_MM);
    f.v[PPHI] = pphi_at(&f, from_rad);
    f.v[Q]    = tpsa_constant(1.0);
    half_angle(s, &f.v[PR], &f.v[PPHI], in);
    for (size_t i = 0; i < n; i++) {
        const struct place *e = &edges[is_backward ? n - 1 - i : i];
        go(&f, at, e->phi_rad);
        edge(&f, is_backward ? -e->sign : e->sign);
        at = e->phi_rad;
    }
    go(&f, at, to_rad);
    half_angle(s, &f.v[PR], &f.v[PPHI], end);
    to_momentum(s, in, end, &f.v[Q]);
    f.v[R].c[0] -= RING_R0_MM;
    for (int v = 0; v < 4; v++) out->z[v] = SCALE(f.v[v], 1.0 / RING_MAP_SCALE_MM);
    for (int i = 0; i < 4; i++) out->q[i] = f.v[Q + i];
    out->clock = f.v[CLOCK];
}
