/* Q-method: energy against time from fill-summed histograms, above a threshold that rolls with the pedestal. */
#include "mem.h"
#include "module.h"
#include "odb.h"
#include "phys.h"
#include "pulse_shape.h"
#include "q_rolling.h"
#include "tables.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
#define Q_METHOD_CFG(F, S)                                                                                    \
    F(S, f64s, thresholds_MeV,   "[60, 0, 300]", 0, 1e5, "MeV", "energies in one bin of one crystal, a histogram each; 0: all bins are summed; the first is what gm2 fit --method q takes (ours)") \
    F(S, f64,  window_us,        4.365, 0.1, 1000, "us",  "pedestal from so much time on each side: one period of omega_a, so that its wiggle does not get into it (ours)") \
    F(S, f64,  gap_ns,           225,   0,   1e5,  "ns",  "on each side so much near a bin stays out of its pedestal (ours)") \
    F(S, i64,  keep_before,      1,     0,   100,  "1",   "bins ahead of one above threshold that are summed too") \
    F(S, i64,  keep_after,       1,     0,   100,  "1",   "and behind it: a pulse's undershoot")                 \
    F(S, f64,  clip_sigma,       4,     1,   100,  "1",   "bins so far above their pedestal are not quiet")      \
    F(S, i64,  n_rounds,         5,     0,   50,   "1",   "rounds of leaving out bins; 0: the mean of all in the window") \
    F(S, i64,  bin_samples,      120,   1,   100000, "ct", "samples in a bin of the result, a multiple of the DAQ's decimation: 150 ns, near the cyclotron period") \
    F(S, f64,  from_us,          -30,   -1000, 0,  "us",  "the results begin here; 0 is injection")              \
    F(S, f64,  to_us,            670,   1,   2000, "us",  "and end near here")                                   \
    F(S, f64,  fixed_to_us,      -1,    -1000, 700, "us", "for comparison: a fixed pedestal, from bins before this time") \
    F(S, f64,  GeV_per_adc,      0.0016, 1e-5, 1,  "GeV", "energy of one count of peak amplitude")               \
    F(S, i64,  injection_sample, -1,    -1, 67108864, "ct", "nominal injection, -1: as the file's ODB says")
/* clang-format on */
CFG_DECLARE(q_method_cfg, Q_METHOD_CFG)

enum { IN_HIST, IN_COUNT, IN_ODB, MAX_THRESHOLDS = 8, DRIFT_BINS = 175, DRIFT_STEP = 16 };

struct state {
    struct q_rolling rolling;
    struct hist *energy[MAX_THRESHOLDS], *fixed, *sums, *fills, *noise, *drift, *drift_n, *residual;
    double area;               /* of a pulse of peak 1, in samples */
    int64_t n_bins, injection; /* bins of the result; sample of injection, of the unit */
    double *sum;               /* [thresholds + 1][capacity] GeV in the decimated bins of one calorimeter */
    size_t capacity;
};

static const struct port in[] = {[IN_HIST]  = {&table_q_hist, NULL, false},
                                 [IN_COUNT] = {&table_q_count, NULL, false},
                                 [IN_ODB]   = {&table_odb, NULL, true},
                                 {0}};

/* ---- begin ---- */

