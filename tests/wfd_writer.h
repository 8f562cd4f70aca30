/* Bytes of AMC13 and WFD5 as the firmware makes them: 128-bit headers put together by the bit numbers of the channel FPGA
 * (adc_dat_mux*.v), then what the master FPGA and the AMC13 put around them. Shares nothing with the decoder. */
#ifndef GM2_WFD_WRITER_H
#define GM2_WFD_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

__extension__ typedef unsigned __int128 wfd_u128;

enum wfd_mode { WFD_SYNC, WFD_CIRCULAR, WFD_ASYNC };

struct wfd_spec {
    uint32_t trigger, type, n_boards, first_slot, channels, n_waveforms, bursts, gap, pretrigger;
    uint64_t clock;
    enum wfd_mode mode;
    bool is_little, is_fc7, is_empty, has_crc;
};

struct wfd_bytes {
    uint8_t raw[1 << 20], ca[4096], cz[8];
    size_t n_raw, n_ca;
    uint32_t words[12];
};

/* The sample that channel c of a slot sends at number i of waveform w: 12 bits, sign-extended. */
static inline int16_t wfd_sample(uint32_t slot, uint32_t c, uint32_t w, uint32_t i)
{
    uint32_t v = (slot * 7919 + c * 104729 + w * 1299709 + i * 15485863) >> 3;
    return (int16_t)((int)(v % 4096) - 2048);
}

static inline void wfd_set(wfd_u128 *v, int high, int low, uint64_t value)
{
    wfd_u128 mask = (((wfd_u128)1 << (high - low + 1)) - 1) << low;
    *v            = (*v & ~mask) | (((wfd_u128)value << low) & mask);
}

static inline void wfd_put(uint8_t *bytes, size_t *n, uint64_t word)
{
    for (int i = 7; i >= 0; i--) bytes[(*n)++] = (uint8_t)(word >> 8 * i);
}

static inline wfd_u128 wfd_fill_header(const struct wfd_spec *s, uint32_t c)
{
    wfd_u128 h         = 0;
    const uint32_t tag = 0x340 | c, address = 0x2A8 * (c + 1);
    wfd_set(&h, 23, 0, s->trigger);
    wfd_set(&h, 25, 24, s->type);
    wfd_set(&h, 26, 26, s->mode == WFD_ASYNC);
    if (s->mode == WFD_ASYNC) {
        wfd_set(&h, 49, 27, 1 + s->n_waveforms * (s->bursts + 1) + 1);
        wfd_set(&h, 63, 50, s->bursts);
        wfd_set(&h, 75, 64, s->pretrigger);
        wfd_set(&h, 98, 76, s->n_waveforms);
        wfd_set(&h, 102, 99, s->pretrigger >> 12);
    } else {
        wfd_set(&h, 49, 27, s->bursts);
        wfd_set(&h, 75, 50, address);
        wfd_set(&h, 87, 76, s->n_waveforms);
        if (s->mode == WFD_SYNC) wfd_set(&h, 109, 88, s->gap);
        if (s->mode == WFD_CIRCULAR) wfd_set(&h, 103, 88, s->pretrigger);
        wfd_set(&h, 122, 122, s->mode == WFD_CIRCULAR);
    }
    wfd_set(&h, 121, 110, tag);
    wfd_set(&h, 127, 126, 1);
    return h;
}

static inline wfd_u128 wfd_waveform_header(const struct wfd_spec *s, uint32_t c, uint32_t w)
{
    wfd_u128 h         = 0;
    const uint32_t tag = 0x340 | c, address = 0x2A8 * (c + 1) + 8 * w;
    wfd_set(&h, 51, 26, address);
    if (s->mode == WFD_SYNC) {
        wfd_set(&h, 22, 0, s->bursts);
        wfd_set(&h, 24, 23, s->type);
        wfd_set(&h, 63, 52, s->n_waveforms);
        wfd_set(&h, 75, 64, w);
        wfd_set(&h, 97, 76, s->gap);
        wfd_set(&h, 113, 110, 2);
    } else {
        wfd_set(&h, 13, 0, s->bursts);
        wfd_set(&h, 25, 14, s->pretrigger);
        wfd_set(&h, 74, 52, w + 1);
        if (s->mode == WFD_CIRCULAR) wfd_set(&h, 78, 75, s->pretrigger >> 12);
        if (s->mode == WFD_CIRCULAR) wfd_set(&h, 114, 114, 1);
    }
    wfd_set(&h, 109, 98, tag);
    wfd_set(&h, 127, 126, 1);
    return h;
}

/* Clock of the trigger of waveform w of an asynchronous board. */
static inline uint64_t wfd_clock(const struct wfd_spec *s, uint32_t w) { return s->clock + 100000ULL * w + 77; }

