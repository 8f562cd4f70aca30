/* Pictures and table of the quality cuts. */
#include "report_dqc.h"

#include "dqc.h"

#include <math.h>
#include <string.h>

enum { MAX_POINTS = 1024, COST_FAILS = 0, COST_ALONE = 1 };

/* Muon fills, good ones; and a row of dqc/cuts. Files of a program with more cuts have more rows than names are known. */
static double fills_of(const struct report *r, int which)
{
    const struct hist *h = hist_find(&r->in.hists, "dqc/fills");
    return h && which < h->x.n ? (double)h->content[which] : 0.0;
}

static double cost_of(const struct hist *h, int64_t cut, int which)
{
    return h->y.n > which ? (double)h->content[cut * h->y.n + which] : 0.0;
}

static int64_t n_cuts(const struct hist *h) { return h->x.n < N_DQC_CUTS ? h->x.n : N_DQC_CUTS; }

static double percent(double part, double whole) { return whole > 0.0 ? 100.0 * part / whole : 0.0; }

void report_dqc_table(FILE *f, const struct report *r)
{
    const struct hist *h = hist_find(&r->in.hists, "dqc/cuts"), *subruns = hist_find(&r->in.hists, "dqc/subruns");
    double muon = fills_of(r, 1), good = fills_of(r, 2);
    if (!h) return;
    fprintf(f,
            "<h2>What each quality cut costs</h2>\n<p class=facts>%.0f fills, of which %.0f muon fills, %.0f good "
            "(%.2f %%)",
            fills_of(r, 0), muon, good, percent(good, muon));
    if (subruns && subruns->x.n == 2)
        fprintf(f, "; %lld subruns, %lld good", (long long)subruns->content[0] + (long long)subruns->content[1],
                (long long)subruns->content[1]);
    fprintf(
        f, "</p>\n<table><tr><th>cut<th class=u>what is judged<th>fills that fail<th>%%<th>fail it alone<th>%%</tr>\n");
    for (int64_t i = 0; i < n_cuts(h); i++) {
        double fails = cost_of(h, i, COST_FAILS), alone = cost_of(h, i, COST_ALONE);
        fprintf(f, "<tr><td>%s<td class=u>", dqc_cuts[i].name);
        page_text(f, dqc_cuts[i].doc);
        fprintf(f, "<td>%.0f<td>%.2f<td>%.0f<td>%.2f</tr>\n", fails, percent(fails, muon), alone, percent(alone, muon));
    }
    fputs("</table>\n", f);
}

static enum err draw_cost(const struct report *r, struct sheet *s)
{
    const struct hist *h = hist_find(&r->in.hists, "dqc/cuts");
    double muon = fills_of(r, 1), bit[N_DQC_CUTS], fails[N_DQC_CUTS], alone[N_DQC_CUTS], most = 0.0;
    int64_t n = n_cuts(h);
    REQUIRE(muon > 0.0, ERR_NOTFOUND, "there are no muon fills");
    for (int64_t i = 0; i < n; i++) {
        bit[i]   = (double)i;
        fails[i] = percent(cost_of(h, i, COST_FAILS), muon);
        alone[i] = percent(cost_of(h, i, COST_ALONE), muon);
        most     = fmax(most, fails[i]);
    }
    const struct sheet_column columns[] = {{"bit", "1", bit}, {"fail", "%", fails}, {"fail_alone", "%", alone}};
    sheet_table(s, "cost", (size_t)n, columns, 3);
    sheet_number(s, "muon_fills", muon);
    sheet_number(s, "good_fills", fills_of(r, 2));
    fprintf(s->script, "set xtics rotate by -35 (");
    for (int64_t i = 0; i < n; i++) {
        char name[64];
        sheet_quote(dqc_cuts[i].name, sizeof name, name);
        fprintf(s->script, "%s%s %lld", i ? ", " : "", name, (long long)i);
    }
    fprintf(s->script,
            ")\nset xrange [-0.6:%g]\nset yrange [0:%g]\nset ylabel 'muon fills (%%)'\nset bmargin 7.5\n"
            "set key top right\nset style fill solid 0.9 noborder\nset boxwidth 0.36\nset termoption noenhanced\n"
            "plot $cost using ($1 - 0.19):2 with boxes lt 1 title 'fail it', "
            "$cost using ($1 + 0.19):3 with boxes lt 2 title 'fail no other: its cost'\n",
            (double)n - 0.4, most > 0.0 ? 1.25 * most : 1.0);
    return ERR_OK;
}

