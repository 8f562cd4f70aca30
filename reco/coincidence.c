/* Module LostMuonCount: lost muons as coincidences of consecutive calorimeters. Test: tests/t_coincidence.c */
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "tables.h"

#include <math.h>
#include <stdlib.h>

/* clang-format off */
#define LOST_MUON_COUNT_CFG(F, S)                                                                              \
    F(S, f64, low_GeV,     0.1,  0,  4,   "GeV", "clusters above this energy")                                 \
    F(S, f64, high_GeV,    0.25, 0,  4,   "GeV", "and below this one")                                         \
    F(S, i64, max_crystals, 3,   1,  54,  "1",   "clusters of at most so many crystals")                       \
    F(S, f64, min_fraction, 0.8, 0,  1,   "1",   "share of its largest crystal in a cluster, at least")        \
    F(S, f64, dt_low_ns,   5,    0,  100, "ns",  "flight time from one calorimeter to the next: at least")     \
    F(S, f64, dt_high_ns,  7.5,  0,  100, "ns",  "at most; 15 degrees take 6.2 ns")                            \
    F(S, f64, dt13_ns,     14.4, 0,  200, "ns",  "from the first to the third at most: rejects slower particles") \
    F(S, f64, side_from_ns, 2,   0,  100, "ns",  "accidentals: times that miss the window by this much")       \
    F(S, f64, side_to_ns,  4,    0,  100, "ns",  "to this much, on either side")                               \
    F(S, f64, quadruple_weight, 2, 0, 3,  "1",   "how often each quadruple is taken off the triples")          \
    F(S, f64, from_us,     20,   0,  700, "us",  "spectra use later times")
/* clang-format on */
CFG_DECLARE(lost_muon_count_cfg, LOST_MUON_COUNT_CFG)

enum { TRIPLE = 3 };

struct mip {
    double t_ns, energy_GeV;
    uint8_t calo;
};

struct state {
    struct mip *mip; /* by calorimeter and time */
    size_t capacity, start[N_CALOS + 2];
    double side_scale;      /* width of the window over that of the side windows */
    double both_side_scale; /* of triples with both times in side windows */
    struct hist *losses, *triples, *quadruples, *accidental, *dt, *energy, *calo;
};

static enum err book(struct step *s, struct state *st)
{
    struct hist_axis time   = hist_axis(700, 0.0, 700.0, "time in fill", "us");
    struct hist_axis dt12   = hist_axis(60, 0.0, 15.0, "first to second", "ns");
    struct hist_axis dt23   = hist_axis(60, 0.0, 15.0, "second to third", "ns");
    struct hist_axis energy = hist_axis(60, 0.0, 0.3, "cluster energy", "GeV");
    struct hist_axis calo   = hist_axis(N_CALOS, 0.5, N_CALOS + 0.5, "first calorimeter", "1");
    TRY(hist_book(s->hists, "losses/losses", "lost muons: triples, less quadruples and accidentals", time, HIST_NO_AXIS,
                  1, &st->losses));
    TRY(hist_book(s->hists, "losses/triples", "triple coincidences", time, HIST_NO_AXIS, 0, &st->triples));
    TRY(hist_book(s->hists, "losses/quadruples", "quadruple coincidences", time, HIST_NO_AXIS, 0, &st->quadruples));
    TRY(hist_book(s->hists, "losses/accidental", "accidental triples, from the side windows", time, HIST_NO_AXIS, 1,
                  &st->accidental));
    TRY(hist_book(s->hists, "losses/dt", "flight times in triples of minimum ionising clusters", dt12, dt23, 0,
                  &st->dt));
    TRY(hist_book(s->hists, "losses/energy", "clusters in triples", energy, HIST_NO_AXIS, 0, &st->energy));
    return hist_book(s->hists, "losses/calo", "first calorimeter of triples", calo, HIST_NO_AXIS, 0, &st->calo);
}

