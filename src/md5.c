/* MD5 by nettle. */
#include "md5.h"

#include <nettle/md5.h>

void md5(const void *data, size_t n, uint8_t digest[16])
{
    struct md5_ctx sum;
    md5_init(&sum);
    md5_update(&sum, n, data);
    md5_digest(&sum, 16, digest);
}
