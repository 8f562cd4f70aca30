/* Module Monitor: what a shifter wants to see of a subrun: one row of numbers, one row a channel. */
#include "bank.h"
#include "geometry.h"
#include "mem.h"
#include "module.h"
#include "odb.h"
#include "tables.h"

#include <math.h>
#include <string.h>

/* clang-format off */
#define MONITOR_CFG(F, S)                                                                                      \
    F(S, f64, threshold_GeV,  1.7,    0, 4,     "GeV", "positrons: clusters above this energy")                \
    F(S, f64, from_us,        30,     0, 700,   "us",  "positrons and pulses that are counted are later")      \
    F(S, f64, pulse_GeV,      0.1,    0, 4,     "GeV", "pulses that are counted are above this energy (ours)") \
    F(S, f64, sync_ns,        -20000, -1e6, 1e6, "ns", "the laser's sync pulse, from injection (ours)")        \
    F(S, f64, sync_window_ns, 1000,   1, 1e6,   "ns",  "it is searched so near (ours)")                        \
    F(S, f64, sync_min_adc,   100,    0, 4096,  "adc", "its least height in a channel (ours)")                 \
    F(S, f64, quiet_before_ns, 2000,  0, 1e6,   "ns",  "islands that end so long before injection begin with quiet samples (ours)") \
    F(S, i64, n_quiet,        5,      2, 1000,  "ct",  "quiet samples at their beginning (ours)")              \
    F(S, f64, t0_nominal_ns,  30000,  0, 1e6,   "ns",  "the histogram of T0 counts from here (ours)")          \
    F(S, str, run_type_key,   "/gm2/run type", 0, 0, "", "key of the ODB that says what kind of run this is")
/* clang-format on */
CFG_DECLARE(monitor_cfg, MONITOR_CFG)

enum { IN_FILL, IN_PULSE, IN_CLUSTER, IN_ISLAND, IN_TRACE, IN_SAMPLE, IN_ODB };
enum { OUT_ROW, OUT_CHANNEL };
enum { N_CHANNELS = N_CALOS * N_CRYSTALS, RUN_TYPE_BYTES = 16, T0_CRATE = 25, T0_SEGMENT = 0 };

struct sum {
    uint32_t n;
    double x, x2;
};

struct state {
    uint32_t n_fills, n_type[5], n_no_t0, n_damaged, n_missing; /* n_type: by fill type, 0 others */
    int64_t first_unix_s, last_unix_s;
    struct sum ctag, t0_ns, sync_adc, pedestal_adc, noise_adc2, wiggle_cos, wiggle_sin;
    struct channel {
        uint32_t n_pulses;
        struct sum sync_adc, pedestal_adc, noise_adc2;
    } channel[N_CHANNELS];
    struct hist *t0, *t0_shape, *ctag_hist;
};

static const struct port in_ports[] = {
    [IN_FILL]    = {&table_fill, NULL, false},
    [IN_PULSE]   = {&table_pulse, "calo crystal t_fill_ns energy_GeV", true},
    [IN_CLUSTER] = {&table_cluster, "t_fill_ns energy_GeV", true},
    [IN_ISLAND]  = {&table_island, NULL, true},
    [IN_TRACE]   = {&table_trace, NULL, true},
    [IN_SAMPLE]  = {&table_sample, NULL, true},
    [IN_ODB]     = {&table_odb, NULL, true},
    {0},
};
static const struct port out_ports[] = {{&table_monitor, NULL, false}, {&table_monitor_channel, NULL, false}, {0}};

static void add(struct sum *s, double x)
{
    s->n++;
    s->x += x;
    s->x2 += x * x;
}

static double mean_of(const struct sum *s) { return s->n ? s->x / s->n : (double)NAN; }

static double rms_of(const struct sum *s)
{
    double mean = mean_of(s), square = s->n ? s->x2 / s->n - mean * mean : (double)NAN;
    return square > 0.0 ? sqrt(square) : s->n ? 0.0 : (double)NAN;
}

