/* The boards' payloads: reading. */
#include "bank_wfd.h"

#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

enum { HEADERS = 3, TRAILERS = 3, SAMPLES_A_BURST = 8 };
#define BAD_CHECKSUM 0xBAADBAADU

static uint64_t load64(const uint8_t *bytes, size_t i)
{
    uint64_t v;
    memcpy(&v, bytes + 8 * i, 8);
    return __builtin_bswap64(v);
}

static uint32_t bits(uint64_t word, int high, int low)
{
    return (uint32_t)(word >> low & ((UINT64_C(1) << (high - low + 1)) - 1));
}

void bank_wfd_open(const void *data, size_t n_bytes, const struct bank_amc *amc, enum bank_check check,
                   struct bank_wfd *out)
{
    *out = (struct bank_wfd){.bytes = data, .amc = amc, .n_words = n_bytes / 8, .check = check};
}

static uint64_t word_at(const struct bank_wfd *w, size_t i) { return load64(w->bytes, i); }

static enum err check_crc(const struct bank_wfd *w, uint64_t trailer)
{
    static const uint8_t zeros[4];
    const struct bank_board *b = &w->board;
    const uint8_t *p           = w->bytes + 8 * b->start;
    size_t n                   = 8 * (size_t)b->n_words;
    uint32_t stored            = bits(trailer, 63, 32);
    if (w->check < BANK_CHECK_ALL || !stored) return ERR_OK;
    uLong crc = crc32(0, p, (uInt)(n - 8));
    crc       = crc32(crc, zeros, 4);
    crc       = crc32(crc, p + n - 4, 4);
    REQUIRE(crc == stored, ERR_DATA, "board in slot %u: CRC 0x%08x, 0x%08lx expected", b->slot, stored, crc);
    return ERR_OK;
}

static enum err check_board(const struct bank_wfd *w)
{
    const struct bank_board *b = &w->board;
    const struct bank_amc *amc = w->amc;
    uint32_t i                 = w->n_boards;
    REQUIRE(i < amc->n_boards, ERR_DATA, "more boards than the %u that AMC13 tells of", amc->n_boards);
    REQUIRE(b->slot == amc->board[i].slot && b->n_words == amc->board[i].n_words, ERR_DATA,
            "board %u: slot %u, %u words; AMC13 tells of slot %u, %u words", i, b->slot, b->n_words, amc->board[i].slot,
            amc->board[i].n_words);
    REQUIRE(b->trigger == amc->trigger, ERR_DATA, "board in slot %u has trigger %u, AMC13 %u", b->slot, b->trigger,
            amc->trigger);
    return ERR_OK;
}

/* The trailer is looked at first: if it is where the length says, the length is right. */
static enum err open_board(struct bank_wfd *w)
{
    size_t left = w->n_words - w->at;
    REQUIRE(left >= HEADERS + 1, ERR_DATA, "board %u: %zu words are left, %d needed at least", w->n_boards, left,
            HEADERS + 1);
    uint64_t w0 = word_at(w, w->at), w1 = word_at(w, w->at + 1), w2 = word_at(w, w->at + 2);
    w->board                   = (struct bank_board){.slot         = bits(w0, 59, 56),
                                                     .trigger      = bits(w0, 55, 32),
                                                     .clock        = (uint64_t)bits(w0, 31, 20) << 32 | bits(w1, 47, 16),
                                                     .n_words      = bits(w0, 19, 0),
                                                     .channels     = bits(w1, 63, 59),
                                                     .is_little    = bits(w1, 58, 58),
                                                     .alarms       = bits(w1, 57, 54),
                                                     .is_empty     = bits(w1, 53, 53),
                                                     .trigger_type = bits(w1, 52, 48),
                                                     .kind         = bits(w1, 15, 13),
                                                     .is_async     = bits(w1, 12, 12),
                                                     .number       = bits(w1, 11, 0),
                                                     .firmware     = bits(w2, 23, 0),
                                                     .start        = w->at};
    const struct bank_board *b = &w->board;
    REQUIRE(b->n_words >= HEADERS + 1 && b->n_words <= left, ERR_DATA, "board %u (slot %u): %u words, %zu are there",
            w->n_boards, b->slot, b->n_words, left);
    REQUIRE(b->kind == BANK_BOARD_WFD5 || b->kind == BANK_BOARD_FC7, ERR_DATA,
            "board in slot %u is of kind %u; 1 (WFD5) and 2 (FC7) are known", b->slot, b->kind);
    uint64_t trailer = word_at(w, w->at + b->n_words - 1);
    REQUIRE(bits(trailer, 19, 0) == b->n_words && bits(trailer, 31, 24) == (b->trigger & 0xFF), ERR_DATA,
            "board in slot %u: trailer of %u words, trigger %u (low 8 bits), its header has %u words, trigger %u",
            b->slot, bits(trailer, 19, 0), bits(trailer, 31, 24), b->n_words, b->trigger);
    if (w->check >= BANK_CHECK_ALL)
        REQUIRE(bits(w0, 63, 60) == 0 && w2 >> 24 == 0 && bits(trailer, 23, 20) == 0, ERR_DATA,
                "board in slot %u: bits are set that are always 0", b->slot);
    TRY(check_crc(w, trailer));
    if (w->amc) TRY(check_board(w));
    bool is_short = b->n_words == HEADERS + 1;
    REQUIRE(b->kind != BANK_BOARD_WFD5 || is_short == (b->is_empty || !b->channels), ERR_DATA,
            "board in slot %u: %u words, empty bit %u, channels 0x%02x", b->slot, b->n_words, b->is_empty, b->channels);
    bool has_data = b->kind == BANK_BOARD_WFD5 && !is_short;
    w->left       = has_data ? b->channels : 0;
    w->at += has_data ? HEADERS : b->n_words;
    w->n_boards++;
    return ERR_OK;
}

