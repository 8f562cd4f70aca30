/* One fill: banks, islands, T0. */
#include "unpack_internal.h"

#include "mem.h"
#include "phys.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PEDESTAL_ADC 4096.0F /* twice what 12 bits can give; no comparison holds for a NaN */

void unpack_set_maps(struct unpack_settings *settings)
{
    int32_t map[ODB_CHANNELS];
    odb_channel_map(map);
    for (int i = 0; i < UNPACK_CRATES; i++)
        for (int k = 0; k < ODB_CHANNELS; k++) settings->segment[i][k] = (int8_t)(i <= N_CALOS ? map[k] : k);
}

enum err unpack_set_odb(struct unpack_settings *settings, const struct odb *odb)
{
    struct odb_crate crate = {.crate = 0};
    settings->n_samples    = 0;
    unpack_set_maps(settings);
    for (int i = 1; i < UNPACK_CRATES; i++) {
        bool is_there            = odb_has_crate(odb, i);
        settings->is_expected[i] = is_there && i <= N_CALOS;
        if (!is_there) continue;
        TRY(odb_get_crate(odb, i, &crate));
        if (crate.n_samples > settings->n_samples) settings->n_samples = crate.n_samples;
        for (int k = 0; k < ODB_CHANNELS; k++) settings->segment[i][k] = (int8_t)crate.channel_map[k];
        /* the T0 crate comes after the calorimeters, which stand in for it */
        if (i > BANK_CRATE_T0) continue;
        settings->injection_sample = crate.injection_sample;
        settings->t0_polarity      = crate.polarity;
    }
    REQUIRE(crate.crate, ERR_NOTFOUND, "the ODB has no settings of any crate (/Equipment/AMC13nn/Settings)");
    return ERR_OK;
}

/* ---- islands ---- */

static enum err add_island(struct unpack *u, int crate, const struct bank_ct *bank, const struct bank_island *island)
{
    if (u->n_islands == u->capacity) {
        size_t capacity = u->capacity ? 2 * u->capacity : 1024;
        TRY(mem_resize(&u->island, u->n_islands, capacity, sizeof *u->island));
        u->capacity = capacity;
    }
    u->island[u->n_islands] = (struct unpack_island){*bank, *island, crate, (uint32_t)u->n_islands};
    u->n_islands++;
    return ERR_OK;
}

static enum err check_island(const struct unpack *u, const struct bank_ct *bank, const struct bank_island *island)
{
    uint64_t end = (uint64_t)island->first_sample + island->length;
    uint64_t max = u->settings.n_samples ? (uint64_t)u->settings.n_samples : INT32_MAX;
    REQUIRE(end <= max, ERR_DATA, "island of samples %u to %llu in a fill of %llu", island->first_sample,
            (unsigned long long)end, (unsigned long long)max);
    for (uint32_t k = 0; bank->is_truncated && k < island->n_kept; k++) {
        uint32_t segment;
        TRY(bank_ct_segment(bank, island, k, &segment));
    }
    return ERR_OK;
}

/* Islands of one crate; ERR_DATA when any of them is damaged. */
static enum err take_islands(struct unpack *u, int number, uint32_t *ctag)
{
    const struct unpack_bank *t = &u->crate[number].bank[UNPACK_T];
    struct bank_ct bank;
    struct bank_island island;
    TRY(t->data ? bank_ct_open(t->data, t->n_bytes, &bank) : unpack_waveforms(u, number, &bank));
    const uint32_t max = number > N_CALOS || !t->data ? BANK_MAX_SEGMENTS : N_CRYSTALS;
    REQUIRE(bank.n_segments <= max, ERR_DATA, "%u crystals or segments, the crate has %u", bank.n_segments, max);
    *ctag = bank.ctag;
    for (;;) {
        TRY(bank_ct_next(&bank, &island));
        if (!island.words) return ERR_OK;
        if (t->data) TRY(check_island(u, &bank, &island));
        TRY(add_island(u, number, &bank, &island));
    }
}

