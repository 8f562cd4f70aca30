/* Q histograms: pulses summed as they come, noise when a sum is complete. */
#include "digitise_q.h"
#include "bank.h"
#include "mem.h"

#include <math.h>
#include <string.h>

enum err digitise_q_create(int32_t first, int32_t last, struct digitise_q *q)
{
    if (q->n_flush == 0) return ERR_OK;
    q->first_sample = first;
    q->n_bins       = (last - first + 1) / q->decimation;
    REQUIRE(q->n_bins > 0, ERR_CONFIG, "samples %d to %d hold no bin of %d samples for Q histograms", first, last,
            q->decimation);
    TRY(mem_alloc(&q->sum, (size_t)N_CALOS * N_CRYSTALS * (size_t)q->n_bins, sizeof *q->sum));
    return mem_alloc(&q->work, (size_t)q->n_bins, sizeof *q->work);
}

void digitise_q_free(struct digitise_q *q)
{
    mem_free(q->sum);
    mem_free(q->work);
    q->sum = q->work = NULL;
}

void digitise_q_clear(struct digitise_q *q)
{
    q->n_fills = 0;
    memset(q->level, 0, sizeof q->level);
    if (q->sum) memset(q->sum, 0, (size_t)N_CALOS * N_CRYSTALS * (size_t)q->n_bins * sizeof *q->sum);
}

void digitise_q_fill(struct digitise_q *q) { q->n_fills = q->n_fills == q->n_flush ? 1 : q->n_fills + 1; }

/* A bin's pedestal, of one sample and fill, lies so much lower. */
static double sag_of(const struct digitise_q *q, int32_t bin)
{
    double t = q->first_sample + (bin + 0.5) * q->decimation - q->injection_sample;
    return t < 0.0 || q->sag_adc == 0.0 ? 0.0 : q->sag_adc * exp(-t / q->sag_tau_samples);
}

static void finish_segment(const struct digitise_front *front, struct rng_key key, int crate, int segment,
                           struct digitise_q *q, int32_t *counts)
{
    float *sum       = q->sum + ((size_t)(crate - 1) * N_CRYSTALS + (size_t)segment) * (size_t)q->n_bins;
    const double rms = (double)front->noise_rms_adc, n_summed = (double)q->n_fills * q->decimation;
    const double noise  = sqrt(n_summed * (rms * rms + 1.0 / 12.0));
    const uint32_t name = (uint32_t)DIGITISE_Q_NOISE | (uint32_t)crate << 8 | (uint32_t)segment;
    double *level       = &q->level[crate - 1][segment];
    digitise_noise(key, name, 0, (size_t)q->n_bins, q->work);
    for (int32_t i = 0; i < q->n_bins; i++) {
        double pedestal = q->decimation * *level - n_summed * sag_of(q, i);
        counts[i]       = (int32_t)lrint(pedestal + (double)sum[i] + noise * (double)q->work[i]);
    }
    memset(sum, 0, (size_t)q->n_bins * sizeof *sum);
    *level = 0.0;
}

static enum err write_bank(const struct digitise_front *front, struct rng_key key, int crate, struct digitise_q *q,
                           struct midas_build *event)
{
    const struct bank_cq header = {
        .n            = N_CRYSTALS * (uint32_t)q->n_bins,
        .first_sample = (uint32_t)q->first_sample,
        .last_sample  = (uint32_t)(q->first_sample + q->n_bins * q->decimation - 1),
        .decimation   = (uint32_t)q->decimation,
        .n_intervals  = 1,
        .multiplier   = 1,
        .n_segments   = N_CRYSTALS,
    };
    int32_t *counts;
    TRY(bank_cq_begin(event, crate, &header, &counts));
    for (int segment = 0; segment < N_CRYSTALS; segment++)
        finish_segment(front, key, crate, segment, q, counts + (size_t)segment * (size_t)q->n_bins);
    return midas_build_bank_end(event);
}

enum err digitise_q_crate(const struct digitise_front *front, struct rng_key key, const struct digitise_crate *crate,
                          struct digitise_q *q, struct midas_build *event)
{
    if (q->n_flush == 0 || crate->number > N_CALOS) return ERR_OK;
    for (int segment = 0; segment < N_CRYSTALS; segment++) {
        size_t channel = (size_t)digitise_channel(crate->number, segment);
        for (size_t i = crate->fill->start[channel]; i < crate->fill->start[channel + 1]; i++)
            digitise_sum_pulse(&crate->fill->pulse[i], q->first_sample, q->decimation, q->n_bins,
                               q->sum + channel * (size_t)q->n_bins);
        q->level[crate->number - 1][segment] += (double)crate->level_adc[segment];
    }
    return q->n_fills == q->n_flush ? write_bank(front, key, crate->number, q, event) : ERR_OK;
}
