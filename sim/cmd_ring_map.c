/* gm2 ring map: the one-turn matrix, how symplectic it is, and orbit, energy and spin of single muons over many turns. */
#include "cfg.h"
#include "cmd_ring.h"
#include "mem.h"

#include "phys.h"

#include <gsl/gsl_eigen.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_MUONS = 64, PORTRAITS = 8, PORTRAIT_TURNS = 400 };

/* clang-format off */
#define MAP_CFG(F, S)                                                                                                  \
    F(S, f64,  azimuth_deg, 0,    0, 359.999999, "deg", "where the matrix starts and ends")                            \
    F(S, f64s, dp,          "[0]", -5, 5,   "%",  "momentum offsets dp/p of muons; the first is that of the matrix")   \
    F(S, f64s, x_mm,        "[]", -49, 49,  "mm", "radial starts from R0 at azimuth 0; none: on the closed orbit")     \
    F(S, f64s, y_mm,        "[]", -49, 49,  "mm", "vertical starts at azimuth 0; none: on the closed orbit")           \
    F(S, i64,  turns,       670,  16, 1000000, "1", "turns for spin and energy")
/* clang-format on */
CFG_DECLARE(map_cfg, MAP_CFG)

/* ---- matrix ---- */

static void add_matrix(struct sheet *s, const struct ring_map *m)
{
    cJSON *rows = cJSON_AddArrayToObject(s->json, "matrix");
    for (int i = 0; i < RAY_N; i++) cJSON_AddItemToArray(rows, cJSON_CreateDoubleArray(m->matrix[i], RAY_N));
    cJSON_AddStringToObject(s->json, "coordinates", "x mm, p_r/p_m, y mm, p_y/p_m, zeta = -beta c t mm, delta");
    cJSON_AddItemToObject(s->json, "orbit", cJSON_CreateDoubleArray(m->out, RAY_N));
    cJSON_AddItemToObject(s->json, "spin_phase_slopes", cJSON_CreateDoubleArray(m->phase_slope, RAY_N));
    sheet_number(s, "spin_phase_rad", m->phase_rad);
}

/* Momenta and delta in 1e-3, so that all numbers have a readable size. */
static void print_matrix(const struct ring_map *m)
{
    static const char *const names[RAY_N] = {"x [mm]",         "p_r/p_m [1e-3]", "y [mm]",
                                             "p_y/p_m [1e-3]", "zeta [mm]",      "delta [1e-3]"};
    static const double unit[RAY_N]       = {1.0, 1e-3, 1.0, 1e-3, 1.0, 1e-3};
    printf("one turn; zeta = -beta c t, delta = (E - E_m)/(beta c p_m); E total energy, m: magic momentum on R0\n");
    printf("%-17s", "d(below)/d(right)");
    for (int k = 0; k < RAY_N; k++) printf(" %15s", names[k]);
    printf("\n");
    for (int i = 0; i < RAY_N; i++) {
        printf("%-17s", names[i]);
        for (int k = 0; k < RAY_N; k++) printf(" %15.9f", m->matrix[i][k] * unit[k] / unit[i]);
        printf("\n");
    }
    printf("%-17s", "spin phase [1e-3]");
    for (int k = 0; k < RAY_N; k++) printf(" %15.9f", m->phase_slope[k] * unit[k] * 1e3);
    printf("\n");
}

static enum err eigenvalues(const struct ring_map *m, struct sheet *s)
{
    double a[16], value[8], determinant = 1.0;
    for (int i = 0; i < 16; i++) a[i] = m->matrix[i / 4][i % 4];
    gsl_matrix_view A              = gsl_matrix_view_array(a, 4, 4);
    gsl_vector_complex_view v      = gsl_vector_complex_view_array(value, 4);
    gsl_eigen_nonsymm_workspace *w = gsl_eigen_nonsymm_alloc(4);
    REQUIRE(w, ERR_MEMORY, "no memory for eigenvalues");
    int rc = gsl_eigen_nonsymm(&A.matrix, &v.vector, w);
    gsl_eigen_nonsymm_free(w);
    REQUIRE(!rc, ERR_NUMBER, "the eigenvalues of the matrix cannot be found");
    cJSON *list = cJSON_AddArrayToObject(s->json, "eigenvalues");
    printf("eigenvalues of the transverse part\n  %18s %18s %18s %18s\n", "real", "imaginary", "modulus - 1",
           "angle/2pi");
    for (int i = 0; i < 4; i++) {
        double re = value[2 * i], im = value[2 * i + 1], modulus = hypot(re, im);
        printf("  %18.12f %18.12f %18.3e %18.12f\n", re, im, modulus - 1.0, atan2(im, re) / (2.0 * PI));
        cJSON_AddItemToArray(list, cJSON_CreateDoubleArray(&value[2 * i], 2));
        determinant *= modulus;
    }
    printf("determinant - 1    %.3e\n", determinant - 1.0);
    sheet_number(s, "determinant_minus_one", determinant - 1.0);
    return ERR_OK;
}

