/* The tracking engine, one copy for each instruction set: blocks of VEC_W muons turn together. A muon first walks from
 * its own azimuth to phi = 0, then makes whole turns as long as its end is more than a turn away, then walks to its end.
 * On a walk each muon has its own step lengths, so that it starts and stops at its own place. */
#include "ring_kernel.h"

#include "ring_element.h"

#include <math.h>
#include <stdbool.h>

enum { BLOCKS = VEC_W >= 8 ? 2 : 4 }; /* interleaved: as many as hide the latency of arithmetic */
_Static_assert(RING_LANES % (BLOCKS * VEC_W) == 0, "a batch is a whole number of groups of blocks");
#define TWO_PI           (2.0 * PI)
#define FARTHEST_TURN_NS 156.0 /* no muon within 10 % of magic momentum takes longer while inside the vacuum */

/* A block in work: where its muons are in the batch and who is done. */
struct work {
    struct lanes m;
    vec clock_end, phi, turns;                             /* phi used on walks */
    vec amplitude[ESQ_PLATES];                             /* of the falling terms of the section it is in */
    vec clock_start, at_start[RING_SECTIONS * ESQ_PLATES]; /* of the turn, and sizes of ring->time then */
    const struct ring *ring;
    struct ring_batch *batch;
    size_t first;
    unsigned alive;
};

/* ---- to and from the columns, lane by lane ---- */

static void set_lane(vec *v, unsigned i, double value)
{
    double x[VEC_W];
    vstore(x, *v);
    x[i] = value;
    *v   = vload(x);
}
static double lane(vec v, unsigned i)
{
    double x[VEC_W];
    vstore(x, v);
    return x[i];
}

static double spin_length(const struct ring_batch *b, size_t i)
{
    return sqrt(b->s_r[i] * b->s_r[i] + b->s_phi[i] * b->s_phi[i] + b->s_y[i] * b->s_y[i]);
}

static void load_lane(struct lanes *m, unsigned i, const struct ring *ring, const struct ring_batch *b, size_t k)
{
    const double per = 1.0 / ring->GeV;
    double pr = b->p_r_GeV[k] * per, pphi = b->p_phi_GeV[k] * per, py = b->p_y_GeV[k] * per;
    double pt = sqrt(pr * pr + pphi * pphi), sine = pr / pt, cosine = pphi / pt;
    double gamma = sqrt(1.0 + ring->kappa * ring->kappa * (pt * pt + py * py));
    double s = spin_length(b, k), unit = s > 0.0 ? 1.0 / s : 0.0;
    set_lane(&m->cx, i, b->x_mm[k] + (RING_R0_MM - pphi));
    set_lane(&m->y, i, b->y_mm[k]);
    set_lane(&m->pr, i, pr);
    set_lane(&m->pphi, i, pphi);
    set_lane(&m->py, i, py);
    set_lane(&m->pt, i, pt);
    set_lane(&m->ipt, i, 1.0 / pt);
    set_lane(&m->gamma, i, gamma);
    set_lane(&m->igamma, i, 1.0 / gamma);
    set_lane(&m->igamma1, i, 1.0 / (gamma + 1.0));
    set_lane(&m->psi, i, asin(sine));
    set_lane(&m->sn, i, unit * (b->s_r[k] * cosine - b->s_phi[k] * sine));
    set_lane(&m->st, i, unit * (b->s_r[k] * sine + b->s_phi[k] * cosine));
    set_lane(&m->sy, i, unit * b->s_y[k]);
    set_lane(&m->clock, i, b->t_ns[k] * ring->omega_B);
}

static void store_lane(const struct lanes *m, unsigned i, const struct ring *ring, struct ring_batch *b, size_t k)
{
    double s = spin_length(b, k), sine = lane(m->pr, i) * lane(m->ipt, i), cosine = lane(m->pphi, i) * lane(m->ipt, i);
    b->x_mm[k]      = lane(x_of(m), i);
    b->y_mm[k]      = lane(m->y, i);
    b->p_r_GeV[k]   = lane(m->pr, i) * ring->GeV;
    b->p_phi_GeV[k] = lane(m->pphi, i) * ring->GeV;
    b->p_y_GeV[k]   = lane(m->py, i) * ring->GeV;
    b->t_ns[k]      = lane(m->clock, i) / ring->omega_B;
    b->s_r[k]       = s * (lane(m->sn, i) * cosine + lane(m->st, i) * sine);
    b->s_phi[k]     = s * (lane(m->st, i) * cosine - lane(m->sn, i) * sine);
    b->s_y[k]       = s * lane(m->sy, i);
}

