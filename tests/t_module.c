/* The registry and the tables: names, units, ports. */
#include "module.h"
#include "tables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A unit suffix in a name and the unit attribute must say the same. */
static void suffixes_agree_with_units(void **state)
{
    (void)state;
    static const struct {
        const char *suffix, *unit;
    } rules[] = {{"_ns", "ns"}, {"_mm", "mm"}, {"_GeV", "GeV"}, {"_rad", "rad"}, {"_adc", "adc"}, {"_s", "s"}};
    for (size_t t = 0; table_all()[t]; t++) {
        const struct table *table = table_all()[t];
        assert_true(table->doc[0] && table->n_columns > 0 && table->n_columns <= TABLE_MAX_COLUMNS);
        for (size_t c = 0; c < table->n_columns; c++) {
            const struct column *column = &table->columns[c];
            size_t n                    = strlen(column->name);
            assert_true(column->doc[0] && column->unit[0] && column->width >= 1);
            for (size_t r = 0; r < sizeof rules / sizeof rules[0]; r++) {
                size_t k = strlen(rules[r].suffix);
                if (n > k && strcmp(column->name + n - k, rules[r].suffix) == 0)
                    assert_string_equal(column->unit, rules[r].unit);
            }
        }
    }
}

static void every_module_says_what_it_is(void **state)
{
    (void)state;
    for (const struct module_entry *e = module_all(); e->module; e++) {
        const struct module *m = e->module;
        assert_ptr_equal(module_find(m->name)->module, m);
        assert_true(m->doc && m->doc[0] && m->source && m->source[0]);
        assert_true(m->fields && m->cfg_size > 0);
        for (const struct cfg_field *f = m->fields; f->name; f++) assert_true(f->doc[0] && f->unit);
        for (size_t p = 0; m->out && m->out[p].table; p++) assert_in_range(p, 0, MODULE_MAX_PORTS - 1);
        for (const struct module_entry *other = e + 1; other->module; other++) {
            assert_string_not_equal(other->module->name, m->name);
            assert_int_not_equal(other->stream, e->stream);
        }
    }
    assert_null(module_find("NoSuchModule"));
}

static void blocks_keep_rows_when_they_grow(void **state)
{
    (void)state;
    struct block *b;
    assert_int_equal(block_create(&table_muon, &b), ERR_OK);
    assert_int_equal(block_resize(b, 3), ERR_OK);
    struct muon_view v = muon_view(b);
    for (int i = 0; i < 3; i++) v.t_decay_ns[i] = i + 0.5;
    assert_int_equal(block_resize(b, 100000), ERR_OK);
    v = muon_view(b);
    assert_int_equal(v.n, 100000);
    for (int i = 0; i < 3; i++) assert_true(v.t_decay_ns[i] > i + 0.4 && v.t_decay_ns[i] < i + 0.6);
    assert_int_equal((uintptr_t)v.t_fill_ns % 64, 0);
    block_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suffixes_agree_with_units),
        cmocka_unit_test(every_module_says_what_it_is),
        cmocka_unit_test(blocks_keep_rows_when_they_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
