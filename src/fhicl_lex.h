/* The reader's place in a text, and what it takes from there; for fhicl_*.c alone. */
#ifndef GM2_FHICL_LEX_H
#define GM2_FHICL_LEX_H

#include "fhicl_internal.h"

#include <limits.h>

enum { ORIGIN_SIZE = PATH_MAX + 32, NAME_SIZE = 1024 };

struct parser {
    const struct fhicl_source *source;
    const char *text;
    size_t at, end;
    struct fhicl *body, *prolog; /* names bound so far; NULL when references are not possible */
    bool is_in_prolog;
    const char *origin; /* of all values, NULL: file and line */
    bool is_annotated;  /* the origin is in a comment at the end of each line */
    size_t budget;
    int depth;
};

/** Ends a function with an error that shows a place in the text. */
#define FAIL_AT(p, at, ...) return fhicl_lex_fail((p), (at), __VA_ARGS__), ERR_PARSE
void fhicl_lex_fail(const struct parser *p, size_t at, const char *format, ...) __attribute__((format(printf, 3, 4)));
/** Gives an error that knows no place the place where it was noticed. */
enum err fhicl_lex_placed(const struct parser *p, size_t at, const char *doing, enum err rc);
/** What stands here, in words; returns out. */
const char *fhicl_lex_here(const struct parser *p, char out[32]);
/** "unexpected ..., wanted is ..." here. */
static inline enum err fhicl_lex_unexpected(const struct parser *p, const char *wanted)
{
    char found[32];
    FAIL_AT(p, p->at, "unexpected %s, wanted is %s", fhicl_lex_here(p, found), wanted);
}

/** The byte here, 0 at the end. */
char fhicl_lex_peek(const struct parser *p);
/** Whether a byte may be part of a name or word. */
bool fhicl_lex_is_word(char c);
bool fhicl_lex_is_comment(const struct parser *p);
/** Passes blanks and comments. */
void fhicl_lex_skip(struct parser *p);
/** Whether the text goes on with these letters. */
bool fhicl_lex_starts(const struct parser *p, const char *word);
/** Passes a keyword that no further letter continues; false if it is not here. */
bool fhicl_lex_take_keyword(struct parser *p, const char *word);
/** Passes blanks and then one byte. */
enum err fhicl_lex_expect(struct parser *p, char c, const char *wanted);
/** Adds a name without delimiters to what is in name. */
enum err fhicl_lex_simple_name(struct parser *p, char name[NAME_SIZE], const char *wanted);
/** a.b[2].c: blanks may stand around the delimiters; name gets the path without them. */
enum err fhicl_lex_qualified_name(struct parser *p, char name[NAME_SIZE]);
/** "file:line" of a byte. */
void fhicl_lex_origin(const struct parser *p, size_t at, char out[ORIGIN_SIZE]);
/** A value that was written at a byte. */
enum err fhicl_lex_make(struct parser *p, size_t at, enum fhicl_kind kind, const char *text, struct fhicl **out);

/* ---- fhicl_atom.c --------------------------------------------------------------------------------------------------- */
/** Nothing may follow an atom but a blank, a comment or a closing or separating character. */
enum err fhicl_atom_end(const struct parser *p, const char *hint);
/** A number, or a word of letters, digits and _. */
enum err fhicl_atom_plain(struct parser *p, struct fhicl **out);
enum err fhicl_atom_quoted(struct parser *p, struct fhicl **out);
enum err fhicl_atom_complex(struct parser *p, struct fhicl **out);
/** @id::<40 hexadecimal digits> */
enum err fhicl_atom_id(struct parser *p, struct fhicl **out);

#endif
