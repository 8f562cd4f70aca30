/* The identity of a choice of constants: the order of calibrations does not matter, all else does. */
#include "calib_identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_identity(void **state)
{
    (void)state;
    char a[41], b[41];
    const char *one[] = {"oof", "pedestal"}, *other[] = {"pedestal", "oof"};
    struct calib_choice choice = {.stage = "constants", .n_only = 2, .only = one, .tag = "run1"};
    assert_int_equal(calib_identity(&choice, a), 0);
    assert_int_equal(strlen(a), 40);
    choice.only = other;
    assert_int_equal(calib_identity(&choice, b), 0);
    assert_string_equal(a, b);
    choice.tag = "run2";
    assert_int_equal(calib_identity(&choice, b), 0);
    assert_string_not_equal(a, b);
    choice.tag    = "run1";
    choice.n_only = 1;
    assert_int_equal(calib_identity(&choice, b), 0);
    assert_string_not_equal(a, b);
    choice.n_only      = 2;
    choice.is_open_end = true;
    assert_int_equal(calib_identity(&choice, b), 0);
    assert_string_not_equal(a, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_identity)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
