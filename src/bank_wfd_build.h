/* Writing what bank_wfd.h reads: raw payloads of a crate's WFD5 boards, synchronous mode, and the AMC13's words around them.
 * Layout there. Ours: samples little-endian (bit 58), DDR3 addresses, tags and read-out times 0 but for the channel's number
 * in the tag, boards numbered by slot - 1, firmware 3.01.01, as in bank_daq_add(). Every checksum and the boards' CRC-32 are
 * true. Boards above 4096 words go in blocks, as the AMC13 sends them.
 * Tests: tests/t_bank_wfd.c (against tests/wfd_writer.h and the reader), tests/t_digitise.c */
#ifndef GM2_BANK_WFD_BUILD_H
#define GM2_BANK_WFD_BUILD_H

#include "bank_wfd.h"

enum { BANK_BOARD_CHANNELS = 5, BANK_CRATE_CHANNELS = BANK_MAX_BOARDS * BANK_BOARD_CHANNELS };

/** One crate's read-out of one fill. A board is there if any of its channels is. */
struct bank_wfd_build {
    uint32_t trigger;     /* 24 bits */
    uint64_t clock_ticks; /* 40 MHz, 44 bits */
    uint32_t fill_number; /* for CC */
    enum bank_fill fill_type;
    uint32_t n_waveforms, n_samples,
        gap;       /* of every channel; n_samples [ct] a multiple of 8; gap [ct] from the end of one
                                             waveform to the start of the next */
    size_t stride; /* in memory, from the start of one waveform to that of the next; 0: n_samples */
    /* of channel c of the board in slot s = 1..12 at 5 (s - 1) + c, lent: n_waveforms of n_samples [adc]; NULL: not read */
    const int16_t *samples[BANK_CRATE_CHANNELS];
};

/** Writes the payload alone: CRnn, LRnn or PRnn by fill type. For muon fills whose CA, CB, CC, CZ are from bank_daq_add()
 *  (channels in order from slot 1). ERR_NUMBER when a board does not fit its 20 bits of length. */
enum err bank_wfd_add_payload(struct midas_build *event, int crate, const struct bank_wfd_build *build);
/** Writes payload, AMC13 words and DAQ timing: ?Ann, ?Rnn, ?Cnn, ?Znn. */
enum err bank_wfd_add(struct midas_build *event, int crate, const struct bank_wfd_build *build);

#endif
