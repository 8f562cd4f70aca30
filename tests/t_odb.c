/* The ODB: written as XML and read back; dumps as MIDAS writes them in its three layouts; damaged dumps. */
#include "mem.h"
#include "odb.h"
#include "rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Written by hand after MIDAS's own dumps. */
static const char xml[] =
    "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n"
    "<!-- created by MXML on Tue May  2 10:00:00 2023 <not a tag> -->\n"
    "<odb root=\"/\" filename=\"run59759.xml\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n"
    "  <dir name=\"Experiment\">\n"
    "    <key name=\"Run number\" type=\"INT\">59759</key>\n"
    "    <key name=\"Name\" type=\"STRING\" size=\"32\">g-2 &lt;E989&gt; &amp; more</key>\n"
    "    <key name=\"Empty\" type=\"STRING\" size=\"32\"></key>\n"
    "    <dir name=\"Security\">\n"
    "      <key name=\"Enabled\" type=\"BOOL\">y</key>\n"
    "    </dir>\n"
    "  </dir>\n"
    "  <dir name=\"Empty folder\"/>\n"
    "  <dir name=\"Numbers\">\n"
    "    <keyarray name=\"Array\" type=\"FLOAT\" num_values=\"3\">\n"
    "      <value index=\"0\">1.5</value>\n"
    "      <value index=\"1\">-2.5e-3</value>\n"
    "      <value>3</value>\n"
    "    </keyarray>\n"
    "    <key name=\"Mask\" type=\"UINT32\">4294967295</key>\n"
    "  </dir>\n"
    "</odb>\n";

static const char json[] =
    "{\n  \"/MIDAS version\" : \"2.1\",\n  \"Experiment\" : {\n"
    "    \"Run number/key\" : { \"type\" : 7, \"last_written\" : 1683036000 },\n    \"Run number\" : 59759,\n"
    "    \"Name/key\" : { \"type\" : 12, \"item_size\" : 32 },\n    \"Name\" : \"g-2 <E989> & more\",\n"
    "    \"Empty\" : \"\",\n    \"Security\" : { \"Enabled/key\" : { \"type\" : 8 }, \"Enabled\" : true }\n  },\n"
    "  \"Numbers\" : { \"Array\" : [ 1.5, -2.5e-3, 3 ], \"Mask/key\" : { \"type\" : 6 }, \"Mask\" : \"0xFFFFFFFF\" "
    "}\n}\n";

static const char old[] = "[/Experiment]\n"
                          "Run number = INT : 59759\n"
                          "Name = STRING : [32] g-2 <E989> & more\n"
                          "Empty = STRING : [32] \n"
                          "\n"
                          "[/Experiment/Security]\n"
                          "Enabled = BOOL : y\n"
                          "\n"
                          "[/Numbers]\n"
                          "Array = FLOAT[3] :\n"
                          "[0] 1.5\n"
                          "[1] -2.5e-3\n"
                          "[2] 3\n"
                          "Mask = DWORD : 4294967295\n";

static void check_dump(const char *text)
{
    struct odb *odb;
    int64_t i;
    double f;
    const char *s;
    assert_int_equal(odb_parse(text, strlen(text), &odb), ERR_OK);
    assert_int_equal(odb_i64(odb, "/Experiment/Run number", 0, &i), ERR_OK);
    assert_int_equal(i, 59759);
    assert_int_equal(odb_i64(odb, "/experiment/RUN Number", 0, &i), ERR_OK);
    assert_int_equal(odb_string(odb, "/Experiment/Name", 0, &s), ERR_OK);
    assert_string_equal(s, "g-2 <E989> & more");
    assert_int_equal(odb_string(odb, "/Experiment/Empty", 0, &s), ERR_OK);
    assert_string_equal(s, "");
    assert_int_equal(odb_i64(odb, "/Experiment/Security/Enabled", 0, &i), ERR_OK);
    assert_int_equal(i, 1);
    assert_int_equal(odb_size(odb, "/Numbers/Array"), 3);
    assert_int_equal(odb_f64(odb, "/Numbers/Array", 1, &f), ERR_OK);
    assert_true(f == -2.5e-3);
    assert_int_equal(odb_i64(odb, "/Numbers/Array", 2, &i), ERR_OK);
    assert_int_equal(i, 3);
    assert_int_equal(odb_i64(odb, "/Numbers/Array", 0, &i), ERR_DATA);
    assert_int_equal(odb_i64(odb, "/Numbers/Array", 3, &i), ERR_NOTFOUND);
    assert_int_equal(odb_i64(odb, "/Numbers/Mask", 0, &i), ERR_OK);
    assert_int_equal(i, 4294967295);
    assert_int_equal(odb_i64(odb, "/Numbers", 0, &i), ERR_NOTFOUND);
    assert_int_equal(odb_i64(odb, "/Experiment/Name", 0, &i), ERR_DATA);
    assert_non_null(strstr(err_message(), "/Experiment/Name"));
    odb_free(odb);
}

