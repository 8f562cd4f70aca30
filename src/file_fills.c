/* Reading a file's fills back. HDF5 keeps the chunk in hand of each column, so that each is inflated once. */
#include "file_fills.h"

#include "file_h5.h"
#include "mem.h"

#include <stdio.h>
#include <string.h>

enum { MAX_TABLES = 16, WINDOW_ROWS = 8192 };
enum { INDEX_RUN, INDEX_SUBRUN, INDEX_EVENT, INDEX_FIRST, INDEX_COUNT, N_INDEX };
static const char *const index_names[N_INDEX] = {"run", "subrun", "event", "first", "count"};

struct fills_table {
    const struct table *table;
    hid_t column[TABLE_MAX_COLUMNS], index[N_INDEX];
    uint64_t n_rows, n_fills;
    size_t capacity;
    int64_t *first, *count; /* of the unit in hand */
};

struct file_fills {
    char *path;
    hid_t file;
    int n_tables;
    struct fills_table table[MAX_TABLES];
    uint64_t at, end; /* the unit in hand: rows of all indexes */
    size_t capacity;
    uint32_t *event, *id; /* id: room for comparing */
    uint32_t window[2][WINDOW_ROWS];
};

static void close_table(struct fills_table *t)
{
    for (size_t i = 0; i < t->table->n_columns; i++)
        if (t->column[i] >= 0) H5Dclose(t->column[i]);
    for (int i = 0; i < N_INDEX; i++)
        if (t->index[i] >= 0) H5Dclose(t->index[i]);
    mem_free(t->first);
    mem_free(t->count);
}

void file_fills_close(struct file_fills *f)
{
    if (!f) return;
    for (int i = 0; i < f->n_tables; i++) close_table(&f->table[i]);
    if (f->file >= 0) H5Fclose(f->file);
    mem_free(f->event);
    mem_free(f->id);
    mem_free(f->path);
    mem_free(f);
}

enum err file_fills_open(const char *path, struct file_fills **out)
{
    struct file_fills *f;
    *out = NULL;
    TRY(mem_alloc(&f, 1, sizeof *f));
    f->file     = -1;
    f->path     = mem_string(path);
    enum err rc = f->path ? file_h5_open_checked(path, &f->file) : ERR_MEMORY;
    if (rc)
        file_fills_close(f);
    else
        *out = f;
    return rc;
}

/* ---- tables ------------------------------------------------------------------------------------------------------------ */
static enum err open_columns(hid_t group, struct fills_table *t)
{
    for (size_t i = 0; i < t->table->n_columns; i++) {
        uint64_t n;
        TRY(file_h5_open_column(group, &t->table->columns[i], &t->column[i], &n));
        if (i == 0) t->n_rows = n;
        REQUIRE(n == t->n_rows, ERR_DATA, "column %s has %llu rows, others %llu", t->table->columns[i].name,
                (unsigned long long)n, (unsigned long long)t->n_rows);
    }
    return ERR_OK;
}

static enum err open_index(hid_t group, struct fills_table *t)
{
    for (int i = 0; i < N_INDEX; i++) {
        const struct column c = {index_names[i], i < INDEX_FIRST ? COL_u32 : COL_i64, 1, "1", ""};
        char path[32];
        uint64_t n;
        snprintf(path, sizeof path, "index/%s", c.name);
        H5_REQUIRE(H5Lexists(group, "index", H5P_DEFAULT) > 0, ERR_DATA, "it has no index");
        hid_t index = H5Gopen2(group, "index", H5P_DEFAULT);
        H5_REQUIRE(index >= 0, file_h5_read_code(), "its index cannot be opened");
        enum err rc = file_h5_open_column(index, &c, &t->index[i], &n);
        H5Gclose(index);
        if (rc) return err_context(rc, "index");
        if (i == 0) t->n_fills = n;
        REQUIRE(n == t->n_fills, ERR_DATA, "index: column %s has %llu rows, others %llu", c.name, (unsigned long long)n,
                (unsigned long long)t->n_fills);
    }
    return ERR_OK;
}

enum err file_fills_add(struct file_fills *f, const struct table *table, int *handle)
{
    REQUIRE(f->n_tables < MAX_TABLES, ERR_LOGIC, "more than %d tables of one file", MAX_TABLES);
    hid_t group = H5Lexists(f->file, table->name, H5P_DEFAULT) > 0 ? H5Gopen2(f->file, table->name, H5P_DEFAULT) : -1;
    H5_REQUIRE(group >= 0, ERR_NOTFOUND, "%s has no table %s", f->path, table->name);
    struct fills_table *t = &f->table[f->n_tables];
    *t                    = (struct fills_table){.table = table};
    for (size_t i = 0; i < TABLE_MAX_COLUMNS; i++) t->column[i] = -1;
    for (int i = 0; i < N_INDEX; i++) t->index[i] = -1;
    *handle     = f->n_tables++;
    enum err rc = open_columns(group, t);
    if (!rc) rc = open_index(group, t);
    H5Gclose(group);
    return rc ? err_context(rc, "%s: table %s", f->path, table->name) : ERR_OK;
}

