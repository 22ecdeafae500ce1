/* option.c - any text as KEY=VALUE under a table that has every type (runtime/option.h). */
#include "runtime/option.h"

#include "runtime/assert.h"
#include "tests/fuzz/fuzz.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct settings {
    uint64_t number;
    double share;
    uint64_t choice;
    char text[ORR_OPTION_TEXT_BYTES];
    uint64_t fence; /* what lies behind the text stays as it is */
};

enum { FENCE = 0x5eed };

static const char *const choices[] = {"first", "second", "third", NULL};

static const struct orr_option table[] = {
    {"number", ORR_OPTION_NUMBER, offsetof(struct settings, number), "objects", "10", 1, 1e15, NULL,
     "A number"},
    {"share", ORR_OPTION_SHARE, offsetof(struct settings, share), "", "0.5", 0, 1, NULL, "A share"},
    {"choice", ORR_OPTION_CHOICE, offsetof(struct settings, choice), "", "second", 0, 0, choices,
     "A choice"},
    {"text", ORR_OPTION_TEXT, offsetof(struct settings, text), "", "none", 0, 0, NULL, "A text"},
    {0},
};

static void
check_number(const char *text)
{
    uint64_t number, again;
    char shown[32];
    if (!orr_number_parse(text, &number))
        return;
    orr_require(text[0] >= '0' && text[0] <= '9', "a number that begins with no digit");
    snprintf(shown, sizeof shown, "%" PRIu64, number);
    orr_require(orr_number_parse(shown, &again) && again == number, "%s reads as another number",
                shown);
}

/* The setting again, as its value would be written. */
static void
check_again(const struct settings *settings, const char *text)
{
    struct settings again = *settings;
    char shown[ORR_OPTION_TEXT_BYTES + 16];
    struct orr_error error = {0};
    const char *const value = strchr(text, '=') + 1;
    const int length = (int)(value - text);
    switch (text[0]) {
    case 'n':
        snprintf(shown, sizeof shown, "%.*s%" PRIu64, length, text, settings->number);
        break;
    case 's':
        snprintf(shown, sizeof shown, "%.*s%.17g", length, text, settings->share);
        break;
    case 'c':
        snprintf(shown, sizeof shown, "%.*s%s", length, text, choices[settings->choice]);
        break;
    default:
        snprintf(shown, sizeof shown, "%.*s%s", length, text, settings->text);
    }
    orr_require(orr_options_set(table, &again, "owner", shown, &error) == ORR_OK, "%s",
                error.message);
    orr_require(memcmp(&again, settings, sizeof again) == 0, "%s is another setting", shown);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings settings, before;
    struct orr_error error = {0};
    char *const text = fuzz_text(data, size);
    memset(&settings, 0, sizeof settings);
    settings.fence = FENCE;
    orr_options_preset(table, &settings);
    before = settings;
    check_number(text);
    const enum orr_status status = orr_options_set(table, &settings, "owner", text, &error);
    if (status != ORR_OK) {
        fuzz_refused(status, &error);
        orr_require(memcmp(&before, &settings, sizeof before) == 0, "refused, and yet stored");
        orr_require(strncmp(error.message, "owner", 5) == 0, "who refuses? %s", error.message);
    } else {
        orr_require(settings.number >= 1 && settings.number <= 1000000000000000 &&
                        settings.share >= 0 && settings.share <= 1 && settings.choice < 3 &&
                        memchr(settings.text, '\0', sizeof settings.text),
                    "a setting out of range: %s", text);
        check_again(&settings, text);
    }
    orr_require(settings.fence == FENCE, "stored past its end");
    free(text);
    return 0;
}
