/* Reading files back, and checking them. */
#include "file_h5.h"

#include "mem.h"

#include <stdio.h>
#include <string.h>

enum { WINDOW_BYTES = 1 << 22 };

/* ---- opening ------------------------------------------------------------------------------------------------------ */
static enum err check_format(hid_t file)
{
    char format[16] = "";
    int64_t version, is_complete;
    if (file_h5_get_short_text(file, "format", format, sizeof format) || strcmp(format, FILE_FORMAT_NAME) != 0)
        FAIL(ERR_DATA, "it is not a gm2 file: no attribute format = \"" FILE_FORMAT_NAME "\"");
    TRY(file_h5_get_i64(file, "format_version", &version));
    REQUIRE(version == FILE_FORMAT_VERSION, ERR_DATA, "it has format version %lld, this program reads version %d",
            (long long)version, FILE_FORMAT_VERSION);
    if (file_h5_get_i64(file, "is_complete", &is_complete) || is_complete != 1) FAIL(ERR_DATA, "it was not finished");
    return ERR_OK;
}

enum err file_h5_open_checked(const char *path, hid_t *out)
{
    TRY(file_h5_open(path, out));
    enum err rc = check_format(*out);
    if (!rc) return ERR_OK;
    H5Fclose(*out);
    *out = -1;
    return err_context(rc, "%s", path);
}

/* ---- summary ------------------------------------------------------------------------------------------------------ */
static enum err read_whole(hid_t group, const char *column, enum column_type type, void *out, uint64_t *n)
{
    void **data   = out;
    *data         = NULL;
    hid_t dataset = H5Dopen2(group, column, H5P_DEFAULT);
    H5_REQUIRE(dataset >= 0, ERR_DATA, "column %s is missing", column);
    enum err rc = file_h5_rows(dataset, n);
    if (!rc) rc = mem_alloc(data, (size_t)*n, column_size(type));
    if (!rc) rc = file_h5_read_rows(dataset, type, 0, *n, *data);
    H5Dclose(dataset);
    return rc;
}

void file_h5_free_units(struct file_units *units)
{
    mem_free(units->run);
    mem_free(units->subrun);
    mem_free(units->n_fills);
    mem_free(units->n_planned);
}

enum err file_h5_read_units(hid_t file, struct file_units *out)
{
    uint64_t n[4] = {0};
    *out          = (struct file_units){0};
    hid_t group   = H5Gopen2(file, "units", H5P_DEFAULT);
    H5_REQUIRE(group >= 0, file_h5_read_code(), "there is no table units");
    enum err rc = read_whole(group, "run", COL_u32, &out->run, &n[0]);
    if (!rc) rc = read_whole(group, "subrun", COL_u32, &out->subrun, &n[1]);
    if (!rc) rc = read_whole(group, "n_fills", COL_i64, &out->n_fills, &n[2]);
    if (!rc) rc = read_whole(group, "n_planned", COL_i64, &out->n_planned, &n[3]);
    H5Gclose(group);
    if (!rc && (n[0] == 0 || n[0] != n[1] || n[0] != n[2] || n[0] != n[3]))
        rc = err_fail(ERR_DATA, __FILE__, __LINE__, "table units is empty or its columns differ in length");
    out->n = n[0];
    if (rc) file_h5_free_units(out);
    return rc;
}

static enum err summarise(hid_t file, struct file_summary *out)
{
    struct file_units u = {0};
    TRY(file_h5_get_short_text(file, "config_id", out->config_id, sizeof out->config_id));
    TRY(file_h5_get_short_text(file, "release", out->release, sizeof out->release));
    TRY(file_h5_read_units(file, &u));
    REQUIRE(u.run && u.subrun && u.n_fills && u.n_planned, ERR_DATA, "table units is empty");
    out->n_units      = (int64_t)u.n;
    out->first_run    = u.run[0];
    out->first_subrun = u.subrun[0];
    out->last_run     = u.run[u.n - 1];
    out->last_subrun  = u.subrun[u.n - 1];
    for (uint64_t i = 0; i < u.n; i++) {
        out->n_fills += u.n_fills[i];
        if (u.n_planned[i] > out->unit_fills_planned || i == 0) out->unit_fills_planned = u.n_planned[i];
    }
    file_h5_free_units(&u);
    return ERR_OK;
}

enum err file_summary(const char *path, struct file_summary *out)
{
    hid_t file = -1;
    *out       = (struct file_summary){0};
    TRY(file_h5_open_checked(path, &file));
    enum err rc = summarise(file, out);
    H5Fclose(file);
    return rc ? err_context(rc, "%s", path) : ERR_OK;
}

