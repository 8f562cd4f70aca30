/* Unpacking one fill: MIDAS event -> islands, traces, samples, time of injection.
 *
 * Islands come out sorted by time, then crate. A damaged bank costs that crate in that fill, never the fill: it is told
 * in the status and in `problem`. Time of injection: charge-weighted mean time of the T0 counter's pulse (crate 25,
 * segment 0, photomultiplier A), which for a bunch of any profile is the mean time of its muons.
 * Source: bank formats as in src/bank.h; T0: defaults 5 (ours). Tests: tests/t_unpack.c */
#ifndef GM2_UNPACK_H
#define GM2_UNPACK_H

#include "bank.h"
#include "odb.h"
#include "tables.h"

enum { UNPACK_CRATES = 32 }; /* crate numbers below */
enum { UNPACK_NO_T0 = 1, UNPACK_DAMAGED = 2, UNPACK_MISSING = 4 };

struct unpack_settings {
    double t0_window_ns, t0_min_adc; /* the T0 pulse lies so near to nominal injection, and is at least so high */
    int32_t injection_sample;        /* nominal */
    int32_t t0_polarity;             /* +1 or -1 */
    int32_t n_samples;               /* of a fill; islands beyond are damage; 0: not known */
    bool is_expected[UNPACK_CRATES]; /* calorimeters that ought to be there */
};

struct unpack_crate {
    const void *ct, *cp, *ca; /* host order; NULL: not there */
    size_t ct_bytes, cp_bytes, ca_bytes;
    bool is_damaged, is_seen;
    uint32_t trigger_number, n_islands;
    float pedestal_adc[BANK_MAX_SEGMENTS];
};

struct unpack_island {
    struct bank_ct bank;
    struct bank_island island;
    int crate;
    uint32_t order;
};

/** Work space and result of the last fill. Zero it before the first; unpack_free() in the end. */
struct unpack {
    struct unpack_settings settings;
    struct unpack_crate crate[UNPACK_CRATES];
    struct unpack_island *island;
    size_t n_islands, capacity;
    struct midas_build host; /* copies of banks in the other byte order */
    /* what became of the fill */
    uint32_t status;
    int fill_type;
    uint32_t ctag;
    double t0_ns;
    char problem[256]; /* first damage of the fill, "" if none */
};

/** Settings from a run's ODB: crates expected, polarity, nominal injection, samples. ERR_NOTFOUND, ERR_DATA. */
enum err unpack_set_odb(struct unpack_settings *settings, const struct odb *odb);
/** Unpacks an event of n bytes into blocks of tables fill (one row), island, trace, sample. Fails only for want of
 *  memory; damage is in u->status, u->problem and u->crate[].is_damaged. */
enum err unpack_event(struct unpack *u, const uint8_t *bytes, size_t n, struct block *fill, struct block *island,
                      struct block *trace, struct block *sample);
void unpack_free(struct unpack *u);

#endif
