/* linguagen.h - compress embeddings, write them in few bytes, search these codes, and embed texts, without dependency.
 *
 * Licence Apache-2.0. C11, little-endian machines. The library allocates nothing, prints nothing and has no variables
 * of its own: every function works on what the caller gives it, so threads can share a model and a codec, each with its
 * own scratch memory. The table is a file that `lg-export MODEL --format table -o m.lgt` writes; map it or read it into
 * memory, where it stays as long as the model is used.
 *
 *     lg_model model;
 *     lg_codec codec;
 *     size_t row;
 *     if (lg_open(&model, table, table_bytes) != LG_OK) return 1;
 *     void *scratch = malloc(lg_encode_scratch(&model, rows));
 *     if (lg_encode(&model, vectors, rows, embeddings, scratch, &row) != LG_OK)
 *         printf("row %zu cannot be used\n", row);
 *     if (lg_codec_open(&codec, &model, LG_INT8, model.output_dim) != LG_OK) return 1;
 *     // lg_codes_encode writes codes, lg_search finds the codes nearest to a query: c/example.c has all of it.
 *
 * Every array of floats must be aligned to 4 bytes, scratch memory to 8 bytes; malloc gives more than both. Scratch
 * memory holds nothing between two calls. Outputs must not overlap inputs. If a function does not return LG_OK, what it
 * wrote to its outputs has no meaning.
 */
#ifndef LINGUAGEN_H
#define LINGUAGEN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a function returns. lg_status_text gives a sentence for each. */
typedef enum lg_status {
    LG_OK = 0,
    LG_BAD_ARGUMENT, /* an argument has a value that its function does not accept */
    LG_NOT_A_TABLE,  /* the bytes do not start as a table does */
    LG_BAD_VERSION,  /* the table has another version, or the machine is big-endian */
    LG_BAD_TABLE,    /* the table is cut, edited or not aligned to 4 bytes */
    LG_NOT_FINITE,   /* a row holds NaN or an infinite value */
    LG_ZERO_ROW,     /* a row holds only zeros, which have no direction */
    LG_OTHER_KIND,   /* the table holds a model of another kind: of vectors or of text */
    LG_EMPTY_TEXT    /* a text has no token: it is empty, or holds only spaces */
} lg_status;

/* How embeddings are written in fewer bytes; docs/c.md says what each kind costs. */
typedef enum lg_kind {
    LG_FLOAT32 = 0, /* 4 bytes a dimension */
    LG_FLOAT16,     /* 2 bytes a dimension */
    LG_INT8,        /* 1 byte a dimension, signed */
    LG_UINT8,       /* 1 byte a dimension, int8 plus 128 */
    LG_INT4,        /* 2 dimensions a byte, the first in the low four bits */
    LG_E8,          /* 8 dimensions a byte: the number of a direction */
    LG_BINARY,      /* 8 dimensions a byte: signs, the first in the highest bit, minus 128 */
    LG_UBINARY      /* 8 dimensions a byte: signs, the first in the highest bit */
} lg_kind;

struct lg_kernels; /* the functions for one instruction set */

/* A model: pointers into its table. Read its fields, and let only lg_open and lg_use_scalar set them. */
typedef struct lg_model {
    const unsigned char *table;
    const struct lg_kernels *kernels;
    const void *weights;            /* (columns, stride) int8, or (columns, input_dim) float */
    const float *scales;            /* (columns): what a step of input and weight is worth; empty for a float model */
    const int32_t *sums;            /* (columns): of the weights; empty for a float model */
    const uint32_t *outliers;       /* (outlier_count): input dimensions that stay float */
    const float *outlier_weights;   /* (outlier_count, columns) */
    const float *deeper;            /* (layers, units, 3 units) */
    const float *head;              /* (units, output_dim) */
    const unsigned char *codecs;    /* codec_count records */
    uint32_t input_dim, output_dim; /* numbers in a vector, and in an embedding */
    uint32_t units, layers, columns, stride, outlier_count, codec_count;
    float input_scale; /* size of one step of the input; 0 for a float model */
    char name[64];     /* the model's name, UTF-8, ends with a zero byte */
} lg_model;