static enum err book(struct step *s, struct state *q)
{
    const struct q_method_cfg *cfg = s->cfg;
    const double width_us          = (double)cfg->bin_samples * SAMPLE_NS * 1e-3;
    const int64_t first            = (int64_t)floor(cfg->from_us / width_us);
    q->n_bins                      = (int64_t)ceil(cfg->to_us / width_us) - first;
    struct hist_axis calo          = hist_axis(N_CALOS, 0.5, N_CALOS + 0.5, "calorimeter", "1");
    struct hist_axis xtal          = hist_axis(N_CRYSTALS, -0.5, N_CRYSTALS - 0.5, "crystal", "1");
    struct hist_axis slow =
        hist_axis(DRIFT_BINS, (double)first * width_us, (double)(first + q->n_bins) * width_us, "time in fill", "us");
    struct hist_axis time = hist_axis(q->n_bins, slow.low, slow.high, "time in fill", "us");
    struct hist_axis pull = hist_axis(200, -10.0, 10.0, "count less pedestal, in sigma", "1");
    for (size_t k = 0; k < cfg->thresholds_MeV.n; k++) {
        char name[48], title[96];
        snprintf(name, sizeof name, "qmethod/energy_%zu", k);
        snprintf(title, sizeof title, "energy (GeV) in crystals' bins above %g MeV", cfg->thresholds_MeV.value[k]);
        TRY(hist_book(s->hists, name, title, calo, time, 1, &q->energy[k]));
    }
    TRY(hist_book(s->hists, "qmethod/fixed", "energy (GeV) above the pedestal before injection, no threshold", calo,
                  time, 1, &q->fixed));
    TRY(hist_book(s->hists, "qmethod/drift", "pedestal less that before injection, sum (ADC a sample)", calo, slow, 1,
                  &q->drift));
    TRY(hist_book(s->hists, "qmethod/drift_n", "bins in that sum", calo, slow, 0, &q->drift_n));
    TRY(hist_book(s->hists, "qmethod/residual", "bins before injection", calo, pull, 0, &q->residual));
    TRY(hist_book(s->hists, "qmethod/noise", "noise of a sample, summed over Q histograms (ADC)", calo, xtal, 1,
                  &q->noise));
    TRY(hist_book(s->hists, "qmethod/sums", "Q histograms", calo, HIST_NO_AXIS, 0, &q->sums));
    return hist_book(s->hists, "qmethod/fills", "muon fills in Q histograms", calo, HIST_NO_AXIS, 0, &q->fills);
}

static enum err begin(struct step *s)
{
    const struct q_method_cfg *cfg = s->cfg;
    struct state *q;
    REQUIRE(cfg->thresholds_MeV.n >= 1 && cfg->thresholds_MeV.n <= MAX_THRESHOLDS, ERR_CONFIG,
            "thresholds_MeV: %zu given, 1 to %d are possible", cfg->thresholds_MeV.n, MAX_THRESHOLDS);
    REQUIRE(cfg->from_us < cfg->to_us && cfg->fixed_to_us > cfg->from_us, ERR_CONFIG,
            "from_us %g must be less than to_us %g and fixed_to_us %g", cfg->from_us, cfg->to_us, cfg->fixed_to_us);
    TRY(mem_alloc(&q, 1, sizeof *q));
    s->state = q;
    q->area  = pulse_shape(PULSE_BEAM)->area;
    return book(s, q);
}

static void end(struct step *s)
{
    struct state *q = s->state;
    if (!q) return;
    q_rolling_free(&q->rolling);
    mem_free(q->sum);
    mem_free(q);
    s->state = NULL;
}

static enum err read_injection(const struct block *block, int64_t *out)
{
    REQUIRE(block, ERR_NOTFOUND, "there is no ODB");
    const struct odb_view text = odb_view(block);
    struct odb_crate crate     = {.crate = 0};
    struct odb *odb;
    TRY(odb_parse((const char *)text.byte, text.n, &odb));
    enum err rc = ERR_NOTFOUND;
    for (int i = 1; i <= N_CALOS && rc == ERR_NOTFOUND; i++) rc = odb_get_crate(odb, i, &crate);
    odb_free(odb);
    if (rc == ERR_OK) *out = crate.injection_sample;
    return rc;
}

static enum err begin_unit(struct step *s)
{
    const struct q_method_cfg *cfg = s->cfg;
    struct state *q                = s->state;
    q->injection                   = cfg->injection_sample;
    if (cfg->injection_sample >= 0) return ERR_OK;
    enum err rc = read_injection(s->in[IN_ODB], &q->injection);
    return rc ? err_context(
                    rc, "sample of injection for the Q-method (injection_sample in the configuration can stand for it)")
              : ERR_OK;
}

/* ---- one calorimeter's histograms of one sum of fills ---- */

struct shape {
    size_t n;
    int64_t first, decimation; /* of injection on */
    double n_summed;           /* samples in a bin's count */
};

/* Bin of the result that holds decimated bin i, -1: none. Whole numbers, so each result bin has as many. */
static int64_t bin_of(const struct q_method_cfg *cfg, const struct state *q, const struct shape *h, size_t i)
{
    int64_t twice = 2 * (h->first + (int64_t)i * h->decimation) + h->decimation, width = 2 * cfg->bin_samples;
    int64_t bin = twice >= 0 ? twice / width : -((-twice + width - 1) / width);
    bin -= (int64_t)floor(cfg->from_us / ((double)cfg->bin_samples * SAMPLE_NS * 1e-3));
    return bin >= 0 && bin < q->n_bins ? bin : -1;
}