enum err file_read_hists(const char *path, struct hist_set *set)
{
    hid_t file = -1;
    TRY(file_h5_open_checked(path, &file));
    enum err rc = file_h5_read_hists(file, set);
    H5Fclose(file);
    return rc ? err_context(rc, "%s", path) : ERR_OK;
}

enum err file_h5_get_text_or_empty(hid_t object, const char *name, char **out)
{
    if (H5Aexists(object, name) > 0) return file_h5_get_text(object, name, out);
    *out = mem_string("");
    return *out ? ERR_OK : ERR_MEMORY;
}

enum err file_read_provenance_text(const char *path, const char *attribute, char **out)
{
    hid_t file = -1;
    *out       = NULL;
    TRY(file_h5_open_checked(path, &file));
    enum err rc = file_h5_get_text(file, attribute, out);
    H5Fclose(file);
    return rc ? err_context(rc, "%s", path) : ERR_OK;
}

/* ---- tables ------------------------------------------------------------------------------------------------------- */
enum err file_h5_open_column(hid_t group, const struct column *c, hid_t *out, uint64_t *n)
{
    *out = H5Lexists(group, c->name, H5P_DEFAULT) > 0 ? H5Dopen2(group, c->name, H5P_DEFAULT) : -1;
    H5_REQUIRE(*out >= 0, ERR_DATA, "column %s is missing", c->name);
    hsize_t extent[H5S_MAX_RANK] = {0, 1};
    hid_t type = H5Dget_type(*out), space = H5Dget_space(*out);
    int rank = H5Sget_simple_extent_dims(space, extent, NULL);
    int is_ok =
        file_h5_column_type(type) == c->type && rank == (c->width > 1 ? 2 : 1) && (rank == 1 || extent[1] == c->width);
    H5Sclose(space);
    H5Tclose(type);
    *n = extent[0];
    if (is_ok) return ERR_OK;
    H5Dclose(*out);
    *out = -1;
    FAIL(ERR_DATA, "column %s is not of type %s[%zu]", c->name, column_type_name(c->type), c->width);
}

static enum err read_columns(hid_t group, struct block *block)
{
    for (size_t i = 0; i < block->table->n_columns; i++) {
        const struct column *c = &block->table->columns[i];
        hid_t dataset          = -1;
        uint64_t n             = 0;
        TRY(file_h5_open_column(group, c, &dataset, &n));
        enum err rc = ERR_OK;
        if (i == 0)
            rc = block_resize(block, (size_t)n);
        else if (n != block->n)
            rc = err_fail(ERR_DATA, __FILE__, __LINE__, "column %s has %llu rows, others %zu", c->name,
                          (unsigned long long)n, block->n);
        if (!rc) rc = file_h5_read_rows(dataset, c->type, 0, n, block->data[i]);
        H5Dclose(dataset);
        if (rc) return err_context(rc, "column %s", c->name);
    }
    return ERR_OK;
}

static enum err read_table(hid_t file, const char *name, struct block *block)
{
    hid_t group = H5Lexists(file, name, H5P_DEFAULT) > 0 ? H5Gopen2(file, name, H5P_DEFAULT) : -1;
    H5_REQUIRE(group >= 0, ERR_NOTFOUND, "it has no table %s", name);
    enum err rc = read_columns(group, block);
    H5Gclose(group);
    return rc ? err_context(rc, "table %s", name) : ERR_OK;
}

enum err file_read_table(const char *path, const char *group, struct block *block)
{
    hid_t file = -1;
    TRY(file_h5_open_checked(path, &file));
    enum err rc = read_table(file, group, block);
    H5Fclose(file);
    return rc ? err_context(rc, "%s", path) : ERR_OK;
}

/* ---- bytes of each table --------------------------------------------------------------------------------------------- */
static herr_t add_bytes(hid_t object, const char *name, const H5O_info_t *info, void *total)
{
    if (info->type != H5O_TYPE_DATASET) return 0;
    hid_t dataset = H5Dopen2(object, name, H5P_DEFAULT);
    if (dataset < 0) return -1;
    *(uint64_t *)total += H5Dget_storage_size(dataset);
    H5Dclose(dataset);
    return 0;
}

static enum err table_bytes(hid_t file, const char *name, uint64_t *bytes, uint64_t *rows)
{
    int64_t n   = 0;
    hid_t group = H5Gopen2(file, name, H5P_DEFAULT);
    H5_REQUIRE(group >= 0, file_h5_read_code(), "cannot open group %s", name);
    *bytes      = 0;
    enum err rc = H5Aexists(group, "table") > 0 ? file_h5_get_i64(group, "n_rows", &n) : ERR_OK;
    if (!rc && H5Ovisit2(group, H5_INDEX_NAME, H5_ITER_NATIVE, add_bytes, bytes, H5O_INFO_BASIC) < 0)
        rc = file_h5_fail(file_h5_read_code(), __FILE__, __LINE__, "cannot walk group %s", name);
    H5Gclose(group);
    *rows = (uint64_t)n;
    return rc;
}

