/* gm2 ring tune: tunes and frequencies, their dependence on momentum and amplitude, the tune diagram. */
#include "cfg.h"
#include "cmd_ring.h"
#include "mem.h"

#include <math.h>
#include <stdio.h>

enum { MAX_AMPLITUDES = 24, STEPS = 14, MAX_FOOTPRINT = (STEPS + 1) * (STEPS + 1) };

/* clang-format off */
#define TUNE_CFG(F, S)                                                                                                 \
    F(S, f64,  dp,            0, -5, 5, "%", "momentum offset dp/p")                                                   \
    F(S, f64s, amplitudes_mm, "[10, 20, 30, 35, 40, 45]", 0.01, 49, "mm", "betatron amplitudes to show tunes at")      \
    F(S, i64,  turns,         1024, 64, 65536, "1", "turns tracked, a power of two")                                   \
    F(S, i64,  order,         5, 1, 12, "1", "resonances up to this order are drawn")                                  \
    F(S, str,  scan,          "", 0, 0, "", "KEY=FROM:TO:STEP or KEY=VALUE,...: a table and a tune diagram of a parameter's values")
/* clang-format on */
CFG_DECLARE(tune_cfg, TUNE_CFG)

/* ---- one ring ---- */

static void print_answers(const double a[N_ANSWERS], struct sheet *s)
{
    for (int i = 0; i < N_ANSWERS; i++) {
        if (isnan(a[i])) continue;
        cmd_ring_answer_print((enum ring_answer)i, a[i]);
        sheet_number(s, ring_answer_fields[i].name, a[i]);
    }
}

struct centre {
    double closed[RAY_N];
    struct ring_point at;
};

static enum err find_centre(const struct ring_tool *tool, double dp, struct centre *c)
{
    struct ring_map turn;
    TRY(ring_probe_closed(&tool->ring, ring_probe_delta(dp), c->closed, &turn));
    return ring_probe_point(&turn, 0.0, &c->at);
}

/* Tunes against the amplitude of one plane at a time. */
static enum err detuning(const struct ring_tool *tool, const struct tune_cfg *cfg, const struct centre *c,
                         struct sheet *s)
{
    const size_t n = cfg->amplitudes_mm.n + 1;
    double a[MAX_AMPLITUDES + 1], small[MAX_AMPLITUDES + 1], nu[4][MAX_AMPLITUDES + 1];
    for (size_t i = 0; i < n; i++) a[i] = i ? cfg->amplitudes_mm.value[i - 1] : 0.1, small[i] = 0.1;
    TRY(ring_probe_tunes(&tool->ring, c->closed, &c->at, n, a, small, (size_t)cfg->turns, nu[0], nu[1]));
    TRY(ring_probe_tunes(&tool->ring, c->closed, &c->at, n, small, a, (size_t)cfg->turns, nu[2], nu[3]));
    printf("tunes against amplitude (tracked)\n  %12s %25s %25s\n  %12s %12s %12s %12s %12s\n", "amplitude",
           "horizontal amplitude", "vertical amplitude", "mm", "nu_x", "nu_y", "nu_x", "nu_y");
    for (size_t i = 0; i < n; i++)
        printf("  %12g %12.6f %12.6f %12.6f %12.6f\n", a[i], nu[0][i], nu[1][i], nu[2][i], nu[3][i]);
    const struct sheet_column columns[] = {{"amplitude", "mm", a},
                                           {"nu_x_of_a_x", "1", nu[0]},
                                           {"nu_y_of_a_x", "1", nu[1]},
                                           {"nu_x_of_a_y", "1", nu[2]},
                                           {"nu_y_of_a_y", "1", nu[3]}};
    sheet_table(s, "detuning", n, columns, 5);
    return ERR_OK;
}

