/* Speed of raw data: unpacking a fill (full and truncated islands, compressed banks), checking raw payloads (CR) with and
 * without checksums, reading and writing MIDAS files through memory (page cache). Lines: name value unit; median of interleaved repeats, then the best. */
#include "unpack.h"
#include "bank_pack.h"
#include "mem.h"
#include "midas_file.h"
#include "phys.h"
#include "rng.h"
#include "wfd_writer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { ISLANDS_A_CRATE = 60, LENGTH = 34, REPEATS = 7, FILLS = 8, N_SUMS = 17500 };
enum subject {
    FULL,
    TRUNCATED,
    SWAPPED,
    PACKED_ZLIB,
    PACKED_FZ,
    CHECK,
    CHECK_SUMS,
    PACK,
    WRITE,
    READ,
    READ_LZ4,
    READ_GZ,
    N_SUBJECTS
};
static const char *const names[N_SUBJECTS] = {"raw.unpack.full",     "raw.unpack.truncated", "raw.unpack.big_endian",
                                              "raw.unpack.zlib",     "raw.unpack.fz",        "raw.check.sizes",
                                              "raw.check.checksums", "raw.pack.fz",          "raw.write.plain",
                                              "raw.read.plain",      "raw.read.lz4",         "raw.read.gz"};