/* Bins that end before the fixed pedestal's time. */
static size_t n_before(const struct q_method_cfg *cfg, const struct shape *h)
{
    double end = cfg->fixed_to_us * 1000.0 / SAMPLE_NS - (double)h->first;
    if (end <= 0.0) return 0;
    size_t n = (size_t)(end / (double)h->decimation);
    return n < h->n ? n : h->n;
}

/* Pedestal before injection: a rolling one close to it sees what comes behind. */
static double quiet_mean(const struct q_rolling *q, size_t n)
{
    double sum = 0.0, count = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += q->is_quiet[i] ? q->x[i] : 0.0;
        count += q->is_quiet[i];
    }
    return count > 0.0 ? sum / count : q->pedestal[0];
}

/* The pedestal is smooth: a few of its bins tell. */
static void fill_drift(const struct shape *h, double calo, double fixed, struct state *q)
{
    for (size_t i = 0; i < h->n; i += DRIFT_STEP) {
        double t_us = (double)(2 * (h->first + (int64_t)i * h->decimation) + h->decimation) * (0.5e-3 * SAMPLE_NS);
        hist_fill(q->drift, calo, t_us, (q->rolling.pedestal[i] - fixed) / h->n_summed);
        hist_fill(q->drift_n, calo, t_us, 1.0);
    }
}

static void add_crystal(const struct step *s, const struct q_hist_view *v, size_t row, const int32_t *adc,
                        const struct shape *h)
{
    const struct q_method_cfg *cfg      = s->cfg;
    struct state *q                     = s->state;
    const double width_us               = (double)h->decimation * SAMPLE_NS * 1e-3;
    const struct q_rolling_settings set = {.window   = (size_t)fmax(1.0, rint(cfg->window_us / width_us)),
                                           .gap      = (size_t)rint(cfg->gap_ns * 1e-3 / width_us),
                                           .before   = (size_t)cfg->keep_before,
                                           .after    = (size_t)cfg->keep_after,
                                           .clip     = cfg->clip_sigma,
                                           .n_rounds = (int)cfg->n_rounds};
    const double GeV_per_count          = cfg->GeV_per_adc / q->area;
    size_t n_early                      = n_before(cfg, h);
    double sigma                        = q_rolling_take(&q->rolling, &set, h->n, adc, v->polarity[row]);
    for (size_t k = 0; k < cfg->thresholds_MeV.n; k++)
        q_rolling_add(&q->rolling, &set, h->n, cfg->thresholds_MeV.value[k] * 1e-3 / GeV_per_count, GeV_per_count,
                      q->sum + k * q->capacity);
    hist_fill(q->noise, v->calo[row], v->crystal[row], sigma / sqrt(h->n_summed));
    if (n_early == 0) return;
    const double fixed = quiet_mean(&q->rolling, n_early);
    for (size_t i = 0; i < h->n; i++)
        q->sum[cfg->thresholds_MeV.n * q->capacity + i] += GeV_per_count * (q->rolling.x[i] - fixed);
    for (size_t i = 0; i < n_early && sigma > 0.0; i++)
        hist_fill(q->residual, v->calo[row], (q->rolling.x[i] - q->rolling.pedestal[i]) / sigma, 1.0);
    fill_drift(h, v->calo[row], fixed, q);
}

/* Decimated bins into those of the result; one entry a bin and sum of fills, so that squares tell the scatter of sums. */
static void fill_energy(const struct q_method_cfg *cfg, const struct state *q, const struct shape *h, double calo)
{
    const double width_us = (double)cfg->bin_samples * SAMPLE_NS * 1e-3;
    const double low_us   = floor(cfg->from_us / width_us) * width_us;
    for (size_t k = 0; k <= cfg->thresholds_MeV.n; k++) {
        const double *sum = q->sum + k * q->capacity;
        struct hist *hist = k < cfg->thresholds_MeV.n ? q->energy[k] : q->fixed;
        for (size_t i = 0; i < h->n;) {
            int64_t bin  = bin_of(cfg, q, h, i);
            double total = 0.0;
            for (; i < h->n && bin_of(cfg, q, h, i) == bin; i++) total += sum[i];
            if (bin >= 0) hist_fill(hist, calo, low_us + ((double)bin + 0.5) * width_us, total);
        }
    }
}

