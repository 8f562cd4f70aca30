/* Header banks: the words of AMC13 and boards around the samples. Bit ranges are high:low of 64-bit words. */
#include "bank.h"

#include <string.h>

enum {
    CHANNELS_A_BOARD = 5,
    BOARD_HEADERS    = 3,
    CHANNEL_HEADERS  = 4, /* two of the channel, two of its waveform */
    CHANNEL_TRAILERS = 3,
    SAMPLES_A_BURST  = 8,
    CC_WORDS         = 22,
    BOARD_WFD5       = 1
};

static uint64_t load64(const void *data, size_t i)
{
    uint64_t v;
    memcpy(&v, (const uint8_t *)data + 8 * i, 8);
    return __builtin_bswap64(v);
}

static enum err put64(struct midas_build *event, uint64_t v)
{
    v = __builtin_bswap64(v);
    return midas_build_append(event, &v, sizeof v);
}

static uint64_t bits(uint64_t word, int high, int low) { return word >> low & ((UINT64_C(1) << (high - low + 1)) - 1); }

static uint32_t n_boards(const struct bank_daq_header *h)
{
    return (h->n_channels + CHANNELS_A_BOARD - 1) / CHANNELS_A_BOARD;
}

static uint32_t board_channels(const struct bank_daq_header *h, uint32_t board)
{
    uint32_t left = h->n_channels - board * CHANNELS_A_BOARD;
    return left < CHANNELS_A_BOARD ? left : CHANNELS_A_BOARD;
}

/* 64-bit words that a board sends: the samples go to the chopper, the rest to CB. */
static uint64_t board_words(const struct bank_daq_header *h, uint32_t board)
{
    uint64_t bursts = h->n_samples / SAMPLES_A_BURST;
    return BOARD_HEADERS + board_channels(h, board) * (CHANNEL_HEADERS + 2 * bursts + CHANNEL_TRAILERS) + 1;
}

static uint64_t cdf_header(const struct bank_daq_header *h)
{
    return UINT64_C(5) << 60 | (uint64_t)h->fill_type << 56 | (uint64_t)(h->trigger_number & 0xFFFFFF) << 32;
}

static enum err open_bank(struct midas_build *event, char kind, int crate, enum bank_fill type)
{
    char name[5];
    bank_name("?CLPA"[type], kind, crate, name);
    return midas_build_bank(event, name, MIDAS_U32);
}

static enum err add_ca(struct midas_build *event, int crate, const struct bank_daq_header *h, uint64_t *total)
{
    TRY(open_bank(event, 'A', crate, h->fill_type));
    TRY(put64(event, cdf_header(h)));
    TRY(put64(event, (uint64_t)n_boards(h) << 52));
    *total = 2 + n_boards(h) + 2;
    for (uint32_t i = 0; i < n_boards(h); i++) {
        uint64_t words = board_words(h, i);
        /* one block, L M S = 0 0 0: enabled, present, valid, CRC good; 24 bits of size, slot from 1 */
        TRY(put64(event, UINT64_C(0x0F) << 56 | (words & 0xFFFFFF) << 32 | (uint64_t)(i + 1) << 16));
        *total += words;
    }
    TRY(put64(event, (uint64_t)(h->trigger_number & 0xFF) << 12));
    return midas_build_bank_end(event);
}

static enum err add_channel(struct midas_build *event, const struct bank_daq_header *h, uint32_t channel)
{
    uint64_t bursts = h->n_samples / SAMPLES_A_BURST, type = (uint64_t)h->fill_type & 7;
    TRY(put64(event, UINT64_C(1) << 62 | (uint64_t)channel << 46 | UINT64_C(1) << 12));
    TRY(put64(event, bursts << 27 | type << 24 | (h->trigger_number & 0xFFFFFF)));
    TRY(put64(event, UINT64_C(1) << 52 | (type & 3) << 23 | bursts));
    TRY(put64(event, UINT64_C(1) << 62 | (uint64_t)channel << 34));
    for (int i = 0; i < CHANNEL_TRAILERS; i++) TRY(put64(event, 0)); /* simulated: no checksum, no times */
    return ERR_OK;
}

