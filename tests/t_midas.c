/* MIDAS events and files: round trips in every flavour, byte order and compression; every truncation point; changed
 * bytes; lengths that lie. */
#include "mem.h"
#include "midas_file.h"
#include "rng.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

enum { N_EVENTS = 5, RUN = 18150 }; /* begin of run, three fills, end of run */

static char folder[64];
static const uint32_t flavours[] = {MIDAS_BANK16, MIDAS_BANK32, MIDAS_BANK32A};
static const char odb_text[]     = "<odb>begin</odb>";

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* ---- a small file: banks of every type and many sizes ---- */

static size_t bank_bytes(uint32_t event, uint32_t type)
{
    size_t element = midas_type_size(type);
    return (element ? element : 3) * ((event * 5 + type * 3) % 11);
}

static void bank_data(uint32_t event, uint32_t type, uint8_t out[128])
{
    for (uint32_t i = 0; i < 128; i++) out[i] = (uint8_t)(event * 31 + type * 7 + i);
}

static void build_fill(struct midas_build *b, uint32_t serial)
{
    uint8_t data[128];
    assert_int_equal(midas_build_begin(b, MIDAS_ID_FILL, 0xFFFF, serial, 1000 + serial), ERR_OK);
    for (uint32_t type = 1; type < N_MIDAS_TYPES; type++) {
        char name[5];
        snprintf(name, sizeof name, "B%03u", type);
        bank_data(serial, type, data);
        assert_int_equal(midas_build_add(b, name, (enum midas_type)type, data, bank_bytes(serial, type)), ERR_OK);
    }
    assert_int_equal(midas_build_end(b), ERR_OK);
}

static void write_file(const char *path, struct midas_build b, enum midas_compression kind)
{
    struct midas_stream *s;
    unlink(path);
    assert_int_equal(midas_stream_create(path, kind, &s), ERR_OK);
    for (uint32_t i = 0; i < N_EVENTS; i++) {
        if (i == 0 || i == N_EVENTS - 1)
            assert_int_equal(midas_build_run(&b, i ? MIDAS_EOR : MIDAS_BOR, RUN, 99, odb_text, strlen(odb_text)),
                             ERR_OK);
        else
            build_fill(&b, i - 1);
        assert_int_equal(midas_stream_write(s, b.bytes, b.n), ERR_OK);
    }
    assert_int_equal(midas_stream_close(s), ERR_OK);
    midas_build_free(&b);
}

static void check_fill(const struct midas_event *e, uint32_t serial, const struct midas_build *as)
{
    struct midas_walk walk;
    struct midas_bank bank;
    assert_int_equal(e->id, MIDAS_ID_FILL);
    assert_int_equal(e->mask, 0xFFFF);
    assert_int_equal(e->serial, serial);
    assert_int_equal(e->time_s, 1000 + serial);
    assert_int_equal(e->is_header_swapped, as->is_header_swapped);
    assert_int_equal(midas_walk(e, true, &walk), ERR_OK);
    assert_int_equal(walk.flavour, as->flavour);
    for (uint32_t type = 1; type < N_MIDAS_TYPES; type++) {
        uint8_t want[128], found[128];
        char name[5];
        snprintf(name, sizeof name, "B%03u", type);
        assert_int_equal(midas_walk_next(&walk, &bank), ERR_OK);
        assert_string_equal(bank.name, name);
        assert_int_equal(bank.type, type);
        assert_int_equal(bank.size, bank_bytes(serial, type));
        assert_int_equal(bank.is_swapped, as->is_body_swapped);
        bank_data(serial, type, want);
        memcpy(found, bank.data, bank.size);
        if (bank.is_swapped) midas_swap(found, bank.size, type);
        assert_memory_equal(found, want, bank.size);
    }
    assert_int_equal(midas_walk_next(&walk, &bank), ERR_OK);
    assert_null(bank.data);
}

