/* Tokens to an embedding: rows of the table, gates over fading sums in both directions, a weighted mean. */
#include "internal.h"

#include <math.h>
#include <string.h>

enum {
    LG_WINDOW = 4096, /* tokens that are read at a time */
    LG_DOUBLINGS = 4  /* a fading sum reaches 2^4 tokens */
};

static lg_status read_text_sizes(lg_text *model, const unsigned char *table) {
    uint32_t precision = lg_word_at(table, 156);
    memcpy(model->name, table + 64, 63);
    model->name[63] = 0;
    model->pieces = lg_word_at(table, 128);
    model->width = lg_word_at(table, 132);
    model->output_dim = lg_word_at(table, 136);
    model->hidden = lg_word_at(table, 140);
    model->directions = lg_word_at(table, 144);
    model->layers = lg_word_at(table, 148);
    model->reversed = lg_word_at(table, 152);
    memcpy(&model->step, table + 160, sizeof model->step);
    memcpy(&model->unknown_score, table + 164, sizeof model->unknown_score);
    memcpy(&model->power, table + 168, sizeof model->power);
    model->words = lg_word_at(table, 172);
    model->map_units = lg_word_at(table, 176);
    model->replacement_bytes = lg_word_at(table, 180);
    if (!model->pieces || model->pieces > 1 << 24 || !model->width || model->width > LG_MOST || !model->output_dim ||
        model->output_dim > LG_MOST || model->hidden > LG_MOST || model->directions > 2 || model->layers > 64 ||
        precision > 1 || model->words > model->pieces || (model->directions && (!model->layers || model->hidden < 2)))
        return LG_BAD_TABLE;
    if (precision ? !(model->step > 0 && model->step < 1e30f) : model->step != 0) return LG_BAD_TABLE;
    model->columns = model->directions * 3 * model->hidden;
    model->stride = precision ? (model->width + 31) / 32 * 32 : model->width;
    return LG_OK;
}

/* Whether the parts of the tokenizer point to each other and to the table's pieces. */
static int fits(const lg_text *model, uint64_t letters) {
    for (uint32_t i = 0; i < model->words; i++)
        if (model->numbers[i] >= model->pieces || model->ends[i] <= (i ? model->ends[i - 1] : 0)) return 0;
    for (int i = 0; i < 256; i++)
        if (model->bytes[i] >= model->pieces) return 0;
    if (model->replacement_bytes && model->replacements[model->replacement_bytes - 1]) return 0;
    return !model->words || model->ends[model->words - 1] <= letters;
}

static lg_status find_text_sections(lg_text *model, const unsigned char *table, uint64_t length) {
    uint64_t columns = model->columns, hidden = model->hidden, units = model->directions * hidden;
    uint64_t number = model->step > 0 ? 1 : 4, letters = lg_word_at(table, 184);
    uint64_t deeper = model->layers ? units * (model->layers - 1) * 3 * hidden : 0;
    model->rows = lg_section(table, length, 192, (uint64_t)model->pieces * model->stride * number);
    model->importance = lg_section(table, length, 196, (uint64_t)model->pieces * 4);
    model->weights = lg_section(table, length, 200, columns * model->stride * number);
    model->scales = lg_section(table, length, 204, model->step > 0 ? columns * 4 : 0);
    model->sums = lg_section(table, length, 208, model->step > 0 ? columns * 4 : 0);
    model->keep = lg_section(table, length, 212, units * model->layers * 4);
    model->deeper = lg_section(table, length, 216, deeper * 4);
    model->out = lg_section(table, length, 220, (model->width + units) * model->output_dim * 4);
    model->map = lg_section(table, length, 224, (uint64_t)model->map_units * 4);
    model->replacements = lg_section(table, length, 228, model->replacement_bytes);
    model->ends = lg_section(table, length, 232, (uint64_t)model->words * 4);
    model->letters = lg_section(table, length, 236, letters);
    model->numbers = lg_section(table, length, 240, (uint64_t)model->words * 4);
    model->scores = lg_section(table, length, 244, (uint64_t)model->words * 4);
    model->bytes = lg_section(table, length, 248, 256 * 4);
    if (!model->rows || !model->importance || !model->weights || !model->scales || !model->sums || !model->keep ||
        !model->deeper || !model->out || !model->map || !model->replacements || !model->ends || !model->letters ||
        !model->numbers || !model->scores || !model->bytes)
        return LG_BAD_TABLE;
    return fits(model, letters) ? LG_OK : LG_BAD_TABLE;
}

