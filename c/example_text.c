/* Embed two texts, and print how similar they are.
 *
 *     lg-export linguagen-en --format table -o t.lgt
 *     python c/amalgamate.py .
 *     cc -O2 c/example_text.c linguagen.c -I. -lm && ./a.out "a man plays a guitar" "someone makes music"
 */
#include "linguagen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* The embedding of a text, for the caller to free; NULL, with a message, if there is none. */
static float *embedded(const lg_text *model, const char *text) {
    size_t bytes = strlen(text), most = lg_most_tokens(model, text, bytes), count = 0;
    uint32_t *tokens = malloc((most + 1) * sizeof *tokens);
    void *scratch = malloc(lg_tokenize_scratch(most));
    float *embedding = malloc(model->output_dim * sizeof *embedding);
    lg_status status = LG_BAD_ARGUMENT;
    if (tokens && scratch && embedding) status = lg_tokenize(model, text, bytes, tokens, &count, scratch);
    free(scratch);
    scratch = malloc(lg_embed_scratch(model, count));
    if (status == LG_OK && scratch) status = lg_embed(model, tokens, count, embedding, NULL, scratch);
    free(scratch);
    free(tokens);
    if (status == LG_OK) return embedding;
    fprintf(stderr, "\"%s\": %s\n", text, lg_status_text(status));
    free(embedding);
    return NULL;
}

int main(int count, char **words) {
    size_t length;
    lg_text model;
    void *table = read_file("t.lgt", &length);
    if (count != 3 || !table || lg_text_open(&model, table, length) != LG_OK) {
        fprintf(stderr, "usage: a.out TEXT TEXT, where t.lgt is the table of a text model\n");
        return 1;
    }
    float *a = embedded(&model, words[1]), *b = embedded(&model, words[2]), cosine = 0;
    if (!a || !b) return 1;
    for (size_t i = 0; i < model.output_dim; i++) cosine += a[i] * b[i];
    printf("cosine %.3f\n", (double)cosine);
    free(a);
    free(b);
    free(table);
    return 0;
}
