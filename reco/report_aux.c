/* Pictures of the T0 counter, the IBMS and the fibre harps. */
#include "aux_detector.h"
#include "beam_spectrum.h"
#include "mem.h"
#include "phys.h"
#include "report.h"
#include "report_beam.h"

#include <math.h>

enum { HARP_Y = 0, HARP_X = 1, MAX_BINS = 6000, MAX_TURNS = 6000 };
#define SPECTRUM_FROM_MHz 0.05
#define SPECTRUM_TO_MHz   3.35 /* half the rate of turns */

static const struct hist *find(const struct report *r, const char *name) { return hist_find(&r->in.hists, name); }

static double value(const struct hist *h, int64_t ix, int64_t iy)
{
    return (double)h->content[ix * h->y.n + iy] * h->quantum;
}

static double n_fills(const struct report *r) { return fmax(1.0, (double)find(r, "aux/fills")->content[0]); }

static enum err draw_t0(const struct report *r, struct sheet *s)
{
    enum { MAX = 400 };
    const struct hist *h = find(r, "aux/t0_profile");
    double t[MAX], a[MAX], b[MAX], all = 0.0;
    size_t n = h->y.n < MAX ? (size_t)h->y.n : MAX;
    for (size_t i = 0; i < n; i++) {
        t[i] = report_bin_centre(&h->y, (int64_t)i);
        a[i] = value(h, 0, (int64_t)i) / n_fills(r);
        b[i] = value(h, 1, (int64_t)i) / n_fills(r);
        all += a[i];
    }
    REQUIRE(all > 0.0, ERR_NOTFOUND, "the T0 counter saw nothing");
    const struct sheet_column columns[] = {{"time", "ns", t}, {"a", "adc", a}, {"b", "adc", b}};
    sheet_table(s, "profile", n, columns, 3);
    fprintf(s->script, "set xlabel 'time from injection (ns)'\nset ylabel 'ADC above pedestal, mean of fills'\n"
                       "set xrange [-120:120]\nset yrange [0:*]\nset key top right\n"
                       "plot $profile using 1:2 with lines lt 1 title 'photomultiplier A', "
                       "$profile using 1:3 with lines lt 2 title 'B'\n");
    return ERR_OK;
}

static enum err draw_ibms(const struct report *r, struct sheet *s)
{
    const struct hist *h = find(r, "aux/ibms");
    double place[AUX_IBMS_FIBRES], x[AUX_IBMS_FIBRES], y[AUX_IBMS_FIBRES], sum = 0.0, moment[2][3] = {{0.0}};
    for (int i = 0; i < AUX_IBMS_FIBRES; i++) {
        place[i] = aux_ibms_mm(i);
        x[i]     = value(h, 0, i) / n_fills(r);
        y[i]     = value(h, 1, i) / n_fills(r);
        sum += x[i] + y[i];
        for (int k = 0; k < 3; k++) {
            moment[0][k] += x[i] * pow(place[i], k);
            moment[1][k] += y[i] * pow(place[i], k);
        }
    }
    REQUIRE(sum > 0.0, ERR_NOTFOUND, "the IBMS saw nothing");
    const struct sheet_column columns[] = {{"place", "mm", place}, {"x", "adc", x}, {"y", "adc", y}};
    sheet_table(s, "ibms", AUX_IBMS_FIBRES, columns, 3);
    for (int k = 0; k < 2; k++) {
        double mean = moment[k][1] / moment[k][0];
        sheet_number(s, k ? "mean_y_mm" : "mean_x_mm", mean);
        sheet_number(s, k ? "rms_y_mm" : "rms_x_mm", sqrt(fmax(0.0, moment[k][2] / moment[k][0] - mean * mean)));
    }
    fprintf(s->script,
            "set xlabel 'place of the fibre (mm)'\nset ylabel 'sum of ADC above pedestal, mean of fills'\n"
            "set xrange [-48:48]\nset yrange [0:*]\nset key top right\n"
            "plot $ibms using 1:2 with histeps lt 1 title 'x', $ibms using 1:3 with histeps lt 2 title 'y'\n");
    return ERR_OK;
}

/* ---- harps ---- */

