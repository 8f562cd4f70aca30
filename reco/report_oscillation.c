/* Pictures of the beam in time: fast rotation, and centre and width at one azimuth with their spectra. */
#include "beam_spectrum.h"
#include "mem.h"
#include "phys.h"
#include "report.h"
#include "report_beam.h"

#include <math.h>
#include <stdlib.h>

#define SPECTRUM_FROM_MHz 0.05
#define SPECTRUM_TO_MHz   3.35 /* half the rate of turns */

static const struct hist *find(const struct report *r, const char *name) { return hist_find(&r->in.hists, name); }

/* ---- fast rotation ---- */

static enum err draw_rotation(const struct report *r, struct sheet *s)
{
    enum { MAX = 4000 };
    const struct hist *h = find(r, "beam/passage");
    double *c;
    const double width = (h->x.high - h->x.low) / (double)h->x.n, late_us = fmin(30.0, h->x.high - 4.0);
    size_t n = (size_t)(h->x.n < MAX ? h->x.n : MAX);
    REQUIRE(late_us > 4.0, ERR_NOTFOUND, "the histogram of passages ends before 8 us");
    TRY(mem_alloc(&c, 2 * n, sizeof *c));
    size_t k = 0;
    for (size_t i = 0; (int64_t)i < h->x.n && k < n; i++) {
        double t = report_bin_centre(&h->x, (int64_t)i);
        if (t > 4.0 && (t < late_us || t > late_us + 4.0)) continue;
        c[k]     = t;
        c[n + k] = (double)h->content[i];
        k++;
    }
    const struct sheet_column columns[] = {{"time", "us", c}, {"passages", "1", c + n}};
    sheet_table(s, "rotation", k, columns, 2);
    fprintf(s->script,
            "set multiplot\nset key off\nset ylabel 'passages / %.0f ns'\nset tmargin at screen 0.90\nset bmargin at "
            "screen 0.56\n"
            "set xrange [0:4]\nset yrange [0:*]\nplot $rotation with steps lt 1 lw 0.8\n"
            "unset title\nunset label 999\nset tmargin at screen 0.47\nset bmargin at screen 0.13\n"
            "set xlabel 'time after injection (us)'\nset xrange [%g:%g]\nplot $rotation with steps lt 1 lw 0.8\nunset "
            "multiplot\n",
            1e3 * width, late_us, late_us + 4.0);
    mem_free(c);
    return ERR_OK;
}

/* F(f) = sum S(t) e^{-i 2 pi f t} at the frequencies of an axis [kHz]. */
static void transform(const struct hist *signal, const struct hist_axis *f, double *re, double *im)
{
    const double width = (signal->x.high - signal->x.low) / (double)signal->x.n;
    for (int64_t k = 0; k < f->n; k++) {
        const double turn = 2.0 * PI * 1e-3 * report_bin_centre(f, k);
        double c = cos(turn * (signal->x.low + 0.5 * width)), d = -sin(turn * (signal->x.low + 0.5 * width));
        const double cs = cos(turn * width), sn = -sin(turn * width);
        re[k] = im[k] = 0.0;
        for (int64_t i = 0; i < signal->x.n; i++) {
            re[k] += c * (double)signal->content[i];
            im[k] += d * (double)signal->content[i];
            double next = c * cs - d * sn;
            d           = c * sn + d * cs;
            c           = next;
        }
    }
}

/* Time of the bunch's centre at the azimuth, within one turn: where the transform's odd part over the band of stored
 * frequencies vanishes and the even part is positive. */
static double centre_us(const struct hist_axis *f, const double *re, const double *im)
{
    enum { TRIES = 1500 };
    double best = -1.0, at = 0.0;
    for (int i = 0; i < TRIES; i++) {
        double t = 1e-3 * CYCLOTRON_PERIOD_NS * i / TRIES, sum = 0.0;
        for (int64_t k = 0; k < f->n; k++) {
            double kHz = report_bin_centre(f, k), angle = 2.0 * PI * 1e-3 * kHz * t;
            if (kHz < 6662.8 || kHz > 6747.7) continue;
            sum += re[k] * cos(angle) - im[k] * sin(angle);
        }
        if (sum > best) best = sum, at = t;
    }
    return at;
}

