/* Chains: what is wrong with a document is told before any work; the identity covers results only. */
#include "chain.h"
#include "chain_files.h"
#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char good[] = "process_name: t\n"
                           "source: { module_type: EmptyFill }\n"
                           "physics: {\n"
                           "  producers: { gun: { module_type: GasGun muons_per_fill: 5 }\n"
                           "               gun2: { module_type: GasGun muons_per_fill: 7 }\n"
                           "               ring: { module_type: RingTracker inputs: { muon: gun } } }\n"
                           "  p: [gun, gun2, ring] trigger_paths: [p]\n"
                           "  e: [out] end_paths: [e]\n"
                           "}\n"
                           "outputs: { out: { module_type: Hdf5Output keep: [sim] fileName: \"a.h5\" } }\n";

static const struct job_info job = {.seed = 1, .release = "", .git_commit = "", .config_id = "", .config_text = ""};
static const struct provenance provenance = {.process_name = "t"};

static enum err make(const char *setting, const char *value, struct fhicl **document, struct chain **chain)
{
    *chain    = NULL;
    *document = NULL;
    TRY(fhicl_parse(good, strlen(good), "good", document));
    if (setting) TRY(fhicl_set(*document, setting, value, "test"));
    TRY(chain_complete(*document));
    return chain_create(*document, &job, &provenance, chain);
}

static void a_good_document_builds(void **state)
{
    (void)state;
    struct fhicl *document;
    struct chain *chain;
    assert_int_equal(make(NULL, NULL, &document, &chain), ERR_OK);
    size_t n;
    const struct chain_time *t = chain_times(chain, &n);
    assert_int_equal(n, 6); /* whole fill, source, gun, gun2, ring, out */
    assert_string_equal(t[2].label, "gun");
    chain_free(chain);
    fhicl_free(document);
}

static void faults_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *setting, *value, *word;
    } cases[] = {
        {"physics.producers.gun.muons_per_fil", "3", "muons_per_fill"},
        {"physics.producers.gun.module_type", "GasGum", "GasGum"},
        {"physics.p", "[gun, nobody]", "nobody"},
        {"physics.p", "[ring, gun]", "reads table muon"},
        {"physics.producers.ring.inputs.muon", "gun3", "gun3"},
        {"physics.e", "[gun]", "trigger path"},
        {"physics.p", "[gun, out]", "end path"},
        {"physics.trigger_paths", "[q]", "physics.q"},
        {"physics.extra", "5", "extra"},
        {"extra", "5", "extra"},
        {"outputs.out.keep", "[muons]", "muons"},
        {"source.module_type", "GasGun", "belongs under"},
        {"physics.producers.gun.SelectEvents", "[p]", "SelectEvents"}, /* analyzers have it */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fhicl *document;
        struct chain *chain;
        enum err rc = make(cases[i].setting, cases[i].value, &document, &chain);
        if (rc != ERR_CONFIG || !strstr(err_message(), cases[i].word))
            fail_msg("%s: %s gave %d \"%s\"", cases[i].setting, cases[i].value, rc, err_message());
        chain_free(chain);
        fhicl_free(document);
    }
}

static void identity_of(const char *setting, const char *value, char id[41])
{
    struct fhicl *document, *copy;
    assert_int_equal(fhicl_parse(good, strlen(good), "good", &document), ERR_OK);
    if (setting) assert_int_equal(fhicl_set(document, setting, value, "test"), ERR_OK);
    assert_int_equal(chain_complete(document), ERR_OK);
    assert_int_equal(chain_results_only(document, &copy), ERR_OK);
    assert_int_equal(fhicl_id(copy, id), ERR_OK);
    fhicl_free(copy);
    fhicl_free(document);
}

static void identity_covers_results_only(void **state)
{
    (void)state;
    char base[41], other[41];
    identity_of(NULL, NULL, base);
    static const char *const outside[][2] = {{"services.scheduler.units_per_shard", "7"},
                                             {"services.message.level", "debug"},
                                             {"source.maxEvents", "5"},
                                             {"outputs.out.fileName", "\"b.h5\""}};
    for (size_t i = 0; i < 4; i++) {
        identity_of(outside[i][0], outside[i][1], other);
        assert_string_equal(other, base);
    }
    identity_of("physics.producers.gun.polarisation", "0.95", other);
    assert_string_not_equal(other, base);
    identity_of("physics.producers.gun.muons_per_fill", "5", other); /* the same value written again */
    assert_string_equal(other, base);
    assert_int_equal(mem_live(), 0);
}

static void put_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static enum err identity_with_file(const char *path, const char *sha1, char id[41])
{
    struct fhicl *document, *copy;
    char text[128];
    snprintf(text, sizeof text, "{ module_type: FileGun path: \"%s\" path_sha1: \"%s\" }", path, sha1);
    assert_int_equal(fhicl_parse(good, strlen(good), "good", &document), ERR_OK);
    assert_int_equal(fhicl_set(document, "physics.producers.gun", text, "test"), ERR_OK);
    enum err rc = chain_complete(document);
    if (!rc) {
        char *names;
        assert_int_equal(chain_files_names(document, &names), ERR_OK);
        assert_string_equal(names, strrchr(path, '/') + 1);
        mem_free(names);
        assert_int_equal(chain_results_only(document, &copy), ERR_OK);
        assert_int_equal(fhicl_id(copy, id), ERR_OK);
        fhicl_free(copy);
    }
    fhicl_free(document);
    return rc;
}

/* The content of an input file is part of the identity, its place is not. */
static void identity_covers_input_files(void **state)
{
    (void)state;
    char a[64], b[64], id_a[41], id_b[41];
    snprintf(a, sizeof a, "/tmp/t_chain_a.%d", (int)getpid());
    snprintf(b, sizeof b, "/tmp/t_chain_b.%d", (int)getpid());
    put_file(a, "abc");
    put_file(b, "abc");
    assert_int_equal(identity_with_file(a, "", id_a), ERR_OK);
    assert_int_equal(identity_with_file(b, "", id_b), ERR_OK);
    assert_string_equal(id_a, id_b);
    assert_int_equal(identity_with_file(b, "a9993e364706816aba3e25717850c26c9cd0d89d", id_b), ERR_OK);
    assert_string_equal(id_a, id_b);
    put_file(b, "abd");
    assert_int_equal(identity_with_file(b, "a9993e364706816aba3e25717850c26c9cd0d89d", id_b), ERR_MISMATCH);
    assert_non_null(strstr(err_message(), "path_sha1"));
    assert_int_equal(identity_with_file(b, "", id_b), ERR_OK);
    assert_string_not_equal(id_a, id_b);
    unlink(a);
    unlink(b);
    assert_int_equal(identity_with_file(a, "", id_a), ERR_OPEN);
    err_clear();
    assert_int_equal(mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_document_builds),
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(identity_covers_results_only),
        cmocka_unit_test(identity_covers_input_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
