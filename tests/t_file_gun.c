/* FileGun: what comes out of a fill, and what is refused. */
#include "phase_space.h"
#include "phys.h"
#include "ring_track.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gun_step.h"

static char path[64];

static void write_file(const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* n rows with x = 0.01 i, so that a row shows its number, and widths that fit each other. */
static void write_numbered(int n)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "x_mm,y_mm,xp_mrad,yp_mrad,delta [%%],t_ns\n");
    for (int i = 0; i < n; i++)
        fprintf(f, "%.17g,%g,%g,%g,%g,%g\n", 0.01 * i, 5.0 * sin(i), 2.0 * cos(i), sin(2.0 * i), 0.1 * cos(3.0 * i),
                30.0 * sin(5.0 * i));
    assert_int_equal(fclose(f), 0);
}

static int row_of(const struct muon_view *m, size_t i) { return (int)lround(m->x_mm[i] / 0.01); }

static enum err open_file_gun(struct one *g, const char *more)
{
    char text[512];
    snprintf(text, sizeof text, "path: \"%s\" %s", path, more);
    return open_gun(g, "FileGun", text);
}

/* Every column by every way, in the units of the table muon. */
static void rows_become_muons(void **state)
{
    (void)state;
    struct one g;
    write_file("x_cm y_m p_r_MeV p_phi_MeV p_y_MeV t_us phi_deg s_r s_phi s_y\n"
               "7.7 -0.001 3.0 3094.0 -1.5 0.025 -5 0.1 -0.9 0.2\n");
    assert_int_equal(
        open_file_gun(&g, "muons_per_fill: 1 x_offset_mm: 1 y_offset_mm: 2 t_offset_ns: 3 phi_offset_deg: 4"), ERR_OK);
    assert_int_equal(fire(&g, 1, 0, 1), ERR_OK);
    struct muon_view m = muon_view(g.step.out[0]);
    assert_near(m.x_mm[0], 78.0, 1e-12);
    assert_near(m.y_mm[0], 1.0, 1e-12);
    assert_near(m.p_r_GeV[0], 3e-3, 1e-15);
    assert_near(m.p_phi_GeV[0], 3.094, 1e-12);
    assert_near(m.p_y_GeV[0], -1.5e-3, 1e-15);
    assert_near(m.t_fill_ns[0], 28.0, 1e-12);
    assert_near(m.phi_rad[0], 359.0 * PI / 180.0, 1e-12);
    assert_true(m.s_r[0] == 0.1 && m.s_phi[0] == -0.9 && m.s_y[0] == 0.2);
    assert_true(m.t_decay_ns[0] > m.t_fill_ns[0]);
    close_gun(&g);

    write_file("x_mm,y_mm,x'_mrad,y' [mrad],delta_%,charge,PDGid,weight\n1,2,3,-4,0.5,1,-13,1\n");
    assert_int_equal(open_file_gun(&g, "muons_per_fill: 1 spin: along polarisation: 0.9 phase_slope_mrad: -10"),
                     ERR_OK);
    assert_int_equal(fire(&g, 1, 0, 1), ERR_OK);
    m        = muon_view(g.step.out[0]);
    double p = sqrt(m.p_r_GeV[0] * m.p_r_GeV[0] + m.p_phi_GeV[0] * m.p_phi_GeV[0] + m.p_y_GeV[0] * m.p_y_GeV[0]);
    assert_near(p, 1.005 * MAGIC_P_GeV, 1e-12);
    assert_near(m.p_r_GeV[0] / m.p_phi_GeV[0], 3e-3, 1e-15);
    assert_near(m.p_y_GeV[0] / m.p_phi_GeV[0], -4e-3, 1e-15);
    assert_near(m.phi_rad[0], 355.0 * PI / 180.0, 1e-12);
    /* 5 mrad behind the momentum: turned outwards */
    assert_near(atan2(m.s_r[0], m.s_phi[0]) - atan(3e-3), 5e-3, 1e-12);
    assert_near(sqrt(m.s_r[0] * m.s_r[0] + m.s_phi[0] * m.s_phi[0] + m.s_y[0] * m.s_y[0]), 0.9, 1e-12);
    close_gun(&g);
}

