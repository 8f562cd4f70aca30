/* Progress of long work. */
#include "progress.h"

#include "clock.h"
#include "log.h"

#include <inttypes.h>
#include <stdio.h>

enum { BAR = 24 };

static void duration(double s, char out[40])
{
    int64_t whole = (int64_t)(s + 0.5);
    if (whole >= 3600)
        snprintf(out, 40, "%" PRId64 " h %02d min", whole / 3600, (int)(whole / 60 % 60));
    else if (whole >= 60)
        snprintf(out, 40, "%d min %02d s", (int)(whole / 60), (int)(whole % 60));
    else
        snprintf(out, 40, "%d s", (int)whole);
}

void progress_line(const struct progress *p, double wall_s, char *out, size_t room)
{
    double rate = wall_s > 0.0 ? (double)p->n / wall_s : 0.0;
    char bar[BAR + 1], left[40] = "?";
    if (p->n_all <= 0) {
        snprintf(out, room, "%s: %" PRId64 ", %.3g a second", p->what, p->n, rate);
        return;
    }
    double part = p->n < p->n_all ? (double)p->n / (double)p->n_all : 1.0;
    for (int i = 0; i < BAR; i++) bar[i] = i < (int)(part * BAR) ? '#' : '.';
    bar[BAR] = 0;
    if (rate > 0.0) duration((double)(p->n_all > p->n ? p->n_all - p->n : 0) / rate, left);
    snprintf(out, room, "%s [%s] %.0f%%  %" PRId64 " of %" PRId64 ", %.3g a second, %s left", p->what, bar,
             100.0 * part, p->n, p->n_all, rate, left);
}

void progress_begin(struct progress *p, const char *what, int64_t n_all)
{
    double now = clock_now_s();
    *p         = (struct progress){.what = what, .n_all = n_all, .start_s = now, .shown_s = now + 0.8};
}

void progress_add(struct progress *p, int64_t n)
{
    char line[160];
    double now = clock_now_s();
    p->n += n;
    if (now - p->shown_s < 0.2) return;
    p->shown_s = now;
    if (!log_is_terminal()) return;
    progress_line(p, now - p->start_s, line, sizeof line);
    log_progress("%s", line);
}

void progress_end(struct progress *p)
{
    (void)p;
    log_progress("%s", "");
}
