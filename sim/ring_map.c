/* The tables of the map engine, from the maps of arcs. */
#include "ring_map.h"

#include "mem.h"
#include "phys.h"

#include <math.h>
#include <string.h>

#define DEG (PI / 180.0)

/* Exponents of x, p_r, y, p_y; the kernel adds them up in this order. */
static const int even_terms[RING_MAP_EVEN][4] = {{0, 0, 0, 0}, {1, 0, 0, 0}, {0, 1, 0, 0}, {2, 0, 0, 0}, {1, 1, 0, 0},
                                                 {0, 2, 0, 0}, {3, 0, 0, 0}, {2, 1, 0, 0}, {1, 2, 0, 0}, {0, 3, 0, 0},
                                                 {0, 0, 2, 0}, {0, 0, 1, 1}, {0, 0, 0, 2}, {1, 0, 2, 0}, {1, 0, 1, 1},
                                                 {1, 0, 0, 2}, {0, 1, 2, 0}, {0, 1, 1, 1}, {0, 1, 0, 2}};
static const int odd_terms[RING_MAP_ODD][4]   = {
      {0, 0, 1, 0}, {0, 0, 0, 1}, {1, 0, 1, 0}, {1, 0, 0, 1}, {0, 1, 1, 0}, {0, 1, 0, 1}, {2, 0, 1, 0}, {2, 0, 0, 1},
      {1, 1, 1, 0}, {1, 1, 0, 1}, {0, 2, 1, 0}, {0, 2, 0, 1}, {0, 0, 3, 0}, {0, 0, 2, 1}, {0, 0, 1, 2}, {0, 0, 0, 3}};
static const int constant_term[4]   = {0};
static const int linear_terms[4][4] = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}};

/* ---- polynomials in delta ---- */

/* What stands at a monomial of x, p_r, y, p_y. */
static void series_of(const struct tpsa_space *s, const struct tpsa *a, const int term[4], double out[RING_MAP_POWERS])
{
    for (int k = 0; k < RING_MAP_POWERS; k++) {
        const int e[TPSA_VARIABLES] = {term[0], term[1], term[2], term[3], k};
        int i                       = tpsa_index(s, e);
        out[k]                      = i < 0 ? 0.0 : a->c[i];
    }
}

/* The same as a series in delta alone. */
static struct tpsa column(const struct tpsa_space *s, const struct tpsa *a, const int term[4])
{
    double value[RING_MAP_POWERS];
    struct tpsa r = tpsa_constant(0.0);
    series_of(s, a, term, value);
    for (int k = 0; k < RING_MAP_POWERS; k++) {
        const int e[TPSA_VARIABLES] = {0, 0, 0, 0, k};
        r.c[tpsa_index(s, e)]       = value[k];
    }
    return r;
}

static void series_of_map(const struct tpsa_space *s, const struct ring_arc *m, struct ring_map_series *out)
{
    const struct tpsa *even[5] = {&m->z[0], &m->z[1], &m->clock, &m->q[0], &m->q[2]};
    const struct tpsa *odd[4]  = {&m->z[2], &m->z[3], &m->q[1], &m->q[3]};
    for (int k = 0; k < RING_MAP_EVEN; k++)
        for (int i = 0; i < 5; i++) series_of(s, even[i], even_terms[k], out->even[k][i]);
    for (int k = 0; k < RING_MAP_ODD; k++)
        for (int i = 0; i < 4; i++) series_of(s, odd[i], odd_terms[k], out->odd[k][i]);
}

/* ---- linear parts of maps: x = shift + a x, y = b y, coefficients series in delta ---- */

struct linear {
    struct tpsa shift[2], a[4], b[4];
};

static void linear_of(const struct tpsa_space *s, const struct ring_arc *m, struct linear *out)
{
    for (int i = 0; i < 2; i++) {
        out->shift[i] = column(s, &m->z[i], constant_term);
        for (int j = 0; j < 2; j++) {
            out->a[2 * i + j] = column(s, &m->z[i], linear_terms[j]);
            out->b[2 * i + j] = column(s, &m->z[2 + i], linear_terms[2 + j]);
        }
    }
}

