/* gm2 fit and gm2 report on files of toy fills: numbers, blinding, a page that stands alone, refusals. */
#include "blind.h"
#include "cmd_fit.h"
#include "report.h"
#include "wiggle_toy_fill.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_WORDS = 12 };
static char folder[] = "/tmp/gm2_t_cmd_fit_XXXXXX";
static char simulated[64], measured[64];

static const char *in_folder(const char *name)
{
    static char path[4][128];
    static int next = 0;
    next            = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
    return path[next];
}

static int make_files(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    snprintf(simulated, sizeof simulated, "%s/sim.h5", folder);
    snprintf(measured, sizeof measured, "%s/data.h5", folder);
    if (toy_file(simulated, 3, 40, 5000, "source: { module_type: EmptyFill }\n")) return -1;
    return toy_file(measured, 3, 40, 5000,
                    "source: { module_type: RawInput } services: { blinding: { phrase: \"a phrase\" } }\n")
               ? -1
               : 0;
}

static int remove_files(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command); /* NOLINT(cert-env33-c): a folder of this test's own */
}

/* Runs a command with its results in a file of the folder; words end with NULL. */
static int run(int (*command)(int, char **), const char *const *words)
{
    char *argv[MAX_WORDS + 1] = {NULL}, copies[MAX_WORDS][128];
    int argc                  = 0;
    for (; argc < MAX_WORDS && words[argc]; argc++) {
        snprintf(copies[argc], sizeof copies[argc], "%s", words[argc]);
        argv[argc] = copies[argc];
    }
    fflush(stdout);
    int old = dup(1), fd = open(in_folder("stdout"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(fd, 1);
    int status = command(argc, argv);
    fflush(stdout);
    dup2(old, 1);
    close(old);
    close(fd);
    return status;
}
#define RUN(command, ...) run(command, (const char *const[]){__VA_ARGS__, NULL})

static char *read_text(const char *path)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    size_t n = (size_t)ftell(f);
    rewind(f);
    char *text = malloc(n + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, n, f), n);
    text[n] = '\0';
    fclose(f);
    return text;
}

static cJSON *read_json(const char *path)
{
    char *text = read_text(path);
    cJSON *j   = cJSON_Parse(text);
    free(text);
    assert_non_null(j);
    return j;
}

static double number(const cJSON *j, const char *name)
{
    const cJSON *value = cJSON_GetObjectItem(j, name);
    assert_true(cJSON_IsNumber(value));
    return value->valuedouble;
}

/* 40 fills: R within 4 errors of what was put in, and the error is what 18,000 positrons give. */
static void fits_simulation(void **state)
{
    (void)state;
    assert_int_equal(RUN(cmd_fit, "fit", simulated, "--json", in_folder("a.json")), 0);
    cJSON *j = read_json(in_folder("a.json"));
    assert_true(fabs(number(j, "R_ppm") + 95.5) < 4.0 * number(j, "sig_R_ppm"));
    assert_true(number(j, "sig_R_ppm") > 200.0 && number(j, "sig_R_ppm") < 450.0);
    assert_true(number(j, "p_value") > 1e-4);
    assert_true(fabs(number(j, "true_R_ppm") + 95.46) < 0.01);
    /* the toy's beam: delta 0.00086 +- 0.0012, y 12.9 mm (1 % for the sample) */
    assert_true(fabs(number(j, "C_e_ppm") - 2 * 0.108 * 0.998835 / 0.892 * (0.86 * 0.86 + 1.2 * 1.2)) < 0.006);
    assert_true(fabs(number(j, "C_p_ppm") - 0.108 * 12.9 * 12.9 / (2 * 7.112 * 7.112)) < 0.002);
    assert_true(fabs(number(j, "expected_R_ppm") + 95.46 + number(j, "C_e_ppm") + number(j, "C_p_ppm")) < 0.01);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(j, "is_blind")));
    cJSON_Delete(j);
    char *text = read_text(in_folder("stdout"));
    assert_non_null(strstr(text, "omega_a"));
    assert_non_null(strstr(text, "truth"));
    free(text);
    assert_int_equal(RUN(cmd_fit, "fit", simulated, "--method", "a", "--from", "40", "--to", "300"), 0);
}

/* The same histograms as data: R is moved by the phrase's offset, and neither truth nor offset is shown. */
static void blinds_data(void **state)
{
    (void)state;
    assert_int_equal(RUN(cmd_fit, "fit", simulated, "--json", in_folder("a.json")), 0);
    assert_int_equal(RUN(cmd_fit, "fit", measured, "--json", in_folder("b.json")), 0);
    cJSON *a = read_json(in_folder("a.json")), *b = read_json(in_folder("b.json"));
    double moved = number(b, "R_ppm") - number(a, "R_ppm");
    assert_true(fabs(moved - blind_offset_ppm("a phrase", 8)) < 1e-6);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(b, "is_blind")));
    assert_null(cJSON_GetObjectItem(b, "true_R_ppm"));
    cJSON_Delete(b);
    FILE *f = fopen(in_folder("phrase"), "w");
    assert_non_null(f);
    fputs("another\n", f);
    fclose(f);
    assert_int_equal(
        RUN(cmd_fit, "fit", simulated, "--blind-phrase-file", in_folder("phrase"), "--json", in_folder("c.json")), 0);
    b     = read_json(in_folder("c.json"));
    moved = number(b, "R_ppm") - number(a, "R_ppm");
    assert_true(fabs(moved - blind_offset_ppm("another", 7)) < 1e-6);
    cJSON_Delete(a);
    cJSON_Delete(b);
    assert_int_equal(RUN(cmd_fit, "fit", simulated, measured), err_exit_code(ERR_MISMATCH));
}

