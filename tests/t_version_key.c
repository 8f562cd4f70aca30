/* Versions of a stage: as text and back, and what names bear of them. */
#include "version_key.h"

#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct version_key usual = {"v7_03_00", "0123456789012345678901234567890123456789",
                                         "da39a3ee5e6b4b0d3255bfef95601890afd80709", "run3_pass1"};

static void there_and_back(void **state)
{
    struct version_key k = usual, back;
    char text[VERSION_KEY_TEXT], again[VERSION_KEY_TEXT];
    (void)state;
    for (int i = 0; i < 3; i++) {
        if (i == 1) k.conditions_tag[0] = 0;
        if (i == 2) snprintf(k.git_commit, sizeof k.git_commit, "%s-dirty", usual.git_commit);
        version_key_text(&k, text);
        assert_int_equal(version_key_parse(text, &back), ERR_OK);
        version_key_text(&back, again);
        assert_string_equal(text, again);
        assert_string_equal(back.git_commit, k.git_commit);
        assert_string_equal(back.conditions_tag, k.conditions_tag);
    }
    static const char *const bad[] = {"", "v7_03_00", "v7_03_00 abc", "0.1.0 da39a3ee5e6b4b0d3255bfef95601890afd80709",
                                      "v7_03_00 abc da39a3ee5e6b4b0d3255bfef95601890afd8070900"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(version_key_parse(bad[i], &back), ERR_DATA);
}

/* Each part alone makes another version. */
static void every_part_counts(void **state)
{
    struct version_key k[5];
    char digest[5][9];
    (void)state;
    for (int i = 0; i < 5; i++) k[i] = usual;
    snprintf(k[1].release, sizeof k[1].release, "v7_03_01");
    snprintf(k[2].git_commit, sizeof k[2].git_commit, "%s-dirty", usual.git_commit);
    k[3].config_id[0] = 'e';
    snprintf(k[4].conditions_tag, sizeof k[4].conditions_tag, "run3_pass2");
    for (int i = 0; i < 5; i++) {
        version_key_digest(&k[i], digest[i]);
        assert_int_equal(strlen(digest[i]), 8);
        for (int j = 0; j < i; j++) assert_string_not_equal(digest[i], digest[j]);
    }
}

static void question(void **state)
{
    struct sql s = {0};
    (void)state;
    assert_int_equal(version_key_query(&usual, &s), ERR_OK);
    assert_string_equal(s.text, "(gm2.fcl_hash da39a3ee5e6b4b0d3255bfef95601890afd80709 and version 'v7_03_00' and "
                                "gm2.git_commit '0123456789012345678901234567890123456789')");
    sql_free(&s);
    assert_int_equal(mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(there_and_back), cmocka_unit_test(every_part_counts),
                                       cmocka_unit_test(question)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
