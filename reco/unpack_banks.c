/* From an event to the banks of its crates: compressed ones opened, types by run, everything checked. */
#include "bank_pack.h"
#include "bank_wfd.h"
#include "mem.h"
#include "unpack_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 2 }; /* a compressed event may hold banks compressed one by one */

void unpack_damage(struct unpack *u, int crate, const char *format, ...)
{
    va_list list;
    u->status |= UNPACK_DAMAGED;
    if (crate >= 0) u->crate[crate].is_damaged = true;
    if (!u->problem[0]) {
        int n = crate >= 0 ? snprintf(u->problem, sizeof u->problem, "crate %d: ", crate) : 0;
        va_start(list, format);
        vsnprintf(u->problem + n, sizeof u->problem - (size_t)n, format, list);
        va_end(list);
    }
    err_clear();
}

/* ---- banks ---- */

enum err unpack_new_chunk(struct unpack *u, struct midas_build **out)
{
    if (u->n_chunks == u->chunk_capacity) {
        size_t capacity = u->chunk_capacity ? 2 * u->chunk_capacity : 64;
        TRY(mem_resize(&u->chunk, u->chunk_capacity, capacity, sizeof *u->chunk));
        u->chunk_capacity = capacity;
    }
    *out      = &u->chunk[u->n_chunks++];
    (*out)->n = 0;
    return ERR_OK;
}

/* In a body of the other byte order a bank is copied and turned round; so is one that does not lie on 4 bytes. */
static enum err host_order(struct unpack *u, const struct midas_bank *bank, const void **data)
{
    struct midas_build *chunk;
    void *room = NULL;
    *data      = bank->data;
    if (!bank->is_swapped && (uintptr_t)bank->data % 4 == 0) return ERR_OK;
    TRY(unpack_new_chunk(u, &chunk));
    TRY(midas_build_room(chunk, bank->size, &room));
    memcpy(room, bank->data, bank->size);
    if (bank->is_swapped) midas_swap(room, bank->size, bank->type);
    *data = room;
    return ERR_OK;
}

/* Pedestals and Q histograms were 16-bit numbers before the physics runs. */
static bool is_type(const struct unpack *u, enum unpack_kind kind, uint32_t type)
{
    static const uint32_t types[N_UNPACK_KINDS] = {
        [UNPACK_T] = MIDAS_I16, [UNPACK_P] = MIDAS_F32, [UNPACK_A] = MIDAS_U32, [UNPACK_B] = MIDAS_U32,
        [UNPACK_C] = MIDAS_U32, [UNPACK_Z] = MIDAS_U32, [UNPACK_S] = MIDAS_U32, [UNPACK_F] = MIDAS_U32,
        [UNPACK_Q] = MIDAS_U32, [UNPACK_R] = MIDAS_I16};
    bool is_early = u->settings.run > 0 && u->settings.run < u->settings.first_physics_run;
    if (type == types[kind]) return true;
    if (kind == UNPACK_F && type == MIDAS_F32) return true;
    return is_early && type == MIDAS_I16 && (kind == UNPACK_P || kind == UNPACK_Q);
}

/* Where a bank belongs: crate, kind and fill type (0: any) by its name; false for banks of others. */
static bool find_place(const char *name, int *crate, enum unpack_kind *kind, int *fill_type)
{
    static const char prefixes[] = "CLPA", kinds[] = "TPABCZSFQR", ttc[] = "ABZ";
    static const enum unpack_kind ttc_kinds[] = {UNPACK_A, UNPACK_R, UNPACK_Z};
    *crate                                    = bank_crate(name);
    *fill_type                                = 0;
    if (memcmp(name, "TTC", 3) == 0 && name[3] && strchr(ttc, name[3])) {
        *crate = 0;
        *kind  = ttc_kinds[strchr(ttc, name[3]) - ttc];
        return true;
    }
    if (*crate < 1 || *crate >= UNPACK_CRATES || !name[0] || !strchr(prefixes, name[0])) return false;
    *fill_type = (int)(strchr(prefixes, name[0]) - prefixes) + 1;
    if (!name[1] || !strchr(kinds, name[1])) return false;
    *kind = (enum unpack_kind)(strchr(kinds, name[1]) - kinds);
    return *fill_type == BANK_MUON || strchr("ACZR", name[1]) != NULL;
}

/* sTnn, sPnn: islands and pedestals of the laser source monitor in a crate. */
static bool is_monitor(const struct midas_bank *bank)
{
    int crate = bank_crate(bank->name);
    return bank->name[0] == 's' && (bank->name[1] == 'T' || bank->name[1] == 'P') && crate >= 1 &&
           crate < UNPACK_CRATES && bank->type != MIDAS_U8;
}