static enum err begin(struct step *s)
{
    const struct lost_muon_count_cfg *c = s->cfg;
    REQUIRE(c->dt_low_ns < c->dt_high_ns && c->side_from_ns < c->side_to_ns, ERR_CONFIG,
            "%s: dt_low_ns %g must be below dt_high_ns %g, and side_from_ns %g below side_to_ns %g", s->label,
            c->dt_low_ns, c->dt_high_ns, c->side_from_ns, c->side_to_ns);
    REQUIRE(c->dt_low_ns >= c->side_to_ns, ERR_CONFIG, "%s: side_to_ns %g reaches beyond dt_low_ns %g, below 0",
            s->label, c->side_to_ns, c->dt_low_ns);
    struct state *st;
    TRY(mem_alloc(&st, 1, sizeof *st));
    s->state = st;
    /* dt13 cuts a corner off the square of both windows: strays alone lose that part */
    double width = c->dt_high_ns - c->dt_low_ns, corner = fmin(width, fmax(0.0, 2.0 * c->dt_high_ns - c->dt13_ns));
    st->side_scale      = width / (2.0 * (c->side_to_ns - c->side_from_ns));
    st->both_side_scale = st->side_scale * st->side_scale * (1.0 + 0.5 * corner * corner / (width * width));
    return book(s, st);
}

static int by_calo_and_time(const void *a, const void *b)
{
    const struct mip *p = a, *q = b;
    if (p->calo != q->calo) return p->calo < q->calo ? -1 : 1;
    return (p->t_ns > q->t_ns) - (p->t_ns < q->t_ns);
}

/* Minimum ionising clusters of the fill, those of calorimeter c in start[c] .. start[c + 1]. */
static enum err load(const struct lost_muon_count_cfg *c, struct state *st, const struct cluster_view *in)
{
    if (in->n > st->capacity) {
        mem_free(st->mip);
        st->mip      = NULL;
        st->capacity = 0;
        TRY(mem_alloc(&st->mip, 2 * in->n, sizeof *st->mip));
        st->capacity = 2 * in->n;
    }
    size_t n = 0;
    for (size_t i = 0; i < in->n; i++) {
        if (in->calo[i] < 1 || in->calo[i] > N_CALOS || in->n_crystals[i] > c->max_crystals) continue;
        if (!(in->energy_GeV[i] > c->low_GeV && in->energy_GeV[i] < c->high_GeV)) continue;
        if ((double)in->max_fraction[i] < c->min_fraction) continue;
        st->mip[n++] = (struct mip){in->t_fill_ns[i], in->energy_GeV[i], in->calo[i]};
    }
    if (n > 0) qsort(st->mip, n, sizeof *st->mip, by_calo_and_time);
    for (size_t calo = 0, i = 0; calo <= N_CALOS + 1; calo++) {
        while (i < n && st->mip[i].calo < calo) i++;
        st->start[calo] = i;
    }
    return ERR_OK;
}

/* Clusters of the next calorimeter later than `mip` by low..high. */
struct range {
    const struct mip *begin, *end;
};

static struct range partners(const struct state *st, const struct mip *mip, double low_ns, double high_ns)
{
    int calo     = mip->calo % N_CALOS + 1;
    size_t begin = st->start[calo], end = st->start[calo + 1];
    for (size_t stop = end; begin < stop;) { /* the first not earlier than low */
        size_t middle = begin + (stop - begin) / 2;
        if (st->mip[middle].t_ns - mip->t_ns < low_ns)
            begin = middle + 1;
        else
            stop = middle;
    }
    struct range r = {st->mip + begin, st->mip + begin};
    while (r.end < st->mip + end && r.end->t_ns - mip->t_ns <= high_ns) r.end++;
    return r;
}

/* Which window a time difference lies in. */
enum window { WINDOW_NONE, WINDOW_SIGNAL, WINDOW_SIDE };

static enum window window_of(const struct lost_muon_count_cfg *c, double dt_ns)
{
    if (dt_ns >= c->dt_low_ns && dt_ns <= c->dt_high_ns) return WINDOW_SIGNAL;
    double miss = dt_ns < c->dt_low_ns ? c->dt_low_ns - dt_ns : dt_ns - c->dt_high_ns;
    return miss >= c->side_from_ns && miss <= c->side_to_ns ? WINDOW_SIDE : WINDOW_NONE;
}

