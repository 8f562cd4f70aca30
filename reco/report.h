/* gm2 report: one self-contained page of pictures and the numbers behind them.
 *
 * A picture is a row of `report_pictures`: it names the histograms it needs, and its function writes gnuplot commands
 * and numbers into a sheet. src/plot.c runs gnuplot, report_html.c writes the page, cmd_report.c is the command.
 * Test: tests/t_cmd_fit.c */
#ifndef GM2_REPORT_H
#define GM2_REPORT_H

#include "beam_corrections.h"
#include "page.h"
#include "plot.h"
#include "wiggle_fit.h"
#include "wiggle_input.h"

struct report {
    struct wiggle_input in;
    struct wiggle_data data;      /* T-method, all calorimeters */
    struct wiggle_fit five, best; /* T-method: five parameters, and the model asked for (or the same) */
    struct wiggle_fit a_five;     /* A-method, five parameters */
    struct beam_corrections beam; /* C_e and C_p of the muons, by formula and by spin */
    const char *model;
    bool has_beam, has_wiggle, has_fit, has_best, has_a_fit;
    char fit_problem[256]; /* why has_fit is false */
    char range[128], footer[320];
};

enum { REPORT_MAX_NEEDS = 3 };
struct picture {
    const char *name, *title, *caption;
    const char *needs[REPORT_MAX_NEEDS + 1]; /* histograms, NULL-ended */
    bool needs_fit;
    int width, height; /* pixels */
    /* ERR_NOTFOUND with a message: the histograms hold too little for it. */
    enum err (*draw)(const struct report *r, struct sheet *s);
};
/** All pictures in the order of the page; end with a NULL name. */
extern const struct picture report_wiggle_pictures[], report_quality_pictures[], report_beam_pictures[],
    report_oscillation_pictures[], report_spin_pictures[], report_loss_pictures[], report_q_pictures[],
    report_aux_pictures[], report_dqc_pictures[];

/* ---- report_html.c ---- */
/** Builds the page; *out is to be given to free(). */
enum err report_html(const struct report *r, const struct page_figure *figures, size_t n, const char *json_name,
                     char **out, size_t *size);

/** The command: struct command's run. */
int cmd_report(int argc, char **argv);

#endif
