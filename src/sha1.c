/* SHA-1 by nettle. */
#include "sha1.h"

#include <errno.h>
#include <nettle/sha1.h>
#include <stdio.h>
#include <string.h>

static void digits(struct sha1_ctx *sum, char hex[41])
{
    uint8_t digest[SHA1_DIGEST_SIZE];
    sha1_digest(sum, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

void sha1_hex(const void *data, size_t n, char hex[41])
{
    struct sha1_ctx sum;
    sha1_init(&sum);
    sha1_update(&sum, n, data);
    digits(&sum, hex);
}

enum err sha1_file(const char *path, char hex[41])
{
    uint8_t buffer[1 << 14];
    struct sha1_ctx sum;
    FILE *f = fopen(path, "rbe");
    REQUIRE(f, ERR_OPEN, "cannot open %s: %s", path, strerror(errno));
    errno = 0;
    sha1_init(&sum);
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, f)) > 0;) sha1_update(&sum, n, buffer);
    int why = ferror(f) ? errno : 0;
    fclose(f);
    REQUIRE(!why, ERR_READ, "cannot read %s: %s", path, strerror(why));
    digits(&sum, hex);
    return ERR_OK;
}
