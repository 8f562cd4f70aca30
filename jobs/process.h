/* Other programs: no shell, arguments as they are. Test: tests/t_process.c */
#ifndef GM2_PROCESS_H
#define GM2_PROCESS_H

#include "err.h"

/** Runs a program to its end (argv[0] along PATH, argv NULL-ended), stdin empty; what it writes to stdout and stderr goes to
 *  `out` and `log` (room bytes each, cut, ended by zero). *status: its exit status, 128 + signal; -1 if it did not end within
 *  timeout_s and was killed. ERR_NOTFOUND: there is no such program; ERR_AGAIN: no process could be made. */
enum err process_run(const char *const *argv, double timeout_s, char *out, char *log, size_t room, int *status);

/** Asks a program: its whole answer (room bytes, ended by zero). ERR_AGAIN: it ends otherwise than with 0 (the message has what it
 *  writes first to stderr), not in time, or says more than fits; and the errors of process_run(). */
enum err process_ask(const char *const *argv, double timeout_s, char *out, size_t room);

#endif
