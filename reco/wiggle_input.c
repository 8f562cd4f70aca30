/* Reads histogram files for fits and reports, and decides about blinding. */
#include "wiggle_input.h"

#include "blind.h"
#include "fhicl.h"
#include "file.h"
#include "log.h"
#include "mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MAX_PHRASE = 4096 };
static const char default_phrase[] = "gm2 wiggle, no phrase was given";

static enum err copy_text(const char *path, const char *attribute, char *out, size_t size)
{
    char *text;
    TRY(file_read_provenance_text(path, attribute, &text));
    snprintf(out, size, "%s", text);
    mem_free(text);
    return ERR_OK;
}

static const char *config_word(const struct fhicl *config, const char *key, const char *otherwise)
{
    const char *word          = NULL;
    const struct fhicl *value = fhicl_get(config, key);
    if (!value || fhicl_as_string(value, key, &word)) {
        err_clear();
        return otherwise;
    }
    return word;
}

static enum err read_phrase_file(const char *path, size_t size, char *phrase, size_t *length)
{
    FILE *f = fopen(path, "rb");
    REQUIRE(f, ERR_OPEN, "blinding phrase %s: %s", path, strerror(errno));
    size_t n     = fread(phrase, 1, size, f);
    int is_whole = feof(f);
    fclose(f);
    REQUIRE(is_whole, ERR_DATA, "blinding phrase %s: longer than %zu bytes", path, size - 1);
    while (n > 0 && (phrase[n - 1] == '\n' || phrase[n - 1] == '\r')) n--;
    REQUIRE(n > 0, ERR_DATA, "blinding phrase %s: the file is empty", path);
    *length = n;
    return ERR_OK;
}

static enum err decide_blinding(const struct fhicl *config, const char *phrase_file, struct wiggle_input *in)
{
    char from_file[MAX_PHRASE];
    const char *phrase = config_word(config, "services.blinding.phrase", "");
    const char *mode   = config_word(config, "services.blinding.mode", "auto");
    size_t length      = strlen(phrase);
    in->is_blind       = phrase_file || strcmp(mode, "on") == 0 || (strcmp(mode, "auto") == 0 && !in->is_simulation);
    in->phrase_source  = "not blinded";
    if (!in->is_blind) return ERR_OK;
    in->phrase_source = "phrase of the configuration";
    if (phrase_file) {
        TRY(read_phrase_file(phrase_file, sizeof from_file, from_file, &length));
        phrase            = from_file;
        in->phrase_source = "phrase from a file";
    } else if (length == 0) {
        phrase            = default_phrase;
        length            = strlen(phrase);
        in->phrase_source = "built-in phrase";
        log_warn(
            "no blinding phrase in services.blinding.phrase or --blind-phrase-file: R is moved by the built-in one");
    }
    in->blind_offset_ppm = blind_offset_ppm(phrase, length);
    return ERR_OK;
}

static enum err read_config(const char *path, struct fhicl **out)
{
    char *text = NULL;
    TRY(file_read_provenance_text(path, "configuration", &text));
    enum err rc = fhicl_parse(text, strlen(text), path, out);
    mem_free(text);
    return rc ? err_context(rc, "the configuration in %s", path) : ERR_OK;
}

static bool is_simulation(const struct fhicl *config)
{
    return module_simulates(config_word(config, "source.module_type", ""));
}

static enum err read_first(const char *path, const char *phrase_file, struct wiggle_input *in)
{
    struct fhicl *config = NULL;
    TRY(copy_text(path, "git_commit", in->git_commit, sizeof in->git_commit));
    TRY(copy_text(path, "process_name", in->process_name, sizeof in->process_name));
    TRY(copy_text(path, "constants_set", in->constants_set, sizeof in->constants_set));
    TRY(read_config(path, &config));
    in->is_simulation = is_simulation(config);
    enum err rc       = decide_blinding(config, phrase_file, in);
    fhicl_free(config);
    return rc;
}

/* Another configuration may differ in much, but not in what is sample and what is data. */
static enum err check_other(const char *path, struct wiggle_input *in)
{
    struct fhicl *config  = NULL;
    in->has_mixed_configs = true;
    TRY(read_config(path, &config));
    bool agrees = is_simulation(config) == in->is_simulation;
    fhicl_free(config);
    REQUIRE(agrees, ERR_MISMATCH, "%s: data and simulation cannot be added up", path);
    return ERR_OK;
}

static int is_before(uint32_t run_a, uint32_t subrun_a, uint32_t run_b, uint32_t subrun_b)
{
    return run_a < run_b || (run_a == run_b && subrun_a < subrun_b);
}

static enum err add_file(const char *path, int is_first, const char *phrase_file, struct wiggle_input *in)
{
    struct file_summary s;
    TRY(file_summary(path, &s));
    if (is_first) {
        memcpy(in->release, s.release, sizeof in->release);
        memcpy(in->config_id, s.config_id, sizeof in->config_id);
        TRY(read_first(path, phrase_file, in));
    } else if (strcmp(in->config_id, s.config_id) != 0) {
        TRY(check_other(path, in));
    }
    if (is_first || is_before(s.first_run, s.first_subrun, in->first_run, in->first_subrun)) {
        in->first_run    = s.first_run;
        in->first_subrun = s.first_subrun;
    }
    if (is_first || is_before(in->last_run, in->last_subrun, s.last_run, s.last_subrun)) {
        in->last_run    = s.last_run;
        in->last_subrun = s.last_subrun;
    }
    in->n_units += s.n_units;
    in->n_fills += s.n_fills;
    return file_read_hists(path, &in->hists);
}

enum err wiggle_input_read(char *const *paths, size_t n, const char *phrase_file, struct wiggle_input *out)
{
    struct wiggle_input in = {.n_files = n};
    enum err rc;
    for (size_t i = 0; i < n; i++) TRY_TO(failed, add_file(paths[i], i == 0, phrase_file, &in));
    if (in.has_mixed_configs) log_warn("the files were made with different configurations");
    *out = in;
    return ERR_OK;
failed:
    wiggle_input_free(&in);
    return rc;
}

void wiggle_input_free(struct wiggle_input *in) { hist_set_free(&in->hists); }

void wiggle_input_range(const struct wiggle_input *in, size_t size, char *out)
{
    char fills[48];
    snprintf(fills, sizeof fills, "%lld fill%s", (long long)in->n_fills, in->n_fills == 1 ? "" : "s");
    if (in->first_run != in->last_run)
        snprintf(out, size, "runs %u:%u to %u:%u, %s", in->first_run, in->first_subrun, in->last_run, in->last_subrun,
                 fills);
    else if (in->first_subrun != in->last_subrun)
        snprintf(out, size, "run %u, subruns %u-%u, %s", in->first_run, in->first_subrun, in->last_subrun, fills);
    else
        snprintf(out, size, "run %u, subrun %u, %s", in->first_run, in->first_subrun, fills);
}

enum err wiggle_input_hist(const struct wiggle_input *in, const char *name, struct hist **out)
{
    *out = hist_find(&in->hists, name);
    REQUIRE(*out, ERR_NOTFOUND, "the files hold no histogram %s; %s", name,
            strncmp(name, "wiggle/", 7) == 0    ? "module Wiggle books it"
            : strncmp(name, "qmethod/", 8) == 0 ? "module QMethod books it"
            : strncmp(name, "beam/", 5) == 0    ? "module BeamDynamics books it"
                                                : "module Quality books it where the job has the truth it needs");
    return ERR_OK;
}
