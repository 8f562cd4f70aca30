/* What the GPU makes of a fill: its own pulse fits, histograms summed over fills. */
#include "bank.h"

#include <string.h>

enum { PULSE_WORDS = 7, CQ_HEADER_WORDS = 7 };
_Static_assert(sizeof(struct bank_pulse) == 4 * PULSE_WORDS, "a pulse is 7 words of 32 bits");

/* ---- CF ---- */

enum err bank_cf_begin(struct midas_build *event, int crate, uint32_t n_segments)
{
    char name[5];
    bank_name('C', 'F', crate, name);
    TRY(midas_build_bank(event, name, MIDAS_U32));
    return midas_build_append(event, &n_segments, sizeof n_segments);
}

enum err bank_cf_add(struct midas_build *event, uint32_t n, const struct bank_pulse *pulses)
{
    TRY(midas_build_append(event, &n, sizeof n));
    return midas_build_append(event, pulses, n * sizeof *pulses);
}

enum err bank_cf_open(const void *data, size_t n_bytes, struct bank_cf *out)
{
    *out = (struct bank_cf){.words = data, .n_words = n_bytes / 4, .at = 1};
    REQUIRE(out->n_words >= 1, ERR_DATA, "bank of GPU fits of %zu bytes", n_bytes);
    out->n_segments = out->words[0];
    REQUIRE(out->n_segments <= BANK_MAX_SEGMENTS, ERR_DATA, "GPU fits of %u segments; up to %d are known",
            out->n_segments, BANK_MAX_SEGMENTS);
    return ERR_OK;
}

enum err bank_cf_next(struct bank_cf *b, const struct bank_pulse **pulses, uint32_t *n)
{
    size_t left = b->n_words - b->at;
    *pulses     = NULL;
    *n          = 0;
    if (b->segment == b->n_segments) {
        REQUIRE(left == 0, ERR_DATA, "%zu words after the GPU fits of the last segment", left);
        return ERR_OK;
    }
    REQUIRE(left >= 1, ERR_DATA, "GPU fits end before segment %u of %u", b->segment, b->n_segments);
    uint32_t count = b->words[b->at];
    REQUIRE(count <= (left - 1) / PULSE_WORDS, ERR_DATA, "segment %u has %u GPU fits, there is room for %zu",
            b->segment, count, (left - 1) / PULSE_WORDS);
    *pulses = (const struct bank_pulse *)(const void *)(b->words + b->at + 1);
    *n      = count;
    b->at += 1 + (size_t)count * PULSE_WORDS;
    b->segment++;
    return ERR_OK;
}

/* ---- CQ ---- */

enum err bank_cq_begin(struct midas_build *event, int crate, const struct bank_cq *h, int32_t **counts)
{
    const uint32_t head[CQ_HEADER_WORDS] = {h->n,           h->first_sample, h->last_sample, h->decimation,
                                            h->n_intervals, h->multiplier,   h->n_segments};
    char name[5];
    void *room = NULL;
    bank_name('C', 'Q', crate, name);
    TRY(midas_build_bank(event, name, MIDAS_U32));
    TRY(midas_build_append(event, head, sizeof head));
    TRY(midas_build_room(event, h->n * sizeof **counts, &room));
    *counts = room;
    return ERR_OK;
}

enum err bank_cq_read(const void *data, size_t n_bytes, struct bank_cq *out)
{
    uint32_t head[CQ_HEADER_WORDS];
    *out = (struct bank_cq){0};
    REQUIRE(n_bytes >= sizeof head, ERR_DATA, "Q histogram of %zu bytes: its header alone has %zu", n_bytes,
            sizeof head);
    memcpy(head, data, sizeof head);
    size_t n = n_bytes / 4 - CQ_HEADER_WORDS;
    REQUIRE(head[0] == n, ERR_DATA, "Q histogram tells %u counts, it has %zu", head[0], n);
    REQUIRE(head[6] >= 1 && head[6] <= BANK_MAX_SEGMENTS && n % head[6] == 0, ERR_DATA,
            "Q histogram of %zu counts in %u segments", n, head[6]);
    REQUIRE(head[1] <= head[2] && head[3] >= 1, ERR_DATA, "Q histogram of samples %u to %u, %u in a bin", head[1],
            head[2], head[3]);
    *out = (struct bank_cq){.n            = head[0],
                            .first_sample = head[1],
                            .last_sample  = head[2],
                            .decimation   = head[3],
                            .n_intervals  = head[4],
                            .multiplier   = head[5],
                            .n_segments   = head[6],
                            .counts       = (const int32_t *)data + CQ_HEADER_WORDS};
    return ERR_OK;
}
