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

enum { MAX_POINTS = 64 };
struct points {
    size_t n;
    double x[MAX_POINTS], y[MAX_POINTS], error[MAX_POINTS], muons[MAX_POINTS];
};

/* Growth of the phase with the time lived in bins of an amplitude squared: the line through s against u in each. */
static enum err growths(const struct report *r, const char *stem, struct points *out)
{
    static const char *const parts[] = {"n", "u", "s", "su"};
    const struct hist *h[4];
    out->n = 0;
    for (int k = 0; k < 4; k++) {
        char name[64];
        (void)snprintf(name, sizeof name, "beam/%s/%s", stem, parts[k]);
        h[k] = find(r, name);
        REQUIRE(h[k] && (k == 0 || h[k]->squares), ERR_NOTFOUND, "the files hold no histogram %s", name);
    }
    for (int64_t i = 0; i < h[0]->x.n && out->n < MAX_POINTS; i++) {
        double n = (double)h[0]->content[i], q = h[1]->quantum, u = (double)h[1]->content[i] * q;
        double s = (double)h[2]->content[i] * q, uu = (double)h[1]->squares[i] * q - u * u / n;
        double su = (double)h[3]->content[i] * q - s * u / n, start = su / uu;
        double noise = ((double)h[2]->squares[i] * q - s * s / n - start * su) / (n - 2.0);
        if (n < 20.0 || !(uu > 0.0)) continue;
        size_t k      = out->n++;
        out->x[k]     = report_bin_centre(&h[0]->x, i);
        out->y[k]     = -1e3 * (s - start * u) / n;
        out->error[k] = 1e3 * sqrt(fmax(0.0, noise) * (uu + u * u / n) / (n * uu));
        out->muons[k] = n;
    }
    return ERR_OK;
}

/* Shift of omega_a against x_e^2 or A_y^2, the muon's other correction taken away. After a kick of the spin single muons
 * say nothing: then the growth of the phase alone is drawn. */
static enum err draw_shift(const struct report *r, struct sheet *s, bool is_pitch)
{
    const struct hist *h = find(r, is_pitch ? "beam/shift_a_y2" : "beam/shift_x_e2");
    const double beta2 = 1.0 - 1.0 / (MAGIC_GAMMA * MAGIC_GAMMA), r2 = RING_R0_MM * RING_R0_MM;
    const char *name = is_pitch ? "A_y^2" : "x_e^2", *mine = is_pitch ? "C_p" : "C_e",
               *other = is_pitch ? "C_e" : "C_p";
    struct points p;
    struct beam_corrections c;
    TRY(beam_corrections(&r->in.hists, &c));
    bool is_kicked = fabs(c.start_mrad.value) > fmax(0.02, 6.0 * c.start_mrad.error);
    if (is_kicked)
        TRY(growths(r, is_pitch ? "line_a_y2" : "line_x_e2", &p));
    else
        p.n = profile(h, 5.0, p.x, p.y, p.error, p.muons, MAX_POINTS);
    REQUIRE(p.n > 0, ERR_NOTFOUND, "too few stored muons");
    double field = c.field_index, slope = 1e9 * (is_pitch ? 0.25 * field : 2.0 * field * (1.0 - field) * beta2) / r2;
    const struct sheet_column columns[] = {{is_pitch ? "A_y2" : "x_e2", "mm^2", p.x},
                                           {"mean_shift", "ppb", p.y},
                                           {"error", "ppb", p.error},
                                           {"muons", "1", p.muons}};
    sheet_map(s, "map", h);
    sheet_table(s, "profile", p.n, columns, 4);
    sheet_number(s, "formula_ppb_per_mm2", -slope);
    double last = p.x[p.n - 1], low = fmax(h->y.low, -1.5 * slope * last - 100.0);
    fprintf(s->script,
            "set xlabel '%s (mm^2)'\nset ylabel 'shift of omega_a + %s of the muon (ppb)'\nset cblabel 'stored muons'\n"
            "set logscale cb\nset format cb '%%g'\nset cbrange [0.9:*]\nset xrange [0:%g]\nset yrange [%g:%g]\n"
            "set key bottom left\nplot %s- %g * x with lines lt 2 title '- %s by formula', "
            "$profile using 1:2:3 with yerrorbars pt 7 ps 0.6 lt 7 title '%s'\n",
            name, other, fmin(h->x.high, 1.3 * last), low, is_pitch ? 150.0 : 400.0,
            is_kicked ? "" : "$map using 1:2:($3 > 0 ? $3 : NaN) with @map_style notitle, ", slope, mine,
            is_kicked ? "growth of the phase with the time lived" : "mean of tracked spins");
    return ERR_OK;
}

