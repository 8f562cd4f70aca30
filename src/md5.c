/* MD5. */
#include "md5.h"

#include <string.h>

static const uint32_t sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};
static const uint8_t shifts[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

static inline uint32_t turn(uint32_t v, unsigned n) { return v << n | v >> (32 - n); }

#define STEP(F, K, I)                                                                                                  \
    do {                                                                                                               \
        uint32_t sum = a + (F) + sines[I] + word[K];                                                                   \
        a            = d;                                                                                              \
        d            = c;                                                                                              \
        c            = b;                                                                                              \
        b += turn(sum, shifts[(I) / 16][(I) % 4]);                                                                     \
    } while (0)

static void add_blocks(uint32_t state[4], const uint8_t *p, size_t n_blocks)
{
    uint32_t word[16];
    for (; n_blocks > 0; n_blocks--, p += 64) {
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
        memcpy(word, p, sizeof word);
        for (unsigned i = 0; i < 16; i++) STEP(d ^ (b & (c ^ d)), i, i);
        for (unsigned i = 16; i < 32; i++) STEP(c ^ (d & (b ^ c)), (5 * i + 1) % 16, i);
        for (unsigned i = 32; i < 48; i++) STEP(b ^ c ^ d, (3 * i + 5) % 16, i);
        for (unsigned i = 48; i < 64; i++) STEP(c ^ (b | ~d), 7 * i % 16, i);
        state[0] += a;
        state[1] += b;
        state[2] += c;
        state[3] += d;
    }
}

void md5(const void *data, size_t n, uint8_t digest[16])
{
    uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    uint8_t last[128] = {0};
    size_t rest = n % 64, n_last = rest < 56 ? 1 : 2;
    const uint64_t n_bits = (uint64_t)n * 8;
    if (n >= 64) add_blocks(state, data, n / 64);
    if (rest) memcpy(last, (const uint8_t *)data + (n - rest), rest);
    last[rest] = 0x80;
    memcpy(last + 64 * n_last - 8, &n_bits, sizeof n_bits);
    add_blocks(state, last, n_last);
    memcpy(digest, state, 16);
}
