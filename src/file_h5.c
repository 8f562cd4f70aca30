/* HDF5 wrapped: errors, properties, datasets, attributes. */
#include "file_h5.h"

#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_CHUNK_ROWS = 32768, MAX_CHUNK_BYTES = 1 << 19, MIN_CHUNK_ROWS = 64 };

/* ---- errors -------------------------------------------------------------------------------------------------- */
static herr_t keep_first(unsigned n, const H5E_error2_t *e, void *out)
{
    (void)n;
    if (!*(char *)out && e->desc) snprintf(out, 512, "%s", e->desc);
    return 0;
}

static void innermost(char text[512])
{
    text[0] = 0;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, text);
}

enum err file_h5_fail(enum err code, const char *file, int line, const char *format, ...)
{
    char words[2048], inner[512];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    innermost(inner);
    const char *reason = inner, *mark = strstr(inner, "error message = '");
    int length = (int)strlen(inner);
    if (mark) { /* the system's own words */
        reason = mark + strlen("error message = '");
        length = (int)strcspn(reason, "'");
    }
    return err_fail(code, file, line, length ? "%s: %.*s" : "%s", words, length, reason);
}

enum err file_h5_read_code(void)
{
    char text[512];
    innermost(text);
    return strstr(text, "errno =") ? ERR_READ : ERR_DATA;
}

/* ---- types --------------------------------------------------------------------------------------------------- */
hid_t file_h5_type(enum column_type type)
{
    const hid_t types[N_COLUMN_TYPES] = {
        [COL_f64] = H5T_NATIVE_DOUBLE, [COL_f32] = H5T_NATIVE_FLOAT,  [COL_i64] = H5T_NATIVE_INT64,
        [COL_i32] = H5T_NATIVE_INT32,  [COL_u32] = H5T_NATIVE_UINT32, [COL_i16] = H5T_NATIVE_INT16,
        [COL_u16] = H5T_NATIVE_UINT16, [COL_u8] = H5T_NATIVE_UINT8,
    };
    return types[type];
}

hid_t file_h5_stored_type(enum column_type type)
{
    const hid_t types[N_COLUMN_TYPES] = {
        [COL_f64] = H5T_IEEE_F64LE, [COL_f32] = H5T_IEEE_F32LE, [COL_i64] = H5T_STD_I64LE, [COL_i32] = H5T_STD_I32LE,
        [COL_u32] = H5T_STD_U32LE,  [COL_i16] = H5T_STD_I16LE,  [COL_u16] = H5T_STD_U16LE, [COL_u8] = H5T_STD_U8LE,
    };
    return types[type];
}

enum column_type file_h5_column_type(hid_t stored)
{
    for (int i = 0; i < N_COLUMN_TYPES; i++)
        if (H5Tequal(stored, file_h5_stored_type((enum column_type)i)) > 0) return (enum column_type)i;
    return N_COLUMN_TYPES;
}

/* ---- files, groups, columns ------------------------------------------------------------------------------------ */
hid_t file_h5_access(void)
{
    H5dont_atexit(); /* what could not be closed after an error would be closed again at exit, and crash */
    H5open();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
#if H5_VERSION_GE(1, 10, 7) && !(H5_VERS_MAJOR == 1 && H5_VERS_MINOR == 12 && H5_VERS_RELEASE == 0)
    H5Pset_file_locking(access, 0, 1); /* Lustre and others refuse locks */
#endif
    return access;
}

/* A call of the library that succeeds forgets the reason of the one before: so fail first, then close. */
enum err file_h5_create(const char *path, unsigned how, hid_t access, hid_t *out)
{
    hid_t creation = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_obj_track_times(creation, 0);
    *out        = H5Fcreate(path, how, creation, access);
    enum err rc = *out < 0 ? file_h5_fail(ERR_WRITE, __FILE__, __LINE__, "cannot create %s", path) : ERR_OK;
    H5Pclose(creation);
    return rc;
}