static uint64_t flag(uint64_t value, int low) { return value << low; }

/* A as the channel made it, before the master moved its counts (asynchronous). */
static uint64_t original_a(const struct bank_channel *c)
{
    return flag(1, 62) | flag(c->tag, 46) | flag(c->pretrigger >> 12, 35) | flag(c->n_waveforms, 12) |
           (c->pretrigger & 0xFFF);
}

static void open_async(struct bank_channel *c)
{
    c->n_waveforms = bits(c->a, 38, 16);
    c->pretrigger  = bits(c->a, 15, 0);
    c->n_bursts    = bits(c->b, 63, 50);
}

static void open_sync(struct bank_channel *c)
{
    c->is_circular = bits(c->a, 58, 58);
    c->n_waveforms = bits(c->a, 23, 12);
    c->gap         = c->is_circular ? 0 : bits(c->a, 45, 24);
    c->pretrigger  = c->is_circular ? bits(c->a, 39, 24) : 0;
    c->n_bursts    = bits(c->b, 49, 27);
}

static enum err check_channel(const struct bank_wfd *w)
{
    const struct bank_board *b   = &w->board;
    const struct bank_channel *c = &w->channel;
    REQUIRE(bits(c->a, 63, 62) == 1 && bits(c->a, 61, 59) == 0, ERR_DATA,
            "slot %u, channel %u: no channel header where one is due", b->slot, c->channel);
    REQUIRE((c->tag & 7) == c->channel, ERR_DATA, "slot %u, channel %u calls itself %u", b->slot, c->channel,
            c->tag & 7);
    REQUIRE(bits(c->b, 23, 0) == b->trigger, ERR_DATA, "slot %u, channel %u has trigger %u, the board %u", b->slot,
            c->channel, bits(c->b, 23, 0), b->trigger);
    REQUIRE(c->fill_type == (b->trigger_type & 7), ERR_DATA, "slot %u, channel %u: fill type %u, the board's is %u",
            b->slot, c->channel, c->fill_type, b->trigger_type);
    bool is_async = c->fill_type == BANK_TYPE_ASYNC;
    if (is_async)
        REQUIRE(bits(c->b, 49, 27) == (uint64_t)c->n_waveforms * (c->n_bursts + 1) + 2, ERR_DATA,
                "slot %u, channel %u: %u waveforms of %u bursts in %u bursts", b->slot, c->channel, c->n_waveforms,
                c->n_bursts, bits(c->b, 49, 27));
    uint64_t words = (uint64_t)c->n_waveforms * (2 + 2 * (uint64_t)c->n_bursts) + TRAILERS;
    REQUIRE(words <= b->start + b->n_words - 1 - w->at, ERR_DATA,
            "slot %u, channel %u: %u waveforms of %u bursts do not fit the %zu words left of the board", b->slot,
            c->channel, c->n_waveforms, c->n_bursts, b->start + b->n_words - 1 - w->at);
    return ERR_OK;
}

