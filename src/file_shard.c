/* Shards: the units' tables one after the other, written by all ranks together.
 *
 * Columns pass through in windows, so memory is bounded. Rank 0 looks through the units and tells the others what to
 * do; each rank then fills a run of whole chunks. After each step the ranks agree on the outcome, so that none is left
 * alone in a collective call. What is small and not parallel (histograms, root attributes) rank 0 adds at the end. */
#include "file_chunk.h"
#include "file_plan.h"
#include "file_room.h"
#include "log.h"
#include "mem.h"
#include "publish.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mpi.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { N_OPEN = 32, WINDOW_BYTES = 1 << 22, MAX_PATH = 4096 };

struct shard {
    int rank, n_ranks; /* 0, 1 without MPI */
    const char *const *unit_paths;
    const char *path;
    const struct shard_choice *choice; /* NULL: all of it, as the units say */
    char part[MAX_PATH];
    struct plan plan;
    struct plan_extra extra; /* rank 0 */
    hid_t file;
    int fd; /* rank 0: of the .part, to notice if somebody else takes its name */
    unsigned char *window;
    struct file_chunk *chunks; /* one rank alone */
    struct {
        hid_t file;
        size_t unit;
    } open[N_OPEN]; /* unit files, by unit modulo N_OPEN */
};

/* ---- agreement --------------------------------------------------------------------------------------------------------- */
/* Waits without taking the core from a rank that works: MPI's own waiting spins. Errors show at the MPI_Wait() after. */
static void wait_quietly(MPI_Request *request)
{
    int is_done = 0, rc = MPI_Test(request, &is_done, MPI_STATUS_IGNORE);
    for (long ns = 1000; rc == MPI_SUCCESS && !is_done; ns = ns < 500000 ? 2 * ns : ns) {
        nanosleep(&(struct timespec){0, ns}, NULL);
        rc = MPI_Test(request, &is_done, MPI_STATUS_IGNORE);
    }
}

/* The error of the lowest rank that has one becomes everybody's. */
static enum err agree(const struct shard *s, enum err rc)
{
    if (s->n_ranks == 1) return rc;
    int own = rc ? s->rank : INT_MAX, lowest = INT_MAX;
    MPI_Request request = MPI_REQUEST_NULL;
    int bad             = MPI_Iallreduce(&own, &lowest, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD, &request);
    if (bad == MPI_SUCCESS) wait_quietly(&request);
    bad = MPI_Wait(&request, MPI_STATUS_IGNORE) != MPI_SUCCESS || bad; /* done already */
    REQUIRE(!bad, ERR_COMM, "the ranks cannot agree");
    if (lowest == INT_MAX) return ERR_OK;
    struct {
        int code;
        char message[1024];
    } first = {(int)rc, ""};
    if (lowest == s->rank) snprintf(first.message, sizeof first.message, "%s", err_message());
    if (MPI_Bcast(&first, sizeof first, MPI_BYTE, lowest, MPI_COMM_WORLD) != MPI_SUCCESS)
        FAIL(ERR_COMM, "the ranks cannot agree");
    if (lowest != s->rank) err_set_message(first.message);
    return (enum err)first.code;
}

static enum err broadcast(const struct shard *s, void *data, size_t bytes)
{
    if (s->n_ranks == 1) return ERR_OK;
    REQUIRE(bytes <= INT_MAX, ERR_LOGIC, "%zu bytes to broadcast", bytes);
    REQUIRE(MPI_Bcast(data, (int)bytes, MPI_BYTE, 0, MPI_COMM_WORLD) == MPI_SUCCESS, ERR_COMM, "broadcast failed");
    return ERR_OK;
}

static enum err share_plan(struct shard *s)
{
    struct plan *p  = &s->plan;
    size_t sizes[2] = {p->n_units, p->n_tables};
    TRY(broadcast(s, sizes, sizeof sizes));
    p->n_units     = sizes[0];
    p->n_tables    = sizes[1];
    size_t n_first = p->n_tables * (p->n_units + 1);
    enum err rc    = ERR_OK;
    if (s->rank != 0) rc = mem_alloc(&p->table, p->n_tables, sizeof *p->table);
    if (s->rank != 0 && !rc) rc = mem_alloc(&p->first, n_first, sizeof *p->first);
    TRY(agree(s, rc));
    TRY(broadcast(s, p->table, p->n_tables * sizeof *p->table));
    return broadcast(s, p->first, n_first * sizeof *p->first);
}

