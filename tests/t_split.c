/* Slices of datasets: each type by hand, and for random datasets that grow and shrink: disjoint, complete, in order. */
#include "mem.h"
#include "split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_FILES = 400 };

/* What a ledger would keep. */
struct ledger {
    struct split_past past;
    int64_t taken[MAX_FILES];
    const char *name[64];
    char text[64][64];
};

static int by_id(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void note(struct ledger *l, const struct split_slice *s)
{
    for (size_t i = 0; i < s->n; i++) l->taken[l->past.n_taken++] = s->id[i];
    qsort(l->taken, l->past.n_taken, sizeof l->taken[0], by_id);
    l->past.taken = l->taken;
    l->past.n_slices++;
    if (!s->id && l->past.n_names < 64) {
        snprintf(l->text[l->past.n_names], 64, "%.63s", s->name);
        l->name[l->past.n_names] = l->text[l->past.n_names];
        l->past.n_names++;
        l->past.name = l->name;
    }
}

static void parse(const char *text, struct split *s)
{
    enum err rc = split_parse(text, s);
    if (rc) print_message("%s: %s\n", text, err_message());
    assert_int_equal(rc, ERR_OK);
}

/* All slices until none is left, as "name:ids; ..." */
static void run(const char *type, const char *dataset, const struct split_file *files, size_t n, int64_t now_s,
                char out[600])
{
    struct split split;
    static struct ledger l;
    struct split_slice s;
    l = (struct ledger){.past = {0}};
    parse(type, &split);
    out[0] = 0;
    for (int k = 0; k < 40; k++) {
        assert_int_equal(split_next(&split, dataset, files, n, &l.past, now_s, &s), ERR_OK);
        if (s.is_over) return;
        snprintf(out + strlen(out), 600 - strlen(out), "%s%s:", k ? "; " : "", s.name);
        for (size_t i = 0; i < s.n; i++) snprintf(out + strlen(out), 600 - strlen(out), " %d", (int)s.id[i]);
        note(&l, &s);
        split_free(&s);
    }
}

static void check(const char *type, const char *dataset, int64_t now_s, const char *wanted)
{
    static const struct split_file files[] = {{1, 10, 100, true}, {2, 10, 200, false}, {3, 12, 300, true},
                                              {4, 11, 400, true}, {5, 12, 500, false}, {6, 12, 600, true},
                                              {7, 20, 700, true}};
    char out[600];
    run(type, dataset, files, sizeof files / sizeof files[0], now_s, out);
    if (strcmp(out, wanted) != 0) print_message("%s\n", type);
    assert_string_equal(out, wanted);
}

static void test_types(void **state)
{
    (void)state;
    check("none", "", 0, "slice0: 1 2 3 4 5 6 7");
    check("list", "a, b ,c", 0, "a:; b:; c:");
    check("multiparam", "[[\"x\", \"y\"], [1, 2.5]]", 0, "x_1:; x_2.5:; y_1:; y_2.5:");
    check("byrun(low=10,high=12)", "", 0, "run10: 1 2; run11: 4");
    check("byexistingruns", "", 0, "run10: 1 2; run11: 4; run12: 3 5 6; run20: 7");
    check("mod(3)", "", 0, "slice0_of_3: 1 4 7; slice1_of_3: 2 5; slice2_of_3: 3 6");
    check("nfiles(3)", "", 0, "slice0: 1 2 3; slice1: 4 5 6; slice2: 7");
    check("drainingn(n=5)", "", 0, "slice0: 1 2 3 4 5; slice1: 6 7");
    check("limitn(7)", "", 0, "slice0: 1 2 3 4 5 6 7");
    check("draining", "", 0, "slice0: 1 2 3 4 5 6 7");
    check("stagedfiles(2)", "", 0, "slice0: 1 3; slice1: 4 6; slice2: 7");
    /* windows of 250 s that are over, with 100 s for files on their way: (0,250], (250,500]; (500,750] is not over */
    check("new(window=250,fts=100)", "", 749, "slice0: 1 2; slice1: 3 4 5");
    check("new(window=250,fts=100,firsttime=100,lasttime=600)", "", 10000, "slice0: 2 3; slice1: 4 5 6");
}

static void test_bad(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } bad[] = {{"nfile(3)", "did you mean nfiles"},  {"nfiles", "needs a number"},
               {"nfiles(0)", "whole number from 1"}, {"nfiles(3", "lacks"},
               {"byrun", "low below high"},          {"byrun(low=5,high=5)", "low below high"},
               {"mod(low=3)", "no parameter"},       {"new(window=1y)", "12h"},
               {"drainingn(-3)", "whole number"},    {"byrun(5)", "no parameter \"n\""}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct split s;
        assert_int_equal(split_parse(bad[i].text, &s), ERR_CONFIG);
        if (!strstr(err_message(), bad[i].words)) print_message("%s: %s\n", bad[i].text, err_message());
        assert_non_null(strstr(err_message(), bad[i].words));
    }
    struct split s;
    struct split_slice slice;
    struct split_past past = {0};
    parse("multiparam", &s);
    static const char *const datasets[] = {"", "{}", "[]", "[1, 2]", "[[]]", "[[1], []]", "[[1"};
    for (size_t i = 0; i < sizeof datasets / sizeof datasets[0]; i++)
        assert_int_equal(split_next(&s, datasets[i], NULL, 0, &past, 0, &slice), ERR_CONFIG);
}

