/* Unit files: rows are collected in memory and written in whole chunks. */
#include "file_chunk.h"
#include "file_h5.h"
#include "file_room.h"

#include "mem.h"
#include "publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { N_IDS = 3, MAX_COLUMNS = TABLE_MAX_COLUMNS + N_IDS, MARGIN = 1 << 16 };

static const struct column id_columns[N_IDS] = {
    {"run", COL_u32, 1, "1", "run number"},
    {"subrun", COL_u32, 1, "1", "subrun number"},
    {"event", COL_u32, 1, "1", "event number: fills count from 1 in each subrun; 0 in tables of the whole unit"},
};
static const struct column index_columns[] = {
    {"first", COL_i64, 1, "1", "first row of this fill"},
    {"count", COL_i64, 1, "1", "rows of this fill"},
};
static const struct column units_columns[] = {
    {"n_fills", COL_i64, 1, "1", "fills in this unit"},
    {"n_planned", COL_i64, 1, "1", "fills it was to have; -1: all of its input"},
};
const struct table file_index_table = {"index", "", "rows of each fill", true, index_columns, 2};
const struct table file_units_table = {"units", "", "units in this file", true, units_columns, 2};

/* One group that grows. */
struct sink {
    struct unit_file *file;
    hid_t group;
    size_t n_columns, n_ids;
    struct column column[MAX_COLUMNS];
    hid_t dataset[MAX_COLUMNS];
    unsigned char *buffer[MAX_COLUMNS];
    hsize_t chunk;
    size_t n_buffered, capacity;
    uint64_t n_written;
};

struct table_pair {
    char name[64];
    struct sink rows, index;
};

struct unit_file {
    char *path, *part;
    int fd; /* of the .part, so that what is published is what was written */
    int64_t reserved;
    hid_t file;
    struct file_chunk *chunks;
    struct unit unit;
    struct table_pair **pair;
    size_t n_pairs;
    enum err first_error;
    char first_message[1024];
};

/* Before a step that writes this much. */
static enum err make_room(struct unit_file *f, uint64_t bytes)
{
    hsize_t size;
    H5_REQUIRE(H5Fget_filesize(f->file, &size) >= 0, ERR_WRITE, "the size of %s is unknown", f->part);
    int64_t needed = (int64_t)(size + bytes) + MARGIN;
    if (needed <= f->reserved) return ERR_OK;
    f->reserved = needed;
    return file_room_reserve(f->fd, f->part, needed);
}

/* ---- one group ------------------------------------------------------------------------------------------------- */
static size_t row_bytes(const struct column *c) { return c->width * column_size(c->type); }

static enum err sink_open(struct sink *s, struct unit_file *file, hid_t where, const char *name,
                          const struct table *table, int has_ids)
{
    REQUIRE(table->n_columns <= TABLE_MAX_COLUMNS, ERR_LOGIC, "table %s has too many columns", table->name);
    s->file      = file;
    s->n_ids     = has_ids ? N_IDS : 0;
    s->n_columns = table->n_columns + s->n_ids;
    if (has_ids) memcpy(s->column, id_columns, sizeof id_columns);
    memcpy(s->column + s->n_ids, table->columns, table->n_columns * sizeof *table->columns);
    for (size_t i = 0; i < s->n_columns; i++) s->dataset[i] = -1;
    s->chunk = file_h5_chunk_rows(s->column, s->n_columns, UINT64_MAX);
    TRY(file_h5_create_group(where, name, &s->group));
    TRY(file_h5_set_text(s->group, "table", table->name));
    TRY(file_h5_set_text(s->group, "tier", table->tier));
    return file_h5_set_text(s->group, "long_name", table->doc);
}

static enum err sink_create_columns(struct sink *s)
{
    if (s->dataset[0] >= 0) return ERR_OK;
    /* nothing written yet: a table that ends here is small */
    if (s->n_buffered < s->chunk) s->chunk = file_h5_chunk_rows(s->column, s->n_columns, s->n_buffered);
    for (size_t i = 0; i < s->n_columns; i++)
        TRY(file_h5_create_column(s->group, &s->column[i], 0, s->chunk, &s->dataset[i]));
    return ERR_OK;
}