static void invert2(const struct tpsa_space *s, const struct tpsa a[4], struct tpsa out[4])
{
    struct tpsa det = tpsa_sub(tpsa_mul(s, a[0], a[3]), tpsa_mul(s, a[1], a[2])), inverse = tpsa_inverse(s, det);
    struct tpsa minus = tpsa_scale(inverse, -1.0);
    out[0]            = tpsa_mul(s, a[3], inverse);
    out[1]            = tpsa_mul(s, a[1], minus);
    out[2]            = tpsa_mul(s, a[2], minus);
    out[3]            = tpsa_mul(s, a[0], inverse);
}

/* Row i of a 2 x 2 matrix times a column. */
static struct tpsa row(const struct tpsa_space *s, const struct tpsa a[4], int i, struct tpsa u, struct tpsa v)
{
    return tpsa_add(tpsa_mul(s, a[2 * i], u), tpsa_mul(s, a[2 * i + 1], v));
}

static void invert(const struct tpsa_space *s, const struct linear *f, struct linear *out)
{
    invert2(s, f->a, out->a);
    invert2(s, f->b, out->b);
    for (int i = 0; i < 2; i++) out->shift[i] = tpsa_scale(row(s, out->a, i, f->shift[0], f->shift[1]), -1.0);
}

static void apply_linear(const struct tpsa_space *s, const struct linear *f, const struct tpsa in[4],
                         struct tpsa out[4])
{
    for (int i = 0; i < 2; i++) {
        out[i]     = tpsa_add(f->shift[i], row(s, f->a, i, in[0], in[1]));
        out[2 + i] = row(s, f->b, i, in[2], in[3]);
    }
}

/* out = second after first */
static void join(const struct tpsa_space *s, const struct linear *second, const struct linear *first,
                 struct linear *out)
{
    for (int i = 0; i < 2; i++) {
        out->shift[i] = tpsa_add(second->shift[i], row(s, second->a, i, first->shift[0], first->shift[1]));
        for (int j = 0; j < 2; j++) {
            out->a[2 * i + j] = row(s, second->a, i, first->a[j], first->a[2 + j]);
            out->b[2 * i + j] = row(s, second->b, i, first->b[j], first->b[2 + j]);
        }
    }
}

/* A map with a linear one before and one after it, of which the spin and the clock know nothing; NULL: none. */
static void dress(const struct tpsa_space *s, const struct ring_arc *m, const struct linear *before,
                  const struct linear *after, struct ring_arc *out)
{
    struct tpsa in[TPSA_VARIABLES], z[4];
    *out = *m;
    if (before) {
        for (int v = 0; v < TPSA_VARIABLES; v++) in[v] = tpsa_variable(s, v, 0.0, 1.0);
        apply_linear(s, before, in, z);
        memcpy(in, z, sizeof z);
        for (int i = 0; i < 4; i++) out->z[i] = tpsa_compose(s, &m->z[i], in);
        for (int i = 0; i < 4; i++) out->q[i] = tpsa_compose(s, &m->q[i], in);
        out->clock = tpsa_compose(s, &m->clock, in);
    }
    if (!after) return;
    memcpy(z, out->z, sizeof z);
    apply_linear(s, after, z, out->z);
}

/* ---- from the engine's ring to the tables ---- */

struct work {
    const struct ring *ring;
    struct tpsa_space space;
    struct ring_nodes nodes;
    struct ring_arc to[RING_MAP_NODES]; /* from the centre to the nodes */
    struct linear there[RING_MAP_NODES], back[RING_MAP_NODES];
};