static enum err draw_frequency(const struct report *r, struct sheet *s)
{
    const struct hist *signal = find(r, "beam/passage"), *truth = find(r, "beam/frequency");
    const size_t n = (size_t)truth->x.n;
    double *c, most = 0.0, true_most = 0.0, sum = 0.0, weight = 0.0;
    TRY(mem_alloc(&c, 5 * n, sizeof *c));
    double *f = c, *re = c + n, *im = c + 2 * n, *density = c + 3 * n, *want = c + 4 * n;
    transform(signal, &truth->x, re, im);
    double t0 = centre_us(&truth->x, re, im);
    for (size_t k = 0; k < n; k++) {
        f[k]         = report_bin_centre(&truth->x, (int64_t)k);
        double angle = 2.0 * PI * 1e-3 * f[k] * t0;
        density[k]   = re[k] * cos(angle) - im[k] * sin(angle);
        want[k]      = (double)truth->content[k];
        most         = fmax(most, density[k]);
        true_most    = fmax(true_most, want[k]);
        sum += want[k] * f[k], weight += want[k];
    }
    enum err rc = ERR_NOTFOUND;
    if (!(weight > 0.0 && most > 0.0)) FAIL_TO(done, ERR_NOTFOUND, "no passages, or no stored muon");
    for (size_t k = 0; k < n; k++) density[k] /= most, want[k] /= true_most;
    const struct sheet_column columns[] = {{"frequency", "kHz", f}, {"transform", "1", density}, {"muons", "1", want}};
    sheet_table(s, "frequency", n, columns, 3);
    sheet_number(s, "t0_us", t0);
    sheet_number(s, "mean_kHz", sum / weight);
    fprintf(s->script,
            "set xlabel 'frequency of revolution (kHz)'\nset ylabel 'per kHz, highest = 1'\nset xrange [6630:6780]\n"
            "set yrange [-0.2:1.25]\nset key top left\n"
            "set arrow from 6662.8, graph 0 to 6662.8, graph 1 nohead lc rgb '#999999' dt 3\n"
            "set arrow from 6747.7, graph 0 to 6747.7, graph 1 nohead lc rgb '#999999' dt 3\n"
            "plot $frequency using 1:3 with steps lt 1 title 'turns / time of each muon, mean %.1f kHz', "
            "$frequency using 1:2 with lines lt 2 title 'cosine transform of the passages, t0 = %.1f ns'\n",
            sum / weight, 1e3 * t0);
    rc = ERR_OK;
done:
    mem_free(c);
    return rc;
}

/* ---- centre and width at one azimuth ---- */

struct line {
    const char *name;
    double low_MHz, high_MHz;
};
enum { X_MEAN, X_WIDTH, Y_MEAN, Y_WIDTH, N_KINDS };
/* Where a turn-by-turn detector sees the oscillations of n = 0.08 ... 0.14. */
static const struct {
    const char *key, *label;
    struct line line[2];
} kinds[N_KINDS] = {
    [X_MEAN]  = {"mean_x", "mean x (mm)", {{"CBO", 0.25, 0.55}, {0}}},
    [X_WIDTH] = {"var_x", "width^2 x (mm^2)", {{"2CBO", 0.56, 1.1}, {"CBO", 0.25, 0.55}}},
    [Y_MEAN]  = {"mean_y", "mean y (mm)", {{"y", 1.7, 2.6}, {0}}},
    [Y_WIDTH] = {"var_y", "width^2 y (mm^2)", {{"VW", 1.7, 2.9}, {0}}},
};

/* Marks a line in the spectrum and notes it. */
static void mark(struct sheet *s, const struct beam_spectrum *f, const struct line *l, int label)
{
    char name[32];
    struct beam_peak p = beam_spectrum_peak(f, l->low_MHz, l->high_MHz);
    if (!(p.amplitude > 0.0)) return;
    cJSON *peak = cJSON_AddObjectToObject(s->json, l->name);
    if (!peak) return;
    cJSON_AddNumberToObject(peak, "f_MHz", p.f_MHz);
    cJSON_AddNumberToObject(peak, "amplitude", p.amplitude);
    snprintf(name, sizeof name, "%s %.4f MHz", l->name, p.f_MHz);
    fprintf(s->script, "set label %d '%s' at %g, %g left offset 0.5, 0.2 font ',11' front\n", label, name, p.f_MHz,
            p.amplitude);
}

static enum err draw_kind(struct sheet *s, const struct beam_series *d, int kind, double from_us, double to_us)
{
    const int row                 = kind;
    const double *values[N_KINDS] = {d->x_mm, d->x_var_mm2, d->y_mm, d->y_var_mm2};
    struct beam_spectrum f;
    size_t first = 0, last;
    char name[32];
    while (first < d->n && d->t_us[first] < from_us) first++;
    for (last = first; last < d->n && d->t_us[last] < to_us; last++) {
    }
    REQUIRE(last - first > 100, ERR_NOTFOUND, "too few muons at this azimuth");
    const double span = d->t_us[last - 1] - d->t_us[first], high = fmin(SPECTRUM_TO_MHz, 0.5 / d->bin_us);
    TRY(beam_spectrum_make(last - first, d->t_us + first, d->weight + first, values[kind] + first, SPECTRUM_FROM_MHz,
                           high, 0.25 / span, &f));
    snprintf(name, sizeof name, "f_%s", kinds[kind].key);
    const struct sheet_column columns[] = {{"frequency", "MHz", f.f_MHz},
                                           {"amplitude", kind % 2 ? "mm^2" : "mm", f.amplitude}};
    sheet_table(s, name, f.n, columns, 2);
    double top = 0.92 - 0.205 * row, bottom = top - 0.17, most = 1e-3;
    for (size_t k = 0; k < f.n; k++) most = fmax(most, f.amplitude[k]);
    fprintf(
        s->script,
        "set tmargin at screen %g\nset bmargin at screen %g\nset lmargin at screen 0.08\nset rmargin at screen 0.50\n"
        "set xrange [%g:%g]\nset yrange [*:*]\nset ylabel '%s'\nset format x '%s'\nset xlabel '%s'\n"
        "plot $series using 1:%d with linespoints pt 7 ps 0.2 lt %d lw 0.7\n",
        top, bottom, from_us, fmin(from_us + 15.0, to_us), kinds[kind].label, row == 3 ? "%g" : "",
        row == 3 ? "time (us)" : "", 3 + kind, 1 + row);
    for (int i = 0; i < 2; i++)
        if (kinds[kind].line[i].name) mark(s, &f, &kinds[kind].line[i], 10 + i);
    fprintf(s->script,
            "unset title\nunset label 999\nset lmargin at screen 0.60\nset rmargin at screen 0.98\n"
            "set xrange [0:%g]\nset yrange [0:%g]\nset ylabel 'amplitude (%s)'\nset xlabel '%s'\n"
            "plot $%s with lines lt %d lw 0.9\nunset label 10\nunset label 11\n",
            high, 1.3 * most, columns[1].unit, row == 3 ? "frequency (MHz)" : "", name, 1 + row);
    beam_spectrum_free(&f);
    return ERR_OK;
}

