/* What gm2 calib leaves behind: a page, its numbers, one CSV a calibration. */
#include "calib.h"
#include "mem.h"
#include "page.h"
#include "publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FIGURES = 12, MAX_NAME = 160 };

/* One calibration's figures, with names and titles of their own. */
struct gallery {
    size_t n;
    struct page_figure figure[MAX_FIGURES];
    char name[MAX_FIGURES][MAX_NAME], title[MAX_FIGURES][MAX_NAME];
};

/* ---- pictures ----------------------------------------------------------------------------------------------------------- */
static enum err draw(const struct calib_page *page, const struct calib_input *in, const struct calib_attempt *a,
                     const struct calib_picture *p, cJSON *pictures, struct page_figure *figure)
{
    char *script   = NULL;
    size_t size    = 0;
    struct sheet s = {open_memstream(&script, &size), cJSON_AddObjectToObject(pictures, p->name)};
    REQUIRE(s.script && s.json, ERR_MEMORY, "no memory for picture %s", p->name);
    char title[2 * MAX_NAME];
    sheet_quote(figure->title, sizeof title, title);
    fprintf(s.script, "page_title = %s\n", title);
    enum err rc = p->draw(in, &a->result, &s);
    fclose(s.script);
    if (!rc) rc = page_draw(script, page->footer, page->dir, page->wants_png, figure);
    free(script);
    return rc;
}

static void draw_list(const struct calib_page *page, const struct calib_input *in, const struct calib_attempt *a,
                      const struct calib_picture *list, cJSON *pictures, struct gallery *g)
{
    for (const struct calib_picture *p = list; p && p->name && g->n < MAX_FIGURES; p++) {
        struct page_figure *f = &g->figure[g->n];
        snprintf(g->name[g->n], MAX_NAME, "%s_%s", a->calibration->name, p->name);
        snprintf(g->title[g->n], MAX_NAME, "%s: %s", a->calibration->title, p->title);
        *f          = (struct page_figure){.name    = g->name[g->n],
                                           .title   = g->title[g->n],
                                           .caption = p->caption,
                                           .width   = p->width,
                                           .height  = p->height};
        enum err rc = draw(page, in, a, p, pictures, f);
        if (rc == ERR_NOTFOUND && plot_has_gnuplot()) { /* nothing of the kind to show */
            err_clear();
            cJSON_DeleteItemFromObject(pictures, p->name);
            continue;
        }
        if (rc) snprintf(f->problem, sizeof f->problem, "%s", err_message());
        if (rc) err_clear();
        g->n++;
    }
}

/* ---- numbers ------------------------------------------------------------------------------------------------------------ */
static size_t count_unmeasured(const struct calib_result *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->set.n_rows; i++) n += !r->is_measured[i];
    return n;
}

static void add_json(const struct calib_attempt *a, const char *csv, cJSON *o)
{
    const struct calib_result *r = &a->result;
    cJSON_AddStringToObject(o, "condition", a->calibration->condition);
    cJSON_AddBoolToObject(o, "is_made", a->is_made);
    if (!a->is_made) {
        cJSON_AddStringToObject(o, "problem", a->problem);
        return;
    }
    cJSON_AddStringToObject(o, "csv", csv);
    cJSON_AddStringToObject(o, "note", r->note);
    cJSON_AddStringToObject(o, "stored", a->stored);
    cJSON_AddNumberToObject(o, "intervals", (double)r->set.n_intervals);
    cJSON_AddNumberToObject(o, "rows", (double)r->set.n_rows);
    cJSON_AddNumberToObject(o, "not_measured", (double)count_unmeasured(r));
    cJSON *pulls = cJSON_AddObjectToObject(o, "pulls");
    for (size_t i = 0; i < r->n_pulls; i++) {
        const struct calib_pull *p = &r->pull[i];
        cJSON *one                 = cJSON_AddObjectToObject(pulls, p->column);
        cJSON_AddNumberToObject(one, "n", (double)p->n);
        cJSON_AddNumberToObject(one, "mean", p->mean);
        cJSON_AddNumberToObject(one, "width", p->width);
        cJSON_AddNumberToObject(one, "largest", p->largest);
        cJSON_AddNumberToObject(one, "bias", p->bias);
    }
}

/* ---- page ---------------------------------------------------------------------------------------------------------------- */
static void put_pulls(FILE *f, const struct calib_result *r)
{
    if (r->n_pulls == 0) return;
    fputs(
        "<table><tr><th>recovered against injected<th>channels<th>mean of pulls<th>width<th>largest<th>mean difference"
        "<th class=u>unit</tr>\n",
        f);
    for (size_t i = 0; i < r->n_pulls; i++) {
        const struct calib_pull *p = &r->pull[i];
        const char *unit           = "1";
        for (size_t c = 0; c < r->set.table.n_columns; c++)
            if (strcmp(r->set.table.column[c].name, p->column) == 0) unit = r->set.table.column[c].unit;
        fprintf(f, "<tr><td>%s<td>%zu<td>%.3f<td>%.3f<td>%.2f<td>%.3g<td class=u>%s</tr>\n", p->column, p->n, p->mean,
                p->width, p->largest, p->bias, unit);
    }
    fputs("</table>\n", f);
}