/* What depends on the energy alone, as series in delta. */
struct energy {
    struct tpsa p, gamma, ce; /* ce p x dp is the spin's turn by an electric kick dp */
};
static struct energy energy_of(const struct work *w)
{
    const struct tpsa_space *s = &w->space;
    const double k2 = w->ring->kappa * w->ring->kappa, magic = MAGIC_P_GeV / w->ring->GeV;
    struct energy e;
    e.p     = tpsa_variable(s, 4, magic, magic * RING_MAP_DELTA);
    e.gamma = tpsa_root(s, tpsa_plus(tpsa_scale(tpsa_mul(s, e.p, e.p), k2), 1.0));
    e.ce    = tpsa_plus(tpsa_inverse(s, tpsa_plus(e.gamma, 1.0)), w->ring->a);
    e.ce    = tpsa_scale(tpsa_mul(s, e.ce, tpsa_inverse(s, e.gamma)), k2);
    return e;
}

/* Half the turn of the spin at the node, against the horizontal momentum: about n by a kick of p_y, about y by one of p_r;
 * nothing else to first order. */
static void turn_at_node(const struct work *w, struct tpsa out[4])
{
    const struct tpsa_space *s = &w->space;
    const struct energy e      = energy_of(w);
    const double half          = 0.5 * RING_MAP_SCALE_MM;
    struct tpsa y = tpsa_sub(tpsa_scale(e.gamma, w->ring->a), tpsa_scale(tpsa_inverse(s, e.gamma), 1.0 + w->ring->a));
    out[0]        = tpsa_scale(tpsa_mul(s, e.ce, e.p), -half);
    out[1]        = tpsa_scale(tpsa_mul(s, y, tpsa_inverse(s, e.p)), half);
    out[2] = out[3] = tpsa_constant(0.0);
}

static void make_node(const struct work *w, int j, struct ring_map_node *out)
{
    const struct tpsa_space *s = &w->space;
    const struct ring_arc *m   = &w->to[j];
    const struct tpsa *of[4]   = {&m->q[1], &m->q[2], &m->q[3], &m->clock};
    const struct energy e      = energy_of(w);
    struct tpsa turn[4], kick = tpsa_mul(s, e.gamma, tpsa_inverse(s, e.p));
    kick = tpsa_scale(kick, w->nodes.weight_rad[j] * RING_R0_MM);
    series_of(s, &kick, constant_term, out->kick);
    turn_at_node(w, turn);
    for (int i = 0; i < 4; i++) { /* to the node without the kick, and back with it */
        const bool is_vertical  = i == 0 || i == 2;
        const struct tpsa *back = is_vertical ? w->back[j].b : w->back[j].a;
        for (int k = 0; k < 2; k++) {
            struct tpsa d = column(s, of[i], linear_terms[is_vertical ? 2 + k : k]);
            turn[i]       = tpsa_sub(turn[i], tpsa_mul(s, d, back[2 * k + 1]));
        }
        series_of(s, &turn[i], constant_term, out->turn[i]);
    }
}

static void series_of_linear(const struct tpsa_space *s, const struct linear *f, double x[6][RING_MAP_POWERS],
                             double y[4][RING_MAP_POWERS])
{
    for (int i = 0; i < 2; i++) {
        series_of(s, &f->shift[i], constant_term, x[3 * i]);
        for (int j = 0; j < 2; j++) {
            series_of(s, &f->a[2 * i + j], constant_term, x[3 * i + 1 + j]);
            series_of(s, &f->b[2 * i + j], constant_term, y[2 * i + j]);
        }
    }
}

