/* Raw files damaged in every known way at many places, read by RawInput and CaloUnpack: nothing crashes or hangs, and all
 * that was not hit comes out as from the undamaged file, bit by bit. What is hit is told, unless the format cannot know: samples,
 * sums and pedestals carry no checksum of their own outside compressed banks. */
#include "bank_pack.h"
#include "bank_wfd.h"
#include "log.h"
#include "mem.h"
#include "midas_damage.h"
#include "midas_file.h"
#include "module.h"
#include "odb.h"
#include "phys.h"
#include "tables.h"
#include "wfd_writer.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { N_FILLS = 5, N_CRATES = 5, N_ISLANDS = 4, LENGTH = 40, N_SAMPLES = 56000, RUN = 7, MAX_CRATE = 32 };
static const int crates[N_CRATES] = {1, 2, 3, 4, 25};

static char folder[64], path[128];
static struct midas_build fills[3][N_FILLS]; /* plain, zlib, fz */
static char *odb_text;
static size_t n_odb;

/* ---- the undamaged subrun ---- */

static void ok(enum err rc) { assert_int_equal(rc, ERR_OK); }

static void add_islands(struct midas_build *b, int crate, uint32_t k)
{
    const uint32_t n = crate == 25 ? 2 : N_CRYSTALS;
    struct bank_ct_build ct;
    float pedestals[N_CRYSTALS];
    int32_t *sums;
    struct rng rng = rng_start(rng_key(1, RUN, 0, k, 0), (uint32_t)crate);
    ok(bank_ct_begin(b, crate, crate == 2, n, &ct));
    for (uint32_t i = 0; i < N_ISLANDS; i++) {
        uint32_t first = crate == 25 ? 2390 : 3000 * (i + 1) + rng_u32(&rng) % 1000;
        ok(bank_ct_island(&ct, first, LENGTH, n));
        for (uint32_t s = 0; s < n; s++) {
            int16_t adc[LENGTH];
            for (uint32_t j = 0; j < LENGTH; j++) adc[j] = (int16_t)(-1700 + (int)(rng_u32(&rng) % 9));
            if (crate == 25) adc[12] = (int16_t)(rng_u32(&rng) % 1500);
            ok(bank_ct_trace(&ct, s, adc));
        }
        if (crate == 25) break;
    }
    ok(bank_ct_end(&ct, 3));
    for (uint32_t s = 0; s < n; s++) pedestals[s] = -1700.0F + (float)(rng_u32(&rng) % 100) / 16.0F;
    ok(bank_cp_add(b, crate, n, pedestals));
    ok(bank_cs_begin(b, crate, 200, &sums));
    for (int i = 0; i < 200; i++) sums[i] = (int32_t)rng_u32(&rng) % 10000;
    ok(midas_build_bank_end(b));
}

/* The clock crate's board. */
static void add_clock(struct midas_build *b, uint32_t k)
{
    static struct wfd_bytes bytes;
    const struct wfd_spec spec = {
        .trigger = k + 1, .type = BANK_MUON, .n_boards = 1, .first_slot = 8, .is_fc7 = true, .has_crc = true};
    wfd_write(&bytes, &spec);
    ok(midas_build_add(b, "TTCA", MIDAS_U32, bytes.ca, bytes.n_ca));
    ok(midas_build_add(b, "TTCB", MIDAS_I16, bytes.raw, bytes.n_raw));
    ok(midas_build_add(b, "TTCZ", MIDAS_U32, bytes.cz, sizeof bytes.cz));
}

static void make_fill(struct midas_build *b, uint32_t k)
{
    const struct bank_daq_header header = {.trigger_number = k + 1,
                                           .clock_ticks    = 3500000ULL * k,
                                           .fill_number    = k + 1,
                                           .n_samples      = N_SAMPLES,
                                           .n_channels     = 54,
                                           .fill_type      = BANK_MUON};
    ok(midas_build_begin(b, MIDAS_ID_FILL, 0xFFFF, k, 1000 + k));
    for (int i = 0; i < N_CRATES; i++) {
        ok(bank_daq_add(b, crates[i], &header));
        add_islands(b, crates[i], k);
    }
    add_clock(b, k);
    ok(midas_build_end(b));
}

