/* The status site: its index, the shifter's page, and a campaign's page. */
#include "site_internal.h"

#include "catalogue_internal.h"
#include "log.h"
#include "mem.h"
#include "progress.h"
#include "publish.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a campaign's page -------------------------------------------------------------------------------------------------- */
static enum err campaign_page(const struct site *site, const struct site_campaign *c)
{
    const struct status *k = &c->status;
    char title[200], at[32], *svg;
    struct site_page p;
    struct page_figure figure = {.name    = "progress",
                                 .title   = "Progress",
                                 .caption = "Files with a product, against time.",
                                 .width   = 1100,
                                 .height  = 420};
    enum err rc               = site_graph(k, site->folder, &svg);
    if (rc) log_warn("%s: the graph is not drawn: %s", k->campaign->cfg.name, err_message());
    site->tally->lacks_dot |= rc != ERR_OK;
    err_clear();
    rc = site_draw_progress(k, 0, k->campaign->n_stages, site->folder, &figure);
    snprintf(title, sizeof title, "Campaign %s", k->campaign->cfg.name);
    if (!rc) rc = site_begin(title, title, &p);
    if (rc) {
        mem_free(svg);
        return rc;
    }
    status_time(k->at_s, at);
    fprintf(p.f, "<p class=facts>id %" PRId64 "%s; %s UTC; description ", k->id, k->is_held ? ", held" : "", at);
    html_escape(p.f, c->k.path);
    fputs(
        "</p>\n<nav><a href=\"../index.html\">all campaigns</a><a href=\"../shifter.html\">shifter's page</a></nav>\n",
        p.f);
    fputs("<div class=graph>", p.f);
    fputs(svg ? svg
              : "<div class=none>The graph of the stages is not drawn: graphviz (Debian package graphviz) is "
                "missing.</div>",
          p.f);
    fputs("</div>\n<h2>Stages</h2>\n", p.f);
    site_stage_table(p.f, k, 0, k->campaign->n_stages);
    site_waits(p.f, k, 0, k->campaign->n_stages);
    site_older(p.f, k);
    fputs("<h2>What a human should look at</h2>\n", p.f);
    site_hints(p.f, k, 0, k->campaign->n_stages);
    page_figures(p.f, &figure, 1);
    fputs("<h2>One week</h2>\n", p.f);
    site_day_table(p.f, k, 0, k->campaign->n_stages);
    fputs("<h2>Latest outputs</h2>\n", p.f);
    site_latest(p.f, k, k->latest, k->n_latest);
    mem_free(svg);
    page_figures_free(&figure, 1);
    return site_end(site, &p, "index.html");
}

/* ---- one campaign --------------------------------------------------------------------------------------------------------- */
struct reading {
    struct catalogue *catalogue;
    struct site_campaign *campaign;
};

static enum err read_lists(void *context)
{
    const struct reading *r          = context;
    const struct site_campaign *c    = r->campaign;
    const struct campaign *described = c->k.campaign;
    for (size_t i = 0; i < described->n_stages; i++)
        TRY(site_stage_read(r->catalogue, &c->status.stage[i], &described->stage[i], &c->stage[i]));
    return ERR_OK;
}

static void free_campaign(struct site_campaign *c)
{
    for (size_t i = 0; c->stage && i < c->k.campaign->n_stages; i++) site_stage_free(&c->stage[i]);
    mem_free(c->stage);
    status_free(&c->status);
    cmd_campaign_free(&c->k);
}

static enum err read_campaign(struct catalogue *catalogue, const char *db, const char *name, struct site_campaign *c)
{
    *c               = (struct site_campaign){0};
    struct reading r = {catalogue, c};
    TRY(cmd_campaign_read(catalogue, name, &c->k));
    enum err rc = mem_alloc(&c->stage, c->k.campaign->n_stages, sizeof *c->stage);
    if (!rc) rc = status_read(catalogue, c->k.campaign, c->k.id, c->k.is_held, db, read_lists, &r, &c->status);
    if (rc) free_campaign(c);
    return rc;
}

static enum err write_campaign(const struct site *all, const struct site_campaign *c)
{
    char folder[SITE_PATH];
    struct site site = *all;
    REQUIRE(snprintf(folder, sizeof folder, "%s/%s", all->folder, c->k.campaign->cfg.name) < (int)sizeof folder - 300,
            ERR_WRITE, "the path is too long");
    site.folder = folder;
    TRY(publish_make_folder(folder));
    TRY(campaign_page(&site, c));
    for (size_t i = 0; i < c->k.campaign->n_stages; i++) {
        TRY(site_stage_page(&site, c, i));
        TRY(site_list_pages(&site, c, i));
    }
    return ERR_OK;
}