static void load_block(struct work *w, const struct ring *ring, struct ring_batch *b, size_t first)
{
    *w = (struct work){.ring = ring, .batch = b, .first = first};
    for (unsigned i = 0; i < VEC_W; i++) {
        load_lane(&w->m, i, ring, b, first + i);
        set_lane(&w->phi, i, b->phi_rad[first + i]);
    }
}

/* Muons of the mask have ended at azimuth phi. */
static void finish(struct work *w, unsigned mask, vec phi, double fate)
{
    for (unsigned i = 0; i < VEC_W; i++) {
        if (!(mask >> i & 1u)) continue;
        size_t k = w->first + i;
        w->batch->turns[k] += lane(w->turns, i) + (lane(phi, i) - w->batch->phi_rad[k]) / TWO_PI;
        w->batch->fate[k] = fate;
        double at         = lane(phi, i);
        store_lane(&w->m, i, w->ring, w->batch, k);
        w->batch->phi_rad[k] = at < TWO_PI ? at : at - TWO_PI;
    }
    w->alive &= ~mask;
}

/* Written so that a number that is none counts as outside. */
static unsigned outside(const struct lanes *m, double radius)
{
    vec x = x_of(m);
    return ~vless(vfma(x, x, m->y * m->y), vset(radius * radius));
}

/* Turn-by-turn sums of the muons of a mask at a monitor. */
static void record(const struct work *w, unsigned mask, int monitor)
{
    const struct ring_monitors *to = w->batch->monitors;
    double t[VEC_W], x[VEC_W], y[VEC_W];
    if (!to || !mask) return;
    vstore(t, w->m.clock * vset(1.0 / w->ring->omega_B));
    vstore(x, x_of(&w->m));
    vstore(y, w->m.y);
    for (unsigned i = 0; i < VEC_W; i++) {
        double bin = (t[i] - to->first_ns) * to->per_bin_ns;
        if (!(mask >> i & 1u) || !(bin >= 0.0) || !(bin < (double)to->n_bins)) continue;
        int64_t *sum          = to->sum + (size_t)monitor * RING_N_SUMS * to->n_bins + (size_t)bin;
        double v[RING_N_SUMS] = {1.0, x[i], x[i] * x[i], y[i], y[i] * y[i]};
        sum[0] += 1;
        for (size_t q = 1; q < RING_N_SUMS; q++)
            sum[q * to->n_bins] += (int64_t)__builtin_floor(v[q] * RING_SUM_UNIT + 0.5);
    }
}

/* ---- whole turns ---- */

/* Applies an operation to each block in turn, so that their chains of dependent instructions overlap. */
#define EACH_BLOCK(operation)                                                                                          \
    for (int b = 0; b < BLOCKS; b++) {                                                                                 \
        struct lanes m = take(&w[b].m);                                                                                \
        operation;                                                                                                     \
        put(&m, &w[b].m);                                                                                              \
    }

static void planes(struct work w[BLOCKS], const struct ring_op *op)
{
    bool is_plates = op->kind != RING_OP_PLANE;
    for (int b = 0; b < BLOCKS; b++) {
        unsigned lost = is_plates ? outside_plates(&w[b].m) : outside(&w[b].m, w[b].ring->aperture_mm);
        lost &= w[b].alive;
        if (__builtin_expect(lost != 0, 0)) finish(&w[b], lost, vset(op->phi_rad), is_plates ? 3.0 : 2.0);
    }
}

/* Times fast against a turn are for studies. */
static bool is_slow(const struct esq_time *time) { return time->tau_ns * SHORT_U > FARTHEST_TURN_NS; }

static void amplitudes(const struct ring *ring, const struct ring_op *op, struct work w[BLOCKS])
{
    const struct ring_esq *esq = &ring->esq[op->index];
    bool all_slow              = true;
    for (int i = 0; i < esq->n_terms; i++) all_slow = all_slow && is_slow(&esq->time[i]);
    for (int b = 0; b < BLOCKS; b++)
        if (all_slow)
            esq_amplitudes_on(ring, esq, w[b].m.clock, op->ahead_ns, w[b].clock_start, w[b].at_start, w[b].amplitude);
        else
            esq_amplitudes(ring, esq, w[b].m.clock, op->ahead_ns, w[b].amplitude);
}