static enum err open_channel(struct bank_wfd *w)
{
    const struct bank_board *b = &w->board;
    REQUIRE(b->start + b->n_words - 1 - w->at >= 2 + TRAILERS, ERR_DATA, "slot %u: no room for another channel",
            b->slot);
    w->channel             = (struct bank_channel){.channel = (uint32_t)__builtin_ctz(w->left),
                                                   .a       = word_at(w, w->at),
                                                   .b       = word_at(w, w->at + 1),
                                                   .start   = w->at};
    struct bank_channel *c = &w->channel;
    c->tag                 = bits(c->a, 57, 46);
    c->fill_type           = bits(c->b, 26, 24);
    bool is_async          = c->fill_type == BANK_TYPE_ASYNC;
    if (is_async)
        open_async(c);
    else
        open_sync(c);
    w->at += 2;
    w->waveform = 0;
    w->sum[0]   = c->b;
    w->sum[1]   = is_async ? original_a(c) : c->a;
    return check_channel(w);
}

static enum err close_board(struct bank_wfd *w)
{
    size_t end = w->board.start + w->board.n_words;
    REQUIRE(w->at == end - 1, ERR_DATA, "slot %u: %zu words between the last channel and the trailer", w->board.slot,
            end - 1 - w->at);
    w->at = end;
    return ERR_OK;
}

static enum err close_channel(struct bank_wfd *w)
{
    const struct bank_channel *c = &w->channel;
    uint32_t verdict             = bits(word_at(w, w->at + 2), 63, 32);
    REQUIRE(verdict != BAD_CHECKSUM, ERR_DATA, "slot %u, channel %u: the board itself found a wrong checksum",
            w->board.slot, c->channel);
    REQUIRE(verdict == 0, ERR_DATA, "slot %u, channel %u: trailer 0x%08x, 0 or 0x%08x is known", w->board.slot,
            c->channel, verdict, BAD_CHECKSUM);
    if (w->check >= BANK_CHECK_CHECKSUMS)
        REQUIRE(word_at(w, w->at) == w->sum[0] && word_at(w, w->at + 1) == w->sum[1], ERR_DATA,
                "slot %u, channel %u: wrong checksum", w->board.slot, c->channel);
    w->at += TRAILERS;
    w->left &= w->left - 1;
    return w->left ? ERR_OK : close_board(w);
}

/* XOR over n bytes, pairs of words; bytes stay as they are, the sum alone is turned. */
static void add_samples(struct bank_wfd *w, const uint8_t *p, size_t n)
{
    uint64_t sum[8] = {0}, v[8];
    size_t i        = 0;
    for (; i + sizeof v <= n; i += sizeof v) {
        memcpy(v, p + i, sizeof v);
        for (int k = 0; k < 8; k++) sum[k] ^= v[k];
    }
    for (; i < n; i += 16) {
        memcpy(v, p + i, 16);
        sum[0] ^= v[0];
        sum[1] ^= v[1];
    }
    for (int k = 0; k < 2; k++) {
        uint64_t all = sum[k] ^ sum[k + 2] ^ sum[k + 4] ^ sum[k + 6];
        w->sum[k] ^= w->board.is_little ? all : __builtin_bswap64(all);
    }
}

static enum err bad_waveform(const struct bank_wfd *w, const char *what)
{
    FAIL(ERR_DATA, "slot %u, channel %u, waveform %u: %s", w->board.slot, w->channel.channel, w->waveform, what);
}

static enum err check_sync(const struct bank_wfd *w, uint64_t low, uint64_t high)
{
    const struct bank_channel *c = &w->channel;
    if (bits(low, 63, 52) != c->n_waveforms) return bad_waveform(w, "another number of waveforms than the channel's");
    if (bits(low, 24, 23) != (c->fill_type & 3)) return bad_waveform(w, "another fill type than the channel's");
    if (bits(low, 22, 0) != c->n_bursts) return bad_waveform(w, "another length than the channel's");
    if (bits(high, 33, 12) != c->gap) return bad_waveform(w, "another gap than the channel's");
    return bits(high, 45, 34) == c->tag ? ERR_OK : bad_waveform(w, "another tag than the channel's");
}

static enum err check_async(const struct bank_wfd *w, uint64_t low)
{
    const struct bank_channel *c = &w->channel;
    if (bits(low, 13, 0) != c->n_bursts) return bad_waveform(w, "another length than the channel's");
    return bits(low, 25, 14) == (c->pretrigger & 0xFFF) ? ERR_OK : bad_waveform(w, "another pretrigger");
}

