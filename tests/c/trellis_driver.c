/* Runs the trellis on standard input, so that tests can compare builds of it.
 *
 *     trellis_driver FILE encode|decode|search BYTES
 *
 * For a search, standard input holds the query and then codes; of the five nearest, numbers (uint32) and cosines are written.
 * FILE holds dim and steps (uint32), then mean, deviation, weights (dim), gains (15), tables, and order (steps, uint16).
 * The exit status is the lg_status. Every buffer has exactly the documented size, so that a sanitizer sees each byte too
 * far. */
#include "linguagen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *room(size_t bytes) {
    void *memory = malloc(bytes ? bytes : 1);
    if (!memory) exit(100);
    return memory;
}

static void *read_some(FILE *file, size_t bytes) {
    void *memory = room(bytes);
    if (fread(memory, 1, bytes, file) != bytes) exit(101);
    return memory;
}

/* Search the codes on standard input. */
static lg_status search(const lg_trellis *trellis, size_t bytes) {
    float *query = read_some(stdin, trellis->dim * sizeof(float));
    size_t rows = 0, got;
    uint8_t *codes = NULL;
    lg_hit hits[5] = {{0, 0}};
    do {
        uint8_t *more = realloc(codes, (rows + 1) * bytes);
        if (!more) exit(100);
        codes = more;
        got = fread(codes + rows * bytes, 1, bytes, stdin);
        rows += got == bytes;
    } while (got == bytes);
    uint8_t *exact = room(rows * bytes);
    memcpy(exact, codes, rows * bytes);
    void *scratch = room(lg_trellis_search_scratch(trellis, bytes));
    lg_status status = lg_trellis_search(trellis, bytes, query, exact, rows, 5, hits, scratch);
    for (size_t i = 0; i < 5; i++) {
        uint32_t row = (uint32_t)hits[i].row;
        fwrite(&row, sizeof row, 1, stdout);
        fwrite(&hits[i].cosine, sizeof(float), 1, stdout);
    }
    free(query);
    free(codes);
    free(exact);
    free(scratch);
    return status;
}

int main(int count, char **words) {
    FILE *file = count == 4 ? fopen(words[1], "rb") : NULL;
    if (!file) return 102;
    uint32_t *sizes = read_some(file, 8);
    size_t dim = sizes[0], bytes = (size_t)atoi(words[3]), rows = 0, row = 0, floats = lg_trellis_table_floats();
    lg_trellis trellis = {NULL,
                          read_some(file, dim * 4),
                          read_some(file, dim * 4),
                          read_some(file, dim * 4),
                          read_some(file, 15 * 4),
                          read_some(file, floats * 4),
                          read_some(file, sizes[1] * 2),
                          sizes[0],
                          sizes[1]};
    void *scratch = room(lg_trellis_scratch(&trellis));
    int reads = !strcmp(words[2], "decode");
    size_t in = reads ? bytes : dim * 4, out = reads ? dim * 4 : bytes;
    lg_status status = lg_trellis_make(&trellis, scratch);
    void *one = room(in), *made = room(out);
    if (status == LG_OK && !strcmp(words[2], "search")) status = search(&trellis, bytes);
    for (; status == LG_OK && fread(one, 1, in, stdin) == in; rows++) {
        status = reads ? lg_trellis_decode(&trellis, bytes, one, 1, made, scratch)
                       : lg_trellis_encode(&trellis, bytes, one, 1, made, scratch, &row);
        if (status == LG_OK) fwrite(made, 1, out, stdout);
    }
    void *all[] = {one, made, scratch, sizes, (void *)(uintptr_t)trellis.mean,
                   (void *)(uintptr_t)trellis.deviation, (void *)(uintptr_t)trellis.weights,
                   (void *)(uintptr_t)trellis.gains, (void *)(uintptr_t)trellis.tables,
                   (void *)(uintptr_t)trellis.order};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
    fclose(file);
    return (int)status;
}