/* Reads all there is and checks that each event is as written; the number of them. */
static uint64_t read_file(const char *path, const struct midas_build *as, struct midas_status *status)
{
    struct midas_reader *r;
    struct midas_event e;
    size_t n;
    assert_int_equal(midas_file_open(path, NULL, &r), ERR_OK);
    for (uint32_t i = 0;; i++) {
        assert_int_equal(midas_file_next(r, &e), ERR_OK);
        if (!e.bytes) break;
        if (i > 0 && i < N_EVENTS - 1) check_fill(&e, i - 1, as);
        if (i == 0 || i == N_EVENTS - 1) {
            assert_int_equal(e.id, i ? MIDAS_EOR : MIDAS_BOR);
            assert_int_equal(e.serial, RUN);
            assert_memory_equal(midas_text(&e, &n), odb_text, strlen(odb_text));
            assert_int_equal(n, strlen(odb_text));
        }
    }
    *status = *midas_file_status(r);
    midas_file_close(r);
    return status->n_events;
}

static void test_round_trips(void **state)
{
    (void)state;
    for (int i = 0; i < 36; i++) {
        enum midas_compression kind = (enum midas_compression)(i % 3);
        struct midas_build as       = {
                  .flavour = flavours[i / 3 % 3], .is_header_swapped = i / 9 % 2, .is_body_swapped = i / 18 % 2};
        struct midas_status status;
        struct midas_options strict = {.is_strict = true};
        struct midas_reader *r;
        struct midas_event e;
        char name[32];
        snprintf(name, sizeof name, "round.mid%s", midas_stream_suffix(kind));
        write_file(path_of(name), as, kind);
        assert_int_equal(read_file(path_of(name), &as, &status), N_EVENTS);
        assert_true(status.has_bor && status.has_eor && !status.is_cut);
        assert_int_equal(status.run, RUN);
        assert_int_equal(midas_file_open(path_of(name), &strict, &r), ERR_OK);
        do assert_int_equal(midas_file_next(r, &e), ERR_OK);
        while (e.bytes);
        midas_file_close(r);
    }
}

/* The bytes of a small event by hand, so that the writer is not judged by the reader alone. */
/* From any event's first byte on, the events are the same. */
static void test_seek(void **state)
{
    (void)state;
    struct midas_build as = {.flavour = MIDAS_BANK32};
    struct midas_reader *r;
    struct midas_event e;
    uint64_t at[N_EVENTS + 1] = {0};
    write_file(path_of("seek.mid"), as, MIDAS_PLAIN);
    assert_int_equal(midas_file_open(path_of("seek.mid"), NULL, &r), ERR_OK);
    for (uint32_t i = 0; i < N_EVENTS; i++) {
        assert_int_equal(midas_file_next(r, &e), ERR_OK);
        at[i + 1] = midas_file_status(r)->n_bytes;
    }
    for (uint32_t i = N_EVENTS - 1; i-- > 1;) {
        assert_int_equal(midas_file_seek(r, at[i]), ERR_OK);
        assert_int_equal(midas_file_next(r, &e), ERR_OK);
        check_fill(&e, i - 1, &as);
        assert_int_equal(midas_file_status(r)->n_bytes, at[i + 1]);
    }
    midas_file_close(r);
    write_file(path_of("seek.mid.gz"), as, MIDAS_GZ);
    assert_int_equal(midas_file_open(path_of("seek.mid.gz"), NULL, &r), ERR_OK);
    assert_int_equal(midas_file_seek(r, at[1]), ERR_OPTION);
    midas_file_close(r);
}

