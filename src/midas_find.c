/* Finding the next event. */
#include "midas_find.h"

#include <string.h>

enum { HEADS = MIDAS_HEADER_BYTES + 8, BANK_START = HEADS + 8 };

static uint32_t load32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static bool is_flavour(uint32_t v)
{
    return v == MIDAS_BANK32 || v == MIDAS_BANK32A || v == MIDAS_BANK16 || v == MIDAS_BANK32 << 24 ||
           v == MIDAS_BANK32A << 24 || v == MIDAS_BANK16 << 24;
}

static bool is_printable(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] <= ' ' || p[i] >= 0x7f) return false;
    return true;
}

/* `left`: bytes from the event's start on, at least HEADS. */
static bool begins_with_banks(const uint8_t *p, size_t left, const struct midas_find_key *key, bool is_swapped)
{
    struct midas_event e;
    midas_header(p, is_swapped, &e);
    if (midas_is_special(&e) || !midas_body_fits(p + MIDAS_HEADER_BYTES, e.data_size)) return false;
    if (e.data_size == 8) return key->has_data && e.id == key->id && e.mask == key->mask;
    return left >= BANK_START && is_printable(p + HEADS, 4);
}

static bool begins_run(const uint8_t *p, const struct midas_find_key *key, bool is_swapped)
{
    struct midas_event e;
    midas_header(p, is_swapped, &e);
    return (e.id == MIDAS_BOR || e.id == MIDAS_EOR) && e.mask == MIDAS_MAGIC &&
           (!key->has_run || e.serial == key->run) && p[MIDAS_HEADER_BYTES] > ' ' && p[MIDAS_HEADER_BYTES] < 0x7f;
}

bool midas_find(const uint8_t *bytes, size_t n, size_t from, const struct midas_find_key *key, size_t *at,
                bool *is_swapped)
{
    for (size_t i = from; i + HEADS <= n; i++) {
        const uint8_t *p = bytes + i;
        uint32_t first   = load32(p);
        bool may_be_run  = (first & 0xFFFEU) == MIDAS_BOR || (first & 0xFEFFU) == MIDAS_BOR >> 8;
        bool may_be_data = is_flavour(load32(p + MIDAS_HEADER_BYTES + 4));
        *at              = i;
        for (int order = 0; (may_be_data || may_be_run) && order < 2; order++) {
            *is_swapped = order;
            if (may_be_data && begins_with_banks(p, n - i, key, order)) return true;
            if (may_be_run && begins_run(p, key, order)) return true;
        }
    }
    return false;
}
