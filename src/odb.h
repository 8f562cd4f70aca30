/* The ODB (online data base) dump of a run: a tree of typed keys, as text in the begin-of-run event.
 *
 * Written as XML in MIDAS's layout; read as XML, JSON or the old "[/path]" text. Keys are found by path
 * ("/Experiment/Run number"), upper and lower case alike. Values are kept as text and converted when asked for.
 * Source: MIDAS db_save_xml, db_save_json, db_save; names below /gm2 and /Equipment/AMC13nn/Settings are ours.
 * Test: tests/t_odb.c */
#ifndef GM2_ODB_H
#define GM2_ODB_H

#include "midas.h"

struct odb;

/** An empty tree; free with odb_free(). */
enum err odb_create(struct odb **out);
void odb_free(struct odb *odb);

/** Sets a key to n values, replacing what was there. `values` by type: MIDAS_I32 int32_t, MIDAS_U32 uint32_t,
 *  MIDAS_I64 int64_t, MIDAS_BOOL uint32_t, MIDAS_F32 float, MIDAS_F64 double, MIDAS_STRING const char *. */
enum err odb_set(struct odb *odb, const char *path, enum midas_type type, size_t n, const void *values);
enum err odb_set_i32(struct odb *odb, const char *path, int32_t value);
enum err odb_set_f64(struct odb *odb, const char *path, double value);
enum err odb_set_string(struct odb *odb, const char *path, const char *value);

/** Number of values of a key, 0 if there is none. */
size_t odb_size(const struct odb *odb, const char *path);
/** Number of keys, and the path of one (sorted); lent. */
size_t odb_n_keys(const struct odb *odb);
const char *odb_path(const struct odb *odb, size_t i);
/** Value `index` of a key. ERR_NOTFOUND names the path; ERR_DATA when the text is no such number. Booleans are 0, 1. */
enum err odb_i64(const struct odb *odb, const char *path, size_t index, int64_t *out);
enum err odb_f64(const struct odb *odb, const char *path, size_t index, double *out);
/** The text, lent with the tree. */
enum err odb_string(const struct odb *odb, const char *path, size_t index, const char **out);

/** The tree as XML, keys sorted, no times in it; *out is NUL-terminated, mem_free() it. */
enum err odb_xml(const struct odb *odb, char **out, size_t *n);
/** Reads a dump of n bytes in any of the three layouts. ERR_DATA with the line. */
enum err odb_parse(const char *text, size_t n, struct odb **out);

/* ---- what an unpacker must know of a crate: /Equipment/AMC13nn/Settings ---- */

enum { ODB_CHANNELS = 60, ODB_PRESET_BYTES = 32 };
struct odb_crate {
    int crate;                         /* nn: 1..24 calorimeters, 25 T0, 26 IBMS, 28 harps */
    int32_t n_samples;                 /* of a muon fill; key "muon fill samples" */
    int32_t channel_map[ODB_CHANNELS]; /* segment of channel c of board b = 1..12 at 5 (b - 1) + c; -1: unused */
    double threshold_adc;              /* above the fill pedestal (below it: negative polarity, as a negative number) */
    int32_t polarity;                  /* +1 or -1: direction of pulses */
    int32_t presamples, postsamples;   /* of an island */
    int32_t sum_decimation;            /* samples in one element of the CS bank */
    int32_t q_decimation;              /* samples in one bin of the Q histogram */
    int32_t injection_sample;          /* nominal t = 0 */
    char preset[ODB_PRESET_BYTES];
};
/** The Run-6 channel map of a calorimeter: board b = 1..9, channel c: x = 10 - b, y = c + 1; board 10: x = 5..9, y = 6;
 *  board 11: x = 1..4, y = 6; segment (x-1) + 9 (y-1). */
void odb_channel_map(int32_t map[ODB_CHANNELS]);
enum err odb_put_crate(struct odb *odb, const struct odb_crate *crate);
/** ERR_NOTFOUND names the first key that is missing, ERR_DATA one out of range. */
enum err odb_get_crate(const struct odb *odb, int crate, struct odb_crate *out);
/** True when the tree has settings of that crate. */
bool odb_has_crate(const struct odb *odb, int crate);

#endif
