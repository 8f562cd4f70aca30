/* MIDAS events in memory. */
#include "midas.h"

#include "mem.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "gm2 needs a little-endian machine");

static const uint8_t type_sizes[N_MIDAS_TYPES] = {
    [MIDAS_U8] = 1,   [MIDAS_I8] = 1,  [MIDAS_CHAR] = 1, [MIDAS_U16] = 2, [MIDAS_I16] = 2,
    [MIDAS_U32] = 4,  [MIDAS_I32] = 4, [MIDAS_BOOL] = 4, [MIDAS_F32] = 4, [MIDAS_F64] = 8,
    [MIDAS_BITS] = 4, [MIDAS_I64] = 8, [MIDAS_U64] = 8};

size_t midas_type_size(uint32_t type) { return type < N_MIDAS_TYPES ? type_sizes[type] : 0; }

static uint32_t load32(const uint8_t *p, bool is_swapped)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return is_swapped ? __builtin_bswap32(v) : v;
}

static uint16_t load16(const uint8_t *p, bool is_swapped)
{
    uint16_t v;
    memcpy(&v, p, 2);
    return is_swapped ? __builtin_bswap16(v) : v;
}

static void store32(uint8_t *p, uint32_t v) { memcpy(p, &v, 4); }
static void store16(uint8_t *p, uint16_t v) { memcpy(p, &v, 2); }

static size_t padded(size_t n) { return (n + 7) / 8 * 8; }

static bool is_flavour(uint32_t flags)
{
    return flags == MIDAS_BANK16 || flags == MIDAS_BANK32 || flags == MIDAS_BANK32A;
}

static size_t bank_header_bytes(uint32_t flavour)
{
    return flavour == MIDAS_BANK16 ? 8 : flavour == MIDAS_BANK32 ? 12 : 16;
}

/* ---- taking apart ---- */

void midas_header(const uint8_t bytes[MIDAS_HEADER_BYTES], bool is_swapped, struct midas_event *out)
{
    *out = (struct midas_event){.id                = load16(bytes, is_swapped),
                                .mask              = load16(bytes + 2, is_swapped),
                                .serial            = load32(bytes + 4, is_swapped),
                                .time_s            = load32(bytes + 8, is_swapped),
                                .data_size         = load32(bytes + 12, is_swapped),
                                .is_header_swapped = is_swapped};
}

enum err midas_parse(const uint8_t *bytes, size_t n, struct midas_event *out)
{
    *out = (struct midas_event){0};
    REQUIRE(n >= MIDAS_HEADER_BYTES, ERR_DATA, "a MIDAS event of %zu bytes: its header alone has %d", n,
            MIDAS_HEADER_BYTES);
    midas_header(bytes, false, out);
    if (out->data_size != n - MIDAS_HEADER_BYTES) midas_header(bytes, true, out);
    if (out->data_size != n - MIDAS_HEADER_BYTES) {
        midas_header(bytes, false, out);
        FAIL(ERR_DATA, "a MIDAS event of %zu bytes whose header says %u after the header", n, out->data_size);
    }
    out->bytes   = bytes;
    out->n_bytes = n;
    return ERR_OK;
}

bool midas_is_special(const struct midas_event *event)
{
    return event->id == MIDAS_BOR || event->id == MIDAS_EOR || event->id == MIDAS_MESSAGE;
}

const char *midas_text(const struct midas_event *event, size_t *n)
{
    const char *text = (const char *)event->bytes + MIDAS_HEADER_BYTES;
    *n               = event->n_bytes - MIDAS_HEADER_BYTES;
    while (*n > 0 && text[*n - 1] == '\0') --*n;
    return text;
}

bool midas_body_fits(const uint8_t body[8], uint32_t data_size)
{
    bool is_swapped = !is_flavour(load32(body + 4, false));
    return is_flavour(load32(body + 4, is_swapped)) && (uint64_t)load32(body, is_swapped) + 8 == data_size;
}

enum err midas_walk_body(const uint8_t *body, size_t n, bool is_strict, struct midas_walk *out)
{
    *out = (struct midas_walk){.is_strict = is_strict};
    REQUIRE(n >= 8, ERR_DATA, "%zu bytes, no place for a bank header", n);
    out->is_swapped = !is_flavour(load32(body + 4, false));
    out->flavour    = load32(body + 4, out->is_swapped);
    REQUIRE(is_flavour(out->flavour), ERR_DATA, "bank flags 0x%08X; 1, 17 or 49 (either byte order) is known",
            load32(body + 4, false));
    uint32_t size = load32(body, out->is_swapped);
    REQUIRE((uint64_t)size + 8 == n, ERR_DATA, "banks of %u bytes do not fit %zu (8 more than the banks expected)",
            size, n);
    out->start = body;
    out->at    = body + 8;
    out->end   = out->at + size;
    return ERR_OK;
}

