/* SAM's dimension language: what queries select from a small catalogue, faults with their place, and random queries
 * against an evaluation of our own. SQLite here, PostgreSQL by GM2_TEST_PGSQL (tests/server/units.sh). */
#include "catalogue.h"
#include "dimension.h"
#include "mem.h"
#include "test_db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void declare(const char *name, const char *rest)
{
    char json[2000];
    struct catalogue_file file;
    struct catalogue_result result;
    snprintf(json, sizeof json, "{\"file_name\":\"%s\",\"checksum\":[\"adler32:00000001\"],%s}", name, rest);
    assert_int_equal(catalogue_parse(json, name, &file), ERR_OK);
    if (!strstr(rest, "\"nowhere\"")) file.location = mem_string("file:/store/x");
    assert_int_equal(catalogue_declare(catalogue, &file, 1, "tester", &result), ERR_OK);
    assert_string_equal(result.why, "");
    assert_int_equal(result.outcome, CATALOGUE_DECLARED);
    catalogue_file_free(&file);
}

static int set_up(void **state)
{
    if (test_db_open(state)) return -1;
    declare("raw1.mid", "\"file_size\":10,\"data_tier\":\"raw\",\"data_stream\":\"full\",\"event_count\":91,"
                        "\"start_time\":\"2022-03-01T12:00:00+00:00\",\"end_time\":\"2022-03-01T12:00:08+00:00\","
                        "\"runs\":[[24337,195,\"physics\"]]");
    declare("raw2.mid", "\"file_size\":20,\"data_tier\":\"raw\",\"data_stream\":\"full\",\"event_count\":91,"
                        "\"start_time\":\"2022-03-02T00:00:00Z\",\"runs\":[[24337,196,\"physics\"]]");
    declare("raw3.mid", "\"file_size\":30,\"data_tier\":\"raw\",\"data_stream\":\"laser\",\"event_count\":50,"
                        "\"start_time\":\"2022-04-01T00:00:00Z\",\"runs\":[[24338,0,\"calibration\"]],"
                        "\"beam.energy\":3.1,\"beam.kind\":\"muon\",\"beam.year\":\"2022\",\"beam.season\":\"21-22\"");
    declare("full1.h5",
            "\"file_size\":5,\"data_tier\":\"reco\",\"data_stream\":\"full\",\"runs\":[[24337,195,\"physics\"]],"
            "\"application\":{\"family\":\"gm2\",\"name\":\"full\",\"version\":\"v9\"},"
            "\"parents\":[{\"file_name\":\"raw1.mid\"}]");
    declare("full2_x.h5",
            "\"file_size\":6,\"data_tier\":\"reco\",\"data_stream\":\"full\",\"runs\":[[24337,196,\"physics\"]],"
            "\"application\":{\"family\":\"gm2\",\"name\":\"full\",\"version\":\"v8\"},"
            "\"parents\":[{\"file_name\":\"raw2.mid\"}]");
    declare("hist.h5", "\"file_size\":7,\"data_tier\":\"hist\",\"data_stream\":\"full\",\"runs\":[[24337,\"physics\"]],"
                       "\"parents\":[\"full1.h5\",\"full2_x.h5\"],\"x.nowhere\":\"nowhere\"");
    assert_int_equal(catalogue_define(catalogue, "all_raw", "data_tier raw", "tester"), ERR_OK);
    assert_int_equal(catalogue_define(catalogue, "raw_full", "defname: all_raw and data_stream full", "tester"),
                     ERR_OK);
    return 0;
}

static enum err add_name(void *context, const struct db_value *row, size_t n)
{
    char *list = context;
    (void)n;
    snprintf(list + strlen(list), 400 - strlen(list), "%s%.*s", *list ? " " : "", (int)strcspn(row[0].text, "."),
             row[0].text);
    return ERR_OK;
}

static void check(const char *query, const char *wanted)
{
    char list[400] = "";
    enum err rc    = catalogue_list(catalogue, query, "f.file_name", 0, add_name, list);
    if (rc) print_message("%s: %s\n", query, err_message());
    assert_int_equal(rc, ERR_OK);
    if (strcmp(list, wanted) != 0) print_message("%s\n", query);
    assert_string_equal(list, wanted);
}

