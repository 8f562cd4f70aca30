/* Clocks as numbers of seconds. Check: tests/t_process.c, tests/t_progress.c. */
#ifndef GM2_CLOCK_H
#define GM2_CLOCK_H

#include <time.h>

/** What a clock says. */
static inline double clock_s(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/** For differences: goes on whatever is done to the time of day. */
static inline double clock_now_s(void) { return clock_s(CLOCK_MONOTONIC); }

#endif