static void test_bytes(void **state)
{
    (void)state;
    static const uint8_t native[]  = {1, 0, 0xFF, 0xFF, 7,   0,   0, 0, 9, 0, 0, 0, 28, 0, 0, 0, 20, 0, 0, 0, 17, 0,
                                      0, 0, 'C',  'T',  '0', '1', 5, 0, 0, 0, 4, 0, 0,  0, 1, 2, 3,  4, 0, 0, 0,  0};
    static const uint8_t swapped[] = {0, 1,  0xFF, 0xFF, 0,   0,   0, 7, 0, 0, 0, 9, 0, 0, 0, 28, 0, 0, 0, 20, 0, 0,
                                      0, 17, 'C',  'T',  '0', '1', 0, 0, 0, 5, 0, 0, 0, 4, 2, 1,  4, 3, 0, 0,  0, 0};
    for (int i = 0; i < 2; i++) {
        struct midas_build b = {.is_header_swapped = i, .is_body_swapped = i};
        assert_int_equal(midas_build_begin(&b, 1, 0xFFFF, 7, 9), ERR_OK);
        assert_int_equal(midas_build_add(&b, "CT01", MIDAS_I16, (uint8_t[]){1, 2, 3, 4}, 4), ERR_OK);
        assert_int_equal(midas_build_end(&b), ERR_OK);
        assert_int_equal(b.n, sizeof native);
        assert_memory_equal(b.bytes, i ? swapped : native, sizeof native);
        midas_build_free(&b);
    }
}

/* Some writers leave the last bank's padding out: lenient reads it, strict refuses. */
static void test_unpadded(void **state)
{
    (void)state;
    struct midas_build b = {0};
    struct midas_event e;
    struct midas_walk walk;
    struct midas_bank bank;
    assert_int_equal(midas_build_begin(&b, 1, 0xFFFF, 7, 9), ERR_OK);
    assert_int_equal(midas_build_add(&b, "CT01", MIDAS_I16, (uint8_t[]){1, 2, 3, 4}, 4), ERR_OK);
    assert_int_equal(midas_build_end(&b), ERR_OK);
    uint32_t sizes[2] = {28 - 4, 20 - 4};
    memcpy(b.bytes + 12, sizes, sizeof sizes);
    assert_int_equal(midas_parse(b.bytes, b.n - 4, &e), ERR_OK);
    for (int is_strict = 0; is_strict <= 1; is_strict++) {
        assert_int_equal(midas_walk(&e, is_strict, &walk), ERR_OK);
        assert_int_equal(midas_walk_next(&walk, &bank), is_strict ? ERR_DATA : ERR_OK);
        assert_int_equal(midas_walk_next(&walk, &bank), ERR_OK);
        assert_null(bank.data);
    }
    midas_build_free(&b);
}

/* ---- damage ---- */

static uint8_t *slurp(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    uint8_t *bytes;
    assert_non_null(f);
    assert_int_equal(mem_alloc(&bytes, 1 << 20, 1), ERR_OK);
    *n = fread(bytes, 1, 1 << 20, f);
    assert_int_equal(fclose(f), 0);
    return bytes;
}

static void spill(const char *path, const uint8_t *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    assert_int_equal(close(fd), 0);
}

/* Offsets at which events of a plain file end. */
static size_t boundaries(const uint8_t *bytes, size_t n, size_t ends[N_EVENTS])
{
    size_t at = 0, count = 0;
    for (struct midas_event e; at < n; ends[count++] = at) {
        midas_header(bytes + at, false, &e);
        at += MIDAS_HEADER_BYTES + e.data_size;
    }
    return count;
}

static void test_truncated(void **state)
{
    (void)state;
    struct midas_build as = {.flavour = MIDAS_BANK32};
    struct midas_status status;
    struct midas_reader *r;
    size_t n, ends[N_EVENTS] = {0};
    write_file(path_of("cut.mid"), as, MIDAS_PLAIN);
    uint8_t *bytes = slurp(path_of("cut.mid"), &n);
    assert_int_equal(boundaries(bytes, n, ends), N_EVENTS);
    for (size_t cut = 0; cut <= n; cut++) {
        uint64_t whole = 0;
        bool is_end    = false;
        spill(path_of("cut.mid"), bytes, cut);
        if (cut < MIDAS_HEADER_BYTES) {
            assert_int_equal(midas_file_open(path_of("cut.mid"), NULL, &r), ERR_DATA);
            continue;
        }
        for (int i = 0; i < N_EVENTS; i++) {
            whole += ends[i] <= cut;
            is_end |= ends[i] == cut;
        }
        assert_int_equal(read_file(path_of("cut.mid"), &as, &status), whole);
        assert_int_equal(status.is_cut, !is_end);
        assert_int_equal(status.n_bytes, whole ? ends[whole - 1] : 0);
        if (!is_end) assert_non_null(strstr(status.problem, "at byte"));
    }
    mem_free(bytes);
}

