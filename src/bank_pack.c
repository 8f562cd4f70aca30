/* Compressed banks. */
#include "bank_pack.h"

#include "bank.h"
#include "md5.h"

#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

enum {
    DIGEST_BYTES = 16,
    HEAD_BYTES   = 8,  /* {bytes of all banks, flags} */
    BANK_BYTES   = 12, /* {name, type, size} */
    STEP_BYTES   = 1 << 16,
    MAX_BYTES    = 1 << 30,
    N_CRATES     = 100
};

bool bank_is_packed(const struct midas_bank *bank)
{
    if (bank->type != MIDAS_U8 || bank_crate(bank->name) < 0) return false;
    bool is_small = bank->name[0] >= 'a' && bank->name[0] <= 'z';
    return is_small || (bank->name[0] == 'F' && bank->name[1] == 'Z');
}

static bool is_zlib(const uint8_t *p, size_t n) { return n >= 2 && (p[0] & 15) == 8 && (p[0] << 8 | p[1]) % 31 == 0; }

/* ---- taking apart ---- */

/* Inflates n bytes behind what `room` holds; the end may lack its last block. */
static enum err inflate_all(const uint8_t *p, size_t n, struct midas_build *room)
{
    z_stream z  = {0};
    enum err rc = ERR_OK;
    int status  = inflateInit(&z);
    void *to    = NULL;
    REQUIRE(status == Z_OK, ERR_MEMORY, "out of memory");
    if (n > UINT32_MAX) FAIL_TO(out, ERR_DATA, "%zu compressed bytes", n);
    z.next_in  = p;
    z.avail_in = (uInt)n;
    do {
        if (room->n > MAX_BYTES) FAIL_TO(out, ERR_DATA, "more than %d bytes come out", MAX_BYTES);
        TRY_TO(out, midas_build_room(room, STEP_BYTES, &to));
        z.next_out  = to;
        z.avail_out = STEP_BYTES;
        status      = inflate(&z, Z_SYNC_FLUSH);
        room->n -= z.avail_out;
    } while (status == Z_OK && z.avail_out == 0);
    bool is_end = status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR;
    if (status == Z_MEM_ERROR) FAIL_TO(out, ERR_MEMORY, "out of memory");
    if (!is_end || z.avail_in > 0) FAIL_TO(out, ERR_DATA, "compressed data are damaged after %zu bytes", room->n);
out:
    inflateEnd(&z);
    return rc;
}

static enum err check_digest(const uint8_t *expected, const uint8_t *bytes, size_t n)
{
    uint8_t digest[DIGEST_BYTES];
    md5(bytes, n, digest);
    REQUIRE(memcmp(digest, expected, sizeof digest) == 0, ERR_DATA,
            "the MD5 of its %zu bytes differs from the one stored", n);
    return ERR_OK;
}

/* With a digest, if there is a zlib stream behind one; else as a stream alone. `skip` bytes of room stay. */
static enum err open_stream(const struct midas_bank *bank, size_t skip, struct midas_build *room)
{
    const uint8_t *p = bank->data;
    enum err rc      = ERR_DATA;
    room->n          = 0;
    void *head       = NULL;
    if (bank->size > DIGEST_BYTES && is_zlib(p + DIGEST_BYTES, bank->size - DIGEST_BYTES)) {
        TRY(midas_build_room(room, skip, &head));
        rc = inflate_all(p + DIGEST_BYTES, bank->size - DIGEST_BYTES, room);
        if (!rc) rc = check_digest(p, room->bytes + skip, room->n - skip);
        if (rc != ERR_DATA || !is_zlib(p, bank->size)) return rc;
    }
    REQUIRE(is_zlib(p, bank->size), ERR_DATA, "no compressed data");
    room->n = 0;
    TRY(midas_build_room(room, skip, &head));
    return inflate_all(p, bank->size, room);
}

static uint32_t load32(const uint8_t *p, bool is_swapped)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return is_swapped ? __builtin_bswap32(v) : v;
}

