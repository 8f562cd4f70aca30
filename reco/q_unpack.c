/* Module QUnpack: what the DAQ's GPU made of a fill (CQ, CF, CS banks) becomes tables. */
#include "log.h"
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "unpack.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */
#define Q_UNPACK_CFG(F, S)                                                                                    \
    F(S, flag, q_hist,   true,  0, 1,     "1", "Q histograms (CQ)")                                           \
    F(S, flag, gpu_fit,  true,  0, 1,     "1", "the GPU's pulse fits (CF)")                                   \
    F(S, flag, calo_sum, true,  0, 1,     "1", "calorimeter sums (CS)")                                       \
    F(S, i64,  polarity, 0,     -1, 1,    "1", "direction of pulses, 0: as the file's ODB says, up where it says nothing") \
    F(S, i64,  fills_per_flush, 0, 0, 100000, "1", "muon fills in a Q histogram, 0: as the ODB says, or counted where it says nothing") \
    F(S, i64,  first_physics_run, 15000, 0, 1000000000, "1", "before it Q histograms may be 16-bit, which is not read (ours)") \
    F(S, i64,  first_run_without_fill_number, 36000, 0, 1000000000, "1", "from it on CC holds no fill number (Run 4; ours)")
/* clang-format on */
CFG_DECLARE(q_unpack_cfg, Q_UNPACK_CFG)

enum { IN_RAW, IN_ODB };
enum { OUT_Q_HIST, OUT_Q_COUNT, OUT_GPU_FIT, OUT_CALO_SUM, OUT_SUM_COUNT };
enum { COUNT_FILLS, COUNT_Q, COUNT_REBINNED, COUNT_GPU, COUNT_SUM, N_COUNTS };

struct state {
    struct unpack unpack;
    struct hist *counts;
    uint32_t n_fills[UNPACK_CRATES]; /* muon fills since the crate's last Q histogram */
    uint32_t flush[UNPACK_CRATES];   /* fills in a Q histogram by the settings, 0: not known */
    int32_t sum_decimation[UNPACK_CRATES];
    int16_t polarity[UNPACK_CRATES];
};

static enum err begin(struct step *s)
{
    TRY(mem_alloc(&s->state, 1, sizeof(struct state)));
    return ERR_OK;
}

static void end(struct step *s)
{
    struct state *state = s->state;
    if (!state) return;
    unpack_free(&state->unpack);
    mem_free(state);
    s->state = NULL;
}

/* ---- settings ---- */

/* What the ODB tells of a crate; what it lacks stays as it is. */
static void take_crate_settings(const struct odb *odb, int i, struct state *state)
{
    struct odb_crate crate;
    char path[96];
    int64_t flush = 0;
    if (odb_get_crate(odb, i, &crate) == ERR_OK) {
        state->sum_decimation[i] = crate.sum_decimation;
        state->polarity[i]       = (int16_t)(crate.polarity < 0 ? -1 : 1);
    }
    snprintf(path, sizeof path, "/Equipment/AMC13%02d/Settings/Q histogram flush", i);
    if (odb_i64(odb, path, 0, &flush) == ERR_OK && flush > 0 && flush <= INT32_MAX) state->flush[i] = (uint32_t)flush;
    err_clear();
}

static enum err take_odb(const struct block *block, struct state *state)
{
    const struct odb_view text = odb_view(block);
    struct odb *odb;
    TRY(odb_parse((const char *)text.byte, text.n, &odb));
    enum err rc = unpack_set_odb(&state->unpack.settings, odb);
    for (int i = 1; rc == ERR_OK && i <= N_CALOS; i++) take_crate_settings(odb, i, state);
    odb_free(odb);
    return rc;
}

