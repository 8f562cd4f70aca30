/* The cuts: one function each, and what they judge by. */
#include "bank.h"
#include "dqc.h"
#include "phys.h"
#include "unpack.h"

#include <math.h>
#include <string.h>

/* ---- T0 ---------------------------------------------------------------------------------------------------------------- */

struct t0_pulse {
    double peak_adc, mean_ns, rms_ns;
};

/* Moments of the samples above a twentieth of the peak, pulses of either polarity. */
static void t0_shape(const int16_t *adc, int32_t n, double pedestal, struct t0_pulse *out)
{
    double peak = 0.0, sum = 0.0, first = 0.0, second = 0.0;
    for (int32_t i = 0; i < n; i++)
        if (fabs(adc[i] - pedestal) > fabs(peak)) peak = adc[i] - pedestal;
    for (int32_t i = 0; i < n; i++) {
        double part = (adc[i] - pedestal) / peak;
        if (!(part > 0.05)) continue;
        sum += part;
        first += part * i;
        second += part * i * i;
    }
    *out = (struct t0_pulse){fabs(peak), 0.0, 0.0};
    if (!(sum > 0.0)) return;
    out->mean_ns = SAMPLE_NS * first / sum;
    out->rms_ns  = SAMPLE_NS * sqrt(fmax(0.0, second / sum - first * first / (sum * sum)));
}

/* The island of the T0 counter with the highest sample in photomultiplier A. */
static void measure_t0(const struct dqc_input *in, struct dqc_measured *out)
{
    out->t0_adc = out->t0_width_ns = out->t0_pair_ns = (double)NAN;
    if (!in->island || !in->trace || !in->sample) return;
    out->t0_adc = 0.0;
    if (out->status & UNPACK_NO_T0) return;
    const struct island_view island = island_view(in->island);
    const struct trace_view trace   = trace_view(in->trace);
    const struct sample_view sample = sample_view(in->sample);
    for (size_t i = 0; i < island.n; i++) {
        struct t0_pulse pulse[2] = {{0}};
        if (island.calo[i] != BANK_CRATE_T0) continue;
        for (uint32_t k = 0; k < island.n_crystals[i]; k++) {
            size_t row = island.first_trace[i] + k;
            if (trace.crystal[row] > 1) continue;
            t0_shape(sample.adc + trace.first_sample[row], island.n_samples[i], (double)trace.pedestal_adc[row],
                     &pulse[trace.crystal[row]]);
        }
        if (pulse[0].peak_adc <= out->t0_adc) continue;
        out->t0_adc      = pulse[0].peak_adc;
        out->t0_width_ns = pulse[0].rms_ns;
        out->t0_pair_ns  = pulse[1].peak_adc > 0.0 ? pulse[0].mean_ns - pulse[1].mean_ns : (double)NAN;
    }
}

/* ---- laser sync, pedestals, noise ------------------------------------------------------------------------------------------ */

static double largest(const int16_t *adc, int32_t n, double pedestal)
{
    double most = 0.0;
    for (int32_t i = 0; i < n; i++) most = fmax(most, fabs(adc[i] - pedestal));
    return most;
}

/* From the samples: pulses so early are not fitted for positrons. */
static void measure_sync(const struct dqc_settings *set, const struct dqc_input *in, struct dqc_measured *out)
{
    bool seen[N_CALOS][N_CRYSTALS] = {{false}};
    uint32_t n                     = 0;
    out->n_sync                    = (double)NAN;
    if (!in->island || !in->trace || !in->sample) return;
    const struct island_view island = island_view(in->island);
    const struct trace_view trace   = trace_view(in->trace);
    const struct sample_view sample = sample_view(in->sample);
    const double at = fill_view(in->fill).t0_ns[0] + set->sync_ns, from = (at - set->sync_window_ns) / SAMPLE_NS,
                 to = (at + set->sync_window_ns) / SAMPLE_NS;
    for (size_t i = 0; i < island.n && island.first_sample[i] <= to; i++) {
        if (island.first_sample[i] + island.n_samples[i] < from || island.calo[i] > N_CALOS) continue;
        for (size_t row = island.first_trace[i]; row < (size_t)island.first_trace[i] + island.n_crystals[i]; row++) {
            if (trace.crystal[row] >= N_CRYSTALS) continue;
            const int16_t *adc = sample.adc + trace.first_sample[row];
            bool *here         = &seen[island.calo[i] - 1][trace.crystal[row]];
            if (*here || largest(adc, island.n_samples[i], (double)trace.pedestal_adc[row]) < set->sync_min_adc)
                continue;
            *here = true;
            n++;
        }
    }
    out->n_sync = n;
}

