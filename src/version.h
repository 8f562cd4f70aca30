/* What this binary was built from. */
#ifndef GM2_VERSION_H
#define GM2_VERSION_H

/** Release, e.g. "0.1.0"; commit, 40 hexadecimal digits, "-dirty" added for a changed tree, "unknown" without git. */
extern const char version_release[], version_git_commit[];

#endif
