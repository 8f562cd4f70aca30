/* MD5's known answers; the distribution of offsets. */
#include "blind.h"
#include "md5.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* RFC 1321, A.5, and one text of 64 bytes or more in two blocks. */
static void md5_known_answers(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", "d41d8cd98f00b204e9800998ecf8427e"},
        {"abc", "900150983cd24fb0d6963f7d28e17f72"},
        {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", "d174ab98d277d9f5a5611c2c9f419d9f"},
        {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
         "57edf4a22be3c955ac49da2e2107b67a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t digest[16];
        char got[33];
        md5(cases[i].text, strlen(cases[i].text), digest);
        for (size_t j = 0; j < 16; j++) snprintf(got + 2 * j, 3, "%02x", digest[j]);
        assert_string_equal(got, cases[i].want);
    }
}

/* 20,000 phrases: flat within +-24 ppm, sqrt(2 pi)/(48 + sqrt(2 pi)) = 4.96 % outside, few beyond 27 (limits: 5 sigma). */
static void offsets(void **state)
{
    (void)state;
    enum { N = 20000 };
    int n_inside = 0, n_low_half = 0, n_far = 0;
    for (int i = 0; i < N; i++) {
        char phrase[32];
        int length    = snprintf(phrase, sizeof phrase, "phrase %d", i);
        double offset = blind_offset_ppm(phrase, (size_t)length);
        n_inside += fabs(offset) < 24.0;
        n_low_half += offset < 0.0;
        n_far += fabs(offset) > 28.5;
    }
    assert_true(abs(n_inside - (int)(N * 0.95037)) < 155);
    assert_true(abs(n_low_half - N / 2) < 354);
    assert_int_equal(n_far, 0);
    assert_true(blind_offset_ppm("a", 1) == blind_offset_ppm("a", 1));
    assert_true(fabs(blind_offset_ppm("a", 1) - blind_offset_ppm("b", 1)) > 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(md5_known_answers),
        cmocka_unit_test(offsets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
