/* From FHiCL to the fields of a ring's setup. */
#include "ring_cfg_fields.h"

#include "mem.h"
#include "phys.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DEG (PI / 180.0)
#define kV  18.3

CFG_DECLARE(test_cfg, FIELD_CFG)

static void near(double got, double want, double tolerance, const char *what, int n)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("%s %d: %.12g, want %.12g +- %g", what, n, got, want, tolerance);
}

static struct test_cfg cfg;
static struct ring_setup setup;
static struct ring_fields owned;

static enum err make_for(const char *text, const char *field, enum ring_layout layout)
{
    struct fhicl *table = NULL;
    cfg                 = (struct test_cfg){0};
    owned               = (struct ring_fields){0};
    assert_int_equal(fhicl_parse(text, strlen(text), "job.fcl", &table), ERR_OK);
    const enum err rc = cfg_read(test_cfg_fields, table, "ring", NULL, &cfg);
    fhicl_free(table);
    if (rc) return rc;
    setup        = ring_setup_default();
    setup.layout = layout;
    if (layout != RING_13_26) setup.n_collimators = 0;
    if (strcmp(field, "linear") == 0) ring_setup_linear(&setup, 0.108);
    struct field_cfg f = field_cfg_copy(&cfg);
    return ring_fields_make(&f, field, kV, &setup, &owned);
}

static void make(const char *text)
{
    if (make_for(text, "nim", RING_13_26)) fail_msg("%s: %s", text, err_message());
}

static void done(void)
{
    ring_fields_free(&owned);
    cfg_free(test_cfg_fields, &cfg);
    assert_int_equal(mem_live(), 0);
}

/* Section's field at a time against plates at these voltages, moved as said. */
static void same_field(int section, double t_ns, const double plate_kV[ESQ_PLATES], double dx, double dy, double roll)
{
    struct esq_multipoles got, want;
    esq_section_at(&setup.extra[section], t_ns, &got);
    esq_plates(plate_kV, &want);
    esq_shift(&want, dx, dy, roll);
    for (int n = 0; n <= RING_MAX_ORDER; n++) {
        near(setup.normal_V[n] + got.normal_V[n], want.normal_V[n], 1e-8, "b", n);
        near(setup.skew_V[n] + got.skew_V[n], want.skew_V[n], 1e-8, "a", n);
    }
}

static const double nominal_kV[ESQ_PLATES] = {kV, kV, -kV, -kV};

static void defaults_change_nothing(void **state)
{
    (void)state;
    const struct ring_setup before = ring_setup_default();
    make("");
    assert_memory_equal(&before, &setup, sizeof before);
    done();
}

static void plates_have_their_voltages_and_places(void **state)
{
    (void)state;
    const double all[ESQ_PLATES] = {18.0, 18.5, -18.0, -18.1};
    make("esq_plates_kV: [18.0, 18.5, -18.0, -18.1] esq_dx_mm: [1] esq_dy_mm: [0, 0, 0, 0, 0, 0, 0, -0.5] "
         "esq_roll_mrad: [2.0]");
    for (int i = 0; i < ESQ_SECTIONS; i++) same_field(i, 0.0, all, 1.0, i == 7 ? -0.5 : 0.0, 0.002);
    done();
    double moved[ESQ_PLATES]     = {kV, kV, -kV, -kV};
    const double out[ESQ_PLATES] = {0.5, 0.0, 0.0, -0.3};
    make("esq_plates_out_mm: [0,0,0,0, 0,0,0,0, 0.5,0,0,-0.3, 0,0,0,0, 0,0,0,0, 0,0,0,0, 0,0,0,0, 0,0,0,0]");
    esq_plate_moved(moved, out);
    same_field(1, 0.0, nominal_kV, 0.0, 0.0, 0.0);
    same_field(2, 0.0, moved, 0.0, 0.0, 0.0);
    done();
}

static void scraping_and_fault_fall_with_their_times(void **state)
{
    (void)state;
    make("esq_scraping: e989 esq_fault_missing: [0.04, 0.02] esq_fault_tau_us: [40, 25]");
    for (int k = 0; k < 40; k++) {
        const double t       = 2500.0 * k;
        const double left[4] = {4900.0, 4550.0, 4550.0, 4900.0};
        const int plate[4]   = {ESQ_BOTTOM, ESQ_INNER, ESQ_BOTTOM, ESQ_OUTER};
        for (int i = 0; i < ESQ_SECTIONS; i++) {
            double now[ESQ_PLATES] = {kV, kV, -kV, -kV};
            const double tau       = i == 1 ? 25000.0 : left[i / 2]; /* Q1 long's bottom plate keeps its step */
            now[plate[i / 2]] *= 1.0 + (13.1 / 18.3 - 1.0) * (t < 7000.0 ? 1.0 : exp(-(t - 7000.0) / tau));
            if (i == 1) now[ESQ_TOP] *= 1.0 - 0.04 * exp(-t / 40000.0);
            same_field(i, t, now, 0.0, 0.0, 0.0);
        }
    }
    done();
    make("esq_scraping: e821 esq_scraping_fraction: 0.5 esq_scraping_end_us: 10 esq_scraping_tau_us: [1, 2, 3, 4]");
    const double q3[ESQ_PLATES] = {kV, kV * (1.0 - 0.5 * exp(-1.0)), -kV, -kV};
    same_field(4, 13000.0, q3, 0.0, 0.0, 0.0);
    done();
    assert_int_equal(make_for("esq_scraping: e989", "nim", RING_39), ERR_OK);
    const double q4[ESQ_PLATES] = {kV, kV, -kV, -13.1};
    same_field(3, 0.0, q4, 0.0, 0.0, 0.0);
    done();
}