static enum err begin(struct step *s)
{
    struct state *m;
    TRY(mem_alloc(&m, 1, sizeof *m));
    s->state               = m;
    struct hist_axis shift = hist_axis(400, -200.0, 200.0, "T0 - nominal injection", "ns");
    struct hist_axis shape = hist_axis(400, -250.0, 250.0, "time from injection", "ns");
    struct hist_axis ctag  = hist_axis(200, 0.0, 2000.0, "clusters above 2 GeV later than 50 us", "1");
    TRY(hist_book(s->hists, "monitor/t0", "time of injection", shift, HIST_NO_AXIS, 0, &m->t0));
    TRY(hist_book(s->hists, "monitor/t0_shape", "T0 pulse, sum of samples above the pedestal", shape, HIST_NO_AXIS, 1,
                  &m->t0_shape));
    return hist_book(s->hists, "monitor/ctag", "CTAG of muon fills", ctag, HIST_NO_AXIS, 0, &m->ctag_hist);
}

static enum err begin_unit(struct step *s)
{
    struct state *m = s->state;
    *m              = (struct state){.t0 = m->t0, .t0_shape = m->t0_shape, .ctag_hist = m->ctag_hist};
    return ERR_OK;
}

/* ---- a fill ----------------------------------------------------------------------------------------------------------- */

static struct channel *channel_of(struct state *m, int calo, int crystal)
{
    bool is_ours = calo >= 1 && calo <= N_CALOS && crystal >= 0 && crystal < N_CRYSTALS;
    return is_ours ? &m->channel[(calo - 1) * N_CRYSTALS + crystal] : NULL;
}

static void add_fill(const struct monitor_cfg *cfg, struct state *m, const struct fill_view *f)
{
    int type = f->fill_type[0] <= BANK_ASYNC ? f->fill_type[0] : 0;
    m->n_fills++;
    m->n_type[type]++;
    if (m->n_fills == 1 || f->unix_time_s[0] < m->first_unix_s) m->first_unix_s = f->unix_time_s[0];
    if (f->unix_time_s[0] > m->last_unix_s) m->last_unix_s = f->unix_time_s[0];
    m->n_damaged += (f->status[0] & 2) != 0;
    m->n_missing += (f->status[0] & 4) != 0;
    if (type != BANK_MUON) return;
    m->n_no_t0 += f->status[0] & 1;
    add(&m->ctag, f->ctag[0]);
    hist_fill(m->ctag_hist, f->ctag[0], 0.0, 1.0);
    if (f->status[0] & 1) return;
    add(&m->t0_ns, f->t0_ns[0]);
    hist_fill(m->t0, f->t0_ns[0] - cfg->t0_nominal_ns, 0.0, 1.0);
}

static void add_pulses(const struct monitor_cfg *cfg, struct state *m, const struct block *block)
{
    struct pulse_view p = pulse_view(block);
    for (size_t i = 0; i < p.n; i++) {
        struct channel *c = channel_of(m, p.calo[i], p.crystal[i]);
        if (!c) continue;
        if (p.t_fill_ns[i] >= cfg->from_us * 1e3 && p.energy_GeV[i] > cfg->pulse_GeV) c->n_pulses++;
    }
}

static void add_clusters(const struct monitor_cfg *cfg, struct state *m, const struct block *block)
{
    struct cluster_view c = cluster_view(block);
    for (size_t i = 0; i < c.n; i++) {
        if (!(c.energy_GeV[i] > cfg->threshold_GeV) || c.t_fill_ns[i] < cfg->from_us * 1e3) continue;
        double phase = 2.0 * PI * F_REFERENCE_MHz * 1e-3 * c.t_fill_ns[i];
        add(&m->wiggle_cos, cos(phase));
        add(&m->wiggle_sin, sin(phase));
    }
}

/* Variance of quiet samples about their mean, unbiased. */
static double variance(const int16_t *adc, int64_t n)
{
    double x = 0.0, x2 = 0.0;
    for (int64_t i = 0; i < n; i++) {
        double d = adc[i] - adc[0];
        x += d;
        x2 += d * d;
    }
    return (x2 - x * x / (double)n) / (double)(n - 1);
}

