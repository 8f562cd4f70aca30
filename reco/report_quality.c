/* Pictures of the beam, its losses, the acceptance, and reconstruction against truth. */
#include "mem.h"
#include "phys.h"
#include "report.h"
#include "wiggle_truth.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_SLICES = 32, MAX_POINTS = 1024 };

/* ---- resolutions --------------------------------------------------------------------------------------------------- */

/* Value below which a part of a slice's entries lies, linear within a bin. */
static double quantile(const struct hist *h, int64_t slice, double n, double part)
{
    double below = 0.0, width = (h->y.high - h->y.low) / (double)h->y.n;
    for (int64_t j = 0; j < h->y.n; j++) {
        double count = (double)h->content[slice * h->y.n + j];
        if (below + count >= part * n && count > 0.0)
            return h->y.low + ((double)j + (part * n - below) / count) * width;
        below += count;
    }
    return h->y.high;
}

struct slices {
    size_t n;
    double x[MAX_SLICES], median[MAX_SLICES], width[MAX_SLICES], error[MAX_SLICES];
};

/* Median and half the central 68.3 % of each slice with at least 50 entries. */
static void slice_widths(const struct hist *h, struct slices *out)
{
    out->n = 0;
    for (int64_t i = 0; i < h->x.n && out->n < MAX_SLICES; i++) {
        double n = 0.0;
        for (int64_t j = 0; j < h->y.n; j++) n += (double)h->content[i * h->y.n + j];
        if (n < 50.0) continue;
        size_t k       = out->n++;
        out->x[k]      = h->x.low + ((double)i + 0.5) * (h->x.high - h->x.low) / (double)h->x.n;
        out->median[k] = quantile(h, i, n, 0.5);
        out->width[k]  = 0.5 * (quantile(h, i, n, 0.8413) - quantile(h, i, n, 0.1587));
        out->error[k]  = out->width[k] / sqrt(n); /* the quantiles' own spread is 1.2 times a Gaussian's rms error */
    }
}

static enum err slices_table(const struct report *r, const char *hist, const char *unit, struct sheet *s,
                             struct slices *v)
{
    slice_widths(hist_find(&r->in.hists, hist), v);
    REQUIRE(v->n > 0, ERR_NOTFOUND, "no slice of %s has 50 entries", hist);
    const struct sheet_column columns[] = {{"true_energy", "GeV", v->x},
                                           {"median", unit, v->median},
                                           {"width", unit, v->width},
                                           {"error", unit, v->error}};
    sheet_table(s, "slices", v->n, columns, 4);
    return ERR_OK;
}

static enum err draw_time(const struct report *r, struct sheet *s)
{
    struct slices v;
    TRY(slices_table(r, "quality/dt", "ns", s, &v));
    fprintf(
        s->script,
        "set xlabel 'true energy (GeV)'\nset ylabel 'cluster time - true time (ps)'\nset xrange [0:3.5]\n"
        "set key top right\nset yrange [*:*]\n"
        "plot $slices using 1:(1e3 * $3):(1e3 * $4) with yerrorbars pt 7 ps 0.7 lt 1 title 'half of central 68 %%', "
        "$slices using 1:(1e3 * $2):(1e3 * $4) with yerrorbars pt 5 ps 0.6 lt 2 title 'median', "
        "0 with lines lt 7 lw 0.7 notitle\n");
    return ERR_OK;
}

static enum err draw_energy(const struct report *r, struct sheet *s)
{
    struct slices v;
    TRY(slices_table(r, "quality/de", "1", s, &v));
    fprintf(
        s->script,
        "set xlabel 'true energy E (GeV)'\nset ylabel '(cluster energy - E) / E (%%)'\nset xrange [0:3.5]\n"
        "set key top right\nset samples 400\n"
        "aim(x) = (x > 0.3 ? 100 * sqrt(0.028 ** 2 / x + 0.015 ** 2) : NaN)\n"
        "plot $slices using 1:(100 * $3):(100 * $4) with yerrorbars pt 7 ps 0.7 lt 1 title 'half of central 68 %%', "
        "aim(x) with lines lt 3 dt 2 title '2.8 %%/sqrt(E) (+) 1.5 %%', "
        "$slices using 1:(100 * $2):(100 * $4) with yerrorbars pt 5 ps 0.6 lt 2 title 'median', "
        "0 with lines lt 7 lw 0.7 notitle\n");
    return ERR_OK;
}

