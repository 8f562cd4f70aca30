/* Histograms with an exact, ordered merge: contents are integers, so the sum does not depend on the order or on the
 * number of ranks. Weighted histograms count in units of `quantum` (2^-20 by default). Test: tests/t_hist.c */
#ifndef GM2_HIST_H
#define GM2_HIST_H

#include "err.h"

#include <stdint.h>

struct hist_axis {
    int64_t n;        /* bins, 1 for an unused axis */
    double low, high; /* edges of the whole axis; a value == high is outside */
    char label[64], unit[16];
};

/** Up to two axes; content[ix * ny + iy], row-major. Values outside are counted in n_outside. */
struct hist {
    char name[96]; /* "wiggle/t_method": HDF5 path below /hist */
    char title[160];
    struct hist_axis x, y;
    double quantum;   /* 1 for counts; content * quantum is the weight's sum */
    int64_t *content; /* [x.n][y.n] */
    int64_t *squares; /* [x.n][y.n] sums of squared weights in units of quantum, NULL for plain counts */
    int64_t n_entries, n_outside;
};

/** An ordered set of histograms; those of one unit, then sums of many. */
struct hist_set {
    size_t n, capacity;
    struct hist **hist;
};

/** Books a histogram (ny = 0 for one axis); is_weighted adds squares. Returns the existing one of that name if its
 *  binning agrees, ERR_MISMATCH otherwise. *out is lent until hist_set_free(). */
enum err hist_book(struct hist_set *set, const char *name, const char *title, struct hist_axis x, struct hist_axis y,
                   int is_weighted, struct hist **out);
struct hist *hist_find(const struct hist_set *set, const char *name);
void hist_fill(struct hist *h, double x, double y, double weight);
/** into += from, histogram by histogram; those that `into` lacks are added. ERR_MISMATCH if binnings differ. */
enum err hist_set_add(struct hist_set *into, const struct hist_set *from);
/** Sets all contents to 0. */
void hist_set_clear(struct hist_set *set);
/** Frees all but the first n. */
void hist_set_cut(struct hist_set *set, size_t n);
void hist_set_free(struct hist_set *set);

static inline struct hist_axis hist_axis(int64_t n, double low, double high, const char *label, const char *unit)
{
    struct hist_axis a = {n, low, high, "", ""};
    for (int i = 0; i < 63 && label[i]; i++) a.label[i] = label[i];
    for (int i = 0; i < 15 && unit[i]; i++) a.unit[i] = unit[i];
    return a;
}
#define HIST_NO_AXIS hist_axis(1, 0.0, 1.0, "", "")

#endif
