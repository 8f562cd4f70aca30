/* Pictures of the wiggle, its fit, and where the positrons are. */
#include "mem.h"
#include "phys.h"
#include "report.h"
#include "wiggle.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_BINS = WIGGLE_BINS };

static double sum_over_calos(const struct hist *h, int64_t bin)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < h->x.n; i++) sum += h->content[i * h->y.n + bin];
    return (double)sum;
}

/* ---- wiggle -------------------------------------------------------------------------------------------------------- */

struct points {
    size_t n;
    double *t, *x, *y, *e, *f; /* time, folded time, positrons a bin, error, fit */
};

/* Joins bins while fewer than 12 counts are expected, at most 8 (1.2 us) and not across a fold; contents are a bin's. */
static void join_bins(const struct report *r, double fold_us, struct points *p)
{
    const struct wiggle_data *d = &r->data;
    double t_sum = 0.0, content = 0.0, expected = 0.0;
    size_t k = 0;
    for (size_t i = 0; i < d->n; i++) {
        t_sum += d->t_us[i];
        content += d->content[i];
        expected += wiggle_model_value(&r->best.model, r->best.value, d->t_us[i], NULL);
        k++;
        int ends_fold = i + 1 == d->n || floor(d->t_us[i + 1] / fold_us) > floor(d->t_us[i] / fold_us);
        if (expected < 12.0 && k < 8 && !ends_fold) continue;
        p->t[p->n] = t_sum / (double)k;
        p->x[p->n] = fmod(p->t[p->n], fold_us);
        p->y[p->n] = content / (double)k;
        p->e[p->n] = sqrt(content) / (double)k;
        p->f[p->n] = expected / (double)k;
        p->n++;
        t_sum = content = expected = 0.0;
        k                          = 0;
    }
}

static enum err draw_wiggle(const struct report *r, struct sheet *s)
{
    static const double fold_us = 100.0;
    double *column;
    TRY(mem_alloc(&column, 5 * (size_t)MAX_BINS, sizeof *column));
    struct points p = {
        0, column, column + MAX_BINS, column + 2 * MAX_BINS, column + 3 * MAX_BINS, column + 4 * MAX_BINS};
    join_bins(r, fold_us, &p);
    const struct sheet_column columns[] = {{"time_modulo_100", "us", p.x},
                                           {"time", "us", p.t},
                                           {"positrons_per_bin", "1", p.y},
                                           {"error", "1", p.e},
                                           {"fit", "1", p.f}};
    sheet_table(s, "wiggle", p.n, columns, 5);
    double last = p.n ? p.f[p.n - 1] : 1.0;
    fprintf(s->script,
            "set xlabel 'time after injection, modulo 100 (us)'\nset ylabel 'positrons above 1.7 GeV / %.1f ns'\n"
            "set logscale y\nset xrange [0:100]\nset yrange [%g:*]\nset format y '%%g'\nset key top right opaque\n"
            "old = -1\n",
            r->data.bin_us * 1e3, fmax(0.1, 0.3 * last));
    /* a new fold begins where x falls: the line is broken there */
    fprintf(s->script,
            "broken(x, f) = (x < old ? (old = x, NaN) : (old = x, f))\n"
            "plot $wiggle using 1:($3 > 0 ? $3 : NaN):4 with yerrorbars pt 0 lw 0.5 lc rgb '#A8D4EE' notitle, "
            "$wiggle using 1:($3 > 0 ? $3 : NaN) with points pt 7 ps 0.25 lt 1 title 'data', "
            "$wiggle using 1:(broken($1, $5)) with lines lt 2 lw 1.2 title 'fit'\n");
    mem_free(column);
    return ERR_OK;
}

/* A step between tics so that at most five fit below `most`. */
static double tic_step(double most)
{
    double step = pow(10.0, floor(log10(fmax(most, 1.0) / 4.0)));
    for (int i = 0; most / step > 4.0; i++) step *= i % 3 == 1 ? 2.5 : 2.0;
    return step;
}

