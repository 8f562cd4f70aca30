/* MD5 and the blinding offset. */
#include "blind.h"

#include "phys.h"
#include "rng.h"

#include <math.h>
#include <string.h>

#define BOX_PPM 24.0

static uint32_t rotate(uint32_t x, unsigned n) { return x << n | x >> (32u - n); }

static uint32_t word(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void md5_block(uint32_t state[4], const uint8_t block[64])
{
    static const unsigned shifts[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    for (unsigned i = 0; i < 64; i++) {
        unsigned round = i / 16;
        uint32_t f     = round == 0   ? (b & c) | (~b & d)
                         : round == 1 ? (d & b) | (~d & c)
                         : round == 2 ? b ^ c ^ d
                                      : c ^ (b | ~d);
        unsigned g     = round == 0 ? i : round == 1 ? (5 * i + 1) % 16 : round == 2 ? (3 * i + 5) % 16 : (7 * i) % 16;
        uint32_t k     = (uint32_t)floor(4294967296.0 * fabs(sin((double)i + 1.0)));
        uint32_t next  = b + rotate(a + f + k + word(block + 4 * (size_t)g), shifts[round][i % 4]);
        a              = d;
        d              = c;
        c              = b;
        b              = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

void blind_md5(const void *bytes, size_t n, uint8_t out[16])
{
    uint32_t state[4] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u};
    const uint8_t *p  = bytes;
    uint8_t tail[128] = {0};
    size_t whole = n / 64 * 64, left = n - whole, tail_size = left < 56 ? 64 : 128;
    for (size_t i = 0; i < whole; i += 64) md5_block(state, p + i);
    if (left) memcpy(tail, p + whole, left);
    tail[left] = 0x80;
    for (size_t i = 0; i < 8; i++) tail[tail_size - 8 + i] = (uint8_t)((uint64_t)n * 8 >> 8 * i);
    for (size_t i = 0; i < tail_size; i += 64) md5_block(state, tail + i);
    for (size_t i = 0; i < 16; i++) out[i] = (uint8_t)(state[i / 4] >> 8 * (i % 4));
}

double blind_offset_ppm(const char *phrase, size_t length)
{
    uint8_t digest[16];
    blind_md5(phrase, length, digest);
    struct rng_key key = {{word(digest), word(digest + 4)}, word(digest + 8), word(digest + 12)};
    struct rng r       = rng_start(key, 0);
    double sign        = rng_uniform(&r) < 0.5 ? -1.0 : 1.0;
    double width = 2.0 * BOX_PPM + sqrt(2.0 * PI), place = width * rng_uniform(&r) - 0.5 * width;
    double offset = fabs(place) < BOX_PPM ? place : copysign(BOX_PPM + fabs(rng_normal(&r)), place);
    return sign * offset;
}
