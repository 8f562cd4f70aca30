/* Pages of pictures: HTML that loads nothing from elsewhere, and the drawing of its figures. Used by gm2 report, gm2 calib
 * and gm2 campaign report. Test: tests/t_cmd_fit.c, tests/t_calib.c */
#ifndef GM2_PAGE_H
#define GM2_PAGE_H

#include "plot.h"

/** One figure: svg NULL when it could not be drawn, then `problem` says why. */
struct page_figure {
    const char *name, *title, *caption; /* name: of its file and its anchor */
    int width, height;                  /* pixels; more than 800 wide: the whole line */
    char *svg;
    size_t svg_size;
    char problem[256];
};

/** Text with what HTML would take for itself put in other words. */
void page_text(FILE *f, const char *text);
/** From the document type to the heading; the body is open then. */
void page_begin(FILE *f, const char *title, const char *heading);
/** The same for a page that browsers load again every so many seconds. */
void page_begin_live(FILE *f, const char *title, const char *heading, double refresh_s);
void page_end(FILE *f);
void page_figures(FILE *f, const struct page_figure *figures, size_t n);

/** Has the script drawn: NAME.svg goes into the figure, NAME.png into the folder if wanted. ERR_NOTFOUND without gnuplot,
 *  ERR_WRITE. */
enum err page_draw(const char *script, const char *footer, const char *dir, bool wants_png, struct page_figure *figure);
void page_figures_free(struct page_figure *figures, size_t n);

#endif
