/* Quantities of a subrun, and what is wrong with them. */
#include "dqm.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define INFO(A, B, name, unit, low, high, doc) {#name, unit, doc},
const struct dqm_quantity_info dqm_quantities[N_DQM_QUANTITIES] = {DQM_QUANTITIES(INFO, , )};

#define LIMITS(TO, CFG, name, ...)                                                                                     \
    (TO)->low[DQM_##name]  = (CFG)->name##_low;                                                                        \
    (TO)->high[DQM_##name] = (CFG)->name##_high;
void dqm_take_limits(const struct dqm_cfg *cfg, struct dqm_limits *out) { DQM_QUANTITIES(LIMITS, out, cfg) }

#define ADD(A, B, name) (A)->name += (B)->name;
void dqm_sums_add(struct dqm_sums *into, const struct dqm_sums *from) { DQM_SUMS(ADD, into, from) }

static double over(double a, double b) { return b > 0.0 ? a / b : (double)NAN; }

void dqm_row_values(struct dqm_row *row, const struct dqm_sums *reference)
{
    const struct dqm_sums *s = &row->sums;
    double *v                = row->value;
    double n_t0 = s->n_muon - s->n_no_t0, square = over(s->t0_ns2, n_t0) - pow(over(s->t0_ns, n_t0), 2.0);
    v[DQM_fills_per_s]   = over(s->n_fills - 1.0, row->last_unix_s - row->first_unix_s);
    v[DQM_ctag]          = over(s->ctag, s->n_muon);
    v[DQM_positrons]     = over(s->n_positrons, s->n_muon);
    v[DQM_asymmetry]     = 2.0 * hypot(over(s->wiggle_cos, s->n_positrons), over(s->wiggle_sin, s->n_positrons));
    v[DQM_t0_ns]         = over(s->t0_ns, n_t0);
    v[DQM_t0_rms_ns]     = n_t0 > 0.0 ? sqrt(fmax(0.0, square)) : (double)NAN;
    v[DQM_no_t0]         = over(s->n_no_t0, s->n_muon);
    v[DQM_sync_adc]      = over(s->sync_adc, s->n_sync);
    v[DQM_pedestal_adc]  = over(s->pedestal_adc, s->n_muon);
    v[DQM_noise_adc]     = sqrt(over(s->noise_adc2, s->n_noise));
    v[DQM_damaged]       = over(s->n_damaged, s->n_fills);
    v[DQM_missing]       = over(s->n_missing, s->n_fills);
    v[DQM_dead_channels] = row->dead_channels;
    v[DQM_latency_s]     = row->latency_s;
    v[DQM_sync_ratio] = v[DQM_pedestal_shift_adc] = (double)NAN;
    if (!reference) return;
    v[DQM_sync_ratio]         = v[DQM_sync_adc] / over(reference->sync_adc, reference->n_sync);
    v[DQM_pedestal_shift_adc] = v[DQM_pedestal_adc] - over(reference->pedestal_adc, reference->n_muon);
}

/* ---- alarms ----------------------------------------------------------------------------------------------------------- */

struct list {
    size_t n, room;
    struct dqm_alarm *alarm;
};

static void raise(struct list *l, bool is_alarm, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void raise(struct list *l, bool is_alarm, const char *format, ...)
{
    va_list words;
    if (l->n == l->room) return;
    struct dqm_alarm *a = &l->alarm[l->n++];
    a->is_alarm         = is_alarm;
    va_start(words, format);
    vsnprintf(a->text, sizeof a->text, format, words);
    va_end(words);
}

/* A quantity of the latest subruns: an alarm when the last one is outside, a warning when only earlier ones are. */
static void judge(const struct dqm *d, int q, struct list *l)
{
    enum { LOOK_BACK = 10 };
    size_t first = d->n > LOOK_BACK ? d->n - LOOK_BACK : 0, n_out = 0, last_out = 0;
    for (size_t i = first; i < d->n; i++) {
        double v = d->row[i].value[q];
        if (!isfinite(v) || (v >= d->limits.low[q] && v <= d->limits.high[q])) continue;
        n_out++;
        last_out = i;
    }
    if (n_out == 0) return;
    const struct dqm_row *r = &d->row[last_out];
    double v                = r->value[q];
    bool is_low             = v < d->limits.low[q];
    raise(l, last_out + 1 == d->n, "%s: %.4g %s in run %u subrun %u is %s %.4g (%zu of the last %zu subruns): %s",
          dqm_quantities[q].name, v, strcmp(dqm_quantities[q].unit, "1") == 0 ? "" : dqm_quantities[q].unit, r->run,
          r->subrun, is_low ? "below" : "above", is_low ? d->limits.low[q] : d->limits.high[q], n_out, d->n - first,
          dqm_quantities[q].doc);
}

/* Crates that were damaged in this run. */
static void judge_crates(const struct dqm *d, struct list *l)
{
    const struct hist *h = hist_find(&d->hists, "raw/damaged_crates");
    char names[200]      = "";
    size_t used          = 0;
    for (int64_t i = 0; h && i < h->x.n; i++)
        if (h->content[i] > 0 && used < sizeof names - 32)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%lld (%lld)", used ? ", " : "", (long long)i,
                                     (long long)h->content[i]);
    if (used) raise(l, false, "crates damaged in run %u (fills): %s", d->run, names);
}

void dqm_alarms(const struct dqm *d, size_t room, struct dqm_alarm *out, size_t *n)
{
    struct list l = {.room = room, .alarm = out};
    for (int q = 0; q < N_DQM_QUANTITIES; q++) judge(d, q, &l);
    judge_crates(d, &l);
    if (d->n_bad) raise(&l, true, "%zu raw files could not be processed and are set aside: %s", d->n_bad, d->bad[0]);
    *n = l.n;
}
