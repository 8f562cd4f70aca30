/* FHiCL: one case for each rule of the language, each with its canonical result, and one for each error, with its place.
 *
 * The rules are those of the reference implementation, fhicl-cpp (parse.cc, tokens.h, intermediate_table.cc). */
#include "fhicl.h"
#include "mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct fhicl *parsed(const char *text)
{
    struct fhicl *tree;
    if (fhicl_parse(text, strlen(text), "x.fcl", &tree)) fail_msg("%s\n%s", text, err_message());
    return tree;
}

struct rule {
    const char *text, *canonical;
};

static void check_rules(const struct rule *rules, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct fhicl *tree = parsed(rules[i].text);
        char *line;
        assert_int_equal(fhicl_canonical(tree, &line), ERR_OK);
        if (strcmp(line, rules[i].canonical) != 0)
            fail_msg("%s\ngives  %s\nwanted %s", rules[i].text, line, rules[i].canonical);
        mem_free(line);
        fhicl_free(tree);
    }
    assert_int_equal(mem_live(), 0);
}
#define CHECK_RULES(rules) check_rules(rules, sizeof(rules) / sizeof((rules)[0]))

static void numbers(void **state)
{
    (void)state;
    static const struct rule rules[] = {
        {"a: 0", "a:0"},
        {"a: -0.0", "a:0"},
        {"a: 0e9", "a:0"},
        {"a: 007", "a:7"},
        {"a: +7", "a:7"},
        {"a: -7", "a:-7"},
        {"a: 1.", "a:1"},
        {"a: .5", "a:5e-1"},
        {"a: 0.1", "a:1e-1"},
        {"a: 1.5", "a:1.5"},
        {"a: 12.50", "a:1.25e1"},
        {"a: 999999", "a:999999"},
        {"a: 100000", "a:100000"},
        {"a: 1000000", "a:1e6"},
        {"a: 1234567", "a:1.234567e6"},
        {"a: 1e5", "a:100000"},
        {"a: 1e+6", "a:1e6"}, /* the form of a number put by a program */
        {"a: 1E-6", "a:1e-6"},
        {"a: 1.2e+1", "a:12"},
        {"a: -00120.0e-3", "a:-1.2e-1"},
        {"a: 0x1F", "a:31"},
        {"a: 0Xff", "a:255"},
        {"a: 0b101", "a:5"},
        {"a: 0xFFFFFFFFFFFFFFFF", "a:1.8446744073709551615e19"},
        {"a: infinity b: +infinity c: -infinity", "a:+infinity b:+infinity c:-infinity"},
        {"a: (1, -2.50) b: ( .5,infinity )", "a:(1,-2.5) b:(5e-1,+infinity)"},
    };
    CHECK_RULES(rules);
}

static void words_and_strings(void **state)
{
    (void)state;
    static const struct rule rules[] = {
        {"a: true b: false", "a:true b:false"},
        {"a: True b: FALSE c: truely", "a:\"True\" b:\"FALSE\" c:\"truely\""},
        {"a: 1e9999999999 b: 1", "a:\"1e9999999999\" b:1"},
        {"a: word_1 b: 1word c: 0x d: 0b12 e: 1e f: e5 g: 0xZ", "a:\"word_1\" b:\"1word\" c:\"0x\" d:\"0b12\" e:\"1e\" "
                                                                "f:\"e5\" g:\"0xZ\""},
        {"a: \"b-c.d/e\"", "a:\"b-c.d/e\""},
        {"a: \"tab\\tnl\\nq\\\"bs\\\\ \\101\\x42\\?\"", "a:\"tab\\tnl\\nq\\\"bs\\\\ AB?\""},
        {"a: \"\\xe9\"", "a:\"\\351\""},
        {"a: 'no \\n escape \"here\"'", "a:\"no \\\\n escape \\\"here\\\"\""},
        {"a: \"two\nlines\"", "a:\"two\\nlines\""},
        {"a: \"# no // comment\" # one", "a:\"# no // comment\""},
        {"a: '' b: \"\"", "a:\"\" b:\"\""},
        {"a: @nil", "a:@nil"},
        {"a: @id::0123456789abcdef0123456789abcdef01234567", "a:@id::0123456789abcdef0123456789abcdef01234567"},
    };
    CHECK_RULES(rules);
}

