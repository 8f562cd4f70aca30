/* A clock of our own: if the main thread does not report for too long (a collective call waits for a stopped rank), the
 * process ends, and the launcher ends the job. Nothing in MPI notices a stopped rank by itself. */
#ifndef GM2_WATCHDOG_H
#define GM2_WATCHDOG_H

/** Starts watching: after `seconds` without watchdog_feed() the process exits with this status. */
void watchdog_start(double seconds, int exit_status);
void watchdog_feed(void);
void watchdog_stop(void);

#endif
