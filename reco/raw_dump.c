/* What each bank says, in words. */
#include "raw_dump.h"

#include "bank_pack.h"
#include "bank_wfd.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 2, MAX_WAVEFORMS = 4 };

static enum err dump_islands(const struct midas_bank *bank)
{
    struct bank_ct ct;
    struct bank_island island;
    uint64_t n_traces = 0, n_samples = 0;
    TRY(bank_ct_open(bank->data, bank->size, &ct));
    for (;;) {
        TRY(bank_ct_next(&ct, &island));
        if (!island.words) break;
        n_traces += island.n_kept;
        n_samples += (uint64_t)island.n_kept * island.length;
    }
    printf("%" PRIu32 " islands of %" PRIu32 " segments, %s, %" PRIu64 " traces, %" PRIu64 " samples, CTAG %" PRIu32,
           ct.n_islands, ct.n_segments, ct.is_truncated ? "truncated" : "full", n_traces, n_samples, ct.ctag);
    return ERR_OK;
}

static enum err dump_pedestals(const struct midas_bank *bank)
{
    float adc[BANK_MAX_SEGMENTS];
    uint32_t n = 0;
    double sum = 0.0;
    if (bank->type == MIDAS_I16)
        TRY(bank_cp_read_i16(bank->data, bank->size, BANK_MAX_SEGMENTS, adc, &n));
    else
        TRY(bank_cp_read(bank->data, bank->size, BANK_MAX_SEGMENTS, adc, &n));
    uint32_t n_read = n < BANK_MAX_SEGMENTS ? n : BANK_MAX_SEGMENTS;
    for (uint32_t i = 0; i < n_read; i++) sum += (double)adc[i];
    printf("%" PRIu32 " pedestals, mean %.2f ADC", n, n_read ? sum / n_read : 0.0);
    return ERR_OK;
}

static enum err dump_sums(const struct midas_bank *bank)
{
    const int32_t *sums;
    uint32_t n = 0;
    TRY(bank_cs_read(bank->data, bank->size, &sums, &n));
    printf("%" PRIu32 " sums of the calorimeter", n);
    return ERR_OK;
}

static enum err dump_fits(const struct midas_bank *bank)
{
    struct bank_cf cf;
    const struct bank_pulse *pulses;
    uint64_t n_pulses = 0;
    uint32_t n;
    TRY(bank_cf_open(bank->data, bank->size, &cf));
    for (;;) {
        TRY(bank_cf_next(&cf, &pulses, &n));
        if (!pulses) break;
        n_pulses += n;
    }
    printf("%" PRIu64 " GPU fits in %" PRIu32 " segments", n_pulses, cf.n_segments);
    return ERR_OK;
}

static enum err dump_histogram(const struct midas_bank *bank)
{
    struct bank_cq cq;
    REQUIRE(bank->type == MIDAS_U32, ERR_DATA, "Q histogram of type %u", bank->type);
    TRY(bank_cq_read(bank->data, bank->size, &cq));
    printf("%" PRIu32 " segments, samples %" PRIu32 " to %" PRIu32 ", %" PRIu32 " a bin, %" PRIu32
           " intervals with multiplier %" PRIu32 ", %" PRIu32 " counts",
           cq.n_segments, cq.first_sample, cq.last_sample, cq.decimation, cq.n_intervals, cq.multiplier, cq.n);
    return ERR_OK;
}

static enum err dump_amc13(const struct midas_bank *bank)
{
    struct bank_amc amc;
    TRY(bank_ca_read(bank->data, bank->size, &amc));
    printf("trigger %" PRIu32 ", fill type %" PRIu32 ", %" PRIu32 " boards in %" PRIu32 " blocks, %" PRIu64 " words",
           amc.trigger, amc.fill_type, amc.n_boards, amc.n_blocks, amc.total);
    for (uint32_t i = 0; i < amc.n_boards; i++)
        printf("%s%" PRIu32 ": %" PRIu32, i ? ", " : "; slot: words ", amc.board[i].slot, amc.board[i].n_words);
    return ERR_OK;
}

static enum err dump_headers(const struct midas_bank *bank)
{
    struct bank_daq_header h;
    TRY(bank_cb_read(bank->data, bank->size, &h));
    printf("trigger %" PRIu32 ", clock %" PRIu64 ", fill type %d, %" PRIu32 " channels of %" PRIu32 " samples",
           h.trigger_number, h.clock_ticks, (int)h.fill_type, h.n_channels, h.n_samples);
    return ERR_OK;
}

static enum err dump_timing(const struct midas_bank *bank)
{
    uint32_t fill = 0, trigger = 0;
    TRY(bank_cc_fill(bank->data, bank->size, &fill));
    TRY(bank_ca_trigger(bank->data, bank->size, &trigger));
    printf("trigger %" PRIu32 ", muon fill %" PRIu32, trigger, fill);
    return ERR_OK;
}

