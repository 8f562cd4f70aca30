/* Banks: round trips in both variants, header banks by hand-made words, damaged sizes. */
#include "bank.h"
#include "mem.h"
#include "rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct midas_build build;

static void one_bank(struct midas_bank *bank)
{
    struct midas_event event;
    struct midas_walk walk;
    assert_int_equal(midas_build_end(&build), ERR_OK);
    assert_int_equal(midas_parse(build.bytes, build.n, &event), ERR_OK);
    assert_int_equal(midas_walk(&event, true, &walk), ERR_OK);
    assert_int_equal(midas_walk_next(&walk, bank), ERR_OK);
    assert_non_null(bank->data);
}

static int16_t sample_of(uint32_t island, uint32_t segment, uint32_t i)
{
    return (int16_t)(1000 * island + 17 * segment + i - 1700);
}

/* Three islands of 1, 31 and 70 samples; truncated keeps every third segment. */
static void make_islands(bool is_truncated, uint32_t n_segments)
{
    struct bank_ct_build ct;
    static const uint32_t first[3] = {24000, 100, 559000}, length[3] = {31, 1, 70};
    assert_int_equal(midas_build_begin(&build, 1, 0xFFFF, 0, 0), ERR_OK);
    assert_int_equal(bank_ct_begin(&build, 7, is_truncated, n_segments, &ct), ERR_OK);
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t step = is_truncated ? 3 : 1;
        assert_int_equal(bank_ct_island(&ct, first[i], length[i], (n_segments + step - 1) / step), ERR_OK);
        for (uint32_t s = 0; s < n_segments; s += step) {
            int16_t samples[70];
            for (uint32_t k = 0; k < length[i]; k++) samples[k] = sample_of(i, s, k);
            assert_int_equal(bank_ct_trace(&ct, s, samples), ERR_OK);
        }
    }
    assert_int_equal(bank_ct_end(&ct, 77), ERR_OK);
}

static void islands_round_trip(bool is_truncated, uint32_t n_segments)
{
    struct midas_bank bank;
    struct bank_ct ct;
    struct bank_island island;
    make_islands(is_truncated, n_segments);
    one_bank(&bank);
    assert_string_equal(bank.name, "CT07");
    assert_int_equal(bank_crate(bank.name), 7);
    assert_int_equal(bank.size % 4, 0);
    assert_int_equal(bank_ct_open(bank.data, bank.size, &ct), ERR_OK);
    assert_int_equal(ct.n_islands, 3);
    assert_int_equal(ct.n_segments, n_segments);
    assert_int_equal(ct.ctag, 77);
    assert_int_equal(ct.is_truncated, is_truncated);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(bank_ct_next(&ct, &island), ERR_OK);
        for (uint32_t k = 0; k < island.n_kept; k++) {
            uint32_t segment;
            assert_int_equal(bank_ct_segment(&ct, &island, k, &segment), ERR_OK);
            assert_int_equal(segment, is_truncated ? 3 * k : k);
            for (uint32_t s = 0; s < island.length; s++)
                assert_int_equal(bank_ct_samples(&ct, &island, k)[s], sample_of(i, segment, s));
        }
    }
    assert_int_equal(bank_ct_next(&ct, &island), ERR_OK);
    assert_null(island.words);
}

static void test_islands(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 54; n += 53) {
        islands_round_trip(false, n);
        islands_round_trip(true, n);
    }
}

