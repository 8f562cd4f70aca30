/* Roles: who may view, do (run what is defined), modify (define). On PostgreSQL they are group roles of the server, which
 * refuses by itself; for a SQLite file they are advice. Test: tests/server/roles.sh, tests/cli/files.sh */
#ifndef GM2_ROLES_H
#define GM2_ROLES_H

#include "catalogue.h"

/* Each may what those before it may. */
enum roles_rank { ROLES_NONE, ROLES_ANALYSER, ROLES_SHIFTER, ROLES_MANAGER, ROLES_OWNER };

/** On a server: makes the groups gm2_analyser, gm2_shifter, gm2_manager where they are not there, and gives them their rights
 *  on the tables of this catalogue, any number of times. ERR_DENIED: this user may not make groups or owns no catalogue.
 *  Nothing for a file. Test: tests/server/roles.sh */
enum err roles_setup(struct catalogue *catalogue);
/** Gives a user a role, or takes it; noted in the log. ERR_OPTION: no such role; ERR_NOTFOUND: no such user on the server.
 *  Test: tests/server/roles.sh */
enum err roles_change(struct catalogue *catalogue, const char *name, const char *role, bool is_granted);
/** Calls `each` with user and role. Test: tests/server/roles.sh */
enum err roles_list(struct catalogue *catalogue, enum err (*each)(void *context, const struct db_value *row, size_t n),
                    void *context);
/** Calls `each` with noun, verb and role for every verb that opens a catalogue. Test: tests/server/roles.sh */
enum err roles_verbs(enum err (*each)(void *context, const struct db_value *row, size_t n), void *context);
/** What a user is here: on a server who is logged in, in a file `user`; where a file names no roles, the owner.
 *  Test: tests/server/roles.sh */
enum err roles_rank(struct catalogue *catalogue, const char *user, enum roles_rank *rank);
/** May this user do `gm2 NOUN VERB`? ERR_DENIED says who, what he is, what is wanted and who can give it; for a file only
 *  a warning; ERR_LOGIC: a verb that roles.c does not know. Early and in plain words: what counts are the server's own rights.
 *  Test: tests/server/roles.sh */
enum err roles_check(struct catalogue *catalogue, const char *noun, const char *verb, const char *user);

#endif
