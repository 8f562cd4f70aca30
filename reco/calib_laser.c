/* Calibrations from laser pulses outside the fill: gain of a subrun against the reference, times of channels. Sums: table
 * laser_sum of module LaserCalib. */
#include "calib.h"
#include "mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MIN_SHOTS = 5 };
static const double min_measured = 0.5; /* of the channels: with fewer a subrun gets no constants at all */

/* Sums of one channel. */
struct sums {
    double n, sum, sum2;
};

/* Mean and its standard error from the spread; false with too few. */
static bool mean_of(const struct sums *s, double *mean, double *error)
{
    if (s->n < MIN_SHOTS) return false;
    *mean  = s->sum / s->n;
    *error = sqrt(fmax(0.0, s->sum2 / s->n - *mean * *mean) / (s->n - 1.0));
    return true;
}

/* The rows of a unit stand together, mostly all channels: from the first of another unit's to its last, else to the next row. */
static size_t pass_over(const double *run, const double *subrun, size_t i, size_t n)
{
    const size_t last = i + CALIB_CHANNELS - 1;
    return last < n && run[last] == run[i] && subrun[last] == subrun[i] ? last : i;
}

/* Adds up the rows of `unit` (NULL: of all units) by channel; names: n, sum, sum of squares. */
static enum err add_up(const struct calib_input *in, const struct calib_unit *unit, const char *names,
                       struct sums *channel)
{
    const double *v[3], *at[4];
    size_t n;
    TRY(calib_columns(in, "laser_sum", names, v, &n));
    TRY(calib_columns(in, "laser_sum", "run subrun calo crystal", at, &n));
    memset(channel, 0, CALIB_CHANNELS * sizeof *channel);
    for (size_t i = 0; i < n; i++) {
        if (unit && (at[0][i] != unit->run || at[1][i] != unit->subrun)) {
            i = pass_over(at[0], at[1], i, n);
            continue;
        }
        int k = calib_channel((int)at[2][i], (int)at[3][i]);
        REQUIRE(k >= 0 && k < CALIB_CHANNELS, ERR_DATA, "table laser_sum: calorimeter %g, crystal %g", at[2][i],
                at[3][i]);
        channel[k].n += v[0][i];
        channel[k].sum += v[1][i];
        channel[k].sum2 += v[2][i];
    }
    return ERR_OK;
}

static size_t count_measured(const struct sums *channel)
{
    size_t n = 0;
    for (int k = 0; k < CALIB_CHANNELS; k++) n += channel[k].n >= MIN_SHOTS;
    return n;
}

/* ---- out-of-fill gain -------------------------------------------------------------------------------------------------- */
static const char response[] = "n_response sum_response sum_response2";

static enum err add_subrun(struct calib_unit unit, bool is_reference, const struct sums *here, const struct sums *there,
                           struct calib_result *out)
{
    static const double neutral[2] = {1.0, 0.0};
    TRY(calib_interval_subrun(out, unit));
    for (int k = 0; k < CALIB_CHANNELS; k++) {
        double mean, error, mean0, error0, value[2] = {1.0, 0.0};
        bool is_good = mean_of(&here[k], &mean, &error) && mean_of(&there[k], &mean0, &error0) && mean0 > 0.0;
        if (is_good && !is_reference) {
            value[0] = mean / mean0;
            value[1] = value[0] * hypot(error / mean, error0 / mean0);
        }
        TRY(is_good ? calib_add(out, 1 + k / N_CRYSTALS, k % N_CRYSTALS, value, neutral)
                    : calib_add_missing(out, 1 + k / N_CRYSTALS, k % N_CRYSTALS, neutral));
    }
    return ERR_OK;
}

static enum err extract_oof_with(const struct calib_input *in, struct sums *here, struct sums *there,
                                 struct calib_result *out)
{
    size_t n_left_out = 0;
    TRY(calib_begin("oof_correction", out));
    for (size_t i = 0; i < in->n_units; i++) {
        const struct calib_unit unit = in->unit[i], reference = calib_reference(in, unit.run);
        const bool is_reference = unit.run == reference.run && unit.subrun == reference.subrun;
        TRY(add_up(in, &unit, response, here));
        TRY(add_up(in, &reference, response, there));
        REQUIRE((double)count_measured(there) >= min_measured * CALIB_CHANNELS, ERR_NOTFOUND,
                "the reference, run %u subrun %u, has laser pulses in %zu of %d channels", reference.run,
                reference.subrun, count_measured(there), CALIB_CHANNELS);
        if ((double)count_measured(here) < min_measured * CALIB_CHANNELS)
            n_left_out++;
        else
            TRY(add_subrun(unit, is_reference, here, there, out));
    }
    const struct calib_unit first = in->n_units ? calib_reference(in, in->unit[0].run) : (struct calib_unit){0, 0};
    snprintf(
        out->note, sizeof out->note,
        "Relative to run %u subrun %u%s, where it is 1 by definition. %zu subruns without enough laser pulses were "
        "left out.",
        first.run, first.subrun, in->has_reference ? "" : " (each run: its first subrun)", n_left_out);
    return ERR_OK;
}

