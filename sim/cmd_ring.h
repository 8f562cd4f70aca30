/* gm2 ring: what a ring does, asked from the command line.
 *
 * A verb is one constant: its options are a parameter list (src/cfg.h), its function prints a readable answer on stdout,
 * puts the same numbers and gnuplot commands into a sheet, and names the picture. cmd_ring.c reads the ring's parameters
 * and writes JSON and picture. Tests: tests/cli/ring.sh, tests/t_ring_probe.c */
#ifndef GM2_CMD_RING_H
#define GM2_CMD_RING_H

#include "fhicl.h"
#include "plot.h"
#include "ring_cfg.h"
#include "ring_cfg_fields.h"
#include "ring_probe.h"

/** How a beam is injected, for those quantities that need one. */
struct ring_injection {
    int64_t muons, seed;
    double from_us, until_us, monitor_deg;
};

/** What is asked about. */
struct ring_tool {
    const struct fhicl *parameters; /* given for module RingTracker; "gun": a table, those of InflectorGun */
    const struct ring_injection *injection;
    double at_us; /* falling voltages stand as they are then; below 0: at the end of the fill */
    struct ring_setup setup;
    struct ring_fields fields; /* what the setup points at */
    struct ring ring;          /* without kickers; without collimators, so that rays beyond them are followed */
    double n_mean;             /* field index averaged over azimuth */
    char text[160];            /* the ring in words */
    char title[200];           /* of the picture; the verb may set it, as the next two */
    int width, height;
};

struct ring_verb {
    const char *name, *doc;
    const struct cfg_field *fields; /* options */
    size_t cfg_size;
    enum err (*run)(struct ring_tool *tool, const void *cfg, struct sheet *sheet);
};
extern const struct ring_verb ring_verb_tune, ring_verb_orbit, ring_verb_map, ring_verb_scan, ring_verb_show;

/* ---- cmd_ring_parameters.c ---- */

/** Makes a tool's ring from a table of parameters; those of RingTracker that do not describe the ring are passed over.
 *  Free with cmd_ring_free(), also after an error. */
enum err cmd_ring_build(const struct fhicl *parameters, struct ring_tool *tool);
void cmd_ring_free(struct ring_tool *tool);
/** The parameters of the module RingTracker in a document (label "": the only one), with those of its InflectorGun, if there
 *  is one, as table "gun"; an empty table if file is "". ERR_NOTFOUND, ERR_OPTION (several), and errors of the file. */
enum err cmd_ring_read(const char *file, const char *label, struct fhicl **out);
/** All parameters of the ring. */
const struct cfg_field *cmd_ring_parameters(void);
/** One by name, or "gun." and one of InflectorGun; NULL if there is none. And its value from a word of the command line. */
const struct cfg_field *cmd_ring_parameter(const char *name);
enum err cmd_ring_set(struct fhicl *parameters, const char *name, const char *value);
/** Binds name to a word as FHiCL wants it for this field: words in quotes, lists in brackets. */
enum err cmd_ring_set_value(struct fhicl *table, const struct cfg_field *f, const char *name, const char *value);

/* ---- cmd_ring_answer.c: what can be tabulated and scanned ---- */

