/* Unpacking: every variant gives back what was put in; damage costs its crate and nothing else; the time of T0. */
#include "bank_pack.h"
#include "mem.h"
#include "phys.h"
#include "rng.h"
#include "unpack.h"
#include "wfd_writer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { N_ISLANDS = 5, LENGTH = 40, N_SAMPLES = 560000, INJECTION = 24000 };

static struct midas_build build;
static struct unpack unpack;
static struct block *fill, *island, *trace, *sample;

static int set_up(void **state)
{
    (void)state;
    return block_create(&table_fill, &fill) || block_create(&table_island, &island) ||
           block_create(&table_trace, &trace) || block_create(&table_sample, &sample);
}

static int tear_down(void **state)
{
    (void)state;
    block_free(fill);
    block_free(island);
    block_free(trace);
    block_free(sample);
    unpack_free(&unpack);
    midas_build_free(&build);
    return 0;
}

static void settings(void)
{
    unpack.settings = (struct unpack_settings){.t0_window_ns     = 5000,
                                               .t0_min_adc       = 200,
                                               .injection_sample = INJECTION,
                                               .t0_polarity      = 1,
                                               .n_samples        = N_SAMPLES};
    for (int i = 1; i <= 24; i++) unpack.settings.is_expected[i] = true;
    unpack.settings.check                         = BANK_CHECK_ALL;
    unpack.settings.run                           = 1;
    unpack.settings.first_run_without_fill_number = 2;
    unpack_set_maps(&unpack.settings);
}

/* What island k of a crate holds: all from its numbers. */
static uint32_t first_of(int crate, uint32_t k) { return 1000 + (k * 7919 + (uint32_t)crate * 104729) % 500000; }
static uint32_t length_of(int crate, uint32_t k) { return 27 + (k + (uint32_t)crate) % (LENGTH - 27); }
static int16_t sample_of(int crate, uint32_t k, uint32_t segment, uint32_t i)
{
    return (int16_t)(crate * 100 + (int)(k * 37 + segment * 11 + i) - 1700);
}
static bool is_kept(uint32_t k, uint32_t segment) { return (segment + k) % 4 == 0; }

static void add_crate(int crate, bool is_truncated)
{
    const struct bank_daq_header header = {
        .trigger_number = 17, .n_samples = N_SAMPLES, .n_channels = 54, .fill_type = BANK_MUON};
    struct bank_ct_build ct;
    float pedestals[54];
    assert_int_equal(bank_daq_add(&build, crate, &header), ERR_OK);
    assert_int_equal(bank_ct_begin(&build, crate, is_truncated, 54, &ct), ERR_OK);
    for (uint32_t k = N_ISLANDS; k-- > 0;) {
        uint32_t n = length_of(crate, k), n_kept = 0;
        for (uint32_t s = 0; s < 54; s++) n_kept += !is_truncated || is_kept(k, s);
        assert_int_equal(bank_ct_island(&ct, first_of(crate, k), n, n_kept), ERR_OK);
        for (uint32_t s = 0; s < 54; s++) {
            int16_t adc[LENGTH];
            for (uint32_t i = 0; i < n; i++) adc[i] = sample_of(crate, k, s, i);
            if (!is_truncated || is_kept(k, s)) assert_int_equal(bank_ct_trace(&ct, s, adc), ERR_OK);
        }
    }
    assert_int_equal(bank_ct_end(&ct, (uint32_t)crate), ERR_OK);
    for (int s = 0; s < 54; s++) pedestals[s] = -1700.0F - (float)crate - 0.01F * (float)s;
    assert_int_equal(bank_cp_add(&build, crate, 54, pedestals), ERR_OK);
}

