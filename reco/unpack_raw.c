/* Raw waveforms of a crate become islands: one for each waveform, with all channels that the map knows. */
#include "bank_wfd.h"
#include "phys.h"
#include "unpack_internal.h"

#include <string.h>

enum { CHANNELS_A_BOARD = 5, HEAD_WORDS = 6, INDEX_WORDS = 2, PEDESTAL_SAMPLES = 100 };

/* What all channels of a crate have in common. */
struct shape {
    uint32_t n_waveforms, n_samples, gap, n_used;
    uint64_t is_used; /* segments, as a mask */
};

/* Segment of a channel, -1: none. */
static int segment_of(const struct unpack *u, int crate, const struct bank_waveform *w)
{
    if (w->slot < 1 || w->slot > BANK_MAX_BOARDS) return -1;
    const int8_t segment = u->settings.segment[crate][CHANNELS_A_BOARD * (w->slot - 1) + w->channel];
    return segment < (crate <= N_CALOS ? N_CRYSTALS : BANK_MAX_SEGMENTS) ? segment : -1;
}

static enum err take_channel(struct shape *s, const struct bank_waveform *w, int segment)
{
    REQUIRE(!(s->is_used >> segment & 1), ERR_DATA, "two channels of segment %d", segment);
    if (s->n_used == 0) *s = (struct shape){.n_waveforms = w->n_waveforms, .n_samples = w->n_samples, .gap = w->gap};
    REQUIRE(w->n_waveforms == s->n_waveforms && w->n_samples == s->n_samples && w->gap == s->gap, ERR_DATA,
            "slot %u, channel %u: %u waveforms of %u samples, others have %u of %u", w->slot, w->channel,
            w->n_waveforms, w->n_samples, s->n_waveforms, s->n_samples);
    s->is_used |= UINT64_C(1) << segment;
    s->n_used++;
    return ERR_OK;
}

static void open_bank(const struct unpack_crate *c, struct bank_wfd *w)
{
    /* checksums were looked at before */
    bank_wfd_open(c->bank[UNPACK_R].data, c->bank[UNPACK_R].n_bytes, NULL, BANK_CHECK_SIZES, w);
}

/* Asynchronous waveforms have times of their own and are no islands. */
static enum err find_shape(const struct unpack *u, int crate, struct shape *s)
{
    struct bank_wfd w;
    struct bank_waveform waveform;
    *s = (struct shape){0};
    open_bank(&u->crate[crate], &w);
    for (;;) {
        TRY(bank_wfd_next(&w, &waveform));
        if (!waveform.samples) break;
        int segment = segment_of(u, crate, &waveform);
        if (waveform.index == 0 && segment >= 0 && w.channel.fill_type != BANK_TYPE_ASYNC)
            TRY(take_channel(s, &waveform, segment));
    }
    uint64_t end = (uint64_t)s->n_waveforms * ((uint64_t)s->n_samples + s->gap);
    REQUIRE(end <= INT32_MAX, ERR_DATA, "waveforms up to sample %llu", (unsigned long long)end);
    return ERR_OK;
}

static size_t island_words(const struct shape *s)
{
    return HEAD_WORDS + s->n_used * (INDEX_WORDS + (size_t)s->n_samples);
}

static void put32(uint16_t *words, uint32_t value) { memcpy(words, &value, sizeof value); }

/* Writes the islands as a truncated CT bank would hold them. */
static enum err write_islands(const struct unpack *u, int crate, const struct shape *s, uint16_t *words)
{
    struct bank_wfd w;
    struct bank_waveform waveform;
    uint32_t rank       = 0;
    const size_t stride = INDEX_WORDS + (size_t)s->n_samples;
    for (uint32_t k = 0; k < s->n_waveforms; k++) {
        uint16_t *head = words + k * island_words(s);
        put32(head, k * (s->n_samples + s->gap));
        put32(head + 2, s->n_samples);
        put32(head + 4, s->n_used);
    }
    open_bank(&u->crate[crate], &w);
    for (;;) {
        TRY(bank_wfd_next(&w, &waveform));
        if (!waveform.samples) return ERR_OK;
        int segment = segment_of(u, crate, &waveform);
        if (segment < 0 || w.channel.fill_type == BANK_TYPE_ASYNC) continue;
        uint16_t *trace = words + waveform.index * island_words(s) + HEAD_WORDS + rank * stride;
        put32(trace, (uint32_t)segment);
        bank_wfd_samples(&waveform, (int16_t *)(trace + INDEX_WORDS));
        if (waveform.index + 1 == waveform.n_waveforms) rank++;
    }
}

/* As the DAQ does: the mean of the record's first samples. */
static void find_pedestals(const struct shape *s, const uint16_t *words, float *pedestal_adc)
{
    const size_t stride = INDEX_WORDS + (size_t)s->n_samples;
    const uint32_t n    = s->n_samples < PEDESTAL_SAMPLES ? s->n_samples : PEDESTAL_SAMPLES;
    for (uint32_t k = 0; k < s->n_used && n > 0; k++) {
        const uint16_t *trace = words + HEAD_WORDS + k * stride;
        int64_t sum           = 0;
        for (uint32_t i = 0; i < n; i++) sum += (int16_t)trace[INDEX_WORDS + i];
        pedestal_adc[trace[0]] = (float)((double)sum / n);
    }
}

enum err unpack_waveforms(struct unpack *u, int crate, struct bank_ct *out)
{
    struct shape s;
    struct midas_build *chunk;
    void *room = NULL;
    *out       = (struct bank_ct){.is_truncated = true, .n_segments = BANK_MAX_SEGMENTS};
    TRY(find_shape(u, crate, &s));
    if (s.n_used == 0) return ERR_OK;
    size_t n_words = s.n_waveforms * island_words(&s);
    TRY(unpack_new_chunk(u, &chunk));
    TRY(midas_build_room(chunk, 2 * n_words, &room));
    TRY(write_islands(u, crate, &s, room));
    find_pedestals(&s, room, u->crate[crate].pedestal_adc);
    out->words     = room;
    out->n_words   = n_words;
    out->n_islands = s.n_waveforms;
    return ERR_OK;
}