static enum err extract_oof(const struct calib_input *in, struct calib_result *out)
{
    struct sums *work;
    TRY(mem_alloc(&work, 2 * (size_t)CALIB_CHANNELS, sizeof *work));
    enum err rc = extract_oof_with(in, work, work + CALIB_CHANNELS, out);
    mem_free(work);
    return rc;
}

static bool truth_oof(const struct calib_input *in, struct cond_time begin, int calo, int crystal, double *value)
{
    const struct calib_unit unit = {(uint32_t)begin.run, (uint32_t)begin.subrun};
    double here, there;
    if (!calib_truth(in, unit, calo, crystal, "oof", &here)) return false;
    if (!calib_truth(in, calib_reference(in, unit.run), calo, crystal, "oof", &there)) return false;
    value[0] = here / there;
    value[1] = 0.0;
    return true;
}

const struct calibration calibration_oof = {
    .name      = "oof",
    .condition = "oof_correction",
    .title     = "Out-of-fill gain",
    .doc    = "Response of each crystal to laser pulses outside the fill, over that of the source monitor, against the "
              "reference subrun.",
    .tables = {"laser_sum"},
    .made_by = "LaserCalib",
    .extract = extract_oof,
    .truth   = truth_oof,
};

/* ---- times of channels ------------------------------------------------------------------------------------------------- */
static enum err extract_sync_with(const struct calib_input *in, struct sums *channel, struct calib_result *out)
{
    static const double neutral[2] = {0.0, 0.0};
    double sum                     = 0.0;
    size_t n                       = 0;
    TRY(calib_begin("time_alignment", out));
    TRY(add_up(in, NULL, "n_time sum_dt_ns sum_dt2_ns2", channel));
    n = count_measured(channel);
    REQUIRE((double)n >= min_measured * CALIB_CHANNELS, ERR_NOTFOUND, "%zu of %d channels have sync pulses", n,
            CALIB_CHANNELS);
    TRY(calib_interval_run(out, in->unit[0].run, in->unit[in->n_units - 1].run));
    for (int k = 0; k < CALIB_CHANNELS; k++)
        if (channel[k].n >= MIN_SHOTS) sum += channel[k].sum / channel[k].n;
    for (int k = 0; k < CALIB_CHANNELS; k++) {
        double value[2];
        bool is_good = mean_of(&channel[k], &value[0], &value[1]);
        value[0] -= is_good ? sum / (double)n : 0.0;
        TRY(is_good ? calib_add(out, 1 + k / N_CRYSTALS, k % N_CRYSTALS, value, neutral)
                    : calib_add_missing(out, 1 + k / N_CRYSTALS, k % N_CRYSTALS, neutral));
    }
    snprintf(out->note, sizeof out->note,
             "Against the mean of all channels with sync pulses; the same length of all laser fibres is assumed.");
    return ERR_OK;
}

static enum err extract_sync(const struct calib_input *in, struct calib_result *out)
{
    struct sums *work;
    TRY(mem_alloc(&work, CALIB_CHANNELS, sizeof *work));
    enum err rc = extract_sync_with(in, work, out);
    mem_free(work);
    return rc;
}

/* Dead channels are not in the mean that times are taken against. */
static bool truth_sync(const struct calib_input *in, struct cond_time begin, int calo, int crystal, double *value)
{
    struct calib_unit unit = in->unit[0];
    double sum = 0.0, one, is_dead = 0.0;
    int n = 0;
    (void)begin;
    for (int k = 0; k < CALIB_CHANNELS; k++) {
        const int c = 1 + k / N_CRYSTALS, x = k % N_CRYSTALS;
        if (!calib_truth(in, unit, c, x, "time_offset_ns", &one)) return false;
        if (calib_truth(in, unit, c, x, "is_dead", &is_dead) && is_dead > 0.0) continue;
        sum += one;
        n++;
    }
    if (n == 0 || !calib_truth(in, unit, calo, crystal, "time_offset_ns", &one)) return false;
    value[0] = one - sum / n;
    value[1] = 0.0;
    return true;
}

const struct calibration calibration_sync = {
    .name      = "sync",
    .condition = "time_alignment",
    .title     = "Times of channels by the laser",
    .doc       = "Time of each crystal's sync pulse against the mean of all crystals of the fill.",
    .tables    = {"laser_sum"},
    .made_by   = "LaserCalib",
    .extract   = extract_sync,
    .truth     = truth_sync,
};
