/* Source RawInput: fills of raw MIDAS files. */
#include "log.h"
#include "mem.h"
#include "midas_file.h"
#include "module.h"
#include "rng.h"
#include "tables.h"

#include <string.h>

/* clang-format off */
#define RAW_INPUT_CFG(F, S)                                                                                   \
    F(S, strs, fileNames,  "[]",   0,  0,             "",  "raw files, one a unit; -s and -S set them")       \
    F(S, i64,  maxEvents,  -1,     -1, 1000000000000, "1", "fills in all, -1: all there are")                 \
    F(S, f64,  fraction,   1,      0,  1,             "1", "share of the fills that is used, chosen by run, subrun and event number; --fraction sets it") \
    F(S, i64,  skipEvents, 0,      0,  1000000000000, "1", "fills to pass over at the start")                 \
    F(S, str,  truncated,  "keep", 0,  0,             "keep|error", "a file that ends early, inside an event or without an end-of-run event: keep what there is, with a warning, or give it up")
/* clang-format on */
CFG_DECLARE(raw_input_cfg, RAW_INPUT_CFG)

enum { OUT_RAW, OUT_ODB };
enum count { COUNT_FILL, COUNT_OTHER, COUNT_DAMAGED, COUNT_CUT, COUNT_NO_EOR, COUNT_REPEATED, COUNT_MISSING, N_COUNTS };
enum { MAX_SERIALS = 1 << 20 }; /* a subrun has some 100 */
enum { FRACTION_STREAM = 95 };

struct state {
    struct midas_reader *reader;
    struct hist *counts;
    struct midas_event next; /* first event of a file without begin-of-run */
    uint32_t subrun;
    int64_t n_passed, n_given;
    uint64_t is_seen[MAX_SERIALS / 64]; /* serial numbers of this file */
    int64_t n_seen;
    uint32_t first_serial, last_serial;
};

static enum err begin(struct step *s)
{
    struct state *state;
    TRY(mem_alloc(&state, 1, sizeof *state));
    s->state = state;
    return ERR_OK;
}

static void close_file(struct state *state)
{
    midas_file_close(state->reader);
    state->reader = NULL;
}

static void abandon(struct step *s)
{
    if (s->state) close_file(s->state);
}

static void end(struct step *s)
{
    abandon(s);
    mem_free(s->state);
    s->state = NULL;
}

static void count(struct state *state, enum count what) { hist_fill(state->counts, what, 0.5, 1); }

static enum err take_odb(struct step *s, const struct midas_event *bor)
{
    size_t n;
    const char *text = midas_text(bor, &n);
    TRY(block_resize(s->out[OUT_ODB], n));
    memcpy(odb_view(s->out[OUT_ODB]).byte, text, n);
    return ERR_OK;
}

static enum err begin_unit(struct step *s)
{
    struct state *state = s->state;
    uint32_t run;
    close_file(state);
    state->n_passed = state->n_given = 0;
    memset(state->is_seen, 0, sizeof state->is_seen);
    state->n_seen       = 0;
    state->first_serial = UINT32_MAX;
    state->last_serial  = 0;
    REQUIRE(s->unit->source, ERR_CONFIG, "RawInput has no file: give -s FILE.mid, -S LIST or source.fileNames");
    TRY(hist_book(s->hists, "raw/input",
                  "Events read: fills, others, damaged, repeated, missing; files: cut, without end of run",
                  hist_axis(N_COUNTS, -0.5, N_COUNTS - 0.5,
                            "0 fills, 1 others, 2 damaged, 3 cut, 4 no end of run, 5 repeated, 6 missing", "1"),
                  HIST_NO_AXIS, 0, &state->counts));
    TRY(midas_file_open(s->unit->source, NULL, &state->reader));
    bool is_named = midas_file_name(s->unit->source, &run, &state->subrun);
    if (!is_named) state->subrun = s->unit->subrun;
    TRY(midas_file_next(state->reader, &state->next));
    if (!state->next.bytes || state->next.id != MIDAS_BOR) {
        log_warn("%s begins without a begin-of-run event: no ODB", s->unit->source);
        return ERR_OK;
    }
    REQUIRE(!is_named || run == state->next.serial, ERR_DATA, "%s: its name says run %u, its begin-of-run event run %u",
            s->unit->source, run, state->next.serial);
    TRY(take_odb(s, &state->next));
    state->next.bytes = NULL;
    return s->unit->first_byte > 0 ? midas_file_seek(state->reader, s->unit->first_byte) : ERR_OK;
}

/* The same fills whoever looks, whenever. */
static bool is_chosen(const struct step *s, uint32_t event)
{
    const struct raw_input_cfg *cfg = s->cfg;
    struct rng r                    = rng_start(rng_key(0, s->unit->run, s->unit->subrun, event, FRACTION_STREAM), 0);
    return cfg->fraction >= 1.0 || rng_uniform(&r) < cfg->fraction;
}

/* Part of a file ends where it was told to. */
static bool is_part_over(const struct step *s, const struct state *state)
{
    return s->unit->end_byte > 0 && midas_file_status(state->reader)->n_bytes >= s->unit->end_byte;
}

static enum err next_event(struct state *state, struct midas_event *out)
{
    *out              = state->next;
    state->next.bytes = NULL;
    return out->bytes ? ERR_OK : midas_file_next(state->reader, out);
}

