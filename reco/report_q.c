/* Pictures of the Q-method. */
#include "mem.h"
#include "q_fit.h"
#include "report.h"
#include "report_beam.h"
#include "wiggle.h"

#include <math.h>
#include <stdio.h>

enum { MAX_BINS = 8192, MAX_SLOW = 400, SHOWN_THRESHOLDS = 4 };

static const struct hist *find(const struct report *r, const char *name) { return hist_find(&r->in.hists, name); }

/* Sum over calorimeters. */
static double sum_of(const struct hist *h, int64_t bin)
{
    int64_t sum = 0;
    for (int64_t c = 0; c < h->x.n; c++) sum += h->content[c * h->y.n + bin];
    return (double)sum * h->quantum;
}

/* ---- wiggle ---- */

static enum err fit_q(const struct report *r, struct wiggle_data *d, struct wiggle_fit *fit)
{
    struct wiggle_model model;
    enum err rc;
    TRY(wiggle_model("5", &model));
    TRY(q_fit_take(&r->in, "q", 0, WIGGLE_FROM_US, WIGGLE_TO_US, d));
    TRY_TO(failed, wiggle_fit(d, &model, WIGGLE_LIKELIHOOD, fit));
    return ERR_OK;
failed:
    wiggle_data_free(d);
    return rc;
}

/* Joins four bins, 0.6 us, so that a sample of a few fills shows its wiggle; up to a multiple of 100 us. */
static size_t join(const struct wiggle_data *d, const struct wiggle_fit *fit, double *t, double *y, double *e,
                   double *f)
{
    enum { N = 4 };
    size_t n = 0;
    for (size_t i = 0; i + N <= d->n && n < MAX_BINS; i += N, n++) {
        double variance = 0.0;
        t[n] = y[n] = f[n] = 0.0;
        for (size_t j = i; j < i + N; j++) {
            double expected = wiggle_model_value(&fit->model, fit->value, d->t_us[j], NULL);
            t[n] += d->t_us[j] / N;
            y[n] += d->content[j] / N;
            f[n] += expected / N;
            variance += fit->variance_scale * expected + d->floor_variance;
        }
        e[n] = sqrt(variance) / N;
    }
    return n;
}

static enum err draw_wiggle(const struct report *r, struct sheet *s)
{
    struct wiggle_data d;
    struct wiggle_fit fit;
    double *c, x_last;
    enum err rc;
    TRY(fit_q(r, &d, &fit));
    TRY_TO(done, mem_alloc(&c, 5 * (size_t)MAX_BINS, sizeof *c));
    double *t = c, *y = c + MAX_BINS, *e = c + 2 * MAX_BINS, *f = c + 3 * MAX_BINS, *x = c + 4 * MAX_BINS;
    size_t n = join(&d, &fit, t, y, e, f);
    for (size_t i = 0; i < n; i++) x[i] = fmod(t[i], 100.0);
    const struct sheet_column columns[] = {{"time_modulo_100", "us", x},
                                           {"time", "us", t},
                                           {"energy_per_bin", "GeV", y},
                                           {"error", "GeV", e},
                                           {"fit", "GeV", f}};
    sheet_table(s, "wiggle", n, columns, 5);
    sheet_number(s, "A", fit.value[WIGGLE_A]);
    sheet_number(s, "sig_A", fit.error[WIGGLE_A]);
    sheet_number(s, "sig_R_ppm", fit.error[WIGGLE_R]);
    sheet_number(s, "chi2", fit.chi2);
    sheet_number(s, "ndf", fit.ndf);
    x_last = fmax(1e-3 * fabs(f[0]), 0.2 * fabs(f[n ? n - 1 : 0]));
    fprintf(s->script,
            "set xlabel 'time after injection, modulo 100 (us)'\nset ylabel 'energy above threshold (GeV) / %.0f ns'\n"
            "set logscale y\nset xrange [0:100]\nset yrange [%g:*]\nset format y '%%g'\nset key top right opaque\n"
            "old = -1\nbroken(x, f) = (x < old ? (old = x, NaN) : (old = x, f))\n"
            "plot $wiggle using 1:($3 > 0 ? $3 : NaN):4 with yerrorbars pt 0 lw 0.5 lc rgb '#A8D4EE' notitle, "
            "$wiggle using 1:($3 > 0 ? $3 : NaN) with points pt 7 ps 0.25 lt 1 title 'data, four bins joined', "
            "$wiggle using 1:(broken($1, $5)) with lines lt 2 lw 1.2 title 'fit, chi2/ndf = %.1f/%.0f'\n",
            d.bin_us * 1e3, x_last, fit.chi2, fit.ndf);
    mem_free(c);
done:
    wiggle_data_free(&d);
    return rc;
}

/* ---- pedestals ---- */

static enum err draw_drift(const struct report *r, struct sheet *s)
{
    const struct hist *sum = find(r, "qmethod/drift"), *n = find(r, "qmethod/drift_n");
    double t[MAX_SLOW], mean[MAX_SLOW];
    size_t k = 0;
    for (int64_t i = 0; i < sum->y.n && k < MAX_SLOW; i++) {
        double count = sum_of(n, i);
        if (count <= 0.0) continue;
        t[k]      = report_bin_centre(&sum->y, i);
        mean[k++] = sum_of(sum, i) / count;
    }
    REQUIRE(k > 0, ERR_NOTFOUND, "there is no Q histogram with bins before injection");
    const struct sheet_column columns[] = {{"time", "us", t}, {"drift", "adc", mean}};
    sheet_table(s, "drift", k, columns, 2);
    fprintf(s->script,
            "set xlabel 'time after injection (us)'\nset ylabel 'pedestal less that before injection (ADC)'\n"
            "set key off\nset xrange [%g:%g]\nplot $drift with linespoints lt 1 pt 7 ps 0.4\n",
            sum->y.low, sum->y.high);
    return ERR_OK;
}

