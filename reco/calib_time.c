/* Calibration `beam_time`: time offsets of crystals from neighbours in showers, of calorimeters from lost muons. Sums: histogram
 * calib/pair_dt of module PairTimes, table mip_triple of module MipTriples. */
#include "align.h"
#include "calib_beam.h"
#include "calib_mips.h"
#include "location.h"
#include "mem.h"

#include <math.h>
#include <stdio.h>

enum { MIN_PAIRS = 4, MIN_MUONS = 5, CLASSES = 2 };
#define LEAST_WINDOW_NS 0.25  /* about the peak of a pair: 2 rms of the smallest pulses used */
#define MAX_PULL        5.0   /* of a link, for it to be used */
#define MUON_FLOOR_NS   0.002 /* flights differ with the place where muons are lost, as seen in simulation */
#define MUON_CLIP_NS    0.1   /* 2 rms of flight times: where in its crystal a muon went is not known */

/* ---- crystals of a calorimeter --------------------------------------------------------------------------------------- */
/* All pairs of all calorimeters by which of the two is larger. */
struct pairs {
    struct align_peak peak[N_CALOS][ALIGN_PAIRS][CLASSES];
    double variance; /* of one difference */
    double walk_ns;  /* how much later the smaller pulse seems */
    double walk_error_ns;
};

static void read_peaks(const struct hist *h, struct pairs *p)
{
    double freedom = 0.0, squares = 0.0;
    for (int k = 0; k < N_CALOS; k++)
        for (int pair = 0; pair < ALIGN_PAIRS; pair++)
            for (int c = 0; c < CLASSES; c++) {
                struct align_peak *peak = &p->peak[k][pair][c];
                *peak = align_row_peak(h, CLASSES * (ALIGN_PAIRS * k + pair) + c, 3.0, LEAST_WINDOW_NS);
                if (peak->n < MIN_PAIRS) continue;
                freedom += (double)peak->n - 1.0;
                squares += (double)peak->n * peak->variance;
            }
    p->variance = freedom > 0.0 ? squares / freedom : 0.0;
}

/* Offsets are the same whichever is larger: half the difference of both classes is the time walk. */
static void read_walk(struct pairs *p)
{
    double sum = 0.0, weights = 0.0;
    for (int k = 0; k < N_CALOS; k++)
        for (int pair = 0; pair < ALIGN_PAIRS; pair++) {
            const struct align_peak *a = p->peak[k][pair];
            if (a[0].n < MIN_PAIRS || a[1].n < MIN_PAIRS) continue;
            double w = 4.0 / (p->variance * (1.0 / (double)a[0].n + 1.0 / (double)a[1].n));
            sum +=
                w * 0.5 * (a[0].mean - a[1].mean); /* first larger: the second, smaller one comes later by the walk */
            weights += w;
        }
    p->walk_ns       = weights > 0.0 ? sum / weights : 0.0;
    p->walk_error_ns = weights > 0.0 ? 1.0 / sqrt(weights) : 0.0;
}

static size_t make_links(const struct pairs *p, int k, struct align_link *link)
{
    size_t n = 0;
    for (int pair = 0; pair < ALIGN_PAIRS; pair++) {
        const struct align_peak *a = p->peak[k][pair];
        double counts = 0.0, sum = 0.0;
        for (int c = 0; c < CLASSES; c++) {
            if (a[c].n < MIN_PAIRS) continue;
            counts += (double)a[c].n;
            sum += (double)a[c].n * (a[c].mean + (c ? p->walk_ns : -p->walk_ns));
        }
        if (counts < MIN_PAIRS) continue;
        struct align_link *l = &link[n++];
        align_pair(pair, &l->first, &l->second);
        l->dt_ns    = sum / counts;
        l->error_ns = sqrt(p->variance / counts);
    }
    return n;
}

