/* gm2 ring orbit: closed orbit, dispersion and beta functions around the ring. */
#include "cfg.h"
#include "cmd_ring.h"
#include "mem.h"

#include "phys.h"

#include <math.h>
#include <stdio.h>

enum { DRAWN = 720, N_COLUMNS = 10 };

/* clang-format off */
#define ORBIT_CFG(F, S)                                                                                                \
    F(S, f64, dp,     0,  -5, 5,   "%", "momentum offset dp/p")                                                        \
    F(S, i64, points, 24, 1, 3600, "1", "azimuths printed")
/* clang-format on */
CFG_DECLARE(orbit_cfg, ORBIT_CFG)

static void fill_row(const struct ring_point *p, double row[N_COLUMNS])
{
    const double values[N_COLUMNS] = {p->phi_rad * 180.0 / PI, p->orbit[RAY_X],
                                      1e3 * p->orbit[RAY_PX],  p->orbit[RAY_Y],
                                      1e3 * p->orbit[RAY_PY],  1e-3 * p->dispersion_mm,
                                      1e-3 * p->beta_x_mm,     p->alpha_x,
                                      1e-3 * p->beta_y_mm,     p->alpha_y};
    for (int k = 0; k < N_COLUMNS; k++) row[k] = values[k];
}

static enum err around(const struct ring_tool *tool, double dp, size_t n, double first_deg, double *columns)
{
    double closed[RAY_N], row[N_COLUMNS], *phi;
    struct ring_map turn;
    struct ring_point *p = NULL;
    enum err rc;
    TRY(ring_probe_closed(&tool->ring, ring_probe_delta(dp), closed, &turn));
    TRY(mem_alloc(&phi, n, sizeof *phi));
    TRY_TO(done, mem_alloc(&p, n, sizeof *p));
    for (size_t i = 0; i < n; i++) phi[i] = (first_deg + 360.0 * (double)i / (double)n) * PI / 180.0;
    TRY_TO(done, ring_probe_around(&tool->ring, closed, &turn, n, phi, p));
    for (size_t i = 0; i < n; i++) {
        fill_row(&p[i], row);
        for (size_t k = 0; k < N_COLUMNS; k++) columns[k * n + i] = row[k];
    }
done:
    mem_free(p);
    mem_free(phi);
    return rc;
}

static void put_table(struct sheet *s, const char *name, size_t n, const double *v)
{
    static const char *const names[N_COLUMNS][2] = {
        {"azimuth", "deg"}, {"x_co", "mm"},  {"x_slope_co", "mrad"}, {"y_co", "mm"},  {"y_slope_co", "mrad"},
        {"eta", "m"},       {"beta_x", "m"}, {"alpha_x", "1"},       {"beta_y", "m"}, {"alpha_y", "1"}};
    struct sheet_column columns[N_COLUMNS];
    for (size_t k = 0; k < N_COLUMNS; k++) columns[k] = (struct sheet_column){names[k][0], names[k][1], v + k * n};
    sheet_table(s, name, n, columns, N_COLUMNS);
}

static enum err printed(const struct ring_tool *tool, const struct orbit_cfg *cfg, struct sheet *s)
{
    const size_t n = (size_t)cfg->points;
    double *v;
    TRY(mem_alloc(&v, N_COLUMNS * n, sizeof *v));
    enum err rc = around(tool, 0.01 * cfg->dp, n, 0.0, v);
    if (!rc) {
        printf("dp/p = %g %%\n%8s %11s %11s %11s %11s %9s %9s %9s %9s %9s\n%8s %11s %11s %11s %11s %9s %9s %9s %9s\n",
               cfg->dp, "azimuth", "x_co", "x'_co", "y_co", "y'_co", "eta", "beta_x", "alpha_x", "beta_y", "alpha_y",
               "deg", "mm", "mrad", "mm", "mrad", "m", "m", "", "m");
        for (size_t i = 0; i < n; i++)
            printf("%8.3f %11.6f %11.6f %11.6f %11.6f %9.5f %9.5f %9.5f %9.5f %9.5f\n", v[i], v[n + i], v[2 * n + i],
                   v[3 * n + i], v[4 * n + i], v[5 * n + i], v[6 * n + i], v[7 * n + i], v[8 * n + i], v[9 * n + i]);
        put_table(s, "azimuths", n, v);
    }
    mem_free(v);
    return rc;
}