/* clang-format off */
#define RING_ANSWERS(A)                                                                                                \
    A(OPTICS,   n,              "1",   "field index, mean over azimuth")                                               \
    A(OPTICS,   nu_x_matrix,    "1",   "horizontal tune, product of hard-edge matrices")                               \
    A(OPTICS,   nu_y_matrix,    "1",   "vertical tune, product of hard-edge matrices")                                 \
    A(TRACKED,  nu_x,           "1",   "horizontal tune, tracked, amplitude 0.1 mm")                                   \
    A(TRACKED,  nu_y,           "1",   "vertical tune, tracked, amplitude 0.1 mm")                                     \
    A(TRACKED,  f_c,            "MHz", "revolution frequency on the closed orbit")                                     \
    A(TRACKED,  f_x,            "MHz", "horizontal betatron frequency, nu_x f_c")                                      \
    A(TRACKED,  f_y,            "MHz", "vertical betatron frequency, nu_y f_c")                                        \
    A(TRACKED,  f_CBO,          "MHz", "coherent betatron oscillation seen at one place, f_c - f_x")                   \
    A(TRACKED,  f_2CBO,         "MHz", "2 f_CBO")                                                                      \
    A(TRACKED,  f_VW,           "MHz", "vertical waist seen at one place, f_c - 2 f_y (or its modulus)")                                \
    A(TRACKED,  f_VW_minus_CBO, "MHz", "f_VW - f_CBO")                                                                 \
    A(TRACKED,  f_VW_plus_CBO,  "MHz", "f_VW + f_CBO")                                                                 \
    A(TRACKED,  x_co,           "mm",  "closed orbit at azimuth 0, radial")                                            \
    A(TRACKED,  y_co,           "mm",  "closed orbit at azimuth 0, vertical")                                          \
    A(CHROMA,   chroma_x,       "1",   "chromaticity d(nu_x)/d(dp/p)")                                                 \
    A(CHROMA,   chroma_y,       "1",   "chromaticity d(nu_y)/d(dp/p)")                                                 \
    A(AROUND,   beta_x_min,     "m",   "horizontal beta function, least around the ring")                              \
    A(AROUND,   beta_x_max,     "m",   "horizontal beta function, greatest")                                           \
    A(AROUND,   beta_y_min,     "m",   "vertical beta function, least")                                                \
    A(AROUND,   beta_y_max,     "m",   "vertical beta function, greatest")                                             \
    A(AROUND,   eta_min,        "m",   "dispersion, least")                                                            \
    A(AROUND,   eta_max,        "m",   "dispersion, greatest")                                                         \
    A(AROUND,   eta_mean,       "m",   "dispersion, mean over azimuth: x_e = eta dp/p")                                \
    A(AROUND,   x_co_min,       "mm",  "closed orbit, radial, least around the ring")                                  \
    A(AROUND,   x_co_max,       "mm",  "closed orbit, radial, greatest")                                               \
    A(AROUND,   y_co_min,       "mm",  "closed orbit, vertical, least around the ring")                                \
    A(AROUND,   y_co_max,       "mm",  "closed orbit, vertical, greatest")                                             \
    A(DETUNING, dnu_x_40,       "1",   "nu_x at a horizontal amplitude of 40 mm less that at 0.1 mm")                  \
    A(DETUNING, dnu_y_40,       "1",   "nu_y at a vertical amplitude of 40 mm less that at 0.1 mm")                    \
    A(INJECTED, stored,         "%",   "of the muons that leave the inflector, alive at until_us (no decays)")         \
    A(INJECTED, lost_late,      "%",   "of the muons alive at from_us, lost until until_us")                           \
    A(INJECTED, x_mean,         "mm",  "stored beam at the monitor: mean of x from from_us to until_us")               \
    A(INJECTED, x_rms,          "mm",  "its width")                                                                    \
    A(INJECTED, y_mean,         "mm",  "stored beam at the monitor: mean of y")                                        \
    A(INJECTED, y_rms,          "mm",  "its width")                                                                    \
    A(INJECTED, cbo_amplitude,  "mm",  "amplitude of the strongest line of the mean of x against time")                \
    A(INJECTED, cbo_frequency,  "MHz", "its frequency")                                                                \
    A(INJECTED, x_e_mean,       "mm",  "equilibrium radius of the stored muons, eta dp/p: mean")                       \
    A(INJECTED, x_e_rms,        "mm",  "and width")
