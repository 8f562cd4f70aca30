/* Calibration `channels`: dead and hot channels, subrun by subrun. Sums: table channel_count of module ChannelCounts. */
#include "calib_beam.h"
#include "channel_flags.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUN, SUBRUN, CALO, CRYSTAL, N_FILLS, N_PULSES, N_LASER, N_RESPONSE, FIRST, LAST, LAST_LASER, N_COLUMNS };
static const char names[] =
    "run subrun calo crystal n_fills n_pulses n_laser n_response first_event last_event last_laser";

enum { DEAD = 1, HOT = 2, UNKNOWN = 4, MAX_CHANGES = 8 };

/* What is written: the flags of all channels, and those of the interval before. */
struct status {
    struct channel_flags_count count[CHANNEL_FLAGS_N];
    struct channel_flags flags[CHANNEL_FLAGS_N];
    uint8_t now[CHANNEL_FLAGS_N], before[CHANNEL_FLAGS_N];
    bool has_before;
    int64_t end_before;                      /* packed time at which the interval before ends */
    int n_dead, n_hot, n_unknown, n_changes; /* channels at any time; changes within subruns */
    bool was_dead[CHANNEL_FLAGS_N], was_hot[CHANNEL_FLAGS_N], was_unknown[CHANNEL_FLAGS_N];
    int n_missed, n_false; /* against what a simulation put in */
    bool has_truth;
};

/* The rows of a unit stand together, mostly all channels: from the first of another unit's to its last, else to the next row. */
static size_t pass_over(const double *const *v, size_t i, size_t n)
{
    const size_t last = i + CHANNEL_FLAGS_N - 1;
    return last < n && v[RUN][last] == v[RUN][i] && v[SUBRUN][last] == v[SUBRUN][i] ? last : i;
}

static enum err read_unit(const double *const *v, size_t n, struct calib_unit unit, struct status *s)
{
    memset(s->count, 0, sizeof s->count);
    for (size_t i = 0; i < n; i++) {
        if (v[RUN][i] != unit.run || v[SUBRUN][i] != unit.subrun) {
            i = pass_over(v, i, n);
            continue;
        }
        int channel = calib_channel((int)v[CALO][i], (int)v[CRYSTAL][i]);
        REQUIRE(channel >= 0 && channel < CHANNEL_FLAGS_N, ERR_DATA,
                "table channel_count row %zu: calorimeter %g, crystal %g", i, v[CALO][i], v[CRYSTAL][i]);
        s->count[channel] = (struct channel_flags_count){
            (uint32_t)v[N_FILLS][i], (uint32_t)v[N_PULSES][i], (uint32_t)v[N_LASER][i],   (uint32_t)v[N_RESPONSE][i],
            (uint32_t)v[FIRST][i],   (uint32_t)v[LAST][i],     (uint32_t)v[LAST_LASER][i]};
    }
    return ERR_OK;
}

/* Opens an interval and writes all channels, unless the one before says the same and ends here. */
static enum err write_interval(struct status *s, int64_t begin, int64_t end, struct calib_result *out)
{
    bool is_same = s->has_before && s->end_before == begin && memcmp(s->now, s->before, sizeof s->now) == 0;
    if (is_same) {
        out->set.interval[out->set.n_intervals - 1].end = end;
    } else {
        TRY(calib_interval_packed(out, begin, end));
        for (int i = 0; i < CHANNEL_FLAGS_N; i++) {
            const double value[2] = {(s->now[i] & DEAD) != 0, (s->now[i] & HOT) != 0};
            const int calo = 1 + i / N_CRYSTALS, crystal = i % N_CRYSTALS;
            TRY(s->now[i] & UNKNOWN ? calib_add_missing(out, calo, crystal, value)
                                    : calib_add(out, calo, crystal, value, value));
        }
    }
    memcpy(s->before, s->now, sizeof s->before);
    s->has_before = true;
    s->end_before = end;
    return ERR_OK;
}

static int by_number(const void *a, const void *b)
{
    uint32_t p = *(const uint32_t *)a, q = *(const uint32_t *)b;
    return (p > q) - (p < q);
}

/* Events at which a channel of the subrun changes, in order, the first being 0. With more than a few the subrun is odd, and a
 * channel counts as dead for all of it. */
static size_t find_changes(struct status *s, uint32_t event[MAX_CHANGES + 1])
{
    uint32_t all[2 * CHANNEL_FLAGS_N + 1];
    size_t n = 0, kept = 0;
    all[n++] = 0;
    for (int i = 0; i < CHANNEL_FLAGS_N; i++) {
        if (s->flags[i].dead_from) all[n++] = s->flags[i].dead_from;
        if (s->flags[i].alive_from) all[n++] = s->flags[i].alive_from;
    }
    qsort(all, n, sizeof *all, by_number);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || all[i] != all[i - 1]) all[kept++] = all[i];
    if (kept > MAX_CHANGES + 1) {
        for (int i = 0; i < CHANNEL_FLAGS_N; i++) {
            struct channel_flags *f = &s->flags[i];
            f->is_dead              = f->is_dead || f->dead_from || f->alive_from;
            f->dead_from = f->alive_from = 0;
        }
        kept = 1;
    }
    memcpy(event, all, kept * sizeof *event);
    return kept;
}

