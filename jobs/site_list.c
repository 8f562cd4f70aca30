/* Pages of submissions, with their histories, and of files, so many rows a page. */
#include "site_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_pages(FILE *f, const char *stage, const char *what, size_t page, size_t n_pages)
{
    fprintf(f, "<nav><a href=\"%s.html\">stage</a><a href=\"index.html\">campaign</a>", stage);
    if (page > 1) fprintf(f, "<a href=\"%s_%s_%zu.html\">before</a>", stage, what, page - 1);
    fprintf(f, "page %zu of %zu ", page, n_pages);
    if (page < n_pages) fprintf(f, "<a href=\"%s_%s_%zu.html\">next</a>", stage, what, page + 1);
    fputs("</nav>\n", f);
}

static int held_before(const void *key, const void *element)
{
    int64_t a = *(const int64_t *)key, b = ((const struct site_held *)element)->submission_id;
    return (a > b) - (a < b);
}

static int event_before(const void *key, const void *element)
{
    int64_t a = *(const int64_t *)key, b = ((const struct site_event *)element)->submission_id;
    return (a > b) - (a < b);
}

static int file_before(const void *key, const void *element)
{
    int64_t a = *(const int64_t *)key, b = ((const struct site_file *)element)->id;
    return (a > b) - (a < b);
}

/* Files of a submission that have products with a place by now. */
static size_t count_located(const struct site_stage *s, int64_t submission)
{
    size_t n                   = 0;
    const struct site_held *at = s->n_held ? bsearch(&submission, s->held, s->n_held, sizeof *at, held_before) : NULL;
    if (!at || !s->n_files) return 0;
    while (at > s->held && at[-1].submission_id == submission) at--;
    for (; at < s->held + s->n_held && at->submission_id == submission; at++) {
        const struct site_file *file = bsearch(&at->file_id, s->file, s->n_files, sizeof *file, file_before);
        n += file && file->state == SITE_LOCATED;
    }
    return n;
}

static void put_history(FILE *f, const struct site_stage *s, const struct ledger_submission *one)
{
    char at[32];
    int64_t submission = one->id;
    const struct site_event *e =
        s->n_events ? bsearch(&submission, s->event, s->n_events, sizeof *e, event_before) : NULL;
    fputs("<td class=c><details><summary>history</summary>job ", f);
    html_escape(f, *one->batch_id ? one->batch_id : "without a number");
    fputs("<br>", f);
    while (e && e > s->event && e[-1].submission_id == submission) e--;
    for (; e && e < s->event + s->n_events && e->submission_id == submission; e++) {
        status_time(e->at_s, at);
        fprintf(f, "%s %s ", at, ledger_state_name(e->state));
        html_escape(f, e->reason);
        fputs("<br>", f);
    }
    fputs("</details></td>", f);
}

static void put_number(FILE *f, bool is_known, const char *format, double value)
{
    fputs("<td>", f);
    if (is_known)
        fprintf(f, format, value); /* NOLINT: a literal of this file */
    else
        fputs("-", f);
    fputs("</td>", f);
}

/* When it ended its own reason has the scheduler's words; while it lives they are told here. */
static void put_why(FILE *f, const struct ledger_submission *one)
{
    const char *const word[] = {one->reason, one->seen.state, one->seen.reason};
    size_t n                 = 0;
    fputs("<td class=c>", f);
    for (size_t i = 0; i < sizeof word / sizeof word[0]; i++) {
        if (!*word[i] || (i && strstr(one->reason, word[i]))) continue;
        fputs(n++ ? "; " : "", f);
        html_escape(f, word[i]);
    }
    fputs("</td>", f);
}

static void put_submission(FILE *f, const struct site_stage *s, const struct ledger_submission *one)
{
    char at[32], wall[32];
    size_t n_located = count_located(s, one->id);
    fprintf(f, "<tr id=\"s%" PRId64 "\"><td>%" PRId64 "</td>", one->id, one->id);
    site_text_cell(f, one->name);
    site_text_cell(f, ledger_state_name(one->state));
    put_why(f, one);
    put_number(f, one->seen.exit_code >= 0, "%.0f", one->seen.exit_code);
    fprintf(f, "<td>%" PRId64 "</td><td>%zu</td><td>%" PRId64 "</td>", one->n_files, n_located,
            one->n_files - (int64_t)n_located);
    status_time(one->create_s, at);
    status_duration(one->seen.wall_s, wall);
    fprintf(f, "<td class=t>%s</td><td>%s</td>", at, wall);
    put_number(f, one->seen.cpu_s >= 0.0, "%.1f", one->seen.cpu_s);
    put_number(f, one->seen.max_rss_kb >= 0, "%.0f", (double)one->seen.max_rss_kb / 1024.0);
    put_history(f, s, one);
    fputs("</tr>\n", f);
}

