/* Files in the syntax of Python's ConfigParser without interpolation: [sections], "key = value" or "key: value", lines of
 * comment that begin with # or ;, lines indented deeper than their key go on with its value. As strict as ConfigParser, and
 * stricter: nothing may follow a section's ]. (libinih cuts long lines, and values at " ;".) Test: tests/t_ini.c */
#ifndef GM2_INI_H
#define GM2_INI_H

#include "err.h"

enum { INI_MAX_BYTES = 1 << 20 };

struct ini_key {
    char *name, *value; /* name: in lower case; value: its lines with newlines between */
    size_t line;        /* from 1 */
};
struct ini_section {
    char *name;
    size_t line, n;
    struct ini_key *key; /* [n], as written */
};
struct ini {
    char *file; /* its name, for messages */
    size_t n;
    struct ini_section *section; /* [n], as written */
};

/** Parses length bytes; `file` stands for the file in messages. ERR_PARSE with file and line: a section or key that is there
 *  twice, a line that is neither, NUL and other control characters, no UTF-8; more than INI_MAX_BYTES. Free with ini_free().
 *  Test: tests/t_ini.c */
enum err ini_parse(const char *text, size_t length, const char *file, struct ini **out);
/** The same of a file. ERR_OPEN, ERR_READ. Test: tests/t_ini.c */
enum err ini_read(const char *path, struct ini **out);
/** The section, the key of a section (which may be NULL) of this name, NULL if there is none; lent. */
const struct ini_section *ini_section(const struct ini *ini, const char *name);
const struct ini_key *ini_key(const struct ini_section *section, const char *name);
void ini_free(struct ini *ini);

#endif
