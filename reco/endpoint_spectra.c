/* Module EndpointSpectra: energies of positrons by their largest crystal, for the absolute scale. Test: tests/t_energy_scale.c */
#include "cluster_seed.h"
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "tables.h"

#include <math.h>

/* clang-format off */
#define ENDPOINT_SPECTRA_CFG(F, S)                                                                             \
    F(S, f64, low_GeV,  1.5,  0.1,  3,   "GeV", "spectra begin here")                                          \
    F(S, f64, high_GeV, 4.5,  2,    20,  "GeV", "and end here")                                                \
    F(S, i64, n_bins,   110,  20,   1000, "1",  "bins in the logarithm of the energy")                         \
    F(S, f64, from_us,  30,   0,    700, "us",  "spectra of channels use later clusters")                                         \
    F(S, f64, energy_scale_MeV_per_adc, 1.6, 0.01, 100, "MeV/adc", "as in PulseFit: counts are energies over it")
/* clang-format on */
CFG_DECLARE(endpoint_spectra_cfg, ENDPOINT_SPECTRA_CFG)

enum { IN_CLUSTER, IN_PULSE };
enum { FIT_STATUS = 1 | 2 | 4 | 8 | 32 }; /* bits of a pulse that was fitted badly, or of a bad channel */

enum { N_PERIODS = 150 };
#define PERIOD_US (2e-3 * PI / OMEGA_A_RADNS) /* of the spin against the momentum */

struct state {
    struct cluster_seed seeds;
    uint32_t *seed;
    size_t capacity;
    struct hist *spectra, *in_time;
};

static enum err begin(struct step *s)
{
    const struct endpoint_spectra_cfg *cfg = s->cfg;
    struct state *st;
    REQUIRE(cfg->low_GeV < cfg->high_GeV, ERR_CONFIG, "%s: low_GeV %g must be below high_GeV %g", s->label,
            cfg->low_GeV, cfg->high_GeV);
    TRY(mem_alloc(&st, 1, sizeof *st));
    const double GeV_per_adc = 1e-3 * cfg->energy_scale_MeV_per_adc;
    s->state                 = st;
    struct hist_axis channel =
        hist_axis(N_CALOS * N_CRYSTALS, 0.0, N_CALOS * N_CRYSTALS, "54 (calo - 1) + largest crystal", "1");
    struct hist_axis energy =
        hist_axis(cfg->n_bins, log(cfg->low_GeV / GeV_per_adc), log(cfg->high_GeV / GeV_per_adc), "ln of counts", "1");
    /* whole periods of the spin: within each the mean spectrum is the same, whatever the phase */
    struct hist_axis time = hist_axis(N_PERIODS, 0.0, N_PERIODS * PERIOD_US, "time in fill", "us");
    TRY(hist_book(s->hists, "calib/endpoint", "Energies of positrons by their largest crystal", channel, energy, 0,
                  &st->spectra));
    return hist_book(s->hists, "calib/endpoint_time", "Energies of positrons by periods of the spin", time, energy, 0,
                     &st->in_time);
}

static enum err event(struct step *s)
{
    const struct endpoint_spectra_cfg *cfg = s->cfg;
    struct state *st                       = s->state;
    const struct cluster_view in           = cluster_view(s->in[IN_CLUSTER]);
    const struct pulse_view pulse          = pulse_view(s->in[IN_PULSE]);
    if (in.n > st->capacity) {
        mem_free(st->seed);
        st->seed     = NULL;
        st->capacity = 0;
        TRY(mem_alloc(&st->seed, 2 * in.n, sizeof *st->seed));
        st->capacity = 2 * in.n;
    }
    TRY(cluster_seed_find(&st->seeds, &pulse, &in, st->seed));
    for (size_t i = 0; i < in.n; i++) {
        uint32_t row = st->seed[i];
        bool is_used = (in.status[i] & FIT_STATUS) == 0 && row != CLUSTER_NO_SEED && in.energy_GeV[i] > cfg->low_GeV;
        if (!is_used || in.calo[i] < 1 || in.calo[i] > N_CALOS || pulse.crystal[row] >= N_CRYSTALS) continue;
        int channel      = (in.calo[i] - 1) * N_CRYSTALS + pulse.crystal[row];
        double ln_counts = log(in.energy_GeV[i] / (1e-3 * cfg->energy_scale_MeV_per_adc));
        hist_fill(st->in_time, 1e-3 * in.t_fill_ns[i], ln_counts, 1.0);
        if (in.t_fill_ns[i] >= 1e3 * cfg->from_us) hist_fill(st->spectra, channel + 0.5, ln_counts, 1.0);
    }
    return ERR_OK;
}

static void end(struct step *s)
{
    struct state *st = s->state;
    if (!st) return;
    cluster_seed_free(&st->seeds);
    mem_free(st->seed);
    mem_free(st);
    s->state = NULL;
}

static const struct port in[] = {
    {&table_cluster, "calo t_fill_ns energy_GeV status", false}, {&table_pulse, "calo crystal t_fill_ns", false}, {0}};

static const char *const shared[] = {"energy_scale_MeV_per_adc", NULL};

const struct module module_endpoint_spectra = {
    .name = "EndpointSpectra",
    .kind = MODULE_ANALYZER,
    .doc  = "Sums the energies of clusters near the highest energy of a positron, by the crystal that has most of it. "
            "gm2 calib fits the edge of each calorimeter's spectrum and sets the absolute scale with it, and looks for "
            "changes "
            "of the edge in the fill. Histograms calib/endpoint, calib/endpoint_time.",
    .source   = "physics 5.6 (endpoint fit at 3.1 GeV); binning is ours",
    .fields   = endpoint_spectra_cfg_fields,
    .cfg_size = sizeof(struct endpoint_spectra_cfg),
    .shared   = shared,
    .in       = in,
    .begin    = begin,
    .event    = event,
    .end      = end,
};