static void put_attempt(FILE *f, const struct calib_attempt *a, const char *csv, const struct gallery *g)
{
    const struct calib_result *r = &a->result;
    fprintf(f, "<h2 id=\"%s\">", a->calibration->name);
    page_text(f, a->calibration->title);
    fputs("</h2>\n<p>", f);
    page_text(f, a->calibration->doc);
    if (!a->is_made) {
        fputs("</p>\n<p class=none>No constants: ", f);
        page_text(f, a->problem);
        fputs("</p>\n", f);
        return;
    }
    fputs(" ", f);
    page_text(f, r->note);
    fprintf(f,
            "</p>\n<p class=facts>Table of conditions %s: %zu interval%s, %zu rows, %zu not measured (neutral value, "
            "largest error). File <a href=\"%s\">%s</a>. ",
            a->calibration->condition, r->set.n_intervals, r->set.n_intervals == 1 ? "" : "s", r->set.n_rows,
            count_unmeasured(r), csv, csv);
    page_text(f, a->stored);
    fputs("</p>\n", f);
    put_pulls(f, r);
    page_figures(f, g->figure, g->n);
}

static enum err write_csv(const struct calib_page *page, const struct calib_attempt *a, const char *csv)
{
    char path[4096], *text = NULL;
    size_t size = 0;
    FILE *f     = open_memstream(&text, &size);
    REQUIRE(f, ERR_MEMORY, "no memory for %s", csv);
    enum err rc = cond_write_csv(&a->result.set, "none", f);
    fclose(f);
    snprintf(path, sizeof path, "%s/%s", page->dir, csv);
    if (!rc) rc = publish_text(path, text, size, 1);
    free(text);
    return rc;
}

/* A calibration's part of the page, of the numbers, and its CSV. */
static enum err write_attempt(const struct calib_page *page, const struct calib_input *in,
                              const struct calib_attempt *a, FILE *f, cJSON *list)
{
    struct gallery *g;
    char csv[2 * COND_NAME + 8];
    cJSON *o = cJSON_AddObjectToObject(list, a->calibration->name);
    snprintf(csv, sizeof csv, "%s.%s.csv", a->calibration->condition, a->calibration->name);
    add_json(a, csv, o);
    TRY(mem_alloc(&g, 1, sizeof *g));
    enum err rc = ERR_OK;
    if (a->is_made) {
        cJSON *pictures = cJSON_AddObjectToObject(o, "pictures");
        draw_list(page, in, a, a->calibration->pictures, pictures, g);
        draw_list(page, in, a, calib_common_pictures, pictures, g);
        rc = write_csv(page, a, csv);
    }
    put_attempt(f, a, csv, g);
    page_figures_free(g->figure, g->n);
    mem_free(g);
    return rc;
}

enum err calib_page_write(const struct calib_page *page, const struct calib_input *in,
                          const struct calib_attempt *attempts, size_t n)
{
    char path[4096], *html = NULL, *numbers = NULL;
    size_t size = 0;
    cJSON *root = cJSON_CreateObject(), *list;
    FILE *f     = open_memstream(&html, &size);
    enum err rc = ERR_OK;
    REQUIRE(f && root, ERR_MEMORY, "no memory for the page");
    page_begin(f, page->heading, page->heading);
    fputs("<p class=facts>", f);
    page_text(f, page->footer);
    fputs("; numbers of all pictures: calib.json</p>\n", f);
    cJSON_AddStringToObject(root, "input", page->footer);
    list = cJSON_AddObjectToObject(root, "calibrations");
    for (size_t i = 0; i < n && !rc; i++) rc = write_attempt(page, in, &attempts[i], f, list);
    page_end(f);
    fclose(f);
    if (!rc) numbers = cJSON_PrintUnformatted(root);
    snprintf(path, sizeof path, "%s/calib.json", page->dir);
    if (numbers)
        rc = publish_text(path, numbers, strlen(numbers), 1);
    else if (!rc)
        rc = err_fail(ERR_MEMORY, __FILE__, __LINE__, "no memory for the numbers");
    snprintf(path, sizeof path, "%s/index.html", page->dir);
    if (!rc) rc = publish_text(path, html, size, 1);
    free(html);
    cJSON_free(numbers);
    cJSON_Delete(root);
    return rc;
}