static void flags_at(struct status *s, uint32_t event)
{
    for (int i = 0; i < CHANNEL_FLAGS_N; i++) {
        const struct channel_flags *f = &s->flags[i];
        bool is_dead                  = f->is_dead;
        if (f->alive_from && event >= f->alive_from) is_dead = false;
        if (f->dead_from && event >= f->dead_from) is_dead = true;
        s->now[i] = (uint8_t)((is_dead ? DEAD : 0) | (f->is_hot ? HOT : 0) | (f->is_known ? 0 : UNKNOWN));
        s->was_dead[i] |= is_dead;
        s->was_hot[i] |= f->is_hot;
        s->was_unknown[i] |= !f->is_known;
    }
}

static void compare(const struct calib_input *in, struct calib_unit unit, struct status *s)
{
    for (int i = 0; i < CHANNEL_FLAGS_N; i++) {
        double is_dead, is_hot;
        const int calo = 1 + i / N_CRYSTALS, crystal = i % N_CRYSTALS;
        if (!calib_truth(in, unit, calo, crystal, "is_dead", &is_dead) ||
            !calib_truth(in, unit, calo, crystal, "is_hot", &is_hot) || (s->now[i] & UNKNOWN))
            continue;
        int injected = (is_dead > 0.0 ? DEAD : 0) | (is_hot > 0.0 ? HOT : 0), found = s->now[i] & (DEAD | HOT);
        s->has_truth = true;
        s->n_missed += (injected & ~found) != 0;
        s->n_false += (found & ~injected) != 0;
    }
}

static enum err write_unit(const struct calib_input *in, struct calib_unit unit, struct status *s,
                           struct calib_result *out)
{
    uint32_t event[MAX_CHANGES + 1];
    int64_t begin, last;
    const struct cond_time start = {unit.run, unit.subrun, 0};
    channel_flags_find(s->count, s->flags);
    size_t n = find_changes(s, event);
    s->n_changes += (int)n - 1;
    TRY(cond_pack_end(&out->set.table, start, &last));
    for (size_t i = 0; i < n; i++) {
        int64_t end = last + 1;
        TRY(cond_pack(&out->set.table, (struct cond_time){unit.run, unit.subrun, event[i]}, &begin));
        if (i + 1 < n) TRY(cond_pack(&out->set.table, (struct cond_time){unit.run, unit.subrun, event[i + 1]}, &end));
        flags_at(s, event[i]);
        TRY(write_interval(s, begin, end, out));
    }
    if (n == 1) compare(in, unit, s);
    return ERR_OK;
}

static enum err extract_with(const struct calib_input *in, struct status *s, struct calib_result *out)
{
    const double *v[N_COLUMNS];
    size_t n;
    char truth[96] = "";
    TRY(calib_columns(in, "channel_count", names, v, &n));
    TRY(calib_begin("channel_status", out));
    for (size_t i = 0; i < in->n_units; i++) {
        TRY(read_unit(v, n, in->unit[i], s));
        TRY(write_unit(in, in->unit[i], s, out));
    }
    for (int i = 0; i < CHANNEL_FLAGS_N; i++) {
        s->n_dead += s->was_dead[i];
        s->n_hot += s->was_hot[i];
        s->n_unknown += s->was_unknown[i];
    }
    if (s->has_truth)
        snprintf(truth, sizeof truth, " Against what was put in: %d channels and subruns missed, %d false.",
                 s->n_missed, s->n_false);
    snprintf(out->note, sizeof out->note,
             "%d channels are dead and %d hot at some time, %d cannot be told in some subrun (neither laser nor enough "
             "beam). %d changes within a subrun.%s",
             s->n_dead, s->n_hot, s->n_unknown, s->n_changes, truth);
    return ERR_OK;
}

static enum err extract(const struct calib_input *in, struct calib_result *out)
{
    struct status *s;
    TRY(mem_alloc(&s, 1, sizeof *s));
    enum err rc = extract_with(in, s, out);
    mem_free(s);
    return rc;
}

static bool truth(const struct calib_input *in, struct cond_time begin, int calo, int crystal, double *value)
{
    const struct calib_unit unit = {(uint32_t)begin.run, (uint32_t)begin.subrun};
    return calib_truth(in, unit, calo, crystal, "is_dead", &value[0]) &&
           calib_truth(in, unit, calo, crystal, "is_hot", &value[1]);
}

const struct calibration calibration_channels = {
    .name      = "channels",
    .condition = "channel_status",
    .title     = "Dead and hot channels",
    .doc    = "Channels that do not answer the laser, or see far fewer or far more pulses than their like in the other "
              "calorimeters; with the event where one dies within a subrun.",
    .tables = {"channel_count"},
    .made_by  = "ChannelCounts",
    .extract  = extract,
    .truth    = truth,
    .pictures = calib_status_pictures,
};
