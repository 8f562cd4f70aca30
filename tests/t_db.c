/* The database layer: the same on SQLite, and on the PostgreSQL named by GM2_TEST_PGSQL (tests/server/units.sh). */
#include "db.h"
#include "mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char url[256], folder[] = "/tmp/gm2-t_db.XXXXXX";
static struct db *db;

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        if ((call) != ERR_OK) fail_msg("%s: %s", #call, err_message());                                                \
    } while (0)

static int fresh(void **state)
{
    (void)state;
    OK(db_open(url, DB_CREATE, &db));
    OK(db_exec(db, "drop table if exists t_db; drop table if exists t_lock;"
                   "create table t_db (id bigint primary key, x double precision, word text);"
                   "create table t_lock (id bigint)"));
    return 0;
}

static int done(void **state)
{
    (void)state;
    db_close(db);
    db = NULL;
    return 0;
}

static int64_t count(const char *where)
{
    char sql[200];
    int64_t n     = -1;
    bool is_found = false;
    snprintf(sql, sizeof sql, "select count(*) from t_db %s", where);
    OK(db_get_int(db, sql, NULL, 0, &n, &is_found));
    assert_true(is_found);
    return n;
}

static void expect_words(const char *words)
{
    if (!strstr(err_message(), words)) fail_msg("\"%s\" is not in: %s", words, err_message());
}

/* What goes in comes out, bit by bit; hostile text is text. */
static void values(void **state)
{
    (void)state;
    static const double x[]      = {0.1, -1e-300, 1.7976931348623157e308, 3.0, 5e-324};
    static const int64_t id[]    = {1, -2, INT64_MAX, INT64_MIN, 0};
    static const char *const w[] = {"", "a'); drop table t_db; --", "\xc2\xb5s\ttab\nline\\N", "$1 ?1", "\\."};
    const struct db_value *row;
    struct db_statement *s;
    size_t n;
    for (int i = 0; i < 4; i++)
        OK(db_do(db, "insert into t_db (id, x, word) values ($1, $2, $3)",
                 (struct db_value[]){DB_I(id[i]), DB_X(x[i]), DB_S(w[i])}, 3));
    struct db_bulk *bulk;
    OK(db_exec(db, "begin"));
    OK(db_bulk_start(db, "t_db", "id, x, word", 3, &bulk));
    OK(db_bulk_add(bulk, (struct db_value[]){DB_I(id[4]), DB_X(x[4]), DB_S(w[4])}));
    OK(db_bulk_add(bulk, (struct db_value[]){DB_I(7), DB_N, DB_N}));
    OK(db_bulk_add(bulk, (struct db_value[]){DB_I(8), DB_N, DB_S(w[2])}));
    OK(db_bulk_end(bulk, true));
    OK(db_exec(db, "commit"));
    OK(db_prepare(db, "select id, x, word from t_db where id = $1", &s));
    for (int i = 0; i < 5; i++) {
        OK(db_start(s, &DB_I(id[i]), 1));
        OK(db_next(s, &row, &n));
        assert_non_null(row);
        assert_int_equal(n, 3);
        assert_true(row[0].type == DB_INT && row[0].i == id[i]);
        assert_true(row[1].type == DB_REAL && row[1].x == x[i]);
        assert_true(row[2].type == DB_TEXT);
        assert_string_equal(row[2].text, w[i]);
        OK(db_next(s, &row, &n));
        assert_null(row);
    }
    OK(db_start(s, &DB_I(7), 1));
    OK(db_next(s, &row, &n));
    assert_true(row && row[1].type == DB_NULL && row[2].type == DB_NULL);
    OK(db_start(s, &DB_I(8), 1));
    OK(db_next(s, &row, &n));
    assert_true(row != NULL);
    assert_string_equal(row[2].text, w[2]);
    db_finish(s);
    assert_int_equal(count(""), 7);
}

static void errors(void **state)
{
    (void)state;
    int64_t n;
    bool is_found;
    assert_true(db_exec(db, "select nonsense from t_db") != ERR_OK);
    expect_words("nonsense");
    assert_true(db_exec(db, "insert into t_db (id) values (1); insert into t_db (id) values (1)") == ERR_MISMATCH);
    assert_int_equal(db_problem(db), DB_DUPLICATE);
    OK(db_get_int(db, "select id from t_db where id = -5", NULL, 0, &n, &is_found));
    assert_false(is_found);
    struct db_statement *s;
    assert_true(db_prepare(db, "select from from", &s) != ERR_OK);
    assert_null(s);
    expect_words("from");
    err_clear();
    OK(db_exec(db, "select 1"));
    assert_int_equal(db_problem(db), DB_FINE);
}

