/* Places by their schemes: what is asked of them, which is chosen, copies that fail, are cut, changed, hang or lie. root:// is played by
 * stand-ins in a folder of the test's own; each call does what the next line of ./plan says (ok when there is none). */
#include "mem.h"
#include "place.h"
#include "place_copy.h"
#include "place_scheme.h"
#include "publish.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64], url[300], path[300];

static const char tool[] =
    "#!/bin/bash\n"
    "here=$(dirname \"$(dirname \"$0\")\")\n"
    "map() { case $1 in root://there/*) echo \"$here/far/${1#root://there/}\" ;; *) echo \"$1\" ;; esac; }\n"
    "step=$(head -1 \"$here/plan\" 2>/dev/null); sed -i 1d \"$here/plan\" 2>/dev/null\n"
    "case ${step:-ok} in fail) echo 'no route to host' >&2; exit 54 ;; hang) exec sleep 60 ;; lie) exit 0 ;; esac\n"
    "if [ \"$(basename \"$0\")\" = xrdcp ]; then\n"
    "  while [ \"${1#-}\" != \"$1\" ]; do shift; done\n"
    "  from=$(map \"$1\"); to=$(map \"$2\"); mkdir -p \"$(dirname \"$to\")\"\n"
    "  case ${step:-ok} in\n"
    "    cut) head -c 3 \"$from\" >\"$to\" ;;\n"
    "    change) { printf X; tail -c +2 \"$from\"; } >\"$to\" ;;\n"
    "    *) cp \"$from\" \"$to\" ;;\n"
    "  esac\n"
    "  exit\n"
    "fi\n"
    "f=$here/far/${3#/}\n"
    "case $2 in\n"
    "  stat) [ -e \"$f\" ] || { echo '[ERROR] Server responded with an error: [3011] No such file or directory' >&2; "
    "exit 54; }\n"
    "    echo \"Path:   $3\"; echo \"Size:   $(stat -c %s \"$f\")\"\n"
    "    if [ \"${step:-ok}\" = tape ]; then echo 'Flags:  80 (IsReadable|Offline)'; else echo 'Flags:  16 "
    "(IsReadable)'; fi ;;\n"
    "  query) [ ! -e \"$here/no_sums\" ] || exit 51; echo \"adler32 $(\"$here/adler\" \"$here/far/${4#/}\")\" ;;\n"
    "  mv) mv -n \"$f\" \"$here/far/${4#/}\" ;;\n"
    "  rm) rm \"$f\" ;;\n"
    "esac\n";

static const char adler[] =
    "#!/usr/bin/python3\nimport sys, zlib\nprint('%08X' % zlib.adler32(open(sys.argv[1], 'rb').read()))\n";

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
    (void)state;
    char search[400];
    snprintf(folder, sizeof folder, "/tmp/gm2_place.XXXXXX");
    if (!mkdtemp(folder) || chdir(folder)) return -1;
    snprintf(search, sizeof search, "%s/bin:/usr/bin:/bin", folder);
    setenv("PATH", search, 1);
    setenv("TMPDIR", folder, 1);
    unsetenv("GM2_PLACES");
    if (mkdir("bin", 0755) || mkdir("far", 0755)) return -1;
    write_file("bin/xrdcp", tool);
    write_file("bin/xrdfs", tool);
    write_file("adler", adler);
    return chmod("bin/xrdcp", 0755) || chmod("bin/xrdfs", 0755) || chmod("adler", 0755) ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[100];
    place_scheme_forget();
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (chdir("/") || system(command) != 0) return -1; /* NOLINT(cert-env33-c): a folder of this test's own */
    return mem_live() == 0 ? 0 : -1;
}

static void plan(const char *lines) { write_file("plan", lines); }
static bool is_there(const char *name) { return access(name, F_OK) == 0; }

static const char *here(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(url, sizeof url, "file:%s/%s", folder, name);
    return url;
}

static enum place_state look(const char *place, struct place_seen *seen)
{
    assert_int_equal(place_look(place, true, seen), ERR_OK);
    return seen->state;
}

