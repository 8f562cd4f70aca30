/* Pictures of the nearline page. Blue circles and lines are the data, black lines the reference, vermilion triangles what is
 * outside its limits: told apart by shape as well as by colour. */
#include "dqm.h"
#include "mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N_LATENCY_BINS = 40, WIGGLE_FOLD_US = 100 };

/* ---- trends ----------------------------------------------------------------------------------------------------------- */

static size_t first_row(const struct dqm *d)
{
    size_t most = (size_t)d->cfg.trend_subruns;
    return d->n > most ? d->n - most : 0;
}

/* Tics that say run:subrun at about six places. */
static void put_tics(const struct dqm *d, size_t first, FILE *f)
{
    size_t n = d->n - first, step = n > 6 ? (n + 5) / 6 : 1;
    fputs("set xtics (", f);
    for (size_t i = 0; i < n; i += step)
        fprintf(f, "%s'%u:%u' %zu", i ? ", " : "", d->row[first + i].run, d->row[first + i].subrun, i);
    fputs(")\n", f);
}

/* Values of a quantity, split by its limits; the range that they span. */
struct panel {
    size_t n;
    double *number, *inside, *outside; /* [n] each, one allocation */
    double low, high;
};

static enum err fill_panel(const struct dqm *d, size_t first, int q, struct panel *p)
{
    *p = (struct panel){.n = d->n - first, .low = HUGE_VAL, .high = -HUGE_VAL};
    TRY(mem_alloc(&p->number, 3 * p->n, sizeof *p->number));
    p->inside  = p->number + p->n;
    p->outside = p->inside + p->n;
    for (size_t i = 0; i < p->n; i++) {
        double v      = d->row[first + i].value[q];
        bool is_out   = isfinite(v) && (v < d->limits.low[q] || v > d->limits.high[q]);
        p->number[i]  = (double)i;
        p->inside[i]  = is_out ? (double)NAN : v;
        p->outside[i] = is_out ? v : (double)NAN;
        p->low        = fmin(p->low, isfinite(v) ? v : HUGE_VAL);
        p->high       = fmax(p->high, isfinite(v) ? v : -HUGE_VAL);
    }
    return ERR_OK;
}

/* A limit is drawn where it does not press the values together. */
static void put_limit(const struct panel *p, double limit, FILE *f)
{
    double span = fmax(p->high - p->low, 1e-3 * fabs(p->high));
    if (limit < p->low - span || limit > p->high + span) return;
    fprintf(f, ", %.8g with lines lt 7 dt 2 lw 0.6 notitle", limit);
}

static enum err put_panel(const struct dqm *d, size_t first, int q, struct sheet *s)
{
    const struct dqm_quantity_info *info = &dqm_quantities[q];
    const bool has_unit                  = strcmp(info->unit, "1") != 0;
    struct panel p;
    char title[128];
    TRY(fill_panel(d, first, q, &p));
    const struct sheet_column columns[] = {
        {"number", "1", p.number}, {"inside", info->unit, p.inside}, {"outside", info->unit, p.outside}};
    sheet_quote(info->doc, sizeof title, title);
    sheet_table(s, info->name, p.n, columns, 3);
    fprintf(s->script, "set title %s font ',12'\nset ylabel '%s%s%s%s'\n", title, info->name, has_unit ? " (" : "",
            has_unit ? info->unit : "", has_unit ? ")" : "");
    if (p.low > p.high) {
        fputs("set label 1 'nothing yet' at graph 0.5,0.5 centre tc rgb '#666666'\nset yrange [0:1]\nplot -1 notitle\n"
              "unset label 1\nset yrange [*:*]\n",
              s->script);
    } else {
        fprintf(
            s->script,
            "plot $%s using 1:2 with points pt 7 ps 0.5 lt 1 notitle, '' using 1:3 with points pt 9 ps 1 lt 2 notitle",
            info->name);
        put_limit(&p, d->limits.low[q], s->script);
        put_limit(&p, d->limits.high[q], s->script);
        fputs("\n", s->script);
    }
    mem_free(p.number);
    return ERR_OK;
}

