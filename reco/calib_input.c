/* What constants are made from: sums of units. */
#include "calib.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- tables ------------------------------------------------------------------------------------------------------------ */
void calib_table_free(struct calib_table *t)
{
    for (size_t c = 0; c < t->n_columns; c++) {
        mem_free(t->column[c]);
        mem_free(t->value[c]);
    }
    mem_free(t->column);
    mem_free(t->value);
    *t = (struct calib_table){.n_rows = 0};
}

void calib_input_free(struct calib_input *in)
{
    hist_set_free(&in->hists);
    for (size_t i = 0; i < in->n_tables; i++) calib_table_free(&in->table[i]);
    mem_free(in->table);
    mem_free(in->unit);
    *in = (struct calib_input){.n_units = 0};
}

const struct calib_table *calib_table(const struct calib_input *in, const char *name)
{
    for (size_t i = 0; i < in->n_tables; i++)
        if (strcmp(in->table[i].name, name) == 0) return &in->table[i];
    return NULL;
}

const double *calib_column(const struct calib_table *t, const char *name)
{
    for (size_t c = 0; t && c < t->n_columns; c++)
        if (strcmp(t->column[c], name) == 0) return t->value[c];
    return NULL;
}

enum err calib_columns(const struct calib_input *in, const char *table, const char *names, const double **value,
                       size_t *n_rows)
{
    const struct calib_table *t = calib_table(in, table);
    char copy[400], *rest = copy, *word;
    size_t n = 0;
    REQUIRE(t, ERR_NOTFOUND, "there is no table %s", table);
    snprintf(copy, sizeof copy, "%s", names);
    while ((word = strtok_r(rest, " ", &rest))) {
        value[n] = calib_column(t, word);
        REQUIRE(value[n], ERR_NOTFOUND, "table %s has no column %s", table, word);
        n++;
    }
    *n_rows = t->n_rows;
    return ERR_OK;
}

/* Rows of `from` behind those of `into`; columns by name. */
static enum err append(struct calib_table *into, const struct calib_table *from)
{
    REQUIRE(into->n_columns == from->n_columns, ERR_MISMATCH, "table %s: %zu columns here, %zu there", into->name,
            from->n_columns, into->n_columns);
    const size_t wanted = into->n_rows + from->n_rows, room = wanted > into->capacity ? 2 * wanted : into->capacity;
    for (size_t c = 0; c < into->n_columns; c++) {
        const double *value = calib_column(from, into->column[c]);
        REQUIRE(value, ERR_MISMATCH, "table %s: column %s is not everywhere", into->name, into->column[c]);
        if (room > into->capacity) TRY(mem_resize(&into->value[c], into->n_rows, room, sizeof *into->value[c]));
        memcpy(into->value[c] + into->n_rows, value, from->n_rows * sizeof *value);
    }
    into->n_rows   = wanted;
    into->capacity = room;
    return ERR_OK;
}

enum err calib_input_rows(struct calib_input *in, struct calib_table *rows)
{
    for (size_t i = 0; i < in->n_tables; i++)
        if (strcmp(in->table[i].name, rows->name) == 0) {
            TRY(append(&in->table[i], rows));
            calib_table_free(rows);
            return ERR_OK;
        }
    TRY(mem_resize(&in->table, in->n_tables, in->n_tables + 1, sizeof *in->table));
    in->table[in->n_tables++] = *rows;
    *rows                     = (struct calib_table){.n_rows = 0};
    return ERR_OK;
}

static double number(const struct block *block, size_t c, size_t row)
{
    const void *data = block->data[c];
    switch (block->table->columns[c].type) {
    case COL_f64: return ((const double *)data)[row];
    case COL_f32: return (double)((const float *)data)[row];
    case COL_i64: return (double)((const int64_t *)data)[row];
    case COL_i32: return ((const int32_t *)data)[row];
    case COL_u32: return ((const uint32_t *)data)[row];
    case COL_i16: return ((const int16_t *)data)[row];
    case COL_u16: return ((const uint16_t *)data)[row];
    default: return ((const uint8_t *)data)[row];
    }
}

