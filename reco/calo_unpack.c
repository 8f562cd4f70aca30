/* Module CaloUnpack: the fill's MIDAS event becomes islands, traces and samples. */
#include "log.h"
#include "mem.h"
#include "module.h"
#include "unpack.h"

#include <string.h>

/* clang-format off */
#define CALO_UNPACK_CFG(F, S)                                                                                 \
    F(S, f64, t0_window_ns,     5000, 1,  1e6,      "ns",  "the T0 pulse is searched so near to nominal injection (ours)") \
    F(S, f64, t0_min_adc,       200,  1,  4096,     "adc", "lowest peak of a T0 pulse (ours)")                \
    F(S, i64, injection_sample, -1,   -1, 67108864, "ct",  "nominal injection, -1: as the file's ODB says; otherwise an ODB is not needed") \
    F(S, str, checks,           "checksums", 0, 0,  "sizes|checksums|all", "how closely raw payloads are looked at; all: also the CRC that gm2 writes") \
    F(S, i64, first_physics_run, 15000, 0, 1000000000, "1", "before it pedestals and Q histograms may be 16-bit (ours)") \
    F(S, i64, first_run_without_fill_number, 36000, 0, 1000000000, "1", "from it on CC holds no fill number (Run 4; ours)")
/* clang-format on */
CFG_DECLARE(calo_unpack_cfg, CALO_UNPACK_CFG)

enum { IN_RAW, IN_ODB };
enum { OUT_FILL, OUT_ISLAND, OUT_TRACE, OUT_SAMPLE };
enum { COUNT_FILLS, COUNT_OTHER, COUNT_NO_T0, COUNT_DAMAGED, COUNT_MISSING, N_COUNTS, MAX_WARNINGS = 5 };

struct state {
    struct unpack unpack;
    struct hist *counts, *damaged_crates;
    int n_warnings; /* of this unit */
};

static enum err begin(struct step *s)
{
    struct state *state;
    TRY(mem_alloc(&state, 1, sizeof *state));
    s->state = state;
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

static enum err read_odb(const struct block *block, struct unpack_settings *settings)
{
    struct odb_view text = odb_view(block);
    struct odb *odb;
    TRY(odb_parse((const char *)text.byte, text.n, &odb));
    enum err rc = unpack_set_odb(settings, odb);
    odb_free(odb);
    return rc;
}

static enum bank_check checks_of(const char *name)
{
    if (strcmp(name, "sizes") == 0) return BANK_CHECK_SIZES;
    return strcmp(name, "all") == 0 ? BANK_CHECK_ALL : BANK_CHECK_CHECKSUMS;
}

static enum err begin_unit(struct step *s)
{
    const struct calo_unpack_cfg *cfg = s->cfg;
    struct state *state               = s->state;
    struct unpack_settings *set       = &state->unpack.settings;
    state->n_warnings                 = 0;
    *set = (struct unpack_settings){.t0_window_ns = cfg->t0_window_ns, .t0_min_adc = cfg->t0_min_adc, .t0_polarity = 1};
    unpack_set_maps(set);
    set->check                         = checks_of(cfg->checks);
    set->run                           = s->unit->run;
    set->first_physics_run             = (uint32_t)cfg->first_physics_run;
    set->first_run_without_fill_number = (uint32_t)cfg->first_run_without_fill_number;
    TRY(hist_book(
        s->hists, "raw/unpack", "Fills unpacked, and what was wrong",
        hist_axis(N_COUNTS, -0.5, N_COUNTS - 0.5, "0 fills, 1 no muon fill, 2 no T0, 3 damaged, 4 crate missing", "1"),
        HIST_NO_AXIS, 0, &state->counts));
    TRY(hist_book(s->hists, "raw/damaged_crates", "Fills in which a crate was damaged",
                  hist_axis(UNPACK_CRATES, -0.5, UNPACK_CRATES - 0.5, "crate", "1"), HIST_NO_AXIS, 0,
                  &state->damaged_crates));
    enum err rc = read_odb(s->in[IN_ODB], set);
    if (rc && cfg->injection_sample < 0)
        return err_context(rc, "settings of the raw data (injection_sample in the configuration can stand for them)");
    if (rc) log_warn("the raw data's ODB does not help (%s): positive pulses, any crates", err_message());
    if (cfg->injection_sample >= 0) set->injection_sample = (int32_t)cfg->injection_sample;
    return ERR_OK;
}

static void report(const struct step *s, struct state *state)
{
    const struct unpack *u = &state->unpack;
    hist_fill(state->counts, u->fill_type > BANK_MUON ? COUNT_OTHER : COUNT_FILLS, 0.5, 1);
    if (u->status & UNPACK_NO_T0) hist_fill(state->counts, COUNT_NO_T0, 0.5, 1);
    if (u->status & UNPACK_DAMAGED) hist_fill(state->counts, COUNT_DAMAGED, 0.5, 1);
    if (u->status & UNPACK_MISSING) hist_fill(state->counts, COUNT_MISSING, 0.5, 1);
    for (int i = 0; i < UNPACK_CRATES; i++)
        if (u->crate[i].is_damaged) hist_fill(state->damaged_crates, i, 0.5, 1);
    if (!(u->status & UNPACK_DAMAGED)) return;
    enum log_level level = state->n_warnings++ < MAX_WARNINGS ? LOG_WARN : LOG_DEBUG;
    log_line(level, "run %u subrun %u event %u: %s", s->fill.run, s->fill.subrun, s->fill.event, u->problem);
}

static enum err event(struct step *s)
{
    struct state *state       = s->state;
    const struct raw_view raw = raw_view(s->in[IN_RAW]);
    TRY(unpack_event(&state->unpack, raw.byte, raw.n, s->out[OUT_FILL], s->out[OUT_ISLAND], s->out[OUT_TRACE],
                     s->out[OUT_SAMPLE]));
    report(s, state);
    return ERR_OK;
}

static enum err end_unit(struct step *s)
{
    const struct state *state = s->state;
    if (state->n_warnings > MAX_WARNINGS)
        log_warn("run %u subrun %u: %d events with damaged banks in all", s->unit->run, s->unit->subrun,
                 state->n_warnings);
    return ERR_OK;
}

static const struct port in_ports[]  = {{&table_raw, NULL, false}, {&table_odb, NULL, false}, {0}};
static const struct port out_ports[] = {{&table_fill, NULL, false},
                                        {&table_island, NULL, false},
                                        {&table_trace, NULL, false},
                                        {&table_sample, NULL, false},
                                        {0}};

const struct module module_calo_unpack = {
    .name     = "CaloUnpack",
    .kind     = MODULE_PRODUCER,
    .doc      = "Unpacks the calorimeters' islands (CT banks, full or truncated) with their pedestals (CP), sorted by "
                "time, and the time of injection from the T0 counter (crate 25). A damaged bank costs its crate in that "
                "fill and is counted in fill.status and in histogram raw/damaged_crates.",
    .source   = "bank formats of the E989 calorimeter frontend; T0 as the mean time of the bunch (ours)",
    .fields   = calo_unpack_cfg_fields,
    .cfg_size = sizeof(struct calo_unpack_cfg),
    .in       = in_ports,
    .out      = out_ports,
    .begin    = begin,
    .begin_unit = begin_unit,
    .event      = event,
    .end_unit   = end_unit,
    .end        = end,
};
