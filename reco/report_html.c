/* The page: text, tables and pictures in one file that loads nothing from elsewhere. */
#include "phys.h"
#include "report.h"
#include "report_beam.h"
#include "wiggle_truth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void put_text(FILE *f, const char *text)
{
    for (const char *p = text; *p; p++) switch (*p) {
        case '<': fputs("&lt;", f); break;
        case '>': fputs("&gt;", f); break;
        case '&': fputs("&amp;", f); break;
        case '"': fputs("&quot;", f); break;
        case '\'': fputs("&#39;", f); break;
        default: fputc(*p, f);
        }
}

static void put_base64(FILE *f, const unsigned char *p, size_t n)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        unsigned v = (unsigned)p[i] << 16 | (i + 1 < n ? (unsigned)p[i + 1] << 8 : 0u) | (i + 2 < n ? p[i + 2] : 0u);
        fputc(letters[v >> 18], f);
        fputc(letters[v >> 12 & 63], f);
        fputc(i + 1 < n ? letters[v >> 6 & 63] : '=', f);
        fputc(i + 2 < n ? letters[v & 63] : '=', f);
    }
}

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src "
    "'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<style>\n"
    "body{font:16px/1.45 system-ui,sans-serif;color:#222;background:#fff;max-width:1180px;margin:1.5em auto;padding:0 "
    "1em}\nh1{font-size:1.5em;margin:.2em 0}h2{font-size:1.15em;margin:1.6em 0 .3em}\n"
    ".facts{color:#555;font-size:.92em}table{border-collapse:collapse;margin:.6em 0}\n"
    "th,td{padding:.15em .9em .15em 0;text-align:right;border-bottom:1px solid #ddd}"
    "th:first-child,td:first-child,td.u,th.u{text-align:left}\n"
    ".grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(520px,1fr));gap:1.2em}\n"
    "figure{margin:0}figure.wide{grid-column:1/-1}img{width:100%;height:auto;border:1px solid #e5e5e5}"
    "figcaption{font-size:.9em;color:#444}\n"
    ".none{border:1px dashed #bbb;padding:1.2em;color:#555}\n.answer{font-size:1.1em}\n"
    "@media(max-width:600px){.grid{grid-template-columns:1fr}}\n</style>\n<title>";

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
        put_text(f, r->fit_problem);
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

static void put_figure(FILE *f, const struct report_figure *g)
{
    const struct picture *p = g->picture;
    fprintf(f, "<figure%s id=\"%s\">", p->width > 800 ? " class=wide" : "", p->name);
    if (g->svg) {
        fputs("<img alt=\"", f);
        put_text(f, p->title);
        fputs("\" src=\"data:image/svg+xml;base64,", f);
        put_base64(f, (const unsigned char *)g->svg, g->svg_size);
        fputs("\">", f);
    } else {
        fputs("<div class=none><b>", f);
        put_text(f, p->title);
        fputs("</b><br>not drawn: ", f);
        put_text(f, g->problem);
        fputs("</div>", f);
    }
    fputs("<figcaption>", f);
    put_text(f, p->caption);
    fputs("</figcaption></figure>\n", f);
}

enum err report_html(const struct report *r, const struct report_figure *figures, size_t n, const char *json_name,
                     char **out, size_t *size)
{
    FILE *f = open_memstream(out, size);
    REQUIRE(f, ERR_MEMORY, "no memory for the page");
    fputs(head, f);
    fputs("gm2 report: ", f);
    put_text(f, r->range);
    fputs("</title></head><body>\n<h1>Muon g-2: ", f);
    put_text(f, r->in.process_name);
    fputs("</h1>\n<p class=facts>", f);
    put_text(f, r->footer);
    fputs("<br>configuration ", f);
    put_text(f, r->in.config_id);
    fprintf(f, "%s; %zu file%s; numbers of all pictures: ", r->in.has_mixed_configs ? " and others" : "", r->in.n_files,
            r->in.n_files == 1 ? "" : "s");
    put_text(f, json_name);
    fputs("</p>\n", f);
    if (r->has_wiggle || !r->has_beam) put_answer(f, r);
    if (r->has_beam) report_beam_table(f, &r->beam);
    fputs("<div class=grid><div>", f);
    if (r->has_best) put_fit(f, r, &r->best, "T-method, the model asked for");
    if (r->has_fit) put_fit(f, r, &r->five, "T-method, five parameters");
    fputs("</div><div>", f);
    if (r->has_a_fit) put_fit(f, r, &r->a_five, "A-method, five parameters");
    fputs("</div></div>\n<h2>Pictures</h2>\n<div class=grid>\n", f);
    for (size_t i = 0; i < n; i++) put_figure(f, &figures[i]);
    fputs("</div></body></html>\n", f);
    int has_failed = ferror(f);
    if (fclose(f) || has_failed) {
        free(*out);
        FAIL(ERR_MEMORY, "no memory for the page");
    }
    return ERR_OK;
}
