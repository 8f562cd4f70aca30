/* Columns from text and HDF5: what is read, in which units, and what is refused with which words. */
#include "columns.h"
#include "file.h"
#include "make_unit.h"
#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64];

static const struct column_want xyt[] = {
    {"x", "mm", false, -200, 200}, {"y", "mm", false, 0, 0}, {"t_fill t time", "ns", true, 0, 0}};

static void put(const void *text, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static enum err read_text(const char *text, struct columns *c)
{
    put(text, strlen(text));
    return columns_read(path, "", xyt, 3, 1000, c);
}

static void expect_values(const char *text, double x1, double y1, double t1)
{
    struct columns c;
    enum err rc = read_text(text, &c);
    if (rc) fail_msg("%s\n%s", err_message(), text);
    assert_int_equal(c.n_rows, 2);
    assert_true(c.value[0][1] == x1 && c.value[1][1] == y1);
    assert_true(c.value[2] ? c.value[2][1] == t1 : t1 == -1.0);
    columns_free(&c);
}

/* The ways to write the same table. */
static void forms_of_text(void **state)
{
    (void)state;
    expect_values("x_mm,y_mm,t_ns\n1,2,3\n4,5,6\n", 4, 5, 6);
    expect_values("x_mm y_mm t_ns\n1 2 3\n  4\t5   6", 4, 5, 6);
    expect_values("\xef\xbb\xbf\"x [mm]\",\"y [mm]\",\"t [ns]\"\r\n1,2,3\r\n\r\n 4 , 5 ,6\r\n", 4, 5, 6);
    expect_values("# made by hand\nx [mm] y[mm] time(ns)\n# first\n1 2 3\n4 5 6\n", 4, 5, 6);
    expect_values("t_fill [us], name, y [m], x (cm)\n1,mu+,1,1\n0.25,mu+,0.5,-0.5\n", -5, 500, 250);
    expect_values("x_mm,y_mm\n1,2\n4,5\n", 4, 5, -1);
    expect_values("# x_mm y_mm t_ns\n1 2 3\n4 5 6\n", 4, 5, 6);
    expect_values("#BLTrackFile run 7\n#x y z Px t PDGid\n#cm m mm MeV/c ns -\n1 2 3 4 5 6\n1 2 3 4 5 6\n", 10, 2000,
                  5);
    expect_values("x_mm,y_mm,x_error\n1,2,a\n4e0,+5.0,b\n", 4, 5, -1);
}

static void expect_refusal(const char *text, size_t n, enum err code, const char *words)
{
    struct columns c;
    char list[128];
    put(text, n);
    enum err rc = columns_read(path, "", xyt, 3, 1000, &c);
    if (rc != code) fail_msg("%d instead of %d: %s\n%s", rc, code, err_message(), text);
    assert_null(c.value);
    if (!strstr(err_message(), path)) fail_msg("no path in \"%s\"", err_message());
    snprintf(list, sizeof list, "%s", words);
    for (char *rest = NULL, *w = strtok_r(list, " ", &rest); w; w = strtok_r(NULL, " ", &rest))
        if (!strstr(err_message(), w)) fail_msg("no \"%s\" in \"%s\"", w, err_message());
    err_clear();
}
#define REFUSE(text, words) expect_refusal(text, sizeof(text) - 1, ERR_DATA, words)

static void faults_are_named(void **state)
{
    (void)state;
    REFUSE("", "empty");
    REFUSE("# only a comment\n", "empty");
    REFUSE("x_mm,y_mm\n", "no rows");
    REFUSE("1,2,3\n4,5,6\n", "names x_mm");
    REFUSE("# a note of four words\n1,2,3\n", "comment 3");
    REFUSE("x_mm,t_ns\n1,2\n", "y [mm] x_mm t_ns");
    REFUSE("x,y_mm\n1,2\n", "line 1 x unit x_mm");
    REFUSE("x_rad,y_mm\n1,2\n", "x_rad length mm cm");
    REFUSE("x [GeV],y_mm\n1,2\n", "x length GeV");
    REFUSE("x [furlong],y_mm\n1,2\n", "x furlong mm");
    REFUSE("x_mm [m],y_mm\n1,2\n", "x_mm m");
    REFUSE("x_mm,y_mm,x_mm\n1,2,3\n", "two x_mm");
    REFUSE("x_mm,y_mm,t_ns,time [us]\n1,2,3,4\n", "two t_ns time");
    REFUSE("x_mm,y_mm\n1,2\n3\n", "line 3 1 2");
    REFUSE("x_mm,y_mm\n1,2\n3,4,\n", "line 3 3 2");
    REFUSE("x_mm,y_mm\n1,2\n3,\n", "line 3 y_mm number");
    REFUSE("x_mm,y_mm\n1,2\n3,4a\n", "line 3 y_mm 4a number");
    REFUSE("x_mm,y_mm\n1,2\n3,nan\n", "line 3 y NaN");
    REFUSE("x_mm,y_mm\n1,2\n3,-inf\n", "line 3 y infinite");
    REFUSE("x_mm,y_mm\n1,2\n3,1e999\n", "line 3 y infinite");
    REFUSE("x_mm,y_mm\n1,2\n201,0\n", "line 3 x 201 mm -200 200");
    REFUSE("x_m,y_mm\n0.1,2\n77,0\n", "line 3 x 77000 mm");
    REFUSE("x_mm,y_mm\n1,2\n3,4\x00\n", "line 3 0x00");
    REFUSE("x_mm,y_mm\n1,2\n3,\x7f\n", "line 3 0x7f");
}

static void long_lines_and_many_rows(void **state)
{
    (void)state;
    size_t n   = 200000;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, 'x', n);
    expect_refusal(text, n, ERR_DATA, "line 1 longer");
    memset(text, ',', n);
    expect_refusal(text, 60000, ERR_DATA, "line 1 columns");
    memset(text, '\n', n);
    expect_refusal(text, n, ERR_DATA, "empty");
    size_t used = (size_t)snprintf(text, n, "x_mm,y_mm\n");
    for (int i = 0; i < 1001; i++) used += (size_t)snprintf(text + used, n - used, "%d,2\n", i % 100);
    expect_refusal(text, used, ERR_DATA, "1000 rows");
    free(text);
    struct columns c;
    assert_int_equal(columns_read("/nowhere/beam.csv", "", xyt, 3, 10, &c), ERR_OPEN);
    assert_non_null(strstr(err_message(), "/nowhere/beam.csv"));
    assert_int_not_equal(columns_read("/", "", xyt, 3, 10, &c), ERR_OK);
    err_clear();
}

