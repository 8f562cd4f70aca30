/* Damage on request: every kind does what it says, the same for the same stroke, and tells the right place. */
#include "bank.h"
#include "err.h"
#include "midas_damage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct midas_build event, before, out, again;

static void ok(enum err rc) { assert_int_equal(rc, ERR_OK); }

static void make(struct midas_build *b, uint32_t k)
{
    ok(midas_build_begin(b, MIDAS_ID_FILL, 0xFFFF, k, 5));
    for (int crate = 1; crate <= 3; crate++) {
        const struct bank_daq_header header = {
            .trigger_number = k, .fill_number = k, .n_samples = 800, .n_channels = 54, .fill_type = BANK_MUON};
        int32_t *sums;
        ok(bank_daq_add(b, crate, &header));
        ok(bank_cs_begin(b, crate, 100, &sums));
        for (int i = 0; i < 100; i++) sums[i] = (int32_t)k * 1000 + i + 1;
        ok(midas_build_bank_end(b));
    }
    ok(midas_build_end(b));
}

static int set_up(void **state)
{
    (void)state;
    make(&before, 6);
    make(&event, 7);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    midas_build_free(&event);
    midas_build_free(&before);
    midas_build_free(&out);
    midas_build_free(&again);
    return 0;
}

static size_t n_banks(const struct midas_build *b)
{
    struct midas_event e;
    struct midas_walk walk;
    struct midas_bank bank;
    if (midas_parse(b->bytes, b->n, &e) || midas_walk(&e, true, &walk)) return 0;
    do
        if (midas_walk_next(&walk, &bank)) return 0;
    while (bank.data);
    return walk.n_banks;
}

static void apply(const struct midas_stroke *s, struct midas_damage_note *note)
{
    const struct midas_event previous = {.bytes = before.bytes, .n_bytes = before.n};
    struct midas_damage_note same;
    ok(midas_damage_apply(s, event.bytes, event.n, &previous, &out, note));
    ok(midas_damage_apply(s, event.bytes, event.n, &previous, &again, &same));
    assert_memory_equal(note, &same, sizeof same);
    assert_int_equal(out.n, again.n);
    if (out.n) assert_memory_equal(out.bytes, again.bytes, out.n);
}

static void test_kinds(void **state)
{
    (void)state;
    static const int banks[N_MIDAS_DAMAGES] = {
        /* how many banks are left where the event is still whole */
        [MIDAS_DAMAGE_flip] = 15,        [MIDAS_DAMAGE_burst] = 15,       [MIDAS_DAMAGE_zeros] = 15,
        [MIDAS_DAMAGE_cut_bank] = 15,    [MIDAS_DAMAGE_double_bank] = 16, [MIDAS_DAMAGE_drop_bank] = 14,
        [MIDAS_DAMAGE_drop_crate] = 10,  [MIDAS_DAMAGE_trigger] = 15,     [MIDAS_DAMAGE_fill_number] = 15,
        [MIDAS_DAMAGE_stale_crate] = 15, [MIDAS_DAMAGE_shuffle] = 15};
    for (int k = 0; k < N_MIDAS_DAMAGES; k++)
        for (uint32_t i = 0; i < 20; i++) {
            struct midas_damage_note note;
            struct midas_stroke s = {.kind  = (enum damage_kind)k,
                                     .crate = i % 2 ? 2 : -1,
                                     .bank  = 0.05 * i,
                                     .byte  = 0.03 + 0.047 * i,
                                     .seed  = i};
            enum damage_kind found;
            ok(midas_damage_find(midas_damage_kind(s.kind)->name, &found));
            assert_int_equal(found, k);
            apply(&s, &note);
            bool is_equal = out.n == event.n && memcmp(out.bytes, event.bytes, out.n) == 0;
            assert_int_equal(is_equal, !note.is_done);
            assert_true(note.is_done || s.kind <= MIDAS_DAMAGE_cut_bank);
            if (!note.is_done) continue;
            if (banks[k]) assert_int_equal(n_banks(&out), banks[k]);
            assert_true(note.byte + note.length <= out.n || note.kind == MIDAS_DAMAGE_hole);
            if (banks[k] && k != MIDAS_DAMAGE_shuffle) assert_in_range(note.crate, 1, 3);
            if (banks[k] && i % 2 && k != MIDAS_DAMAGE_shuffle) assert_int_equal(note.crate, 2);
        }
}

/* What keeps the length changes nothing outside the place told. */
static void test_place(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 100; i++) {
        struct midas_damage_note note;
        struct midas_stroke s = {
            .kind = (enum damage_kind)(i % 3), .crate = -1, .bank = 0.0099 * i, .byte = 0.0098 * i, .seed = i};
        apply(&s, &note);
        assert_int_equal(out.n, event.n);
        memcpy(out.bytes + note.byte, event.bytes + note.byte, note.length);
        assert_memory_equal(out.bytes, event.bytes, out.n);
    }
}

static void test_refused(void **state)
{
    (void)state;
    enum damage_kind kind;
    struct midas_damage_note note;
    const struct midas_stroke s = {.kind = MIDAS_DAMAGE_flip, .crate = -1};
    assert_int_equal(midas_damage_find("sledge", &kind), ERR_NOTFOUND);
    assert_non_null(strstr(err_message(), "stale_crate"));
    assert_int_equal(midas_damage_apply(&s, event.bytes, event.n - 8, NULL, &out, &note), ERR_DATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kinds), cmocka_unit_test(test_place),
                                       cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