/* ---- transactions ---- */
static enum err add_and_fail(void *context)
{
    TRY(db_do(db, "insert into t_db (id) values ($1)", &DB_I(1), 1));
    struct db_bulk *bulk;
    TRY(db_bulk_start(db, "t_db", "id", 1, &bulk));
    enum err rc = db_bulk_add(bulk, &DB_I(2));
    if (!rc) rc = db_bulk_end(bulk, *(bool *)context);
    if (rc) return rc;
    FAIL(ERR_DATA, "changed my mind");
}

/* More than are sent at once; with one that exists already, told by whatever comes next. */
struct queued {
    int64_t first, n;
    bool is_flushed;
};
static enum err add_queued(void *context)
{
    const struct queued *q = context;
    struct db_statement *s;
    int64_t n;
    bool is_found;
    TRY(db_prepare(db, "insert into t_db (id, word) values ($1, $2)", &s));
    enum err rc = ERR_OK;
    for (int64_t i = 0; i < q->n && !rc; i++)
        rc = db_queue(s, (struct db_value[]){DB_I(q->first + i), DB_S("queued")}, 2);
    if (!rc && q->is_flushed) rc = db_flush(db);
    db_finish(s);
    TRY(rc);
    TRY(db_get_int(db, "select count(*) from t_db where word = 'queued'", NULL, 0, &n, &is_found));
    assert_true(is_found && n >= q->n);
    return ERR_OK;
}

/* A caller that overlooks the failure: nothing is committed all the same. */
static enum err overlook(void *context)
{
    struct db_statement *s;
    TRY(db_prepare(db, "insert into t_db (id) values ($1)", &s));
    enum err rc = db_queue(s, &DB_I(*(int64_t *)context), 1);
    db_finish(s);
    return db_is_pgsql(db) ? ERR_OK : rc;
}

static void queued(void **state)
{
    (void)state;
    OK(db_transaction(db, "t_lock", add_queued, &(struct queued){1, 450, true}));
    OK(db_transaction(db, "t_lock", add_queued, &(struct queued){451, 450, false}));
    assert_int_equal(count("where word = 'queued'"), 900);
    for (int flushed = 0; flushed < 2; flushed++) {
        struct queued clash = {900 - 250 * flushed, 300, flushed}; /* one id is there, or 251 are */
        assert_int_equal(db_transaction(db, "t_lock", add_queued, &clash), ERR_MISMATCH);
        assert_int_equal(count(""), 900);
    }
    assert_int_equal(db_transaction(db, "t_lock", overlook, &(int64_t){7}), ERR_MISMATCH);
    OK(db_transaction(db, "t_lock", overlook, &(int64_t){2000}));
    assert_int_equal(count(""), 901);
}

static enum err count_inside(void *context)
{
    int64_t n;
    bool is_found;
    OK(db_get_int(db, "select count(*) from t_read", NULL, 0, &n, &is_found));
    *(int64_t *)context += n;
    return ERR_OK;
}

static enum err count_outside(void *context)
{
    OK(db_read_transaction(db, count_inside, context)); /* a part of this one */
    return count_inside(context);
}

static void read_within(void **state)
{
    (void)state;
    int64_t n = 0;
    OK(db_exec(db, "create table t_read (x bigint); insert into t_read (x) values (1)"));
    OK(db_read_transaction(db, count_outside, &n));
    assert_int_equal(n, 2);
    OK(db_read_transaction(db, count_inside, &n)); /* and the first one is over */
    assert_int_equal(n, 3);
}

static void rolled_back(void **state)
{
    (void)state;
    bool is_good = true;
    assert_int_equal(db_transaction(db, "t_lock", add_and_fail, &is_good), ERR_DATA);
    assert_string_equal(err_message(), "changed my mind");
    assert_int_equal(count(""), 0);
    is_good = false;
    assert_int_equal(db_transaction(db, "t_lock", add_and_fail, &is_good), ERR_DATA);
    assert_int_equal(count(""), 0);
}

/* Takes the next id: two that read the same one would lose a row. */
static enum err add_next(void *context)
{
    int64_t last = 0;
    bool is_found;
    TRY(db_get_int(db, "select max(id) from t_db", NULL, 0, &last, &is_found));
    return db_do(db, "insert into t_db (id, x) values ($1, $2)",
                 (struct db_value[]){DB_I(last + 1), DB_X(*(double *)context)}, 2);
}

