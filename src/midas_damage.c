/* Damage on request. An event is cut into its banks; strokes change bytes in place or put the banks together anew. */
#include "midas_damage.h"

#include "bank.h"
#include "mem.h"
#include "rng.h"

#include <string.h>

enum { MAX_BANKS = 1024, HEADS = MIDAS_HEADER_BYTES + 8, BURST = 64, STRANGE = 40 };

/* ---- an event in pieces ---- */

/* A bank with its header and padding. */
struct piece {
    const uint8_t *bytes; /* of the event it came from */
    size_t n, head, size; /* with all; of the header; of the data */
    char name[5];
    int crate; /* 0 the clock crate, -1 none */
};

struct pieces {
    struct midas_event event;
    size_t n;
    struct piece piece[MAX_BANKS];
};

static int crate_of(const char *name) { return memcmp(name, "TTC", 3) == 0 ? 0 : bank_crate(name); }

static enum err take_apart(const uint8_t *bytes, size_t n, struct pieces *out)
{
    struct midas_walk walk;
    struct midas_bank bank;
    const uint8_t *at = bytes + HEADS;
    out->n            = 0;
    TRY(midas_parse(bytes, n, &out->event));
    TRY(midas_walk(&out->event, false, &walk));
    REQUIRE(!walk.is_swapped && !out->event.is_header_swapped, ERR_DATA, "only events in host order are damaged");
    for (;;) {
        TRY(midas_walk_next(&walk, &bank));
        if (!bank.data) return ERR_OK;
        REQUIRE(out->n < MAX_BANKS, ERR_DATA, "more than %d banks", MAX_BANKS);
        struct piece *p = &out->piece[out->n++];
        *p              = (struct piece){
                         .bytes = at, .n = (size_t)(walk.at - at), .head = (size_t)(bank.data - at), .size = bank.size};
        memcpy(p->name, bank.name, sizeof p->name);
        p->crate = crate_of(bank.name);
        at       = walk.at;
    }
}

static void put32(uint8_t *at, uint32_t value) { memcpy(at, &value, sizeof value); }

static uint32_t get32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* The event's two sizes as its length demands. */
static void fit_sizes(struct midas_build *out)
{
    put32(out->bytes + 12, (uint32_t)(out->n - MIDAS_HEADER_BYTES));
    put32(out->bytes + MIDAS_HEADER_BYTES, (uint32_t)(out->n - HEADS));
}

static enum err begin(const struct pieces *p, struct midas_build *out)
{
    out->n = 0;
    return midas_build_append(out, p->event.bytes, HEADS);
}

static bool is_hit(const struct midas_stroke *s, const struct piece *p)
{
    return (s->crate < 0 || p->crate == s->crate) && (!s->letter || p->name[1] == s->letter) && p->crate >= 0;
}

/* The bank that a stroke means; with data if has_data. -1: none. */
static long choose(const struct midas_stroke *s, const struct pieces *p, bool has_data)
{
    size_t n = 0, k = 0;
    for (size_t i = 0; i < p->n; i++) n += is_hit(s, &p->piece[i]) && (!has_data || p->piece[i].size > 0);
    if (n == 0) return -1;
    for (size_t i = 0; i < p->n; i++)
        if (is_hit(s, &p->piece[i]) && (!has_data || p->piece[i].size > 0) && k++ == (size_t)(s->bank * (double)n))
            return (long)i;
    return -1;
}

static void tell(struct midas_damage_note *note, const struct piece *p, size_t byte, size_t length)
{
    note->is_done = true;
    note->byte    = byte;
    note->length  = length;
    if (!p) return;
    note->crate = p->crate;
    memcpy(note->bank, p->name, sizeof note->bank);
}

static struct rng random_of(const struct midas_stroke *s)
{
    return rng_start(rng_key(s->seed, 0, 0, 0, 0), (uint32_t)s->kind);
}

static void randomise(const struct midas_stroke *s, uint8_t *bytes, size_t n)
{
    struct rng rng = random_of(s);
    for (size_t i = 0; i < n; i++) bytes[i] = (uint8_t)(rng_u32(&rng) | 1); /* never all 0 */
}

/* ---- strokes that keep the length ---- */

static enum err copy(const struct pieces *p, struct midas_build *out)
{
    out->n = 0;
    return midas_build_append(out, p->event.bytes, p->event.n_bytes);
}

