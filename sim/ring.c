/* Module RingTracker: the stored muons of a fill, orbit and spin, to their decay, loss or the end of the record. */
#include "ring_cfg.h"
#include "ring_track.h"

#include "mem.h"
#include "module.h"
#include "tables.h"

#include <math.h>
#include <stdlib.h>

/* clang-format off */
#define TRACKER_CFG(F, S)                                                                                              \
    F(S, f64, record_end_us, 700, 0.1, 100000, "us", "muons that live longer are given up alive at this time after injection") \
    RING_CFG(F, S)
/* clang-format on */
CFG_DECLARE(tracker_cfg, TRACKER_CFG)

/* Muons in order of their time to live, so that the lanes of a block end together. */
struct order {
    double life_ns;
    uint32_t muon;
};
struct tracker {
    struct ring ring;
    struct ring_batch batch;
    struct order *order;
    size_t capacity;
};

static enum err begin(struct step *s)
{
    const struct tracker_cfg *cfg = s->cfg;
    struct tracker *t;
    struct ring_setup setup;
    TRY(mem_alloc(&t, 1, sizeof *t));
    s->state = t;
    TRY(ring_cfg_setup(cfg, &setup));
    return ring_build(&setup, &t->ring);
}

static enum err reserve(struct tracker *t, size_t n)
{
    if (n <= t->capacity) return ERR_OK;
    ring_batch_free(&t->batch);
    mem_free(t->order);
    t->order    = NULL;
    t->capacity = 0;
    TRY(mem_alloc(&t->order, n, sizeof *t->order));
    TRY(ring_batch_create(n, &t->batch));
    t->capacity = n;
    return ERR_OK;
}

static int by_life(const void *a, const void *b)
{
    const struct order *x = a, *y = b;
    if (x->life_ns != y->life_ns) return x->life_ns < y->life_ns ? -1 : 1;
    return (x->muon > y->muon) - (x->muon < y->muon);
}

static void gather(struct tracker *t, const struct muon_view *m, double record_end_ns)
{
    for (size_t i = 0; i < m->n; i++)
        t->order[i] = (struct order){fmin(m->t_decay_ns[i], record_end_ns) - m->t_fill_ns[i], (uint32_t)i};
    qsort(t->order, m->n, sizeof *t->order, by_life);
    struct ring_batch *b = &t->batch;
    for (size_t k = 0; k < m->n; k++) {
        size_t i        = t->order[k].muon;
        b->x_mm[k]      = m->x_mm[i];
        b->y_mm[k]      = m->y_mm[i];
        b->phi_rad[k]   = m->phi_rad[i];
        b->p_r_GeV[k]   = m->p_r_GeV[i];
        b->p_phi_GeV[k] = m->p_phi_GeV[i];
        b->p_y_GeV[k]   = m->p_y_GeV[i];
        b->s_r[k]       = m->s_r[i];
        b->s_phi[k]     = m->s_phi[i];
        b->s_y[k]       = m->s_y[i];
        b->t_ns[k]      = m->t_fill_ns[i];
        b->t_end_ns[k]  = fmin(m->t_decay_ns[i], record_end_ns);
    }
    b->n = (m->n + RING_LANES - 1) / RING_LANES * RING_LANES;
    for (size_t k = m->n; k < b->n; k++) ring_batch_reset(b, k);
}

static void scatter(const struct tracker *t, const struct muon_view *m, double record_end_ns, struct vertex_view *v)
{
    const struct ring_batch *b = &t->batch;
    for (size_t k = 0; k < m->n; k++) {
        size_t i        = t->order[k].muon;
        bool is_alive   = b->fate[k] == 1.0 && m->t_decay_ns[i] > record_end_ns;
        v->muon[i]      = (uint32_t)i;
        v->fate[i]      = is_alive ? 0 : (uint8_t)b->fate[k];
        v->t_fill_ns[i] = b->t_ns[k];
        v->x_mm[i]      = b->x_mm[k];
        v->y_mm[i]      = b->y_mm[k];
        v->phi_rad[i]   = b->phi_rad[k];
        v->p_r_GeV[i]   = b->p_r_GeV[k];
        v->p_phi_GeV[i] = b->p_phi_GeV[k];
        v->p_y_GeV[i]   = b->p_y_GeV[k];
        v->s_r[i]       = b->s_r[k];
        v->s_phi[i]     = b->s_phi[k];
        v->s_y[i]       = b->s_y[k];
        v->turns[i]     = b->turns[k];
    }
}

static enum err event(struct step *s)
{
    const struct tracker_cfg *cfg = s->cfg;
    struct tracker *t             = s->state;
    struct muon_view m            = muon_view(s->in[0]);
    const double record_end_ns    = 1e3 * cfg->record_end_us;
    TRY(reserve(t, m.n));
    TRY(block_resize(s->out[0], m.n));
    struct vertex_view v = vertex_view(s->out[0]);
    if (m.n == 0) return ERR_OK;
    gather(t, &m, record_end_ns);
    TRY(ring_track(&t->ring, &t->batch));
    scatter(t, &m, record_end_ns, &v);
    return ERR_OK;
}

static void end(struct step *s)
{
    struct tracker *t = s->state;
    if (!t) return;
    ring_batch_free(&t->batch);
    mem_free(t->order);
    mem_free(t);
    s->state = NULL;
}

static const struct port in[]  = {{&table_muon, NULL, false}, {0}};
static const struct port out[] = {{&table_vertex, NULL, false}, {0}};

const struct module module_ring = {
    .name = "RingTracker",
    .kind = MODULE_PRODUCER,
    .doc =
        "Tracks each muon's orbit and spin through the ring (uniform dipole, hard-edge electrostatic quadrupoles with "
        "multipoles, collimators) until it decays, is lost, or the record ends. One vertex a muon, in the same order.",
    .source   = "Thomas-BMT equation; splitting 4A of S. A. Chin, Phys. Lett. A 226 (1997) 344; sim/README.md",
    .fields   = tracker_cfg_fields,
    .cfg_size = sizeof(struct tracker_cfg),
    .in       = in,
    .out      = out,
    .begin    = begin,
    .event    = event,
    .end      = end,
};
