/* One crate of one fill: fill pedestals, triggers, islands, samples, calorimeter sum. */
#include "digitise.h"
#include "digitise_kernel.h"
#include "mem.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 1024, TILE = 512, BLOCK = 8 };

/* ---- noise: 8 samples a random block, so a sample's noise depends on its number alone ----------------------------- */

/* A normal deviate of 16 random bits: 15 choose from the upper half of the table, which stays in the cache, one the
 * sign. */
static inline float deviate(const float *table, uint32_t bits)
{
    union {
        float f;
        uint32_t u;
    } z = {.f = table[32768 + (bits & 0x7FFFu)]};
    z.u |= (bits & 0x8000u) << 16;
    return z.f;
}

static void words_to_noise(const uint32_t *words, size_t stride, size_t n_blocks, float *z)
{
    const float *table = rng_normal_table();
    for (size_t b = 0; b < n_blocks; b++)
        for (size_t j = 0; j < 4; j++) {
            uint32_t word            = words[j * stride + b];
            z[BLOCK * b + 2 * j]     = deviate(table, word);
            z[BLOCK * b + 2 * j + 1] = deviate(table, word >> 16);
        }
}

void digitise_noise(struct rng_key key, uint32_t sequence, uint32_t first_block, size_t n, float *z)
{
    uint32_t block[CHUNK], particle[CHUNK], words[4 * CHUNK];
    for (size_t i = 0; i < CHUNK; i++) particle[i] = sequence;
    for (size_t at = 0; at < n; at += CHUNK * BLOCK) {
        size_t n_left = n - at, n_here = n_left < CHUNK * BLOCK ? n_left : CHUNK * BLOCK;
        size_t n_blocks = (n_here + BLOCK - 1) / BLOCK, n_whole = n_here / BLOCK;
        for (size_t i = 0; i < n_blocks; i++) block[i] = first_block + (uint32_t)(at / BLOCK + i);
        ISA_PICK(digitise_philox)(key, n_blocks, block, particle, words);
        words_to_noise(words, n_blocks, n_whole, z + at);
        if (n_whole == n_blocks) continue;
        float last[BLOCK];
        words_to_noise(words + n_whole, n_blocks, 1, last);
        memcpy(z + at + BLOCK * n_whole, last, (n_here - BLOCK * n_whole) * sizeof *z);
    }
}

static uint32_t noise_sequence(int crate, int segment)
{
    return (uint32_t)DIGITISE_NOISE | (uint32_t)crate << 8 | (uint32_t)segment;
}

static float noise_at(struct rng_key key, int crate, int segment, int32_t sample)
{
    uint32_t counter[4] = {(uint32_t)sample / BLOCK, noise_sequence(crate, segment), key.event, key.subrun}, word[4];
    rng_philox(counter, key.key, word);
    uint32_t j = (uint32_t)sample % BLOCK;
    return deviate(rng_normal_table(), word[j / 2] >> (j % 2 * 16));
}

/* ---- the waveform without noise ------------------------------------------------------------------------------------ */

/* Adds pulses [begin, end) of a channel, sorted by first sample, to v = samples [from, from + n). */
static void add_pulses(const struct digitise_pulse *pulse, size_t begin, size_t end, int32_t from, int32_t n, float *v)
{
    void (*const add)(const float *, size_t, float, float, size_t, float *) = ISA_PICK(digitise_add);
    for (size_t i = begin; i < end && pulse[i].first < from + n; i++) {
        int32_t low = pulse[i].first - from, high = low + DIGITISE_SUPPORT, skip = low < 0 ? -low : 0;
        if (high <= 0) continue;
        const struct pulse_shape *shape = pulse_shape((enum pulse_kind)pulse[i].kind);
        const float *coef               = shape->coef[pulse[i].half][0] + PULSE_PAD + skip;
        int32_t stop                    = high < n ? high : n;
        add(coef, PULSE_N, pulse[i].u, pulse[i].amplitude_adc, (size_t)(stop - low - skip), v + low + skip);
    }
}

