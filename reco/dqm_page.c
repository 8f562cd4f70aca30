/* The nearline page: alarms first, then pictures; its numbers and the latencies beside it. */
#include "dqm.h"
#include "mem.h"
#include "publish.h"
#include "version.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_ALARMS = 40, MAX_PICTURES = 16 };

static void put_time(FILE *f, double unix_s)
{
    time_t t = (time_t)unix_s;
    struct tm parts;
    char text[64];
    gmtime_r(&t, &parts);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
    fputs(text, f);
}

/* ---- text ------------------------------------------------------------------------------------------------------------- */

/* Colours of Okabe and Ito; the words say it too. */
static void put_alarms(FILE *f, const struct dqm_alarm *alarm, size_t n)
{
    size_t n_alarms = 0;
    for (size_t i = 0; i < n; i++) n_alarms += alarm[i].is_alarm;
    const char *colour = n_alarms ? "#D55E00" : n ? "#E69F00" : "#0072B2";
    const char *word   = n_alarms ? "&#9650; ALARM" : n ? "&#9679; WARNING" : "&#10003; no alarms";
    fprintf(f, "<p id=\"state\" style=\"border-left:.8em solid %s;padding:.3em .8em;font-size:1.2em\"><b>%s</b>",
            colour, word);
    if (n) fprintf(f, " (%zu alarms, %zu warnings)", n_alarms, n - n_alarms);
    fputs("</p>\n", f);
    if (n) fputs("<ul>\n", f);
    for (size_t i = 0; i < n; i++) {
        fprintf(f, "<li style=\"color:%s\"><b>%s</b> <span style=\"color:#222\">",
                alarm[i].is_alarm ? "#D55E00" : "#B07800", alarm[i].is_alarm ? "ALARM" : "warning");
        page_text(f, alarm[i].text);
        fputs("</span></li>\n", f);
    }
    if (n) fputs("</ul>\n", f);
}

static void put_facts(FILE *f, const struct dqm *d)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    fputs("<p class=facts>made ", f);
    put_time(f, (double)now.tv_sec);
    fprintf(f, ", gm2 %s; numbers: dqm.json%s", version_release, d->is_live ? "" : ", latency.csv");
    if (d->has_reference) {
        fputs("; reference: ", f);
        page_text(f, d->cfg.reference);
    }
    if (*d->job_status) {
        fputs("<br>job: ", f);
        page_text(f, d->job_status);
    }
    fputs("</p>\n", f);
    for (size_t i = 0; i < sizeof d->calibrations / sizeof d->calibrations[0] && *d->calibrations[i]; i++) {
        fputs("<p class=facts>", f);
        page_text(f, d->calibrations[i]);
        fputs("</p>\n", f);
    }
}

static void put_latest(FILE *f, const struct dqm *d)
{
    if (d->n == 0) return;
    const struct dqm_row *r = &d->row[d->n - 1];
    fprintf(f, "<table><tr><th>latest: run %u subrun %u", r->run, r->subrun);
    if (*r->run_type) {
        fputs(" (", f);
        page_text(f, r->run_type);
        fputs(")", f);
    }
    fputs("<th>value<th class=u>unit<th>limits</tr>\n", f);
    for (int q = 0; q < N_DQM_QUANTITIES; q++) {
        double v = r->value[q];
        if (!isfinite(v)) continue;
        bool is_out = v < d->limits.low[q] || v > d->limits.high[q];
        fprintf(f, "<tr><td>%s%s<td>%.6g<td class=u>%s<td>%g .. %g</tr>\n", is_out ? "&#9650; " : "",
                dqm_quantities[q].doc, v, strcmp(dqm_quantities[q].unit, "1") == 0 ? "" : dqm_quantities[q].unit,
                d->limits.low[q], d->limits.high[q]);
    }
    fprintf(f, "<tr><td>fills: muon, laser, pedestal<td>%.0f, %.0f, %.0f<td class=u><td></tr></table>\n",
            r->sums.n_muon, r->sums.n_laser, r->sums.n_pedestal);
}

/* ---- numbers ------------------------------------------------------------------------------------------------------------ */

static cJSON *number(double v) { return isfinite(v) ? cJSON_CreateNumber(v) : cJSON_CreateNull(); }

static void add_rows(const struct dqm *d, cJSON *root)
{
    cJSON *rows  = cJSON_AddArrayToObject(root, "subruns");
    size_t most  = (size_t)d->cfg.trend_subruns;
    size_t first = d->n > most ? d->n - most : 0;
    for (size_t i = first; i < d->n; i++) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddNumberToObject(o, "run", d->row[i].run);
        cJSON_AddNumberToObject(o, "subrun", d->row[i].subrun);
        cJSON_AddStringToObject(o, "run_type", d->row[i].run_type);
        cJSON_AddNumberToObject(o, "n_fills", d->row[i].sums.n_fills);
        for (int q = 0; q < N_DQM_QUANTITIES; q++)
            cJSON_AddItemToObject(o, dqm_quantities[q].name, number(d->row[i].value[q]));
        cJSON_AddItemToArray(rows, o);
    }
}