static enum err add_cb(struct midas_build *event, int crate, const struct bank_daq_header *h)
{
    TRY(open_bank(event, 'B', crate, h->fill_type));
    uint64_t trigger = h->trigger_number & 0xFFFFFF, clock = h->clock_ticks;
    for (uint32_t i = 0; i < n_boards(h); i++) {
        uint32_t channels = board_channels(h, i);
        uint64_t mask = (UINT64_C(1) << channels) - 1, words = board_words(h, i);
        TRY(put64(event, (uint64_t)(i + 1) << 56 | trigger << 32 | bits(clock, 43, 32) << 20 | words));
        TRY(put64(event, mask << 59 | UINT64_C(1) << 58 | (uint64_t)h->fill_type << 48 | bits(clock, 31, 0) << 16 |
                             (uint64_t)BOARD_WFD5 << 13 | i));
        TRY(put64(event, 0x030101)); /* firmware 3.01.01 */
        for (uint32_t k = 0; k < channels; k++) TRY(add_channel(event, h, k));
        TRY(put64(event, (trigger & 0xFF) << 24 | words));
    }
    return midas_build_bank_end(event);
}

enum err bank_cc_add(struct midas_build *event, int crate, const struct bank_daq_header *h)
{
    TRY(open_bank(event, 'C', crate, h->fill_type));
    for (int i = 0; i < CC_WORDS; i++) {
        uint64_t fill = h->fill_number, word = 0;
        if (i == 0) word = cdf_header(h);
        if (i == 1 || i >= 19) word = fill;        /* AMC13 count, TCP, GPU and muon fill counters */
        if (i > 0) word = __builtin_bswap64(word); /* the frontend's own words are in host order */
        TRY(put64(event, word));
    }
    return midas_build_bank_end(event);
}

enum err bank_daq_add(struct midas_build *event, int crate, const struct bank_daq_header *h)
{
    uint64_t total = 0;
    REQUIRE(h->n_channels >= 1 && h->n_channels <= BANK_MAX_SEGMENTS && h->n_samples % SAMPLES_A_BURST == 0 &&
                board_words(h, 0) < 1 << 20 && h->fill_type >= BANK_MUON && h->fill_type <= BANK_ASYNC,
            ERR_NUMBER,
            "%u channels of %u samples do not fit a crate: up to %d, of a multiple of %d, board below 2^20 words",
            h->n_channels, h->n_samples, BANK_MAX_SEGMENTS, SAMPLES_A_BURST);
    TRY(add_ca(event, crate, h, &total));
    TRY(add_cb(event, crate, h));
    TRY(bank_cc_add(event, crate, h));
    TRY(open_bank(event, 'Z', crate, h->fill_type));
    TRY(put64(event, UINT64_C(10) << 60 | (total & 0xFFFFFF) << 32));
    return midas_build_bank_end(event);
}

enum err bank_ca_trigger(const void *data, size_t n_bytes, uint32_t *trigger_number)
{
    REQUIRE(n_bytes >= 8 && bits(load64(data, 0), 63, 60) == 5, ERR_DATA,
            "AMC13 bank does not begin with a CDF header");
    *trigger_number = (uint32_t)bits(load64(data, 0), 55, 32);
    return ERR_OK;
}

enum err bank_cz_words(const void *data, size_t n_bytes, uint32_t *n_words)
{
    REQUIRE(n_bytes == 8 && bits(load64(data, 0), 63, 60) == 10, ERR_DATA, "AMC13 trailer bank is no CDF trailer");
    *n_words = (uint32_t)bits(load64(data, 0), 55, 32);
    return ERR_OK;
}

