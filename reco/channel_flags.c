/* Which channels are dead or hot. */
#include "channel_flags.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>

enum { MIN_LASER = 3, ROUNDS = 5 };
static const double dead_share = 0.1, hot_share = 3.0;
#define LN_RARE (-20.72) /* ln 1e-9 */

double channel_flags_ln_p(double mu, uint32_t n, bool is_high)
{
    if (!(mu > 0.0)) return is_high && n > 0 ? -HUGE_VAL : 0.0;
    if (is_high && n == 0) return 0.0;
    double p = is_high ? gsl_cdf_poisson_Q(n - 1, mu) : gsl_cdf_poisson_P(n, mu);
    return p > 0.0 ? log(p) : -HUGE_VAL;
}

static int by_value(const void *a, const void *b)
{
    double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

/* Mean of the middle half: as robust as the median, and not in steps where counts are few. */
static double middle_mean(double *value, int n)
{
    if (n == 0) return 0.0;
    qsort(value, (size_t)n, sizeof *value, by_value);
    int from = n / 4, to = n - n / 4;
    double sum = 0.0;
    for (int i = from; i < to; i++) sum += value[i];
    return sum / (to - from);
}

static double median(double *value, int n)
{
    if (n == 0) return 0.0;
    qsort(value, (size_t)n, sizeof *value, by_value);
    return 0.5 * (value[(n - 1) / 2] + value[n / 2]);
}

/* The calorimeters' pattern and each one's size, in turns. */
static void find_expected(const struct channel_flags_count *count, struct channel_flags *flags)
{
    double size[N_CALOS], pattern[N_CRYSTALS], value[N_CRYSTALS];
    for (int k = 0; k < N_CALOS; k++) size[k] = count[k * N_CRYSTALS].n_fills;
    for (int round = 0; round < ROUNDS; round++) {
        for (int c = 0; c < N_CRYSTALS; c++) {
            int n = 0;
            for (int k = 0; k < N_CALOS; k++)
                if (size[k] > 0.0) value[n++] = count[k * N_CRYSTALS + c].n_pulses / size[k];
            pattern[c] = middle_mean(value, n);
        }
        for (int k = 0; k < N_CALOS; k++) {
            int n = 0;
            for (int c = 0; c < N_CRYSTALS; c++)
                if (pattern[c] > 0.0) value[n++] = count[k * N_CRYSTALS + c].n_pulses / pattern[c];
            size[k] = count[k * N_CRYSTALS].n_fills ? median(value, n) : 0.0;
        }
    }
    for (int i = 0; i < CHANNEL_FLAGS_N; i++) flags[i].expected = size[i / N_CRYSTALS] * pattern[i % N_CRYSTALS];
}

static void ask_laser(const struct channel_flags_count *c, struct channel_flags *f)
{
    if (c->n_laser < MIN_LASER) return;
    f->is_known = true;
    f->is_dead  = c->n_response == 0;
}

/* Within a subrun: a stretch without answers at its end or its beginning, longer than chance. Most fills have a laser pulse,
 * so events are counted as pulses by their share of the subrun. */
static void ask_when(const struct channel_flags_count *c, struct channel_flags *f)
{
    if (c->n_laser < MIN_LASER || f->is_dead || c->last_event == 0 || c->last_laser == 0) return;
    double pulses_per_event = (double)c->n_laser / c->last_laser;
    double behind           = c->last_laser > c->last_event ? (c->last_laser - c->last_event) * pulses_per_event : 0.0;
    double before           = (c->first_event - 1) * pulses_per_event;
    double lost             = (double)c->n_laser - c->n_response;
    if (behind >= MIN_LASER && behind <= lost + 0.5) f->dead_from = c->last_event + 1;
    if (before >= MIN_LASER && before <= lost + 0.5) {
        f->alive_from = c->first_event;
        f->is_dead    = true;
    }
}

static void ask_beam(const struct channel_flags_count *c, struct channel_flags *f)
{
    bool can_tell = channel_flags_ln_p(f->expected, 0, false) < LN_RARE;
    f->is_known   = f->is_known || can_tell;
    if (c->n_pulses > hot_share * f->expected && channel_flags_ln_p(f->expected, c->n_pulses, true) < LN_RARE)
        f->is_hot = true;
    if (c->n_pulses < dead_share * f->expected && channel_flags_ln_p(f->expected, c->n_pulses, false) < LN_RARE &&
        f->alive_from == 0 && f->dead_from == 0)
        f->is_dead = true;
}

void channel_flags_find(const struct channel_flags_count count[CHANNEL_FLAGS_N],
                        struct channel_flags flags[CHANNEL_FLAGS_N])
{
    for (int i = 0; i < CHANNEL_FLAGS_N; i++) flags[i] = (struct channel_flags){.is_dead = false};
    find_expected(count, flags);
    for (int i = 0; i < CHANNEL_FLAGS_N; i++) {
        ask_laser(&count[i], &flags[i]);
        ask_when(&count[i], &flags[i]);
        ask_beam(&count[i], &flags[i]);
    }
}