/* What is the same everywhere; mean and greatest from the drawn points. */
static void print_summary(const double *v, struct sheet *s)
{
    static const struct {
        const char *name, *unit;
        int column;
    } rows[] = {{"x_co", "mm", 1}, {"y_co", "mm", 3}, {"eta", "m", 5}, {"beta_x", "m", 6}, {"beta_y", "m", 8}};
    printf("%8s %11s %11s %11s\n", "", "least", "mean", "greatest");
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        const double *c = v + rows[r].column * DRAWN;
        double low = c[0], high = c[0], sum = 0.0;
        char name[40];
        for (int i = 0; i < DRAWN; i++) low = fmin(low, c[i]), high = fmax(high, c[i]), sum += c[i];
        printf("%8s %11.6f %11.6f %11.6f %s\n", rows[r].name, low, sum / DRAWN, high, rows[r].unit);
        snprintf(name, sizeof name, "%s_mean", rows[r].name);
        sheet_number(s, name, sum / DRAWN);
    }
}

static void panel(struct sheet *s, int index, const char *label, const char *plot)
{
    const double top = 0.915, height = 0.265;
    fprintf(s->script, "set tmargin at screen %g\nset bmargin at screen %g\nset ylabel '%s'\n", top - index * height,
            top - (index + 1) * height + 0.02, label);
    fprintf(s->script,
            index == 2 ? "set xlabel 'azimuth [deg]'\nset format x '%%g'\n" : "unset xlabel\nset format x ''\n");
    fprintf(s->script, "plot %s\nunset title\nunset label 999\n", plot);
}

/* Of one or two columns: room for the bars below and the key above, and not less than `least` in all. */
static void set_range(struct sheet *s, const char *axis, const double *v, const double *w, double least)
{
    double low = v[0], high = v[0];
    for (int i = 0; i < DRAWN; i++) {
        low  = fmin(low, w ? fmin(v[i], w[i]) : v[i]);
        high = fmax(high, w ? fmax(v[i], w[i]) : v[i]);
    }
    double more = fmax(0.0, 0.5 * (least - (high - low)));
    low -= more, high += more;
    fprintf(s->script, "set %srange [%.6g:%.6g]\n", axis, low - 0.2 * (high - low), high + 0.3 * (high - low));
}

static void draw(struct ring_tool *tool, const struct orbit_cfg *cfg, const double *v, struct sheet *s)
{
    snprintf(tool->title, sizeof tool->title, "Closed orbit and lattice functions, dp/p = %g %%", cfg->dp);
    tool->width = 1000, tool->height = 860;
    fprintf(s->script, "set multiplot\nset lmargin at screen 0.09\nset rmargin at screen 0.91\nset xrange [0:360]\n"
                       "set xtics 30\nset key top right horizontal\n"
                       "set label 1 'bars: ESQ blue, kickers yellow, collimators red' at screen 0.09, screen 0.022 "
                       "left font ',10' tc rgb '#666666'\n");
    cmd_ring_draw_elements(s, tool);
    set_range(s, "y", v + 1 * DRAWN, v + 3 * DRAWN, 0.2);
    panel(s, 0, "closed orbit [mm]",
          "$around using 1:2 with lines lt 1 title 'x', $around using 1:4 with lines lt 2 title 'y'");
    fprintf(s->script, "unset label 1\n");
    set_range(s, "y", v + 5 * DRAWN, NULL, 0.02);
    panel(s, 1, "dispersion [m]", "$around using 1:6 with lines lt 3 title 'η'");
    fprintf(s->script, "set y2tics\nset ytics nomirror\nset y2label 'βy [m]' offset -1\n");
    set_range(s, "y", v + 6 * DRAWN, NULL, 0.02);
    set_range(s, "y2", v + 8 * DRAWN, NULL, 0.02);
    panel(s, 2, "βx [m]",
          "$around using 1:7 with lines lt 1 title 'βx', $around using 1:9 axes x1y2 with lines lt 2 title 'βy'");
    fprintf(s->script, "unset multiplot\n");
}

static enum err run(struct ring_tool *tool, const void *options, struct sheet *s)
{
    const struct orbit_cfg *cfg = options;
    double *v;
    TRY(printed(tool, cfg, s));
    TRY(mem_alloc(&v, N_COLUMNS * DRAWN, sizeof *v));
    enum err rc = around(tool, 0.01 * cfg->dp, DRAWN, 0.25, v);
    if (!rc) {
        sheet_number(s, "dp_percent", cfg->dp);
        print_summary(v, s);
        put_table(s, "around", DRAWN, v);
        draw(tool, cfg, v, s);
    }
    mem_free(v);
    return rc;
}

const struct ring_verb ring_verb_orbit = {"orbit", "closed orbit, dispersion and beta functions around the ring",
                                          orbit_cfg_fields, sizeof(struct orbit_cfg), run};