/* ---- reading units ------------------------------------------------------------------------------------------------------- */
static enum err open_unit(struct shard *s, size_t unit, hid_t *out)
{
    size_t slot = unit % N_OPEN;
    if (s->open[slot].file >= 0 && s->open[slot].unit != unit) {
        H5Fclose(s->open[slot].file);
        s->open[slot].file = -1;
    }
    if (s->open[slot].file < 0) TRY(file_h5_open_checked(s->unit_paths[unit], &s->open[slot].file));
    s->open[slot].unit = unit;
    *out               = s->open[slot].file;
    return ERR_OK;
}

static void close_units(struct shard *s)
{
    for (size_t i = 0; i < N_OPEN; i++)
        if (s->open[i].file >= 0) H5Fclose(s->open[i].file);
}

/* A row of an index counts rows of its table in the unit; in the shard these begin elsewhere. */
static void shift_first(const struct shard *s, const struct plan_table *t, size_t column, size_t unit, hsize_t n,
                        void *data)
{
    if (t->parent < 0 || strcmp(t->column[column].name, "first") != 0) return;
    int64_t *first = data, offset = s->plan.first[(size_t)t->parent * (s->plan.n_units + 1) + unit];
    for (hsize_t i = 0; i < n; i++) first[i] += offset;
}

static enum err read_piece(struct shard *s, const struct plan_table *t, size_t column, size_t unit, hsize_t at,
                           hsize_t n, void *data)
{
    char name[sizeof t->group + sizeof t->column[0].name + 2];
    hid_t file = -1;
    TRY(open_unit(s, unit, &file));
    snprintf(name, sizeof name, "%s/%s", t->group, t->column[column].name);
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    enum err rc   = ERR_OK;
    if (dataset < 0) rc = file_h5_fail(file_h5_read_code(), __FILE__, __LINE__, "cannot open");
    if (!rc) rc = file_h5_read_rows(dataset, (enum column_type)t->column[column].type, at, n, data);
    if (dataset >= 0) H5Dclose(dataset);
    if (rc) return err_context(rc, "%s: column %s", s->unit_paths[unit], name);
    shift_first(s, t, column, unit, n, data);
    return ERR_OK;
}

static enum err read_window(struct shard *s, size_t table, size_t column, int64_t at, int64_t n, unsigned char *data)
{
    const struct plan_table *t = &s->plan.table[table];
    const int64_t *first       = s->plan.first + table * (s->plan.n_units + 1);
    size_t row = t->column[column].width * column_size((enum column_type)t->column[column].type), unit = 0;
    while (n > 0) {
        while (first[unit + 1] <= at) unit++;
        int64_t k = first[unit + 1] - at < n ? first[unit + 1] - at : n;
        TRY(read_piece(s, t, column, unit, (hsize_t)(at - first[unit]), (hsize_t)k, data));
        data += (size_t)k * row;
        at += k;
        n -= k;
    }
    return ERR_OK;
}

/* ---- writing tables ------------------------------------------------------------------------------------------------------- */
struct share {
    int64_t first, last; /* this rank's rows: whole chunks */
    int64_t window;      /* rows a round */
    int64_t n_rounds;    /* the same on all ranks */
};

static struct share share_of(const struct shard *s, int64_t rows, int64_t chunk, size_t row_bytes)
{
    struct share h;
    int64_t n_chunks = (rows + chunk - 1) / chunk, per_round = WINDOW_BYTES / (chunk * (int64_t)row_bytes);
    if (per_round < 1) per_round = 1;
    h.first  = n_chunks * s->rank / s->n_ranks * chunk;
    h.last   = n_chunks * (s->rank + 1) / s->n_ranks * chunk;
    h.window = per_round * chunk;
    if (h.last > rows) h.last = rows;
    int64_t most = (n_chunks + s->n_ranks - 1) / s->n_ranks;
    h.n_rounds   = (most + per_round - 1) / per_round;
    return h;
}

/* MPI-IO keeps the system's reason to itself. */
static enum err say_if_full(const struct shard *s, enum err rc)
{
    if (rc == ERR_WRITE && s->n_ranks > 1 && file_room_free(s->part) < WINDOW_BYTES)
        FAIL(rc, "cannot write %s: %s", s->part, strerror(ENOSPC));
    return rc;
}

