/* Pedestal and threshold that roll along a Q histogram: a crystal's samples summed over fills and bins of the record.
 *
 * The pedestal of bin i is the mean of the quiet bins of a window on both sides of it; the bin itself and `gap`
 * neighbours, to which its own pulse may reach, stay out:
 *     p_i = mean of x_j, gap < |j - i| <= gap + window, j quiet
 * All bins are quiet first; then those that are not above their own pedestal by `clip` sigma, in rounds until none changes; in
 * the last round those far below (undershoots) go too. Where less than a quarter of a window is quiet the pedestal stays that
 * of the round before: of all bins in the end, a symmetric linear filter, which changes amplitude and phase of a decaying
 * oscillation but not its frequency.
 * What the pedestals leave in the quiet bins is averaged in the same way and added, which takes the curvature of a drift away.
 * The threshold rolls with the pedestal: x_i - p_i > T; bins from `before` ahead of such a bin to `after` behind it are
 * summed. sigma is measured: differences of neighbouring bins, median. All ours. Test: tests/t_q_rolling.c */
#ifndef GM2_Q_ROLLING_H
#define GM2_Q_ROLLING_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct q_rolling_settings {
    size_t window, gap;   /* bins */
    size_t before, after; /* bins kept around one above threshold */
    double clip;          /* in sigma */
    int n_rounds;
};

/** Work space for histograms of up to n bins. Zero it before the first; q_rolling_free() in the end. */
struct q_rolling {
    size_t capacity;
    double *x, *pedestal, *rest; /* [n] values of the histogram in hand, its pedestals, and what these leave */
    double *sum, *count;         /* [n + 1] running sums over quiet bins, and how many (doubles: they are divided) */
    uint8_t *is_quiet, *mark;    /* [n] */
};

enum err q_rolling_reserve(struct q_rolling *q, size_t n);
void q_rolling_free(struct q_rolling *q);
/** Takes a histogram (polarity -1 turns it round), measures its noise, finds its pedestals. Returns sigma of a bin [adc];
 *  q->x and q->pedestal hold the rest. q has room for n bins. */
double q_rolling_take(struct q_rolling *q, const struct q_rolling_settings *set, size_t n, const int32_t *adc,
                      int polarity);
/** out[i] += scale (x_i - p_i) where kept at this threshold [adc above pedestal]; threshold <= 0 keeps all. Returns how many
 *  bins are above. out: [n]. */
size_t q_rolling_add(struct q_rolling *q, const struct q_rolling_settings *set, size_t n, double threshold_adc,
                     double scale, double *out);

#endif