static enum err check_circular(const struct bank_wfd *w, uint64_t low, uint64_t high)
{
    if (bits(high, 45, 34) != w->channel.tag) return bad_waveform(w, "another tag than the channel's");
    return check_async(w, low);
}

/* Waveforms are numbered one after another, from 0 or from 1. */
static enum err take_waveform(struct bank_wfd *w, struct bank_waveform *out)
{
    const struct bank_channel *c = &w->channel;
    const uint64_t low = word_at(w, w->at), high = word_at(w, w->at + 1);
    bool is_async  = c->fill_type == BANK_TYPE_ASYNC;
    uint32_t index = is_async || c->is_circular ? bits(high, 10, 0) << 12 | bits(low, 63, 52) : bits(high, 11, 0);
    if (bits(high, 63, 62) != 1) return bad_waveform(w, "no header where one is due");
    if (index != w->waveform && index != w->waveform + 1) return bad_waveform(w, "out of order");
    if (is_async) TRY(check_async(w, low));
    if (c->is_circular) TRY(check_circular(w, low, high));
    if (!is_async && !c->is_circular) TRY(check_sync(w, low, high));
    *out = (struct bank_waveform){.slot        = w->board.slot,
                                  .channel     = c->channel,
                                  .index       = w->waveform,
                                  .n_waveforms = c->n_waveforms,
                                  .n_samples   = c->n_bursts * SAMPLES_A_BURST,
                                  .gap         = c->gap,
                                  .clock       = w->board.clock,
                                  .samples     = w->bytes + 8 * (w->at + 2),
                                  .is_little   = w->board.is_little};
    if (is_async) out->clock = high >> 11 & ((UINT64_C(1) << 44) - 1);
    if (w->check >= BANK_CHECK_CHECKSUMS) {
        w->sum[0] ^= low;
        w->sum[1] ^=
            is_async ? flag(1, 62) | flag(bits(high, 61, 58), 46) | flag(c->tag, 34) | bits(high, 10, 0) : high;
        add_samples(w, out->samples, 16 * (size_t)c->n_bursts);
    }
    w->at += 2 + 2 * (size_t)c->n_bursts;
    w->waveform++;
    return ERR_OK;
}

static enum err next(struct bank_wfd *w, struct bank_waveform *out)
{
    for (;;) {
        bool is_inside = w->left && w->channel.start > w->board.start;
        if (is_inside && w->waveform < w->channel.n_waveforms) return take_waveform(w, out);
        if (is_inside) {
            TRY(close_channel(w));
        } else if (w->at == w->n_words) {
            return ERR_OK;
        } else {
            TRY(open_board(w));
        }
        if (w->left) TRY(open_channel(w));
    }
}

enum err bank_wfd_next(struct bank_wfd *w, struct bank_waveform *out)
{
    *out        = (struct bank_waveform){0};
    enum err rc = next(w, out);
    if (!rc) return ERR_OK;
    *out    = (struct bank_waveform){0};
    w->left = 0;
    w->at   = w->n_words;
    return rc;
}

void bank_wfd_samples(const struct bank_waveform *waveform, int16_t *samples)
{
    memcpy(samples, waveform->samples, 2 * (size_t)waveform->n_samples);
    if (waveform->is_little) return;
    /* a word of four samples, the oldest in its low bits, lies with its high byte first */
    for (uint32_t i = 0; i + 4 <= waveform->n_samples; i += 4) {
        uint64_t v;
        memcpy(&v, samples + i, sizeof v);
        v = __builtin_bswap64(v);
        memcpy(samples + i, &v, sizeof v);
    }
}

enum err bank_wfd_check(const void *data, size_t n_bytes, const struct bank_amc *amc, enum bank_check check,
                        uint32_t *n_boards, uint64_t *n_waveforms)
{
    struct bank_wfd w;
    struct bank_waveform waveform;
    *n_boards    = 0;
    *n_waveforms = 0;
    REQUIRE(n_bytes % 8 == 0, ERR_DATA, "raw payload of %zu bytes, a multiple of 8 expected", n_bytes);
    bank_wfd_open(data, n_bytes, amc, check, &w);
    for (;;) {
        TRY(bank_wfd_next(&w, &waveform));
        if (!waveform.samples) break;
        ++*n_waveforms;
    }
    *n_boards = w.n_boards;
    REQUIRE(!amc || w.n_boards == amc->n_boards, ERR_DATA, "%u boards, AMC13 tells of %u", w.n_boards, amc->n_boards);
    return ERR_OK;
}
