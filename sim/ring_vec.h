/* A few doubles at once, as wide as the instruction set of this compilation: VEC_W lanes, fused multiply-add where the
 * set has one. + - * are the compiler's own on vector types. Masks are integers, bit i for lane i. */
#ifndef GM2_RING_VEC_H
#define GM2_RING_VEC_H

#include "isa.h"

#define VEC_INLINE static inline __attribute__((always_inline))

#if defined(__AVX512F__)
#include <immintrin.h>
enum { VEC_W = 8 };
typedef __m512d vec;
VEC_INLINE vec vset(double a) { return _mm512_set1_pd(a); }
VEC_INLINE vec vload(const double *p) { return _mm512_loadu_pd(p); }
VEC_INLINE void vstore(double *p, vec a) { _mm512_storeu_pd(p, a); }
VEC_INLINE vec vfma(vec a, vec b, vec c) { return _mm512_fmadd_pd(a, b, c); }   /* a b + c */
VEC_INLINE vec vfms(vec a, vec b, vec c) { return _mm512_fmsub_pd(a, b, c); }   /* a b - c */
VEC_INLINE vec vfnma(vec a, vec b, vec c) { return _mm512_fnmadd_pd(a, b, c); } /* c - a b */
VEC_INLINE vec vsqrt(vec a) { return _mm512_sqrt_pd(a); }
VEC_INLINE vec vmax(vec a, vec b) { return _mm512_max_pd(a, b); }
VEC_INLINE unsigned vless(vec a, vec b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ); }
VEC_INLINE vec vpick(unsigned mask, vec yes, vec no) { return _mm512_mask_blend_pd((__mmask8)mask, no, yes); }
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
enum { VEC_W = 4 };
typedef __m256d vec;
VEC_INLINE vec vset(double a) { return _mm256_set1_pd(a); }
VEC_INLINE vec vload(const double *p) { return _mm256_loadu_pd(p); }
VEC_INLINE void vstore(double *p, vec a) { _mm256_storeu_pd(p, a); }
VEC_INLINE vec vfma(vec a, vec b, vec c) { return _mm256_fmadd_pd(a, b, c); }
VEC_INLINE vec vfms(vec a, vec b, vec c) { return _mm256_fmsub_pd(a, b, c); }
VEC_INLINE vec vfnma(vec a, vec b, vec c) { return _mm256_fnmadd_pd(a, b, c); }
VEC_INLINE vec vsqrt(vec a) { return _mm256_sqrt_pd(a); }
VEC_INLINE vec vmax(vec a, vec b) { return _mm256_max_pd(a, b); }
VEC_INLINE unsigned vless(vec a, vec b) { return (unsigned)_mm256_movemask_pd(_mm256_cmp_pd(a, b, _CMP_LT_OQ)); }
VEC_INLINE vec vpick(unsigned mask, vec yes, vec no)
{
    const __m256i bits = _mm256_set_epi64x(8, 4, 2, 1);
    __m256i on         = _mm256_cmpeq_epi64(_mm256_and_si256(_mm256_set1_epi64x(mask), bits), bits);
    return _mm256_blendv_pd(no, yes, _mm256_castsi256_pd(on));
}
#else
enum { VEC_W = 2 };
typedef double vec __attribute__((vector_size(16)));
VEC_INLINE vec vset(double a) { return (vec){a, a}; }
VEC_INLINE vec vload(const double *p) { return (vec){p[0], p[1]}; }
VEC_INLINE void vstore(double *p, vec a)
{
    p[0] = a[0];
    p[1] = a[1];
}
VEC_INLINE vec vfma(vec a, vec b, vec c) { return a * b + c; }
VEC_INLINE vec vfms(vec a, vec b, vec c) { return a * b - c; }
VEC_INLINE vec vfnma(vec a, vec b, vec c) { return c - a * b; }
VEC_INLINE vec vsqrt(vec a) { return (vec){__builtin_sqrt(a[0]), __builtin_sqrt(a[1])}; }
VEC_INLINE vec vmax(vec a, vec b) { return (vec){a[0] > b[0] ? a[0] : b[0], a[1] > b[1] ? a[1] : b[1]}; }
VEC_INLINE unsigned vless(vec a, vec b) { return (unsigned)(a[0] < b[0]) | (unsigned)(a[1] < b[1]) << 1; }
VEC_INLINE vec vpick(unsigned mask, vec yes, vec no)
{
    return (vec){mask & 1 ? yes[0] : no[0], mask & 2 ? yes[1] : no[1]};
}
#endif

#endif
