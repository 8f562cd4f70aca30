/* Module MidasOutput: the raw subrun file of a simulated unit. */
#include "bank_pack.h"
#include "mem.h"
#include "midas_file.h"
#include "module.h"
#include "publish.h"
#include "tables.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* clang-format off */
#define MIDAS_OUTPUT_CFG(F, S)                                                                                \
    F(S, str, compression, "none", 0,  0,      "none|gz|lz4", "how raw files are compressed")                 \
    F(S, str, compress,    "none", 0,  0,      "none|zlib|fz", "how a crate's banks are compressed: each alone, or all as one bank FZnn (Run 6)") \
    F(S, i64, max_subruns, -1,     -1, 100000, "1", "raw files are kept for the first so many subruns of the job, -1: for all")
/* clang-format on */
CFG_DECLARE(midas_output_cfg, MIDAS_OUTPUT_CFG)

enum { IN_RAW, IN_ODB, PATH_BYTES = 4096 };

struct state {
    struct midas_build packed;
    struct midas_writer *writer; /* NULL: no file for this unit, or it is whole */
    int descriptor;              /* of the part, kept until it has its final name; -1: none */
    bool has_begun;
    uint32_t last_time_s;
    char path[PATH_BYTES], part[PATH_BYTES + 320];
};

static enum err begin(struct step *s)
{
    struct state *state;
    TRY(mem_alloc(&state, 1, sizeof *state));
    state->descriptor = -1;
    s->state          = state;
    return ERR_OK;
}

static enum midas_compression kind_of(const struct midas_output_cfg *cfg)
{
    if (strcmp(cfg->compression, "gz") == 0) return MIDAS_GZ;
    return strcmp(cfg->compression, "lz4") == 0 ? MIDAS_LZ4 : MIDAS_PLAIN;
}

static enum err begin_unit(struct step *s)
{
    const struct midas_output_cfg *cfg = s->cfg;
    struct state *state                = s->state;
    enum midas_compression kind        = kind_of(cfg);
    state->has_begun                   = false;
    if (cfg->max_subruns >= 0 && s->unit->index >= cfg->max_subruns) return ERR_OK;
    TRY(midas_file_path(s->unit->out_dir, s->unit->run, s->unit->subrun, kind, sizeof state->path, state->path));
    snprintf(state->part, sizeof state->part, "%s%s", state->path, publish_part_suffix());
    unlink(state->part); /* a left-over */
    TRY(midas_file_create(state->part, kind, &state->writer));
    state->descriptor = dup(midas_file_descriptor(state->writer));
    REQUIRE(state->descriptor >= 0, ERR_WRITE, "no file descriptor left for %s", state->part);
    return ERR_OK;
}

static enum err write_run(struct step *s, uint16_t id, uint32_t time_s)
{
    struct state *state       = s->state;
    const struct odb_view odb = odb_view(s->in[IN_ODB]);
    return midas_file_write_run(state->writer, id, s->unit->run, time_s, (const char *)odb.byte, odb.n);
}

static enum err event(struct step *s)
{
    struct state *state = s->state;
    if (!state->writer) return ERR_OK;
    const struct raw_view raw = raw_view(s->in[IN_RAW]);
    state->last_time_s        = (uint32_t)s->fill.unix_time_s;
    if (!state->has_begun) TRY(write_run(s, MIDAS_BOR, state->last_time_s));
    state->has_begun                   = true;
    const struct midas_output_cfg *cfg = s->cfg;
    if (strcmp(cfg->compress, "none") == 0) return midas_file_write(state->writer, raw.byte, raw.n);
    enum bank_packing how = strcmp(cfg->compress, "fz") == 0 ? BANK_PACK_FZ : BANK_PACK_ZLIB;
    TRY(bank_pack_event(raw.byte, raw.n, how, &state->packed));
    return midas_file_write(state->writer, state->packed.bytes, state->packed.n);
}

static enum err end_unit(struct step *s)
{
    struct state *state = s->state;
    if (!state->writer) return ERR_OK;
    if (!state->has_begun) TRY(write_run(s, MIDAS_BOR, 0));
    TRY(write_run(s, MIDAS_EOR, state->last_time_s));
    struct midas_writer *writer = state->writer;
    state->writer               = NULL;
    return midas_file_finish(writer);
}

static enum err publish(struct step *s)
{
    struct state *state = s->state;
    if (state->descriptor < 0) return ERR_OK;
    TRY(publish_descriptor(state->descriptor, state->part, state->path));
    close(state->descriptor);
    state->descriptor = -1;
    return ERR_OK;
}

static void abandon(struct step *s)
{
    struct state *state = s->state;
    if (!state) return;
    midas_file_finish(state->writer);
    state->writer = NULL;
    if (state->descriptor < 0) return;
    unlink(state->part);
    close(state->descriptor);
    state->descriptor = -1;
}

static void end(struct step *s)
{
    struct state *state = s->state;
    abandon(s);
    if (state) midas_build_free(&state->packed);
    mem_free(s->state);
    s->state = NULL;
}

static const struct port in_ports[] = {{&table_raw, NULL, false}, {&table_odb, NULL, false}, {0}};

const struct module module_midas_output = {
    .name = "MidasOutput",
    .kind = MODULE_OUTPUT,
    .doc  = "Writes each unit's fills as the DAQ does: one MIDAS file a subrun, gm2_run%05d_%05d.mid, with the ODB in "
            "its begin- and end-of-run events.",
    .source     = "MIDAS mlogger; Run-6 logger settings: names, ODB dump as XML",
    .fields     = midas_output_cfg_fields,
    .cfg_size   = sizeof(struct midas_output_cfg),
    .in         = in_ports,
    .begin      = begin,
    .begin_unit = begin_unit,
    .event      = event,
    .end_unit   = end_unit,
    .publish    = publish,
    .abandon    = abandon,
    .end        = end,
};
