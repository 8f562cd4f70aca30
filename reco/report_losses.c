/* Pictures of lost muons, as coincidences count them. */
#include "phys.h"
#include "report.h"

#include <math.h>

enum { PER_POINT = 5, MAX_POINTS = 140 }; /* histogram bins of 1 us a point */
#define FROM_US 20.0
#define TAU_US  (MUON_LIFETIME_NS * MAGIC_GAMMA * 1e-3)

/* L(t) a fill and microsecond; and the sum of L e^(t/tau) from FROM_US, in muons that would have been lost of a beam that
 * does not decay: what a fit's loss term 1 - K J(t) needs. */
static enum err draw_rate(const struct report *r, struct sheet *s)
{
    const struct hist *h       = hist_find(&r->in.hists, "losses/losses"),
                      *triples = hist_find(&r->in.hists, "losses/triples");
    double t[MAX_POINTS], rate[MAX_POINTS], error[MAX_POINTS], sum[MAX_POINTS], sum_error[MAX_POINTS];
    double width = (h->x.high - h->x.low) / (double)h->x.n, all = 0.0, variance = 0.0, n_fills = (double)r->in.n_fills;
    size_t n = 0;
    REQUIRE(triples->n_entries > 0 && r->in.n_fills > 0, ERR_NOTFOUND, "no triple coincidence was found");
    for (int64_t i = 0; i + PER_POINT <= h->x.n && n < MAX_POINTS; i += PER_POINT, n++) {
        double content = 0.0, squares = 0.0;
        for (int64_t j = i; j < i + PER_POINT; j++) {
            content += (double)h->content[j] * h->quantum;
            squares += (double)h->squares[j] * h->quantum;
        }
        double us = PER_POINT * width, weight;
        t[n]      = h->x.low + ((double)i + 0.5 * PER_POINT) * width;
        rate[n]   = content / (us * n_fills);
        error[n]  = sqrt(squares) / (us * n_fills);
        weight    = t[n] > FROM_US ? exp(t[n] / TAU_US) / n_fills : 0.0;
        all += weight * content;
        variance += weight * weight * squares;
        sum[n]       = all;
        sum_error[n] = sqrt(variance);
    }
    const struct sheet_column columns[] = {{"time", "us", t},
                                           {"losses", "1/us/fill", rate},
                                           {"error", "1/us/fill", error},
                                           {"cumulated", "1/fill", sum},
                                           {"cumulated_error", "1/fill", sum_error}};
    sheet_table(s, "rate", n, columns, 5);
    sheet_number(s, "triples", (double)triples->n_entries);
    sheet_number(s, "tau_us", TAU_US);
    fprintf(s->script,
            "set xlabel 'time after injection (us)'\nset ylabel 'L(t): lost muons found / us / fill'\nset logscale y\n"
            "set format y '%%g'\nset xrange [0:300]\nset y2label 'sum of L e^{t/tau} from %.0f us / fill'\nset y2tics\n"
            "set ytics nomirror\nset y2range [0:*]\nset key top right\n"
            "plot $rate using 1:($2 > 0 ? $2 : NaN):3 with yerrorbars pt 7 ps 0.5 lt 1 title 'L(t): triples, less "
            "quadruples and accidentals', $rate using ($1 > %.0f ? $1 : NaN):4 axes x1y2 with steps lt 2 title "
            "'cumulated (right)'\n",
            FROM_US, FROM_US);
    return ERR_OK;
}

static enum err draw_energy(const struct report *r, struct sheet *s)
{
    const struct hist *h = hist_find(&r->in.hists, "losses/energy");
    double x[MAX_POINTS], y[MAX_POINTS], all = 0.0;
    size_t n = h->x.n < MAX_POINTS ? (size_t)h->x.n : MAX_POINTS;
    for (size_t i = 0; i < n; i++) {
        x[i] = 1e3 * (h->x.low + ((double)i + 0.5) * (h->x.high - h->x.low) / (double)h->x.n);
        y[i] = (double)h->content[i];
        all += y[i];
    }
    REQUIRE(all > 0.0, ERR_NOTFOUND, "no triple coincidence is late enough");
    const struct sheet_column columns[] = {{"energy", "MeV", x}, {"clusters", "1", y}};
    sheet_table(s, "energy", n, columns, 2);
    fprintf(s->script, "set xlabel 'cluster energy (MeV)'\nset ylabel 'clusters in triples'\nset yrange [0:*]\n"
                       "set xrange [80:270]\nset key off\nplot $energy using 1:2 with histeps lt 1\n");
    return ERR_OK;
}

static enum err draw_flight(const struct report *r, struct sheet *s)
{
    const struct hist *h = hist_find(&r->in.hists, "losses/dt");
    REQUIRE(h->n_entries > h->n_outside, ERR_NOTFOUND, "no three minimum ionising clusters follow each other");
    sheet_map(s, "flight", h);
    fprintf(s->script, "set xlabel 'first to second (ns)'\nset ylabel 'second to third (ns)'\nset cblabel 'triples'\n"
                       "set xrange [0:12.5]\nset yrange [0:12.5]\nset cbrange [0:*]\nset size square\nset key off\n"
                       "set object 1 rect from 5, 5 to 7.5, 7.5 front fs empty border lt 2\n"
                       "plot $flight using 1:2:3 with @map_style\n");
    return ERR_OK;
}

/* clang-format off */
const struct picture report_loss_pictures[] = {
    {"loss_rate", "Lost muons against time", "Triple coincidences of consecutive calorimeters, quadruples and accidentals taken off. Right: what a fit's loss term grows with.",
     {"losses/losses", "losses/triples"}, false, 720, 480, draw_rate},
    {"loss_energy", "Energy of lost muons", "Clusters of triples later than 20 us.", {"losses/energy"}, false, 720, 480, draw_energy},
    {"loss_flight", "Flight times of lost muons", "Minimum ionising clusters of three consecutive calorimeters. Square: counted.", {"losses/dt"}, false, 620, 560, draw_flight},
    {0},
};
/* clang-format on */
