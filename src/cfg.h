/* Parameters: declared once, as a list; from it come the struct, the defaults, the ranges, the help and the reader.
 *
 *     #define GUN_CFG(F, S)                                                                        \
 *         F(S, i64,  n_muons,  5000, 1, 10000000, "1",       "stored muons a fill")                \
 *         F(S, f64,  sigma_mm, 9.2,  0, 45,       "mm",      "width of ...")                       \
 *         F(S, flag, is_on,    true, 0, 1,        "1",       "whether ...")                        \
 *         F(S, str,  profile,  "w",  0, 0,        "w|gauss", "injection time profile")             \
 *         F(S, f64s, weights,  "[]", 0, 1e9,      "ns",      "a list; the default is quoted FHiCL") \
 *         F(S, strs, tables,   "[]", 0, 0,        "",        "a list of words")                       \
 *         CFG_FILE(F, S, path,                               "beam file, a file that is read")
 *     CFG_DECLARE(gun_cfg, GUN_CFG)
 *
 * gives `struct gun_cfg { int64_t n_muons; double sigma_mm; bool is_on; const char *profile; struct f64s weights; ...}`
 * and `static const struct cfg_field gun_cfg_fields[]`, ended by an entry without a name. For strings the unit slot
 * holds the choices ("" for any). Unknown key, wrong type, out of range: ERR_CONFIG naming key, file, line and what is
 * accepted (with the nearest known key for a misspelling). An input file is two parameters, `path` and `path_sha1`: what is
 * in the file is part of the configuration, where it lies is not (chain_files.h). Test: tests/t_cfg.c */
#ifndef GM2_CFG_H
#define GM2_CFG_H

#include "err.h"
#include "fhicl.h"

#include <stddef.h>

enum cfg_type { CFG_i64, CFG_f64, CFG_flag, CFG_str, CFG_f64s, CFG_strs, CFG_file };

struct f64s {
    size_t n;
    double *value;
};
struct strs {
    size_t n;
    const char **value;
};
typedef int64_t cfg_i64;
typedef double cfg_f64;
typedef bool cfg_flag;
typedef const char *cfg_str;
typedef struct f64s cfg_f64s;
typedef struct strs cfg_strs;
typedef const char *cfg_file;

struct cfg_field {
    const char *name;
    enum cfg_type type;
    size_t offset;
    const char *default_text; /* FHiCL expression */
    double min, max;          /* numbers and lists of numbers; inclusive */
    const char *unit;         /* numbers: unit; strings: choices "a|b", "" for any */
    const char *doc;
};

#define CFG_MEMBER(S, type, name, def, min, max, unit, doc) cfg_##type name;
#define CFG_ENTRY(S, type, name, def, min, max, unit, doc)                                                             \
    {#name, CFG_##type, offsetof(struct S, name), #def, min, max, unit, doc},
#define CFG_DECLARE(stem, LIST)                                                                                        \
    struct stem {                                                                                                      \
        LIST(CFG_MEMBER, stem)                                                                                         \
    };                                                                                                                 \
    static const struct cfg_field stem##_fields[] = {LIST(CFG_ENTRY, stem){.name = NULL}};

/** An input file: its path, "" for none, and the SHA-1 of its content, filled in when the document is completed. */
#define CFG_FILE(F, S, name, doc)                                                                                      \
    F(S, file, name, "", 0, 0, "", doc)                                                                                \
    F(S, str, name##_sha1, "", 0, 0, "",                                                                               \
      "SHA-1 of that file: another content is refused; empty: whatever is found, and then recorded")

/** Reads a table into a parameter struct: defaults, then the table's values, checked. Keys listed in `reserved`
 *  (NULL-ended, may be NULL) are skipped; any other unknown key is an error. `table` NULL: all defaults.
 *  Strings and lists are owned by the struct until cfg_free(). `where` names the table in messages. */
enum err cfg_read(const struct cfg_field *fields, const struct fhicl *table, const char *where,
                  const char *const *reserved, void *out);
void cfg_free(const struct cfg_field *fields, void *cfg);
/** Whether a parameter of one struct and one of another have the same type and value. */
bool cfg_same(const struct cfg_field *field_a, const void *a, const struct cfg_field *field_b, const void *b);
/** The parameter of a name, NULL if there is none. */
const struct cfg_field *cfg_find(const struct cfg_field *fields, const char *name);
/** Puts the defaults of absent keys into a table, so that it shows the configuration as used. */
enum err cfg_fill_defaults(const struct cfg_field *fields, struct fhicl *table, const char *path);
/** Prints the parameters as a readable table on stdout. */
void cfg_help(const struct cfg_field *fields);
/** The known word that differs least from a misspelt one, NULL when none is near. */
const char *cfg_nearest(const char *word, const char *const *known, size_t n);

#endif