/* A quadrupole alone moved aside: focuses towards its own middle. */
static void any_multipoles_can_be_moved(void **state)
{
    (void)state;
    assert_int_equal(make_for("esq_dx_mm: [2]", "linear", RING_39), ERR_OK);
    near(setup.extra[0].final.normal_V[1], -2.0 * setup.normal_V[2] * 2.0 / APERTURE_MM, 1e-9, "b", 1);
    near(setup.extra[0].final.normal_V[2], 0.0, 1e-9, "b", 2);
    assert_int_equal(setup.extra[0].n_terms, 0);
    done();
}

static void kickers_have_their_pulse_and_strength(void **state)
{
    (void)state;
    make("kicker: shape kicker_G: [200, 210, 220] kicker_late_ns: [5] kicker_eddy_G: 0.02 kicker_slices: 6");
    assert_int_equal(setup.n_kickers, KICKERS);
    assert_int_equal(setup.kicker_slices, 6);
    for (int i = 0; i < KICKERS; i++) {
        const struct ring_kicker *k = &setup.kicker[i];
        near(k->strength * RING_B0_T * 1e4, 200.0 + 10.0 * i, 1e-9, "peak", i);
        near(k->start_ns, kicker_arrival_ns(k->centre_deg * DEG) + 5.0, 1e-9, "start", i);
        near(k->length_deg, 10.2314, 1e-3, "length", i);
        near(kicker_value(&k->pulse, 0.0), 1.0, 1e-9, "pulse", i);
        near(kicker_value(&k->pulse, 50e3) * (200.0 + 10.0 * i), 0.02 * exp(-1.0), 2e-4, "eddy currents", i);
        double sum = 0.0, by, bx;
        for (int c = 0; c < KICKER_PROFILE_TERMS; c++) sum += k->profile[c] * pow(-30.0 * 30.0, c);
        kicker_profile_at(0.0, 30.0, &by, &bx);
        near(sum, by, 1e-12, "profile", i);
    }
    done();
    make("kicker: shape kicker_kV: [130] kicker_is_uniform: true");
    near(setup.kicker[2].strength * RING_B0_T * 1e4, 208.0, 1e-9, "from kV", 2);
    near(setup.kicker[2].profile[1], 0.0, 0.0, "uniform", 1);
    done();
    make("kicker: lcr kicker_kV: [95]");
    near(setup.kicker[0].strength * RING_B0_T * 1e4, 169.5, 2.0, "from the circuit", 0);
    near(kicker_fwhm_ns(&setup.kicker[0].pulse), 249.0, 2.5, "FWHM", 0);
    done();
}

static char path[64];

static void write_file(const char *text)
{
    (void)snprintf(path, sizeof path, "/tmp/t_ring_cfg_fields.XXXXXX");
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    assert_non_null(f);
    (void)fputs(text, f);
    (void)fclose(f);
}

static void a_pulse_comes_from_a_file(void **state)
{
    (void)state;
    char text[256];
    write_file("t [us], value\n-1, 0\n1.0, 0\n1.1, 240\n1.15, 240\n1.25, 0\n5, -6\n");
    (void)snprintf(text, sizeof text, "kicker: table kicker_table: \"%s\"", path);
    make(text);
    const struct kicker_pulse *p = &setup.kicker[1].pulse;
    near(kicker_value(p, 0.0), 1.0, 1e-12, "peak", 0); /* its middle was at 1125 ns */
    near(kicker_value(p, -75.0), 0.5, 1e-3, "half", 0);
    near(kicker_value(p, 75.0), 0.5, 1e-3, "half", 1);
    near(p->first_ns, -200.0, 1e-9, "begin", 0);
    done();
    (void)snprintf(text, sizeof text, "kicker: table kicker_table: \"%s\" kicker_end_ns: 4000", path);
    assert_int_equal(make_for(text, "nim", RING_13_26), ERR_CONFIG);
    assert_non_null(strstr(err_message(), "covers -2125 to 3875 ns, but -200 to 4000 ns"));
    assert_non_null(strstr(err_message(), path));
    err_clear();
    done();
    (void)remove(path);
}