/* A kind of code of one model and width. Read its fields, and let only lg_codec_open or lg_codec_make set them. */
typedef struct lg_codec {
    const struct lg_kernels *kernels;
    const float *mean, *deviation; /* (dim); NULL for float32, float16, int8 and uint8 */
    lg_kind kind;
    uint32_t dim;         /* leading dimensions that are kept */
    uint32_t output_dim;  /* numbers in an embedding of the model */
    size_t bytes_per_row; /* bytes that the code of one embedding takes */
    float deviation8;     /* the deviation of every dimension, for int8 and uint8 */
} lg_codec;

/* A text model: pointers into its table. Read its fields, and let only lg_text_open and lg_text_use_scalar set them. */
typedef struct lg_text {
    const unsigned char *table;
    const struct lg_kernels *kernels;
    const void *rows;                 /* (pieces, stride) bytes, where 128 is zero, or (pieces, width) float */
    const float *importance;          /* (pieces): the logarithm of what a token weighs */
    const void *weights;              /* (columns, stride) int8, or (columns, width) float */
    const float *scales;              /* (columns): what a step of row and weight is worth; empty for a float model */
    const int32_t *sums;              /* (columns): of the weights; empty for a float model */
    const float *keep;                /* (directions, layers, hidden): share of a sum that is left a token further */
    const float *deeper;              /* (directions, layers - 1, hidden, 3 hidden) */
    const float *out;                 /* (width + directions hidden, output_dim) */
    const uint32_t *map;              /* (map_units): double array of what the normalizer replaces */
    const char *replacements;         /* (replacement_bytes): by what; each ends with a zero byte */
    const uint32_t *ends;             /* (words): where each of the sorted words ends in letters */
    const unsigned char *letters;     /* (ends[words - 1]) */
    const uint32_t *numbers;          /* (words): the piece of each word */
    const float *scores;              /* (words): logarithms of their probabilities */
    const uint32_t *bytes;            /* (256): the pieces of single bytes, for what no word spells */
    uint32_t pieces, width, output_dim; /* rows of the table, numbers in one, and numbers in an embedding */
    uint32_t hidden, directions, layers, columns, stride, words, map_units, replacement_bytes;
    uint32_t reversed;   /* bit d is set if direction d reads from the end */
    float step;          /* value of one step of rows; 0 for a float model */
    float unknown_score; /* of a character that no word spells */
    float power;         /* exponent of how often a token occurs in its text, minus 1 */
    char name[64];       /* the model's name, UTF-8, ends with a zero byte */
} lg_text;

/* What lg_embed computed for single tokens, so that a token that comes again takes less time. Threads cannot share one.
 * Read its fields, and let only lg_cache_make set them. */
typedef struct lg_cache {
    float *products;  /* (slots, columns of the model) */
    uint32_t *tokens; /* (slots): whose they are */
    uint32_t slots;
} lg_cache;

/* One result of a search. */
typedef struct lg_hit {
    size_t row;   /* counted from 0 */
    float cosine; /* -1 to 1 */
} lg_hit;

/* A sentence in English for a status; never NULL. */
const char *lg_status_text(lg_status status);

/* Check a table and make a model of it.
 *
 * model   is written; it points into `table`, which must stay in memory and unchanged.
 * table   the whole content of a .lgt file, aligned to 4 bytes.
 * length  bytes of `table`.
 *
 * Returns LG_OK, LG_BAD_ARGUMENT (a NULL pointer), LG_NOT_A_TABLE, LG_BAD_VERSION or LG_BAD_TABLE. All bytes are read
 * once for their checksum, which takes about 0.3 ms; it finds damage, not forgery. */
lg_status lg_open(lg_model *model, const void *table, size_t length);

