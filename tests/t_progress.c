/* Progress of long work: the line, and silence where there is no terminal. */
#include "progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs those above */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void test_line(void **state)
{
    (void)state;
    char line[160];
    struct progress p = {.what = "audit", .n = 250, .n_all = 1000};
    progress_line(&p, 10.0, line, sizeof line);
    assert_string_equal(line, "audit [######..................] 25%  250 of 1000, 25 a second, 30 s left");
    p = (struct progress){.what = "audit", .n = 1, .n_all = 1000};
    progress_line(&p, 10.0, line, sizeof line);
    assert_non_null(strstr(line, "2 h 46 min left"));
    p = (struct progress){.what = "audit", .n = 2000, .n_all = 1000}; /* more came than was said */
    progress_line(&p, 100.0, line, sizeof line);
    assert_true(strstr(line, "100%") && strstr(line, " 0 s left"));
    p = (struct progress){.what = "audit", .n = 0, .n_all = 1000};
    progress_line(&p, 0.0, line, sizeof line);
    assert_non_null(strstr(line, "? left"));
    p = (struct progress){.what = "walk", .n = 30};
    progress_line(&p, 10.0, line, sizeof line);
    assert_string_equal(line, "walk: 30, 3 a second");
    progress_line(&p, 10.0, line, 5);
    assert_string_equal(line, "walk");
}

static void test_silence(void **state)
{
    (void)state;
    struct progress p;
    int ends[2], keep = dup(STDERR_FILENO);
    char byte;
    assert_int_equal(pipe(ends), 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    progress_begin(&p, "work", 10);
    p.shown_s -= 10.0; /* time for a line */
    progress_add(&p, 5);
    progress_end(&p);
    assert_true(dup2(keep, STDERR_FILENO) >= 0);
    close(keep);
    close(ends[1]);
    assert_int_equal(p.n, 5);
    assert_int_equal(read(ends[0], &byte, 1), 0);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