lg_status lg_text_open(lg_text *model, const void *table, size_t length) {
    if (!model || !table) return LG_BAD_ARGUMENT;
    memset(model, 0, sizeof *model);
    lg_status status = lg_check_table(table, length, LG_TEXT_TABLE);
    if (status == LG_OK && length < 256) status = LG_BAD_TABLE;
    if (status == LG_OK) status = read_text_sizes(model, table);
    if (status == LG_OK) status = find_text_sections(model, table, length);
    model->table = table;
    model->kernels = lg_best_kernels();
    return status;
}

void lg_text_use_scalar(lg_text *model) { model->kernels = lg_scalar_kernels(); }

/* Scratch memory for a window of tokens. */
typedef struct lg_reading {
    double *total;  /* (output_dim): sum of the embeddings of windows */
    float *shares;  /* (tokens): what each weighs, summing to 1 */
    float *pooled;  /* (width + directions hidden) */
    float *row;     /* (output_dim) */
    float *parts;   /* (tokens, 3 hidden): u, v, g */
    float *hidden;  /* (tokens, hidden) */
    float *summed;  /* (tokens, hidden) */
    float *fade;    /* (hidden) */
    uint32_t *missing; /* (missing_count): places of tokens whose products are not in the cache */
    size_t missing_count;
} lg_reading;

static size_t lay_out_reading(const lg_text *model, size_t count, void *scratch, lg_reading *reading) {
    size_t units = (size_t)model->directions * model->hidden, hidden = count * model->hidden;
    size_t floats = count + model->width + units + model->output_dim + 5 * hidden + model->hidden + count;
    if (scratch) {
        reading->total = scratch;
        reading->shares = (float *)(void *)(reading->total + model->output_dim);
        reading->pooled = reading->shares + count;
        reading->row = reading->pooled + model->width + units;
        reading->parts = reading->row + model->output_dim;
        reading->hidden = reading->parts + 3 * hidden;
        reading->summed = reading->hidden + hidden;
        reading->fade = reading->summed + hidden;
        reading->missing = (uint32_t *)(void *)(reading->fade + model->hidden);
    }
    return model->output_dim * sizeof(double) + floats * sizeof(float) + 8;
}

size_t lg_embed_scratch(const lg_text *model, size_t count) {
    return lay_out_reading(model, count < LG_WINDOW ? count : LG_WINDOW, NULL, NULL);
}

/* What each token weighs: the softmax of its importance, and less for one that occurs often. */
static void weigh(const lg_text *model, const uint32_t *tokens, size_t count, float *shares) {
    float largest = -INFINITY, sum = 0;
    for (size_t t = 0; t < count; t++) {
        size_t same = 0;
        if (model->power != 0)
            for (size_t i = 0; i < count; i++) same += tokens[i] == tokens[t];
        shares[t] = model->importance[tokens[t]] + (same ? model->power * logf((float)same) : 0);
        if (shares[t] > largest) largest = shares[t];
    }
    for (size_t t = 0; t < count; t++) {
        shares[t] = expf(shares[t] - largest);
        sum += shares[t];
    }
    for (size_t t = 0; t < count; t++) shares[t] /= sum;
}

/* The weighted sum (width) of the tokens' rows. */
static void pool_rows(const lg_text *model, const uint32_t *tokens, size_t count, const float *shares, float *pooled) {
    for (size_t t = 0; t < count; t++) {
        size_t start = (size_t)tokens[t] * model->stride;
        if (model->step > 0)
            model->kernels->add_bytes(pooled, shares[t] * model->step, (const uint8_t *)model->rows + start,
                                      model->width);
        else
            model->kernels->add_rows(pooled, shares + t, 1, (const float *)model->rows + start, model->width);
    }
}

size_t lg_cache_bytes(const lg_text *model, uint32_t slots) {
    return ((size_t)model->columns * sizeof(float) + sizeof(uint32_t)) * slots;
}

