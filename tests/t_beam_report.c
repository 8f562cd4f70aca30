/* Corrections and spectra of the beam from histograms, and gm2 report on files that hold nothing else. */
#include "beam_corrections.h"
#include "beam_spectrum.h"
#include "file.h"
#include "mem.h"
#include "phys.h"
#include "report.h"
#include "ring_track.h"
#include "rng.h"
#include "tables.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define assert_near(got, want, within)                                                                                 \
    do {                                                                                                               \
        double got_ = (got), want_ = (want);                                                                           \
        if (!(fabs(got_ - want_) <= (within)))                                                                         \
            fail_msg("%s is %.10g, want %.10g +- %g", #got, got_, want_, (double)(within));                            \
    } while (0)

#define F_CBO 0.3691
#define F_VW  2.2873

static struct hist *book(struct hist_set *set, const char *name, const char *title, struct hist_axis x, int is_weighted)
{
    struct hist *h;
    assert_int_equal(hist_book(set, name, title, x, HIST_NO_AXIS, is_weighted, &h), ERR_OK);
    return h;
}

/* ---- corrections ---- */

static void add_sum(struct hist_set *set, const char *name, double value)
{
    char path[64];
    snprintf(path, sizeof path, "beam/sum/%s", name);
    hist_fill(book(set, path, name, hist_axis(1, 0.0, 1.0, "", "1"), 1), 0.5, 0.0, value);
}

/* 2,000 muons whose spins follow 0.99 C_e + 1.02 C_p after a kick of start_mrad (1 + 0.3 C_e / ppm). */
static void fill_sums(struct hist_set *set, double start_mrad)
{
    const double n = 0.108, k_e = 2e6 * n * (1 - n) * (1 - 1 / (MAGIC_GAMMA * MAGIC_GAMMA)) / (RING_R0_MM * RING_R0_MM);
    const double to_r = -1e3 * start_mrad / (OMEGA_A_RADNS * MAGIC_GAMMA * MUON_LIFETIME_NS);
    for (uint32_t i = 0; i < 2000; i++) {
        struct rng g = rng_start(rng_key(3, 1, 0, 1, 900), i);
        double x = 5.0 + 8.0 * rng_normal(&g), c = k_e * x * x, q = 0.18 * -log(rng_uniform(&g));
        double w = 0.5 - log(rng_uniform(&g)), r = w * (0.99 * c + 1.02 * q) + to_r * (1.0 + 0.3 * c);
        add_sum(set, "n", 1.0), add_sum(set, "x_e", x), add_sum(set, "c", c), add_sum(set, "q", q);
        add_sum(set, "w", w), add_sum(set, "r", r), add_sum(set, "w_r", w * r);
        add_sum(set, "w_c", w * c), add_sum(set, "w_q", w * q), add_sum(set, "w_c_c", w * c * c);
        add_sum(set, "w_c_q", w * c * q), add_sum(set, "w_q_q", w * q * q);
        add_sum(set, "r_c", r * c), add_sum(set, "r_q", r * q), add_sum(set, "c_q", c * q),
            add_sum(set, "ww_c_q", w * w * c * q), add_sum(set, "wr_c", w * r * c);
        add_sum(set, "wr_q", w * r * q), add_sum(set, "f", -0.3);
        add_sum(set, "u", 1 / w), add_sum(set, "s", r / w), add_sum(set, "s_u", r / (w * w));
    }
}

/* The parts are told apart; without a kick the three estimates of the sum agree. */
static void corrections(void **state)
{
    (void)state;
    struct hist_set set = {0};
    struct beam_corrections c;
    assert_int_equal(beam_corrections(&set, &c), ERR_NOTFOUND);
    fill_sums(&set, 0.0);
    assert_int_equal(beam_corrections(&set, &c), ERR_OK);
    assert_near(c.n_muons, 2000.0, 0.0);
    assert_near(c.field_index, 0.108, 1e-6);
    assert_near(c.field_ppm, -0.3, 1e-6);
    assert_near(c.spin_e.value / c.weighted_e, 0.99, 1e-5);
    assert_near(c.spin_p.value / c.weighted_p, 1.02, 1e-5);
    assert_near(c.spin.value, 0.99 * c.weighted_e + 1.02 * c.weighted_p, 1e-3);
    assert_near(c.mean.value, c.spin.value, 1e-3);
    assert_near(c.difference.value, c.spin.value - c.weighted, 1e-3);
    assert_near(c.mean.value, c.formula.value, 4.0 * hypot(c.mean.error, c.formula.error));
    assert_near(c.slope.value, c.mean.value, 4.0 * hypot(c.slope.error, c.mean.error));
    assert_near(c.start_mrad.value, 0.0, 4.0 * c.start_mrad.error);
    assert_true(c.mean.error > 5.0 && c.mean.error < 40.0 && c.start_mrad.error < 0.01);
    hist_set_free(&set);
}

/* A kick of 0.37 mrad, more for muons far out, moves the mean shift by ppm; slope and fit do not see it. */
static void kick_at_start(void **state)
{
    (void)state;
    struct hist_set set = {0};
    struct beam_corrections c;
    fill_sums(&set, 0.37);
    assert_int_equal(beam_corrections(&set, &c), ERR_OK);
    assert_true(c.has_fit);
    assert_near(c.spin_e.value / c.weighted_e, 0.99, 1e-5);
    assert_near(c.spin_p.value / c.weighted_p, 1.02, 1e-5);
    assert_near(c.slope.value, c.weighted, 4.0 * c.slope.error);
    assert_near(c.start_mrad.value, 0.37 * 1.1, 4.0 * c.start_mrad.error + 0.02);
    assert_true(fabs(c.mean.value - c.weighted) > 1000.0);
    hist_set_free(&set);
}

/* Muons all alike leave nothing to fit; the mean stays. */
static void all_alike(void **state)
{
    (void)state;
    static const char *const ones[] = {"n",   "x_e",    "c",     "q",     "w",     "r",   "w_r",
                                       "w_c", "w_q",    "w_c_c", "w_c_q", "w_q_q", "r_c", "r_q",
                                       "c_q", "ww_c_q", "wr_c",  "wr_q",  "u",     "s",   "s_u"};
    struct hist_set set             = {0};
    struct beam_corrections c;
    for (int i = 0; i < 20; i++) {
        add_sum(&set, "f", 0.0);
        for (size_t k = 0; k < sizeof ones / sizeof ones[0]; k++) add_sum(&set, ones[k], 1.0);
    }
    assert_int_equal(beam_corrections(&set, &c), ERR_OK);
    assert_false(c.has_fit);
    assert_true(isnan(c.spin.value));
    assert_near(c.mean.value, 1000.0, 1e-6);
    hist_set_free(&set);
}

/* ---- spectra ---- */

/* Lines are found at their place and size, in a series with gaps and unequal weights. Noise alone has a line above 6
 * medians (7 sigma of the amplitude) in fewer than 1 of 1e8 spectra of 4,000 independent lines. */
static void lines(void **state)
{
    (void)state;
    enum { N = 1800 };
    double t[N], w[N], v[N];
    size_t n = 0;
    for (uint32_t i = 0; i < 2000; i++) {
        struct rng g = rng_start(rng_key(4, 1, 0, 1, 900), i);
        if (i % 10 == 3 || n == N) continue;
        t[n] = 5.0 + 0.1492 * i;
        w[n] = 1000.0 * exp(-t[n] / 64.4);
        v[n] = 6.0 + 3.0 * cos(2.0 * PI * F_CBO * t[n] + 0.4) + rng_normal(&g);
        n++;
    }
    struct beam_spectrum f;
    assert_int_equal(beam_spectrum_make(n, t, w, v, 0.05, 3.35, 0.001, &f), ERR_OK);
    struct beam_peak p = beam_spectrum_peak(&f, 0.25, 0.55), none = beam_spectrum_peak(&f, 1.7, 2.9);
    assert_near(p.f_MHz, F_CBO, 2e-4);
    assert_near(p.amplitude, 3.0, 0.2);
    assert_near(none.amplitude, 0.0, 0.0);
    beam_spectrum_free(&f);
}

/* Book-keeping between the engine's monitor sums and histograms of the same integers. */
static void take_monitor(const struct ring_monitors *m, struct hist_set *set, const struct hist *out[RING_N_SUMS])
{
    static const char *const parts[] = {"n", "x", "xx", "y", "yy"};
    struct hist_axis time            = hist_axis((int64_t)m->n_bins, 1e-3 * m->first_ns,
                                                 1e-3 * (m->first_ns + (double)m->n_bins / m->per_bin_ns), "t", "us");
    for (size_t k = 0; k < RING_N_SUMS; k++) {
        struct hist *h = book(set, parts[k], "", time, k > 0);
        for (size_t i = 0; i < m->n_bins; i++) h->content[i] = m->sum[k * m->n_bins + i];
        out[k] = h;
    }
}

static double line_of(const struct beam_series *d, const double *value, double low, double high)
{
    struct beam_spectrum f;
    assert_int_equal(beam_spectrum_make(d->n, d->t_us, d->weight, value, 0.05, 3.35, 0.001, &f), ERR_OK);
    struct beam_peak p = beam_spectrum_peak(&f, low, high);
    beam_spectrum_free(&f);
    return p.f_MHz;
}

/* A tracked beam, off centre and too narrow for its ring, watched at one azimuth: its lines lie where the lattice's tunes
 * put them, f_c (1 - nu_x), f_c nu_y, f_c (1 - 2 nu_y), within 0.1 %. All muons are magic and start together, so passages
 * fall into the middle of a bin of one period. */
static void tracked_lines(void **state)
{
    (void)state;
    enum { N = 320, TURNS = 1300 };
    static struct ring ring;
    static int64_t sums[RING_N_SUMS * TURNS];
    struct ring_setup s    = {.layout = RING_13_26, .pair_deg = 26.0, .aperture_mm = APERTURE_MM, .n_monitors = 1};
    const double period_ns = 2.0 * PI / OMEGA_C_RADNS;
    struct ring_monitors m = {.sum = sums, .n_bins = TURNS, .first_ns = 0.0, .per_bin_ns = 1.0 / period_ns};
    const struct hist *h[RING_N_SUMS];
    struct hist_set set = {0};
    struct ring_batch b;
    struct ring_optics o;
    struct beam_series d;
    s.monitor_deg[0] = 180.0;
    ring_setup_linear(&s, 0.108);
    assert_int_equal(ring_build(&s, &ring), ERR_OK);
    assert_int_equal(ring_optics(&ring, 0.0, &o), ERR_OK);
    assert_int_equal(ring_batch_create(N, &b), ERR_OK);
    for (size_t i = 0; i < N; i++) {
        struct rng g  = rng_start(rng_key(5, 1, 0, 1, 900), (uint32_t)i);
        b.x_mm[i]     = 8.0 + 3.0 * rng_normal(&g);
        b.y_mm[i]     = 4.0 + 5.0 * rng_normal(&g);
        b.t_end_ns[i] = period_ns * TURNS;
    }
    b.monitors = &m;
    assert_int_equal(ring_track(&ring, &b), ERR_OK);
    take_monitor(&m, &set, h);
    assert_int_equal(beam_series_make(h[0], h[1], h[2], h[3], h[4], 1, &d), ERR_OK);
    assert_near(d.weight[700], N, 0.0);
    const double f_c = 1e3 / period_ns, cbo = f_c * (1.0 - o.nu_x), vw = f_c * (1.0 - 2.0 * o.nu_y);
    assert_near(line_of(&d, d.x_mm, 0.25, 0.55) / cbo, 1.0, 1e-3);
    assert_near(line_of(&d, d.x_var_mm2, 0.56, 1.1) / (2.0 * cbo), 1.0, 1e-3);
    assert_near(line_of(&d, d.y_mm, 1.7, 2.6) / (f_c * o.nu_y), 1.0, 1e-3);
    assert_near(line_of(&d, d.y_var_mm2, 1.7, 2.9) / vw, 1.0, 1e-3);
    assert_near(vw, 2.2850, 2e-4); /* literature, n = 0.108 */
    assert_near(cbo, 0.3696, 1e-4);
    beam_series_free(&d);
    ring_batch_free(&b);
    hist_set_free(&set);
}

/* ---- pages ---- */

static char folder[] = "/tmp/gm2_t_beam_report_XXXXXX";

/* A monitor: 2,000 muons a turn at first, centre and width oscillating. */
static void fill_monitor(struct hist_set *set)
{
    static const char *const parts[] = {"n", "x", "xx", "y", "yy"};
    struct hist *h[5];
    for (int k = 0; k < 5; k++) {
        char name[64];
        snprintf(name, sizeof name, "beam/monitor00/%s", parts[k]);
        h[k] = book(set, name, "monitor at 180 deg", hist_axis(1000, 0.0, 149.2, "time in fill", "us"), k > 0);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        double t = 0.1492 * (i + 0.5), m = floor(2000.0 * exp(-t / 64.4));
        double x = 5.0 + 8.0 * exp(-t / 150.0) * cos(2.0 * PI * F_CBO * t), y = 0.0;
        double xx = 200.0 + x * x, yy = 160.0 + 20.0 * cos(2.0 * PI * F_VW * t);
        hist_fill(h[0], t, 0.0, m);
        hist_fill(h[1], t, 0.0, m * x), hist_fill(h[2], t, 0.0, m * xx);
        hist_fill(h[3], t, 0.0, m * y), hist_fill(h[4], t, 0.0, m * yy);
    }
}

static void write_file(const char *path)
{
    const char *config           = "source: { module_type: EmptyFill }\n";
    struct provenance provenance = {
        "BEAM", "0.0.0", "0000", config, "0000000000000000000000000000000000000000", "baseline", PHYS_SET_NAME, "",
        "",     1,       "",     ""};
    struct unit unit    = {.run = 1, .n_fills = 1};
    struct fill fill    = {.run = 1, .event = 1};
    struct hist_set set = {0};
    struct unit_file *file;
    struct block *vertex;
    fill_sums(&set, 0.0);
    fill_monitor(&set);
    assert_int_equal(block_create(&table_vertex, &vertex), ERR_OK);
    assert_int_equal(unit_file_create(path, &provenance, &unit, &file), ERR_OK);
    assert_int_equal(unit_file_append(file, "vertex", vertex, &fill), ERR_OK);
    assert_int_equal(unit_file_finish(file, &set, 1), ERR_OK);
    assert_int_equal(unit_file_publish(file), ERR_OK);
    block_free(vertex);
    hist_set_free(&set);
}

static char *read_text(const char *path)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    size_t n = (size_t)ftell(f);
    rewind(f);
    char *text = calloc(n + 1, 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, n, f), n);
    fclose(f);
    return text;
}

