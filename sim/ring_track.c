/* Around the tracking engine: memory, checks, choice of the instruction set. */
#include "ring_track.h"

#include "mem.h"
#include "phys.h"
#include "ring_map.h"

#include <math.h>

enum { N_COLUMNS = 13 };

static void columns_of(struct ring_batch *b, double **column[N_COLUMNS])
{
    double **const all[N_COLUMNS] = {&b->x_mm,     &b->y_mm,  &b->phi_rad, &b->p_r_GeV, &b->p_phi_GeV,
                                     &b->p_y_GeV,  &b->s_r,   &b->s_phi,   &b->s_y,     &b->t_ns,
                                     &b->t_end_ns, &b->turns, &b->fate};
    for (size_t i = 0; i < N_COLUMNS; i++) column[i] = all[i];
}

enum err ring_batch_create(size_t n, struct ring_batch *batch)
{
    double *base;
    *batch         = (struct ring_batch){0};
    const size_t N = (n + RING_LANES - 1) / RING_LANES * RING_LANES;
    TRY(mem_alloc(&base, N * N_COLUMNS, sizeof(double)));
    double **column[N_COLUMNS];
    columns_of(batch, column);
    for (size_t i = 0; i < N_COLUMNS; i++) *column[i] = base + i * N;
    batch->n = N;
    for (size_t i = 0; i < N; i++) ring_batch_reset(batch, i);
    return ERR_OK;
}

void ring_batch_free(struct ring_batch *batch)
{
    mem_free(batch->x_mm);
    *batch = (struct ring_batch){0};
}

void ring_batch_reset(struct ring_batch *batch, size_t i)
{
    batch->x_mm[i] = batch->y_mm[i] = batch->phi_rad[i] = batch->p_r_GeV[i] = batch->p_y_GeV[i] = 0.0;
    batch->s_r[i] = batch->s_y[i] = batch->t_ns[i] = batch->t_end_ns[i] = batch->turns[i] = batch->fate[i] = 0.0;
    batch->p_phi_GeV[i] = MAGIC_P_GeV;
    batch->s_phi[i]     = -1.0;
}

static enum err check(const struct ring_batch *b)
{
    REQUIRE(b->n % RING_LANES == 0, ERR_LOGIC, "ring: a batch of %zu muons, not a multiple of %d", b->n, RING_LANES);
    for (size_t i = 0; i < b->n; i++) {
        double p = b->p_phi_GeV[i];
        bool ok  = fabs(p / MAGIC_P_GeV - 1.0) < 0.1 && fabs(b->p_r_GeV[i]) < 0.05 * p &&
                  fabs(b->p_y_GeV[i]) < 0.05 * p && fabs(b->x_mm[i]) < 110.0 && fabs(b->y_mm[i]) < 60.0 &&
                  b->phi_rad[i] >= 0.0 && b->phi_rad[i] < 2.0 * PI && isfinite(b->t_ns[i]) && isfinite(b->t_end_ns[i]);
        REQUIRE(ok, ERR_NUMBER,
                "ring: muon %zu starts at x %g mm, y %g mm, azimuth %g rad with momentum (%g, %g, %g) GeV, which is "
                "outside the tracking engine's range (x 110 mm, y 60 mm, 0..2 pi, 10 %% of magic momentum, 0.05 rad)",
                i, b->x_mm[i], b->y_mm[i], b->phi_rad[i], b->p_r_GeV[i], p, b->p_y_GeV[i]);
    }
    return ERR_OK;
}

enum err ring_track(const struct ring *ring, struct ring_batch *batch)
{
    const struct ring_stage all = {ring, HUGE_VAL};
    return ring_track_stages(&all, 1, batch, NULL);
}

enum err ring_turns(const struct ring *ring, struct ring_batch *batch, int64_t n_turns)
{
    TRY(check(batch));
    ISA_PICK(ring_kernel_turns)(ring, batch, n_turns);
    return ERR_OK;
}

/* ---- stages ---- */

/* The muons of `from` with a fate, at the front of `to`; where[k] is the row of the k-th. */
static size_t gather(struct ring_batch *from, double fate, struct ring_batch *to, size_t where[])
{
    double **a[N_COLUMNS], **b[N_COLUMNS];
    size_t n = 0;
    columns_of(from, a);
    columns_of(to, b);
    for (size_t i = 0; i < from->n; i++)
        if (from->fate[i] == fate) where[n++] = i;
    for (size_t c = 0; c < N_COLUMNS; c++)
        for (size_t k = 0; k < n; k++) (*b[c])[k] = (*a[c])[where[k]];
    to->n        = (n + RING_LANES - 1) / RING_LANES * RING_LANES;
    to->monitors = from->monitors;
    for (size_t k = n; k < to->n; k++) ring_batch_reset(to, k);
    return n;
}

static void scatter(struct ring_batch *from, struct ring_batch *to, const size_t where[], size_t n)
{
    double **a[N_COLUMNS], **b[N_COLUMNS];
    columns_of(from, a);
    columns_of(to, b);
    for (size_t c = 0; c < N_COLUMNS; c++)
        for (size_t k = 0; k < n; k++) (*b[c])[where[k]] = (*a[c])[k];
}

/* The muons of a fate go on in a ring. */
static void go_on(const struct ring_stage *stage, double fate, struct ring_batch *batch, struct ring_batch *spare,
                  size_t where[])
{
    size_t n = gather(batch, fate, spare, where);
    ISA_PICK(ring_kernel_track)(stage->ring, spare, stage->last_crossing);
    scatter(spare, batch, where, n);
}

/* Those that stay with the element engine are kept apart: among short ways to an end they would hold up their block. */
static void map_turns(const struct ring_stage *stage, const struct ring_maps *map, struct ring_batch *batch,
                      struct ring_batch *spare, size_t where[])
{
    size_t n = gather(batch, 0.0, spare, where);
    ISA_PICK(ring_map_kernel)(map, spare);
    scatter(spare, batch, where, n);
    go_on(stage, 0.0, batch, spare, where);
    go_on(stage, RING_MAP_STAYS, batch, spare, where);
}

enum err ring_track_mapped(const struct ring_stage *stage, size_t n_stages, const struct ring_maps *map,
                           struct ring_batch *batch, struct ring_batch *spare)
{
    const struct ring_stage *last  = &stage[n_stages - 1];
    const struct ring_stage to_map = {last->ring, 0.0}, *first = map && n_stages == 1 ? &to_map : stage;
    size_t *where = NULL;
    TRY(check(batch));
    for (size_t i = 0; i < batch->n; i++) batch->turns[i] = 0.0;
    ISA_PICK(ring_kernel_track)(first->ring, batch, first->last_crossing);
    if (n_stages == 1 && !map) return ERR_OK;
    TRY(mem_alloc(&where, batch->n, sizeof *where));
    for (size_t s = 1; s < n_stages; s++)
        if (!map || &stage[s] != last) go_on(&stage[s], 0.0, batch, spare, where);
    if (map) map_turns(last, map, batch, spare, where);
    mem_free(where);
    return ERR_OK;
}

enum err ring_track_stages(const struct ring_stage *stage, size_t n_stages, struct ring_batch *batch,
                           struct ring_batch *spare)
{
    return ring_track_mapped(stage, n_stages, NULL, batch, spare);
}
