/* Unit files: what is written is read; what is damaged is refused. */
#include "file.h"

#include "make_unit.h"

#include <hdf5.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/gm2-t_file.XXXXXX";
static char path[128], part[160], other[160];
static const struct made usual = {.run = 3, .subrun = 7, .n_fills = 4, .n_rows = 20000, .n_samples = 300000};

static int fresh(void **state)
{
    (void)state;
    unlink(path);
    unlink(part);
    unlink(other);
    err_clear();
    return 0;
}

static unsigned char *slurp(const char *name, size_t *n)
{
    FILE *f = fopen(name, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    *n               = (size_t)ftell(f);
    unsigned char *b = malloc(*n ? *n : 1);
    rewind(f);
    assert_true(fread(b, 1, *n, f) == *n);
    fclose(f);
    return b;
}

static void spill(const char *name, const unsigned char *b, size_t n)
{
    FILE *f = fopen(name, "wb");
    assert_non_null(f);
    assert_true(fwrite(b, 1, n, f) == n);
    fclose(f);
}

static void assert_clusters(const char *name)
{
    struct block *b;
    assert_int_equal(block_create(&table_cluster, &b), ERR_OK);
    assert_int_equal(file_read_table(name, "cluster", b), ERR_OK);
    assert_int_equal(b->n, 4 * 20000 + 1 + 2 + 3 + 4);
    struct cluster_view v = cluster_view(b);
    size_t row            = 0;
    for (uint32_t e = 1; e <= 4; e++)
        for (size_t i = 0; i < 20000 + e; i++, row++) {
            double expected = make_value(7, e, i);
            if (v.t_fill_ns[row] < expected || v.t_fill_ns[row] > expected) fail_msg("row %zu", row);
            if (v.calo[row] != 1 + i % 24) fail_msg("calo of row %zu", row);
        }
    block_free(b);
}

static void round_trip(void **state)
{
    (void)state;
    assert_int_equal(make_unit(path, &usual), ERR_OK);
    assert_int_not_equal(access(part, F_OK), 0);
    assert_clusters(path);
    struct block *b;
    assert_int_equal(block_create(&table_sample, &b), ERR_OK);
    assert_int_equal(file_read_table(path, "sample", b), ERR_OK);
    assert_int_equal(b->n, 4 * 300000);
    assert_int_equal(sample_view(b).adc[2 * 300000 + 11], 77 + 3);
    assert_int_equal(file_read_table(path, "no_such", b), ERR_NOTFOUND);
    block_free(b);
}

static void summary_and_provenance(void **state)
{
    (void)state;
    struct file_summary s;
    char *text;
    assert_int_equal(make_unit(path, &usual), ERR_OK);
    assert_int_equal(file_summary(path, &s), ERR_OK);
    assert_string_equal(s.config_id, make_provenance.config_id);
    assert_string_equal(s.release, "0.0.1");
    assert_int_equal(s.first_run, 3);
    assert_int_equal(s.last_subrun, 7);
    assert_int_equal(s.n_units, 1);
    assert_int_equal(s.n_fills, 4);
    assert_int_equal(s.unit_fills_planned, 4);
    assert_int_equal(file_read_provenance_text(path, "configuration", &text), ERR_OK);
    assert_string_equal(text, make_provenance.config_text);
    mem_free(text);
    assert_int_equal(file_read_provenance_text(path, "parents", &text), ERR_OK);
    assert_string_equal(text, "");
    mem_free(text);
}

static void long_configuration(void **state)
{
    (void)state;
    size_t n   = 300000;
    char *text = malloc(n + 1), *back;
    for (size_t i = 0; i < n; i++) text[i] = (char)('a' + i % 26);
    text[n]             = 0;
    struct provenance p = make_provenance;
    p.config_text       = text;
    struct unit unit    = {.run = 1, .n_fills = 1};
    struct unit_file *f;
    assert_int_equal(unit_file_create(path, &p, &unit, &f), ERR_OK);
    assert_int_equal(unit_file_finish(f, NULL, 0), ERR_OK);
    assert_int_equal(unit_file_publish(f), ERR_OK);
    assert_int_equal(file_read_provenance_text(path, "configuration", &back), ERR_OK);
    assert_string_equal(back, text);
    mem_free(back);
    free(text);
}

static void histograms_come_back(void **state)
{
    (void)state;
    struct hist_set a = {0}, b = {0};
    assert_int_equal(make_hists(&usual, &a), ERR_OK);
    assert_int_equal(make_unit(path, &usual), ERR_OK);
    assert_int_equal(file_read_hists(path, &b), ERR_OK);
    assert_int_equal(b.n, 2);
    for (size_t i = 0; i < a.n; i++) {
        struct hist *x = a.hist[i], *y = hist_find(&b, x->name);
        assert_non_null(y);
        size_t bytes = (size_t)(x->x.n * x->y.n) * sizeof(int64_t);
        assert_memory_equal(x->content, y->content, bytes);
        assert_int_equal(!x->squares, !y->squares);
        if (x->squares) assert_memory_equal(x->squares, y->squares, bytes);
        assert_string_equal(x->title, y->title);
        assert_string_equal(x->y.label, y->y.label);
        assert_string_equal(x->x.unit, y->x.unit);
        assert_int_equal(x->n_entries, y->n_entries);
        assert_int_equal(x->n_outside, y->n_outside);
        assert_memory_equal(&x->quantum, &y->quantum, 8);
    }
    assert_int_equal(file_read_hists(path, &b), ERR_OK); /* adds */
    assert_int_equal(hist_find(&b, "wiggle/t_method")->content[3], 2 * hist_find(&a, "wiggle/t_method")->content[3]);
    hist_set_free(&a);
    hist_set_free(&b);
}

static void bytes_repeat(void **state)
{
    (void)state;
    size_t n, m;
    assert_int_equal(make_unit(path, &usual), ERR_OK);
    assert_int_equal(make_unit(other, &usual), ERR_OK);
    unsigned char *a = slurp(path, &n), *b = slurp(other, &m);
    assert_int_equal(n, m);
    assert_memory_equal(a, b, n);
    free(a);
    free(b);
    assert_int_equal(make_unit(path, &usual), ERR_OK); /* the same unit made twice */
    struct made different = usual;
    different.n_rows      = 5;
    assert_int_equal(make_unit(path, &different), ERR_MISMATCH);
    unlink(part);
}

/* Values that compress in every way, and not at all; chunks full, partial and of one value. */
static double value_of(size_t column, size_t row)
{
    uint64_t z = (row + 1) * 0x9e3779b97f4a7c15u;
    z          = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    double u   = (double)((z ^ (z >> 27)) * 0x94d049bb133111ebu >> 11) * 0x1p-53;
    switch (column % 4) {
    case 0: return 100.0 * u;
    case 1: return (double)(row % 7);
    case 2: return 3.0;
    default: return row > 40000 ? u : 0.0;
    }
}

static void set_value(const struct column *c, void *data, size_t at, double v)
{
    switch (c->type) {
    case COL_f64: ((double *)data)[at] = v; break;
    case COL_f32: ((float *)data)[at] = (float)v; break;
    case COL_i64: ((int64_t *)data)[at] = (int64_t)v; break;
    case COL_i32: ((int32_t *)data)[at] = (int32_t)v; break;
    case COL_u32: ((uint32_t *)data)[at] = (uint32_t)v; break;
    case COL_i16: ((int16_t *)data)[at] = (int16_t)v; break;
    case COL_u16: ((uint16_t *)data)[at] = (uint16_t)v; break;
    default: ((uint8_t *)data)[at] = (uint8_t)v; break;
    }
}

static void round_trip_of(const struct table *table, size_t n)
{
    struct block *a, *b;
    struct unit_file *f;
    struct fill fill = {.run = 1, .event = 1};
    struct unit unit = {.run = 1, .n_fills = 1};
    assert_int_equal(block_create(table, &a), ERR_OK);
    assert_int_equal(block_create(table, &b), ERR_OK);
    assert_int_equal(block_resize(a, n), ERR_OK);
    for (size_t c = 0; c < table->n_columns; c++)
        for (size_t i = 0; i < n * table->columns[c].width; i++)
            set_value(&table->columns[c], a->data[c], i, value_of(c, i));
    unlink(path);
    assert_int_equal(unit_file_create(path, &make_provenance, &unit, &f), ERR_OK);
    assert_int_equal(unit_file_append(f, table->name, a, &fill), ERR_OK);
    assert_int_equal(unit_file_finish(f, NULL, 1), ERR_OK);
    assert_int_equal(unit_file_publish(f), ERR_OK);
    assert_int_equal(file_read_table(path, table->name, b), ERR_OK);
    assert_int_equal(b->n, n);
    for (size_t c = 0; c < table->n_columns; c++)
        assert_memory_equal(a->data[c], b->data[c], n * table->columns[c].width * column_size(table->columns[c].type));
    block_free(a);
    block_free(b);
}

static void every_type_and_shape(void **state)
{
    (void)state;
    static const struct column columns[] = {
        {"a", COL_f64, 1, "1", "a"}, {"b", COL_f32, 3, "1", "b"}, {"c", COL_i64, 1, "1", "c"},
        {"d", COL_i32, 1, "1", "d"}, {"e", COL_u32, 1, "1", "e"}, {"f", COL_i16, 5, "1", "f"},
        {"g", COL_u16, 1, "1", "g"}, {"h", COL_u8, 1, "1", "h"},  {"i", COL_f64, 1, "1", "i"},
        {"j", COL_f64, 2, "1", "j"}, {"k", COL_i32, 1, "1", "k"}, {"l", COL_u8, 1, "1", "l"},
    };
    static const struct table all = {"all", "sim", "every type", false, columns, sizeof columns / sizeof columns[0]};
    static const struct table one = {"one", "sim", "one column", false, columns + 7, 1};
    const size_t sizes[]          = {0, 1, 63, 64, 65, 3000, 32768, 32769, 70001};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) round_trip_of(&all, sizes[i]);
    round_trip_of(&one, 1500001);
}

