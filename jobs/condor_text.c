/* HTCondor's languages. */
#include "condor_text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static enum err check_word(const char *word)
{
    for (const char *c = word; *c; c++)
        REQUIRE((unsigned char)*c >= 32 && *c != 127, ERR_CONFIG,
                "\"%.80s\": a submit file has no line breaks in values", word);
    REQUIRE(!strstr(word, "$("), ERR_CONFIG, "\"%.80s\": \"$(\" is a macro of HTCondor's submit files", word);
    REQUIRE(!strstr(word, "$$"), ERR_CONFIG, "\"%.80s\": \"$$\" is a macro of HTCondor's submit files", word);
    return ERR_OK;
}

/* Of a quoted list: single quotes hold blanks together, both quotes are said by doubling them. */
static enum err add_quoted(struct sql *out, const char *word)
{
    TRY(check_word(word));
    bool is_held = !*word || strpbrk(word, " '") != NULL;
    if (is_held) TRY(sql_add(out, "'"));
    for (const char *c = word; *c; c++)
        TRY(*c == '"' ? sql_add(out, "\"\"") : *c == '\'' ? sql_add(out, "''") : sql_add(out, "%c", *c));
    return is_held ? sql_add(out, "'") : ERR_OK;
}

static enum err add_list(struct sql *out, const char *key, const char *const *word)
{
    TRY(sql_add(out, "%s = \"", key));
    for (size_t i = 0; word[i]; i++) {
        if (i) TRY(sql_add(out, " "));
        TRY(add_quoted(out, word[i]));
    }
    return sql_add(out, "\"\n");
}

static enum err add_environment(struct sql *out, const char *const *pair)
{
    char word[4096];
    TRY(sql_add(out, "environment = \""));
    for (size_t i = 0; pair[i]; i++) {
        const char *equals = strchr(pair[i], '=');
        REQUIRE(equals && strlen(equals) < sizeof word, ERR_CONFIG, "environment: %.80s", pair[i]);
        TRY(sql_add(out, "%s%.*s", i ? " " : "", (int)(equals - pair[i] + 1), pair[i]));
        TRY(add_quoted(out, equals + 1));
    }
    return sql_add(out, "\"\n");
}

static enum err add_plain(struct sql *out, const char *key, const char *value)
{
    TRY(check_word(value));
    return sql_add(out, "%s = %s\n", key, value);
}

/* ---- the user's lines ----------------------------------------------------------------------------------------------- */
static const char *const own_keys[] = {"universe",
                                       "executable",
                                       "arguments",
                                       "environment",
                                       "initialdir",
                                       "output",
                                       "error",
                                       "log",
                                       "queue",
                                       "should_transfer_files",
                                       "when_to_transfer_output",
                                       "transfer_input_files",
                                       "transfer_output_files",
                                       "+Gm2Name",
                                       "kill_sig",
                                       "getenv",
                                       "include"};