/* A compressed file cut anywhere gives a beginning of the events, and says that it is cut. */
static void test_truncated_compressed(void **state)
{
    (void)state;
    struct midas_build as = {.flavour = MIDAS_BANK32};
    for (enum midas_compression kind = MIDAS_GZ; kind <= MIDAS_LZ4; kind++) {
        const char *name = kind == MIDAS_GZ ? "cut.mid.gz" : "cut.mid.lz4";
        size_t n;
        write_file(path_of(name), as, kind);
        uint8_t *bytes = slurp(path_of(name), &n);
        for (size_t cut = 0; cut < n; cut++) {
            struct midas_reader *r;
            struct midas_status status;
            spill(path_of(name), bytes, cut);
            enum err rc = midas_file_open(path_of(name), NULL, &r);
            assert_true(rc == ERR_OK || rc == ERR_DATA);
            if (rc) continue;
            midas_file_close(r);
            read_file(path_of(name), &as, &status);
            assert_true(status.is_cut);
        }
        mem_free(bytes);
    }
}

/* Walks events and banks without expectations. */
static enum err walk_file(const char *path, bool is_strict, uint64_t *hash, struct midas_status *status)
{
    struct midas_options options = {.is_strict = is_strict};
    struct midas_reader *r;
    struct midas_event e;
    struct midas_walk walk;
    struct midas_bank bank;
    enum err rc;
    *hash = 0;
    TRY(midas_file_open(path, &options, &r));
    while ((rc = midas_file_next(r, &e)) == ERR_OK && e.bytes) {
        for (size_t i = 0; i < e.n_bytes; i++) *hash = *hash * 31 + e.bytes[i];
        if (midas_walk(&e, is_strict, &walk)) continue;
        while (midas_walk_next(&walk, &bank) == ERR_OK && bank.data)
            for (size_t i = 0; i < bank.size; i++) *hash += bank.data[i];
    }
    *status = *midas_file_status(r);
    midas_file_close(r);
    return rc;
}

/* 20,000 changed files: never a crash; what is compressed carries checksums, so it reads the same or is refused. */
static void test_mutations(void **state)
{
    (void)state;
    static const int tries[] = {14000, 3000, 3000};
    for (int kind = 0; kind < 3; kind++) {
        struct midas_build as = {.flavour = flavours[kind], .is_body_swapped = kind == 1};
        struct midas_status status;
        uint64_t intact, hash;
        char name[32];
        size_t n;
        int n_refused = 0;
        snprintf(name, sizeof name, "bad.mid%s", midas_stream_suffix((enum midas_compression)kind));
        write_file(path_of(name), as, (enum midas_compression)kind);
        assert_int_equal(walk_file(path_of(name), false, &intact, &status), ERR_OK);
        uint8_t *bytes = slurp(path_of(name), &n), *copy;
        assert_int_equal(mem_alloc(&copy, n, 1), ERR_OK);
        struct rng rng = rng_start(rng_key(5, 0, 0, 0, 0), (uint32_t)kind);
        for (int i = 0; i < tries[kind]; i++) {
            memcpy(copy, bytes, n);
            for (uint32_t k = 1 + rng_u32(&rng) % 4; k > 0; k--) copy[rng_u32(&rng) % n] = (uint8_t)rng_u32(&rng);
            spill(path_of(name), copy, n);
            enum err rc = walk_file(path_of(name), i % 2, &hash, &status);
            assert_true(rc == ERR_OK || rc == ERR_DATA);
            n_refused += rc || status.is_cut || status.n_damaged;
            if (rc == ERR_OK && !status.is_cut && kind > 0) assert_int_equal(hash, intact);
            if (rc == ERR_OK && !status.is_cut && kind == 0) assert_int_equal(status.n_bytes, n);
        }
        assert_true(n_refused > tries[kind] / 20);
        mem_free(bytes);
        mem_free(copy);
    }
}

