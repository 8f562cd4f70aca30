/* Source TruthInput: simulated fills read back from files, to be digitised and reconstructed. */
#include "bank.h"
#include "file_fills.h"
#include "log.h"
#include "mem.h"
#include "module.h"
#include "tables.h"

#include <string.h>

/* clang-format off */
#define TRUTH_INPUT_CFG(F, S)                                                                                 \
    F(S, strs, fileNames,  "[]", 0,  0,             "",  "HDF5 files with simulated truth; -s and -S set them")    \
    F(S, i64,  maxEvents,  -1,   -1, 1000000000000, "1", "fills in all, -1: all there are")                   \
    F(S, strs, may_differ, "[]", 0,  0,             "",  "in what the files may differ from each other, and with seed and constants_set from this job: keys of the configuration (and all below), process_name, release, git_commit, constants_set, conditions_tag, seed")
/* clang-format on */
CFG_DECLARE(truth_input_cfg, TRUTH_INPUT_CFG)

enum { OUT_FILL, OUT_MUON, OUT_VERTEX, OUT_POSITRON, OUT_CALO_HIT, OUT_MIP_HIT, OUT_CRYSTAL_HIT, N_OUT };
enum { ABSENT = -1, OF_MUON = 1 };

static const struct port out[] = {
    [OUT_FILL] = {&table_fill_truth, NULL, false},         [OUT_MUON] = {&table_muon, NULL, false},
    [OUT_VERTEX] = {&table_vertex, NULL, false},           [OUT_POSITRON] = {&table_positron, NULL, false},
    [OUT_CALO_HIT] = {&table_calo_hit, NULL, false},       [OUT_MIP_HIT] = {&table_mip_hit, NULL, false},
    [OUT_CRYSTAL_HIT] = {&table_crystal_hit, NULL, false}, {0}};

struct state {
    struct file_fills *file;
    char *path;        /* of the open file */
    int handle[N_OUT]; /* ABSENT: nobody wants it, or (mip_hit) the file has none */
    size_t next, end;  /* fills of the unit */
};

static enum err begin(struct step *s) { return mem_alloc(&s->state, 1, sizeof(struct state)); }

static void close_file(struct state *state)
{
    file_fills_close(state->file);
    mem_free(state->path);
    state->file = NULL;
    state->path = NULL;
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

/* Without lost muons there is no table of their hits; all else that is wanted must be there. */
static enum err add_table(struct step *s, int port)
{
    struct state *state = s->state;
    enum err rc         = file_fills_add(state->file, out[port].table, &state->handle[port]);
    if (rc != ERR_NOTFOUND) return rc;
    state->handle[port] = ABSENT;
    if (port == OUT_MIP_HIT) {
        err_clear();
        return ERR_OK;
    }
    return err_context(ERR_DATA, "this job reads that table, but the file was written without it (outputs.out.keep "
                                 "and drop of the job that made it)");
}

static enum err open_file(struct step *s)
{
    struct state *state = s->state;
    if (state->path && strcmp(state->path, s->unit->source) == 0) return ERR_OK;
    close_file(state);
    TRY(file_fills_open(s->unit->source, &state->file));
    state->path = mem_string(s->unit->source);
    REQUIRE(state->path, ERR_MEMORY, "out of memory");
    for (int i = 0; i < N_OUT; i++) {
        state->handle[i] = ABSENT;
        if (i == OUT_FILL || s->is_wanted[i]) TRY(add_table(s, i));
    }
    return ERR_OK;
}

static enum err begin_unit(struct step *s)
{
    struct state *state = s->state;
    size_t n;
    REQUIRE(s->unit->source, ERR_CONFIG, "TruthInput has no file: give -s FILE.h5, -S LIST or source.fileNames");
    TRY(open_file(s));
    TRY(file_fills_seek(state->file, s->unit->run, s->unit->subrun, &n));
    state->next = 0;
    while (state->next < n && file_fills_event(state->file, state->next) <= s->unit->n_skip) state->next++;
    REQUIRE(s->unit->n_fills <= (int64_t)(n - state->next), ERR_DATA,
            "%s: run %u subrun %u has %zu fills now, %lld were there: the file has changed", s->unit->source,
            s->unit->run, s->unit->subrun, n - state->next, (long long)s->unit->n_fills);
    state->end = s->unit->n_fills < 0 ? n : state->next + (size_t)s->unit->n_fills;
    return ERR_OK;
}

static enum err take_fill(struct step *s)
{
    struct state *state            = s->state;
    const struct fill_truth_view v = fill_truth_view(s->out[OUT_FILL]);
    s->fill.event                  = file_fills_event(state->file, state->next);
    REQUIRE(v.n == 1 && v.fill_type[0] >= BANK_MUON && v.fill_type[0] <= BANK_PEDESTAL, ERR_DATA,
            "%s: table %s, event %u: %zu rows, type %d; one row of type 1 to 3 is expected", state->path,
            table_fill_truth.name, s->fill.event, v.n, v.n ? v.fill_type[0] : 0);
    s->fill.unix_time_s = v.unix_time_s[0];
    s->fill.type        = v.fill_type[0];
    s->fill.nth         = v.nth[0];
    return ERR_OK;
}

/* Light points to who made it: rows that are not there would be made up. */
static enum err check_light(const struct step *s)
{
    const struct state *state       = s->state;
    const struct crystal_hit_view v = crystal_hit_view(s->out[OUT_CRYSTAL_HIT]);
    const bool is_there[2]          = {state->handle[OUT_CALO_HIT] != ABSENT, s->is_wanted[OUT_MIP_HIT]};
    const size_t n[2]               = {s->out[OUT_CALO_HIT]->n, s->out[OUT_MIP_HIT]->n};
    for (size_t i = 0; i < v.n; i++) {
        REQUIRE(v.particle[i] <= OF_MUON, ERR_DATA, "%s: table crystal_hit: particle %d, 0 and 1 are known",
                state->path, v.particle[i]);
        REQUIRE(!is_there[v.particle[i]] || v.calo_hit[i] < n[v.particle[i]], ERR_DATA,
                "%s: table crystal_hit, event %u, row %zu: it is of row %u of table %s, which has %zu", state->path,
                s->fill.event, i, v.calo_hit[i], v.particle[i] == OF_MUON ? "mip_hit" : "calo_hit", n[v.particle[i]]);
    }
    return ERR_OK;
}

static enum err event(struct step *s)
{
    struct state *state = s->state;
    s->pass             = state->next < state->end;
    if (!s->pass) return ERR_OK;
    for (int i = 0; i < N_OUT; i++)
        if (state->handle[i] != ABSENT) TRY(file_fills_read(state->file, state->handle[i], state->next, s->out[i]));
    TRY(take_fill(s));
    TRY(check_light(s));
    state->next++;
    return ERR_OK;
}

const struct module module_truth_input = {
    .name = "TruthInput",
    .kind = MODULE_SOURCE,
    .doc =
        "Gives the fills of files with simulated truth (generate.fcl, or any job that keeps truth), so that they can "
        "be digitised and reconstructed: the same random numbers, and so the same bits, as in one pass. Reads the "
        "tables that the job's modules want, fill by fill. Run, subrun, event, time and type are those of the file.",
    .source     = "layout: src/FORMAT.md",
    .fields     = truth_input_cfg_fields,
    .cfg_size   = sizeof(struct truth_input_cfg),
    .out        = out,
    .begin      = begin,
    .begin_unit = begin_unit,
    .event      = event,
    .abandon    = abandon,
    .end        = end,
};