/* Sum of a harp's fibres, and of each times its place, in one bin of time. */
static double moments(const struct hist *h, int harp, int64_t bin, double *first)
{
    double sum = 0.0;
    *first     = 0.0;
    for (int f = 0; f < AUX_HARP_FIBRES; f++) {
        double v = value(h, AUX_HARP_FIBRES * harp + f, bin);
        sum += v;
        *first += v * aux_harp_mm(f);
    }
    return sum;
}

/* First bin in which a harp has a signal. */
static int64_t first_signal(const struct hist *h)
{
    double unused;
    for (int64_t i = 0; i < h->y.n; i++)
        if (moments(h, HARP_X, i, &unused) > 0.0) return i;
    return h->y.n;
}

static enum err draw_turns(const struct report *r, struct sheet *s)
{
    enum { MAX = 300 };
    const struct hist *h = find(r, "aux/harp_signal");
    double t[MAX], x[MAX], y[MAX], unused;
    int64_t first = first_signal(h);
    size_t n      = 0;
    REQUIRE(first < h->y.n, ERR_NOTFOUND, "the fibre harps saw nothing");
    for (int64_t i = first; i < h->y.n && n < MAX; i++, n++) {
        t[n] = report_bin_centre(&h->y, i);
        x[n] = moments(h, HARP_X, i, &unused) / n_fills(r);
        y[n] = moments(h, HARP_Y, i, &unused) / n_fills(r);
    }
    const struct sheet_column columns[] = {{"time", "us", t}, {"x_harp", "adc", x}, {"y_harp", "adc", y}};
    sheet_table(s, "turns", n, columns, 3);
    fprintf(s->script,
            "set xlabel 'time after injection (us)'\nset ylabel 'ADC above pedestal / %.0f ns, mean of fills'\n"
            "set yrange [0:*]\nset xrange [%g:%g]\nset key top right opaque\n"
            "plot $turns using 1:2 with steps lt 1 title 'harp at 167.5 deg (x)', "
            "$turns using 1:3 with steps lt 2 title '165.5 deg (y)'\n",
            1e3 * (h->y.high - h->y.low) / (double)h->y.n, t[0], t[n - 1]);
    return ERR_OK;
}

struct places {
    size_t n;
    double *t_us, *weight, *mm;
};

/* Mean place of a harp's signal turn by turn: bins of one cyclotron period. Room for MAX_TURNS each. */
static void turn_places(const struct hist *h, int harp, struct places *p)
{
    const double turn_us = BIN_WIDTH_NS * 1e-3;
    double sum = 0.0, first = 0.0, t_sum = 0.0, one;
    int64_t turn = 0;
    p->n         = 0;
    for (int64_t i = 0; i <= h->y.n; i++) {
        double t     = i < h->y.n ? report_bin_centre(&h->y, i) : HUGE_VAL;
        int64_t here = i < h->y.n ? (int64_t)(t / turn_us) : -1;
        if (here != turn && sum > 0.0 && p->n < MAX_TURNS) {
            p->t_us[p->n]   = t_sum / sum;
            p->weight[p->n] = sum;
            p->mm[p->n++]   = first / sum;
        }
        if (here != turn) sum = first = t_sum = 0.0;
        turn = here;
        if (i == h->y.n) return;
        double v = moments(h, harp, i, &one);
        sum += fmax(0.0, v);
        t_sum += fmax(0.0, v) * t;
        first += v > 0.0 ? one : 0.0;
    }
}

static enum err make_places(const struct report *r, double **room, struct places p[2])
{
    const struct hist *h = find(r, "aux/harp_signal");
    TRY(mem_alloc(room, 6 * (size_t)MAX_TURNS, sizeof **room));
    for (int k = 0; k < 2; k++) {
        double *c = *room + 3 * k * MAX_TURNS;
        p[k]      = (struct places){0, c, c + MAX_TURNS, c + 2 * MAX_TURNS};
        turn_places(h, k ? HARP_Y : HARP_X, &p[k]);
        if (p[k].n >= 20) continue;
        mem_free(*room);
        *room = NULL;
        FAIL(ERR_NOTFOUND, "the fibre harps saw %zu turns", p[k].n);
    }
    return ERR_OK;
}