/* The T0 crate with one pulse: a bunch of two peaks, mean time at `t` samples; pedestal -1700. */
static void add_t0(double t, double height_adc, double noise_adc, uint32_t seed)
{
    enum { N = 140, BEFORE = 70 };
    static const double offset[4] = {-30.0, -20.0, 10.0, 28.0}, share[4] = {1.0, 0.8, 0.7, 0.5};
    struct rng rng = rng_start(rng_key(3, 1, 4, 1, 5), seed);
    struct bank_ct_build ct;
    float pedestals[2] = {-1700.0F, -1700.0F};
    int16_t adc[2][N];
    double mean = 0.0, sum = 0.0;
    uint32_t first = (uint32_t)(t - BEFORE);
    for (int p = 0; p < 4; p++) {
        sum += share[p];
        mean += share[p] * offset[p];
    }
    for (int pmt = 0; pmt < 2; pmt++)
        for (int i = 0; i < N; i++) {
            double value = -1700.0 + noise_adc * rng_normal(&rng);
            for (int p = 0; p < 4; p++) {
                double x = ((double)first + i - (t + offset[p] - mean / sum)) / 4.0;
                value += height_adc * share[p] * exp(-0.5 * x * x);
            }
            adc[pmt][i] = (int16_t)lrint(value);
        }
    assert_int_equal(bank_ct_begin(&build, BANK_CRATE_T0, false, 2, &ct), ERR_OK);
    assert_int_equal(bank_ct_island(&ct, first, N, 2), ERR_OK);
    assert_int_equal(bank_ct_trace(&ct, 0, adc[0]), ERR_OK);
    assert_int_equal(bank_ct_trace(&ct, 1, adc[1]), ERR_OK);
    assert_int_equal(bank_ct_end(&ct, 0), ERR_OK);
    assert_int_equal(bank_cp_add(&build, BANK_CRATE_T0, 2, pedestals), ERR_OK);
}

static void begin_event(void)
{
    assert_int_equal(midas_build_begin(&build, MIDAS_ID_FILL, 0xFFFF, 16, 1524400000), ERR_OK);
}

static void make_event(int first_crate, int last_crate, bool is_truncated)
{
    begin_event();
    for (int crate = last_crate; crate >= first_crate; crate--) add_crate(crate, is_truncated);
    add_t0(INJECTION + 3.25, 800.0, 0.0, 0);
    assert_int_equal(midas_build_end(&build), ERR_OK);
}

static enum err unpack_built(void) { return unpack_event(&unpack, build.bytes, build.n, fill, island, trace, sample); }

/* Rows agree with each other and with what the crates from first to last, but `lost`, hold. */
static void check_tables(int first_crate, int last_crate, int lost, bool is_truncated)
{
    struct island_view v = island_view(island);
    struct trace_view tr = trace_view(trace);
    struct sample_view s = sample_view(sample);
    size_t n_crates = (size_t)(last_crate - first_crate + 1) - (lost ? 1 : 0), row = 0;
    assert_int_equal(v.n, n_crates * N_ISLANDS + 1);
    for (size_t i = 0; i < v.n; i++) {
        if (i) assert_true(v.first_sample[i] >= v.first_sample[i - 1]);
        assert_int_equal(v.first_trace[i], row);
        if (v.calo[i] == BANK_CRATE_T0) {
            row += 2;
            continue;
        }
        int crate  = v.calo[i];
        uint32_t k = 0;
        while (k < N_ISLANDS && first_of(crate, k) != (uint32_t)v.first_sample[i]) k++;
        assert_true(k < N_ISLANDS && crate != lost);
        assert_int_equal(v.n_samples[i], length_of(crate, k));
        uint32_t segment = 0;
        for (uint32_t t = 0; t < v.n_crystals[i]; t++, segment++, row++) {
            while (is_truncated && !is_kept(k, segment)) segment++;
            assert_int_equal(tr.island[row], i);
            assert_int_equal(tr.crystal[row], segment);
            assert_true(tr.pedestal_adc[row] == -1700.0F - (float)crate - 0.01F * (float)segment);
            for (uint32_t j = 0; j < length_of(crate, k); j++)
                assert_int_equal(s.adc[tr.first_sample[row] + j], sample_of(crate, k, segment, j));
        }
        if (!is_truncated) assert_int_equal(v.n_crystals[i], 54);
    }
    assert_int_equal(row, tr.n);
}