/* Residuals against time, and their distribution turned on its side. */
static void draw_pulls(struct sheet *s, const double *pull, size_t n, double mean, double mean_square)
{
    enum { N = 40 };
    double x[N], y[N], most = 0.0, width = sqrt(fmax(0.0, mean_square - mean * mean));
    for (int i = 0; i < N; i++) {
        x[i] = -5.0 + (i + 0.5) * 0.25;
        y[i] = 0.0;
    }
    for (size_t i = 0; i < n; i++)
        if (fabs(pull[i]) < 5.0) y[(int)((pull[i] + 5.0) / 0.25)] += 1.0;
    for (int i = 0; i < N; i++) most = fmax(most, y[i]);
    const struct sheet_column columns[] = {{"pull", "1", x}, {"entries", "1", y}};
    sheet_table(s, "distribution", N, columns, 2);
    sheet_number(s, "mean", mean);
    sheet_number(s, "width", width);
    fprintf(s->script,
            "set multiplot\nset xlabel 'time after injection (us)'\nset ylabel '(data - fit) / error'\n"
            "set yrange [-5:5]\nset xrange [0:*]\nset tmargin at screen 0.86\nset rmargin at screen 0.74\nset key off\n"
            "plot $residuals with points pt 7 ps 0.25 lt 1\n"
            "unset title\nunset label 999\nunset ylabel\nset format y ''\nset lmargin at screen 0.76\n"
            "set rmargin at screen 0.97\nset xlabel 'entries'\nset xrange [0:%g]\nset xtics 0, %g\n"
            "set label 1 'mean  %.3f' at graph 0.95, 0.94 right\nset label 2 'width  %.3f' at graph 0.95, 0.87 right\n"
            "set parametric\nset trange [-5:5]\nset style fill solid 0.5 noborder\n"
            "plot $distribution using (0.5 * $2):1:(0.5 * $2):(0.125) with boxxyerror lt 1, "
            "%zu * 0.25 / sqrt(2 * pi) * exp(-0.5 * t ** 2), t with lines lt 2\nunset multiplot\n",
            1.25 * most, tic_step(1.25 * most), mean, width, n);
}

static enum err draw_residuals(const struct report *r, struct sheet *s)
{
    size_t n = 0;
    double *column, content = 0.0, expected = 0.0, first_us = r->data.t_us[0], sum = 0.0, sum2 = 0.0;
    TRY(mem_alloc(&column, 2 * (size_t)MAX_BINS, sizeof *column));
    double *t = column, *pull = column + MAX_BINS;
    for (size_t i = 0; i < r->data.n; i++) {
        content += r->data.content[i];
        expected += wiggle_model_value(&r->best.model, r->best.value, r->data.t_us[i], NULL);
        if (expected < 10.0) continue;
        t[n]    = 0.5 * (first_us + r->data.t_us[i]);
        pull[n] = (content - expected) / sqrt(expected);
        sum += pull[n];
        sum2 += pull[n] * pull[n];
        n++;
        content = expected = 0.0;
        if (i + 1 < r->data.n) first_us = r->data.t_us[i + 1];
    }
    const struct sheet_column columns[] = {{"time", "us", t}, {"pull", "1", pull}};
    sheet_table(s, "residuals", n, columns, 2);
    draw_pulls(s, pull, n, n ? sum / (double)n : 0.0, n ? sum2 / (double)n : 0.0);
    mem_free(column);
    return ERR_OK;
}

static enum err spectrum_of(const struct wiggle_data *d, const struct wiggle_fit *fit, double *power)
{
    double *pull;
    TRY(mem_alloc(&pull, d->n, sizeof *pull));
    wiggle_pulls(d, fit, pull);
    enum err rc = wiggle_spectrum(pull, d->n, power);
    mem_free(pull);
    return rc;
}