static void test_check(void **state)
{
    (void)state;
    static const char *const good[] = {"file:/a", "file:/a/..b", "root://door:1094//pnfs/x", "xroot://a/b", "s3://b/k"};
    static const char *const bad[]  = {"file:a",  "file:/a/../b", "file:/a/..",     "file://../x", "root:/x",
                                       "root://", "root://-f/x",  "fiel:/a",        "/a",          "",
                                       ":",       "enstore:x",    "root://h/a/../b"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) assert_int_equal(place_check(good[i]), ERR_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (place_check(bad[i]) != ERR_DATA) print_message("%s\n", bad[i]);
        assert_int_equal(place_check(bad[i]), ERR_DATA);
    }
    assert_int_equal(place_check("enstore:/x"), ERR_DATA);
    assert_non_null(strstr(err_message(), "file, root, xroot, gsiftp, https, s3"));
    assert_string_equal(place_path("file:/a/b"), "/a/b");
    assert_null(place_path("root://h/a"));
    assert_null(place_path("nonsense"));
    char out[100];
    bool is_path;
    assert_int_equal(place_of_path("/a/b", out, sizeof out), ERR_OK);
    assert_string_equal(out, "file:/a/b");
    assert_int_equal(place_of_path("a/b", out, sizeof out), ERR_DATA);
    assert_int_equal(place_of_store("store", out, sizeof out, &is_path), ERR_OK);
    assert_true(is_path && strcmp(out, "store") == 0);
    assert_int_equal(place_of_store("file:/a", out, sizeof out, &is_path), ERR_OK);
    assert_true(is_path && strcmp(out, "/a") == 0);
    assert_int_equal(place_of_store("root://h//s", out, sizeof out, &is_path), ERR_OK);
    assert_true(!is_path && strcmp(out, "root://h//s") == 0);
    assert_int_equal(place_of_store("rot://h//s", out, sizeof out, &is_path), ERR_DATA);
}

static void test_look_here(void **state)
{
    (void)state;
    struct place_seen s;
    write_file("a.mid", "Wikipedia");
    assert_int_equal(look(here("a.mid"), &s), PLACE_ONLINE);
    assert_int_equal(s.size_bytes, 9);
    assert_string_equal(s.checksum, "adler32:11e60398");
    assert_int_equal(look(here("none.mid"), &s), PLACE_GONE);
    assert_int_equal(look(here("a.mid/x"), &s), PLACE_GONE);
    static const struct {
        const char *word;
        enum place_state state;
    } said[] = {{"ONLINE\n", PLACE_ONLINE},
                {"NEARLINE\n", PLACE_STAGING},
                {"ONLINE_AND_NEARLINE", PLACE_ONLINE},
                {"UNAVAILABLE", PLACE_UNKNOWN},
                {"LOST", PLACE_GONE}};
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        write_file(".(get)(a.mid)(locality)", said[i].word);
        assert_int_equal(look(here("a.mid"), &s), said[i].state);
    }
    assert_int_equal(unlink(".(get)(a.mid)(locality)"), 0);
}

static void test_look_far(void **state)
{
    (void)state;
    struct place_seen s;
    write_file("far/a.mid", "Wikipedia");
    assert_int_equal(look("root://there//a.mid", &s), PLACE_ONLINE);
    assert_int_equal(s.size_bytes, 9);
    assert_string_equal(s.checksum, "adler32:11e60398");
    assert_int_equal(look("root://there//none.mid", &s), PLACE_GONE);
    plan("tape\n");
    assert_int_equal(look("root://there//a.mid", &s), PLACE_STAGING);
    plan("fail\n"); /* no answer is no "gone" */
    assert_int_equal(look("root://there//a.mid", &s), PLACE_UNKNOWN);
    assert_non_null(strstr(s.why, "no route to host"));
    assert_int_equal(look("s3://bucket/x", &s), PLACE_UNKNOWN); /* no such program here */
    assert_non_null(strstr(s.why, "gfal-stat"));
    assert_int_equal(look("root://there//a.mid;touch far/hole $(touch far/hole)", &s), PLACE_GONE);
    assert_false(is_there("far/hole"));
}

static void test_choose(void **state)
{
    (void)state;
    struct place_seen s;
    size_t best;
    char a[300], none[300];
    snprintf(a, sizeof a, "%s", here("a.mid"));
    snprintf(none, sizeof none, "%s", here("none.mid"));
    const char *far_first[] = {"root://there//a.mid", a}, *gone[] = {none, "root://there//none.mid"},
               *one_left[] = {none, "root://there//a.mid"};
    assert_int_equal(place_choose(far_first, 2, 9, &best, &s), ERR_OK);
    assert_int_equal(best, 1);
    assert_int_equal(place_choose(one_left, 2, 9, &best, &s), ERR_OK);
    assert_int_equal(best, 1);
    assert_int_equal(place_choose(gone, 2, 9, &best, &s), ERR_OK);
    assert_true(best == 2 && s.state == PLACE_GONE);
    plan("tape\n");
    assert_int_equal(place_choose(one_left, 2, 9, &best, &s), ERR_OK);
    assert_true(best == 2 && s.state == PLACE_STAGING);
    plan("fail\n");
    assert_int_equal(place_choose(one_left, 2, 9, &best, &s), ERR_OK);
    assert_true(best == 2 && s.state == PLACE_UNKNOWN);
    write_file("cut.mid", "Wiki");
    snprintf(none, sizeof none, "%s", here("cut.mid")); /* cut here, whole there */
    assert_int_equal(place_choose(one_left, 2, 9, &best, &s), ERR_OK);
    assert_int_equal(best, 1);
    assert_int_equal(place_choose(one_left, 1, 9, &best, &s), ERR_OK); /* there is no other */
    assert_true(best == 0 && s.state == PLACE_ONLINE && strstr(s.why, "4 bytes"));
    assert_int_equal(place_choose(NULL, 0, 9, &best, &s), ERR_OK);
    assert_true(best == 0 && s.state == PLACE_GONE);
}

