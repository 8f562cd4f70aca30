/* Islands, pedestals, calorimeter sums. */
#include "bank.h"

#include <string.h>

enum { CT_HEADER_WORDS = 6, CT_MARK_WORDS = 2, CT_MARK_1 = 0xDEAD, CT_MARK_2 = 0xBABE };

void bank_name(char prefix, char kind, int crate, char name[5])
{
    name[0] = prefix;
    name[1] = kind;
    name[2] = (char)('0' + crate / 10 % 10);
    name[3] = (char)('0' + crate % 10);
    name[4] = '\0';
}

int bank_crate(const char *name)
{
    int tens = name[2] - '0', ones = name[3] - '0';
    return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? 10 * tens + ones : -1;
}

static uint32_t load32(const uint16_t *words) { return words[0] | (uint32_t)words[1] << 16; }

/* ---- CT: writing ---- */

enum err bank_ct_begin(struct midas_build *event, int crate, bool is_truncated, uint32_t n_segments,
                       struct bank_ct_build *out)
{
    return bank_ct_begin_as(event, 'C', crate, is_truncated, n_segments, out);
}

enum err bank_ct_begin_as(struct midas_build *event, char prefix, int crate, bool is_truncated, uint32_t n_segments,
                          struct bank_ct_build *out)
{
    char name[5];
    static const uint16_t mark[CT_MARK_WORDS] = {CT_MARK_1, CT_MARK_2}, header[CT_HEADER_WORDS];
    REQUIRE(crate >= 0 && crate <= 99, ERR_LOGIC, "crate %d", crate);
    REQUIRE(n_segments >= 1 && n_segments <= UINT16_MAX, ERR_LOGIC, "%u segments", n_segments);
    bank_name(prefix, 'T', crate, name);
    *out = (struct bank_ct_build){.event = event, .is_truncated = is_truncated, .n_segments = n_segments};
    TRY(midas_build_bank(event, name, MIDAS_I16));
    if (is_truncated) TRY(midas_build_append(event, mark, sizeof mark));
    out->header = event->n;
    return midas_build_append(event, header, sizeof header);
}

enum err bank_ct_island(struct bank_ct_build *b, uint32_t first_sample, uint32_t length, uint32_t n_kept)
{
    uint32_t head[3] = {first_sample, length, n_kept};
    REQUIRE(b->is_truncated ? n_kept <= b->n_segments : n_kept == b->n_segments, ERR_LOGIC,
            "island of %u traces in a bank of %u segments", n_kept, b->n_segments);
    b->n_islands++;
    b->length = length;
    return midas_build_append(b->event, head, b->is_truncated ? 12 : 8);
}

enum err bank_ct_trace_room(struct bank_ct_build *b, uint32_t index, int16_t **samples)
{
    void *room = NULL;
    if (b->is_truncated) TRY(midas_build_append(b->event, &index, sizeof index));
    TRY(midas_build_room(b->event, b->length * sizeof **samples, &room));
    *samples = room;
    return ERR_OK;
}

enum err bank_ct_trace(struct bank_ct_build *b, uint32_t index, const int16_t *samples)
{
    int16_t *room = NULL;
    TRY(bank_ct_trace_room(b, index, &room));
    memcpy(room, samples, b->length * sizeof *samples);
    return ERR_OK;
}

enum err bank_ct_end(struct bank_ct_build *b, uint32_t ctag)
{
    REQUIRE(b->n_islands <= UINT16_MAX, ERR_NUMBER, "%u islands in one bank: its header counts up to 65535",
            b->n_islands);
    size_t words     = (b->event->n - b->header) / 2 - CT_HEADER_WORDS;
    uint32_t head[3] = {(uint32_t)words, b->n_islands | b->n_segments << 16, ctag};
    memcpy(b->event->bytes + b->header, head, sizeof head);
    static const uint16_t zero;
    if (words % 2) TRY(midas_build_append(b->event, &zero, sizeof zero));
    return midas_build_bank_end(b->event);
}

/* ---- CT: reading ---- */

enum err bank_ct_open(const void *data, size_t n_bytes, struct bank_ct *out)
{
    const uint16_t *w = data;
    size_t n          = n_bytes / 2;
    *out              = (struct bank_ct){.is_truncated = n >= CT_MARK_WORDS && w[0] == CT_MARK_1 && w[1] == CT_MARK_2};
    size_t skip       = out->is_truncated ? CT_MARK_WORDS : 0;
    REQUIRE(n >= skip + CT_HEADER_WORDS, ERR_DATA, "islands bank of %zu bytes: its header alone has %zu", n_bytes,
            2 * (skip + CT_HEADER_WORDS));
    w += skip;
    out->n_words    = load32(w);
    out->n_islands  = w[2];
    out->n_segments = w[3];
    out->ctag       = load32(w + 4);
    out->words      = w + CT_HEADER_WORDS;
    size_t room     = n - skip - CT_HEADER_WORDS;
    REQUIRE(out->n_words <= room && room - out->n_words <= 3, ERR_DATA,
            "islands bank tells %zu words of islands, it has %zu", out->n_words, room);
    REQUIRE(out->n_segments >= 1 && out->n_segments <= BANK_MAX_SEGMENTS, ERR_DATA,
            "islands bank of %u segments; 1 to %d are known", out->n_segments, BANK_MAX_SEGMENTS);
    return ERR_OK;
}

