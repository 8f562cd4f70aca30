/* Calibration `energy`: crystals equalised by lost muons, calorimeters set to scale by the edge of the positrons' spectrum. Sums:
 * table mip_triple of module MipTriples, histogram calib/endpoint of module EndpointSpectra. */
#include "calib_beam.h"
#include "calib_mips.h"
#include "energy_scale.h"
#include "location.h"
#include "mem.h"

#include <math.h>
#include <stdio.h>

enum { MIN_MUONS = 10, MIN_EDGE = 100 }; /* crossings a crystal; positrons above EDGE_LOW_GeV */
#define MIP_CLIP      0.15               /* of ln(light): 1.4 rms of the peak */
#define EDGE_LOW_GeV  2.5                /* below it the acceptance bends the spectrum: the fit would not describe it */
#define EDGE_HIGH_GeV 3.8
#define EDGE_ENOUGH   0.006 /* relative error with which a calorimeter has an edge of its own */
#define EDGE_RELATIVE 0.001 /* to which CALIB_EDGE_GeV is known */

struct scale {
    struct location mip[CALIB_CHANNELS], calo[N_CALOS], mean; /* of ln(counts): crystals, calorimeters, all */
    double MeV_per_adc[CALIB_CHANNELS];                       /* by muons */
    struct energy_scale_edge edge, calo_edge[N_CALOS];
    bool has_edge, has_calo_edge[N_CALOS];
    size_t n_muons;
    int n_crystals, n_edges;
};

/* ---- muons --------------------------------------------------------------------------------------------------------------- */
static enum err locate(const struct calib_mips *mips, struct scale *s)
{
    struct location_sample *sample;
    size_t n = 0;
    TRY(mem_alloc(&sample, mips->n_hits + 1, sizeof *sample));
    for (size_t i = 0; i < mips->n_hits; i++) /* a muon that stays in one crystal has its whole length there */
        if (mips->hit[i].n_crystals == 1 && mips->hit[i].amplitude_adc > 0.0)
            sample[n++] = (struct location_sample){mips->hit[i].channel, log(mips->hit[i].amplitude_adc)};
    s->n_muons  = n;
    enum err rc = location_groups(sample, n, MIP_CLIP, MIN_MUONS, CALIB_CHANNELS, s->mip);
    for (size_t i = 0; i < n; i++) sample[i].group /= N_CRYSTALS;
    if (!rc) rc = location_groups(sample, n, MIP_CLIP, MIN_MUONS, N_CALOS, s->calo);
    for (size_t i = 0; i < n; i++) sample[i].group = 0;
    if (!rc) rc = location_groups(sample, n, MIP_CLIP, MIN_MUONS, 1, &s->mean);
    mem_free(sample);
    return rc;
}

/* A crystal that too few muons crossed is taken as its calorimeter as a whole, that as the mean of all. */
static void equalise(struct scale *s)
{
    for (int i = 0; i < CALIB_CHANNELS; i++) {
        const struct location *calo = &s->calo[i / N_CRYSTALS];
        const struct location *used = s->mip[i].is_known ? &s->mip[i] : calo->is_known ? calo : &s->mean;
        s->MeV_per_adc[i]           = CALIB_MIP_MeV / exp(used->value);
        s->n_crystals += s->mip[i].is_known;
    }
}

/* ---- the edge ------------------------------------------------------------------------------------------------------------- */
struct spectrum {
    size_t n;
    double *count, *energy, *width; /* energies of the bins at scale 1 */
    double low, step;               /* of ln(counts) */
};

/* Adds a channel's counts, in ADC, as energies by its own scale: a shift in the logarithm, shared between two bins. */
static void add_channel(const struct hist *h, int channel, double MeV_per_adc, struct spectrum *out)
{
    for (int64_t i = 0; i < h->y.n; i++) {
        int64_t count = h->content[channel * h->y.n + i];
        if (count == 0) continue;
        double at    = (double)i + log(MeV_per_adc * 1e-3) / out->step - out->low;
        double whole = floor(at), part = at - whole;
        if (whole < 0.0 || whole + 1.0 >= (double)out->n) continue;
        out->count[(size_t)whole] += (1.0 - part) * (double)count;
        out->count[(size_t)whole + 1] += part * (double)count;
    }
}

static enum err spectrum_create(const struct hist *h, double MeV_per_adc, struct spectrum *out)
{
    *out = (struct spectrum){.n = (size_t)h->y.n, .step = (h->y.high - h->y.low) / (double)h->y.n};
    TRY(mem_alloc(&out->count, 3 * out->n, sizeof *out->count));
    out->energy = out->count + out->n;
    out->width  = out->count + 2 * out->n;
    out->low = round(log(MeV_per_adc * 1e-3) / out->step); /* bins of the sum begin where those of the mean scale do */
    for (size_t i = 0; i < out->n; i++) {
        out->energy[i] = exp(h->y.low + ((double)i + 0.5 + out->low) * out->step);
        out->width[i]  = out->energy[i] * out->step;
    }
    return ERR_OK;
}

static void collect(const struct hist *h, const struct scale *s, int first, int end, struct spectrum *out)
{
    for (size_t i = 0; i < out->n; i++) out->count[i] = 0.0;
    for (int i = first; i < end; i++) add_channel(h, i, s->MeV_per_adc[i], out);
}