static enum err get(const char *from, const char *to)
{
    char out[1000];
    return place_run(PLACE_GET, from, from, to, out, sizeof out);
}

/* What GM2_PLACES says: shorter times, a scheme of its own. */
static void test_own_schemes(void **state)
{
    (void)state;
    static const struct place_bytes want = {9, "adler32:11e60398"};
    struct place_seen s;
    write_file("places.fcl", "root: { answer_s: 0.2 copy_s: 0.2 }\n");
    setenv("GM2_PLACES", "./places.fcl", 1);
    place_scheme_forget();
    plan("hang\nhang\n");
    assert_int_equal(look("root://there//a.mid", &s), PLACE_UNKNOWN);
    assert_non_null(strstr(s.why, "no answer in 0.2 s"));
    assert_int_equal(look("root://there//b.mid", &s),
                     PLACE_UNKNOWN); /* not asked again so soon: a hang is left in the plan */
    assert_non_null(strstr(s.why, "root://there did not answer"));
    assert_int_equal(get("root://there//a.mid", "hung.mid"), ERR_AGAIN);
    plan(""); /* what was ended may not have come to read its line */
    write_file("places.fcl", "shelf: { look: \"xrdfs x stat {path}\" get: \"xrdcp root://there{path} {to}\" }\n");
    place_scheme_forget();
    assert_int_equal(look("root://other//a.mid", &s), PLACE_ONLINE);
    assert_int_equal(look("shelf://one/a.mid", &s), PLACE_ONLINE);
    assert_int_equal(get("shelf://one/a.mid", "shelf.mid"), ERR_OK);
    assert_int_equal(place_copy_out("shelf.mid", "shelf://one/b.mid", &want), ERR_CONFIG); /* nothing to write with */
    write_file("places.fcl", "root: { lok: \"x\" }\n");
    place_scheme_forget();
    assert_int_equal(place_check("file:/x"), ERR_CONFIG);
    assert_non_null(strstr(err_message(), "look"));
    unsetenv("GM2_PLACES");
    place_scheme_forget();
}

static void test_copy_out(void **state)
{
    (void)state;
    static const struct place_bytes want = {9, "adler32:11e60398"}, wrong = {8, "adler32:11e60398"};
    /* calls: stat of the target, copy, stat and sum of the part, mv, stat and sum of the target */
    static const struct {
        const char *plan;
        enum err rc;
    } tried[] = {{"fail\n", ERR_AGAIN},
                 {"ok\nfail\n", ERR_AGAIN},
                 {"ok\ncut\n", ERR_DATA},
                 {"ok\nchange\n", ERR_DATA},
                 {"ok\nlie\n", ERR_AGAIN},
                 {"ok\nok\nfail\n", ERR_AGAIN},
                 {"ok\nok\nok\nok\nfail\n", ERR_AGAIN},
                 {"ok\nok\nok\nok\nlie\n", ERR_AGAIN}};
    for (int has_sums = 1; has_sums >= 0; has_sums--) {
        if (!has_sums) write_file("no_sums", "");
        for (size_t i = 0; i < sizeof tried / sizeof tried[0]; i++) {
            plan(tried[i].plan);
            if (place_copy_out("a.mid", "root://there//out/b.mid", &want) == ERR_OK) print_message("%zu\n", i);
            plan("");
            assert_false(is_there("far/out/b.mid"));
        }
        assert_int_equal(place_copy_out("a.mid", "root://there//out/b.mid", &wrong), ERR_DATA);
        assert_int_equal(place_copy_out("a.mid", "root://there//out/b.mid", &want), ERR_OK);
        assert_int_equal(place_copy_out("a.mid", "root://there//out/b.mid", &want), ERR_OK); /* again */
        write_file("far/out/b.mid", "another");
        assert_int_equal(place_copy_out("a.mid", "root://there//out/b.mid", &want), ERR_MISMATCH);
        assert_int_equal(unlink("far/out/b.mid"), 0);
    }
    assert_int_equal(unlink("no_sums"), 0);
    for (size_t i = 0; i < sizeof tried / sizeof tried[0]; i++) {
        plan(tried[i].plan);
        assert_int_equal(place_copy_out("a.mid", "root://there//out/b.mid", &want), tried[i].rc);
    }
    plan("");
    assert_int_equal(place_copy_text("{}", "root://there//out/b.mid.json"), ERR_OK);
    assert_int_equal(place_copy_text("{1}", "root://there//out/b.mid.json"), ERR_OK);
    struct place_seen s;
    assert_int_equal(look("root://there//out/b.mid.json", &s), PLACE_ONLINE);
    assert_int_equal(s.size_bytes, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_check),       cmocka_unit_test(test_look_here),
                                       cmocka_unit_test(test_look_far),    cmocka_unit_test(test_choose),
                                       cmocka_unit_test(test_own_schemes), cmocka_unit_test(test_copy_out)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
