/* Counts of a stage: kept while the catalogue stands still, counted anew after each change of it or of the question. SQLite
 * here, PostgreSQL by GM2_TEST_PGSQL (tests/server/units.sh). */
#include "ledger.h"
#include "mem.h"
#include "stage_count.h"
#include "test_db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void declare(const char *name, const char *tier)
{
    char text[400];
    struct catalogue_file f;
    struct catalogue_result r;
    snprintf(text, sizeof text,
             "{\"file_name\": \"%s\", \"file_size\": 1, \"checksum\": [\"adler32:00000001\"], \"data_tier\": \"%s\", "
             "\"runs\": [[1, 0, \"test\"]]}",
             name, tier);
    assert_int_equal(catalogue_parse(text, "test", &f), ERR_OK);
    f.location = mem_string("file:/x");
    assert_int_equal(catalogue_declare(catalogue, &f, 1, "me", &r), ERR_OK);
    assert_int_equal(r.outcome, CATALOGUE_DECLARED);
    catalogue_file_free(&f);
}

/* Files and what of them is done are counted in one state of the database: numbers of two could look like the end. */
static int n_transactions;
enum err __real_db_read_transaction(struct db *on, enum err (*work)(void *), void *context);
enum err __wrap_db_read_transaction(struct db *on, enum err (*work)(void *), void *context);
enum err __wrap_db_read_transaction(struct db *on, enum err (*work)(void *), void *context)
{
    n_transactions++;
    enum err rc = __real_db_read_transaction(on, work, context);
    n_transactions--;
    return rc;
}
enum err __real_catalogue_count(struct catalogue *c, const char *query, int64_t *n, int64_t *bytes, int64_t *events);
enum err __wrap_catalogue_count(struct catalogue *c, const char *query, int64_t *n, int64_t *bytes, int64_t *events);
enum err __wrap_catalogue_count(struct catalogue *c, const char *query, int64_t *n, int64_t *bytes, int64_t *events)
{
    assert_int_equal(n_transactions, 1);
    return __real_catalogue_count(c, query, n, bytes, events);
}

static int64_t kept_at(void)
{
    int64_t n;
    bool is_found;
    assert_int_equal(db_get_int(catalogue_db(catalogue), "select change_id from stage_counts where stage_id = 7", NULL,
                                0, &n, &is_found),
                     ERR_OK);
    return is_found ? n : -1;
}

static void expect(const char *dataset, int64_t n_files, int64_t n_done)
{
    struct stage_counts c;
    assert_int_equal(stage_count(catalogue, 7, dataset, "data_tier reco", true, &c), ERR_OK);
    assert_int_equal(c.n_files, n_files);
    assert_int_equal(c.n_done, n_done);
}

static void test_counts(void **state)
{
    (void)state;
    struct stage_counts c;
    int64_t first;
    declare("a.mid", "raw");
    declare("a.h5", "reco");
    assert_int_equal(stage_count(catalogue, 7, "data_tier raw", "data_tier reco", false, &c), ERR_OK);
    assert_int_equal(c.n_before, -1);
    assert_int_equal(kept_at(), -1); /* a look leaves nothing */
    expect("data_tier raw", 1, 1);
    first = kept_at();
    assert_true(first > 0);
    /* what is kept is what is answered: shown by another number in its place */
    assert_int_equal(db_exec(catalogue_db(catalogue), "update stage_counts set n_files = 1000"), ERR_OK);
    expect("data_tier raw", 1000, 1);
    expect("data_tier raw or data_tier reco", 2, 1); /* another question */
    expect("data_tier raw", 1, 1);
    declare("b.mid", "raw");
    assert_int_equal(stage_count(catalogue, 7, "data_tier raw", "data_tier reco", false, &c), ERR_OK);
    assert_true(c.n_files == 2 && c.n_before == 1); /* it has grown since it was kept */
    expect("data_tier raw", 2, 1);
    assert_true(kept_at() > first);
    assert_int_equal(catalogue_retire(catalogue, "a.mid", "test", "me"), ERR_OK);
    expect("data_tier raw", 1, 1);
    assert_int_equal(catalogue_locate(catalogue, "b.mid", "file:/x", false, "me"), ERR_OK);
    expect("data_tier raw", 0, 1);
    assert_int_equal(catalogue_locate(catalogue, "b.mid", "root://far/x", true, "me"), ERR_OK);
    expect("data_tier raw", 1, 1);
    assert_int_equal(stage_count(catalogue, 7, "data_teir raw", "data_tier reco", true, &c), ERR_PARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts)};
    return cmocka_run_group_tests(tests, test_db_open, test_db_close);
}
