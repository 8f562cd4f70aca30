/* Text that others wrote, on pages. */
#include "html.h"

#include "utf8.h"

static const char *entity_of(uint32_t code)
{
    switch (code) {
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '&': return "&amp;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return utf8_is_control(code) && code != '\n' && code != '\t' ? "\xef\xbf\xbd" : NULL;
    }
}

void html_escape(FILE *f, const char *text)
{
    while (*text) {
        uint32_t code;
        size_t n           = utf8_next(text, &code);
        const char *entity = n ? entity_of(code) : "\xef\xbf\xbd";
        if (entity)
            fputs(entity, f);
        else
            fwrite(text, 1, n, f);
        text += n ? n : 1;
    }
}
