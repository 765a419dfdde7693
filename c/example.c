/* Compress vectors, write them as int8 codes, and find the codes nearest to the first one.
 *
 *     lg-export text-embedding-3-small --format table -o m.lgt
 *     python c/amalgamate.py .
 *     cc -O2 c/example.c linguagen.c -I. -lm && ./a.out
 */
#include "linguagen.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 1000, NEAREST = 3 };

/* The content of a file, and its length; NULL if it cannot be read. */
static void *read_file(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    void *bytes = NULL;
    long size;
    if (!file) return NULL;
    if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) > 0 && fseek(file, 0, SEEK_SET) == 0) {
        *length = (size_t)size;
        bytes = malloc(*length);
        if (bytes && fread(bytes, 1, *length, file) != *length) {
            free(bytes);
            bytes = NULL;
        }
    }
    fclose(file);
    return bytes;
}

/* Vectors (rows, width) for want of real ones: groups of ten that are alike. */
static void make_vectors(float *vectors, size_t rows, size_t width) {
    unsigned state = 1;
    for (size_t i = 0; i < rows * width; i++) {
        size_t row = i / width;
        state = state * 1664525u + 1013904223u;
        float noise = (float)(state >> 8) / 16777216.0f - 0.5f;
        vectors[i] = row % 10 ? vectors[(row - row % 10) * width + i % width] + 0.3f * noise : noise;
    }
}

static int stop(const char *what, lg_status status) {
    fprintf(stderr, "%s: %s\n", what, lg_status_text(status));
    return 1;
}

int main(void) {
    size_t length = 0, bad_row = 0;
    void *table = read_file("m.lgt", &length);
    lg_model model;
    lg_status status = lg_open(&model, table, length);
    if (status != LG_OK) return stop("m.lgt", status);
    printf("%s: %u -> %u numbers, %s kernels\n", model.name, (unsigned)model.input_dim, (unsigned)model.output_dim,
           lg_kernels_name(&model));

    lg_codec codec;
    status = lg_codec_open(&codec, &model, LG_INT8, model.output_dim);
    if (status != LG_OK) return stop("codec", status);

    size_t scratch_bytes = lg_encode_scratch(&model, ROWS);
    if (scratch_bytes < lg_codes_scratch(&codec)) scratch_bytes = lg_codes_scratch(&codec);
    if (scratch_bytes < lg_search_scratch(&codec)) scratch_bytes = lg_search_scratch(&codec);
    void *scratch = malloc(scratch_bytes);
    float *vectors = malloc(ROWS * model.input_dim * sizeof *vectors);
    float *embeddings = malloc(ROWS * model.output_dim * sizeof *embeddings);
    unsigned char *codes = malloc(ROWS * codec.bytes_per_row);
    if (!scratch || !vectors || !embeddings || !codes) return 1;

    make_vectors(vectors, ROWS, model.input_dim);
    status = lg_encode(&model, vectors, ROWS, embeddings, scratch, &bad_row);
    if (status == LG_OK) status = lg_codes_encode(&codec, embeddings, ROWS, codes, scratch, &bad_row);
    if (status != LG_OK) return stop("vectors", status);
    printf("%d vectors: %zu bytes each -> %zu\n", ROWS, model.input_dim * sizeof *vectors, codec.bytes_per_row);

    lg_hit hits[NEAREST];
    status = lg_search(&codec, embeddings, codes, NULL, ROWS, NEAREST, hits, scratch);
    if (status != LG_OK) return stop("search", status);
    for (int i = 0; i < NEAREST; i++) printf("row %zu, cosine %.3f\n", hits[i].row, (double)hits[i].cosine);

    free(codes);
    free(embeddings);
    free(vectors);
    free(scratch);
    free(table);
    return 0;
}
