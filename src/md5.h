/* MD5 (RFC 1321): what the DAQ's compressed banks carry to tell damage; no protection against forgery.
 * Test: tests/t_bank_pack.c (the RFC's own digests) */
#ifndef GM2_MD5_H
#define GM2_MD5_H

#include <stddef.h>
#include <stdint.h>

/** The digest of n bytes. */
void md5(const void *data, size_t n, uint8_t digest[16]);

#endif