/* Lengths that lie: no memory is taken for bytes that are not there, and the events after them are found. */
static void test_hostile_lengths(void **state)
{
    (void)state;
    static const uint32_t lies[] = {0xFFFFFFFF, 0xFFFFFFF0, 0x7FFFFFF0, 0x7FFF0000, 0x40000000};
    struct midas_build as        = {.flavour = MIDAS_BANK32};
    int64_t before_kB            = mem_peak_kB();
    size_t n, ends[N_EVENTS] = {0};
    write_file(path_of("lie.mid"), as, MIDAS_PLAIN);
    uint8_t *bytes = slurp(path_of("lie.mid"), &n);
    boundaries(bytes, n, ends);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct midas_reader *r;
        struct midas_event e;
        struct midas_walk walk;
        uint32_t body = lies[i] - 8;
        memcpy(bytes + ends[1] + 12, &lies[i], 4);
        memcpy(bytes + ends[1] + 16, &body, 4);
        spill(path_of("lie.mid"), bytes, n);
        assert_int_equal(midas_file_open(path_of("lie.mid"), NULL, &r), ERR_OK);
        for (uint32_t k = 0; k < N_EVENTS; k++) {
            assert_int_equal(midas_file_next(r, &e), ERR_OK);
            assert_non_null(e.bytes);
            if (k == 2) assert_int_equal(midas_walk(&e, false, &walk), ERR_DATA);
            if (k > 0 && k < N_EVENTS - 1 && k != 2) check_fill(&e, k - 1, &as);
        }
        assert_int_equal(e.id, MIDAS_EOR);
        assert_int_equal(midas_file_next(r, &e), ERR_OK);
        assert_null(e.bytes);
        assert_int_equal(midas_file_status(r)->n_damaged, 1);
        assert_non_null(strstr(midas_file_status(r)->problem, "event 2 at byte"));
        assert_false(midas_file_status(r)->is_cut);
        midas_file_close(r);
    }
    assert_true(mem_peak_kB() - before_kB < 32 * 1024);
    mem_free(bytes);
}

/* A wrong size word inside one event costs that event's banks, not the events after it. */
static void test_damaged_middle(void **state)
{
    (void)state;
    struct midas_build as = {.flavour = MIDAS_BANK32};
    struct midas_reader *r;
    struct midas_event e;
    struct midas_walk walk;
    size_t n, ends[N_EVENTS] = {0};
    write_file(path_of("middle.mid"), as, MIDAS_PLAIN);
    uint8_t *bytes = slurp(path_of("middle.mid"), &n);
    boundaries(bytes, n, ends);
    bytes[ends[1] + 16] ^= 8;
    spill(path_of("middle.mid"), bytes, n);
    assert_int_equal(midas_file_open(path_of("middle.mid"), NULL, &r), ERR_OK);
    for (uint32_t i = 0; i < N_EVENTS; i++) {
        assert_int_equal(midas_file_next(r, &e), ERR_OK);
        assert_non_null(e.bytes);
        if (i == 1 || i == 3) check_fill(&e, i - 1, &as);
        if (i == 2) assert_int_equal(midas_walk(&e, false, &walk), ERR_DATA);
    }
    assert_int_equal(midas_file_next(r, &e), ERR_OK);
    assert_null(e.bytes);
    assert_int_equal(midas_file_status(r)->n_damaged, 1);
    assert_false(midas_file_status(r)->is_cut);
    midas_file_close(r);
    mem_free(bytes);
}

static enum err open_only(const char *path)
{
    struct midas_reader *r;
    TRY(midas_file_open(path, NULL, &r));
    midas_file_close(r);
    return ERR_OK;
}