static void layout(void **state)
{
    (void)state;
    static const struct rule rules[] = {
        {"", ""},
        {"# only a comment", ""},
        {"a:1 b:2", "a:1 b:2"},
        {"b: 2\n\n\ta : 1 // rest", "a:1 b:2"},
        {"a: 1# directly\nb: x// directly\n", "a:1 b:\"x\""},
        {"a: 1\rb: 2\r\nc: 3\n", "a:1 b:2 c:3"},
        {"a:{b:1}c:[2]d:(1,2)e:3", "a:{b:1} c:[2] d:(1,2) e:3"},
        {"a: [] b: {} c: [ 1 , x ,\"y\" , [2], {z:3} , true ]", "a:[] b:{} c:[1,\"x\",\"y\",[2],{z:3},true]"},
        {" #include \"not.here\"\n#  include too\na: 1", "a:1"},
        {"BEGIN_PROLOGUE: 1", "BEGIN_PROLOGUE:1"},
        {"_a: 1 A9: 2", "A9:2 _a:1"},
        {"# caf\xc3\xa9 in a comment\na: 1", "a:1"},
    };
    CHECK_RULES(rules);
}

static void overriding(void **state)
{
    (void)state;
    static const struct rule rules[] = {
        {"a: 1 a: 2", "a:2"},
        {"a: { b: 1 c: 2 } a: { d: 3 }", "a:{d:3}"},
        {"a: { b: 1 b: 2 }", "a:{b:2}"},
        {"a: { b: 1 } a.c: 2", "a:{b:1 c:2}"},
        {"a.b.c: 1", "a:{b:{c:1}}"},
        {"a . b [ 1 ] . c : 1", "a:{b:[@nil,{c:1}]}"},
        {"a: [1, 2] a[1]: 3", "a:[1,3]"},
        {"a: [1] a[3]: 4", "a:[1,@nil,@nil,4]"},
        {"a: @nil a.b: 1", "a:{b:1}"},
        {"a[1][0]: 1", "a:[@nil,[1]]"},
        {"a: 1 b: 2 a: @erase", "b:2"},
        {"a: { b: 1 c: 2 } a.b: @erase", "a:{c:2}"},
        {"a: { b: 1 c: 2 b: @erase }", "a:{c:2}"},
        {"a: @erase b.c: @erase", ""},
    };
    CHECK_RULES(rules);
}

static void prologs(void **state)
{
    (void)state;
    static const struct rule rules[] = {
        {"BEGIN_PROLOG a: 1 END_PROLOG", ""},
        {"BEGIN_PROLOG a: 1 END_PROLOG BEGIN_PROLOG b: @local::a END_PROLOG c: @local::b", "c:1"},
        {"BEGIN_PROLOG t: { a: 1 b: 2 } END_PROLOG x: @local::t.b", "x:2"},
        {"BEGIN_PROLOG t: { a: 1 b: 2 } END_PROLOG t.a: 3", "t:{a:3}"},
        {"BEGIN_PROLOG t: { a: 1 b: 2 } END_PROLOG t: @local::t t.a: 3", "t:{a:3 b:2}"},
        {"BEGIN_PROLOG t: { a: 1 } END_PROLOG t: @erase x: @local::t.a", "x:1"},
        {"BEGIN_PROLOG t: { a: 1 } t.a: 2 t.c: 3 t.a: @erase END_PROLOG x: @local::t", "x:{c:3}"},
        {"BEGIN_PROLOG t: { a: 1 } END_PROLOG @table::t", "a:1"},
        {"BEGIN_PROLOG t @protect_error: 1 END_PROLOG t: 2 t: 3", "t:3"},
    };
    CHECK_RULES(rules);
}