static void fills_without_rows(void **state)
{
    (void)state;
    struct made m = {.run = 1, .subrun = 0, .n_fills = 3};
    assert_int_equal(make_unit(path, &m), ERR_OK);
    struct block *b;
    assert_int_equal(block_create(&table_cluster, &b), ERR_OK);
    assert_int_equal(file_read_table(path, "cluster", b), ERR_OK);
    assert_int_equal(b->n, 0);
    block_free(b);
}

static void counts(const char *group, uint64_t bytes, uint64_t rows, void *arg)
{
    uint64_t *got = arg;
    if (strcmp(group, "cluster") == 0) got[0] = rows;
    if (strcmp(group, "sample") == 0) got[1] = rows;
    if (strcmp(group, "sample") == 0) got[2] = bytes;
    if (strcmp(group, "units") == 0) got[3] = rows;
}

static void bytes_of_tables(void **state)
{
    (void)state;
    uint64_t got[4] = {0};
    assert_int_equal(make_unit(path, &usual), ERR_OK);
    assert_int_equal(file_table_bytes(path, counts, got), ERR_OK);
    assert_int_equal(got[0], 80010);
    assert_int_equal(got[1], 1200000);
    assert_true(got[2] > 1000 && got[2] < 2400000);
    assert_int_equal(got[3], 1);
}

