/* What this binary was built from. */
#include "version.h"

#include "gm2_version.h" /* made by the build */

const char version_release[]    = GM2_RELEASE;
const char version_git_commit[] = GM2_GIT_COMMIT;
const bool version_is_dirty     = GM2_IS_DIRTY;
const bool version_is_released  = GM2_IS_RELEASED;
