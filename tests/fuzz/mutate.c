/* mutate.c - changing JSON token by token; see mutate.h. */
#include "tests/fuzz/mutate.h"

#include "tests/fuzz/fuzz.h"

#include <inttypes.h>
#include <string.h>

enum { TOKENS_MAX = 4096, NESTING = 70 /* past what a scanner takes */ };

struct token {
    size_t begin, end;
};

/* Values at which readers of JSON have broken. */
static const char *const values[] = {
    "0",
    "-0",
    "-1",
    "1e400",
    "1e-400",
    "0.1",
    "1.",
    "01",
    "NaN",
    "Infinity",
    "true",
    "false",
    "null",
    "{}",
    "[]",
    "[0]",
    "\"\"",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "\"\\udc00\\ud800\"",
    "\"\\ud83d\\ude00\"",
    "\"\\x\"",
    "\"\xff\"",
    "\"\x7f\"",
    "\"%s%n\"",
    "\"=cmd()\"",
    "\"\\r\\n\\u202e\"",
    "\xef\xbb\xbf",
    "{\"a\":1,\"a\":2}",
    "//",
    "999999999",
    "18446744073709551616",
    "123456789012345678901234567890123456789012345678901234567890123",
};

uint32_t
fuzz_seed(unsigned seed)
{
    return (uint32_t)seed * UINT32_C(2654435761) | 1;
}

/* Marsaglia's xorshift. */
uint32_t
fuzz_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state >> 3;
}

uint64_t
fuzz_interesting(uint32_t *state)
{
    static const unsigned powers[] = {4, 7, 8, 14, 15, 16, 31, 32, 33, 47, 48, 62, 63};
    if (fuzz_random(state) % 3 == 0)
        return fuzz_random(state) % 20;
    if (fuzz_random(state) % 8 == 0)
        return UINT64_MAX;
    const unsigned power = powers[fuzz_random(state) % (sizeof powers / sizeof powers[0])];
    return (UINT64_C(1) << power) + fuzz_random(state) % 3 - 1;
}

static bool
is_wordlike(uint8_t byte)
{
    return byte == '-' || byte == '+' || byte == '.' || (byte >= '0' && byte <= '9') ||
           (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static size_t
end_of_token(const uint8_t *data, size_t size, size_t at)
{
    if (data[at] == '"') {
        for (at++; at < size && data[at] != '"'; at++)
            at += data[at] == '\\';
        return at < size ? at + 1 : size;
    }
    if (!is_wordlike(data[at]))
        return at + 1;
    while (at < size && is_wordlike(data[at]))
        at++;
    return at;
}

static size_t
find_tokens(const uint8_t *data, size_t size, struct token *tokens)
{
    size_t count = 0;
    for (size_t at = 0; at < size && count < TOKENS_MAX;) {
        if (data[at] == ' ' || data[at] == '\r' || data[at] == '\t') {
            at++;
            continue;
        }
        tokens[count] = (struct token){at, end_of_token(data, size, at)};
        at = tokens[count++].end;
    }
    return count;
}

/* Puts bytes in the place of [begin, end). Returns the new size, or the old one if there is no room. */
static size_t
splice(uint8_t *data, size_t size, size_t most, struct token place, const void *bytes, size_t count)
{
    const size_t left = size - (place.end - place.begin);
    if (count > most || left > most - count)
        return size;
    memmove(data + place.begin + count, data + place.end, size - place.end);
    memcpy(data + place.begin, bytes, count);
    return left + count;
}

/* The digits that a token begins with. */
static uint64_t
read_number(const uint8_t *data, struct token place)
{
    uint64_t number = 0;
    for (size_t at = place.begin; at < place.end && data[at] >= '0' && data[at] <= '9'; at++)
        number = number * 10 + (uint64_t)(data[at] - '0');
    return number;
}

/* Another value in the place of a token. */
static size_t
replace(uint8_t *data, size_t size, size_t most, struct token place, uint32_t *random)
{
    char number[32];
    const char *text = values[fuzz_random(random) % (sizeof values / sizeof values[0])];
    const unsigned choice = fuzz_random(random) % 4;
    const bool is_number = data[place.begin] >= '0' && data[place.begin] <= '9';
    if (choice > 0) { /* a number's neighbour is where the faults by one are */
        const uint64_t near = read_number(data, place) + fuzz_random(random) % 17 - 8;
        const bool is_near = is_number && choice > 1;
        snprintf(number, sizeof number, "%" PRIu64, is_near ? near : fuzz_interesting(random));
        text = number;
    }
    return splice(data, size, most, place, text, strlen(text));
}

/* Brackets around a token, or a pile of them before it. */
static size_t
nest(uint8_t *data, size_t size, size_t most, struct token place, uint32_t *random)
{
    char brackets[NESTING];
    const size_t count = fuzz_random(random) % 2 ? NESTING : 1;
    memset(brackets, fuzz_random(random) % 2 ? '[' : '{', count);
    place.end = place.begin;
    return splice(data, size, most, place, brackets, count);
}

/* A copy of tokens [from, to) in the place of another one, or before it. */
static size_t
copy(uint8_t *data, size_t size, size_t most, struct token from, struct token place, bool is_insert)
{
    uint8_t bytes[512];
    const size_t count = from.end - from.begin;
    if (count > sizeof bytes)
        return size;
    memcpy(bytes, data + from.begin, count);
    place.end = is_insert ? place.begin : place.end;
    return splice(data, size, most, place, bytes, count);
}

size_t
fuzz_mutate_json(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    static struct token tokens[TOKENS_MAX];
    uint32_t random = fuzz_seed(seed);
    const size_t count = find_tokens(data, size, tokens);
    const unsigned choice = fuzz_random(&random) % 8;
    if (count == 0 || choice == 0)
        return LLVMFuzzerMutate(data, size, most);
    const size_t first = fuzz_random(&random) % count, second = fuzz_random(&random) % count;
    struct token stretch = tokens[first];
    const size_t last = first + fuzz_random(&random) % 8;
    stretch.end = tokens[last < count ? last : count - 1].end;
    switch (choice) {
    case 1:
        return splice(data, size, most, stretch, "", 0);
    case 2:
        return copy(data, size, most, stretch, tokens[second], true);
    case 3:
        return copy(data, size, most, tokens[first], tokens[second], false);
    case 4:
        return nest(data, size, most, tokens[first], &random);
    default:
        return replace(data, size, most, tokens[first], &random);
    }
}
