/* Quality of subruns as metadata: one row, several rows, nothing measured, no table. */
#include "dqc_cuts.h"
#include "mem.h"
#include "product_quality.h"
#include "tables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

static struct block *block;

static const struct meta_value *value(const struct product_quality *q, const char *name)
{
    for (size_t i = 0; i < q->n; i++)
        if (strcmp(q->value[i].name, name) == 0) return &q->value[i];
    return NULL;
}

static void set_row(size_t row, uint32_t n_good, double fraction, double no_constants, uint32_t flags)
{
    for (size_t c = 0; c < block->table->n_columns; c++) {
        const struct column *column = &block->table->columns[c];
        size_t bytes                = column_size(column->type) * column->width;
        memset((char *)block->data[c] + row * bytes, 0, bytes);
    }
    struct dqc_subrun_view v = dqc_subrun_view(block);
    v.is_good[row]           = flags == 0;
    v.flags[row]             = flags;
    v.n_good[row]            = n_good;
    v.good_fraction[row]     = (float)fraction;
    v.no_constants[row]      = (float)no_constants;
    v.oof_channels[row]      = (float)NAN;
}

static void test_rows(void **state)
{
    (void)state;
    static struct product_quality q;
    assert_int_equal(block_create(&table_dqc_subrun, &block), ERR_OK);
    product_quality_of(block, &q);
    assert_int_equal(q.n, 0);
    assert_int_equal(block_resize(block, 2), ERR_OK);
    block->n = 1;
    set_row(0, 80, 0.75, 0.0, 0);
    product_quality_of(block, &q);
    assert_string_equal(value(&q, "dqc.status")->text, "good");
    assert_null(value(&q, "dqc.failed"));
    assert_null(value(&q, "dqc.oof_channels")); /* not measured */
    assert_null(value(&q, "dqc.flags"));
    assert_true(value(&q, "dqc.n_good")->number == 80.0 && value(&q, "dqc.good_fraction")->number == 0.75);
    /* two subruns: what is counted is summed, of the rest the worst counts */
    block->n = 2;
    set_row(1, 20, 0.25, 2.0, 1U << DQC_SUBRUN_good_fraction | 1U << DQC_SUBRUN_no_constants);
    product_quality_of(block, &q);
    assert_string_equal(value(&q, "dqc.status")->text, "bad");
    assert_string_equal(value(&q, "dqc.failed")->text, "good_fraction no_constants");
    assert_true(value(&q, "dqc.n_good")->number == 100.0 && value(&q, "dqc.good_fraction")->number == 0.25);
    assert_true(value(&q, "dqc.no_constants")->number == 2.0);
    block_free(block);
    assert_int_equal(mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