/* The words themselves, by hand: what an outside reader of the format expects. */
static void test_islands_words(void **state)
{
    (void)state;
    static const uint16_t full[] = {8, 0, 1, 2, 0x5678, 0x1234, 24000, 0, 2, 0, 1, 2, 3, 4};
    static const uint16_t kept[] = {0xDEAD, 0xBABE, 10, 0, 1, 2, 0x5678, 0x1234, 0x1170, 1, 2, 0, 1, 0, 1, 0, 9, 8};
    struct bank_ct_build ct;
    struct midas_bank bank;
    assert_int_equal(midas_build_begin(&build, 1, 0xFFFF, 0, 0), ERR_OK);
    assert_int_equal(bank_ct_begin(&build, 1, false, 2, &ct), ERR_OK);
    assert_int_equal(bank_ct_island(&ct, 24000, 2, 2), ERR_OK);
    assert_int_equal(bank_ct_trace(&ct, 0, (int16_t[]){1, 2}), ERR_OK);
    assert_int_equal(bank_ct_trace(&ct, 1, (int16_t[]){3, 4}), ERR_OK);
    assert_int_equal(bank_ct_end(&ct, 0x12345678), ERR_OK);
    one_bank(&bank);
    assert_int_equal(bank.size, sizeof full);
    assert_memory_equal(bank.data, full, sizeof full);

    assert_int_equal(midas_build_begin(&build, 1, 0xFFFF, 0, 0), ERR_OK);
    assert_int_equal(bank_ct_begin(&build, 1, true, 2, &ct), ERR_OK);
    assert_int_equal(bank_ct_island(&ct, 0x11170, 2, 1), ERR_OK);
    assert_int_equal(bank_ct_trace(&ct, 1, (int16_t[]){9, 8}), ERR_OK);
    assert_int_equal(bank_ct_end(&ct, 0x12345678), ERR_OK);
    one_bank(&bank);
    assert_int_equal(bank.size, sizeof kept);
    assert_memory_equal(bank.data, kept, sizeof kept);
}

static volatile int16_t touched; /* so that samples are really read */

/* Walks a bank to its end; the last error. */
static enum err walk_islands(const void *data, size_t n)
{
    struct bank_ct ct;
    struct bank_island island;
    TRY(bank_ct_open(data, n, &ct));
    for (;;) {
        TRY(bank_ct_next(&ct, &island));
        if (!island.words) return ERR_OK;
        for (uint32_t k = 0; k < island.n_kept; k++) {
            uint32_t segment;
            TRY(bank_ct_segment(&ct, &island, k, &segment));
            for (uint32_t i = 0; i < island.length; i++) touched = bank_ct_samples(&ct, &island, k)[i];
        }
    }
}

/* Every cut of the bank is an error, every changed word of header or island head is an error or another valid bank. */
static void test_islands_damage(void **state)
{
    (void)state;
    for (int t = 0; t < 2; t++) {
        struct midas_bank bank;
        make_islands(t, 12);
        one_bank(&bank);
        assert_int_equal(walk_islands(bank.data, bank.size), ERR_OK);
        for (size_t n = 0; n + 2 < bank.size; n++) {
            uint8_t *cut;
            assert_int_equal(mem_alloc(&cut, n, 1), ERR_OK);
            memcpy(cut, bank.data, n);
            assert_int_equal(walk_islands(cut, n), ERR_DATA);
            mem_free(cut);
        }
        struct rng r = rng_start(rng_key(1, 2, 3, 4, 5), (uint32_t)t);
        uint8_t *copy;
        assert_int_equal(mem_alloc(&copy, bank.size, 1), ERR_OK);
        int n_refused = 0;
        for (int i = 0; i < 20000; i++) {
            memcpy(copy, bank.data, bank.size);
            size_t at = rng_u32(&r) % 40;
            copy[at] ^= (uint8_t)(1 + rng_u32(&r) % 255);
            enum err rc = walk_islands(copy, bank.size);
            assert_true(rc == ERR_OK || rc == ERR_DATA);
            n_refused += rc == ERR_DATA;
        }
        assert_true(n_refused > 5000);
        mem_free(copy);
    }
}

/* Sizes that fit, content that cannot be: more traces than segments, a segment that is not there. */
static void test_islands_nonsense(void **state)
{
    (void)state;
    uint16_t kept[] = {0xDEAD, 0xBABE, 10, 0, 1, 2, 0, 0, 100, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0};
    /* two traces of no samples */
    assert_int_equal(walk_islands(kept, sizeof kept), ERR_OK);
    kept[16] = 2; /* segment 2 of 2 */
    assert_int_equal(walk_islands(kept, sizeof kept), ERR_DATA);
    kept[16] = 0;
    kept[5]  = 1; /* two traces of the one segment there is */
    assert_int_equal(walk_islands(kept, sizeof kept), ERR_DATA);
    kept[5] = 0;
    assert_int_equal(walk_islands(kept, sizeof kept), ERR_DATA);
    kept[5] = 61;
    assert_int_equal(walk_islands(kept, sizeof kept), ERR_DATA);
}