/* A track file of G4beamline as it writes it. */
static void g4beamline(void **state)
{
    (void)state;
    struct one g;
    write_file("#BLTrackFile inflector exit\n#x y z Px Py Pz t PDGid EventID TrackID ParentID Weight\n"
               "#mm mm mm MeV/c MeV/c MeV/c ns - - - - -\n"
               "1.5 -2 1700 3.1 -6.2 3094.3 12.5 -13 1 1 0 1.0000\n0.5 2 1700 0 0 3094.3 -12.5 -13 2 1 0 1.0000\n");
    assert_int_equal(open_file_gun(&g, "muons_per_fill: 2 x_offset_mm: 77"), ERR_OK);
    assert_int_equal(fire(&g, 1, 0, 1), ERR_OK);
    struct muon_view m = muon_view(g.step.out[0]);
    assert_near(m.x_mm[0], 78.5, 1e-12);
    assert_near(m.y_mm[0], -2.0, 1e-12);
    assert_near(m.p_r_GeV[0], 3.1e-3, 1e-15);
    assert_near(m.p_y_GeV[0], -6.2e-3, 1e-15);
    assert_near(m.p_phi_GeV[0], 3.0943, 1e-12);
    assert_near(m.t_fill_ns[1], -12.5, 1e-12);
    close_gun(&g);
}

/* Fill k takes the rows k n ... k n + n - 1, in any order of asking; wrapping begins again. */
static void rows_of_a_fill(void **state)
{
    (void)state;
    struct one g;
    write_numbered(100);
    assert_int_equal(open_file_gun(&g, "muons_per_fill: 30 first_row: 5 reuse: wrap"), ERR_OK);
    static const uint32_t fills[][2] = {{1, 2}, {0, 1}, {0, 2}, {3, 1}}; /* subrun, event; 2 fills a subrun */
    for (size_t k = 0; k < 4; k++) {
        g.unit.first_fill = 2 * (int64_t)fills[k][0];
        assert_int_equal(fire(&g, 1, fills[k][0], fills[k][1]), ERR_OK);
        struct muon_view m = muon_view(g.step.out[0]);
        assert_int_equal(m.n, 30);
        int first = 5 + 30 * (2 * (int)fills[k][0] + (int)fills[k][1] - 1);
        for (int i = 0; i < 30; i++) assert_int_equal(row_of(&m, (size_t)i), (first + i) % 100);
    }
    assert_int_equal(fire_type(&g, 1), 30);
    assert_int_equal(fire_type(&g, 2), 0); /* a laser fill */
    close_gun(&g);
    assert_int_equal(open_file_gun(&g, "muons_per_fill: 30"), ERR_OK);
    for (uint32_t e = 1; e <= 3; e++) assert_int_equal(fire(&g, 1, 0, e), ERR_OK);
    assert_int_equal(fire(&g, 1, 0, 4), ERR_CONFIG);
    assert_non_null(strstr(err_message(), "100 rows"));
    assert_non_null(strstr(err_message(), "needs 120"));
    close_gun(&g);
}

/* A job that needs more rows than there are is refused before its first fill. */
static void too_few_rows(void **state)
{
    (void)state;
    struct one g;
    write_numbered(100);
    assert_int_equal(open_file_gun(&g, "muons_per_fill: 30"), ERR_OK);
    g.job.end_fill = 4;
    g.step.module->end(&g.step);
    assert_int_equal(g.step.module->begin(&g.step), ERR_CONFIG);
    assert_non_null(strstr(err_message(), "100 rows, the job needs 120"));
    close_gun(&g);
}

/* A shuffled pass has every row once; passes and runs differ, the same fill never does. Resampling repeats rows. */
static void shuffled_and_resampled(void **state)
{
    (void)state;
    struct one g;
    int first[100], n_same = 0;
    write_numbered(100);
    for (int again = 0; again < 2; again++) {
        int seen[100] = {0};
        assert_int_equal(open_file_gun(&g, "muons_per_fill: 50 order: shuffle reuse: wrap"), ERR_OK);
        for (uint32_t e = 1; e <= 2; e++) {
            uint32_t event = again ? 3 - e : e;
            assert_int_equal(fire(&g, 1, 0, event), ERR_OK);
            struct muon_view m = muon_view(g.step.out[0]);
            for (size_t i = 0; i < 50; i++) {
                int row = row_of(&m, i);
                seen[row]++;
                if (!again)
                    first[50 * (event - 1) + i] = row;
                else
                    assert_int_equal(first[50 * (event - 1) + i], row);
            }
        }
        for (int i = 0; i < 100; i++) assert_int_equal(seen[i], 1);
        assert_int_equal(fire(&g, 1, 0, 3), ERR_OK); /* the second pass */
        struct muon_view m = muon_view(g.step.out[0]);
        for (size_t i = 0; i < 50; i++) n_same += row_of(&m, i) == first[i];
        assert_int_equal(fire(&g, 2, 0, 1), ERR_OK); /* another run */
        for (size_t i = 0; i < 50; i++) n_same += row_of(&m, i) == first[i];
        close_gun(&g);
    }
    assert_true(n_same < 15); /* 2 expected, seeds are fixed */
    int seen[100] = {0}, n_seen = 0;
    assert_int_equal(open_file_gun(&g, "muons_per_fill: 1000 order: resample"), ERR_OK);
    assert_int_equal(fire(&g, 1, 0, 7), ERR_OK);
    struct muon_view m = muon_view(g.step.out[0]);
    for (size_t i = 0; i < 1000; i++) seen[row_of(&m, i)]++;
    for (int i = 0; i < 100; i++) n_seen += seen[i] > 0;
    assert_int_equal(n_seen, 100); /* one row is missed in 1 of 230 samples; the seed is fixed */
    close_gun(&g);
}

