/* Pictures of the calibrations from beam data and pedestal fills: maps of calorimeters and crystals, times of pairs, light of
 * muons, spectra at the edge. */
#include "calib_beam.h"
#include "calib_mips.h"
#include "mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- maps of 24 x 54 ----------------------------------------------------------------------------------------------------- */
/* Writes value column `column` of the last interval, in its unit, as data block $NAME; returns the 2 and 98 per cent points. */
static int by_value(const void *a, const void *b)
{
    double p = *(const double *)a, q = *(const double *)b;
    return (p > q) - (p < q);
}

static enum err write_map(const struct calib_result *r, size_t column, const char *name, struct sheet *s,
                          double range[2])
{
    const struct cond_interval *v = &r->set.interval[r->set.n_intervals - 1];
    double *calo, *crystal, *value, *sorted;
    size_t n = 0;
    TRY(mem_alloc(&calo, 4 * v->n_rows, sizeof *calo));
    crystal = calo + v->n_rows;
    value   = calo + 2 * v->n_rows;
    sorted  = calo + 3 * v->n_rows;
    for (size_t i = 0; i < v->n_rows; i++) {
        const size_t row = v->first + i;
        calo[i]          = r->set.value[0][row];
        crystal[i]       = r->set.value[1][row];
        value[i]         = r->is_measured[row] ? r->set.value[column][row] : (double)NAN;
        if (r->is_measured[row]) sorted[n++] = value[i];
    }
    const struct sheet_column columns[] = {
        {"calorimeter", "1", calo}, {"crystal", "1", crystal}, {"value", r->set.table.column[column].unit, value}};
    sheet_table(s, name, v->n_rows, columns, 3);
    if (n) qsort(sorted, n, sizeof *sorted, by_value);
    range[0] = n ? sorted[n / 50] : 0.0;
    range[1] = n ? sorted[n - 1 - n / 50] : 1.0;
    mem_free(calo);
    REQUIRE(n > 0, ERR_NOTFOUND, "no channel was measured");
    return ERR_OK;
}

static enum err draw_map_of(const struct calib_result *r, size_t column, struct sheet *s)
{
    double range[2];
    const struct cond_column *c = &r->set.table.column[column];
    const bool has_unit         = strcmp(c->unit, "1") != 0;
    TRY(write_map(r, column, "map", s, range));
    if (!(range[1] > range[0])) range[1] = range[0] + 1.0;
    fprintf(s->script,
            "set xlabel 'calorimeter'\nset ylabel 'crystal'\nset cblabel '%s%s%s%s'\nset xrange [0.5:24.5]\n"
            "set yrange [-0.5:53.5]\nset xtics 1\nset ytics 9\nset key off\nset cbrange [%.6g:%.6g]\n"
            "plot $map using 1:2:3 with image\n",
            c->name, has_unit ? " (" : "", has_unit ? c->unit : "", has_unit ? ")" : "", range[0], range[1]);
    return ERR_OK;
}

static enum err draw_map(const struct calib_input *in, const struct calib_result *r, struct sheet *s)
{
    (void)in;
    return draw_map_of(r, r->set.table.n_keys, s);
}

/* ---- histograms ------------------------------------------------------------------------------------------------------------ */
/* The sum of all rows of a histogram [x][y], against y, as data block $NAME. */
static enum err write_sum(const struct hist *h, const char *name, struct sheet *s)
{
    double *y, *sum;
    TRY(mem_alloc(&y, 2 * (size_t)h->y.n, sizeof *y));
    sum = y + h->y.n;
    for (int64_t j = 0; j < h->y.n; j++) {
        y[j] = h->y.low + ((double)j + 0.5) * (h->y.high - h->y.low) / (double)h->y.n;
        for (int64_t i = 0; i < h->x.n; i++) sum[j] += (double)h->content[i * h->y.n + j];
    }
    const struct sheet_column columns[] = {{"y", h->y.unit, y}, {"entries", "1", sum}};
    sheet_table(s, name, (size_t)h->y.n, columns, 2);
    mem_free(y);
    return ERR_OK;
}

static enum err draw_pairs(const struct calib_input *in, const struct calib_result *r, struct sheet *s)
{
    (void)r;
    TRY(write_sum(hist_find(&in->hists, "calib/pair_dt"), "pairs", s));
    fprintf(s->script,
            "set xlabel 'second less first crystal (ns)'\nset ylabel 'pairs of all neighbours'\nset key off\n"
            "set logscale y\nplot $pairs using 1:($2 > 0 ? $2 : NaN) with histeps lt 1\n");
    return ERR_OK;
}