static void test_pedestals_and_sums(void **state)
{
    (void)state;
    struct midas_bank bank;
    float pedestals[54], back[54];
    int32_t *sums = NULL;
    const int32_t *read;
    uint32_t n;
    for (int i = 0; i < 54; i++) pedestals[i] = -1700.0F + 0.01F * (float)i;
    assert_int_equal(midas_build_begin(&build, 1, 0xFFFF, 0, 0), ERR_OK);
    assert_int_equal(bank_cp_add(&build, 24, 54, pedestals), ERR_OK);
    one_bank(&bank);
    assert_string_equal(bank.name, "CP24");
    assert_int_equal(bank_cp_read(bank.data, bank.size, 54, back, &n), ERR_OK);
    assert_int_equal(n, 54);
    assert_memory_equal(back, pedestals, sizeof back);
    for (size_t cut = 0; cut < bank.size; cut++) assert_int_equal(bank_cp_read(bank.data, cut, 54, back, &n), ERR_DATA);

    assert_int_equal(midas_build_begin(&build, 1, 0xFFFF, 0, 0), ERR_OK);
    assert_int_equal(bank_cs_begin(&build, 3, 17500, &sums), ERR_OK);
    for (int32_t i = 0; i < 17500; i++) sums[i] = -i * 1000;
    assert_int_equal(midas_build_bank_end(&build), ERR_OK);
    one_bank(&bank);
    assert_string_equal(bank.name, "CS03");
    assert_int_equal(bank_cs_read(bank.data, bank.size, &read, &n), ERR_OK);
    assert_int_equal(n, 17500);
    for (int32_t i = 0; i < 17500; i++) assert_int_equal(read[i], -i * 1000);
    assert_int_equal(bank_cs_read(bank.data, bank.size - 1, &read, &n), ERR_DATA);
}

static void test_headers(void **state)
{
    (void)state;
    const struct bank_daq_header h = {.trigger_number = 0x123456,
                                      .clock_ticks    = UINT64_C(0xABC12345678),
                                      .fill_number    = 99,
                                      .n_samples      = 560000,
                                      .n_channels     = 54,
                                      .fill_type      = BANK_MUON};
    struct bank_daq_header back;
    struct midas_bank bank;
    struct midas_event event;
    struct midas_walk walk;
    uint32_t value;
    assert_int_equal(midas_build_begin(&build, 1, 0xFFFF, 0, 0), ERR_OK);
    assert_int_equal(bank_daq_add(&build, 5, &h), ERR_OK);
    assert_int_equal(midas_build_end(&build), ERR_OK);
    assert_int_equal(midas_parse(build.bytes, build.n, &event), ERR_OK);
    assert_int_equal(midas_walk(&event, true, &walk), ERR_OK);

    assert_int_equal(midas_walk_next(&walk, &bank), ERR_OK);
    assert_string_equal(bank.name, "CA05");
    assert_memory_equal(bank.data, "\x51\x12\x34\x56\0\0\0\0", 8); /* big-endian CDF header, event index in 55:32 */
    assert_int_equal(bank_ca_trigger(bank.data, bank.size, &value), ERR_OK);
    assert_int_equal(value, 0x123456);

    assert_int_equal(midas_walk_next(&walk, &bank), ERR_OK);
    assert_string_equal(bank.name, "CB05");
    assert_int_equal(bank.size, 8 * (11 * 4 + 54 * 7));
    assert_int_equal(bank_cb_read(bank.data, bank.size, &back), ERR_OK);
    assert_int_equal(back.trigger_number, h.trigger_number);
    assert_int_equal(back.clock_ticks, h.clock_ticks);
    assert_int_equal(back.n_samples, 560000);
    assert_int_equal(back.n_channels, 54);
    assert_int_equal(back.fill_type, BANK_MUON);
    for (size_t n = 8; n < bank.size; n += 8)
        if (n % 312) assert_int_equal(bank_cb_read(bank.data, n, &back), ERR_DATA); /* 312: a whole board */

    assert_int_equal(midas_walk_next(&walk, &bank), ERR_OK);
    assert_string_equal(bank.name, "CC05");
    assert_int_equal(bank_cc_fill(bank.data, bank.size, &value), ERR_OK);
    assert_int_equal(value, 99);

    assert_int_equal(midas_walk_next(&walk, &bank), ERR_OK);
    assert_string_equal(bank.name, "CZ05");
    assert_int_equal(bank_cz_words(bank.data, bank.size, &value), ERR_OK);
    /* ten boards of 5 channels, one of 4, and the words around them */
    assert_int_equal(value, 2 + 11 + 2 + 10 * (4 + 5 * (7 + 140000)) + 4 + 4 * (7 + 140000));
}