static void test_round_trip(void **state)
{
    (void)state;
    static const uint32_t flavours[] = {MIDAS_BANK16, MIDAS_BANK32, MIDAS_BANK32A};
    settings();
    for (int i = 0; i < 24; i++) {
        bool is_truncated       = i % 2;
        build.flavour           = flavours[i / 2 % 3];
        build.is_header_swapped = i / 6 % 2;
        build.is_body_swapped   = i / 12 % 2;
        make_event(1, 24, is_truncated);
        assert_int_equal(unpack_built(), ERR_OK);
        assert_string_equal(unpack.problem, "");
        check_tables(1, 24, 0, is_truncated);
        struct fill_view f = fill_view(fill);
        assert_int_equal(f.n, 1);
        assert_int_equal(f.unix_time_s[0], 1524400000);
        assert_int_equal(f.fill_type[0], 1);
        assert_int_equal(f.status[0], 0);
        assert_true(f.ctag[0] == 24 * 25 / 2);
        assert_int_equal(f.injection_sample[0], INJECTION + 3);
        assert_true(fabs(f.t0_ns[0] - (INJECTION + 3.25) * SAMPLE_NS) < 0.01);
    }
    build.flavour           = MIDAS_BANK32;
    build.is_header_swapped = build.is_body_swapped = false;
}

/* Compressed events unpack to the same tables; a changed byte of one crate's bank costs that crate. */
static void test_packed(void **state)
{
    (void)state;
    settings();
    for (int i = 0; i < 4; i++) {
        struct midas_build packed   = {.flavour = MIDAS_BANK32A};
        const enum bank_packing how = i / 2 ? BANK_PACK_FZ : BANK_PACK_ZLIB;
        make_event(1, 24, i % 2);
        assert_int_equal(bank_pack_event(build.bytes, build.n, how, &packed), ERR_OK);
        assert_int_equal(unpack_event(&unpack, packed.bytes, packed.n, fill, island, trace, sample), ERR_OK);
        assert_string_equal(unpack.problem, "");
        assert_int_equal(fill_view(fill).status[0], 0);
        check_tables(1, 24, 0, i % 2);
        const char *name = i / 2 ? "FZ10" : "cT10";
        uint8_t *at      = memmem(packed.bytes, packed.n, name, 4);
        assert_non_null(at);
        at[100] ^= 1;
        assert_int_equal(unpack_event(&unpack, packed.bytes, packed.n, fill, island, trace, sample), ERR_OK);
        assert_int_equal(fill_view(fill).status[0], UNPACK_DAMAGED);
        assert_true(unpack.crate[10].is_damaged);
        check_tables(1, 24, 10, i % 2);
        midas_build_free(&packed);
    }
}

/* Mean time over 400 pulses at random phases: rms of the error below 50 ps, bias below 5 ps (false alarm < 1e-6: the
 * mean's own error is 1 ps). */
static void test_t0(void **state)
{
    (void)state;
    enum { N = 400 };
    double sum = 0.0, square = 0.0;
    settings();
    for (uint32_t i = 0; i < N; i++) {
        double t = INJECTION + 100.0 * sin((double)i);
        begin_event();
        add_t0(t, 800.0, 1.5, i);
        assert_int_equal(midas_build_end(&build), ERR_OK);
        assert_int_equal(unpack_built(), ERR_OK);
        double error_ns = fill_view(fill).t0_ns[0] - t * SAMPLE_NS;
        sum += error_ns;
        square += error_ns * error_ns;
    }
    assert_true(fabs(sum / N) < 0.005);
    assert_true(sqrt(square / N) < 0.050);
}

static void test_no_t0(void **state)
{
    (void)state;
    static const double where[] = {INJECTION + 4001.0, INJECTION}, height[] = {800.0, 60.0};
    settings();
    for (int i = 0; i < 2; i++) {
        begin_event();
        add_t0(where[i], height[i], 0.0, 1);
        assert_int_equal(midas_build_end(&build), ERR_OK);
        assert_int_equal(unpack_built(), ERR_OK);
        assert_true(fill_view(fill).status[0] & UNPACK_NO_T0);
        assert_true(fill_view(fill).t0_ns[0] == INJECTION * SAMPLE_NS);
        assert_int_equal(fill_view(fill).injection_sample[0], INJECTION);
    }
}

