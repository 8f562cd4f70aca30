/* Columns of a group of any HDF5 file. */
#include "file_h5.h"

#include "mem.h"

#include <stdio.h>
#include <string.h>

/* Text of either kind: of fixed length (ours, C programs) or variable (h5py). "" if there is none. */
static enum err read_units(hid_t dataset, char **out)
{
    char *variable = NULL, *fixed = NULL;
    hid_t attribute = H5Aexists(dataset, "units") > 0 ? H5Aopen(dataset, "units", H5P_DEFAULT) : -1;
    hid_t type      = attribute >= 0 ? H5Aget_type(attribute) : -1;
    hid_t space     = attribute >= 0 ? H5Aget_space(attribute) : -1;
    bool is_text    = type >= 0 && H5Tget_class(type) == H5T_STRING && H5Sget_simple_extent_npoints(space) == 1;
    bool is_read    = false;
    enum err rc     = ERR_OK;
    if (is_text && H5Tis_variable_str(type) > 0) {
        is_read = H5Aread(attribute, type, &variable) >= 0 && variable;
    } else if (is_text) {
        rc      = mem_alloc(&fixed, H5Tget_size(type) + 1, 1);
        is_read = !rc && H5Aread(attribute, type, fixed) >= 0;
    }
    *out = mem_string(!is_read ? "" : variable ? variable : fixed);
    if (variable) H5free_memory(variable);
    mem_free(fixed);
    if (space >= 0) H5Sclose(space);
    if (type >= 0) H5Tclose(type);
    if (attribute >= 0) H5Aclose(attribute);
    REQUIRE(*out, ERR_MEMORY, "out of memory");
    return rc;
}

static bool is_column(hid_t object, uint64_t *rows)
{
    if (object < 0 || H5Iget_type(object) != H5I_DATASET) return false;
    hsize_t extent[H5S_MAX_RANK] = {0};
    hid_t type = H5Dget_type(object), space = H5Dget_space(object);
    H5T_class_t class = H5Tget_class(type);
    bool is_so        = (class == H5T_INTEGER || class == H5T_FLOAT) && H5Sget_simple_extent_ndims(space) == 1 &&
                 H5Sget_simple_extent_dims(space, extent, NULL) == 1;
    H5Sclose(space);
    H5Tclose(type);
    *rows = extent[0];
    return is_so;
}

static enum err list(hid_t group, char **links, size_t n_links, char **names, char **units, uint64_t *rows, size_t *n)
{
    for (size_t i = 0; i < n_links; i++) {
        hid_t object = H5Oopen(group, links[i], H5P_DEFAULT);
        enum err rc  = ERR_OK;
        if (is_column(object, &rows[*n])) {
            names[*n] = mem_string(links[i]);
            rc        = read_units(object, &units[*n]);
            (*n)++;
        }
        if (object >= 0) H5Oclose(object);
        if (rc) return rc;
        REQUIRE(*n == 0 || names[*n - 1], ERR_MEMORY, "out of memory");
    }
    return ERR_OK;
}

static enum err open_group(const char *path, const char *name, hid_t *file, hid_t *group)
{
    TRY(file_h5_open(path, file));
    *group      = *name && H5Lexists(*file, name, H5P_DEFAULT) > 0 ? H5Gopen2(*file, name, H5P_DEFAULT) : -1;
    enum err rc = ERR_OK;
    if (*group >= 0) return ERR_OK;
    rc = err_fail(ERR_DATA, __FILE__, __LINE__, "there is no such group");
    H5Fclose(*file);
    return rc;
}

enum err file_columns_list(const char *path, const char *group, char ***names, char ***units, uint64_t **n_rows,
                           size_t *n)
{
    hid_t file = -1, where = -1;
    char **links   = NULL;
    size_t n_links = 0;
    *names = *units = NULL;
    *n_rows         = NULL;
    *n              = 0;
    TRY(open_group(path, group, &file, &where));
    enum err rc = file_h5_names(where, &links, &n_links);
    if (!rc) rc = mem_alloc(names, n_links + 1, sizeof **names);
    if (!rc) rc = mem_alloc(units, n_links + 1, sizeof **units);
    if (!rc) rc = mem_alloc(n_rows, n_links + 1, sizeof **n_rows);
    if (!rc) rc = list(where, links, n_links, *names, *units, *n_rows, n);
    if (links) file_h5_free_names(links, n_links);
    H5Gclose(where);
    H5Fclose(file);
    if (!rc) return ERR_OK;
    file_h5_free_names(*names, *n);
    file_h5_free_names(*units, *units ? *n : 0);
    mem_free(*n_rows);
    *names = *units = NULL;
    *n_rows         = NULL;
    *n              = 0;
    return rc;
}

enum err file_column_read(const char *path, const char *group, const char *name, size_t n, double *out)
{
    hid_t file = -1, where = -1;
    TRY(open_group(path, group, &file, &where));
    hid_t dataset = H5Dopen2(where, name, H5P_DEFAULT);
    enum err rc   = ERR_OK;
    if (dataset < 0)
        rc = file_h5_fail(file_h5_read_code(), __FILE__, __LINE__, "cannot open it");
    else
        rc = file_h5_read_rows(dataset, COL_f64, 0, n, out);
    if (dataset >= 0) H5Dclose(dataset);
    H5Gclose(where);
    H5Fclose(file);
    return rc ? err_context(rc, "column %s", name) : ERR_OK;
}
