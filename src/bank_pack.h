/* Compressed banks, as the DAQ's frontends write them: 16 bytes MD5 of what was there, then a zlib stream of it (deflate,
 * Huffman codes only, level 1, ended by a full flush without a last block).
 *
 *   FZnn u8   a crate's whole event: {u32 bytes of banks, u32 flags}, then its banks; CCnn stays outside
 *   ctnn u8   one bank with its 12-byte header, without padding, under its own name with a lower-case first letter
 * A zlib stream without the digest in front is read as well.
 * Source: CaloReadoutAMC13 fe_compress_z_mt.cxx, frontend.cpp (facts, no code); formats 2.1. Tests: tests/t_bank_pack.c,
 * tests/cli/midas_outside.sh (a reader in Python) */
#ifndef GM2_BANK_PACK_H
#define GM2_BANK_PACK_H

#include "midas.h"

enum bank_packing { BANK_PACK_NONE, BANK_PACK_ZLIB, BANK_PACK_FZ };

/** True for FZnn, and for a bank of bytes whose name begins with a small letter and ends with two digits. */
bool bank_is_packed(const struct midas_bank *bank);
/** Undoes one packed bank into `room` (dropped first; kept by the caller while the banks are used) and starts a walk over
 *  the banks in it. ERR_DATA: damaged, or the digest differs, or other banks than its name says. */
enum err bank_unpack(const struct midas_bank *bank, bool is_strict, struct midas_build *room, struct midas_walk *out);
/** A copy of an event (host order) whose banks are packed; `out` is ended. */
enum err bank_pack_event(const uint8_t *bytes, size_t n, enum bank_packing how, struct midas_build *out);

#endif