lg_status lg_cache_make(lg_cache *cache, const lg_text *model, uint32_t slots, void *memory) {
    if (!cache || !model || !slots || !memory || (uintptr_t)memory % 4) return LG_BAD_ARGUMENT;
    cache->products = memory;
    cache->tokens = (uint32_t *)(void *)(cache->products + (size_t)slots * model->columns);
    cache->slots = slots;
    for (uint32_t slot = 0; slot < slots; slot++) cache->tokens[slot] = UINT32_MAX;
    return LG_OK;
}

/* Where the products (columns) of a token are kept. */
static float *kept_products(const lg_text *model, const lg_cache *cache, uint32_t token) {
    return cache->products + (size_t)(token % cache->slots) * model->columns;
}

/* List the tokens whose products must be computed: all of them if there is no cache. */
static void find_missing(const lg_cache *cache, const uint32_t *tokens, size_t count, lg_reading *reading) {
    reading->missing_count = 0;
    for (size_t t = 0; t < count; t++)
        if (!cache || cache->tokens[tokens[t] % cache->slots] != tokens[t])
            reading->missing[reading->missing_count++] = (uint32_t)t;
}

/* Products of a token's row with four columns from one on. */
static void four_products(const lg_text *model, uint32_t token, size_t column, float *four) {
    size_t n = model->stride;
    if (model->step > 0) {
        model->kernels->dot8((const uint8_t *)model->rows + token * n, (const int8_t *)model->weights + column * n,
                             model->sums + column, model->scales + column, n, four);
        return;
    }
    for (size_t i = 0; i < 4; i++)
        four[i] = model->kernels->dotf((const float *)model->rows + token * n,
                                       (const float *)model->weights + (column + i) * n, n);
}

/* Parts (tokens, 3 hidden) of the first block of a direction, from the tokens' rows or from the cache. */
static void first_parts(const lg_text *model, const uint32_t *tokens, size_t count, size_t direction,
                        const lg_reading *reading, const lg_cache *cache) {
    size_t columns = 3 * (size_t)model->hidden, base = direction * columns, bytes = columns * sizeof(float);
    float *parts = reading->parts;
    for (size_t t = 0, i = 0; cache && t < count; t++)
        if (i < reading->missing_count && reading->missing[i] == t)
            i++;
        else
            memcpy(parts + t * columns, kept_products(model, cache, tokens[t]) + base, bytes);
    for (size_t c = 0; c < columns; c += 4) {
        size_t first = c + 4 <= columns ? c : columns - 4;
        for (size_t i = 0; i < reading->missing_count; i++) {
            size_t t = reading->missing[i];
            four_products(model, tokens[t], base + first, parts + t * columns + first);
        }
    }
    for (size_t i = 0; cache && i < reading->missing_count; i++) {
        size_t t = reading->missing[i];
        memcpy(kept_products(model, cache, tokens[t]) + base, parts + t * columns, bytes);
    }
}

/* The fading sums (tokens, hidden) of v over the tokens before each, or after each if reversed, by doubling their
 * reach (Hillis and Steele, "Data parallel algorithms", 1986). fade (hidden) is room to work in. */
static void fading_sums(const lg_kernels *kernels, const float *parts, size_t count, size_t hidden, const float *keep, int reversed, float *fade,
                        float *sums) {
    for (size_t t = 0; t < count; t++) {
        size_t other = reversed ? t + 1 : t - 1; /* t - 1 wraps for the first token, and is no token either */
        for (size_t i = 0; i < hidden; i++)
            sums[t * hidden + i] = other < count ? parts[other * 3 * hidden + hidden + i] : 0;
    }
    for (size_t reach = 1; reach < 1 << LG_DOUBLINGS; reach *= 2) {
        for (size_t i = 0; i < hidden; i++) fade[i] = reach == 1 ? keep[i] : fade[i] * fade[i];
        for (size_t step = reach; step < count; step++) {
            /* From the far end, so that what is added has not changed yet. */
            float *target = sums + (reversed ? step - reach : count - 1 - (step - reach)) * hidden;
            const float *moved = reversed ? target + reach * hidden : target - reach * hidden;
            kernels->add_products(target, fade, moved, hidden);
        }
    }
}

