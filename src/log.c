/* Log lines on stderr. */
#include "log.h"

#include "utf8.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock      = PTHREAD_MUTEX_INITIALIZER;
static enum log_level max_level  = LOG_INFO;
static int own_rank              = 0;
static int total_ranks           = 1;
static int progress_is_on_screen = 0;

void log_init(enum log_level level, int rank, int n_ranks)
{
    max_level   = level;
    own_rank    = rank;
    total_ranks = n_ranks;
}

int log_is_terminal(void) { return isatty(STDERR_FILENO); }

static void erase_progress(void)
{
    if (progress_is_on_screen) fputs("\r\033[K", stderr);
    progress_is_on_screen = 0;
}

void log_line(enum log_level level, const char *format, ...)
{
    static const char *const names[] = {"error", "warning", "info", "detail", "debug"};
    if (level > max_level) return;
    char text[4096], printable[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)utf8_printable(text, 1, printable, sizeof printable); /* names in it are others': no terminal obeys them */
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    char who[32] = "";
    if (total_ranks > 1) snprintf(who, sizeof who, " rank %d", own_rank);
    pthread_mutex_lock(&lock);
    erase_progress();
    fprintf(stderr, "%02d:%02d:%02d gm2%s %s: %s\n", utc.tm_hour, utc.tm_min, utc.tm_sec, who, names[level], printable);
    pthread_mutex_unlock(&lock);
}

void log_progress(const char *format, ...)
{
    if (!log_is_terminal()) return;
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    pthread_mutex_lock(&lock);
    erase_progress();
    if (text[0]) {
        fputs(text, stderr);
        fflush(stderr);
        progress_is_on_screen = 1;
    }
    pthread_mutex_unlock(&lock);
}
