/* Source of simulation: numbered empty fills, which the gun then populates. */
#include "bank.h"
#include "module.h"

/* clang-format off */
#define EMPTY_FILL_CFG(F, S)                                                                                  \
    F(S, i64, run,              1,          1, 999999,     "1", "run number; subruns count from 0")          \
    F(S, i64, fills_per_subrun, 10,         1, 100000,     "1", "fills in one subrun, which is one unit (91 in full-scale productions)") \
    F(S, i64, first_subrun,     0,          0, 99999,      "1", "number of the first subrun")                \
    F(S, i64, start_unix_s,     1524400000, 0, 4000000000, "s", "time stamp of the first fill (ours: 22 April 2018)") \
    F(S, i64, maxEvents,        -1,        -1, 1000000000000, "1", "fills in all, -1: as many as -n says")
/* clang-format on */
CFG_DECLARE(empty_fill_cfg, EMPTY_FILL_CFG)

/* 16 fills each 1.4 s: the accelerator's cycle, so 11.4 Hz. */
static enum err event(struct step *s)
{
    const struct empty_fill_cfg *cfg = s->cfg;
    int64_t done                     = s->fill.event; /* 0 before the first fill of the unit */
    s->pass                          = done < s->unit->n_fills;
    if (!s->pass) return ERR_OK;
    s->fill.event       = (uint32_t)(done + 1);
    s->fill.type        = BANK_MUON;
    int64_t fill_number = (int64_t)s->unit->subrun * cfg->fills_per_subrun + done;
    s->fill.unix_time_s = cfg->start_unix_s + fill_number * 14 / 160;
    return ERR_OK;
}

const struct module module_empty_fill = {
    .name     = "EmptyFill",
    .kind     = MODULE_SOURCE,
    .doc      = "Gives numbered fills without content; subrun k holds fills k*fills_per_subrun and up.",
    .source   = "16 fills in 1.4 s: Muon g-2 TDR, arXiv:1501.06858",
    .fields   = empty_fill_cfg_fields,
    .cfg_size = sizeof(struct empty_fill_cfg),
    .event    = event,
};
