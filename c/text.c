/* Text to tokens, as SentencePiece does it: a unigram language model (Kudo, arXiv 1804.10959, section 3.2) over text
 * that is normalized by longest replacements. */
#include "internal.h"

#include <string.h>

#define LG_SPACE "\xe2\x96\x81" /* U+2581, which stands for a space in pieces */

/* ---- Normalization ---- */

/* The longest replacement at the start of a text: how many of its bytes it replaces, 0 if there is none. The map is a
 * double array (Aoe, "An efficient digital search algorithm by using a double-array structure", 1989) in the layout of
 * darts-clone. */
static size_t longest_match(const lg_text *model, const unsigned char *text, size_t bytes, uint32_t *value) {
    const uint32_t *map = model->map;
    size_t longest = 0, matches = 0;
    uint32_t place = 0, unit;
    if (!model->map_units) return 0;
    unit = map[0];
    place ^= (unit >> 10) << ((unit & 512u) >> 6);
    for (size_t i = 0; i < bytes && matches < 32; i++) {
        place ^= text[i];
        if (place >= model->map_units) return longest;
        unit = map[place];
        if ((unit & 0x800000ffu) != text[i]) return longest;
        place ^= (unit >> 10) << ((unit & 512u) >> 6);
        if (unit >> 8 & 1) {
            if (place >= model->map_units) return longest;
            *value = map[place] & 0x7fffffffu;
            longest = i + 1;
            matches++;
        }
    }
    return longest;
}

/* Bytes of the character at the start of a text, 0 if it is not UTF-8. */
static size_t character(const unsigned char *text, size_t bytes) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = text[0] < 0x80 ? 1 : text[0] >> 5 == 6 ? 2 : text[0] >> 4 == 14 ? 3 : text[0] >> 3 == 30 ? 4 : 0;
    if (!length || length > bytes) return 0;
    uint32_t code = length == 1 ? text[0] : text[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (text[i] >> 6 != 2) return 0;
        code = code << 6 | (text[i] & 63u);
    }
    return code < least[length] || code >= 0x110000 || (code >= 0xd800 && code < 0xe000) ? 0 : length;
}

/* What stands for the start of a text, and how many of its bytes it replaces. */
typedef struct lg_prefix {
    const char *text;
    size_t length, consumed;
} lg_prefix;

static lg_prefix normalized_prefix(const lg_text *model, const unsigned char *text, size_t bytes) {
    uint32_t value = 0;
    lg_prefix prefix = {"\xef\xbf\xbd", 3, 1};
    size_t length = longest_match(model, text, bytes, &value);
    if (length && value < model->replacement_bytes) {
        prefix.text = model->replacements + value;
        prefix.length = strlen(prefix.text);
        prefix.consumed = length;
    } else if ((length = character(text, bytes)) != 0) {
        prefix.text = (const char *)text;
        prefix.length = prefix.consumed = length;
    }
    return prefix;
}

/* Write n bytes to out + length, unless out is NULL; returns the new length. */
static size_t append(unsigned char *out, size_t length, const char *text, size_t n) {
    if (out) memcpy(out + length, text, n);
    return length + n;
}

/* Normalize a text: one U+2581 for each run of spaces and before the first word. Returns the bytes that are written,
 * or with out NULL those that are needed. */
static size_t normalize(const lg_text *model, const unsigned char *text, size_t bytes, unsigned char *out) {
    size_t length = 0;
    int after_space = 1;
    while (bytes) {
        lg_prefix prefix = normalized_prefix(model, text, bytes);
        const char *part = prefix.text;
        size_t left = prefix.length;
        text += prefix.consumed;
        bytes -= prefix.consumed;
        for (; after_space && left && *part == ' '; part++) left--;
        if (!left) continue;
        if (!length) length = append(out, length, LG_SPACE, 3);
        for (size_t i = 0; i < left; i++)
            length = part[i] == ' ' ? append(out, length, LG_SPACE, 3) : append(out, length, part + i, 1);
        after_space = part[left - 1] == ' ';
    }
    while (out && length >= 3 && memcmp(out + length - 3, LG_SPACE, 3) == 0) length -= 3;
    return length;
}

/* ---- The best way to spell a text ---- */

/* The best way to spell a text up to some place. */
typedef struct lg_node {
    float score;
    uint32_t start; /* of its last piece; LG_NOWHERE if no way leads here */
    uint32_t word;  /* that piece, among the sorted words; LG_NOWHERE for a character that no word spells */
} lg_node;

#define LG_NOWHERE 0xffffffffu

