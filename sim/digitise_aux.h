/* Auxiliary crates: the injected beam monitor (IBMS, crate 26) and the fibre harps (crate 28), synthetic waveforms.
 * All numbers are ours, but for the harps' places (defaults 2), tunes (physics 2.3) and seven fibres a harp. The beam in
 * them is a formula, not the muons of the fill. Tests: tests/t_digitise_fills.c
 *
 * IBMS: segments 0..15 are fibres in x, 16..31 in y, 5.5 mm apart, centred. The profile of the bunch in time, as the T0
 * counter sees it, times a Gaussian in place of 12 mm (x), 9 mm (y) rms whose centre moves by 1 mm rms a fill.
 * Harps: segment 7 h + f, harp h = 0..3 at 165.5 (y), 167.5 (x), 255.5 (y), 257.5 (x) degrees, fibre f at (f - 3) 13 mm. Each
 * turn n a bunch passes: t = (n + phi/2 pi) 149.2 ns, Gaussian in time of 25 ns (+) 0.15 n ns rms (debunching), in place about
 *   x_e + a cos(2 pi nu (n + phi/2 pi)) e^(-t/tau),  x: 6 mm, 10 mm, 0.9449, 120 us, 16 mm rms; y: 0, 8 mm, 0.3296, 40 us, 13 mm;
 * photo-electrons are Poisson, their mean falls with 64.4 us, each is one pulse. */
#ifndef GM2_DIGITISE_AUX_H
#define GM2_DIGITISE_AUX_H

#include "digitise_cfg.h"
#include "digitise_source.h"

/** Adds the beam at injection in the IBMS. */
enum err digitise_ibms(const struct digitise_cfg *cfg, struct rng_key key, struct digitise_fill *fill);
/** Adds the turns from harp_from_us to harp_to_us. */
enum err digitise_harps(const struct digitise_cfg *cfg, struct rng_key key, struct digitise_fill *fill);
/** Mean place of the beam at harp h when turn n passes it [mm]. */
double digitise_harp_mm(int harp, int n);

#endif