/* One bank without padding: gets a body's head and padding, so that it can be walked. */
static enum err frame_bank(const char *name, struct midas_build *room)
{
    static const uint8_t zeros[8];
    const uint8_t *bank = room->bytes + HEAD_BYTES;
    size_t n            = room->n - HEAD_BYTES;
    REQUIRE(n >= BANK_BYTES, ERR_DATA, "%zu bytes, a bank's header alone has %d", n, BANK_BYTES);
    bool is_swapped = load32(bank + 4, false) >= N_MIDAS_TYPES;
    REQUIRE(load32(bank + 8, is_swapped) == n - BANK_BYTES, ERR_DATA, "a bank of %u bytes in %zu",
            load32(bank + 8, is_swapped), n - BANK_BYTES);
    REQUIRE(bank[0] == (uint8_t)(name[0] - 'a' + 'A') && memcmp(bank + 1, name + 1, 3) == 0, ERR_DATA,
            "another bank is in it");
    TRY(midas_build_append(room, zeros, (8 - (n - BANK_BYTES) % 8) % 8));
    uint32_t head[2] = {(uint32_t)(room->n - HEAD_BYTES), MIDAS_BANK32};
    if (is_swapped) midas_swap(head, sizeof head, MIDAS_U32);
    memcpy(room->bytes, head, sizeof head);
    return ERR_OK;
}

static enum err undo(const struct midas_bank *bank, bool is_strict, struct midas_build *room, struct midas_walk *out)
{
    bool is_event = bank->name[0] == 'F';
    TRY(open_stream(bank, is_event ? 0 : HEAD_BYTES, room));
    if (!is_event) TRY(frame_bank(bank->name, room));
    return midas_walk_body(room->bytes, room->n, is_strict, out);
}

enum err bank_unpack(const struct midas_bank *bank, bool is_strict, struct midas_build *room, struct midas_walk *out)
{
    *out        = (struct midas_walk){0};
    enum err rc = undo(bank, is_strict, room, out);
    return rc ? err_context(rc, "compressed bank %s", bank->name) : ERR_OK;
}

/* ---- building ---- */

/* Appends digest and stream of n bytes to the open bank. */
static enum err append_stream(struct midas_build *b, const uint8_t *p, size_t n)
{
    z_stream z = {0};
    void *room = NULL;
    uint8_t digest[DIGEST_BYTES];
    md5(p, n, digest);
    TRY(midas_build_append(b, digest, sizeof digest));
    REQUIRE(n < MAX_BYTES, ERR_NUMBER, "a bank of %zu bytes cannot be compressed", n);
    REQUIRE(deflateInit2(&z, 1, Z_DEFLATED, 15, 9, Z_HUFFMAN_ONLY) == Z_OK, ERR_MEMORY, "out of memory");
    size_t bound = deflateBound(&z, (uLong)n) + 64;
    enum err rc  = midas_build_room(b, bound, &room);
    if (!rc) {
        z.next_in   = p;
        z.avail_in  = (uInt)n;
        z.next_out  = room;
        z.avail_out = (uInt)bound;
        deflate(&z, Z_FULL_FLUSH);
        b->n -= z.avail_out;
    }
    bool is_all = z.avail_in == 0 && z.avail_out > 0;
    deflateEnd(&z);
    if (rc) return rc;
    REQUIRE(is_all, ERR_LOGIC, "no room for a compressed bank");
    return ERR_OK;
}

static enum err copy_bank(struct midas_build *out, const struct midas_bank *bank)
{
    return midas_build_add(out, bank->name, (enum midas_type)bank->type, bank->data, bank->size);
}

