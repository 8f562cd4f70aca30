/* What `gm2 calib` was asked for, as an identity: gm2.fcl_hash of the constants that it makes. Test: tests/t_calib_identity.c */
#ifndef GM2_CALIB_IDENTITY_H
#define GM2_CALIB_IDENTITY_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

struct calib_choice {
    const char *stage; /* --process-name */
    size_t n_only;
    const char *const *only; /* --only, in any order */
    const char *tag, *from_tag;
    bool is_open_end;
};

/** The choice as one line with its calibrations in order, and the SHA-1 of that. NULL stands for "". ERR_MEMORY. */
enum err calib_identity(const struct calib_choice *choice, char id[41]);

#endif
