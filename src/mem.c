/* Memory: aligned, counted, checked. */
#include "mem.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_llong live;

enum err mem_alloc(void *out, size_t n, size_t size)
{
    void **p = out;
    *p       = NULL;
    REQUIRE(size == 0 || n <= ((size_t)1 << 46) / size, ERR_MEMORY,
            "%zu items of %zu bytes asked for, which no machine has", n, size);
    size_t bytes = (n * size + 63) / 64 * 64;
    if (bytes == 0) bytes = 64;
    *p = aligned_alloc(64, bytes);
    REQUIRE(*p, ERR_MEMORY, "out of memory: %zu bytes asked for", bytes);
    memset(*p, 0, bytes);
    atomic_fetch_add(&live, 1);
    return ERR_OK;
}

enum err mem_resize(void *in_out, size_t old_n, size_t n, size_t size)
{
    void **p = in_out, *q;
    TRY(mem_alloc(&q, n, size));
    size_t keep = old_n < n ? old_n : n;
    if (*p && keep) memcpy(q, *p, keep * size);
    mem_free(*p);
    *p = q;
    return ERR_OK;
}

void mem_free(void *p)
{
    if (!p) return;
    atomic_fetch_sub(&live, 1);
    free(p);
}

char *mem_string(const char *s)
{
    char *copy;
    size_t n = strlen(s) + 1;
    if (mem_alloc(&copy, n, 1)) return NULL;
    memcpy(copy, s, n);
    return copy;
}

int64_t mem_live(void) { return atomic_load(&live); }

static int64_t status_kB(const char *key)
{
    FILE *f = fopen("/proc/self/status", "r");
    if (!f) return 0;
    char line[256];
    long long value = 0;
    size_t n        = strlen(key);
    while (fgets(line, sizeof line, f))
        if (strncmp(line, key, n) == 0) value = strtoll(line + n, NULL, 10);
    fclose(f);
    return value;
}

int64_t mem_peak_kB(void) { return status_kB("VmHWM:"); }
int64_t mem_now_kB(void) { return status_kB("VmRSS:"); }
