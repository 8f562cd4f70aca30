/* The GPU's fits and whole waveforms of a muon fill. */
#include "digitise_extra.h"

#include "bank_wfd_build.h"
#include "odb.h"

#include <math.h>

enum { WINDOW_BEFORE = 9, WINDOW = 32, MAX_PULSES = 400, STEPS = 40 };

/* ---- the GPU's fits ---- */

static const double two_over_pi = 0.63661977236758134308;

/* Of a peak that lies f samples behind its highest sample. */
static double pseudo_time(const struct pulse_shape *shape, double f)
{
    double left = pulse_shape_value(shape, -1.0 - f, NULL, NULL), peak = pulse_shape_value(shape, -f, NULL, NULL);
    double right = pulse_shape_value(shape, 1.0 - f, NULL, NULL);
    return two_over_pi * atan2(peak - left, peak - right);
}

void digitise_gpu_create(struct digitise_gpu *gpu)
{
    const struct pulse_shape *shape = pulse_shape(PULSE_BEAM);
    gpu->area                       = shape->area;
    for (int i = 0; i < DIGITISE_PHASES; i++) {
        double want = (i + 0.5) / DIGITISE_PHASES, low = -1.0, high = 1.0;
        for (int k = 0; k < STEPS; k++) { /* it grows with f */
            double f = 0.5 * (low + high);
            if (pseudo_time(shape, f) < want)
                low = f;
            else
                high = f;
        }
        gpu->fraction[i] = (float)low;
    }
}

/* Energy, pedestal and residuals of the n samples at `first` of a trace for a peak at `time`; sign +1 or -1. */
static void fit(const struct digitise_gpu *gpu, const int16_t *adc, int32_t first, int32_t n, double time, int sign,
                struct bank_pulse *out)
{
    double s1 = n, st = 0.0, stt = 0.0, sy = 0.0, sty = 0.0, syy = 0.0;
    float shape[WINDOW];
    pulse_shape_row(pulse_shape(PULSE_BEAM), time - first, (size_t)n, shape, NULL, NULL);
    for (int32_t i = 0; i < n; i++) {
        const double t = (double)shape[i], y = sign * adc[first + i];
        st += t;
        stt += t * t;
        sy += y;
        sty += t * y;
        syy += y * y;
    }
    const double determinant = s1 * stt - st * st;
    const double scale = (s1 * sty - st * sy) / determinant, pedestal = (sy - scale * st) / s1;
    out->energy   = (float)(fabs(scale) * gpu->area);
    out->pedestal = (float)(sign * pedestal);
    out->chi2     = (float)fmax(0.0, syy - scale * sty - pedestal * sy);
}

static bool is_peak(const struct digitise_front *front, const int16_t *adc, int32_t i, float pedestal, int sign)
{
    const int left = sign * adc[i - 1], here = sign * adc[i], right = sign * adc[i + 1];
    return adc[i] != 0 && here >= left && here > right &&
           (float)here - (float)sign * pedestal > fabsf((float)front->threshold_adc);
}

/* Pulses of one trace of n samples, appended to pulse[*n_pulses]. */
static void find_pulses(const struct digitise_front *front, const struct digitise_gpu *gpu, const int16_t *adc,
                        struct digitise_window window, float pedestal, uint32_t *n_pulses, struct bank_pulse *pulse)
{
    const int sign = front->threshold_adc > 0 ? 1 : -1;
    for (int32_t i = 1; i + 1 < window.length && *n_pulses < MAX_PULSES; i++) {
        if (!is_peak(front, adc, i, pedestal, sign)) continue;
        const double up = sign * (adc[i] - adc[i - 1]), down = sign * (adc[i] - adc[i + 1]);
        const double pseudo     = two_over_pi * atan2(up, down);
        const int phase         = pseudo < 1.0 ? (int)(pseudo * DIGITISE_PHASES) : DIGITISE_PHASES - 1;
        const double fraction   = (double)gpu->fraction[phase];
        const int32_t first     = i > WINDOW_BEFORE ? i - WINDOW_BEFORE : 0;
        const int32_t end       = i - WINDOW_BEFORE + WINDOW;
        struct bank_pulse *here = &pulse[(*n_pulses)++];
        fit(gpu, adc, first, (end < window.length ? end : window.length) - first, i + fraction, sign, here);
        here->time       = (float)(window.first + i + fraction);
        here->phase      = (float)fraction;
        here->peak_index = window.first + i;
        here->peak_value = adc[i];
    }
}

enum err digitise_gpu_crate(const struct digitise_front *front, const struct digitise_gpu *gpu,
                            const struct digitise_crate *crate, struct midas_build *event)
{
    const size_t n_segments = (size_t)crate->n_segments;
    TRY(bank_cf_begin(event, crate->number, (uint32_t)n_segments));
    for (size_t s = 0; s < n_segments; s++) {
        struct bank_pulse pulse[MAX_PULSES];
        uint32_t n         = 0;
        const int16_t *adc = crate->adc;
        for (size_t i = 0; i < crate->n_windows; i++) {
            const struct digitise_window window = crate->window[i];
            find_pulses(front, gpu, adc + s * (size_t)window.length, window, crate->pedestal_adc[s], &n, pulse);
            adc += n_segments * (size_t)window.length;
        }
        TRY(bank_cf_add(event, n, pulse));
    }
    return midas_build_bank_end(event);
}

/* ---- whole waveforms ---- */

enum err digitise_payload(const struct digitise_front *front, struct rng_key key, struct digitise_crate *crate,
                          const struct bank_daq_header *header, struct midas_build *event)
{
    struct bank_wfd_build build = {.trigger     = header->trigger_number,
                                   .clock_ticks = header->clock_ticks,
                                   .fill_number = header->fill_number,
                                   .fill_type   = header->fill_type,
                                   .n_waveforms = 1,
                                   .n_samples   = header->n_samples};
    int32_t map[ODB_CHANNELS];
    odb_channel_map(map);
    TRY(digitise_crate_waveforms(front, key, 1, (int32_t)header->n_samples, 0, crate));
    for (int i = 0; i < ODB_CHANNELS; i++)
        if (map[i] >= 0) build.samples[i] = crate->adc + (size_t)map[i] * header->n_samples;
    return bank_wfd_add_payload(event, crate->number, &build);
}
