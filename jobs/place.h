/* Places of files: URLs. Whatever is done with one (is it there, with which bytes, can it be read now, by which path, how is it
 * copied) is decided here, by a table with a row for each scheme: a new scheme is one row, in place_scheme.c, or in the FHiCL file
 * that GM2_PLACES names (CATALOGUE.md). Programs are run without a shell. Test: tests/t_place.c */
#ifndef GM2_PLACE_H
#define GM2_PLACE_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PLACE_MAX_URL = 4400 };

enum place_state {
    PLACE_ONLINE,  /* its bytes can be read now */
    PLACE_STAGING, /* it is there, but on tape: not before it is staged */
    PLACE_UNKNOWN, /* nobody could say: no program, no answer */
    PLACE_GONE
};

struct place_seen {
    enum place_state state;
    int64_t size_bytes; /* -1: not known */
    char checksum[32];  /* "adler32:...", "" if not known */
    char why[200];      /* words for people; "" when it is online */
};

/** A place as the catalogue has it: SCHEME:..., of a scheme that is known, file:/ABSOLUTE/PATH without "..". ERR_DATA tells what
 *  is accepted, with the schemes known. Test: tests/t_place.c */
enum err place_check(const char *url);
/** The path by which this host reads it, NULL if it has none; lent by `url`. Test: tests/t_place.c */
const char *place_path(const char *url);
/** The place of an absolute path of this host: file:PATH. ERR_DATA as place_check(). Test: tests/t_place.c */
enum err place_of_path(const char *path, char *url, size_t room);
/** Of a store: a folder's path, or a URL, which is checked; *is_path: it is a folder of this host. Test: tests/t_place.c */
enum err place_of_store(const char *store, char *url, size_t room, bool *is_path);
/** Asks after a file, its checksum (which may read all of it) only if wanted. What storage says is no error; ERR_DATA: the scheme is
 *  not known. Test: tests/t_place.c */
enum err place_look(const char *url, bool with_checksum, struct place_seen *out);
/** Of n places of one file with this size the one to read: first those of this host, then others, each in order. Nothing is
 *  wrong if none can be read now: then seen->state says why (*best n), PLACE_STAGING before PLACE_UNKNOWN before PLACE_GONE.
 *  One with another size comes last. Test: tests/t_place.c */
enum err place_choose(const char *const *url, size_t n, int64_t size_bytes, size_t *best, struct place_seen *seen);

/** What copies and checks need of a scheme, for place_copy.c: runs the program of `verb` with {url} {host} {path} {from} {to} {to_path} put
 *  in. ERR_CONFIG: the scheme has none; ERR_NOTFOUND: no such program; ERR_AGAIN: it failed, or hung (its words). Test: tests/t_place.c */
enum place_verb { PLACE_LOOK, PLACE_SUM, PLACE_STATE, PLACE_GET, PLACE_PUT, PLACE_MOVE, PLACE_DROP, N_PLACE_VERBS };
enum err place_run(enum place_verb verb, const char *url, const char *from, const char *to, char *out, size_t room);
#endif
