/* Pictures of what the orbits do to the spin: phase against momentum, shift of omega_a against the formulas. */
#include "mem.h"
#include "phys.h"
#include "report.h"
#include "report_beam.h"

#include <math.h>

static const struct hist *find(const struct report *r, const char *name) { return hist_find(&r->in.hists, name); }

/* Means of the slices that hold enough. */
static size_t profile(const struct hist *h, double min_n, double *x, double *mean, double *error, double *n_of,
                      size_t max)
{
    size_t n = 0;
    for (int64_t i = 0; i < h->x.n && n < max; i++) {
        struct moments m = report_moments(h->content + i * h->y.n, &h->y);
        if (m.n < min_n) continue;
        x[n] = report_bin_centre(&h->x, i), mean[n] = m.mean, error[n] = m.rms / sqrt(m.n), n_of[n] = m.n;
        n++;
    }
    return n;
}

struct line {
    double at_zero, slope, slope_error;
};
static struct line fit_line(size_t n, const double *x, const double *y, const double *error)
{
    double w = 0, wx = 0, wy = 0, wxx = 0, wxy = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(error[i] > 0.0)) continue;
        double k = 1.0 / (error[i] * error[i]);
        w += k, wx += k * x[i], wy += k * y[i], wxx += k * x[i] * x[i], wxy += k * x[i] * y[i];
    }
    double det = w * wxx - wx * wx;
    if (!(det > 0.0)) return (struct line){0};
    return (struct line){(wy * wxx - wx * wxy) / det, (w * wxy - wx * wy) / det, sqrt(w / det)};
}

static enum err draw_phase(const struct report *r, struct sheet *s, const char *hist, double half_mrad)
{
    enum { MAX = 64 };
    const struct hist *h = find(r, hist);
    double x[MAX], y[MAX], e[MAX], count[MAX];
    size_t n = profile(h, 10.0, x, y, e, count, MAX);
    REQUIRE(n > 2, ERR_NOTFOUND, "too few stored muons");
    for (size_t i = 0; i < n; i++) x[i] *= 100.0;
    struct line l                       = fit_line(n, x, y, e);
    const struct sheet_column columns[] = {
        {"delta", "%", x}, {"mean_phase", "mrad", y}, {"error", "mrad", e}, {"muons", "1", count}};
    sheet_map(s, "map", h);
    sheet_table(s, "profile", n, columns, 4);
    sheet_number(s, "slope_mrad_per_percent", l.slope);
    sheet_number(s, "slope_error", l.slope_error);
    fprintf(s->script,
            "set xlabel 'p / p_magic - 1 (%%)'\nset ylabel 'phase (mrad)'\nset cblabel 'stored muons'\n"
            "set xrange [-0.6:0.6]\nset yrange [%g:%g]\nset cbrange [0:*]\nset key off\n"
            "set label 1 'slope %.2f +- %.2f mrad / %%' at graph 0.03, 0.95 front tc rgb '#ffffff'\n"
            "plot $map using (100 * $1):2:3 with @map_style, %g + %g * x with lines lt 5 lw 1, "
            "$profile using 1:2:3 with yerrorbars pt 7 ps 0.6 lt 2\n",
            -half_mrad, half_mrad, l.slope, l.slope_error, l.at_zero, l.slope);
    return ERR_OK;
}

static enum err draw_phase_fill(const struct report *r, struct sheet *s)
{
    return draw_phase(r, s, "beam/phase_delta", 120.0);
}
static enum err draw_phase_entry(const struct report *r, struct sheet *s)
{
    return draw_phase(r, s, "beam/entry_delta", 15.0);
}

