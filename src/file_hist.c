/* Histograms in files: integer datasets with their axes as attributes. */
#include "file_h5.h"

#include "mem.h"

#include <stdio.h>
#include <string.h>

#define SQUARES "_squares"
enum { MAX_CHUNK_CELLS = 65536 };

/* ---- writing ----------------------------------------------------------------------------------------------------- */
static enum err set_axis(hid_t dataset, char letter, const struct hist_axis *a)
{
    char name[16];
    snprintf(name, sizeof name, "%c_n", letter);
    TRY(file_h5_set_i64(dataset, name, a->n));
    snprintf(name, sizeof name, "%c_low", letter);
    TRY(file_h5_set_f64(dataset, name, a->low));
    snprintf(name, sizeof name, "%c_high", letter);
    TRY(file_h5_set_f64(dataset, name, a->high));
    snprintf(name, sizeof name, "%c_label", letter);
    TRY(file_h5_set_text(dataset, name, a->label));
    snprintf(name, sizeof name, "%c_unit", letter);
    return file_h5_set_text(dataset, name, a->unit);
}

static enum err write_cells(hid_t group, const char *name, const struct hist *h, const int64_t *cells, hid_t *out)
{
    hsize_t extent[2] = {(hsize_t)h->x.n, (hsize_t)h->y.n}, chunk[2] = {extent[0], extent[1]};
    if (chunk[1] > MAX_CHUNK_CELLS) chunk[1] = MAX_CHUNK_CELLS;
    if (chunk[0] * chunk[1] > MAX_CHUNK_CELLS) chunk[0] = MAX_CHUNK_CELLS / chunk[1];
    int rank       = h->y.n > 1 ? 2 : 1;
    hid_t creation = file_h5_filtered(rank, chunk);
    hid_t space    = H5Screate_simple(rank, extent, NULL);
    *out           = H5Dcreate2(group, name, H5T_STD_I64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    enum err rc    = ERR_OK;
    if (*out < 0) rc = file_h5_fail(ERR_WRITE, __FILE__, __LINE__, "cannot create histogram %s", h->name);
    H5Sclose(space);
    H5Pclose(creation);
    if (rc) return rc;
    H5_REQUIRE(H5Dwrite(*out, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, cells) >= 0, ERR_WRITE,
               "cannot write histogram %s", h->name);
    TRY(file_h5_set_text(*out, "units", "1"));
    TRY(file_h5_set_text(*out, "long_name", h->title));
    return file_h5_set_f64(*out, "quantum", h->quantum);
}

static enum err write_hist(hid_t group, const char *name, const struct hist *h)
{
    hid_t dataset = -1;
    TRY(write_cells(group, name, h, h->content, &dataset));
    TRY(file_h5_set_text(dataset, "title", h->title));
    TRY(set_axis(dataset, 'x', &h->x));
    TRY(set_axis(dataset, 'y', &h->y));
    TRY(file_h5_set_i64(dataset, "n_entries", h->n_entries));
    TRY(file_h5_set_i64(dataset, "n_outside", h->n_outside));
    H5_REQUIRE(H5Dclose(dataset) >= 0, ERR_WRITE, "cannot close histogram %s", h->name);
    if (!h->squares) return ERR_OK;
    char squares[sizeof h->name + sizeof SQUARES];
    snprintf(squares, sizeof squares, "%s" SQUARES, name);
    TRY(write_cells(group, squares, h, h->squares, &dataset));
    TRY(file_h5_set_text(dataset, "squares_of", name));
    H5_REQUIRE(H5Dclose(dataset) >= 0, ERR_WRITE, "cannot close histogram %s", h->name);
    return ERR_OK;
}

/* Makes the folders of a name like "wiggle/t_method"; *group is the last, *leaf the rest. */
static enum err enter(hid_t top, const char *name, hid_t *group, const char **leaf)
{
    *group = H5Gopen2(top, ".", H5P_DEFAULT);
    while ((*leaf = strchr(name, '/'))) {
        char folder[96];
        snprintf(folder, sizeof folder, "%.*s", (int)(*leaf - name), name);
        hid_t next  = -1;
        enum err rc = ERR_OK;
        if (H5Lexists(*group, folder, H5P_DEFAULT) > 0)
            next = H5Gopen2(*group, folder, H5P_DEFAULT);
        else
            rc = file_h5_create_group(*group, folder, &next);
        H5Gclose(*group);
        *group = next;
        if (rc) return rc;
        REQUIRE(next >= 0, ERR_LOGIC, "histogram %s: %s is a histogram too", name, folder);
        name = *leaf + 1;
    }
    *leaf = name;
    return ERR_OK;
}

uint64_t file_h5_hist_bytes(const struct hist_set *hists)
{
    uint64_t bytes = 0;
    for (size_t i = 0; hists && i < hists->n; i++) {
        const struct hist *h = hists->hist[i];
        uint64_t cells       = (uint64_t)(h->x.n * h->y.n);
        if (cells > MAX_CHUNK_CELLS) cells += MAX_CHUNK_CELLS; /* the last chunk may be half empty */
        bytes += (h->squares ? 2 : 1) * (cells * sizeof(int64_t) + 4096);
    }
    return bytes;
}

enum err file_h5_write_hists(hid_t file, const struct hist_set *hists)
{
    hid_t top;
    TRY(file_h5_create_group(file, "hist", &top));
    enum err rc = ERR_OK;
    for (size_t i = 0; !rc && hists && i < hists->n; i++) {
        hid_t group = -1;
        const char *leaf;
        rc = enter(top, hists->hist[i]->name, &group, &leaf);
        if (rc) break;
        rc = write_hist(group, leaf, hists->hist[i]);
        H5Gclose(group);
    }
    H5Gclose(top);
    return rc;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */
static enum err get_axis(hid_t dataset, char letter, struct hist_axis *a)
{
    char name[16];
    snprintf(name, sizeof name, "%c_n", letter);
    TRY(file_h5_get_i64(dataset, name, &a->n));
    snprintf(name, sizeof name, "%c_low", letter);
    TRY(file_h5_get_f64(dataset, name, &a->low));
    snprintf(name, sizeof name, "%c_high", letter);
    TRY(file_h5_get_f64(dataset, name, &a->high));
    snprintf(name, sizeof name, "%c_label", letter);
    TRY(file_h5_get_short_text(dataset, name, a->label, sizeof a->label));
    snprintf(name, sizeof name, "%c_unit", letter);
    TRY(file_h5_get_short_text(dataset, name, a->unit, sizeof a->unit));
    REQUIRE(a->n > 0 && a->n < (1 << 30) && a->high > a->low, ERR_DATA, "axis %c has no bins or no width", letter);
    return ERR_OK;
}

static enum err add_cells(hid_t dataset, const struct hist *h, int64_t *into)
{
    hid_t space       = H5Dget_space(dataset);
    hssize_t n_stored = H5Sget_simple_extent_npoints(space);
    H5Sclose(space);
    int64_t *cells, n = h->x.n * h->y.n;
    REQUIRE(n_stored == n, ERR_DATA, "%lld cells stored, %lld expected", (long long)n_stored, (long long)n);
    TRY(mem_alloc(&cells, (size_t)n, sizeof *cells));
    herr_t bad  = H5Dread(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, cells);
    enum err rc = bad < 0 ? file_h5_fail(file_h5_read_code(), __FILE__, __LINE__, "cannot read") : ERR_OK;
    for (int64_t i = 0; !rc && i < n; i++) into[i] += cells[i];
    mem_free(cells);
    return rc;
}

static enum err read_squares(hid_t group, const char *name, struct hist *h)
{
    char squares[sizeof h->name + sizeof SQUARES];
    snprintf(squares, sizeof squares, "%s" SQUARES, name);
    hid_t dataset = H5Dopen2(group, squares, H5P_DEFAULT);
    H5_REQUIRE(dataset >= 0, ERR_DATA, "cannot open its squares");
    enum err rc = add_cells(dataset, h, h->squares);
    H5Dclose(dataset);
    return rc;
}

static enum err read_hist(hid_t group, const char *name, const char *full, hid_t dataset, struct hist_set *set)
{
    struct hist_axis x, y;
    char title[160], squares[sizeof((struct hist *)0)->name + sizeof SQUARES];
    int64_t n_entries, n_outside;
    double quantum;
    TRY(get_axis(dataset, 'x', &x));
    TRY(get_axis(dataset, 'y', &y));
    TRY(file_h5_get_short_text(dataset, "title", title, sizeof title));
    TRY(file_h5_get_i64(dataset, "n_entries", &n_entries));
    TRY(file_h5_get_i64(dataset, "n_outside", &n_outside));
    TRY(file_h5_get_f64(dataset, "quantum", &quantum));
    snprintf(squares, sizeof squares, "%s" SQUARES, name);
    int has_squares = H5Lexists(group, squares, H5P_DEFAULT) > 0;
    struct hist *h;
    size_t n_before = set->n;
    TRY(hist_book(set, full, title, x, y, has_squares, &h));
    if (set->n > n_before) h->quantum = quantum;
    REQUIRE(!(h->quantum < quantum) && !(h->quantum > quantum), ERR_MISMATCH,
            "it counts in units of %g, another file in %g", quantum, h->quantum);
    TRY(add_cells(dataset, h, h->content));
    if (has_squares) TRY(read_squares(group, name, h));
    h->n_entries += n_entries;
    h->n_outside += n_outside;
    return ERR_OK;
}

static enum err read_group(hid_t group, const char *prefix, struct hist_set *set);

static enum err read_link(hid_t group, const char *name, const char *prefix, struct hist_set *set)
{
    char full[sizeof((struct hist *)0)->name];
    int length = snprintf(full, sizeof full, "%s%s%s", prefix, prefix[0] ? "/" : "", name);
    REQUIRE(length > 0 && (size_t)length < sizeof full, ERR_DATA, "a histogram's name is too long: %s", full);
    hid_t object = H5Oopen(group, name, H5P_DEFAULT);
    H5_REQUIRE(object >= 0, file_h5_read_code(), "cannot open histogram %s", full);
    enum err rc = ERR_OK;
    if (H5Iget_type(object) == H5I_GROUP)
        rc = read_group(object, full, set);
    else if (H5Aexists(object, "squares_of") <= 0)
        rc = read_hist(group, name, full, object, set);
    H5Oclose(object);
    return rc ? err_context(rc, "histogram %s", full) : ERR_OK;
}

static enum err read_group(hid_t group, const char *prefix, struct hist_set *set)
{
    char **names;
    size_t n;
    enum err rc = ERR_OK;
    TRY(file_h5_names(group, &names, &n));
    for (size_t i = 0; !rc && i < n; i++) rc = read_link(group, names[i], prefix, set);
    file_h5_free_names(names, n);
    return rc;
}

enum err file_h5_read_hists(hid_t file, struct hist_set *set)
{
    hid_t top = H5Gopen2(file, "hist", H5P_DEFAULT);
    H5_REQUIRE(top >= 0, file_h5_read_code(), "there is no group hist");
    enum err rc = read_group(top, "", set);
    H5Gclose(top);
    return rc;
}
