/* gm2 campaign convert. */
#include "cmd_campaign.h"
#include "mem.h"

#include <stdio.h>

enum err cmd_campaign_convert(const char *path)
{
    struct campaign *campaign;
    char *text;
    TRY(campaign_read(path, true, &campaign));
    enum err rc = fhicl_print(campaign->document, false, &text);
    campaign_free(campaign);
    TRY(rc);
    printf("# %s as gm2 campaign reads it\n%s", path, text);
    mem_free(text);
    return ERR_OK;
}