static void test_terms(void **state)
{
    (void)state;
    check("data_tier raw", "raw1 raw2 raw3");
    check("DATA_TIER = raw", "raw1 raw2 raw3");
    check("data_tier != raw", "full1 full2_x");
    check("data_tier raw, reco", "raw1 raw2 raw3 full1 full2_x");
    check("data_tier in (raw, hist)", "raw1 raw2 raw3");
    check("data_tier not in raw, hist", "full1 full2_x");
    check("file_size 10-20", "raw1 raw2");
    check("file_size >= 20", "raw2 raw3");
    check("file_size < 6", "full1");
    check("file_name full%", "full1 full2_x");
    check("file_name like 'raw?.mid'", "raw1 raw2 raw3");
    check("file_name not like raw%", "full1 full2_x");
    check("file_name %_x.h5", "full2_x"); /* _ stands for itself */
    check("file_name FULL%", "");         /* letters' case counts in values */
    check("version v9", "full1");
    check("application full and version != v9", "full2_x");
    check("beam.energy > 3", "raw3");
    check("beam.energy 3-4", "raw3");
    check("beam.energy 4-5", "");
    check("beam.kind muon", "raw3");
    check("beam.year 2022", "raw3"); /* a text of digits */
    check("beam.year 2022, 7", "raw3");
    check("beam.season 21-22", "raw3");
    check("beam.kind nan", "");
    check("beam.energy != 3.1 and data_tier raw", "raw1 raw2");
    check("run_number 24337", "raw1 raw2 full1 full2_x");
    check("run_number 24337.0196", "raw2 full2_x");
    check("run_number 24337.0196-24338.1", "raw2 raw3 full2_x");
    check("run_number 24337-24338 and data_stream laser", "raw3");
    check("run_number > 24337", "raw3");
    check("run_number > 24337.195", "raw2 raw3 full2_x");
    check("run_type calibration", "raw3");
    check("subrun_number 195, 0", "raw1 raw3 full1");
    check("start_time 2022-03-01", "raw1");
    check("start_time 2022-03-01-2022-03-31", "raw1 raw2");
    check("start_time '2022-03-01T12:00:00'", "raw1");
    check("start_time > 01-Mar-2022", "raw2 raw3");
    check("start_time '2022-03-02'-'2022-04-30'", "raw2 raw3");
    check("full_path file:/store%", "raw1 raw2 raw3 full1 full2_x");
}

static void test_combining(void **state)
{
    (void)state;
    check("not data_tier raw and data_stream full", "full1 full2_x");
    check("not (data_tier raw and data_stream full)", "raw3 full1 full2_x");
    check("data_stream laser or data_tier reco and version v8", "raw3 full2_x");   /* and before or */
    check("data_tier raw minus file_name raw1.mid or file_name raw2.mid", "raw3"); /* or before minus */
    check("data_tier raw minus file_name raw1.mid union file_name raw1.mid", "raw1 raw2 raw3");
    check("data_tier raw intersect data_stream laser", "raw3");
    check("data_tier raw with limit 2", "raw1 raw2");
    check("data_tier raw with limit 1 offset 1", "raw2");
    check("data_tier raw with stride 2", "raw1 raw3");
    check("data_tier raw with stride 2 offset 1", "raw2");
    check("(data_tier raw with limit 1) or data_tier reco", "raw1 full1 full2_x");
    check("defname: all_raw minus isparentof: (data_tier reco and version v9)", "raw2 raw3");
    check("defname: raw_full", "raw1 raw2");
    check("isparentof: (version v8)", "raw2");
    check("ischildof: (data_tier raw)", "full1 full2_x");
    check("isancestorof: (file_name hist.h5)", ""); /* it has no location */
    check("isancestorof: (file_name hist.h5 and availability: virtual)", "raw1 raw2 full1 full2_x");
    check("isdescendantof: (file_name raw1.mid) with availability any", "full1 hist");
    check("availability: virtual", "hist");
    check("data_tier hist and availability: any", "hist");
    check("data_tier hist with availability physical, virtual", "hist");
    check("snapshot_id 77", "");
}

static void test_snapshot(void **state)
{
    (void)state;
    int64_t id, n;
    assert_int_equal(catalogue_snapshot(catalogue, "data_tier raw with limit 2", "tester", &id, &n), ERR_OK);
    assert_int_equal(n, 2);
    char query[64];
    snprintf(query, sizeof query, "snapshot_id %d", (int)id);
    check(query, "raw1 raw2");
    assert_int_equal(catalogue_define(catalogue, "all_raw", "data_tier raw", "another"), ERR_OK);
    assert_int_equal(catalogue_define(catalogue, "all_raw", "data_tier reco", "another"), ERR_MISMATCH);
    assert_int_equal(catalogue_define(catalogue, "lost", "defname: nothing", "another"), ERR_NOTFOUND);
}

