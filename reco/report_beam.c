/* Pictures of the beam: phase space, equilibrium radius, profiles, losses. */
#include "report_beam.h"
#include "mem.h"
#include "phys.h"
#include "report.h"

#include <math.h>

enum { N_FATES = 4, MAX_FATES = 8 };

double report_bin_centre(const struct hist_axis *a, int64_t i)
{
    return a->low + ((double)i + 0.5) * (a->high - a->low) / (double)a->n;
}

static const struct hist *find(const struct report *r, const char *name) { return hist_find(&r->in.hists, name); }

struct moments report_moments(const int64_t *cells, const struct hist_axis *a)
{
    struct moments m = {0};
    double sum = 0.0, sum2 = 0.0;
    for (int64_t i = 0; i < a->n; i++) {
        double n = (double)cells[i], v = report_bin_centre(a, i);
        m.n += n, sum += n * v, sum2 += n * v * v;
    }
    if (m.n <= 0.0) return m;
    m.mean = sum / m.n;
    m.rms  = sqrt(fmax(0.0, sum2 / m.n - m.mean * m.mean));
    return m;
}

/* ---- phase space ---- */

/* Half width of an axis that shows all: the usual one of a stored beam, or the whole axis when there is more. */
static double reach_of(const struct hist *h, bool along_y, double usual)
{
    const struct hist_axis *a = along_y ? &h->y : &h->x;
    for (int64_t i = 0; i < h->x.n * h->y.n; i++)
        if (h->content[i] && fabs(report_bin_centre(a, along_y ? i % h->y.n : i / h->y.n)) > usual) return a->high;
    return usual;
}

static void draw_planes(struct sheet *s, const struct hist *x_xp, const struct hist *y_yp, const struct hist *x_y)
{
    const double reach = reach_of(x_y, false, 60.0), xp = reach_of(x_xp, true, 12.0), yp = reach_of(y_yp, true, 6.0);
    sheet_map(s, "x_xp", x_xp);
    sheet_map(s, "y_yp", y_yp);
    sheet_map(s, "x_y", x_y);
    fprintf(s->script,
            "set multiplot\nunset colorbox\nset key off\nset cbrange [0:*]\nset tmargin at screen 0.88\n"
            "set lmargin at screen 0.39\nset rmargin at screen 0.65\nset xlabel 'y (mm)'\nset ylabel \"y' (mrad)\" "
            "offset 1,0\n"
            "set xrange [-60:60]\nset yrange [%g:%g]\nplot $y_yp using 1:2:3 with @map_style\n"
            "unset title\nunset label 999\n"
            "set lmargin at screen 0.06\nset rmargin at screen 0.32\nset xlabel 'x (mm)'\nset ylabel \"x' (mrad)\"\n"
            "set xrange [-60:%g]\nset yrange [%g:%g]\nplot $x_xp using 1:2:3 with @map_style\n"
            "set lmargin at screen 0.72\nset rmargin at screen 0.98\nset xlabel 'x (mm)'\nset ylabel 'y (mm)'\n"
            "set xrange [-60:%g]\nset yrange [-60:60]\nset parametric\nset trange [0:2 * pi]\n"
            "plot $x_y using 1:2:3 with @map_style, 45 * cos(t), 45 * sin(t) with lines lt 2 lw 1\nunset multiplot\n",
            -yp, yp, reach, -xp, xp, reach);
}

static enum err draw_start(const struct report *r, struct sheet *s)
{
    draw_planes(s, find(r, "beam/start_x_xp"), find(r, "beam/start_y_yp"), find(r, "beam/start_x_y"));
    return ERR_OK;
}

static enum err draw_stored(const struct report *r, struct sheet *s)
{
    draw_planes(s, find(r, "beam/stored_x_xp"), find(r, "beam/stored_y_yp"), find(r, "beam/stored_x_y"));
    return ERR_OK;
}

static enum err draw_end(const struct report *r, struct sheet *s)
{
    draw_planes(s, find(r, "beam/end_x_xp"), find(r, "beam/end_y_yp"), find(r, "beam/end_x_y"));
    return ERR_OK;
}

enum err report_columns(const struct hist *h, double **out)
{
    TRY(mem_alloc(out, 2 * (size_t)h->x.n, sizeof **out));
    for (int64_t i = 0; i < h->x.n; i++) {
        (*out)[i]          = report_bin_centre(&h->x, i);
        (*out)[h->x.n + i] = (double)h->content[i] * h->quantum;
    }
    return ERR_OK;
}

