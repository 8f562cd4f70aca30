/* The histories of t_faults, 100,000 of them. */
#include "history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_histories(void **state)
{
    (void)state;
    assert_int_equal(history_run_many(1000000, 100000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_histories)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