static enum err take_pedestals(struct unpack *u, int number)
{
    struct unpack_crate *c = &u->crate[number];
    uint32_t n = 0, n_segments = 0;
    struct bank_ct bank;
    REQUIRE(c->bank[UNPACK_P].data, ERR_DATA, "islands without a bank of pedestals");
    const struct unpack_bank *p = &c->bank[UNPACK_P];
    if (p->type == MIDAS_I16)
        TRY(bank_cp_read_i16(p->data, p->n_bytes, BANK_MAX_SEGMENTS, c->pedestal_adc, &n));
    else
        TRY(bank_cp_read(p->data, p->n_bytes, BANK_MAX_SEGMENTS, c->pedestal_adc, &n));
    if (bank_ct_open(c->bank[UNPACK_T].data, c->bank[UNPACK_T].n_bytes, &bank) == ERR_OK) n_segments = bank.n_segments;
    REQUIRE(n >= n_segments, ERR_DATA, "pedestals of %u segments, islands of %u", n, n_segments);
    for (uint32_t i = 0; i < n_segments; i++)
        REQUIRE(fabsf(c->pedestal_adc[i]) <= MAX_PEDESTAL_ADC, ERR_DATA, "pedestal %g of segment %u",
                (double)c->pedestal_adc[i], i);
    return ERR_OK;
}

/* Islands of a laser source monitor; times count as those of the crate's own islands or waveforms. */
static enum err take_monitor(struct unpack *u, int number)
{
    struct unpack_crate *c      = &u->crate[number];
    const struct unpack_bank *t = &c->monitor[UNPACK_T], *p = &c->monitor[UNPACK_P];
    struct bank_ct bank;
    struct bank_island island;
    uint32_t n;
    REQUIRE(t->data && p->data, ERR_DATA, "of islands and pedestals of the source monitor one is missing");
    TRY(bank_ct_open(t->data, t->n_bytes, &bank));
    TRY(bank_cp_read(p->data, p->n_bytes, BANK_MAX_SEGMENTS, c->monitor_adc, &n));
    REQUIRE(bank.n_segments <= n && n <= BANK_MAX_SEGMENTS, ERR_DATA,
            "source monitor: pedestals of %u segments, islands of %u", n, bank.n_segments);
    for (uint32_t i = 0; i < n; i++)
        REQUIRE(fabsf(c->monitor_adc[i]) <= MAX_PEDESTAL_ADC, ERR_DATA, "source monitor: pedestal %g of segment %u",
                (double)c->monitor_adc[i], i);
    for (;;) {
        TRY(bank_ct_next(&bank, &island));
        if (!island.words) return ERR_OK;
        TRY(check_island(u, &bank, &island));
        TRY(add_island(u, UNPACK_MONITOR + number, &bank, &island));
    }
}

static bool is_muon_fill(const struct unpack *u) { return !u->fill_type || u->fill_type == BANK_MUON; }

/* Fills of other types have raw waveforms or nothing. */
static enum err take_crate(struct unpack *u, int i, uint32_t *ctag)
{
    const struct unpack_crate *c = &u->crate[i];
    if (!c->bank[UNPACK_T].data && !c->bank[UNPACK_R].data) {
        REQUIRE(!is_muon_fill(u), ERR_DATA, "no bank of islands");
        return ERR_OK;
    }
    if (!c->bank[UNPACK_T].data && u->is_check_only) return ERR_OK;
    TRY(take_islands(u, i, ctag));
    return c->bank[UNPACK_T].data ? take_pedestals(u, i) : ERR_OK;
}

static enum err take_crates(struct unpack *u)
{
    for (int i = 1; i < UNPACK_CRATES; i++) {
        struct unpack_crate *c = &u->crate[i];
        size_t before          = u->n_islands;
        uint32_t ctag          = 0;
        if (is_muon_fill(u) && u->settings.is_expected[i] && !c->is_seen) u->status |= UNPACK_MISSING;
        bool has_monitor = c->monitor[UNPACK_T].data || c->monitor[UNPACK_P].data;
        if (!(c->is_seen || has_monitor) || c->is_damaged) continue;
        enum err rc = c->is_seen ? take_crate(u, i, &ctag) : ERR_OK;
        if (!rc && has_monitor) rc = take_monitor(u, i);
        if (rc && rc != ERR_DATA) return rc;
        if (rc) {
            unpack_damage(u, i, "%s", err_message());
            u->n_islands = before;
            continue;
        }
        if (i <= N_CALOS) u->ctag += ctag;
        c->n_islands = (uint32_t)(u->n_islands - before);
    }
    return ERR_OK;
}