struct quiet {
    uint32_t n, n_off;
    double squares; /* sum of variances */
};

static void add_quiet(const int16_t *adc, const struct dqc_settings *set, double pedestal, struct quiet *q)
{
    double sum = 0.0, squares = 0.0;
    for (int32_t i = 0; i < set->n_quiet; i++) {
        sum += adc[i];
        squares += (double)adc[i] * adc[i];
    }
    double mean = sum / set->n_quiet;
    q->n++;
    q->n_off += !(fabs(mean - pedestal) <= set->pedestal_tolerance_adc);
    q->squares += (squares - sum * mean) / (set->n_quiet - 1);
}

/* Islands that begin well before injection (the sync pulse's) begin with quiet samples. */
static void measure_quiet(const struct dqc_settings *set, const struct dqc_input *in, struct dqc_measured *out)
{
    struct quiet q       = {0};
    out->n_bad_pedestals = out->noise_adc = (double)NAN;
    if (!in->island || !in->trace || !in->sample) return;
    const struct island_view island = island_view(in->island);
    const struct trace_view trace   = trace_view(in->trace);
    const struct sample_view sample = sample_view(in->sample);
    const double end                = (fill_view(in->fill).t0_ns[0] - set->quiet_before_ns) / SAMPLE_NS;
    for (size_t i = 0; i < island.n && island.first_sample[i] + island.n_samples[i] < end; i++) {
        if (island.calo[i] > N_CALOS || island.n_samples[i] < set->n_quiet) continue;
        for (size_t row = island.first_trace[i]; row < (size_t)island.first_trace[i] + island.n_crystals[i]; row++)
            add_quiet(sample.adc + trace.first_sample[row], set, (double)trace.pedestal_adc[row], &q);
    }
    if (!q.n) return;
    out->n_bad_pedestals = q.n_off;
    out->noise_adc       = sqrt(q.squares / q.n);
}

void dqc_measure(const struct dqc_settings *settings, const struct dqc_input *in, struct dqc_measured *out)
{
    const struct fill_view fill = fill_view(in->fill);
    *out                        = (struct dqc_measured){
                               .fill_type = fill.fill_type[0], .status = fill.status[0], .calos = fill.calos[0], .ctag = fill.ctag[0]};
    measure_t0(in, out);
    measure_sync(settings, in, out);
    measure_quiet(settings, in, out);
}

/* ---- the cuts on a fill ------------------------------------------------------------------------------------------------ */

static double dqc_value_damaged(const struct dqc_measured *m) { return (m->status & UNPACK_DAMAGED) ? 1.0 : 0.0; }
static double dqc_value_calos(const struct dqc_measured *m) { return __builtin_popcount(m->calos); }
static double dqc_value_t0_adc(const struct dqc_measured *m) { return m->t0_adc; }
static double dqc_value_t0_width_ns(const struct dqc_measured *m) { return m->t0_width_ns; }
static double dqc_value_t0_pair_ns(const struct dqc_measured *m) { return m->t0_pair_ns; }
static double dqc_value_ctag(const struct dqc_measured *m) { return m->ctag; }
static double dqc_value_sync_channels(const struct dqc_measured *m) { return m->n_sync; }
static double dqc_value_bad_pedestals(const struct dqc_measured *m) { return m->n_bad_pedestals; }
static double dqc_value_noise_adc(const struct dqc_measured *m) { return m->noise_adc; }

