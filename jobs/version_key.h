/* A version: what decides the content of a stage's products. Another version is made beside the old, never over it; what is
 * done is asked version by version. The tag of the constants is part of the configuration's identity where a database is
 * named; it stands here too, for people to read. Test: tests/t_version_key.c */
#ifndef GM2_VERSION_KEY_H
#define GM2_VERSION_KEY_H

#include "sql.h"

enum { VERSION_KEY_TEXT = 320 };

struct version_key {
    char release[32], git_commit[64]; /* of the program that runs the jobs */
    char config_id[41];               /* gm2.fcl_hash */
    char conditions_tag[128];         /* "" without a database */
};

/** As the ledger has it: "RELEASE COMMIT CONFIG [TAG]". */
void version_key_text(const struct version_key *key, char out[VERSION_KEY_TEXT]);
/** The other way round. ERR_DATA. */
enum err version_key_parse(const char *text, struct version_key *key);
/** 8 hexadecimal digits: what names of folders and files bear. */
void version_key_digest(const struct version_key *key, char out[9]);
/** Adds the question to the catalogue for files of this version, in parentheses. */
enum err version_key_query(const struct version_key *key, struct sql *out);

#endif
