/* Percentiles by nearest rank, and bins of five a decade. */
#include "latency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_ranks(void **state)
{
    (void)state;
    double t[100];
    struct latency l;
    for (int i = 0; i < 100; i++) t[i] = 100.0 - i; /* 1 to 100, backwards */
    latency_of(t, 100, &l);
    assert_int_equal(l.n, 100);
    assert_true(l.p50_s == 50.0 && l.p95_s == 95.0 && l.max_s == 100.0);
    latency_of(t, 3, &l); /* 1 2 3 */
    assert_true(l.p50_s == 2.0 && l.p95_s == 3.0);
    latency_of(t, 1, &l);
    assert_true(l.p50_s == 1.0 && l.p95_s == 1.0 && l.max_s == 1.0);
    latency_of(NULL, 0, &l);
    assert_true(l.n == 0 && l.max_s == 0.0);
}

static void test_bins(void **state)
{
    (void)state;
    double t[] = {0.0, 0.5, 1.0, 9.9, 10.0, 1e30};
    struct latency l;
    int64_t sum = 0;
    latency_of(t, 6, &l);
    assert_int_equal(l.bin[0], 3);
    assert_int_equal(l.bin[4], 1); /* 6.3 to 10 */
    assert_int_equal(l.bin[5], 1);
    assert_int_equal(l.bin[LATENCY_BINS - 1], 1);
    for (int i = 0; i < LATENCY_BINS; i++) sum += l.bin[i];
    assert_int_equal(sum, 6);
    assert_true(latency_edge_s(5) == 10.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ranks), cmocka_unit_test(test_bins)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