/* Newest first. */
static enum err submission_page(const struct site *site, const struct site_campaign *c, size_t stage, size_t page,
                                size_t n_pages)
{
    const struct site_stage *s = &c->stage[stage];
    const char *name           = c->status.campaign->stage[stage].name;
    char title[200], file[200];
    struct site_page p;
    snprintf(title, sizeof title, "Submissions of %s", name);
    TRY(site_begin(title, title, &p));
    put_pages(p.f, name, "submissions", page, n_pages);
    fputs("<table><tr><th>id</th><th class=u>name</th><th class=u>state</th><th class=u>why</th>"
          "<th>exit</th><th>files</th><th>located kids</th>"
          "<th>pending</th><th>noted (UTC)</th><th>wall</th><th>CPU s</th><th>peak MB</th><th class=u>job</th></tr>\n",
          p.f);
    size_t first = (page - 1) * SITE_SUBMISSIONS;
    for (size_t i = first; i < s->n_submissions && i < first + SITE_SUBMISSIONS; i++)
        put_submission(p.f, s, &s->submission[s->n_submissions - 1 - i]);
    fputs("</table>\n", p.f);
    snprintf(file, sizeof file, "%s_submissions_%zu.html", name, page);
    return site_end(site, &p, file);
}

/* To its row among the submissions, which are newest first. */
static void put_link(FILE *f, const char *stage, const struct site_stage *s, int64_t submission)
{
    size_t i = 0;
    while (i < s->n_submissions && s->submission[i].id < submission) i++;
    if (i == s->n_submissions || s->submission[i].id != submission)
        fputs("<td>-</td>", f);
    else
        fprintf(f, "<td><a href=\"%s_submissions_%zu.html#s%" PRId64 "\">%" PRId64 "</a></td>", stage,
                (s->n_submissions - 1 - i) / SITE_SUBMISSIONS + 1, submission, submission);
}

static enum err file_page(const struct site *site, const struct site_campaign *c, size_t stage, size_t page,
                          size_t n_pages)
{
    const struct site_stage *s = &c->stage[stage];
    const char *name           = c->status.campaign->stage[stage].name;
    char title[200], file[200];
    struct site_page p;
    snprintf(title, sizeof title, "Files of %s", name);
    TRY(site_begin(title, title, &p));
    put_pages(p.f, name, "files", page, n_pages);
    fputs("<table><tr><th>file</th><th class=u>state</th><th>attempts without product</th><th>last "
          "submission</th></tr>\n",
          p.f);
    size_t first = (page - 1) * SITE_FILES;
    for (size_t i = first; i < s->n_files && i < first + SITE_FILES; i++) {
        fputs("<tr>", p.f);
        site_text_cell(p.f, s->file[i].name);
        site_text_cell(p.f, site_file_state_name(s->file[i].state));
        fprintf(p.f, "<td>%" PRId64 "</td>", s->file[i].attempts);
        put_link(p.f, name, s, s->file[i].submission_id);
        fputs("</tr>\n", p.f);
    }
    fputs("</table>\n", p.f);
    snprintf(file, sizeof file, "%s_files_%zu.html", name, page);
    return site_end(site, &p, file);
}

static size_t pages_of(size_t n, size_t a_page) { return n ? (n + a_page - 1) / a_page : 1; }

enum err site_list_pages(const struct site *site, const struct site_campaign *c, size_t stage)
{
    size_t n = pages_of(c->stage[stage].n_submissions, SITE_SUBMISSIONS);
    for (size_t i = 1; i <= n; i++) TRY(submission_page(site, c, stage, i, n));
    n = pages_of(c->stage[stage].n_files, SITE_FILES);
    for (size_t i = 1; i <= n; i++) TRY(file_page(site, c, stage, i, n));
    return ERR_OK;
}
