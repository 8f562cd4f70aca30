/* HTCondor's languages: quotes of arguments and environment, macros and line breaks refused, lines of the user, a DAG. That another
 * parser reads the same is in tests/cli/condor.sh. */
#include "condor_text.h"
#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static enum err write(const char *const *argv, const char *const *line, size_t n_lines, struct sql *out)
{
    static const char *const input[]       = {"grid.list", "setup.sh", NULL};
    static const char *const environment[] = {"A=b c", "FHICL_FILE_PATH=/x:/y", NULL};
    const struct condor_job job            = {"gm2.x", "/opt/grid_job", argv, "/f", input, environment, line, n_lines};
    *out                                   = (struct sql){0};
    return condor_text_submit(&job, out);
}

static void test_quotes(void **state)
{
    (void)state;
    static const char *const argv[] = {"--to", "a b", "it's", "say \"x\"", "", "$HOME", NULL};
    static const char *const line[] = {"request_memory = 1990MB", "+Owner2=\"x\""};
    struct sql s;
    assert_int_equal(write(argv, line, 2, &s), ERR_OK);
    assert_non_null(strstr(s.text, "\narguments = \"--to 'a b' 'it''s' 'say \"\"x\"\"' '' $HOME\"\n"));
    assert_non_null(strstr(s.text, "\nenvironment = \"A='b c' FHICL_FILE_PATH=/x:/y\"\n"));
    assert_non_null(strstr(s.text, "\ntransfer_input_files = grid.list,setup.sh\n"));
    assert_non_null(strstr(s.text, "\nrequest_memory = 1990MB\n"));
    assert_non_null(strstr(s.text, "\n+Gm2Name = \"gm2.x\"\n"));
    assert_string_equal(s.text + s.n - 8, "queue 1\n");
    sql_free(&s);
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const macro[] = {"$(Process)", NULL}, *const other[] = {"$$(Arch)", NULL},
                             *const lines[] = {"a\nqueue 5", NULL}, *const good[] = {"a", NULL};
    static const char *const bad_lines[] = {
        "queue 5",  "Executable = /bin/sh", "a = b\nqueue 2", "request_memory", " = 5",
        "a = b \\", "+Gm2Name = \"other\"", "a b = c"};
    struct sql s;
    assert_int_equal(write(macro, NULL, 0, &s), ERR_CONFIG);
    sql_free(&s);
    assert_int_equal(write(other, NULL, 0, &s), ERR_CONFIG);
    sql_free(&s);
    assert_int_equal(write(lines, NULL, 0, &s), ERR_CONFIG);
    sql_free(&s);
    for (size_t i = 0; i < sizeof bad_lines / sizeof bad_lines[0]; i++) {
        assert_int_equal(write(good, &bad_lines[i], 1, &s), ERR_CONFIG);
        sql_free(&s);
    }
}

static void test_dag(void **state)
{
    (void)state;
    static const char *const folder[] = {"/a/1", "/a/2"}, *const blank[] = {"/a b"};
    struct sql s = {0};
    assert_int_equal(condor_text_dag("gm2.d", folder, 2, 1, &s), ERR_OK);
    assert_non_null(strstr(s.text, "\nJOB unit1 /a/2/job.sub\nCATEGORY unit1 units\nMAXJOBS units 1\n"));
    assert_non_null(strstr(s.text, "SET_JOB_ATTR Gm2Name = \"gm2.d\"\n"));
    sql_free(&s);
    assert_int_equal(condor_text_dag("gm2.d", blank, 1, 0, &s), ERR_CONFIG);
    sql_free(&s);
}

static int tear_down(void **state)
{
    (void)state;
    return mem_live() == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_quotes), cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_dag)};
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
