/* Tables: blocks of columns (structure of arrays), each column with name, type, shape, unit and meaning.
 *
 * A table is declared once, in tables.h, by one list; from it come the C view that kernels use, the description that
 * modules and files use, and the page of `gm2 help`. A block holds one table's rows of one fill. */
#ifndef GM2_TABLE_H
#define GM2_TABLE_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

enum column_type { COL_f64, COL_f32, COL_i64, COL_i32, COL_u32, COL_i16, COL_u16, COL_u8, N_COLUMN_TYPES };
typedef double type_f64;
typedef float type_f32;
typedef int64_t type_i64;
typedef int32_t type_i32;
typedef uint32_t type_u32;
typedef int16_t type_i16;
typedef uint16_t type_u16;
typedef uint8_t type_u8;

struct column {
    const char *name; /* C identifier; carries the unit's suffix */
    enum column_type type;
    size_t width;     /* values a row: 1, or a fixed shape, row-major */
    const char *unit; /* "1" when dimensionless */
    const char *doc;
};

struct table {
    const char *name; /* HDF5 group, name in module ports */
    const char *tier; /* sim, raw, digit, reco, dqc, calib, hist: what a configuration keeps or drops */
    const char *doc;
    bool is_per_unit; /* not emptied between fills; in a file its rows have event 0 */
    const struct column *columns;
    size_t n_columns;
};

enum { TABLE_MAX_COLUMNS = 32 };

/** One table's rows of one fill. data[i]: [n][columns[i].width], 64-byte aligned, capacity a multiple of 64 rows. */
struct block {
    const struct table *table;
    size_t n, capacity;
    void *data[TABLE_MAX_COLUMNS];
};

/** Bytes of one value. */
size_t column_size(enum column_type type);
/** "f64", ... */
const char *column_type_name(enum column_type type);
/** Index of a column by name, or -1. */
int table_column(const struct table *table, const char *name);
/** All tables known, NULL-ended. */
const struct table *const *table_all(void);
/** A table by name, NULL if unknown. */
const struct table *table_by_name(const char *name);

/** An empty block of a table. Free with block_free(). */
enum err block_create(const struct table *table, struct block **out);
void block_free(struct block *block);
/** Sets the number of rows; rows below min(old, new) keep their values, new rows are NOT cleared. */
enum err block_resize(struct block *block, size_t n);

/* Declaring a table: a list of C(type, width, name, unit, doc), then TABLE_DECLARE in a header and TABLE_DEFINE in
 * tables.c. `struct NAME_view v = NAME_view(block)` gives typed pointers, valid until the next block_resize(). */
#define TABLE_MEMBER(type, width, name, unit, doc)  type_##type *name;
#define TABLE_ENTRY(type, width, name, unit, doc)   {#name, COL_##type, width, unit, doc},
#define TABLE_POINTER(type, width, name, unit, doc) v.name = (type_##type *)block->data[i++];
#define TABLE_DECLARE(stem, LIST)                                                                                      \
    struct stem##_view {                                                                                               \
        size_t n;                                                                                                      \
        LIST(TABLE_MEMBER)                                                                                             \
    };                                                                                                                 \
    extern const struct table table_##stem;                                                                            \
    static inline struct stem##_view stem##_view(const struct block *block)                                            \
    {                                                                                                                  \
        struct stem##_view v;                                                                                          \
        size_t i = 0;                                                                                                  \
        v.n      = block->n;                                                                                           \
        LIST(TABLE_POINTER)                                                                                            \
        return v;                                                                                                      \
    }
#define TABLE_DEFINE(stem, LIST, tier_, per_unit, doc_)                                                                \
    static const struct column stem##_columns[] = {LIST(TABLE_ENTRY)};                                                 \
    const struct table table_##stem             = {#stem,    tier_,          doc_,                                     \
                                                   per_unit, stem##_columns, sizeof stem##_columns / sizeof stem##_columns[0]};

#endif