/* Every prefix of a good file is read or refused in words, and so is every file with one byte changed. */
static void cut_and_damaged_text(void **state)
{
    (void)state;
    static const char good[] = "# a beam\nx [mm],y_mm,t_ns\n1.5,2,3e0\n4,5,6\n-7.25e+1,8,9\n";
    char text[sizeof good];
    struct columns c;
    for (size_t n = 0; n < sizeof good; n++) {
        put(good, n);
        enum err rc = columns_read(path, "", xyt, 3, 1000, &c);
        if (rc) assert_true(rc == ERR_DATA && strlen(err_message()) > strlen(path));
        columns_free(&c);
    }
    for (size_t i = 0; i < sizeof good - 1; i++) {
        for (int b = 0; b < 256; b += 7) {
            memcpy(text, good, sizeof good);
            text[i] = (char)b;
            put(text, sizeof good - 1);
            enum err rc = columns_read(path, "", xyt, 3, 1000, &c);
            if (rc) assert_int_equal(rc, ERR_DATA);
            columns_free(&c);
        }
    }
    err_clear();
}

static void make_muons(const char *name, struct block **muons)
{
    struct unit_file *f;
    struct provenance p = make_provenance;
    struct unit unit    = {.run = 1, .n_fills = 1};
    struct fill fill    = {.run = 1, .event = 1};
    assert_int_equal(block_create(&table_muon, muons), ERR_OK);
    assert_int_equal(block_resize(*muons, 100), ERR_OK);
    for (size_t c = 0; c < table_muon.n_columns; c++)
        for (size_t i = 0; i < 100; i++) ((double *)(*muons)->data[c])[i] = (double)c + 0.01 * (double)i;
    (void)unlink(name);
    assert_int_equal(unit_file_create(name, &p, &unit, &f), ERR_OK);
    assert_int_equal(unit_file_append(f, "muon", *muons, &fill), ERR_OK);
    assert_int_equal(unit_file_finish(f, NULL, 1), ERR_OK);
    assert_int_equal(unit_file_publish(f), ERR_OK);
}

static const struct column_want of_muon[] = {
    {"x", "m", false, 0, 0}, {"p_phi", "MeV/c", false, 0, 0}, {"s_y", "1", false, 0, 0}, {"run", "1", false, 0, 0}};

