/* A catalogue for a test: a SQLite file of its own, or the empty database that GM2_TEST_PGSQL names. */
#ifndef GM2_TEST_DB_H
#define GM2_TEST_DB_H

#include "catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct test_db {
    char path[64];
    const char *url;
    struct catalogue *catalogue;
};

static inline int test_db_open(struct test_db *t)
{
    t->url = getenv("GM2_TEST_PGSQL");
    if (!t->url) {
        snprintf(t->path, sizeof t->path, "/tmp/gm2_test_db.XXXXXX");
        int fd = mkstemp(t->path);
        if (fd < 0) return -1;
        close(fd);
        unlink(t->path);
        t->url = t->path;
    }
    return catalogue_init(t->url, &t->catalogue) ? -1 : 0;
}

static inline void test_db_close(struct test_db *t)
{
    catalogue_close(t->catalogue);
    if (t->url == t->path) unlink(t->path);
}

#endif
