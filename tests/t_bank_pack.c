/* Compressed banks: the RFC's digests, bytes made by Python's zlib and hashlib, round trips of both kinds, damage. */
#include "bank.h"
#include "bank_pack.h"
#include "md5.h"
#include "mem.h"
#include "rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct midas_build build, packed, room;

static void test_md5(void **state)
{
    (void)state;
    static const char *const text[] = {
        "", "a", "message digest", "12345678901234567890123456789012345678901234567890123456789012345678901234567890"};
    static const char *const expected[] = {"d41d8cd98f00b204e9800998ecf8427e", "0cc175b9c0f1b6a831c399e269772661",
                                           "f96b697d7cb7938d525a2f31aaf161d0", "57edf4a22be3c955ac49da2e2107b67a"};
    uint8_t digest[16];
    char hex[33];
    for (int i = 0; i < 4; i++) {
        md5(text[i], strlen(text[i]), digest);
        for (int k = 0; k < 16; k++) snprintf(hex + 2 * k, 3, "%02x", digest[k]);
        assert_string_equal(hex, expected[i]);
    }
}

/* Python: h = struct.pack("<4sII", b"CP07", 9, 12) + struct.pack("<fff", 2, -1700.5, 3);
 * c = zlib.compressobj(1, zlib.DEFLATED, 15, 9, zlib.Z_HUFFMAN_ONLY);
 * hashlib.md5(h).digest() + c.compress(h) + c.flush(zlib.Z_FULL_FLUSH) */
static const uint8_t python_cp[] = {0xcc, 0x6c, 0x8c, 0x63, 0xe6, 0xd7, 0xa1, 0x3f, 0xfc, 0x57, 0x39, 0x98,
                                    0xfd, 0x48, 0xc6, 0x6c, 0x78, 0x01, 0x72, 0x0e, 0x30, 0x30, 0xe7, 0x64,
                                    0x60, 0x60, 0xe0, 0x61, 0x60, 0x60, 0x60, 0x60, 0x60, 0x70, 0x60, 0x98,
                                    0x70, 0xe5, 0x08, 0x03, 0x83, 0x83, 0x03, 0x00, 0x00, 0x00, 0xff, 0xff};

static void test_outside(void **state)
{
    (void)state;
    struct midas_bank bank = {.name = "cP07", .type = MIDAS_U8, .data = python_cp, .size = sizeof python_cp}, inner;
    struct midas_walk walk;
    float pedestals[4];
    uint32_t n;
    for (int skip = 0; skip <= 16; skip += 16) { /* with and without the digest in front */
        bank.data = python_cp + skip;
        bank.size = sizeof python_cp - (size_t)skip;
        assert_int_equal(bank_unpack(&bank, true, &room, &walk), ERR_OK);
        assert_int_equal(midas_walk_next(&walk, &inner), ERR_OK);
        assert_string_equal(inner.name, "CP07");
        assert_int_equal(bank_cp_read(inner.data, inner.size, 4, pedestals, &n), ERR_OK);
        assert_true(n == 2 && pedestals[0] == -1700.5F && pedestals[1] == 3.0F);
        assert_int_equal(midas_walk_next(&walk, &inner), ERR_OK);
        assert_null(inner.data);
    }
    memcpy(bank.name, "cP08", 5);
    assert_int_equal(bank_unpack(&bank, true, &room, &walk), ERR_DATA);
}

/* Three crates with an odd-sized bank each, header banks, a clock bank. */
static void make_event(void)
{
    const struct bank_daq_header header = {
        .trigger_number = 9, .n_samples = 800, .n_channels = 54, .fill_type = BANK_MUON};
    struct rng rng = rng_start(rng_key(1, 2, 3, 4, 5), 0);
    assert_int_equal(midas_build_begin(&build, MIDAS_ID_FILL, 0xFFFF, 8, 1000), ERR_OK);
    assert_int_equal(midas_build_add(&build, "TTCZ", MIDAS_U32, "abcdefgh", 8), ERR_OK);
    for (int crate = 1; crate <= 3; crate++) {
        uint16_t samples[1001];
        char name[5];
        for (int i = 0; i < 1001; i++) samples[i] = (uint16_t)(rng_u32(&rng) % 16 + 63836);
        assert_int_equal(bank_daq_add(&build, crate, &header), ERR_OK);
        bank_name('C', 'T', crate, name);
        assert_int_equal(midas_build_add(&build, name, MIDAS_I16, samples, sizeof samples - 2 * (size_t)crate), ERR_OK);
    }
    assert_int_equal(midas_build_end(&build), ERR_OK);
}