static enum err write_window(struct shard *s, hid_t dataset, const struct plan_column *c, int64_t chunk, int64_t at,
                             int64_t n)
{
    const struct column column = {c->name, (enum column_type)c->type, c->width, c->unit, c->doc};
    if (s->n_ranks == 1)
        return file_chunk_write(s->chunks, dataset, &column, (hsize_t)chunk, (hsize_t)at, (hsize_t)n, s->window);
    return file_h5_write_together(dataset, column.type, (hsize_t)at, (hsize_t)n, s->window, 1);
}

static enum err copy_column(struct shard *s, size_t table, size_t column, hid_t dataset, int64_t chunk)
{
    const struct plan_column *c = &s->plan.table[table].column[column];
    int64_t rows                = s->plan.first[table * (s->plan.n_units + 1) + s->plan.n_units];
    struct share h              = share_of(s, rows, chunk, c->width * column_size((enum column_type)c->type));
    enum err written            = ERR_OK;
    for (int64_t round = 0; round < h.n_rounds; round++) {
        int64_t at = h.first + round * h.window, n = h.last - at < h.window ? h.last - at : h.window;
        if (n <= 0) n = at = 0;
        enum err rc = written ? written : read_window(s, table, column, at, n, s->window);
        TRY(agree(s, rc));
        written = write_window(s, dataset, c, chunk, at, n);
        written = say_if_full(s, written);
    }
    return agree(s, written);
}

static enum err create_columns(hid_t group, const struct column *columns, size_t n, int64_t rows, hsize_t chunk,
                               hid_t *dataset)
{
    for (size_t i = 0; i < n; i++) dataset[i] = -1;
    for (size_t i = 0; i < n; i++) TRY(file_h5_create_column(group, &columns[i], (hsize_t)rows, chunk, &dataset[i]));
    return ERR_OK;
}

static enum err create_table(struct shard *s, const struct plan_table *t, int64_t rows, hid_t *group)
{
    TRY(file_h5_create_group(s->file, t->group, group));
    TRY(file_h5_set_text(*group, "table", t->table));
    TRY(file_h5_set_text(*group, "tier", t->tier));
    TRY(file_h5_set_text(*group, "long_name", t->doc));
    return file_h5_set_i64(*group, "n_rows", rows);
}

static enum err copy_table(struct shard *s, size_t table)
{
    const struct plan_table *t = &s->plan.table[table];
    int64_t rows               = s->plan.first[table * (s->plan.n_units + 1) + s->plan.n_units];
    struct column columns[PLAN_MAX_COLUMNS];
    hid_t group = -1, dataset[PLAN_MAX_COLUMNS] = {0};
    size_t n = (size_t)t->n_columns, n_open = 0;
    file_plan_columns(t, columns);
    hsize_t chunk = file_h5_chunk_rows(columns, n, (uint64_t)rows);
    enum err rc   = create_table(s, t, rows, &group);
    if (!rc) {
        rc     = create_columns(group, columns, n, rows, chunk, dataset);
        n_open = n;
    }
    rc = agree(s, rc);
    for (size_t i = 0; !rc && i < n; i++) rc = copy_column(s, table, i, dataset[i], (int64_t)chunk);
    enum err closed = ERR_OK;
    for (size_t i = 0; i < n_open; i++)
        if (dataset[i] >= 0 && H5Dclose(dataset[i]) < 0)
            closed = file_h5_fail(ERR_WRITE, __FILE__, __LINE__, "cannot close column %s", columns[i].name);
    if (group >= 0) H5Gclose(group);
    return rc ? rc : agree(s, closed);
}

/* ---- the file --------------------------------------------------------------------------------------------------------------- */
static int is_still_ours(const struct shard *s)
{
    struct stat own, named;
    return fstat(s->fd, &own) == 0 && stat(s->part, &named) == 0 && own.st_ino == named.st_ino;
}

static int64_t total_bytes(const char *const *paths, size_t n)
{
    int64_t sum = 0;
    struct stat st;
    for (size_t i = 0; i < n; i++)
        if (stat(paths[i], &st) == 0) sum += st.st_size;
    return sum;
}

/* MPI-IO may write a stretch of the file as a whole, after reading what is in its gaps. Beyond the end of the file the
 * read gives nothing, and the gaps get whatever was in memory: other bytes each time. So the file begins long; closing
 * cuts it to its true length.
 *
 * On a full disk a collective write may fail on one rank and leave the others waiting for ever: so the room is reserved
 * before it begins. */
