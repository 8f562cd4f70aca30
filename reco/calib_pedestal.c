/* Calibrations `pedestal` and `noise`: means and spreads of samples without pulses. Sums: histogram calib/pedestal_sums of module
 * PedestalSums. */
#include "calib_beam.h"
#include "pedestal_sums.h"

#include <math.h>
#include <stdio.h>

enum { MIN_WAVEFORMS = 1, MIN_FILLS = 5 };

struct level {
    double pedestal, pedestal_error, noise, noise_error; /* adc */
    double rms_of_means;                                 /* of waveforms, 0 if one */
    bool has_waveforms, has_pedestal;
};

static double sum_of(const struct hist *h, int channel, enum pedestal_row row)
{
    return (double)h->content[(int64_t)channel * N_PEDESTAL_ROWS + (int)row];
}

/* Mean of n values and the error of it by their spread. */
static void of_means(double n, double sum, double squares, double *mean, double *rms)
{
    *mean = sum / n;
    *rms  = n > 1.0 ? sqrt(fmax(0.0, (squares - sum * *mean) / (n - 1.0))) : 0.0;
    *mean *= PEDESTAL_STEP;
    *rms *= PEDESTAL_STEP;
}

/* Noise of a waveform's samples, of a length that all have alike; the mean's error is that of white noise or, where means of
 * waveforms differ by more, that of their spread. */
static void from_waveforms(const struct hist *h, int channel, struct level *l)
{
    const double n = sum_of(h, channel, PEDESTAL_WAVEFORMS), pairs = sum_of(h, channel, PEDESTAL_WITHIN_N);
    const double length = 0.5 + sqrt(0.25 + pairs / n); /* pairs = n length (length - 1) */
    of_means(n, sum_of(h, channel, PEDESTAL_MEAN), sum_of(h, channel, PEDESTAL_MEAN_SQUARES), &l->pedestal,
             &l->rms_of_means);
    l->noise       = sqrt(sum_of(h, channel, PEDESTAL_WITHIN) / pairs);
    l->noise_error = l->noise / sqrt(2.0 * n * (length - 1.0));
    double white = l->noise / sqrt(length), significance = (l->rms_of_means / white - 1.0) * sqrt(2.0 * (n - 1.0));
    l->pedestal_error = (n > 1.0 && significance > 4.0 ? l->rms_of_means : white) / sqrt(n);
    l->has_waveforms  = true;
    l->has_pedestal   = true;
}

static void from_fills(const struct hist *h, int channel, struct level *l)
{
    const double n = sum_of(h, channel, PEDESTAL_CP);
    double rms;
    of_means(n, sum_of(h, channel, PEDESTAL_CP_SUM), sum_of(h, channel, PEDESTAL_CP_SQUARES), &l->pedestal, &rms);
    l->pedestal_error = rms / sqrt(n);
    l->has_pedestal   = true;
}

static struct level read_level(const struct hist *h, int channel)
{
    struct level l = {.has_waveforms = false};
    if (sum_of(h, channel, PEDESTAL_WAVEFORMS) >= MIN_WAVEFORMS)
        from_waveforms(h, channel, &l);
    else if (sum_of(h, channel, PEDESTAL_CP) >= MIN_FILLS)
        from_fills(h, channel, &l);
    return l;
}

static enum err extract(const struct calib_input *in, const char *condition, bool is_noise, struct calib_result *out)
{
    static const double neutral[2] = {0.0, 0.0};
    const struct hist *h           = hist_find(&in->hists, PEDESTAL_SUMS);
    int n_waveforms = 0, n_fills = 0;
    double left_out = 0.0, shift = 0.0;
    REQUIRE(in->n_units > 0, ERR_NOTFOUND, "there are no subruns");
    TRY(calib_begin(condition, out));
    TRY(calib_interval_run(out, in->unit[0].run, in->unit[in->n_units - 1].run));
    for (int i = 0; i < CALIB_CHANNELS; i++) {
        const struct level l  = read_level(h, i);
        const bool is_known   = is_noise ? l.has_waveforms : l.has_pedestal;
        const double value[2] = {is_noise ? l.noise : l.pedestal, is_noise ? l.noise_error : l.pedestal_error};
        const int calo = 1 + i / N_CRYSTALS, crystal = i % N_CRYSTALS;
        TRY(is_known ? calib_add(out, calo, crystal, value, neutral) : calib_add_missing(out, calo, crystal, neutral));
        n_waveforms += l.has_waveforms;
        n_fills += l.has_pedestal && !l.has_waveforms;
        left_out += sum_of(h, i, PEDESTAL_LEFT_OUT);
        struct level cp = {.has_pedestal = false};
        if (l.has_waveforms && sum_of(h, i, PEDESTAL_CP) >= MIN_FILLS) from_fills(h, i, &cp);
        if (cp.has_pedestal) shift = fmax(shift, fabs(cp.pedestal - l.pedestal));
    }
    REQUIRE(n_waveforms + (is_noise ? 0 : n_fills) > 0, ERR_NOTFOUND, "there are no pedestal fills");
    snprintf(
        out->note, sizeof out->note,
        "%d channels by pedestal fills, %d by the frontend's pedestals of muon fills; %.0f waveforms with pulses left "
        "out. Largest difference between both ways %.2f adc. Noise is that of samples as recorded, rounding in it.",
        n_waveforms, n_fills, left_out, shift);
    return ERR_OK;
}

static enum err extract_pedestal(const struct calib_input *in, struct calib_result *out)
{
    return extract(in, "pedestal", false, out);
}

static enum err extract_noise(const struct calib_input *in, struct calib_result *out)
{
    return extract(in, "noise", true, out);
}

static bool truth_pedestal(const struct calib_input *in, struct cond_time begin, int calo, int crystal, double *value)
{
    (void)begin;
    value[1] = 0.0;
    return calib_truth(in, in->unit[0], calo, crystal, "pedestal_adc", &value[0]);
}

static bool truth_noise(const struct calib_input *in, struct cond_time begin, int calo, int crystal, double *value)
{
    double noise;
    (void)begin;
    if (!calib_truth(in, in->unit[0], calo, crystal, "noise_adc", &noise)) return false;
    value[0] = sqrt(noise * noise + 1.0 / 12.0); /* of rounding */
    value[1] = 0.0;
    return true;
}

const struct calibration calibration_pedestal = {
    .name      = "pedestal",
    .condition = "pedestal",
    .title     = "Pedestals",
    .doc       = "Mean of the samples of pedestal fills; without such fills of the frontend's pedestals of muon fills.",
    .hists     = {PEDESTAL_SUMS},
    .made_by   = "PedestalSums",
    .extract   = extract_pedestal,
    .truth     = truth_pedestal,
    .pictures  = calib_pedestal_pictures,
};

const struct calibration calibration_noise = {
    .name      = "noise",
    .condition = "noise",
    .title     = "Noise",
    .doc       = "Rms of the samples of pedestal fills about the mean of their waveform.",
    .hists     = {PEDESTAL_SUMS},
    .made_by   = "PedestalSums",
    .extract   = extract_noise,
    .truth     = truth_noise,
    .pictures  = calib_noise_pictures,
};