static bool fit(const struct spectrum *sum, double resolution, struct energy_scale_edge *edge)
{
    const struct energy_scale_spectrum spectrum = {sum->n, sum->count, sum->energy, sum->width};
    enum err rc = energy_scale_edge(&spectrum, EDGE_LOW_GeV, EDGE_HIGH_GeV, CALIB_EDGE_GeV, resolution, edge);
    if (rc) err_clear(); /* too few: said in the note */
    return rc == ERR_OK && edge->n >= MIN_EDGE;
}

static enum err find_edges(const struct hist *h, struct scale *s)
{
    struct spectrum sum;
    TRY(spectrum_create(h, CALIB_MIP_MeV / exp(s->mean.value), &sum));
    collect(h, s, 0, CALIB_CHANNELS, &sum);
    s->has_edge = fit(&sum, 0.0, &s->edge);
    for (int k = 0; k < N_CALOS && s->has_edge; k++) {
        collect(h, s, k * N_CRYSTALS, (k + 1) * N_CRYSTALS, &sum);
        s->has_calo_edge[k] = fit(&sum, s->edge.resolution, &s->calo_edge[k]) &&
                              s->calo_edge[k].error_GeV < EDGE_ENOUGH * s->calo_edge[k].E0_GeV;
        s->n_edges += s->has_calo_edge[k];
    }
    mem_free(sum.count);
    return ERR_OK;
}

/* ---- constants ------------------------------------------------------------------------------------------------------------ */
static enum err write_out(const struct calib_input *in, const struct scale *s, struct calib_result *out)
{
    TRY(calib_begin("energy_scale", out));
    TRY(calib_interval_run(out, in->unit[0].run, in->unit[in->n_units - 1].run));
    for (int i = 0; i < CALIB_CHANNELS; i++) {
        const int k                          = i / N_CRYSTALS;
        const struct energy_scale_edge *edge = s->has_calo_edge[k] ? &s->calo_edge[k] : &s->edge;
        double factor = 1.0, relative = s->mip[i].error;
        if (s->has_edge) {
            factor   = CALIB_EDGE_GeV / edge->E0_GeV;
            relative = hypot(hypot(relative, EDGE_RELATIVE), edge->error_GeV / edge->E0_GeV);
        }
        const double value[2] = {factor * s->MeV_per_adc[i], factor * s->MeV_per_adc[i] * relative};
        TRY(s->mip[i].is_known ? calib_add(out, 1 + k, i % N_CRYSTALS, value, value)
                               : calib_add_missing(out, 1 + k, i % N_CRYSTALS, value));
    }
    char scale[160] = "too few positrons for an edge: the scale is that of the muons alone";
    if (s->has_edge)
        snprintf(scale, sizeof scale,
                 "edge of all %.4f +- %.4f GeV, resolution %.2f %%, deviance %.0f/%d; %d calorimeters by their own",
                 s->edge.E0_GeV, s->edge.error_GeV, 1e2 * s->edge.resolution, s->edge.deviance, s->edge.ndf,
                 s->n_edges);
    snprintf(out->note, sizeof out->note,
             "%zu muons alone in a crystal, %d of %d crystals with %d or more, the others are taken as their "
             "calorimeter; "
             "error of one muon %.1f %%. After that: %s.",
             s->n_muons, s->n_crystals, CALIB_CHANNELS, MIN_MUONS, 1e2 * s->mean.error * sqrt((double)s->mean.n),
             scale);
    return ERR_OK;
}

static enum err find_scale(const struct calib_input *in, struct scale *s)
{
    struct calib_mips mips;
    TRY(calib_mips_read(in, &mips));
    enum err rc = locate(&mips, s);
    calib_mips_free(&mips);
    if (rc) return rc;
    REQUIRE(s->mean.is_known, ERR_NOTFOUND, "%zu muons alone in a crystal are too few", s->n_muons);
    equalise(s);
    return find_edges(hist_find(&in->hists, "calib/endpoint"), s);
}

static enum err extract(const struct calib_input *in, struct calib_result *out)
{
    struct scale *s;
    REQUIRE(in->n_units > 0, ERR_NOTFOUND, "there are no subruns");
    TRY(mem_alloc(&s, 1, sizeof *s));
    enum err rc = find_scale(in, s);
    if (!rc) rc = write_out(in, s, out);
    mem_free(s);
    return rc;
}

/* Counts are the nominal ones, 1.6 MeV each, times the channel's factor. */
static bool truth(const struct calib_input *in, struct cond_time begin, int calo, int crystal, double *value)
{
    double factor;
    (void)begin;
    if (!calib_truth(in, in->unit[0], calo, crystal, "energy_factor", &factor) || !(factor > 0.0)) return false;
    value[0] = 1.6 / factor;
    value[1] = 0.0;
    return true;
}

const struct calibration calibration_energy = {
    .name      = "energy",
    .condition = "energy_scale",
    .title     = "Energy scale",
    .doc       = "Light of lost muons makes the crystals alike, the highest energy of positrons sets the scale of each "
                 "calorimeter.",
    .hists     = {"calib/endpoint"},
    .tables    = {"mip_triple"},
    .made_by   = "MipTriples and EndpointSpectra",
    .extract   = extract,
    .truth     = truth,
    .pictures  = calib_energy_pictures,
};
