/* Banks of the calorimeter crates, as the DAQ's frontend writes them: encoding into a MIDAS event, decoding from one.
 *
 *   CTnn i16  islands: {u32 words of islands, u16 islands, u16 segments, u32 CTAG}, then per island {u32 first sample,
 *             u32 length} and the samples, segment after segment. Truncated variant: two words 0xDEAD 0xBABE before the
 *             header; per island {u32 first sample, u32 length, u32 segments kept}, each kept one {u32 index, samples}.
 *             Padded to 32 bits. Islands come in no order of time.
 *   CPnn f32  {number of segments, pedestals}
 *   CSnn u32  {number of elements, i32 sums over a fixed number of samples of the whole calorimeter}
 *   CFnn u32  {segments, per segment {pulses, pulses of 7 words}}: the GPU's own fits
 *   CQnn u32  {counts, first sample, last sample, decimation, intervals, multiplier, segments, i32 counts}
 *   CRnn i16  boards' payloads as they came, see bank_wfd.h; their AMC13 words are in CAnn
 *   CAnn, CZnn, CBnn, CCnn u32: what the AMC13 and the boards put around the samples; 64-bit words, big-endian
 * The words of CC but the first are in the frontend's own order (little-endian).
 * nn = 01..24 calorimeters, 25 T0, 26 IBMS, 28 fibre harps. The first letter tells the fill: C muon, L laser, P
 * pedestal, A asynchronous; s (sTnn, sPnn) a method of its own: islands and pedestals of the laser source monitors.
 * Source: CaloReadoutAMC13 frontend.cpp and kernel.cu, mfpga command_manager.v (facts, no code); formats 2.1-2.5.
 * Tests: tests/t_bank.c, tests/cli/midas_outside.sh */
#ifndef GM2_BANK_H
#define GM2_BANK_H

#include "midas.h"

enum { BANK_CRATE_T0 = 25, BANK_CRATE_IBMS = 26, BANK_CRATE_HARP = 28, BANK_MAX_SEGMENTS = 60 };
enum bank_fill { BANK_MUON = 1, BANK_LASER = 2, BANK_PEDESTAL = 3, BANK_ASYNC = 4 };

/** The bank's name: prefix letter, kind letter ('T', 'P', 'S', ...), two digits of the crate (0..99). */
void bank_name(char prefix, char kind, int crate, char name[5]);
/** Crate number of a name that ends with two digits, else -1. */
int bank_crate(const char *name);

/* ---- CT: islands ---- */

/** An islands bank being written into the open event. */
struct bank_ct_build {
    struct midas_build *event;
    size_t header; /* offset of the six-word header in the event */
    bool is_truncated;
    uint32_t n_islands, n_segments, length;
};
/** Opens bank CTnn. */
enum err bank_ct_begin(struct midas_build *event, int crate, bool is_truncated, uint32_t n_segments,
                       struct bank_ct_build *out);
/** The same under another prefix than 'C': sTnn of a method of its own, such as the laser source monitors. */
enum err bank_ct_begin_as(struct midas_build *event, char prefix, int crate, bool is_truncated, uint32_t n_segments,
                          struct bank_ct_build *out);
/** Begins an island of `length` samples; n_kept traces follow (full variant: all segments, in order). */
enum err bank_ct_island(struct bank_ct_build *b, uint32_t first_sample, uint32_t length, uint32_t n_kept);
/** One trace: `length` samples of segment `index` (full variant: segments must come in order 0, 1, ...). */
enum err bank_ct_trace(struct bank_ct_build *b, uint32_t index, const int16_t *samples);
/** The same, returning the room for the caller to fill; lent until the next call, 2-byte aligned. */
enum err bank_ct_trace_room(struct bank_ct_build *b, uint32_t index, int16_t **samples);
/** Closes the bank. ERR_NUMBER beyond 65535 islands. */
enum err bank_ct_end(struct bank_ct_build *b, uint32_t ctag);

/** An islands bank being read; words are lent. */
struct bank_ct {
    const uint16_t *words; /* the islands themselves */
    size_t n_words;        /* as the header says, checked against the bank's size */
    uint32_t n_islands, n_segments, ctag;
    bool is_truncated;
    size_t at; /* word of the next island */
    uint32_t island;
};
struct bank_island {
    uint32_t first_sample, length, n_kept;
    const uint16_t *words; /* n_kept traces, `stride` words each: (truncated: 2 words of index,) samples */
    size_t stride;
};
/** Reads the header. `data`: host order, n_bytes of it. ERR_DATA when the sizes make no sense. */
enum err bank_ct_open(const void *data, size_t n_bytes, struct bank_ct *out);
/** The next island; out->words NULL when there is none. ERR_DATA (with island and word) when it reaches past the end,
 *  or when islands end before or after the words that the header told. */
enum err bank_ct_next(struct bank_ct *b, struct bank_island *out);
/** Segment of trace k of an island; ERR_DATA when not below n_segments. */
enum err bank_ct_segment(const struct bank_ct *b, const struct bank_island *island, uint32_t k, uint32_t *out);
/** Samples of trace k; length of them. */
const int16_t *bank_ct_samples(const struct bank_ct *b, const struct bank_island *island, uint32_t k);

/* ---- CP: pedestals; CS: calorimeter sum ---- */