static enum err draw_fft(const struct report *r, struct sheet *s)
{
    size_t n = r->data.n / 2;
    double *column;
    enum err rc;
    TRY(mem_alloc(&column, 3 * ((size_t)MAX_BINS + 1), sizeof *column));
    double *f = column, *five = f + MAX_BINS + 1, *best = five + MAX_BINS + 1;
    TRY_TO(done, spectrum_of(&r->data, &r->five, five));
    TRY_TO(done, spectrum_of(&r->data, &r->best, best));
    for (size_t k = 0; k <= n; k++) f[k] = (double)k / ((double)r->data.n * r->data.bin_us);
    const struct sheet_column columns[] = {
        {"frequency", "MHz", f}, {"power_five", "1", five}, {"power_model", "1", best}};
    sheet_table(s, "spectrum", n + 1, columns, 3);
    sheet_number(s, "one_percent_level", log((double)n / 0.01));
    /* Lines where beam motion would show, for the usual n = 0.108. */
    static const struct {
        double f_MHz;
        const char *name;
        double height;
    } marks[] = {{0.2291, "f_a", 0.93},           {0.370 - 0.2291, "CBO-a", 0.86}, {0.370, "CBO", 0.79},
                 {0.370 + 0.2291, "CBO+a", 0.86}, {0.740, "2CBO", 0.93},           {2.285, "VW", 0.93}};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        fprintf(s->script,
                "set arrow from %g, graph 0 to %g, graph 1 nohead lc rgb '#999999' dt 3\n"
                "set label '%s' at %g, graph %g left offset 0.3, 0 font ',10' tc rgb '#444444'\n",
                marks[i].f_MHz, marks[i].f_MHz, marks[i].name, marks[i].f_MHz, marks[i].height);
    double level = log((double)n / 0.01), most = level;
    for (size_t k = 0; k <= n; k++) most = fmax(most, fmax(five[k], best[k]));
    fprintf(s->script,
            "set xlabel 'frequency (MHz)'\nset ylabel 'power (1 = noise)'\nset xrange [0:%g]\nset yrange [0:%g]\n"
            "set key at graph 0.66, 0.97 right top\n"
            "plot $spectrum using 1:2 with lines lt 1 lw 0.9 title 'five parameters', %s"
            "%g with lines lt 7 dt 2 lw 1 title '1 %% level of noise'\n",
            0.5 / r->data.bin_us, 1.45 * most,
            r->has_best ? "$spectrum using 1:3 with lines lt 2 lw 0.9 title 'model', " : "", level);
done:
    mem_free(column);
    return rc;
}

/* ---- energies, hits -------------------------------------------------------------------------------------------------- */

static enum err draw_energy(const struct report *r, struct sheet *s)
{
    const struct hist *h = hist_find(&r->in.hists, "wiggle/energy");
    double x[512], y[512];
    size_t n     = h->y.n < 512 ? (size_t)h->y.n : 512;
    double width = (h->y.high - h->y.low) / (double)h->y.n;
    for (size_t i = 0; i < n; i++) {
        x[i] = h->y.low + ((double)i + 0.5) * width;
        y[i] = sum_over_calos(h, (int64_t)i);
    }
    const struct sheet_column columns[] = {{"energy", "GeV", x}, {"clusters", "1", y}};
    sheet_table(s, "energy", n, columns, 2);
    fprintf(s->script,
            "set xlabel 'cluster energy (GeV)'\nset ylabel 'clusters / %g MeV'\nset logscale y\nset yrange [0.5:*]\n"
            "set xrange [%g:%g]\nset format y '%%g'\nset key off\n"
            "set arrow from 1.7, graph 0 to 1.7, graph 1 nohead lt 2\n"
            "set label 'T-method threshold' at 1.7, graph 0.05 left offset 0.5, 0 tc lt 2\n"
            "set arrow from 3.095, graph 0 to 3.095, graph 1 nohead lt 3\n"
            "set label 'endpoint' at 3.095, graph 0.95 left offset 0.5, 0 tc lt 3\n"
            "plot $energy using 1:($2 > 0 ? $2 : 0.1) with steps lt 1\n",
            width * 1e3, h->y.low, h->y.high);
    return ERR_OK;
}