/* ---- a unit -------------------------------------------------------------------------------------------------------------- */
/* Rows of the first table's index from `from` on, up to `to`, that are of the subrun: [*begin, *end), empty if none. */
static enum err scan(struct file_fills *f, uint64_t from, uint64_t to, uint32_t run, uint32_t subrun, uint64_t *begin,
                     uint64_t *end)
{
    const struct fills_table *t = &f->table[0];
    *begin = *end = to;
    for (uint64_t at = from; at < to; at += WINDOW_ROWS) {
        uint64_t n = to - at < WINDOW_ROWS ? to - at : WINDOW_ROWS;
        TRY(file_h5_read_rows(t->index[INDEX_RUN], COL_u32, at, n, f->window[0]));
        TRY(file_h5_read_rows(t->index[INDEX_SUBRUN], COL_u32, at, n, f->window[1]));
        for (uint64_t i = 0; i < n; i++) {
            bool is_it = f->window[0][i] == run && f->window[1][i] == subrun;
            if (is_it && *begin == to) *begin = at + i;
            if (is_it) continue;
            if (*begin < to) {
                *end = at + i;
                return ERR_OK;
            }
        }
    }
    return ERR_OK;
}

/* The same fills in the same place, as writer and merge leave them. */
static enum err check_ids(struct file_fills *f, const struct fills_table *t, uint32_t run, uint32_t subrun, uint64_t n)
{
    const uint32_t wanted[2] = {run, subrun};
    REQUIRE(f->end <= t->n_fills, ERR_DATA, "its index has %llu fills, that of %s more", (unsigned long long)t->n_fills,
            f->table[0].table->name);
    for (int k = INDEX_RUN; k <= INDEX_EVENT; k++) {
        TRY(file_h5_read_rows(t->index[k], COL_u32, f->at, n, f->id));
        for (uint64_t i = 0; i < n; i++)
            REQUIRE(f->id[i] == (k == INDEX_EVENT ? f->event[i] : wanted[k]), ERR_DATA,
                    "its index has other fills than that of table %s", f->table[0].table->name);
    }
    return ERR_OK;
}

static enum err load_unit(struct file_fills *f, struct fills_table *t, uint32_t run, uint32_t subrun, uint64_t n)
{
    TRY(check_ids(f, t, run, subrun, n));
    if (t->capacity < n) {
        TRY(mem_resize(&t->first, 0, n, sizeof *t->first));
        TRY(mem_resize(&t->count, 0, n, sizeof *t->count));
        t->capacity = n;
    }
    TRY(file_h5_read_rows(t->index[INDEX_FIRST], COL_i64, f->at, n, t->first));
    TRY(file_h5_read_rows(t->index[INDEX_COUNT], COL_i64, f->at, n, t->count));
    for (uint64_t i = 0; i < n; i++)
        REQUIRE(t->first[i] >= 0 && t->count[i] >= 0 && (uint64_t)t->first[i] <= t->n_rows &&
                    (uint64_t)t->count[i] <= t->n_rows - (uint64_t)t->first[i],
                ERR_DATA, "its index points beyond its %llu rows", (unsigned long long)t->n_rows);
    return ERR_OK;
}

static enum err find_unit(struct file_fills *f, uint32_t run, uint32_t subrun)
{
    uint64_t begin, end, from = f->end, all = f->table[0].n_fills;
    TRY(scan(f, from, all, run, subrun, &begin, &end)); /* units are asked for in order */
    if (begin == end) TRY(scan(f, 0, from, run, subrun, &begin, &end));
    REQUIRE(begin < end, ERR_NOTFOUND, "it has no run %u subrun %u", run, subrun);
    f->at  = begin;
    f->end = end;
    return ERR_OK;
}

enum err file_fills_seek(struct file_fills *f, uint32_t run, uint32_t subrun, size_t *n_fills)
{
    REQUIRE(f->n_tables > 0, ERR_LOGIC, "no table of %s was asked for", f->path);
    enum err rc = find_unit(f, run, subrun);
    if (rc) return err_context(rc, "%s: table %s", f->path, f->table[0].table->name);
    uint64_t n = f->end - f->at;
    if (f->capacity < n) {
        TRY(mem_resize(&f->event, 0, n, sizeof *f->event));
        TRY(mem_resize(&f->id, 0, n, sizeof *f->id));
        f->capacity = n;
    }
    rc = file_h5_read_rows(f->table[0].index[INDEX_EVENT], COL_u32, f->at, n, f->event);
    if (rc) return err_context(rc, "%s: table %s", f->path, f->table[0].table->name);
    for (int i = 0; i < f->n_tables; i++) {
        rc = load_unit(f, &f->table[i], run, subrun, n);
        if (rc) return err_context(rc, "%s: table %s", f->path, f->table[i].table->name);
    }
    *n_fills = n;
    return ERR_OK;
}

uint32_t file_fills_event(const struct file_fills *f, size_t i) { return f->event[i]; }

enum err file_fills_read(struct file_fills *f, int handle, size_t i, struct block *block)
{
    const struct fills_table *t = &f->table[handle];
    TRY(block_resize(block, (size_t)t->count[i]));
    for (size_t c = 0; c < t->table->n_columns && t->count[i] > 0; c++) {
        enum err rc = file_h5_read_rows(t->column[c], t->table->columns[c].type, (hsize_t)t->first[i],
                                        (hsize_t)t->count[i], block->data[c]);
        if (rc) return err_context(rc, "%s: table %s, column %s", f->path, t->table->name, t->table->columns[c].name);
    }
    return ERR_OK;
}