static enum err make_long(struct shard *s)
{
    off_t sum = total_bytes(s->unit_paths, s->plan.n_units);
    s->fd     = open(s->part, O_RDWR | O_CLOEXEC);
    REQUIRE(s->fd >= 0, ERR_WRITE, "cannot hold %s: %s", s->part, strerror(errno));
    TRY(file_room_reserve(s->fd, s->part, sum + sum / 16 + (1 << 20)));
    REQUIRE(ftruncate(s->fd, 2 * sum + (64 << 20)) == 0, ERR_WRITE, "cannot lengthen %s: %s", s->part, strerror(errno));
    return ERR_OK;
}

static enum err create_file(struct shard *s)
{
    hid_t access = file_h5_access();
    if (s->n_ranks > 1) {
        H5Pset_fapl_mpio(access, MPI_COMM_WORLD, MPI_INFO_NULL);
        H5Pset_all_coll_metadata_ops(access, 1);
        H5Pset_coll_metadata_write(access, 1);
    }
    enum err rc = file_h5_create(s->part, H5F_ACC_EXCL, access, &s->file);
    H5Pclose(access);
    if (!rc && s->rank == 0) rc = make_long(s);
    return agree(s, rc);
}

static enum err write_tables(struct shard *s)
{
    enum err rc = create_file(s);
    for (size_t t = 0; !rc && t < s->plan.n_tables; t++) rc = copy_table(s, t);
    if (s->file < 0) return rc;
    if (!rc && H5Fflush(s->file, H5F_SCOPE_GLOBAL) < 0)
        rc = file_h5_fail(ERR_WRITE, __FILE__, __LINE__, "cannot flush");
    rc = agree(s, rc);
    if (rc) file_room_divert(s->part, s->fd);
    if (H5Fclose(s->file) < 0 && !rc) rc = file_h5_fail(ERR_WRITE, __FILE__, __LINE__, "cannot close");
    s->file = -1;
    return agree(s, rc);
}

static enum err make_room(const struct shard *s, const struct provenance *p)
{
    struct stat st;
    REQUIRE(fstat(s->fd, &st) == 0, ERR_WRITE, "%s: %s", s->part, strerror(errno));
    uint64_t bytes = file_h5_hist_bytes(&s->extra.hists) + strlen(p->config_text) + strlen(p->parents) + (1 << 16);
    return file_room_reserve(s->fd, s->part, st.st_size + (int64_t)bytes);
}

/* Rank 0 alone, serially. */
static enum err add_the_rest(struct shard *s)
{
    REQUIRE(is_still_ours(s), ERR_MISMATCH, "%s was taken away: somebody else is making %s", s->part, s->path);
    hid_t access = file_h5_access(), file = H5Fopen(s->part, H5F_ACC_RDWR, access);
    enum err rc = ERR_OK;
    if (file < 0) rc = file_h5_fail(ERR_WRITE, __FILE__, __LINE__, "cannot open again");
    H5Pclose(access);
    if (rc) return rc;
    struct provenance p = file_plan_provenance(&s->extra);
    rc                  = make_room(s, &p);
    if (!rc) rc = file_h5_write_provenance(file, &p);
    if (!rc) rc = file_h5_write_hists(file, &s->extra.hists);
    if (!rc) rc = file_h5_set_i64(file, "is_complete", 1);
    if (!rc && H5Fflush(file, H5F_SCOPE_GLOBAL) < 0) rc = file_h5_fail(ERR_WRITE, __FILE__, __LINE__, "cannot flush");
    if (rc) file_room_divert(s->part, s->fd);
    if (H5Fclose(file) < 0 && !rc) rc = file_h5_fail(ERR_WRITE, __FILE__, __LINE__, "cannot close");
    if (!rc) rc = file_room_trim(s->fd, s->part);
    return rc;
}