/* Tunes on a grid of amplitudes within the aperture. */
static enum err footprint(const struct ring_tool *tool, const struct tune_cfg *cfg, const struct centre *c,
                          struct sheet *s, double window[2][2])
{
    double a_x[MAX_FOOTPRINT], a_y[MAX_FOOTPRINT], nu_x[MAX_FOOTPRINT], nu_y[MAX_FOOTPRINT], a[MAX_FOOTPRINT];
    const double most = fmin(tool->setup.aperture_mm, 48.0);
    size_t n          = 0;
    for (int i = 0; i <= STEPS; i++)
        for (int k = 0; k <= STEPS; k++) {
            double x = fmax(0.1, most * i / STEPS), y = fmax(0.1, most * k / STEPS);
            if (hypot(x, y) <= most + 0.2) a_x[n] = x, a_y[n] = y, a[n] = hypot(x, y), n++;
        }
    TRY(ring_probe_tunes(&tool->ring, c->closed, &c->at, n, a_x, a_y, (size_t)cfg->turns, nu_x, nu_y));
    const struct sheet_column columns[] = {
        {"a_x", "mm", a_x}, {"a_y", "mm", a_y}, {"nu_x", "1", nu_x}, {"nu_y", "1", nu_y}, {"a", "mm", a}};
    sheet_table(s, "footprint", n, columns, 5);
    cmd_ring_draw_window(nu_x, n, 0.025, window[0]);
    cmd_ring_draw_window(nu_y, n, 0.04, window[1]);
    return ERR_OK;
}

static void draw_diagram_frame(struct sheet *s, const struct tune_cfg *cfg, double window[2][2])
{
    cmd_ring_draw_resonances(s, (int)cfg->order, window[0], window[1]);
    fprintf(s->script, "set xlabel 'νx'\nset ylabel 'νy' offset 1\nset xrange [%.8g:%.8g]\nset yrange [%.8g:%.8g]\n",
            window[0][0], window[0][1], window[1][0], window[1][1]);
}

static void draw_one(struct ring_tool *tool, const struct tune_cfg *cfg, double window[2][2], struct sheet *s)
{
    snprintf(tool->title, sizeof tool->title, "Tune diagram: amplitudes to %g mm, resonances to order %d",
             fmin(tool->setup.aperture_mm, 48.0), (int)cfg->order);
    tool->width = 900, tool->height = 720;
    draw_diagram_frame(s, cfg, window);
    fprintf(s->script,
            "set rmargin 14\nset cblabel 'amplitude (x² + y²)^½ [mm]'\nset cbrange [0:%g]\nunset key\n"
            "plot $footprint using 3:4:5 with points pt 7 ps 0.9 lc palette, \\\n"
            "  $footprint every ::0::0 using 3:4 with points pt 6 ps 1.8 lw 2 lc rgb '#D55E00'\n",
            fmin(tool->setup.aperture_mm, 48.0));
}

static enum err one_ring(struct ring_tool *tool, const struct tune_cfg *cfg, struct sheet *s)
{
    const unsigned groups = 1u << GROUP_OPTICS | 1u << GROUP_TRACKED | 1u << GROUP_CHROMA | 1u << GROUP_AROUND;
    double answer[N_ANSWERS], window[2][2];
    struct centre c;
    REQUIRE(cfg->amplitudes_mm.n <= MAX_AMPLITUDES, ERR_OPTION, "--amplitudes_mm: at most %d are accepted",
            MAX_AMPLITUDES);
    TRY(cmd_ring_answer(tool, 0.01 * cfg->dp, groups, (size_t)cfg->turns, answer));
    print_answers(answer, s);
    TRY(find_centre(tool, 0.01 * cfg->dp, &c));
    TRY(detuning(tool, cfg, &c, s));
    TRY(footprint(tool, cfg, &c, s, window));
    draw_one(tool, cfg, window, s);
    return ERR_OK;
}

/* ---- a row of rings ---- */

