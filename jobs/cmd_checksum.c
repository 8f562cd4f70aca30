/* gm2 checksum: size and adler32 of files, for scripts where no other program has adler32. */
#include "command.h"
#include "err.h"
#include "options.h"
#include "publish.h"

#include <stdio.h>

int cmd_checksum(int argc, char **argv);

int cmd_checksum(int argc, char **argv)
{
    enum err rc = ERR_OK;
    if (options_help(argc, argv, "gm2 checksum FILE...\n")) return 0;
    if (argc < 2 || argv[1][0] == '-') rc = err_fail(ERR_OPTION, __FILE__, __LINE__, "wanted is: gm2 checksum FILE...");
    for (int i = 1; i < argc && !rc; i++) {
        char text[32];
        unsigned long long size_bytes;
        rc = publish_checksum(argv[i], text, &size_bytes);
        if (!rc) printf("%llu %s %s\n", size_bytes, text, argv[i]);
    }
    return rc ? err_exit_code(rc) : 0;
}
