/* Declaring files, and what is refused. The same list runs on SQLite here and on PostgreSQL in tests/server/units.sh, which
 * names the database in GM2_TEST_PGSQL. */
#include "catalogue.h"
#include "mem.h"
#include "test_db.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void make(const char *name, int size, int subrun, const char *parent, struct catalogue_file *out)
{
    char json[1000], parents[300] = "";
    if (parent) snprintf(parents, sizeof parents, "{\"file_name\":\"%s\"}", parent);
    snprintf(json, sizeof json,
             "{\"file_name\":\"%s\",\"file_size\":%d,\"checksum\":[\"adler32:0000ab%02x\"],\"data_tier\":\"raw\","
             "\"runs\":[[100,%d,\"mc\"]],\"event_count\":91,\"parents\":[%s],\"gm2.git_commit\":\"c0ffee\"}",
             name, size, (unsigned)(size & 255), subrun, parents);
    assert_int_equal(catalogue_parse(json, name, out), ERR_OK);
}

static enum catalogue_outcome declare(const char *name, int size, const char *parent, char why[200])
{
    struct catalogue_file file;
    struct catalogue_result result;
    make(name, size, 1, parent, &file);
    assert_int_equal(catalogue_declare(catalogue, &file, 1, "tester", &result), ERR_OK);
    catalogue_file_free(&file);
    if (why) snprintf(why, 200, "%s", result.why);
    return result.outcome;
}

static int64_t count(const char *query)
{
    int64_t n, bytes, events;
    assert_int_equal(catalogue_count(catalogue, query, &n, &bytes, &events), ERR_OK);
    return n;
}

static void test_outcomes(void **state)
{
    (void)state;
    char why[200];
    assert_int_equal(declare("a.mid", 10, NULL, NULL), CATALOGUE_DECLARED);
    assert_int_equal(declare("a.mid", 10, NULL, NULL), CATALOGUE_SAME);
    assert_int_equal(declare("a.mid", 11, NULL, why), CATALOGUE_CONFLICT);
    assert_non_null(strstr(why, "10 bytes"));
    assert_int_equal(declare("a.mid", 11, NULL, NULL), CATALOGUE_CONFLICT); /* noted once */
    int64_t n;
    bool is_found;
    assert_int_equal(db_get_int(catalogue_db(catalogue), "select count(*) from file_conflicts", NULL, 0, &n, &is_found),
                     ERR_OK);
    assert_int_equal(n, 1);
    assert_int_equal(count("file_name a.mid and file_size 10 with availability any"), 1); /* the first stands */
    assert_int_equal(declare("b.h5", 5, "nobody.mid", why), CATALOGUE_REFUSED);
    assert_non_null(strstr(why, "nobody.mid"));
    assert_int_equal(count("file_name b.h5 with availability any"), 0);
    assert_int_equal(declare("b.h5", 5, "a.mid", NULL), CATALOGUE_DECLARED);
    assert_int_equal(count("isparentof: (file_name b.h5 with availability any) with availability any"), 1);
}

static void test_batch_in_any_order(void **state)
{
    (void)state;
    enum { N = 6 };
    struct catalogue_file file[N];
    struct catalogue_result result[N];
    static const char *const names[N] = {"p3.h5", "p2.h5", "p1.mid", "orphan.h5", "child_of_orphan.h5", "p4.h5"};
    static const char *const from[N]  = {"p2.h5", "p1.mid", NULL, "not_there.mid", "orphan.h5", "p3.h5"};
    for (int i = 0; i < N; i++) make(names[i], 20 + i, i, from[i], &file[i]);
    assert_int_equal(catalogue_declare(catalogue, file, N, "tester", result), ERR_OK);
    for (int i = 0; i < N; i++) {
        assert_int_equal(result[i].outcome, i == 3 || i == 4 ? CATALOGUE_REFUSED : CATALOGUE_DECLARED);
        catalogue_file_free(&file[i]);
    }
    assert_int_equal(count("isdescendantof: (file_name p1.mid with availability any) with availability any"), 3);
}

