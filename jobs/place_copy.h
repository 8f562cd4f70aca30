/* Copies between places, each checked by size and adler32; nothing is believed that a program's exit status says. A file gets its name
 * in a store only when it is whole, and none is ever replaced. Test: tests/t_place.c */
#ifndef GM2_PLACE_COPY_H
#define GM2_PLACE_COPY_H

#include "place.h"

/** What a file must be. */
struct place_bytes {
    int64_t size_bytes;
    const char *checksum; /* "adler32:..." */
};

/** Copies a file of this host to a place, under another name first; read back or summed up there, then named. There already with the
 *  same bytes: a success; with others: ERR_MISMATCH. ERR_DATA: source or copy has other bytes; ERR_AGAIN, ERR_NOTFOUND, ERR_CONFIG: no copy.
 *  Test: tests/t_place.c */
enum err place_copy_out(const char *path, const char *url, const struct place_bytes *want);
/** Writes a text to a place, in the stead of an older one. Test: tests/t_place.c */
enum err place_copy_text(const char *text, const char *url);

#endif
