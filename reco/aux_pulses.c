/* Module AuxPulses: pulses and profiles of the T0 counter, the IBMS and the fibre harps. */
#include "aux_detector.h"
#include "bank.h"
#include "mem.h"
#include "module.h"
#include "phys.h"
#include "polarity.h"
#include "tables.h"

#include <math.h>
#include <string.h>

/* clang-format off */
#define AUX_PULSES_CFG(F, S)                                                                                  \
    F(S, strs, detectors,      "[t0, ibms, harp]", 0, 0, "", "which: t0, ibms, harp")                         \
    F(S, f64,  threshold_adc,  12,  1,  4096, "adc", "a pulse is a stretch of samples above this (ours)")     \
    F(S, f64,  split,          0.5, 0,  1,    "1",   "... cut where it falls below this share of the peaks on both sides; harps alone (ours)") \
    F(S, str,  polarity,       "odb", 0, 0,   "odb|positive|negative", "direction of pulses in ADC counts; odb: as the run's settings say, positive without them") \
    F(S, f64,  harp_bin_ns,    10,  1.25, 1000, "ns", "bins of the harps' signal: several a turn of 149 ns")   \
    F(S, f64,  harp_to_us,     60,  1,  700,  "us",  "the harps' signal is followed so long")                 \
    F(S, str,  beam,           "muon", 0, 0,  "muon|proton", "what is stored; it goes into the titles alone")
/* clang-format on */
CFG_DECLARE(aux_pulses_cfg, AUX_PULSES_CFG)

enum { IN_ISLAND, IN_TRACE, IN_SAMPLE, IN_FILL, IN_ODB, LAST_CRATE = BANK_CRATE_HARP };

struct state {
    bool wants[AUX_T0 + 1]; /* by enum aux_kind */
    int polarity[POLARITY_CRATES];
    struct hist *t0_profile, *t0_charge, *t0_difference, *ibms, *ibms_time, *harp, *harp_signal, *fills;
    double t0_time_ns[AUX_T0_CHANNELS], t0_area[AUX_T0_CHANNELS]; /* largest pulse of the fill */
};

static const struct port in[] = {
    [IN_ISLAND] = {&table_island, NULL, false}, [IN_TRACE] = {&table_trace, NULL, false},
    [IN_SAMPLE] = {&table_sample, NULL, false}, [IN_FILL] = {&table_fill, "fill_type t0_ns", false},
    [IN_ODB] = {&table_odb, NULL, true},        {0}};
static const struct port out[] = {{&table_aux_pulse, NULL, false}, {0}};

/* ---- begin ---- */

/* Sums of ADC are counted in whole counts: squares of such weights would outgrow 64 bits within a run. */
static enum err book_t0(struct hist_set *set, struct state *a)
{
    struct hist_axis pmt = hist_axis(AUX_T0_CHANNELS, -0.5, AUX_T0_CHANNELS - 0.5, "photomultiplier", "1");
    TRY(hist_book(set, "aux/t0_profile", "T0 counter: ADC above pedestal", pmt,
                  hist_axis(320, -200.0, 200.0, "time from injection", "ns"), 0, &a->t0_profile));
    TRY(hist_book(set, "aux/t0_charge", "T0 counter: charge of a fill", pmt,
                  hist_axis(200, 0.0, 400e3, "sum of ADC above pedestal", "adc"), 0, &a->t0_charge));
    return hist_book(set, "aux/t0_difference", "T0 counter: B less A", hist_axis(200, -5.0, 5.0, "time", "ns"),
                     HIST_NO_AXIS, 0, &a->t0_difference);
}