/* ---- damage ---- */

/* Offset of a bank's data in the event. */
static size_t find_bank(const char *name, size_t *size)
{
    struct midas_event event;
    struct midas_walk walk;
    struct midas_bank bank;
    assert_int_equal(midas_parse(build.bytes, build.n, &event), ERR_OK);
    assert_int_equal(midas_walk(&event, true, &walk), ERR_OK);
    do assert_int_equal(midas_walk_next(&walk, &bank), ERR_OK);
    while (bank.data && strcmp(bank.name, name) != 0);
    assert_non_null(bank.data);
    *size = bank.size;
    return (size_t)(bank.data - build.bytes);
}

static void expect_loss(int crate, const char *words)
{
    assert_int_equal(unpack_built(), ERR_OK);
    assert_int_equal(fill_view(fill).status[0], UNPACK_DAMAGED);
    assert_true(unpack.crate[crate].is_damaged);
    assert_non_null(strstr(unpack.problem, words));
    check_tables(1, 24, crate, false);
}

static void test_damage(void **state)
{
    (void)state;
    size_t size;
    settings();
    make_event(1, 24, false);
    build.bytes[find_bank("CT05", &size)] ^= 2; /* words of islands */
    expect_loss(5, "crate 5");
    make_event(1, 24, false);
    build.bytes[find_bank("CT24", &size) + 16] ^= 1; /* length of the first island */
    expect_loss(24, "crate 24");
    make_event(1, 24, false);
    build.bytes[find_bank("CT01", &size) + 15] ^= 0x40; /* its time */
    expect_loss(1, "in a fill of");
    make_event(1, 24, false);
    build.bytes[find_bank("CP07", &size) + 3] ^= 0x40; /* number of pedestals */
    expect_loss(7, "pedestal");
    make_event(1, 24, false);
    memcpy(build.bytes + find_bank("CP07", &size) + 8, "\xff\xff\xff\xff", 4); /* a pedestal that is no number */
    expect_loss(7, "pedestal");
    make_event(1, 24, false);
    build.bytes[find_bank("CP08", &size) - 12] = 'X'; /* its name: the bank is not there */
    expect_loss(8, "pedestals");
    make_event(1, 24, false);
    build.bytes[find_bank("CT09", &size) - 12] = 'X';
    expect_loss(9, "no bank of islands");
    make_event(1, 24, false);
    build.bytes[find_bank("CT10", &size) - 8] = 6; /* its type */
    expect_loss(10, "type 6");
    make_event(1, 24, false);
    build.bytes[find_bank("CA11", &size) + 3] ^= 1; /* trigger number */
    expect_loss(11, "trigger number");
}

static void test_missing(void **state)
{
    (void)state;
    settings();
    make_event(2, 24, false);
    assert_int_equal(unpack_built(), ERR_OK);
    assert_int_equal(fill_view(fill).status[0], UNPACK_MISSING);
    check_tables(2, 24, 0, false);

    begin_event();
    add_crate(3, false);
    add_crate(3, false);
    assert_int_equal(midas_build_end(&build), ERR_OK);
    assert_int_equal(unpack_built(), ERR_OK);
    assert_int_equal(fill_view(fill).status[0], UNPACK_DAMAGED | UNPACK_MISSING | UNPACK_NO_T0);
    assert_int_equal(island_view(island).n, 0);

    static const char *const compressed[] = {"FZ12", "cT12"};
    for (int i = 0; i < 2; i++) {
        begin_event();
        assert_int_equal(midas_build_add(&build, compressed[i], MIDAS_U8, "abcd", 4), ERR_OK);
        assert_int_equal(midas_build_end(&build), ERR_OK);
        assert_int_equal(unpack_built(), ERR_OK);
        assert_true(fill_view(fill).status[0] & UNPACK_DAMAGED);
        assert_true(unpack.crate[12].is_damaged);
        assert_non_null(strstr(unpack.problem, compressed[i]));
    }

    begin_event(); /* a laser fill: nothing of it is unpacked here, and nothing is wrong with it */
    assert_int_equal(midas_build_add(&build, "LT01", MIDAS_I16, "abcd", 4), ERR_OK);
    assert_int_equal(midas_build_end(&build), ERR_OK);
    assert_int_equal(unpack_built(), ERR_OK);
    assert_int_equal(fill_view(fill).status[0], 0);
    assert_int_equal(fill_view(fill).fill_type[0], 2);
    assert_int_equal(island_view(island).n, 0);
}