/* The highest sample, either way from the pedestal. */
static double height_adc(const int16_t *adc, int32_t n, double pedestal_adc)
{
    double highest = 0.0;
    for (int32_t k = 0; k < n; k++) highest = fmax(highest, fabs(adc[k] - pedestal_adc));
    return highest;
}

static void add_sync(const struct monitor_cfg *cfg, struct state *m, struct channel *c, double adc)
{
    if (adc < cfg->sync_min_adc) return;
    add(&c->sync_adc, adc);
    add(&m->sync_adc, adc);
}

static void add_t0_shape(struct state *m, const struct island_view *islands, size_t island, const int16_t *adc,
                         double pedestal_adc, double t0_ns)
{
    for (int32_t k = 0; k < islands->n_samples[island]; k++)
        hist_fill(m->t0_shape, SAMPLE_NS * (islands->first_sample[island] + k) - t0_ns, 0.0, adc[k] - pedestal_adc);
}

static void add_traces(const struct monitor_cfg *cfg, struct state *m, const struct step *s, double t0_ns)
{
    struct island_view islands = island_view(s->in[IN_ISLAND]);
    struct trace_view t        = trace_view(s->in[IN_TRACE]);
    struct sample_view samples = sample_view(s->in[IN_SAMPLE]);
    double quiet_until         = (t0_ns - cfg->quiet_before_ns) / SAMPLE_NS;
    for (size_t i = 0; i < t.n; i++) {
        size_t k = t.island[i];
        if (k >= islands.n || t.first_sample[i] + (size_t)islands.n_samples[k] > samples.n) continue;
        const int16_t *adc = samples.adc + t.first_sample[i];
        if (islands.calo[k] == T0_CRATE && t.crystal[i] == T0_SEGMENT)
            add_t0_shape(m, &islands, k, adc, (double)t.pedestal_adc[i], t0_ns);
        struct channel *c = channel_of(m, islands.calo[k], t.crystal[i]);
        if (!c) continue;
        add(&c->pedestal_adc, (double)t.pedestal_adc[i]);
        add(&m->pedestal_adc, (double)t.pedestal_adc[i]);
        double middle_ns = SAMPLE_NS * (islands.first_sample[k] + 0.5 * islands.n_samples[k]) - t0_ns;
        if (fabs(middle_ns - cfg->sync_ns) < cfg->sync_window_ns)
            add_sync(cfg, m, c, height_adc(adc, islands.n_samples[k], (double)t.pedestal_adc[i]));
        bool is_quiet = islands.first_sample[k] + islands.n_samples[k] < quiet_until;
        if (!is_quiet || islands.n_samples[k] < cfg->n_quiet) continue;
        double noise_adc2 = variance(adc, cfg->n_quiet);
        add(&c->noise_adc2, noise_adc2);
        add(&m->noise_adc2, noise_adc2);
    }
}

static enum err event(struct step *s)
{
    const struct monitor_cfg *cfg = s->cfg;
    struct state *m               = s->state;
    struct fill_view f            = fill_view(s->in[IN_FILL]);
    if (f.n == 0) return ERR_OK;
    add_fill(cfg, m, &f);
    if (f.fill_type[0] != BANK_MUON) return ERR_OK;
    if (s->in[IN_PULSE]) add_pulses(cfg, m, s->in[IN_PULSE]);
    if (s->in[IN_CLUSTER]) add_clusters(cfg, m, s->in[IN_CLUSTER]);
    if (s->in[IN_ISLAND] && s->in[IN_TRACE] && s->in[IN_SAMPLE]) add_traces(cfg, m, s, f.t0_ns[0]);
    return ERR_OK;
}

/* ---- the subrun ------------------------------------------------------------------------------------------------------- */