static enum err draw_energy_truth(const struct report *r, struct sheet *s)
{
    sheet_map(s, "truth", hist_find(&r->in.hists, "quality/energy_truth"));
    fprintf(s->script, "set xlabel 'true energy (GeV)'\nset ylabel 'cluster energy (GeV)'\nset cblabel 'clusters'\n"
                       "set xrange [0:4]\nset yrange [0:4]\nset logscale cb\nset cbrange [1:*]\nset key off\n"
                       "set format cb '%%g'\nset size square\n"
                       "plot $truth using 1:2:($3 > 0 ? $3 : NaN) with @map_style, x with lines lt 7 lw 0.7\n");
    return ERR_OK;
}

/* ---- beam ---------------------------------------------------------------------------------------------------------- */

static enum err draw_beam(const struct report *r, struct sheet *s)
{
    const struct hist *h = hist_find(&r->in.hists, "quality/beam_xy");
    double x, y, sig_x, sig_y;
    sheet_map(s, "beam", h);
    wiggle_truth_moments(h, false, &x, &sig_x);
    wiggle_truth_moments(h, true, &y, &sig_y);
    sheet_number(s, "mean_x_mm", x);
    sheet_number(s, "rms_x_mm", sig_x);
    sheet_number(s, "mean_y_mm", y);
    sheet_number(s, "rms_y_mm", sig_y);
    fprintf(
        s->script,
        "set xlabel 'x = r - R0 (mm)'\nset ylabel 'y (mm)'\nset cblabel 'decays'\nset xrange [-60:60]\n"
        "set yrange [-60:60]\nset cbrange [0:*]\nset size square\nset key off\nset parametric\nset trange [0:2 * pi]\n"
        "set label 1 'x: mean %.1f, rms %.1f mm' at -57, 55 front tc rgb '#ffffff'\n"
        "set label 2 'y: mean %.1f, rms %.1f mm' at -57, 49 front tc rgb '#ffffff'\n"
        "plot $beam using 1:2:3 with @map_style, 45 * cos(t), 45 * sin(t) with lines lt 2 lw 1\n",
        x, sig_x, y, sig_y);
    return ERR_OK;
}

static enum err draw_momentum(const struct report *r, struct sheet *s)
{
    const struct hist *h = hist_find(&r->in.hists, "quality/momentum");
    double x[MAX_POINTS], y[MAX_POINTS];
    size_t n = h->x.n < MAX_POINTS ? (size_t)h->x.n : MAX_POINTS;
    for (size_t i = 0; i < n; i++) {
        x[i] = 100.0 * (h->x.low + ((double)i + 0.5) * (h->x.high - h->x.low) / (double)h->x.n);
        y[i] = (double)h->content[i];
    }
    struct wiggle_truth t               = wiggle_truth(&r->in);
    const struct sheet_column columns[] = {{"delta", "%", x}, {"decays", "1", y}};
    sheet_table(s, "momentum", n, columns, 2);
    sheet_number(s, "mean", t.delta_mean);
    sheet_number(s, "rms", t.delta_rms);
    sheet_number(s, "C_e_ppm", t.c_e_ppm);
    sheet_number(s, "C_p_ppm", t.c_p_ppm);
    sheet_number(s, "field_index_used", WIGGLE_FIELD_INDEX);
    fprintf(s->script,
            "set xlabel 'p / p_magic - 1 (%%)'\nset ylabel 'decays / 0.01 %%'\nset yrange [0:*]\nset offsets 0, 0, "
            "graph 0.2, 0\nset key off\n"
            "set xrange [-0.8:0.8]\n"
            "set label 1 'mean %.3f %%, rms %.3f %%' at graph 0.03, 0.95\n"
            "set label 2 'C_e = %.3f ppm, C_p = %.3f ppm (n = %.3f)' at graph 0.03, 0.89\n"
            "plot $momentum with steps lt 1\n",
            100.0 * t.delta_mean, 100.0 * t.delta_rms, t.c_e_ppm, t.c_p_ppm, WIGGLE_FIELD_INDEX);
    return ERR_OK;
}