static enum err check_line(const char *line)
{
    const char *equals = strchr(line, '=');
    size_t n           = strcspn(line, " \t=");
    for (const char *c = line; *c; c++)
        REQUIRE((unsigned char)*c >= 32, ERR_CONFIG, "condor: \"%.60s\" is more than a line", line);
    size_t name = line[0] == '+';
    name += strspn(line + name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.");
    REQUIRE(equals && n > 0 && name == n && (size_t)(equals - line) == n + strspn(line + n, " \t"), ERR_CONFIG,
            "condor: \"%.60s\": wanted is KEY = VALUE, like request_memory = 1990MB", line);
    REQUIRE(line[strlen(line) - 1] != '\\', ERR_CONFIG, "condor: \"%.60s\" goes on in the next line", line);
    for (size_t i = 0; i < sizeof own_keys / sizeof own_keys[0]; i++)
        REQUIRE(strlen(own_keys[i]) != n || strncasecmp(line, own_keys[i], n) != 0, ERR_CONFIG,
                "condor: %.60s is written by gm2 itself", own_keys[i]);
    return ERR_OK;
}

enum err condor_text_check(const char *const *line, size_t n)
{
    for (size_t i = 0; i < n; i++) TRY(check_line(line[i]));
    return ERR_OK;
}

/* ---- submit files --------------------------------------------------------------------------------------------------- */
enum err condor_text_submit(const struct condor_job *job, struct sql *out)
{
    TRY(condor_text_check(job->line, job->n_lines));
    TRY(sql_add(out, "# condor_submit -terse job.sub\nuniverse = vanilla\n"));
    TRY(add_plain(out, "executable", job->wrapper));
    TRY(add_list(out, "arguments", job->argv));
    TRY(add_environment(out, job->environment));
    TRY(add_plain(out, "initialdir", job->folder));
    TRY(sql_add(out, "should_transfer_files = YES\nwhen_to_transfer_output = ON_EXIT\n"));
    TRY(sql_add(out, "transfer_input_files = "));
    for (size_t i = 0; job->input[i]; i++) TRY(sql_add(out, "%s%s", i ? "," : "", job->input[i]));
    TRY(sql_add(out,
                "\ntransfer_output_files = exit,grid_job.json\noutput = log\nerror = log.err\nlog = condor.log\n"
                "kill_sig = SIGTERM\n+Gm2Name = \"%s\"\n",
                job->name));
    for (size_t i = 0; i < job->n_lines; i++) TRY(sql_add(out, "%s\n", job->line[i]));
    return sql_add(out, "queue 1\n");
}

/* ---- jobsub --------------------------------------------------------------------------------------------------------- */
static enum err add_shell_word(struct sql *out, const char *word)
{
    TRY(sql_add(out, " '"));
    for (; *word; word++) TRY(*word == '\'' ? sql_add(out, "'\\''") : sql_add(out, "%c", *word));
    return sql_add(out, "'");
}

static const char *value_of(const struct condor_job *job, const char *key, const char *otherwise)
{
    size_t n = strlen(key);
    for (size_t i = 0; i < job->n_lines; i++)
        if (strncasecmp(job->line[i], key, n) == 0 && strchr(" \t=", job->line[i][n]))
            return job->line[i] + n + strspn(job->line[i] + n, " \t=");
    return otherwise;
}

enum err condor_text_jobsub(const struct condor_job *job, struct sql *out)
{
    const char *seconds = value_of(job, "+JOB_EXPECTED_MAX_LIFETIME", "28800");
    TRY(condor_text_check(job->line, job->n_lines));
    TRY(sql_add(
        out,
        "#!/bin/bash\n# the same job by jobsub; products are found by the next pass all the same\njobsub_submit -G "
        "gm2 --role=Production -N 1 --memory=%s --disk=%s --expected-lifetime=%ss",
        value_of(job, "request_memory", "1990MB"), value_of(job, "request_disk", "20GB"), seconds));
    for (size_t i = 0; job->environment[i]; i++) {
        TRY(sql_add(out, " -e"));
        TRY(add_shell_word(out, job->environment[i]));
    }
    for (size_t i = 0; job->input[i]; i++) {
        char path[4096];
        snprintf(path, sizeof path, "dropbox://%s/%s", job->folder, job->input[i]);
        TRY(sql_add(out, " -f"));
        TRY(add_shell_word(out, path));
    }
    char wrapper[4096];
    snprintf(wrapper, sizeof wrapper, "file://%s", job->wrapper);
    TRY(add_shell_word(out, wrapper));
    for (size_t i = 0; job->argv[i]; i++) TRY(add_shell_word(out, job->argv[i]));
    return sql_add(out, "\n");
}

/* ---- DAGs ----------------------------------------------------------------------------------------------------------- */
enum err condor_text_dag(const char *name, const char *const *folder, size_t n, int max_running, struct sql *out)
{
    TRY(sql_add(out,
                "# condor_submit_dag %s.dag; a rescue file may be used or not: what has products is not done again\n",
                "array"));
    TRY(sql_add(out, "SET_JOB_ATTR Gm2Name = \"%s\"\n", name));
    for (size_t i = 0; i < n; i++) {
        TRY(check_word(folder[i]));
        REQUIRE(!strpbrk(folder[i], " \t\"'"), ERR_CONFIG, "%.100s: a folder with blanks or quotes is none for a DAG",
                folder[i]);
        TRY(sql_add(out, "JOB unit%zu %s/job.sub\n", i, folder[i]));
        TRY(sql_add(out, "CATEGORY unit%zu units\n", i));
    }
    return max_running > 0 ? sql_add(out, "MAXJOBS units %d\n", max_running) : ERR_OK;
}
