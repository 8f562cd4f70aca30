/* Numbers: FHiCL keeps a number as text in one canonical form, so that equal numbers have equal text.
 *
 * Zero is "0". An integer of up to six digits is plain; all else is d.ddde<exponent>, without the exponent when it is
 * zero: 0.1 -> 1e-1, 12.5 -> 1.25e1, 1000000 -> 1e6. Hexadecimal and binary become decimal. */
#include "fhicl_internal.h"
#include "mem.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct decimal {
    bool is_negative;
    size_t n_integer;     /* digits before the point */
    size_t n_digits;      /* digits in all */
    const char *mantissa; /* digits with or without a point */
    size_t n_mantissa;
    long exponent;
};

/* [+-] digits [. digits] [e [+-] digits], at least one digit in the mantissa. */
static bool scan(const char *s, size_t n, struct decimal *d)
{
    size_t i = 0;
    memset(d, 0, sizeof *d);
    if (i < n && (s[i] == '+' || s[i] == '-')) d->is_negative = s[i++] == '-';
    d->mantissa = s + i;
    for (; i < n && isdigit((unsigned char)s[i]); i++) d->n_integer++;
    d->n_digits = d->n_integer;
    if (i < n && s[i] == '.')
        for (i++; i < n && isdigit((unsigned char)s[i]); i++) d->n_digits++;
    d->n_mantissa = (size_t)(s + i - d->mantissa);
    if (d->n_digits == 0) return false;
    if (i == n) return true;
    if (s[i] != 'e' && s[i] != 'E') return false;
    bool is_negative = false;
    if (++i < n && (s[i] == '+' || s[i] == '-')) is_negative = s[i++] == '-';
    if (i == n) return false;
    for (; i < n && isdigit((unsigned char)s[i]); i++) {
        d->exponent = 10 * d->exponent + (s[i] - '0');
        if (d->exponent > FHICL_MAX_EXPONENT) return false;
    }
    if (is_negative) d->exponent = -d->exponent;
    return i == n;
}

/* digits: the mantissa's without point; first, last: the significant ones. */
static enum err compose(const struct decimal *d, const char *digits, size_t first, size_t last, char **out)
{
    long exponent     = d->exponent + (long)d->n_integer - 1 - (long)first;
    size_t n          = last - first + 1;
    const char *sign  = d->is_negative ? "-" : "";
    const size_t room = n + 32;
    TRY(mem_alloc(out, room, 1));
    if (exponent >= 0 && exponent < 6 && (long)n <= exponent + 1) {
        snprintf(*out, room, "%s%.*s%.*s", sign, (int)n, digits + first, (int)(exponent + 1 - (long)n), "00000");
        return ERR_OK;
    }
    snprintf(*out, room, "%s%c", sign, digits[first]);
    size_t used = strlen(*out);
    if (n > 1) {
        (*out)[used++] = '.';
        memcpy(*out + used, digits + first + 1, n - 1);
        used += n - 1;
    }
    if (exponent) snprintf(*out + used, room - used, "e%ld", exponent);
    return ERR_OK;
}

static enum err decimal(const char *text, size_t n, char **out)
{
    struct decimal d;
    if (!scan(text, n, &d)) return ERR_OK;
    char *digits;
    TRY(mem_alloc(&digits, d.n_digits + 1, 1));
    size_t k = 0;
    for (size_t i = 0; i < d.n_mantissa; i++)
        if (d.mantissa[i] != '.') digits[k++] = d.mantissa[i];
    size_t first = strspn(digits, "0"), last = k - 1;
    while (last > first && digits[last] == '0') last--;
    enum err rc = ERR_OK;
    if (first == k) {
        *out = mem_string("0");
        if (!*out) rc = ERR_MEMORY;
    } else {
        rc = compose(&d, digits, first, last, out);
    }
    mem_free(digits);
    return rc;
}

/* 0x1F, 0b101: without sign, at most 64 bits. */
static bool is_radix(const char *text, size_t n, uint64_t *value)
{
    if (n < 3 || text[0] != '0') return false;
    int letter    = tolower((unsigned char)text[1]);
    uint64_t base = letter == 'x' ? 16 : 2;
    if (letter != 'x' && letter != 'b') return false;
    *value = 0;
    for (size_t i = 2; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        uint64_t digit  = isdigit(c) ? (uint64_t)(c - '0') : isxdigit(c) ? (uint64_t)(tolower(c) - 'a') + 10 : 99;
        if (digit >= base || *value > (UINT64_MAX - digit) / base) return false;
        *value = *value * base + digit;
    }
    return true;
}

enum err fhicl_number_canonical(const char *text, size_t n, char **out)
{
    *out = NULL;
    uint64_t value;
    char copy[24];
    const char *word = text;
    size_t n_word    = n;
    if (n_word && (*word == '+' || *word == '-')) word++, n_word--;
    if (n_word == 8 && memcmp(word, "infinity", 8) == 0) {
        *out = mem_string(*text == '-' ? "-infinity" : "+infinity");
        REQUIRE(*out, ERR_MEMORY, "out of memory");
        return ERR_OK;
    }
    if (is_radix(text, n, &value)) {
        int length = snprintf(copy, sizeof copy, "%" PRIu64, value);
        return decimal(copy, (size_t)length, out);
    }
    return decimal(text, n, out);
}

bool fhicl_number_i64(const char *canonical, int64_t *out)
{
    struct decimal d;
    if (!scan(canonical, strlen(canonical), &d)) return false;
    long zeros = d.exponent - (long)(d.n_digits - d.n_integer);
    if (zeros < 0 || zeros > 18) return false; /* canonical: no trailing zero in the mantissa, so not integral */
    uint64_t value = 0;
    for (size_t i = 0; i < d.n_mantissa; i++) {
        if (d.mantissa[i] == '.') continue;
        if (value > (UINT64_MAX - 9) / 10) return false;
        value = value * 10 + (uint64_t)(d.mantissa[i] - '0');
    }
    for (; zeros > 0; zeros--) {
        if (value > UINT64_MAX / 10) return false;
        value *= 10;
    }
    if (value > (uint64_t)INT64_MAX + (d.is_negative ? 1 : 0)) return false;
    *out = d.is_negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}
