/* UTF-8, and what a terminal would obey. */
#include "utf8.h"

size_t utf8_next(const char *text, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p        = (const unsigned char *)text;
    *code                         = p[0];
    if (p[0] < 0x80) return 1;
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4) return 0;
    *code = p[0] & (0x7fU >> n);
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0; /* the zero at the end too */
        *code = *code << 6 | (p[i] & 0x3fU);
    }
    return *code < least[n] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000) ? 0 : n;
}

int utf8_is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
           (c >= 0x2028 && c <= 0x2029) || (c >= 0x200e && c <= 0x200f) || c == 0x061c;
}

int utf8_is_plain(const char *text)
{
    while (*text) {
        uint32_t code;
        size_t n = utf8_next(text, &code);
        if (!n || utf8_is_control(code)) return 0;
        text += n;
    }
    return 1;
}

/* Puts the next character as it may be printed; *n bytes of it, of `taken` bytes of the text. */
static size_t put_next(const char *text, int keeps_lines, char put[17], size_t *n)
{
    static const char digits[] = "0123456789abcdef";
    uint32_t code;
    size_t taken = utf8_next(text, &code);
    int is_line  = keeps_lines && (code == '\n' || code == '\t');
    *n           = 0;
    if (taken && (is_line || !utf8_is_control(code))) {
        for (; *n < taken; (*n)++) put[*n] = text[*n];
        return taken;
    }
    if (!taken) taken = 1;
    for (size_t i = 0; i < taken; i++) {
        unsigned byte = (unsigned char)text[i];
        put[(*n)++]   = '\\';
        put[(*n)++]   = 'x';
        put[(*n)++]   = digits[byte >> 4];
        put[(*n)++]   = digits[byte & 15];
    }
    return taken;
}

char *utf8_printable(const char *text, int keeps_lines, char *out, size_t room)
{
    size_t used = 0;
    while (*text) {
        char put[17];
        size_t n, taken = put_next(text, keeps_lines, put, &n);
        if (used + n >= room) break;
        for (size_t i = 0; i < n; i++) out[used++] = put[i];
        text += taken;
    }
    out[used] = 0;
    return out;
}

void utf8_print(FILE *f, const char *text)
{
    while (*text) {
        char put[17];
        size_t n;
        text += put_next(text, 0, put, &n);
        fwrite(put, 1, n, f);
    }
}