static enum err sink_flush(struct sink *s)
{
    TRY(sink_create_columns(s));
    if (s->n_buffered == 0) return ERR_OK;
    uint64_t n = s->n_written + s->n_buffered, bytes = 0;
    for (size_t i = 0; i < s->n_columns; i++) bytes += s->chunk * row_bytes(&s->column[i]);
    TRY(make_room(s->file, bytes));
    for (size_t i = 0; i < s->n_columns; i++) {
        hsize_t extent[2] = {n, s->column[i].width};
        H5_REQUIRE(H5Dset_extent(s->dataset[i], extent) >= 0, ERR_WRITE, "cannot extend column %s", s->column[i].name);
        TRY(file_chunk_write(s->file->chunks, s->dataset[i], &s->column[i], s->chunk, s->n_written, s->n_buffered,
                             s->buffer[i]));
    }
    s->n_written  = n;
    s->n_buffered = 0;
    return ERR_OK;
}

static enum err sink_grow(struct sink *s, size_t n)
{
    if (n <= s->capacity) return ERR_OK;
    size_t capacity = 2 * s->capacity > n ? 2 * s->capacity : n;
    if (capacity < 64) capacity = 64;
    if (capacity > s->chunk) capacity = s->chunk;
    for (size_t i = 0; i < s->n_columns; i++)
        TRY(mem_resize(&s->buffer[i], s->n_buffered, capacity, row_bytes(&s->column[i])));
    s->capacity = capacity;
    return ERR_OK;
}

static void copy_rows(struct sink *s, size_t k, void *const *data, size_t from, const uint32_t id[N_IDS])
{
    for (size_t i = 0; s->n_ids && i < N_IDS; i++) {
        uint32_t *to = (uint32_t *)(void *)s->buffer[i] + s->n_buffered, value = id[i];
        for (size_t r = 0; r < k; r++) to[r] = value;
    }
    for (size_t i = s->n_ids; i < s->n_columns; i++) {
        size_t bytes              = row_bytes(&s->column[i]);
        const unsigned char *rows = data[i - s->n_ids]; /* NOLINT(clang-analyzer-*): one for each column of the table */
        memcpy(s->buffer[i] + s->n_buffered * bytes, rows + from * bytes, k * bytes);
    }
}

static enum err sink_append(struct sink *s, size_t n, void *const *data, const uint32_t id[N_IDS])
{
    for (size_t from = 0; from < n;) {
        size_t room = s->chunk - s->n_buffered, k = n - from < room ? n - from : room;
        TRY(sink_grow(s, s->n_buffered + k));
        copy_rows(s, k, data, from, id);
        s->n_buffered += k;
        from += k;
        if (s->n_buffered == s->chunk) TRY(sink_flush(s));
    }
    return ERR_OK;
}

static enum err sink_close(struct sink *s)
{
    TRY(sink_flush(s));
    TRY(file_h5_set_i64(s->group, "n_rows", (int64_t)s->n_written));
    for (size_t i = 0; i < s->n_columns; i++)
        H5_REQUIRE(H5Dclose(s->dataset[i]) >= 0, ERR_WRITE, "cannot close column %s", s->column[i].name);
    H5_REQUIRE(H5Gclose(s->group) >= 0, ERR_WRITE, "cannot close a group");
    return ERR_OK;
}

static void sink_free(struct sink *s)
{
    for (size_t i = 0; i < s->n_columns; i++) mem_free(s->buffer[i]);
}

/* ---- provenance ---------------------------------------------------------------------------------------------------- */
enum err file_h5_write_provenance(hid_t file, const struct provenance *p)
{
    char libraries[64];
    unsigned major, minor, release;
    H5get_libversion(&major, &minor, &release);
    snprintf(libraries, sizeof libraries, "hdf5 %u.%u.%u, zlib %s", major, minor, release, zlibVersion());
    const struct {
        const char *name, *text;
    } texts[] = {
        {"format", FILE_FORMAT_NAME},
        {"process_name", p->process_name},
        {"release", p->release},
        {"git_commit", p->git_commit},
        {"configuration", p->config_text},
        {"config_id", p->config_id},
        {"isa", p->isa},
        {"constants_set", p->constants_set},
        {"conditions_tag", p->conditions_tag},
        {"parents", p->parents},
        {"fcl_commit", p->fcl_commit},
        {"metadata", p->words},
        {"libraries", libraries},
    };
    TRY(file_h5_set_i64(file, "format_version", FILE_FORMAT_VERSION));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        TRY(file_h5_set_text(file, texts[i].name, texts[i].text ? texts[i].text : ""));
    return file_h5_set_u64(file, "seed", p->seed);
}

