/* Pictures: data and numbers for gnuplot, and gnuplot itself, started without a shell.
 *
 * A command writes gnuplot commands and data into a sheet's script and the same numbers into its JSON, then has the
 * script drawn. Without gnuplot the numbers are still there. Tests: tests/t_cmd_fit.c, tests/cli/ring.sh */
#ifndef GM2_PLOT_H
#define GM2_PLOT_H

#include "hist.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>

/** A picture in the making. */
struct sheet {
    FILE *script; /* gnuplot commands */
    cJSON *json;  /* its numbers */
};

struct sheet_column {
    const char *name, *unit;
    const double *value; /* [n] */
};
/** Writes a table as gnuplot data block $NAME and into the sheet's numbers. */
void sheet_table(struct sheet *s, const char *name, size_t n, const struct sheet_column *columns, size_t n_columns);
/** Writes a 2-D histogram's contents [x][y] as data block $NAME "x y z" and into the numbers. */
void sheet_map(struct sheet *s, const char *name, const struct hist *h);
void sheet_number(struct sheet *s, const char *name, double value);
/** Text as a gnuplot string in single quotes, without control characters; out is cut at size. */
void sheet_quote(const char *text, size_t size, char *out);

enum plot_format { PLOT_SVG, PLOT_PNG };
/** What surrounds a picture. */
struct plot_page {
    const char *name;           /* for messages */
    const char *title, *footer; /* above; small, below on the right */
    int width, height;          /* pixels */
};
/** True when gnuplot can be started. */
bool plot_has_gnuplot(void);
/** Draws a sheet's script into the file `out`. ERR_WRITE with gnuplot's first words if it fails. */
enum err plot_draw(const struct plot_page *page, const char *script, enum plot_format format, const char *out);

#endif
