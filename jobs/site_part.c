/* Parts of the site's pages. */
#include "site_internal.h"

#include "publish.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

enum err site_begin(const char *title, const char *heading, struct site_page *page)
{
    *page   = (struct site_page){0};
    page->f = open_memstream(&page->text, &page->n);
    REQUIRE(page->f, ERR_MEMORY, "out of memory");
    page_begin(page->f, title, heading);
    return ERR_OK;
}

enum err site_end(const struct site *site, struct site_page *page, const char *name)
{
    char path[SITE_PATH];
    page_end(page->f);
    bool is_bad = ferror(page->f) != 0;
    is_bad      = fclose(page->f) != 0 || is_bad;
    int n       = snprintf(path, sizeof path, "%s/%s", site->folder, name);
    enum err rc = is_bad                  ? err_fail(ERR_MEMORY, __FILE__, __LINE__, "no memory for page %s", name)
                  : n >= (int)sizeof path ? err_fail(ERR_WRITE, __FILE__, __LINE__, "the path of %s is too long", name)
                                          : publish_text(path, page->text, page->n, 1);
    free(page->text);
    site->tally->n_pages += !rc;
    return rc;
}

void site_cell(FILE *f, const char *stage, const char *key, int64_t value)
{
    fprintf(f, "<td id=\"%s/%s\">%" PRId64 "</td>", stage, key, value);
}

void site_cell_x(FILE *f, const char *stage, const char *key, double value)
{
    if (value < 0.0)
        fprintf(f, "<td id=\"%s/%s\">-</td>", stage, key);
    else
        fprintf(f, "<td id=\"%s/%s\">%.1f</td>", stage, key, value);
}

void site_text_cell(FILE *f, const char *text)
{
    fputs("<td class=c>", f);
    html_escape(f, text);
    fputs("</td>", f);
}

void site_row(FILE *f, const char *name, const char *text)
{
    fprintf(f, "<tr><th>%s</th>", name);
    site_text_cell(f, text);
    fputs("</tr>\n", f);
}