static void test_faults(void **state)
{
    (void)state;
    static const struct {
        const char *query, *words;
        int caret;
    } faults[] = {
        {"", "is expected", 0},
        {"data_teir raw", "did you mean data_tier", 0},
        {"data_tier raw and", "is expected here", 17},
        {"data_tier raw or or", "stands between two terms", 17},
        {"and", "stands between two terms", 0},
        {"data_tier raw minus minus data_tier reco", "stands between two terms", 20},
        {"event_count > 5-7", "a range goes with", 14},
        {"run_number <= 24337-24339", "a range goes with", 14},
        {"file_size 99999999999999999999", "is no value of file_size", 10},
        {"not", "is expected", 3},
        {"isparentof: data_tier raw", "is expected", 12},
        {"data_tier raw with stride 0", "at least 1", 26},
        {"data_tier", "a value of data_tier", 9},
        {"run_number abc", "is no value of run_number", 11},
        {"file_size 10-x", "is no value of file_size", 10},
        {"start_time yesterday", "is no value of start_time", 11},
        {"(data_tier raw", "\")\"", 14},
        {"data_tier raw)", "the end is expected", 13},
        {"data_tier 'raw", "no end", 10},
        {"data_tier raw with", "after \"with\"", 18},
        {"data_tier raw with limit many", "whole number", 25},
        {"availability: sometimes", "availability is", 14},
        {"file_size like 3%", "is no value", 15},
        {"data_tier > raw, reco", "a list goes with", 15},
        {"data_tier raw data_tier reco", "the end is expected", 14},
        {"data_tier \xc3\xa4", "only ASCII", 10},
        {"run_number 24338-24337", "ends before it begins", 11},
        {"run_number 24337.2-24337.1", "ends before it begins", 11},
        {"start_time 2022-03-02-2022-03-01", "ends before it begins", 11},
        {"start_time 2022-02-30", "is no value of start_time", 11},
        {"gm2.cpu_s nan", "is no value of gm2.cpu_s", 10},
        {"beam.energy > 1-3", "a range goes with", 14},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct dimension *q;
        assert_int_equal(dimension_parse(faults[i].query, &q), ERR_PARSE);
        const char *message = err_message(), *caret = strrchr(message, '^');
        if (!strstr(message, faults[i].words)) print_message("%s\n%s\n", faults[i].query, message);
        assert_non_null(strstr(message, faults[i].words));
        assert_non_null(caret);
        const char *line = caret;
        while (line[-1] != '\n') line--;
        if (caret - line - 4 != faults[i].caret) print_message("%s\n", message);
        assert_int_equal(caret - line - 4, faults[i].caret);
    }
    enum { MANY = 1 << 20 };
    char *deep;
    struct dimension *q;
    assert_int_equal(mem_alloc(&deep, MANY + 1, 1), ERR_OK);
    memset(deep, '(', MANY);
    assert_int_equal(dimension_parse(deep, &q), ERR_PARSE);
    assert_non_null(strstr(err_message(), "nested deeper than"));
    memset(deep, 'x', MANY); /* one word */
    assert_int_equal(dimension_parse(deep, &q), ERR_PARSE);
    for (int i = 0; i < MANY; i++) deep[i] = "not "[i % 4];
    assert_int_equal(dimension_parse(deep, &q), ERR_PARSE);
    mem_free(deep);
}

/* Definitions that double at each step end at a number of terms, not in memory; the caret stands under the name. */
static void test_definitions(void **state)
{
    (void)state;
    char name[20], query[100], before[20] = "double0";
    int64_t n, unused[2];
    assert_int_equal(catalogue_define(catalogue, before, "data_tier raw", "tester"), ERR_OK);
    enum err rc = ERR_OK;
    for (int i = 1; i < 40 && !rc; i++) {
        snprintf(name, sizeof name, "double%d", i);
        snprintf(query, sizeof query, "defname: %s or defname: %s", before, before);
        rc = catalogue_define(catalogue, name, query, "tester");
        snprintf(before, sizeof before, "%s", name);
    }
    assert_int_equal(rc, ERR_PARSE);
    assert_non_null(strstr(err_message(), "more than 900 terms"));
    assert_non_null(strchr(err_message(), '^'));
    assert_int_equal(catalogue_count(catalogue, "data_tier raw or defname: doubel1", &n, &unused[0], &unused[1]),
                     ERR_NOTFOUND);
    assert_non_null(strstr(err_message(), "did you mean double"));
    assert_non_null(strchr(err_message(), '^'));
    /* a list of any length is one term */
    char *list;
    size_t used = 0;
    assert_int_equal(mem_alloc(&list, 400000, 1), ERR_OK);
    for (int i = 1; i <= 20000; i++)
        used += (size_t)snprintf(list + used, 400000 - used, "%s%d", i > 1 ? ", " : "file_id ", i);
    assert_int_equal(catalogue_count(catalogue, list, &n, &unused[0], &unused[1]), ERR_OK);
    assert_int_equal(n, 5);
    mem_free(list);
}