static void references(void **state)
{
    (void)state;
    static const struct rule rules[] = {
        {"a: 1 b: @local::a a: 2", "a:2 b:1"},
        {"a: { b: [1, { c: 5 }] } d: @local::a.b[1].c", "a:{b:[1,{c:5}]} d:5"},
        {"a: { b: [7] } d: @local::a . b [ 0 ]", "a:{b:[7]} d:7"},
        {"a: { x: 1 } b: { @table::a y: 2 }", "a:{x:1} b:{x:1 y:2}"},
        {"a: { x: 1 } b: { x: 5 @table::a }", "a:{x:1} b:{x:1}"},
        {"a: { x: 1 } b: { @table::a x: 5 }", "a:{x:1} b:{x:5}"},
        {"a: { x: 1 } @table::a", "a:{x:1} x:1"},
        {"a: [1, 2] b: [0, @sequence::a, 3, @sequence::a]", "a:[1,2] b:[0,1,2,3,1,2]"},
        {"a: [] b: [@sequence::a]", "a:[] b:[]"},
        {"a: [1] b: [@local::a, @local::a[0]]", "a:[1] b:[[1],1]"},
        {"a: { b: 1 } a.b: @local::a", "a:{b:{b:1}}"},
        {"a: { b: @nil } c: @local::a.b", "a:{b:@nil} c:@nil"},
    };
    CHECK_RULES(rules);
}

static void protection(void **state)
{
    (void)state;
    static const struct rule rules[] = {
        {"a @protect_ignore: 1 a: 2", "a:1"},
        {"a @protect_ignore : 1 a: @erase", "a:1"},
        {"a @protect_ignore: { b: 1 } a.b: 2 a.c: 3", "a:{b:1}"},
        {"a: { b @protect_ignore: 1 b: 2 c: 3 } a.b: 4 a.c: 5", "a:{b:1 c:5}"},
        {"a @protect_ignore: { b: { c: 1 } } a.b.c: 2", "a:{b:{c:1}}"},
        {"a @protect_error: { b: 1 } c: @local::a c.b: 2", "a:{b:1} c:{b:2}"},
        {"a @protect_error: { b: 1 } c: { @table::a } c.b: 2", "a:{b:1} c:{b:2}"},
        {"a @protect_ignore: { b @protect_error: 1 }", "a:{b:1}"},
        {"a @protect_ignore: 1 a @protect_ignore: 2", "a:1"},
    };
    CHECK_RULES(rules);
}

struct mistake {
    const char *text;
    int line, column;
    const char *what; /* a part of the message */
};