/* ---- raw waveforms ---- */

static struct wfd_bytes wfd;

static void add_raw(char prefix, int crate, const struct wfd_spec *s)
{
    char name[5];
    wfd_write(&wfd, s);
    bank_name(prefix, 'A', crate, name);
    assert_int_equal(midas_build_add(&build, name, MIDAS_U32, wfd.ca, wfd.n_ca), ERR_OK);
    bank_name(prefix, 'R', crate, name);
    assert_int_equal(midas_build_add(&build, name, MIDAS_I16, wfd.raw, wfd.n_raw), ERR_OK);
    bank_name(prefix, 'Z', crate, name);
    assert_int_equal(midas_build_add(&build, name, MIDAS_U32, wfd.cz, 8), ERR_OK);
}

static const struct wfd_spec laser = {.trigger     = 55,
                                      .type        = 2,
                                      .n_boards    = 11,
                                      .first_slot  = 1,
                                      .channels    = 31,
                                      .n_waveforms = 4,
                                      .bursts      = 30,
                                      .gap         = 159744,
                                      .has_crc     = true};

static void make_laser(int last_crate, bool is_swapped)
{
    build.is_body_swapped = is_swapped;
    begin_event();
    for (int crate = 1; crate <= last_crate; crate++) add_raw('L', crate, &laser);
    assert_int_equal(midas_build_end(&build), ERR_OK);
    build.is_body_swapped = false;
}

/* Four waveforms of a laser fill in each crate: every sample at its crystal. */
static void test_laser(void **state)
{
    (void)state;
    enum { N = 240, N_CRATES = 3 };
    int32_t map[ODB_CHANNELS];
    odb_channel_map(map);
    settings();
    for (int swapped = 0; swapped < 2; swapped++) {
        make_laser(N_CRATES, swapped);
        assert_int_equal(unpack_built(), ERR_OK);
        assert_string_equal(unpack.problem, "");
        assert_true(fill_view(fill).fill_type[0] == 2 && fill_view(fill).status[0] == 0);
        struct island_view v = island_view(island);
        struct trace_view t  = trace_view(trace);
        assert_int_equal(v.n, 4 * N_CRATES);
        assert_int_equal(t.n, 4 * N_CRATES * 54);
        for (size_t i = 0; i < v.n; i++) {
            assert_int_equal(v.first_sample[i], (int)(i / N_CRATES) * (N + 159744));
            assert_true(v.calo[i] == 1 + i % N_CRATES && v.n_samples[i] == N && v.n_crystals[i] == 54);
            for (uint32_t k = 0; k < 54; k++) {
                uint32_t row = v.first_trace[i] + k, c = 0, waveform = (uint32_t)(i / N_CRATES);
                while (map[c] != t.crystal[row]) c++;
                double sum = 0.0;
                for (uint32_t s = 0; s < N; s++)
                    assert_int_equal(sample_view(sample).adc[t.first_sample[row] + s],
                                     wfd_sample(c / 5 + 1, c % 5, waveform, s));
                for (uint32_t s = 0; s < 100; s++) sum += wfd_sample(c / 5 + 1, c % 5, 0, s);
                assert_true(fabs((double)t.pedestal_adc[row] - sum / 100) < 1e-3);
            }
        }
    }
    make_laser(N_CRATES, false);
    size_t size;
    build.bytes[find_bank("LR02", &size) + 5000] ^= 4;
    assert_int_equal(unpack_built(), ERR_OK);
    assert_true(fill_view(fill).status[0] == UNPACK_DAMAGED && unpack.crate[2].is_damaged);
    assert_int_equal(island_view(island).n, 8);
    build.bytes[find_bank("LA03", &size) + 24] ^= 8; /* a board not enabled */
    assert_int_equal(unpack_built(), ERR_OK);
    assert_true(unpack.crate[3].is_damaged);
    build.bytes[find_bank("LZ01", &size) + 3] ^= 1;
    assert_int_equal(unpack_built(), ERR_OK);
    assert_true(unpack.crate[1].is_damaged);
    assert_int_equal(island_view(island).n, 0);
}

