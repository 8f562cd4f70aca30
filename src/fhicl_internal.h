/* What the parts of the FHiCL reader share; others use fhicl.h. */
#ifndef GM2_FHICL_INTERNAL_H
#define GM2_FHICL_INTERNAL_H

#include "fhicl.h"

/* Bounds that no real document meets; they keep hostile ones from filling memory or stack. */
enum {
    FHICL_MAX_DEPTH    = 100,      /* nested values */
    FHICL_MAX_VALUES   = 1000000,  /* in one document, copies by reference included */
    FHICL_MAX_INDEX    = 99999,    /* a[k]: the sequence is padded up to k */
    FHICL_MAX_FILES    = 10000,    /* inclusions */
    FHICL_MAX_BYTES    = 64 << 20, /* of text, inclusions included */
    FHICL_MAX_EXPONENT = 999999999 /* of a number's text */
};

enum fhicl_protection { FHICL_OPEN, FHICL_PROTECT_IGNORE, FHICL_PROTECT_ERROR };

struct fhicl {
    enum fhicl_kind kind;
    enum fhicl_protection protection;
    size_t height;   /* levels below and with this one */
    char *key;       /* as a member of a table, else NULL */
    char *text;      /* bool, number, id: canonical; string: content; complex: real part */
    char *imaginary; /* complex */
    char *origin;    /* "file:line" */
    struct fhicl **child;
    size_t n, capacity; /* members or elements */
};

/* ---- fhicl.c: the tree ---------------------------------------------------------------------------------------------- */
/** A value without content; text may be NULL. *budget counts down the values left to make, NULL: no limit. */
enum err fhicl_make(enum fhicl_kind kind, const char *text, const char *origin, size_t *budget, struct fhicl **out);
enum err fhicl_make_copy(const struct fhicl *value, size_t *budget, struct fhicl **out);
/** Appends to a sequence or table; takes the child (freed on failure). key NULL in a sequence. */
enum err fhicl_append(struct fhicl *parent, const char *key, struct fhicl *child);
/** Binds a name in one table by the rules of protection and override; takes the value (freed on failure). */
enum err fhicl_bind(struct fhicl *table, const char *name, struct fhicl *value);
/** Binds a dotted/indexed path, making tables and sequences on the way; takes the value. ERR_PARSE says why not. */
enum err fhicl_bind_path(struct fhicl *root, const char *path, struct fhicl *value, size_t *budget);
/** Removes a path; ERR_PARSE for a protected or indexed one, ERR_OK if absent. */
enum err fhicl_erase_path(struct fhicl *root, const char *path);
/** The value at a path; ERR_PARSE says at which part the way ends. */
enum err fhicl_find(const struct fhicl *root, const char *path, const struct fhicl **out);
/** Gives a value and all below it a protection; ERR_PARSE when something below has a weaker one of its own. */
enum err fhicl_protect(struct fhicl *value, enum fhicl_protection protection, const char *name);
void fhicl_unprotect(struct fhicl *value);
enum err fhicl_set_origin(struct fhicl *value, const char *origin);

/* ---- fhicl_text.c: growing text ------------------------------------------------------------------------------------- */
struct fhicl_text {
    char *data; /* NUL-ended once something was added */
    size_t n, capacity;
};
enum err fhicl_text_add(struct fhicl_text *text, const char *bytes, size_t n);
enum err fhicl_text_word(struct fhicl_text *text, const char *word);

/* ---- fhicl_number.c ------------------------------------------------------------------------------------------------- */
/** Canonical text of a decimal, hexadecimal, binary or infinite number; *out NULL when it is none. mem_free() it. */
enum err fhicl_number_canonical(const char *text, size_t n, char **out);
/** The integer of a canonical text; false when not integral or beyond 64 bits. */
bool fhicl_number_i64(const char *canonical, int64_t *out);

/* ---- fhicl_source.c: the text with its inclusions, and where each byte came from ------------------------------------ */
struct fhicl_source;
enum err fhicl_source_create(struct fhicl_source **out);
void fhicl_source_free(struct fhicl_source *source);
/** Appends a file, or a text, with what it includes. */
enum err fhicl_source_add_file(struct fhicl_source *source, const char *name);
enum err fhicl_source_add_text(struct fhicl_source *source, const char *text, size_t n, const char *name);
const char *fhicl_source_text(const struct fhicl_source *source, size_t *n);
/** "file:line" of a byte. */
void fhicl_source_origin(const struct fhicl_source *source, size_t at, char *out, size_t size);
/** Starts an error of code ERR_PARSE at a byte: cause, line, character, file, the line and a caret. */
enum err fhicl_source_fail(const struct fhicl_source *source, size_t at, const char *cause);

/* ---- fhicl_parse.c -------------------------------------------------------------------------------------------------- */
/** Parses one value from text that stands alone (no references); origin names it in messages and becomes its origin. */
enum err fhicl_parse_expression(const char *text, const char *origin, struct fhicl **out);

#endif