static void test_location_and_retirement(void **state)
{
    (void)state;
    char *json;
    assert_int_equal(declare("loc.mid", 30, NULL, NULL), CATALOGUE_DECLARED);
    assert_int_equal(count("file_name loc.mid"), 0); /* a file without a place is no input */
    assert_int_equal(catalogue_locate(catalogue, "loc.mid", "file:/store/loc.mid", true, "tester"), ERR_OK);
    assert_int_equal(catalogue_locate(catalogue, "loc.mid", "file:/store/loc.mid", true, "tester"), ERR_OK);
    assert_int_equal(count("file_name loc.mid"), 1);
    assert_int_equal(catalogue_get(catalogue, "loc.mid", &json), ERR_OK);
    assert_non_null(strstr(json, "file:/store/loc.mid"));
    assert_non_null(strstr(json, "c0ffee"));
    mem_free(json);
    assert_int_equal(catalogue_retire(catalogue, "loc.mid", "taken with a wrong map", "tester"), ERR_OK);
    assert_int_equal(count("file_name loc.mid"), 0);
    assert_int_equal(count("file_name loc.mid with availability retired"), 1);
    assert_int_equal(declare("loc.mid", 30, NULL, NULL), CATALOGUE_REFUSED); /* names are not used again */
    assert_int_equal(catalogue_locate(catalogue, "nothing.mid", "file:/x", true, "tester"), ERR_NOTFOUND);
    static const char *const bad[] = {"",        "/store/x",  "file:store/x", "file:/store/../etc/passwd",
                                      "FILE:/x", "file:/a\nb"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(catalogue_locate(catalogue, "a.mid", bad[i], true, "tester"), ERR_DATA);
}

static void test_bad_metadata(void **state)
{
    (void)state;
    static const struct {
        const char *json, *words;
    } bad[] = {
        {"", "no JSON object"},
        {"[]", "no JSON object"},
        {"{\"file_name\":\"a\"} x", "no JSON object"},
        {"{}", "file_name is missing"},
        {"{\"file_name\":\"../../etc/passwd\"}", "no file name"},
        {"{\"file_name\":\".hidden\"}", "no file name"},
        {"{\"file_name\":\"a'; drop table files; --\"}", "no file name"},
        {"{\"file_name\":\"<b>.h5\"}", "no file name"},
        {"{\"file_name\":\"a\"}", "file_size is missing"},
        {"{\"file_name\":\"a\",\"file_size\":-1}", "file_size"},
        {"{\"file_name\":\"a\",\"file_size\":1.5}", "file_size"},
        {"{\"file_name\":\"a\",\"file_size\":1}", "adler32"},
        {"{\"file_name\":\"a\",\"file_size\":1,\"checksum\":[\"adler32:12345678\"]}", "data_tier"},
        {"{\"file_name\":\"a\",\"file_size\":1,\"checksum\":[\"adler32:12345678\"],\"data_tier\":\"raw\"}", "runs"},
        {"{\"file_name\":\"a\",\"file_size\":1,\"checksum\":[\"adler32:12345678\"],\"data_tier\":\"raw\","
         "\"runs\":[[1,-5,\"mc\"]]}",
         "entry 1 of runs"},
        {"{\"file_name\":\"a\",\"file_size\":1,\"checksum\":[\"adler32:12345678\"],\"data_tier\":\"raw\","
         "\"runs\":[[1,1,\"mc\"]],\"start_time\":\"yesterday\"}",
         "start_time"},
        {"{\"file_name\":\"a\",\"file_size\":1,\"checksum\":[\"adler32:12345678\"],\"data_tier\":\"raw\","
         "\"runs\":[[1,1,\"mc\"]],\"parents\":[{}]}",
         "entry 1 of parents"},
        {"{\"file_name\":\"a\",\"file_size\":1,\"checksum\":[\"adler32:12345678\"],\"data_tier\":\"r\\u0001w\","
         "\"runs\":[[1,1,\"mc\"]]}",
         "control character"},
        {"{\"file_name\":\"a\",\"file_name\":\"b\"}", "\"file_name\" stands there twice"},
        {"{\"file_name\":\"a\\u0000b\"}", "a text holds"},
        {"{\"file_name\":\"a\",\"file_size\":1,\"checksum\":[\"adler32:12345678\"],\"data_tier\":\"raw\","
         "\"runs\":[[1,1,\"mc\"]],\"gm2.conditions\":{\"gain\":5}}",
         "gain has no list"},
        {"{\"file_name\":\"a\",\"file_size\":1,\"checksum\":[\"adler32:12345678\"],\"data_tier\":\"raw\","
         "\"runs\":[[1,1,\"mc\"]],\"gm2.conditions\":{\"gain\":[1.5]}}",
         "whole number from 1"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct catalogue_file file;
        assert_int_equal(catalogue_parse(bad[i].json, "x.json", &file), ERR_DATA);
        if (!strstr(err_message(), bad[i].words)) print_message("%s\n%s\n", bad[i].json, err_message());
        assert_non_null(strstr(err_message(), bad[i].words));
        assert_non_null(strstr(err_message(), "x.json"));
    }
    char many[6000], word[900] = "";
    struct catalogue_file file;
    memset(word, 'w', sizeof word - 1);
    snprintf(many, sizeof many,
             "{\"file_name\":\"a\",\"file_size\":1,\"checksum\":[\"adler32:12345678\"],\"data_tier\":\"raw\","
             "\"runs\":[[1,1,\"mc\"]],\"gm2.fcl_name\":\"%s\",\"gm2.fcl_hash\":\"%s\",\"gm2.isa\":\"%s\","
             "\"gm2.seed\":\"%s\",\"gm2.process_name\":\"%s\"}",
             word, word, word, word, word);
    assert_int_equal(catalogue_parse(many, "x.json", &file), ERR_DATA); /* alone: it would keep its batch out */
    assert_non_null(strstr(err_message(), "longer than 4000 bytes in all"));
}

/* ---- many writers -------------------------------------------------------------------------------------------------- */
enum { N_WRITERS = 16, N_EACH = 12 };

static void *write_some(void *context)
{
    int number = *(const int *)context;
    struct catalogue *own;
    if (catalogue_open(test_db_url, DB_WRITE, &own)) return context;
    for (int i = 0; i < N_EACH; i++) {
        char name[64];
        struct catalogue_file file[2];
        struct catalogue_result result[2];
        snprintf(name, sizeof name, "w%d_%d.mid", number, i);
        make(name, 100 + i, i, NULL, &file[0]);
        make("shared.mid", 7, 0, NULL, &file[1]); /* all declare it: one does */
        enum err rc = catalogue_declare(own, file, 2, "writer", result);
        while (rc == ERR_AGAIN) rc = catalogue_declare(own, file, 2, "writer", result);
        catalogue_file_free(&file[0]);
        catalogue_file_free(&file[1]);
        if (rc || result[0].outcome != CATALOGUE_DECLARED || result[1].outcome > CATALOGUE_SAME) {
            catalogue_close(own);
            return context;
        }
    }
    catalogue_close(own);
    return NULL;
}

static void test_writers(void **state)
{
    (void)state;
    pthread_t thread[N_WRITERS];
    int number[N_WRITERS];
    for (int i = 0; i < N_WRITERS; i++) {
        number[i] = i;
        assert_int_equal(pthread_create(&thread[i], NULL, write_some, &number[i]), 0);
    }
    for (int i = 0; i < N_WRITERS; i++) {
        void *failed;
        pthread_join(thread[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(count("file_name w% with availability any"), N_WRITERS * N_EACH);
    assert_int_equal(count("file_name shared.mid with availability any"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_batch_in_any_order),
        cmocka_unit_test(test_location_and_retirement),
        cmocka_unit_test(test_bad_metadata),
        cmocka_unit_test(test_writers),
    };
    return cmocka_run_group_tests(tests, test_db_open, test_db_close);
}