static int by_time(const void *a, const void *b)
{
    const struct unpack_island *p = a, *q = b;
    if (p->island.first_sample != q->island.first_sample)
        return p->island.first_sample < q->island.first_sample ? -1 : 1;
    return (p->order > q->order) - (p->order < q->order);
}

/* ---- T0 ---- */

/* Charge and its mean time [samples] of segment 0; false when it is not in the island or too small. */
static bool t0_pulse(const struct unpack *u, const struct unpack_island *ref, double *charge, double *mean)
{
    const struct unpack_settings *set = &u->settings;
    uint32_t segment                  = 1;
    double sum = 0.0, moment = 0.0, peak = 0.0;
    for (uint32_t k = 0; k < ref->island.n_kept; k++) {
        if (bank_ct_segment(&ref->bank, &ref->island, k, &segment) || segment != 0) continue;
        const int16_t *adc = bank_ct_samples(&ref->bank, &ref->island, k);
        double pedestal    = (double)u->crate[ref->crate].pedestal_adc[0];
        for (uint32_t i = 0; i < ref->island.length; i++) {
            double value = set->t0_polarity * (adc[i] - pedestal);
            sum += value;
            moment += value * i;
            peak = fmax(peak, value);
        }
    }
    if (sum <= 0.0 || peak < set->t0_min_adc) return false;
    *charge = sum;
    *mean   = ref->island.first_sample + moment / sum;
    return true;
}

static void find_t0(struct unpack *u)
{
    double best = 0.0, charge, mean, nominal_ns = u->settings.injection_sample * SAMPLE_NS;
    u->t0_ns = nominal_ns;
    for (size_t i = 0; i < u->n_islands; i++) {
        const struct unpack_island *ref = &u->island[i];
        if (ref->crate != BANK_CRATE_T0 || !t0_pulse(u, ref, &charge, &mean)) continue;
        if (charge <= best || fabs(mean * SAMPLE_NS - nominal_ns) > u->settings.t0_window_ns) continue;
        best     = charge;
        u->t0_ns = mean * SAMPLE_NS;
    }
    if (best <= 0.0) u->status |= UNPACK_NO_T0;
}

/* ---- tables ---- */

static enum err size_tables(const struct unpack *u, struct block *island, struct block *trace, struct block *sample)
{
    uint64_t n_traces = 0, n_samples = 0;
    for (size_t i = 0; i < u->n_islands; i++) {
        n_traces += u->island[i].island.n_kept;
        n_samples += (uint64_t)u->island[i].island.n_kept * u->island[i].island.length;
    }
    REQUIRE(n_samples <= UINT32_MAX, ERR_NUMBER, "a fill of %llu samples, more than a table holds",
            (unsigned long long)n_samples);
    TRY(block_resize(island, u->n_islands));
    TRY(block_resize(trace, n_traces));
    return block_resize(sample, n_samples);
}

static void copy_samples(const struct unpack_island *ref, int16_t *to)
{
    const struct bank_island *island = &ref->island;
    if (!ref->bank.is_truncated) {
        memcpy(to, island->words, sizeof *to * island->n_kept * island->length);
        return;
    }
    for (uint32_t k = 0; k < island->n_kept; k++)
        memcpy(to + (size_t)k * island->length, bank_ct_samples(&ref->bank, island, k), sizeof *to * island->length);
}

/* Traces of one island; their segments were checked when it was taken. */
static enum err put_traces(const struct unpack *u, const struct unpack_island *ref, uint32_t row, uint32_t n_before,
                           uint32_t first_sample, const struct trace_view *trace)
{
    const bool is_monitor = ref->crate >= UNPACK_MONITOR;
    const float *pedestal_adc =
        is_monitor ? u->crate[ref->crate - UNPACK_MONITOR].monitor_adc : u->crate[ref->crate].pedestal_adc;
    const uint32_t n_kept = ref->island.n_kept;
    uint32_t segment      = 0;
    for (uint32_t k = 0; k < n_kept; k++) {
        segment = k;
        if (ref->bank.is_truncated) TRY(bank_ct_segment(&ref->bank, &ref->island, k, &segment));
        trace->island[n_before + k]       = row;
        trace->crystal[n_before + k]      = (uint8_t)segment;
        trace->pedestal_adc[n_before + k] = pedestal_adc[segment];
        trace->first_sample[n_before + k] = first_sample + k * ref->island.length;
    }
    return ERR_OK;
}

