/* Text of others on pages and terminals: every byte of ASCII, damaged UTF-8, characters that turn text round. */
#include "html.h"
#include "utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *html(const char *text)
{
    char *out;
    size_t n;
    FILE *f = open_memstream(&out, &n);
    html_escape(f, text);
    fclose(f);
    return out;
}

static void check_html(const char *text, const char *wanted)
{
    char *got = html(text);
    assert_string_equal(got, wanted);
    free(got);
}

static void pages(void **state)
{
    (void)state;
    check_html("a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;");
    check_html("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;");
    check_html("\x1b[31m\x07", "\xef\xbf\xbd[31m\xef\xbf\xbd");
    check_html("line\n\ttab", "line\n\ttab");
    check_html("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    check_html("\xc0\xbcscript", "\xef\xbf\xbd\xef\xbf\xbdscript"); /* "<" in two bytes */
    check_html("\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd");             /* cut */
    check_html("\xe2\x80\xae"
               "gpj.exe",
               "\xef\xbf\xbd"
               "gpj.exe");
    check_html("", "");
}

static void no_byte_gets_through(void **state)
{
    (void)state;
    for (int a = 1; a < 256; a++)
        for (int b = 0; b < 256; b++) {
            const char text[] = {(char)a, (char)b, 0};
            char room[64], *page = html(text);
            assert_null(strpbrk(page, "<>\"'"));
            free(page);
            utf8_printable(text, 0, room, sizeof room);
            for (const char *c = room; *c; c++) assert_true((unsigned char)*c >= 32 && *c != 127);
            assert_true((a >= 0x80 && b) || strchr(room, '\\') || (a >= 32 && a < 127));
        }
}

static void terminals(void **state)
{
    char out[64], little[8];
    (void)state;
    assert_string_equal(utf8_printable("a\x1b[2Jb", 0, out, sizeof out), "a\\x1b[2Jb");
    assert_string_equal(utf8_printable("a\nb\tc\r", 1, out, sizeof out), "a\nb\tc\\x0d");
    assert_string_equal(utf8_printable("a\nb", 0, out, sizeof out), "a\\x0ab");
    assert_string_equal(utf8_printable("\xc2\x9b"
                                       "31m",
                                       0, out, sizeof out),
                        "\\xc2\\x9b31m"); /* C1: CSI */
    assert_string_equal(utf8_printable("\x9b"
                                       "31m",
                                       0, out, sizeof out),
                        "\\x9b31m");
    assert_string_equal(utf8_printable("\xc3\xa9", 0, out, sizeof out), "\xc3\xa9");
    assert_string_equal(utf8_printable("123456789", 0, little, sizeof little), "1234567");
    assert_true(utf8_is_plain("") && utf8_is_plain("a b <c> \xc3\xa9"));
    assert_false(utf8_is_plain("a\nb") || utf8_is_plain("a\tb") || utf8_is_plain("\xc3") || utf8_is_plain("\xc2\x9b"));
    assert_string_equal(utf8_printable("12345\x1b", 0, little, sizeof little), "12345"); /* never half of one */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pages), cmocka_unit_test(no_byte_gets_through),
                                       cmocka_unit_test(terminals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