enum err file_table_bytes(const char *path, void (*each)(const char *group, uint64_t bytes, uint64_t rows, void *),
                          void *arg)
{
    hid_t file = -1;
    char **names;
    size_t n;
    TRY(file_h5_open_checked(path, &file));
    enum err rc = file_h5_names(file, &names, &n);
    if (rc) n = 0;
    for (size_t i = 0; !rc && i < n; i++) {
        uint64_t bytes = 0, rows = 0;
        rc = table_bytes(file, names[i], &bytes, &rows);
        if (!rc) each(names[i], bytes, rows, arg);
    }
    if (n) file_h5_free_names(names, n);
    H5Fclose(file);
    return rc ? err_context(rc, "%s", path) : ERR_OK;
}

/* ---- verifying --------------------------------------------------------------------------------------------------------- */
struct verify {
    int part, n_parts, turn;
    unsigned char *window;
    enum err rc;
};

static enum err read_through(hid_t dataset, const char *name, struct verify *v)
{
    hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    hsize_t extent[H5S_MAX_RANK] = {0};
    int rank                     = H5Sget_simple_extent_dims(space, extent, NULL);
    enum column_type column      = file_h5_column_type(type);
    H5Sclose(space);
    H5Tclose(type);
    H5_REQUIRE((rank == 1 || rank == 2) && column < N_COLUMN_TYPES, ERR_DATA, "%s has an unknown type", name);
    size_t row   = (rank == 2 ? extent[1] : 1) * column_size(column);
    hsize_t step = row < WINDOW_BYTES ? WINDOW_BYTES / row : 1;
    REQUIRE(row <= WINDOW_BYTES, ERR_DATA, "%s has rows of %zu bytes", name, row);
    for (hsize_t at = 0; at < extent[0]; at += step) {
        hsize_t n   = extent[0] - at < step ? extent[0] - at : step;
        enum err rc = file_h5_read_rows(dataset, column, at, n, v->window);
        if (rc) return err_context(rc, "%s", name);
    }
    return ERR_OK;
}

static enum err verify_rows(hid_t group, const char *name)
{
    char **names;
    size_t n;
    int64_t expected;
    TRY(file_h5_get_i64(group, "n_rows", &expected));
    TRY(file_h5_names(group, &names, &n));
    enum err rc = ERR_OK;
    for (size_t i = 0; !rc && i < n; i++) {
        uint64_t rows = (uint64_t)expected;
        hid_t dataset = H5Oopen(group, names[i], H5P_DEFAULT);
        if (H5Iget_type(dataset) == H5I_DATASET) rc = file_h5_rows(dataset, &rows);
        if (!rc && rows != (uint64_t)expected)
            rc = err_fail(ERR_DATA, __FILE__, __LINE__, "column %s of table %s has %llu rows instead of %lld", names[i],
                          name, (unsigned long long)rows, (long long)expected);
        if (dataset >= 0) H5Oclose(dataset);
    }
    file_h5_free_names(names, n);
    return rc;
}

static herr_t verify_object(hid_t root, const char *name, const H5O_info_t *info, void *arg)
{
    struct verify *v = arg;
    if (v->turn++ % v->n_parts != v->part || strcmp(name, ".") == 0) return 0;
    hid_t object = H5Oopen(root, name, H5P_DEFAULT);
    if (object < 0) return -1;
    if (info->type == H5O_TYPE_DATASET) v->rc = read_through(object, name, v);
    if (info->type == H5O_TYPE_GROUP && H5Aexists(object, "table") > 0) v->rc = verify_rows(object, name);
    H5Oclose(object);
    return v->rc ? 1 : 0;
}

enum err file_h5_verify(const char *path, int part, int n_parts)
{
    hid_t file      = -1;
    struct verify v = {.part = part, .n_parts = n_parts};
    TRY(file_h5_open_checked(path, &file));
    v.rc = mem_alloc(&v.window, WINDOW_BYTES, 1);
    if (!v.rc && H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_NATIVE, verify_object, &v, H5O_INFO_BASIC) < 0)
        v.rc = file_h5_fail(file_h5_read_code(), __FILE__, __LINE__, "cannot walk through the file");
    mem_free(v.window);
    H5Fclose(file);
    return v.rc ? err_context(v.rc, "verifying %s", path) : ERR_OK;
}

enum err file_verify(const char *path) { return file_h5_verify(path, 0, 1); }