/* A table of our own file, with units changed; integers become doubles. */
static void own_table(void **state)
{
    (void)state;
    struct block *muons;
    struct columns c;
    char place[32];
    make_muons(path, &muons);
    assert_int_equal(columns_read(path, "muon", of_muon, 4, 100, &c), ERR_OK);
    assert_int_equal(c.n_rows, 100);
    struct muon_view m = muon_view(muons);
    for (size_t i = 0; i < 100; i++) {
        assert_true(c.value[0][i] == 1e-3 * m.x_mm[i]);
        assert_true(c.value[1][i] == 1.0 / 1e-3 * m.p_phi_GeV[i]);
        assert_true(c.value[2][i] == m.s_y[i]);
        assert_true(c.value[3][i] == 1.0);
    }
    columns_place(&c, 7, place);
    assert_string_equal(place, "row 7");
    columns_free(&c);
    assert_int_equal(columns_read(path, "muon", of_muon, 4, 99, &c), ERR_DATA);
    assert_non_null(strstr(err_message(), "100 rows"));
    assert_int_equal(columns_read(path, "vertex", of_muon, 4, 100, &c), ERR_DATA);
    assert_non_null(strstr(err_message(), "group vertex"));
    assert_int_equal(columns_read(path, "muon", xyt, 3, 100, &c), ERR_OK); /* t_fill_ns under its own name */
    assert_true(c.value[2] && c.value[2][5] == m.t_fill_ns[5]);
    columns_free(&c);
    static const struct column_want wrong[] = {{"x", "ns", false, 0, 0}}, none[] = {{"charge", "1", false, 0, 0}};
    assert_int_equal(columns_read(path, "muon", wrong, 1, 100, &c), ERR_DATA);
    assert_non_null(strstr(err_message(), "x_mm"));
    assert_int_equal(columns_read(path, "muon", none, 1, 100, &c), ERR_DATA);
    assert_non_null(strstr(err_message(), "p_phi_GeV"));
    err_clear();
    block_free(muons);
}

/* A file cut anywhere, or with a byte changed, is read whole or refused; its checksums catch changed numbers. */
static void cut_and_damaged_hdf5(void **state)
{
    (void)state;
    struct block *muons;
    struct columns c;
    make_muons(path, &muons);
    block_free(muons);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    static unsigned char whole[1 << 18], copy[1 << 18];
    size_t n = fread(whole, 1, sizeof whole, f);
    fclose(f);
    assert_true(n > 8 && n < sizeof whole);
    for (size_t cut = 8; cut < n; cut += n / 40) {
        put(whole, cut);
        assert_int_not_equal(columns_read(path, "muon", of_muon, 4, 100, &c), ERR_OK);
    }
    for (size_t i = 8; i < n; i += n / 300 + 1) {
        memcpy(copy, whole, n);
        copy[i] ^= 0x55;
        put(copy, n);
        if (!columns_read(path, "muon", of_muon, 4, 100, &c)) {
            assert_int_equal(c.n_rows, 100);
            for (size_t r = 0; r < 100; r++) assert_true(c.value[0][r] == 1e-3 * (1.0 + 0.01 * (double)r));
        }
        columns_free(&c);
    }
    err_clear();
}

static void units(void **state)
{
    (void)state;
    double f;
    assert_int_equal(columns_unit("kG", "T", &f), ERR_OK);
    assert_true(f == 0.1);
    assert_int_equal(columns_unit("mm", "mm", &f), ERR_OK);
    assert_true(f == 1.0);
    assert_int_equal(columns_unit("%", "1", &f), ERR_OK);
    assert_true(f == 0.01);
    assert_int_equal(columns_unit("deg", "mm", &f), ERR_CONFIG);
    assert_int_equal(columns_unit("mm", "parsec", &f), ERR_LOGIC);
    err_clear();
}

static int nothing_is_kept(void **state)
{
    (void)state;
    (void)unlink(path);
    return mem_live() == 0 ? 0 : -1;
}

int main(void)
{
    snprintf(path, sizeof path, "/tmp/t_columns.%d", (int)getpid());
    const struct CMUnitTest tests[] = {cmocka_unit_test(forms_of_text),
                                       cmocka_unit_test(faults_are_named),
                                       cmocka_unit_test(long_lines_and_many_rows),
                                       cmocka_unit_test(cut_and_damaged_text),
                                       cmocka_unit_test(own_table),
                                       cmocka_unit_test(cut_and_damaged_hdf5),
                                       cmocka_unit_test(units)};
    return cmocka_run_group_tests(tests, NULL, nothing_is_kept);
}