static enum err fill_tables(const struct unpack *u, struct block *island_block, struct block *trace_block,
                            struct block *sample_block)
{
    uint32_t n_traces = 0, n_samples = 0;
    TRY(size_tables(u, island_block, trace_block, sample_block));
    struct island_view island = island_view(island_block);
    struct trace_view trace   = trace_view(trace_block);
    struct sample_view sample = sample_view(sample_block);
    for (size_t i = 0; i < u->n_islands; i++) {
        const struct unpack_island *ref = &u->island[i];
        island.calo[i]                  = (uint8_t)ref->crate;
        island.first_sample[i]          = (int32_t)ref->island.first_sample;
        island.n_samples[i]             = (int32_t)ref->island.length;
        island.n_crystals[i]            = (uint8_t)ref->island.n_kept;
        island.first_trace[i]           = n_traces;
        copy_samples(ref, sample.adc + n_samples);
        TRY(put_traces(u, ref, (uint32_t)i, n_traces, n_samples, &trace));
        n_traces += ref->island.n_kept;
        n_samples += ref->island.n_kept * ref->island.length;
    }
    return ERR_OK;
}

static enum err fill_row(const struct unpack *u, uint32_t time_s, struct block *fill)
{
    TRY(block_resize(fill, 1));
    struct fill_view v    = fill_view(fill);
    v.unix_time_s[0]      = time_s;
    v.fill_type[0]        = (uint8_t)(u->fill_type ? u->fill_type : BANK_MUON);
    v.injection_sample[0] = (int32_t)floor(u->t0_ns / SAMPLE_NS);
    v.t0_ns[0]            = u->t0_ns;
    v.ctag[0]             = u->ctag;
    v.status[0]           = u->status;
    v.calos[0]            = 0;
    for (int i = 1; i <= N_CALOS; i++)
        if (u->crate[i].is_seen && !u->crate[i].is_damaged) v.calos[0] |= 1u << (i - 1);
    return ERR_OK;
}

static enum err take_event(struct unpack *u, const uint8_t *bytes, size_t n, struct midas_event *event)
{
    memset(u->crate, 0, sizeof u->crate);
    u->status = u->ctag = 0;
    u->fill_type        = 0;
    u->n_islands        = 0;
    u->problem[0]       = '\0';
    if (midas_parse(bytes, n, event))
        unpack_damage(u, -1, "%s", err_message());
    else
        TRY(unpack_take_banks(u, event));
    unpack_check_crates(u);
    return take_crates(u);
}

enum err unpack_check_event(struct unpack *u, const uint8_t *bytes, size_t n)
{
    struct midas_event event;
    u->is_check_only = true;
    return take_event(u, bytes, n, &event);
}

enum err unpack_event(struct unpack *u, const uint8_t *bytes, size_t n, struct block *fill, struct block *island,
                      struct block *trace, struct block *sample)
{
    struct midas_event event;
    u->is_check_only = false;
    TRY(take_event(u, bytes, n, &event));
    if (u->n_islands) qsort(u->island, u->n_islands, sizeof *u->island, by_time);
    if (is_muon_fill(u))
        find_t0(u);
    else
        u->t0_ns = u->settings.injection_sample * SAMPLE_NS;
    TRY(fill_tables(u, island, trace, sample));
    return fill_row(u, event.time_s, fill);
}

void unpack_free(struct unpack *u)
{
    mem_free(u->island);
    for (size_t i = 0; i < u->chunk_capacity; i++) midas_build_free(&u->chunk[i]);
    mem_free(u->chunk);
    u->chunk          = NULL;
    u->chunk_capacity = 0;
    u->island         = NULL;
    u->capacity       = 0;
}
