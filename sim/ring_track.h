/* Tracking of many muons: memory for a batch, choice of the instruction set, checks. */
#ifndef GM2_RING_TRACK_H
#define GM2_RING_TRACK_H

#include "ring_kernel.h"

/** A batch for n muons (rounded up to RING_LANES; the padding are muons at rest on the design orbit that end at once).
 *  batch->n is the rounded number. Free with ring_batch_free(). */
enum err ring_batch_create(size_t n, struct ring_batch *batch);
void ring_batch_free(struct ring_batch *batch);
/** Fills row i with a muon of magic momentum on the design orbit at phi = 0, t = 0, spin against the momentum. */
void ring_batch_reset(struct ring_batch *batch, size_t i);

/** Tracks all muons of the batch to their end, see ring_kernel_track; ERR_NUMBER if one starts outside the engine's
 *  range (|p/p_magic - 1| < 0.1, angles < 0.05, |x| < 110 mm, |y| < 60 mm, azimuth in 0..2 pi). */
enum err ring_track(const struct ring *ring, struct ring_batch *batch);
/** Whole turns without losses, see ring_kernel_turns. */
enum err ring_turns(const struct ring *ring, struct ring_batch *batch, int64_t n_turns);

/** A stretch of a fill with its own ring: the way in, kicker pulses, falling voltages, and what is left. */
struct ring_stage {
    const struct ring *ring;
    double last_crossing; /* of phi = 0, counted from the start of this stage; HUGE_VAL: to the end */
};
/** Tracks all muons through the stages, one after the other; those alive go on. `spare` is a batch of the same capacity.
 *  Same bits for any arrangement. Errors as ring_track(). Test: tests/t_ring.c */
enum err ring_track_stages(const struct ring_stage *stage, size_t n_stages, struct ring_batch *batch,
                           struct ring_batch *spare);
/** The same with the map engine in the last stage: the element engine brings muons to phi = 0 and takes them on from the
 *  map engine's last turn to their end. `map` is made from the last stage's ring. Test: tests/t_ring_map.c */
struct ring_maps;
enum err ring_track_mapped(const struct ring_stage *stage, size_t n_stages, const struct ring_maps *map,
                           struct ring_batch *batch, struct ring_batch *spare);

#endif