static enum err book(struct step *s, struct state *a)
{
    const struct aux_pulses_cfg *cfg = s->cfg;
    const bool is_proton             = strcmp(cfg->beam, "proton") == 0;
    struct hist_axis plane           = hist_axis(AUX_IBMS_PLANES, -0.5, AUX_IBMS_PLANES - 0.5, "plane x, y", "1");
    struct hist_axis fibre           = hist_axis(AUX_IBMS_FIBRES, -0.5 * AUX_IBMS_FIBRES * AUX_IBMS_PITCH_MM,
                                                 0.5 * AUX_IBMS_FIBRES * AUX_IBMS_PITCH_MM, "place of the fibre", "mm");
    struct hist_axis harp            = hist_axis(AUX_HARPS, -0.5, AUX_HARPS - 0.5, "harp 180y, 180x, 270y, 270x", "1");
    struct hist_axis place           = hist_axis(AUX_HARP_FIBRES, -0.5 * AUX_HARP_FIBRES * AUX_HARP_PITCH_MM,
                                                 0.5 * AUX_HARP_FIBRES * AUX_HARP_PITCH_MM, "place of the fibre", "mm");
    struct hist_axis all =
        hist_axis(AUX_HARPS * AUX_HARP_FIBRES, -0.5, AUX_HARPS * AUX_HARP_FIBRES - 0.5, "7 harp + fibre", "1");
    const int64_t n_bins  = (int64_t)ceil(cfg->harp_to_us * 1000.0 / cfg->harp_bin_ns);
    struct hist_axis time = hist_axis(n_bins, 0.0, (double)n_bins * cfg->harp_bin_ns * 1e-3, "time in fill", "us");
    if (a->wants[AUX_T0]) TRY(book_t0(s->hists, a));
    if (a->wants[AUX_IBMS]) {
        TRY(hist_book(s->hists, "aux/ibms", "IBMS: ADC above pedestal, sum", plane, fibre, 0, &a->ibms));
        TRY(hist_book(s->hists, "aux/ibms_time", "IBMS: ADC above pedestal", plane,
                      hist_axis(320, -200.0, 200.0, "time from injection", "ns"), 0, &a->ibms_time));
    }
    if (a->wants[AUX_HARP]) {
        const char *title = is_proton ? "fibre harps: ADC above pedestal, protons" : "fibre harps: ADC above pedestal";
        TRY(hist_book(s->hists, "aux/harp", title, harp, place, 0, &a->harp));
        TRY(hist_book(s->hists, "aux/harp_signal", title, all, time, 0, &a->harp_signal));
    }
    return hist_book(s->hists, "aux/fills", "muon fills", hist_axis(1, 0.0, 1.0, "", "1"), HIST_NO_AXIS, 0, &a->fills);
}

static enum err read_detectors(const struct strs *names, struct state *a)
{
    for (size_t i = 0; i < names->n; i++) {
        const char *name = names->value[i];
        REQUIRE(!strcmp(name, "t0") || !strcmp(name, "ibms") || !strcmp(name, "harp"), ERR_CONFIG,
                "detectors: \"%s\" is unknown; there are t0, ibms, harp", name);
        a->wants[!strcmp(name, "t0") ? AUX_T0 : !strcmp(name, "ibms") ? AUX_IBMS : AUX_HARP] = true;
    }
    return ERR_OK;
}

static enum err begin(struct step *s)
{
    const struct aux_pulses_cfg *cfg = s->cfg;
    struct state *a;
    TRY(mem_alloc(&a, 1, sizeof *a));
    s->state = a;
    TRY(read_detectors(&cfg->detectors, a));
    return book(s, a);
}

static void end(struct step *s)
{
    mem_free(s->state);
    s->state = NULL;
}

static enum err begin_unit(struct step *s)
{
    const struct aux_pulses_cfg *cfg = s->cfg;
    struct state *a                  = s->state;
    return polarity_find(cfg->polarity, s->in[IN_ODB], a->polarity);
}

/* ---- a trace ---- */

struct trace_in {
    const int16_t *adc;
    int32_t n, first; /* samples, and the first's number in the record */
    double pedestal, t0_ns;
    int sign, crate, channel;
    struct aux_detector what;
};

static double height(const struct trace_in *t, int32_t i) { return t->sign * (t->adc[i] - t->pedestal); }
static double time_ns(const struct trace_in *t, double sample) { return (t->first + sample) * SAMPLE_NS - t->t0_ns; }

/* Samples [from, to) become a row. */
static enum err put_pulse(struct step *s, const struct trace_in *t, int32_t from, int32_t to)
{
    struct state *a = s->state;
    double area = 0.0, moment = 0.0, peak = 0.0;
    size_t row = s->out[0]->n;
    for (int32_t i = from; i < to; i++) {
        double h = height(t, i);
        area += h;
        moment += h * i;
        peak = fmax(peak, h);
    }
    if (area <= 0.0) return ERR_OK;
    TRY(block_resize(s->out[0], row + 1));
    struct aux_pulse_view v = aux_pulse_view(s->out[0]);
    v.crate[row]            = (uint8_t)t->crate;
    v.channel[row]          = (uint8_t)t->channel;
    v.detector[row]         = (uint8_t)t->what.kind;
    v.t_fill_ns[row]        = time_ns(t, moment / area);
    v.amplitude_adc[row]    = (float)peak;
    v.area_adc[row]         = (float)area;
    v.pedestal_adc[row]     = (float)t->pedestal;
    v.n_samples[row]        = to - from;
    if (t->what.kind != AUX_T0 || area <= a->t0_area[t->what.plane]) return ERR_OK;
    a->t0_area[t->what.plane]    = area;
    a->t0_time_ns[t->what.plane] = v.t_fill_ns[row];
    return ERR_OK;
}