static enum err draw_trends(const struct dqm *d, struct sheet *s)
{
    static const int panels[] = {DQM_ctag,     DQM_asymmetry,     DQM_t0_ns,       DQM_t0_rms_ns,
                                 DQM_sync_adc, DQM_pedestal_adc,  DQM_noise_adc,   DQM_damaged,
                                 DQM_missing,  DQM_dead_channels, DQM_fills_per_s, DQM_latency_s};
    REQUIRE(d->n > 0, ERR_NOTFOUND, "no subrun is published yet");
    size_t first = first_row(d);
    fprintf(
        s->script,
        "unset title\nunset label 999\nset bmargin 2.6\nset multiplot layout 6,2\n"
        "set offsets 0.5,0.5,graph 0.12,graph 0.12\nset tics font ',10'\nset ytics autofreq\nset format y '%%.8g'\n");
    put_tics(d, first, s->script);
    for (size_t i = 0; i < sizeof panels / sizeof panels[0]; i++) TRY(put_panel(d, first, panels[i], s));
    fputs("unset multiplot\n", s->script);
    return ERR_OK;
}

static enum err draw_latency(const struct dqm *d, struct sheet *s)
{
    double edge[N_LATENCY_BINS], count[N_LATENCY_BINS] = {0}, largest = 0.0;
    size_t n = 0;
    for (size_t i = first_row(d); i < d->n; i++) largest = fmax(largest, d->row[i].value[DQM_latency_s]);
    REQUIRE(largest > 0.0, ERR_NOTFOUND, "no latency is known yet");
    double width = 1.02 * largest / N_LATENCY_BINS;
    for (int b = 0; b < N_LATENCY_BINS; b++) edge[b] = (b + 0.5) * width;
    for (size_t i = first_row(d); i < d->n; i++) {
        double v = d->row[i].value[DQM_latency_s];
        if (!(v >= 0.0)) continue;
        count[(int)(v / width)]++;
        n++;
    }
    const struct sheet_column columns[] = {{"latency", "s", edge}, {"subruns", "1", count}};
    sheet_table(s, "latency", N_LATENCY_BINS, columns, 2);
    fprintf(s->script,
            "set xlabel 'closed to published (s)'\nset ylabel 'subruns'\nset xrange [0:*]\nset yrange [0:*]\n"
            "set style fill solid 0.4\nplot $latency using 1:2 with boxes lt 1 title '%zu subruns'\n",
            n);
    return ERR_OK;
}

/* ---- maps of channels ---------------------------------------------------------------------------------------------------- */

static double over(double a, double b) { return b > 0.0 ? a / b : (double)NAN; }
static double hits_of(const struct dqm_channel *c) { return c->n_pulses; }
static double sync_of(const struct dqm_channel *c) { return over(c->sync_adc, c->n_sync); }
static double pedestal_of(const struct dqm_channel *c) { return over(c->pedestal_adc, c->n_pedestal); }
static double noise_of(const struct dqm_channel *c) { return sqrt(over(c->noise_adc2, c->n_noise)); }

static void put_map(const struct dqm *d, const char *name, const char *title, double (*of)(const struct dqm_channel *),
                    struct sheet *s)
{
    cJSON *values = cJSON_AddArrayToObject(s->json, name);
    double low = HUGE_VAL, high = -HUGE_VAL;
    fprintf(s->script, "$%s << EOD\n", name);
    for (int calo = 0; calo < N_CALOS; calo++) {
        for (int k = 0; k < N_CRYSTALS; k++) {
            double v = of(&d->channel[calo * N_CRYSTALS + k]);
            cJSON_AddItemToArray(values, isfinite(v) ? cJSON_CreateNumber(v) : cJSON_CreateNull());
            if (isfinite(v)) fprintf(s->script, "%d %d %.6g\n", calo + 1, k, v);
            if (!isfinite(v)) fprintf(s->script, "%d %d NaN\n", calo + 1, k);
            if (isfinite(v)) low = fmin(low, v);
            if (isfinite(v)) high = fmax(high, v);
        }
        fputs("\n", s->script);
    }
    fprintf(s->script, "EOD\nset title '%s' font ',12'\n", title);
    if (low < high)
        fprintf(s->script, "set cbrange [*:*]\nplot $%s using 1:2:3 with @map_style notitle\n", name);
    else
        fprintf(s->script, "set cbrange [%g:%g]\nplot $%s using 1:2:3 with @map_style notitle\n",
                isfinite(low) ? low - 1.0 : 0.0, isfinite(low) ? low + 1.0 : 1.0, name);
}

