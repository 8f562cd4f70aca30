/* The table of schemes: what each takes, from place_scheme.c and the FHiCL file that GM2_PLACES names. Test: tests/t_place.c */
#ifndef GM2_PLACE_SCHEME_H
#define GM2_PLACE_SCHEME_H

#include "cfg.h"

/* clang-format off */
#define PLACE_CFG(F, S)                                                                                                \
    F(S, flag, is_path,   false, 0, 1, "1", "what follows the colon is a path that this host reads")                  \
    F(S, str,  look,      "", 0, 0, "", "says \"Size: BYTES\"; fails with \"No such file\" for what is gone")          \
    F(S, str,  sum,       "", 0, 0, "", "says the adler32, 8 hexadecimal digits, as its last word")                   \
    F(S, str,  state,     "", 0, 0, "", "says ONLINE or NEARLINE, as dCache does")                                    \
    F(S, str,  get,       "", 0, 0, "", "copies {from}, a URL, to {to}, a path")                                      \
    F(S, str,  put,       "", 0, 0, "", "copies {from}, a path, to {to}, a URL")                                      \
    F(S, str,  move,      "", 0, 0, "", "gives {url} the name {to}, both with one {host}")                            \
    F(S, str,  drop,      "", 0, 0, "", "removes {url}")                                                              \
    F(S, f64,  answer_s,  60, 0.01, 1e6, "s", "after that there is no answer")                                        \
    F(S, f64,  copy_s,    1200, 0.01, 1e6, "s", "after that a copy has failed")
/* clang-format on */
CFG_DECLARE(place_cfg, PLACE_CFG)

struct place_scheme {
    const char *name; /* before the colon */
    struct place_cfg cfg;
};

/** The row of a URL's scheme. ERR_DATA tells which schemes are known; ERR_OPEN, ERR_PARSE, ERR_CONFIG: of GM2_PLACES.
 *  Test: tests/t_place.c */
enum err place_scheme_find(const char *url, const struct place_scheme **out);
/** Notes that a host ("root://door:1094") did not answer, and whether it did not within the last minutes: it is not asked again so
 *  soon, as each question would wait for its whole time. Test: tests/t_place.c */
void place_scheme_note_silent(const char *host);
bool place_scheme_is_silent(const char *host);
/** Forgets what GM2_PLACES said, and who was silent: it is read again. Test: tests/t_place.c */
void place_scheme_forget(void);

#endif
