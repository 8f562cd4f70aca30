/* A folder into which the DAQ drops raw subruns: which files are closed, oldest first.
 *
 * A plain file is closed when its last whole event is an end-of-run event: the events' headers are followed from one to
 * the next, so that looking costs nothing. A file without one (the DAQ died; compressed files, whose end cannot be seen) is
 * closed when it has not changed for `quiet_s`, a compressed one already after `settle_s` when a later subrun is there.
 * Whatever still grows is left alone. Nothing here knows ranks or HDF5. Test: tests/t_watch.c */
#ifndef GM2_WATCH_H
#define GM2_WATCH_H

#include "cfg.h"

#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
#define WATCH_CFG(F, S)                                                                                               \
    F(S, f64, scan_s,   1,  0.05, 3600,  "s", "between two looks at the folder (ours)")                               \
    F(S, f64, quiet_s,  60, 0.1, 86400,  "s", "a file without an end-of-run event is closed when it has not changed for so long (ours)") \
    F(S, f64, settle_s, 5,  0.1, 86400,  "s", "the same for a compressed file when a later subrun is there (ours)")
/* clang-format on */
CFG_DECLARE(watch_cfg, WATCH_CFG)

enum watch_state {
    WATCH_GROWING, /* not closed yet */
    WATCH_READY,   /* closed, not handed out yet */
    WATCH_TAKEN,   /* handed out */
    WATCH_BAD      /* failed; handed out again when it has changed */
};

/** What tells one content of a file from another without reading it. */
struct watch_mark {
    uint64_t size;
    int64_t changed_ns; /* later one of modification and status change, Unix time */
};

struct watch_file {
    uint32_t run, subrun;
    char *path;
    enum watch_state state;
    struct watch_mark mark;
    double quiet_since_s;   /* Unix time; since when the mark is as it is */
    int n_looks;            /* at this mark */
    uint64_t end_of_events; /* plain files: bytes of whole events met so far */
    uint64_t n_events;
    bool has_eor, is_swapped, is_lost, is_compressed; /* is_lost: its events cannot be followed */
};

struct watch;

enum err watch_open(const char *folder, const struct watch_cfg *rule, struct watch **out);
void watch_free(struct watch *w);
/** Looks at the folder. A folder that cannot be read just now is ERR_OPEN; call again later. `unix_s`: now. */
enum err watch_look(struct watch *w, double unix_s);
/** The next closed file in order of run and subrun, now taken; false when there is none. Its path is lent until
 *  watch_free(). */
bool watch_take(struct watch *w, struct watch_file *out);
/** Sets a file aside: it is not handed out again before it has changed. */
void watch_reject(struct watch *w, uint32_t run, uint32_t subrun);
/** All files seen, by run and subrun; lent until the next look. */
const struct watch_file *watch_files(const struct watch *w, size_t *n);
/** The file of a subrun, NULL if it was never seen; lent until the next look. */
const struct watch_file *watch_find(const struct watch *w, uint32_t run, uint32_t subrun);
size_t watch_count(const struct watch *w, enum watch_state state);
/** Reads a file's mark as it is now; ERR_OPEN when it has gone. */
enum err watch_mark(const char *path, struct watch_mark *out);

#endif