static void test_layouts(void **state)
{
    (void)state;
    check_dump(xml);
    check_dump(json);
    check_dump(old);
}

static struct odb_crate crate_of(int number)
{
    struct odb_crate c = {.crate            = number,
                          .n_samples        = 560000,
                          .threshold_adc    = 60,
                          .polarity         = 1,
                          .presamples       = 8,
                          .postsamples      = 18,
                          .sum_decimation   = 32,
                          .q_decimation     = 16,
                          .injection_sample = 24000,
                          .preset           = "run6-like"};
    odb_channel_map(c.channel_map);
    return c;
}

static struct odb *make_odb(void)
{
    struct odb *odb;
    assert_int_equal(odb_create(&odb), ERR_OK);
    assert_int_equal(odb_set_i32(odb, "/Experiment/Run number", 1), ERR_OK);
    assert_int_equal(odb_set_i32(odb, "/Experiment/Run number", 7), ERR_OK);
    assert_int_equal(odb_set_string(odb, "/gm2/release", "0.1 <\"'&>"), ERR_OK);
    assert_int_equal(odb_set_string(odb, "/gm2/empty", ""), ERR_OK);
    assert_int_equal(odb_set_f64(odb, "/gm2/a/b/c/pi", 3.14159265358979312), ERR_OK);
    assert_int_equal(odb_set_i32(odb, "/top", -5), ERR_OK);
    assert_int_equal(odb_set(odb, "/gm2/words", MIDAS_STRING, 2, (const char *[]){"one & two", ""}), ERR_OK);
    assert_int_equal(odb_set(odb, "/gm2/nothing", MIDAS_I32, 0, NULL), ERR_OK);
    for (int i = 1; i <= 25; i++) {
        struct odb_crate crate = crate_of(i);
        assert_int_equal(odb_put_crate(odb, &crate), ERR_OK);
    }
    return odb;
}

static void test_round_trip(void **state)
{
    (void)state;
    struct odb *odb = make_odb(), *back;
    char *text, *again;
    size_t n, n_again;
    double f;
    int64_t i;
    const char *s;
    struct odb_crate crate = crate_of(25), read;
    assert_int_equal(odb_xml(odb, &text, &n), ERR_OK);
    assert_int_equal(odb_parse(text, n, &back), ERR_OK);
    assert_int_equal(odb_n_keys(back), odb_n_keys(odb));
    assert_int_equal(odb_i64(back, "/Experiment/Run number", 0, &i), ERR_OK);
    assert_int_equal(i, 7);
    assert_int_equal(odb_f64(back, "/gm2/a/b/c/pi", 0, &f), ERR_OK);
    assert_true(f == 3.14159265358979312);
    assert_int_equal(odb_string(back, "/gm2/release", 0, &s), ERR_OK);
    assert_string_equal(s, "0.1 <\"'&>");
    assert_int_equal(odb_string(back, "/gm2/words", 0, &s), ERR_OK);
    assert_string_equal(s, "one & two");
    assert_int_equal(odb_size(back, "/gm2/words"), 2);
    assert_true(odb_has_crate(back, 25) && !odb_has_crate(back, 26));
    assert_int_equal(odb_get_crate(back, 25, &read), ERR_OK);
    assert_memory_equal(&read, &crate, sizeof crate);
    assert_int_equal(odb_xml(back, &again, &n_again), ERR_OK);
    assert_string_equal(text, again);
    mem_free(text);
    mem_free(again);
    odb_free(odb);
    odb_free(back);
}

