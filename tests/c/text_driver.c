/* Runs a text model on standard input, so that tests can compare builds of the library.
 *
 *     text_driver TABLE best|scalar
 *
 * Its cache has so few slots that tokens replace each other. Input: texts, each with its bytes before it as a u32. Output for each: a u32, how many tokens it has, these as u32,
 * and then the embedding if there are any. The exit status is the lg_status. Every buffer is its own allocation of
 * exactly the documented size, so that a sanitizer sees each byte too far.
 */
#include "linguagen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 7 };

static void *room(size_t bytes) {
    void *memory = malloc(bytes ? bytes : 1);
    if (!memory) exit(100);
    return memory;
}

static lg_status run(const lg_text *model, const char *text, size_t bytes, const lg_cache *cache) {
    size_t most = lg_most_tokens(model, text, bytes), count = 0;
    uint32_t *tokens = room(most * sizeof *tokens);
    void *scratch = room(lg_tokenize_scratch(most));
    float *embedding = room(model->output_dim * sizeof *embedding);
    lg_status status = lg_tokenize(model, text, bytes, tokens, &count, scratch);
    free(scratch);
    scratch = room(lg_embed_scratch(model, count));
    if (status == LG_OK) status = lg_embed(model, tokens, count, embedding, cache, scratch);
    if (status == LG_OK || status == LG_EMPTY_TEXT) {
        uint32_t written = (uint32_t)count;
        fwrite(&written, sizeof written, 1, stdout);
        fwrite(tokens, sizeof *tokens, count, stdout);
        if (count) fwrite(embedding, sizeof *embedding, model->output_dim, stdout);
    }
    free(embedding);
    free(scratch);
    free(tokens);
    return status == LG_EMPTY_TEXT ? LG_OK : status;
}

int main(int count, char **words) {
    FILE *file = count > 2 ? fopen(words[1], "rb") : NULL;
    lg_text model;
    uint32_t bytes;
    if (!file || fseek(file, 0, SEEK_END)) return 101;
    size_t length = (size_t)ftell(file);
    rewind(file);
    void *table = room(length);
    if (fread(table, 1, length, file) != length) return 102;
    fclose(file);
    lg_status status = lg_text_open(&model, table, length);
    if (status == LG_OK && !strcmp(words[2], "scalar")) lg_text_use_scalar(&model);
    lg_cache cache;
    void *memory = room(status == LG_OK ? lg_cache_bytes(&model, SLOTS) : 0);
    if (status == LG_OK) status = lg_cache_make(&cache, &model, SLOTS, memory);
    while (status == LG_OK && fread(&bytes, sizeof bytes, 1, stdin)) {
        char *text = room(bytes);
        if (fread(text, 1, bytes, stdin) != bytes) return 103;
        status = run(&model, text, bytes, &cache);
        free(text);
    }
    if (status != LG_OK) fprintf(stderr, "%s\n", lg_status_text(status));
    free(memory);
    free(table);
    return (int)status;
}