static enum err take_monitor(struct unpack *u, const struct midas_bank *bank)
{
    const int crate          = bank_crate(bank->name);
    const bool is_islands    = bank->name[1] == 'T';
    struct unpack_bank *room = &u->crate[crate].monitor[is_islands ? UNPACK_T : UNPACK_P];
    if (bank->type != (is_islands ? MIDAS_I16 : MIDAS_F32))
        unpack_damage(u, crate, "bank %s has type %u, another expected", bank->name, bank->type);
    else if (room->data)
        unpack_damage(u, crate, "two banks %s", bank->name);
    else
        TRY(host_order(u, bank, &room->data));
    room->n_bytes = bank->size;
    room->type    = bank->type;
    return ERR_OK;
}

static enum err take_bank(struct unpack *u, const struct midas_bank *bank, int inside)
{
    int crate, fill_type;
    enum unpack_kind kind;
    if (is_monitor(bank)) return take_monitor(u, bank);
    bool is_known = find_place(bank->name, &crate, &kind, &fill_type);
    if (fill_type && !u->crate[crate].fill_type) u->crate[crate].fill_type = fill_type;
    if (!is_known) return ERR_OK;
    struct unpack_crate *c = &u->crate[crate];
    c->is_seen             = true;
    if (inside && crate != inside)
        unpack_damage(u, inside, "bank %s in the compressed event of another crate", bank->name);
    else if (fill_type && fill_type != c->fill_type)
        unpack_damage(u, crate, "bank %s in a fill of type %d", bank->name, c->fill_type);
    else if (!is_type(u, kind, bank->type))
        unpack_damage(u, crate, "bank %s has type %u, another expected", bank->name, bank->type);
    else if (c->bank[kind].data)
        unpack_damage(u, crate, "two banks %s", bank->name);
    else
        TRY(host_order(u, bank, &c->bank[kind].data));
    c->bank[kind].n_bytes = bank->size;
    c->bank[kind].type    = bank->type;
    return ERR_OK;
}

/* Lower-case first letters of the known fills are compressed banks, and nothing else. */
static bool is_small(const char *name) { return name[0] && strchr("clpa", name[0]); }

static enum err take_walk(struct unpack *u, struct midas_walk *walk, int inside, int depth);

static enum err take_packed(struct unpack *u, const struct midas_bank *bank, int crate, int depth)
{
    struct midas_build *chunk;
    struct midas_walk walk;
    u->crate[crate].is_seen = true;
    if (depth == MAX_DEPTH || (depth > 0 && bank->name[0] == 'F')) {
        unpack_damage(u, crate, "bank %s is compressed too often", bank->name);
        return ERR_OK;
    }
    TRY(unpack_new_chunk(u, &chunk));
    enum err rc = bank_unpack(bank, true, chunk, &walk);
    if (rc == ERR_DATA) unpack_damage(u, crate, "%s", err_message());
    if (rc) return rc == ERR_DATA ? ERR_OK : rc;
    return take_walk(u, &walk, crate, depth + 1);
}

static enum err take_walk(struct unpack *u, struct midas_walk *walk, int inside, int depth)
{
    struct midas_bank bank;
    for (;;) {
        if (midas_walk_next(walk, &bank)) {
            unpack_damage(u, depth ? inside : -1, "%s", err_message());
            return ERR_OK;
        }
        if (!bank.data) return ERR_OK;
        int crate      = bank_crate(bank.name);
        bool is_packed = crate > 0 && crate < UNPACK_CRATES &&
                         (bank_is_packed(&bank) || is_small(bank.name) || memcmp(bank.name, "FZ", 2) == 0);
        TRY(is_packed ? take_packed(u, &bank, crate, depth) : take_bank(u, &bank, inside));
    }
}

enum err unpack_take_banks(struct unpack *u, const struct midas_event *event)
{
    struct midas_walk walk;
    u->n_chunks = 0;
    if (midas_walk(event, false, &walk)) {
        unpack_damage(u, -1, "%s", err_message());
        return ERR_OK;
    }
    return take_walk(u, &walk, 0, 0);
}

/* ---- checks inside a crate ---- */

static enum err check_amc(const struct unpack *u, int i, struct bank_amc *amc)
{
    const struct unpack_crate *c = &u->crate[i];
    const struct unpack_bank *z = &c->bank[UNPACK_Z], *r = &c->bank[UNPACK_R];
    uint32_t n_words, n_boards;
    uint64_t n_waveforms;
    TRY(bank_ca_read(c->bank[UNPACK_A].data, c->bank[UNPACK_A].n_bytes, amc));
    REQUIRE(i == 0 || amc->fill_type > BANK_PEDESTAL || (int)amc->fill_type == c->fill_type, ERR_DATA,
            "AMC13 tells fill type %u, its bank's name %d", amc->fill_type, c->fill_type);
    if (z->data) {
        TRY(bank_cz_words(z->data, z->n_bytes, &n_words));
        REQUIRE(n_words == (amc->total & 0xFFFFFF), ERR_DATA, "CDF trailer of %u words, %llu expected", n_words,
                (unsigned long long)amc->total);
    }
    if (r->data) TRY(bank_wfd_check(r->data, r->n_bytes, amc, u->settings.check, &n_boards, &n_waveforms));
    return ERR_OK;
}

