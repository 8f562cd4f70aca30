/* SHA-1 (FIPS 180-4): names configurations as fhicl-cpp does; no protection against forgery. Test: tests/t_sha1.c */
#ifndef GM2_SHA1_H
#define GM2_SHA1_H

#include "err.h"

#include <stddef.h>

/** The digest of n bytes as 40 lower-case hexadecimal digits and NUL. */
void sha1_hex(const void *data, size_t n, char hex[41]);
/** The digest of a file's content. ERR_OPEN, ERR_READ. */
enum err sha1_file(const char *path, char hex[41]);

#endif