static void test_bad_settings(void **state)
{
    (void)state;
    struct odb *odb = make_odb();
    struct odb_crate crate;
    assert_int_equal(odb_get_crate(odb, 26, &crate), ERR_NOTFOUND);
    assert_non_null(strstr(err_message(), "AMC1326"));
    assert_int_equal(odb_set_i32(odb, "/Equipment/AMC1303/Settings/polarity", 0), ERR_OK);
    assert_int_equal(odb_get_crate(odb, 3, &crate), ERR_DATA);
    assert_non_null(strstr(err_message(), "polarity"));
    assert_int_equal(odb_set_i32(odb, "/Equipment/AMC1304/Settings/presamples", -1), ERR_OK);
    assert_int_equal(odb_get_crate(odb, 4, &crate), ERR_DATA);
    odb_free(odb);
}

/* The map of the sheet: every crystal once, and its three rules by hand. */
static void test_channel_map(void **state)
{
    (void)state;
    int32_t map[ODB_CHANNELS];
    int seen[54] = {0};
    odb_channel_map(map);
    for (int i = 0; i < ODB_CHANNELS; i++)
        if (map[i] >= 0) seen[map[i]]++;
    for (int i = 0; i < 54; i++) assert_int_equal(seen[i], 1);
    assert_int_equal(map[0], 8);                  /* board 1 channel 0: x = 9, y = 1 */
    assert_int_equal(map[5 * 8 + 4], 9 * 4);      /* board 9 channel 4: x = 1, y = 5 */
    assert_int_equal(map[5 * 9 + 0], 4 + 9 * 5);  /* board 10 channel 0: x = 5, y = 6 */
    assert_int_equal(map[5 * 10 + 3], 3 + 9 * 5); /* board 11 channel 3: x = 4, y = 6 */
    assert_int_equal(map[5 * 10 + 4], -1);
}

static enum err parse_copy(const char *text, size_t n)
{
    char *copy;
    struct odb *odb;
    assert_int_equal(mem_alloc(&copy, n, 1), ERR_OK);
    memcpy(copy, text, n);
    enum err rc = odb_parse(copy, n, &odb);
    if (rc == ERR_OK) odb_free(odb);
    if (rc) assert_null(odb);
    mem_free(copy);
    return rc;
}

/* Every cut of XML and JSON is refused; changed bytes give an error or another tree, never a crash. */
static void test_damage(void **state)
{
    (void)state;
    const char *const dumps[] = {xml, json, old};
    for (int d = 0; d < 3; d++) {
        size_t size = strlen(dumps[d]);
        for (size_t n = 0; n + 2 < size; n++) {
            enum err rc = parse_copy(dumps[d], n);
            assert_true(rc == ERR_DATA || (d == 2 && rc == ERR_OK));
        }
        struct rng r = rng_start(rng_key(11, 0, 0, 0, 0), (uint32_t)d);
        char copy[4096];
        for (int i = 0; i < 7000; i++) {
            memcpy(copy, dumps[d], size);
            for (uint32_t k = 1 + rng_u32(&r) % 3; k > 0; k--) copy[rng_u32(&r) % size] = (char)rng_u32(&r);
            enum err rc = parse_copy(copy, size);
            assert_true(rc == ERR_OK || rc == ERR_DATA);
        }
    }
    char deep[4000];
    for (size_t i = 0; i < sizeof deep; i++) deep[i] = '{';
    assert_int_equal(parse_copy(deep, sizeof deep), ERR_DATA);
    for (size_t i = 0; i + 14 <= sizeof deep; i += 14) memcpy(deep + i, "<dir name=\"a\">", 14);
    assert_int_equal(parse_copy(deep, sizeof deep), ERR_DATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts),     cmocka_unit_test(test_round_trip), cmocka_unit_test(test_bad_settings),
        cmocka_unit_test(test_channel_map), cmocka_unit_test(test_damage),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    return rc || mem_live() != 0;
}