static void change_data(const struct midas_stroke *s, const struct piece *p, uint8_t *data, size_t *from, size_t *n)
{
    *from = (size_t)(s->byte * (double)p->size);
    *n    = p->size - *from;
    switch (s->kind) {
    case MIDAS_DAMAGE_flip:
        *n = 1;
        data[*from] ^= (uint8_t)(1U << (s->seed & 7));
        break;
    case MIDAS_DAMAGE_burst:
        *n = *n < BURST ? *n : BURST;
        randomise(s, data + *from, *n);
        break;
    default: memset(data + *from, 0, *n); break;
    }
}

/* flip, burst, zeros */
static enum err hit_data(const struct midas_stroke *s, const struct pieces *p, struct midas_build *out,
                         struct midas_damage_note *note)
{
    long i = choose(s, p, true);
    size_t from, n;
    TRY(copy(p, out));
    if (i < 0 || !out->bytes) return ERR_OK;
    const struct piece *bank = &p->piece[i];
    size_t at                = (size_t)(bank->bytes - p->event.bytes) + bank->head;
    change_data(s, bank, out->bytes + at, &from, &n);
    if (memcmp(out->bytes + at, p->event.bytes + at, bank->size) != 0) tell(note, bank, at + from, n);
    return ERR_OK;
}

/* bank_size, bank_type, bank_name */
static enum err hit_bank_header(const struct midas_stroke *s, const struct pieces *p, struct midas_build *out,
                                struct midas_damage_note *note)
{
    static const uint32_t wrong[] = {8, 1U << 20, 0xFFFFFFFFU, 0x80000000U};
    long i                        = choose(s, p, false);
    TRY(copy(p, out));
    if (i < 0 || !out->bytes) return ERR_OK;
    const struct piece *bank = &p->piece[i];
    size_t at                = (size_t)(bank->bytes - p->event.bytes);
    uint8_t *head            = out->bytes + at;
    bool is_short            = get32(p->event.bytes + MIDAS_HEADER_BYTES + 4) == MIDAS_BANK16;
    size_t size_at           = is_short ? 6 : 8;
    if (s->kind == MIDAS_DAMAGE_bank_name) {
        head[1] = '?';
        tell(note, bank, at + 1, 1);
    } else if (s->kind == MIDAS_DAMAGE_bank_type) {
        head[4] = (uint8_t)(head[4] == MIDAS_F64 ? MIDAS_U8 : MIDAS_F64);
        tell(note, bank, at + 4, 1);
    } else {
        uint32_t size = get32(head + 8) + wrong[(size_t)(s->byte * 4.0)];
        memcpy(head + size_at, &size, is_short ? 2 : 4);
        tell(note, bank, at + size_at, is_short ? 2 : 4);
    }
    return ERR_OK;
}

/* Numbers in header banks: 64-bit words, big-endian; but the timing bank's after its first, which are little-endian. */
static bool change_number(const struct midas_stroke *s, const struct piece *p, uint8_t *data, size_t *byte)
{
    bool is_amc = p->name[1] == 'A' && p->size >= 8, is_timing = p->name[1] == 'C' && p->size >= 176;
    *byte = s->kind == MIDAS_DAMAGE_trigger ? 3 : 168;
    if (s->kind == MIDAS_DAMAGE_trigger ? !is_amc : !is_timing) return false;
    data[*byte] = (uint8_t)(data[*byte] + 1 + (int)(s->byte * 254.0));
    return true;
}

/* trigger, fill_number */
static enum err hit_number(const struct midas_stroke *s, const struct pieces *p, struct midas_build *out,
                           struct midas_damage_note *note)
{
    struct midas_stroke one = *s;
    size_t byte;
    one.letter = s->kind == MIDAS_DAMAGE_trigger ? 'A' : 'C';
    long i     = choose(&one, p, true);
    TRY(copy(p, out));
    if (i < 0 || !out->bytes) return ERR_OK;
    const struct piece *bank = &p->piece[i];
    size_t at                = (size_t)(bank->bytes - p->event.bytes) + bank->head;
    if (change_number(s, bank, out->bytes + at, &byte)) tell(note, bank, at + byte, 1);
    return ERR_OK;
}