/* The sorted words from low to high - 1, which share their first letters. */
typedef struct lg_range {
    uint32_t low, high;
} lg_range;

static size_t start_of(const lg_text *model, uint32_t word) { return word ? model->ends[word - 1] : 0; }

/* The letter of a word at a place, or -1 if it is shorter. */
static int letter(const lg_text *model, uint32_t word, size_t place) {
    size_t at = start_of(model, word) + place;
    return at < model->ends[word] ? model->letters[at] : -1;
}

/* The first word from low to high - 1 whose letter at a place is at least `least`. */
static uint32_t first_from(const lg_text *model, lg_range words, size_t place, int least) {
    while (words.low < words.high) {
        uint32_t middle = words.low + (words.high - words.low) / 2;
        if (letter(model, middle, place) < least)
            words.low = middle + 1;
        else
            words.high = middle;
    }
    return words.low;
}

/* Narrow a range of words that share their first `place` letters to those with one more. */
static lg_range narrowed(const lg_text *model, lg_range words, size_t place, int next) {
    lg_range found = words;
    if (letter(model, words.low, place) != next) found.low = first_from(model, words, place, next);
    words.low = found.low;
    if (words.low == words.high || letter(model, words.high - 1, place) != next)
        found.high = first_from(model, words, place, next + 1);
    return found;
}

static void offer(lg_node *node, float score, size_t start, uint32_t word) {
    if (node->start != LG_NOWHERE && score <= node->score) return;
    node->score = score;
    node->start = (uint32_t)start;
    node->word = word;
}

/* Extend the best way to a place by every word that starts there, and by its character if no word spells it. */
static void extend(const lg_text *model, const unsigned char *text, size_t length, size_t start, size_t width,
                   lg_node *nodes) {
    lg_range words = {0, model->words};
    float score = nodes[start].score;
    int spelt = 0;
    for (size_t n = 0; start + n < length && words.low < words.high; n++) {
        words = narrowed(model, words, n, text[start + n]);
        if (words.low == words.high || letter(model, words.low, n + 1) >= 0) continue;
        offer(nodes + start + n + 1, score + model->scores[words.low], start, words.low);
        spelt |= n + 1 == width;
    }
    if (!spelt) offer(nodes + start + width, score + model->unknown_score, start, LG_NOWHERE);
}

/* Write the tokens of the best way, last first, before `end`; returns how many. */
static size_t trace(const lg_text *model, const unsigned char *text, size_t length, const lg_node *nodes,
                    uint32_t *end) {
    size_t count = 0;
    while (length) {
        lg_node node = nodes[length];
        if (node.word != LG_NOWHERE) {
            *--end = model->numbers[node.word];
            count++;
        } else {
            for (size_t i = length; i > node.start; i--, count++) *--end = model->bytes[text[i - 1]];
        }
        length = node.start;
    }
    return count;
}

size_t lg_most_tokens(const lg_text *model, const char *text, size_t bytes) {
    return normalize(model, (const unsigned char *)text, bytes, NULL);
}

size_t lg_tokenize_scratch(size_t most_tokens) { return (most_tokens + 1) * sizeof(lg_node) + most_tokens + 8; }

lg_status lg_tokenize(const lg_text *model, const char *text, size_t bytes, uint32_t *tokens, size_t *count,
                      void *scratch) {
    if (!model || (bytes && !text) || !count || !scratch || (uintptr_t)scratch % 8 || bytes >= 1u << 28)
        return LG_BAD_ARGUMENT;
    size_t most = lg_most_tokens(model, text, bytes);
    *count = 0;
    if (!most) return LG_OK;
    if (!tokens || most >= LG_NOWHERE) return LG_BAD_ARGUMENT;
    lg_node *nodes = scratch;
    unsigned char *normal = (unsigned char *)(nodes + most + 1);
    size_t length = normalize(model, (const unsigned char *)text, bytes, normal), width;
    for (size_t i = 0; i <= length; i++) nodes[i].start = LG_NOWHERE;
    nodes[0].score = 0;
    for (size_t i = 0; i < length; i += width) {
        width = normal[i] < 0xc0 ? 1 : normal[i] < 0xe0 ? 2 : normal[i] < 0xf0 ? 3 : 4;
        if (width > length - i) width = length - i;
        extend(model, normal, length, i, width, nodes);
    }
    *count = trace(model, normal, length, nodes, tokens + most);
    memmove(tokens, tokens + most - *count, *count * sizeof *tokens);
    return LG_OK;
}
