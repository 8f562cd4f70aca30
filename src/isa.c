/* Which instruction set the kernels use. */
#include "isa.h"

#include <string.h>

static const char *const names[] = {"baseline", "avx2", "avx512"};
static int forced                = -1;

static enum isa best(void)
{
#ifdef GM2_HAS_X86_KERNELS
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw"))
        return ISA_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return ISA_AVX2;
#endif
    return ISA_BASELINE;
}

enum isa isa_active(void)
{
    static int cached = -1;
    if (forced >= 0) return (enum isa)forced;
    if (cached < 0) cached = (int)best();
    return (enum isa)cached;
}

int isa_force(const char *name)
{
    if (strcmp(name, "best") == 0) {
        forced = -1;
        return 0;
    }
    for (int i = 0; i <= ISA_AVX512; i++)
        if (strcmp(name, names[i]) == 0 && (enum isa)i <= best()) {
            forced = i;
            return 0;
        }
    return -1;
}

const char *isa_name(enum isa isa) { return names[isa]; }
