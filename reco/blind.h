/* Software blinding: a phrase moves R by an amount nobody sees.
 *
 * It guards against bias, not against intent: who has the phrase can compute the offset. Source: Muon g-2 practice
 * (Kinnaird, thesis 2020): MD5 of the phrase seeds a generator; a sign, then an offset flat within +-24 ppm with
 * Gaussian tails of 1 ppm. The generator is ours (Philox), so offsets differ from other programs' for the same phrase.
 * Test: tests/t_blind.c */
#ifndef GM2_BLIND_H
#define GM2_BLIND_H

#include <stddef.h>

/** Offset [ppm] to add to a fitted R before anybody sees it: R_shown = R_fit + offset; |offset| is below 24 but for
 *  tails of 1 ppm. Depends on the phrase alone. */
double blind_offset_ppm(const char *phrase, size_t length);

#endif
