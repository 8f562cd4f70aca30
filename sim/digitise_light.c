/* Light in channels: collecting, sorting, gain, and the form that the sampling loops want. */
#include "digitise.h"
#include "mem.h"

#include <math.h>
#include <string.h>

enum err digitise_add_light(struct digitise_fill *fill, struct digitise_light light)
{
    if (!(light.amplitude_adc > 0.0f) || !(fabs(light.sample) < 1e8)) return ERR_OK;
    if (fill->n == fill->capacity) {
        size_t capacity = fill->capacity ? 2 * fill->capacity : 8192;
        TRY(mem_resize(&fill->light, fill->n, capacity, sizeof *fill->light));
        TRY(mem_resize(&fill->sorted, 0, capacity, sizeof *fill->sorted));
        TRY(mem_resize(&fill->pulse, 0, capacity, sizeof *fill->pulse));
        fill->capacity = capacity;
    }
    fill->light[fill->n++] = light;
    return ERR_OK;
}

static void sort_by_time(struct digitise_light *light, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct digitise_light one = light[i];
        size_t j                  = i;
        for (; j > 0 && light[j - 1].sample > one.sample; j--) light[j] = light[j - 1];
        light[j] = one;
    }
}

/* Counting sort by channel; a channel has few pulses, so insertion by time. */
void digitise_sort(struct digitise_fill *fill)
{
    size_t *start = fill->start, next[DIGITISE_CHANNELS];
    memset(start, 0, sizeof fill->start);
    for (size_t i = 0; i < fill->n; i++) start[fill->light[i].channel + 1]++;
    for (int c = 0; c < DIGITISE_CHANNELS; c++) start[c + 1] += start[c];
    memcpy(next, start, sizeof next);
    for (size_t i = 0; i < fill->n; i++) fill->sorted[next[fill->light[i].channel]++] = fill->light[i];
    for (int c = 0; c < DIGITISE_CHANNELS; c++) sort_by_time(fill->sorted + start[c], start[c + 1] - start[c]);
}

void digitise_make_pulses(struct digitise_fill *fill, int polarity)
{
    for (size_t i = 0; i < fill->n; i++) {
        const struct digitise_light *light = &fill->sorted[i];
        struct pulse_place place = pulse_shape_place(pulse_shape((enum pulse_kind)light->kind), light->sample);
        fill->pulse[i]           = (struct digitise_pulse){
                      .first         = PULSE_PAD - (int32_t)place.first,
                      .u             = place.u,
                      .amplitude_adc = (float)polarity * fminf(light->amplitude_adc, 1e6f),
                      .half          = (uint8_t)place.half,
                      .kind          = light->kind,
        };
    }
}

void digitise_fill_free(struct digitise_fill *fill)
{
    mem_free(fill->light);
    mem_free(fill->sorted);
    mem_free(fill->pulse);
    *fill = (struct digitise_fill){0};
}

/* The sag that earlier light of the same crystal left for pulse i. Earlier than 12 decay times no longer counts. */
static double short_term_gain(const struct digitise_light *light, size_t i, const struct digitise_gain *gain)
{
    double sag = 0.0;
    for (size_t j = i; j-- > 0;) {
        double dt_ns = (light[i].sample - light[j].sample) * SAMPLE_NS;
        if (dt_ns > 12.0 * gain->stdp_tau_ns) break;
        double energy_GeV = (double)light[j].amplitude_adc * gain->GeV_per_adc;
        sag += gain->stdp_per_GeV * energy_GeV * exp(-dt_ns / gain->stdp_tau_ns);
    }
    return sag < 1.0 ? 1.0 - sag : 0.0;
}

static void apply_to_crystal(struct digitise_light *light, size_t n, int channel, const struct digitise_gain *gain)
{
    /* from the last to the first: what sags later pulses is the light of the earlier ones before their own gain */
    for (size_t i = n; i-- > 0;) {
        double g = (double)gain->factor[channel] * (gain->is_oof ? (double)gain->oof[channel] : 1.0);
        if (gain->is_ifg) {
            double t_ns = (light[i].sample - gain->injection_sample) * SAMPLE_NS;
            if (t_ns >= 0.0) g *= 1.0 - (double)gain->ifg_amplitude[channel] * exp(-t_ns / gain->ifg_tau_ns);
        }
        if (gain->is_stdp) g *= short_term_gain(light, i, gain);
        light[i].amplitude_adc *= (float)g;
    }
}

void digitise_apply_gain(struct digitise_fill *fill, const struct digitise_gain *gain)
{
    for (int c = 0; c < DIGITISE_CRYSTALS; c++)
        apply_to_crystal(fill->sorted + fill->start[c], fill->start[c + 1] - fill->start[c], c, gain);
}