/* GPU fits and Q histograms: words by hand, and every cut or wrong count. */
static void test_gpu(void **state)
{
    (void)state;
    static const struct bank_pulse pulses[2] = {{100.25F, 0.5F, 1.5F, -1700.0F, 3.0F, 9, -1650},
                                                {200.75F, 0.25F, 2.5F, -1701.0F, 4.0F, 10, -1640}};
    const struct bank_pulse *read;
    struct midas_bank bank;
    struct bank_cf cf;
    uint32_t n, words[64];
    assert_int_equal(midas_build_begin(&build, 1, 0xFFFF, 0, 0), ERR_OK);
    assert_int_equal(bank_cf_begin(&build, 3, 3), ERR_OK);
    assert_int_equal(bank_cf_add(&build, 2, pulses), ERR_OK);
    assert_int_equal(bank_cf_add(&build, 0, NULL), ERR_OK);
    assert_int_equal(bank_cf_add(&build, 1, pulses + 1), ERR_OK);
    assert_int_equal(midas_build_bank_end(&build), ERR_OK);
    one_bank(&bank);
    assert_string_equal(bank.name, "CF03");
    assert_true(bank.type == MIDAS_U32 && bank.size == 4 * (1 + 3 + 21));
    memcpy(words, bank.data, bank.size);
    assert_true(words[0] == 3 && words[1] == 2 && words[7] == 9 && words[16] == 0 && words[17] == 1);
    assert_int_equal(bank_cf_open(words, bank.size, &cf), ERR_OK);
    for (uint32_t s = 0; s < 3; s++) {
        assert_int_equal(bank_cf_next(&cf, &read, &n), ERR_OK);
        assert_int_equal(n, s == 0 ? 2 : s == 1 ? 0 : 1);
        if (n) assert_memory_equal(read, pulses + s / 2, n * sizeof *pulses);
    }
    assert_int_equal(bank_cf_next(&cf, &read, &n), ERR_OK);
    assert_null(read);
    for (size_t size = 0; size <= bank.size + 4; size += 4) {
        enum err rc = bank_cf_open(words, size, &cf);
        do
            if (!rc) rc = bank_cf_next(&cf, &read, &n);
        while (!rc && read);
        assert_int_equal(rc, size == bank.size ? ERR_OK : ERR_DATA);
    }

    const struct bank_cq header = {.n            = 12,
                                   .first_sample = 100,
                                   .last_sample  = 160,
                                   .decimation   = 10,
                                   .n_intervals  = 1,
                                   .multiplier   = 2,
                                   .n_segments   = 2};
    struct bank_cq cq;
    int32_t *counts;
    assert_int_equal(midas_build_begin(&build, 1, 0xFFFF, 0, 0), ERR_OK);
    assert_int_equal(bank_cq_begin(&build, 4, &header, &counts), ERR_OK);
    for (int i = 0; i < 12; i++) counts[i] = -i;
    assert_int_equal(midas_build_bank_end(&build), ERR_OK);
    one_bank(&bank);
    assert_string_equal(bank.name, "CQ04");
    memcpy(words, bank.data, bank.size);
    assert_int_equal(bank_cq_read(words, bank.size, &cq), ERR_OK);
    assert_true(cq.first_sample == 100 && cq.last_sample == 160 && cq.decimation == 10 && cq.n_segments == 2 &&
                cq.n == 12);
    assert_true(cq.n_intervals == 1 && cq.multiplier == 2 && cq.counts[11] == -11);
    for (size_t size = 0; size <= bank.size + 4; size += 4)
        assert_int_equal(bank_cq_read(words, size, &cq), size == bank.size ? ERR_OK : ERR_DATA);
    words[6] = 5; /* 12 counts in 5 segments */
    assert_int_equal(bank_cq_read(words, bank.size, &cq), ERR_DATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_islands),
        cmocka_unit_test(test_islands_words),
        cmocka_unit_test(test_islands_damage),
        cmocka_unit_test(test_islands_nonsense),
        cmocka_unit_test(test_pedestals_and_sums),
        cmocka_unit_test(test_gpu),
        cmocka_unit_test(test_headers),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    midas_build_free(&build);
    return rc || mem_live() != 0;
}
