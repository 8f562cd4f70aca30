/* The page: text, tables and pictures in one file that loads nothing from elsewhere. */
#include "phys.h"
#include "report.h"
#include "report_beam.h"
#include "report_dqc.h"
#include "wiggle_truth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void put_fit(FILE *f, const struct report *r, const struct wiggle_fit *fit, const char *heading)
{
    double shift = r->in.blind_offset_ppm;
    fprintf(f, "<h2>%s</h2>\n<table><tr><th>parameter<th>value<th>error<th class=u>unit</tr>\n", heading);
    for (size_t i = 0; i < fit->model.n_par; i++) {
        const struct wiggle_parameter_row *row = &wiggle_parameters[fit->model.par[i]];
        fprintf(f, "<tr><td>%s<td>%.6g<td>%.3g<td class=u>%s</tr>\n", row->name,
                fit->value[i] + (i == WIGGLE_R ? shift : 0.0), fit->error[i], row->unit);
    }
    fprintf(f, "<tr><td>&chi;&sup2;/ndf<td>%.1f/%.0f<td><td class=u>p = %.3g</tr></table>\n", fit->chi2, fit->ndf,
            fit->p_value);
}

static void put_answer(FILE *f, const struct report *r)
{
    if (!r->has_fit) {
        fputs("<p class=answer>No fit: ", f);
        page_text(f, r->fit_problem);
        fputs("</p>\n", f);
        return;
    }
    double value = r->best.value[WIGGLE_R] + r->in.blind_offset_ppm, error = r->best.error[WIGGLE_R];
    double omega = 2.0 * PI * F_REFERENCE_MHz;
    fprintf(f,
            "<p class=answer>&omega;<sub>a</sub> = <b>%.7g &plusmn; %.2g rad/&micro;s</b>, R = <b>%.2f &plusmn; %.2f "
            "ppm</b>%s (statistical error; T-method)</p>\n",
            omega * (1.0 + 1e-6 * value), omega * 1e-6 * error, value, error, r->in.is_blind ? " <i>blinded</i>" : "");
    if (!r->in.is_simulation || r->in.is_blind) return;
    struct wiggle_truth t = wiggle_truth(&r->in);
    fprintf(f, "<p>Put in: &omega;<sub>a</sub> = %.7g rad/&micro;s, R = %.2f ppm (constants %s). ", OMEGA_A_RADNS * 1e3,
            t.r_ppm, r->in.constants_set);
    if (t.has_corrections)
        fprintf(f,
                "Electric field and pitch of this beam take away C<sub>e</sub> = %.3f and C<sub>p</sub> = %.3f ppm: "
                "expected R = %.2f ppm. ",
                t.c_e_ppm, t.c_p_ppm, t.expected_ppm);
    fprintf(f, "The fit lies %+.2f errors from it.</p>\n", (value - t.expected_ppm) / error);
}

enum err report_html(const struct report *r, const struct page_figure *figures, size_t n, const char *json_name,
                     char **out, size_t *size)
{
    FILE *f = open_memstream(out, size);
    REQUIRE(f, ERR_MEMORY, "no memory for the page");
    char title[160], heading[96];
    snprintf(title, sizeof title, "gm2 report: %s", r->range);
    snprintf(heading, sizeof heading, "Muon g-2: %s", r->in.process_name);
    page_begin(f, title, heading);
    fputs("<p class=facts>", f);
    page_text(f, r->footer);
    fputs("<br>configuration ", f);
    page_text(f, r->in.config_id);
    fprintf(f, "%s; %zu file%s; numbers of all pictures: ", r->in.has_mixed_configs ? " and others" : "", r->in.n_files,
            r->in.n_files == 1 ? "" : "s");
    page_text(f, json_name);
    fputs("</p>\n", f);
    if (r->has_wiggle || !r->has_beam) put_answer(f, r);
    if (r->has_beam) report_beam_table(f, &r->beam);
    report_dqc_table(f, r);
    fputs("<div class=grid><div>", f);
    if (r->has_best) put_fit(f, r, &r->best, "T-method, the model asked for");
    if (r->has_fit) put_fit(f, r, &r->five, "T-method, five parameters");
    fputs("</div><div>", f);
    if (r->has_a_fit) put_fit(f, r, &r->a_five, "A-method, five parameters");
    fputs("</div></div>\n<h2>Pictures</h2>\n", f);
    page_figures(f, figures, n);
    page_end(f);
    int has_failed = ferror(f);
    if (fclose(f) || has_failed) {
        free(*out);
        FAIL(ERR_MEMORY, "no memory for the page");
    }
    return ERR_OK;
}
