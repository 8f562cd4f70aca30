/* Running other programs: output, exit status, a program that is not there, one that does not end, much output. */
#include "process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char out[100], log_text[100];

static enum err run(const char *script, double timeout_s, int *status)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    return process_run(argv, timeout_s, out, log_text, sizeof out, status);
}

static void test_runs(void **state)
{
    (void)state;
    int status;
    assert_int_equal(run("echo one; echo two >&2; exit 3", 30, &status), ERR_OK);
    assert_int_equal(status, 3);
    assert_string_equal(out, "one\n");
    assert_string_equal(log_text, "two\n");
    assert_int_equal(run("kill -9 $$", 30, &status), ERR_OK);
    assert_int_equal(status, 137);
    assert_int_equal(run("yes | head -c 1000000", 30, &status), ERR_OK); /* cut, yet it ends */
    assert_int_equal(status, 0);
    assert_int_equal(strlen(out), sizeof out - 1);
    assert_int_equal(run("cat", 30, &status), ERR_OK); /* no input to wait for */
    assert_int_equal(status, 0);
    assert_int_equal(run("exec sleep 600", 0.2, &status), ERR_OK);
    assert_int_equal(status, -1);
    const char *const nothing[] = {"/no/such/program", NULL};
    assert_int_equal(process_run(nothing, 30, out, log_text, sizeof out, &status), ERR_NOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_runs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
