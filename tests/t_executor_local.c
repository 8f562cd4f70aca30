/* The local executor: what is said of a submission by its lock and its exit status, also of one that ends while it is asked after;
 * what was begun is not started again. */
#include "executor.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/gm2_executor_local.XXXXXX";
static bool ends_now;

static void put(const char *file, const char *text)
{
    char path[EXECUTOR_MAX_PATH];
    assert_int_equal(executor_path(folder, file, path), ERR_OK);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void drop(const char *file)
{
    char path[EXECUTOR_MAX_PATH];
    assert_int_equal(executor_path(folder, file, path), ERR_OK);
    unlink(path);
}

static int open_lock(void)
{
    char path[EXECUTOR_MAX_PATH];
    assert_int_equal(executor_path(folder, "lock", path), ERR_OK);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    return fd;
}

int __real_flock(int fd, int how);
int __wrap_flock(int fd, int how);
int __wrap_flock(int fd, int how)
{
    if (ends_now) put("exit", "75\nend_s 1700000000\n");
    return __real_flock(fd, how);
}

static struct executor_report ask(void)
{
    struct executor_report r;
    assert_int_equal(executor_local.ask(folder, "s", "", &r), ERR_OK);
    return r;
}

static void test_asking(void **state)
{
    (void)state;
    assert_int_equal(ask().answer, EXECUTOR_NOT_STARTED);
    put("lock", ""); /* a pass that was killed before it had a supervisor */
    assert_int_equal(ask().answer, EXECUTOR_NOT_STARTED);
    put("lock", "4711\n");
    int fd = open_lock();
    assert_int_equal(__real_flock(fd, LOCK_EX), 0);
    assert_int_equal(ask().answer, EXECUTOR_RUNNING);
    close(fd);
    struct executor_report r = ask();
    assert_int_equal(r.answer, EXECUTOR_ENDED);
    assert_string_equal(r.state, "LOST");
    assert_int_equal(r.exit_code, -1);
    ends_now = true; /* it was stopped on purpose, and is not to be taken for lost */
    r        = ask();
    ends_now = false;
    assert_int_equal(r.answer, EXECUTOR_ENDED);
    assert_int_equal(r.exit_code, 75);
    assert_int_equal(r.end_s, 1700000000);
    drop("exit");
}

/* Whether start() has run anything: its supervisor has the lock as long as it lives. */
static bool starts(const char *lock)
{
    static const char *const argv[] = {"/bin/true", NULL};
    const struct executor_job job   = {.folder = folder, .name = "s", .argv = argv, .n_ranks = 1};
    char batch_id[64], path[EXECUTOR_MAX_PATH];
    put("lock", lock);
    drop("log");
    assert_int_equal(executor_local.start(&job, batch_id), ERR_OK);
    int fd = open_lock();
    assert_int_equal(__real_flock(fd, LOCK_EX), 0);
    close(fd);
    assert_int_equal(executor_path(folder, "log", path), ERR_OK);
    return access(path, F_OK) == 0;
}

static void test_starting_once(void **state)
{
    (void)state;
    assert_false(starts("4711\n")); /* it was begun and is lost */
    put("exit", "0\n");
    assert_false(starts(""));
    drop("exit");
    assert_true(starts(""));
    assert_int_equal(ask().exit_code, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_asking), cmocka_unit_test(test_starting_once)};
    if (!mkdtemp(folder)) return 1;
    int rc                           = cmocka_run_group_tests(tests, NULL, NULL);
    static const char *const files[] = {"lock", "exit", "log"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) drop(files[i]);
    rmdir(folder);
    return rc;
}
