/* Module PedestalSums: pedestals and noise of every channel. */
#include "pedestal_sums.h"
#include "bank.h"
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "tables.h"

#include <math.h>

/* clang-format off */
#define PEDESTAL_SUMS_CFG(F, S)                                                                                \
    F(S, i64, min_samples,   200, 2,  1000000, "ct", "waveforms of a pedestal fill are at least so long")      \
    F(S, i64, max_range_adc, 60,  1,  8192, "adc", "waveforms whose samples spread wider hold a pulse and are left out (ours: 40 rms of noise)")
/* clang-format on */
CFG_DECLARE(pedestal_sums_cfg, PEDESTAL_SUMS_CFG)

enum { IN_FILL, IN_ISLAND, IN_TRACE, IN_SAMPLE, N_CHANNELS = N_CALOS * N_CRYSTALS };

struct state {
    struct hist *sums;
    int64_t n_fills;               /* muon fills seen */
    int64_t last_fill[N_CHANNELS]; /* in which a channel's pedestal was summed: once a fill */
};

static enum err begin(struct step *s)
{
    struct state *st;
    TRY(mem_alloc(&st, 1, sizeof *st));
    s->state                 = st;
    struct hist_axis channel = hist_axis(N_CHANNELS, 0.0, N_CHANNELS, "54 (calo - 1) + crystal", "1");
    struct hist_axis what    = hist_axis(N_PEDESTAL_ROWS, 0.0, N_PEDESTAL_ROWS,
                                         "n, mean, mean^2, within, its n, left out; CP: n, mean, mean^2", "1");
    return hist_book(s->hists, PEDESTAL_SUMS, "Sums for pedestals and noise", channel, what, 0, &st->sums);
}

static void add(struct state *st, int channel, enum pedestal_row row, int64_t value)
{
    st->sums->n_entries++;
    st->sums->content[(int64_t)channel * N_PEDESTAL_ROWS + row] += value;
}

static void add_waveform(const struct pedestal_sums_cfg *cfg, struct state *st, int channel, const int16_t *adc,
                         int64_t n)
{
    int64_t sum = 0, squares = 0, low = adc[0], high = adc[0];
    for (int64_t i = 0; i < n; i++) {
        sum += adc[i];
        squares += (int64_t)adc[i] * adc[i];
        low  = adc[i] < low ? adc[i] : low;
        high = adc[i] > high ? adc[i] : high;
    }
    if (high - low > cfg->max_range_adc) {
        add(st, channel, PEDESTAL_LEFT_OUT, 1);
        return;
    }
    int64_t mean = llrint((double)sum / (double)n / PEDESTAL_STEP);
    add(st, channel, PEDESTAL_WAVEFORMS, 1);
    add(st, channel, PEDESTAL_MEAN, mean);
    add(st, channel, PEDESTAL_MEAN_SQUARES, mean * mean);
    add(st, channel, PEDESTAL_WITHIN, n * squares - sum * sum);
    add(st, channel, PEDESTAL_WITHIN_N, n * (n - 1));
}

/* All traces of an island of a calorimeter. */
static enum err add_island(struct step *s, size_t i, bool is_pedestal_fill)
{
    const struct pedestal_sums_cfg *cfg = s->cfg;
    struct state *st                    = s->state;
    const struct island_view island     = island_view(s->in[IN_ISLAND]);
    const struct trace_view trace       = trace_view(s->in[IN_TRACE]);
    const struct sample_view sample     = sample_view(s->in[IN_SAMPLE]);
    const int64_t n                     = island.n_samples[i];
    for (size_t k = island.first_trace[i]; k < (size_t)island.first_trace[i] + island.n_crystals[i]; k++) {
        REQUIRE(k < trace.n && (int64_t)trace.first_sample[k] + n <= (int64_t)sample.n, ERR_DATA,
                "island %zu (calorimeter %d) has traces or samples beyond the fill's", i, island.calo[i]);
        if (trace.crystal[k] >= N_CRYSTALS) continue;
        int channel = (island.calo[i] - 1) * N_CRYSTALS + trace.crystal[k];
        if (is_pedestal_fill) {
            if (n >= cfg->min_samples) add_waveform(cfg, st, channel, sample.adc + trace.first_sample[k], n);
        } else if (st->last_fill[channel] != st->n_fills) {
            int64_t pedestal       = llrint((double)trace.pedestal_adc[k] / PEDESTAL_STEP);
            st->last_fill[channel] = st->n_fills;
            add(st, channel, PEDESTAL_CP, 1);
            add(st, channel, PEDESTAL_CP_SUM, pedestal);
            add(st, channel, PEDESTAL_CP_SQUARES, pedestal * pedestal);
        }
    }
    return ERR_OK;
}

static enum err event(struct step *s)
{
    struct state *st                = s->state;
    const struct fill_view fill     = fill_view(s->in[IN_FILL]);
    const struct island_view island = island_view(s->in[IN_ISLAND]);
    REQUIRE(fill.n == 1, ERR_DATA, "the fill table has %zu rows, wanted 1", fill.n);
    bool is_pedestal_fill = fill.fill_type[0] == BANK_PEDESTAL;
    if (!is_pedestal_fill && fill.fill_type[0] != BANK_MUON) return ERR_OK;
    st->n_fills += !is_pedestal_fill;
    for (size_t i = 0; i < island.n; i++)
        if (island.calo[i] >= 1 && island.calo[i] <= N_CALOS) TRY(add_island(s, i, is_pedestal_fill));
    return ERR_OK;
}

static void end(struct step *s)
{
    mem_free(s->state);
    s->state = NULL;
}

static const struct port in[] = {{&table_fill, "fill_type", false},
                                 {&table_island, "calo n_samples n_crystals first_trace", false},
                                 {&table_trace, "crystal pedestal_adc first_sample", false},
                                 {&table_sample, NULL, false},
                                 {0}};

const struct module module_pedestal_sums = {
    .name = "PedestalSums",
    .kind = MODULE_ANALYZER,
    .doc =
        "Sums what pedestals and noise are made of: means and squares of the waveforms of pedestal fills, channel by "
        "channel, without those that hold a pulse, and the frontend's own pedestals of muon fills (CP banks) beside "
        "them. Histogram calib/pedestal_sums; gm2 calib makes constants of it.",
    .source   = "formats 2.4 (pedestal fills), 2.5 (pedestals of muon fills); sums are ours",
    .fields   = pedestal_sums_cfg_fields,
    .cfg_size = sizeof(struct pedestal_sums_cfg),
    .in       = in,
    .begin    = begin,
    .event    = event,
    .end      = end,
};
