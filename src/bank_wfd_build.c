/* The boards' payloads and the AMC13's words: writing. */
#include "bank_wfd_build.h"

#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

enum {
    HEADERS         = 3,
    CHANNEL_WORDS   = 5, /* two of its header, three of its trailer */
    WAVEFORM_WORDS  = 2,
    SAMPLES_A_BURST = 8,
    BLOCK_WORDS     = 4096,
    FIRMWARE        = 0x030101,
    MAX_BOARD_WORDS = 1 << 20,
    MAX_WAVEFORMS   = 1 << 12,
    MAX_GAP         = 1 << 22
};

/* Words being written into a bank's room. */
struct writer {
    uint8_t *at;
    uint64_t sum[2]; /* of the channel: low and high words of every pair */
};

static uint64_t field(uint64_t value, int low) { return value << low; }

static void put(struct writer *w, uint64_t word)
{
    word = __builtin_bswap64(word);
    memcpy(w->at, &word, sizeof word);
    w->at += sizeof word;
}

static uint32_t mask_of(const struct bank_wfd_build *b, uint32_t slot)
{
    uint32_t mask = 0;
    for (uint32_t c = 0; c < BANK_BOARD_CHANNELS; c++)
        if (b->samples[BANK_BOARD_CHANNELS * (slot - 1) + c]) mask |= 1U << c;
    return mask;
}

static uint64_t words_of(const struct bank_wfd_build *b, uint32_t slot)
{
    uint64_t bursts = b->n_samples / SAMPLES_A_BURST, n = (uint64_t)__builtin_popcount(mask_of(b, slot));
    return n ? HEADERS + n * (CHANNEL_WORDS + b->n_waveforms * (WAVEFORM_WORDS + 2 * bursts)) + 1 : 0;
}

/* Samples lie in memory as they are sent; the checksum is of words whose oldest sample is in the low bits. */
static void put_samples(struct writer *w, const int16_t *samples, uint32_t n)
{
    uint64_t sum[8] = {0}, v[8];
    uint32_t i      = 0;
    memcpy(w->at, samples, sizeof *samples * n);
    w->at += sizeof *samples * n;
    for (; i + 32 <= n; i += 32) {
        memcpy(v, samples + i, sizeof v);
        for (int k = 0; k < 8; k++) sum[k] ^= v[k];
    }
    for (; i < n; i += SAMPLES_A_BURST) {
        memcpy(v, samples + i, 16);
        sum[0] ^= v[0];
        sum[1] ^= v[1];
    }
    for (int k = 0; k < 8; k++) w->sum[k % 2] ^= sum[k];
}

static void put_channel(struct writer *w, const struct bank_wfd_build *b, uint32_t channel, const int16_t *samples)
{
    const uint64_t bursts = b->n_samples / SAMPLES_A_BURST, type = (uint64_t)b->fill_type;
    const uint64_t high = field(1, 62) | field(channel, 46) | field(b->gap, 24) | field(b->n_waveforms, 12);
    const uint64_t low  = field(bursts, 27) | field(type, 24) | b->trigger;
    const size_t stride = b->stride ? b->stride : b->n_samples;
    put(w, high);
    put(w, low);
    w->sum[0] = low;
    w->sum[1] = high;
    for (uint32_t k = 0; k < b->n_waveforms; k++) {
        uint64_t wave_low  = field(b->n_waveforms, 52) | field(type & 3, 23) | bursts;
        uint64_t wave_high = field(1, 62) | field(channel, 34) | field(b->gap, 12) | k;
        put(w, wave_low);
        put(w, wave_high);
        w->sum[0] ^= wave_low;
        w->sum[1] ^= wave_high;
        put_samples(w, samples + k * stride, b->n_samples);
    }
    put(w, w->sum[0]);
    put(w, w->sum[1]);
    put(w, 0); /* checksums agree; no read-out time */
}

static void put_board(struct writer *w, const struct bank_wfd_build *b, uint32_t slot)
{
    const uint64_t words = words_of(b, slot), mask = mask_of(b, slot), clock = b->clock_ticks;
    const uint8_t *start = w->at;
    put(w, field(slot, 56) | field(b->trigger, 32) | field(clock >> 32 & 0xFFF, 20) | words);
    put(w, field(mask, 59) | field(1, 58) | field((uint64_t)b->fill_type, 48) | field(clock & 0xFFFFFFFF, 16) |
               field(BANK_BOARD_WFD5, 13) | (slot - 1));
    put(w, FIRMWARE);
    for (uint32_t c = 0; c < BANK_BOARD_CHANNELS; c++)
        if (mask >> c & 1) put_channel(w, b, c, b->samples[BANK_BOARD_CHANNELS * (slot - 1) + c]);
    const uint64_t trailer = field(b->trigger & 0xFF, 24) | words;
    put(w, trailer);
    uint64_t crc = crc32(0, start, (uInt)(w->at - start));
    w->at -= 8;
    put(w, field(crc, 32) | trailer);
}

