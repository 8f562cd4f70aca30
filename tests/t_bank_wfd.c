/* AMC13 and WFD5: what a generator of its own wrote is read back; every changed bit that anything guards is noticed. */
#include "bank_wfd_build.h"
#include "mem.h"
#include "wfd_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct wfd_bytes bytes;

static const struct wfd_spec muon  = {.trigger     = 0xABCDEF,
                                      .type        = 1,
                                      .n_boards    = 3,
                                      .first_slot  = 2,
                                      .channels    = 0x1F,
                                      .n_waveforms = 1,
                                      .bursts      = 21,
                                      .clock       = 0xABC12345678,
                                      .is_little   = true,
                                      .has_crc     = true};
static const struct wfd_spec laser = {.trigger     = 7,
                                      .type        = 2,
                                      .n_boards    = 2,
                                      .first_slot  = 1,
                                      .channels    = 0x15,
                                      .n_waveforms = 4,
                                      .bursts      = 30,
                                      .gap         = 159744,
                                      .clock       = 99,
                                      .has_crc     = true};

static enum err check(enum bank_check how)
{
    struct bank_amc amc;
    uint32_t n_boards, n_words;
    uint64_t n_waveforms;
    TRY(bank_ca_read(bytes.ca, bytes.n_ca, &amc));
    TRY(bank_cz_words(bytes.cz, sizeof bytes.cz, &n_words));
    REQUIRE(n_words == amc.total, ERR_DATA, "CDF trailer");
    return bank_wfd_check(bytes.raw, bytes.n_raw, &amc, how, &n_boards, &n_waveforms);
}

static void read_back(const struct wfd_spec *s)
{
    struct bank_amc amc;
    struct bank_wfd w;
    struct bank_waveform waveform;
    int16_t *samples;
    wfd_write(&bytes, s);
    assert_int_equal(bank_ca_read(bytes.ca, bytes.n_ca, &amc), ERR_OK);
    assert_int_equal(amc.trigger, s->trigger);
    assert_int_equal(amc.n_boards, s->n_boards);
    assert_int_equal(8 * amc.n_words, bytes.n_raw);
    for (enum bank_check how = BANK_CHECK_SIZES; how <= BANK_CHECK_ALL; how++) assert_int_equal(check(how), ERR_OK);
    assert_int_equal(mem_alloc(&samples, 8 * (size_t)s->bursts + 1, sizeof *samples), ERR_OK);
    bank_wfd_open(bytes.raw, bytes.n_raw, &amc, BANK_CHECK_ALL, &w);
    bool has_data = !s->is_fc7 && !s->is_empty;
    for (uint32_t slot = s->first_slot; has_data && slot < s->first_slot + s->n_boards; slot++)
        for (uint32_t c = 0; c < 5; c++)
            for (uint32_t k = 0; k < s->n_waveforms && (s->channels >> c & 1); k++) {
                assert_int_equal(bank_wfd_next(&w, &waveform), ERR_OK);
                assert_non_null(waveform.samples);
                assert_true(waveform.slot == slot && waveform.channel == c && waveform.index == k);
                assert_true(waveform.n_samples == 8 * s->bursts && waveform.n_waveforms == s->n_waveforms);
                assert_true(waveform.gap == (s->mode == WFD_SYNC ? s->gap : 0));
                assert_true(waveform.clock == (s->mode == WFD_ASYNC ? wfd_clock(s, k) : s->clock));
                bank_wfd_samples(&waveform, samples);
                for (uint32_t i = 0; i < waveform.n_samples; i++)
                    assert_int_equal(samples[i], wfd_sample(slot, c, k, i));
            }
    assert_int_equal(bank_wfd_next(&w, &waveform), ERR_OK);
    assert_null(waveform.samples);
    mem_free(samples);
}

static void test_read_back(void **state)
{
    (void)state;
    struct wfd_spec s;
    read_back(&muon);
    read_back(&laser);
    s           = muon;
    s.is_little = false;
    read_back(&s);
    s          = muon; /* several blocks of 4096 words: 5 (2 + 2 + 2000 + 3) + 4 words a board */
    s.n_boards = 11;
    s.bursts   = 1000;
    read_back(&s);
    assert_true(bytes.n_ca > 8 * 3 * 13);
    for (int little = 0; little < 2; little++) {
        s = (struct wfd_spec){.trigger     = 70000,
                              .type        = 3,
                              .n_boards    = 2,
                              .first_slot  = 12 - 1,
                              .channels    = 0x1B,
                              .n_waveforms = 300,
                              .bursts      = 10,
                              .pretrigger  = 0x54321 & 0xFFFF,
                              .mode        = WFD_ASYNC,
                              .clock       = 123456789,
                              .is_little   = little,
                              .has_crc     = true};
        read_back(&s);
        s.type        = 1;
        s.n_waveforms = 1;
        s.mode        = WFD_CIRCULAR;
        read_back(&s);
        s.is_empty = true;
        read_back(&s);
    }
    s.is_empty = false;
    s.is_fc7   = true;
    s.channels = 0;
    s.mode     = WFD_SYNC;
    read_back(&s);
}