static const struct mistake mistakes[] = {
    {"a: b-c", 1, 4, "must be in quotes"},
    {"a: 1\nb: path/file", 2, 8, "unexpected '/'"},
    {"a: 1.2.3", 1, 4, "neither a number nor a word"},
    {"a: +0x1F", 1, 4, "hexadecimal and binary numbers have no sign"},
    {"a: +word", 1, 4, "must be in quotes"},
    {"a: \xc3\xa9", 1, 4, "a byte beyond ASCII (0xc3)"},
    {"a: \"caf\xc3\xa9\"", 1, 8, "only ASCII"},
    {"a: 'caf\xc3\xa9'", 1, 8, "only ASCII"},
    {"a: \"x\\y\"", 1, 7, "bad escape"},
    {"a: \"x\\0\"", 1, 7, "bad escape"},
    {"a: \"x\\777\"", 1, 7, "bad escape"},
    {"a: \"open\nb: 1", 1, 4, "no closing quote"},
    {"a: 'it''s'", 1, 8, "cannot hold a single quote"},
    {"a: \"x\"y", 1, 7, "unexpected 'y'"},
    {"a: [1, 2,]", 1, 10, "no ',' may stand before ']'"},
    {"a: [1 2]", 1, 7, "',' or ']'"},
    {"a: [,1]", 1, 5, "unexpected ','"},
    {"a: [1,\n 2", 1, 4, "'[' is never closed"},
    {"a: { b: 1\n", 1, 4, "'{' is never closed"},
    {"a: { b: 1, c: 2 }", 1, 10, "not separated by ','"},
    {"a: { b.c: 1 }", 1, 7, "only outside of { }"},
    {"a: (1)", 1, 6, "','"},
    {"a: (1,x)", 1, 7, "must be a number"},
    {"a: (1,[2])", 1, 7, "a number"},
    {"a 1", 1, 3, "':'"},
    {"a:", 1, 3, "a value"},
    {"1a: 2", 1, 1, "does not start with a digit"},
    {"a.: 2", 1, 3, "a name after '.'"},
    {"a[x]: 2", 1, 3, "a number in [ ]"},
    {"a[1: 2", 1, 4, "']'"},
    {"a[100000]: 2", 1, 1, "an index is at most 99999"},
    {"a: 1; b: 2", 1, 5, "unexpected ';'"},
    {"}", 1, 1, "a name"},
    {"a: @loca::b", 1, 4, "known are @nil"},
    {"a: @local::b", 1, 12, "\"b\" is not there"},
    {"a: 1\nb: @local:: a", 2, 12, "a name"},
    {"a: 1\nb: @local ::a", 2, 4, "known are @nil"},
    {"a: { b: 1 c: @local::a.b }", 1, 22, "\"a.b\" is not there"},
    {"a: [1]\nb: @local::a[1]", 2, 12, "has 1 elements"},
    {"a: 1\nb: @local::a.c", 2, 12, "no table"},
    {"a: 1\nb: { @table::a }", 2, 6, "a number (x.fcl:1), no table"},
    {"a: 1\nb: [ @sequence::a ]", 2, 6, "no sequence"},
    {"a: {} b: @table::a", 1, 10, "a value is @local::"},
    {"a: [] b: @sequence::a", 1, 10, "a value is @local::"},
    {"a: [1, @erase]", 1, 8, "behind the ':'"},
    {"a: @id::0123", 1, 4, "40 hexadecimal digits"},
    {"a: @db::b", 1, 4, "not implemented"},
    {"a: 1\na.b: 2", 2, 1, "no table"},
    {"a: {}\na[0]: 2", 2, 1, "no sequence"},
    {"a: [1]\na[0]: @erase", 2, 1, "cannot be erased"},
    {"a: 1\na.b: @erase", 2, 1, "cannot be erased"},
    {"a @protect_error: 1\na: 2", 2, 1, "protected by x.fcl:1"},
    {"a @protect_error: { b: 1 }\na.b: 2", 2, 1, "protected by x.fcl:1"},
    {"a @protect_error: 1\na: @erase", 2, 1, "protected by x.fcl:1"},
    {"a: 1\na @protect_error: 2", 2, 1, "stronger protection"},
    {"a @protect_ignore: 1\na @protect_error: 2", 2, 1, "stronger protection"},
    {"a @protect_error: { b @protect_ignore: 1 }", 1, 19, "weaker"},
    {"BEGIN_PROLOG a: 1", 1, 1, "never closed by END_PROLOG"},
    {"a: 1\nBEGIN_PROLOG b: 1 END_PROLOG", 2, 1, "before all else"},
    {"BEGIN_PROLOG\nBEGIN_PROLOG", 2, 1, "nested"},
    {"END_PROLOG", 1, 1, "without BEGIN_PROLOG"},
    {"#include <a.fcl>", 1, 1, "malformed #include"},
    {"#include  \"a.fcl\"", 1, 1, "malformed #include"},
    {"#include \"a.fcl\" # no", 1, 1, "malformed #include"},
    {"a: 1\n#include \"no/such.fcl\"", 2, 10, "\"no/such.fcl\" is neither in FHICL_FILE_PATH"},
    {"a: 1\rb: 2\r\nc: }", 3, 4, "unexpected '}'"},
    {"\ta:\t[ }", 1, 7, "unexpected '}'"},
};