static void start_amplitudes(const struct ring *ring, struct work w[BLOCKS])
{
    for (int b = 0; b < BLOCKS; b++) {
        w[b].clock_start = w[b].m.clock;
        for (int i = 0; i < ring->n_times; i++) w[b].at_start[i] = esq_size(ring, &ring->time[i], w[b].m.clock);
    }
}

/* Kickers and monitors; few a turn. */
static void thin(const struct ring *ring, const struct ring_op *op, struct work w[BLOCKS])
{
    for (int b = 0; b < BLOCKS; b++) {
        struct lanes *m = &w[b].m;
        if (op->kind == RING_OP_KICKER) {
            kicker_kick(ring, &ring->kicker[op->index], m, vset(op->weight_rad));
        } else {
            record(&w[b], w[b].alive, op->index);
        }
    }
}

#define NOW(b) (&(struct esq_now){&ring->esq[op->index], w[b].amplitude})
VEC_INLINE void one_turn(const struct ring *ring, struct work w[BLOCKS], enum ring_field_kind kind)
{
    for (size_t i = 0; i < ring->n_ops; i++) {
        const struct ring_op *op = &ring->ops[i];
        switch (op->kind) {
        case RING_OP_DRIFT: {
            vec angle = vset(op->angle_rad), cosine = vset(op->cosine), sine = vset(op->sine);
            vec alpha[BLOCKS];
            EACH_BLOCK(alpha[b] = drift_orbit(&m, angle, cosine, sine))
            EACH_BLOCK(drift_spin(ring, &m, alpha[b]))
            break;
        }
        case RING_OP_KICK: {
            struct kick k = {vset(op->weight_rad), vset(op->gradient), vset(op->clock), op->fringe};
            struct push p[BLOCKS];
            EACH_BLOCK(kick_field(ring, kind, NOW(b), &m, k, &p[b]))
            EACH_BLOCK(kick_momentum(ring, &m, k, &p[b]))
            EACH_BLOCK(kick_spin(ring, &m, &p[b]))
            break;
        }
        case RING_OP_EDGE: {
            vec du[BLOCKS];
            if (kind == RING_VARYING) amplitudes(ring, op, w);
            EACH_BLOCK(du[b] = edge_potential(ring, kind, NOW(b), &m, op->weight_rad, op->fringe))
            EACH_BLOCK(edge_apply(ring, &m, du[b]))
            break;
        }
        case RING_OP_PLATES:
            planes(w, op);
            if (kind == RING_VARYING) amplitudes(ring, op, w);
            break;
        case RING_OP_PLANE: planes(w, op); break;
        case RING_OP_KICKER: /* its plates stand as far as those of the ESQ; the profile means nothing beyond */
            planes(w, op);
            thin(ring, op, w);
            break;
        case RING_OP_BEND: {
            const double *c = ring->bend[op->index];
            vec weight      = vset(op->weight_rad), by[BLOCKS], br[BLOCKS];
            EACH_BLOCK(dipole_field(c, x_of(&m), m.y, &by[b], &br[b]))
            EACH_BLOCK(bend_weakly(ring, &m, by[b], br[b], weight))
            break;
        }
        case RING_OP_MONITOR: thin(ring, op, w); break;
        }
    }
    EACH_BLOCK(renormalise(ring, &m))
}

static void turn(const struct ring *ring, struct work w[BLOCKS])
{
    switch (ring->field) {
    case RING_LINEAR: one_turn(ring, w, RING_LINEAR); break;
    case RING_CURVED: one_turn(ring, w, RING_CURVED); break;
    case RING_EVEN: one_turn(ring, w, RING_EVEN); break;
    case RING_GENERAL: one_turn(ring, w, RING_GENERAL); break;
    case RING_VARYING:
        start_amplitudes(ring, w);
        one_turn(ring, w, RING_VARYING);
        break;
    }
}

/* ---- walks ---- */

/* sin and cos for 0 <= x <= 0.9. */
static void sine_cosine(vec x, vec *sine, vec *cosine)
{
    vec u = x * x, s = vset(0.0), c = vset(0.0), one = vset(1.0);
    for (int n = 18; n >= 2; n -= 2) {
        s = (one - s) * u * vset(1.0 / (n * (n + 1)));
        c = (one - c) * u * vset(1.0 / (n * (n - 1)));
    }
    *sine   = x * (one - s);
    *cosine = one - c;
}

static void drift_any(const struct ring *ring, struct lanes *m, vec angle)
{
    vec sine, cosine;
    sine_cosine(angle, &sine, &cosine);
    drift(ring, m, angle, cosine, sine);
}