static void stop_on(enum err rc)
{
    if (!rc) return;
    fprintf(stderr, "%s\n", err_message());
    exit(err_exit_code(rc));
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void add_crate(struct midas_build *b, int crate, bool is_truncated)
{
    const struct bank_daq_header header = {.n_samples = 560000, .n_channels = 54, .fill_type = BANK_MUON};
    struct bank_ct_build ct;
    struct rng_key key = rng_key(1, 2, 3, 4, 5);
    float pedestals[N_CRYSTALS];
    int32_t *sums = NULL;
    for (int i = 0; i < N_CRYSTALS; i++) pedestals[i] = -1700.0F;
    stop_on(bank_daq_add(b, crate, &header));
    stop_on(bank_ct_begin(b, crate, is_truncated, N_CRYSTALS, &ct));
    for (uint32_t k = 0; k < ISLANDS_A_CRATE; k++) {
        uint32_t n_kept = is_truncated ? 12 : N_CRYSTALS;
        stop_on(bank_ct_island(&ct, 24000 + (k * 7919 + (uint32_t)crate * 104729) % 500000, LENGTH, n_kept));
        for (uint32_t s = 0; s < n_kept; s++) {
            int16_t *samples = NULL;
            stop_on(bank_ct_trace_room(&ct, s, &samples));
            struct rng r = rng_start(key, k * 64 + s);
            for (int i = 0; i < LENGTH; i++) samples[i] = (int16_t)lrint(1.5 * rng_normal(&r));
        }
    }
    stop_on(bank_ct_end(&ct, 0));
    stop_on(bank_cp_add(b, crate, N_CRYSTALS, pedestals));
    stop_on(bank_cs_begin(b, crate, N_SUMS, &sums));
    for (int i = 0; i < N_SUMS; i++) sums[i] = i % 97;
    stop_on(midas_build_bank_end(b));
}

static void make_fill(struct midas_build *b, bool is_truncated)
{
    stop_on(midas_build_begin(b, MIDAS_ID_FILL, 0xFFFF, 0, 0));
    for (int crate = 1; crate <= N_CALOS; crate++) add_crate(b, crate, is_truncated);
    stop_on(midas_build_end(b));
}

/* 11 boards of raw waveforms in each crate: no islands. */
static void make_raw(struct midas_build *b)
{
    static const struct wfd_spec spec = {.trigger     = 1,
                                         .type        = 1,
                                         .n_boards    = 11,
                                         .first_slot  = 1,
                                         .channels    = 31,
                                         .n_waveforms = 1,
                                         .bursts      = 1100,
                                         .is_little   = true};
    static struct wfd_bytes bytes;
    char name[5];
    wfd_write(&bytes, &spec);
    stop_on(midas_build_begin(b, MIDAS_ID_FILL, 0xFFFF, 0, 0));
    for (int crate = 1; crate <= N_CALOS; crate++) {
        bank_name('L', 'A', crate, name);
        bytes.ca[0] = 0x52; /* a laser fill */
        stop_on(midas_build_add(b, name, MIDAS_U32, bytes.ca, bytes.n_ca));
        bank_name('L', 'R', crate, name);
        stop_on(midas_build_add(b, name, MIDAS_I16, bytes.raw, bytes.n_raw));
    }
    stop_on(midas_build_end(b));
}

struct bench {
    struct midas_build fill[CHECK_SUMS + 1], packed; /* by subject; what they are made of counts as their size */
    size_t n_bytes[N_SUBJECTS];
    struct unpack unpack;
    struct block *block[4];
    char folder[64];
};

static const char *path_of(const struct bench *b, enum midas_compression kind)
{
    static char path[96];
    snprintf(path, sizeof path, "%s/bench.mid%s", b->folder, midas_stream_suffix(kind));
    return path;
}

/* Seconds for unpacking FILLS times. */
static double time_unpack(struct bench *b, const struct midas_build *fill)
{
    double start = now_s();
    for (int i = 0; i < FILLS; i++)
        stop_on(unpack_event(&b->unpack, fill->bytes, fill->n, b->block[0], b->block[1], b->block[2], b->block[3]));
    return now_s() - start;
}

static double time_check(struct bench *b, const struct midas_build *fill, enum bank_check check)
{
    struct unpack *u  = &b->unpack;
    u->settings.check = check;
    double start      = now_s();
    for (int i = 0; i < FILLS; i++) {
        stop_on(unpack_check_event(u, fill->bytes, fill->n));
        if (u->status & UNPACK_DAMAGED) {
            fprintf(stderr, "%s\n", u->problem);
            exit(1);
        }
    }
    return now_s() - start;
}

static double time_pack(struct bench *b)
{
    double start = now_s();
    for (int i = 0; i < FILLS; i++)
        stop_on(bank_pack_event(b->fill[FULL].bytes, b->fill[FULL].n, BANK_PACK_FZ, &b->packed));
    return now_s() - start;
}

static double time_write(const struct bench *b, enum midas_compression kind)
{
    struct midas_writer *w;
    unlink(path_of(b, kind));
    double start = now_s();
    stop_on(midas_file_create(path_of(b, kind), kind, &w));
    for (int i = 0; i < FILLS; i++) stop_on(midas_file_write(w, b->fill[FULL].bytes, b->fill[FULL].n));
    stop_on(midas_file_finish(w));
    return now_s() - start;
}

static double time_read(const struct bench *b, enum midas_compression kind)
{
    struct midas_reader *r;
    struct midas_event e;
    double start = now_s();
    stop_on(midas_file_open(path_of(b, kind), NULL, &r));
    do stop_on(midas_file_next(r, &e));
    while (e.bytes);
    midas_file_close(r);
    return now_s() - start;
}

static double time_subject(struct bench *b, enum subject subject)
{
    switch (subject) {
    case FULL:
    case TRUNCATED:
    case SWAPPED:
    case PACKED_ZLIB:
    case PACKED_FZ: return time_unpack(b, &b->fill[subject]);
    case CHECK: return time_check(b, &b->fill[CHECK], BANK_CHECK_SIZES);
    case CHECK_SUMS: return time_check(b, &b->fill[CHECK], BANK_CHECK_CHECKSUMS);
    case PACK: return time_pack(b);
    case WRITE: return time_write(b, MIDAS_PLAIN);
    case READ: return time_read(b, MIDAS_PLAIN);
    case READ_LZ4: return time_read(b, MIDAS_LZ4);
    default: return time_read(b, MIDAS_GZ);
    }
}

static void set_up(struct bench *b)
{
    *b = (struct bench){.fill[SWAPPED] = {.is_header_swapped = true, .is_body_swapped = true}};
    for (int i = 0; i < 3; i++) make_fill(&b->fill[i], i == TRUNCATED);
    for (int i = 0; i < N_SUBJECTS; i++) b->n_bytes[i] = b->fill[i < PACKED_ZLIB ? i : FULL].n;
    stop_on(bank_pack_event(b->fill[FULL].bytes, b->fill[FULL].n, BANK_PACK_ZLIB, &b->fill[PACKED_ZLIB]));
    stop_on(bank_pack_event(b->fill[FULL].bytes, b->fill[FULL].n, BANK_PACK_FZ, &b->fill[PACKED_FZ]));
    make_raw(&b->fill[CHECK]);
    b->n_bytes[CHECK] = b->n_bytes[CHECK_SUMS] = b->fill[CHECK].n;
    static const struct table *const tables[]  = {&table_fill, &table_island, &table_trace, &table_sample};
    for (int i = 0; i < 4; i++) stop_on(block_create(tables[i], &b->block[i]));
    b->unpack.settings =
        (struct unpack_settings){.n_samples = 560000, .injection_sample = 24000, .t0_polarity = 1, .t0_min_adc = 200};
    unpack_set_maps(&b->unpack.settings);
    snprintf(b->folder, sizeof b->folder, "%s/gm2-bench.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(b->folder)) exit(1);
    time_write(b, MIDAS_LZ4);
    time_write(b, MIDAS_GZ);
}

static void tear_down(struct bench *b)
{
    for (enum midas_compression k = MIDAS_PLAIN; k <= MIDAS_LZ4; k++) unlink(path_of(b, k));
    rmdir(b->folder);
    for (int i = 0; i <= CHECK_SUMS; i++) midas_build_free(&b->fill[i]);
    midas_build_free(&b->packed);
    for (int i = 0; i < 4; i++) block_free(b->block[i]);
    unpack_free(&b->unpack);
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

int main(void)
{
    struct bench b;
    double seconds[N_SUBJECTS][REPEATS];
    set_up(&b);
    for (int r = 0; r < REPEATS; r++)
        for (int i = 0; i < N_SUBJECTS; i++) seconds[i][r] = time_subject(&b, (enum subject)i);
    printf("raw.fill_bytes %zu B\n", b.fill[FULL].n);
    for (int i = 0; i < N_SUBJECTS; i++) {
        double megabytes = 1e-6 * FILLS * (double)b.n_bytes[i];
        qsort(seconds[i], REPEATS, sizeof seconds[i][0], by_value);
        printf("%s %.0f MB/s\n", names[i], megabytes / seconds[i][REPEATS / 2]);
        printf("%s.best %.0f MB/s\n", names[i], megabytes / seconds[i][0]);
    }
    tear_down(&b);
    return 0;
}
