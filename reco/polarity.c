/* Direction of pulses. */
#include "polarity.h"

#include "odb.h"
#include "tables.h"

#include <string.h>

static enum err read_settings(const struct odb *odb, int sign[POLARITY_CRATES])
{
    for (int crate = 0; crate < POLARITY_CRATES; crate++) {
        struct odb_crate settings;
        if (!odb_has_crate(odb, crate)) continue;
        TRY(odb_get_crate(odb, crate, &settings));
        sign[crate] = settings.polarity < 0 ? -1 : 1;
    }
    return ERR_OK;
}

enum err polarity_find(const char *setting, const struct block *odb, int sign[POLARITY_CRATES])
{
    for (int crate = 0; crate < POLARITY_CRATES; crate++) sign[crate] = strcmp(setting, "negative") == 0 ? -1 : 1;
    if (strcmp(setting, "odb") != 0 || !odb || odb->n == 0) return ERR_OK;
    struct odb *settings;
    TRY(odb_parse((const char *)odb_view(odb).byte, odb->n, &settings));
    enum err rc = read_settings(settings, sign);
    odb_free(settings);
    return rc;
}