static enum err draw_x_e(const struct report *r, struct sheet *s)
{
    const struct hist *h = find(r, "beam/x_e");
    double *c;
    struct moments m = report_moments(h->content, &h->x);
    REQUIRE(m.n > 0.0, ERR_NOTFOUND, "no muon was stored long enough");
    TRY(report_columns(h, &c));
    const struct sheet_column columns[] = {{"x_e", "mm", c}, {"muons", "1", c + h->x.n}};
    sheet_table(s, "x_e", (size_t)h->x.n, columns, 2);
    sheet_number(s, "mean_mm", m.mean);
    sheet_number(s, "rms_mm", m.rms);
    fprintf(s->script,
            "set xlabel 'equilibrium radius x_e (mm)'\nset ylabel 'stored muons / mm'\nset xrange [-50:50]\n"
            "set yrange [0:*]\nset key off\nset label 1 'mean %.2f mm, rms %.2f mm' at graph 0.03, 0.95\n"
            "set label 2 'sqrt(<x_e^2>) = %.2f mm' at graph 0.03, 0.89\nplot $x_e with steps lt 1\n",
            m.mean, m.rms, hypot(m.mean, m.rms));
    mem_free(c);
    return ERR_OK;
}

static enum err draw_delta(const struct report *r, struct sheet *s)
{
    const struct hist *start = find(r, "beam/start_delta"), *end = find(r, "beam/end_delta");
    struct moments a = report_moments(start->content, &start->x), b = report_moments(end->content, &end->x);
    double *c, *d;
    TRY(report_columns(start, &c));
    enum err rc = report_columns(end, &d);
    if (rc) {
        mem_free(c);
        return rc;
    }
    for (int64_t i = 0; i < start->x.n; i++) c[i] *= 100.0;
    const struct sheet_column columns[] = {
        {"delta", "%", c}, {"started", "1", c + start->x.n}, {"stored", "1", d + end->x.n}};
    sheet_table(s, "delta", (size_t)start->x.n, columns, 3);
    double reach = fmin(3.0, fmax(0.8, 100.0 * (fabs(a.mean) + 4.0 * a.rms)));
    fprintf(s->script,
            "set xlabel 'p / p_magic - 1 (%%)'\nset ylabel 'muons / 0.01 %%'\nset xrange [%g:%g]\nset yrange [0:*]\n"
            "set offsets 0, 0, graph 0.2, 0\nset key top left\nplot $delta using 1:2 with steps lt 1 title 'all, mean "
            "%.3f, rms %.3f %%', "
            "$delta using 1:3 with steps lt 2 title 'stored, mean %.3f, rms %.3f %%'\n",
            -reach, reach, 100.0 * a.mean, 100.0 * a.rms, 100.0 * b.mean, 100.0 * b.rms);
    mem_free(c);
    mem_free(d);
    return ERR_OK;
}

static enum err draw_profiles(const struct report *r, struct sheet *s)
{
    enum { MAX = 256 };
    const struct hist *hx = find(r, "beam/x_time"), *hy = find(r, "beam/y_time");
    double c[7][MAX];
    size_t n = 0;
    for (int64_t i = 0; i < hx->x.n && n < MAX; i++) {
        struct moments x = report_moments(hx->content + i * hx->y.n, &hx->y),
                       y = report_moments(hy->content + i * hy->y.n, &hy->y);
        if (x.n < 30.0 || y.n < 30.0) continue;
        c[0][n] = report_bin_centre(&hx->x, i);
        c[1][n] = x.mean, c[2][n] = x.rms, c[3][n] = x.rms / sqrt(x.n);
        c[4][n] = y.mean, c[5][n] = y.rms, c[6][n] = y.rms / sqrt(y.n);
        n++;
    }
    REQUIRE(n > 1, ERR_NOTFOUND, "too few decays");
    const struct sheet_column columns[] = {{"time", "us", c[0]},    {"mean_x", "mm", c[1]}, {"rms_x", "mm", c[2]},
                                           {"error_x", "mm", c[3]}, {"mean_y", "mm", c[4]}, {"rms_y", "mm", c[5]},
                                           {"error_y", "mm", c[6]}};
    sheet_table(s, "profiles", n, columns, 7);
    fprintf(s->script,
            "set xlabel 'time after injection (us)'\nset ylabel 'mm'\nset xrange [0:%g]\nset yrange [-5:25]\nset key "
            "top right\n"
            "plot $profiles using 1:3:($4 / sqrt(2)) with yerrorbars pt 7 ps 0.4 lt 1 title 'rms x', "
            "$profiles using 1:6:($7 / sqrt(2)) with yerrorbars pt 7 ps 0.4 lt 3 title 'rms y', "
            "$profiles using 1:2:4 with yerrorbars pt 5 ps 0.4 lt 2 title 'mean x', "
            "$profiles using 1:5:7 with yerrorbars pt 5 ps 0.4 lt 4 title 'mean y'\n",
            c[0][n - 1] + 5.0);
    return ERR_OK;
}