/* Four maps a turn with kicks between. */
static void make_quarters(struct work *w, struct ring_maps *out)
{
    const struct tpsa_space *s = &w->space;
    const double centre        = w->nodes.centre_rad;
    const int n                = w->nodes.n;
    struct ring_arc m, dressed;
    struct linear step;
    for (int j = 0; j < n; j++) {
        ring_map_arc(w->ring, s, centre, w->nodes.phi_rad[j], &w->to[j]);
        linear_of(s, &w->to[j], &w->there[j]);
        invert(s, &w->there[j], &w->back[j]);
        make_node(w, j, &out->node[j]);
    }
    for (int j = 0; j + 1 < n; j++) {
        join(s, &w->there[j + 1], &w->back[j], &step);
        series_of_linear(s, &step, out->node[j].x, out->node[j].y);
    }
    ring_map_arc(w->ring, s, 0.0, centre, &m);
    dress(s, &m, NULL, &w->there[0], &dressed);
    series_of_map(s, &dressed, &out->in);
    ring_map_arc(w->ring, s, centre, centre + 0.5 * PI, &m);
    dress(s, &m, &w->back[n - 1], &w->there[0], &dressed);
    series_of_map(s, &dressed, &out->turn);
    ring_map_arc(w->ring, s, centre, 0.0, &m);
    dress(s, &m, &w->back[0], NULL, &dressed);
    series_of_map(s, &dressed, &out->out);
    out->n_nodes       = n;
    out->maps_per_turn = 4;
}

/* Without multipoles: a turn from phi = 0, and nothing before or after it. */
static void make_turn(struct work *w, struct ring_maps *out)
{
    struct ring_arc m;
    ring_map_arc(w->ring, &w->space, 0.0, 2.0 * PI, &m);
    series_of_map(&w->space, &m, &out->turn);
    ring_map_arc(w->ring, &w->space, 0.0, 0.0, &m);
    series_of_map(&w->space, &m, &out->in);
    out->out           = out->in;
    out->maps_per_turn = 1;
}

/* ---- collimators ---- */

#define MARGIN_MM 0.5

/* By how much the linear look is wrong about the radius of a muon of the collimator's amplitude [mm]. */
static double look_error(const struct tpsa_space *s, const struct ring_arc *m, const struct ring_optics *o,
                         double aperture_mm)
{
    enum { N = 12, SHARES = 5 };
    const double p = RING_R0_MM / RING_MAP_SCALE_MM;
    double worst   = 0.0;
    for (int i = 0; i < N * N * SHARES; i++) {
        const int ix = i % N, iy = i / N % N, k_share = i / (N * N);
        double fx = 2.0 * PI * ix / N, fy = 2.0 * PI * iy / N, share = 0.5 * PI * k_share / (SHARES - 1);
        double ax = aperture_mm * cos(share), ay = aperture_mm * sin(share), full[2], linear[2];
        const double z[TPSA_VARIABLES] = {ax / RING_MAP_SCALE_MM * cos(fx), -ax / o->beta_x_mm * sin(fx) * p,
                                          ay / RING_MAP_SCALE_MM * cos(fy), -ay / o->beta_y_mm * sin(fy) * p, 0.0};
        for (int k = 0; k < 2; k++) {
            struct tpsa only = tpsa_constant(m->z[2 * k].c[0]);
            memcpy(&only.c[1], &m->z[2 * k].c[1], TPSA_VARIABLES * sizeof only.c[1]);
            full[k]   = tpsa_value(s, &m->z[2 * k], z);
            linear[k] = tpsa_value(s, &only, z);
        }
        worst = fmax(worst, fabs(hypot(full[0], full[1]) - hypot(linear[0], linear[1])));
    }
    return worst * RING_MAP_SCALE_MM;
}

/* From the last node before it, or from phi = 0. */
static void add_look(struct work *w, double phi_rad, struct ring_maps *out)
{
    struct ring_map_look *l = &out->look[out->n_looks++];
    const int n             = w->nodes.n;
    double from             = 0.0, x[6][RING_MAP_POWERS], y[4][RING_MAP_POWERS];
    struct ring_arc m;
    struct linear f;
    if (n > 0) {
        l->map = 3, l->node = n - 1;
        from = w->nodes.phi_rad[n - 1] - 0.5 * PI;
    }
    for (int q = 0; q < 4 * n; q++) {
        const int quarter = q / n;
        double node       = w->nodes.phi_rad[q % n] + 0.5 * PI * quarter;
        if (node < phi_rad) l->map = quarter, l->node = q % n, from = node;
    }
    ring_map_arc(w->ring, &w->space, from, phi_rad, &m);
    linear_of(&w->space, &m, &f);
    series_of_linear(&w->space, &f, x, y);
    memcpy(l->x, x, sizeof l->x);
    memcpy(l->y, y, sizeof l->y);
    double error = look_error(&w->space, &m, &out->optics, w->ring->aperture_mm);
    l->limit     = (w->ring->aperture_mm - MARGIN_MM - error) / RING_MAP_SCALE_MM;
}

