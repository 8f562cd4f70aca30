/* Errors: a code with a pinned exit status, and one readable trail per thread.
 *
 * Every function that can fail returns `enum err`; 0 is success. FAIL() starts the trail, TRY() passes a
 * failure on, main() prints the trail once. Test: tests/t_err.c */
#ifndef GM2_ERR_H
#define GM2_ERR_H

#include <stddef.h>

enum err {
    ERR_OK = 0,
#define ERR(name, exit_code, policy, text) ERR_##name,
#include "err.def"
#undef ERR
    N_ERR
};

/** The process exit status of an error (0 for ERR_OK). */
int err_exit_code(enum err code);
/** The error whose exit status this is; ERR_LOGIC when none has it. */
enum err err_from_exit_code(int status);
/** One phrase for an error. */
const char *err_text(enum err code);
/** True when only this unit is at fault, so that others may go on. */
int err_is_quarantine(enum err code);
/** True unless the machine failed (disk, memory, network): another unit may do better. */
int err_is_of_file(enum err code);

/** Starts this thread's trail with a message; returns code. */
enum err err_fail(enum err code, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/** Adds a place to this thread's trail; returns code. */
enum err err_pass(enum err code, const char *file, int line, const char *call);
/** Puts words before the message: "reading x.mid: ..." ; returns code. */
enum err err_context(enum err code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** The message of this thread's trail, "" if none; lent until the next error of this thread. */
const char *err_message(void);
/** The places the error went through, newest last, one a line. */
const char *err_places(void);
/** Replaces this thread's message, for one that came from another rank. */
void err_set_message(const char *text);
/** Forgets this thread's trail. */
void err_clear(void);

/* The codes are returned as they stand, not as err_fail() hands them back, so that analysers see failure as failure. */
#define FAIL(code, ...) return (void)err_fail((code), __FILE__, __LINE__, __VA_ARGS__), (code)
#define REQUIRE(condition, code, ...)                                                                                  \
    do {                                                                                                               \
        if (!(condition)) FAIL(code, __VA_ARGS__);                                                                     \
    } while (0)
#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        enum err try_rc = (call);                                                                                      \
        if (try_rc) return (void)err_pass(try_rc, __FILE__, __LINE__, #call), try_rc;                                  \
    } while (0)
/* For functions that hold something: keeps the code in the local variable `rc`, goes to `label`. */
#define TRY_TO(label, call)                                                                                            \
    do {                                                                                                               \
        rc = (call);                                                                                                   \
        if (rc) {                                                                                                      \
            (void)err_pass(rc, __FILE__, __LINE__, #call);                                                             \
            goto label;                                                                                                \
        }                                                                                                              \
    } while (0)
#define FAIL_TO(label, code, ...)                                                                                      \
    do {                                                                                                               \
        rc = (code);                                                                                                   \
        (void)err_fail(rc, __FILE__, __LINE__, __VA_ARGS__);                                                           \
        goto label;                                                                                                    \
    } while (0)

#endif