static void refuses(void **state)
{
    (void)state;
    assert_int_equal(RUN(cmd_fit, "fit"), err_exit_code(ERR_OPTION));
    assert_int_equal(RUN(cmd_fit, "fit", simulated, "--calo", "25"), err_exit_code(ERR_OPTION));
    assert_int_equal(RUN(cmd_fit, "fit", simulated, "--method", "r"), err_exit_code(ERR_OPTION));
    assert_int_equal(RUN(cmd_fit, "fit", simulated, "--method", "q9"), err_exit_code(ERR_OPTION));
    assert_int_equal(RUN(cmd_fit, "fit", simulated, "--method", "q"), err_exit_code(ERR_NOTFOUND));
    assert_int_equal(RUN(cmd_fit, "fit", simulated, "--from", "soon"), err_exit_code(ERR_OPTION));
    assert_int_equal(RUN(cmd_fit, "fit", simulated, "--from", "300", "--to", "200"), err_exit_code(ERR_OPTION));
    assert_int_equal(RUN(cmd_fit, "fit", simulated, "--modell", "5"), err_exit_code(ERR_OPTION));
    assert_int_equal(RUN(cmd_fit, "fit", simulated, "--model", "cbo+wobble"), err_exit_code(ERR_OPTION));
    assert_non_null(strstr(err_message(), "cbo_phi")); /* says what there is */
    assert_int_equal(RUN(cmd_fit, "fit", simulated, "--from", "640"), err_exit_code(ERR_DATA));
    assert_int_equal(RUN(cmd_fit, "fit", in_folder("none.h5")), err_exit_code(ERR_OPEN));
    assert_int_equal(RUN(cmd_report, "report", "-o", in_folder("x")), err_exit_code(ERR_OPTION));
}

static int count(const char *text, const char *what)
{
    int n = 0;
    for (const char *p = strstr(text, what); p; p = strstr(p + 1, what)) n++;
    return n;
}

static int n_pictures(void)
{
    int n = 0;
    for (const struct picture *p = report_wiggle_pictures; p->name; p++) n++;
    for (const struct picture *p = report_quality_pictures; p->name; p++) n++;
    return n;
}

/* The page has every picture, and names nothing outside itself. */
static void page_stands_alone(void **state)
{
    (void)state;
    if (!plot_has_gnuplot()) skip();
    assert_int_equal(RUN(cmd_report, "report", simulated, "-o", in_folder("with")), 0);
    char *page = read_text(in_folder("with/index.html"));
    assert_int_equal(count(page, "<img "), n_pictures());
    assert_int_equal(count(page, " src=\"data:image/svg+xml;base64,"), n_pictures());
    assert_int_equal(count(page, "http:") + count(page, "https:") + count(page, "<script") + count(page, "<link"), 0);
    assert_int_equal(count(page, "default-src 'none'"), 1);
    free(page);
    cJSON *j = read_json(in_folder("with/report.json"));
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "pictures")), n_pictures());
    cJSON_Delete(j);
    assert_int_equal(access(in_folder("with/wiggle.svg.part"), F_OK), -1);
}

/* Without gnuplot the page says so, and the numbers are the same. */
static void no_gnuplot(void **state)
{
    (void)state;
    const char *old = getenv("PATH");
    char *path      = strdup(old ? old : "/usr/bin:/bin");
    setenv("PATH", "/nonexistent", 1);
    int status = RUN(cmd_report, "report", simulated, "-o", in_folder("without"));
    setenv("PATH", path, 1);
    free(path);
    assert_int_equal(status, 0);
    char *page = read_text(in_folder("without/index.html"));
    assert_int_equal(count(page, "<img "), 0);
    assert_int_equal(count(page, "gnuplot is not installed"), n_pictures());
    free(page);
    cJSON *j = read_json(in_folder("without/report.json"));
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "pictures")), n_pictures());
    cJSON_Delete(j);
}

/* Nothing in a text can end a gnuplot string. */
static void quoting(void **state)
{
    (void)state;
    char out[16];
    sheet_quote("a'b\n\tc`", sizeof out, out);
    assert_string_equal(out, "'a''bc`'");
    sheet_quote("''''''''''''''''", sizeof out, out);
    assert_true(strlen(out) < sizeof out && out[strlen(out) - 1] == '\'' && count(out, "'") % 2 == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fits_simulation),   cmocka_unit_test(blinds_data), cmocka_unit_test(refuses),
        cmocka_unit_test(page_stands_alone), cmocka_unit_test(no_gnuplot),  cmocka_unit_test(quoting),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
