/* Bins of the Q-method for fits of the wiggle. Test: tests/t_q_fit.c */
#ifndef GM2_Q_FIT_H
#define GM2_Q_FIT_H

#include "wiggle_fit.h"
#include "wiggle_input.h"

/** "q" (the first threshold), "q0", "q1", ... */
bool q_fit_is_method(const char *method);
/** Takes the bins of qmethod/energy_k, k of the method, whose centres lie in [from_us, to_us]; contents in GeV, calorimeter
 *  1..24 or 0 for all. A bin's variance is the scatter of its n sums of fills, (sum of squares - content^2 / n) n / (n - 1):
 *  positrons, showers over several crystals and noise are in it. Its floor is the median before injection.
 *  ERR_NOTFOUND without such histograms, ERR_DATA with fewer than two sums of a calorimeter; as wiggle_data_take(). */
enum err q_fit_take(const struct wiggle_input *in, const char *method, int calo, double from_us, double to_us,
                    struct wiggle_data *out);

#endif