static enum err dump_trailer(const struct midas_bank *bank)
{
    uint32_t n = 0;
    TRY(bank_cz_words(bank->data, bank->size, &n));
    printf("%" PRIu32 " words in all", n);
    return ERR_OK;
}

static void dump_board(const struct bank_board *b)
{
    printf("\n        slot %" PRIu32 ": %s %" PRIu32 ", firmware %" PRIu32 ".%" PRIu32 ".%" PRIu32 ", trigger %" PRIu32
           " type %" PRIu32 ", clock %" PRIu64 ", channels 0x%02" PRIx32 ", %" PRIu32 " words%s%s",
           b->slot, b->kind == BANK_BOARD_FC7 ? "FC7" : "WFD5", b->number, b->firmware >> 16, b->firmware >> 8 & 0xFF,
           b->firmware & 0xFF, b->trigger, b->trigger_type, b->clock, b->channels, b->n_words,
           b->is_async ? ", asynchronous" : "", b->is_empty ? ", empty" : "");
}

static enum err dump_payload(const struct midas_bank *bank)
{
    struct bank_wfd w;
    struct bank_waveform waveform;
    uint32_t n_boards = 0;
    uint64_t count    = 0;
    bank_wfd_open(bank->data, bank->size, NULL, BANK_CHECK_CHECKSUMS, &w);
    for (;;) {
        enum err rc = bank_wfd_next(&w, &waveform);
        if (w.n_boards > n_boards) dump_board(&w.board);
        n_boards = w.n_boards;
        if (rc) return rc;
        if (!waveform.samples) break;
        count++;
        if (waveform.index < MAX_WAVEFORMS)
            printf("\n            channel %" PRIu32 " waveform %" PRIu32 " of %" PRIu32 ": %" PRIu32 " samples",
                   waveform.channel, waveform.index, waveform.n_waveforms, waveform.n_samples);
    }
    printf("\n        %" PRIu32 " boards, %" PRIu64 " waveforms, checksums right", n_boards, count);
    return ERR_OK;
}

static enum err dump_walk(struct midas_walk *walk, int depth);

static enum err dump_packed(const struct midas_bank *bank, int depth)
{
    struct midas_build room = {0};
    struct midas_walk walk;
    enum err rc = bank_unpack(bank, true, &room, &walk);
    if (!rc) {
        printf("compressed, %zu bytes inside\n", room.n);
        rc = dump_walk(&walk, depth + 1);
    }
    midas_build_free(&room);
    return rc;
}

static enum err dump_known(const struct midas_bank *bank)
{
    static enum err (*const known[])(const struct midas_bank *) = {
        dump_islands, dump_pedestals, dump_sums,   dump_fits,    dump_histogram,
        dump_amc13,   dump_headers,   dump_timing, dump_trailer, dump_payload};
    static const char kinds[] = "TPSFQABCZR", ttc[] = "ABZ", ttc_kinds[] = "ARZ";
    const char *name = bank->name, *clock = NULL;
    if (memcmp(name, "TTC", 3) == 0 && name[3]) clock = strchr(ttc, name[3]);
    const char letter = clock ? ttc_kinds[clock - ttc] : name[1];
    bool is_known     = clock || (name[0] && strchr("CLPATs", name[0]) && bank_crate(name) >= 0);
    const char *kind  = letter ? strchr(kinds, letter) : NULL;
    if (!is_known || !kind) return ERR_OK;
    return known[kind - kinds](bank);
}

/* A copy in host order. */
static enum err dump_plain(const struct midas_bank *bank)
{
    struct midas_build room = {0};
    struct midas_bank copy  = *bank;
    enum err rc             = midas_build_append(&room, bank->data, bank->size);
    if (!rc) {
        if (bank->is_swapped) midas_swap(room.bytes, bank->size, bank->type);
        copy.data       = room.bytes ? room.bytes : bank->data;
        copy.is_swapped = false;
        rc              = dump_known(&copy);
    }
    midas_build_free(&room);
    return rc;
}

static enum err dump_walk(struct midas_walk *walk, int depth)
{
    struct midas_bank bank;
    for (;;) {
        TRY(midas_walk_next(walk, &bank));
        if (!bank.data) return ERR_OK;
        printf("%*s%s type %" PRIu32 ", %zu bytes: ", 4 * (depth + 1), "", bank.name, bank.type, bank.size);
        bool is_packed = bank_is_packed(&bank) && depth < MAX_DEPTH;
        enum err rc    = is_packed ? dump_packed(&bank, depth) : dump_plain(&bank);
        if (rc == ERR_MEMORY) return rc;
        if (rc) printf(" damaged: %s", err_message());
        if (rc || !is_packed) printf("\n");
        err_clear();
    }
}

enum err raw_dump_event(const struct midas_event *event)
{
    struct midas_walk walk;
    enum err rc = midas_walk(event, false, &walk);
    if (!rc) rc = dump_walk(&walk, 0);
    if (rc != ERR_DATA) return rc;
    printf("    damaged: %s\n", err_message());
    err_clear();
    return ERR_OK;
}