static enum err draw_cbo(const struct report *r, struct sheet *s)
{
    const struct hist *sum   = hist_find(&r->in.hists, "quality/cbo_x"),
                      *count = hist_find(&r->in.hists, "quality/cbo_n");
    double t[MAX_POINTS], x[MAX_POINTS], e[MAX_POINTS];
    size_t n = 0;
    for (int64_t i = 0; i < sum->x.n && n < MAX_POINTS; i++) {
        double entries = (double)count->content[i];
        if (entries < 5.0) continue;
        double sum_x = (double)sum->content[i] * sum->quantum, sum_xx = (double)sum->squares[i] * sum->quantum;
        t[n] = sum->x.low + ((double)i + 0.5) * (sum->x.high - sum->x.low) / (double)sum->x.n;
        x[n] = sum_x / entries;
        e[n] = sqrt(fmax(0.0, sum_xx / entries - x[n] * x[n]) / (entries - 1.0));
        n++;
    }
    REQUIRE(n > 0, ERR_NOTFOUND, "too few decays near one azimuth");
    const struct sheet_column columns[] = {{"time", "us", t}, {"mean_x", "mm", x}, {"error", "mm", e}};
    sheet_table(s, "cbo", n, columns, 3);
    fprintf(s->script,
            "set xlabel 'time after injection (us)'\nset ylabel 'mean x of decays (mm)'\nset xrange [0:60]\n"
            "set yrange [*:*]\nset key off\n"
            "plot $cbo using 1:2:3 with yerrorbars pt 7 ps 0.3 lw 0.6 lt 1, $cbo using 1:2 with lines lt 1 lw 0.8\n");
    return ERR_OK;
}

/* ---- decays, losses, acceptance -------------------------------------------------------------------------------------- */

static enum err draw_losses(const struct report *r, struct sheet *s)
{
    const struct hist *lost   = hist_find(&r->in.hists, "quality/losses"),
                      *decays = hist_find(&r->in.hists, "quality/decay_time");
    double t[MAX_POINTS], d[MAX_POINTS], c[MAX_POINTS], v[MAX_POINTS], n_decays = 0.0, n_lost = 0.0;
    size_t n = decays->x.n < MAX_POINTS ? (size_t)decays->x.n : MAX_POINTS;
    for (size_t i = 0; i < n; i++) {
        t[i] = decays->x.low + ((double)i + 0.5) * (decays->x.high - decays->x.low) / (double)decays->x.n;
        d[i] = (double)decays->content[i];
        c[i] = (double)lost->content[2 * i];
        v[i] = (double)lost->content[2 * i + 1];
        n_decays += d[i];
        n_lost += c[i] + v[i];
    }
    const struct sheet_column columns[] = {
        {"time", "us", t}, {"decays", "1", d}, {"lost_at_collimators", "1", c}, {"lost_out_of_vacuum", "1", v}};
    sheet_table(s, "losses", n, columns, 4);
    sheet_number(s, "decays", n_decays);
    sheet_number(s, "lost", n_lost);
    fprintf(s->script,
            "set xlabel 'time after injection (us)'\nset ylabel 'muons / 5 us'\nset logscale y\nset yrange [0.5:*]\n"
            "set xrange [0:700]\nset format y '%%g'\nset key top right\n"
            "plot $losses using 1:($2 > 0 ? $2 : 0.1) with steps lt 1 title 'decays: %.0f', "
            "$losses using 1:($3 + $4 > 0 ? $3 + $4 : 0.1) with steps lt 2 title 'lost: %.0f'\n",
            n_decays, n_lost);
    return ERR_OK;
}

/* Below 10 there is no point to draw. */
static double ratio(double part, double whole) { return whole >= 10.0 ? part / whole : (double)NAN; }