enum err file_h5_open(const char *path, hid_t *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0, ERR_OPEN, "cannot open %s: %s", path, strerror(errno));
    close(fd);
    hid_t access = file_h5_access();
    enum err rc  = ERR_OK;
    *out         = H5Fopen(path, H5F_ACC_RDONLY, access);
    if (*out < 0)
        rc = file_h5_fail(file_h5_read_code(), __FILE__, __LINE__, "%s is damaged, unfinished or not an HDF5 file",
                          path);
    H5Pclose(access);
    return rc;
}

enum err file_h5_create_group(hid_t where, const char *name, hid_t *out)
{
    hid_t creation = H5Pcreate(H5P_GROUP_CREATE);
    H5Pset_obj_track_times(creation, 0);
    *out        = H5Gcreate2(where, name, H5P_DEFAULT, creation, H5P_DEFAULT);
    enum err rc = *out < 0 ? file_h5_fail(ERR_WRITE, __FILE__, __LINE__, "cannot create group %s", name) : ERR_OK;
    H5Pclose(creation);
    return rc;
}

hid_t file_h5_filtered(int rank, const hsize_t *chunk)
{
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(creation, 0);
    H5Pset_chunk(creation, rank, chunk);
    H5Pset_shuffle(creation);
    H5Pset_deflate(creation, FILE_DEFLATE_LEVEL);
    H5Pset_fletcher32(creation);
    return creation;
}

hsize_t file_h5_chunk_rows(const struct column *columns, size_t n_columns, uint64_t rows)
{
    size_t widest = 1;
    for (size_t i = 0; i < n_columns; i++) {
        size_t bytes = columns[i].width * column_size(columns[i].type);
        if (bytes > widest) widest = bytes;
    }
    hsize_t limit = n_columns == 1 ? MAX_CHUNK_BYTES / widest : MAX_CHUNK_ROWS; /* one column alone: samples, bytes */
    while (limit > MIN_CHUNK_ROWS && limit * widest > MAX_CHUNK_BYTES) limit /= 2;
    hsize_t chunk = MIN_CHUNK_ROWS;
    while (chunk < rows && chunk < limit) chunk *= 2;
    return chunk;
}

enum err file_h5_create_column(hid_t group, const struct column *column, hsize_t rows, hsize_t chunk, hid_t *out)
{
    hsize_t extent[2] = {rows, column->width};
    hsize_t max[2]    = {H5S_UNLIMITED, column->width};
    hsize_t chunks[2] = {chunk, column->width};
    int rank          = column->width > 1 ? 2 : 1;
    hid_t creation    = file_h5_filtered(rank, chunks);
    hid_t access      = H5Pcreate(H5P_DATASET_ACCESS);
    hid_t space       = H5Screate_simple(rank, extent, max);
    /* whole chunks are written: no cache, so that an error shows at once */
    H5Pset_chunk_cache(access, 1, 0, 1.0);
    *out = H5Dcreate2(group, column->name, file_h5_stored_type(column->type), space, H5P_DEFAULT, creation, access);
    enum err rc = ERR_OK;
    if (*out < 0) rc = file_h5_fail(ERR_WRITE, __FILE__, __LINE__, "cannot create column %s", column->name);
    H5Sclose(space);
    H5Pclose(access);
    H5Pclose(creation);
    if (rc) return rc;
    TRY(file_h5_set_text(*out, "units", column->unit));
    TRY(file_h5_set_text(*out, "long_name", column->doc));
    return ERR_OK;
}

static enum err select_rows(hid_t dataset, hsize_t first, hsize_t n, hid_t *file_space, hid_t *memory)
{
    hsize_t extent[2] = {0, 1};
    *memory = *file_space = -1;
    hid_t space           = H5Dget_space(dataset);
    int rank              = H5Sget_simple_extent_ndims(space);
    if (rank != 1 && rank != 2) {
        H5Sclose(space);
        FAIL(ERR_DATA, "a column has %d dimensions", rank);
    }
    H5Sget_simple_extent_dims(space, extent, NULL);
    if (first + n < n || first + n > extent[0]) {
        H5Sclose(space);
        FAIL(ERR_DATA, "rows %llu to %llu asked for, %llu are there", (unsigned long long)first,
             (unsigned long long)(first + n), (unsigned long long)extent[0]);
    }
    hsize_t start[2] = {first, 0}, count[2] = {n, extent[1]};
    *memory = H5Screate_simple(rank, count, NULL);
    if (n) {
        H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
    } else {
        H5Sselect_none(space);
        H5Sselect_none(*memory);
    }
    *file_space = space;
    return ERR_OK;
}

