/* Unpacking one fill: MIDAS event -> islands, traces, samples, time of injection.
 *
 * Islands come out sorted by time, then crate. Compressed banks are opened. Every bank of the calorimeter crates and of the
 * clock crate (TTC, crate 0) is checked: lengths, tags, checksums, and the trigger and fill numbers that all crates must
 * agree on. Raw waveforms (CR, LR, PR) of crates without islands become islands, one a waveform, all its channels in it.
 * Islands of the laser source monitors (banks sTnn, sPnn, in fills of any type) come with crate 100 + nn.
 * A damaged bank costs that crate in that fill, never the fill: it is told in the status and in `problem`. Time of injection: charge-weighted mean time of the T0 counter's pulse (crate 25,
 * segment 0, photomultiplier A), which for a bunch of any profile is the mean time of its muons.
 * Source: bank formats as in src/bank.h; T0: defaults 5 (ours). Tests: tests/t_unpack.c */
#ifndef GM2_UNPACK_H
#define GM2_UNPACK_H

#include "bank_wfd.h"
#include "odb.h"
#include "tables.h"

enum { UNPACK_CRATES = 32 };   /* crate numbers below */
enum { UNPACK_MONITOR = 100 }; /* `calo` of the islands of the laser source monitor in crate n: 100 + n */
/* Formats changed between runs (boundaries: ours): 16-bit pedestals before the first, no fill number in CC from the second. */
enum { UNPACK_FIRST_PHYSICS_RUN = 15000, UNPACK_FIRST_RUN_4 = 36000 };
enum { UNPACK_NO_T0 = 1, UNPACK_DAMAGED = 2, UNPACK_MISSING = 4 };

struct unpack_settings {
    double t0_window_ns, t0_min_adc; /* the T0 pulse lies so near to nominal injection, and is at least so high */
    int32_t injection_sample;        /* nominal */
    int32_t t0_polarity;             /* +1 or -1 */
    int32_t n_samples;               /* of a fill; islands beyond are damage; 0: not known */
    bool is_expected[UNPACK_CRATES]; /* calorimeters that ought to be there */
    int8_t segment[UNPACK_CRATES][ODB_CHANNELS]; /* of channel c of the board in slot b: [5 (b - 1) + c]; -1: unused */
    enum bank_check check;                       /* how closely raw payloads are looked at */
    uint32_t run;                                /* 0: not known; formats changed between runs: */
    uint32_t first_physics_run;                  /* before it pedestals and Q histograms may be 16-bit numbers */
    uint32_t first_run_without_fill_number;      /* from it on the timing bank holds no fill number */
};

/* Banks by the second letter of their name. */
enum unpack_kind {
    UNPACK_T,
    UNPACK_P,
    UNPACK_A,
    UNPACK_B,
    UNPACK_C,
    UNPACK_Z,
    UNPACK_S,
    UNPACK_F,
    UNPACK_Q,
    UNPACK_R,
    N_UNPACK_KINDS
};
struct unpack_bank {
    const void *data; /* host order; NULL: not there */
    size_t n_bytes;
    uint32_t type;
};

struct unpack_crate {
    struct unpack_bank bank[N_UNPACK_KINDS];
    struct unpack_bank monitor[2]; /* sTnn, sPnn: by UNPACK_T, UNPACK_P */
    bool is_damaged, is_seen, has_trigger, has_fill_number;
    int fill_type; /* by the banks' names, 0: none */
    uint32_t trigger_number, fill_number, n_islands;
    float pedestal_adc[BANK_MAX_SEGMENTS], monitor_adc[BANK_MAX_SEGMENTS];
};

struct unpack_island {
    struct bank_ct bank;
    struct bank_island island;
    int crate; /* UNPACK_MONITOR and above: of a monitor */
    uint32_t order;
};

/** Work space and result of the last fill. Zero it before the first; unpack_free() in the end. */
struct unpack {
    struct unpack_settings settings;
    struct unpack_crate crate[UNPACK_CRATES];
    struct unpack_island *island;
    size_t n_islands, capacity;
    struct midas_build *chunk; /* banks that were compressed, or in the other byte order */
    size_t n_chunks, chunk_capacity;
    bool is_check_only; /* no islands are made of raw waveforms */
    /* what became of the fill */
    uint32_t status;
    int fill_type;
    uint32_t ctag;
    double t0_ns;
    char problem[256]; /* first damage of the fill, "" if none */
};

/** The channel maps that hold without an ODB: Run 6's for calorimeters, channels in order for other crates. */
void unpack_set_maps(struct unpack_settings *settings);
/** Settings from a run's ODB: crates expected, polarity, nominal injection, samples, channel maps. ERR_NOTFOUND, ERR_DATA. */
enum err unpack_set_odb(struct unpack_settings *settings, const struct odb *odb);
/** Unpacks an event of n bytes into blocks of tables fill (one row), island, trace, sample. Fails only for want of
 *  memory; damage is in u->status, u->problem and u->crate[].is_damaged. */
enum err unpack_event(struct unpack *u, const uint8_t *bytes, size_t n, struct block *fill, struct block *island,
                      struct block *trace, struct block *sample);
/** The same checks without tables: status, problem and crates of an event are what unpack_event() would find. */
enum err unpack_check_event(struct unpack *u, const uint8_t *bytes, size_t n);
void unpack_free(struct unpack *u);

#endif