/* One step of the ring, lengths as each muon needs. */
static struct lanes step(const struct ring *ring, const struct lanes *from, const struct ring_step *s, vec length)
{
    struct lanes m = *from;
    vec outer = vset(0.5 * (1.0 - 0.57735026918962576451)) * length, inner = vset(0.57735026918962576451) * length;
    vec half = vset(0.5) * length;
    vec amplitude[ESQ_PLATES], by, br;
    bool is_esq                = s->kind == RING_PAIR || s->kind == RING_SINGLE || s->kind == RING_EDGE;
    const struct ring_esq *esq = &ring->esq[is_esq ? s->index : 0];
    struct esq_now e           = {esq, amplitude};
    enum ring_field_kind field = ring->field;
    if (is_esq && field == RING_VARYING)
        esq_amplitudes(ring, esq, m.clock, 0.5 * s->length_rad / OMEGA_C_RADNS, amplitude);
    switch (s->kind) {
    case RING_DRIFT: drift_any(ring, &m, length); break;
    case RING_PAIR: {
        struct kick k = kick_of(ring, s, half);
        drift_any(ring, &m, outer);
        kick(ring, field, &e, &m, k);
        drift_any(ring, &m, inner);
        kick(ring, field, &e, &m, k);
        drift_any(ring, &m, outer);
        break;
    }
    case RING_SINGLE: {
        struct kick k = kick_of(ring, s, length);
        k.gradient = k.clock = vset(0.0);
        drift_any(ring, &m, half);
        kick(ring, field, &e, &m, k);
        drift_any(ring, &m, half);
        break;
    }
    case RING_EDGE: edge(ring, field, &e, &m, s->scale, s->fringe * esq->base.normal[1] / 24.0); break;
    case RING_BEND:
        dipole_field(ring->bend[s->index], x_of(&m), m.y, &by, &br);
        bend_weakly(ring, &m, by, br, vset(s->weight_rad));
        break;
    case RING_KICKER: kicker_kick(ring, &ring->kicker[s->index], &m, vset(s->weight_rad)); break;
    case RING_PLANE:
    case RING_MONITOR: break;
    }
    return m;
}

static struct lanes pick(unsigned mask, const struct lanes *yes, const struct lanes *no)
{
    struct lanes m;
    const vec *a = &yes->cx, *b = &no->cx;
    vec *c = &m.cx;
    for (size_t i = 0; i < sizeof m / sizeof m.cx; i++) c[i] = vpick(mask, a[i], b[i]);
    return m;
}

/* The muons of the mask end within this step: its length for each is found by secant steps on the clock. */
static void end_in_step(struct work *w, const struct ring_step *s, unsigned mask, vec length, vec clock_full)
{
    struct lanes from = w->m, to;
    vec rate          = length / (clock_full - from.clock); /* nearly constant */
    vec h             = (w->clock_end - from.clock) * rate;
    for (int i = 0; i < 6; i++) {
        to = step(w->ring, &from, s, h);
        h  = vfma(w->clock_end - to.clock, rate, h);
    }
    to   = step(w->ring, &from, s, h);
    w->m = pick(mask, &to, &from);
    finish(w, mask, w->phi + h, 1.0);
}

/* Takes the living muons of the mask through the ring from their azimuth to 2 pi or to their end. */
static void walk(struct work *w, unsigned mask)
{
    const struct ring *ring = w->ring;
    for (size_t k = 0; k < ring->n_steps && (mask & w->alive); k++) {
        const struct ring_step *s = &ring->steps[k];
        bool is_thin              = s->length_rad == 0.0;
        vec end                   = vset(k + 1 < ring->n_steps ? ring->steps[k + 1].phi_rad : TWO_PI);
        unsigned on               = is_thin ? ~vless(end, w->phi) : vless(w->phi, end);
        on &= mask & w->alive;
        if ((s->kind == RING_PAIR && s->phi_rad >= ring->open_rad) || s->kind == RING_KICKER) {
            finish(w, outside_plates(&w->m) & on, w->phi, 3.0);
            on &= w->alive;
        }
        if (!on) continue;
        vec length         = end - w->phi;
        struct lanes after = step(ring, &w->m, s, vpick(on, length, vset(0.0)));
        unsigned ends      = is_thin ? 0u : ~vless(after.clock, w->clock_end) & on;
        if (ends) end_in_step(w, s, ends, vpick(on, length, vset(1.0)), after.clock);
        on &= ~ends;
        w->m   = pick(on, &after, &w->m);
        w->phi = vpick(on, end, w->phi);
        if (s->kind == RING_PLANE) finish(w, outside(&w->m, ring->aperture_mm) & on, end, 2.0);
        if (s->kind == RING_MONITOR) record(w, on, s->index);
    }
}

