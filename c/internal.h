/* What the files of the library share, and callers never see. */
#ifndef LINGUAGEN_INTERNAL_H
#define LINGUAGEN_INTERNAL_H

#include "linguagen.h"

#define LG_ENCODE_BLOCK 32 /* rows that share one pass over the weights */
#define LG_SEARCH_BLOCK 64 /* rows whose products are made before any is compared */
#define LG_SIFT_ROWS 32    /* rows that are sifted at a time */

/* How a sum of table entries becomes an upper bound of a cosine: (sum x step + offset) / length. */
typedef struct lg_sieve {
    float step, offset;
} lg_sieve;

enum { LG_STATES = 256, LG_WINDOWS = 512, LG_RUNGS = 15 }; /* of the trellis */

/* The loops that have a version for each instruction set. Integer results are equal in all versions. */
typedef struct lg_kernels {
    const char *name;
    /* Squared length of x (n); lane i mod 32 sums its own squares, so that all versions round alike. */
    float (*squares)(const float *x, size_t n);
    /* x (n) in whole steps, rounded half to even and cut to -128..127, plus 128. */
    void (*round8)(const float *x, size_t n, float step, uint8_t *rounded);
    /* Products of x (n), minus 128, with weights (4, n) from -64 to 64, each times its scale. sums are those of the
     * weights of each row; n is a multiple of 32. */
    void (*dot8)(const uint8_t *x, const int8_t *weights, const int32_t *sums, const float *scales, size_t n,
                 float products[4]);
    /* Product of floats (n). */
    float (*dotf)(const float *x, const float *y, size_t n);
    /* target (n) += factors (rows) x values (rows, n), row by row. */
    void (*add_rows)(float *target, const float *factors, size_t rows, const float *values, size_t n);
    /* target (n) += a (n) x b (n). */
    void (*add_products)(float *target, const float *a, const float *b, size_t n);
    /* target (n) += factor x (bytes (n) - 128). */
    void (*add_bytes)(float *target, float factor, const uint8_t *bytes, size_t n);
    /* hidden (n) += u v sigmoid(g), from parts (3, n). */
    void (*add_gate)(float *hidden, const float *parts, size_t n);
    /* Products of codes (rows, n), each byte exclusive-or flip, with query (n); and squared lengths of the codes. */
    void (*search8)(const uint8_t *codes, size_t rows, size_t n, uint8_t flip, const int16_t *query, int32_t *dots,
                    int32_t *squares);
    /* Products of nibbles (rows, 2 n) with a query in four parts (4, n): 128 x and 1 x the weights of low nibbles, then
     * of high nibbles. */
    void (*search4)(const uint8_t *codes, size_t rows, size_t n, const int8_t *query, int32_t *dots);
    /* Which of LG_SIFT_ROWS codes (n) have, in units of a cosine, sums of at least `least`: bit r for row r. A sum is
     * that of the entries of tables (n, 2, 16), each at most 127, for its low and high nibbles. NULL if looking up
     * every code exactly is no slower; n is a multiple of 16 and at most 256. */
    uint32_t (*sift)(const uint8_t *codes, size_t n, const uint8_t *tables, const lg_sieve *sieve,
                     const float lengths[LG_SIFT_ROWS], float least);
    /* Squared error of a symbol's values (dims) with the best pick of every window: errors (LG_WINDOWS) from a table
     * (picks, dims, LG_WINDOWS). */
    void (*window_errors)(const float *table, size_t picks, size_t dims, const float *values, float *errors);
    /* Extend the best path to every state by a symbol: costs (LG_STATES), first multiplied by a factor, become those with
     * the errors (LG_WINDOWS) of the symbol; older (2, LG_STATES / 2) is 1 where a path comes from the upper half. */
    void (*trellis_step)(float *costs, float factor, const float *errors, unsigned char *older);
} lg_kernels;

/* exp(x) is 2^n exp(r), and exp(r) its Taylor series of degree 7, on which all kernels agree to the last bit. */
#define LG_LOG2_E 1.44269504f
#define LG_LN2_HIGH 0.693359375f /* few bits, so that n times it is exact */
#define LG_LN2_LOW (-2.12194440e-4f)
#define LG_EXP_MOST 87.0f

#define LG_MOST (1 << 16) /* of any width of a model */
#define LG_VECTOR_TABLE 0
#define LG_TEXT_TABLE 1

/* Check the first 32 bytes of a table, its checksum, and that it holds a model of a kind. */
lg_status lg_check_table(const unsigned char *table, size_t length, uint32_t kind);

uint32_t lg_word_at(const unsigned char *table, size_t offset);

/* The section whose offset stands at a place in the header, or NULL if it does not lie in the table. */
const void *lg_section(const unsigned char *table, uint64_t length, size_t place, uint64_t bytes);

/* A row (dim) divided by its length, as an embedding. */
void lg_finish(const struct lg_kernels *kernels, const float *row, size_t dim, float *embedding);

const lg_kernels *lg_scalar_kernels(void);
const lg_kernels *lg_best_kernels(void);

/* Whether all of x (n) are finite. */
int lg_all_finite(const float *x, size_t n);

/* Check x (n), and give what it must be divided by to have length 1. */
lg_status lg_length(const float *x, size_t n, double *length);

/* Cut an embedding (output_dim) to rows (dim) of length 1, and rotate it if the kind does. work: (2 dim) doubles and
 * twiddles (dim). */
lg_status lg_prepare(const lg_codec *codec, const float *embedding, float *row, double *work, const double *twiddles);

/* Fill the factors (dim) of the fast cosine transform. */
void lg_twiddles(const lg_codec *codec, double *twiddles);

/* What one code stands for (dim), not yet of length 1 and still rotated. */
void lg_unpack(const lg_codec *codec, const uint8_t *code, float *row);

/* Direction number `code` (8), of length 1. */
void lg_direction(unsigned code, float direction[8]);

/* Fill a table with what each value of each byte, or nibble for int4, adds to the squared length of a code: (dim, 16)
 * for int4, (bytes_per_row, 256) for e8 and the binary kinds, empty for the others. */
void lg_square_table(const lg_codec *codec, float *table);
size_t lg_square_entries(const lg_codec *codec);

/* Sum of the entries of a table (bytes, 256) for a code (bytes). */
float lg_look_up(const float *table, const uint8_t *code, size_t bytes);

/* Put a hit among found hits, nearest first; returns how many there are now, at most k. */
size_t lg_keep(lg_hit *hits, size_t found, size_t k, size_t row, float cosine);

/* The lengths of what codes stand for, with a table of squares. */
void lg_measure(const lg_codec *codec, const float *table, const uint8_t *codes, size_t rows, float *lengths);

/* The levels (8) of a byte of e8 or of a binary kind, in standard deviations; dimension k of them is
 * lg_dimension(codec, byte, k). */
void lg_levels(const lg_codec *codec, unsigned code, float levels[8]);
size_t lg_dimension(const lg_codec *codec, size_t byte, size_t k);

#define LG_INT4_STEP 0.3352f
#define LG_E8_LENGTH 2.3325f
#define LG_SIGN_LEVEL 0.7978845608028654f /* sqrt(2 / pi) */

#endif
