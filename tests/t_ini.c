/* ConfigParser's syntax: what is read, and what is refused with its line. */
#include "ini.h"
#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct ini *parse(const char *text)
{
    struct ini *ini;
    enum err rc = ini_parse(text, strlen(text), "c.ini", &ini);
    if (rc) print_message("%s\n", err_message());
    assert_int_equal(rc, ERR_OK);
    return ini;
}

static void check(const struct ini *ini, const char *section, const char *key, const char *wanted, size_t line)
{
    const struct ini_key *k = ini_key(ini_section(ini, section), key);
    assert_non_null(k);
    assert_string_equal(k->value, wanted);
    assert_int_equal(k->line, line);
}

static void test_syntax(void **state)
{
    (void)state;
    struct ini *ini = parse("\xef\xbb\xbf# comment\r\n"
                            "[campaign]\r\n"
                            "Name = run3 ; no comment\r\n"
                            "a: b = c\r\n"
                            "json = [[\"x = \",\r\n"
                            "   ; a comment within\r\n"
                            "\r\n"
                            "  \"[y]\"]]\r\n"
                            "\r\n"
                            "empty =\r\n"
                            "  [job_type A B]\r\n"
                            "[job_type A B]\n"
                            "  k=1\n"
                            "  l = 2");
    check(ini, "campaign", "name", "run3 ; no comment", 3);
    check(ini, "campaign", "a", "b = c", 4);
    check(ini, "campaign", "json", "[[\"x = \",\n\n\"[y]\"]]", 5);
    check(ini, "campaign", "empty", "[job_type A B]", 10); /* as ConfigParser: an indented line goes on */
    check(ini, "job_type A B", "k", "1", 13);
    check(ini, "job_type A B", "l", "2", 14);
    assert_int_equal(ini->n, 2);
    assert_null(ini_section(ini, "Campaign"));
    assert_null(ini_key(NULL, "x"));
    ini_free(ini);
    ini_free(parse(""));
    assert_int_equal(mem_live(), 0);
}

static void test_long(void **state)
{
    (void)state;
    enum { N = 100000 };
    char *text = malloc(N + 20);
    assert_non_null(text);
    memcpy(text, "[a]\nk = ", 8);
    memset(text + 8, 'x', N);
    text[8 + N]     = 0;
    struct ini *ini = parse(text);
    assert_int_equal(strlen(ini_key(ini_section(ini, "a"), "k")->value), N);
    ini_free(ini);
    free(text);
    text = calloc(1, INI_MAX_BYTES + 1);
    assert_non_null(text);
    assert_int_equal(ini_parse(text, INI_MAX_BYTES + 1, "c.ini", &ini), ERR_PARSE);
    free(text);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *place, *words;
        size_t n; /* 0: to the end */
    } bad[] = {{"[a]\nk = 1\n[b]\n[a]\n", "c.ini:4:", "on line 1", 0},
               {"[a]\nk = 1\n\nK: 2\n", "c.ini:4:", "on line 2", 0},
               {"k = 1\n", "c.ini:1:", "before the first", 0},
               {"[a]\nword\n", "c.ini:2:", "neither", 0},
               {"[a]\n= 1\n", "c.ini:2:", "neither", 0},
               {"[a\n", "c.ini:1:", "nothing after it", 0},
               {"[a] b\n", "c.ini:1:", "nothing after it", 0},
               {"[]\n", "c.ini:1:", "without a name", 0},
               {"[a]\nk = \xff\n", "c.ini:2:", "no UTF-8", 0},
               {"[a]\nk = \x1b[1m\n", "c.ini:2:", "U+001B", 0},
               {"[a]\nk = 1\r2\n", "c.ini:2:", "U+000D", 0},
               {"[a]\nk = 1\0\n", "c.ini:2:", "is zero", 11}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct ini *ini;
        assert_int_equal(ini_parse(bad[i].text, bad[i].n ? bad[i].n : strlen(bad[i].text), "c.ini", &ini), ERR_PARSE);
        if (!strstr(err_message(), bad[i].place) || !strstr(err_message(), bad[i].words))
            fail_msg("%zu: %s", i, err_message());
        assert_null(ini);
        assert_int_equal(mem_live(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_syntax), cmocka_unit_test(test_long),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
