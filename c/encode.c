/* The encoder: one wide product, the gates, one small product, length 1. */
#include "internal.h"

#include <math.h>
#include <string.h>

int lg_all_finite(const float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return 0;
    return 1;
}

lg_status lg_length(const float *x, size_t n, double *length) {
    double sum = 0;
    if (!lg_all_finite(x, n)) return LG_NOT_FINITE;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
    *length = sqrt(sum);
    return sum > 0 ? LG_OK : LG_ZERO_ROW;
}

/* Scratch memory for a block of rows. */
typedef struct lg_block {
    const float **unit; /* (rows): where each row of length 1 lies: in the input, or in scaled */
    float *scaled;      /* (rows, input_dim) */
    float *wide;        /* (rows, columns) */
    float *hidden;      /* (units), then (3 units) for the deeper layers */
    float *kept;        /* (outlier_count) */
    uint8_t *rounded;   /* (rows, stride); NULL for a float model */
} lg_block;

static size_t padded(size_t bytes) { return (bytes + 63) / 64 * 64; }

/* Lay out scratch memory, or with scratch NULL only count it; returns its bytes. */
static size_t lay_out(const lg_model *model, size_t rows, unsigned char *scratch, lg_block *block) {
    size_t count = rows < LG_ENCODE_BLOCK ? rows : LG_ENCODE_BLOCK;
    size_t unit = padded(count * sizeof(float *));
    size_t scaled = padded(count * model->input_dim * sizeof(float));
    size_t wide = padded(count * model->columns * sizeof(float));
    size_t hidden = padded((size_t)model->units * 4 * sizeof(float));
    size_t kept = padded(model->outlier_count * sizeof(float));
    if (scratch) {
        block->unit = (const float **)(void *)scratch;
        block->scaled = (float *)(void *)(scratch += unit);
        block->wide = (float *)(void *)(scratch += scaled);
        block->hidden = (float *)(void *)(scratch += wide);
        block->kept = (float *)(void *)(scratch += hidden);
        block->rounded = scratch + kept;
    }
    return unit + scaled + wide + hidden + kept + (model->input_scale > 0 ? count * model->stride : 0);
}

size_t lg_encode_scratch(const lg_model *model, size_t rows) { return lay_out(model, rows, NULL, NULL) + 8; }

/* Find a vector (input_dim) as a row of length 1: the vector itself, or a scaled copy in room (input_dim). */
static lg_status unit_row(const lg_model *model, const float *vector, float *room, const float **unit) {
    size_t n = model->input_dim;
    float squared = model->kernels->squares(vector, n);
    double length = 1;
    *unit = vector;
    if (fabsf(squared - 1) < 1e-3f) return LG_OK; /* false for NaN */
    if (isfinite(squared) && squared > 1e-30f) {
        float root = sqrtf(squared);
        if (fabsf(root - 1) <= 5e-4f) return LG_OK;
        for (size_t i = 0; i < n; i++) room[i] = vector[i] / root;
    } else {
        lg_status status = lg_length(vector, n, &length);
        if (status != LG_OK) return status;
        for (size_t i = 0; i < n; i++) room[i] = (float)(vector[i] / length);
    }
    *unit = room;
    return LG_OK;
}

/* Round row r for int8 weights, while it is in the cache. */
static void round_row(const lg_model *model, const lg_block *block, size_t r) {
    uint8_t *rounded = block->rounded + r * model->stride;
    model->kernels->round8(block->unit[r], model->input_dim, model->input_scale, rounded);
    memset(rounded + model->input_dim, 0, model->stride - model->input_dim); /* meets weights of zero */
}

/* The wide product (rows, columns) with int8 weights: each four columns stay in the cache for all rows of the block. */
static void product8(const lg_model *model, size_t rows, const lg_block *block) {
    const int8_t *weights = model->weights;
    size_t n = model->stride, columns = model->columns;
    for (size_t c = 0; c < columns; c += 4) {
        size_t first = c + 4 <= columns ? c : columns - 4; /* the last four overlap those before */
        for (size_t r = 0; r < rows; r++)
            model->kernels->dot8(block->rounded + r * n, weights + first * n, model->sums + first,
                                 model->scales + first, n, block->wide + r * columns + first);
    }
}

static void product_float(const lg_model *model, size_t rows, const lg_block *block) {
    const float *weights = model->weights;
    size_t n = model->input_dim, columns = model->columns;
    for (size_t c = 0; c < columns; c++)
        for (size_t r = 0; r < rows; r++)
            block->wide[r * columns + c] = model->kernels->dotf(block->unit[r], weights + c * n, n);
}

void lg_finish(const lg_kernels *kernels, const float *row, size_t dim, float *embedding) {
    float mean = kernels->squares(row, dim) / (float)dim, factor = 1 / sqrtf((mean + 1e-20f) * (float)dim);
    for (size_t i = 0; i < dim; i++) embedding[i] = 0;
    kernels->add_rows(embedding, &factor, 1, row, dim);
}

/* The embedding (output_dim) from row r of the wide product, which is changed. */
static void finish_row(const lg_model *model, const lg_block *block, size_t r, float *embedding) {
    size_t dim = model->output_dim, units = model->units;
    float *wide = block->wide + r * model->columns, *hidden = block->hidden, *parts = hidden + units;
    const lg_kernels *kernels = model->kernels;
    for (uint32_t i = 0; i < model->outlier_count; i++) block->kept[i] = block->unit[r][model->outliers[i]];
    kernels->add_rows(wide, block->kept, model->outlier_count, model->outlier_weights, model->columns);
    for (size_t i = 0; i < units; i++) hidden[i] = 0;
    kernels->add_gate(hidden, wide + dim, units);
    for (size_t layer = 0; layer < model->layers; layer++) {
        for (size_t i = 0; i < units * 3; i++) parts[i] = 0;
        kernels->add_rows(parts, hidden, units, model->deeper + layer * units * units * 3, units * 3);
        kernels->add_gate(hidden, parts, units);
    }
    kernels->add_rows(wide, hidden, units, model->head, dim);
    lg_finish(kernels, wide, dim, embedding);
}

lg_status lg_encode(const lg_model *model, const float *vectors, size_t rows, float *embeddings, void *scratch,
                    size_t *bad_row) {
    lg_block block;
    if (!model || (rows && (!vectors || !embeddings || !scratch)) || (uintptr_t)scratch % 8) return LG_BAD_ARGUMENT;
    if (!rows) return LG_OK;
    lay_out(model, rows, scratch, &block);
    for (size_t first = 0; first < rows; first += LG_ENCODE_BLOCK) {
        size_t count = rows - first < LG_ENCODE_BLOCK ? rows - first : LG_ENCODE_BLOCK, n = model->input_dim;
        for (size_t r = 0; r < count; r++) {
            lg_status status = unit_row(model, vectors + (first + r) * n, block.scaled + r * n, block.unit + r);
            if (status != LG_OK && bad_row) *bad_row = first + r;
            if (status != LG_OK) return status;
            if (model->input_scale > 0) round_row(model, &block, r);
        }
        (model->input_scale > 0 ? product8 : product_float)(model, count, &block);
        for (size_t r = 0; r < count; r++)
            finish_row(model, &block, r, embeddings + (first + r) * model->output_dim);
    }
    return LG_OK;
}