/* Mean time of the smaller of two pulses against the larger, by its energy. */
static enum err draw_walk(const struct calib_input *in, const struct calib_result *r, struct sheet *s)
{
    enum { MAX_POINTS = 64 };
    const struct hist *h = hist_find(&in->hists, "calib/pair_walk");
    double x[MAX_POINTS], mean[MAX_POINTS], error[MAX_POINTS];
    size_t n = 0;
    (void)r;
    REQUIRE(h && h->x.n <= MAX_POINTS, ERR_NOTFOUND, "there is no histogram calib/pair_walk");
    for (int64_t i = 0; i < h->x.n; i++) {
        double entries = 0.0, sum = 0.0, squares = 0.0;
        for (int64_t j = 0; j < h->y.n; j++) {
            double t = h->y.low + ((double)j + 0.5) * (h->y.high - h->y.low) / (double)h->y.n;
            double c = (double)h->content[i * h->y.n + j];
            entries += c;
            sum += c * t;
            squares += c * t * t;
        }
        if (entries < 10.0) continue;
        x[n]     = 1e3 * exp(h->x.low + ((double)i + 0.5) * (h->x.high - h->x.low) / (double)h->x.n);
        mean[n]  = 1e3 * sum / entries;
        error[n] = 1e3 * sqrt(fmax(0.0, squares / entries - sum * sum / entries / entries) / entries);
        n++;
    }
    REQUIRE(n > 0, ERR_NOTFOUND, "too few pairs");
    const struct sheet_column columns[] = {{"energy", "MeV", x}, {"late", "ps", mean}, {"error", "ps", error}};
    sheet_table(s, "walk", n, columns, 3);
    fprintf(s->script,
            "set xlabel 'energy of the smaller pulse (MeV)'\nset ylabel 'later than the larger (ps)'\nset key off\n"
            "set logscale x\nset xzeroaxis\nplot $walk using 1:2:3 with yerrorbars pt 7 ps 0.6 lt 1\n");
    return ERR_OK;
}

enum { LIGHT_BINS = 70 };
static const double light_low_MeV = 60.0, light_step_MeV = 4.0;

static enum err draw_light(const struct calib_input *in, const struct calib_result *r, struct sheet *s)
{
    const struct cond_interval *v = &r->set.interval[r->set.n_intervals - 1];
    double x[LIGHT_BINS], before[LIGHT_BINS] = {0.0}, after[LIGHT_BINS] = {0.0};
    struct calib_mips mips;
    REQUIRE(v->n_rows == CALIB_CHANNELS, ERR_NOTFOUND, "constants of some channels only");
    TRY(calib_mips_read(in, &mips));
    for (int i = 0; i < LIGHT_BINS; i++) x[i] = light_low_MeV + (i + 0.5) * light_step_MeV;
    for (size_t i = 0; i < mips.n_hits; i++) {
        if (mips.hit[i].n_crystals != 1) continue;
        double one = r->set.value[r->set.table.n_keys][v->first + mips.hit[i].channel];
        double a   = (1.6 * mips.hit[i].amplitude_adc - light_low_MeV) / light_step_MeV;
        double b   = (one * mips.hit[i].amplitude_adc - light_low_MeV) / light_step_MeV;
        if (a >= 0.0 && a < LIGHT_BINS) before[(int)a] += 1.0;
        if (b >= 0.0 && b < LIGHT_BINS) after[(int)b] += 1.0;
    }
    calib_mips_free(&mips);
    const struct sheet_column columns[] = {{"light", "MeV", x}, {"nominal", "1", before}, {"calibrated", "1", after}};
    sheet_table(s, "light", LIGHT_BINS, columns, 3);
    fprintf(s->script,
            "set xlabel 'light of a muon alone in a crystal (MeV)'\nset ylabel 'crossings'\nset yrange [0:*]\n"
            "plot $light using 1:2 with histeps lt 2 title 'at 1.6 MeV a count', "
            "$light using 1:3 with histeps lt 1 title 'calibrated'\n");
    return ERR_OK;
}

static enum err draw_edge(const struct calib_input *in, const struct calib_result *r, struct sheet *s)
{
    (void)r;
    TRY(write_sum(hist_find(&in->hists, "calib/endpoint"), "edge", s));
    fprintf(s->script,
            "set xlabel 'energy at 1.6 MeV a count (GeV)'\nset ylabel 'positrons'\nset key off\nset logscale y\n"
            "plot $edge using (1.6e-3 * exp($1)):($2 > 0 ? $2 : NaN) with histeps lt 1\n");
    return ERR_OK;
}

