/* FHiCL: the configuration language, with fhicl-cpp's semantics (prologs, includes, references, splices, protection).
 *
 * A document is read into a tree of values. Every value knows where it was written, for error messages.
 * Errors carry file, line, column, the line itself and a caret. Test: tests/t_fhicl.c; fuzzing: tests/fuzz/fuzz_fhicl.c */
#ifndef GM2_FHICL_H
#define GM2_FHICL_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

enum fhicl_kind {
    FHICL_NIL,
    FHICL_BOOL,
    FHICL_NUMBER,
    FHICL_COMPLEX,
    FHICL_STRING,
    FHICL_SEQUENCE,
    FHICL_TABLE,
    FHICL_TABLE_ID
};
struct fhicl;

/** Reads a document from a file, found as given or along the colon-separated FHICL_FILE_PATH of the environment;
 *  a name with ';' is a chain: the documents are read one after another as one text, each including the next's
 *  names (later bindings override earlier ones, as the collaboration passes "a.fcl;b.fcl").
 *  An included file is looked for along FHICL_FILE_PATH, then beside the file that includes it (the reference stops at
 *  the path; ours also works in an empty environment).
 *  ERR_OPEN when a file is missing, ERR_PARSE otherwise. *out is freed with fhicl_free(). */
enum err fhicl_read(const char *path, struct fhicl **out);
/** Paths of the files that such a document is made of, as opened, included ones too, one a line; mem_free() it. As above. */
enum err fhicl_files(const char *path, char **out);
/** Parses a document from memory; `name` stands for the file in messages. */
enum err fhicl_parse(const char *text, size_t length, const char *name, struct fhicl **out);
/** Parses what fhicl_print() made with annotations; the values keep the origins written there. So a document goes from
 *  one rank to the others and its errors still name the user's file and line. */
enum err fhicl_parse_annotated(const char *text, const char *name, struct fhicl **out);
void fhicl_free(struct fhicl *value);

enum fhicl_kind fhicl_kind(const struct fhicl *value);
/** "nil", "bool", "number", ... for messages. */
const char *fhicl_kind_name(enum fhicl_kind kind);
/** Value at a dotted/indexed path ("physics.producers.gun.n[2]") below a table, NULL if absent; lent with the tree. */
const struct fhicl *fhicl_get(const struct fhicl *table, const char *path);
/** Members of a table (in order of binding) or elements of a sequence. */
size_t fhicl_size(const struct fhicl *value);
const char *fhicl_key(const struct fhicl *table, size_t i);
const struct fhicl *fhicl_at(const struct fhicl *value, size_t i);
/** Conversions as fhicl-cpp's: a number's text may become an integer if it is integral; ERR_CONFIG names the key, the
 *  place, what was found and what is wanted. `key` is only for the message. */
enum err fhicl_as_f64(const struct fhicl *value, const char *key, double *out);
enum err fhicl_as_i64(const struct fhicl *value, const char *key, int64_t *out);
enum err fhicl_as_bool(const struct fhicl *value, const char *key, bool *out);
/** The string, or a number's/bool's text; lent with the tree. */
enum err fhicl_as_string(const struct fhicl *value, const char *key, const char **out);
/** "file.fcl:12" ; lent with the tree. */
const char *fhicl_origin(const struct fhicl *value);

/** Binds path to the value of a FHiCL expression text (e.g. "5.5", "[1,2]", "{ a: 1 }"), creating tables on the way. */
enum err fhicl_set(struct fhicl *table, const char *path, const char *expression, const char *origin);
/** A deep copy. */
enum err fhicl_copy(const struct fhicl *value, struct fhicl **out);
/** Removes a member by path; no error if absent. */
void fhicl_remove(struct fhicl *table, const char *path);

/** Canonical one-line form with sorted keys (what the id is computed from); mem_free() it. A document is printed
 *  without braces, a table that is a member with them; both read back. Numbers: 12, 1.25e1, 1e6, +infinity. */
enum err fhicl_canonical(const struct fhicl *value, char **out);
/** SHA-1 of the canonical form, 40 hexadecimal digits and NUL. */
enum err fhicl_id(const struct fhicl *value, char id[41]);
/** Indented text that reads back to the same tree; annotate: each line says where its value was written. */
enum err fhicl_print(const struct fhicl *table, bool annotate, char **out);

#endif