/* ---- what is accepted ---- */

static bool has_step(const struct ring *ring, enum ring_step_kind kind)
{
    for (size_t i = 0; i < ring->n_steps; i++)
        if (ring->steps[i].kind == kind) return true;
    return false;
}

static enum err accept(const struct ring *ring, int n_kicks)
{
    const struct {
        bool is_bad;
        const char *why;
    } reason[] = {
        {ring->layout == RING_CONTINUOUS, "the ESQ is continuous"},
        {ring->field == RING_CURVED, "the ESQ's field is curved"},
        {ring->field == RING_VARYING, "the ESQ's voltages still fall in the stored beam"},
        {ring->field == RING_GENERAL, "ESQ sections differ, or have skew multipoles or normal ones of odd order"},
        {ring->edge_mm > 0.0, "the ESQ's edges are soft"},
        {ring->dipole != NULL, "the dipole has multipoles"},
        {has_step(ring, RING_KICKER), "kickers, or their eddy currents, act on the stored beam"},
        {ring->eta != 0.0, "there is an electric dipole moment"},
        {ring->n_monitors > 0, "there are monitors"},
        {ring->open_rad > 0.0, "muons are on their way in"},
    };
    for (size_t i = 0; i < sizeof reason / sizeof *reason; i++)
        REQUIRE(!reason[i].is_bad, ERR_CONFIG,
                "the map engine does not apply: %s; accepted are hard-edged sections all alike, with normal multipoles "
                "of even order; take engine: element",
                reason[i].why);
    REQUIRE(n_kicks % 4 == 0 && n_kicks >= 4 && n_kicks <= 4 * RING_MAP_NODES, ERR_CONFIG,
            "map_kicks is %d; accepted are multiples of 4 from 4 to %d", n_kicks, 4 * RING_MAP_NODES);
    return ERR_OK;
}

/* ---- all of it ---- */

static enum err make(struct work *w, int n_kicks, struct ring_maps *out)
{
    const struct ring *ring = w->ring;
    *out          = (struct ring_maps){.kappa = ring->kappa, .a = ring->a, .GeV = ring->GeV, .omega_B = ring->omega_B};
    out->magic    = MAGIC_P_GeV / ring->GeV;
    out->reach_mm = ring->aperture_mm;
    TRY(ring_optics(ring, 0.0, &out->optics));
    for (int k = 0; k < RING_MAP_MULTIPOLES; k++) out->even[k] = ring->even[k + 1] * pow(RING_MAP_SCALE_MM, 2 * k + 2);
    tpsa_space_make(&w->space);
    if (ring->field == RING_EVEN) {
        TRY(ring_map_nodes(ring, n_kicks / 4, &w->nodes));
        make_quarters(w, out);
    } else {
        make_turn(w, out);
    }
    for (size_t i = 0; i < ring->n_steps; i++)
        if (ring->steps[i].kind == RING_PLANE) add_look(w, ring->steps[i].phi_rad, out);
    return ERR_OK;
}

enum err ring_map_make(const struct ring *ring, int n_kicks, struct ring_maps **out)
{
    struct work *w;
    *out = NULL;
    TRY(accept(ring, n_kicks));
    TRY(mem_alloc(&w, 1, sizeof *w));
    w->ring     = ring;
    enum err rc = mem_alloc(out, 1, sizeof **out);
    if (!rc) rc = make(w, n_kicks, *out);
    mem_free(w);
    if (!rc) return ERR_OK;
    mem_free(*out);
    *out = NULL;
    return err_pass(rc, __FILE__, __LINE__, "ring_map_make");
}
