/* MIDAS events in memory: taking them apart and building them. Files of them are midas_file.h.
 *
 * An event is a 16-byte header {u16 id, u16 trigger mask, u32 serial, u32 unix time, u32 bytes that follow}, then
 * {u32 bytes of all banks, u32 flags}, then banks {name[4], type, size}, each bank's data padded to 8 bytes. The flags
 * tell three flavours apart. Begin- and end-of-run events hold the ODB dump as text instead. Either byte order occurs,
 * and headers may be in one and banks in the other; gm2 itself runs on little-endian machines only.
 * In a swapped body every bank is swapped by its declared type, as MIDAS's own bk_swap does: a 32-bit number inside a
 * bank of 16-bit words is two words, low one first, in both orders.
 * Source: MidasWiki "Event Structure"; formats sheet of the MIDAS python package. Tests: tests/t_midas.c,
 * tests/cli/midas_outside.sh (a parser written on its own, in Python). */
#ifndef GM2_MIDAS_H
#define GM2_MIDAS_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    MIDAS_HEADER_BYTES = 16,
    MIDAS_BOR          = 0x8000, /* begin of run: serial is the run number, the body the ODB as text */
    MIDAS_EOR          = 0x8001,
    MIDAS_MESSAGE      = 0x8002,
    MIDAS_MAGIC        = 0x494D, /* trigger mask of the first two */
    MIDAS_ID_FILL      = 1       /* event id of what the event builder makes: one fill */
};

/** The flags word of an event: how its bank headers look. */
enum midas_flavour {
    MIDAS_BANK16  = 1,  /* {name[4], u16 type, u16 size} */
    MIDAS_BANK32  = 17, /* {name[4], u32 type, u32 size}: what the DAQ writes */
    MIDAS_BANK32A = 49  /* the same and 4 spare bytes, so that data start on 8 */
};

enum midas_type {
    MIDAS_U8     = 1,
    MIDAS_I8     = 2,
    MIDAS_CHAR   = 3,
    MIDAS_U16    = 4,
    MIDAS_I16    = 5,
    MIDAS_U32    = 6,
    MIDAS_I32    = 7,
    MIDAS_BOOL   = 8,
    MIDAS_F32    = 9,
    MIDAS_F64    = 10,
    MIDAS_BITS   = 11,
    MIDAS_STRING = 12,
    MIDAS_ARRAY  = 13,
    MIDAS_STRUCT = 14,
    MIDAS_KEY    = 15,
    MIDAS_LINK   = 16,
    MIDAS_I64    = 17,
    MIDAS_U64    = 18,
    N_MIDAS_TYPES
};

/** Bytes of one element, 0 where the type has no fixed size or is unknown. */
size_t midas_type_size(uint32_t type);

/* ---- taking apart ---- */

/** One event; bytes are lent by whoever holds them. */
struct midas_event {
    uint16_t id, mask;
    uint32_t serial, time_s, data_size;
    const uint8_t *bytes; /* header included, 8-byte aligned where speed matters; NULL: no event */
    size_t n_bytes;
    bool is_header_swapped;
};

/** Reads the header of an event of exactly n bytes; its byte order is the one in which the size fits.
 *  ERR_DATA when it fits in neither. */
enum err midas_parse(const uint8_t *bytes, size_t n, struct midas_event *out);
/** Header fields alone, in a given order; no checks. */
void midas_header(const uint8_t bytes[MIDAS_HEADER_BYTES], bool is_swapped, struct midas_event *out);
/** True for begin-of-run, end-of-run, message: events without banks. */
bool midas_is_special(const struct midas_event *event);
/** Text of a begin- or end-of-run event, without its closing NUL. */
const char *midas_text(const struct midas_event *event, size_t *n);
/** Whether the two words after the header agree with it: sizes add up, flags are legal, in one byte order.
 *  `body`: the first 8 bytes after the header. */
bool midas_body_fits(const uint8_t body[8], uint32_t data_size);

struct midas_bank {
    char name[5];
    uint32_t type;
    const uint8_t *data; /* NULL: no bank left */
    size_t size;         /* bytes without padding */
    bool is_swapped;
};

struct midas_walk {
    const uint8_t *start, *at, *end;
    uint32_t flavour, n_banks;
    bool is_swapped, is_strict;
};

/** Starts a walk over the banks. ERR_DATA when sizes or flags make no sense. Strict also refuses unknown types, sizes
 *  that are no multiple of the element, odd names, missing padding. */
enum err midas_walk(const struct midas_event *event, bool is_strict, struct midas_walk *out);
/** The same over an event's body alone ({bytes of banks, flags}, banks): n bytes of it. */
enum err midas_walk_body(const uint8_t *body, size_t n, bool is_strict, struct midas_walk *out);
/** The next bank; out->data NULL when there is none. ERR_DATA when a bank reaches past the event; then the walk ends. */
enum err midas_walk_next(struct midas_walk *walk, struct midas_bank *out);
/** Swaps n bytes of elements of a type in place; unsized types stay. */
void midas_swap(void *data, size_t n, uint32_t type);

/* ---- building ---- */

/** An event being built, in a buffer that grows and is used again. Zero it, set flavour (0: bank32) and orders if they
 *  are not to be the usual ones, then begin, banks, end; bytes[0..n) is the event. Free with midas_build_free(). */
struct midas_build {
    uint8_t *bytes; /* 64-byte aligned */
    size_t n, capacity;
    uint32_t flavour;
    bool is_header_swapped, is_body_swapped;
    size_t bank; /* offset of the open bank's header; 0: none */
};

/** Drops what was there and begins an event with banks. */
enum err midas_build_begin(struct midas_build *b, uint16_t id, uint16_t mask, uint32_t serial, uint32_t time_s);
/** Opens a bank (name: 4 characters); what is appended until midas_build_bank_end() is its data. */
enum err midas_build_bank(struct midas_build *b, const char *name, enum midas_type type);
/** Appends n bytes to the open bank. */
enum err midas_build_append(struct midas_build *b, const void *data, size_t n);
/** Appends n bytes that the caller fills; lent until the next call. */
enum err midas_build_room(struct midas_build *b, size_t n, void **out);
/** Closes the bank: size, padding. ERR_NUMBER when the flavour cannot hold it. */
enum err midas_build_bank_end(struct midas_build *b);
/** A whole bank at once. */
enum err midas_build_add(struct midas_build *b, const char *name, enum midas_type type, const void *data, size_t n);
/** Closes the event: sizes, byte orders. */
enum err midas_build_end(struct midas_build *b);
/** A begin-of-run (id MIDAS_BOR) or end-of-run event with its text, a closing NUL added. */
enum err midas_build_run(struct midas_build *b, uint16_t id, uint32_t run, uint32_t time_s, const char *text, size_t n);
void midas_build_free(struct midas_build *b);

#endif