void site_command(FILE *f, const char *what, const char *format, ...)
{
    char text[2400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(f, "<tr><th>%s</th><td class=c><code>", what);
    html_escape(f, text);
    fputs("</code></td></tr>\n", f);
}

/* ---- tables ----------------------------------------------------------------------------------------------------------- */
void site_stage_table(FILE *f, const struct status *k, size_t from, size_t to)
{
    char left[32];
    fputs("<table><tr><th>stage</th><th "
          "class=u>state</th><th>files</th><th>done</th><th>%</th><th>running</th><th>left</th>"
          "<th>parked</th><th>subruns or fills done</th><th>wanted</th><th>%</th><th>files/h</th><th>left "
          "for</th></tr>\n",
          f);
    for (size_t i = from; i < to; i++) {
        const struct status_stage *s = &k->stage[i];
        const char *name             = k->campaign->stage[i].name;
        fprintf(f, "<tr><td><a href=\"%s.html\">%s</a></td>", name, name);
        site_text_cell(f, s->state);
        site_cell(f, name, "files/wanted", (int64_t)s->look.n_files);
        site_cell(f, name, "files/done", (int64_t)s->look.n_done);
        site_cell_x(f, name, "files/percent", status_percent((int64_t)s->look.n_done, (int64_t)s->look.n_files));
        site_cell(f, name, "files/running", (int64_t)s->look.n_held);
        site_cell(f, name, "files/left", (int64_t)s->n_left);
        site_cell(f, name, "files/parked", (int64_t)s->look.n_parked);
        site_cell(f, name, "subruns/done", s->n_subruns_done);
        site_cell(f, name, "subruns/wanted", s->n_subruns);
        site_cell_x(f, name, "subruns/percent", status_percent(s->n_subruns_done, s->n_subruns));
        status_duration(s->look.is_complete ? 0.0 : s->left_s, left);
        fprintf(f, "<td>%.1f</td><td>%s</td></tr>\n",
                s->recent_s > 0.0 ? (double)s->n_recent * 3600.0 / s->recent_s : 0.0, left);
    }
    fputs("</table>\n", f);
}

void site_waits(FILE *f, const struct status *k, size_t from, size_t to)
{
    char why[400];
    fputs("<p class=facts>", f);
    for (size_t i = from; i < to; i++) {
        status_waits(k, i, why);
        if (!*why) continue;
        fprintf(f, "%s: ", k->campaign->stage[i].name);
        html_escape(f, why);
        fputs("<br>\n", f);
    }
    fputs("</p>\n", f);
}

void site_older(FILE *f, const struct status *k)
{
    if (!k->n_older) return;
    fprintf(
        f,
        "<h2 id=older>Submissions of earlier versions or folders</h2>\n<p class=facts>%zu live still: each pass asks "
        "after them, and declares what they make as what it is.</p>\n<table><tr><th>submission</th><th "
        "class=u>state</th><th>files</th><th class=u>stage</th><th class=u>version</th><th class=u>folder</th></tr>\n",
        k->n_older);
    for (size_t i = 0; i < k->n_older && i < STATUS_OLDER; i++) {
        const struct status_older *s = &k->older[i];
        fputs("<tr>", f);
        site_text_cell(f, s->name);
        site_text_cell(f, ledger_state_name(s->state));
        fprintf(f, "<td>%" PRId64 "</td>", s->n_files);
        site_text_cell(f, s->stage);
        site_text_cell(f, s->version);
        site_text_cell(f, s->folder);
        fputs("</tr>\n", f);
    }
    fputs("</table>\n<table>\n", f);
    site_command(f, "stop one", "gm2 campaign kill %s %s %s", k->db, k->campaign->cfg.name, k->older[0].name);
    fputs("</table>\n", f);
}

void site_day_table(FILE *f, const struct status *k, size_t from, size_t to)
{
    char day[32];
    fputs("<table><tr><th>day (UTC)</th><th>submitted</th><th>done</th><th>failed</th><th>products</th></tr>\n", f);
    for (int d = 0; d < STATUS_DAYS; d++) {
        int64_t n[4] = {0};
        for (size_t i = from; i < to; i++) {
            const struct status_day *one = &k->stage[i].day[d];
            const int64_t add[4]         = {one->n_submitted, one->n_done, one->n_failed, one->n_files};
            for (int c = 0; c < 4; c++) n[c] += add[c];
        }
        status_time(k->stage[from].day[d].start_s, day);
        fprintf(f, "<tr><td>%.10s</td>", day);
        static const char *const name[4] = {"submitted", "done", "failed", "products"};
        for (int c = 0; c < 4; c++) {
            char key[40];
            snprintf(key, sizeof key, "days/%d/%s", d, name[c]);
            if (to == from + 1)
                site_cell(f, k->campaign->stage[from].name, key, n[c]);
            else
                fprintf(f, "<td>%" PRId64 "</td>", n[c]);
        }
        fputs("</tr>\n", f);
    }
    fputs("</table>\n", f);
}

void site_hints(FILE *f, const struct status *k, size_t from, size_t to)
{
    char next[400];
    size_t n = 0;
    for (size_t i = from; i < to; i++) n += k->stage[i].n_hints;
    if (n == 0) fputs("<p>Nothing.</p>\n", f);
    for (size_t i = from; i < to; i++)
        for (size_t h = 0; h < k->stage[i].n_hints; h++) {
            fprintf(f, "<div class=look><b>%s</b>: ", k->campaign->stage[i].name);
            html_escape(f, k->stage[i].hint[h].what);
            fputs("<pre>", f);
            html_escape(f, k->stage[i].hint[h].next);
            fputs("</pre></div>\n", f);
        }
    status_next(k, next);
    fputs("<p>Next:</p><pre>", f);
    html_escape(f, next);
    fputs("</pre>\n", f);
}

void site_latest(FILE *f, const struct status *k, const struct status_submission *latest, size_t n)
{
    char label[160], folder[400];
    fputs("<p class=facts>Logs are in ", f);
    html_escape(f, k->campaign->cfg.output);
    fputs("/FOLDER/log</p>\n<table><tr><th>output</th><th class=u>state</th><th class=u>folder</th></tr>\n", f);
    for (size_t i = 0; i < n; i++) {
        status_label(&latest[i], label);
        status_folder(k, &latest[i], folder);
        fputs("<tr>", f);
        site_text_cell(f, label);
        site_text_cell(f, ledger_state_name(latest[i].state));
        site_text_cell(f, folder);
        fputs("</tr>\n", f);
    }
    fputs("</table>\n", f);
}