/* Shift of omega_a against x_e^2 or A_y^2, the muon's other correction taken away. */
static enum err draw_shift(const struct report *r, struct sheet *s, bool is_pitch)
{
    enum { MAX = 64 };
    const struct hist *h = find(r, is_pitch ? "beam/shift_a_y2" : "beam/shift_x_e2");
    const double beta2 = 1.0 - 1.0 / (MAGIC_GAMMA * MAGIC_GAMMA), r2 = RING_R0_MM * RING_R0_MM;
    const char *name = is_pitch ? "A_y^2" : "x_e^2";
    double x[MAX], y[MAX], e[MAX], count[MAX];
    struct beam_corrections c;
    TRY(beam_corrections(&r->in.hists, &c));
    size_t n = profile(h, 5.0, x, y, e, count, MAX);
    REQUIRE(n > 0, ERR_NOTFOUND, "too few stored muons");
    double field = c.field_index, slope = 1e9 * (is_pitch ? 0.25 * field : 2.0 * field * (1.0 - field) * beta2) / r2;
    const struct sheet_column columns[] = {
        {is_pitch ? "A_y2" : "x_e2", "mm^2", x}, {"mean_shift", "ppb", y}, {"error", "ppb", e}, {"muons", "1", count}};
    sheet_map(s, "map", h);
    sheet_table(s, "profile", n, columns, 4);
    sheet_number(s, "formula_ppb_per_mm2", -slope);
    fprintf(s->script,
            "set xlabel '%s (mm^2)'\nset ylabel 'shift of omega_a + %s of the muon (ppb)'\nset cblabel 'stored muons'\n"
            "set logscale cb\nset format cb '%%g'\nset cbrange [0.9:*]\nset xrange [0:%g]\nset yrange [%g:%g]\n"
            "set key bottom left\nplot $map using 1:2:($3 > 0 ? $3 : NaN) with @map_style notitle, "
            "- %g * x with lines lt 2 title '- %s by formula', "
            "$profile using 1:2:3 with yerrorbars pt 7 ps 0.6 lt 7 title 'mean of tracked spins'\n",
            name, is_pitch ? "C_e" : "C_p", fmin(h->x.high, 1.3 * x[n - 1]),
            fmax(h->y.low, -1.5 * slope * x[n - 1] - 100.0), is_pitch ? 150.0 : 400.0, slope, is_pitch ? "C_p" : "C_e");
    return ERR_OK;
}

static enum err draw_shift_e(const struct report *r, struct sheet *s) { return draw_shift(r, s, false); }
static enum err draw_shift_p(const struct report *r, struct sheet *s) { return draw_shift(r, s, true); }

static enum err draw_difference(const struct report *r, struct sheet *s)
{
    const struct hist *h = find(r, "beam/shift_difference");
    struct beam_corrections c;
    double *column;
    TRY(beam_corrections(&r->in.hists, &c));
    TRY(report_columns(h, &column));
    struct moments m                    = report_moments(h->content, &h->x);
    const struct sheet_column columns[] = {{"difference", "ppb", column}, {"muons", "1", column + h->x.n}};
    sheet_table(s, "difference", (size_t)h->x.n, columns, 2);
    sheet_number(s, "outside", (double)h->n_outside);
    double reach = fmax(20.0, fmin(400.0, 5.0 * m.rms));
    fprintf(s->script,
            "set xlabel 'tracked shift of omega_a - (- C_e - C_p by formula) of each muon (ppb)'\n"
            "set ylabel 'stored muons / 2 ppb'\nset xrange [%g:%g]\nset logscale y\nset format y '%%g'\nset yrange "
            "[0.5:*]\nset key off\n"
            "set label 1 'time-weighted mean %.2f +- %.2f ppb' at graph 0.03, 0.95\n"
            "plot $difference using 1:($2 > 0 ? $2 : 0.1) with steps lt 1\n",
            -reach, reach, -c.difference.value, c.difference.error);
    mem_free(column);
    return ERR_OK;
}

#define MAP_SIZE  720, 520
#define PLOT_SIZE 720, 480

/* clang-format off */
const struct picture report_spin_pictures[] = {
    {"phase_entry", "Phase against momentum, from each muon's start", "Phase of the spin at its end less omega_a times the time since its own start, against the reversed momentum.", {"beam/entry_delta"}, false, MAP_SIZE, draw_phase_entry},
    {"phase_fill", "Phase against momentum, from t = 0 of the fill", "The same with the time of the fill: muons of one bunch enter at different times, 1.44 mrad a nanosecond.", {"beam/phase_delta"}, false, MAP_SIZE, draw_phase_fill},
    {"shift_e", "Shift of omega_a against x_e^2", "Tracked spin of each stored muon, its pitch correction by formula taken away.", {"beam/shift_x_e2", "beam/sum/n"}, false, MAP_SIZE, draw_shift_e},
    {"shift_p", "Shift of omega_a against A_y^2", "The same for the pitch, the electric-field correction by formula taken away.", {"beam/shift_a_y2", "beam/sum/n"}, false, MAP_SIZE, draw_shift_p},
    {"shift_difference", "Tracked spin against the formulas", "Each stored muon's shift of omega_a less what the formulas say.", {"beam/shift_difference", "beam/sum/n"}, false, PLOT_SIZE, draw_difference},
    {0},
};
/* clang-format on */