enum err midas_walk(const struct midas_event *event, bool is_strict, struct midas_walk *out)
{
    *out = (struct midas_walk){.is_strict = is_strict};
    REQUIRE(!midas_is_special(event), ERR_DATA, "event id 0x%04X has no banks", (unsigned)event->id);
    enum err rc = midas_walk_body(event->bytes + MIDAS_HEADER_BYTES, event->data_size, is_strict, out);
    if (rc) return err_context(rc, "event %u", event->serial);
    out->start = event->bytes;
    return ERR_OK;
}

static enum err check_bank(const struct midas_walk *w, const struct midas_bank *bank, size_t room)
{
    size_t element = midas_type_size(bank->type);
    for (int i = 0; i < 4; i++)
        REQUIRE(bank->name[i] > ' ' && bank->name[i] < 0x7f, ERR_DATA, "bank %u has a name that cannot be printed",
                w->n_banks);
    REQUIRE(bank->type >= 1 && bank->type < N_MIDAS_TYPES, ERR_DATA, "bank %s has type %u; 1 to %d are known",
            bank->name, bank->type, N_MIDAS_TYPES - 1);
    REQUIRE(!element || bank->size % element == 0, ERR_DATA, "bank %s: %zu bytes are no multiple of its element's %zu",
            bank->name, bank->size, element);
    REQUIRE(padded(bank->size) <= room, ERR_DATA, "bank %s is not padded to 8 bytes", bank->name);
    return ERR_OK;
}

enum err midas_walk_next(struct midas_walk *w, struct midas_bank *out)
{
    *out        = (struct midas_bank){.is_swapped = w->is_swapped};
    size_t left = (size_t)(w->end - w->at), header = bank_header_bytes(w->flavour);
    if (left == 0) return ERR_OK;
    const uint8_t *p = w->at;
    w->at            = w->end; /* a damaged bank ends the walk */
    REQUIRE(left >= header, ERR_DATA, "%zu bytes left after bank %u at byte %zu: no place for a bank header", left,
            w->n_banks, (size_t)(p - w->start));
    memcpy(out->name, p, 4);
    out->type = w->flavour == MIDAS_BANK16 ? load16(p + 4, w->is_swapped) : load32(p + 4, w->is_swapped);
    out->size = w->flavour == MIDAS_BANK16 ? load16(p + 6, w->is_swapped) : load32(p + 8, w->is_swapped);
    REQUIRE(out->size <= left - header, ERR_DATA, "bank %u at byte %zu claims %zu bytes, %zu are left in the event",
            w->n_banks, (size_t)(p - w->start), out->size, left - header);
    if (w->is_strict) TRY(check_bank(w, out, left - header));
    size_t step = header + padded(out->size);
    w->at       = p + (step < left ? step : left);
    out->data   = p + header;
    w->n_banks++;
    return ERR_OK;
}

/* Through memcpy: bank data need not lie on their own size; compilers make vector code of it. */
#define SWAP_LOOP(bits)                                                                                                \
    for (size_t i = 0; i + (bits) / 8 <= n; i += (bits) / 8) {                                                         \
        uint##bits##_t v;                                                                                              \
        memcpy(&v, p + i, sizeof v);                                                                                   \
        v = __builtin_bswap##bits(v);                                                                                  \
        memcpy(p + i, &v, sizeof v);                                                                                   \
    }

void midas_swap(void *data, size_t n, uint32_t type)
{
    uint8_t *p = data;
    switch (midas_type_size(type)) {
    case 2: SWAP_LOOP(16) break;
    case 4: SWAP_LOOP(32) break;
    case 8: SWAP_LOOP(64) break;
    default: break;
    }
}

/* ---- building ---- */

enum err midas_build_room(struct midas_build *b, size_t n, void **out)
{
    *out = NULL;
    if (n == 0 && !b->bytes) return ERR_OK;
    if (n > b->capacity - b->n) {
        REQUIRE(n < UINT32_MAX && b->n + n < UINT32_MAX, ERR_NUMBER,
                "a MIDAS event cannot hold %zu bytes more than %zu", n, b->n);
        size_t capacity = b->capacity ? 2 * b->capacity : 1 << 16;
        while (capacity < b->n + n) capacity *= 2;
        TRY(mem_resize(&b->bytes, b->n, capacity, 1));
        b->capacity = capacity;
    }
    *out = b->bytes + b->n;
    b->n += n;
    return ERR_OK;
}

enum err midas_build_append(struct midas_build *b, const void *data, size_t n)
{
    void *room = NULL;
    TRY(midas_build_room(b, n, &room));
    if (n) memcpy(room, data, n);
    return ERR_OK;
}

static enum err put_header(struct midas_build *b, uint16_t id, uint16_t mask, uint32_t serial, uint32_t time_s)
{
    void *room = NULL;
    b->n       = 0;
    b->bank    = 0;
    TRY(midas_build_room(b, MIDAS_HEADER_BYTES, &room));
    uint8_t *p = room;
    store16(p, id);
    store16(p + 2, mask);
    store32(p + 4, serial);
    store32(p + 8, time_s);
    store32(p + 12, 0);
    return ERR_OK;
}

