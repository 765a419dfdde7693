/* Targets for libFuzzer: clang -fsanitize=fuzzer,address,undefined -DTARGET=table|codes|text. fuzz.py builds and runs
 * them. Memory that the library gets has exactly the documented size. */
#include "linguagen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOINED(a, b) a##b
#define NAMED(target) JOINED(fuzz_, target)

static void *room(size_t bytes) {
    void *memory = calloc(bytes ? bytes : 1, 1);
    if (!memory) abort();
    return memory;
}

/* Tokenize a text, and embed it. */
static void read_text(const lg_text *model, const char *text, size_t bytes) {
    size_t most = lg_most_tokens(model, text, bytes), count = 0;
    uint32_t *tokens = room(most * sizeof *tokens);
    void *scratch = room(lg_tokenize_scratch(most));
    float *embedding = room(model->output_dim * sizeof *embedding);
    if (lg_tokenize(model, text, bytes, tokens, &count, scratch) != LG_OK) abort();
    free(scratch);
    scratch = room(lg_embed_scratch(model, count));
    if (count > most) abort();
    lg_embed(model, tokens, count, embedding, NULL, scratch);
    free(embedding);
    free(scratch);
    free(tokens);
}

/* Make the first 32 bytes of a table right, so that the rest is looked at. */
static void repair(unsigned char *table, size_t length) {
    uint64_t hash = 0xcbf29ce484222325u, size = length, word;
    for (size_t i = 32; i + 8 <= length; i += 8) {
        memcpy(&word, table + i, 8);
        hash = hash * 0x100000001b3u + word;
    }
    memcpy(table, "LGTABLE\n\1\0\0\0", 12);
    memcpy(table + 16, &size, 8);
    memcpy(table + 24, &hash, 8);
}

/* Any bytes as a table: what opens must run. */
int fuzz_table(const uint8_t *data, size_t size) {
    lg_model model;
    lg_text text;
    if (size < 192 || size > 1 << 16) return 0;
    size_t length = size / 8 * 8;
    unsigned char *table = room(length);
    memcpy(table, data, length);
    repair(table, length);
    if (lg_open(&model, table, length) == LG_OK && (size_t)model.input_dim * model.columns < 1 << 20) {
        float *vector = room(model.input_dim * sizeof *vector), *embedding = room(model.output_dim * sizeof *embedding);
        void *scratch = room(lg_encode_scratch(&model, 1));
        lg_codec codec;
        vector[0] = 1;
        lg_encode(&model, vector, 1, embedding, scratch, NULL);
        lg_codec_open(&codec, &model, LG_E8, model.output_dim);
        free(scratch);
        free(embedding);
        free(vector);
    }
    if (lg_text_open(&text, table, length) == LG_OK && text.hidden < 4096) read_text(&text, "Hi \xc3\xa9!", 6);
    free(table);
    return 0;
}

/* Any numbers and codes of any kind: they are decoded, measured and searched. */
int fuzz_codes(const uint8_t *data, size_t size) {
    lg_codec codec;
    if (size < 4) return 0;
    uint32_t dim = data[1] ? data[1] : 256u, output_dim = dim + data[2] % 4;
    size_t numbers = 2 * dim * sizeof(float);
    float *mean = room(numbers);
    memcpy(mean, data + 4, size - 4 < numbers ? size - 4 : numbers);
    if (lg_codec_make(&codec, (lg_kind)(data[0] % 8), dim, output_dim, mean, mean + dim) == LG_OK) {
        size_t rows = size / codec.bytes_per_row, k = 1 + data[3] % 5;
        uint8_t *codes = room(rows * codec.bytes_per_row);
        float *lengths = room(rows * sizeof *lengths), *decoded = room(rows * dim * sizeof *decoded);
        float *query = room(output_dim * sizeof *query);
        void *scratch = room(lg_codes_scratch(&codec)), *other = room(lg_search_scratch(&codec));
        lg_hit hits[5];
        memcpy(codes, data, rows * codec.bytes_per_row);
        query[0] = 1;
        lg_codes_decode(&codec, codes, rows, decoded, scratch);
        lg_codes_lengths(&codec, codes, rows, lengths, scratch);
        lg_search(&codec, query, codes, lengths, rows, k, hits, other);
        lg_search(&codec, query, codes, NULL, rows, k, hits, other);
        free(other);
        free(scratch);
        free(query);
        free(decoded);
        free(lengths);
        free(codes);
    }
    free(mean);
    return 0;
}

/* Any bytes as a text for the model whose table the environment names. */
int fuzz_text(const uint8_t *data, size_t size) {
    static lg_text model;
    static void *table;
    if (!table) {
        const char *path = getenv("LG_TABLE");
        FILE *file = path ? fopen(path, "rb") : NULL;
        if (!file || fseek(file, 0, SEEK_END)) abort();
        size_t length = (size_t)ftell(file);
        rewind(file);
        table = room(length);
        if (fread(table, 1, length, file) != length || lg_text_open(&model, table, length) != LG_OK) abort();
        fclose(file);
    }
    char *text = room(size);
    memcpy(text, data, size);
    read_text(&model, text, size);
    free(text);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) { return NAMED(TARGET)(data, size); }