/* The line itself, and below it a caret under the column, tabs kept. */
static void check_picture(const struct mistake *m)
{
    char want[600] = "\n\n";
    size_t n       = 2;
    const char *p  = m->text;
    for (int line = 1; line < m->line; line++) {
        p += strcspn(p, "\r\n");
        p += strncmp(p, "\r\n", 2) == 0 ? 2 : 1;
    }
    size_t length = strcspn(p, "\r\n");
    for (size_t i = 0; i < length; i++) want[n++] = (unsigned char)p[i] < 128 ? p[i] : '?';
    want[n++] = '\n';
    for (int i = 0; i < m->column - 1; i++) want[n++] = (size_t)i < length && p[i] == '\t' ? '\t' : ' ';
    want[n++]         = '^';
    want[n]           = 0;
    const char *found = strstr(err_message(), "\n\n");
    if (!found || strcmp(found, want) != 0) fail_msg("%s\ngives\n%s\nwanted%s", m->text, err_message(), want);
}

static void each_error_shows_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        const struct mistake *m = &mistakes[i];
        struct fhicl *tree;
        char place[64];
        enum err rc = fhicl_parse(m->text, strlen(m->text), "x.fcl", &tree);
        if (!rc) fail_msg("accepted: %s", m->text);
        assert_null(tree);
        snprintf(place, sizeof place, "\nat line %d, character %d, of file \"x.fcl\"", m->line, m->column);
        if (!strstr(err_message(), place) || !strstr(err_message(), m->what))
            fail_msg("%s\ngives\n%s\nwanted: %s%s", m->text, err_message(), m->what, place);
        check_picture(m);
    }
    assert_int_equal(mem_live(), 0);
}

static void conversions(void **state)
{
    (void)state;
    struct fhicl *t = parsed("i: 1.2e+1 j: 9223372036854775807 k: -9223372036854775808 l: 9223372036854775808 f: 3.5 "
                             "b: \"true\" n: @nil s: word big: 1e400 inf: -infinity c: (1,2) small: 1e-400");
    int64_t whole;
    double x;
    bool flag;
    const char *s;
    assert_int_equal(fhicl_as_i64(fhicl_get(t, "i"), "i", &whole), ERR_OK);
    assert_int_equal(whole, 12);
    assert_int_equal(fhicl_as_i64(fhicl_get(t, "j"), "j", &whole), ERR_OK);
    assert_true(whole == INT64_MAX);
    assert_int_equal(fhicl_as_i64(fhicl_get(t, "k"), "k", &whole), ERR_OK);
    assert_true(whole == INT64_MIN);
    assert_int_equal(fhicl_as_i64(fhicl_get(t, "l"), "l", &whole), ERR_CONFIG);
    assert_int_equal(fhicl_as_i64(fhicl_get(t, "f"), "f", &whole), ERR_CONFIG);
    assert_non_null(strstr(err_message(), "x.fcl:1: f is the number 3.5, wanted is an integer"));
    assert_int_equal(fhicl_as_i64(fhicl_get(t, "inf"), "inf", &whole), ERR_CONFIG);
    assert_int_equal(fhicl_as_f64(fhicl_get(t, "f"), "f", &x), ERR_OK);
    assert_true(x == 3.5);
    assert_int_equal(fhicl_as_f64(fhicl_get(t, "inf"), "inf", &x), ERR_OK);
    assert_true(x == -(double)INFINITY);
    assert_int_equal(fhicl_as_f64(fhicl_get(t, "small"), "small", &x), ERR_OK);
    assert_true(x == 0.0);
    assert_int_equal(fhicl_as_f64(fhicl_get(t, "big"), "big", &x), ERR_CONFIG);
    assert_int_equal(fhicl_as_f64(fhicl_get(t, "n"), "n", &x), ERR_CONFIG);
    assert_int_equal(fhicl_as_f64(fhicl_get(t, "c"), "c", &x), ERR_CONFIG);
    assert_int_equal(fhicl_as_bool(fhicl_get(t, "b"), "b", &flag), ERR_OK);
    assert_true(flag);
    assert_int_equal(fhicl_as_bool(fhicl_get(t, "s"), "s", &flag), ERR_CONFIG);
    assert_int_equal(fhicl_as_string(fhicl_get(t, "i"), "i", &s), ERR_OK);
    assert_string_equal(s, "12");
    assert_int_equal(fhicl_as_string(fhicl_get(t, "n"), "n", &s), ERR_CONFIG);
    fhicl_free(t);
}

