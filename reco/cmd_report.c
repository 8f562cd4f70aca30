/* gm2 report: fits, draws, and writes the page and its numbers. */
#include "cmd_fit.h"
#include "log.h"
#include "mem.h"
#include "options.h"
#include "publish.h"
#include "report.h"
#include "report_beam.h"
#include "wiggle.h"

#include <getopt.h>
#include <gsl/gsl_errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PICTURES = 64 };

static const char usage[] =
    "gm2 report FILE.h5 [FILE.h5 ...] [-o DIR] [--model 5|cbo|cbo+vw|...|full] [--png] [--blind-phrase-file FILE]";

struct report_options {
    const char *dir, *model, *phrase_file;
    bool wants_png;
};

/* ---- fits ---------------------------------------------------------------------------------------------------------- */

static enum err fit_one(const struct wiggle_data *d, const char *model, struct wiggle_fit *out)
{
    struct wiggle_model m;
    TRY(wiggle_model(model, &m));
    return wiggle_fit(d, &m, WIGGLE_LIKELIHOOD, out);
}

/* A report without a fit is still a report: it says why. */
static bool try_fit(const struct wiggle_data *d, const char *model, struct wiggle_fit *out, char problem[256])
{
    if (fit_one(d, model, out) == ERR_OK) return true;
    snprintf(problem, 256, "%s", err_message());
    log_warn("%s", err_message());
    err_clear();
    return false;
}

static enum err fit_all(struct report *r)
{
    struct hist *h = hist_find(&r->in.hists, "wiggle/t_method"), *a = hist_find(&r->in.hists, "wiggle/a_method");
    char unused[256];
    snprintf(r->fit_problem, sizeof r->fit_problem, "the files hold no wiggle histograms");
    r->has_wiggle = h != NULL;
    if (!h) return ERR_OK;
    TRY(wiggle_data_take(h, 0, WIGGLE_FROM_US, WIGGLE_TO_US, &r->data));
    r->has_fit = try_fit(&r->data, "5", &r->five, r->fit_problem);
    r->best    = r->five;
    if (r->has_fit && strcmp(r->model, "5") != 0) {
        r->has_best = try_fit(&r->data, r->model, &r->best, r->fit_problem);
        if (!r->has_best) r->best = r->five;
    }
    if (!a) return ERR_OK;
    struct wiggle_data d;
    TRY(wiggle_data_take(a, 0, WIGGLE_FROM_US, WIGGLE_TO_US, &d));
    r->has_a_fit = try_fit(&d, "5", &r->a_five, unused);
    wiggle_data_free(&d);
    return ERR_OK;
}

/* ---- pictures ------------------------------------------------------------------------------------------------------ */

static enum err check_needs(const struct report *r, const struct picture *p)
{
    struct hist *h;
    REQUIRE(!p->needs_fit || r->has_fit, ERR_NOTFOUND, "there is no fit: %s", r->fit_problem);
    for (size_t i = 0; p->needs[i]; i++) TRY(wiggle_input_hist(&r->in, p->needs[i], &h));
    return ERR_OK;
}

/* Numbers always; the picture itself if gnuplot is there. */
static enum err draw(const struct report *r, const struct picture *p, const struct report_options *o, cJSON *pictures,
                     struct page_figure *figure)
{
    char *script = NULL;
    size_t size  = 0;
    TRY(check_needs(r, p));
    struct sheet s = {open_memstream(&script, &size), cJSON_AddObjectToObject(pictures, p->name)};
    REQUIRE(s.script && s.json, ERR_MEMORY, "no memory for picture %s", p->name);
    cJSON_AddStringToObject(s.json, "title", p->title);
    enum err rc = p->draw(r, &s);
    fclose(s.script);
    if (!rc) rc = page_draw(script, r->footer, o->dir, o->wants_png, figure);
    free(script);
    return rc;
}

/* False when the files hold nothing of the kind a picture shows: no histogram beside the first it needs. */
static bool has_family(const struct report *r, const struct picture *p)
{
    const char *end = strrchr(p->needs[0], '/');
    size_t length   = end ? (size_t)(end - p->needs[0]) + 1 : 0;
    for (size_t i = 0; i < r->in.hists.n; i++) {
        const char *name = r->in.hists.hist[i]->name;
        if (strncmp(name, p->needs[0], length) == 0 && !strchr(name + length, '/')) return true;
    }
    return false;
}