static uint32_t next_random(uint32_t *x) { return *x = *x * 1664525U + 1013904223U, *x >> 8; }

/* Between slices files come and go; at the end all that stayed were taken once. */
static void test_growing(void **state)
{
    (void)state;
    static const char *const all[] = {
        "none",     "byexistingruns", "mod(7)",         "nfiles(9)",  "drainingn(4)",
        "draining", "stagedfiles(5)", "new(window=50)", "limitn(11)", "byrun(low=0,high=99)"};
    uint32_t seed = 5;
    for (size_t t = 0; t < sizeof all / sizeof all[0] * 20; t++) {
        struct split split;
        struct split_file files[MAX_FILES];
        static struct ledger l;
        size_t n = 0, n_made = 0;
        l = (struct ledger){.past = {0}};
        parse(all[t % 10], &split);
        for (int k = 0; k < 1000; k++) {
            struct split_slice s;
            for (uint32_t more = k < 20 ? next_random(&seed) % 12 : 0; more > 0 && n_made < MAX_FILES; more--) {
                int64_t id = (int64_t)++n_made;
                files[n++] = (struct split_file){id, next_random(&seed) % 9, next_random(&seed) % 1000, true};
            }
            if (n > 3 && k < 20 && next_random(&seed) % 3 == 0) { /* a file is retired */
                size_t gone = next_random(&seed) % n;
                memmove(files + gone, files + gone + 1, (n - gone - 1) * sizeof files[0]);
                n--;
            }
            assert_int_equal(split_next(&split, "", files, n, &l.past, 1000000, &s), ERR_OK);
            assert_false(s.is_final);
            if (s.is_over) {
                if (k > 20) break;
                continue;
            }
            assert_true(s.n > 0); /* nothing empty is launched */
            for (size_t i = 0; i < s.n; i++) {
                assert_null(bsearch(&s.id[i], l.taken, l.past.n_taken, sizeof s.id[0], by_id)); /* disjoint */
                assert_true(i == 0 || s.id[i] > s.id[i - 1]);
            }
            note(&l, &s);
            split_free(&s);
        }
        for (size_t i = 0; i < n; i++) /* complete */
            assert_non_null(bsearch(&files[i].id, l.taken, l.past.n_taken, sizeof l.taken[0], by_id));
    }
}