static enum err draw_acceptance(const struct report *r, struct sheet *s)
{
    const struct hist *born    = hist_find(&r->in.hists, "quality/born"),
                      *entered = hist_find(&r->in.hists, "quality/entered"),
                      *found   = hist_find(&r->in.hists, "quality/found");
    double x[MAX_POINTS], a[MAX_POINTS], e[MAX_POINTS], f[MAX_POINTS], g[MAX_POINTS];
    size_t n = born->x.n < MAX_POINTS ? (size_t)born->x.n : MAX_POINTS;
    for (size_t i = 0; i < n; i++) {
        double all = (double)born->content[i];
        x[i]       = born->x.low + ((double)i + 0.5) * (born->x.high - born->x.low) / (double)born->x.n;
        a[i]       = ratio((double)entered->content[i], all);
        f[i]       = ratio((double)found->content[i], all);
        e[i]       = sqrt(fmax(0.0, a[i] * (1.0 - a[i])) / all);
        g[i]       = sqrt(fmax(0.0, f[i] * (1.0 - f[i])) / all);
    }
    const struct sheet_column columns[] = {{"energy", "GeV", x},
                                           {"entered", "1", a},
                                           {"error_entered", "1", e},
                                           {"found", "1", f},
                                           {"error_found", "1", g}};
    sheet_table(s, "acceptance", n, columns, 5);
    fprintf(s->script, "set xlabel 'positron energy at birth (GeV)'\nset ylabel 'fraction of positrons born'\n"
                       "set xrange [0:3.2]\nset yrange [0:1.05]\nset key top left\nset samples 400\n"
                       "toy(x) = x < 2.35 ? 0.75 * x / 2.35 : 0.75\n"
                       "plot toy(x) with lines lt 7 dt 2 lw 1 title 'published toy acceptance', "
                       "$acceptance using 1:2:3 with yerrorbars pt 7 ps 0.5 lt 1 title 'enter a calorimeter', "
                       "$acceptance using 1:4:5 with yerrorbars pt 5 ps 0.45 lt 2 title 'lead a cluster'\n");
    return ERR_OK;
}

static enum err draw_cluster_xy(const struct report *r, struct sheet *s)
{
    sheet_map(s, "position", hist_find(&r->in.hists, "quality/cluster_xy"));
    fprintf(s->script, "set xlabel 'local x, outward (mm)'\nset ylabel 'local y (mm)'\nset cblabel 'clusters'\n"
                       "set xrange [-112.95:112.95]\nset yrange [-75.3:75.3]\nset cbrange [0:*]\nset key off\n"
                       "plot $position using 1:2:3 with @map_style\n");
    return ERR_OK;
}

#define MAP_SIZE  620, 560
#define PLOT_SIZE 720, 480

/* clang-format off */
const struct picture report_quality_pictures[] = {
    {"positions", "Cluster positions", "All calorimeters; the storage region is to the right.", {"quality/cluster_xy"}, false, PLOT_SIZE, draw_cluster_xy},
    {"time", "Time resolution", "Single positrons, against truth.", {"quality/dt"}, false, PLOT_SIZE, draw_time},
    {"resolution", "Energy resolution", "Single positrons, against truth.", {"quality/de"}, false, PLOT_SIZE, draw_energy},
    {"energy_truth", "Cluster energy against truth", "Single positrons.", {"quality/energy_truth"}, false, MAP_SIZE, draw_energy_truth},
    {"beam", "Stored beam", "Decays after 30 us. Circle: the aperture of 45 mm.", {"quality/beam_xy"}, false, MAP_SIZE, draw_beam},
    {"momentum", "Momentum of the stored beam", "Decays after 30 us; the corrections C_e and C_p that this beam needs, by the usual formulas for continuous quadrupoles.",
     {"quality/momentum", "quality/beam_xy"}, false, PLOT_SIZE, draw_momentum},
    {"cbo", "Coherent betatron oscillation", "Mean radius of decays near one azimuth.", {"quality/cbo_x", "quality/cbo_n"}, false, 1100, 420, draw_cbo},
    {"losses", "Decays and losses", "Stored muons.", {"quality/losses", "quality/decay_time"}, false, PLOT_SIZE, draw_losses},
    {"acceptance", "Acceptance", "Decays after 30 us. Toy: 0.75 E / 2.35 GeV up to 2.35 GeV, 0.75 above.",
     {"quality/born", "quality/entered", "quality/found"}, false, PLOT_SIZE, draw_acceptance},
    {0},
};
/* clang-format on */