static enum err draw_places(const struct report *r, struct sheet *s)
{
    struct places p[2];
    double *room;
    TRY(make_places(r, &room, p));
    for (int k = 0; k < 2; k++) {
        const struct sheet_column columns[] = {{"time", "us", p[k].t_us}, {"mean_place", "mm", p[k].mm}};
        sheet_table(s, k ? "y" : "x", p[k].n, columns, 2);
    }
    double from = p[0].t_us[0];
    fprintf(
        s->script,
        "set multiplot\nset key off\nset xrange [%g:%g]\nset lmargin at screen 0.12\nset rmargin at screen 0.97\n"
        "set tmargin at screen 0.90\nset bmargin at screen 0.57\nset ylabel 'mean x of the fibres (mm)'\n"
        "plot $x with linespoints lt 1 lw 0.7 pt 7 ps 0.3\nunset title\nunset label 999\n"
        "set tmargin at screen 0.50\nset bmargin at screen 0.16\nset ylabel 'mean y (mm)'\n"
        "set xlabel 'time after injection (us)'\nplot $y with linespoints lt 2 lw 0.7 pt 7 ps 0.3\nunset multiplot\n",
        from, from + 12.0);
    mem_free(room);
    return ERR_OK;
}

static enum err put_spectrum(const struct places *p, const char *name, struct sheet *s)
{
    struct beam_spectrum f;
    char key[32];
    double step = 0.25 / fmax(1.0, p->t_us[p->n - 1] - p->t_us[0]);
    TRY(beam_spectrum_make(p->n, p->t_us, p->weight, p->mm, SPECTRUM_FROM_MHz, SPECTRUM_TO_MHz, step, &f));
    struct beam_peak peak               = beam_spectrum_peak(&f, 0.1, 3.3);
    const struct sheet_column columns[] = {{"frequency", "MHz", f.f_MHz}, {"amplitude", "mm", f.amplitude}};
    sheet_table(s, name, f.n, columns, 2);
    snprintf(key, sizeof key, "line_%s_MHz", name);
    sheet_number(s, key, peak.f_MHz);
    snprintf(key, sizeof key, "line_%s_mm", name);
    sheet_number(s, key, peak.amplitude);
    beam_spectrum_free(&f);
    return ERR_OK;
}

static enum err draw_spectrum(const struct report *r, struct sheet *s)
{
    struct places p[2];
    double *room;
    enum err rc;
    TRY(make_places(r, &room, p));
    TRY_TO(done, put_spectrum(&p[0], "x", s));
    TRY_TO(done, put_spectrum(&p[1], "y", s));
    fprintf(s->script, "set xlabel 'frequency (MHz)'\nset ylabel 'amplitude of the mean place (mm)'\nset yrange [0:*]\n"
                       "set xrange [0:3.35]\nset key top right\nplot $x with lines lt 1 title 'harp at 167.5 deg (x)', "
                       "$y with lines lt 2 title '165.5 deg (y)'\n");
done:
    mem_free(room);
    return rc;
}

/* clang-format off */
const struct picture report_aux_pictures[] = {
    {"t0_profile", "The bunch in the T0 counter", "Samples above pedestal, times from injection as this counter finds it.", {"aux/t0_profile", "aux/fills"}, false, 720, 480, draw_t0},
    {"ibms", "Profiles of the injected beam monitor", "Charge of each fibre.", {"aux/ibms", "aux/fills"}, false, 720, 480, draw_ibms},
    {"harp_turns", "Fibre harps turn by turn", "The first microseconds of the signal: a bunch each turn.", {"aux/harp_signal", "aux/fills"}, false, 720, 480, draw_turns},
    {"harp_place", "Place of the beam at the fibre harps", "Mean place of the fibres' signal in each turn. In x the coherent betatron oscillation.", {"aux/harp_signal", "aux/fills"}, false, 720, 560, draw_places},
    {"harp_spectrum", "Frequencies of the beam's place at the fibre harps", "Fourier sums of the turns; one azimuth sees the CBO in x, the vertical betatron frequency in y.", {"aux/harp_signal", "aux/fills"}, false, 720, 480, draw_spectrum},
    {0},
};
/* clang-format on */