/* event_size, banks_size, flags, header */
static enum err hit_event_header(const struct midas_stroke *s, const struct pieces *p, struct midas_build *out,
                                 struct midas_damage_note *note)
{
    static const uint32_t sizes[] = {0, 8, 0x7FFFFFFFU, 0xFFFFFFF0U};
    TRY(copy(p, out));
    uint32_t here = (uint32_t)(s->byte * 8.0), is_near = here < 4;
    uint32_t right = p->event.data_size - (s->kind == MIDAS_DAMAGE_banks_size ? 8 : 0);
    uint32_t size  = is_near ? right + (here % 2 ? 8 : -8U) * (1 + here / 2) : sizes[here - 4];
    switch (s->kind) {
    case MIDAS_DAMAGE_event_size:
        put32(out->bytes + 12, size);
        tell(note, NULL, 12, 4);
        break;
    case MIDAS_DAMAGE_banks_size:
        put32(out->bytes + MIDAS_HEADER_BYTES, size);
        tell(note, NULL, MIDAS_HEADER_BYTES, 4);
        break;
    case MIDAS_DAMAGE_flags:
        put32(out->bytes + MIDAS_HEADER_BYTES + 4, here * 0x01010100U + 2);
        tell(note, NULL, MIDAS_HEADER_BYTES + 4, 4);
        break;
    default:
        randomise(s, out->bytes, HEADS);
        tell(note, NULL, 0, HEADS);
        break;
    }
    return ERR_OK;
}

/* ---- strokes that put the banks together anew ---- */

static enum err append_cut(const struct midas_stroke *s, const struct piece *p, struct midas_build *out)
{
    static const uint8_t zeros[8] = {0};
    size_t at = out->n, keep = (size_t)(s->byte * (double)p->size), element = 4;
    keep -= keep % element;
    TRY(midas_build_append(out, p->bytes, p->head + keep));
    TRY(midas_build_append(out, zeros, (8 - keep % 8) % 8));
    uint32_t size = (uint32_t)keep;
    memcpy(out->bytes + at + (p->head == 8 ? 6 : 8), &size, p->head == 8 ? 2 : 4);
    return ERR_OK;
}

/* cut_bank, double_bank, drop_bank */
static enum err rebuild_bank(const struct midas_stroke *s, const struct pieces *p, struct midas_build *out,
                             struct midas_damage_note *note)
{
    long hit = choose(s, p, s->kind == MIDAS_DAMAGE_cut_bank);
    TRY(begin(p, out));
    for (size_t i = 0; i < p->n; i++) {
        const struct piece *bank = &p->piece[i];
        bool is_here             = (long)i == hit;
        if (is_here) tell(note, bank, out->n, s->kind == MIDAS_DAMAGE_drop_bank ? 0 : bank->n);
        if (is_here && s->kind == MIDAS_DAMAGE_drop_bank) continue;
        if (is_here && s->kind == MIDAS_DAMAGE_cut_bank)
            TRY(append_cut(s, bank, out));
        else
            TRY(midas_build_append(out, bank->bytes, bank->n));
        if (is_here && s->kind == MIDAS_DAMAGE_double_bank) TRY(midas_build_append(out, bank->bytes, bank->n));
    }
    fit_sizes(out);
    return ERR_OK;
}

static enum err append_crate(const struct pieces *from, int crate, struct midas_build *out)
{
    for (size_t i = 0; i < from->n; i++)
        if (from->piece[i].crate == crate) TRY(midas_build_append(out, from->piece[i].bytes, from->piece[i].n));
    return ERR_OK;
}

/* drop_crate, stale_crate: `instead` NULL or the fill before */
static enum err rebuild_crate(const struct midas_stroke *s, const struct pieces *p, const struct pieces *instead,
                              struct midas_build *out, struct midas_damage_note *note)
{
    long hit = choose(s, p, false);
    TRY(begin(p, out));
    int crate    = hit < 0 ? -2 : p->piece[hit].crate;
    bool is_told = false;
    for (size_t i = 0; i < p->n; i++) {
        const struct piece *bank = &p->piece[i];
        if (bank->crate != crate) {
            TRY(midas_build_append(out, bank->bytes, bank->n));
            continue;
        }
        if (is_told) continue;
        is_told   = true;
        size_t at = out->n;
        if (instead) TRY(append_crate(instead, crate, out));
        tell(note, NULL, at, out->n - at);
        note->crate = crate;
    }
    fit_sizes(out);
    return ERR_OK;
}

static enum err shuffle(const struct midas_stroke *s, struct pieces *p, struct midas_build *out,
                        struct midas_damage_note *note)
{
    struct rng rng = random_of(s);
    for (size_t i = p->n; i > 1; i--) {
        size_t j         = rng_u32(&rng) % i;
        struct piece one = p->piece[i - 1];
        p->piece[i - 1]  = p->piece[j];
        p->piece[j]      = one;
    }
    TRY(begin(p, out));
    for (size_t i = 0; i < p->n; i++) TRY(midas_build_append(out, p->piece[i].bytes, p->piece[i].n));
    tell(note, NULL, HEADS, out->n - HEADS);
    return ERR_OK;
}