static enum err fill_rows(struct calib_table *t, struct calib_unit unit, const struct block *block)
{
    const struct table *table = block->table;
    TRY(mem_alloc(&t->column, table->n_columns + 2, sizeof *t->column));
    TRY(mem_alloc(&t->value, table->n_columns + 2, sizeof *t->value));
    for (size_t c = 0; c < table->n_columns + 2; c++) {
        if (c >= 2 && table->columns[c - 2].width != 1) continue;
        const size_t k = t->n_columns++;
        t->column[k]   = mem_string(c == 0 ? "run" : c == 1 ? "subrun" : table->columns[c - 2].name);
        REQUIRE(t->column[k], ERR_MEMORY, "out of memory");
        TRY(mem_alloc(&t->value[k], block->n, sizeof *t->value[k]));
        for (size_t row = 0; row < block->n; row++)
            t->value[k][row] = c == 0 ? unit.run : c == 1 ? unit.subrun : number(block, c - 2, row);
    }
    return ERR_OK;
}

enum err calib_input_block(struct calib_input *in, struct calib_unit unit, const struct block *block)
{
    struct calib_table rows = {.n_rows = block->n};
    snprintf(rows.name, sizeof rows.name, "%s", block->table->name);
    enum err rc = fill_rows(&rows, unit, block);
    if (!rc) rc = calib_input_rows(in, &rows);
    calib_table_free(&rows);
    return rc;
}

/* ---- units ------------------------------------------------------------------------------------------------------------- */
static int by_time(const void *a, const void *b)
{
    const struct calib_unit *p = a, *q = b;
    if (p->run != q->run) return p->run < q->run ? -1 : 1;
    return p->subrun < q->subrun ? -1 : p->subrun > q->subrun;
}

enum err calib_input_units(struct calib_input *in, const struct calib_unit *units, size_t n)
{
    size_t kept = 0;
    TRY(mem_resize(&in->unit, in->n_units, in->n_units + n, sizeof *in->unit));
    memcpy(in->unit + in->n_units, units, n * sizeof *units);
    in->n_units += n;
    qsort(in->unit, in->n_units, sizeof *in->unit, by_time);
    for (size_t i = 0; i < in->n_units; i++)
        if (i == 0 || by_time(&in->unit[i], &in->unit[kept - 1]) != 0) in->unit[kept++] = in->unit[i];
    in->n_units = kept;
    return ERR_OK;
}

struct calib_unit calib_reference(const struct calib_input *in, uint32_t run)
{
    if (in->has_reference) return in->reference;
    for (size_t i = 0; i < in->n_units; i++)
        if (in->unit[i].run == run) return in->unit[i];
    return (struct calib_unit){run, 0};
}

/* ---- truth ------------------------------------------------------------------------------------------------------------- */
bool calib_truth(const struct calib_input *in, struct calib_unit unit, int calo, int crystal, const char *column,
                 double *value)
{
    const struct calib_table *t = calib_table(in, "gain_truth");
    const double *run = calib_column(t, "run"), *subrun = calib_column(t, "subrun"), *calos = calib_column(t, "calo"),
                 *crystals = calib_column(t, "crystal"), *wanted = calib_column(t, column);
    if (!run || !subrun || !calos || !crystals || !wanted) return false;
    /* rows of a unit stand together, in any order; most often channel by channel, so that is looked at first */
    const size_t channel = (size_t)calib_channel(calo, crystal);
    for (size_t i = 0; i < t->n_rows;) {
        size_t end = i + CALIB_CHANNELS;
        if (end > t->n_rows || run[end - 1] != run[i] || subrun[end - 1] != subrun[i]) end = i;
        while (end < t->n_rows && run[end] == run[i] && subrun[end] == subrun[i]) end++;
        if (run[i] == unit.run && subrun[i] == unit.subrun) {
            if (i + channel < end && calos[i + channel] == calo && crystals[i + channel] == crystal) {
                *value = wanted[i + channel];
                return true;
            }
            for (size_t k = i; k < end; k++)
                if (calos[k] == calo && crystals[k] == crystal) {
                    *value = wanted[k];
                    return true;
                }
        }
        i = end;
    }
    return false;
}