static enum err check(const struct bank_wfd_build *b)
{
    REQUIRE(b->fill_type >= BANK_MUON && b->fill_type <= BANK_PEDESTAL && b->trigger < 1 << 24, ERR_LOGIC,
            "fill type %d, trigger %u", (int)b->fill_type, b->trigger);
    REQUIRE(b->n_samples % SAMPLES_A_BURST == 0 && b->n_samples < MAX_BOARD_WORDS * 4 &&
                b->n_waveforms < MAX_WAVEFORMS && b->gap < MAX_GAP,
            ERR_NUMBER, "%u waveforms of %u samples, %u apart: at most %d, a multiple of %d, below %d", b->n_waveforms,
            b->n_samples, b->gap, MAX_WAVEFORMS - 1, SAMPLES_A_BURST, MAX_GAP);
    for (uint32_t slot = 1; slot <= BANK_MAX_BOARDS; slot++)
        REQUIRE(words_of(b, slot) < MAX_BOARD_WORDS, ERR_NUMBER,
                "%u waveforms of %u samples: the board in slot %u does not fit its length of 20 bits", b->n_waveforms,
                b->n_samples, slot);
    return ERR_OK;
}

static enum err open_bank(struct midas_build *event, const struct bank_wfd_build *b, char kind, int crate)
{
    char name[5];
    bank_name(" CLP"[b->fill_type], kind, crate, name);
    return midas_build_bank(event, name, kind == 'R' ? MIDAS_I16 : MIDAS_U32);
}

enum err bank_wfd_add_payload(struct midas_build *event, int crate, const struct bank_wfd_build *b)
{
    uint64_t words = 0;
    void *room     = NULL;
    TRY(check(b));
    for (uint32_t slot = 1; slot <= BANK_MAX_BOARDS; slot++) words += words_of(b, slot);
    TRY(open_bank(event, b, 'R', crate));
    TRY(midas_build_room(event, 8 * words, &room));
    struct writer w = {.at = room};
    for (uint32_t slot = 1; slot <= BANK_MAX_BOARDS; slot++)
        if (mask_of(b, slot)) put_board(&w, b, slot);
    return midas_build_bank_end(event);
}

static enum err add_word(struct midas_build *event, uint64_t word, uint64_t *n)
{
    word = __builtin_bswap64(word);
    ++*n;
    return midas_build_append(event, &word, sizeof word);
}

/* One block; what a board still has to send is in left[]. */
static enum err add_block(struct midas_build *event, const struct bank_wfd_build *b, uint64_t block,
                          uint64_t left[BANK_MAX_BOARDS + 1], uint64_t *n)
{
    uint64_t n_boards = 0;
    for (uint32_t slot = 1; slot <= BANK_MAX_BOARDS; slot++) n_boards += left[slot] > 0;
    TRY(add_word(event, field(n_boards, 52), n));
    for (uint32_t slot = 1; slot <= BANK_MAX_BOARDS; slot++) {
        if (!left[slot]) continue;
        uint64_t here = left[slot] > BLOCK_WORDS ? BLOCK_WORDS : left[slot], more = left[slot] > here;
        /* without the segment bit the size is that of all blocks */
        uint64_t size = block == 0 ? left[slot] : here;
        TRY(add_word(event,
                     field(!more, 62) | field(more, 61) | field(block > 0, 60) | field(0xF, 56) | field(size, 32) |
                         field(block, 20) | field(slot, 16) | (slot - 1),
                     n));
        left[slot] -= here;
    }
    return add_word(event, field(block, 20) | field(b->trigger & 0xFF, 12), n);
}

static enum err add_amc13(struct midas_build *event, int crate, const struct bank_wfd_build *b)
{
    uint64_t left[BANK_MAX_BOARDS + 1] = {0}, n = 0, words = 0;
    bool is_more = true;
    for (uint32_t slot = 1; slot <= BANK_MAX_BOARDS; slot++) words += left[slot] = words_of(b, slot);
    TRY(open_bank(event, b, 'A', crate));
    TRY(add_word(event, field(5, 60) | field((uint64_t)b->fill_type, 56) | field(b->trigger, 32), &n));
    for (uint64_t block = 0; is_more; block++) {
        TRY(add_block(event, b, block, left, &n));
        is_more = false;
        for (uint32_t slot = 1; slot <= BANK_MAX_BOARDS; slot++) is_more |= left[slot] > 0;
    }
    TRY(midas_build_bank_end(event));
    TRY(open_bank(event, b, 'Z', crate));
    TRY(add_word(event, field(10, 60) | field((words + n + 1) & 0xFFFFFF, 32), &n));
    return midas_build_bank_end(event);
}

enum err bank_wfd_add(struct midas_build *event, int crate, const struct bank_wfd_build *b)
{
    const struct bank_daq_header header = {
        .trigger_number = b->trigger,
        .fill_number    = b->fill_number,
        .fill_type      = b->fill_type,
    };
    TRY(check(b));
    TRY(add_amc13(event, crate, b));
    TRY(bank_cc_add(event, crate, &header));
    return bank_wfd_add_payload(event, crate, b);
}