enum err midas_build_begin(struct midas_build *b, uint16_t id, uint16_t mask, uint32_t serial, uint32_t time_s)
{
    if (!b->flavour) b->flavour = MIDAS_BANK32;
    REQUIRE(is_flavour(b->flavour), ERR_LOGIC, "bank flavour %u", b->flavour);
    TRY(put_header(b, id, mask, serial, time_s));
    uint32_t body[2] = {0, b->flavour};
    return midas_build_append(b, body, sizeof body);
}

enum err midas_build_bank(struct midas_build *b, const char *name, enum midas_type type)
{
    void *room = NULL;
    REQUIRE(!b->bank, ERR_LOGIC, "bank %.4s begun before the one before it was ended", name);
    REQUIRE(b->n >= MIDAS_HEADER_BYTES + 8 && strlen(name) == 4, ERR_LOGIC,
            "bank '%s': no event begun, or no 4 letters", name);
    size_t start = b->n;
    TRY(midas_build_room(b, bank_header_bytes(b->flavour), &room));
    uint8_t *p = room;
    memset(p, 0, bank_header_bytes(b->flavour));
    memcpy(p, name, 4);
    if (b->flavour == MIDAS_BANK16)
        store16(p + 4, (uint16_t)type);
    else
        store32(p + 4, type);
    b->bank = start;
    return ERR_OK;
}

enum err midas_build_bank_end(struct midas_build *b)
{
    static const uint8_t zeros[8];
    REQUIRE(b->bank, ERR_LOGIC, "no bank to end");
    size_t size = b->n - b->bank - bank_header_bytes(b->flavour);
    uint8_t *p  = b->bytes + b->bank;
    REQUIRE(b->flavour != MIDAS_BANK16 || size <= UINT16_MAX, ERR_NUMBER,
            "bank %.4s of %zu bytes: a 16-bit bank holds up to 65535", (const char *)p, size);
    if (b->flavour == MIDAS_BANK16)
        store16(p + 6, (uint16_t)size);
    else
        store32(p + 8, (uint32_t)size);
    b->bank = 0;
    return midas_build_append(b, zeros, padded(size) - size);
}

enum err midas_build_add(struct midas_build *b, const char *name, enum midas_type type, const void *data, size_t n)
{
    TRY(midas_build_bank(b, name, type));
    TRY(midas_build_append(b, data, n));
    return midas_build_bank_end(b);
}

static void swap_header(uint8_t *p)
{
    midas_swap(p, 4, MIDAS_U16);
    midas_swap(p + 4, 12, MIDAS_U32);
}

/* Data first, since the walk needs the headers as they are. */
static void swap_body(uint8_t *bytes, size_t n, uint32_t flavour)
{
    uint8_t *p = bytes + MIDAS_HEADER_BYTES + 8, *end = bytes + n;
    size_t header = bank_header_bytes(flavour);
    while (p < end) {
        uint32_t type = flavour == MIDAS_BANK16 ? load16(p + 4, false) : load32(p + 4, false);
        uint32_t size = flavour == MIDAS_BANK16 ? load16(p + 6, false) : load32(p + 8, false);
        midas_swap(p + header, size, type);
        midas_swap(p + 4, header - 4, flavour == MIDAS_BANK16 ? MIDAS_U16 : MIDAS_U32);
        p += header + padded(size);
    }
    midas_swap(bytes + MIDAS_HEADER_BYTES, 8, MIDAS_U32);
}

enum err midas_build_end(struct midas_build *b)
{
    REQUIRE(!b->bank && b->n >= MIDAS_HEADER_BYTES + 8, ERR_LOGIC, "event ended with a bank open, or never begun");
    store32(b->bytes + 12, (uint32_t)(b->n - MIDAS_HEADER_BYTES));
    store32(b->bytes + 16, (uint32_t)(b->n - MIDAS_HEADER_BYTES - 8));
    if (b->is_body_swapped) swap_body(b->bytes, b->n, b->flavour);
    if (b->is_header_swapped) swap_header(b->bytes);
    return ERR_OK;
}

enum err midas_build_run(struct midas_build *b, uint16_t id, uint32_t run, uint32_t time_s, const char *text, size_t n)
{
    TRY(put_header(b, id, MIDAS_MAGIC, run, time_s));
    TRY(midas_build_append(b, text, n));
    TRY(midas_build_append(b, "", 1));
    store32(b->bytes + 12, (uint32_t)(b->n - MIDAS_HEADER_BYTES));
    if (b->is_header_swapped) swap_header(b->bytes);
    return ERR_OK;
}

void midas_build_free(struct midas_build *b)
{
    mem_free(b->bytes);
    *b = (struct midas_build){.flavour = b->flavour};
}
