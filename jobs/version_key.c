/* Versions of a stage. */
#include "version_key.h"

#include "sha1.h"

#include <stdio.h>
#include <string.h>

void version_key_text(const struct version_key *k, char out[VERSION_KEY_TEXT])
{
    snprintf(out, VERSION_KEY_TEXT, "%s %s %s%s%s", k->release, k->git_commit, k->config_id,
             *k->conditions_tag ? " " : "", k->conditions_tag);
}

enum err version_key_parse(const char *text, struct version_key *k)
{
    int end = 0;
    *k      = (struct version_key){.release = ""};
    int n   = sscanf(text, "%31s %63s %40s%n", k->release, k->git_commit, k->config_id, &end);
    REQUIRE(n == 3 && strlen(k->config_id) == 40 && (!text[end] || text[end] == ' '), ERR_DATA,
            "\"%.100s\" is no version of a stage", text);
    snprintf(k->conditions_tag, sizeof k->conditions_tag, "%s", text[end] ? text + end + 1 : "");
    return ERR_OK;
}

void version_key_digest(const struct version_key *k, char out[9])
{
    char text[VERSION_KEY_TEXT], id[41];
    version_key_text(k, text);
    sha1_hex(text, strlen(text), id);
    snprintf(out, 9, "%.8s", id);
}

enum err version_key_query(const struct version_key *k, struct sql *out)
{
    return sql_add(out, "(gm2.fcl_hash %s and version '%s' and gm2.git_commit '%s')", k->config_id, k->release,
                   k->git_commit);
}