static inline void wfd_channel(struct wfd_bytes *b, const struct wfd_spec *s, uint32_t slot, uint32_t c)
{
    wfd_u128 h = wfd_fill_header(s, c), sum = h;
    uint64_t a = (uint64_t)(h >> 64);
    if (s->mode == WFD_ASYNC) /* the master writes it anew */
        a = 1ULL << 62 | (uint64_t)(0x340 | c) << 46 | (uint64_t)s->n_waveforms << 16 | s->pretrigger;
    wfd_put(b->raw, &b->n_raw, a);
    wfd_put(b->raw, &b->n_raw, (uint64_t)h);
    for (uint32_t w = 0; w < s->n_waveforms; w++) {
        h = wfd_waveform_header(s, c, w);
        sum ^= h;
        uint64_t high = (uint64_t)(h >> 64);
        if (s->mode == WFD_ASYNC) high = 1ULL << 62 | 1ULL << 57 | 2ULL << 55 | wfd_clock(s, w) << 11 | (w + 1) >> 12;
        wfd_put(b->raw, &b->n_raw, (uint64_t)h);
        wfd_put(b->raw, &b->n_raw, high);
        for (uint32_t k = 0; k < s->bursts; k++) {
            wfd_u128 data = 0;
            for (int i = 0; i < 8; i++)
                wfd_set(&data, 16 * i + 15, 16 * i, (uint16_t)wfd_sample(slot, c, w, 8 * k + (uint32_t)i));
            sum ^= data;
            for (int half = 0; half < 2; half++) {
                uint64_t word = (uint64_t)(data >> 64 * half);
                wfd_put(b->raw, &b->n_raw, s->is_little ? __builtin_bswap64(word) : word);
            }
        }
    }
    wfd_put(b->raw, &b->n_raw, (uint64_t)sum);
    wfd_put(b->raw, &b->n_raw, (uint64_t)(sum >> 64));
    wfd_put(b->raw, &b->n_raw, 0x00001234);
}

/* CRC-32 by bits: reflected polynomial 0xEDB88320, as in zlib. */
static inline uint32_t wfd_crc(const uint8_t *p, size_t n)
{
    uint32_t crc = 0xFFFFFFFF;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
    }
    return ~crc;
}

static inline uint32_t wfd_board(struct wfd_bytes *b, const struct wfd_spec *s, uint32_t slot)
{
    uint32_t n_channels = 0, words = 4;
    for (int c = 0; c < 5; c++) n_channels += s->channels >> c & 1;
    if (s->is_fc7) words += 6;
    if (!s->is_fc7 && !s->is_empty) words += n_channels * (5 + s->n_waveforms * (2 + 2 * s->bursts));
    const size_t start     = b->n_raw;
    const uint64_t trigger = (uint64_t)(s->mode == WFD_ASYNC ? 4 | s->type : s->type);
    wfd_put(b->raw, &b->n_raw,
            (uint64_t)slot << 56 | (uint64_t)s->trigger << 32 | (s->clock >> 32 & 0xFFF) << 20 | words);
    wfd_put(b->raw, &b->n_raw,
            (uint64_t)s->channels << 59 | (uint64_t)s->is_little << 58 | (uint64_t)s->is_empty << 53 | trigger << 48 |
                (s->clock & 0xFFFFFFFF) << 16 | (s->is_fc7 ? 2ULL : 1ULL) << 13 |
                (uint64_t)(s->mode == WFD_ASYNC) << 12 | (100 + slot));
    wfd_put(b->raw, &b->n_raw, 0x030101);
    for (uint32_t i = 0; s->is_fc7 && i < 6; i++) wfd_put(b->raw, &b->n_raw, 0x1111111111111111ULL * i);
    for (uint32_t c = 0; !s->is_fc7 && !s->is_empty && c < 5; c++)
        if (s->channels >> c & 1) wfd_channel(b, s, slot, c);
    const uint64_t trailer = (uint64_t)(s->trigger & 0xFF) << 24 | words;
    wfd_put(b->raw, &b->n_raw, trailer);
    if (s->has_crc) {
        uint64_t crc = wfd_crc(b->raw + start, b->n_raw - start);
        b->n_raw -= 8;
        wfd_put(b->raw, &b->n_raw, crc << 32 | trailer);
    }
    return words;
}

/* AMC13: every board at once, in as many blocks of 4096 words as the largest needs. */
static inline void wfd_amc13(struct wfd_bytes *b, const struct wfd_spec *s)
{
    uint32_t sent[12] = {0}, total = 0;
    bool is_more      = true;
    const uint32_t bx = 0x2F1;
    wfd_put(b->ca, &b->n_ca,
            5ULL << 60 | (uint64_t)(s->mode == WFD_ASYNC ? 4 | s->type : s->type) << 56 | (uint64_t)s->trigger << 32 |
                (uint64_t)bx << 20 | 0x5A << 8);
    for (uint32_t block = 0; is_more; block++) {
        uint32_t n_here = 0;
        for (uint32_t i = 0; i < s->n_boards; i++) n_here += block == 0 || sent[i] < b->words[i];
        is_more = false;
        wfd_put(b->ca, &b->n_ca, 1ULL << 60 | (uint64_t)n_here << 52 | 0x123456 << 4);
        for (uint32_t i = 0; i < s->n_boards; i++) {
            uint32_t left = b->words[i] - sent[i];
            if (block > 0 && left == 0) continue;
            uint32_t here = left > 4096 ? 4096 : left;
            bool more     = left > here;
            /* without the segment bit the size is that of all blocks */
            uint64_t size = block == 0 ? b->words[i] : here;
            wfd_put(b->ca, &b->n_ca,
                    (uint64_t)!more << 62 | (uint64_t)more << 61 | (uint64_t)(block > 0) << 60 | 0xFULL << 56 |
                        size << 32 | block << 20 | (s->first_slot + i) << 16 | (100 + s->first_slot + i));
            sent[i] += here;
            is_more |= more;
        }
        wfd_put(b->ca, &b->n_ca, (uint64_t)block << 20 | (s->trigger & 0xFF) << 12 | bx);
    }
    for (uint32_t i = 0; i < s->n_boards; i++) total += b->words[i];
    size_t n = 0;
    wfd_put(b->cz, &n, 10ULL << 60 | (uint64_t)(total + b->n_ca / 8 + 1) << 32);
}

static inline void wfd_write(struct wfd_bytes *b, const struct wfd_spec *s)
{
    b->n_raw = b->n_ca = 0;
    for (uint32_t i = 0; i < s->n_boards; i++) b->words[i] = wfd_board(b, s, s->first_slot + i);
    wfd_amc13(b, s);
}

#endif
