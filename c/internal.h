/* What the files of the library share, and callers never see. */
#ifndef LINGUAGEN_INTERNAL_H
#define LINGUAGEN_INTERNAL_H

#include "linguagen.h"

#define LG_ENCODE_BLOCK 32 /* rows that share one pass over the weights */
#define LG_SEARCH_BLOCK 64 /* rows whose products are made before any is compared */

enum { LG_STATES = 256, LG_WINDOWS = 512, LG_RUNGS = 15 }; /* of the trellis */

/* The loops that have a version for each instruction set. Integer results are equal in all versions. */
typedef struct lg_kernels {
    const char *name;
    /* Squared length of x (n); lane i mod 8 sums its own squares, so that all versions round alike. */
    float (*squares)(const float *x, size_t n);
    /* x (n) in whole steps, rounded half to even and cut to -128..127. */
    void (*round8)(const float *x, size_t n, float step, int8_t *rounded);
    /* Products of x (n) with weights (4, n), none of them -128; n is a multiple of 32. */
    void (*dot8)(const int8_t *x, const int8_t *weights, size_t n, int32_t dots[4]);
    /* Product of floats (n). */
    float (*dotf)(const float *x, const float *y, size_t n);
    /* target (n) += factor x values (n). */
    void (*add_scaled)(float *target, float factor, const float *values, size_t n);
    /* Products of codes (rows, n), each byte exclusive-or flip, with query (n); and squared lengths of the codes. */
    void (*search8)(const uint8_t *codes, size_t rows, size_t n, uint8_t flip, const int16_t *query, int32_t *dots,
                    int32_t *squares);
    /* Products of nibbles (rows, 2 n) with a query in four parts (4, n): 128 x and 1 x the weights of low nibbles, then
     * of high nibbles. */
    void (*search4)(const uint8_t *codes, size_t rows, size_t n, const int8_t *query, int32_t *dots);
    /* Squared error of a symbol's values (dims) with the best pick of every window: errors (LG_WINDOWS) from a table
     * (picks, dims, LG_WINDOWS). */
    void (*window_errors)(const float *table, size_t picks, size_t dims, const float *values, float *errors);
    /* Extend the best path to every state by a symbol: costs (LG_STATES), first multiplied by a factor, become those with
     * the errors (LG_WINDOWS) of the symbol; older (2, LG_STATES / 2) is 1 where a path comes from the upper half. */
    void (*trellis_step)(float *costs, float factor, const float *errors, unsigned char *older);
} lg_kernels;

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

#define LG_INT4_STEP 0.3352f
#define LG_E8_LENGTH 2.3325f
#define LG_SIGN_LEVEL 0.7978845608028654f /* sqrt(2 / pi) */

#endif