static enum err draw_maps(const struct dqm *d, struct sheet *s)
{
    REQUIRE(d->n > 0, ERR_NOTFOUND, "no subrun is published yet");
    fprintf(s->script,
            "unset title\nset bmargin 3\nset xlabel 'calorimeter' offset 0,0.5\nset ylabel 'crystal' offset 1,0\n"
            "set xrange [0.5:24.5]\nset yrange [-0.5:53.5]\nset xtics 1,3\nset ytics 0,9\nunset grid\n"
            "set multiplot layout 2,2\n");
    put_map(d, "hits", "pulses late in muon fills", hits_of, s);
    fputs("unset label 999\n", s->script);
    put_map(d, "sync_adc", "height of the laser sync pulse (adc)", sync_of, s);
    put_map(d, "pedestal_adc", "pedestal (adc)", pedestal_of, s);
    put_map(d, "noise_adc", "noise, rms (adc)", noise_of, s);
    fputs("unset multiplot\n", s->script);
    return ERR_OK;
}

/* ---- histograms with the reference ----------------------------------------------------------------------------------------- */

/* Sums over the first axis where there are two. */
static double content(const struct hist *h, int64_t bin)
{
    double sum = 0.0;
    if (h->y.n <= 1) return (double)h->content[bin] * h->quantum;
    for (int64_t i = 0; i < h->x.n; i++) sum += (double)h->content[i * h->y.n + bin];
    return sum * h->quantum;
}

static bool is_alike(const struct hist_axis *a, const struct hist_axis *b)
{
    return a->n == b->n && a->low == b->low && a->high == b->high;
}

/* Long axes are drawn where there is something. */
static void put_range(int64_t n, const double *x, const double *data, const double *reference, FILE *f)
{
    enum { LONG_AXIS = 100 };
    int64_t first = 0, last = n - 1;
    while (first < last && !(data[first] > 0.0) && !(reference[first] > 0.0)) first++;
    while (last > first && !(data[last] > 0.0) && !(reference[last] > 0.0)) last--;
    double margin = 0.1 * (x[last] - x[first]) + x[1] - x[0];
    if (n > LONG_AXIS && first < last)
        fprintf(f, "set xrange [%g:%g]\n", fmax(x[0], x[first] - margin), fmin(x[n - 1], x[last] + margin));
}

/* Columns: centre, data, reference scaled to as many muon fills; `together`: so many bins as one. */
static enum err put_overlay(const struct dqm *d, const char *name, int64_t together, struct sheet *s,
                            bool *has_reference)
{
    const struct hist *h = hist_find(&d->hists, name), *r = hist_find(&d->reference_hists, name);
    double *x;
    REQUIRE(h, ERR_NOTFOUND, "the job books no histogram %s", name);
    const struct hist_axis *a = h->y.n > 1 ? &h->y : &h->x;
    double scale = over(d->sums.n_muon, d->reference_sums.n_muon), width = (a->high - a->low) / (double)a->n;
    *has_reference = r && is_alike(&h->x, &r->x) && is_alike(&h->y, &r->y) && isfinite(scale) && scale > 0.0;
    int64_t n      = a->n / together;
    TRY(mem_alloc(&x, 3 * (size_t)n, sizeof *x));
    double *data = x + n, *reference = data + n;
    for (int64_t i = 0; i < n; i++) {
        x[i]         = a->low + ((double)i + 0.5) * width * (double)together;
        reference[i] = *has_reference ? 0.0 : (double)NAN;
        for (int64_t k = i * together; k < (i + 1) * together; k++) {
            data[i] += content(h, k);
            if (*has_reference) reference[i] += content(r, k) * scale;
        }
    }
    const struct sheet_column columns[] = {{"centre", a->unit, x}, {"data", "1", data}, {"reference", "1", reference}};
    sheet_table(s, "data", (size_t)n, columns, 3);
    put_range(n, x, data, reference, s->script);
    bool has_unit = strcmp(a->unit, "1") != 0;
    fprintf(s->script, "set xlabel '%s%s%s%s'\nset ylabel 'run %u'\nset yrange [0:*]\n", a->label, has_unit ? " (" : "",
            has_unit ? a->unit : "", has_unit ? ")" : "", d->run);
    mem_free(x);
    return ERR_OK;
}

