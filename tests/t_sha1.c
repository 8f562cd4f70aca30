/* SHA-1: the examples of FIPS 180-2, appendix A, and lengths around the padding's edge. */
#include "sha1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void known_answers(void **state)
{
    (void)state;
    char hex[41];
    sha1_hex("", 0, hex);
    assert_string_equal(hex, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    sha1_hex("abc", 3, hex);
    assert_string_equal(hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
    const char *two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    sha1_hex(two_blocks, strlen(two_blocks), hex);
    assert_string_equal(hex, "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    char *million = malloc(1000000);
    memset(million, 'a', 1000000);
    sha1_hex(million, 1000000, hex);
    free(million);
    assert_string_equal(hex, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

/* From sha1sum of coreutils. */
static void lengths_around_a_block(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        const char *want;
    } cases[] = {
        {55, "c1c8bbdc22796e28c0e15163d20899b65621d65a"}, {56, "c2db330f6083854c99d4b5bfb6e8f29f201be699"},
        {63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5"}, {64, "0098ba824b5c16427bd7a1122a5a442a25ec644d"},
        {65, "11655326c708d70319be2610e8a57d9a5b959d3b"},
    };
    char text[65], hex[41];
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sha1_hex(text, cases[i].n, hex);
        assert_string_equal(hex, cases[i].want);
    }
}

/* A file in pieces gives what the same bytes give in one. */
static void files(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 64, 16383, 16384, 16385, 50000};
    static char text[50000];
    char path[64], hex[41], want[41];
    snprintf(path, sizeof path, "/tmp/t_sha1.%d", (int)getpid());
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)(i * 7 + i / 256);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, sizes[i], f), sizes[i]);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(sha1_file(path, hex), ERR_OK);
        sha1_hex(text, sizes[i], want);
        assert_string_equal(hex, want);
    }
    unlink(path);
    assert_int_equal(sha1_file(path, hex), ERR_OPEN);
    assert_int_not_equal(sha1_file("/", hex), ERR_OK);
    err_clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_answers), cmocka_unit_test(lengths_around_a_block),
                                       cmocka_unit_test(files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
