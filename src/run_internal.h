/* The run loop's inside: run.c has what all ranks do, run_lead.c what rank 0 does, run_watch.c units that come while the job
 * runs. */
#ifndef GM2_RUN_INTERNAL_H
#define GM2_RUN_INTERNAL_H

#include "deal.h"
#include "product.h"
#include "run.h"
#include "worker.h"

enum message_kind {
    SAY_IDLE,   /* worker: I have nothing to do */
    SAY_REPORT, /* worker: a unit ended; I have nothing to do */
    SAY_ALIVE,  /* worker: heartbeat; rank 0 answers the same */
    SAY_SIGNAL, /* worker: I was told to stop */
    TELL_UNIT,  /* rank 0: run this unit */
    TELL_DROP,  /* rank 0: give up what you hold */
    TELL_END    /* rank 0: this round is over */
};

struct message {
    int32_t kind;
    union {
        struct report report; /* SAY_REPORT */
        struct order order;   /* TELL_UNIT */
    };
};

struct run_watch; /* rank 0: the folder that is watched */

struct round {
    struct job *job;
    struct worker *worker;
    struct deal *deal; /* rank 0 */
    bool *is_idle;     /* rank 0: [n_ranks] asked for work and got none */
    struct run_totals *totals;
    struct product_state *products;
    struct run_watch *watch; /* rank 0 of a job that watches a folder, else NULL */
    enum err first_error;    /* rank 0: of failed units */
    char first_message[2048];
    double last_heard_s, next_beat_s, drop_at_s, next_progress_s;
    int64_t n_done_told; /* units done at the last progress line */
    bool has_told_signal, is_dropping, is_lost, is_over, is_paused;
};

/** Seconds of a clock that only goes on; seconds since 1970. */
double run_now_s(void);
double run_unix_s(void);
void run_short_sleep(void);
/** Signals to stop seen so far; the last one's number. */
int run_signals(int *last);
/** Sends a message with what belongs to its kind. */
enum err run_say(int to, const struct message *message);
enum err run_say_kind(int to, enum message_kind kind);

/* ---- run_lead.c: rank 0 ---- */
enum err run_prepare(struct round *r);
enum err run_lead_round(struct round *r);
/** The code of the whole job, when all rounds are over. */
enum err run_judge(struct round *r);

/* ---- run_watch.c: rank 0 of a job that watches a folder ---- */
/** Looks for the first time: job->units are the subruns that are closed now. */
enum err run_watch_open(struct round *r);
void run_watch_close(struct round *r);
/** Looks again when it is time; *has_new: units were added to the job and may be dealt. */
enum err run_watch_look(struct round *r, bool *has_new);
/** True when no more is to be waited for (--once). */
bool run_watch_is_over(const struct round *r);
/** Notes that a unit is begun, so that a file that ends the job each time is found out. */
enum err run_watch_begun(struct round *r, int64_t unit);
/** Notes that a unit was given up in good order. */
void run_watch_returned(struct round *r, int64_t unit);
/** Notes a unit's end: its latency, or the bad file, which stays out of the way until it changes. */
enum err run_watch_done(struct round *r, const struct report *report);
enum err run_watch_failed(struct round *r, const struct report *report);
/** One line: what is done, what it sustains. */
void run_watch_progress(const struct round *r, size_t size, char *out);

#endif