static enum err draw_overlay(const struct dqm *d, const char *name, struct sheet *s)
{
    bool has_reference;
    TRY(put_overlay(d, name, 1, s, &has_reference));
    fprintf(s->script,
            "set xtics autofreq\nset offsets 0,0,graph 0.15,0\nplot $data using 1:2 with histeps lt 1 title 'data'%s\n",
            has_reference ? ", '' using 1:3 with histeps lt 7 lw 0.8 dt 2 title 'reference'" : "");
    return ERR_OK;
}

static enum err draw_t0(const struct dqm *d, struct sheet *s) { return draw_overlay(d, "monitor/t0_shape", s); }
static enum err draw_ctag(const struct dqm *d, struct sheet *s) { return draw_overlay(d, "monitor/ctag", s); }
static enum err draw_energy(const struct dqm *d, struct sheet *s) { return draw_overlay(d, "wiggle/energy", s); }
static enum err draw_calos(const struct dqm *d, struct sheet *s) { return draw_overlay(d, "wiggle/calo_hits", s); }
static enum err draw_crates(const struct dqm *d, struct sheet *s) { return draw_overlay(d, "raw/damaged_crates", s); }

static enum err draw_wiggle(const struct dqm *d, struct sheet *s)
{
    const struct hist *h = hist_find(&d->hists, "wiggle/t_method");
    bool has_reference;
    REQUIRE(h && d->sums.n_positrons > 0.0, ERR_NOTFOUND, "there are no positrons");
    int64_t together = d->sums.n_positrons < 1e5 ? 4 : 1;
    double width_ns  = 1e3 * (h->y.high - h->y.low) / (double)h->y.n * (double)together;
    TRY(put_overlay(d, "wiggle/t_method", together, s, &has_reference));
    fprintf(s->script,
            "set xlabel 'time in fill modulo %d us (us)'\nset ylabel 'positrons per %.1f ns'\n"
            "set logscale y\nset yrange [0.5:*]\nset xrange [0:%d]\nset key top right\nset offsets 0,0,0,0\n"
            "folded(x, k) = (x >= %d * k && x < %d * (k + 1) ? x - %d * k : NaN)\n"
            "plot for [k=0:6] $data using (folded($1, k)):2 with linespoints pt 7 ps 0.25 lw 0.5 lt (k %% 7 + 1) "
            "title sprintf('%%d to %%d us', %d * k, %d * (k + 1))%s\n",
            WIGGLE_FOLD_US, width_ns, WIGGLE_FOLD_US, WIGGLE_FOLD_US, WIGGLE_FOLD_US, WIGGLE_FOLD_US, WIGGLE_FOLD_US,
            WIGGLE_FOLD_US,
            has_reference ? ", for [k=0:6] $data using (folded($1, k)):3 with lines lt 7 lw 0.5 dt 2 "
                            "title (k == 0 ? 'reference' : '')"
                          : "");
    return ERR_OK;
}

const struct dqm_picture dqm_pictures[] = {
    {"trends", "Subrun after subrun",
     "Each point is a subrun, named run:subrun. Triangles are outside their limits (dashed).", 1100, 1350, draw_trends},
    {"wiggle", "Positrons against time", "All calorimeters, folded by 100 us.", 1100, 480, draw_wiggle},
    {"maps", "Channels of the latest run", "24 calorimeters by 54 crystals; white: nothing was seen.", 1100, 800,
     draw_maps},
    {"t0", "T0 pulse", "Samples above the pedestal, summed over the run's muon fills: the bunch.", 560, 380, draw_t0},
    {"ctag", "CTAG", "Clusters above 2 GeV later than 50 us, fill by fill.", 560, 380, draw_ctag},
    {"energy", "Cluster energy", "Late clusters of all calorimeters.", 560, 380, draw_energy},
    {"calos", "Calorimeters", "Late positrons above threshold.", 560, 380, draw_calos},
    {"crates", "Damaged crates", "Fills in which a crate's banks were damaged.", 560, 380, draw_crates},
    {"latency", "Latency", "From the closing of a raw file to its product, for the subruns of the trends.", 560, 380,
     draw_latency},
    {.name = NULL},
};