static void test_not_midas(void **state)
{
    (void)state;
    uint8_t text[4096];
    struct midas_build as = {.flavour = MIDAS_BANK32};
    memset(text, 'a', sizeof text);
    assert_int_equal(open_only(path_of("absent.mid")), ERR_OPEN);
    assert_int_equal(open_only(folder), ERR_OPEN);
    spill(path_of("empty.mid"), text, 0);
    assert_int_equal(open_only(path_of("empty.mid")), ERR_DATA);
    assert_non_null(strstr(err_message(), "empty"));
    spill(path_of("text.mid"), text, sizeof text);
    assert_int_equal(open_only(path_of("text.mid")), ERR_DATA);
    assert_non_null(strstr(err_message(), "not a MIDAS file"));
    spill(path_of("text.mid.gz"), text, sizeof text);
    assert_int_equal(open_only(path_of("text.mid.gz")), ERR_DATA);
    write_file(path_of("really_gz.mid"), as, MIDAS_GZ);
    assert_int_equal(open_only(path_of("really_gz.mid")), ERR_DATA);
    assert_non_null(strstr(err_message(), "gzip"));
    for (size_t i = 0; i < sizeof text; i++) text[i] = 0;
    spill(path_of("zeros.mid"), text, sizeof text);
    assert_int_equal(open_only(path_of("zeros.mid")), ERR_DATA);
}

/* What strict refuses and lenient reads: parts of the good file put together otherwise. */
static void test_strict(void **state)
{
    (void)state;
    struct midas_build as      = {.flavour = MIDAS_BANK32};
    struct midas_status status = {0};
    size_t n, ends[N_EVENTS] = {0};
    uint64_t hash;
    write_file(path_of("strict.mid"), as, MIDAS_PLAIN);
    uint8_t *bytes = slurp(path_of("strict.mid"), &n), *copy;
    boundaries(bytes, n, ends);
    assert_int_equal(mem_alloc(&copy, 2 * n, 1), ERR_OK);
    for (int i = 0; i < 6; i++) {
        size_t size = n, skip = 0;
        memcpy(copy, bytes, n);
        if (i == 0) skip = ends[0];           /* no begin of run */
        if (i == 1) size = ends[3];           /* no end of run */
        if (i == 2) copy[ends[3] + 4]++;      /* end of another run */
        if (i == 3) copy[ends[0] + 28] = 200; /* a bank of unknown type */
        if (i == 4) copy[ends[1] + 24] = 1;   /* a bank's name that cannot be printed */
        if (i == 5) {                         /* events after the end of run */
            memcpy(copy + n, bytes + ends[0], ends[1] - ends[0]);
            size += ends[1] - ends[0];
        }
        spill(path_of("strict.mid"), copy + skip, size - skip);
        assert_int_equal(walk_file(path_of("strict.mid"), true, &hash, &status), ERR_DATA);
        assert_int_equal(walk_file(path_of("strict.mid"), false, &hash, &status), ERR_OK);
        assert_false(status.is_cut);
    }
    mem_free(bytes);
    mem_free(copy);
}

/* Files of several gzip members or LZ4 frames, as "cat a.gz b.gz" makes them. */
static void test_concatenated(void **state)
{
    (void)state;
    struct midas_build as = {.flavour = MIDAS_BANK32};
    size_t n, ends[N_EVENTS] = {0};
    write_file(path_of("parts.mid"), as, MIDAS_PLAIN);
    uint8_t *bytes = slurp(path_of("parts.mid"), &n);
    boundaries(bytes, n, ends);
    for (enum midas_compression kind = MIDAS_GZ; kind <= MIDAS_LZ4; kind++) {
        const char *name = kind == MIDAS_GZ ? "parts.mid.gz" : "parts.mid.lz4";
        uint8_t *both;
        size_t at = 0, n_part;
        struct midas_status status;
        assert_int_equal(mem_alloc(&both, 2 * n + 1000, 1), ERR_OK);
        for (int i = 0; i < 2; i++) {
            struct midas_stream *s;
            size_t from = i ? ends[1] + 7 : 0, to = i ? n : ends[1] + 7;
            unlink(path_of("part"));
            assert_int_equal(midas_stream_create(path_of("part"), kind, &s), ERR_OK);
            assert_int_equal(midas_stream_write(s, bytes + from, to - from), ERR_OK);
            assert_int_equal(midas_stream_close(s), ERR_OK);
            uint8_t *part = slurp(path_of("part"), &n_part);
            memcpy(both + at, part, n_part);
            at += n_part;
            mem_free(part);
        }
        spill(path_of(name), both, at);
        assert_int_equal(read_file(path_of(name), &as, &status), N_EVENTS);
        assert_false(status.is_cut);
        mem_free(both);
    }
    mem_free(bytes);
}