/* Finds a bank of the packed event, in the event or in what is packed in it. */
static bool find(const struct midas_event *event, const struct midas_bank *wanted)
{
    struct midas_walk walk, inside;
    struct midas_bank bank, inner;
    assert_int_equal(midas_walk(event, true, &walk), ERR_OK);
    for (;;) {
        assert_int_equal(midas_walk_next(&walk, &bank), ERR_OK);
        if (!bank.data) return false;
        if (!bank_is_packed(&bank)) {
            if (strcmp(bank.name, wanted->name) != 0) continue;
            assert_int_equal(bank.size, wanted->size);
            assert_memory_equal(bank.data, wanted->data, bank.size);
            return true;
        }
        assert_int_equal(bank_unpack(&bank, true, &room, &inside), ERR_OK);
        for (;;) {
            assert_int_equal(midas_walk_next(&inside, &inner), ERR_OK);
            if (!inner.data) break;
            if (strcmp(inner.name, wanted->name) != 0) continue;
            assert_int_equal(inner.size, wanted->size);
            assert_int_equal(inner.type, wanted->type);
            assert_memory_equal(inner.data, wanted->data, inner.size);
            return true;
        }
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    make_event();
    for (enum bank_packing how = BANK_PACK_ZLIB; how <= BANK_PACK_FZ; how++) {
        struct midas_event event, after;
        struct midas_walk walk;
        struct midas_bank bank;
        assert_int_equal(bank_pack_event(build.bytes, build.n, how, &packed), ERR_OK);
        assert_true(packed.n < build.n);
        assert_int_equal(midas_parse(build.bytes, build.n, &event), ERR_OK);
        assert_int_equal(midas_parse(packed.bytes, packed.n, &after), ERR_OK);
        assert_true(after.serial == 8 && after.time_s == 1000 && after.id == MIDAS_ID_FILL && after.mask == 0xFFFF);
        assert_int_equal(midas_walk(&event, true, &walk), ERR_OK);
        int n = 0;
        for (;; n++) {
            assert_int_equal(midas_walk_next(&walk, &bank), ERR_OK);
            if (!bank.data) break;
            assert_true(find(&after, &bank));
        }
        assert_int_equal(n, 1 + 3 * 5);
    }
}

/* Every changed bit and every cut of a packed bank is noticed: by the stream or by the digest. */
static void test_damage(void **state)
{
    (void)state;
    make_event();
    for (enum bank_packing how = BANK_PACK_ZLIB; how <= BANK_PACK_FZ; how++) {
        struct midas_event event;
        struct midas_walk walk, inside;
        struct midas_bank bank;
        assert_int_equal(bank_pack_event(build.bytes, build.n, how, &packed), ERR_OK);
        assert_int_equal(midas_parse(packed.bytes, packed.n, &event), ERR_OK);
        assert_int_equal(midas_walk(&event, true, &walk), ERR_OK);
        do assert_int_equal(midas_walk_next(&walk, &bank), ERR_OK);
        while (!bank_is_packed(&bank));
        uint8_t *copy;
        size_t size = bank.size;
        assert_int_equal(mem_alloc(&copy, size, 1), ERR_OK);
        memcpy(copy, bank.data, size);
        bank.data = copy;
        assert_int_equal(bank_unpack(&bank, true, &room, &inside), ERR_OK);
        for (size_t i = 0; i + 5 < 8 * size; i++) { /* the last 5 bits only fill the flush's marker */
            copy[i / 8] ^= (uint8_t)(1 << i % 8);
            enum err rc  = bank_unpack(&bank, true, &room, &inside);
            bool is_tail = i / 8 + 6 > size; /* of the empty block that flushes */
            assert_true(rc == ERR_DATA || is_tail);
            copy[i / 8] ^= (uint8_t)(1 << i % 8);
        }
        for (bank.size = 0; bank.size + 6 < size; bank.size++)
            assert_int_equal(bank_unpack(&bank, true, &room, &inside), ERR_DATA);
        mem_free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_md5), cmocka_unit_test(test_outside),
                                       cmocka_unit_test(test_round_trip), cmocka_unit_test(test_damage)};
    int rc                          = cmocka_run_group_tests(tests, NULL, NULL);
    midas_build_free(&build);
    midas_build_free(&packed);
    midas_build_free(&room);
    return rc || mem_live() != 0;
}