static enum err check_row(const struct q_method_cfg *cfg, const struct q_hist_view *v, size_t n_counts, size_t row)
{
    REQUIRE(v->calo[row] >= 1 && v->calo[row] <= N_CALOS && v->crystal[row] < N_CRYSTALS && v->n_bins[row] >= 2 &&
                (uint64_t)v->first_count[row] + v->n_bins[row] <= n_counts && v->decimation[row] > 0 &&
                v->n_fills[row] > 0,
            ERR_DATA, "row %zu of q_hist: calorimeter %d, crystal %d, %u bins from row %u of %zu, %u fills", row,
            v->calo[row], v->crystal[row], v->n_bins[row], v->first_count[row], n_counts, v->n_fills[row]);
    REQUIRE(cfg->bin_samples % v->decimation[row] == 0, ERR_CONFIG,
            "bin_samples %lld is no multiple of the %d samples in a bin of the Q histograms",
            (long long)cfg->bin_samples, v->decimation[row]);
    return ERR_OK;
}

/* Room for the sums of one calorimeter, cleared. */
static enum err clear_sums(const struct q_method_cfg *cfg, struct state *q, size_t n)
{
    const size_t n_sums = cfg->thresholds_MeV.n + 1;
    TRY(q_rolling_reserve(&q->rolling, n));
    if (n > q->capacity) {
        mem_free(q->sum);
        q->sum = NULL;
        TRY(mem_alloc(&q->sum, n_sums * n, sizeof *q->sum));
        q->capacity = n;
    }
    memset(q->sum, 0, n_sums * q->capacity * sizeof *q->sum);
    return ERR_OK;
}

static bool is_same(const struct q_hist_view *v, size_t a, size_t b)
{
    return v->calo[a] == v->calo[b] && v->n_bins[a] == v->n_bins[b] && v->decimation[a] == v->decimation[b] &&
           v->first_sample[a] == v->first_sample[b] && v->n_fills[a] == v->n_fills[b];
}

static enum err event(struct step *s)
{
    const struct q_method_cfg *cfg = s->cfg;
    struct state *q                = s->state;
    struct q_hist_view v           = q_hist_view(s->in[IN_HIST]);
    struct q_count_view c          = q_count_view(s->in[IN_COUNT]);
    for (size_t row = 0; row < v.n; row++) TRY(check_row(cfg, &v, c.n, row));
    for (size_t row = 0; row < v.n;) {
        const size_t first   = row;
        const struct shape h = {.n          = v.n_bins[row],
                                .first      = (int64_t)v.first_sample[row] - q->injection,
                                .decimation = v.decimation[row],
                                .n_summed   = (double)v.decimation[row] * v.n_fills[row]};
        TRY(clear_sums(cfg, q, h.n));
        for (; row < v.n && is_same(&v, first, row); row++) add_crystal(s, &v, row, c.adc + v.first_count[row], &h);
        fill_energy(cfg, q, &h, v.calo[first]);
        hist_fill(q->sums, v.calo[first], 0.5, 1.0);
        hist_fill(q->fills, v.calo[first], 0.5, v.n_fills[first]);
    }
    return ERR_OK;
}

const struct module module_q_method = {
    .name = "QMethod",
    .kind = MODULE_ANALYZER,
    .doc  = "Energy in each calorimeter against time, from the DAQ's Q histograms: the pedestal of each crystal's bin "
            "from quiet bins around it (rolling, with a gap), and what is above it summed, all of it or bins "
            "above a threshold and their neighbours. For comparison with a pedestal fixed before injection.",
    .source     = "Q-method of Run-2/3 (arXiv:2402.15410) for the idea; window, clipping and thresholds are ours",
    .fields     = q_method_cfg_fields,
    .cfg_size   = sizeof(struct q_method_cfg),
    .in         = in,
    .begin      = begin,
    .begin_unit = begin_unit,
    .event      = event,
    .end        = end,
};