/* Asynchronous boards and the clock crate are checked, and give no islands; another trigger in the clock crate is told. */
static void test_clock_crate(void **state)
{
    (void)state;
    struct wfd_spec async = {.trigger     = 17,
                             .type        = 3,
                             .n_boards    = 2,
                             .first_slot  = 3,
                             .channels    = 31,
                             .n_waveforms = 20,
                             .bursts      = 10,
                             .pretrigger  = 4,
                             .mode        = WFD_ASYNC,
                             .has_crc     = true},
                    fc7   = {.trigger = 17, .type = 1, .n_boards = 2, .first_slot = 4, .is_fc7 = true, .has_crc = true};
    settings();
    for (uint32_t other = 0; other < 2; other++) {
        fc7.trigger = 17 + other;
        begin_event();
        wfd_write(&wfd, &fc7);
        assert_int_equal(midas_build_add(&build, "TTCA", MIDAS_U32, wfd.ca, wfd.n_ca), ERR_OK);
        assert_int_equal(midas_build_add(&build, "TTCB", MIDAS_I16, wfd.raw, wfd.n_raw), ERR_OK);
        assert_int_equal(midas_build_add(&build, "TTCZ", MIDAS_U32, wfd.cz, 8), ERR_OK);
        add_raw('A', 27, &async);
        add_raw('A', 26, &async);
        assert_int_equal(midas_build_end(&build), ERR_OK);
        assert_int_equal(unpack_built(), ERR_OK);
        assert_int_equal(fill_view(fill).status[0], other ? UNPACK_DAMAGED : 0);
        assert_int_equal(unpack.crate[0].is_damaged, other);
        assert_int_equal(fill_view(fill).fill_type[0], 4);
        assert_int_equal(island_view(island).n, 0);
    }
}

/* Fill numbers and header banks must agree as well. */
static void test_numbers(void **state)
{
    (void)state;
    size_t size;
    settings();
    make_event(1, 24, false);
    build.bytes[find_bank("CC06", &size) + 21 * 8] ^= 1;
    expect_loss(6, "fill number 1, most others have 0");
    make_event(1, 24, false);
    build.bytes[find_bank("CC06", &size) + 3] ^= 1;
    expect_loss(6, "trigger number");
    make_event(1, 24, false);
    build.bytes[find_bank("CB13", &size) + 3] ^= 1;
    expect_loss(13, "trigger");
    make_event(1, 24, false);
    build.bytes[find_bank("CB13", &size) + 7] ^= 1; /* words of the first board */
    expect_loss(13, "words");
    make_event(1, 24, false);
    build.bytes[find_bank("CZ14", &size) + 3] ^= 1;
    expect_loss(14, "CDF trailer");
}

