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

/* An answer counts only when it is whole. */
static void test_asks(void **state)
{
    (void)state;
    const char *const good[] = {"sh", "-c", "echo yes; echo aside >&2", NULL};
    const char *const bad[]  = {"sh", "-c", "echo no; echo why >&2; echo more >&2; exit 3", NULL};
    const char *const much[] = {"sh", "-c", "yes | head -c 99", NULL};
    const char *const slow[] = {"sleep", "600", NULL};
    assert_int_equal(process_ask(good, 30, out, sizeof out), ERR_OK);
    assert_string_equal(out, "yes\n");
    assert_int_equal(process_ask(bad, 30, out, sizeof out), ERR_AGAIN);
    assert_string_equal(err_message(), "sh ends with 3: why");
    assert_int_equal(process_ask(much, 30, out, sizeof out), ERR_AGAIN);
    assert_int_equal(process_ask(slow, 0.2, out, sizeof out), ERR_AGAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_runs), cmocka_unit_test(test_asks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
