/* What the pictures and tables of the beam share. */
#ifndef GM2_REPORT_BEAM_H
#define GM2_REPORT_BEAM_H

#include "beam_corrections.h"

#include <cjson/cJSON.h>
#include <stdio.h>

/** Centre of bin i. */
double report_bin_centre(const struct hist_axis *a, int64_t i);
struct moments {
    double n, mean, rms; /* mean and rms 0 without entries */
};
/** Mean and rms of bins along an axis: of a whole histogram of one axis, or of a slice of one of two. */
struct moments report_moments(const int64_t *cells, const struct hist_axis *a);
/** Bin centres [n] and after them contents [n] of a histogram of one axis; *out to mem_free(). */
enum err report_columns(const struct hist *h, double **out);

/* ---- report_corrections.c ---- */
/** The corrections as a table of the page, and as JSON (to be given to cJSON_Delete() or added to another). */
void report_beam_table(FILE *page, const struct beam_corrections *c);
cJSON *report_beam_json(const struct beam_corrections *c);

#endif
