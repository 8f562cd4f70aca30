/* The watchdog thread. */
#include "watchdog.h"

#include "log.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

static atomic_llong fed_s;
static atomic_bool is_on;
static double limit_s;
static int status;
static pthread_t thread;

static long long now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

static void *watch(void *unused)
{
    (void)unused;
    while (atomic_load(&is_on)) {
        struct timespec tenth = {0, 100000000};
        nanosleep(&tenth, NULL);
        if ((double)(now_s() - atomic_load(&fed_s)) > limit_s) {
            log_error("no progress for %.0f s, a rank must have stopped: ending with %d; what is published stays",
                      limit_s, status);
            _exit(status);
        }
    }
    return NULL;
}

void watchdog_start(double seconds, int exit_status)
{
    limit_s = seconds;
    status  = exit_status;
    watchdog_feed();
    atomic_store(&is_on, true);
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (pthread_create(&thread, NULL, watch, NULL) != 0) {
        atomic_store(&is_on, false);
        log_warn("the watchdog cannot be started");
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void watchdog_feed(void) { atomic_store(&fed_s, now_s()); }

void watchdog_stop(void)
{
    if (atomic_exchange(&is_on, false)) pthread_join(thread, NULL);
}