static void asking_and_setting(void **state)
{
    (void)state;
    struct fhicl *t = parsed("b: { y: [10, 20] }\na: 1"), *copy;
    char *line;
    assert_int_equal(fhicl_size(t), 2);
    assert_string_equal(fhicl_key(t, 0), "b"); /* in order of binding */
    assert_string_equal(fhicl_origin(fhicl_get(t, "a")), "x.fcl:2");
    assert_int_equal(fhicl_kind(fhicl_get(t, "b.y")), FHICL_SEQUENCE);
    assert_null(fhicl_get(t, "b.y[2]"));
    assert_null(fhicl_get(t, "b..y"));
    assert_null(fhicl_get(t, "a.z"));
    assert_int_equal(fhicl_copy(t, &copy), ERR_OK);
    assert_int_equal(fhicl_set(t, "b.y[0]", "{ k: \"v w\" }", "--set"), ERR_OK);
    assert_int_equal(fhicl_set(t, "new.deep", "[1, x]", "--set"), ERR_OK);
    assert_string_equal(fhicl_origin(fhicl_get(t, "b.y[0].k")), "--set");
    fhicl_remove(t, "a");
    fhicl_remove(t, "not.there");
    assert_int_equal(fhicl_canonical(t, &line), ERR_OK);
    assert_string_equal(line, "b:{y:[{k:\"v w\"},20]} new:{deep:[1,\"x\"]}");
    mem_free(line);
    assert_int_equal(fhicl_canonical(copy, &line), ERR_OK);
    assert_string_equal(line, "a:1 b:{y:[10,20]}");
    mem_free(line);
    assert_int_equal(fhicl_set(t, "b.y", "1 2", "--set"), ERR_PARSE);
    assert_int_equal(fhicl_set(t, "b.y", "", "--set"), ERR_PARSE);
    assert_int_equal(fhicl_set(t, "b.y", "@local::a", "--set"), ERR_PARSE);
    assert_int_equal(fhicl_set(t, "b.1y", "1", "--set"), ERR_PARSE);
    fhicl_free(t);
    fhicl_free(copy);
    assert_int_equal(mem_live(), 0);
}

static void printing_reads_back(void **state)
{
    (void)state;
    struct fhicl *t = parsed("t: { s: \"a\\t#b\" q: [1, { z: 1 }, [], {}] n: @nil }\nx: 12.5");
    char *text, id[41], id_again[41];
    assert_int_equal(fhicl_print(t, false, &text), ERR_OK);
    assert_string_equal(text, "t: {\n   s: \"a\\t#b\"\n   q: [\n      1,\n      {\n         z: 1\n      },\n      [],\n"
                              "      {}\n   ]\n   n: @nil\n}\nx: 1.25e1\n");
    struct fhicl *again = parsed(text);
    assert_int_equal(fhicl_id(t, id) | fhicl_id(again, id_again), ERR_OK);
    assert_string_equal(id, id_again);
    fhicl_free(again);
    mem_free(text);
    assert_int_equal(fhicl_print(t, true, &text), ERR_OK);
    assert_non_null(strstr(text, "x: 1.25e1                                                   # x.fcl:2\n"));
    assert_int_equal(fhicl_parse_annotated(text, "sent", &again), ERR_OK);
    assert_int_equal(fhicl_id(again, id_again), ERR_OK);
    assert_string_equal(id, id_again);
    assert_string_equal(fhicl_origin(fhicl_get(again, "x")), "x.fcl:2");
    assert_string_equal(fhicl_origin(fhicl_get(again, "t.q[1].z")), "x.fcl:1");
    assert_string_equal(fhicl_origin(fhicl_get(again, "t.s")), "x.fcl:1");
    fhicl_free(again);
    mem_free(text);
    fhicl_free(t);
    assert_int_equal(mem_live(), 0);
}

