/* Fuzz target: the bytes are one MIDAS event, which is walked and unpacked. Its sizes are put right first, so that the
 * fuzzer gets beyond them. */
#include "mem.h"
#include "unpack.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct table *const tables[4] = {&table_fill, &table_island, &table_trace, &table_sample};
    struct block *block[4]                     = {NULL};
    struct unpack unpack                       = {
                              .settings = {.n_samples = 560000, .injection_sample = 24000, .t0_polarity = 1, .t0_window_ns = 5000}};
    unpack_set_maps(&unpack.settings);
    uint8_t *bytes = NULL;
    if (mem_alloc(&bytes, size, 1)) abort();
    if (size) memcpy(bytes, data, size);
    const uint32_t sizes[2] = {(uint32_t)size - 16, (uint32_t)size - 24};
    if (size >= 24) memcpy(bytes + 12, sizes, sizeof sizes);
    for (int i = 0; i < 4; i++)
        if (block_create(tables[i], &block[i])) abort();
    if (unpack_event(&unpack, bytes, size, block[0], block[1], block[2], block[3])) abort();
    const struct island_view island = island_view(block[1]);
    const struct trace_view trace   = trace_view(block[2]);
    for (size_t i = 0; i < island.n; i++) {
        if ((size_t)island.first_trace[i] + island.n_crystals[i] > trace.n) abort();
        for (size_t k = island.first_trace[i]; k < (size_t)island.first_trace[i] + island.n_crystals[i]; k++)
            if ((size_t)trace.first_sample[k] + (size_t)island.n_samples[i] > block[3]->n) abort();
    }
    for (int i = 0; i < 4; i++) block_free(block[i]);
    unpack_free(&unpack);
    mem_free(bytes);
    return 0;
}
