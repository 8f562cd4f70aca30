/* Publishing: whole or not at all, nothing replaced. */
#include "publish.h"

#include "mem.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/gm2-t_publish.XXXXXX";
static char path[128], part[160];

static void put(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void assert_content(const char *name, const char *text)
{
    char got[256] = "";
    FILE *f       = fopen(name, "r");
    assert_non_null(f);
    assert_true(fread(got, 1, sizeof got - 1, f) == strlen(text));
    fclose(f);
    assert_string_equal(got, text);
}

static int exists(const char *name) { return access(name, F_OK) == 0; }

static int fresh(void **state)
{
    (void)state;
    unlink(path);
    unlink(part);
    err_clear();
    return 0;
}

static void gives_the_final_name(void **state)
{
    (void)state;
    put(part, "content");
    assert_int_equal(publish_file(part, path), ERR_OK);
    assert_content(path, "content");
    assert_false(exists(part));
}

static void same_content_twice_is_fine(void **state)
{
    (void)state;
    put(path, "content");
    put(part, "content");
    assert_int_equal(publish_file(part, path), ERR_OK);
    assert_content(path, "content");
    assert_false(exists(part));
}

static void other_content_is_kept_beside(void **state)
{
    (void)state;
    put(path, "first");
    put(part, "other");
    assert_int_equal(publish_file(part, path), ERR_MISMATCH);
    assert_non_null(strstr(err_message(), "somebody else"));
    assert_content(path, "first");
    assert_content(part, "other");
}

/* Two jobs make the same unit: the second takes the name of the .part while the first still writes. */
static void a_stolen_part_is_not_published(void **state)
{
    (void)state;
    put(part, "mine, whole");
    int fd = open(part, O_RDWR | O_CLOEXEC);
    unlink(part);
    put(part, "half of the oth");
    assert_int_equal(publish_descriptor(fd, part, path), ERR_MISMATCH);
    close(fd);
    assert_false(exists(path));
    assert_content(part, "half of the oth");
}

static void missing_part_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(publish_file(part, path), ERR_WRITE);
    assert_non_null(strstr(err_message(), part));
    assert_false(exists(path));
}

static void text_is_replaced_only_when_allowed(void **state)
{
    (void)state;
    assert_int_equal(publish_text(path, "one", 3, 0), ERR_OK);
    assert_int_equal(publish_text(path, "two", 3, 0), ERR_MISMATCH);
    assert_content(path, "one");
    assert_int_equal(publish_text(path, "two", 3, 1), ERR_OK);
    assert_content(path, "two");
    assert_false(exists(part));
    assert_int_equal(publish_text("/nowhere/at/all", "x", 1, 1), ERR_WRITE);
}

static void folders_with_parents(void **state)
{
    (void)state;
    char deep[200], below[220];
    snprintf(deep, sizeof deep, "%s/a/b//c/", folder);
    assert_int_equal(publish_make_folder(deep), ERR_OK);
    assert_int_equal(publish_make_folder(deep), ERR_OK);
    struct stat s;
    assert_int_equal(stat(deep, &s), 0);
    assert_true(S_ISDIR(s.st_mode));
    put(path, "a file");
    snprintf(below, sizeof below, "%s/x", path);
    assert_int_equal(publish_make_folder(below), ERR_WRITE);
    assert_non_null(strstr(err_message(), path));
    assert_int_equal(publish_make_folder(""), ERR_WRITE);
}

/* adler32 of "Wikipedia" is the worked example of RFC 1950's sum. */
static void checksum_as_sam_writes_it(void **state)
{
    (void)state;
    char sum[32];
    unsigned long long size;
    put(path, "Wikipedia");
    assert_int_equal(publish_checksum(path, sum, &size), ERR_OK);
    assert_string_equal(sum, "adler32:11e60398");
    assert_int_equal(size, 9);
    assert_int_equal(publish_checksum("/nowhere", sum, &size), ERR_OPEN);
}

static void nothing_leaks(void **state)
{
    (void)state;
    assert_int_equal(mem_live(), 0);
}

int main(void)
{
    if (!mkdtemp(folder)) return 1;
    snprintf(path, sizeof path, "%s/product.h5", folder);
    snprintf(part, sizeof part, "%s.part", path);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(gives_the_final_name, fresh),
        cmocka_unit_test_setup(same_content_twice_is_fine, fresh),
        cmocka_unit_test_setup(other_content_is_kept_beside, fresh),
        cmocka_unit_test_setup(a_stolen_part_is_not_published, fresh),
        cmocka_unit_test_setup(missing_part_is_an_error, fresh),
        cmocka_unit_test_setup(text_is_replaced_only_when_allowed, fresh),
        cmocka_unit_test_setup(folders_with_parents, fresh),
        cmocka_unit_test_setup(checksum_as_sam_writes_it, fresh),
        cmocka_unit_test(nothing_leaks),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) ? 1 : failed;
}