/* The id does not depend on order, spelling of numbers or layout; it is the SHA-1 of the canonical line (sha1sum). */
static void the_id_is_of_the_content(void **state)
{
    (void)state;
    static const char *const same[] = {"a: 1.0 b: { c: x d: [1,2] }", "b:{d:[01,2e0] c:\"x\"}# comment\na:+1"};
    for (int i = 0; i < 2; i++) {
        char id[41];
        struct fhicl *t = parsed(same[i]);
        assert_int_equal(fhicl_id(t, id), ERR_OK);
        assert_string_equal(id, "89f527e8336023e34880917497b8a6226c45ed5f");
        fhicl_free(t);
    }
}

/* ---- files ---------------------------------------------------------------------------------------------------------- */

static char folder[512];

static const char *in_folder(const char *name)
{
    static char path[4][700];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(in_folder(name), "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int make_files(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/gm2-fhicl-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(folder)) return 1;
    char command[1200];
    snprintf(command, sizeof command, "mkdir %s/lib %s/lib2", folder, folder);
    if (system(command)) return 1;
    write_file("main.fcl", "#include \"beside.fcl\"\nm: 1\n");
    write_file("beside.fcl", "from: beside\n");
    write_file("lib/lib.fcl", "BEGIN_PROLOG\r\nt: { a: 1 }\r\nEND_PROLOG\r\n");
    write_file("lib/beside.fcl", "from: lib\n");
    write_file("lib2/beside.fcl", "from: lib2\n");
    write_file("lib2/only2.fcl", "two: 2\n");
    write_file("uses.fcl", "#include \"lib.fcl\"\nx: @local::t\n#include \"only2.fcl\"  \n");
    write_file("loop.fcl", "#include \"loop2.fcl\"\n");
    write_file("loop2.fcl", "a: 1\n#include \"loop.fcl\"\n");
    write_file("bad.fcl", "ok: 1\n  oops: [\n");
    write_file("outer.fcl", "\n#include \"inner.fcl\"\n");
    write_file("inner.fcl", "z: 1\n#include \"bad.fcl\"\n");
    write_file("one.fcl", "BEGIN_PROLOG p: 1 END_PROLOG a: @local::p b: { x: 1 y: 1 }");
    write_file("two.fcl", "BEGIN_PROLOG p: 2 END_PROLOG b.x: @local::p c: @local::b.x");
    write_file("middle.fcl", "t: {\n#include \"beside.fcl\"\n}\n");
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    char command[600];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void check_file(const char *names, const char *path, const char *want)
{
    struct fhicl *t;
    char *line;
    if (path) {
        setenv("FHICL_FILE_PATH", path, 1);
    } else {
        unsetenv("FHICL_FILE_PATH");
    }
    if (fhicl_read(names, &t)) fail_msg("%s", err_message());
    assert_int_equal(fhicl_canonical(t, &line), ERR_OK);
    assert_string_equal(line, want);
    mem_free(line);
    fhicl_free(t);
}

static void files_are_looked_up(void **state)
{
    (void)state;
    char path[1300];
    snprintf(path, sizeof path, "%s:%s", in_folder("lib"), in_folder("lib2"));
    check_file(in_folder("main.fcl"), NULL, "from:\"beside\" m:1");
    check_file(in_folder("main.fcl"), path, "from:\"lib\" m:1");
    check_file(in_folder("main.fcl"), in_folder("lib2"), "from:\"lib2\" m:1");
    check_file(in_folder("uses.fcl"), path, "two:2 x:{a:1}");
    check_file("beside.fcl", path, "from:\"lib\"");
    check_file(in_folder("middle.fcl"), NULL, "t:{from:\"beside\"}");
}

static void a_chain_is_read_in_order(void **state)
{
    (void)state;
    char names[1400];
    snprintf(names, sizeof names, "%s; %s ;", in_folder("one.fcl"), in_folder("two.fcl"));
    check_file(names, NULL, "a:1 b:{x:2 y:1} c:2");
}

static void check_bad_file(const char *name, enum err code, const char *const *words)
{
    struct fhicl *t;
    unsetenv("FHICL_FILE_PATH");
    assert_int_equal(fhicl_read(in_folder(name), &t), code);
    for (; *words; words++)
        if (!strstr(err_message(), *words)) fail_msg("%s\nlacks: %s", err_message(), *words);
}

static void bad_files_are_named(void **state)
{
    (void)state;
    static const char *const loop[] = {
        "recursive #include",           "at line 2, character 10, of file",      "loop2.fcl\"",
        "included from line 1 of file", "\n\n#include \"loop.fcl\"\n         ^", NULL};
    static const char *const nested[]  = {"'[' is never closed",
                                          "at line 2, character 9, of file",
                                          "bad.fcl\"",
                                          "included from line 2 of file",
                                          "inner.fcl\"",
                                          "outer.fcl\"",
                                          "\n\n  oops: [\n        ^",
                                          NULL};
    static const char *const missing[] = {"none.fcl\" is neither there nor in FHICL_FILE_PATH (not set)", NULL};
    static const char *const dir[]     = {"is not a file", NULL};
    static const char *const lib[] = {"\"lib.fcl\" is neither in FHICL_FILE_PATH (not set)", "at line 1, character 10",
                                      NULL};
    check_bad_file("loop.fcl", ERR_PARSE, loop);
    check_bad_file("outer.fcl", ERR_PARSE, nested);
    check_bad_file("none.fcl", ERR_OPEN, missing);
    check_bad_file("lib", ERR_OPEN, dir);
    check_bad_file("uses.fcl", ERR_OPEN, lib);
    assert_int_equal(mem_live(), 0);
}

/* ---- bounds --------------------------------------------------------------------------------------------------------- */

static void refused(const char *text, const char *what)
{
    struct fhicl *t;
    assert_int_equal(fhicl_parse(text, strlen(text), "x.fcl", &t), ERR_PARSE);
    if (!strstr(err_message(), what)) fail_msg("%s\nlacks %s", err_message(), what);
}

static void hostile_text_is_refused(void **state)
{
    (void)state;
    static char text[100000];
    size_t n = (size_t)snprintf(text, sizeof text, "a: ");
    memset(text + n, '[', 50000);
    refused(text, "nested more than 100 deep");
    for (n = 0; n < 60000; n++) text[n] = n % 2 ? '.' : 'a';
    snprintf(text + n, sizeof text - n, "a: 1");
    refused(text, "longer than");
    /* each level doubles: a billion values from 30 lines */
    n = (size_t)snprintf(text, sizeof text, "a0: [1,2]\n");
    for (int i = 1; i < 30; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "a%d: [@local::a%d,@local::a%d]\n", i, i - 1, i - 1);
    refused(text, "more than 1000000 values");
    /* each level is one deeper */
    n = (size_t)snprintf(text, sizeof text, "a: [1]\n");
    for (int i = 0; i < 120; i++) n += (size_t)snprintf(text + n, sizeof text - n, "a: [@local::a]\n");
    refused(text, "nested more than 100 deep");
    n = (size_t)snprintf(text, sizeof text, "a");
    for (int i = 0; i < 120; i++) n += (size_t)snprintf(text + n, sizeof text - n, ".a");
    snprintf(text + n, sizeof text - n, ": 1");
    refused(text, "more than 100 parts");
    assert_int_equal(mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(words_and_strings),
        cmocka_unit_test(layout),
        cmocka_unit_test(overriding),
        cmocka_unit_test(prologs),
        cmocka_unit_test(references),
        cmocka_unit_test(protection),
        cmocka_unit_test(each_error_shows_its_place),
        cmocka_unit_test(conversions),
        cmocka_unit_test(asking_and_setting),
        cmocka_unit_test(printing_reads_back),
        cmocka_unit_test(the_id_is_of_the_content),
        cmocka_unit_test_setup_teardown(files_are_looked_up, make_files, remove_files),
        cmocka_unit_test_setup_teardown(a_chain_is_read_in_order, make_files, remove_files),
        cmocka_unit_test_setup_teardown(bad_files_are_named, make_files, remove_files),
        cmocka_unit_test(hostile_text_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