/* ---- losses ---- */

static double of_fate(const struct hist *h, int64_t bin, int fate) { return (double)h->content[bin * h->y.n + fate]; }

static double lost_in(const struct hist *h, int64_t bin)
{
    double n = 0.0;
    for (int f = 2; f < MAX_FATES; f++) n += of_fate(h, bin, f);
    return n;
}

/* One bin of time: rate = lost / at risk / width. */
struct loss_bin {
    double time_us, rate, error, kept, lost;
};

/* Part of the muons that would be there without decay: product over bins of 1 - lost / at risk (Kaplan, Meier, J. Am.
 * Stat. Assoc. 53 (1958) 457). Bins are joined by four. */
static size_t loss_bins(const struct hist *h, size_t max, struct loss_bin *out)
{
    enum { JOIN = 4 };
    double there = (double)h->n_entries, kept = 1.0;
    const double width = (h->x.high - h->x.low) / (double)h->x.n;
    size_t n           = 0;
    for (int64_t i = 0; i + JOIN <= h->x.n && n < max; i += JOIN) {
        double low = pow(10.0, h->x.low + width * (double)i), high = pow(10.0, h->x.low + width * (double)(i + JOIN));
        double gone = 0.0, ended = 0.0;
        for (int64_t k = i; k < i + JOIN; k++) {
            gone += lost_in(h, k);
            ended += of_fate(h, k, 0) + of_fate(h, k, 1);
        }
        double risk = there - 0.5 * ended, per = risk > 0.0 ? 1.0 / (risk * (high - low)) : 0.0;
        if (risk > 0.0) kept *= 1.0 - fmin(1.0, gone / risk);
        out[n++] = (struct loss_bin){sqrt(low * high), gone * per, sqrt(gone) * per, kept, gone};
        there -= gone + ended;
    }
    return n;
}

/* Muons still there, and lost, at a time after injection. */
static void stored_at(const struct hist *h, double t_us, double *there, double *lost)
{
    *there = (double)h->n_entries;
    *lost  = 0.0;
    for (int64_t i = 0; i < h->x.n && report_bin_centre(&h->x, i) < t_us; i++) {
        *lost += lost_in(h, i);
        *there -= lost_in(h, i) + of_fate(h, i, 0) + of_fate(h, i, 1);
    }
}

static void put_stored(const struct hist *h, struct sheet *s)
{
    static const double times_us[] = {5.0, 30.0};
    fprintf(s->script, "set tmargin at screen 0.84\nset title offset 0, 0.8\nset label 1 '");
    for (int i = 0; i < 2; i++) {
        char name[48];
        double there, lost, all = (double)h->n_entries;
        stored_at(h, times_us[i], &there, &lost);
        snprintf(name, sizeof name, "there_after_%.0f_us", times_us[i]);
        sheet_number(s, name, there);
        snprintf(name, sizeof name, "lost_before_%.0f_us", times_us[i]);
        sheet_number(s, name, lost);
        fprintf(s->script, "%safter %.0f us: %.4g %% lost, %.4g %% there", i ? ";  " : "", times_us[i],
                100.0 * lost / all, 100.0 * there / all);
    }
    fprintf(s->script, "' at graph 0.5, 1.04 center font ',12'\n");
}

static enum err draw_losses(const struct report *r, struct sheet *s)
{
    enum { MAX = 64 };
    const struct hist *h = find(r, "beam/end_log");
    struct loss_bin bins[MAX];
    double c[6][MAX], lost = 0.0;
    size_t n = loss_bins(h, MAX, bins);
    REQUIRE(n > 0 && h->n_entries > 0, ERR_NOTFOUND, "no muons");
    for (size_t i = 0; i < n; i++) {
        const struct loss_bin *b = &bins[i];
        c[0][i] = b->time_us, c[1][i] = b->rate, c[2][i] = fmax(b->rate - b->error, 0.2 * b->rate);
        c[3][i] = b->rate + b->error, c[4][i] = b->kept, c[5][i] = b->lost;
        lost += b->lost;
    }
    const struct sheet_column columns[] = {{"time_since_start", "us", c[0]}, {"loss_rate", "1/us", c[1]},
                                           {"lower", "1/us", c[2]},          {"upper", "1/us", c[3]},
                                           {"stored_fraction", "1", c[4]},   {"lost", "1", c[5]}};
    sheet_table(s, "losses", n, columns, 6);
    sheet_number(s, "muons", (double)h->n_entries);
    sheet_number(s, "lost", lost);
    sheet_number(s, "stored_fraction", bins[n - 1].kept);
    put_stored(find(r, "beam/end_time"), s);
    double kept = bins[n - 1].kept;
    fprintf(s->script,
            "set xlabel 'time since start (us)'\nset ylabel 'lost per muon and us'\nset logscale x\nset logscale y\n"
            "set xrange [0.01:1000]\nset format x '%%g'\nset format y '%%.0e'\nset ytics nomirror\nset y2tics\n"
            "set y2label 'part not lost (decay aside)'\nset y2range [%g:%g]\nset key %s\nset rmargin 11\n"
            "plot $losses using 1:($2 > 0 ? $2 : NaN):3:4 with yerrorbars pt 7 ps 0.5 lt 2 title '%.0f of %lld lost', "
            "$losses using 1:5 axes x1y2 with steps lt 1 title 'not lost, right scale'\n",
            kept < 0.9 ? 0.0 : 1.0 - 4.0 * (1.0 - kept) - 1e-6, kept < 0.9 ? 1.05 : 1.0 + 0.3 * (1.0 - kept) + 1e-6,
            kept < 0.9 ? "at graph 0.98, 0.75 right top" : "bottom left", lost, (long long)h->n_entries);
    return ERR_OK;
}