static void expect_refusal(const char *more, enum err code, const char *words)
{
    struct one g;
    char list[128];
    enum err rc = open_file_gun(&g, more);
    if (rc != code) fail_msg("%d instead of %d: %s (%s)", rc, code, err_message(), words);
    snprintf(list, sizeof list, "%s", words);
    for (char *rest = NULL, *w = strtok_r(list, " ", &rest); w; w = strtok_r(NULL, " ", &rest))
        if (!strstr(err_message(), w)) fail_msg("no \"%s\" in \"%s\"", w, err_message());
    err_clear();
    close_gun(&g);
}

#define HEAD "x_mm,y_mm,xp_mrad,yp_mrad,p_GeV,t_ns\n"
static void bad_beams_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"x_mm,y_mm,xp_mrad,yp_mrad\n1,1,1,1\n", "p_r p_phi xp delta"},
        {"x_mm,y_mm,xp_mrad,p_GeV\n1,1,1,3.09\n", "p_r p_phi xp delta"},
        {"x_mm,y_mm,p_r_GeV,p_phi_GeV,p_y_GeV,p_GeV\n1,1,0,3.09,0,3.09\n", "p_r p_phi"},
        {"x_mm,y_mm,xp_mrad,yp_mrad,p_GeV,s_r\n1,1,1,1,3.09,0\n", "s_phi"},
        {HEAD "1,1,1,1,3.09,0\n1,1,1,nan,3.09,0\n", "line 3 yp NaN"},
        {HEAD "1,1,1,1,3.09,0\n77000,1,1,1,3.09,0\n", "line 3 x 77000 mm -200 200 unit"},
        {HEAD "1,1,1,1,3.09,0\n1,-300,1,1,3.09,0\n", "line 3 y -300 -200"},
        {HEAD "1,1,1,1,3.09,0\n1,1,1,200,3.09,0\n", "line 3 yp 0.2 rad angle"},
        {HEAD "1,1,1,1,3.09,0\n1,1,1,1,3.09,2e6\n", "line 3 t_fill 2000000 time"},
        {HEAD "1,1,1,1,3094,0\n1,1,1,1,3090,0\n", "line 2 momentum 3094 2.785 unit"},
        {HEAD "1,1,1,1,3.09,0\n1,1,1,1,8.9,0\n", "line 3 momentum 8.9 particle"},
        {"x_mm,y_mm,p_r_GeV,p_phi_GeV,p_y_GeV\n1,1,0,-3.09,0\n", "direction"},
        {"x_mm,y_mm,xp_mrad,yp_mrad,delta\n1,1,1,1,20\n", "line 2 delta percent"},
        {"x_mm,y_mm,xp_mrad,yp_mrad,p_GeV,weight\n1,1,1,1,3.09,0.5\n", "line 2 weight 0.5 weighted"},
        {"x_mm,y_mm,xp_mrad,yp_mrad,p_GeV,charge\n1,1,1,1,3.09,-1\n", "line 2 charge mu+"},
        {"x_mm,y_mm,xp_mrad,yp_mrad,p_GeV,PDGid\n1,1,1,1,3.09,13\n", "line 2 pdg mu+"},
        {"x_mm,y_mm,xp_mrad,yp_mrad,p_GeV,s_r,s_phi,s_y\n1,1,1,1,3.09,0,5,0\n", "line 2 s_phi 5 polarisation"},
        {HEAD "150,1,1,1,3.09,0\n", "none 110"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file(cases[i].text);
        expect_refusal("", ERR_DATA, cases[i].words);
    }
    write_numbered(10);
    expect_refusal("decay: file", ERR_DATA, "t_decay");
    expect_refusal("path_sha1: da39a3ee5e6b4b0d3255bfef95601890afd80709", ERR_MISMATCH, "changed da39a3");
    struct one g;
    assert_int_equal(open_gun(&g, "FileGun", ""), ERR_CONFIG);
    close_gun(&g);
    assert_int_equal(open_gun(&g, "FileGun", "path: \"/nowhere/a.csv\""), ERR_OPEN);
    close_gun(&g);
    err_clear();
}