static void abandoned_leaves_nothing(void **state)
{
    (void)state;
    struct unit unit = {.run = 1, .n_fills = 1};
    struct unit_file *f;
    spill(part, (const unsigned char *)"left-over", 9);
    assert_int_equal(unit_file_create(path, &make_provenance, &unit, &f), ERR_OK);
    assert_int_equal(access(part, F_OK), 0);
    unit_file_abandon(f);
    assert_int_not_equal(access(part, F_OK), 0);
    unit_file_abandon(NULL);
    assert_int_equal(unit_file_create("/nowhere/x.h5", &make_provenance, &unit, &f), ERR_WRITE);
    assert_non_null(strstr(err_message(), "/nowhere/x.h5"));
    assert_non_null(strstr(err_message(), "No such file"));
}

/* Two jobs make the same unit at the same time: what is published is whole, whoever wins. */
static void two_writers_of_one_unit(void **state)
{
    (void)state;
    struct unit unit = {.run = 1, .n_fills = 1};
    struct unit_file *a, *b;
    assert_int_equal(unit_file_create(path, &make_provenance, &unit, &a), ERR_OK);
    assert_int_equal(unit_file_create(path, &make_provenance, &unit, &b), ERR_OK);
    assert_int_not_equal(unit_file_finish(a, NULL, 1), ERR_OK);
    unit_file_abandon(a);
    assert_int_equal(access(part, F_OK), 0);
    assert_int_equal(unit_file_finish(b, NULL, 1), ERR_OK);
    assert_int_equal(unit_file_publish(b), ERR_OK);
    struct file_summary s;
    assert_int_equal(file_summary(path, &s), ERR_OK);
}

static void other_versions_are_refused(void **state)
{
    (void)state;
    struct file_summary s;
    assert_int_equal(make_unit(path, &usual), ERR_OK);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), a = H5Aopen(file, "format_version", H5P_DEFAULT);
    assert_true(H5Awrite(a, H5T_NATIVE_INT, &(int){7}) >= 0);
    H5Aclose(a);
    H5Fclose(file);
    assert_int_equal(file_summary(path, &s), ERR_DATA);
    assert_non_null(strstr(err_message(), "version 7"));
    file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    H5Adelete(file, "format");
    H5Fclose(file);
    assert_int_equal(file_summary(path, &s), ERR_DATA);
    assert_non_null(strstr(err_message(), "not a gm2 file"));
    spill(path, (const unsigned char *)"text", 4);
    assert_int_equal(file_summary(path, &s), ERR_DATA);
    spill(path, (const unsigned char *)"", 0);
    assert_int_equal(file_summary(path, &s), ERR_DATA);
    unlink(path);
    assert_int_equal(file_summary(path, &s), ERR_OPEN);
}

