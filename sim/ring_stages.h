/* A fill cut into stages, each with a ring that does no more than it must: the way in, the kickers' pulses, voltages
 * that fall, and the stored beam in constant fields. */
#ifndef GM2_RING_STAGES_H
#define GM2_RING_STAGES_H

#include "ring_track.h"

enum { RING_MAX_STAGES = 4 };

struct ring_stages {
    struct ring *ring; /* [n] */
    struct ring_stage stage[RING_MAX_STAGES];
    size_t n;
};

/** Makes the stages of a fill in which muons start between -first_ns before and first_ns after t = 0. is_injected: they
 *  come from outside the plates and the vacuum's limit, and through Q1 to the kickers. Kickers are forgotten when their
 *  pulses are over, unless eddy currents stay; falling voltages when 4.5e-5 of them is left (1e-4 mm of scraping's closed orbit). The setup's pulses and dipole
 *  stay lent. Free with ring_stages_free(), also after an error. ERR_CONFIG as ring_build(); kickers after a start without
 *  injection are accepted. Test: tests/t_ring_stages.c */
enum err ring_stages_make(const struct ring_setup *setup, bool is_injected, double first_ns, struct ring_stages *out);
void ring_stages_free(struct ring_stages *stages);

#endif