static void label_points(const struct ring_scan *scan, struct sheet *s)
{
    const size_t step = 1 + (scan->n - 1) / 10;
    for (size_t i = 0; i < scan->n; i += step) {
        char word[160];
        if (scan->problem[i][0]) continue;
        sheet_quote(scan->word[i], sizeof word, word);
        fprintf(s->script, "set label %s at %.8g,%.8g offset 0.8,0.2 left font ',10' front tc rgb '#0072B2'\n", word,
                scan->answer[i][ANSWER_nu_x], scan->answer[i][ANSWER_nu_y]);
    }
}

static void draw_scan(struct ring_tool *tool, const struct ring_scan *scan, const struct tune_cfg *cfg,
                      double window[2][2], struct sheet *s)
{
    snprintf(tool->title, sizeof tool->title, "Tunes and frequencies against %s", scan->name);
    tool->width = 1200, tool->height = 620;
    fprintf(s->script, "set multiplot\nunset key\nset tmargin at screen 0.92\nset bmargin at screen 0.15\n"
                       "set lmargin at screen 0.07\nset rmargin at screen 0.49\n");
    draw_diagram_frame(s, cfg, window);
    label_points(scan, s);
    fprintf(s->script, "plot $scan using 3:4 with linespoints lt 1 pt 7 ps 0.7\n");
    fprintf(s->script, "unset arrow\nunset label\nunset title\nset autoscale\nset xrange [*:*]\nset yrange [*:*]\n"
                       "set lmargin at screen 0.58\nset rmargin at screen 0.98\nset bmargin at screen 0.54\n");
    cmd_ring_scan_axis(scan, s, false);
    fprintf(s->script, "set ylabel 'f CBO [MHz]' offset 1\n"
                       "plot $scan using 1:5 with linespoints lt 1 pt 7 ps 0.6\n"
                       "set tmargin at screen 0.52\nset bmargin at screen 0.15\n");
    cmd_ring_scan_axis(scan, s, true);
    fprintf(s->script, "set ylabel 'f VW [MHz]' offset 1\nplot $scan using 1:6 with linespoints lt 2 pt 7 ps 0.6\n"
                       "unset multiplot\n");
}

static enum err several_rings(struct ring_tool *tool, const struct tune_cfg *cfg, struct sheet *s)
{
    static const enum ring_answer which[] = {ANSWER_n, ANSWER_nu_x, ANSWER_nu_y, ANSWER_f_CBO, ANSWER_f_VW};
    struct ring_scan scan;
    double *nu, window[2][2];
    enum err rc;
    TRY(cmd_ring_scan(tool, cfg->scan, 0.01 * cfg->dp, 1u << GROUP_OPTICS | 1u << GROUP_TRACKED, (size_t)cfg->turns,
                      &scan));
    TRY_TO(done, mem_alloc(&nu, 2 * scan.n, sizeof *nu));
    for (size_t i = 0; i < scan.n; i++) {
        nu[i]          = scan.answer[i][ANSWER_nu_x];
        nu[scan.n + i] = scan.answer[i][ANSWER_nu_y];
    }
    cmd_ring_draw_window(nu, scan.n, 0.02, window[0]);
    cmd_ring_draw_window(nu + scan.n, scan.n, 0.03, window[1]);
    mem_free(nu);
    TRY_TO(done, cmd_ring_scan_table(&scan, which, 5, s));
    draw_scan(tool, &scan, cfg, window, s);
done:
    cmd_ring_scan_free(&scan);
    return rc;
}

static enum err run(struct ring_tool *tool, const void *options, struct sheet *s)
{
    const struct tune_cfg *cfg = options;
    return *cfg->scan ? several_rings(tool, cfg, s) : one_ring(tool, cfg, s);
}

const struct ring_verb ring_verb_tune = {"tune", "tunes, frequencies, chromaticity, detuning; the tune diagram",
                                         tune_cfg_fields, sizeof(struct tune_cfg), run};
