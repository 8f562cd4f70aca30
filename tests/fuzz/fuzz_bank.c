/* Fuzz target: the first byte picks a decoder of banks, the others are its bank, in memory of exactly their size. */
#include "bank_pack.h"
#include "bank_wfd.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile int touched; /* so that what is lent is really read */

static enum err read_payload(const uint8_t *bytes, size_t n, enum bank_check how)
{
    struct bank_wfd w;
    struct bank_waveform waveform;
    int16_t *samples;
    bank_wfd_open(bytes, n, NULL, how, &w);
    for (;;) {
        TRY(bank_wfd_next(&w, &waveform));
        if (!waveform.samples) return ERR_OK;
        if (16 * (size_t)waveform.n_samples > 8 * n) abort();
        if (mem_alloc(&samples, (size_t)waveform.n_samples + 1, sizeof *samples)) abort();
        bank_wfd_samples(&waveform, samples);
        touched = samples[waveform.n_samples / 2];
        mem_free(samples);
    }
}

static enum err read_fits(const uint8_t *bytes, size_t n)
{
    struct bank_cf cf;
    const struct bank_pulse *pulses;
    uint32_t count;
    TRY(bank_cf_open(bytes, n, &cf));
    do {
        TRY(bank_cf_next(&cf, &pulses, &count));
        for (uint32_t i = 0; i < count; i++) touched = pulses[i].peak_value;
    } while (pulses);
    return ERR_OK;
}

static enum err read_histogram(const uint8_t *bytes, size_t n)
{
    struct bank_cq cq;
    TRY(bank_cq_read(bytes, n, &cq));
    for (uint32_t i = 0; i < cq.n; i++) touched = cq.counts[i];
    return ERR_OK;
}

static enum err read_packed(const uint8_t *bytes, size_t n, const char *name)
{
    struct midas_bank bank  = {.type = MIDAS_U8, .data = bytes, .size = n};
    struct midas_build room = {0};
    struct midas_walk walk;
    memcpy(bank.name, name, 4);
    enum err rc = bank_unpack(&bank, true, &room, &walk);
    while (!rc && bank.data) {
        rc = midas_walk_next(&walk, &bank);
        if (bank.data && bank.size) touched = bank.data[bank.size - 1];
    }
    midas_build_free(&room);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = NULL;
    struct bank_amc amc;
    struct bank_daq_header header;
    if (size == 0) return 0;
    if (mem_alloc(&bytes, size - 1, 1)) abort();
    if (size > 1) memcpy(bytes, data + 1, size - 1);
    size_t n = size - 1;
    switch (data[0] % 9) {
    case 0: (void)read_payload(bytes, n, BANK_CHECK_SIZES); break;
    case 1: (void)read_payload(bytes, n, BANK_CHECK_CHECKSUMS); break;
    case 2: (void)read_payload(bytes, n, BANK_CHECK_ALL); break;
    case 3: (void)bank_ca_read(bytes, n, &amc); break;
    case 4: (void)read_fits(bytes, n); break;
    case 5: (void)read_histogram(bytes, n); break;
    case 6: (void)bank_cb_read(bytes, n, &header); break;
    case 7: (void)read_packed(bytes, n, "FZ01"); break;
    default: (void)read_packed(bytes, n, "cT01"); break;
    }
    err_clear();
    mem_free(bytes);
    return 0;
}
