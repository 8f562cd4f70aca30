/* The blinding offset. */
#include "blind.h"

#include "md5.h"
#include "phys.h"
#include "rng.h"

#include <math.h>

#define BOX_PPM 24.0

static uint32_t word(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

double blind_offset_ppm(const char *phrase, size_t length)
{
    uint8_t digest[16];
    md5(phrase, length, digest);
    struct rng_key key = {{word(digest), word(digest + 4)}, word(digest + 8), word(digest + 12)};
    struct rng r       = rng_start(key, 0);
    double sign        = rng_uniform(&r) < 0.5 ? -1.0 : 1.0;
    double width = 2.0 * BOX_PPM + sqrt(2.0 * PI), place = width * rng_uniform(&r) - 0.5 * width;
    double offset = fabs(place) < BOX_PPM ? place : copysign(BOX_PPM + fabs(rng_normal(&r)), place);
    return sign * offset;
}
