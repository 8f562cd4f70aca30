/* Histograms: edges, exact sums in any order, refusals. */
#include "hist.h"
#include "mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void bins_and_edges(void **state)
{
    (void)state;
    struct hist_set set = {0};
    struct hist *h;
    assert_int_equal(hist_book(&set, "a", "", hist_axis(10, 0.0, 5.0, "t", "us"), HIST_NO_AXIS, 0, &h), ERR_OK);
    hist_fill(h, 0.0, 0, 1);         /* first bin, its low edge */
    hist_fill(h, 0.5, 0, 1);         /* second */
    hist_fill(h, 4.999, 0, 1);       /* last */
    hist_fill(h, 5.0, 0, 1);         /* outside */
    hist_fill(h, -1e-9, 0, 1);       /* outside */
    hist_fill(h, (double)NAN, 0, 1); /* outside */
    assert_int_equal(h->content[0], 1);
    assert_int_equal(h->content[1], 1);
    assert_int_equal(h->content[9], 1);
    assert_int_equal(h->n_outside, 3);
    assert_int_equal(h->n_entries, 6);
    hist_set_free(&set);
}

/* Weights are sums of integers: any order of merging gives the same bits. */
static void merging_is_exact_in_any_order(void **state)
{
    (void)state;
    struct hist_set part[4] = {0}, forward = {0}, backward = {0};
    for (int p = 0; p < 4; p++) {
        struct hist *h;
        assert_int_equal(hist_book(&part[p], "w", "", hist_axis(7, 0, 7, "", ""), hist_axis(3, 0, 3, "", ""), 1, &h),
                         ERR_OK);
        for (int i = 0; i < 100; i++) hist_fill(h, i * 7 % 8, i % 4, 1.0 / (1 + i + p));
    }
    for (int p = 0; p < 4; p++) {
        assert_int_equal(hist_set_add(&forward, &part[p]), ERR_OK);
        assert_int_equal(hist_set_add(&backward, &part[3 - p]), ERR_OK);
    }
    assert_memory_equal(forward.hist[0]->content, backward.hist[0]->content, 21 * sizeof(int64_t));
    assert_memory_equal(forward.hist[0]->squares, backward.hist[0]->squares, 21 * sizeof(int64_t));
    assert_int_equal(forward.hist[0]->n_entries, 400);
    for (int p = 0; p < 4; p++) hist_set_free(&part[p]);
    hist_set_free(&forward);
    hist_set_free(&backward);
}

static void another_binning_is_refused(void **state)
{
    (void)state;
    struct hist_set set = {0};
    struct hist *h, *again;
    assert_int_equal(hist_book(&set, "a", "", hist_axis(10, 0, 5, "", ""), HIST_NO_AXIS, 0, &h), ERR_OK);
    assert_int_equal(hist_book(&set, "a", "", hist_axis(10, 0, 5, "", ""), HIST_NO_AXIS, 0, &again), ERR_OK);
    assert_ptr_equal(h, again);
    assert_int_equal(hist_book(&set, "a", "", hist_axis(11, 0, 5, "", ""), HIST_NO_AXIS, 0, &again), ERR_MISMATCH);
    assert_int_equal(hist_book(&set, "b", "", hist_axis(0, 0, 5, "", ""), HIST_NO_AXIS, 0, &again), ERR_LOGIC);
    hist_set_free(&set);
    assert_int_equal(mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bins_and_edges),
        cmocka_unit_test(merging_is_exact_in_any_order),
        cmocka_unit_test(another_binning_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