static enum err check_headers(const struct unpack *u, const struct unpack_crate *c)
{
    const struct unpack_bank *b = &c->bank[UNPACK_B];
    struct bank_daq_header header;
    if (!b->data) return ERR_OK;
    TRY(bank_cb_read(b->data, b->n_bytes, &header));
    REQUIRE((int)header.fill_type == c->fill_type, ERR_DATA, "boards tell fill type %d, the bank's name %d",
            (int)header.fill_type, c->fill_type);
    REQUIRE(!c->has_trigger || header.trigger_number == c->trigger_number, ERR_DATA,
            "boards have trigger number %u, AMC13 %u", header.trigger_number, c->trigger_number);
    REQUIRE(!u->settings.n_samples || header.n_samples <= (uint32_t)u->settings.n_samples, ERR_DATA,
            "boards sent %u samples, a fill has %d", header.n_samples, u->settings.n_samples);
    return ERR_OK;
}

static enum err check_timing(const struct unpack *u, struct unpack_crate *c)
{
    const struct unpack_bank *b = &c->bank[UNPACK_C];
    uint32_t trigger            = 0;
    if (!b->data) return ERR_OK;
    TRY(bank_cc_fill(b->data, b->n_bytes, &c->fill_number));
    /* later frontends keep something else in that word */
    c->has_fill_number = u->settings.run < u->settings.first_run_without_fill_number;
    TRY(bank_ca_trigger(b->data, b->n_bytes, &trigger));
    REQUIRE(!c->has_trigger || trigger == c->trigger_number, ERR_DATA, "timing bank of trigger number %u, AMC13 has %u",
            trigger, c->trigger_number);
    return ERR_OK;
}

static enum err check_histograms(const struct unpack_crate *c)
{
    const struct unpack_bank *s = &c->bank[UNPACK_S], *f = &c->bank[UNPACK_F], *q = &c->bank[UNPACK_Q];
    const struct bank_pulse *pulses = NULL;
    const int32_t *sums;
    struct bank_cf cf;
    struct bank_cq cq;
    uint32_t n;
    if (s->data) TRY(bank_cs_read(s->data, s->n_bytes, &sums, &n));
    if (f->data) TRY(bank_cf_open(f->data, f->n_bytes, &cf));
    do
        if (f->data) TRY(bank_cf_next(&cf, &pulses, &n));
    while (pulses);
    if (q->data && q->type == MIDAS_U32) TRY(bank_cq_read(q->data, q->n_bytes, &cq));
    return ERR_OK;
}

static enum err check_crate(struct unpack *u, int i)
{
    struct unpack_crate *c      = &u->crate[i];
    const struct unpack_bank *r = &c->bank[UNPACK_R];
    struct bank_amc amc;
    uint32_t n_boards;
    uint64_t n_waveforms;
    if (c->bank[UNPACK_A].data) {
        TRY(check_amc(u, i, &amc));
        c->trigger_number = amc.trigger;
        c->has_trigger    = true;
    } else if (r->data) {
        TRY(bank_wfd_check(r->data, r->n_bytes, NULL, u->settings.check, &n_boards, &n_waveforms));
    }
    TRY(check_headers(u, c));
    TRY(check_timing(u, c));
    return check_histograms(c);
}

/* ---- checks of crates against each other ---- */

enum { VOTE_FILL_TYPE, VOTE_TRIGGER, VOTE_FILL_NUMBER, N_VOTES };

static bool ballot(const struct unpack_crate *c, int what, uint32_t *value)
{
    *value = what == VOTE_FILL_TYPE ? (uint32_t)c->fill_type
             : what == VOTE_TRIGGER ? c->trigger_number
                                    : c->fill_number;
    if (what == VOTE_FILL_TYPE) return c->fill_type != 0;
    return what == VOTE_TRIGGER ? c->has_trigger : c->has_fill_number;
}

/* What most crates say; those that say otherwise are out. */
static uint32_t vote(struct unpack *u, int what)
{
    static const char *const names[N_VOTES] = {"fill type", "trigger number", "fill number"};
    uint32_t candidate                      = 0, value;
    int votes                               = 0;
    for (int i = 0; i < UNPACK_CRATES; i++) {
        if (u->crate[i].is_damaged || !ballot(&u->crate[i], what, &value)) continue;
        if (votes == 0) candidate = value;
        votes += value == candidate ? 1 : -1;
    }
    for (int i = 0; i < UNPACK_CRATES; i++)
        if (!u->crate[i].is_damaged && ballot(&u->crate[i], what, &value) && value != candidate)
            unpack_damage(u, i, "%s %u, most others have %u", names[what], value, candidate);
    return candidate;
}

void unpack_check_crates(struct unpack *u)
{
    for (int i = 0; i < UNPACK_CRATES; i++)
        if (u->crate[i].is_seen && !u->crate[i].is_damaged && check_crate(u, i))
            unpack_damage(u, i, "%s", err_message());
    u->fill_type = (int)vote(u, VOTE_FILL_TYPE);
    vote(u, VOTE_TRIGGER);
    vote(u, VOTE_FILL_NUMBER);
}
