/* Campaigns in POMS's .ini layout, read as our own descriptions: the file is translated into the FHiCL document that says the
 * same, each value with the file and line it came from. Which key becomes what: jobs/README.md. What has no meaning here is an
 * error, never left out silently. Source: the POMS project's code (upload and download of campaigns).
 * Tests: tests/t_ini.c, tests/cli/campaign_ini.sh */
#ifndef GM2_CAMPAIGN_INI_H
#define GM2_CAMPAIGN_INI_H

#include "fhicl.h"

/** Whether a file's name ends in .ini. */
bool campaign_is_ini(const char *path);
/** The document of a campaign, from .ini or else FHiCL. ERR_PARSE: no ConfigParser file; ERR_CONFIG: file, line, section and key
 *  that are not accepted, also a software_version that is not the release of the program that runs the jobs; ERR_OPEN.
 *  Free with fhicl_free(). Test: tests/cli/campaign_ini.sh */
enum err campaign_document(const char *path, struct fhicl **out);

#endif