/* Least squares of n(phase) e^{phase T / tau} = a + u cos + v sin in one energy slice; false with too few counts. */
static int slice_asymmetry(const struct hist *h, int64_t slice, double tau_us, double *a, double *error)
{
    double n = 0.0, cos_sum = 0.0, sin_sum = 0.0, weight_sum = 0.0;
    for (int64_t j = 0; j < h->y.n; j++) {
        double phase = ((double)j + 0.5) / (double)h->y.n, count = (double)h->content[slice * h->y.n + j];
        double weight = exp(phase / (F_REFERENCE_MHz * tau_us));
        n += count;
        weight_sum += weight * count;
        cos_sum += weight * count * cos(2.0 * PI * phase);
        sin_sum += weight * count * sin(2.0 * PI * phase);
    }
    if (n < 100.0) return 0;
    *a     = 2.0 * hypot(cos_sum, sin_sum) / weight_sum;
    *error = sqrt(2.0 / n);
    return 1;
}

static enum err draw_asymmetry(const struct report *r, struct sheet *s)
{
    const struct hist *h = hist_find(&r->in.hists, "wiggle/energy_phase");
    double x[64], a[64], e[64], want[64];
    size_t n = 0;
    for (int64_t i = 0; i < h->x.n && n < 64; i++) {
        x[n] = h->x.low + ((double)i + 0.5) * (h->x.high - h->x.low) / (double)h->x.n;
        if (!slice_asymmetry(h, i, r->five.value[WIGGLE_TAU], &a[n], &e[n])) continue;
        want[n] = fabs(wiggle_asymmetry(x[n]));
        n++;
    }
    REQUIRE(n > 0, ERR_NOTFOUND, "no energy slice has 100 clusters");
    const struct sheet_column columns[] = {
        {"energy", "GeV", x}, {"asymmetry", "1", a}, {"error", "1", e}, {"theory_full_polarisation", "1", want}};
    sheet_table(s, "asymmetry", n, columns, 4);
    fprintf(s->script, "set xlabel 'cluster energy (GeV)'\nset ylabel 'amplitude of the wiggle'\nset yrange [0:1.05]\n"
                       "set xrange [0:3.2]\nset key top left\n"
                       "plot $asymmetry using 1:4 with lines lt 2 title '|A(E)|, full polarisation, no resolution', "
                       "$asymmetry using 1:2:3 with yerrorbars pt 7 ps 0.6 lt 1 title 'data'\n");
    return ERR_OK;
}

static enum err draw_calos(const struct report *r, struct sheet *s)
{
    const struct hist *h     = hist_find(&r->in.hists, "wiggle/calo_hits"),
                      *fills = hist_find(&r->in.hists, "wiggle/fills");
    double x[N_CALOS], y[N_CALOS], e[N_CALOS], n_fills = fills->content[0] > 0 ? (double)fills->content[0] : 1.0;
    for (int i = 0; i < N_CALOS; i++) {
        x[i] = i + 1;
        y[i] = (double)h->content[i] / n_fills;
        e[i] = sqrt((double)h->content[i]) / n_fills;
    }
    const struct sheet_column columns[] = {{"calorimeter", "1", x}, {"positrons_per_fill", "1", y}, {"error", "1", e}};
    sheet_table(s, "calos", N_CALOS, columns, 3);
    fprintf(s->script,
            "set xlabel 'calorimeter'\nset ylabel 'positrons above 1.7 GeV after 30 us / fill'\n"
            "set xrange [0.4:24.6]\nset yrange [0:*]\nset xtics 1 font ',11'\nset boxwidth 0.8\nset key off\n"
            "plot $calos using 1:2:3 with boxerrorbars lt 1 fs solid 0.5\n");
    return ERR_OK;
}

