/* Text that others wrote, on pages. Test: tests/t_html.c */
#ifndef GM2_HTML_H
#define GM2_HTML_H

#include <stdio.h>

/** Writes text for an element or a quoted attribute: < > & " ' as entities; a control character (but tab and newline) and a
 *  byte that is no UTF-8 as U+FFFD. Not for an address (href), a style or a script: put no text of others there.
 *  Test: tests/t_html.c */
void html_escape(FILE *f, const char *text);

#endif