static size_t draw_all(const struct report *r, const struct report_options *o, cJSON *pictures,
                       struct page_figure figures[MAX_PICTURES])
{
    const struct picture *lists[] = {report_wiggle_pictures, report_quality_pictures,     report_beam_pictures,
                                     report_spin_pictures,   report_oscillation_pictures, report_loss_pictures,
                                     report_q_pictures,      report_aux_pictures,         report_dqc_pictures};
    size_t n                      = 0;
    if (!plot_has_gnuplot())
        log_warn("gnuplot is not installed (Debian package gnuplot-nox): the report has no pictures");
    for (size_t k = 0; k < sizeof lists / sizeof lists[0]; k++)
        for (const struct picture *p = lists[k]; p->name && n < MAX_PICTURES; p++) {
            if (!has_family(r, p)) continue;
            figures[n] = (struct page_figure){
                .name = p->name, .title = p->title, .caption = p->caption, .width = p->width, .height = p->height};
            n++;
            if (draw(r, p, o, pictures, &figures[n - 1]) == ERR_OK) continue;
            snprintf(figures[n - 1].problem, sizeof figures[n - 1].problem, "%s", err_message());
            err_clear();
        }
    return n;
}

/* ---- page and numbers ------------------------------------------------------------------------------------------------ */

static void add_fits(const struct report *r, cJSON *root)
{
    cJSON *fits = cJSON_AddObjectToObject(root, "fits");
    if (r->has_fit) cJSON_AddItemToObject(fits, "t_five", cmd_fit_json(&r->in, &r->five, "t", 0));
    if (r->has_best) cJSON_AddItemToObject(fits, "t_model", cmd_fit_json(&r->in, &r->best, "t", 0));
    if (r->has_a_fit) cJSON_AddItemToObject(fits, "a_five", cmd_fit_json(&r->in, &r->a_five, "a", 0));
}

static enum err write_report(const struct report *r, const struct report_options *o)
{
    struct page_figure figures[MAX_PICTURES];
    char path[4096], *page = NULL, *numbers = NULL;
    size_t size = 0;
    cJSON *root = cJSON_CreateObject(), *pictures;
    enum err rc;
    cmd_fit_json_input(&r->in, root);
    add_fits(r, root);
    if (r->has_beam) cJSON_AddItemToObject(root, "beam", report_beam_json(&r->beam));
    pictures = cJSON_AddObjectToObject(root, "pictures");
    size_t n = draw_all(r, o, pictures, figures);
    TRY_TO(done, report_html(r, figures, n, "report.json", &page, &size));
    numbers = cJSON_PrintUnformatted(root);
    if (!numbers) FAIL_TO(done, ERR_MEMORY, "no memory for the report's numbers");
    snprintf(path, sizeof path, "%s/report.json", o->dir);
    TRY_TO(done, publish_text(path, numbers, strlen(numbers), 1));
    snprintf(path, sizeof path, "%s/index.html", o->dir);
    TRY_TO(done, publish_text(path, page, size, 1));
    printf("%s\n", path);
done:
    page_figures_free(figures, n);
    free(page);
    cJSON_free(numbers);
    cJSON_Delete(root);
    return rc;
}

static enum err report(char *const *paths, size_t n, const struct report_options *o)
{
    struct report r = {.model = o->model};
    struct wiggle_model model;
    enum err rc;
    TRY(wiggle_model(o->model, &model));
    TRY_TO(done, wiggle_input_read(paths, n, o->phrase_file, &r.in));
    TRY_TO(done, publish_make_folder(o->dir));
    wiggle_input_range(&r.in, sizeof r.range, r.range);
    snprintf(r.footer, sizeof r.footer, "%s%s, release %s, commit %.12s", r.range,
             r.in.is_simulation ? ", simulation" : "", r.in.release, r.in.git_commit);
    TRY_TO(done, fit_all(&r));
    r.has_beam = beam_corrections(&r.in.hists, &r.beam) == ERR_OK;
    if (!r.has_beam) err_clear();
    TRY_TO(done, write_report(&r, o));
done:
    wiggle_data_free(&r.data);
    wiggle_input_free(&r.in);
    return rc;
}

static enum err run(int argc, char **argv)
{
    static const struct option names[] = {{"output", 1, NULL, 'o'},
                                          {"model", 1, NULL, 'M'},
                                          {"png", 0, NULL, 'p'},
                                          {"blind-phrase-file", 1, NULL, 'b'},
                                          {NULL, 0, NULL, 0}};
    struct report_options o            = {.dir = "report", .model = "5"};
    gsl_set_error_handler_off();
    optind = 0; /* glibc: start anew, with permutation */
    opterr = 0;
    for (int letter; (letter = getopt_long(argc, argv, "o:", names, NULL)) != -1;) switch (letter) {
        case 'o': o.dir = optarg; break;
        case 'M': o.model = optarg; break;
        case 'p': o.wants_png = true; break;
        case 'b': o.phrase_file = optarg; break;
        default: FAIL(ERR_OPTION, "usage: %s", usage);
        }
    REQUIRE(optind < argc, ERR_OPTION, "no file is given; usage: %s", usage);
    REQUIRE(*o.dir && strlen(o.dir) < 3900, ERR_OPTION, "-o: a folder is wanted");
    return report(argv + optind, (size_t)(argc - optind), &o);
}

int cmd_report(int argc, char **argv) { return options_help(argc, argv, usage) ? 0 : err_exit_code(run(argc, argv)); }
