/* Parts of a page, and its pictures through gnuplot. */
#include "page.h"
#include "html.h"
#include "mem.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* ---- HTML ---------------------------------------------------------------------------------------------------------- */
void page_text(FILE *f, const char *text) { html_escape(f, text); }

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
    "nav{font-size:.92em;margin:.3em 0}nav a{margin-right:1em}a{color:#0057a8}.look "
    "pre{white-space:pre-wrap;overflow-wrap:anywhere}pre{background:#f5f5f5;padding:.5em "
    ".8em;overflow-x:auto;font-size:.88em;margin:.4em 0}.graph "
    "svg{max-width:100%;height:auto}td.c{text-align:left}td.t{white-space:nowrap}"
    ".bar{display:inline-block;height:.7em;background:#0072b2}.side{display:flex;flex-wrap:wrap;gap:0 3em}"
    ".look{border-left:4px solid #d55e00;padding:.1em .8em;margin:.8em 0}\n"
    ".none{border:1px dashed #bbb;padding:1.2em;color:#555}\n.answer{font-size:1.1em}\n"
    "@media(max-width:600px){.grid{grid-template-columns:1fr}}\n</style>\n<title>";

void page_begin(FILE *f, const char *title, const char *heading) { page_begin_live(f, title, heading, 0.0); }

void page_begin_live(FILE *f, const char *title, const char *heading, double refresh_s)
{
    fputs(head, f);
    page_text(f, title);
    fputs("</title>", f);
    if (refresh_s > 0.0) fprintf(f, "<meta http-equiv=\"refresh\" content=\"%.0f\">", refresh_s + 0.5);
    fputs("</head><body>\n<h1>", f);
    page_text(f, heading);
    fputs("</h1>\n", f);
}

void page_end(FILE *f) { fputs("</body></html>\n", f); }

static void put_figure(FILE *f, const struct page_figure *g)
{
    fprintf(f, "<figure%s id=\"%s\">", g->width > 800 ? " class=wide" : "", g->name);
    if (g->svg) {
        fputs("<img alt=\"", f);
        page_text(f, g->title);
        fputs("\" src=\"data:image/svg+xml;base64,", f);
        put_base64(f, (const unsigned char *)g->svg, g->svg_size);
        fputs("\">", f);
    } else {
        fputs("<div class=none><b>", f);
        page_text(f, g->title);
        fputs("</b><br>not drawn: ", f);
        page_text(f, g->problem);
        fputs("</div>", f);
    }
    fputs("<figcaption>", f);
    page_text(f, g->caption);
    fputs("</figcaption></figure>\n", f);
}

void page_figures(FILE *f, const struct page_figure *figures, size_t n)
{
    fputs("<div class=grid>\n", f);
    for (size_t i = 0; i < n; i++) put_figure(f, &figures[i]);
    fputs("</div>", f);
}

/* ---- drawing ------------------------------------------------------------------------------------------------------- */
static enum err read_whole(const char *path, char **out, size_t *size)
{
    FILE *f = fopen(path, "rb");
    enum err rc;
    *out = NULL;
    REQUIRE(f, ERR_READ, "%s: %s", path, strerror(errno));
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    if (n <= 0) FAIL_TO(done, ERR_READ, "%s is empty", path);
    TRY_TO(done, mem_alloc(out, (size_t)n + 1, 1));
    if (fread(*out, 1, (size_t)n, f) != (size_t)n) FAIL_TO(done, ERR_READ, "%s: %s", path, strerror(errno));
    *size = (size_t)n;
    rc    = ERR_OK;
done:
    fclose(f);
    if (rc) {
        mem_free(*out);
        *out = NULL;
    }
    return rc;
}

enum err page_draw(const char *script, const char *footer, const char *dir, bool wants_png, struct page_figure *figure)
{
    const struct plot_page page = {figure->name, figure->title, footer, figure->width, figure->height};
    char path[4096], png[4096];
    enum err rc;
    REQUIRE(plot_has_gnuplot(), ERR_NOTFOUND,
            "gnuplot is not installed (Debian package gnuplot-nox); the numbers are in the JSON file");
    snprintf(path, sizeof path, "%s/%s.svg.part", dir, figure->name);
    TRY_TO(drawn, plot_draw(&page, script, PLOT_SVG, path));
    TRY_TO(drawn, read_whole(path, &figure->svg, &figure->svg_size));
    if (wants_png) {
        snprintf(png, sizeof png, "%s/%s.png", dir, figure->name);
        TRY_TO(drawn, plot_draw(&page, script, PLOT_PNG, png));
    }
drawn:
    unlink(path);
    return rc;
}

void page_figures_free(struct page_figure *figures, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mem_free(figures[i].svg);
        figures[i].svg = NULL;
    }
}