static enum err read_all(const char *name, struct hist_set *h, struct block *b, struct file_summary *s)
{
    TRY(file_summary(name, s));
    TRY(file_read_hists(name, h));
    TRY(file_read_table(name, "cluster", b));
    return file_verify(name);
}

static void truncated_files_are_refused(void **state)
{
    (void)state;
    size_t n;
    struct made small = {.run = 1, .subrun = 1, .n_fills = 2, .n_rows = 50, .n_samples = 100};
    assert_int_equal(make_unit(path, &small), ERR_OK);
    unsigned char *a = slurp(path, &n);
    struct file_summary s;
    for (size_t k = 0; k < 50; k++) {
        spill(other, a, k * n / 50);
        assert_int_not_equal(file_summary(other, &s), ERR_OK);
        assert_non_null(strstr(err_message(), other));
    }
    free(a);
}

/* 500 changed bytes: an error, or everything reads as before. */
static void flipped_bytes(void **state)
{
    (void)state;
    size_t n, n_errors = 0;
    struct made small = {.run = 1, .subrun = 1, .n_fills = 2, .n_rows = 50, .n_samples = 100};
    assert_int_equal(make_unit(path, &small), ERR_OK);
    unsigned char *a = slurp(path, &n);
    struct block *whole, *b;
    struct hist_set hists = {0};
    struct file_summary good, s;
    assert_int_equal(block_create(&table_cluster, &whole), ERR_OK);
    assert_int_equal(block_create(&table_cluster, &b), ERR_OK);
    assert_int_equal(read_all(path, &hists, whole, &good), ERR_OK);
    for (uint32_t k = 0; k < 500; k++) {
        struct hist_set h = {0};
        size_t at         = (size_t)(k * 2654435761u) % n;
        a[at] ^= (unsigned char)(1u << (k % 8));
        spill(other, a, n);
        a[at] ^= (unsigned char)(1u << (k % 8));
        enum err rc = read_all(other, &h, b, &s);
        if (rc) {
            n_errors++;
        } else {
            assert_memory_equal(&s, &good, sizeof s);
            assert_int_equal(h.n, hists.n);
            assert_int_equal(b->n, whole->n);
            for (size_t c = 0; c < b->table->n_columns; c++)
                assert_memory_equal(b->data[c], whole->data[c],
                                    b->n * b->table->columns[c].width * column_size(b->table->columns[c].type));
        }
        hist_set_free(&h);
    }
    assert_true(n_errors > 250);
    printf("%zu of 500 changed bytes noticed, the others change nothing\n", n_errors);
    block_free(whole);
    block_free(b);
    hist_set_free(&hists);
    free(a);
}

/* Property lists, spaces, types and attributes of HDF5 that are open. */
static hsize_t open_ids(void)
{
    const H5I_type_t types[] = {H5I_GENPROP_LST, H5I_DATASPACE, H5I_DATATYPE, H5I_ATTR,
                                H5I_DATASET,     H5I_GROUP,     H5I_FILE};
    hsize_t sum              = 0;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        hsize_t n = 0;
        if (H5Inmembers(types[i], &n) >= 0) sum += n;
    }
    return sum;
}

static hsize_t ids_at_first;

static void nothing_leaks(void **state)
{
    (void)state;
    assert_int_equal(open_ids(), ids_at_first);
    assert_int_equal(mem_live(), 0);
    assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
}

int main(void)
{
    if (!mkdtemp(folder)) return 1;
    snprintf(path, sizeof path, "%s/unit.h5", folder);
    snprintf(part, sizeof part, "%s.part", path);
    snprintf(other, sizeof other, "%s/other.h5", folder);
    H5open();
    ids_at_first                    = open_ids();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(round_trip, fresh),
        cmocka_unit_test_setup(summary_and_provenance, fresh),
        cmocka_unit_test_setup(long_configuration, fresh),
        cmocka_unit_test_setup(histograms_come_back, fresh),
        cmocka_unit_test_setup(bytes_repeat, fresh),
        cmocka_unit_test_setup(every_type_and_shape, fresh),
        cmocka_unit_test_setup(fills_without_rows, fresh),
        cmocka_unit_test_setup(bytes_of_tables, fresh),
        cmocka_unit_test_setup(abandoned_leaves_nothing, fresh),
        cmocka_unit_test_setup(two_writers_of_one_unit, fresh),
        cmocka_unit_test_setup(other_versions_are_refused, fresh),
        cmocka_unit_test_setup(truncated_files_are_refused, fresh),
        cmocka_unit_test_setup(flipped_bytes, fresh),
        cmocka_unit_test(nothing_leaks),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) ? 1 : failed;
}