/* 20,000 changed events: tables that agree with themselves, whatever the bytes. */
static void test_mutations(void **state)
{
    (void)state;
    uint8_t *bytes;
    struct rng rng = rng_start(rng_key(9, 0, 0, 0, 0), 0);
    size_t size;
    int n_damaged = 0;
    settings();
    make_event(1, 3, true);
    size_t heads = find_bank("CT03", &size);
    assert_int_equal(mem_alloc(&bytes, build.n, 1), ERR_OK);
    for (int t = 0; t < 20000; t++) {
        memcpy(bytes, build.bytes, build.n);
        for (uint32_t k = 1 + rng_u32(&rng) % 3; k > 0; k--) {
            size_t at = t % 2 ? rng_u32(&rng) % build.n : heads - 24 + rng_u32(&rng) % 88;
            bytes[at] = (uint8_t)rng_u32(&rng);
        }
        assert_int_equal(unpack_event(&unpack, bytes, build.n, fill, island, trace, sample), ERR_OK);
        n_damaged += unpack.status & UNPACK_DAMAGED ? 1 : 0;
        struct island_view v = island_view(island);
        struct trace_view tr = trace_view(trace);
        for (size_t i = 0; i < v.n; i++) {
            assert_true(v.n_samples[i] >= 0 && v.first_sample[i] + v.n_samples[i] <= N_SAMPLES);
            assert_true(v.first_trace[i] + v.n_crystals[i] <= tr.n);
            for (size_t k = v.first_trace[i]; k < v.first_trace[i] + v.n_crystals[i]; k++)
                assert_true(tr.crystal[k] < 54 && tr.first_sample[k] + (size_t)v.n_samples[i] <= sample->n);
        }
    }
    assert_true(n_damaged > 2000);
    mem_free(bytes);
}

/* Every cut of the event, its header's size put right: never more than what is there, damage told. */
static void test_truncated(void **state)
{
    (void)state;
    uint8_t *bytes;
    settings();
    make_event(1, 2, false);
    for (size_t n = 0; n < build.n; n += n < 4000 || n + 4000 > build.n ? 1 : 97) {
        assert_int_equal(mem_alloc(&bytes, n, 1), ERR_OK);
        memcpy(bytes, build.bytes, n);
        uint32_t data_size = (uint32_t)(n - 16), banks = (uint32_t)(n - 24);
        if (n >= 24) {
            memcpy(bytes + 12, &data_size, 4);
            memcpy(bytes + 16, &banks, 4);
        }
        assert_int_equal(unpack_event(&unpack, bytes, n, fill, island, trace, sample), ERR_OK);
        assert_true(unpack.status != 0);
        assert_true(island->n < 2 * N_ISLANDS + 1 || n + 4 >= build.n); /* the last 4 bytes only pad */
        mem_free(bytes);
    }
}

static void test_settings(void **state)
{
    (void)state;
    struct odb *odb;
    struct odb_crate crate     = {.n_samples        = 740000,
                                  .threshold_adc    = -300,
                                  .polarity         = -1,
                                  .sum_decimation   = 64,
                                  .q_decimation     = 30,
                                  .injection_sample = 100000};
    struct unpack_settings set = {.t0_polarity = 1};
    assert_int_equal(odb_create(&odb), ERR_OK);
    assert_int_equal(unpack_set_odb(&set, odb), ERR_NOTFOUND);
    for (crate.crate = 1; crate.crate <= 28; crate.crate++) {
        if (crate.crate == 25) crate.injection_sample++;
        if (crate.crate == 26) crate.injection_sample = 5;
        if (crate.crate != 7) assert_int_equal(odb_put_crate(odb, &crate), ERR_OK);
    }
    assert_int_equal(unpack_set_odb(&set, odb), ERR_OK);
    assert_int_equal(set.injection_sample, 100001);
    assert_int_equal(set.t0_polarity, -1);
    assert_int_equal(set.n_samples, 740000);
    assert_true(set.is_expected[1] && !set.is_expected[7] && !set.is_expected[25]);
    odb_free(odb);
}

/* ---- source monitors of the lasers ---- */

static void add_monitor(int crate, bool with_pedestals)
{
    struct bank_ct_build ct;
    int16_t adc[30];
    const float pedestals[5] = {-1700, -1701, -1702, -1703, -1704};
    assert_int_equal(bank_ct_begin_as(&build, 's', crate, false, 5, &ct), ERR_OK);
    for (uint32_t k = 0; k < 2; k++) {
        assert_int_equal(bank_ct_island(&ct, 7950 + 100000 * k, 30, 5), ERR_OK);
        for (uint32_t segment = 0; segment < 5; segment++) {
            for (uint32_t i = 0; i < 30; i++) adc[i] = sample_of(crate, k, segment, i);
            assert_int_equal(bank_ct_trace(&ct, segment, adc), ERR_OK);
        }
    }
    assert_int_equal(bank_ct_end(&ct, 0), ERR_OK);
    if (with_pedestals) assert_int_equal(bank_cp_add_as(&build, 's', crate, 5, pedestals), ERR_OK);
}

