/* Module PairTimes: differences of times of neighbouring crystals that see one shower. Test: tests/t_align.c */
#include "align.h"
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "tables.h"

#include <math.h>
#include <stdlib.h>

/* clang-format off */
#define PAIR_TIMES_CFG(F, S)                                                                                   \
    F(S, f64, min_energy_GeV, 0.06, 0,   10,  "GeV", "both pulses are above this energy (time known to 0.07 ns; ours)") \
    F(S, f64, window_ns,      4,    0.1, 20,  "ns",  "differences up to this: twice the largest offset expected (ours)") \
    F(S, i64, n_bins,         320,  10,  10000, "1",  "bins over the window on either side: times of large pulses are known to 0.01 ns")
/* clang-format on */
CFG_DECLARE(pair_times_cfg, PAIR_TIMES_CFG)

enum { FIT_STATUS = 1 | 2 | 4 | 8 | 32 }; /* bits of a pulse that was fitted badly, or of a bad channel */

struct hit {
    double t_ns, energy_GeV;
    uint8_t calo, crystal;
};

struct state {
    struct hit *hit; /* by calorimeter and time */
    size_t capacity;
    struct hist *pairs, *walk;
};

static enum err begin(struct step *s)
{
    const struct pair_times_cfg *cfg = s->cfg;
    struct state *st;
    TRY(mem_alloc(&st, 1, sizeof *st));
    s->state              = st;
    struct hist_axis rows = hist_axis(2LL * ALIGN_PAIRS * N_CALOS, 0.0, 2.0 * ALIGN_PAIRS * N_CALOS,
                                      "186 (calo - 1) + 2 pair + (the second is larger)", "1");
    struct hist_axis size = hist_axis(12, log(0.05), log(2.0), "ln of the smaller energy / GeV", "1");
    struct hist_axis dt   = hist_axis(cfg->n_bins, -cfg->window_ns, cfg->window_ns, "second less first", "ns");
    struct hist_axis late = hist_axis(100, -1.0, 1.0, "smaller less larger", "ns");
    TRY(hist_book(s->hists, "calib/pair_dt", "Times of neighbouring crystals in a shower", rows, dt, 0, &st->pairs));
    return hist_book(s->hists, "calib/pair_walk", "Time of the smaller pulse against the larger", size, late, 0,
                     &st->walk);
}

static int by_calo_and_time(const void *a, const void *b)
{
    const struct hit *p = a, *q = b;
    if (p->calo != q->calo) return p->calo < q->calo ? -1 : 1;
    if (p->t_ns < q->t_ns || p->t_ns > q->t_ns) return p->t_ns < q->t_ns ? -1 : 1;
    return p->crystal - q->crystal;
}

static enum err load(const struct pair_times_cfg *cfg, struct state *st, const struct pulse_view *in, size_t *n)
{
    if (in->n > st->capacity) {
        mem_free(st->hit);
        st->hit      = NULL;
        st->capacity = 0;
        TRY(mem_alloc(&st->hit, 2 * in->n, sizeof *st->hit));
        st->capacity = 2 * in->n;
    }
    *n = 0;
    for (size_t i = 0; i < in->n; i++) {
        bool is_good = in->calo[i] >= 1 && in->calo[i] <= N_CALOS && in->crystal[i] < N_CRYSTALS &&
                       (in->status[i] & FIT_STATUS) == 0;
        if (!is_good || !(in->energy_GeV[i] > cfg->min_energy_GeV)) continue;
        st->hit[(*n)++] = (struct hit){in->t_fill_ns[i], in->energy_GeV[i], in->calo[i], in->crystal[i]};
    }
    if (*n) qsort(st->hit, *n, sizeof *st->hit, by_calo_and_time);
    return ERR_OK;
}

static void fill_pair(struct state *st, const struct hit *a, const struct hit *b)
{
    bool is_swapped;
    int pair = align_pair_of(a->crystal, b->crystal, &is_swapped);
    if (pair < 0) return;
    const struct hit *first = is_swapped ? b : a, *second = is_swapped ? a : b;
    bool is_second_larger = second->energy_GeV > first->energy_GeV;
    double dt             = second->t_ns - first->t_ns;
    int row               = 2 * (ALIGN_PAIRS * (a->calo - 1) + pair) + is_second_larger;
    hist_fill(st->pairs, row + 0.5, dt, 1.0);
    hist_fill(st->walk, log(fmin(a->energy_GeV, b->energy_GeV)), is_second_larger ? -dt : dt, 1.0);
}

static enum err event(struct step *s)
{
    const struct pair_times_cfg *cfg = s->cfg;
    struct state *st                 = s->state;
    const struct pulse_view in       = pulse_view(s->in[0]);
    size_t n;
    TRY(load(cfg, st, &in, &n));
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n && st->hit[k].calo == st->hit[i].calo; k++) {
            if (st->hit[k].t_ns - st->hit[i].t_ns > cfg->window_ns) break;
            fill_pair(st, &st->hit[i], &st->hit[k]);
        }
    return ERR_OK;
}

static void end(struct step *s)
{
    struct state *st = s->state;
    if (!st) return;
    mem_free(st->hit);
    mem_free(st);
    s->state = NULL;
}

static const struct port in[] = {{&table_pulse, "calo crystal t_fill_ns energy_GeV status", false}, {0}};

const struct module module_pair_times = {
    .name   = "PairTimes",
    .kind   = MODULE_ANALYZER,
    .doc    = "Sums what aligns the crystals of a calorimeter in time: differences of the times of two neighbours that "
              "see one "
              "shower, apart for which of the two has the larger pulse. Histograms calib/pair_dt and calib/pair_walk; "
              "gm2 calib makes time offsets of them.",
    .source = "physics 5.6, formats 5.2 (neighbour-crystal simultaneous pulses); windows and binning are ours",
    .fields = pair_times_cfg_fields,
    .cfg_size = sizeof(struct pair_times_cfg),
    .in       = in,
    .begin    = begin,
    .event    = event,
    .end      = end,
};