static enum err draw_crystals(const struct report *r, struct sheet *s)
{
    sheet_map(s, "crystals", hist_find(&r->in.hists, "wiggle/crystal_map"));
    fprintf(s->script,
            "set xlabel 'calorimeter'\nset ylabel 'crystal: (column - 1) + 9 (row - 1)'\nset cblabel 'pulses'\n"
            "set xrange [0.5:24.5]\nset yrange [-0.5:53.5]\nset cbrange [0:*]\nset xtics 1 font ',11'\n"
            "set ytics 9\nset mytics 9\nset grid noxtics noytics\nset key off\n"
            "plot $crystals using 1:2:3 with @map_style\n");
    return ERR_OK;
}

static enum err draw_early(const struct report *r, struct sheet *s)
{
    const struct hist *h = hist_find(&r->in.hists, "wiggle/early");
    double *column;
    size_t n = (size_t)h->x.n;
    TRY(mem_alloc(&column, 2 * n, sizeof *column));
    for (size_t i = 0; i < n; i++) {
        column[i]     = h->x.low + ((double)i + 0.5) * (h->x.high - h->x.low) / (double)n;
        column[n + i] = (double)h->content[i];
    }
    const struct sheet_column columns[] = {{"time", "us", column}, {"positrons", "1", column + n}};
    sheet_table(s, "early", n, columns, 2);
    fprintf(s->script, "set xlabel 'time after injection, not randomised (us)'\nset ylabel 'positrons / 10 ns'\n"
                       "set xrange [0:6]\nset yrange [0:*]\nset key off\nplot $early with steps lt 1\n");
    mem_free(column);
    return ERR_OK;
}

const struct picture report_wiggle_pictures[] = {
    {"wiggle",
     "Positrons against time: the wiggle",
     "T-method, all calorimeters; times are folded at 100 us, so that later stretches lie below earlier ones.",
     {"wiggle/t_method"},
     true,
     1100,
     560,
     draw_wiggle},
    {"residuals",
     "Residuals of the fit",
     "Bins are joined until 10 counts are expected. Right: their distribution and a unit Gaussian.",
     {"wiggle/t_method"},
     true,
     1100,
     420,
     draw_residuals},
    {"fft",
     "Fourier spectrum of the residuals",
     "Peaks stand for motion that the model leaves out: coherent betatron oscillation (CBO) and vertical waist (VW) "
     "are "
     "marked where they lie for n = 0.108. Noise alone has a line above the 1 % level once in 100 spectra.",
     {"wiggle/t_method"},
     true,
     1100,
     420,
     draw_fft},
    {"energy",
     "Energy spectrum of clusters",
     "After 30 us, all calorimeters.",
     {"wiggle/energy"},
     false,
     720,
     480,
     draw_energy},
    {"asymmetry",
     "Asymmetry against energy",
     "Amplitude of the wiggle in slices of energy. It vanishes near 1.3 GeV, where the sign changes; near zero its "
     "size "
     "is biased upwards by noise.",
     {"wiggle/energy_phase"},
     true,
     720,
     480,
     draw_asymmetry},
    {"calos",
     "Hits per calorimeter",
     "Positrons above threshold.",
     {"wiggle/calo_hits", "wiggle/fills"},
     false,
     720,
     480,
     draw_calos},
    {"early",
     "Early times: the fast rotation",
     "Before the beam has spread around the ring, counts follow the cyclotron period of 149 ns.",
     {"wiggle/early"},
     false,
     720,
     480,
     draw_early},
    {"crystals",
     "Hits per crystal",
     "Fitted pulses above 100 MeV after 30 us.",
     {"wiggle/crystal_map"},
     false,
     1100,
     560,
     draw_crystals},
    {0},
};