/* Stretches above threshold, cut at valleys: where samples rise to more than 1 / split times the lowest since a peak, and that
 * lies below split times the peak. */
static enum err find_pulses(struct step *s, const struct trace_in *t)
{
    const struct aux_pulses_cfg *cfg = s->cfg;
    const double split =
        t->what.kind == AUX_HARP ? cfg->split : 0.0; /* T0 and IBMS see the bunch's profile: one pulse */
    int32_t from = -1, valley = 0;
    double peak = 0.0, lowest = 0.0;
    for (int32_t i = 0; i <= t->n; i++) {
        double h = i < t->n ? height(t, i) : -HUGE_VAL;
        if (from < 0) {
            if (h <= cfg->threshold_adc) continue;
            from = valley = i;
            peak = lowest = h;
        } else if (h <= cfg->threshold_adc) {
            TRY(put_pulse(s, t, from, i));
            from = -1;
        } else if (h > peak) {
            peak = lowest = h;
            valley        = i;
        } else if (h < lowest) {
            lowest = h;
            valley = i;
        } else if (lowest < split * peak && lowest < split * h) {
            TRY(put_pulse(s, t, from, valley));
            from = valley;
            peak = lowest = h;
            valley        = i;
        }
    }
    return ERR_OK;
}

static void fill_samples(const struct trace_in *t, struct state *a)
{
    const int plane = t->what.plane, fibre = t->what.fibre;
    double sum = 0.0;
    for (int32_t i = 0; i < t->n; i++) {
        double h = height(t, i), ns = time_ns(t, i);
        sum += h;
        if (t->what.kind == AUX_T0) hist_fill(a->t0_profile, plane, ns, h);
        if (t->what.kind == AUX_IBMS) hist_fill(a->ibms_time, plane, ns, h);
        if (t->what.kind == AUX_HARP) hist_fill(a->harp_signal, AUX_HARP_FIBRES * plane + fibre, ns * 1e-3, h);
    }
    if (t->what.kind == AUX_IBMS) hist_fill(a->ibms, plane, aux_ibms_mm(fibre), sum);
    if (t->what.kind == AUX_HARP) hist_fill(a->harp, plane, aux_harp_mm(fibre), sum);
}

static enum err event(struct step *s)
{
    struct state *a            = s->state;
    const struct island_view v = island_view(s->in[IN_ISLAND]);
    const struct trace_view tr = trace_view(s->in[IN_TRACE]);
    const struct fill_view f   = fill_view(s->in[IN_FILL]);
    if (f.n == 0 || f.fill_type[0] != BANK_MUON) return ERR_OK;
    hist_fill(a->fills, 0.5, 0.0, 1.0);
    for (int k = 0; k < AUX_T0_CHANNELS; k++) a->t0_area[k] = 0.0;
    for (size_t row = 0; row < tr.n; row++) {
        const uint32_t i  = tr.island[row];
        struct trace_in t = {.crate = v.calo[i], .channel = tr.crystal[row]};
        if (!aux_detector(t.crate, t.channel, &t.what) || !a->wants[t.what.kind]) continue;
        t.adc      = sample_view(s->in[IN_SAMPLE]).adc + tr.first_sample[row];
        t.n        = v.n_samples[i];
        t.first    = v.first_sample[i];
        t.pedestal = (double)tr.pedestal_adc[row];
        t.t0_ns    = f.t0_ns[0];
        t.sign     = a->polarity[t.crate];
        fill_samples(&t, a);
        TRY(find_pulses(s, &t));
    }
    if (!a->wants[AUX_T0] || a->t0_area[0] <= 0.0) return ERR_OK;
    for (int k = 0; k < AUX_T0_CHANNELS; k++) hist_fill(a->t0_charge, k, a->t0_area[k], 1.0);
    if (a->t0_area[1] > 0.0) hist_fill(a->t0_difference, a->t0_time_ns[1] - a->t0_time_ns[0], 0.0, 1.0);
    return ERR_OK;
}

const struct module module_aux_pulses = {
    .name = "AuxPulses",
    .kind = MODULE_PRODUCER,
    .doc  = "Pulses of the T0 counter, the IBMS and the fibre harps (crates 25, 26, 28) with time, amplitude, area and "
            "pedestal; the profile of the bunch, of the IBMS planes, and the harps' signal turn by turn.",
    .source     = "names of the experiment's own records; pulse finding is ours",
    .fields     = aux_pulses_cfg_fields,
    .cfg_size   = sizeof(struct aux_pulses_cfg),
    .in         = in,
    .out        = out,
    .begin      = begin,
    .begin_unit = begin_unit,
    .event      = event,
    .end        = end,
};
