/* Module Dqc: data-quality cuts, fill by fill, and the verdict on the subrun. */
#include "dqc.h"

#include "bank.h"
#include "cond_use.h"
#include "log.h"
#include "mem.h"
#include "module.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
#define CUT_PARAMETERS(F, S, name, unit, low, high, fills, bins, from, to, doc)                                        \
    F(S, f64, name##_low,  low,  -1e30, 1e30, unit, doc ": at least")                                                  \
    F(S, f64, name##_high, high, -1e30, 1e30, unit, doc ": at most")
#define SUBRUN_PARAMETERS(F, S, name, unit, low, high, doc)                                                            \
    F(S, f64, name##_low,  low,  -1e30, 1e30, unit, "of a subrun, " doc ": at least")                                  \
    F(S, f64, name##_high, high, -1e30, 1e30, unit, "of a subrun, " doc ": at most")
#define DQC_CFG(F, S)                                                                                                  \
    DQC_CUTS(CUT_PARAMETERS, F, S)                                                                                     \
    DQC_SUBRUN_CUTS(SUBRUN_PARAMETERS, F, S)                                                                           \
    F(S, str,  thresholds,     "parameters", 0, 0,    "parameters|conditions", "of all cuts: the parameters above, or table dqc_thresholds of services.conditions") \
    F(S, strs, ignore,         "[]",    0, 0,         "",    "cuts that are counted but do not make a fill bad")       \
    F(S, flag, unknown_is_bad, false,   0, 1,         "1",   "a cut that has nothing to judge by fails")               \
    F(S, f64, sync_ns,         -20000,  -1e6, 1e6,    "ns",  "the laser's sync pulse, from injection (ours)")          \
    F(S, f64, sync_window_ns,  1000,    1, 1e6,       "ns",  "it is searched so near (ours)")                          \
    F(S, f64, sync_min_adc,    100,     0, 4096,      "adc", "its least height in a channel (ours)")                \
    F(S, f64, quiet_before_ns, 2000,    0, 1e6,       "ns",  "islands that end so long before injection begin with quiet samples (ours)") \
    F(S, i64, n_quiet,         5,       2, 1000,      "ct",  "quiet samples at their beginning (ours)")                \
    F(S, f64, pedestal_tolerance_adc, 6, 0, 4096,     "adc", "their mean may be so far from the fill's pedestal (ours)") \
    F(S, strs, needs_constants, "[]",   0, 0,         "",    "tables of services.conditions that a good subrun has") \
    F(S, i64, oof_pulses,      1,       1, 1000000,   "1",   "laser pulses outside the fill that a channel's gain needs in a subrun (ours)") \
    F(S, f64, calo_fraction,   0.9,     0, 1,         "1",   "a calorimeter is present when it is whole in so many fills (ours)")
/* clang-format on */
CFG_DECLARE(dqc_cfg, DQC_CFG)

enum { IN_FILL, IN_ISLAND, IN_TRACE, IN_SAMPLE, IN_LASER };
enum { SUBRUN_KEYS = 100, MAX_TABLES = 16 }; /* of dqc_thresholds; of needs_constants */
enum { LASER_SYNC = 0, LASER_OUT_OF_FILL = 2, LASER_UNUSABLE = 1 | 4 | 8 | 16 };
enum { OUT_DQC, OUT_SUBRUN };
enum { COST_FAILS, COST_ALONE, N_COSTS };
enum { VERDICT_FILLS, VERDICT_MUON, VERDICT_GOOD, N_VERDICTS };

struct state {
    struct dqc_limits limits[N_DQC_CUTS], subrun_limits[N_DQC_SUBRUN_CUTS];
    struct dqc_settings settings;
    uint32_t ignored; /* bits of cuts */
    int thresholds;   /* handles of conditions */
    int needed[MAX_TABLES];
    uint32_t n_oof[N_CALOS][N_CRYSTALS]; /* laser pulses outside the fill in this subrun */
    struct dqc_sums sums;
    struct hist *value[N_DQC_CUTS], *cuts, *fills, *subruns;
};

static enum err book(struct step *s, struct state *st)
{
    struct hist_axis bit  = hist_axis(N_DQC_CUTS, -0.5, N_DQC_CUTS - 0.5, "cut (bit)", "1");
    struct hist_axis cost = hist_axis(N_COSTS, -0.5, N_COSTS - 0.5, "0 fails it, 1 fails no other", "1");
    struct hist_axis fills =
        hist_axis(N_VERDICTS, -0.5, N_VERDICTS - 0.5, "0 all fills, 1 muon fills, 2 good ones", "1");
    struct hist_axis sub = hist_axis(2, -0.5, 1.5, "0 bad, 1 good", "1");
    for (int i = 0; i < N_DQC_CUTS; i++) {
        const struct dqc_cut *c = &dqc_cuts[i];
        char name[96];
        snprintf(name, sizeof name, "dqc/value/%s", c->name);
        TRY(hist_book(s->hists, name, c->doc, hist_axis(c->n_bins, c->from, c->to, c->name, c->unit), HIST_NO_AXIS, 0,
                      &st->value[i]));
    }
    TRY(hist_book(s->hists, "dqc/cuts", "muon fills that fail each cut", bit, cost, 0, &st->cuts));
    TRY(hist_book(s->hists, "dqc/fills", "fills, muon fills, good ones", fills, HIST_NO_AXIS, 0, &st->fills));
    return hist_book(s->hists, "dqc/subruns", "subruns", sub, HIST_NO_AXIS, 0, &st->subruns);
}

static enum err read_ignored(const struct step *s, const struct strs *names, uint32_t *bits)
{
    *bits = 0;
    for (size_t k = 0; k < names->n; k++) {
        int i = 0;
        while (dqc_cuts[i].name && strcmp(dqc_cuts[i].name, names->value[k]) != 0) i++;
        REQUIRE(dqc_cuts[i].name, ERR_CONFIG, "%s.ignore: there is no cut \"%s\"; there are%s", s->label,
                names->value[k], DQC_CUT_NAMES);
        *bits |= 1u << i;
    }
    return ERR_OK;
}

#define TAKE_LIMITS(TO, CFG, name, ...) TO[n++] = (struct dqc_limits){(CFG)->name##_low, (CFG)->name##_high};
static void take_limits(const struct dqc_cfg *cfg, struct state *st)
{
    int n = 0;
    DQC_CUTS(TAKE_LIMITS, st->limits, cfg)
    n = 0;
    DQC_SUBRUN_CUTS(TAKE_LIMITS, st->subrun_limits, cfg)
}

static enum err check_limits(const struct step *s, const struct state *st)
{
    for (int i = 0; i < N_DQC_CUTS; i++)
        REQUIRE(st->limits[i].low <= st->limits[i].high, ERR_CONFIG, "%s: %s_low %g is above %s_high %g", s->label,
                dqc_cuts[i].name, st->limits[i].low, dqc_cuts[i].name, st->limits[i].high);
    for (int i = 0; i < N_DQC_SUBRUN_CUTS; i++)
        REQUIRE(st->subrun_limits[i].low <= st->subrun_limits[i].high, ERR_CONFIG, "%s: %s_low %g is above %s_high %g",
                s->label, dqc_subrun_cuts[i].name, st->subrun_limits[i].low, dqc_subrun_cuts[i].name,
                st->subrun_limits[i].high);
    return ERR_OK;
}

static enum err want_constants(struct step *s, const struct dqc_cfg *cfg, struct state *st)
{
    if (strcmp(cfg->thresholds, "conditions") == 0)
        TRY(cond_use_want(s->job->conditions, "dqc_thresholds", false, s->label, &st->thresholds));
    REQUIRE(cfg->needs_constants.n <= MAX_TABLES, ERR_CONFIG, "%s.needs_constants: more than %d tables", s->label,
            MAX_TABLES);
    for (size_t i = 0; i < cfg->needs_constants.n; i++)
        TRY(cond_use_want(s->job->conditions, cfg->needs_constants.value[i], false, s->label, &st->needed[i]));
    return ERR_OK;
}

/* All cuts, or none: a threshold that is not there is no reason to take another. */
static enum err read_thresholds(const struct step *s, struct state *st)
{
    const struct cond_use *use = s->job->conditions;
    const struct cond_set *set = cond_use_set(use, st->thresholds);
    const struct cond_interval *interval;
    bool has[SUBRUN_KEYS + 32] = {false};
    TRY(cond_use_at(use, st->thresholds, s->unit->run, s->unit->subrun, 0, &interval));
    for (size_t i = 0; interval && i < interval->n_rows; i++) {
        size_t row = interval->first + i, cut = (size_t)set->value[0][row];
        const struct dqc_limits limits = {set->value[1][row], set->value[2][row]};
        if (cut < sizeof has / sizeof has[0]) has[cut] = true;
        if (cut < N_DQC_CUTS) st->limits[cut] = limits;
        if (cut >= SUBRUN_KEYS && cut < SUBRUN_KEYS + N_DQC_SUBRUN_CUTS) st->subrun_limits[cut - SUBRUN_KEYS] = limits;
    }
    for (int i = 0; i < SUBRUN_KEYS + N_DQC_SUBRUN_CUTS; i++)
        REQUIRE(has[i] || (i >= N_DQC_CUTS && i < SUBRUN_KEYS), ERR_NOTFOUND,
                "%s: dqc_thresholds has nothing for cut %d (%s) in run %u subrun %u", s->label, i,
                i < N_DQC_CUTS ? dqc_cuts[i].name : dqc_subrun_cuts[i - SUBRUN_KEYS].name, s->unit->run,
                s->unit->subrun);
    return check_limits(s, st);
}

static enum err begin(struct step *s)
{
    const struct dqc_cfg *cfg = s->cfg;
    struct state *st;
    TRY(mem_alloc(&st, 1, sizeof *st));
    s->state     = st;
    st->settings = (struct dqc_settings){.sync_ns                = cfg->sync_ns,
                                         .sync_window_ns         = cfg->sync_window_ns,
                                         .sync_min_adc           = cfg->sync_min_adc,
                                         .quiet_before_ns        = cfg->quiet_before_ns,
                                         .pedestal_tolerance_adc = cfg->pedestal_tolerance_adc,
                                         .n_quiet                = (int32_t)cfg->n_quiet};
    take_limits(cfg, st);
    TRY(check_limits(s, st));
    TRY(want_constants(s, cfg, st));
    TRY(read_ignored(s, &cfg->ignore, &st->ignored));
    return book(s, st);
}

static enum err begin_unit(struct step *s)
{
    const struct dqc_cfg *cfg = s->cfg;
    struct state *st          = s->state;
    st->sums                  = (struct dqc_sums){.calo_fraction = cfg->calo_fraction};
    memset(st->n_oof, 0, sizeof st->n_oof);
    return strcmp(cfg->thresholds, "conditions") == 0 ? read_thresholds(s, st) : ERR_OK;
}

static void fill_hists(const struct dqc_measured *m, const double value[N_DQC_CUTS], uint32_t flags, struct state *st)
{
    bool is_muon = m->fill_type == BANK_MUON;
    hist_fill(st->fills, VERDICT_FILLS, 0.0, 1.0);
    if (!is_muon) return;
    hist_fill(st->fills, VERDICT_MUON, 0.0, 1.0);
    if (!flags) hist_fill(st->fills, VERDICT_GOOD, 0.0, 1.0);
    for (int i = 0; i < N_DQC_CUTS; i++) {
        if (!isnan(value[i])) hist_fill(st->value[i], value[i], 0.0, 1.0);
        if (flags >> i & 1) hist_fill(st->cuts, i, COST_FAILS, 1.0);
        if (flags == 1u << i) hist_fill(st->cuts, i, COST_ALONE, 1.0);
    }
}

static void add_laser(const struct block *block, struct state *st)
{
    if (!block) return;
    const struct laser_pulse_view v = laser_pulse_view(block);
    for (size_t i = 0; i < v.n; i++) {
        bool is_outside = v.kind[i] == LASER_SYNC || v.kind[i] == LASER_OUT_OF_FILL;
        bool is_crystal = v.calo[i] >= 1 && v.calo[i] <= N_CALOS && v.crystal[i] < N_CRYSTALS;
        if (is_outside && is_crystal && !(v.status[i] & LASER_UNUSABLE)) st->n_oof[v.calo[i] - 1][v.crystal[i]]++;
    }
}

/* What the sums of a subrun do not have from its fills. */
static enum err add_subrun(struct step *s, struct state *st)
{
    const struct dqc_cfg *cfg = s->cfg;
    st->sums.n_oof_channels   = s->in[IN_LASER] ? 0.0 : (double)NAN;
    st->sums.n_no_constants   = cfg->needs_constants.n ? 0.0 : (double)NAN;
    for (int i = 0; s->in[IN_LASER] && i < N_CALOS * N_CRYSTALS; i++)
        st->sums.n_oof_channels += st->n_oof[i / N_CRYSTALS][i % N_CRYSTALS] >= cfg->oof_pulses;
    for (size_t i = 0; i < cfg->needs_constants.n; i++) {
        const struct cond_interval *interval;
        TRY(cond_use_at(s->job->conditions, st->needed[i], s->unit->run, s->unit->subrun, 0, &interval));
        st->sums.n_no_constants += !interval;
    }
    return ERR_OK;
}

#define PUT_VALUE(VIEW, VALUE, name, ...) (VIEW).name[0] = (float)(VALUE)[n++];
static enum err event(struct step *s)
{
    const struct dqc_cfg *cfg = s->cfg;
    struct state *st          = s->state;
    const struct dqc_input in = {s->in[IN_FILL], s->in[IN_ISLAND], s->in[IN_TRACE], s->in[IN_SAMPLE]};
    struct dqc_measured m;
    double value[N_DQC_CUTS];
    uint32_t flags, unknown;
    if (in.fill->n == 0) return ERR_OK;
    dqc_measure(&st->settings, &in, &m);
    dqc_judge(&m, st->limits, value, &flags, &unknown);
    uint32_t counted = (flags | (cfg->unknown_is_bad ? unknown : 0)) & ~st->ignored;
    TRY(block_resize(s->out[OUT_DQC], 1));
    struct dqc_view v = dqc_view(s->out[OUT_DQC]);
    int n             = 0;
    v.fill_type[0]    = m.fill_type;
    v.is_good[0]      = counted == 0;
    v.flags[0]        = flags;
    v.unknown[0]      = unknown;
    DQC_CUTS(PUT_VALUE, v, value)
    dqc_add(&m, counted, &st->sums);
    add_laser(s->in[IN_LASER], st);
    fill_hists(&m, value, counted, st);
    return ERR_OK;
}

static enum err end_unit(struct step *s)
{
    struct state *st = s->state;
    double value[N_DQC_SUBRUN_CUTS];
    uint32_t flags, unknown;
    int n = 0;
    TRY(add_subrun(s, st));
    dqc_judge_subrun(&st->sums, st->subrun_limits, value, &flags, &unknown);
    TRY(block_resize(s->out[OUT_SUBRUN], 1));
    struct dqc_subrun_view v = dqc_subrun_view(s->out[OUT_SUBRUN]);
    v.is_good[0]             = flags == 0;
    v.flags[0]               = flags;
    v.unknown[0]             = unknown;
    v.n_fills[0]             = st->sums.n_fills;
    v.n_good[0]              = st->sums.n_good;
    v.calos[0]               = dqc_calos_present(&st->sums);
    for (int i = 0; i < N_DQC_CUTS; i++) {
        v.n_failed[i] = st->sums.n_failed[i];
        v.n_alone[i]  = st->sums.n_alone[i];
    }
    DQC_SUBRUN_CUTS(PUT_VALUE, v, value)
    hist_fill(st->subruns, flags == 0, 0.0, 1.0);
    for (int i = 0; i < N_DQC_SUBRUN_CUTS; i++)
        if (flags >> i & 1)
            log_detail("run %u subrun %u is bad: %s %g, %g to %g accepted", s->unit->run, s->unit->subrun,
                       dqc_subrun_cuts[i].name, value[i], st->subrun_limits[i].low, st->subrun_limits[i].high);
    return ERR_OK;
}

static void end(struct step *s) { mem_free(s->state); }

static const struct port in_ports[] = {
    [IN_FILL]   = {&table_fill, "fill_type t0_ns ctag status calos", false},
    [IN_ISLAND] = {&table_island, NULL, true},
    [IN_TRACE]  = {&table_trace, NULL, true},
    [IN_SAMPLE] = {&table_sample, NULL, true},
    [IN_LASER]  = {&table_laser_pulse, "kind calo crystal status", true},
    {0},
};
static const struct port out_ports[] = {{&table_dqc, NULL, false}, {&table_dqc_subrun, NULL, false}, {0}};

const struct module module_dqc = {
    .name = "Dqc",
    .kind = MODULE_PRODUCER,
    .doc =
        "Data-quality cuts. Each fill: banks whole, 24 calorimeters, T0 pulse and its shape, CTAG, laser sync pulse, "
        "pedestals, noise; each with a lowest and a highest value that are accepted. Table dqc has the values, the "
        "bits of the cuts that fail and is_good; histogram dqc/cuts says what each cut costs: muon fills that fail "
        "it, and those that fail it alone. Table dqc_subrun has the sums and the verdict of a subrun.",
    .source     = "two levels of cuts as in the experiment (APS poster K01.45); thresholds are ours",
    .fields     = dqc_cfg_fields,
    .cfg_size   = sizeof(struct dqc_cfg),
    .in         = in_ports,
    .out        = out_ports,
    .begin      = begin,
    .begin_unit = begin_unit,
    .event      = event,
    .end_unit   = end_unit,
    .end        = end,
};