/* ---- the file -------------------------------------------------------------------------------------------------- */
static void unit_file_free(struct unit_file *f)
{
    if (f->file >= 0) {
        file_room_divert(f->part, f->fd);
        H5Fclose(f->file);
    }
    if (f->fd >= 0) close(f->fd);
    for (size_t i = 0; i < f->n_pairs; i++) {
        sink_free(&f->pair[i]->rows);
        sink_free(&f->pair[i]->index);
        mem_free(f->pair[i]);
    }
    file_chunk_free(f->chunks);
    mem_free(f->pair);
    mem_free(f->path);
    mem_free(f->part);
    mem_free(f);
}

/* A full disk shows at one call and not at the next: the first error of a file is the one that counts. */
static enum err keep(struct unit_file *f, enum err rc)
{
    if (!rc) return ERR_OK;
    err_context(rc, "writing %s", f->part);
    if (!f->first_error) {
        f->first_error = rc;
        snprintf(f->first_message, sizeof f->first_message, "%s", err_message());
    }
    return rc;
}

static enum err first_error(struct unit_file *f)
{
    if (f->first_error) FAIL(f->first_error, "%s", f->first_message);
    return ERR_OK;
}

static enum err open_part(struct unit_file *f, const struct provenance *p)
{
    struct stat own, opened;
    void *handle = NULL;
    unlink(f->part); /* a left-over */
    f->fd = open(f->part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    REQUIRE(f->fd >= 0, ERR_WRITE, "cannot create %s: %s", f->part, strerror(errno));
    hid_t access = file_h5_access();
    enum err rc  = file_h5_create(f->part, H5F_ACC_TRUNC, access, &f->file);
    H5Pclose(access);
    if (rc) return rc;
    H5_REQUIRE(H5Fget_vfd_handle(f->file, H5P_DEFAULT, &handle) >= 0, ERR_WRITE, "%s has no descriptor", f->part);
    REQUIRE(fstat(f->fd, &own) == 0 && fstat(*(int *)handle, &opened) == 0 && own.st_ino == opened.st_ino, ERR_MISMATCH,
            "%s was taken away: somebody else is making %s", f->part, f->path);
    TRY(make_room(f, strlen(p->config_text) + (p->parents ? strlen(p->parents) : 0)));
    return file_h5_write_provenance(f->file, p);
}

/* The file that a unit was read from stands before those that modules read. */
static enum err list_parents(const struct unit *unit, const char *others, char **out)
{
    const char *slash = unit->source ? strrchr(unit->source, '/') : NULL;
    const char *own   = slash ? slash + 1 : unit->source ? unit->source : "";
    if (!others) others = "";
    size_t room = strlen(own) + strlen(others) + 2;
    TRY(mem_alloc(out, room, 1));
    snprintf(*out, room, "%s%s%s", own, *own && *others ? "\n" : "", others);
    return ERR_OK;
}

enum err unit_file_create(const char *path, const struct provenance *provenance, const struct unit *unit,
                          struct unit_file **out)
{
    struct unit_file *f;
    struct provenance own = *provenance;
    char *parents         = NULL;
    enum err rc;
    *out = NULL;
    TRY(mem_alloc(&f, 1, sizeof *f));
    f->fd    = -1;
    f->file  = -1;
    f->unit  = *unit;
    size_t n = strlen(path) + strlen(publish_part_suffix()) + 1;
    f->path  = mem_string(path);
    if (!f->path) FAIL_TO(failed, ERR_MEMORY, "out of memory");
    TRY_TO(failed, mem_alloc(&f->part, n, 1));
    snprintf(f->part, n, "%s%s", path, publish_part_suffix());
    TRY_TO(failed, file_chunk_create(FILE_DEFLATE_LEVEL, &f->chunks));
    TRY_TO(failed, list_parents(unit, provenance->parents, &parents));
    own.parents = parents;
    TRY_TO(failed, open_part(f, &own));
    mem_free(parents);
    *out = f;
    return ERR_OK;
failed:
    mem_free(parents);
    unit_file_abandon(f);
    return rc;
}

static enum err find_pair(struct unit_file *f, const char *group, const struct table *table, struct table_pair **out)
{
    for (size_t i = 0; i < f->n_pairs; i++)
        if (strcmp(f->pair[i]->name, group) == 0) {
            *out = f->pair[i];
            return ERR_OK;
        }
    REQUIRE(!strchr(group, '/') && strlen(group) < sizeof(*out)->name && group[0] && strcmp(group, "hist") != 0 &&
                strcmp(group, "units") != 0,
            ERR_LOGIC, "\"%s\" cannot be the name of a table group", group);
    TRY(mem_resize(&f->pair, f->n_pairs, f->n_pairs + 1, sizeof(struct table_pair *)));
    TRY(mem_alloc(out, 1, sizeof **out));
    struct table_pair *pair = f->pair[f->n_pairs++] = *out;
    snprintf(pair->name, sizeof pair->name, "%s", group);
    /* samples and bytes: 12 bytes of ids beside each would outweigh them; their index has the ids */
    TRY(sink_open(&pair->rows, f, f->file, group, table, table->n_columns > 1));
    TRY(sink_open(&pair->index, f, pair->rows.group, "index", &file_index_table, 1));
    return ERR_OK;
}

static enum err append(struct unit_file *f, const char *group, const struct block *block, const struct fill *fill)
{
    struct table_pair *pair;
    TRY(find_pair(f, group, block->table, &pair));
    int64_t first = (int64_t)(pair->rows.n_written + pair->rows.n_buffered), count = (int64_t)block->n;
    uint32_t id[N_IDS] = {fill->run, fill->subrun, fill->event};
    TRY(sink_append(&pair->rows, block->n, block->data, id));
    void *const index[] = {&first, &count};
    return sink_append(&pair->index, 1, index, id);
}

enum err unit_file_append(struct unit_file *file, const char *group, const struct block *block, const struct fill *fill)
{
    TRY(first_error(file));
    return keep(file, append(file, group, block, fill));
}

static enum err write_units(struct unit_file *f, int64_t n_fills)
{
    struct sink s         = {0};
    uint32_t id[N_IDS]    = {f->unit.run, f->unit.subrun, 0};
    int64_t planned       = f->unit.n_fills;
    void *const numbers[] = {&n_fills, &planned};
    enum err rc           = sink_open(&s, f, f->file, "units", &file_units_table, 1);
    if (!rc) rc = sink_append(&s, 1, numbers, id);
    if (!rc) rc = sink_close(&s);
    sink_free(&s);
    return rc;
}

static enum err finish(struct unit_file *f, const struct hist_set *hists, int64_t n_fills)
{
    for (size_t i = 0; i < f->n_pairs; i++) {
        TRY(sink_close(&f->pair[i]->index));
        TRY(sink_close(&f->pair[i]->rows));
    }
    TRY(write_units(f, n_fills));
    TRY(make_room(f, file_h5_hist_bytes(hists)));
    TRY(file_h5_write_hists(f->file, hists));
    TRY(file_h5_set_i64(f->file, "is_complete", 1));
    TRY(make_room(f, 0));
    H5_REQUIRE(H5Fflush(f->file, H5F_SCOPE_GLOBAL) >= 0, ERR_WRITE, "cannot flush");
    herr_t bad = H5Fclose(f->file);
    f->file    = -1;
    H5_REQUIRE(bad >= 0, ERR_WRITE, "cannot close");
    TRY(file_room_trim(f->fd, f->part));
    REQUIRE(fsync(f->fd) == 0, ERR_WRITE, "cannot sync: %s", strerror(errno));
    return file_h5_verify(f->part, 0, 1) ? ERR_WRITE : ERR_OK; /* it is not the input that is damaged */
}

enum err unit_file_finish(struct unit_file *file, const struct hist_set *hists, int64_t n_fills)
{
    TRY(first_error(file));
    return keep(file, finish(file, hists, n_fills));
}

enum err unit_file_publish(struct unit_file *file)
{
    TRY(first_error(file));
    TRY(publish_descriptor(file->fd, file->part, file->path));
    unit_file_free(file);
    return ERR_OK;
}

void unit_file_abandon(struct unit_file *file)
{
    if (!file) return;
    struct stat own, named;
    if (file->fd >= 0 && fstat(file->fd, &own) == 0 && stat(file->part, &named) == 0 && own.st_ino == named.st_ino)
        unlink(file->part);
    unit_file_free(file);
}
