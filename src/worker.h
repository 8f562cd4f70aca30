/* The worker of a rank: one thread that runs units, while the main thread talks. Tests: tests/mpi, tests/kill */
#ifndef GM2_WORKER_H
#define GM2_WORKER_H

#include "job.h"

struct worker;

/** How a unit ended. */
struct report {
    int64_t unit;
    enum err rc;
    struct unit_result result;
    char message[2048];
};

enum err worker_start(const struct job *job, struct chain *chain, struct worker **out);
/** Hands over a unit; the worker must be idle. */
void worker_give(struct worker *w, int64_t unit);
/** Takes the report of a finished unit; false while there is none. */
bool worker_take(struct worker *w, struct report *out);
/** Asks the worker to give up its unit at the next fill: it reports ERR_AGAIN. */
void worker_drop(struct worker *w);
/** Waits for the thread and frees; a unit in hand is dropped. */
void worker_stop(struct worker *w);

#endif