static void add_alarms(const struct dqm_alarm *alarm, size_t n, cJSON *root)
{
    cJSON *list = cJSON_AddArrayToObject(root, "alarms");
    for (size_t i = 0; i < n; i++) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "level", alarm[i].is_alarm ? "alarm" : "warning");
        cJSON_AddStringToObject(o, "text", alarm[i].text);
        cJSON_AddItemToArray(list, o);
    }
}

static enum err write_latency(const struct dqm *d)
{
    char *text = NULL, path[1200];
    size_t size;
    FILE *f = open_memstream(&text, &size);
    REQUIRE(f, ERR_MEMORY, "out of memory");
    fputs("run,subrun,run_type,fills,closed_unix_s,latency_s\n", f);
    for (size_t i = 0; i < d->n; i++)
        if (isfinite(d->row[i].latency_s))
            fprintf(f, "%u,%u,%s,%.0f,%.3f,%.3f\n", d->row[i].run, d->row[i].subrun, d->row[i].run_type,
                    d->row[i].sums.n_fills, d->row[i].closed_unix_s, d->row[i].latency_s);
    fclose(f);
    snprintf(path, sizeof path, "%s/latency.csv", d->page_dir);
    enum err rc = publish_text(path, text, size, 1);
    free(text);
    return rc;
}

/* ---- the page ----------------------------------------------------------------------------------------------------------- */

/* Numbers always; the picture itself if gnuplot is there. */
static void draw(const struct dqm *d, const struct dqm_picture *p, const char *footer, cJSON *pictures,
                 struct page_figure *figure)
{
    char *script   = NULL;
    size_t size    = 0;
    struct sheet s = {open_memstream(&script, &size), cJSON_AddObjectToObject(pictures, p->name)};
    *figure        = (struct page_figure){
               .name = p->name, .title = p->title, .caption = p->caption, .width = p->width, .height = p->height};
    enum err rc = s.script && s.json ? p->draw(d, &s) : ERR_MEMORY;
    if (s.script) fclose(s.script);
    if (!rc) rc = page_draw(script, footer, d->page_dir, d->wants_png, figure);
    if (rc) snprintf(figure->problem, sizeof figure->problem, "%s", err_message());
    if (rc) err_clear();
    free(script);
}

static enum err publish_page(const struct dqm *d, const struct dqm_alarm *alarm, size_t n_alarms,
                             const struct page_figure *figures, size_t n)
{
    char *text = NULL, path[1200], heading[256];
    size_t size;
    FILE *f = open_memstream(&text, &size);
    REQUIRE(f, ERR_MEMORY, "out of memory");
    snprintf(heading, sizeof heading, "Muon g-2 %s: run %u", d->is_live ? "online" : "nearline", d->run);
    page_begin_live(f, heading, heading, d->cfg.page_s);
    put_alarms(f, alarm, n_alarms);
    put_facts(f, d);
    put_latest(f, d);
    page_figures(f, figures, n);
    page_end(f);
    fclose(f);
    snprintf(path, sizeof path, "%s/index.html", d->page_dir);
    enum err rc = publish_text(path, text, size, 1);
    free(text);
    return rc;
}

enum err dqm_page_write(const struct dqm *d)
{
    struct page_figure figures[MAX_PICTURES];
    struct dqm_alarm alarm[MAX_ALARMS];
    char footer[128], path[1200];
    size_t n = 0, n_alarms;
    snprintf(footer, sizeof footer, "run %u, %.0f muon fills", d->run, d->sums.n_muon);
    TRY(publish_make_folder(d->page_dir));
    dqm_alarms(d, MAX_ALARMS, alarm, &n_alarms);
    cJSON *root = cJSON_CreateObject(), *pictures;
    cJSON_AddNumberToObject(root, "run", d->run);
    cJSON_AddStringToObject(root, "run_type", d->run_type);
    cJSON_AddStringToObject(root, "job", d->job_status);
    add_alarms(alarm, n_alarms, root);
    add_rows(d, root);
    pictures = cJSON_AddObjectToObject(root, "pictures");
    for (const struct dqm_picture *p = dqm_pictures; p->name && n < MAX_PICTURES; p++)
        draw(d, p, footer, pictures, &figures[n++]);
    char *numbers = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    snprintf(path, sizeof path, "%s/dqm.json", d->page_dir);
    enum err rc = numbers ? publish_text(path, numbers, strlen(numbers), 1) : ERR_MEMORY;
    cJSON_free(numbers);
    if (!rc && !d->is_live) rc = write_latency(d);
    if (!rc) rc = publish_page(d, alarm, n_alarms, figures, n);
    page_figures_free(figures, n);
    return rc;
}