/* The same shard made before, perhaps by another number of ranks: then the bytes differ and the content does not. */
static enum err is_made_already(const struct shard *s, int *yes)
{
    hid_t file          = -1;
    struct file_units u = {0};
    char config_id[41]  = "";
    *yes                = 0;
    if (access(s->path, F_OK) != 0) return ERR_OK;
    TRY(file_h5_open_checked(s->path, &file));
    enum err rc = file_h5_get_short_text(file, "config_id", config_id, sizeof config_id);
    if (!rc) rc = file_h5_read_units(file, &u);
    H5Fclose(file);
    if (rc) return rc;
    const struct file_units *own = &s->extra.units;
    *yes                         = u.n == own->n && strcmp(config_id, s->extra.text[4]) == 0 &&
           memcmp(u.run, own->run, u.n * sizeof *u.run) == 0 &&
           memcmp(u.subrun, own->subrun, u.n * sizeof *u.subrun) == 0 &&
           memcmp(u.n_fills, own->n_fills, u.n * sizeof *u.n_fills) == 0;
    file_h5_free_units(&u);
    REQUIRE(*yes, ERR_MISMATCH, "%s exists and holds other units", s->path);
    return ERR_OK;
}

static enum err prepare(struct shard *s, int *is_done)
{
    enum err rc = ERR_OK;
    if (s->rank == 0) {
        rc = file_plan_make(s->unit_paths, s->plan.n_units, s->choice, &s->plan, &s->extra);
        if (!rc) rc = is_made_already(s, is_done);
        if (!rc) unlink(s->part); /* a left-over */
    }
    TRY(agree(s, rc));
    TRY(broadcast(s, is_done, sizeof *is_done));
    if (*is_done) return ERR_OK;
    return share_plan(s);
}

static enum err merge(struct shard *s)
{
    int is_done = 0;
    TRY(broadcast(s, s->part, sizeof s->part)); /* each rank has a suffix of its own: rank 0's is the file */
    TRY(prepare(s, &is_done));
    if (is_done) return ERR_OK;
    TRY(agree(s, mem_alloc(&s->window, WINDOW_BYTES, 1)));
    if (s->n_ranks == 1) TRY(file_chunk_create(FILE_DEFLATE_LEVEL, &s->chunks));
    TRY(write_tables(s));
    TRY(agree(s, s->rank == 0 ? add_the_rest(s) : ERR_OK));
    TRY(agree(s, file_h5_verify(s->part, s->rank, s->n_ranks) ? ERR_WRITE : ERR_OK));
    return agree(s, s->rank == 0 ? publish_descriptor(s->fd, s->part, s->path) : ERR_OK);
}

static enum err merge_and_tidy(struct shard *s)
{
    int length = snprintf(s->part, sizeof s->part, "%s%s", s->path, publish_part_suffix());
    REQUIRE(length > 0 && length < MAX_PATH, ERR_WRITE, "file name too long: %s", s->path);
    for (size_t i = 0; i < N_OPEN; i++) s->open[i].file = -1;
    enum err rc = merge(s);
    if (rc && rc != ERR_MISMATCH && s->fd >= 0 && is_still_ours(s)) unlink(s->part);
    close_units(s);
    if (s->fd >= 0) close(s->fd);
    mem_free(s->window);
    file_chunk_free(s->chunks);
    file_plan_free(&s->plan);
    file_plan_free_extra(&s->extra);
    return rc ? err_context(rc, "merging %s", s->path) : ERR_OK;
}

enum err shard_merge(const char *const *unit_paths, size_t n, const char *path, int64_t alone_below_bytes)
{
    return shard_merge_as(unit_paths, n, path, alone_below_bytes, NULL);
}

enum err shard_merge_as(const char *const *paths, size_t n, const char *path, int64_t alone_below_bytes,
                        const struct shard_choice *choice)
{
    struct shard s = {
        .n_ranks = 1, .unit_paths = paths, .path = path, .choice = choice, .plan.n_units = n, .file = -1, .fd = -1};
    int has_begun = 0, has_ended = 0;
    MPI_Initialized(&has_begun);
    MPI_Finalized(&has_ended);
    if (has_begun && !has_ended) {
        MPI_Comm_rank(MPI_COMM_WORLD, &s.rank);
        MPI_Comm_size(MPI_COMM_WORLD, &s.n_ranks);
    }
    const struct shard all = s;
    int is_small           = s.rank == 0 && total_bytes(paths, n) < alone_below_bytes;
    TRY(broadcast(&all, &is_small, sizeof is_small));
    if (!is_small) return merge_and_tidy(&s);
    s.n_ranks = 1;
    return agree(&all, s.rank == 0 ? merge_and_tidy(&s) : ERR_OK);
}
