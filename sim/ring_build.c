/* The ring cut into pieces the engine can apply: steps in order of azimuth, and operations for whole turns. */
#include "ring_field.h"

#include "phys.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEG        (PI / 180.0)
#define LONGEST    51.0 /* degrees of one drift: the engine's polynomials */
#define SAME_DEG   1e-9
#define MM_PER_DEG (RING_R0_MM * DEG)

/* ---- places where something happens ---- */

struct point {
    double deg;
    struct ring_step step; /* thin; RING_DRIFT: nothing but a cut */
};
struct points {
    size_t n;
    struct point at[RING_MAX_STEPS];
};

static enum err add_point(struct points *p, double deg, struct ring_step step)
{
    REQUIRE(p->n < RING_MAX_STEPS, ERR_CONFIG, "ring: more than %d places; take fewer edge steps, slices or monitors",
            RING_MAX_STEPS);
    step.phi_rad  = deg * DEG;
    p->at[p->n++] = (struct point){deg, step};
    return ERR_OK;
}

/* By azimuth; at one place leave a field, then thin things, then enter a field. */
static int rank(const struct ring_step *s)
{
    if (s->kind != RING_EDGE) return 1 + (int)s->kind;
    return s->scale < 0.0 ? 0 : 100;
}
static int by_place(const void *a, const void *b)
{
    const struct point *p = a, *q = b;
    if (fabs(p->deg - q->deg) > SAME_DEG) return p->deg < q->deg ? -1 : 1;
    if (rank(&p->step) != rank(&q->step)) return rank(&p->step) - rank(&q->step);
    return p->step.index - q->step.index;
}

/* Mean over a stretch along the beam of the soft edge's fall and of its second derivative. */
static void edge_mean(double begin_mm, double end_mm, double *fall, double *second)
{
    enum { N = 32 }; /* Simpson */
    double a[2], b[2], d[2], sum = esq_enge(begin_mm, a) + esq_enge(end_mm, b);
    for (int i = 1; i < N; i++) sum += (i % 2 ? 4.0 : 2.0) * esq_enge(begin_mm + (end_mm - begin_mm) * i / N, d);
    *fall   = sum / (3.0 * N);
    *second = (b[0] - a[0]) / (end_mm - begin_mm);
}

/* A staircase that rises into the section (sign 1) or falls out of it (-1): the value in each piece is the mean. */
static enum err add_soft_edge(struct points *p, const struct ring_setup *setup, double deg, int section, int sign)
{
    const size_t n = setup->edge_steps;
    const double h = 2.0 * setup->edge_mm / (double)n, reach = setup->edge_mm;
    double fall_before = sign > 0 ? 0.0 : 1.0, second_before = 0.0;
    for (size_t i = 0; i <= n; i++) {
        double begin = -reach + (double)i * h, fall, second;
        edge_mean(sign > 0 ? -begin : begin, sign > 0 ? -(begin + h) : begin + h, &fall, &second);
        if (i == n) fall = sign > 0 ? 1.0 : 0.0, second = 0.0;
        TRY(add_point(
            p, deg + begin / MM_PER_DEG,
            (struct ring_step){
                .kind = RING_EDGE, .index = section, .scale = fall - fall_before, .fringe = second - second_before}));
        fall_before = fall, second_before = second;
    }
    return ERR_OK;
}

static enum err add_edges(struct points *p, const struct ring_setup *setup)
{
    const struct ring_section *section;
    size_t n = ring_sections(setup->layout, &section);
    for (size_t i = 0; i < n; i++) {
        double ends[2] = {section[i].begin_deg, section[i].end_deg};
        for (int k = 0; k < 2; k++) {
            int sign = k == 0 ? 1 : -1;
            if (setup->edge_steps > 0)
                TRY(add_soft_edge(p, setup, ends[k], (int)i, sign));
            else
                TRY(add_point(p, ends[k], (struct ring_step){.kind = RING_EDGE, .index = (int)i, .scale = sign}));
        }
    }
    return ERR_OK;
}

