/* Columns of numbers from outside: phase space, pulse shapes, field maps, as text or HDF5.
 *
 * Text: one line names the columns, one line a row follows; commas or blanks between; lines that begin with # are
 * comments. A column's unit is in brackets, `x [mm]` or `x(mm)`, or the end of its name, `x_mm`. Where the first line
 * without # has numbers only, the last comment before it names the columns (numpy.savetxt), or the last two give names
 * and units (G4beamline's BLTrackFile). HDF5: a group with one-dimensional datasets of equal length; the unit is the
 * attribute `units` or the end of the name. The tables of gm2's own files are such groups.
 * The caller says which columns it wants and in which units; others are passed over. Test: tests/t_columns.c */
#ifndef GM2_COLUMNS_H
#define GM2_COLUMNS_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct column_want {
    const char *names; /* without unit; several to choose from are separated by blanks: "t_fill t time" */
    const char *unit;  /* in which the caller wants it: mm, rad, ns, GeV, T, V, A, MHz, ... ; "1" for pure numbers */
    bool is_optional;
    double min, max; /* accepted, inclusive; both 0: any finite number */
};

struct columns {
    size_t n_rows, n_columns;
    double **value; /* [n_columns][n_rows] as wanted; value[i] NULL where an optional column is absent */
    uint32_t *line; /* [n_rows] of a text file, NULL for HDF5 */
};

/** Reads n wanted columns of a file; `group` is that of an HDF5 file. At most max_rows rows, at least one.
 *  ERR_OPEN, ERR_READ; ERR_DATA names file, line or row, and column for: no such column, a column twice, a unit of
 *  another kind or none, what is no number, NaN and infinity, a value outside its range, rows of unequal length,
 *  a line beyond 64 KiB, bytes that are no text, no rows. Free with columns_free(). */
enum err columns_read(const char *path, const char *group, const struct column_want *want, size_t n, size_t max_rows,
                      struct columns *out);
void columns_free(struct columns *columns);
/** Where a row stands in its file: "line 17", "row 16" (rows count from 0). */
void columns_place(const struct columns *columns, size_t row, char text[32]);

/** value in `to` = factor * value in `from`. ERR_CONFIG if they are of different kinds or unknown; the message names
 *  the units accepted for `to`. Energies, momenta and masses are of one kind (c = 1). */
enum err columns_unit(const char *from, const char *to, double *factor);

#endif