/** Writes CPnn: n pedestals [ADC]. */
enum err bank_cp_add(struct midas_build *event, int crate, uint32_t n, const float *pedestals_adc);
enum err bank_cp_add_as(struct midas_build *event, char prefix, int crate, uint32_t n, const float *pedestals_adc);
/** Reads up to max pedestals; *n_out tells how many the bank has. `data` in host order. */
enum err bank_cp_read(const void *data, size_t n_bytes, uint32_t max, float *pedestals_adc, uint32_t *n_out);
/** The same of commissioning runs, {count, pedestals} as 16-bit numbers (layout: ours). */
enum err bank_cp_read_i16(const void *data, size_t n_bytes, uint32_t max, float *pedestals_adc, uint32_t *n_out);
/** Opens CSnn with n elements and gives the room for the sums (the caller fills them); lent until the next call; then
 *  midas_build_bank_end(). */
enum err bank_cs_begin(struct midas_build *event, int crate, uint32_t n, int32_t **sums);
/** Reads the sums; *sums is lent, 4-byte aligned. */
enum err bank_cs_read(const void *data, size_t n_bytes, const int32_t **sums, uint32_t *n_out);

/* ---- CF: the GPU's own fits; CQ: fill-summed histograms ---- */

/** One pulse of the GPU's template fit, as it stands in CFnn {segments, per segment {pulses, pulses of 7 words}}. */
struct bank_pulse {
    float time, phase, energy, pedestal, chi2; /* samples, samples, ADC (normalised by the template), ADC, ADC^2 */
    int32_t peak_index, peak_value;            /* sample of the fill, ADC */
};
/** A CF bank being read; words are lent. */
struct bank_cf {
    const uint32_t *words;
    size_t n_words, at;
    uint32_t n_segments, segment;
};
/** Opens CFnn for n segments; then, for each, bank_cf_add(). End with midas_build_bank_end(). */
enum err bank_cf_begin(struct midas_build *event, int crate, uint32_t n_segments);
enum err bank_cf_add(struct midas_build *event, uint32_t n, const struct bank_pulse *pulses);
/** Reads the header. `data` in host order. ERR_DATA. */
enum err bank_cf_open(const void *data, size_t n_bytes, struct bank_cf *out);
/** Pulses of the next segment, lent; *pulses NULL after the last. ERR_DATA when they reach past the end, or words are
 *  left. */
enum err bank_cf_next(struct bank_cf *b, const struct bank_pulse **pulses, uint32_t *n);

/** CQnn: counts summed over fills, segment after segment. */
struct bank_cq {
    uint32_t n;                         /* counts in all */
    uint32_t first_sample, last_sample; /* of the fill */
    uint32_t decimation;                /* samples in a bin of the first interval */
    uint32_t n_intervals, multiplier;   /* sub-histograms, each with bins so much wider than the one before */
    uint32_t n_segments;
    const int32_t *counts; /* lent; segment s begins at s * (n / n_segments) */
};
/** Opens CQnn with header->n counts and gives the room for them; then midas_build_bank_end(). */
enum err bank_cq_begin(struct midas_build *event, int crate, const struct bank_cq *header, int32_t **counts);
/** `data` in host order. ERR_DATA when sizes make no sense. */
enum err bank_cq_read(const void *data, size_t n_bytes, struct bank_cq *out);

/* ---- headers: CA, CB, CC, CZ ---- */

/** What the header banks of one crate and fill say. */
struct bank_daq_header {
    uint32_t trigger_number; /* 24 bits, from 1 */
    uint64_t clock_ticks;    /* 40 MHz TTC clock at the trigger, 44 bits */
    uint32_t fill_number;    /* muon fills since the begin of run, from 1 (CC word 21) */
    uint32_t n_samples;      /* samples a channel, a multiple of 8 */
    uint32_t n_channels;     /* channels read, up to 60, five a board */
    enum bank_fill fill_type;
};
/** Writes CAnn, CBnn, CCnn, CZnn for one crate. DAQ times in CC are left 0, so that bytes repeat. */
enum err bank_daq_add(struct midas_build *event, int crate, const struct bank_daq_header *header);
/** Writes the timing bank alone (CCnn, LCnn, PCnn, ACnn): trigger, fill type and fill number of the header count. */
enum err bank_cc_add(struct midas_build *event, int crate, const struct bank_daq_header *header);
/** Writes TTCA, TTCB, TTCZ: the clock crate with one FC7 in slot 10, whose six words of payload are 0 (ours: what it sends is
 *  not public). */
enum err bank_ttc_add(struct midas_build *event, const struct bank_daq_header *header);
/** Trigger number of a CA or CZ... bank: the CDF header's event index, of a raw (big-endian) CAnn bank. */
enum err bank_ca_trigger(const void *data, size_t n_bytes, uint32_t *trigger_number);
/** Overall size [64-bit words] told by a CZnn bank (CDF trailer). */
enum err bank_cz_words(const void *data, size_t n_bytes, uint32_t *n_words);
/** Reads a CBnn bank and checks that all its boards and channels agree on trigger number and length. */
enum err bank_cb_read(const void *data, size_t n_bytes, struct bank_daq_header *out);
/** Muon fill number of a CCnn bank (word 21). */
enum err bank_cc_fill(const void *data, size_t n_bytes, uint32_t *fill_number);

#endif
