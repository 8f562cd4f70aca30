/* Dead and hot channels of a subrun, from what module ChannelCounts counted.
 *
 * Laser: a channel that answered none of at least 3 laser pulses is dead; one that stopped answering (3 pulses or more were
 * not answered behind its last answer) is dead from the event after that; one that began later is dead up to that event.
 * Beam: mu = T_calo q_crystal counts are expected, q_crystal the mean of the middle half of the calorimeters' n / T, T_calo the
 * median of its n / q. Dead: n < 0.1 mu, hot: n > 3 mu, each where a Poisson count of mean mu is so far away with a
 * probability below 1e-9: 1,296 channels tested twice a subrun, so a false flag in 400,000 subruns where calorimeters are
 * alike within a factor 3. Fewer than 21 counts expected: the beam cannot tell. Numbers are ours. Test: tests/t_channel_flags.c */
#ifndef GM2_CHANNEL_FLAGS_H
#define GM2_CHANNEL_FLAGS_H

#include "phys.h"

#include <stdbool.h>
#include <stdint.h>

enum { CHANNEL_FLAGS_N = N_CALOS * N_CRYSTALS };

/** What one channel did in a subrun: columns of table channel_count. */
struct channel_flags_count {
    uint32_t n_fills, n_pulses, n_laser, n_response, first_event, last_event, last_laser;
};

struct channel_flags {
    bool is_dead, is_hot; /* at the subrun's beginning */
    bool is_known;        /* laser or beam could tell */
    uint32_t dead_from;   /* event from which it is dead, though it was alive before; 0: it is not */
    uint32_t alive_from;  /* event from which it is alive, though it was dead before; 0: it is not */
    double expected;      /* mu */
};

/** Flags of all channels, [(calo - 1) 54 + crystal]. */
void channel_flags_find(const struct channel_flags_count count[CHANNEL_FLAGS_N],
                        struct channel_flags flags[CHANNEL_FLAGS_N]);
/** Natural logarithm of the probability that a Poisson count of mean mu is n or less (is_high false), n or more (true). */
double channel_flags_ln_p(double mu, uint32_t n, bool is_high);

#endif
