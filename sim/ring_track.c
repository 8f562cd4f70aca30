/* Around the tracking engine: memory, checks, choice of the instruction set. */
#include "ring_track.h"

#include "mem.h"
#include "phys.h"

#include <math.h>

enum { N_COLUMNS = 13 };

enum err ring_batch_create(size_t n, struct ring_batch *batch)
{
    double *base;
    *batch         = (struct ring_batch){0};
    const size_t N = (n + RING_LANES - 1) / RING_LANES * RING_LANES;
    TRY(mem_alloc(&base, N * N_COLUMNS, sizeof(double)));
    double **const column[] = {&batch->x_mm,     &batch->y_mm,  &batch->phi_rad, &batch->p_r_GeV, &batch->p_phi_GeV,
                               &batch->p_y_GeV,  &batch->s_r,   &batch->s_phi,   &batch->s_y,     &batch->t_ns,
                               &batch->t_end_ns, &batch->turns, &batch->fate};
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
        bool ok  = fabs(p / MAGIC_P_GeV - 1.0) < 0.1 && fabs(b->p_r_GeV[i]) < 0.03 * p &&
                  fabs(b->p_y_GeV[i]) < 0.03 * p && fabs(b->x_mm[i]) < 60.0 && fabs(b->y_mm[i]) < 60.0 &&
                  b->phi_rad[i] >= 0.0 && b->phi_rad[i] < 2.0 * PI && isfinite(b->t_ns[i]) && isfinite(b->t_end_ns[i]);
        REQUIRE(ok, ERR_NUMBER,
                "ring: muon %zu starts at x %g mm, y %g mm, azimuth %g rad with momentum (%g, %g, %g) GeV, which is "
                "outside the tracking engine's range (60 mm, 0..2 pi, 10 %% of magic momentum, 0.03 rad)",
                i, b->x_mm[i], b->y_mm[i], b->phi_rad[i], b->p_r_GeV[i], p, b->p_y_GeV[i]);
    }
    return ERR_OK;
}

enum err ring_track(const struct ring *ring, struct ring_batch *batch)
{
    TRY(check(batch));
    ISA_PICK(ring_kernel_track)(ring, batch);
    return ERR_OK;
}

enum err ring_turns(const struct ring *ring, struct ring_batch *batch, int64_t n_turns)
{
    TRY(check(batch));
    ISA_PICK(ring_kernel_turns)(ring, batch, n_turns);
    return ERR_OK;
}