static enum err add_kickers(struct points *p, const struct ring_setup *setup)
{
    for (size_t i = 0; i < setup->n_kickers; i++) {
        const struct ring_kicker *k = &setup->kicker[i];
        double slice                = k->length_deg / (double)setup->kicker_slices;
        for (int end = -1; end <= 1; end += 2)
            TRY(add_point(p, k->centre_deg + 0.5 * end * k->length_deg, (struct ring_step){.kind = RING_DRIFT}));
        for (size_t j = 0; j < setup->kicker_slices; j++)
            TRY(add_point(p, k->centre_deg - 0.5 * k->length_deg + ((double)j + 0.5) * slice,
                          (struct ring_step){.kind = RING_KICKER, .index = (int)i, .weight_rad = slice * DEG}));
    }
    return ERR_OK;
}

static enum err add_planes(struct points *p, const struct ring_setup *setup)
{
    for (size_t i = 0; i < setup->n_collimators; i++)
        TRY(add_point(p, setup->collimator_deg[i], (struct ring_step){.kind = RING_PLANE, .index = (int)i}));
    for (size_t i = 0; i < setup->n_monitors; i++)
        TRY(add_point(p, setup->monitor_deg[i], (struct ring_step){.kind = RING_MONITOR, .index = (int)i}));
    return ERR_OK;
}

/* Magnetic kicks stand at the places there are and cut what is longer than bend_deg; each stands for the halves of the
 * stretches on its two sides, exactly averaged. */
static enum err add_bends(struct ring *ring, struct points *p, const struct ring_setup *setup)
{
    double cut[RING_MAX_STEPS];
    size_t n_cuts = 0, n_old = p->n;
    double at = 0.0;
    for (size_t i = 0; i <= n_old; i++) {
        double next = i < n_old ? p->at[i].deg : 360.0;
        size_t n    = (size_t)ceil((next - at) / setup->bend_deg - SAME_DEG);
        if (next - at <= SAME_DEG) continue;
        REQUIRE(n_cuts + n < RING_MAX_STEPS, ERR_CONFIG, "ring: bend_deg is too small");
        for (size_t k = 0; k < n; k++) cut[n_cuts++] = at + (next - at) * (double)k / (double)n;
        at = next;
    }
    for (size_t i = 0; i < n_cuts; i++) {
        double before = i > 0 ? cut[i - 1] : cut[n_cuts - 1] - 360.0, after = i + 1 < n_cuts ? cut[i + 1] : 360.0;
        double begin = 0.5 * (before + cut[i]), end = 0.5 * (cut[i] + after), *b = ring->bend[i];
        double normal[DIPOLE_ORDERS], skew[DIPOLE_ORDERS];
        dipole_map_mean(setup->dipole, begin * DEG, end * DEG, normal, skew);
        for (int k = 0; k < DIPOLE_ORDERS; k++) {
            b[k]                 = normal[k] / pow(APERTURE_MM, k);
            b[DIPOLE_ORDERS + k] = skew[k] / pow(APERTURE_MM, k);
        }
        TRY(add_point(p, cut[i],
                      (struct ring_step){.kind = RING_BEND, .index = (int)i, .weight_rad = (end - begin) * DEG}));
    }
    return ERR_OK;
}

/* ---- steps ---- */

static enum err add_step(struct ring *ring, struct ring_step step)
{
    REQUIRE(ring->n_steps < RING_MAX_STEPS, ERR_CONFIG, "ring: more than %d pieces; raise pair_deg", RING_MAX_STEPS);
    ring->steps[ring->n_steps++] = step;
    return ERR_OK;
}