static enum err draw_shift_e(const struct report *r, struct sheet *s) { return draw_shift(r, s, false); }
static enum err draw_shift_p(const struct report *r, struct sheet *s) { return draw_shift(r, s, true); }

static enum err draw_difference(const struct report *r, struct sheet *s)
{
    const struct hist *h = find(r, "beam/shift_difference");
    struct moments m     = report_moments(h->content, &h->x);
    double *column;
    REQUIRE(m.n > 0.5 * (double)h->n_entries, ERR_NOTFOUND,
            "most muons' shifts are more than %g ppb from the formulas; a kick of the spin at the start does that",
            h->x.high);
    TRY(report_columns(h, &column));
    const struct sheet_column columns[] = {{"difference", "ppb", column}, {"muons", "1", column + h->x.n}};
    sheet_table(s, "difference", (size_t)h->x.n, columns, 2);
    sheet_number(s, "outside", (double)h->n_outside);
    double reach = fmax(20.0, fmin(400.0, 5.0 * m.rms));
    fprintf(s->script,
            "set xlabel 'tracked shift of omega_a - (- C_e - C_p by formula) of each muon (ppb)'\n"
            "set ylabel 'stored muons / 2 ppb'\nset xrange [%g:%g]\nset logscale y\nset format y '%%g'\nset yrange "
            "[0.5:*]\nset key off\n"
            "set label 1 'mean over the muons %.2f ppb, rms %.2f ppb' at graph 0.03, 0.95\n"
            "plot $difference using 1:($2 > 0 ? $2 : 0.1) with steps lt 1\n",
            -reach, reach, m.mean, m.rms);
    mem_free(column);
    return ERR_OK;
}

#define MAP_SIZE  720, 520
#define PLOT_SIZE 720, 480

/* clang-format off */
const struct picture report_spin_pictures[] = {
    {"phase_entry", "Phase against momentum, from each muon's start", "Phase of the spin at its end less omega_a times the time since its own start, against the reversed momentum.", {"beam/entry_delta"}, false, MAP_SIZE, draw_phase_entry},
    {"phase_fill", "Phase against momentum, from t = 0 of the fill", "The same with the time of the fill: muons of one bunch enter at different times, 1.44 mrad a nanosecond.", {"beam/phase_delta"}, false, MAP_SIZE, draw_phase_fill},
    {"shift_e", "Shift of omega_a against x_e^2", "Tracked spin of each stored muon, its pitch correction by formula taken away; of a beam that was kicked the growth of the phase with the time lived.", {"beam/shift_x_e2", "beam/sum/n"}, false, MAP_SIZE, draw_shift_e},
    {"shift_p", "Shift of omega_a against A_y^2", "The same for the pitch, the electric-field correction by formula taken away.", {"beam/shift_a_y2", "beam/sum/n"}, false, MAP_SIZE, draw_shift_p},
    {"shift_difference", "Tracked spin against the formulas", "Each stored muon's shift of omega_a less what the formulas say.", {"beam/shift_difference"}, false, PLOT_SIZE, draw_difference},
    {0},
};
/* clang-format on */
