/* Module MidasOutput: the raw subrun file of a simulated unit. */
#include "bank_pack.h"
#include "mem.h"
#include "midas_damage.h"
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
    F(S, i64, max_subruns, -1,     -1, 100000, "1", "raw files are kept for the first so many subruns of the job, -1: for all") \
    F(S, strs, damage,     "[]",   0,  0,      "",  "kinds of damage done on purpose (all: each but truncate), told in FILE.damage.csv; a wrong name prints the list") \
    F(S, f64, damage_rate, 0.1,    0,  1,      "1", "share of the fills that are damaged")
/* clang-format on */
CFG_DECLARE(midas_output_cfg, MIDAS_OUTPUT_CFG)

enum { IN_RAW, IN_ODB, PATH_BYTES = 4096 };

/* Damage of the unit in hand. */
struct damage {
    size_t n_kinds;
    enum damage_kind kind[N_MIDAS_DAMAGES];
    struct midas_build event, previous; /* as written; as it would have been, the fill before */
    bool has_previous, is_over;         /* the file has been cut */
    char *list;                         /* the list file's text */
    size_t n_list, list_capacity;
};

struct state {
    struct midas_build packed;
    struct damage damage;
    struct midas_writer *writer; /* NULL: no file for this unit, or it is whole */
    int descriptor;              /* of the part, kept until it has its final name; -1: none */
    bool has_begun;
    uint32_t last_time_s;
    char path[PATH_BYTES], part[PATH_BYTES + 320];
};

static enum err read_kinds(const struct midas_output_cfg *cfg, struct damage *d)
{
    for (size_t i = 0; i < cfg->damage.n; i++) {
        bool is_all            = strcmp(cfg->damage.value[i], "all") == 0;
        enum damage_kind first = (enum damage_kind)0, last = MIDAS_DAMAGE_truncate;
        if (!is_all) {
            if (midas_damage_find(cfg->damage.value[i], &first)) return err_context(ERR_CONFIG, "damage (or \"all\")");
            last = (enum damage_kind)(first + 1);
        }
        REQUIRE(d->n_kinds + (size_t)(last - first) <= N_MIDAS_DAMAGES, ERR_CONFIG, "damage: a kind is named twice");
        for (enum damage_kind k = first; k < last; k++) d->kind[d->n_kinds++] = k;
    }
    return ERR_OK;
}

static enum err begin(struct step *s)
{
    struct state *state;
    TRY(mem_alloc(&state, 1, sizeof *state));
    state->descriptor = -1;
    s->state          = state;
    return read_kinds(s->cfg, &state->damage);
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
    state->damage.has_previous         = false;
    state->damage.is_over              = false;
    state->damage.n_list               = 0;
    if (cfg->max_subruns >= 0 && s->unit->index >= cfg->max_subruns) return ERR_OK;
    TRY(midas_file_path(s->unit->out_dir, s->unit->run, s->unit->subrun, s->job ? s->job->raw_tag : NULL, kind,
                        sizeof state->path, state->path));
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

/* ---- damage ---- */

static enum err add_line(struct damage *d, const char *line)
{
    size_t n = strlen(line);
    if (d->n_list + n + 1 > d->list_capacity) {
        size_t capacity = 2 * d->list_capacity + n + 1024;
        TRY(mem_resize(&d->list, d->n_list, capacity, 1));
        d->list_capacity = capacity;
    }
    memcpy(d->list + d->n_list, line, n + 1);
    d->n_list += n;
    return ERR_OK;
}

static enum err note_damage(struct step *s, const struct midas_damage_note *note)
{
    struct state *state = s->state;
    struct damage *d    = &state->damage;
    char line[256], crate[16] = "";
    const struct midas_damage_kind *kind = midas_damage_kind(note->kind);
    if (d->n_list == 0) TRY(add_line(d, "kind,event,crate,bank,byte,length,costs\n"));
    if (note->crate >= 0) snprintf(crate, sizeof crate, "%d", note->crate);
    snprintf(line, sizeof line, "%s,%u,%s,%s,%llu,%zu,%s\n", kind->name, s->fill.event, crate, note->bank,
             (unsigned long long)midas_file_written(state->writer) + note->byte, note->length,
             midas_damage_cost(kind->cost));
    return add_line(d, line);
}

static enum err keep_previous(struct damage *d, const uint8_t *bytes, size_t n)
{
    d->previous.n   = 0;
    d->has_previous = true;
    return midas_build_append(&d->previous, bytes, n);
}

/* Writes one event, damaged or not: that and the place are drawn for each fill by itself. */
static enum err write_event(struct step *s, const uint8_t *bytes, size_t n)
{
    const struct midas_output_cfg *cfg = s->cfg;
    struct state *state                = s->state;
    struct damage *d                   = &state->damage;
    struct midas_damage_note note      = {0};
    struct rng rng                     = rng_start(s->rng, 0);
    if (d->is_over) return ERR_OK;
    if (d->n_kinds == 0) return midas_file_write(state->writer, bytes, n);
    bool is_hit                 = rng_uniform(&rng) < cfg->damage_rate;
    struct midas_stroke stroke  = {.kind = d->kind[rng_u32(&rng) % d->n_kinds], .crate = -1};
    struct midas_event previous = {.bytes = d->previous.bytes, .n_bytes = d->previous.n};
    stroke.bank                 = rng_uniform(&rng);
    stroke.byte                 = rng_uniform(&rng);
    stroke.seed                 = rng_u32(&rng);
    if (is_hit) TRY(midas_damage_apply(&stroke, bytes, n, d->has_previous ? &previous : NULL, &d->event, &note));
    TRY(keep_previous(d, bytes, n));
    if (!note.is_done) return midas_file_write(state->writer, bytes, n);
    TRY(note_damage(s, &note));
    d->is_over = stroke.kind == MIDAS_DAMAGE_truncate;
    return midas_file_write(state->writer, d->event.bytes, d->event.n);
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
    if (strcmp(cfg->compress, "none") == 0) return write_event(s, raw.byte, raw.n);
    enum bank_packing how = strcmp(cfg->compress, "fz") == 0 ? BANK_PACK_FZ : BANK_PACK_ZLIB;
    TRY(bank_pack_event(raw.byte, raw.n, how, &state->packed));
    return write_event(s, state->packed.bytes, state->packed.n);
}

static enum err end_unit(struct step *s)
{
    struct state *state = s->state;
    if (!state->writer) return ERR_OK;
    if (!state->has_begun) TRY(write_run(s, MIDAS_BOR, 0));
    if (!state->damage.is_over) TRY(write_run(s, MIDAS_EOR, state->last_time_s));
    struct midas_writer *writer = state->writer;
    state->writer               = NULL;
    return midas_file_finish(writer);
}

static enum err publish(struct step *s)
{
    struct state *state = s->state;
    char list[PATH_BYTES + 16];
    if (state->descriptor < 0) return ERR_OK;
    snprintf(list, sizeof list, "%s.damage.csv", state->path);
    if (state->damage.n_list) TRY(publish_text(list, state->damage.list, state->damage.n_list, true));
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
    if (!state) return;
    midas_build_free(&state->packed);
    midas_build_free(&state->damage.event);
    midas_build_free(&state->damage.previous);
    mem_free(state->damage.list);
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