enum err file_h5_read_rows(hid_t dataset, enum column_type type, hsize_t first, hsize_t n, void *data)
{
    hid_t space, memory;
    if (n == 0) return ERR_OK;
    TRY(select_rows(dataset, first, n, &space, &memory));
    herr_t bad  = H5Dread(dataset, file_h5_type(type), memory, space, H5P_DEFAULT, data);
    enum err rc = bad < 0 ? file_h5_fail(file_h5_read_code(), __FILE__, __LINE__, "cannot read rows") : ERR_OK;
    H5Sclose(space);
    H5Sclose(memory);
    return rc;
}

enum err file_h5_write_together(hid_t dataset, enum column_type type, hsize_t first, hsize_t n, const void *data,
                                int is_collective)
{
    hid_t space, memory, transfer = H5P_DEFAULT;
    TRY(select_rows(dataset, first, n, &space, &memory));
    if (is_collective) {
        transfer = H5Pcreate(H5P_DATASET_XFER);
        H5Pset_dxpl_mpio(transfer, H5FD_MPIO_COLLECTIVE);
    }
    herr_t bad  = H5Dwrite(dataset, file_h5_type(type), memory, space, transfer, data);
    enum err rc = bad < 0 ? file_h5_fail(ERR_WRITE, __FILE__, __LINE__, "cannot write rows") : ERR_OK;
    if (is_collective) H5Pclose(transfer);
    H5Sclose(space);
    H5Sclose(memory);
    return rc;
}

enum err file_h5_write_rows(hid_t dataset, enum column_type type, hsize_t first, hsize_t n, const void *data)
{
    return file_h5_write_together(dataset, type, first, n, data, 0);
}

enum err file_h5_rows(hid_t dataset, uint64_t *out)
{
    hsize_t extent[H5S_MAX_RANK] = {0};
    hid_t space                  = H5Dget_space(dataset);
    int rank                     = H5Sget_simple_extent_dims(space, extent, NULL);
    H5Sclose(space);
    H5_REQUIRE(rank >= 1, ERR_DATA, "a dataset has no rows");
    *out = extent[0];
    return ERR_OK;
}

/* ---- attributes -------------------------------------------------------------------------------------------------- */
static enum err set_attribute(hid_t object, const char *name, hid_t stored, hid_t memory, const void *value)
{
    hid_t space     = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(object, name, stored, space, H5P_DEFAULT, H5P_DEFAULT);
    herr_t bad      = attribute < 0 ? -1 : H5Awrite(attribute, memory, value);
    enum err rc     = bad < 0 ? file_h5_fail(ERR_WRITE, __FILE__, __LINE__, "cannot write attribute %s", name) : ERR_OK;
    if (attribute >= 0) H5Aclose(attribute);
    H5Sclose(space);
    return rc;
}

enum err file_h5_set_text(hid_t object, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, strlen(text) + 1);
    H5Tset_cset(type, H5T_CSET_UTF8);
    enum err rc = set_attribute(object, name, type, type, text);
    H5Tclose(type);
    return rc;
}