static void many_writers(void **state)
{
    (void)state;
    enum { WRITERS = 4, EACH = 10 };
    done(NULL);
    for (int w = 0; w < WRITERS; w++) {
        if (fork() != 0) continue;
        double x    = w;
        enum err rc = db_open(url, DB_WRITE, &db);
        for (int i = 0; i < EACH && !rc; i++) rc = db_transaction(db, "t_lock", add_next, &x);
        if (rc) fprintf(stderr, "writer %d: %s\n", w, err_message());
        db_close(db);
        _exit(rc ? 1 : 0);
    }
    for (int w = 0; w < WRITERS; w++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    OK(db_open(url, DB_READ, &db));
    assert_int_equal(count(""), WRITERS * EACH);
    assert_int_equal(count("where id between 1 and 40"), WRITERS * EACH);
}

static void read_only(void **state)
{
    (void)state;
    done(NULL);
    OK(db_open(url, DB_READ, &db));
    assert_int_equal(db_exec(db, "insert into t_db (id) values (1)"), ERR_WRITE);
    assert_int_equal(count(""), 0);
}

static void refused_urls(void **state)
{
    (void)state;
    struct db *none;
    static const char *const secret[] = {"postgresql://me:geheim@localhost/x",
                                         "postgres://:geheim@localhost/x",
                                         "postgresql://localhost/x?password=geheim",
                                         "postgresql://localhost/x?passwd=geheim",
                                         "postgresql://localhost/x?user=me&sslpassword=geheim",
                                         "postgresql://me:ge/heim?geheim@localhost/x",
                                         "postgresql://localhost/x?%70assword=geheim",
                                         "host=localhost password=geheim dbname=x"};
    for (size_t i = 0; i < sizeof secret / sizeof secret[0]; i++) {
        assert_int_equal(db_open(secret[i], DB_READ, &none), ERR_OPTION);
        assert_null(none);
        expect_words("PGPASSFILE");
        assert_null(strstr(err_message(), "geheim"));
    }
    assert_int_equal(db_open("mysql://localhost/x", DB_READ, &none), ERR_OPTION);
    assert_int_equal(db_open("postgresql:x", DB_CREATE, &none), ERR_OPTION);
    assert_int_equal(db_open("sqlite:", DB_CREATE, &none), ERR_OPTION);
    assert_int_equal(db_open("", DB_CREATE, &none), ERR_OPTION);
    assert_int_equal(db_open("/nowhere/x.db", DB_READ, &none), ERR_OPEN);
    expect_words("/nowhere/x.db");
    assert_int_equal(db_open("postgresql://127.0.0.1:1/x", DB_READ, &none), ERR_AGAIN);
    char text[300];
    snprintf(text, sizeof text, "%s/text", folder);
    FILE *f = fopen(text, "w");
    assert_non_null(f);
    for (int i = 0; i < 200; i++) fputs("this is no database\n", f);
    fclose(f);
    assert_int_equal(db_open(text, DB_READ, &none), ERR_DATA);
}

static int no_leak(void **state)
{
    (void)state;
    if (mem_live() == 0) return 0;
    print_error("%lld allocations are left\n", (long long)mem_live());
    return 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values, fresh, done),
        cmocka_unit_test_setup_teardown(errors, fresh, done),
        cmocka_unit_test_setup_teardown(rolled_back, fresh, done),
        cmocka_unit_test_setup_teardown(read_within, fresh, done),
        cmocka_unit_test_setup_teardown(queued, fresh, done),
        cmocka_unit_test_setup_teardown(many_writers, fresh, done),
        cmocka_unit_test_setup_teardown(read_only, fresh, done),
        cmocka_unit_test(refused_urls),
    };
    const char *server = getenv("GM2_TEST_PGSQL");
    if (!mkdtemp(folder)) return 1;
    if (server) {
        snprintf(url, sizeof url, "%s", server);
    } else {
        snprintf(url, sizeof url, "sqlite:%s/x.db", folder);
    }
    int bad = cmocka_run_group_tests_name(server ? "PostgreSQL" : "SQLite", tests, NULL, no_leak);
    char path[300];
    snprintf(path, sizeof path, "%s/x.db", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/text", folder);
    unlink(path);
    rmdir(folder);
    return bad;
}
