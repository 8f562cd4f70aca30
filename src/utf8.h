/* Text that others wrote, character by character. Test: tests/t_html.c */
#ifndef GM2_UTF8_H
#define GM2_UTF8_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** The bytes of the character at `text` (which is not at its end), its number in *code; 0 if they are no UTF-8 (also too long
 *  a form, half a pair, beyond U+10FFFF). Test: tests/t_html.c */
size_t utf8_next(const char *text, uint32_t *code);
/** Characters that a terminal obeys or that turn the direction of text: controls, U+202A-202E, U+2066-2069, U+200E-200F,
 *  U+061C, U+2028-2029. Test: tests/t_html.c */
int utf8_is_control(uint32_t code);
/** Is it UTF-8 without any such character? Test: tests/t_html.c */
int utf8_is_plain(const char *text);
/** Copies text for a terminal, at most room - 1 bytes and a zero: what a terminal would obey, and what is no UTF-8, as \xHH
 *  byte by byte; newlines and tabs too unless keeps_lines. Returns `out`. Test: tests/t_html.c */
char *utf8_printable(const char *text, int keeps_lines, char *out, size_t room);
/** Writes text of any length in this way, newlines and tabs as \xHH. Test: tests/t_html.c */
void utf8_print(FILE *f, const char *text);

#endif
