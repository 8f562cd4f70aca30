/* Log lines: levels are set by how many lines they may print. Everything goes to stderr; stdout belongs to results.
 *
 * ERROR   one for what ends the job or loses work
 * WARN    a few a job: something the user should know
 * INFO    a few a job phase, one a shard
 * DETAIL  about one a unit
 * DEBUG   about one a fill */
#ifndef GM2_LOG_H
#define GM2_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DETAIL, LOG_DEBUG };

/** Sets what is printed and which rank speaks; n_ranks 1 leaves the rank out of the lines. */
void log_init(enum log_level level, int rank, int n_ranks);
/** Writes one line with time, level and rank; safe from any thread. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** A line that is rewritten in place on a terminal, "" to end it; nothing when stderr is no terminal. */
void log_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** True when stderr is a terminal. */
int log_is_terminal(void);

#define log_error(...)  log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)   log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)   log_line(LOG_INFO, __VA_ARGS__)
#define log_detail(...) log_line(LOG_DETAIL, __VA_ARGS__)
#define log_debug(...)  log_line(LOG_DEBUG, __VA_ARGS__)

#endif
