/* Wiggle histograms: positrons against time, counted (T-method) and weighted with the asymmetry (A-method). */
#include "wiggle.h"

#include "mem.h"
#include "module.h"
#include "phys.h"
#include "tables.h"

#include <math.h>

/* clang-format off */
#define WIGGLE_CFG(F, S)                                                                                       \
    F(S, f64, threshold_GeV,  1.7,   0,  4,    "GeV", "T-method: clusters above this energy")                  \
    F(S, f64, a_low_GeV,      1.0,   0,  4,    "GeV", "A-method: lowest energy")                               \
    F(S, f64, a_high_GeV,     3.1,   0,  4,    "GeV", "A-method: highest energy")                              \
    F(S, f64, randomise_ns,   149.2, 0,  1000, "ns",  "full width of the uniform time shift of each fill: the cyclotron period removes the fast rotation") \
    F(S, f64, spectrum_from_us, 30,  0,  700,  "us",  "energy spectra and hit maps use later times")           \
    F(S, f64, map_low_GeV,    0.1,   0,  4,    "GeV", "crystal map: pulses above this energy")                 \
    F(S, i64, reject_status,  0,     0,  255,  "1",   "clusters with any of these status bits are left out (0: all are used)")
/* clang-format on */
CFG_DECLARE(wiggle_cfg, WIGGLE_CFG)

enum { IN_CLUSTER, IN_FILL, IN_PULSE };

struct state {
    struct hist *t_method, *a_method, *energy, *energy_phase, *map, *hits, *early, *fills;
};

static const struct port in[] = {
    [IN_CLUSTER] = {&table_cluster, "calo t_fill_ns energy_GeV status", false},
    [IN_FILL]    = {&table_fill, "fill_type", true},
    [IN_PULSE]   = {&table_pulse, "calo crystal t_fill_ns energy_GeV", true},
    {0},
};

static enum err book(struct step *s, struct state *w)
{
    struct hist_axis calo   = hist_axis(N_CALOS, 0.5, N_CALOS + 0.5, "calorimeter", "1");
    struct hist_axis time   = hist_axis(WIGGLE_BINS, 0.0, WIGGLE_BINS * BIN_WIDTH_NS * 1e-3, "time in fill", "us");
    struct hist_axis energy = hist_axis(200, 0.0, 4.0, "cluster energy", "GeV");
    struct hist_axis slice  = hist_axis(32, 0.0, 3.2, "cluster energy", "GeV");
    struct hist_axis phase  = hist_axis(24, 0.0, 1.0, "time modulo 1/0.2291 MHz", "1");
    struct hist_axis xtal   = hist_axis(N_CRYSTALS, -0.5, N_CRYSTALS - 0.5, "crystal", "1");
    struct hist_axis fine   = hist_axis(4000, 0.0, 40.0, "time in fill", "us");
    TRY(hist_book(s->hists, "wiggle/t_method", "positrons above threshold", calo, time, 0, &w->t_method));
    TRY(hist_book(s->hists, "wiggle/a_method", "positrons weighted with their asymmetry", calo, time, 1, &w->a_method));
    TRY(hist_book(s->hists, "wiggle/energy", "cluster energy", calo, energy, 0, &w->energy));
    TRY(hist_book(s->hists, "wiggle/energy_phase", "wiggle in energy slices", slice, phase, 0, &w->energy_phase));
    TRY(hist_book(s->hists, "wiggle/crystal_map", "pulses of each crystal", calo, xtal, 0, &w->map));
    TRY(hist_book(s->hists, "wiggle/calo_hits", "positrons above threshold", calo, HIST_NO_AXIS, 0, &w->hits));
    TRY(hist_book(s->hists, "wiggle/early", "positrons above threshold, times as measured", fine, HIST_NO_AXIS, 0,
                  &w->early));
    return hist_book(s->hists, "wiggle/fills", "muon fills", hist_axis(1, 0.0, 1.0, "", "1"), HIST_NO_AXIS, 0,
                     &w->fills);
}

static enum err begin(struct step *s)
{
    TRY(mem_alloc(&s->state, 1, sizeof(struct state)));
    return book(s, s->state);
}

static void fill_cluster(const struct wiggle_cfg *cfg, struct state *w, double calo, double t_us, double shift_us,
                         double energy_GeV)
{
    int is_late = t_us >= cfg->spectrum_from_us;
    if (energy_GeV > cfg->threshold_GeV) {
        hist_fill(w->t_method, calo, t_us + shift_us, 1.0);
        hist_fill(w->early, t_us, 0.0, 1.0);
        if (is_late) hist_fill(w->hits, calo, 0.0, 1.0);
    }
    if (energy_GeV > cfg->a_low_GeV && energy_GeV < cfg->a_high_GeV)
        hist_fill(w->a_method, calo, t_us + shift_us, wiggle_asymmetry(energy_GeV));
    if (!is_late) return;
    double cycles = (t_us + shift_us) * F_REFERENCE_MHz;
    hist_fill(w->energy, calo, energy_GeV, 1.0);
    hist_fill(w->energy_phase, energy_GeV, cycles - floor(cycles), 1.0);
}

static int is_muon_fill(const struct block *fill)
{
    if (!fill || fill->n == 0) return 1;
    return fill_view(fill).fill_type[0] == 1;
}

static enum err event(struct step *s)
{
    const struct wiggle_cfg *cfg = s->cfg;
    struct state *w              = s->state;
    if (!is_muon_fill(s->in[IN_FILL])) return ERR_OK;
    hist_fill(w->fills, 0.5, 0.0, 1.0);
    struct rng r          = rng_start(s->rng, 0);
    double shift_us       = cfg->randomise_ns * 1e-3 * (rng_uniform(&r) - 0.5);
    struct cluster_view c = cluster_view(s->in[IN_CLUSTER]);
    for (size_t i = 0; i < c.n; i++)
        if (!(c.status[i] & cfg->reject_status))
            fill_cluster(cfg, w, c.calo[i], c.t_fill_ns[i] * 1e-3, shift_us, c.energy_GeV[i]);
    if (!s->in[IN_PULSE]) return ERR_OK;
    struct pulse_view p = pulse_view(s->in[IN_PULSE]);
    for (size_t i = 0; i < p.n; i++)
        if (p.energy_GeV[i] > cfg->map_low_GeV && p.t_fill_ns[i] * 1e-3 >= cfg->spectrum_from_us)
            hist_fill(w->map, p.calo[i], p.crystal[i], 1.0);
    return ERR_OK;
}

static void end(struct step *s) { mem_free(s->state); }

const struct module module_wiggle = {
    .name     = "Wiggle",
    .kind     = MODULE_ANALYZER,
    .doc      = "Histograms of positrons against time in the fill, for each calorimeter: counted above a threshold "
                "(T-method) and weighted with the asymmetry A(E) (A-method). All times of a fill are shifted together by "
                "a random part of the cyclotron period, which removes the fast rotation. Energy spectra, hits of "
                "calorimeters and crystals, and the early times without the shift are booked too.",
    .source   = "Kinnaird, thesis (Boston 2020): 149.2 ns bins, randomisation, methods T and A",
    .fields   = wiggle_cfg_fields,
    .cfg_size = sizeof(struct wiggle_cfg),
    .in       = in,
    .begin    = begin,
    .event    = event,
    .end      = end,
};