/* No room (a limit on file sizes stands for it): one error that names the file. And no file is replaced. */
static void test_cannot_write(void **state)
{
    (void)state;
    uint32_t block[16384];
    struct rlimit limit, small;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small          = limit;
    small.rlim_cur = 1 << 20;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (enum midas_compression kind = MIDAS_PLAIN; kind <= MIDAS_LZ4; kind++) {
        struct midas_stream *s;
        struct rng r = rng_start(rng_key(1, 1, 1, 1, 1), 0);
        unlink(path_of("full"));
        enum err rc = midas_stream_create(path_of("full"), kind, &s);
        for (uint32_t i = 0; !rc && i < 100; i++) {
            for (size_t k = 0; k < sizeof block / sizeof *block; k++) block[k] = rng_u32(&r);
            rc = midas_stream_write(s, block, sizeof block);
        }
        assert_int_equal(rc, ERR_WRITE);
        assert_non_null(strstr(err_message(), "/full"));
        midas_stream_close(s);
        assert_int_equal(midas_stream_create(path_of("full"), kind, &s), ERR_WRITE);
        assert_int_equal(midas_stream_create(path_of("no/such/folder"), kind, &s), ERR_WRITE);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_names(void **state)
{
    (void)state;
    uint32_t run, subrun;
    char path[64];
    assert_true(midas_file_name("/data/gm2_run18150_00002.mid", &run, &subrun));
    assert_true(run == 18150 && subrun == 2);
    assert_true(midas_file_name("gm2_run123456_00010.mid.lz4", &run, &subrun));
    assert_true(run == 123456 && subrun == 10);
    assert_false(midas_file_name("gm2_run18150_00002.mid.part", &run, &subrun));
    assert_false(midas_file_name("gm2_run181_00002.mid", &run, &subrun));
    assert_true(midas_file_name("gm2_run00001_00010_0a9.mid.gz", &run, &subrun));
    assert_true(run == 1 && subrun == 10);
    assert_false(midas_file_name("gm2_run00001_00010_.mid", &run, &subrun));
    assert_false(midas_file_name("gm2_run00001_00010_A.mid", &run, &subrun));
    assert_false(midas_file_tag("") || midas_file_tag("a-b") || !midas_file_tag("09af"));
    assert_false(midas_file_name("run18150_00002.mid", &run, &subrun));
    assert_int_equal(midas_file_path("out", 1, 0, NULL, MIDAS_GZ, sizeof path, path), ERR_OK);
    assert_string_equal(path, "out/gm2_run00001_00000.mid.gz");
    assert_int_equal(midas_file_path("out", 1, 0, "x9", MIDAS_PLAIN, sizeof path, path), ERR_OK);
    assert_string_equal(path, "out/gm2_run00001_00000_x9.mid");
    assert_int_equal(midas_file_path("out", 1, 0, "", MIDAS_GZ, 20, path), ERR_WRITE);
}

static int set_up(void **state)
{
    (void)state;
    const char *root = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; /* thousands of small files */
    snprintf(folder, sizeof folder, "%s/gm2-t-midas.XXXXXX", root);
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),          cmocka_unit_test(test_unpadded),
        cmocka_unit_test(test_round_trips),    cmocka_unit_test(test_seek),
        cmocka_unit_test(test_truncated),      cmocka_unit_test(test_truncated_compressed),
        cmocka_unit_test(test_mutations),      cmocka_unit_test(test_hostile_lengths),
        cmocka_unit_test(test_damaged_middle), cmocka_unit_test(test_not_midas),
        cmocka_unit_test(test_strict),         cmocka_unit_test(test_concatenated),
        cmocka_unit_test(test_cannot_write),   cmocka_unit_test(test_names),
    };
    int rc = cmocka_run_group_tests(tests, set_up, tear_down);
    return rc || mem_live() != 0;
}
