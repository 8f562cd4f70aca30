/* Pictures of the site: progress over time, and how long things take. */
#include "site_internal.h"

#include "mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_POINTS = 400, MAX_LINES = 8 };
#define NEARLINE_S 1800.0 /* the experiment's: plots half an hour after the subrun */

/* Draws, or notes why not. */
static enum err draw(FILE *f, char **script, const struct status *k, const char *folder, struct page_figure *figure)
{
    char footer[64], at[32];
    fclose(f);
    status_time(k ? k->at_s : 0, at);
    snprintf(footer, sizeof footer, "%s%s", k ? at : "", k ? " UTC" : "");
    enum err rc = page_draw(*script, footer, folder, false, figure);
    if (rc == ERR_NOTFOUND || rc == ERR_WRITE) {
        snprintf(figure->problem, sizeof figure->problem, "%s", err_message());
        err_clear();
        rc = ERR_OK;
    }
    free(*script);
    return rc;
}

/* What a picture of progress spans [unix s]: from the first product of the stages drawn to the last, or to the present while one of
 * them is not complete; 10 s at least. */
struct span {
    int64_t from_s, to_s;
};

static struct span find_span(const struct status *k, size_t from, size_t to)
{
    struct span s = {k->at_s, 0};
    for (size_t i = from; i < to; i++) {
        const struct latency_progress *p = &k->stage[i].progress;
        if (!p->n) continue;
        int64_t last_s = k->stage[i].look.is_complete ? p->at_s[p->n - 1] : k->at_s;
        if (p->at_s[0] < s.from_s) s.from_s = p->at_s[0];
        if (last_s > s.to_s) s.to_s = last_s;
    }
    if (s.to_s < s.from_s + 10) s.to_s = s.from_s + 10;
    return s;
}

/* time [unix s], share of the stage's files [%] */
static void put_line(FILE *f, const struct status *k, size_t i, struct span span)
{
    const struct latency_progress *p = &k->stage[i].progress;
    double n_all                     = (double)k->stage[i].look.n_files;
    size_t step                      = p->n / MAX_POINTS + 1;
    fprintf(f, "$s%zu << EOD\n%" PRId64 " 0\n", i, span.from_s);
    for (size_t j = step - 1; j < p->n; j += step)
        fprintf(f, "%" PRId64 " %.4f\n", p->at_s[j], 100.0 * (double)(j + 1) / n_all);
    fprintf(f, "%" PRId64 " %.4f\n", p->at_s[p->n - 1], 100.0 * (double)p->n / n_all);
    fprintf(f, "%" PRId64 " %.4f\n", span.to_s, 100.0 * (double)p->n / n_all);
    fprintf(f, "EOD\n");
}

static const char *time_format(int64_t from_s, int64_t to_s)
{
    if (to_s - from_s < 7200) return "%H:%M:%S";
    return to_s - from_s < 5 * 86400 ? "%m-%d\\n%H:%M" : "%m-%d";
}

enum err site_draw_progress(const struct status *k, size_t from, size_t to, const char *folder,
                            struct page_figure *figure)
{
    char *script = NULL;
    size_t size, n = 0;
    const struct span span = find_span(k, from, to);
    FILE *f                = open_memstream(&script, &size);
    REQUIRE(f, ERR_MEMORY, "out of memory");
    for (size_t i = from; i < to; i++) {
        const struct latency_progress *p = &k->stage[i].progress;
        if (!p->n || !k->stage[i].look.n_files || n++ >= MAX_LINES) continue;
        put_line(f, k, i, span);
    }
    if (n == 0) {
        fclose(f);
        free(script);
        snprintf(figure->problem, sizeof figure->problem, "there is no product yet");
        return ERR_OK;
    }
    fprintf(f,
            "set xdata time\nset timefmt '%%s'\nset format x \"%s\"\nset xtics nomirror\nset xlabel 'time (UTC)'\n"
            "set ylabel 'files done [%%]'\nset yrange [0:105]\nset xrange ['%" PRId64 "':'%" PRId64 "']\n"
            "set key outside right center\nplot ",
            time_format(span.from_s, span.to_s), span.from_s, span.to_s);
    n = 0;
    for (size_t i = from; i < to; i++)
        if (k->stage[i].progress.n && k->stage[i].look.n_files && n++ < MAX_LINES)
            fprintf(f, "%s$s%zu using 1:2 with steps lt %zu lw 2 title '%s'", n > 1 ? ", " : "", i, n,
                    k->campaign->stage[i].name);
    fprintf(f, "\n");
    return draw(f, &script, k, folder, figure);
}

enum err site_draw_latency(const struct status_stage *s, const char *folder, struct page_figure *figure)
{
    char *script = NULL;
    size_t size, n = 0;
    double longest_s = 3600.0;
    FILE *f          = open_memstream(&script, &size);
    REQUIRE(f, ERR_MEMORY, "out of memory");
    for (int l = 0; l < N_LATENCY_KINDS; l++) {
        n += s->latency[l].n > 0;
        if (s->latency[l].max_s > longest_s) longest_s = s->latency[l].max_s;
        fprintf(f, "$l%d << EOD\n", l);
        for (int b = 0; b < LATENCY_BINS; b++)
            fprintf(f, "%.6g %" PRId64 "\n", latency_edge_s(b), s->latency[l].bin[b]);
        fprintf(f, "EOD\n");
    }
    if (n == 0) {
        fclose(f);
        free(script);
        snprintf(figure->problem, sizeof figure->problem, "there is nothing that ended yet");
        return ERR_OK;
    }
    fprintf(f,
            "set logscale x\nset xrange [1:%g]\nset xtics ('1 s' 1, '10 s' 10, '1 min' 60, '10 min' 600, '1 h' 3600, "
            "'10 h' 36000, '1 d' 86400, '10 d' 864000, '100 d' 8640000)\nset xlabel 'time'\nset ylabel 'files, or "
            "submissions, a bin'\nset key below\nset bmargin 7\nset yrange [0:*]\nset arrow 1 from %g, graph 0 to %g, "
            "graph 1 nohead "
            "dt 2 lc rgb "
            "'#444444'\nset label 1 ' 30 min (nearline)' at %g, graph 0.5 left tc rgb '#444444'\nplot ",
            3.0 * longest_s, NEARLINE_S, NEARLINE_S, NEARLINE_S);
    for (int l = 0; l < N_LATENCY_KINDS; l++)
        fprintf(f, "%s$l%d using 1:2 with fsteps lt %d lw 2 title '%s'", l ? ", " : "", l, l + 1,
                latency_title((enum latency_kind)l));
    fprintf(f, "\n");
    return draw(f, &script, NULL, folder, figure);
}