/* Use plain C on any processor. lg_open chooses the fastest kernels; integers are the same with all of them. */
void lg_use_scalar(lg_model *model);

/* The name of the kernels that a model uses: "avx2", "neon", "neon_dot" or "scalar". */
const char *lg_kernels_name(const lg_model *model);

/* Bytes of scratch memory that lg_encode needs for a number of rows; it grows up to 32 rows and then stays. */
size_t lg_encode_scratch(const lg_model *model, size_t rows);

/* Compress vectors.
 *
 * vectors     (rows, model->input_dim). A row whose squared length is within 0.001 of 1 is taken as it is; any other
 *             is divided by its length.
 * rows        how many; 0 is allowed.
 * embeddings  is written: (rows, model->output_dim), each row of length 1. A row does not depend on the others.
 * scratch     lg_encode_scratch(model, rows) bytes, aligned to 8.
 * bad_row     is set to the number of the first row that is refused; may be NULL.
 *
 * Returns LG_OK, LG_BAD_ARGUMENT, LG_NOT_FINITE or LG_ZERO_ROW. */
lg_status lg_encode(const lg_model *model, const float *vectors, size_t rows, float *embeddings, void *scratch,
                    size_t *bad_row);

/* Make the codec of a model for one kind and width.
 *
 * dim  leading dimensions to keep. float32 and float16 take 1 to model->output_dim; the other kinds take
 *      model->output_dim, or a half, a quarter, ... of it that the table holds.
 *
 * Returns LG_OK, or LG_BAD_ARGUMENT: an unknown kind, or a width that is not in the table. */
lg_status lg_codec_open(lg_codec *codec, const lg_model *model, lg_kind kind, uint32_t dim);

/* Make a codec from numbers that do not come from a table, such as those of Codec in Python.
 *
 * dim         leading dimensions to keep, 1 to output_dim; a multiple of 2 for int4, and of 8 for e8, binary, ubinary.
 * output_dim  numbers in an embedding.
 * mean        (dim), after the rotation; may be NULL for float32, float16, int8 and uint8. Must stay in memory.
 * deviation   (dim), or only one for int8 and uint8; may be NULL for float32 and float16. Must stay in memory.
 *
 * Returns LG_OK or LG_BAD_ARGUMENT: an unknown kind, a width that does not fit it, or numbers that are not finite. */
lg_status lg_codec_make(lg_codec *codec, lg_kind kind, uint32_t dim, uint32_t output_dim, const float *mean,
                        const float *deviation);

/* Bytes of scratch memory that lg_codes_encode, lg_codes_decode and lg_codes_lengths need. */
size_t lg_codes_scratch(const lg_codec *codec);

/* Write embeddings as codes.
 *
 * embeddings  (rows, codec->output_dim), each of length 1; if the codec keeps fewer dimensions, they are scaled again.
 * codes       is written: (rows, codec->bytes_per_row) bytes. float32 codes must be aligned to 4, float16 to 2.
 * scratch     lg_codes_scratch(codec) bytes, aligned to 8.
 * bad_row     is set to the number of the first row that is refused; may be NULL.
 *
 * Returns LG_OK, LG_BAD_ARGUMENT, LG_NOT_FINITE or LG_ZERO_ROW. */
lg_status lg_codes_encode(const lg_codec *codec, const float *embeddings, size_t rows, void *codes, void *scratch,
                          size_t *bad_row);

/* Read codes.
 *
 * codes       (rows, codec->bytes_per_row) bytes, as lg_codes_encode or the Python runtime writes them.
 * embeddings  is written: (rows, codec->dim), each row of length 1; float32 and float16 stay as they were stored.
 * scratch     lg_codes_scratch(codec) bytes, aligned to 8.
 *
 * Returns LG_OK or LG_BAD_ARGUMENT. */
lg_status lg_codes_decode(const lg_codec *codec, const void *codes, size_t rows, float *embeddings, void *scratch);

