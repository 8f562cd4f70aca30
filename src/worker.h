/* The worker of a rank: one thread that runs units, while the main thread talks. Tests: tests/mpi, tests/kill */
#ifndef GM2_WORKER_H
#define GM2_WORKER_H

#include "job.h"

struct worker;

/** What rank 0 tells of a unit: in a watched folder the others have no list of units. */
enum { ORDER_MAX_PATH = 4096 };
struct order {
    struct unit unit; /* its pointers mean nothing elsewhere: worker_give() sets them */
    char source[ORDER_MAX_PATH];
};

/** How a unit ended. */
struct report {
    int64_t unit;
    enum err rc;
    bool was_published; /* another job had made it */
    struct unit_result result;
    char message[2048];
};

enum err worker_start(const struct job *job, struct chain *chain, struct worker **out);
/** Hands over a unit; the worker must be idle. The order is copied. */
void worker_give(struct worker *w, const struct order *order);
/** The order for a unit of this rank's list. ERR_OPTION: the name of its source is too long. */
enum err worker_order(const struct unit *unit, struct order *out);
/** Takes the report of a finished unit; false while there is none. */
bool worker_take(struct worker *w, struct report *out);
/** Asks the worker to give up its unit at the next fill: it reports ERR_AGAIN. */
void worker_drop(struct worker *w);
/** Waits for the thread and frees; a unit in hand is dropped. */
void worker_stop(struct worker *w);

#endif