/* clang-format on */
enum ring_answer_group {
    GROUP_OPTICS,
    GROUP_TRACKED,
    GROUP_CHROMA,
    GROUP_AROUND,
    GROUP_DETUNING,
    GROUP_INJECTED,
    N_GROUPS
};
#define RING_ANSWER_INDEX(group, name, unit, doc) ANSWER_##name,
enum ring_answer { RING_ANSWERS(RING_ANSWER_INDEX) N_ANSWERS };
struct ring_answer_field {
    enum ring_answer_group group;
    const char *name, *unit, *doc;
};
extern const struct ring_answer_field ring_answer_fields[N_ANSWERS];
/** Computes the groups wanted (bits 1 << group) about the closed orbit at dp/p, with n_turns for tunes; the rest is NAN. */
enum err cmd_ring_answer(const struct ring_tool *tool, double dp, unsigned groups, size_t n_turns,
                         double answer[N_ANSWERS]);
/** cmd_ring_inject.c: the modules InflectorGun and RingTracker, run on one fill without decays; fills the group INJECTED. */
enum err cmd_ring_inject(const struct ring_tool *tool, double answer[N_ANSWERS]);
/** By name; ERR_OPTION naming the nearest. */
enum err cmd_ring_answer_find(const char *name, enum ring_answer *out);
/** One line: name, value, unit, meaning. */
void cmd_ring_answer_print(enum ring_answer which, double value);

/* ---- cmd_ring_draw.c: shared by pictures; all write gnuplot commands ---- */

/** Resonances m nu_x + n nu_y = p with |m| + |n| <= order that cross the window, as labelled lines; those that a ring of
 *  four equal quarters drives (p a multiple of 4) are drawn strongly. Writes the list into the numbers, too. */
void cmd_ring_draw_resonances(struct sheet *s, int order, const double x[2], const double y[2]);
/** The ring's elements as bars along an axis of azimuth [deg] at the lower edge of the graph. */
void cmd_ring_draw_elements(struct sheet *s, const struct ring_tool *tool);
/** A window around points with some room, at least `least` wide. */
void cmd_ring_draw_window(const double *value, size_t n, double least, double out[2]);

/* ---- cmd_ring_scan.c ---- */

/** Rings of a row of values of one parameter. */
struct ring_scan {
    char name[128];
    const struct cfg_field *field;
    bool is_number; /* values are numbers: x holds them; else x is 1, 2, ... */
    size_t n;
    char (*word)[64];            /* [n] the values as given */
    char (*problem)[128];        /* [n] "", or why there is no answer */
    double *x;                   /* [n] */
    double (*answer)[N_ANSWERS]; /* [n] NAN where there is none */
};
/** "key=from:to:step" or "key=value,value,...": answers of the groups for each value. ERR_OPTION if the text is wrong or
 *  no value can be answered. Free with cmd_ring_scan_free(). */
enum err cmd_ring_scan(const struct ring_tool *tool, const char *text, double dp, unsigned groups, size_t n_turns,
                       struct ring_scan *out);
void cmd_ring_scan_free(struct ring_scan *scan);
/** Labels of the axis of the scanned parameter; only the lowest of several graphs shows them. */
void cmd_ring_scan_axis(const struct ring_scan *scan, struct sheet *s, bool is_lowest);
/** Table on stdout and in the sheet as $scan: parameter first, then the quantities. */
enum err cmd_ring_scan_table(const struct ring_scan *scan, const enum ring_answer *which, size_t n, struct sheet *s);

/* ---- cmd_ring_show.c ---- */

/** Elements of the ring and its detectors in order of azimuth; an element of no length has end = begin. */
struct ring_place {
    char name[48];
    char kind; /* Q ESQ, K kicker, C collimator, D calorimeter, T tracker, H fibre harp, I inflector */
    double begin_deg, end_deg;
    char settings[200];
};
enum { RING_MAX_PLACES = 128 };
size_t cmd_ring_places(const struct ring_tool *tool, struct ring_place out[RING_MAX_PLACES]);

int cmd_ring(int argc, char **argv);

#endif