static int set_up(void **state)
{
    struct odb *odb;
    (void)state;
    log_init(LOG_ERROR, 0, 1);
    snprintf(folder, sizeof folder, "%s/gm2-damaged.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder)) return 1;
    snprintf(path, sizeof path, "%s/gm2_run00007_00000.mid", folder);
    ok(odb_create(&odb));
    for (int i = 0; i < N_CRATES; i++) {
        struct odb_crate c = {.crate            = crates[i],
                              .n_samples        = N_SAMPLES,
                              .threshold_adc    = 60,
                              .polarity         = 1,
                              .injection_sample = 2400,
                              .sum_decimation   = 32,
                              .q_decimation     = 32,
                              .preset           = "x"};
        odb_channel_map(c.channel_map);
        ok(odb_put_crate(odb, &c));
    }
    ok(odb_xml(odb, &odb_text, &n_odb));
    odb_free(odb);
    for (uint32_t k = 0; k < N_FILLS; k++) {
        make_fill(&fills[0][k], k);
        for (int how = 1; how < 3; how++)
            ok(bank_pack_event(fills[0][k].bytes, fills[0][k].n, how == 1 ? BANK_PACK_ZLIB : BANK_PACK_FZ,
                               &fills[how][k]));
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++)
        for (int k = 0; k < N_FILLS; k++) midas_build_free(&fills[how][k]);
    mem_free(odb_text);
    unlink(path);
    return rmdir(folder);
}

/* ---- reading: what came out, crate by crate ---- */

struct result {
    bool is_there, is_damaged; /* damage told */
    uint64_t crate[MAX_CRATE], row;
};

struct reading {
    struct result fill[N_FILLS];
    bool is_cut;
    int n, n_damaged_input; /* fills given; places the reader could not follow, numbers missing */
};

static void mix(uint64_t *hash, const void *data, size_t n)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < n; i++) *hash = (*hash ^ p[i]) * UINT64_C(1099511628211);
}

static void take_tables(struct block *const block[4], struct result *out)
{
    const struct fill_view fill     = fill_view(block[0]);
    const struct island_view island = island_view(block[1]);
    const struct trace_view trace   = trace_view(block[2]);
    const struct sample_view sample = sample_view(block[3]);
    *out                            = (struct result){.is_there = true, .is_damaged = fill.status[0] != 0};
    mix(&out->row, &fill.t0_ns[0], sizeof fill.t0_ns[0]);
    mix(&out->row, &fill.unix_time_s[0], sizeof fill.unix_time_s[0]);
    mix(&out->row, &fill.ctag[0], sizeof fill.ctag[0]);
    for (size_t i = 0; i < island.n; i++) {
        uint64_t *hash = &out->crate[island.calo[i] % MAX_CRATE];
        mix(hash, &island.first_sample[i], sizeof island.first_sample[i]);
        for (size_t k = island.first_trace[i]; k < (size_t)island.first_trace[i] + island.n_crystals[i]; k++) {
            mix(hash, &trace.crystal[k], sizeof trace.crystal[k]);
            mix(hash, &trace.pedestal_adc[k], sizeof trace.pedestal_adc[k]);
            mix(hash, sample.adc + trace.first_sample[k], (size_t)island.n_samples[i] * sizeof *sample.adc);
        }
    }
}

struct worker {
    struct step step;
    struct hist_set hists;
    struct unit unit;
};

static void begin_worker(struct worker *w, const char *module)
{
    struct fhicl *table;
    void *cfg;
    *w             = (struct worker){.unit = {.run = RUN, .n_fills = -1, .source = path, .out_dir = folder}};
    w->step.module = module_find(module)->module;
    w->step.unit   = &w->unit;
    w->step.hists  = &w->hists;
    ok(mem_alloc(&cfg, 1, w->step.module->cfg_size));
    ok(fhicl_parse("", 0, "test", &table));
    ok(cfg_read(w->step.module->fields, table, "test", NULL, cfg));
    fhicl_free(table);
    w->step.cfg = cfg;
    ok(w->step.module->begin(&w->step));
}

static void end_worker(struct worker *w)
{
    void *cfg = (void *)w->step.cfg;
    w->step.module->end(&w->step);
    cfg_free(w->step.module->fields, cfg);
    mem_free(cfg);
    hist_set_free(&w->hists);
}

static struct worker input, unpacker;
static struct block *raw, *odb, *table[4];

