/* SHA-1: FIPS 180-4, sections 5.1.1 (padding) and 6.1.2 (rounds); the names are the standard's. */
#include "sha1.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint32_t rotate(uint32_t x, int n) { return x << n | x >> (32 - n); }

static void block(uint32_t h[5], const uint8_t *m)
{
    uint32_t w[80];
    for (int t = 0; t < 16; t++)
        w[t] = (uint32_t)m[4 * t] << 24 | (uint32_t)m[4 * t + 1] << 16 | (uint32_t)m[4 * t + 2] << 8 | m[4 * t + 3];
    for (int t = 16; t < 80; t++) w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int t = 0; t < 80; t++) {
        uint32_t f, k;
        if (t < 20) {
            f = (b & c) | (~b & d), k = 0x5a827999;
        } else if (t < 40) {
            f = b ^ c ^ d, k = 0x6ed9eba1;
        } else if (t < 60) {
            f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc;
        } else {
            f = b ^ c ^ d, k = 0xca62c1d6;
        }
        uint32_t next = rotate(a, 5) + f + e + k + w[t];
        e = d, d = c, c = rotate(b, 30), b = a, a = next;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
}

static const uint32_t initial[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};

/* The padding after the last whole block, and the digits. `rest` bytes are left over of n in all. */
static void finish(uint32_t h[5], const uint8_t *bytes, size_t rest, uint64_t n, char hex[41])
{
    uint8_t last[128] = {0};
    if (rest) memcpy(last, bytes, rest);
    last[rest]      = 0x80;
    size_t end      = rest < 56 ? 64 : 128;
    uint64_t n_bits = n * 8;
    for (int i = 0; i < 8; i++) last[end - 1 - (size_t)i] = (uint8_t)(n_bits >> (8 * i));
    block(h, last);
    if (end == 128) block(h, last + 64);
    for (int i = 0; i < 5; i++) snprintf(hex + 8 * i, 9, "%08x", (unsigned)h[i]);
}

static size_t whole_blocks(uint32_t h[5], const uint8_t *bytes, size_t n)
{
    size_t done = 0;
    for (; n - done >= 64; done += 64) block(h, bytes + done);
    return done;
}

void sha1_hex(const void *data, size_t n, char hex[41])
{
    uint32_t h[5];
    memcpy(h, initial, sizeof h);
    size_t done = whole_blocks(h, data, n);
    finish(h, (const uint8_t *)data + done, n - done, n, hex);
}

enum err sha1_file(const char *path, char hex[41])
{
    uint8_t buffer[1 << 14]; /* fread() fills it until the end of the file: whole blocks */
    uint32_t h[5];
    uint64_t n = 0;
    FILE *f    = fopen(path, "rbe");
    REQUIRE(f, ERR_OPEN, "cannot open %s: %s", path, strerror(errno));
    memcpy(h, initial, sizeof h);
    errno      = 0;
    size_t got = 0, done = 0;
    do {
        got  = fread(buffer, 1, sizeof buffer, f);
        done = whole_blocks(h, buffer, got);
        n += got;
    } while (got == sizeof buffer);
    int why = ferror(f) ? errno : 0;
    fclose(f);
    REQUIRE(!why, ERR_READ, "cannot read %s: %s", path, strerror(why));
    finish(h, buffer + done, got - done, n, hex);
    return ERR_OK;
}
