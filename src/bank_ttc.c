/* Banks of the clock crate: one FC7 board that sends no samples, and the AMC13's words around it. */
#include "bank.h"

enum { SLOT = 10, PAYLOAD_WORDS = 6, BOARD_WORDS = 3 + PAYLOAD_WORDS + 1, AMC_WORDS = 4, BOARD_FC7 = 2 };

static enum err put64(struct midas_build *event, uint64_t v)
{
    v = __builtin_bswap64(v);
    return midas_build_append(event, &v, sizeof v);
}

static enum err add_amc13(struct midas_build *event, const struct bank_daq_header *h)
{
    const uint64_t trigger = h->trigger_number & 0xFFFFFF;
    TRY(midas_build_bank(event, "TTCA", MIDAS_U32));
    TRY(put64(event, UINT64_C(5) << 60 | (uint64_t)h->fill_type << 56 | trigger << 32));
    TRY(put64(event, UINT64_C(1) << 52));
    TRY(put64(event, UINT64_C(0x0F) << 56 | (uint64_t)BOARD_WORDS << 32 | (uint64_t)SLOT << 16));
    TRY(put64(event, (trigger & 0xFF) << 12));
    return midas_build_bank_end(event);
}

static enum err add_board(struct midas_build *event, const struct bank_daq_header *h)
{
    const uint64_t trigger = h->trigger_number & 0xFFFFFF, clock = h->clock_ticks;
    TRY(midas_build_bank(event, "TTCB", MIDAS_I16));
    TRY(put64(event, (uint64_t)SLOT << 56 | trigger << 32 | (clock >> 32 & 0xFFF) << 20 | BOARD_WORDS));
    TRY(put64(event, (uint64_t)h->fill_type << 48 | (clock & 0xFFFFFFFF) << 16 | (uint64_t)BOARD_FC7 << 13 | SLOT));
    TRY(put64(event, 0x030101));
    for (int i = 0; i < PAYLOAD_WORDS; i++) TRY(put64(event, 0));
    TRY(put64(event, (trigger & 0xFF) << 24 | BOARD_WORDS));
    return midas_build_bank_end(event);
}

enum err bank_ttc_add(struct midas_build *event, const struct bank_daq_header *h)
{
    TRY(add_amc13(event, h));
    TRY(add_board(event, h));
    TRY(midas_build_bank(event, "TTCZ", MIDAS_U32));
    TRY(put64(event, UINT64_C(10) << 60 | (uint64_t)(AMC_WORDS + BOARD_WORDS + 1) << 32));
    return midas_build_bank_end(event);
}