/* Their islands come as those of "calorimeter" 100 + crate, with their own pedestals, from every crate, packed or not. */
static void test_monitors(void **state)
{
    (void)state;
    static const enum bank_packing packings[] = {BANK_PACK_NONE, BANK_PACK_ZLIB, BANK_PACK_FZ};
    settings();
    for (size_t how = 0; how < sizeof packings / sizeof packings[0]; how++) {
        struct midas_build packed = {0};
        begin_event();
        for (int crate = 1; crate <= 24; crate++) {
            add_crate(crate, false);
            if (crate == 5) add_monitor(crate, true);
        }
        add_monitor(29, true); /* a crate without anything else */
        add_t0(INJECTION, 800.0, 0.0, 0);
        assert_int_equal(midas_build_end(&build), ERR_OK);
        assert_int_equal(bank_pack_event(build.bytes, build.n, packings[how], &packed), ERR_OK);
        assert_int_equal(unpack_event(&unpack, packed.bytes, packed.n, fill, island, trace, sample), ERR_OK);
        assert_int_equal(unpack.status, 0);
        struct island_view v = island_view(island);
        size_t n             = 0;
        assert_int_equal(v.n, 24 * N_ISLANDS + 1 + 4);
        for (size_t i = 0; i < v.n; i++) {
            if (v.calo[i] < UNPACK_MONITOR) continue;
            const int crate      = v.calo[i] - UNPACK_MONITOR;
            const uint32_t k     = (uint32_t)(v.first_sample[i] / 100000);
            struct trace_view t  = trace_view(trace);
            struct sample_view a = sample_view(sample);
            n++;
            assert_true((crate == 5 || crate == 29) && v.first_sample[i] == (int32_t)(7950 + 100000 * k));
            assert_true(v.n_samples[i] == 30 && v.n_crystals[i] == 5);
            for (uint32_t j = 0; j < 5; j++) {
                const size_t row = v.first_trace[i] + j;
                assert_true(t.crystal[row] == j && fabs((double)t.pedestal_adc[row] + 1700.0 + j) < 1e-3);
                for (uint32_t m = 0; m < 30; m++)
                    assert_int_equal(a.adc[t.first_sample[row] + m], sample_of(crate, k, j, m));
            }
        }
        assert_int_equal(n, 4);
        midas_build_free(&packed);
    }
}

static void test_damaged_monitor(void **state)
{
    (void)state;
    settings();
    begin_event();
    for (int crate = 1; crate <= 24; crate++) {
        add_crate(crate, false);
        if (crate == 1 || crate == 5) add_monitor(crate, crate == 1);
    }
    add_t0(INJECTION, 800.0, 0.0, 0);
    assert_int_equal(midas_build_end(&build), ERR_OK);
    assert_int_equal(unpack_event(&unpack, build.bytes, build.n, fill, island, trace, sample), ERR_OK);
    assert_int_equal(unpack.status, UNPACK_DAMAGED);
    assert_true(unpack.crate[5].is_damaged && !unpack.crate[1].is_damaged);
    assert_non_null(strstr(unpack.problem, "source monitor"));
    assert_int_equal(island_view(island).n, 23 * N_ISLANDS + 1 + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_monitors),   cmocka_unit_test(test_damaged_monitor),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_packed),
        cmocka_unit_test(test_t0),         cmocka_unit_test(test_no_t0),
        cmocka_unit_test(test_damage),     cmocka_unit_test(test_missing),
        cmocka_unit_test(test_laser),      cmocka_unit_test(test_clock_crate),
        cmocka_unit_test(test_numbers),    cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_truncated),  cmocka_unit_test(test_settings),
    };
    int rc = cmocka_run_group_tests(tests, set_up, tear_down);
    return rc || mem_live() != 0;
}