static void the_dipole_is_a_sum(void **state)
{
    (void)state;
    char text[512];
    double n[DIPOLE_ORDERS], s[DIPOLE_ORDERS];
    write_file("azimuth [deg], c0 [ppm], s1 [ppm]\n0, 10, 0\n90, 20, 1\n180, 10, 0\n270, 0, -1\n");
    (void)snprintf(text, sizeof text,
                   "dipole: e821 dipole_normal_ppm: [0, 1] dipole_skew_ppm: [3] dipole_waves: [2, 1, 4, 5, 6] "
                   "dipole_table: \"%s\" dipole_max_gap_deg: 90 dipole_step_deg: 13",
                   path);
    make(text);
    assert_ptr_equal(setup.dipole, &owned.dipole);
    near(setup.bend_deg, 13.0, 0.0, "step", 0);
    dipole_map_at(setup.dipole, 45.0 * DEG, n, s);
    near(n[0], 15e-6, 1e-15, "c", 0);
    near(n[1], 1.24e-6, 1e-15, "c", 1);
    near(s[0], 3e-6, 1e-15, "s", 0);
    near(s[1], 0.79e-6, 1e-15, "s", 1);
    near(s[2], -1.06e-6 - 5e-6, 1e-15, "s", 2);
    done();
    (void)snprintf(text, sizeof text, "dipole_table: \"%s\"", path);
    assert_int_equal(make_for(text, "nim", RING_13_26), ERR_CONFIG);
    assert_non_null(strstr(err_message(), "gap of 90 deg"));
    err_clear();
    done();
    (void)remove(path);
}

static size_t n_bends(const struct ring *ring)
{
    size_t n = 0;
    for (size_t i = 0; i < ring->n_steps; i++) n += ring->steps[i].kind == RING_BEND;
    return n;
}

static void everything_makes_a_ring(void **state)
{
    (void)state;
    static struct ring ring;
    make("esq_scraping: e989 esq_fault_missing: [0.05] esq_edge_steps: 8 esq_dx_mm: [0.2] kicker: lcr dipole: e989");
    if (ring_build(&setup, &ring)) fail_msg("%s", err_message());
    assert_int_equal(ring.field, RING_VARYING);
    assert_true(n_bends(&ring) > 0);
    done();
}

static void bad_parameters_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *field, *words;
        enum ring_layout layout;
    } cases[] = {
        {"esq_plates_kV: [1, 2, 3]", "nim", "esq_plates_kV: 3 numbers, accepted are none, 4 or 32", RING_13_26},
        {"esq_plates_out_mm: [1, 2, 3, 4, 5]", "nim", "none, 4 or 16", RING_39},
        {"esq_dx_mm: [1, 2]", "nim", "esq_dx_mm: 2 numbers, accepted are none, 1 or 8", RING_13_26},
        {"esq_scraping: e989", "linear", "need \"nim\"", RING_13_26},
        {"esq_dx_mm: [1]", "nim", "continuous", RING_CONTINUOUS},
        {"esq_scraping: e999", "nim", "none|e821|e989", RING_13_26},
        {"esq_scraping: e989 esq_scraping_tau_us: [1, 2]", "nim", "none, 1 or 4", RING_13_26},
        {"esq_fault_missing: [0.1, 0.2, 0.3]", "nim", "none, 1 or 2", RING_13_26},
        {"esq_fault_missing: [1.5]", "nim", "out of range", RING_13_26},
        {"kicker: shape kicker_G: [1, 2]", "nim", "kicker_G: 2 numbers", RING_13_26},
        {"kicker: shape kicker_deg: [70]", "nim", "kicker_deg: 1 azimuths, accepted are 3", RING_13_26},
        {"kicker: shape kicker_rise_ns: 0 kicker_flat_ns: 0 kicker_fall_ns: 0", "nim", "nor all 0", RING_13_26},
        {"kicker: table", "nim", "names no file", RING_13_26},
        {"kicker: table kicker_table: \"/nowhere\"", "nim", "/nowhere", RING_13_26},
        {"kicker: lcr kicker_R_ohm: [50]", "nim", "do not oscillate", RING_13_26},
        {"dipole_normal_ppm: [1, 2, 3, 4, 5, 6, 7]", "nim", "at most 6", RING_13_26},
        {"dipole_waves: [1, 2]", "nim", "five a wave", RING_13_26},
        {"dipole_waves: [1.5, 0, 1, 1, 1]", "nim", "wave 1: order is 1.5", RING_13_26},
        {"dipole_waves: [1, 2, 1, 1, 1]", "nim", "skew is 2", RING_13_26},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (!make_for(cases[i].text, cases[i].field, cases[i].layout)) fail_msg("accepted: %s", cases[i].text);
        if (!strstr(err_message(), cases[i].words)) fail_msg("%s: %s", cases[i].text, err_message());
        err_clear();
        done();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_change_nothing),
        cmocka_unit_test(plates_have_their_voltages_and_places),
        cmocka_unit_test(scraping_and_fault_fall_with_their_times),
        cmocka_unit_test(any_multipoles_can_be_moved),
        cmocka_unit_test(kickers_have_their_pulse_and_strength),
        cmocka_unit_test(a_pulse_comes_from_a_file),
        cmocka_unit_test(the_dipole_is_a_sum),
        cmocka_unit_test(everything_makes_a_ring),
        cmocka_unit_test(bad_parameters_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