/* A stretch without thin things: dipole alone, or ESQ where its field is `scale`. */
static enum err add_stretch(struct ring *ring, const struct ring_setup *setup, double begin, double end,
                            const struct ring_step *esq)
{
    bool is_drift = esq->scale == 0.0;
    double most   = is_drift ? LONGEST : setup->pair_deg;
    int n         = (int)ceil((end - begin) / most - SAME_DEG);
    for (int i = 0; i < n; i++) {
        struct ring_step s = *esq;
        s.kind             = is_drift ? RING_DRIFT : esq->scale == 1.0 ? RING_PAIR : RING_SINGLE;
        s.phi_rad          = (begin + (end - begin) * i / n) * DEG;
        s.length_rad       = (end - begin) / n * DEG;
        TRY(add_step(ring, s));
    }
    return ERR_OK;
}

static enum err add_steps(struct ring *ring, const struct ring_setup *setup, const struct points *p)
{
    struct ring_step esq = {.scale = setup->layout == RING_CONTINUOUS ? 1.0 : 0.0};
    double at            = 0.0;
    for (size_t i = 0; i < p->n; i++) {
        const struct ring_step *s = &p->at[i].step;
        if (p->at[i].deg - at > SAME_DEG) {
            TRY(add_stretch(ring, setup, at, p->at[i].deg, &esq));
            at = p->at[i].deg;
        }
        if (s->kind == RING_EDGE) {
            esq.index = s->index;
            esq.scale += s->scale;
            esq.fringe += s->fringe;
            if (fabs(esq.scale) < 1e-12) esq.scale = esq.fringe = 0.0;
            if (fabs(esq.scale - 1.0) < 1e-12) esq.scale = 1.0;
        }
        if (s->kind == RING_DRIFT) continue;
        struct ring_step thin = *s;
        thin.phi_rad          = at * DEG;
        TRY(add_step(ring, thin));
    }
    return add_stretch(ring, setup, at, 360.0, &esq);
}

/* ---- operations ---- */

static void add_drift(struct ring *ring, double phi, double angle)
{
    ring->ops[ring->n_ops++] = (struct ring_op){
        .kind = RING_OP_DRIFT, .phi_rad = phi, .angle_rad = angle, .cosine = cos(angle), .sine = sin(angle)};
}

static void add_kick(struct ring *ring, const struct ring_step *s, double phi)
{
    const double weight = 0.5 * s->length_rad, K = ring->esq[s->index].base.normal[1];
    ring->ops[ring->n_ops++] =
        (struct ring_op){.kind       = RING_OP_KICK,
                         .index      = s->index,
                         .phi_rad    = phi,
                         .weight_rad = s->scale * weight,
                         .gradient   = s->scale * 4.0 * RING_GRADIENT * MAGIC_GAMMA * weight * weight,
                         .clock      = 2.0 * RING_GRADIENT * ring->kappa * ring->kappa * weight,
                         .fringe     = s->fringe * K / (6.0 * s->scale)};
}

static void add_pair(struct ring *ring, const struct ring_step *s)
{
    const double h = s->length_rad, outer = 0.5 * (1.0 - 1.0 / sqrt(3.0)) * h, inner = h / sqrt(3.0);
    if (s->phi_rad >= ring->open_rad)
        ring->ops[ring->n_ops++] = (struct ring_op){
            .kind = RING_OP_PLATES, .index = s->index, .phi_rad = s->phi_rad, .ahead_ns = 0.5 * h / OMEGA_C_RADNS};
    add_drift(ring, s->phi_rad + outer, outer);
    add_kick(ring, s, s->phi_rad + outer);
    add_drift(ring, s->phi_rad + outer + inner, inner);
    add_kick(ring, s, s->phi_rad + outer + inner);
    add_drift(ring, s->phi_rad + h, outer);
}

/* A midpoint kick; the field's own change along the edge is a greater error than what a second kick would take away. */
static void add_single(struct ring *ring, const struct ring_step *s)
{
    add_drift(ring, s->phi_rad + 0.5 * s->length_rad, 0.5 * s->length_rad);
    add_kick(ring, s, s->phi_rad + 0.5 * s->length_rad);
    struct ring_op *kick = &ring->ops[ring->n_ops - 1];
    kick->weight_rad     = s->scale * s->length_rad;
    kick->gradient = kick->clock = 0.0;
    add_drift(ring, s->phi_rad + s->length_rad, 0.5 * s->length_rad);
}