/* A beam whose columns have the wrong power of ten is told by its own proportions. */
static void wrong_units_are_noticed(void **state)
{
    (void)state;
    static const struct {
        double length, angle, time;
        const char *word;
    } cases[] = {{1e-3, 1, 1, "metres"}, {1, 1e-3, 1, "angles"}, {1, 1, 1e-9, "times"}, {1, 1, 1e3, "times"}};
    for (size_t k = 0; k < 4; k++) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fprintf(f, "x_mm,y_mm,xp_mrad,yp_mrad,p_GeV,t_ns\n");
        for (int i = 0; i < 50; i++)
            fprintf(f, "%g,%g,%g,%g,3.094,%g\n", cases[k].length * (77.0 + 7.0 * sin(i)),
                    cases[k].length * 4.0 * cos(i), cases[k].angle * 3.0 * sin(2.0 * i),
                    cases[k].angle * 2.0 * cos(2.0 * i), cases[k].time * 30.0 * sin(3.0 * i));
        assert_int_equal(fclose(f), 0);
        expect_refusal("", ERR_DATA, cases[k].word);
        struct one g;
        assert_int_equal(open_file_gun(&g, "check: false"), ERR_OK);
        close_gun(&g);
    }
}

/* Rows that the engine cannot take are left out and counted; offsets count. */
static void rows_left_out(void **state)
{
    (void)state;
    struct phase_space p;
    struct phase_space_options o = {.polarisation = -0.96};
    write_file(HEAD "1,0,0,0,3.09,0\n120,0,0,0,3.09,0\n2,0,60,0,3.09,0\n3,0,0,0,2.5,0\n4,59,0,0,3.1,0\n5,0,0,0,3.1,0\n"
                    "6,0,0,0,3.1,0\n");
    assert_int_equal(phase_space_read(path, "", &o, &p), ERR_OK);
    assert_int_equal(p.n, 4);
    assert_int_equal(p.n_left_out, 3);
    assert_true(p.x_mm[0] == 1.0 && p.x_mm[1] == 4.0 && p.x_mm[3] == 6.0);
    phase_space_free(&p);
    o.y_offset_mm = 2.0;
    assert_int_equal(phase_space_read(path, "", &o, &p), ERR_OK);
    assert_int_equal(p.n_left_out, 4);
    phase_space_free(&p);
    o.t_offset_ns = -999.0;
    assert_int_equal(phase_space_read(path, "", &o, &p), ERR_OK);
    assert_near(p.mean_t_ns, -999.0, 1e-9);
    phase_space_free(&p);
    o.t_offset_ns = -1001.0;
    assert_int_equal(phase_space_read(path, "", &o, &p), ERR_DATA);
    err_clear();
}

/* The engine takes what the file gun lets through. */
static void the_engine_takes_the_limits(void **state)
{
    (void)state;
    struct phase_space p;
    struct phase_space_options o = {.polarisation = -0.96, .phi_rad = 1.0};
    struct ring_setup setup      = ring_setup_default();
    struct ring ring;
    struct ring_batch batch;
    write_file("x_mm,y_mm,xp_mrad,yp_mrad,delta_%\n109.9,59.9,49.8,49.8,9.5\n-109.9,-59.9,-49.8,-49.8,-9.5\n");
    assert_int_equal(phase_space_read(path, "", &o, &p), ERR_OK);
    assert_int_equal(p.n, 2);
    assert_int_equal(ring_build(&setup, &ring), ERR_OK);
    assert_int_equal(ring_batch_create(p.n, &batch), ERR_OK);
    for (size_t i = 0; i < p.n; i++) {
        batch.x_mm[i] = p.x_mm[i], batch.y_mm[i] = p.y_mm[i], batch.phi_rad[i] = p.phi_rad[i];
        batch.p_r_GeV[i] = p.p_r_GeV[i], batch.p_phi_GeV[i] = p.p_phi_GeV[i], batch.p_y_GeV[i] = p.p_y_GeV[i];
    }
    assert_int_equal(ring_track(&ring, &batch), ERR_OK);
    ring_batch_free(&batch);
    phase_space_free(&p);
}

static int nothing_is_kept(void **state)
{
    (void)state;
    (void)unlink(path);
    return mem_live() == 0 ? 0 : -1;
}

int main(void)
{
    snprintf(path, sizeof path, "/tmp/t_file_gun.%d", (int)getpid());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_become_muons),
        cmocka_unit_test(g4beamline),
        cmocka_unit_test(rows_of_a_fill),
        cmocka_unit_test(too_few_rows),
        cmocka_unit_test(shuffled_and_resampled),
        cmocka_unit_test(bad_beams_are_refused),
        cmocka_unit_test(wrong_units_are_noticed),
        cmocka_unit_test(rows_left_out),
        cmocka_unit_test(the_engine_takes_the_limits),
    };
    return cmocka_run_group_tests(tests, NULL, nothing_is_kept);
}
