/* Dealing units to workers: the state of rank 0, without any MPI, so that it can be tested and timed alone.
 *
 * Longest expected unit first; a unit is granted to one worker at a time; a worker that is silent too long is reported;
 * when time is short, units that would not end are kept back. All times are seconds of the caller's clock.
 * Tests: tests/t_deal.c; 10,000 virtual workers: tests/bench/deal.c */
#ifndef GM2_DEAL_H
#define GM2_DEAL_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

struct deal;

enum deal_state { DEAL_PENDING, DEAL_GRANTED, DEAL_DONE, DEAL_FAILED };

/** n units with expected costs [n] (any positive unit; they only order and predict), n_workers workers, all silent
 *  since `now_s`. */
enum err deal_create(size_t n, const double *cost, size_t n_workers, double now_s, struct deal **out);
void deal_free(struct deal *d);

/** One more unit, number n of them; it is granted after those that are there. */
enum err deal_add(struct deal *d, double cost);
/** Marks a unit as done before the start (found published). */
void deal_skip(struct deal *d, size_t unit);
/** The next unit for a worker, or -1: none now (nothing pending, stopped, or no time left for it). */
int64_t deal_grant(struct deal *d, size_t worker, double now_s);
/** A worker reports the end of its unit; failed units are not granted again. ERR_LOGIC if it did not hold it. */
enum err deal_report(struct deal *d, size_t worker, size_t unit, bool is_done, double now_s);
/** Puts a unit back (dropped on request). */
void deal_return(struct deal *d, size_t worker, size_t unit);
/** Notes that a worker lives. */
void deal_heard(struct deal *d, size_t worker, double now_s);
/** The worker longest silent, if longer than `limit_s`, else -1. */
int64_t deal_silent(const struct deal *d, double limit_s, double now_s);
/** Grants no more. */
void deal_stop(struct deal *d);
bool deal_is_stopped(const struct deal *d);
/** No grant of a unit expected to end after this moment; needs at least one finished unit to know the speed. */
void deal_deadline(struct deal *d, double end_s);

size_t deal_count(const struct deal *d, enum deal_state state);
/** Expected seconds until all is done at the present speed, negative if unknown. */
double deal_eta_s(const struct deal *d, double now_s);

#endif