/* One bank of bank32 layout: what stands in the event when it is compressed alone. */
static enum err pack_bank(const struct midas_bank *bank, struct midas_build *one, struct midas_build *out)
{
    char name[5];
    memcpy(name, bank->name, sizeof name);
    name[0] = (char)(name[0] - 'A' + 'a');
    TRY(midas_build_begin(one, 0, 0, 0, 0));
    TRY(copy_bank(one, bank));
    TRY(midas_build_bank(out, name, MIDAS_U8));
    TRY(append_stream(out, one->bytes + MIDAS_HEADER_BYTES + HEAD_BYTES, BANK_BYTES + bank->size));
    return midas_build_bank_end(out);
}

static bool is_capital(const char *name) { return name[0] >= 'A' && name[0] <= 'Z'; }

/* The frontend packs what it made of samples, not the header banks. */
static enum err pack_banks(const struct midas_event *event, struct midas_build *one, struct midas_build *out)
{
    struct midas_walk walk;
    struct midas_bank bank;
    TRY(midas_walk(event, false, &walk));
    for (;;) {
        TRY(midas_walk_next(&walk, &bank));
        if (!bank.data) return ERR_OK;
        bool is_packed = bank_crate(bank.name) > 0 && is_capital(bank.name) && strchr("PSTFQR", bank.name[1]);
        TRY(is_packed ? pack_bank(&bank, one, out) : copy_bank(out, &bank));
    }
}

static bool goes_into_crate(const struct midas_bank *bank, int crate)
{
    return crate > 0 && bank_crate(bank->name) == crate && is_capital(bank->name) && bank->name[1] != 'C';
}

static enum err gather(const struct midas_event *event, int crate, struct midas_build *one, size_t *n_banks)
{
    struct midas_walk walk;
    struct midas_bank bank;
    *n_banks = 0;
    TRY(midas_build_begin(one, 0, 0, 0, 0));
    TRY(midas_walk(event, false, &walk));
    for (;;) {
        TRY(midas_walk_next(&walk, &bank));
        if (!bank.data) return midas_build_end(one);
        if (!goes_into_crate(&bank, crate)) continue;
        TRY(copy_bank(one, &bank));
        ++*n_banks;
    }
}

static enum err pack_crate(const struct midas_event *event, int crate, struct midas_build *one, struct midas_build *out)
{
    char name[5];
    size_t n_banks;
    TRY(gather(event, crate, one, &n_banks));
    if (!n_banks) return ERR_OK;
    bank_name('F', 'Z', crate, name);
    TRY(midas_build_bank(out, name, MIDAS_U8));
    TRY(append_stream(out, one->bytes + MIDAS_HEADER_BYTES, one->n - MIDAS_HEADER_BYTES));
    return midas_build_bank_end(out);
}

static enum err pack_crates(const struct midas_event *event, struct midas_build *one, struct midas_build *out)
{
    struct midas_walk walk;
    struct midas_bank bank;
    bool is_done[N_CRATES] = {false};
    TRY(midas_walk(event, false, &walk));
    for (;;) {
        TRY(midas_walk_next(&walk, &bank));
        if (!bank.data) return ERR_OK;
        int crate = bank_crate(bank.name);
        if (!goes_into_crate(&bank, crate)) {
            TRY(copy_bank(out, &bank));
        } else if (!is_done[crate]) {
            is_done[crate] = true;
            TRY(pack_crate(event, crate, one, out));
        }
    }
}

enum err bank_pack_event(const uint8_t *bytes, size_t n, enum bank_packing how, struct midas_build *out)
{
    struct midas_event event;
    struct midas_walk walk;
    struct midas_build one = {0};
    TRY(midas_parse(bytes, n, &event));
    TRY(midas_walk(&event, false, &walk));
    REQUIRE(!walk.is_swapped && !event.is_header_swapped, ERR_LOGIC, "an event in the other byte order is not packed");
    TRY(midas_build_begin(out, event.id, event.mask, event.serial, event.time_s));
    enum err rc = how == BANK_PACK_FZ ? pack_crates(&event, &one, out) : pack_banks(&event, &one, out);
    midas_build_free(&one);
    if (rc) return rc;
    return midas_build_end(out);
}
