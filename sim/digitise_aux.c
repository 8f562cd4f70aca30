/* IBMS and fibre harps. */
#include "digitise_aux.h"

#include "aux_detector.h"

#include <math.h>
#include <string.h>

#define CENTRE_RMS_MM 1.0
#define BUNCH_RMS_NS  25.0
#define SPREAD_NS     0.15 /* a turn */
#define LIFE_NS       64400.0
#define INJECTION_DEG 355.0

static const double ibms_rms_mm[2] = {12.0, 9.0};
static const struct plane {
    double mean_mm, amplitude_mm, tune, tau_ns, rms_mm;
} planes[2] = {{6.0, 10.0, 0.9449, 120e3, 16.0}, {0.0, 8.0, 0.3296, 40e3, 13.0}};
static const struct harp {
    double phi_deg;
    int plane; /* 0 x, 1 y */
} harps[AUX_HARPS] = {{165.5, 1}, {167.5, 0}, {255.5, 1}, {257.5, 0}};

enum err digitise_ibms(const struct digitise_cfg *cfg, struct rng_key key, struct digitise_fill *fill)
{
    struct digitise_profile profile;
    struct rng rng         = rng_start(key, (uint32_t)DIGITISE_BEAM);
    const double centre[2] = {CENTRE_RMS_MM * rng_normal(&rng), CENTRE_RMS_MM * rng_normal(&rng)};
    digitise_profile(strcmp(cfg->t0_profile, "w") == 0, &profile);
    for (int segment = 0; segment < DIGITISE_IBMS_SEGMENT; segment++) {
        const int plane    = segment / AUX_IBMS_FIBRES;
        const double place = aux_ibms_mm(segment % AUX_IBMS_FIBRES);
        const double x = (place - centre[plane]) / ibms_rms_mm[plane], share = exp(-0.5 * x * x) / profile.peak;
        for (int i = 0; i < DIGITISE_PROFILE_POINTS; i++) {
            struct digitise_light light = {
                .sample        = (double)cfg->injection_sample + profile.t_ns[i] / SAMPLE_NS,
                .amplitude_adc = (float)(cfg->ibms_adc * share * profile.weight[i]),
                .channel       = (uint16_t)digitise_channel(DIGITISE_IBMS_CRATE, segment),
                .kind          = PULSE_PMT,
            };
            TRY(digitise_add_light(fill, light));
        }
    }
    return ERR_OK;
}

/* Turns since injection when turn n passes a harp. */
static double turns_at(int harp, int n) { return n + fmod(harps[harp].phi_deg - INJECTION_DEG + 360.0, 360.0) / 360.0; }

double digitise_harp_mm(int harp, int n)
{
    const struct plane *p = &planes[harps[harp].plane];
    const double turns    = turns_at(harp, n);
    return p->mean_mm + p->amplitude_mm * cos(2.0 * PI * p->tune * turns) * exp(-turns * BIN_WIDTH_NS / p->tau_ns);
}

static enum err add_turn(const struct digitise_cfg *cfg, struct rng_key key, int harp, int n,
                         struct digitise_fill *fill)
{
    const double turns = turns_at(harp, n), t_ns = turns * BIN_WIDTH_NS, middle = digitise_harp_mm(harp, n);
    const double rms_ns = hypot(BUNCH_RMS_NS, SPREAD_NS * turns), rms_mm = planes[harps[harp].plane].rms_mm;
    for (int f = 0; f < AUX_HARP_FIBRES; f++) {
        const int segment   = AUX_HARP_FIBRES * harp + f;
        const double place  = aux_harp_mm(f);
        const double x      = (place - middle) / rms_mm;
        struct rng rng      = rng_start(key, (uint32_t)DIGITISE_HARP | (uint32_t)n << 8 | (uint32_t)segment);
        const uint64_t n_pe = rng_poisson(&rng, cfg->harp_pe * exp(-0.5 * x * x - t_ns / LIFE_NS));
        for (uint64_t i = 0; i < n_pe; i++) {
            struct digitise_light light = {
                .sample        = (double)cfg->injection_sample + (t_ns + rms_ns * rng_normal(&rng)) / SAMPLE_NS,
                .amplitude_adc = (float)cfg->harp_adc,
                .channel       = (uint16_t)digitise_channel(DIGITISE_HARP_CRATE, segment),
                .kind          = PULSE_PMT,
            };
            TRY(digitise_add_light(fill, light));
        }
    }
    return ERR_OK;
}

enum err digitise_harps(const struct digitise_cfg *cfg, struct rng_key key, struct digitise_fill *fill)
{
    const int first = (int)(cfg->harp_from_us * 1000.0 / BIN_WIDTH_NS),
              end   = (int)(cfg->harp_to_us * 1000.0 / BIN_WIDTH_NS);
    for (int n = first; n < end; n++)
        for (int harp = 0; harp < AUX_HARPS; harp++) TRY(add_turn(cfg, key, harp, n, fill));
    return ERR_OK;
}
