/* Source of simulation: numbered empty fills of the types that the DAQ takes, which the gun then populates. */
#include "bank.h"
#include "module.h"
#include "tables.h"

/* clang-format off */
#define EMPTY_FILL_CFG(F, S)                                                                                  \
    F(S, i64, run,              1,          1, 999999,     "1", "run number; subruns count from 0")          \
    F(S, i64, fills_per_subrun, 10,         1, 100000,     "1", "fills in one subrun, which is one unit (91 in full-scale productions)") \
    F(S, i64, first_subrun,     0,          0, 99999,      "1", "number of the first subrun")                \
    F(S, i64, start_unix_s,     1524400000, 0, 4000000000, "s", "time stamp of the first fill (ours: 22 April 2018)") \
    F(S, i64, maxEvents,        -1,        -1, 1000000000000, "1", "fills in all, -1: as many as -n says") \
    F(S, str, fills,            "muon",     0, 0,          "muon|daq|laser|pedestal", "types of fills: one type alone, or the DAQ's cadence") \
    F(S, i64, cycle_muon,       16,         1, 100000,     "1", "cadence: muon fills in a cycle; the cycle takes 1.4 s for each 16") \
    F(S, i64, cycle_laser,      1,          0, 100000,     "1", "cadence: laser fills in a cycle, after half of its muon fills (ours)") \
    F(S, i64, cycle_pedestal,   1,          0, 100000,     "1", "cadence: pedestal fills in a cycle, at its end (ours)")
/* clang-format on */
CFG_DECLARE(empty_fill_cfg, EMPTY_FILL_CFG)

/* Type of a fill of the run, and how many of this type came before it. */
static void choose(const struct empty_fill_cfg *cfg, int64_t number, struct fill *fill)
{
    fill->type         = BANK_MUON;
    fill->nth          = number;
    const char first   = cfg->fills[0];
    const int64_t half = cfg->cycle_muon / 2, after = half + cfg->cycle_laser;
    const int64_t length = cfg->cycle_muon + cfg->cycle_laser + cfg->cycle_pedestal;
    const int64_t cycle = number / length, at = number % length;
    if (first == 'l') fill->type = BANK_LASER;
    if (first == 'p') fill->type = BANK_PEDESTAL;
    if (first != 'd') return;
    if (at < half) {
        fill->nth = cycle * cfg->cycle_muon + at;
    } else if (at < after) {
        fill->type = BANK_LASER;
        fill->nth  = cycle * cfg->cycle_laser + at - half;
    } else if (at < length - cfg->cycle_pedestal) {
        fill->nth = cycle * cfg->cycle_muon + at - cfg->cycle_laser;
    } else {
        fill->type = BANK_PEDESTAL;
        fill->nth  = cycle * cfg->cycle_pedestal + at - (length - cfg->cycle_pedestal);
    }
}

/* 16 fills each 1.4 s: the accelerator's cycle, so 11.4 Hz; laser and pedestal fills of the cadence come in between. */
static int64_t time_s(const struct empty_fill_cfg *cfg, int64_t number)
{
    int64_t length = cfg->cycle_muon + cfg->cycle_laser + cfg->cycle_pedestal;
    bool is_daq    = cfg->fills[0] == 'd';
    return cfg->start_unix_s + (is_daq ? number * cfg->cycle_muon * 14 / (160 * length) : number * 14 / 160);
}

/* For files of simulated truth: what is read back from them is to be the same fill. */
static enum err tell(const struct fill *fill, struct block *out)
{
    TRY(block_resize(out, 1));
    struct fill_truth_view v = fill_truth_view(out);
    v.unix_time_s[0]         = fill->unix_time_s;
    v.fill_type[0]           = fill->type;
    v.nth[0]                 = fill->nth;
    return ERR_OK;
}

static enum err event(struct step *s)
{
    const struct empty_fill_cfg *cfg = s->cfg;
    int64_t done                     = s->fill.event; /* 0 before the first fill of the unit */
    s->pass                          = done < s->unit->n_fills;
    if (!s->pass) return ERR_OK;
    s->fill.event       = (uint32_t)(done + 1);
    int64_t fill_number = (int64_t)s->unit->subrun * cfg->fills_per_subrun + done;
    choose(cfg, fill_number, &s->fill);
    s->fill.unix_time_s = time_s(cfg, fill_number);
    return tell(&s->fill, s->out[0]);
}

static const struct port out[] = {{&table_fill_truth, NULL, false}, {0}};

const struct module module_empty_fill = {
    .name = "EmptyFill",
    .kind = MODULE_SOURCE,
    .doc =
        "Gives numbered fills without content; subrun k holds fills k*fills_per_subrun and up. All are muon fills, or "
        "laser or pedestal fills, or they come in the DAQ's cadence, which goes on from subrun to subrun.",
    .source   = "16 fills in 1.4 s: Muon g-2 TDR, arXiv:1501.06858; cadence of other fills: ours",
    .fields   = empty_fill_cfg_fields,
    .cfg_size = sizeof(struct empty_fill_cfg),
    .out      = out,
    .event    = event,
};