static enum err begin_unit(struct step *s)
{
    const struct q_unpack_cfg *cfg     = s->cfg;
    struct state *state                = s->state;
    struct unpack_settings *set        = &state->unpack.settings;
    *set                               = (struct unpack_settings){.check = BANK_CHECK_SIZES, .run = s->unit->run};
    set->first_physics_run             = (uint32_t)cfg->first_physics_run;
    set->first_run_without_fill_number = (uint32_t)cfg->first_run_without_fill_number;
    unpack_set_maps(set);
    for (int i = 0; i < UNPACK_CRATES; i++) {
        state->n_fills[i] = state->flush[i] = 0;
        state->sum_decimation[i]            = 0;
        state->polarity[i]                  = 1;
    }
    TRY(hist_book(s->hists, "raw/gpu_banks", "Banks that the GPU made",
                  hist_axis(N_COUNTS, -0.5, N_COUNTS - 0.5, "0 muon fills, 1 CQ, 2 CQ rebinned, 3 CF, 4 CS", "1"),
                  HIST_NO_AXIS, 0, &state->counts));
    if (take_odb(s->in[IN_ODB], state)) {
        log_warn("the raw data's ODB does not help (%s): pulses go up, fills of Q histograms are counted",
                 err_message());
        err_clear();
    }
    for (int i = 0; i < UNPACK_CRATES; i++) {
        if (cfg->polarity) state->polarity[i] = (int16_t)cfg->polarity;
        if (cfg->fills_per_flush) state->flush[i] = (uint32_t)cfg->fills_per_flush;
    }
    return ERR_OK;
}

/* ---- tables ---- */

static enum err put_q(struct step *s, struct state *state, int crate)
{
    const struct unpack_bank *bank = &state->unpack.crate[crate].bank[UNPACK_Q];
    struct bank_cq cq;
    if (bank->type != MIDAS_U32 || bank_cq_read(bank->data, bank->n_bytes, &cq)) return ERR_OK; /* counted as damage */
    uint32_t n_fills   = state->flush[crate] ? state->flush[crate] : state->n_fills[crate];
    bool is_rebinned   = cq.n_intervals > 1 && cq.multiplier > 1;
    const size_t n_old = s->out[OUT_Q_HIST]->n, first = s->out[OUT_Q_COUNT]->n;
    const uint32_t n_bins = cq.n / cq.n_segments;
    hist_fill(state->counts, is_rebinned ? COUNT_REBINNED : COUNT_Q, 0.5, 1.0);
    if (is_rebinned || n_bins == 0 || cq.n_segments > N_CRYSTALS) return ERR_OK;
    REQUIRE(first + cq.n <= UINT32_MAX, ERR_NUMBER, "a fill of %zu bins of Q histograms", first + cq.n);
    TRY(block_resize(s->out[OUT_Q_HIST], n_old + cq.n_segments));
    TRY(block_resize(s->out[OUT_Q_COUNT], first + cq.n));
    struct q_hist_view q = q_hist_view(s->out[OUT_Q_HIST]);
    memcpy(q_count_view(s->out[OUT_Q_COUNT]).adc + first, cq.counts, cq.n * sizeof *cq.counts);
    for (uint32_t k = 0; k < cq.n_segments; k++) {
        size_t i          = n_old + k;
        q.calo[i]         = (uint8_t)crate;
        q.crystal[i]      = (uint8_t)k;
        q.first_sample[i] = (int32_t)cq.first_sample;
        q.decimation[i]   = (int32_t)cq.decimation;
        q.n_fills[i]      = n_fills;
        q.polarity[i]     = state->polarity[crate];
        q.n_bins[i]       = n_bins;
        q.first_count[i]  = (uint32_t)first + k * n_bins;
    }
    return ERR_OK;
}

static enum err put_fits(struct step *s, struct state *state, int crate)
{
    const struct unpack_bank *bank = &state->unpack.crate[crate].bank[UNPACK_F];
    const struct bank_pulse *pulse;
    struct bank_cf cf;
    uint32_t n;
    if (bank_cf_open(bank->data, bank->n_bytes, &cf)) return ERR_OK;
    hist_fill(state->counts, COUNT_GPU, 0.5, 1.0);
    while (bank_cf_next(&cf, &pulse, &n) == ERR_OK && pulse) {
        size_t first = s->out[OUT_GPU_FIT]->n;
        TRY(block_resize(s->out[OUT_GPU_FIT], first + n));
        struct gpu_fit_view v = gpu_fit_view(s->out[OUT_GPU_FIT]);
        for (uint32_t k = 0; k < n; k++) {
            v.calo[first + k]         = (uint8_t)crate;
            v.crystal[first + k]      = (uint8_t)(cf.segment - 1);
            v.time_ct[first + k]      = pulse[k].time;
            v.phase_ct[first + k]     = pulse[k].phase;
            v.energy_adc[first + k]   = pulse[k].energy;
            v.pedestal_adc[first + k] = pulse[k].pedestal;
            v.chi2_adc2[first + k]    = pulse[k].chi2;
            v.peak_sample[first + k]  = pulse[k].peak_index;
            v.peak_adc[first + k]     = pulse[k].peak_value;
        }
    }
    return ERR_OK;
}