/* N times "before", "middle", n times "after" */
static void check_nested(int n, const char *before, const char *middle, const char *after, const char *wanted)
{
    char query[20000] = "";
    for (int i = 0; i < n; i++) strcat(query, before);
    strcat(query, middle);
    for (int i = 0; i < n; i++) strcat(query, after);
    check(query, wanted);
}

/* What may be asked can be answered: SQLite holds little that is open at once. */
static void test_depth(void **state)
{
    (void)state;
    check_nested(1, "isparentof: (", "data_tier hist with availability any", ")", "full1 full2_x");
    check_nested(2, "isparentof: (", "data_tier hist with availability any", ")", "raw1 raw2");
    check_nested(59, "isparentof: (", "data_tier hist", ")", "");
    check_nested(29, "not isancestorof: (", "data_tier raw", ")", "raw3 full1 full2_x");
    check_nested(59, "not ", "data_tier raw", "", "full1 full2_x");
    check_nested(59, "(", "data_tier raw", " with limit 2)", "raw1 raw2");
    check_nested(29, "(data_stream full and (file_size 10 or ", "data_tier reco", "))", "raw1 full1 full2_x");
    check_nested(58, "data_tier raw minus (", "data_tier raw", ")", "raw1 raw2 raw3");
    check_nested(449, "", "data_tier raw", " and data_stream full", "raw1 raw2");
    check_nested(449, "data_tier none or ", "data_tier raw", "", "raw1 raw2 raw3");
    check_nested(448, "", "data_tier raw", " minus data_stream laser", "raw1 raw2");
    check_nested(2000, "", "file_name raw%", ", x%", "raw1 raw2 raw3");
}

/* ---- random queries: sets as bits -------------------------------------------------------------------------------------- */
static uint32_t next_random(uint32_t *x) { return *x = *x * 1664525U + 1013904223U, *x >> 8; }

static const struct {
    const char *text;
    unsigned set; /* raw1 1, raw2 2, raw3 4, full1 8, full2 16 */
} atoms[] = {{"data_tier raw", 7}, {"data_stream full", 27}, {"run_number 24337.195", 9},
             {"version v9", 8},    {"file_size > 6", 7},     {"isparentof: (data_tier reco)", 3}};

enum { MAX_TEXT = 65536 };

static void add_text(char *out, const char *text)
{
    size_t n = strlen(out);
    snprintf(out + n, MAX_TEXT - n, "%s", text);
}

/* level 0 set operators, 1 or, 2 and, 3 not or a term: brackets only where precedence needs them */
static unsigned make(uint32_t *seed, int level, int depth, char *out)
{
    static const char *const words[][3] = {{"minus", "intersect", "union"}, {"or", "or", "or"}, {"and", "and", "and"}};
    if (level == 3 || depth == 0) {
        uint32_t what = next_random(seed) % 4;
        if (depth > 0 && what == 0) {
            add_text(out, "(");
            unsigned set = make(seed, 0, depth - 1, out);
            add_text(out, ")");
            return set;
        }
        if (depth > 0 && what == 1) {
            add_text(out, "not ");
            return ~make(seed, 3, depth - 1, out) & 31U;
        }
        size_t i = next_random(seed) % (sizeof atoms / sizeof atoms[0]);
        add_text(out, atoms[i].text);
        return atoms[i].set;
    }
    unsigned set = make(seed, level + 1, depth, out);
    for (uint32_t n = next_random(seed) % 3; n > 0; n--) {
        uint32_t which = next_random(seed) % 3;
        add_text(out, " ");
        add_text(out, words[level % 3][which]);
        add_text(out, " ");
        unsigned other = make(seed, level + 1, depth - 1, out);
        set            = level == 0   ? (which == 0   ? set & ~other
                                         : which == 1 ? set & other
                                                      : set | other)
                         : level == 1 ? (set | other)
                                      : (set & other);
    }
    return set;
}

static enum err add_bit(void *context, const struct db_value *row, size_t n)
{
    unsigned *set = context;
    (void)n;
    *set |= 1U << (row[0].i - 1);
    return ERR_OK;
}

static void test_random(void **state)
{
    (void)state;
    uint32_t seed = 12;
    for (int i = 0; i < 400; i++) {
        static char query[MAX_TEXT];
        query[0]        = 0;
        unsigned wanted = make(&seed, 0, 3, query), got = 0;
        assert_int_equal(catalogue_list(catalogue, query, "f.id", 0, add_bit, &got), ERR_OK);
        if (got != wanted) print_message("%s\n", query);
        assert_int_equal(got, wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_terms),  cmocka_unit_test(test_combining),   cmocka_unit_test(test_snapshot),
        cmocka_unit_test(test_faults), cmocka_unit_test(test_definitions), cmocka_unit_test(test_depth),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, set_up, test_db_close);
}
