/* Memory: aligned, counted, checked. */
#ifndef GM2_MEM_H
#define GM2_MEM_H

#include "err.h"

#include <stdint.h>

/** n items of size bytes, zeroed, 64-byte aligned; *out NULL and ERR_MEMORY if it cannot be had. Free with mem_free(). */
enum err mem_alloc(void *out, size_t n, size_t size);
/** Grows or shrinks to n items, keeps the old content up to old_n items; new bytes are zero. */
enum err mem_resize(void *in_out, size_t old_n, size_t n, size_t size);
/** Frees; NULL is fine. */
void mem_free(void *p);
/** A copy of a string, to be freed with mem_free(); NULL when out of memory. */
char *mem_string(const char *s);
/** Allocations alive now; 0 at the end of a clean program. */
int64_t mem_live(void);
/** Peak and present resident set of this process [kB], from /proc; 0 where there is none. */
int64_t mem_peak_kB(void);
int64_t mem_now_kB(void);

#endif