static enum err put_sum(struct step *s, struct state *state, int crate)
{
    const struct unpack_bank *bank = &state->unpack.crate[crate].bank[UNPACK_S];
    const int32_t *sums;
    uint32_t n;
    if (bank_cs_read(bank->data, bank->n_bytes, &sums, &n)) return ERR_OK;
    size_t row = s->out[OUT_CALO_SUM]->n, first = s->out[OUT_SUM_COUNT]->n;
    hist_fill(state->counts, COUNT_SUM, 0.5, 1.0);
    TRY(block_resize(s->out[OUT_CALO_SUM], row + 1));
    TRY(block_resize(s->out[OUT_SUM_COUNT], first + n));
    struct calo_sum_view v = calo_sum_view(s->out[OUT_CALO_SUM]);
    v.calo[row]            = (uint8_t)crate;
    v.decimation[row]      = state->sum_decimation[crate];
    v.n_bins[row]          = n;
    v.first_count[row]     = (uint32_t)first;
    memcpy(sum_count_view(s->out[OUT_SUM_COUNT]).adc + first, sums, n * sizeof *sums);
    return ERR_OK;
}

/* The pointers' banks were checked with the event; what is damaged is CaloUnpack's to report. */
static enum err event(struct step *s)
{
    const struct q_unpack_cfg *cfg = s->cfg;
    struct state *state            = s->state;
    struct unpack *u               = &state->unpack;
    const struct raw_view raw      = raw_view(s->in[IN_RAW]);
    TRY(unpack_check_event(u, raw.byte, raw.n));
    if (u->fill_type > BANK_MUON) return ERR_OK;
    hist_fill(state->counts, COUNT_FILLS, 0.5, 1.0);
    for (int i = 1; i <= N_CALOS; i++) {
        const struct unpack_crate *c = &u->crate[i];
        const bool has_q             = c->bank[UNPACK_Q].data != NULL;
        state->n_fills[i]++;
        if (cfg->q_hist && has_q && !c->is_damaged) TRY(put_q(s, state, i));
        if (has_q) state->n_fills[i] = 0;
        if (!c->is_seen || c->is_damaged) continue;
        if (cfg->gpu_fit && c->bank[UNPACK_F].data) TRY(put_fits(s, state, i));
        if (cfg->calo_sum && c->bank[UNPACK_S].data) TRY(put_sum(s, state, i));
    }
    err_clear();
    return ERR_OK;
}

static const struct port in_ports[]  = {{&table_raw, NULL, false}, {&table_odb, NULL, false}, {0}};
static const struct port out_ports[] = {{&table_q_hist, NULL, false},    {&table_q_count, NULL, false},
                                        {&table_gpu_fit, NULL, false},   {&table_calo_sum, NULL, false},
                                        {&table_sum_count, NULL, false}, {0}};

const struct module module_q_unpack = {
    .name   = "QUnpack",
    .kind   = MODULE_PRODUCER,
    .doc    = "Unpacks what the DAQ's GPU made of muon fills: Q histograms summed over fills (CQ), its own pulse fits "
              "(CF), calorimeter sums (CS). A crate that is damaged gives nothing in that fill. Histograms with "
              "bins of several widths are counted and left out.",
    .source = "bank formats of the E989 calorimeter frontend",
    .fields = q_unpack_cfg_fields,
    .cfg_size   = sizeof(struct q_unpack_cfg),
    .in         = in_ports,
    .out        = out_ports,
    .begin      = begin,
    .begin_unit = begin_unit,
    .event      = event,
    .end        = end,
};