#define CUT_ROW(A, B, name, unit, low, high, fills, bins, from, to, doc)                                               \
    {#name, unit, doc, fills, bins, from, to, dqc_value_##name},
const struct dqc_cut dqc_cuts[N_DQC_CUTS + 1] = {DQC_CUTS(CUT_ROW, , ){.name = NULL}};

void dqc_judge(const struct dqc_measured *measured, const struct dqc_limits limits[N_DQC_CUTS],
               double value[N_DQC_CUTS], uint32_t *flags, uint32_t *unknown)
{
    *flags = *unknown = 0;
    for (int i = 0; i < N_DQC_CUTS; i++) {
        value[i] = (double)NAN;
        if (!(dqc_cuts[i].fills >> measured->fill_type & 1)) continue;
        value[i] = dqc_cuts[i].value(measured);
        if (isnan(value[i]))
            *unknown |= 1u << i;
        else if (!(value[i] >= limits[i].low && value[i] <= limits[i].high))
            *flags |= 1u << i;
    }
}

/* ---- the subrun ---------------------------------------------------------------------------------------------------------- */

void dqc_add(const struct dqc_measured *measured, uint32_t flags, struct dqc_sums *sums)
{
    bool is_muon = measured->fill_type == BANK_MUON;
    sums->n_fills++;
    sums->n_muon += is_muon;
    sums->n_good += is_muon && !flags;
    for (int i = 0; i < N_CALOS; i++) sums->n_with_calo[i] += measured->calos >> i & 1;
    for (int i = 0; is_muon && i < N_DQC_CUTS; i++) {
        sums->n_failed[i] += flags >> i & 1;
        sums->n_alone[i] += flags == 1u << i;
    }
}

uint32_t dqc_calos_present(const struct dqc_sums *sums)
{
    uint32_t bits = 0;
    for (int i = 0; i < N_CALOS; i++)
        if (sums->n_fills && sums->n_with_calo[i] >= sums->calo_fraction * sums->n_fills) bits |= 1u << i;
    return bits;
}

static double dqc_subrun_value_n_muon_fills(const struct dqc_sums *s) { return s->n_muon; }
static double dqc_subrun_value_good_fraction(const struct dqc_sums *s)
{
    return s->n_muon ? (double)s->n_good / s->n_muon : (double)NAN;
}
static double dqc_subrun_value_calos_present(const struct dqc_sums *s)
{
    return __builtin_popcount(dqc_calos_present(s));
}
static double dqc_subrun_value_oof_channels(const struct dqc_sums *s) { return s->n_oof_channels; }
static double dqc_subrun_value_no_constants(const struct dqc_sums *s) { return s->n_no_constants; }

#define SUBRUN_ROW(A, B, name, unit, low, high, doc) {#name, unit, doc, dqc_subrun_value_##name},
const struct dqc_subrun_cut dqc_subrun_cuts[N_DQC_SUBRUN_CUTS + 1] = {DQC_SUBRUN_CUTS(SUBRUN_ROW, , ){.name = NULL}};

void dqc_judge_subrun(const struct dqc_sums *sums, const struct dqc_limits limits[N_DQC_SUBRUN_CUTS],
                      double value[N_DQC_SUBRUN_CUTS], uint32_t *flags, uint32_t *unknown)
{
    *flags = *unknown = 0;
    for (int i = 0; i < N_DQC_SUBRUN_CUTS; i++) {
        value[i] = dqc_subrun_cuts[i].value(sums);
        if (isnan(value[i]))
            *unknown |= 1u << i;
        else if (!(value[i] >= limits[i].low && value[i] <= limits[i].high))
            *flags |= 1u << i;
    }
}