static enum err draw_loss_phi(const struct report *r, struct sheet *s)
{
    enum { DEG = 3, N = 360 / DEG };
    const struct hist *h = find(r, "beam/end_phi");
    double phi[N], collimator[N] = {0}, plate[N] = {0}, other[N] = {0};
    REQUIRE(h->x.n == 360 && h->y.n == MAX_FATES, ERR_MISMATCH, "beam/end_phi has another binning");
    for (int i = 0; i < N; i++) {
        phi[i] = DEG * (i + 0.5);
        for (int k = DEG * i; k < DEG * (i + 1); k++) {
            collimator[i] += of_fate(h, k, 2);
            plate[i] += of_fate(h, k, 3);
            other[i] += lost_in(h, k) - of_fate(h, k, 2) - of_fate(h, k, 3);
        }
    }
    const struct sheet_column columns[] = {{"azimuth", "deg", phi},
                                           {"collimator", "1", collimator},
                                           {"plate_or_vacuum", "1", plate},
                                           {"other", "1", other}};
    sheet_table(s, "losses", N, columns, 4);
    double most = 1.0;
    for (int i = 0; i < N; i++) most = fmax(most, collimator[i] + plate[i] + other[i]);
    fprintf(s->script,
            "set xlabel 'azimuth (deg)'\nset ylabel 'lost muons / %d deg'\nset xrange [0:360]\nset xtics 30\n"
            "set yrange [0:%g]\nset key top left\nset boxwidth %d\nset style fill solid 0.7 noborder\n"
            "plot $losses using 1:($2 + $3 + $4) with boxes lt 6 title 'other', "
            "$losses using 1:($2 + $3) with boxes lt 1 title 'ESQ plate or vacuum', "
            "$losses using 1:2 with boxes lt 2 title 'collimator'\n",
            DEG, 1.25 * most, DEG);
    return ERR_OK;
}

#define PLOT_SIZE 720, 480

/* clang-format off */
const struct picture report_beam_pictures[] = {
    {"phase_space_start", "Phase space: muons as they start", "All muons. Circle: the aperture of 45 mm.", {"beam/start_x_xp", "beam/start_y_yp", "beam/start_x_y"}, false, 1100, 420, draw_start},
    {"phase_space_stored", "Phase space: stored muons as they start", "What of the above is stored: muons that end after the module's stored_from_us.", {"beam/stored_x_xp", "beam/stored_y_yp", "beam/stored_x_y"}, false, 1100, 420, draw_stored},
    {"phase_space_end", "Phase space: stored muons at their end", "At all azimuths and times. Circle: the aperture of 45 mm.", {"beam/end_x_xp", "beam/end_y_yp", "beam/end_x_y"}, false, 1100, 420, draw_end},
    {"x_e", "Equilibrium radius", "x_e = D (p / p_magic - 1), D the mean dispersion; stored muons.", {"beam/x_e"}, false, PLOT_SIZE, draw_x_e},
    {"beam_momentum", "Momentum: all and stored", "Stored: those that end after the module's stored_from_us.", {"beam/start_delta", "beam/end_delta"}, false, PLOT_SIZE, draw_delta},
    {"beam_profiles", "Beam profiles in time", "Decays of all azimuths, in bins of 5 us.", {"beam/x_time", "beam/y_time"}, false, 1100, 420, draw_profiles},
    {"beam_losses", "Losses in time", "Losses per muon still there and microsecond, and the part that is not lost, decays aside (Kaplan-Meier).", {"beam/end_log", "beam/end_time"}, false, PLOT_SIZE, draw_losses},
    {"beam_loss_phi", "Losses in azimuth", "Where muons are lost.", {"beam/end_phi"}, false, PLOT_SIZE, draw_loss_phi},
    {0},
};
/* clang-format on */