static int begin_reading(void **state)
{
    static const struct table *const tables[] = {&table_fill, &table_island, &table_trace, &table_sample};
    if (set_up(state)) return 1;
    ok(block_create(&table_raw, &raw));
    ok(block_create(&table_odb, &odb));
    for (int i = 0; i < 4; i++) ok(block_create(tables[i], &table[i]));
    begin_worker(&input, "RawInput");
    begin_worker(&unpacker, "CaloUnpack");
    input.step.out[0] = unpacker.step.in[0] = raw;
    input.step.out[1] = unpacker.step.in[1] = odb;
    for (int i = 0; i < 4; i++) unpacker.step.out[i] = table[i];
    return 0;
}

static int end_reading(void **state)
{
    end_worker(&input);
    end_worker(&unpacker);
    block_free(raw);
    block_free(odb);
    for (int i = 0; i < 4; i++) block_free(table[i]);
    return tear_down(state);
}

static void read_all(struct reading *out)
{
    *out = (struct reading){0};
    hist_set_clear(&input.hists);
    ok(input.step.module->begin_unit(&input.step));
    ok(unpacker.step.module->begin_unit(&unpacker.step));
    for (;;) {
        ok(input.step.module->event(&input.step));
        if (!input.step.pass) break;
        for (int i = 0; i < 4; i++) ok(block_resize(table[i], 0));
        unpacker.step.fill = input.step.fill;
        ok(unpacker.step.module->event(&unpacker.step));
        assert_in_range(++out->n, 1, 2 * N_FILLS);
        if (input.step.fill.event < 1 || input.step.fill.event > N_FILLS) continue;
        assert_false(out->fill[input.step.fill.event - 1].is_there); /* each fill once */
        take_tables(table, &out->fill[input.step.fill.event - 1]);
    }
    ok(unpacker.step.module->end_unit(&unpacker.step));
    ok(input.step.module->end_unit(&input.step));
    const int64_t *counts = hist_find(&input.hists, "raw/input")->content;
    out->is_cut           = counts[3] > 0;
    out->n_damaged_input  = (int)(counts[2] + counts[6]);
}

/* ---- writing with one stroke ---- */

static void put(int fd, const void *bytes, size_t n) { assert_int_equal(write(fd, bytes, n), n); }

static void put_run(int fd, uint16_t id)
{
    struct midas_build b = {0};
    ok(midas_build_run(&b, id, RUN, 1000, odb_text, n_odb));
    put(fd, b.bytes, b.n);
    midas_build_free(&b);
}

/* False: the stroke had nothing to hit. */
static bool write_damaged(int how, uint32_t hit, const struct midas_stroke *stroke, struct midas_damage_note *note)
{
    struct midas_build changed = {0};
    bool is_cut                = false;
    int fd                     = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    put_run(fd, MIDAS_BOR);
    for (uint32_t k = 0; k < N_FILLS && !is_cut; k++) {
        const struct midas_build *b = &fills[how][k];
        if (!stroke || k != hit) {
            put(fd, b->bytes, b->n);
            continue;
        }
        struct midas_event previous = {0};
        if (k > 0) previous = (struct midas_event){.bytes = b[-1].bytes, .n_bytes = b[-1].n};
        ok(midas_damage_apply(stroke, b->bytes, b->n, k > 0 ? &previous : NULL, &changed, note));
        put(fd, changed.bytes, changed.n);
        is_cut = stroke->kind == MIDAS_DAMAGE_truncate;
    }
    if (!is_cut) put_run(fd, MIDAS_EOR);
    assert_int_equal(close(fd), 0);
    midas_build_free(&changed);
    return !stroke || note->is_done;
}

/* ---- judging ---- */

struct tally {
    int n_files, n_told, n_silent, n_harmless;
};

static bool is_equal(const struct result *a, const struct result *b) { return memcmp(a, b, sizeof *a) == 0; }

/* No checksum guards these. */
static bool may_be_silent(int how, const struct midas_damage_note *note)
{
    const char letter = note->bank[1];
    bool is_data      = note->kind == MIDAS_DAMAGE_flip || note->kind == MIDAS_DAMAGE_burst ||
                   note->kind == MIDAS_DAMAGE_zeros || note->kind == MIDAS_DAMAGE_cut_bank;
    return how == 0 && is_data && letter && strchr("TPS", letter);
}