enum err file_h5_set_i64(hid_t object, const char *name, int64_t value)
{
    return set_attribute(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
}

enum err file_h5_set_u64(hid_t object, const char *name, uint64_t value)
{
    return set_attribute(object, name, H5T_STD_U64LE, H5T_NATIVE_UINT64, &value);
}

enum err file_h5_set_f64(hid_t object, const char *name, double value)
{
    return set_attribute(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

static enum err open_attribute(hid_t object, const char *name, H5T_class_t class, hid_t *out)
{
    *out = H5Aexists(object, name) > 0 ? H5Aopen(object, name, H5P_DEFAULT) : -1;
    REQUIRE(*out >= 0, ERR_DATA, "attribute %s is missing", name);
    hid_t type = H5Aget_type(*out), space = H5Aget_space(*out);
    int is_ok =
        H5Tget_class(type) == class && H5Sget_simple_extent_npoints(space) == 1 && H5Tis_variable_str(type) <= 0;
    H5Sclose(space);
    H5Tclose(type);
    if (is_ok) return ERR_OK;
    H5Aclose(*out);
    FAIL(ERR_DATA, "attribute %s has another type", name);
}

enum err file_h5_get_text(hid_t object, const char *name, char **out)
{
    hid_t attribute = -1;
    TRY(open_attribute(object, name, H5T_STRING, &attribute));
    hid_t type  = H5Aget_type(attribute);
    enum err rc = mem_alloc(out, H5Tget_size(type) + 1, 1);
    if (!rc && H5Aread(attribute, type, *out) < 0) {
        rc = file_h5_fail(file_h5_read_code(), __FILE__, __LINE__, "cannot read attribute %s", name);
        mem_free(*out);
        *out = NULL;
    }
    H5Tclose(type);
    H5Aclose(attribute);
    return rc;
}

enum err file_h5_get_short_text(hid_t object, const char *name, char *out, size_t size)
{
    char *text = NULL;
    TRY(file_h5_get_text(object, name, &text));
    snprintf(out, size, "%s", text);
    mem_free(text);
    return ERR_OK;
}

static enum err get_number(hid_t object, const char *name, H5T_class_t class, hid_t memory, void *out)
{
    hid_t attribute = -1;
    TRY(open_attribute(object, name, class, &attribute));
    herr_t bad = H5Aread(attribute, memory, out);
    H5Aclose(attribute);
    H5_REQUIRE(bad >= 0, file_h5_read_code(), "cannot read attribute %s", name);
    return ERR_OK;
}

enum err file_h5_get_i64(hid_t object, const char *name, int64_t *out)
{
    return get_number(object, name, H5T_INTEGER, H5T_NATIVE_INT64, out);
}

enum err file_h5_get_u64(hid_t object, const char *name, uint64_t *out)
{
    return get_number(object, name, H5T_INTEGER, H5T_NATIVE_UINT64, out);
}

enum err file_h5_get_f64(hid_t object, const char *name, double *out)
{
    return get_number(object, name, H5T_FLOAT, H5T_NATIVE_DOUBLE, out);
}

/* ---- names --------------------------------------------------------------------------------------------------------- */
struct names {
    char **name;
    size_t n;
    enum err rc;
};

static herr_t add_name(hid_t group, const char *name, const H5L_info_t *info, void *arg)
{
    (void)group, (void)info;
    struct names *list = arg;
    list->rc           = mem_resize(&list->name, list->n, list->n + 1, sizeof *list->name);
    if (list->rc) return -1;
    list->name[list->n] = mem_string(name);
    if (!list->name[list->n]) list->rc = ERR_MEMORY;
    list->n++;
    return list->rc ? -1 : 0;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

enum err file_h5_names(hid_t group, char ***out, size_t *n)
{
    struct names list = {0};
    /* in the file's own order: to sort, HDF5 1.10 makes a table that it frees wrongly when the group is damaged */
    herr_t bad = H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, add_name, &list);
    if (bad >= 0 && list.n) qsort(list.name, list.n, sizeof *list.name, by_name);
    *out = list.name;
    *n   = list.n;
    if (bad >= 0) return ERR_OK;
    file_h5_free_names(list.name, list.n);
    *out = NULL;
    *n   = 0;
    H5_REQUIRE(list.rc, file_h5_read_code(), "cannot list a group");
    return list.rc;
}

void file_h5_free_names(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++) mem_free(names[i]);
    mem_free(names);
}