/* The two words of a channel and the two of its waveform against the board's. */
static enum err check_cb_channel(const uint8_t *p, uint32_t board, uint32_t trigger, uint32_t type)
{
    const uint64_t a = load64(p, 0), b = load64(p, 1), low = load64(p, 2), high = load64(p, 3);
    const unsigned tag = (unsigned)bits(a, 57, 46), channel = tag & 7;
    REQUIRE(bits(a, 63, 62) == 1 && bits(high, 63, 62) == 1, ERR_DATA, "board %u: no channel header where one is due",
            board);
    REQUIRE(bits(b, 23, 0) == trigger, ERR_DATA, "board %u, channel %u has trigger %u, the board %u", board, channel,
            (unsigned)bits(b, 23, 0), trigger);
    REQUIRE(bits(b, 26, 24) == (type & 7) && bits(low, 24, 23) == (type & 3), ERR_DATA,
            "board %u, channel %u: fill type %u, the board's is %u", board, channel, (unsigned)bits(b, 26, 24), type);
    REQUIRE(bits(low, 22, 0) == bits(b, 49, 27) && bits(low, 63, 52) == bits(a, 23, 12) && bits(high, 45, 34) == tag &&
                bits(high, 33, 12) == bits(a, 45, 24),
            ERR_DATA, "board %u, channel %u: its waveform has another length, number, tag or gap", board, channel);
    REQUIRE(bits(load64(p, 6), 63, 32) == 0, ERR_DATA, "board %u, channel %u: the board itself found a wrong checksum",
            board, channel);
    return ERR_OK;
}

enum err bank_cb_read(const void *data, size_t n_bytes, struct bank_daq_header *out)
{
    enum { CHANNEL_WORDS = CHANNEL_HEADERS + CHANNEL_TRAILERS };
    const uint8_t *bytes = data;
    size_t n = n_bytes / 8, at = 0;
    *out = (struct bank_daq_header){0};
    for (uint32_t board = 0; at < n; board++) {
        REQUIRE(n - at >= BOARD_HEADERS + 1, ERR_DATA, "board %u: its header is cut", board);
        uint64_t w0 = load64(data, at), w1 = load64(data, at + 1);
        uint32_t trigger = (uint32_t)bits(w0, 55, 32), type = (uint32_t)bits(w1, 52, 48);
        uint32_t channels = (uint32_t)__builtin_popcountll(bits(w1, 63, 59));
        size_t words = BOARD_HEADERS + channels * CHANNEL_WORDS + 1, length = BOARD_HEADERS + 1;
        REQUIRE(n - at >= words, ERR_DATA, "board %u: %u channels need %zu words, %zu are left", board, channels, words,
                n - at);
        REQUIRE(board == 0 || trigger == out->trigger_number, ERR_DATA, "board %u has trigger %u, board 0 has %u",
                board, trigger, out->trigger_number);
        REQUIRE(board == 0 || type == out->fill_type, ERR_DATA, "board %u has fill type %u, board 0 has %u", board,
                type, out->fill_type);
        out->trigger_number = trigger;
        out->clock_ticks    = bits(w0, 31, 20) << 32 | bits(w1, 47, 16);
        out->fill_type      = (enum bank_fill)type;
        for (size_t k = 0; k < channels; k++) {
            const uint8_t *p = bytes + 8 * (at + BOARD_HEADERS + k * CHANNEL_WORDS);
            TRY(check_cb_channel(p, board, trigger, type));
            out->n_samples = (uint32_t)bits(load64(p, 1), 49, 27) * SAMPLES_A_BURST;
            length += CHANNEL_WORDS + out->n_samples / 4;
        }
        uint64_t trailer = load64(data, at + words - 1);
        REQUIRE(bits(w0, 19, 0) == length && bits(trailer, 19, 0) == length, ERR_DATA,
                "board %u tells %u words, its trailer %u, its channels make %zu", board, (unsigned)bits(w0, 19, 0),
                (unsigned)bits(trailer, 19, 0), length);
        REQUIRE(bits(trailer, 31, 24) == (trigger & 0xFF), ERR_DATA, "board %u: trailer of another trigger", board);
        out->n_channels += channels;
        at += words;
    }
    return ERR_OK;
}

enum err bank_cc_fill(const void *data, size_t n_bytes, uint32_t *fill_number)
{
    REQUIRE(n_bytes >= 8 * CC_WORDS, ERR_DATA, "timing bank of %zu bytes, %d expected", n_bytes, 8 * CC_WORDS);
    uint64_t big = load64(data, CC_WORDS - 1), word = __builtin_bswap64(big);
    /* gm2 0.1.0 wrote it big-endian */
    if (word > UINT32_MAX) word = big;
    REQUIRE(word <= UINT32_MAX, ERR_DATA, "fill number %llu", (unsigned long long)word);
    *fill_number = (uint32_t)word;
    return ERR_OK;
}