/* A walk ended at 2 pi: phi = 0 of the next turn. */
static void next_turn(struct work *w, unsigned mask)
{
    w->turns = vpick(mask, w->turns + vset(1.0), w->turns);
    w->phi   = vpick(mask, vset(0.0), w->phi);
    finish(w, outside(&w->m, w->ring->vacuum_mm) & mask & w->alive, w->phi, 3.0);
}

/* Muons that have crossed phi = 0 as often as they shall stop there, alive. */
static void stop_at(struct work *w, double last_crossing)
{
    unsigned stop = ~vless(w->turns, vset(last_crossing)) & w->alive;
    if (stop) finish(w, stop, vset(0.0), 0.0);
}

/* ---- from start to end ---- */

/* To phi = 0 for the first time. */
static void begin_block(struct work *w, const struct ring *ring, struct ring_batch *batch, size_t first)
{
    const unsigned all = (1u << VEC_W) - 1u;
    load_block(w, ring, batch, first);
    unsigned inside = vless(vset(0.0), w->phi);
    w->clock_end    = vload(batch->t_end_ns + first) * vset(ring->omega_B);
    w->alive        = all;
    finish(w, ~vless(w->m.clock, w->clock_end) & all, w->phi, 1.0);
    walk(w, inside);
    next_turn(w, w->alive & inside);
}

/* Muons less than a turn from their end wait at phi = 0: their states are put aside, the lanes idle on. */
struct waiting {
    struct lanes m;
    vec turns;
    unsigned mask;
};

static void set_aside(struct work *w, struct waiting *a)
{
    const vec margin = vset(FARTHEST_TURN_NS * w->ring->omega_B);
    unsigned stop    = ~vless(w->m.clock + margin, w->clock_end) & w->alive;
    if (!stop) return;
    a->m     = pick(stop, &w->m, &a->m);
    a->turns = vpick(stop, w->turns, a->turns);
    a->mask |= stop;
    w->alive &= ~stop;
}

static void end_block(struct work *w, const struct waiting *a, double last_crossing)
{
    w->m     = a->m;
    w->turns = a->turns;
    w->alive = a->mask;
    w->phi   = vset(0.0);
    while (w->alive) {
        walk(w, w->alive);
        next_turn(w, w->alive);
        stop_at(w, last_crossing);
    }
}

void KERNEL(ring_kernel_track)(const struct ring *ring, struct ring_batch *batch, double last_crossing)
{
    for (size_t first = 0; first < batch->n; first += (size_t)BLOCKS * VEC_W) {
        struct work w[BLOCKS];
        struct waiting aside[BLOCKS];
        unsigned alive = 0;
        for (int b = 0; b < BLOCKS; b++) {
            begin_block(&w[b], ring, batch, first + (size_t)b * VEC_W);
            stop_at(&w[b], last_crossing);
            aside[b] = (struct waiting){.m = w[b].m, .turns = w[b].turns};
            set_aside(&w[b], &aside[b]);
            alive |= w[b].alive;
        }
        while (alive) {
            turn(ring, w);
            alive = 0;
            for (int b = 0; b < BLOCKS; b++) {
                next_turn(&w[b], w[b].alive);
                stop_at(&w[b], last_crossing);
                set_aside(&w[b], &aside[b]);
                alive |= w[b].alive;
            }
        }
        for (int b = 0; b < BLOCKS; b++) end_block(&w[b], &aside[b], last_crossing);
    }
}

void KERNEL(ring_kernel_turns)(const struct ring *ring, struct ring_batch *batch, int64_t n_turns)
{
    for (size_t first = 0; first < batch->n; first += (size_t)BLOCKS * VEC_W) {
        struct work w[BLOCKS];
        for (int b = 0; b < BLOCKS; b++) load_block(&w[b], ring, batch, first + (size_t)b * VEC_W);
        for (int64_t i = 0; i < n_turns; i++) turn(ring, w);
        for (int b = 0; b < BLOCKS; b++)
            for (unsigned i = 0; i < VEC_W; i++) store_lane(&w[b].m, i, ring, batch, w[b].first + i);
    }
}