/* hidden (tokens, hidden) of one direction, through all of its blocks. */
static void read_direction(const lg_text *model, const uint32_t *tokens, size_t count, size_t direction,
                           const lg_reading *reading, const lg_cache *cache) {
    size_t hidden = model->hidden, columns = 3 * hidden;
    int reversed = model->reversed >> direction & 1;
    const float *keep = model->keep + direction * model->layers * hidden;
    const float *deeper = model->deeper + direction * (model->layers - 1) * hidden * columns;
    first_parts(model, tokens, count, direction, reading, cache);
    for (size_t i = 0; i < count * hidden; i++) reading->hidden[i] = 0;
    for (size_t layer = 0; layer < model->layers; layer++, keep += hidden) {
        for (size_t t = 0; layer && t < count; t++) {
            float *parts = reading->parts + t * columns;
            for (size_t i = 0; i < columns; i++) parts[i] = 0;
            model->kernels->add_rows(parts, reading->hidden + t * hidden, hidden, deeper, columns);
        }
        if (layer) deeper += hidden * columns;
        fading_sums(model->kernels, reading->parts, count, hidden, keep, reversed, reading->fade, reading->summed);
        for (size_t t = 0; t < count; t++) {
            memcpy(reading->parts + t * columns + hidden, reading->summed + t * hidden, hidden * sizeof(float));
            model->kernels->add_gate(reading->hidden + t * hidden, reading->parts + t * columns, hidden);
        }
    }
}

/* The embedding (output_dim) of at most LG_WINDOW tokens. */
static void read_window(const lg_text *model, const uint32_t *tokens, size_t count, lg_reading *reading,
                        const lg_cache *cache, float *embedding) {
    size_t units = (size_t)model->directions * model->hidden, inputs = model->width + units;
    float *row = reading->row;
    weigh(model, tokens, count, reading->shares);
    find_missing(cache, tokens, count, reading);
    for (size_t i = 0; i < inputs; i++) reading->pooled[i] = 0;
    pool_rows(model, tokens, count, reading->shares, reading->pooled);
    for (size_t direction = 0; direction < model->directions; direction++) {
        read_direction(model, tokens, count, direction, reading, cache);
        float *pooled = reading->pooled + model->width + direction * model->hidden;
        model->kernels->add_rows(pooled, reading->shares, count, reading->hidden, model->hidden);
    }
    /* Only now, in the order in which products were kept: tokens that share a slot replace each other. */
    for (size_t i = 0; cache && i < reading->missing_count; i++) {
        uint32_t token = tokens[reading->missing[i]];
        cache->tokens[token % cache->slots] = token;
    }
    for (size_t i = 0; i < model->output_dim; i++) row[i] = 0;
    model->kernels->add_rows(row, reading->pooled, inputs, model->out, model->output_dim);
    lg_finish(model->kernels, row, model->output_dim, embedding);
}

lg_status lg_embed(const lg_text *model, const uint32_t *tokens, size_t count, float *embedding, const lg_cache *cache,
                   void *scratch) {
    lg_reading reading;
    if (!model || (count && !tokens) || !embedding || !scratch || (uintptr_t)scratch % 8) return LG_BAD_ARGUMENT;
    if (!count) return LG_EMPTY_TEXT;
    for (size_t t = 0; t < count; t++)
        if (tokens[t] >= model->pieces) return LG_BAD_ARGUMENT;
    lay_out_reading(model, count < LG_WINDOW ? count : LG_WINDOW, scratch, &reading);
    if (count <= LG_WINDOW) {
        read_window(model, tokens, count, &reading, cache, embedding);
        return LG_OK;
    }
    for (size_t i = 0; i < model->output_dim; i++) reading.total[i] = 0;
    for (size_t first = 0; first < count; first += LG_WINDOW) {
        size_t some = count - first < LG_WINDOW ? count - first : LG_WINDOW;
        read_window(model, tokens + first, some, &reading, cache, embedding);
        for (size_t i = 0; i < model->output_dim; i++) reading.total[i] += (double)some * embedding[i];
    }
    float *row = reading.row;
    double squares = 0;
    for (size_t i = 0; i < model->output_dim; i++) squares += reading.total[i] * reading.total[i];
    for (size_t i = 0; i < model->output_dim; i++) row[i] = (float)(reading.total[i] / sqrt(squares));
    memcpy(embedding, row, model->output_dim * sizeof *row);
    return LG_OK;
}