static enum err draw_series(struct sheet *s, const struct beam_series *d, const char *title, double from_us,
                            double to_us)
{
    char quoted[200];
    const struct sheet_column columns[] = {{"time", "us", d->t_us},   {"muons", "1", d->weight},
                                           {"mean_x", "mm", d->x_mm}, {"var_x", "mm^2", d->x_var_mm2},
                                           {"mean_y", "mm", d->y_mm}, {"var_y", "mm^2", d->y_var_mm2}};
    sheet_table(s, "series", d->n, columns, 6);
    cJSON_AddStringToObject(s->json, "where", title);
    sheet_quote(title, sizeof quoted, quoted);
    fprintf(s->script, "set label 20 %s at screen 0.01, 0.022 font ',11'\nset multiplot\nset key off\n", quoted);
    for (int kind = 0; kind < N_KINDS; kind++) {
        TRY(draw_kind(s, d, kind, from_us, to_us));
        if (kind == 0) fprintf(s->script, "unset label 20\n");
    }
    fprintf(s->script, "unset multiplot\n");
    return ERR_OK;
}

static enum err draw_sector(const struct report *r, struct sheet *s)
{
    const struct hist *n = find(r, "beam/sector_n"), *x = find(r, "beam/sector_x"), *y = find(r, "beam/sector_y");
    struct beam_series d;
    TRY(beam_series_make(n, x, NULL, y, NULL, 15, &d));
    enum err rc = draw_series(s, &d, n->title, 1.0, n->x.high);
    beam_series_free(&d);
    return rc;
}

static enum err draw_monitor(const struct report *r, struct sheet *s, int k)
{
    static const char *const parts[] = {"n", "x", "xx", "y", "yy"};
    const struct hist *h[5];
    struct beam_series d;
    for (int i = 0; i < 5; i++) {
        char name[64];
        snprintf(name, sizeof name, "beam/monitor%02d/%s", k, parts[i]);
        h[i] = find(r, name);
        REQUIRE(h[i], ERR_NOTFOUND, "the files hold no histogram %s; module RingTracker books it", name);
    }
    TRY(beam_series_make(h[0], h[1], h[2], h[3], h[4], 1, &d));
    enum err rc = draw_series(s, &d, h[0]->title, fmin(5.0, 0.1 * h[0]->x.high), fmin(300.0, h[0]->x.high));
    beam_series_free(&d);
    return rc;
}

#define MONITORS(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7)
#define MONITOR(k)                                                                                                     \
    static enum err draw_monitor_##k(const struct report *r, struct sheet *s) { return draw_monitor(r, s, k); }
MONITORS(MONITOR)
#define MONITOR_ROW(k)                                                                                                 \
    {"monitor" #k,                                                                                                     \
     "Beam monitor " #k ": turn by turn",                                                                              \
     "All muons that cross this azimuth: centre and squared width turn by turn, and their spectra.",                   \
     {"beam/monitor0" #k "/n"},                                                                                        \
     false,                                                                                                            \
     1100,                                                                                                             \
     900,                                                                                                              \
     draw_monitor_##k},

/* clang-format off */
const struct picture report_oscillation_pictures[] = {
    {"rotation", "Fast rotation", "Last passage of one azimuth before each decay: the bunch spreads around the ring.", {"beam/passage"}, false, 1100, 560, draw_rotation},
    {"rotation_frequency", "Frequencies of revolution", "From each muon's turns, and from the fast rotation alone: cosine transform, lines 5 kHz wide by the muons' lifetime. "
     "Dotted: the aperture of +-45 mm.", {"beam/passage", "beam/frequency"}, false, 720, 480, draw_frequency},
    {"oscillation", "Oscillations seen by decays in a sector", "Mean and squared width of decays, in bins of 150 ns, and their spectra.", {"beam/sector_n", "beam/sector_x", "beam/sector_y"}, false, 1100, 900, draw_sector},
    MONITORS(MONITOR_ROW)
    {0},
};
/* clang-format on */
