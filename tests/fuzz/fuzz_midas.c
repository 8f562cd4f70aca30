/* Fuzz target: the bytes are what follows the begin-of-run event of a raw file; the first byte's lowest bit asks for strict
 * reading. Every event given out is walked, and its bytes are read. */
#include "midas_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile int touched; /* so that what is lent is really read */

static void walk(const struct midas_event *e, bool is_strict)
{
    struct midas_walk walk;
    struct midas_bank bank;
    size_t n;
    if (e->n_bytes != (size_t)MIDAS_HEADER_BYTES + e->data_size) abort();
    for (size_t i = 0; i < e->n_bytes; i += 7) touched = e->bytes[i];
    if (midas_is_special(e)) {
        touched = midas_text(e, &n)[0];
        return;
    }
    if (midas_walk(e, is_strict, &walk)) return;
    while (midas_walk_next(&walk, &bank) == ERR_OK && bank.data)
        if (bank.size) touched = bank.data[bank.size - 1];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct midas_build bor;
    struct midas_options options = {.is_strict = size > 0 && (data[0] & 1), .max_event_bytes = 1 << 20};
    struct midas_reader *r;
    struct midas_event e;
    char path[64];
    if (size == 0) return 0;
    if (!bor.n && midas_build_run(&bor, MIDAS_BOR, 7, 0, "odb", 3)) abort();
    int fd = memfd_create("fuzz.mid", 0);
    if (fd < 0 || write(fd, bor.bytes, bor.n) != (ssize_t)bor.n) abort();
    if (size > 1 && write(fd, data + 1, size - 1) != (ssize_t)(size - 1)) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (midas_file_open(path, &options, &r)) abort();
    while (midas_file_next(r, &e) == ERR_OK && e.bytes) {
        const struct midas_status *s = midas_file_status(r);
        if (s->n_events > 1 + size / MIDAS_HEADER_BYTES || s->n_bytes > bor.n + size) abort();
        walk(&e, options.is_strict);
    }
    midas_file_close(r);
    close(fd);
    err_clear();
    return 0;
}