/* The link that fits worst, in its errors. */
static size_t worst_link(const struct align_link *link, size_t n, const struct align_node *node, double *pull)
{
    size_t worst = 0;
    *pull        = 0.0;
    for (size_t i = 0; i < n; i++) {
        const struct align_node *a = &node[link[i].first], *b = &node[link[i].second];
        if (!a->is_known || !b->is_known) continue;
        double r = fabs(link[i].dt_ns - b->offset_ns + a->offset_ns) / link[i].error_ns;
        if (r <= *pull) continue;
        *pull = r;
        worst = i;
    }
    return worst;
}

/* A pair whose few showers make a false peak contradicts its neighbours: such links are left out, the worst first. */
static enum err solve_calo(const struct pairs *p, int k, struct align_node *node, struct align_result *fit,
                           int *n_left_out)
{
    struct align_link link[ALIGN_PAIRS];
    size_t n = make_links(p, k, link);
    for (;;) {
        double pull;
        TRY(align_solve(N_CRYSTALS, link, n, false, node, fit));
        size_t worst = worst_link(link, n, node, &pull);
        if (pull < MAX_PULL) return ERR_OK;
        link[worst] = link[--n];
        ++*n_left_out;
    }
}

/* ---- calorimeters ------------------------------------------------------------------------------------------------------ */
struct times {
    struct pairs pairs;
    struct align_node crystal[CALIB_CHANNELS], calo[N_CALOS];
    struct align_result rings;
    struct location link[N_CALOS]; /* of a calorimeter and the next: flight beyond what is expected */
    double chi2;
    int ndf, n_channels, n_calos, n_left_out;
    size_t n_muons;
};

/* Keeps what lies within +-half of its link's location. Strays are flat in time, but cut where MipTriples' window ends: only in a
 * window about the peak do as many lie on either side. */
static size_t keep_near(struct location_sample *sample, size_t n, const struct location *link, double half_ns)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        const struct location *l = &link[sample[i].group];
        if (l->is_known && fabs(sample[i].x - l->value) < half_ns) sample[kept++] = sample[i];
    }
    return kept;
}

static enum err find_links(const struct calib_mips *mips, struct times *t)
{
    static const double half_ns[] = {1.5, 0.6, 0.4, 0.4};
    struct location_sample *sample;
    size_t n = 0;
    TRY(mem_alloc(&sample, mips->n_links + 1, sizeof *sample));
    for (size_t i = 0; i < mips->n_links; i++) {
        const struct calib_mip_link *l = &mips->link[i];
        const struct align_node *a = &t->crystal[l->first], *b = &t->crystal[l->second];
        if (!a->is_known || !b->is_known) continue;
        double dt   = l->dt_ns - calib_mips_flight_ns(l->first, l->second) - b->offset_ns + a->offset_ns;
        sample[n++] = (struct location_sample){l->first / N_CRYSTALS, dt};
    }
    enum err rc = location_groups(sample, n, MUON_CLIP_NS, MIN_MUONS, N_CALOS, t->link);
    for (size_t i = 0; i < sizeof half_ns / sizeof half_ns[0] && !rc; i++) {
        n  = keep_near(sample, n, t->link, half_ns[i]);
        rc = location_groups(sample, n, MUON_CLIP_NS, MIN_MUONS, N_CALOS, t->link);
    }
    t->n_muons = n;
    mem_free(sample);
    return rc;
}

static enum err solve_ring(struct times *t)
{
    struct align_link link[N_CALOS];
    size_t n = 0;
    for (int k = 0; k < N_CALOS; k++)
        if (t->link[k].is_known)
            link[n++] =
                (struct align_link){k, (k + 1) % N_CALOS, t->link[k].value, hypot(t->link[k].error, MUON_FLOOR_NS)};
    /* closed around the ring, the sum of all differences is 0, and what all flights have too much comes out */
    return align_solve(N_CALOS, link, n, n == N_CALOS, t->calo, &t->rings);
}

