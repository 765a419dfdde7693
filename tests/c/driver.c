/* Runs one function of the library on standard input, so that tests can compare builds of it.
 *
 *     driver TABLE best|scalar encode|kernels
 *     driver TABLE best|scalar codes|decode|lengths KIND DIM
 *     driver TABLE best|scalar search KIND DIM K LENGTHS     reads a query, then codes
 *
 * The exit status is the lg_status; a refused row is printed to standard error. Every buffer is its own allocation of
 * exactly the documented size, so that a sanitizer sees each byte too far.
 */
#include "linguagen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct buffer {
    unsigned char *bytes;
    size_t length;
} buffer;

static buffer read_all(FILE *file) {
    buffer all = {NULL, 0};
    size_t room = 0, got = 1;
    while (got) {
        if (all.length == room) all.bytes = realloc(all.bytes, room = room ? 2 * room : 1 << 16);
        if (!all.bytes) exit(100);
        got = fread(all.bytes + all.length, 1, room - all.length, file);
        all.length += got;
    }
    unsigned char *exact = malloc(all.length ? all.length : 1);
    if (!exact) exit(100);
    memcpy(exact, all.bytes, all.length);
    free(all.bytes);
    all.bytes = exact;
    return all;
}

static void *room(size_t bytes) {
    void *memory = malloc(bytes ? bytes : 1);
    if (!memory) exit(100);
    return memory;
}

static lg_status search(const lg_codec *codec, buffer input, size_t k, int measured) {
    size_t query_bytes = codec->output_dim * sizeof(float), rows = (input.length - query_bytes) / codec->bytes_per_row;
    unsigned char *codes = room(rows * codec->bytes_per_row);
    float *lengths = room(rows * sizeof *lengths), *query = room(query_bytes);
    void *scratch = room(lg_search_scratch(codec)), *other = room(lg_codes_scratch(codec));
    lg_hit *hits = room(k * sizeof *hits);
    memcpy(query, input.bytes, query_bytes);
    memcpy(codes, input.bytes + query_bytes, rows * codec->bytes_per_row);
    lg_status status = lg_codes_lengths(codec, codes, rows, lengths, other);
    if (status == LG_OK) status = lg_search(codec, query, codes, measured ? lengths : NULL, rows, k, hits, scratch);
    if (status == LG_OK)
        for (size_t i = 0; i < k && i < rows; i++) printf("%zu %.9g\n", hits[i].row, (double)hits[i].cosine);
    free(hits);
    free(other);
    free(scratch);
    free(query);
    free(lengths);
    free(codes);
    return status;
}

int main(int count, char **words) {
    FILE *file = count > 3 ? fopen(words[1], "rb") : NULL;
    if (!file) return 101;
    buffer table = read_all(file), input = read_all(stdin);
    size_t rows = 0, bytes = 0, row = (size_t)-1;
    unsigned char *output = NULL;
    void *scratch = NULL;
    lg_model model;
    lg_codec codec;
    fclose(file);
    lg_status status = lg_open(&model, table.bytes, table.length);
    if (status == LG_OK && !strcmp(words[2], "scalar")) lg_use_scalar(&model);
    if (status == LG_OK && !strcmp(words[3], "kernels")) return fputs(lg_kernels_name(&model), stdout) < 0;
    if (status == LG_OK && strcmp(words[3], "encode") != 0)
        status = lg_codec_open(&codec, &model, (lg_kind)atoi(words[4]), (uint32_t)atoi(words[5]));
    if (status == LG_OK && !strcmp(words[3], "encode")) {
        rows = input.length / 4 / model.input_dim;
        output = room(bytes = rows * model.output_dim * 4);
        scratch = room(lg_encode_scratch(&model, rows));
        status = lg_encode(&model, (float *)(void *)input.bytes, rows, (float *)(void *)output, scratch, &row);
    } else if (status == LG_OK && !strcmp(words[3], "search")) {
        status = search(&codec, input, (size_t)atoi(words[6]), atoi(words[7]));
    } else if (status == LG_OK) {
        scratch = room(lg_codes_scratch(&codec));
        if (!strcmp(words[3], "codes")) {
            rows = input.length / 4 / codec.output_dim;
            output = room(bytes = rows * codec.bytes_per_row);
            status = lg_codes_encode(&codec, (float *)(void *)input.bytes, rows, output, scratch, &row);
        } else {
            int lengths = !strcmp(words[3], "lengths");
            rows = input.length / codec.bytes_per_row;
            output = room(bytes = rows * (lengths ? 1 : codec.dim) * 4);
            status = lengths ? lg_codes_lengths(&codec, input.bytes, rows, (float *)(void *)output, scratch)
                             : lg_codes_decode(&codec, input.bytes, rows, (float *)(void *)output, scratch);
        }
    }
    if (status == LG_OK && output) fwrite(output, 1, bytes, stdout);
    if (row != (size_t)-1) fprintf(stderr, "row %zu: ", row);
    if (status != LG_OK) fprintf(stderr, "%s\n", lg_status_text(status));
    free(scratch);
    free(output);
    free(input.bytes);
    free(table.bytes);
    return (int)status;
}