/* Energy per microsecond and fill: fixed pedestal, rolling pedestal, thresholds. Both signs, so no logarithm. */
static enum err draw_thresholds(const struct report *r, struct sheet *s)
{
    enum { N = 140 };
    static const char *const names[SHOWN_THRESHOLDS]      = {"qmethod/energy_0", "qmethod/energy_1", "qmethod/energy_2",
                                                             "qmethod/fixed"};
    static const char *const columns_of[SHOWN_THRESHOLDS] = {"energy_0", "energy_1", "energy_2", "fixed"};
    double t[N], y[SHOWN_THRESHOLDS][N] = {{0.0}}, fills = fmax(1.0, sum_of(find(r, "qmethod/fills"), 0) / 24.0);
    struct sheet_column columns[1 + SHOWN_THRESHOLDS] = {{"time", "us", t}};
    const char *titles[1 + SHOWN_THRESHOLDS]          = {""};
    size_t n_columns                                  = 1;
    for (int k = 0; k < SHOWN_THRESHOLDS; k++) {
        const struct hist *h = find(r, names[k]);
        if (!h) continue;
        for (int i = 0; i < N; i++) t[i] = h->y.low + (i + 0.5) * (h->y.high - h->y.low) / N;
        for (int64_t i = 0; i < h->y.n; i++) {
            int bin = (int)(i * N / h->y.n);
            y[k][bin] += sum_of(h, i) * N / (fills * (h->y.high - h->y.low));
        }
        titles[n_columns]    = k + 1 < SHOWN_THRESHOLDS ? h->title : "pedestal fixed before injection";
        columns[n_columns++] = (struct sheet_column){columns_of[k], "GeV/us", y[k]};
    }
    sheet_table(s, "energy", N, columns, n_columns);
    fprintf(s->script,
            "set xlabel 'time after injection (us)'\nset ylabel 'energy / us / fill (GeV)'\nset xrange [0:300]\n"
            "set logscale y\nset format y '%%g'\nset key top right\nplot ");
    for (size_t i = 1; i < n_columns; i++) {
        char title[200];
        sheet_quote(titles[i], sizeof title, title);
        fprintf(s->script, "%s$energy using 1:($%zu > 0 ? $%zu : NaN) with linespoints lt %zu pt 7 ps 0.3 title %s",
                i > 1 ? ", " : "", i + 1, i + 1, i, title);
    }
    fprintf(s->script, "\n");
    return ERR_OK;
}

static enum err draw_noise(const struct report *r, struct sheet *s)
{
    enum { N = 24 * 54 };
    const struct hist *h = find(r, "qmethod/noise"), *sums = find(r, "qmethod/sums");
    double x[N], y[N], noise[N];
    size_t n = 0;
    for (int64_t c = 0; c < h->x.n; c++)
        for (int64_t k = 0; k < h->y.n && n < N; k++) {
            if (sums->content[c] == 0) continue;
            x[n]       = (double)(c + 1);
            y[n]       = (double)k;
            noise[n++] = (double)h->content[c * h->y.n + k] * h->quantum / (double)sums->content[c];
        }
    REQUIRE(n > 0, ERR_NOTFOUND, "there are no Q histograms");
    const struct sheet_column columns[] = {{"calorimeter", "1", x}, {"crystal", "1", y}, {"noise", "adc", noise}};
    sheet_table(s, "noise", n, columns, 3);
    fprintf(s->script,
            "set xlabel 'calorimeter'\nset ylabel 'crystal'\nset cblabel 'noise of a sample (ADC)'\nset key off\n"
            "set xrange [0.5:24.5]\nset yrange [-0.5:53.5]\nset xtics 2\nplot $noise using 1:2:3 with @map_style\n");
    return ERR_OK;
}

/* clang-format off */
const struct picture report_q_pictures[] = {
    {"q_wiggle", "Q-method: energy against time", "Energy above the rolling pedestal and the first threshold, and a fit of five parameters.", {"qmethod/energy_0", "qmethod/sums"}, false, 860, 520, draw_wiggle},
    {"q_thresholds", "Q-method: thresholds and pedestals", "Energy of all calorimeters against time; where the curve of a fixed pedestal leaves the others it shows the pedestals' drift. Bins that are not above zero are left out.", {"qmethod/energy_0", "qmethod/fixed", "qmethod/fills"}, false, 720, 520, draw_thresholds},
    {"q_drift", "Q-method: drift of the pedestals", "Mean rolling pedestal of all crystals, less its value before injection.", {"qmethod/drift", "qmethod/drift_n"}, false, 720, 420, draw_drift},
    {"q_noise", "Q-method: noise of the crystals", "From differences of neighbouring bins of each Q histogram.", {"qmethod/noise", "qmethod/sums"}, false, 720, 560, draw_noise},
    {0},
};
/* clang-format on */