/* Lists grow between slices: each name comes once, none is left out. */
static void test_growing_lists(void **state)
{
    (void)state;
    uint32_t seed = 11;
    for (int t = 0; t < 40; t++) {
        struct split split;
        static struct ledger l;
        char dataset[400] = "";
        int n_names = 0, n_taken = 0;
        bool is_product = t % 2;
        l               = (struct ledger){.past = {0}};
        parse(is_product ? "multiparam" : "list", &split);
        for (int k = 0; k < 60; k++) {
            struct split_slice s;
            if (k < 20 && (k == 0 || next_random(&seed) % 3 == 0)) n_names++;
            dataset[0] = 0;
            for (int i = 0; i < n_names; i++)
                snprintf(dataset + strlen(dataset), sizeof dataset - strlen(dataset),
                         is_product ? "%s\"d%d\"" : "%s d%d",
                         i            ? ","
                         : is_product ? "[["
                                      : "",
                         i);
            if (is_product) snprintf(dataset + strlen(dataset), sizeof dataset - strlen(dataset), "], [1, 2]]");
            assert_int_equal(split_next(&split, dataset, NULL, 0, &l.past, 0, &s), ERR_OK);
            if (s.is_over) continue;
            for (size_t i = 0; i < l.past.n_names; i++) assert_string_not_equal(l.past.name[i], s.name);
            note(&l, &s);
            n_taken++;
        }
        assert_int_equal(n_taken, is_product ? 2 * n_names : n_names);
    }
}

/* The clock jumps both ways, files come late: each is taken once, and none is left when all windows are over. */
static void test_clock(void **state)
{
    (void)state;
    uint32_t seed = 3;
    for (int t = 0; t < 40; t++) {
        struct split split;
        struct split_file files[60];
        static struct ledger l;
        size_t n = 0;
        l        = (struct ledger){.past = {0}};
        parse("new(window=100,fts=20)", &split);
        for (int k = 0; k < 200; k++) {
            struct split_slice s;
            int64_t now_s = k < 150 ? (int64_t)(next_random(&seed) % 3000) : 1000000;
            if (n < 60 && k < 150) {
                files[n] = (struct split_file){(int64_t)n + 1, 1, 1 + (int64_t)(next_random(&seed) % 2500), true};
                n++;
            }
            assert_int_equal(split_next(&split, "", files, n, &l.past, now_s, &s), ERR_OK);
            for (size_t i = 0; i < s.n; i++) {
                assert_null(bsearch(&s.id[i], l.taken, l.past.n_taken, sizeof s.id[0], by_id));
                assert_true(files[s.id[i] - 1].end_s <= now_s - 20); /* of windows that are over */
            }
            if (!s.is_over) note(&l, &s);
            split_free(&s);
        }
        assert_int_equal(l.past.n_taken, n);
    }
}

/* Files are staged and leave the disk again: each slice has n of those that are staged, as long as there are so many, and no other. */
static void test_staging(void **state)
{
    (void)state;
    uint32_t seed = 9;
    for (int t = 0; t < 60; t++) {
        struct split split;
        struct split_file files[120];
        static struct ledger l;
        size_t n = 0;
        l        = (struct ledger){.past = {0}};
        parse("stagedfiles(6)", &split);
        for (int k = 0; k < 400; k++) {
            struct split_slice s;
            size_t n_free = 0;
            for (; n < 120 && k < 100 && next_random(&seed) % 2 == 0; n++)
                files[n] = (struct split_file){(int64_t)n + 1, 1, 1, false};
            for (size_t i = 0; i < n; i++) files[i].is_staged = k >= 300 || next_random(&seed) % 5 == 0;
            for (size_t i = 0; i < n; i++)
                n_free +=
                    files[i].is_staged && !bsearch(&files[i].id, l.taken, l.past.n_taken, sizeof l.taken[0], by_id);
            assert_int_equal(split_next(&split, "", files, n, &l.past, 0, &s), ERR_OK);
            assert_int_equal(s.is_over, n_free == 0);
            assert_false(s.is_final); /* more may be staged */
            assert_int_equal(s.n, n_free < 6 ? n_free : 6);
            for (size_t i = 0; i < s.n; i++) {
                assert_true(files[s.id[i] - 1].is_staged);
                assert_null(bsearch(&s.id[i], l.taken, l.past.n_taken, sizeof s.id[0], by_id));
            }
            if (!s.is_over) note(&l, &s);
            split_free(&s);
        }
        assert_int_equal(l.past.n_taken, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_types),   cmocka_unit_test(test_bad),
                                       cmocka_unit_test(test_growing), cmocka_unit_test(test_growing_lists),
                                       cmocka_unit_test(test_clock),   cmocka_unit_test(test_staging)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