static void add_thin(struct ring *ring, enum ring_op_kind kind, const struct ring_step *s)
{
    ring->ops[ring->n_ops++] =
        (struct ring_op){.kind = kind, .index = s->index, .phi_rad = s->phi_rad, .weight_rad = s->weight_rad};
}

static void add_edge(struct ring *ring, const struct ring_step *s)
{
    ring->ops[ring->n_ops++] = (struct ring_op){.kind       = RING_OP_EDGE,
                                                .index      = s->index,
                                                .phi_rad    = s->phi_rad,
                                                .weight_rad = s->scale,
                                                .fringe     = s->fringe * ring->esq[s->index].base.normal[1] / 24.0};
}

static enum err add_ops(struct ring *ring)
{
    for (size_t i = 0; i < ring->n_steps; i++) {
        const struct ring_step *s = &ring->steps[i];
        REQUIRE(ring->n_ops + 6 <= RING_MAX_OPS, ERR_CONFIG, "ring: more than %d operations; raise pair_deg",
                RING_MAX_OPS);
        switch (s->kind) {
        case RING_DRIFT: add_drift(ring, s->phi_rad + s->length_rad, s->length_rad); break;
        case RING_PAIR: add_pair(ring, s); break;
        case RING_SINGLE: add_single(ring, s); break;
        case RING_EDGE: add_edge(ring, s); break;
        case RING_BEND: add_thin(ring, RING_OP_BEND, s); break;
        case RING_KICKER: add_thin(ring, RING_OP_KICKER, s); break;
        case RING_PLANE: add_thin(ring, RING_OP_PLANE, s); break;
        case RING_MONITOR: add_thin(ring, RING_OP_MONITOR, s); break;
        }
    }
    return ERR_OK;
}

/* ---- what can be built ---- */

static enum err check_collimators(const struct ring_setup *setup)
{
    const struct ring_section *section;
    size_t n = ring_sections(setup->layout, &section);
    REQUIRE(setup->n_collimators <= RING_MAX_COLLIMATORS, ERR_CONFIG, "ring: more than %d collimators",
            RING_MAX_COLLIMATORS);
    for (size_t i = 0; i < setup->n_collimators; i++) {
        double c = setup->collimator_deg[i];
        REQUIRE(c > 0.0 && c < 360.0 && setup->layout != RING_CONTINUOUS, ERR_CONFIG,
                "ring: no collimator can stand at %g deg", c);
        for (size_t k = 0; k < n; k++)
            REQUIRE(c < section[k].begin_deg || c > section[k].end_deg, ERR_CONFIG,
                    "ring: the collimator at %g deg is inside the ESQ from %g to %g deg", c, section[k].begin_deg,
                    section[k].end_deg);
    }
    return ERR_OK;
}

static enum err check_edges(const struct ring_setup *setup)
{
    const struct ring_section *section;
    size_t n     = ring_sections(setup->layout, &section);
    double reach = setup->edge_mm / MM_PER_DEG;
    if (setup->edge_steps == 0) return ERR_OK;
    REQUIRE(!setup->is_curved, ERR_CONFIG, "ring: soft edges go with esq_field linear, nim and custom, not curved");
    for (size_t k = 0; k < n; k++) {
        double room   = k + 1 < n ? section[k + 1].begin_deg - section[k].end_deg
                                  : 360.0 + section[0].begin_deg - section[n - 1].end_deg;
        double length = section[k].end_deg - section[k].begin_deg;
        REQUIRE(2.0 * reach < room && 2.0 * reach < length && section[0].begin_deg > reach, ERR_CONFIG,
                "ring: soft edges of %g mm on either side overlap at the ESQ from %g to %g deg; accepted are up to "
                "%.0f mm there",
                setup->edge_mm, section[k].begin_deg, section[k].end_deg, floor(0.5 * fmin(room, length) * MM_PER_DEG));
    }
    return ERR_OK;
}