/* ---- index, shifter's page -------------------------------------------------------------------------------------------------- */
static void put_index_row(FILE *f, const char *name, const struct site_campaign *c, const char *problem)
{
    size_t n_files = 0, n_done = 0, n_complete = 0, n_hints = 0, n_live = 0, n_parked = 0;
    if (!c) {
        fprintf(f, "<tr><td>%s</td><td class=c colspan=8>", name);
        html_escape(f, problem);
        fputs("</td></tr>\n", f);
        return;
    }
    for (size_t i = 0; i < c->k.campaign->n_stages; i++) {
        n_files += c->status.stage[i].look.n_files;
        n_done += c->status.stage[i].look.n_done;
        n_complete += c->status.stage[i].look.is_complete;
        n_hints += c->status.stage[i].n_hints;
        n_live += c->status.stage[i].look.n_live;
        n_parked += c->status.stage[i].look.n_parked;
    }
    fprintf(
        f,
        "<tr><td><a href=\"%s/index.html\">%s</a></td><td class=c>%s</td><td>%zu of %zu</td><td>%zu</td><td>%zu</td>"
        "<td>%.1f</td><td>%zu</td><td>%zu</td><td><a href=\"shifter.html#%s\">%zu</a></td></tr>\n",
        name, name, c->status.is_held ? "held" : "", n_complete, c->k.campaign->n_stages, n_files, n_done,
        status_percent((int64_t)n_done, (int64_t)n_files), n_parked, n_live + c->status.n_older, name, n_hints);
}

static void put_shifter_part(FILE *f, const char *name, const struct site_campaign *c, const char *problem)
{
    if (c)
        fprintf(f, "<h2 id=\"%s\"><a href=\"%s/index.html\">%s</a></h2>\n", name, name, name);
    else
        fprintf(f, "<h2 id=\"%s\">%s</h2>\n", name, name);
    if (!c) {
        fputs("<div class=look>Its description cannot be read: ", f);
        html_escape(f, problem);
        fputs("</div>\n", f);
        return;
    }
    site_hints(f, &c->status, 0, c->k.campaign->n_stages);
}

struct names {
    char (*name)[64];
    size_t n;
};

static enum err take_name(void *context, const struct db_value *r, size_t n)
{
    struct names *list = context;
    (void)n;
    TRY(mem_resize(&list->name, list->n, list->n + 1, sizeof *list->name));
    snprintf(list->name[list->n++], sizeof *list->name, "%s", r[0].text);
    return ERR_OK;
}

/* A campaign whose description is gone, or wrong, does not take the others' pages away. */
static enum err add_campaign(struct catalogue *catalogue, const struct site *site, const char *name, bool must_be_good,
                             FILE *index, FILE *shifter)
{
    struct site_campaign c;
    enum err rc = read_campaign(catalogue, site->db, name, &c);
    if (rc && (must_be_good || !err_is_of_file(rc))) return rc;
    if (rc) {
        log_warn("campaign %s: %s", name, err_message());
        put_index_row(index, name, NULL, err_message());
        put_shifter_part(shifter, name, NULL, err_message());
        site->tally->n_refused++;
        err_clear();
        return ERR_OK;
    }
    put_index_row(index, name, &c, NULL);
    put_shifter_part(shifter, name, &c, NULL);
    rc = write_campaign(site, &c);
    site->tally->n_campaigns += !rc;
    free_campaign(&c);
    return rc;
}

static enum err write_all(struct catalogue *catalogue, const struct site *site, const struct names *names, bool is_one)
{
    struct site_page index, shifter;
    struct progress progress;
    char at[32];
    enum err rc = ERR_OK;
    TRY(site_begin("Productions", "Productions", &index));
    TRY(site_begin("Shifter's page", "What needs a human now", &shifter));
    status_time(catalogue_now_s(), at);
    fprintf(
        index.f,
        "<p class=facts>%s UTC</p>\n<nav><a href=\"shifter.html\">shifter's "
        "page</a></nav>\n<table><tr><th>campaign</th>"
        "<th class=u></th><th>stages complete</th><th>files of all stages</th><th>done</th><th>%%</th><th>parked</th>"
        "<th>submissions that live</th><th>to look at</th></tr>\n",
        at);
    fprintf(shifter.f, "<p class=facts>%s UTC</p>\n<nav><a href=\"index.html\">all campaigns</a></nav>\n", at);
    progress_begin(&progress, "campaigns", (int64_t)names->n);
    for (size_t i = 0; i < names->n && !rc; i++) {
        rc = add_campaign(catalogue, site, names->name[i], is_one, index.f, shifter.f);
        progress_add(&progress, 1);
    }
    progress_end(&progress);
    fputs("</table>\n", index.f);
    if (rc) {
        fclose(index.f);
        fclose(shifter.f);
        free(index.text);
        free(shifter.text);
        return rc;
    }
    rc             = site_end(site, &index, "index.html");
    enum err other = site_end(site, &shifter, "shifter.html");
    return rc ? rc : other;
}

enum err site_write(struct catalogue *catalogue, const char *db, const char *only, const char *folder,
                    struct site_tally *tally)
{
    struct site site   = {db, folder, tally};
    struct names names = {0};
    struct sql sql     = {.text = (char *)"select name from campaigns order by id"};
    enum err rc        = ERR_OK;
    *tally             = (struct site_tally){.lacks_gnuplot = !plot_has_gnuplot()};
    TRY(publish_make_folder(folder));
    if (only)
        rc = take_name(&names, &DB_S(only), 1);
    else if (catalogue_rows(catalogue_db(catalogue), &sql, take_name, &names))
        rc = err_context(ERR_NOTFOUND, "there are no campaigns in this database ('gm2 campaign start')");
    if (!rc) rc = write_all(catalogue, &site, &names, only != NULL);
    mem_free(names.name);
    return rc;
}