static uint64_t mask(int high, int low) { return (~UINT64_C(0) >> (63 - high + low)) << low; }

/* Bits of a payload word that nothing guards without the boards' CRC. */
static uint64_t free_bits(const struct wfd_spec *s, size_t word)
{
    size_t n_board = bytes.words[0], at = word % n_board, n_channel = 5 + s->n_waveforms * (2 + 2 * (size_t)s->bursts);
    if (at == 0) return mask(63, 60) | mask(31, 20);                              /* always 0; clock */
    if (at == 1) return mask(57, 54) | mask(52, 51) | mask(47, 16) | mask(12, 0); /* alarms, type, clock, number */
    if (at == 2) return mask(63, 0);                                              /* firmware */
    if (at == n_board - 1) return mask(63, 32) | mask(23, 20);                    /* CRC, always 0 */
    return (at - 3) % n_channel == n_channel - 1 ? mask(31, 0) : 0;               /* time of readout */
}

static void flip_payload(const struct wfd_spec *s)
{
    wfd_write(&bytes, s);
    for (size_t i = 0; i < 8 * bytes.n_raw; i++) {
        const size_t word = i / 64, bit = i % 64;
        const size_t byte = 8 * word + 7 - bit / 8;
        bool is_free      = free_bits(s, word) >> bit & 1;
        bytes.raw[byte] ^= (uint8_t)(1 << bit % 8);
        enum err rc = check(BANK_CHECK_CHECKSUMS);
        if ((rc == ERR_OK) != is_free) fail_msg("word %zu bit %zu: %s", word, bit, rc ? err_message() : "not noticed");
        if (check(BANK_CHECK_ALL) != ERR_DATA) fail_msg("word %zu bit %zu is not noticed by the CRC", word, bit);
        bytes.raw[byte] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(check(BANK_CHECK_ALL), ERR_OK);
}

static void test_flips(void **state)
{
    (void)state;
    struct wfd_spec s = muon;
    s.channels        = 0x12;
    flip_payload(&s);
    s        = laser;
    s.bursts = 2;
    flip_payload(&s);
}

/* Asynchronous: the D bit, the trigger's length and the clock are the master's, without a checksum; the CRC guards them. */
static void test_flips_async(void **state)
{
    (void)state;
    const struct wfd_spec s = {.trigger     = 5,
                               .type        = 3,
                               .n_boards    = 1,
                               .first_slot  = 4,
                               .channels    = 3,
                               .n_waveforms = 5,
                               .bursts      = 2,
                               .pretrigger  = 0x3039,
                               .mode        = WFD_ASYNC,
                               .clock       = 1000,
                               .has_crc     = true};
    wfd_write(&bytes, &s);
    for (size_t i = 0; i < 8 * bytes.n_raw; i++) {
        bytes.raw[i / 8] ^= (uint8_t)(1 << i % 8);
        if (check(BANK_CHECK_ALL) != ERR_DATA) fail_msg("byte %zu bit %zu is not noticed", i / 8, i % 8);
        bytes.raw[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    for (size_t i = 24; i + 8 < bytes.n_raw; i += 8) { /* what the channel made is noticed without it */
        bool is_waveform = (i / 8 - 3) % 35 >= 2 && (i / 8 - 3) % 35 < 32 && ((i / 8 - 3) % 35 - 2) % 6 == 1;
        bool is_time     = (i / 8 - 3) % 35 == 34;
        if (is_waveform || is_time) continue;
        bytes.raw[i + 3] ^= 0x10;
        assert_int_equal(check(BANK_CHECK_CHECKSUMS), ERR_DATA);
        bytes.raw[i + 3] ^= 0x10;
    }
}

/* The AMC13's own words, with the boards: free are source, orbit, board numbers, L, CRCs that are not ours to know. */
static void test_flips_amc13(void **state)
{
    (void)state;
    struct wfd_spec s = muon;
    s.bursts          = 500; /* two blocks */
    wfd_write(&bytes, &s);
    const size_t n_block = 2 + s.n_boards;
    assert_int_equal(bytes.n_ca, 8 * (1 + 2 * n_block));
    for (size_t i = 0; i < 8 * bytes.n_ca; i++) {
        size_t word = i / 64, bit = i % 64, at = word ? (word - 1) % n_block : 0;
        uint64_t free = mask(63, 63) | mask(62, 62) | mask(31, 28) | mask(15, 0);
        if (word == 0)
            free = mask(59, 56) | mask(19, 0); /* the fill type is compared with the bank's name */
        else if (at == 0)
            free = mask(63, 56) | mask(51, 0);
        else if (at == n_block - 1)
            free = mask(63, 28);
        bytes.ca[8 * word + 7 - bit / 8] ^= (uint8_t)(1 << bit % 8);
        enum err rc = check(BANK_CHECK_SIZES);
        if ((rc == ERR_OK) != (free >> bit & 1)) fail_msg("word %zu bit %zu: %s", word, bit, rc ? err_message() : "-");
        bytes.ca[8 * word + 7 - bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

/* The channel FPGA's checksum did not agree with the master's. */
static void test_verdict(void **state)
{
    (void)state;
    wfd_write(&bytes, &muon);
    size_t at = 8 * (3 + 2 + 2 + 42 + 2);
    memcpy(bytes.raw + at, "\xBA\xAD\xBA\xAD", 4);
    assert_int_equal(check(BANK_CHECK_SIZES), ERR_DATA);
    assert_non_null(strstr(err_message(), "itself"));
}

/* Every cut is an error, never a read beyond the end. */
static void test_cuts(void **state)
{
    (void)state;
    const struct wfd_spec *const specs[] = {&muon, &laser};
    for (int k = 0; k < 2; k++) {
        struct bank_amc amc;
        uint32_t n_boards;
        uint64_t n_waveforms;
        wfd_write(&bytes, specs[k]);
        for (size_t n = 0; n < bytes.n_ca; n++) {
            uint8_t *cut = malloc(n ? n : 1);
            memcpy(cut, bytes.ca, n);
            assert_int_equal(bank_ca_read(cut, n, &amc), ERR_DATA);
            free(cut);
        }
        assert_int_equal(bank_ca_read(bytes.ca, bytes.n_ca, &amc), ERR_OK);
        for (size_t n = 0; n < bytes.n_raw; n += 8) {
            uint8_t *cut = malloc(n ? n : 1);
            memcpy(cut, bytes.raw, n);
            assert_int_equal(bank_wfd_check(cut, n, &amc, BANK_CHECK_ALL, &n_boards, &n_waveforms), ERR_DATA);
            free(cut);
        }
    }
}

/* ---- our own builder: what it writes is read back with every check ---- */

static void find_bank(const struct midas_build *event, const char *name, struct midas_bank *out)
{
    struct midas_event parsed;
    struct midas_walk walk;
    assert_int_equal(midas_parse(event->bytes, event->n, &parsed), ERR_OK);
    assert_int_equal(midas_walk(&parsed, true, &walk), ERR_OK);
    for (;;) {
        assert_int_equal(midas_walk_next(&walk, out), ERR_OK);
        if (!out->data) fail_msg("no bank %s", name);
        if (strcmp(out->name, name) == 0) return;
    }
}

static int16_t built[BANK_CRATE_CHANNELS][4 * 800];

static void check_built(struct bank_wfd_build b, const char *prefix)
{
    struct midas_build event = {0};
    struct midas_bank bank;
    const void *data[4];
    size_t size[4];
    struct bank_amc amc;
    struct bank_wfd w;
    struct bank_waveform waveform;
    static int16_t samples[800];
    uint32_t n_words, fill_number;
    assert_int_equal(midas_build_begin(&event, 1, 0, 0, 0), ERR_OK);
    assert_int_equal(bank_wfd_add(&event, 17, &b), ERR_OK);
    assert_int_equal(midas_build_end(&event), ERR_OK);
    for (int i = 0; i < 4; i++) {
        char name[5] = {prefix[0], "RACZ"[i], '1', '7', 0};
        find_bank(&event, name, &bank);
        data[i] = bank.data;
        size[i] = bank.size;
    }
    assert_int_equal(bank_ca_read(data[1], size[1], &amc), ERR_OK);
    assert_true(amc.trigger == b.trigger && amc.fill_type == b.fill_type);
    assert_int_equal(bank_cc_fill(data[2], size[2], &fill_number), ERR_OK);
    assert_int_equal(fill_number, b.fill_number);
    assert_int_equal(bank_cz_words(data[3], size[3], &n_words), ERR_OK);
    assert_int_equal(n_words, amc.total & 0xFFFFFF);
    bank_wfd_open(data[0], size[0], &amc, BANK_CHECK_ALL, &w);
    for (size_t c = 0; c < BANK_CRATE_CHANNELS; c++)
        for (uint32_t k = 0; b.samples[c] && k < b.n_waveforms; k++) {
            if (bank_wfd_next(&w, &waveform)) fail_msg("%s", err_message());
            assert_non_null(waveform.samples);
            assert_true(waveform.slot == 1 + c / 5 && waveform.channel == c % 5 && waveform.index == k);
            assert_true(waveform.n_samples == b.n_samples && waveform.gap == b.gap && waveform.clock == b.clock_ticks);
            bank_wfd_samples(&waveform, samples);
            assert_memory_equal(samples, b.samples[c] + k * (b.stride ? b.stride : b.n_samples), 2 * b.n_samples);
        }
    assert_int_equal(bank_wfd_next(&w, &waveform), ERR_OK);
    assert_null(waveform.samples);
    assert_int_equal(w.n_boards, amc.n_boards);
    midas_build_free(&event);
}

static void test_builder(void **state)
{
    (void)state;
    struct bank_wfd_build b = {.trigger     = 0x123456,
                               .clock_ticks = 0xABC12345678,
                               .fill_number = 99,
                               .fill_type   = BANK_LASER,
                               .n_waveforms = 4,
                               .n_samples   = 800,
                               .gap         = 400};
    for (size_t c = 0; c < BANK_CRATE_CHANNELS; c++) {
        for (uint32_t i = 0; i < 4 * 800; i++) built[c][i] = wfd_sample(1, (uint32_t)c, 0, i);
        b.samples[c] = c % 7 == 3 || (c >= 20 && c < 25) ? NULL : built[c]; /* holes, and a board that is not there */
    }
    check_built(b, "L");
    b.n_samples = 400; /* others lie in between */
    b.stride    = 800;
    check_built(b, "L");
    b.fill_type   = BANK_PEDESTAL;
    b.n_waveforms = 1;
    b.n_samples   = 792; /* not a multiple of 32 */
    b.gap         = 0;
    check_built(b, "P");
    struct midas_build event = {0};
    b.n_samples              = 801;
    assert_int_equal(midas_build_begin(&event, 1, 0, 0, 0), ERR_OK);
    assert_int_equal(bank_wfd_add(&event, 1, &b), ERR_NUMBER);
    err_clear();
    midas_build_free(&event);
}

/* Boards so long that the AMC13 sends them in blocks; beyond 2^20 words there is no way to tell their length. */
static void test_builder_long(void **state)
{
    (void)state;
    enum { LONG = 400000 };
    struct bank_wfd_build b  = {.trigger = 3, .fill_type = BANK_MUON, .n_waveforms = 1, .n_samples = LONG};
    struct midas_build event = {0};
    struct midas_bank ca, cr;
    struct bank_amc amc;
    uint32_t n_boards;
    uint64_t n_waveforms;
    int16_t *samples;
    assert_int_equal(mem_alloc(&samples, 4 * LONG, sizeof *samples), ERR_OK);
    for (int i = 0; i < LONG; i++) samples[i] = wfd_sample(2, 0, 0, (uint32_t)i);
    b.samples[5] = b.samples[6] = b.samples[55] = samples;
    assert_int_equal(midas_build_begin(&event, 1, 0, 0, 0), ERR_OK);
    assert_int_equal(bank_wfd_add(&event, 2, &b), ERR_OK);
    assert_int_equal(midas_build_end(&event), ERR_OK);
    find_bank(&event, "CA02", &ca);
    find_bank(&event, "CR02", &cr);
    assert_int_equal(bank_ca_read(ca.data, ca.size, &amc), ERR_OK);
    assert_true(amc.n_blocks > 40 && amc.n_boards == 2 && amc.board[0].n_words > 2 * amc.board[1].n_words - 10);
    assert_int_equal(bank_wfd_check(cr.data, cr.size, &amc, BANK_CHECK_ALL, &n_boards, &n_waveforms), ERR_OK);
    assert_true(n_boards == 2 && n_waveforms == 3);
    for (int c = 7; c < 10; c++) b.samples[c] = samples;
    b.n_samples = 4 * LONG; /* 5 x 400,000 words: more than 20 bits */
    assert_int_equal(midas_build_begin(&event, 1, 0, 0, 0), ERR_OK);
    assert_int_equal(bank_wfd_add(&event, 2, &b), ERR_NUMBER);
    err_clear();
    midas_build_free(&event);
    mem_free(samples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read_back),    cmocka_unit_test(test_builder),
                                       cmocka_unit_test(test_builder_long), cmocka_unit_test(test_flips),
                                       cmocka_unit_test(test_flips_async),  cmocka_unit_test(test_flips_amc13),
                                       cmocka_unit_test(test_verdict),      cmocka_unit_test(test_cuts)};
    int rc                          = cmocka_run_group_tests(tests, NULL, NULL);
    return rc || mem_live() != 0;
}
