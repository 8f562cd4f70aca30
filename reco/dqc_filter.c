/* Filter DqcFilter: stops the path of fills that failed the quality cuts. Test: tests/t_dqc.c */
#include "dqc.h"
#include "mem.h"
#include "module.h"

#include <string.h>

/* clang-format off */
#define DQC_FILTER_CFG(F, S)                                                                                           \
    F(S, strs, cuts, "[]",    0, 0, "",                  "cuts that stop a fill; empty: whatever makes it bad in Dqc") \
    F(S, str,  fills, "muon", 0, 0, "muon|laser|pedestal|any", "type of the fills that may pass")
/* clang-format on */
CFG_DECLARE(dqc_filter_cfg, DQC_FILTER_CFG)

struct state {
    uint32_t bits;
    int type; /* 0: any */
};

static enum err begin(struct step *s)
{
    static const char *const types[] = {"any", "muon", "laser", "pedestal"};
    const struct dqc_filter_cfg *cfg = s->cfg;
    struct state *st;
    TRY(mem_alloc(&st, 1, sizeof *st));
    s->state = st;
    while (strcmp(types[st->type], cfg->fills) != 0) st->type++;
    for (size_t k = 0; k < cfg->cuts.n; k++) {
        int i = 0;
        while (dqc_cuts[i].name && strcmp(dqc_cuts[i].name, cfg->cuts.value[k]) != 0) i++;
        REQUIRE(dqc_cuts[i].name, ERR_CONFIG, "%s.cuts: there is no cut \"%s\"; there are%s", s->label,
                cfg->cuts.value[k], DQC_CUT_NAMES);
        st->bits |= 1u << i;
    }
    return ERR_OK;
}

static enum err event(struct step *s)
{
    const struct state *st = s->state;
    s->pass                = false;
    if (s->in[0]->n == 0) return ERR_OK;
    const struct dqc_view v = dqc_view(s->in[0]);
    bool is_good            = st->bits ? !(v.flags[0] & st->bits) : v.is_good[0];
    s->pass                 = is_good && (!st->type || v.fill_type[0] == st->type);
    return ERR_OK;
}

static void end(struct step *s) { mem_free(s->state); }

static const struct port in[] = {{&table_dqc, "fill_type is_good flags", false}, {0}};

const struct module module_dqc_filter = {
    .name     = "DqcFilter",
    .kind     = MODULE_FILTER,
    .doc      = "Lets good fills pass. Put it at the end of a trigger path, and let analyzers choose that path with "
                "SelectEvents: [path]; tables keep all fills.",
    .source   = "ours",
    .fields   = dqc_filter_cfg_fields,
    .cfg_size = sizeof(struct dqc_filter_cfg),
    .in       = in,
    .begin    = begin,
    .event    = event,
    .end      = end,
};
