/* location: pulls of many small groups, strays, shifts. */
#include "location.h"
#include "mem.h"
#include "rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { GROUPS = 1296, EACH = 30 };

/* A peak with a tail above, like that of minimum ionising particles, and 5 % strays: pulls against the location of a large
 * sample of the same. Bounds: mean 4.5 sigma (false alarm 7e-6), width 7 % (3.5 sigma, 5e-4). */
static double draw(struct rng *r)
{
    if (rng_uniform(r) < 0.05) return -0.4 + 0.8 * rng_uniform(r);
    return 0.11 * rng_normal(r) - 0.10 * log(rng_uniform(r));
}

static void pulls(void **state)
{
    (void)state;
    static struct location_sample sample[GROUPS * EACH], all[GROUPS * EACH];
    static struct location found[GROUPS];
    struct location truth;
    struct rng r = rng_start(rng_key(1, 1, 0, 0, 999), 0);
    for (uint32_t i = 0; i < GROUPS * EACH; i++) {
        sample[i] = (struct location_sample){i % GROUPS, draw(&r)};
        all[i]    = (struct location_sample){0, draw(&r)};
    }
    assert_int_equal(location_groups(all, GROUPS * EACH, 0.15, 10, 1, &truth), ERR_OK);
    assert_int_equal(location_groups(sample, GROUPS * EACH, 0.15, 10, GROUPS, found), ERR_OK);
    double sum = 0.0, squares = 0.0;
    for (int g = 0; g < GROUPS; g++) {
        assert_true(found[g].is_known && found[g].n == EACH);
        double pull = (found[g].value - truth.value) / found[g].error;
        sum += pull;
        squares += pull * pull;
    }
    print_message("error of %d values %.4f; pulls: mean %.3f, width %.3f\n", EACH, found[0].error, sum / GROUPS,
                  sqrt(squares / GROUPS));
    assert_true(fabs(sum / GROUPS) < 4.5 * sqrt(2.0 / GROUPS)); /* the large sample has as many values */
    assert_true(fabs(sqrt(squares / GROUPS) - 1.0) < 0.07);
}

static void strays_and_shifts(void **state)
{
    (void)state;
    struct location_sample s[] = {{0, 1.0}, {0, 1.1}, {0, 0.9}, {0, 1.0},  {0, 50.0},  {0, -50.0}, {2, 8.0},
                                  {2, 8.1}, {2, 7.9}, {2, 8.0}, {2, 57.0}, {2, -43.0}, {1, 3.0}};
    struct location out[4];
    assert_int_equal(location_groups(s, 13, 0.5, 3, 4, out), ERR_OK);
    assert_true(fabs(out[0].value - 1.0) < 1e-9 && fabs(out[2].value - 8.0) < 1e-9);
    assert_true(out[0].n == 6 && out[0].error > 0.0 && !out[1].is_known && out[1].n == 1 && !out[3].is_known);
    s[3].group = 4;
    assert_int_equal(location_groups(s, 13, 0.5, 3, 4, out), ERR_DATA);
    assert_int_equal(location_groups(s, 0, 0.5, 3, 4, out), ERR_OK);
    assert_false(out[0].is_known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pulls), cmocka_unit_test(strays_and_shifts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