static void judge_hit(int how, uint32_t hit, const struct midas_damage_note *note, const struct reading *got,
                      const struct result *found, const struct result *want, struct tally *tally)
{
    const enum damage_cost cost = midas_damage_kind(note->kind)->cost;
    bool is_told = got->n_damaged_input > 0 || got->is_cut || found->is_damaged, is_same = true;
    for (int c = 0; c < MAX_CRATE; c++) {
        bool is_crate_same = found->crate[c] == want->crate[c];
        is_same &= is_crate_same;
        if (cost == DAMAGE_NOTHING) assert_true(is_crate_same);
        if (cost == DAMAGE_CRATE && found->is_there && c != note->crate) assert_true(is_crate_same);
    }
    if (cost <= DAMAGE_CRATE) assert_true(found->is_there);
    if (cost == DAMAGE_NOTHING) assert_true(is_equal(found, want));
    bool is_rim = note->kind == MIDAS_DAMAGE_drop_event && (hit == 0 || hit == N_FILLS - 1); /* no gap in the numbers */
    if (!is_same && !is_told && !is_rim && !may_be_silent(how, note))
        fail_msg("%s of form %d, byte %zu, crate %d, bank %s: nobody saw it", midas_damage_kind(note->kind)->name, how,
                 note->byte, note->crate, note->bank);
    tally->n_told += is_told;
    tally->n_silent += !is_told && !is_same && !is_rim;
    tally->n_harmless += !is_told && is_same;
}

static void try_stroke(int how, uint32_t hit, const struct midas_stroke *stroke, const struct reading *want,
                       struct tally *tally)
{
    struct midas_damage_note note = {0};
    struct reading got;
    if (!write_damaged(how, hit, stroke, &note)) return;
    read_all(&got);
    tally->n_files++;
    const enum damage_cost cost = midas_damage_kind(stroke->kind)->cost;
    for (uint32_t k = 0; k < N_FILLS; k++) {
        bool is_after = cost == DAMAGE_REST && k > hit;
        if (k == hit)
            judge_hit(how, hit, &note, &got, &got.fill[k], &want->fill[k], tally);
        else if (!is_after && !is_equal(&got.fill[k], &want->fill[k]))
            fail_msg("%s of form %d, byte %g of fill %u, crate %d, bank %s: fill %u differs",
                     midas_damage_kind(stroke->kind)->name, how, stroke->byte, hit, note.crate, note.bank, k);
    }
}

static void try_places(int how, enum damage_kind kind, const struct reading *want, struct tally *tally)
{
    static const double places[]   = {0.0, 0.13, 0.26, 0.38, 0.51, 0.63, 0.76, 0.999};
    static const char letters[]    = "TPSABCZ";
    const enum damage_cost cost    = midas_damage_kind(kind)->cost;
    const bool is_bank             = kind <= MIDAS_DAMAGE_drop_bank;
    const struct midas_stroke base = {.kind = kind, .crate = -1};
    for (uint32_t i = 0; i < 8; i++) {
        struct midas_stroke s = base;
        s.byte                = places[i];
        s.bank                = places[(i + 3) % 8];
        s.seed                = 17 * i + (uint32_t)kind;
        try_stroke(how, i % N_FILLS, &s, want, tally);
        if (cost != DAMAGE_CRATE && !is_bank) continue;
        s.crate = i == 7 ? 0 : crates[i % N_CRATES];
        try_stroke(how, (i + 1) % N_FILLS, &s, want, tally);
        s.letter = letters[i % 7];
        if (is_bank) try_stroke(how, (i + 2) % N_FILLS, &s, want, tally);
    }
}

static void test_damage(void **state)
{
    static const char *const forms[] = {"plain banks", "banks packed alone", "crates packed"};
    struct tally all                 = {0};
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct reading want;
        write_damaged(how, 0, NULL, NULL);
        read_all(&want);
        assert_int_equal(want.n, N_FILLS);
        for (int k = 0; k < N_FILLS; k++) assert_true(want.fill[k].is_there && !want.fill[k].is_damaged);
        struct tally tally = {0};
        for (int kind = 0; kind < N_MIDAS_DAMAGES; kind++) {
            int before = tally.n_files;
            try_places(how, (enum damage_kind)kind, &want, &tally);
            assert_true(how > 0 || tally.n_files >= before + 4); /* each kind finds what it can hit */
        }
        printf("%s: %d files, %d told, %d silent, %d without consequence\n", forms[how], tally.n_files, tally.n_told,
               tally.n_silent, tally.n_harmless);
        assert_true(how == 0 || tally.n_silent == 0);
        all.n_files += tally.n_files;
    }
    assert_true(all.n_files >= 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_damage)};
    return cmocka_run_group_tests(tests, begin_reading, end_reading);
}