enum err bank_ct_next(struct bank_ct *b, struct bank_island *out)
{
    *out        = (struct bank_island){0};
    size_t left = b->n_words - b->at, head = b->is_truncated ? 6 : 4;
    if (b->island == b->n_islands) {
        REQUIRE(left == 0, ERR_DATA, "%zu words after the last of %u islands", left, b->n_islands);
        return ERR_OK;
    }
    REQUIRE(left >= head, ERR_DATA, "island %u of %u begins at word %zu, %zu words before the end", b->island,
            b->n_islands, b->at, left);
    const uint16_t *w = b->words + b->at;
    out->first_sample = load32(w);
    out->length       = load32(w + 2);
    out->n_kept       = b->is_truncated ? load32(w + 4) : b->n_segments;
    out->stride       = (size_t)out->length + (b->is_truncated ? 2 : 0);
    REQUIRE(out->n_kept <= b->n_segments, ERR_DATA, "island %u keeps %u of %u segments", b->island, out->n_kept,
            b->n_segments);
    REQUIRE(out->stride * out->n_kept <= left - head, ERR_DATA,
            "island %u at word %zu: %u traces of %u samples do not fit the %zu words left", b->island, b->at,
            out->n_kept, out->length, left - head);
    out->words = w + head;
    b->at += head + out->stride * out->n_kept;
    b->island++;
    return ERR_OK;
}

enum err bank_ct_segment(const struct bank_ct *b, const struct bank_island *island, uint32_t k, uint32_t *out)
{
    *out = b->is_truncated ? load32(island->words + k * island->stride) : k;
    REQUIRE(*out < b->n_segments, ERR_DATA, "trace of segment %u in a bank of %u segments", *out, b->n_segments);
    return ERR_OK;
}

const int16_t *bank_ct_samples(const struct bank_ct *b, const struct bank_island *island, uint32_t k)
{
    return (const int16_t *)(island->words + k * island->stride + (b->is_truncated ? 2 : 0));
}

/* ---- CP, CS ---- */

enum err bank_cp_add(struct midas_build *event, int crate, uint32_t n, const float *pedestals_adc)
{
    return bank_cp_add_as(event, 'C', crate, n, pedestals_adc);
}

enum err bank_cp_add_as(struct midas_build *event, char prefix, int crate, uint32_t n, const float *pedestals_adc)
{
    char name[5];
    float count = (float)n;
    bank_name(prefix, 'P', crate, name);
    TRY(midas_build_bank(event, name, MIDAS_F32));
    TRY(midas_build_append(event, &count, sizeof count));
    TRY(midas_build_append(event, pedestals_adc, n * sizeof *pedestals_adc));
    return midas_build_bank_end(event);
}

enum err bank_cp_read(const void *data, size_t n_bytes, uint32_t max, float *pedestals_adc, uint32_t *n_out)
{
    float count = 0;
    *n_out      = 0;
    REQUIRE(n_bytes >= sizeof count, ERR_DATA, "pedestal bank of %zu bytes", n_bytes);
    memcpy(&count, data, sizeof count);
    size_t n = n_bytes / sizeof count - 1;
    REQUIRE(count >= 0 && count <= (float)n && count == (float)(uint32_t)count, ERR_DATA,
            "pedestal bank tells %g segments, it has %zu", (double)count, n);
    *n_out = (uint32_t)count;
    memcpy(pedestals_adc, (const float *)data + 1, (*n_out < max ? *n_out : max) * sizeof count);
    return ERR_OK;
}

enum err bank_cp_read_i16(const void *data, size_t n_bytes, uint32_t max, float *pedestals_adc, uint32_t *n_out)
{
    const int16_t *words = data;
    size_t n             = n_bytes / sizeof *words;
    *n_out               = 0;
    REQUIRE(n >= 1 && words[0] >= 0 && (size_t)words[0] < n, ERR_DATA, "pedestal bank tells %d segments, it has %zu",
            n ? words[0] : 0, n ? n - 1 : 0);
    *n_out = (uint32_t)words[0];
    for (uint32_t i = 0; i < *n_out && i < max; i++) pedestals_adc[i] = words[1 + i];
    return ERR_OK;
}

enum err bank_cs_begin(struct midas_build *event, int crate, uint32_t n, int32_t **sums)
{
    char name[5];
    void *room = NULL;
    bank_name('C', 'S', crate, name);
    TRY(midas_build_bank(event, name, MIDAS_U32));
    TRY(midas_build_append(event, &n, sizeof n));
    TRY(midas_build_room(event, n * sizeof **sums, &room));
    *sums = room;
    return ERR_OK;
}

enum err bank_cs_read(const void *data, size_t n_bytes, const int32_t **sums, uint32_t *n_out)
{
    uint32_t count;
    *n_out = 0;
    *sums  = NULL;
    REQUIRE(n_bytes >= sizeof count, ERR_DATA, "calorimeter sum bank of %zu bytes", n_bytes);
    memcpy(&count, data, sizeof count);
    REQUIRE(count <= n_bytes / sizeof count - 1, ERR_DATA, "calorimeter sum bank tells %u elements, it has %zu", count,
            n_bytes / sizeof count - 1);
    *n_out = count;
    *sums  = (const int32_t *)data + 1;
    return ERR_OK;
}
