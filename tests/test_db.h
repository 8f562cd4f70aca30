/* A catalogue with its ledger for a test: a SQLite file of its own, or the empty database that GM2_TEST_PGSQL names. */
#ifndef GM2_TEST_DB_H
#define GM2_TEST_DB_H

#include "ledger.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct catalogue *catalogue;
static const char *test_db_url;

/** For cmocka_run_group_tests(), or its set-up. */
static inline int test_db_open(void **state)
{
    static char path[] = "/tmp/gm2_test_db.XXXXXX";
    (void)state;
    test_db_url = getenv("GM2_TEST_PGSQL");
    if (!test_db_url) {
        int fd = mkstemp(path);
        if (fd < 0) return -1;
        close(fd);
        unlink(path);
        test_db_url = path;
    }
    return catalogue_init(test_db_url, &catalogue) || ledger_init(catalogue) ? -1 : 0;
}

/** For cmocka_run_group_tests(), or the end of its tear-down: nothing is left in memory. */
static inline int test_db_close(void **state)
{
    (void)state;
    catalogue_close(catalogue);
    if (!getenv("GM2_TEST_PGSQL")) unlink(test_db_url);
    return mem_live() == 0 ? 0 : -1;
}

#endif