/* "" where the ODB does not say. */
static void read_run_type(const struct step *s, const char *key, uint8_t out[RUN_TYPE_BYTES])
{
    struct odb *odb;
    const char *text = "";
    memset(out, 0, RUN_TYPE_BYTES);
    if (!s->in[IN_ODB]) return;
    struct odb_view v = odb_view(s->in[IN_ODB]);
    if (odb_parse((const char *)v.byte, v.n, &odb) == ERR_OK) {
        if (odb_string(odb, key, 0, &text) == ERR_OK) memcpy(out, text, strnlen(text, RUN_TYPE_BYTES));
        odb_free(odb);
    }
    err_clear();
}

static enum err put_row(const struct step *s, const struct state *m)
{
    const struct monitor_cfg *cfg = s->cfg;
    TRY(block_resize(s->out[OUT_ROW], 1));
    struct monitor_view v = monitor_view(s->out[OUT_ROW]);
    read_run_type(s, cfg->run_type_key, v.run_type);
    v.first_unix_s[0] = m->first_unix_s;
    v.last_unix_s[0]  = m->last_unix_s;
    v.n_fills[0]      = m->n_fills;
    v.n_muon[0]       = m->n_type[BANK_MUON];
    v.n_laser[0]      = m->n_type[BANK_LASER];
    v.n_pedestal[0]   = m->n_type[BANK_PEDESTAL];
    v.n_no_t0[0]      = m->n_no_t0;
    v.n_damaged[0]    = m->n_damaged;
    v.n_missing[0]    = m->n_missing;
    v.n_positrons[0]  = m->wiggle_cos.n;
    v.n_sync[0]       = m->sync_adc.n;
    v.n_noise[0]      = m->noise_adc2.n;
    v.ctag[0]         = mean_of(&m->ctag);
    v.t0_ns[0]        = mean_of(&m->t0_ns);
    v.t0_rms_ns[0]    = rms_of(&m->t0_ns);
    v.sync_adc[0]     = mean_of(&m->sync_adc);
    v.pedestal_adc[0] = mean_of(&m->pedestal_adc);
    v.noise_adc[0]    = sqrt(mean_of(&m->noise_adc2));
    v.wiggle_cos[0]   = mean_of(&m->wiggle_cos);
    v.wiggle_sin[0]   = mean_of(&m->wiggle_sin);
    return ERR_OK;
}

static enum err end_unit(struct step *s)
{
    const struct state *m = s->state;
    TRY(put_row(s, m));
    TRY(block_resize(s->out[OUT_CHANNEL], N_CHANNELS));
    struct monitor_channel_view v = monitor_channel_view(s->out[OUT_CHANNEL]);
    for (size_t i = 0; i < N_CHANNELS; i++) {
        const struct channel *c = &m->channel[i];
        v.calo[i]               = (uint8_t)(i / N_CRYSTALS + 1);
        v.crystal[i]            = (uint8_t)(i % N_CRYSTALS);
        v.n_pulses[i]           = c->n_pulses;
        v.n_sync[i]             = c->sync_adc.n;
        v.n_noise[i]            = c->noise_adc2.n;
        v.sync_adc[i]           = (float)mean_of(&c->sync_adc);
        v.pedestal_adc[i]       = (float)mean_of(&c->pedestal_adc);
        v.noise_adc[i]          = (float)sqrt(mean_of(&c->noise_adc2));
    }
    return ERR_OK;
}

static void end(struct step *s) { mem_free(s->state); }

const struct module module_monitor = {
    .name = "Monitor",
    .kind = MODULE_PRODUCER,
    .doc =
        "What a shifter wants to see of a subrun, as a row of table monitor (fills of each type, damage, CTAG, T0, "
        "laser "
        "sync pulse, pedestals, noise, positrons and their wiggle) and a row of monitor_channel a crystal. Reads what "
        "the job makes; what it does not make stays empty.",
    .source     = "quantities: E989 nearline and DQM; choice and cuts are ours",
    .fields     = monitor_cfg_fields,
    .cfg_size   = sizeof(struct monitor_cfg),
    .in         = in_ports,
    .out        = out_ports,
    .begin      = begin,
    .begin_unit = begin_unit,
    .event      = event,
    .end_unit   = end_unit,
    .end        = end,
};