static enum err draw_value(const struct report *r, struct sheet *s, int cut)
{
    char name[96];
    double x[MAX_POINTS], y[MAX_POINTS], outside;
    snprintf(name, sizeof name, "dqc/value/%s", dqc_cuts[cut].name);
    const struct hist *h = hist_find(&r->in.hists, name);
    if (!h || h->x.n > MAX_POINTS || h->n_entries == h->n_outside) {
        fprintf(s->script, "set multiplot next\n");
        return ERR_OK;
    }
    for (int64_t i = 0; i < h->x.n; i++) {
        x[i] = h->x.low + ((double)i + 0.5) * (h->x.high - h->x.low) / (double)h->x.n;
        y[i] = (double)h->content[i];
    }
    outside                             = (double)h->n_outside;
    const struct sheet_column columns[] = {{dqc_cuts[cut].name, dqc_cuts[cut].unit, x}, {"fills", "1", y}};
    sheet_table(s, dqc_cuts[cut].name, (size_t)h->x.n, columns, 2);
    fprintf(s->script, "set xlabel '%s%s%s%s'\nset xrange [%g:%g]\n", dqc_cuts[cut].name,
            strcmp(dqc_cuts[cut].unit, "1") != 0 ? " (" : "",
            strcmp(dqc_cuts[cut].unit, "1") != 0 ? dqc_cuts[cut].unit : "",
            strcmp(dqc_cuts[cut].unit, "1") != 0 ? ")" : "", h->x.low, h->x.high);
    if (outside > 0.0) fprintf(s->script, "set label 1 '%.0f outside' at graph 0.97, 0.9 right\n", outside);
    fprintf(s->script, "plot $%s using 1:($2 > 0 ? $2 : 0.5) with histeps lt 1 notitle\nunset label 1\n",
            dqc_cuts[cut].name);
    return ERR_OK;
}

static enum err draw_values(const struct report *r, struct sheet *s)
{
    REQUIRE(fills_of(r, 1) > 0.0, ERR_NOTFOUND, "there are no muon fills");
    int rows = (N_DQC_CUTS + 2) / 3;
    fprintf(s->script,
            "unset title\nset termoption noenhanced\nset multiplot layout %d,3 title 'What the quality cuts judge: "
            "muon fills' font ',16'\n"
            "set xtics font ',10'\nset logscale y\nset yrange [0.5:*]\nset format y '%%g'\nset key off\nset ylabel "
            "'fills'\n",
            rows);
    for (int i = 0; i < N_DQC_CUTS; i++) TRY(draw_value(r, s, i));
    fprintf(s->script, "unset multiplot\n");
    return ERR_OK;
}

/* clang-format off */
const struct picture report_dqc_pictures[] = {
    {"dqc_cost", "What each quality cut costs", "Muon fills that fail a cut, and those that fail it and no other: what would be won without it.", {"dqc/cuts", "dqc/fills"}, false, 720, 520, draw_cost},
    {"dqc_values", "What the quality cuts judge", "All muon fills, good and bad; thresholds are in the configuration.", {"dqc/cuts", "dqc/fills"}, false, 1000, 800, draw_values},
    {NULL, NULL, NULL, {NULL}, false, 0, 0, NULL},
};
/* clang-format on */
