/* Progress of long work: one line on a terminal, rewritten in place, with the time that is left; silent when stderr is none.
 * Test: tests/t_progress.c */
#ifndef GM2_PROGRESS_H
#define GM2_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

struct progress {
    const char *what; /* "ingest" */
    int64_t n, n_all; /* done; all, 0 if that is not known */
    double start_s, shown_s;
};

/** Begins a line; `what` is lent until progress_end(). n_all 0: not known. Nothing shows during the first second. */
void progress_begin(struct progress *progress, const char *what, int64_t n_all);
/** n more are done; the line is rewritten at most five times a second. */
void progress_add(struct progress *progress, int64_t n);
/** Takes the line away. */
void progress_end(struct progress *progress);
/** The line as it is after wall_s seconds of work. */
void progress_line(const struct progress *progress, double wall_s, char *out, size_t room);

#endif
