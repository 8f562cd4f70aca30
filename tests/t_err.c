/* Errors: exit codes are a contract; the trail keeps the first message and all places. */
#include "err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void exit_codes_are_pinned_and_unique(void **state)
{
    (void)state;
    static const struct {
        enum err code;
        int status;
    } pinned[] = {{ERR_OK, 0},      {ERR_AGAIN, 75},  {ERR_OPTION, 88},  {ERR_PARSE, 90},
                  {ERR_CONFIG, 91}, {ERR_DATA, 16},   {ERR_OPEN, 20},    {ERR_READ, 21},
                  {ERR_WRITE, 66},  {ERR_MEMORY, 68}, {ERR_MISMATCH, 23}};
    for (size_t i = 0; i < sizeof pinned / sizeof pinned[0]; i++)
        assert_int_equal(err_exit_code(pinned[i].code), pinned[i].status);
    for (int a = 0; a < N_ERR; a++) {
        assert_in_range(err_exit_code((enum err)a), 0, 99);
        assert_int_equal(err_from_exit_code(err_exit_code((enum err)a)), a);
    }
    assert_int_equal(err_from_exit_code(137), ERR_LOGIC);
}

static enum err deepest(void) { FAIL(ERR_DATA, "byte %d is bad", 7); }
static enum err middle(void)
{
    TRY(deepest());
    return ERR_OK;
}

static void the_trail_names_cause_and_places(void **state)
{
    (void)state;
    enum err rc = middle();
    assert_int_equal(rc, ERR_DATA);
    assert_string_equal(err_message(), "byte 7 is bad");
    assert_non_null(strstr(err_places(), "t_err.c"));
    assert_non_null(strstr(err_places(), "deepest()"));
    assert_int_equal(err_context(rc, "file %s", "x.mid"), ERR_DATA);
    assert_string_equal(err_message(), "file x.mid: byte 7 is bad");
    err_clear();
    assert_string_equal(err_message(), "");
}

static void long_messages_are_cut_not_overrun(void **state)
{
    (void)state;
    static char big[10000];
    memset(big, 'x', sizeof big - 1);
    assert_int_equal(err_fail(ERR_DATA, __FILE__, __LINE__, "%s", big), ERR_DATA);
    for (int i = 0; i < 100; i++) {
        err_context(ERR_DATA, "%s", big);
        err_pass(ERR_DATA, __FILE__, __LINE__, big);
    }
    assert_in_range(strlen(err_message()), 1000, 4095);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_codes_are_pinned_and_unique),
        cmocka_unit_test(the_trail_names_cause_and_places),
        cmocka_unit_test(long_messages_are_cut_not_overrun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