static enum err matrix(const struct ring_tool *tool, const struct map_cfg *cfg, const double closed[RAY_N],
                       struct sheet *s)
{
    const double phi = cfg->azimuth_deg * PI / 180.0, to = phi + 2.0 * PI;
    double here[1][RAY_N];
    struct ring_map m;
    memcpy(here[0], closed, sizeof here[0]);
    if (phi > 0.0) TRY(ring_probe_carry(&tool->ring, 0.0, 1, (const double(*)[RAY_N])here, &phi, here, NULL));
    TRY(ring_probe_maps(&tool->ring, phi, here[0], 1, &to, &m));
    printf("azimuth %g deg; closed orbit x %.6f mm, p_r/p_m %.6f mrad, y %.6f mm, p_y/p_m %.6f mrad\n",
           cfg->azimuth_deg, here[0][0], 1e3 * here[0][1], here[0][2], 1e3 * here[0][3]);
    print_matrix(&m);
    const double error = ring_probe_symplectic_error(&m);
    printf("symplectic error   %.3e  largest element of M^T J M - J, lengths in R0\n", error);
    sheet_number(s, "symplectic_error", error);
    TRY(eigenvalues(&m, s));
    double turn = m.phase_rad + (m.phase_rad < 0.0 ? 2.0 * PI : 0.0);
    printf("spin phase a turn  %.12f rad; spin tune %.12f\n", turn, turn / (2.0 * PI));
    add_matrix(s, &m);
    return ERR_OK;
}

/* ---- muons ---- */

static double pick(const struct f64s *list, size_t i, double otherwise)
{
    return list->n == 0 ? otherwise : list->value[list->n == 1 ? 0 : i];
}

static enum err start_muons(const struct ring_tool *tool, const struct map_cfg *cfg, double (*u)[RAY_N], size_t *n)
{
    const struct f64s *lists[] = {&cfg->dp, &cfg->x_mm, &cfg->y_mm};
    *n                         = 1;
    for (int i = 0; i < 3; i++)
        if (lists[i]->n > *n) *n = lists[i]->n;
    REQUIRE(*n <= MAX_MUONS, ERR_OPTION, "at most %d muons are accepted", MAX_MUONS);
    for (int i = 0; i < 3; i++)
        REQUIRE(lists[i]->n <= 1 || lists[i]->n == *n, ERR_OPTION,
                "--dp, --x_mm and --y_mm: lists of one length are wanted, or one value");
    for (size_t i = 0; i < *n; i++) {
        TRY(ring_probe_closed(&tool->ring, ring_probe_delta(0.01 * pick(&cfg->dp, i, 0.0)), u[i], NULL));
        if (cfg->x_mm.n) u[i][RAY_X] = pick(&cfg->x_mm, i, 0.0), u[i][RAY_PX] = 0.0;
        if (cfg->y_mm.n) u[i][RAY_Y] = pick(&cfg->y_mm, i, 0.0), u[i][RAY_PY] = 0.0;
    }
    return ERR_OK;
}

static enum err muons(const struct ring_tool *tool, const struct map_cfg *cfg, struct sheet *s)
{
    double u[MAX_MUONS][RAY_N], columns[7][MAX_MUONS];
    struct ring_spin spin[MAX_MUONS];
    size_t n;
    TRY(start_muons(tool, cfg, u, &n));
    TRY(ring_probe_spin(&tool->ring, n, (const double(*)[RAY_N])u, (size_t)cfg->turns, spin));
    printf("single muons over %lld turns: slope of the spin's phase against a e B0/m, sin^4 window\n",
           (long long)cfg->turns);
    printf("  %10s %10s %10s %14s %14s %16s %12s\n", "dp/p [%]", "x [mm]", "y [mm]", "omega_a [ppb]", "turn [ns]",
           "spin tune", "energy");
    for (size_t i = 0; i < n; i++) {
        const double row[7] = {pick(&cfg->dp, i, 0.0), u[i][RAY_X],       u[i][RAY_Y],          spin[i].omega_a_ppb,
                               spin[i].period_ns,      spin[i].spin_tune, spin[i].energy_change};
        printf("  %10.5f %10.4f %10.4f %14.3f %14.7f %16.12f %12.2e\n", row[0], row[1], row[2], row[3], row[4], row[5],
               row[6]);
        for (int k = 0; k < 7; k++) columns[k][i] = row[k];
    }
    const struct sheet_column c[] = {{"dp", "%", columns[0]},           {"x", "mm", columns[1]},
                                     {"y", "mm", columns[2]},           {"omega_a_shift", "ppb", columns[3]},
                                     {"turn", "ns", columns[4]},        {"spin_tune", "1", columns[5]},
                                     {"energy_change", "1", columns[6]}};
    sheet_table(s, "muons", n, c, 7);
    return ERR_OK;
}