/* ---- strokes that change the length and tell nobody ---- */

static enum err append_strange(const struct midas_stroke *s, struct midas_build *out)
{
    uint8_t strange[STRANGE];
    randomise(s, strange, sizeof strange);
    return midas_build_append(out, strange, 1 + s->seed % STRANGE);
}

/* hole, extra, garbage, double_event, drop_event, truncate */
static enum err cut_and_join(const struct midas_stroke *s, const struct pieces *p, struct midas_build *out,
                             struct midas_damage_note *note)
{
    const uint8_t *bytes = p->event.bytes;
    const size_t n = p->event.n_bytes, at = 1 + (size_t)(s->byte * (double)(n - 1));
    size_t keep = n, skip = n;
    out->n = 0;
    if (s->kind == MIDAS_DAMAGE_garbage || s->kind == MIDAS_DAMAGE_drop_event) keep = 0;
    if (s->kind == MIDAS_DAMAGE_garbage) skip = 0;
    if (s->kind == MIDAS_DAMAGE_hole || s->kind == MIDAS_DAMAGE_extra || s->kind == MIDAS_DAMAGE_truncate) keep = at;
    if (s->kind == MIDAS_DAMAGE_extra) skip = at;
    if (s->kind == MIDAS_DAMAGE_hole) skip = at + 1 + (size_t)(s->bank * (double)(n - at));
    if (s->kind == MIDAS_DAMAGE_double_event) skip = 0;
    if (skip > n) skip = n;
    TRY(midas_build_append(out, bytes, keep));
    size_t hit = out->n;
    if (s->kind == MIDAS_DAMAGE_garbage || s->kind == MIDAS_DAMAGE_extra) TRY(append_strange(s, out));
    tell(note, NULL, hit,
         s->kind == MIDAS_DAMAGE_hole           ? skip - at
         : s->kind == MIDAS_DAMAGE_double_event ? n
                                                : out->n - hit);
    return midas_build_append(out, bytes + skip, n - skip);
}

static enum err hit_event(const struct midas_stroke *s, struct pieces *p, struct pieces *before,
                          struct midas_build *out, struct midas_damage_note *note)
{
    switch (s->kind) {
    case MIDAS_DAMAGE_flip:
    case MIDAS_DAMAGE_burst:
    case MIDAS_DAMAGE_zeros: return hit_data(s, p, out, note);
    case MIDAS_DAMAGE_bank_size:
    case MIDAS_DAMAGE_bank_type:
    case MIDAS_DAMAGE_bank_name: return hit_bank_header(s, p, out, note);
    case MIDAS_DAMAGE_cut_bank:
    case MIDAS_DAMAGE_double_bank:
    case MIDAS_DAMAGE_drop_bank: return rebuild_bank(s, p, out, note);
    case MIDAS_DAMAGE_drop_crate: return rebuild_crate(s, p, NULL, out, note);
    case MIDAS_DAMAGE_stale_crate: return before ? rebuild_crate(s, p, before, out, note) : copy(p, out);
    case MIDAS_DAMAGE_trigger:
    case MIDAS_DAMAGE_fill_number: return hit_number(s, p, out, note);
    case MIDAS_DAMAGE_event_size:
    case MIDAS_DAMAGE_banks_size:
    case MIDAS_DAMAGE_flags:
    case MIDAS_DAMAGE_header: return hit_event_header(s, p, out, note);
    case MIDAS_DAMAGE_shuffle: return shuffle(s, p, out, note);
    default: return cut_and_join(s, p, out, note);
    }
}

enum err midas_damage_apply(const struct midas_stroke *stroke, const uint8_t *bytes, size_t n,
                            const struct midas_event *previous, struct midas_build *out, struct midas_damage_note *note)
{
    struct pieces *p = NULL;
    enum err rc      = ERR_OK;
    *note            = (struct midas_damage_note){.kind = stroke->kind, .crate = -1};
    TRY(mem_alloc(&p, 2, sizeof *p));
    if (!p) return ERR_MEMORY;
    TRY_TO(out, take_apart(bytes, n, &p[0]));
    if (previous) TRY_TO(out, take_apart(previous->bytes, previous->n_bytes, &p[1]));
    TRY_TO(out, hit_event(stroke, &p[0], previous ? &p[1] : NULL, out, note));
out:
    mem_free(p);
    return rc;
}