static enum err find_times(const struct calib_input *in, struct times *t)
{
    struct calib_mips mips;
    read_peaks(hist_find(&in->hists, "calib/pair_dt"), &t->pairs);
    REQUIRE(t->pairs.variance > 0.0, ERR_NOTFOUND, "no two neighbouring crystals saw %d showers together", MIN_PAIRS);
    read_walk(&t->pairs);
    for (int k = 0; k < N_CALOS; k++) {
        struct align_result fit;
        TRY(solve_calo(&t->pairs, k, t->crystal + (size_t)k * N_CRYSTALS, &fit, &t->n_left_out));
        t->chi2 += fit.chi2;
        t->ndf += fit.ndf;
    }
    TRY(calib_mips_read(in, &mips));
    enum err rc = find_links(&mips, t);
    calib_mips_free(&mips);
    return rc ? rc : solve_ring(t);
}

/* ---- both together ------------------------------------------------------------------------------------------------------ */
static bool is_known(const struct times *t, int channel)
{
    return t->crystal[channel].is_known && t->calo[channel / N_CRYSTALS].is_known;
}

static double total(const struct times *t, int channel)
{
    return t->crystal[channel].offset_ns + t->calo[channel / N_CRYSTALS].offset_ns;
}

static enum err write_out(const struct calib_input *in, struct times *t, struct calib_result *out)
{
    static const double neutral[2] = {0.0, 0.0};
    double mean                    = 0.0;
    for (int k = 0; k < N_CALOS; k++) t->n_calos += t->calo[k].is_known;
    for (int i = 0; i < CALIB_CHANNELS; i++) {
        t->n_channels += is_known(t, i);
        mean += is_known(t, i) ? total(t, i) : 0.0;
    }
    REQUIRE(t->n_channels > 0, ERR_NOTFOUND, "%zu flights of muons join no two calorimeters", t->n_muons);
    mean /= t->n_channels;
    TRY(calib_begin("time_alignment", out));
    TRY(calib_interval_run(out, in->unit[0].run, in->unit[in->n_units - 1].run));
    for (int i = 0; i < CALIB_CHANNELS; i++) {
        const int calo = 1 + i / N_CRYSTALS, crystal = i % N_CRYSTALS;
        const double value[2] = {total(t, i) - mean, hypot(t->crystal[i].error_ns, t->calo[calo - 1].error_ns)};
        TRY(is_known(t, i) ? calib_add(out, calo, crystal, value, neutral)
                           : calib_add_missing(out, calo, crystal, neutral));
    }
    snprintf(out->note, sizeof out->note,
             "Mean of all channels is 0. Within calorimeters: rms of a difference %.3f ns, chi2/ndf %.0f/%d, %d pairs "
             "of crystals left out, "
             "time walk %.1f +- %.1f ps. Between calorimeters: %zu flights; %d of %d joined; %s %.1f +- %.1f ps.",
             sqrt(t->pairs.variance), t->chi2, t->ndf, t->n_left_out, 1e3 * t->pairs.walk_ns,
             1e3 * t->pairs.walk_error_ns, t->n_muons, t->n_calos, N_CALOS,
             t->rings.common_error_ns > 0.0 ? "flights longer than expected by" : "the ring is not closed:",
             1e3 * t->rings.common_ns, 1e3 * t->rings.common_error_ns);
    return ERR_OK;
}

static enum err extract(const struct calib_input *in, struct calib_result *out)
{
    struct times *t;
    REQUIRE(in->n_units > 0, ERR_NOTFOUND, "there are no subruns");
    TRY(mem_alloc(&t, 1, sizeof *t));
    enum err rc = find_times(in, t);
    if (!rc) rc = write_out(in, t, out);
    mem_free(t);
    return rc;
}

/* The same offsets that the laser measures. */
static bool truth(const struct calib_input *in, struct cond_time begin, int calo, int crystal, double *value)
{
    return calibration_sync.truth(in, begin, calo, crystal, value);
}

const struct calibration calibration_beam_time = {
    .name      = "beam_time",
    .condition = "time_alignment",
    .title     = "Times of channels by the beam",
    .doc =
        "Offsets of crystals from neighbours that see one shower, of calorimeters from lost muons that cross several.",
    .hists    = {"calib/pair_dt"},
    .tables   = {"mip_triple"},
    .made_by  = "PairTimes and MipTriples",
    .extract  = extract,
    .truth    = truth,
    .pictures = calib_time_pictures,
};
