/* What the parts of the unpacker share. */
#ifndef GM2_UNPACK_INTERNAL_H
#define GM2_UNPACK_INTERNAL_H

#include "unpack.h"

/** Notes damage of a crate in this fill (crate < 0: of the event), and forgets the error's trail. */
void unpack_damage(struct unpack *u, int crate, const char *format, ...) __attribute__((format(printf, 3, 4)));
/** Finds the banks of the event, those in compressed banks too, in host order. */
enum err unpack_take_banks(struct unpack *u, const struct midas_event *event);
/** Checks each crate's banks against each other, and the crates against the majority. */
void unpack_check_crates(struct unpack *u);

/** Room for one more copy of banks; what is in those before stays where it is. */
enum err unpack_new_chunk(struct unpack *u, struct midas_build **out);
/** The raw waveforms of a crate as a truncated islands bank, with pedestals in the crate; no islands of asynchronous ones.
 *  ERR_DATA when channels have different numbers or lengths of waveforms. */
enum err unpack_waveforms(struct unpack *u, int crate, struct bank_ct *out);

#endif