/* ---- picture: turn by turn in phase space ---- */

static const char *const portrait_names[][2] = {
    {"x", "mm"}, {"px", "1e-3"}, {"y", "mm"}, {"py", "1e-3"}, {"start", "mm"}};

/* Rows [column][muon][turn]; (double)NAN once a muon is outside the plates. */
static void store_row(const struct ring_tool *tool, const struct ring_batch *b, size_t i, double start, size_t n,
                      double *row)
{
    double u[RAY_N];
    ring_probe_store(&tool->ring, 0.0, b, i, u);
    const double mark = b->fate[i] == 0.0 ? 0.0 : (double)NAN;
    for (int k = 0; k < 4; k++) row[(size_t)k * n] = u[k] * (k % 2 ? 1e3 : 1.0) + mark;
    row[4 * n] = start;
}

static enum err portrait(const struct ring_tool *tool, const double closed[RAY_N], struct sheet *s)
{
    const size_t n = (size_t)PORTRAITS * PORTRAIT_TURNS;
    struct sheet_column c[5];
    struct ring_batch b = {0};
    double *v;
    enum err rc;
    TRY(mem_alloc(&v, 5 * n, sizeof *v));
    TRY_TO(done, ring_batch_create(PORTRAITS, &b));
    for (size_t i = 0; i < PORTRAITS; i++) {
        double u[RAY_N], a = tool->setup.aperture_mm * (double)(i + 1) / PORTRAITS;
        memcpy(u, closed, sizeof u);
        u[RAY_X] += copysign(a / sqrt(2.0), -u[RAY_X]), u[RAY_Y] += a / sqrt(2.0); /* inwards there is room */
        TRY_TO(done, ring_probe_load(&tool->ring, 0.0, u, &b, i));
    }
    for (size_t k = 0; k < PORTRAIT_TURNS; k++) {
        for (size_t i = 0; i < PORTRAITS; i++)
            store_row(tool, &b, i, tool->setup.aperture_mm * (double)(i + 1) / PORTRAITS, n,
                      v + i * PORTRAIT_TURNS + k);
        TRY_TO(done, ring_probe_turn(&tool->ring, &b));
    }
    for (size_t k = 0; k < 5; k++) c[k] = (struct sheet_column){portrait_names[k][0], portrait_names[k][1], v + k * n};
    sheet_table(s, "portrait", n, c, 5);
done:
    ring_batch_free(&b);
    mem_free(v);
    return rc;
}

static void draw(struct ring_tool *tool, struct sheet *s)
{
    snprintf(tool->title, sizeof tool->title, "Phase space turn by turn at azimuth 0, %d turns", PORTRAIT_TURNS);
    tool->width = 1100, tool->height = 560;
    fprintf(s->script,
            "set multiplot\nunset key\nset tmargin at screen 0.90\nset bmargin at screen 0.16\nset cbrange [0:*]\n"
            "set lmargin at screen 0.07\nset rmargin at screen 0.45\nunset colorbox\n"
            "set xlabel 'x [mm]'\nset ylabel 'pr / p magic [10^-3]' offset 1\n"
            "plot $portrait using 1:2:5 with points pt 7 ps 0.25 lc palette\nunset title\nunset label 999\n"
            "set lmargin at screen 0.53\nset rmargin at screen 0.90\nset colorbox\n"
            "set cblabel 'start (x² + y²)^½, x = y [mm]'\n"
            "set xlabel 'y [mm]'\nset ylabel 'py / p magic [10^-3]' offset 1\n"
            "plot $portrait using 3:4:5 with points pt 7 ps 0.25 lc palette\nunset multiplot\n");
}

static enum err run(struct ring_tool *tool, const void *options, struct sheet *s)
{
    const struct map_cfg *cfg = options;
    double closed[RAY_N];
    const double dp = 0.01 * (cfg->dp.n ? cfg->dp.value[0] : 0.0);
    TRY(ring_probe_closed(&tool->ring, ring_probe_delta(dp), closed, NULL));
    TRY(matrix(tool, cfg, closed, s));
    TRY(muons(tool, cfg, s));
    TRY(portrait(tool, closed, s));
    draw(tool, s);
    return ERR_OK;
}

const struct ring_verb ring_verb_map = {"map", "one-turn matrix, symplecticity, energy and spin of single muons",
                                        map_cfg_fields, sizeof(struct map_cfg), run};
