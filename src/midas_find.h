/* Finding the next event in bytes that cannot be followed. Tests: tests/t_midas.c, tests/t_damaged_files.c */
#ifndef GM2_MIDAS_FIND_H
#define GM2_MIDAS_FIND_H

#include "midas.h"

/** What is known of the file's events. */
struct midas_find_key {
    bool has_data, has_run;
    uint16_t id, mask; /* of the last event with banks */
    uint32_t run;
};

/** The first place at or after `from` where an event begins: its two sizes and flags agree and a bank follows, or it is a
 *  begin- or end-of-run event of this run with text. False: none in these n bytes; the last 31 were not all looked at. */
bool midas_find(const uint8_t *bytes, size_t n, size_t from, const struct midas_find_key *key, size_t *at,
                bool *is_swapped);

#endif