/* Measure what codes stand for, once, so that many searches are fast.
 *
 * lengths  is written: (rows), for lg_search. float32, float16, int8 and uint8 need none.
 * scratch  lg_codes_scratch(codec) bytes, aligned to 8.
 *
 * Returns LG_OK or LG_BAD_ARGUMENT. */
lg_status lg_codes_lengths(const lg_codec *codec, const void *codes, size_t rows, float *lengths, void *scratch);

/* Bytes of scratch memory that lg_search needs. */
size_t lg_search_scratch(const lg_codec *codec);

/* Find the codes nearest to an embedding by cosine, among all of them.
 *
 * query    (codec->output_dim), of length 1.
 * codes    (rows, codec->bytes_per_row) bytes.
 * lengths  (rows) from lg_codes_lengths; NULL measures them in passing, which makes a search of e8 codes about twice
 *          as long, of the binary kinds three times and of int4 six times; the other kinds need none.
 * k        how many to find, at least 1; meant for up to a few hundred.
 * hits     is written: the nearest min(k, rows), nearest first, and the lower row first if two are equal.
 * scratch  lg_search_scratch(codec) bytes, aligned to 8.
 *
 * Cosines are within 2e-5 of those of the Python runtime. To use several threads, give each a part of the rows and
 * merge their hits.
 *
 * Returns LG_OK, LG_BAD_ARGUMENT, LG_NOT_FINITE or LG_ZERO_ROW, the last two for the query. */
lg_status lg_search(const lg_codec *codec, const float *query, const void *codes, const float *lengths, size_t rows,
                    size_t k, lg_hit *hits, void *scratch);

/* How a model writes embeddings in any number of bytes: bits go to dimensions by their energy, in one stream through a
 * trellis. docs/model-file.md explains every field. A table does not hold them: fill them in. All pointers must stay. */
typedef struct lg_trellis {
    const struct lg_kernels *kernels; /* set by lg_trellis_make */
    const float *mean, *deviation;    /* (dim), of the embeddings */
    const float *weights;             /* (dim): what an error counts */
    const float *gains;               /* (15): factor on values, by rung */
    const float *tables;              /* the values of rungs 1 to 14, one table after another */
    const uint16_t *order;            /* (steps): the dimension that gets the next bit */
    uint32_t dim, steps;              /* numbers in an embedding; 8 times the bytes of the longest code */
} lg_trellis;

/* Floats in `tables`. */
size_t lg_trellis_table_floats(void);

/* Choose the kernels of a trellis whose other fields are filled in, and check them.
 *
 * Returns LG_OK or LG_BAD_ARGUMENT: a NULL pointer, a size of 0, or a step at a dimension that cannot get a bit. */
lg_status lg_trellis_make(lg_trellis *trellis, void *scratch);

/* Bytes of scratch memory that the functions on a trellis need. */
size_t lg_trellis_scratch(const lg_trellis *trellis);

/* Write embeddings as codes of any size.
 *
 * bytes       of one code, 8 to trellis->steps / 8.
 * embeddings  (rows, trellis->dim), each of length 1.
 * codes       is written: (rows, bytes).
 * scratch     lg_trellis_scratch(trellis) bytes, aligned to 8.
 * bad_row     is set to the number of the first row that is refused; may be NULL.
 *
 * The codes are those of the Python runtime, byte for byte. Returns LG_OK, LG_BAD_ARGUMENT or LG_NOT_FINITE. */
lg_status lg_trellis_encode(const lg_trellis *trellis, size_t bytes, const float *embeddings, size_t rows, void *codes,
                            void *scratch, size_t *bad_row);

/* Read codes of any size.
 *
 * codes       (rows, bytes), as lg_trellis_encode or the Python runtime writes them.
 * embeddings  is written: (rows, trellis->dim), each row of length 1.
 * scratch     lg_trellis_scratch(trellis) bytes, aligned to 8.
 *
 * Returns LG_OK or LG_BAD_ARGUMENT. */
lg_status lg_trellis_decode(const lg_trellis *trellis, size_t bytes, const void *codes, size_t rows, float *embeddings,
                            void *scratch);

