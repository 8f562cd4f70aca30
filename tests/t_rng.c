/* Philox known answers, and the moments of what is drawn with it. */
#include "rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The three known answers for philox4x32, 10 rounds, published with the paper's reference code. */
static void known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], want[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t got[4];
        rng_philox(cases[i].counter, cases[i].key, got);
        for (int j = 0; j < 4; j++) assert_int_equal(got[j], cases[i].want[j]);
    }
}

static void each_part_of_the_name_matters(void **state)
{
    (void)state;
    struct rng base      = rng_start(rng_key(1, 2, 3, 4, 5), 6);
    struct rng others[]  = {rng_start(rng_key(2, 2, 3, 4, 5), 6), rng_start(rng_key(1, 3, 3, 4, 5), 6),
                            rng_start(rng_key(1, 2, 4, 4, 5), 6), rng_start(rng_key(1, 2, 3, 5, 5), 6),
                            rng_start(rng_key(1, 2, 3, 4, 6), 6), rng_start(rng_key(1, 2, 3, 4, 5), 7)};
    struct rng again     = rng_start(rng_key(1, 2, 3, 4, 5), 6);
    const uint32_t first = rng_u32(&base);
    assert_int_equal(rng_u32(&again), first);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) assert_int_not_equal(rng_u32(&others[i]), first);
}

/* n = 2e5: standard errors are 1/sqrt(n) = 0.0022 for the mean, sqrt(2/n) = 0.0032 for the variance; the bounds are
 * 5 sigma, a false alarm in 2 million, and the seed is fixed. */
static void moments(void **state)
{
    (void)state;
    enum { N = 200000 };
    struct rng r = rng_start(rng_key(42, 1, 0, 1, 9), 0);
    double sum = 0.0, squares = 0.0, poisson = 0.0, poisson2 = 0.0;
    for (int i = 0; i < N; i++) {
        double x = rng_normal(&r);
        sum += x;
        squares += x * x;
        double k = (double)rng_poisson(&r, i % 2 ? 3.0 : 100.0);
        double z = (k - (i % 2 ? 3.0 : 100.0)) / sqrt(i % 2 ? 3.0 : 100.0);
        poisson += z;
        poisson2 += z * z;
    }
    assert_true(fabs(sum / N) < 5 * 0.00224);
    assert_true(fabs(squares / N - 1.0) < 5 * 0.0032);
    assert_true(fabs(poisson / N) < 5 * 0.00224);
    assert_true(fabs(poisson2 / N - 1.0) < 5 * 0.0035);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(each_part_of_the_name_matters),
        cmocka_unit_test(moments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