/* Dead 1, hot 2 of the last interval, and pulses of all subruns against the mean of the crystal's like. */
static enum err draw_status(const struct calib_input *in, const struct calib_result *r, struct sheet *s)
{
    const double *v[3];
    double calo[CALIB_CHANNELS], crystal[CALIB_CHANNELS], pulses[CALIB_CHANNELS] = {0.0};
    size_t n;
    TRY(calib_columns(in, "channel_count", "calo crystal n_pulses", v, &n));
    for (size_t i = 0; i < n; i++) {
        int channel = calib_channel((int)v[0][i], (int)v[1][i]);
        if (channel >= 0 && channel < CALIB_CHANNELS) pulses[channel] += v[2][i];
    }
    for (int i = 0; i < CALIB_CHANNELS; i++) {
        calo[i]    = (int)(1 + i / N_CRYSTALS);
        crystal[i] = i % N_CRYSTALS;
        pulses[i]  = log10(fmax(0.5, pulses[i]));
    }
    const struct sheet_column columns[] = {
        {"calorimeter", "1", calo}, {"crystal", "1", crystal}, {"log10_pulses", "1", pulses}};
    sheet_table(s, "map", CALIB_CHANNELS, columns, 3);
    const struct cond_interval *last  = &r->set.interval[r->set.n_intervals - 1];
    const struct sheet_column flags[] = {{"calorimeter", "1", r->set.value[0] + last->first},
                                         {"crystal", "1", r->set.value[1] + last->first},
                                         {"is_dead", "1", r->set.value[2] + last->first},
                                         {"is_hot", "1", r->set.value[3] + last->first}};
    sheet_table(s, "flags", last->n_rows, flags, 4);
    fprintf(s->script,
            "set xlabel 'calorimeter'\nset ylabel 'crystal'\nset cblabel 'log10 of pulses'\nset xrange [0.5:24.5]\n"
            "set yrange [-0.5:53.5]\nset xtics 1\nset ytics 9\nset key at graph 1.0, 1.09 horizontal\n"
            "plot $map using 1:2:3 with image notitle, $flags using ($3 > 0 ? $1 : NaN):2 with points pt 2 ps 1.2 lw 2 "
            "lc rgb 'red' title 'dead', $flags using ($4 > 0 ? $1 : NaN):2 with points pt 6 ps 1.2 lw 2 lc rgb 'red' "
            "title 'hot'\n");
    return ERR_OK;
}

#define MAP(caption)                                                                                                   \
    {                                                                                                                  \
        "map", "constants by calorimeter and crystal", caption, 900, 700, draw_map                                     \
    }
#define MAP_CAPTION "Last interval. Colours end at the 2 and 98 per cent points; channels not measured are blank."

const struct calib_picture calib_time_pictures[] = {
    MAP(MAP_CAPTION),
    {"pairs", "times of neighbouring crystals", "As recorded, offsets not taken off.", 700, 420, draw_pairs},
    {"walk", "time of the smaller pulse of a pair",
     "Mean by its energy: 0 if times do not depend on the size of pulses.", 700, 420, draw_walk},
    {NULL, NULL, NULL, 0, 0, NULL},
};
const struct calib_picture calib_energy_pictures[] = {
    MAP(MAP_CAPTION),
    {"light", "light of lost muons", "Clusters of one crystal in triple coincidences.", 700, 420, draw_light},
    {"edge", "energies of positrons", "All calorimeters, constants not applied.", 700, 420, draw_edge},
    {"edge_time", "edge in the fill",
     "Edge of the spectrum in whole periods of the spin, over that of all times: flat if the "
     "gain is.",
     900, 420, calib_draw_edge_time},
    {NULL, NULL, NULL, 0, 0, NULL},
};
const struct calib_picture calib_pedestal_pictures[] = {MAP(MAP_CAPTION), {NULL, NULL, NULL, 0, 0, NULL}};
const struct calib_picture calib_noise_pictures[]    = {MAP(MAP_CAPTION), {NULL, NULL, NULL, 0, 0, NULL}};
const struct calib_picture calib_status_pictures[]   = {
      {"status", "pulses of each channel; dead and hot ones", "Pulses of all subruns; flags of the last interval.", 900,
       700, draw_status},
      {NULL, NULL, NULL, 0, 0, NULL},
};