static void count_quadruples(const struct lost_muon_count_cfg *c, struct state *st, const struct mip *const m[TRIPLE])
{
    struct range r = partners(st, m[2], c->dt_low_ns, c->dt_high_ns);
    for (const struct mip *last = r.begin; last < r.end; last++) {
        if (last->t_ns - m[1]->t_ns > c->dt13_ns) continue;
        hist_fill(st->quadruples, m[0]->t_ns * 1e-3, 0.0, 1.0);
        hist_fill(st->losses, m[0]->t_ns * 1e-3, 0.0, -c->quadruple_weight);
    }
}

/* Accidentals in both windows are one real pair and one stray, on either side, or three strays, which both side counts
 * contain: so signal-side and side-signal count for them, and side-side against. */
static void count_triple(const struct lost_muon_count_cfg *c, struct state *st, const struct mip *const m[TRIPLE])
{
    double t_us = m[0]->t_ns * 1e-3, dt12 = m[1]->t_ns - m[0]->t_ns, dt23 = m[2]->t_ns - m[1]->t_ns;
    enum window first = window_of(c, dt12), second = window_of(c, dt23);
    if (t_us >= c->from_us) hist_fill(st->dt, dt12, dt23, 1.0);
    if (first == WINDOW_NONE || second == WINDOW_NONE) return;
    if (first == WINDOW_SIGNAL && second == WINDOW_SIGNAL) {
        if (dt12 + dt23 > c->dt13_ns) return;
        hist_fill(st->triples, t_us, 0.0, 1.0);
        hist_fill(st->losses, t_us, 0.0, 1.0);
        count_quadruples(c, st, m);
        if (t_us < c->from_us) return;
        hist_fill(st->calo, m[0]->calo, 0.0, 1.0);
        for (int i = 0; i < TRIPLE; i++) hist_fill(st->energy, m[i]->energy_GeV, 0.0, 1.0);
        return;
    }
    double weight = first == WINDOW_SIDE && second == WINDOW_SIDE ? -st->both_side_scale : st->side_scale;
    hist_fill(st->accidental, t_us, 0.0, weight);
    hist_fill(st->losses, t_us, 0.0, -weight);
}

static enum err event(struct step *s)
{
    const struct lost_muon_count_cfg *c = s->cfg;
    struct state *st                    = s->state;
    const struct cluster_view in        = cluster_view(s->in[0]);
    const double low = c->dt_low_ns - c->side_to_ns, high = c->dt_high_ns + c->side_to_ns;
    TRY(load(c, st, &in));
    for (const struct mip *first = st->mip; first < st->mip + st->start[N_CALOS + 1]; first++) {
        struct range seconds = partners(st, first, low, high);
        for (const struct mip *second = seconds.begin; second < seconds.end; second++) {
            struct range thirds = partners(st, second, low, high);
            for (const struct mip *third = thirds.begin; third < thirds.end; third++)
                count_triple(c, st, (const struct mip *const[TRIPLE]){first, second, third});
        }
    }
    return ERR_OK;
}

static void end(struct step *s)
{
    struct state *st = s->state;
    if (!st) return;
    mem_free(st->mip);
    mem_free(st);
    s->state = NULL;
}

static const struct port in[] = {
    {&table_cluster, "calo t_fill_ns energy_GeV n_crystals max_fraction", false},
    {0},
};

const struct module module_coincidence = {
    .name = "LostMuonCount",
    .kind = MODULE_ANALYZER,
    .doc =
        "Counts lost muons: minimum ionising clusters (100 to 250 MeV, at most 3 crystals, the largest with 80 %) in "
        "three consecutive calorimeters, 5 to 7.5 ns apart. Accidentals are counted in side windows, quadruples are "
        "taken off. Histograms losses/*: L(t), its parts, flight times, energies, places.",
    .source   = "N. Kinnaird, thesis (Boston 2020); the arithmetic of the side windows is ours, reco/README.md",
    .fields   = lost_muon_count_cfg_fields,
    .cfg_size = sizeof(struct lost_muon_count_cfg),
    .in       = in,
    .begin    = begin,
    .event    = event,
    .end      = end,
};