/* Fills that were lost as a whole leave a gap in the numbers. */
static void report_missing(struct step *s)
{
    struct state *state = s->state;
    int64_t n           = state->n_seen ? (int64_t)state->last_serial - state->first_serial + 1 - state->n_seen : 0;
    if (n <= 0) return;
    log_warn("%s: of the serial numbers %u to %u %lld are missing or damaged", s->unit->source, state->first_serial,
             state->last_serial, (long long)n);
    hist_fill(state->counts, COUNT_MISSING, 0.5, (double)n);
}

/* The file is over; `eor` NULL: it has no end-of-run event. */
static enum err finish(struct step *s, const struct midas_event *eor)
{
    const struct raw_input_cfg *cfg   = s->cfg;
    struct state *state               = s->state;
    const struct midas_status *status = midas_file_status(state->reader);
    struct midas_event after;
    bool is_error = strcmp(cfg->truncated, "error") == 0;
    s->pass       = false;
    report_missing(s);
    if (eor) {
        REQUIRE(!status->has_bor || eor->serial == status->run, ERR_DATA, "%s: end of run %u in a file of run %u",
                s->unit->source, eor->serial, status->run);
        TRY(midas_file_next(state->reader, &after)); /* so that a wrong checksum at the end is seen */
        if (after.bytes) log_warn("%s: events after the end-of-run event are left out", s->unit->source);
    }
    if (status->is_cut) {
        REQUIRE(!is_error, ERR_DATA, "%s is truncated: %s", s->unit->source, status->problem);
        log_warn("%s is truncated: %s; the %llu events before it are kept", s->unit->source, status->problem,
                 (unsigned long long)status->n_events);
        count(state, COUNT_CUT);
    } else if (!eor) {
        REQUIRE(!is_error, ERR_DATA, "%s ends without an end-of-run event", s->unit->source);
        log_warn("%s ends without an end-of-run event, after %llu events", s->unit->source,
                 (unsigned long long)status->n_events);
        count(state, COUNT_NO_EOR);
    }
    return ERR_OK;
}

static enum err give(struct step *s, const struct midas_event *e)
{
    struct state *state               = s->state;
    const struct midas_status *status = midas_file_status(state->reader);
    TRY(block_resize(s->out[OUT_RAW], e->n_bytes));
    memcpy(raw_view(s->out[OUT_RAW]).byte, e->bytes, e->n_bytes);
    s->fill.run         = status->has_bor ? status->run : s->unit->run;
    s->fill.subrun      = state->subrun;
    s->fill.event       = e->serial + 1; /* art knows no event 0 */
    s->fill.unix_time_s = e->time_s;
    state->n_given++;
    count(state, COUNT_FILL);
    return ERR_OK;
}

/* A fill that was given already: art knows each event once. */
static bool is_repeated(struct state *state, const char *path, uint32_t serial)
{
    if (serial >= MAX_SERIALS) return false;
    uint64_t *word = &state->is_seen[serial / 64], bit = UINT64_C(1) << serial % 64;
    bool is_seen = *word & bit;
    *word |= bit;
    if (!is_seen) {
        state->n_seen++;
        if (serial < state->first_serial) state->first_serial = serial;
        if (serial > state->last_serial) state->last_serial = serial;
        return false;
    }
    log_warn("%s: the event of serial number %u is there again and left out", path, serial);
    count(state, COUNT_REPEATED);
    return true;
}

static enum err event(struct step *s)
{
    struct state *state = s->state;
    struct midas_event e;
    s->pass = state->reader && (s->unit->n_fills < 0 || state->n_given < s->unit->n_fills);
    while (s->pass) {
        s->pass = !is_part_over(s, state);
        if (!s->pass) return ERR_OK;
        uint64_t n_damaged = midas_file_status(state->reader)->n_damaged;
        TRY(next_event(state, &e));
        bool is_damaged = midas_file_status(state->reader)->n_damaged > n_damaged;
        if (is_damaged) {
            log_warn("%s: %s", s->unit->source, midas_file_status(state->reader)->problem);
            count(state, COUNT_DAMAGED);
        }
        if (!e.bytes || e.id == MIDAS_EOR) return finish(s, e.bytes ? &e : NULL);
        bool is_fill = e.id == MIDAS_ID_FILL;
        if (!is_fill) count(state, COUNT_OTHER);
        /* a number in a damaged event may be another one's */
        if (is_fill && !is_damaged && is_repeated(state, s->unit->source, e.serial)) continue;
        if (is_fill && !is_chosen(s, e.serial + 1)) continue;
        if (is_fill && state->n_passed++ >= s->unit->n_skip) return give(s, &e);
    }
    return ERR_OK;
}

static enum err end_unit(struct step *s)
{
    close_file(s->state);
    return ERR_OK;
}

static const struct port out_ports[] = {{&table_raw, NULL, false}, {&table_odb, NULL, false}, {0}};

const struct module module_raw_input = {
    .name = "RawInput",
    .kind = MODULE_SOURCE,
    .doc  = "Reads raw MIDAS files (.mid, .mid.gz, .mid.lz4): events of id 1 are fills, event number = serial + 1, run "
            "from the begin-of-run event, subrun from the name gm2_runRRRRR_SSSSS.mid.",
    .source     = "gm2midastoart MidasBankInput: numbering, end-of-run rules",
    .fields     = raw_input_cfg_fields,
    .cfg_size   = sizeof(struct raw_input_cfg),
    .out        = out_ports,
    .begin      = begin,
    .begin_unit = begin_unit,
    .event      = event,
    .end_unit   = end_unit,
    .abandon    = abandon,
    .end        = end,
};