static double number_at(const cJSON *j, const char *a, const char *b, const char *c)
{
    const cJSON *value = cJSON_GetObjectItem(cJSON_GetObjectItem(cJSON_GetObjectItem(j, a), b), c);
    if (!cJSON_IsNumber(value)) fail_msg("no number %s.%s.%s", a, b, c);
    return value->valuedouble;
}

/* Beam histograms alone make a page: the table, the monitor's lines, and nothing about fits. */
static void beam_alone(void **state)
{
    (void)state;
    char file[128], dir[128], path[160];
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/beam.h5", folder);
    snprintf(dir, sizeof dir, "%s/out", folder);
    write_file(file);
    char name[] = "report", option[] = "-o", *argv[] = {name, file, option, dir, NULL};
    fflush(stdout);
    int old = dup(1), fd = open("/dev/null", O_WRONLY);
    dup2(fd, 1);
    int status = cmd_report(4, argv);
    fflush(stdout);
    dup2(old, 1);
    close(old);
    close(fd);
    assert_int_equal(status, 0);
    snprintf(path, sizeof path, "%s/index.html", dir);
    char *page = read_text(path);
    assert_non_null(strstr(page, "by formula and by spin"));
    assert_null(strstr(page, "No fit"));
    assert_null(strstr(page, "id=\"wiggle\""));
    assert_null(strstr(page, "id=\"x_e\""));
    assert_null(strstr(page, "gnuplot failed"));
    free(page);
    snprintf(path, sizeof path, "%s/report.json", dir);
    char *text = read_text(path);
    cJSON *j = cJSON_Parse(text), *pictures = cJSON_GetObjectItem(j, "pictures");
    free(text);
    assert_non_null(j);
    double spin    = number_at(j, "beam", "sum_spin_ppb", "value");
    double formula = cJSON_GetObjectItem(cJSON_GetObjectItem(j, "beam"), "sum_formula_weighted_ppb")->valuedouble;
    assert_near(spin - formula, number_at(j, "beam", "spin_minus_formula_ppb", "value"), 1e-3);
    assert_near(number_at(pictures, "monitor0", "CBO", "f_MHz"), F_CBO, 2e-4);
    assert_near(number_at(pictures, "monitor0", "CBO", "amplitude"), 4.9, 0.5); /* 8 mm, decohering, in the window */
    assert_near(number_at(pictures, "monitor0", "VW", "f_MHz"), F_VW, 2e-4);
    assert_near(number_at(pictures, "monitor0", "VW", "amplitude"), 20.0, 0.5);
    assert_null(cJSON_GetObjectItem(cJSON_GetObjectItem(pictures, "monitor0"), "y"));
    assert_null(cJSON_GetObjectItem(pictures, "monitor1"));
    cJSON_Delete(j);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a folder of this test's own */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(corrections),   cmocka_unit_test(kick_at_start),
                                       cmocka_unit_test(all_alike),     cmocka_unit_test(lines),
                                       cmocka_unit_test(tracked_lines), cmocka_unit_test(beam_alone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