/* The first pulse of [begin, end) that still changes sample `from`. */
static size_t first_pulse(const struct digitise_pulse *pulse, size_t begin, size_t end, int32_t from)
{
    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        if (pulse[middle].first + DIGITISE_SUPPORT <= from)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

static float level_at(const struct digitise_crate *crate, int segment, int32_t sample)
{
    const size_t *start = crate->fill->start + digitise_channel(crate->number, segment);
    float v             = 0.0f;
    size_t first        = first_pulse(crate->fill->pulse, start[0], start[1], sample);
    add_pulses(crate->fill->pulse, first, start[1], sample, 1, &v);
    return v;
}

static float rms_of(const struct digitise_front *front, const struct digitise_crate *crate, int segment)
{
    return crate->noise_rms_adc ? crate->noise_rms_adc[segment] : front->noise_rms_adc;
}

static int16_t adc_of(const struct digitise_front *front, struct rng_key key, const struct digitise_crate *crate,
                      int segment, int32_t sample, float v)
{
    float z = noise_at(key, crate->number, segment, sample);
    int16_t adc;
    ISA_PICK(digitise_sample)(crate->level_adc[segment], rms_of(front, crate, segment), 1, &v, &z, &adc);
    return adc;
}

int16_t digitise_sample_at(const struct digitise_front *front, struct rng_key key, const struct digitise_crate *crate,
                           int segment, int32_t sample)
{
    return adc_of(front, key, crate, segment, sample, level_at(crate, segment, sample));
}

/* ---- fill pedestal: mean of the record's first samples ------------------------------------------------------------- */
static void find_pedestals(const struct digitise_front *front, struct rng_key key, struct digitise_crate *crate)
{
    float v[CHUNK], z[CHUNK];
    int16_t adc[CHUNK];
    const int32_t n = front->pedestal_samples;
    for (int segment = 0; segment < crate->n_segments; segment++) {
        const size_t *start = crate->fill->start + digitise_channel(crate->number, segment);
        size_t first        = first_pulse(crate->fill->pulse, start[0], start[1], 0);
        memset(v, 0, (size_t)n * sizeof *v);
        add_pulses(crate->fill->pulse, first, start[1], 0, n, v);
        digitise_noise(key, noise_sequence(crate->number, segment), 0, (size_t)n, z);
        ISA_PICK(digitise_sample)(crate->level_adc[segment], rms_of(front, crate, segment), (size_t)n, v, z, adc);
        int64_t sum = 0;
        for (int32_t i = 0; i < n; i++) sum += adc[i];
        crate->pedestal_adc[segment] = (float)((double)sum / n);
    }
}

/* ---- triggers -------------------------------------------------------------------------------------------------------- */

/* The DAQ's rule for one sample; an ADC value of exactly 0 is "no data" to it and never triggers. */
static bool is_trigger(const struct digitise_front *front, float adc, float pedestal)
{
    float excess = adc - pedestal;
    return adc != 0.0f &&
           (front->threshold_adc > 0 ? excess > (float)front->threshold_adc : excess < (float)front->threshold_adc);
}

static void set_mark(struct digitise_crate *crate, int32_t sample)
{
    crate->mark[sample / 64] |= (uint64_t)1 << (sample % 64);
}

/* Marks samples [from, from + n) of a channel whose noiseless waveform is v. Noise is drawn only where it can decide. */
static void mark_samples(const struct digitise_front *front, struct rng_key key, struct digitise_crate *crate,
                         int segment, int32_t from, int32_t n, const float *v)
{
    const float level = crate->level_adc[segment], pedestal = crate->pedestal_adc[segment];
    const float reach = rms_of(front, crate, segment) * rng_normal_table()[65535] + 1.0f; /* noise, rounding */
    const float sign  = front->threshold_adc > 0 ? 1.0f : -1.0f;
    const float full  = sign > 0.0f ? 2047.0f : 2048.0f;
    for (int32_t i = 0; i < n; i++) {
        float clean = level + v[i];
        if (!is_trigger(front, clean + sign * reach, pedestal) && fabsf(clean + sign * reach) > 1.0f) continue;
        float worst  = sign * fminf(sign * clean, full) - sign * reach;
        bool is_sure = fabsf(clean) > reach + 1.0f && is_trigger(front, worst, pedestal);
        if (is_sure || is_trigger(front, adc_of(front, key, crate, segment, from + i, v[i]), pedestal))
            set_mark(crate, from + i);
    }
}

/* Pulses [begin, end) follow each other without a gap. */
static void mark_run(const struct digitise_front *front, struct rng_key key, struct digitise_crate *crate, int segment,
                     size_t begin, size_t end)
{
    const struct digitise_pulse *pulse = crate->fill->pulse;
    float v[TILE];
    int32_t from = pulse[begin].first, to = pulse[end - 1].first + DIGITISE_SUPPORT;
    if (from < front->first_chop) from = front->first_chop;
    if (to > front->last_chop + 1) to = front->last_chop + 1;
    for (; from < to; from += TILE) {
        int32_t n = to - from < TILE ? to - from : TILE;
        memset(v, 0, (size_t)n * sizeof *v);
        add_pulses(pulse, first_pulse(pulse, begin, end, from), end, from, n, v);
        mark_samples(front, key, crate, segment, from, n, v);
    }
}

static void mark_channel(const struct digitise_front *front, struct rng_key key, struct digitise_crate *crate,
                         int segment)
{
    const struct digitise_pulse *pulse = crate->fill->pulse;
    const size_t *start                = crate->fill->start + digitise_channel(crate->number, segment);
    /* no shape exceeds 1, so a run cannot exceed its summed amplitudes */
    const float offset = fabsf(crate->level_adc[segment] - crate->pedestal_adc[segment]);
    const float needed =
        fabsf((float)front->threshold_adc) - offset - rms_of(front, crate, segment) * rng_normal_table()[65535] - 1.0f;
    for (size_t begin = start[0], end; begin < start[1]; begin = end) {
        float bound = fabsf(pulse[begin].amplitude_adc);
        for (end = begin + 1; end < start[1] && pulse[end].first < pulse[end - 1].first + DIGITISE_SUPPORT; end++)
            bound += fabsf(pulse[end].amplitude_adc);
        if (bound * 1.001f > needed) mark_run(front, key, crate, segment, begin, end);
    }
}

/* ---- islands --------------------------------------------------------------------------------------------------------- */
static enum err add_window(struct digitise_crate *crate, int32_t first, int32_t last)
{
    if (crate->n_windows == crate->window_capacity) {
        size_t capacity = crate->window_capacity ? 2 * crate->window_capacity : 256;
        TRY(mem_resize(&crate->window, crate->n_windows, capacity, sizeof *crate->window));
        crate->window_capacity = capacity;
    }
    crate->window[crate->n_windows++] = (struct digitise_window){first, last - first + 1};
    return ERR_OK;
}

/* Each mark asks for its presamples and postsamples, within the record; windows that overlap or touch become one. */
static enum err find_windows(const struct digitise_front *front, struct digitise_crate *crate)
{
    int32_t first = 0, last = -2;
    crate->n_windows = 0;
    for (size_t w = 0; w < crate->n_marks; w++)
        for (uint64_t bits = crate->mark[w]; bits; bits &= bits - 1) {
            int32_t sample = (int32_t)(64 * w) + __builtin_ctzll(bits);
            int32_t low = sample - front->presamples, high = sample + front->postsamples;
            if (low < 0) low = 0;
            if (high >= front->n_samples) high = front->n_samples - 1;
            if (low > last + 1) {
                if (last >= 0) TRY(add_window(crate, first, last));
                first = low;
            }
            last = high;
        }
    if (last >= 0) TRY(add_window(crate, first, last));
    return ERR_OK;
}

static enum err find_islands(const struct digitise_front *front, struct rng_key key, struct digitise_crate *crate)
{
    size_t n_marks = (size_t)front->n_samples / 64 + 1;
    if (n_marks > crate->n_marks) {
        TRY(mem_resize(&crate->mark, 0, n_marks, sizeof *crate->mark));
        crate->n_marks = n_marks;
    }
    memset(crate->mark, 0, crate->n_marks * sizeof *crate->mark);
    for (int segment = 0; segment < crate->n_segments; segment++) mark_channel(front, key, crate, segment);
    return find_windows(front, crate);
}

/* ---- samples --------------------------------------------------------------------------------------------------------- */

/* Samples of n_segments traces from `segment` on, blocks [first_block, + n_blocks) of the record; the part from..+n goes
 * to adc, a trace each `stride`. n_segments * n_blocks <= CHUNK. */
static void draw_traces(const struct digitise_front *front, struct rng_key key, struct digitise_crate *crate,
                        int segment, int n_segments, struct digitise_window part, size_t stride, int16_t *adc)
{
    uint32_t block[CHUNK], particle[CHUNK], words[4 * CHUNK];
    float v[CHUNK * BLOCK], z[CHUNK * BLOCK];
    const struct digitise_pulse *pulse = crate->fill->pulse;
    const uint32_t first_block         = (uint32_t)part.first / BLOCK;
    const size_t n_blocks              = (uint32_t)(part.first + part.length - 1) / BLOCK - first_block + 1;
    const size_t n = (size_t)n_segments * n_blocks, skip = (uint32_t)part.first % BLOCK, length = (size_t)part.length;
    for (size_t s = 0, i = 0; s < (size_t)n_segments; s++)
        for (size_t b = 0; b < n_blocks; b++, i++) {
            block[i]    = first_block + (uint32_t)b;
            particle[i] = noise_sequence(crate->number, segment + (int)s);
        }
    ISA_PICK(digitise_philox)(key, n, block, particle, words);
    for (int s = 0; s < n_segments; s++) {
        const size_t end = crate->fill->start[digitise_channel(crate->number, segment + s) + 1];
        size_t *cursor   = &crate->cursor[segment + s];
        while (*cursor < end && pulse[*cursor].first + DIGITISE_SUPPORT <= part.first) (*cursor)++;
        memset(v, 0, length * sizeof *v);
        add_pulses(pulse, *cursor, end, part.first, part.length, v);
        words_to_noise(words + (size_t)s * n_blocks, n, n_blocks, z);
        ISA_PICK(digitise_sample)
        (crate->level_adc[segment + s], rms_of(front, crate, segment + s), length, v, z + skip,
         adc + (size_t)s * stride);
    }
}

static void draw_island(const struct digitise_front *front, struct rng_key key, struct digitise_crate *crate,
                        struct digitise_window window, int16_t *adc)
{
    enum { PART = (CHUNK - 2) * BLOCK };
    for (int32_t at = 0; at < window.length; at += PART) {
        int32_t left                = window.length - at;
        struct digitise_window part = {window.first + at, left < PART ? left : PART};
        int n_at_once               = CHUNK / (part.length / BLOCK + 2);
        for (int s = 0; s < crate->n_segments; s += n_at_once) {
            int n = crate->n_segments - s < n_at_once ? crate->n_segments - s : n_at_once;
            draw_traces(front, key, crate, s, n, part, (size_t)window.length,
                        adc + (size_t)s * (size_t)window.length + at);
        }
    }
}

/* CTAG: local extrema of the calorimeter sum beyond the threshold, later than the cut (>= left, > right). */
static uint32_t count_extrema(const struct digitise_front *front, const struct digitise_crate *crate,
                              struct digitise_window window, const int16_t *adc)
{
    const size_t n  = (size_t)window.length;
    const int sign  = front->threshold_adc > 0 ? 1 : -1;
    double pedestal = 0.0;
    uint32_t count  = 0;
    if (window.first + window.length <= front->ctag_first_sample) return 0;
    memset(crate->sum, 0, n * sizeof *crate->sum);
    for (int s = 0; s < crate->n_segments; s++) {
        ISA_PICK(digitise_sum)(n, adc + (size_t)s * n, crate->sum);
        pedestal += (double)crate->pedestal_adc[s];
    }
    const double least = front->ctag_threshold_adc + sign * pedestal;
    for (size_t i = 1; i + 1 < n; i++) {
        int32_t left = sign * crate->sum[i - 1], here = sign * crate->sum[i], right = sign * crate->sum[i + 1];
        if (here > least && here >= left && here > right && window.first + (int32_t)i >= front->ctag_first_sample)
            count++;
    }
    return count;
}

static enum err draw_islands(const struct digitise_front *front, struct rng_key key, struct digitise_crate *crate)
{
    size_t total = 0, longest = 0;
    for (size_t i = 0; i < crate->n_windows; i++) {
        size_t length = (size_t)crate->window[i].length;
        total += length * (size_t)crate->n_segments;
        if (length > longest) longest = length;
    }
    if (total > crate->adc_capacity) {
        crate->adc_capacity = total + total / 4;
        TRY(mem_resize(&crate->adc, 0, crate->adc_capacity, sizeof *crate->adc));
    }
    if (longest > crate->sum_capacity) {
        TRY(mem_resize(&crate->sum, 0, longest, sizeof *crate->sum));
        crate->sum_capacity = longest;
    }
    int16_t *adc = crate->adc;
    crate->ctag  = 0;
    memcpy(crate->cursor, crate->fill->start + digitise_channel(crate->number, 0),
           (size_t)crate->n_segments * sizeof *crate->cursor);
    for (size_t i = 0; i < crate->n_windows; i++) {
        draw_island(front, key, crate, crate->window[i], adc);
        if (crate->number <= N_CALOS) crate->ctag += count_extrema(front, crate, crate->window[i], adc);
        adc += (size_t)crate->window[i].length * (size_t)crate->n_segments;
    }
    crate->n_adc = total;
    return ERR_OK;
}

enum err digitise_crate_make(const struct digitise_front *front, struct rng_key key, struct digitise_crate *crate)
{
    REQUIRE(front->pedestal_samples > 0 && front->pedestal_samples <= CHUNK, ERR_LOGIC, "%d pedestal samples",
            front->pedestal_samples);
    REQUIRE(front->threshold_adc != 0, ERR_LOGIC, "a threshold of 0 has no polarity");
    crate->n_segments = digitise_segments(crate->number);
    find_pedestals(front, key, crate);
    TRY(find_islands(front, key, crate));
    return draw_islands(front, key, crate);
}

enum err digitise_crate_waveforms(const struct digitise_front *front, struct rng_key key, int32_t n, int32_t length,
                                  int32_t gap, struct digitise_crate *crate)
{
    crate->n_segments = digitise_segments(crate->number);
    crate->n_windows  = 0;
    for (int32_t k = 0; k < n; k++) TRY(add_window(crate, k * (length + gap), k * (length + gap) + length - 1));
    return draw_islands(front, key, crate);
}

void digitise_crate_free(struct digitise_crate *crate)
{
    mem_free(crate->window);
    mem_free(crate->adc);
    mem_free(crate->mark);
    mem_free(crate->sum);
    *crate = (struct digitise_crate){0};
}
