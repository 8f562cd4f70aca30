/* Quality as metadata. */
#include "product_quality.h"

#include "dqc_cuts.h"
#include "file.h"
#include "tables.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A cut that asks for nothing above zero counts what is wrong: there the largest number is the worst. */
static const struct {
    const char *name;
    bool counts_faults;
} cuts[] = {
#define CUT_LINE(A, B, name, unit, low, high, doc) {#name, (high) <= 0},
    DQC_SUBRUN_CUTS(CUT_LINE, , )
#undef CUT_LINE
};

static double number(const struct block *b, size_t column, size_t row)
{
    const void *data = b->data[column];
    switch (b->table->columns[column].type) {
    case COL_f64: return ((const double *)data)[row];
    case COL_f32: return (double)((const float *)data)[row];
    case COL_i64: return (double)((const int64_t *)data)[row];
    case COL_i32: return (double)((const int32_t *)data)[row];
    case COL_u32: return (double)((const uint32_t *)data)[row];
    case COL_i16: return (double)((const int16_t *)data)[row];
    case COL_u16: return (double)((const uint16_t *)data)[row];
    case COL_u8: return (double)((const uint8_t *)data)[row];
    case N_COLUMN_TYPES: break;
    }
    return (double)NAN;
}

/* NaN: nothing was measured in any row. */
static double summary(const struct block *b, size_t column)
{
    const char *name   = b->table->columns[column].name;
    bool is_sum        = strncmp(name, "n_", 2) == 0;
    bool counts_faults = false;
    double all         = (double)NAN;
    for (int i = 0; i < N_DQC_SUBRUN_CUTS; i++)
        counts_faults |= strcmp(cuts[i].name, name) == 0 && cuts[i].counts_faults;
    for (size_t row = 0; row < b->n; row++) {
        double x = number(b, column, row);
        if (isnan(x)) continue;
        if (isnan(all))
            all = x;
        else
            all = is_sum ? all + x : counts_faults ? fmax(all, x) : fmin(all, x);
    }
    return all;
}

static void add(struct product_quality *q, const char *name, const char *text, double x)
{
    struct meta_value *v = &q->value[q->n++];
    snprintf(v->name, sizeof v->name, "dqc.%.50s", name);
    v->text   = text;
    v->number = x;
}

void product_quality_of(const struct block *block, struct product_quality *out)
{
    struct dqc_subrun_view v = dqc_subrun_view(block);
    uint32_t flags           = 0;
    bool is_good             = true;
    *out                     = (struct product_quality){.n = 0};
    if (v.n == 0) return;
    for (size_t row = 0; row < v.n; row++) {
        flags |= v.flags[row];
        is_good = is_good && v.is_good[row];
    }
    add(out, "status", is_good ? "good" : "bad", 0.0);
    for (int i = 0; i < N_DQC_SUBRUN_CUTS; i++) {
        size_t used = strlen(out->failed);
        if (flags & (1U << i))
            snprintf(out->failed + used, sizeof out->failed - used, "%s%s", used ? " " : "", cuts[i].name);
    }
    if (*out->failed) add(out, "failed", out->failed, 0.0);
    for (size_t c = 0; c < block->table->n_columns; c++) {
        const struct column *column = &block->table->columns[c];
        bool is_bits                = strcmp(column->name, "flags") == 0 || strcmp(column->name, "unknown") == 0 ||
                       strcmp(column->name, "calos") == 0 || strcmp(column->name, "is_good") == 0;
        double x = is_bits || column->width > 1 ? (double)NAN : summary(block, c);
        if (!isnan(x)) add(out, column->name, NULL, x);
    }
}

enum err product_quality(const char *path, struct product_quality *out)
{
    struct block *block;
    *out = (struct product_quality){.n = 0};
    TRY(block_create(&table_dqc_subrun, &block));
    enum err rc = file_read_table(path, table_dqc_subrun.name, block);
    if (!rc) product_quality_of(block, out);
    if (rc == ERR_NOTFOUND) {
        err_clear();
        rc = ERR_OK;
    }
    block_free(block);
    return rc;
}
