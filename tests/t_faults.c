/* Nothing lost, nothing doubled: histories of campaigns on a batch system that goes wrong in twenty ways (fake_scheduler.h), with up
 * to three managers at a time and clocks that jump.
 *   t_faults                 1,000 histories
 *   t_faults replay SEED     one of them, with its log
 *   t_faults N FIRST         N of them */
#include "history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#ifdef TEST_IS_SLOW /* sanitizers */
static long n_histories = 100;
#else
static long n_histories = 1000;
#endif
static uint64_t first = 1;

static void test_histories(void **state)
{
    (void)state;
    assert_int_equal(history_run_many(first, n_histories), 0);
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "replay") == 0) {
        fault_is_verbose = true;
        return !history_run(strtoull(argv[2], NULL, 10));
    }
    if (argc > 1) n_histories = strtol(argv[1], NULL, 10);
    if (argc > 2) first = strtoull(argv[2], NULL, 10);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_histories)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
