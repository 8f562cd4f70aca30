/* Instruction sets: kernels are compiled once for each, one binary picks at run time.
 *
 * A file named *_kernel.c is compiled three times (x86-64: baseline, avx2, avx512; elsewhere baseline alone) with
 * KERNEL_ISA set; its exported functions are named KERNEL(name) -> name_avx2 ... and a plain .c file picks one with
 * ISA_PICK(name). FMA(a,b,c) is a fused multiply-add where the set has one, a*b+c otherwise: the compiler contracts
 * nothing by itself, so bits repeat within one set. */
#ifndef GM2_ISA_H
#define GM2_ISA_H

enum isa { ISA_BASELINE, ISA_AVX2, ISA_AVX512 };

/** The set in use: the best this processor and this build have, unless isa_force() chose another. */
enum isa isa_active(void);
/** Chooses by name ("baseline", "avx2", "avx512", "best"); 0 if done, -1 if this processor or build lacks it. */
int isa_force(const char *name);
const char *isa_name(enum isa isa);

#define ISA_JOIN2(a, b) a##_##b
#define ISA_JOIN(a, b)  ISA_JOIN2(a, b)
#ifdef KERNEL_ISA
#define KERNEL(name) ISA_JOIN(name, KERNEL_ISA)
#endif

/* Declares the variants of a kernel in its header: ISA_DECLARE(void, ring_step, (struct x *p)) */
#define ISA_DECLARE(type, name, args)                                                                                  \
    type name##_baseline args;                                                                                         \
    type name##_avx2 args;                                                                                             \
    type name##_avx512 args;
#ifdef GM2_HAS_X86_KERNELS
#define ISA_PICK(name)                                                                                                 \
    (isa_active() == ISA_AVX512 ? name##_avx512 : isa_active() == ISA_AVX2 ? name##_avx2 : name##_baseline)
#else
#define ISA_PICK(name) (name##_baseline)
#endif

#ifdef __FMA__
#define FMA(a, b, c) __builtin_fma(a, b, c)
#else
#define FMA(a, b, c) ((a) * (b) + (c))
#endif

#endif
