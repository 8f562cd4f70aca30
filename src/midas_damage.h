/* Damage on request: what can go wrong with raw data, done on purpose to one event of a MIDAS file, and told.
 *
 * A stroke is a kind and a place. It changes the bytes of one event as they stand in the file (compressed banks are not
 * opened), always in the same way, and touches no other event. All of it is ours. Tests: tests/t_midas_damage.c */
#ifndef GM2_MIDAS_DAMAGE_H
#define GM2_MIDAS_DAMAGE_H

#include "midas.h"

/** What is lost at most: nothing, the crate in this fill, this fill, this fill and all after it. */
enum damage_cost { DAMAGE_NOTHING, DAMAGE_CRATE, DAMAGE_FILL, DAMAGE_REST };

/* kind, cost, what it does */
#define MIDAS_DAMAGES(D)                                                                                               \
    D(flip, CRATE, "one bit of a bank's data is turned")                                                               \
    D(burst, CRATE, "up to 64 bytes of a bank's data are random")                                                      \
    D(zeros, CRATE, "a bank's data are 0 from the place on")                                                           \
    D(cut_bank, CRATE, "a bank ends early; all sizes agree with that")                                                 \
    D(bank_size, FILL, "a bank tells another size")                                                                    \
    D(bank_type, CRATE, "a bank tells another type")                                                                   \
    D(bank_name, CRATE, "a bank has a name that nobody knows")                                                         \
    D(double_bank, CRATE, "a bank is there twice")                                                                     \
    D(drop_bank, CRATE, "a bank is missing")                                                                           \
    D(drop_crate, CRATE, "all banks of a crate are missing")                                                           \
    D(trigger, CRATE, "a crate's AMC13 has another trigger number")                                                    \
    D(fill_number, CRATE, "a crate's timing bank has another fill number")                                             \
    D(stale_crate, CRATE, "a crate's banks are those of the fill before")                                              \
    D(shuffle, NOTHING, "the event's banks stand in another order")                                                    \
    D(event_size, FILL, "the event's header tells another size")                                                       \
    D(banks_size, FILL, "the size of all banks is wrong")                                                              \
    D(flags, FILL, "the flags of the banks are wrong")                                                                 \
    D(header, FILL, "the event's 24 bytes of headers are random")                                                      \
    D(hole, FILL, "bytes of the event are missing, no size knows of it")                                               \
    D(extra, FILL, "strange bytes in the middle of the event, no size knows of it")                                    \
    D(garbage, NOTHING, "strange bytes before the event")                                                              \
    D(double_event, NOTHING, "the event is there twice")                                                               \
    D(drop_event, FILL, "the event is missing")                                                                        \
    D(truncate, REST, "the file ends inside the event")

enum damage_kind {
#define MIDAS_DAMAGE_ENUM(name, cost, doc) MIDAS_DAMAGE_##name,
    MIDAS_DAMAGES(MIDAS_DAMAGE_ENUM)
#undef MIDAS_DAMAGE_ENUM
        N_MIDAS_DAMAGES
};

struct midas_damage_kind {
    const char *name, *doc;
    enum damage_cost cost;
};
/** Row k of the kinds. */
const struct midas_damage_kind *midas_damage_kind(enum damage_kind kind);
/** "nothing", "crate", "fill", "rest". */
const char *midas_damage_cost(enum damage_cost cost);
/** By name; ERR_NOTFOUND tells the kinds there are. */
enum err midas_damage_find(const char *name, enum damage_kind *out);

/** Where it hits. */
struct midas_stroke {
    enum damage_kind kind;
    int crate;         /* of the bank, -1: any */
    char letter;       /* second letter of the bank's name ('T' islands, 'A' AMC13 ...), 0: any */
    double bank, byte; /* which of those banks, and which byte of what is hit, 0 .. below 1 */
    uint64_t seed;     /* of random bytes */
};

/** What was done. Bytes count in the event as it comes out. */
struct midas_damage_note {
    enum damage_kind kind;
    int crate;    /* -1: no single one */
    char bank[5]; /* "": none */
    size_t byte, length;
    bool is_done; /* false: there is nothing in the event that this can hit */
};

/** Damages one event (host order). `previous`: the event before, for stale_crate, or NULL. out->bytes[0..n) is what goes to
 *  the file instead, maybe nothing; where note->is_done is false, the event as it was. ERR_DATA: the event is no good
 *  itself; ERR_MEMORY. */
enum err midas_damage_apply(const struct midas_stroke *stroke, const uint8_t *bytes, size_t n,
                            const struct midas_event *previous, struct midas_build *out,
                            struct midas_damage_note *note);

#endif
