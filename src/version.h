/* What this binary was built from. Tests: tests/cli/release.sh, tests/cli/rules.sh */
#ifndef GM2_VERSION_H
#define GM2_VERSION_H

#include <stdbool.h>

/** Release: the name of a clean tag (v7_03_00), else that of the project ("0.1.0"); commit, 40 hexadecimal digits, "-dirty"
 *  added for a changed tree, "unknown" without git. */
extern const char version_release[], version_git_commit[];
/** Changed sources; a release: built as Release, without sanitizers, from a clean tree at a tag vN_NN_NN. */
extern const bool version_is_dirty, version_is_released;

#endif