static enum err check_kickers(const struct ring_setup *setup)
{
    const struct ring_section *section;
    size_t n = ring_sections(setup->layout, &section);
    for (size_t i = 0; i < setup->n_kickers; i++) {
        double a = setup->kicker[i].centre_deg - 0.5 * setup->kicker[i].length_deg, b = a + setup->kicker[i].length_deg;
        REQUIRE(setup->layout != RING_CONTINUOUS && a >= 0.0 && b <= 360.0, ERR_CONFIG,
                "ring: no kicker can stand from %g to %g deg", a, b);
        for (size_t k = 0; k < n; k++)
            REQUIRE(b <= section[k].begin_deg || a >= section[k].end_deg, ERR_CONFIG,
                    "ring: the kicker from %g to %g deg overlaps the ESQ from %g to %g deg", a, b, section[k].begin_deg,
                    section[k].end_deg);
    }
    return ERR_OK;
}

static enum err check_setup(const struct ring_setup *setup)
{
    REQUIRE(setup->pair_deg >= 1.0 && setup->pair_deg <= 39.0, ERR_CONFIG, "ring: pair_deg is %g, accepted are 1 to 39",
            setup->pair_deg);
    REQUIRE(!setup->dipole || (setup->bend_deg >= 1.0 && setup->bend_deg <= 90.0), ERR_CONFIG,
            "ring: bend_deg is %g, accepted are 1 to 90", setup->bend_deg);
    REQUIRE(setup->n_monitors <= RING_MAX_MONITORS, ERR_CONFIG, "ring: more than %d monitors", RING_MAX_MONITORS);
    for (size_t i = 0; i < setup->n_monitors; i++)
        REQUIRE(setup->monitor_deg[i] >= 0.0 && setup->monitor_deg[i] < 360.0, ERR_CONFIG,
                "ring: a monitor cannot stand at %g deg", setup->monitor_deg[i]);
    TRY(check_collimators(setup));
    TRY(check_edges(setup));
    return check_kickers(setup);
}

enum err ring_build(const struct ring_setup *setup, struct ring *out)
{
    struct points points   = {0};
    struct ring_setup full = *setup;
    if (full.anomaly == 0.0) full.anomaly = MUON_ANOMALY;
    if (full.vacuum_mm == 0.0) full.vacuum_mm = 75.0;
    if (full.bend_deg == 0.0) full.bend_deg = 26.0;
    if (full.kicker_slices == 0) full.kicker_slices = 4;
    setup = &full;
    TRY(check_setup(setup));
    memset(out, 0, sizeof *out);
    out->GeV         = GeV_PER_T_MM * RING_B0_T;
    out->kappa       = out->GeV / MUON_MASS_GeV;
    out->a           = setup->anomaly;
    out->eta         = setup->eta;
    out->omega_B     = out->kappa * C_MM_NS;
    out->open_rad    = setup->open_deg * DEG;
    out->aperture_mm = setup->aperture_mm;
    out->vacuum_mm   = setup->vacuum_mm;
    out->n_monitors  = setup->n_monitors;
    out->layout      = setup->layout;
    out->edge_mm     = setup->edge_steps > 0 ? setup->edge_mm : 0.0;
    out->dipole      = setup->dipole;
    memcpy(out->kicker, setup->kicker, sizeof out->kicker);
    ring_set_field(out, setup);
    TRY(add_edges(&points, setup));
    TRY(add_kickers(&points, setup));
    TRY(add_planes(&points, setup));
    qsort(points.at, points.n, sizeof points.at[0], by_place);
    if (setup->dipole) {
        TRY(add_bends(out, &points, setup));
        qsort(points.at, points.n, sizeof points.at[0], by_place);
    }
    TRY(add_steps(out, setup, &points));
    return add_ops(out);
}