/* Bytes of scratch memory that lg_trellis_search needs for codes of a size. */
size_t lg_trellis_search_scratch(const lg_trellis *trellis, size_t bytes);

/* Find the codes of any size nearest to a query by cosine.
 *
 * query       (trellis->dim), of length 1.
 * codes       (rows, bytes).
 * hits        is written: (k), nearest first, and the lower row first if two are equal; k is at most rows.
 * scratch     lg_trellis_search_scratch(trellis, bytes) bytes, aligned to 8.
 *
 * Of more than 2,048 codes only those are decoded that a first pass finds near; it can miss a neighbour, and missed none of
 * 2,000 at 128 bytes. To use several threads, give each a part of the rows and merge their hits.
 *
 * Returns LG_OK, LG_BAD_ARGUMENT, LG_NOT_FINITE or LG_ZERO_ROW, the last two for the query. */
lg_status lg_trellis_search(const lg_trellis *trellis, size_t bytes, const float *query, const void *codes, size_t rows,
                            size_t k, lg_hit *hits, void *scratch);

/* Check the table of a text model and make a model of it; arguments and results are those of lg_open. The checksum of
 * a large table takes some milliseconds. */
lg_status lg_text_open(lg_text *model, const void *table, size_t length);

/* Like lg_use_scalar, for a text model. */
void lg_text_use_scalar(lg_text *model);

/* The most tokens that a text of some bytes can have. */
size_t lg_most_tokens(const lg_text *model, const char *text, size_t bytes);

/* Bytes of scratch memory that lg_tokenize needs for a text with that most tokens. */
size_t lg_tokenize_scratch(size_t most_tokens);

/* Divide a text into tokens, as the SentencePiece model in the model's file does.
 *
 * text     (bytes) of UTF-8, any length; needs no zero byte at its end. Bytes that are not UTF-8 become U+FFFD.
 * tokens   is written; has room for lg_most_tokens(model, text, bytes).
 * count    is set to the number of tokens, which is 0 for a text that is empty or holds only spaces.
 * scratch  lg_tokenize_scratch(lg_most_tokens(model, text, bytes)) bytes, aligned to 8.
 *
 * Returns LG_OK or LG_BAD_ARGUMENT. */
lg_status lg_tokenize(const lg_text *model, const char *text, size_t bytes, uint32_t *tokens, size_t *count,
                      void *scratch);

/* Bytes of scratch memory that lg_embed needs for a number of tokens; it grows up to 4,096 tokens and then stays. */
size_t lg_embed_scratch(const lg_text *model, size_t count);

/* Bytes of memory that a cache for some tokens needs. */
size_t lg_cache_bytes(const lg_text *model, uint32_t slots);

/* Make an empty cache, for many calls of lg_embed with one model. Embeddings are the same with and without.
 *
 * slots   tokens to keep; 4,096 suit most languages.
 * memory  lg_cache_bytes(model, slots) bytes, aligned to 4; must stay in memory.
 *
 * Returns LG_OK or LG_BAD_ARGUMENT. */
lg_status lg_cache_make(lg_cache *cache, const lg_text *model, uint32_t slots, void *memory);

/* Embed a text.
 *
 * tokens     (count), from lg_tokenize. A text of more than 4,096 gets the mean of its windows' embeddings, each
 *            weighted by its number of tokens, scaled to length 1.
 * embedding  is written: (model->output_dim), of length 1.
 * cache      of this model, which pays for more than a few texts; may be NULL.
 * scratch    lg_embed_scratch(model, count) bytes, aligned to 8.
 *
 * Returns LG_OK, LG_BAD_ARGUMENT (a token that the model does not have, too) or LG_EMPTY_TEXT. */
lg_status lg_embed(const lg_text *model, const uint32_t *tokens, size_t count, float *embedding, const lg_cache *cache,
                   void *scratch);

#ifdef __cplusplus
}
#endif

#endif
