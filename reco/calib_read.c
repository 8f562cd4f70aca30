/* Sums from files: histograms, units, and the tables that calibrations need. */
#include "calib.h"
#include "file.h"
#include "mem.h"

#include <stdio.h>
#include <string.h>

enum { MAX_WANTED = 64 };

/* Names of tables that some calibration needs and a file has. */
struct wanted {
    size_t n;
    bool is_there[MAX_WANTED];
    const char *name[MAX_WANTED];
};

static void want(struct wanted *w, const char *name)
{
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->name[i], name) == 0) return;
    if (w->n < MAX_WANTED) w->name[w->n++] = name;
}

static void note_group(const char *group, uint64_t bytes, uint64_t rows, void *arg)
{
    struct wanted *w = arg;
    (void)bytes;
    for (size_t i = 0; i < w->n; i++)
        if (rows > 0 && strcmp(w->name[i], group) == 0) w->is_there[i] = true;
}

static void free_names(char **names, char **units, uint64_t *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mem_free(names[i]);
        mem_free(units[i]);
    }
    mem_free(names);
    mem_free(units);
    mem_free(rows);
}

/* All columns of numbers of a group, with run and subrun. */
static enum err read_group(const char *path, const char *group, struct calib_table *out)
{
    char **names, **units;
    uint64_t *rows;
    size_t n;
    enum err rc = ERR_OK;
    *out        = (struct calib_table){.n_rows = 0};
    snprintf(out->name, sizeof out->name, "%s", group);
    TRY(file_columns_list(path, group, &names, &units, &rows, &n));
    TRY_TO(done, mem_alloc(&out->column, n, sizeof *out->column));
    TRY_TO(done, mem_alloc(&out->value, n, sizeof *out->value));
    out->n_rows = n ? (size_t)rows[0] : 0;
    for (size_t c = 0; c < n; c++) {
        if (rows[c] != out->n_rows) FAIL_TO(done, ERR_DATA, "column %s is of another length", names[c]);
        out->column[c] = mem_string(names[c]);
        out->n_columns = c + 1;
        if (!out->column[c]) FAIL_TO(done, ERR_MEMORY, "out of memory");
        TRY_TO(done, mem_alloc(&out->value[c], out->n_rows, sizeof **out->value));
        TRY_TO(done, file_column_read(path, group, names[c], out->n_rows, out->value[c]));
    }
done:
    free_names(names, units, rows, n);
    if (rc) calib_table_free(out);
    return rc ? err_context(rc, "%s, table %s", path, group) : ERR_OK;
}

static enum err read_units(const char *path, struct calib_input *in)
{
    struct calib_table t;
    struct calib_unit *unit = NULL;
    enum err rc             = ERR_OK;
    TRY(read_group(path, "units", &t));
    const double *run = calib_column(&t, "run"), *subrun = calib_column(&t, "subrun"),
                 *n_fills = calib_column(&t, "n_fills");
    if (!run || !subrun || !n_fills) FAIL_TO(done, ERR_DATA, "%s: table units lacks a column", path);
    TRY_TO(done, mem_alloc(&unit, t.n_rows, sizeof *unit));
    for (size_t i = 0; i < t.n_rows; i++) {
        unit[i] = (struct calib_unit){(uint32_t)run[i], (uint32_t)subrun[i]};
        in->n_fills += (int64_t)n_fills[i];
        for (size_t k = 0; k < in->n_units; k++)
            if (in->unit[k].run == unit[i].run && in->unit[k].subrun == unit[i].subrun)
                FAIL_TO(done, ERR_MISMATCH, "%s: run %u subrun %u was in a file before", path, unit[i].run,
                        unit[i].subrun);
    }
    rc = calib_input_units(in, unit, t.n_rows);
done:
    mem_free(unit);
    calib_table_free(&t);
    return rc;
}

static enum err read_file(const char *path, struct wanted *wanted, struct calib_input *in)
{
    struct calib_table rows;
    struct file_summary summary;
    TRY(file_summary(path, &summary));
    memset(wanted->is_there, 0, sizeof wanted->is_there);
    TRY(file_table_bytes(path, note_group, wanted));
    TRY(read_units(path, in));
    TRY(file_read_hists(path, &in->hists));
    for (size_t i = 0; i < wanted->n; i++) {
        if (!wanted->is_there[i]) continue;
        TRY(read_group(path, wanted->name[i], &rows));
        enum err rc = calib_input_rows(in, &rows);
        calib_table_free(&rows);
        if (rc) return err_context(rc, "%s", path);
    }
    return ERR_OK;
}

enum err calib_read(char *const *paths, size_t n, struct calib_input *in)
{
    struct wanted wanted = {.n = 0};
    *in                  = (struct calib_input){.n_units = 0};
    want(&wanted, "gain_truth");
    for (size_t i = 0; calibrations[i]; i++)
        for (size_t k = 0; calibrations[i]->tables[k]; k++) want(&wanted, calibrations[i]->tables[k]);
    for (size_t i = 0; i < n; i++) {
        enum err rc = read_file(paths[i], &wanted, in);
        if (!rc) continue;
        calib_input_free(in);
        return rc;
    }
    return ERR_OK;
}
