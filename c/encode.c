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
    float *wide;     /* (rows, columns) */
    float *unit;     /* (rows, input_dim): rows of length 1 */
    float *hidden;   /* (units), then (3 units) for the deeper layers */
    int8_t *rounded; /* (rows, stride); NULL for a float model */
} lg_block;

static size_t padded(size_t bytes) { return (bytes + 63) / 64 * 64; }

/* Lay out scratch memory, or with scratch NULL only count it; returns its bytes. */
static size_t lay_out(const lg_model *model, size_t rows, unsigned char *scratch, lg_block *block) {
    size_t count = rows < LG_ENCODE_BLOCK ? rows : LG_ENCODE_BLOCK;
    size_t wide = padded(count * model->columns * sizeof(float));
    size_t unit = padded(count * model->input_dim * sizeof(float));
    size_t hidden = padded((size_t)model->units * 4 * sizeof(float));
    if (scratch) {
        block->wide = (float *)(void *)scratch;
        block->unit = (float *)(void *)(scratch + wide);
        block->hidden = (float *)(void *)(scratch + wide + unit);
        block->rounded = (int8_t *)(scratch + wide + unit + hidden);
    }
    return wide + unit + hidden + (model->input_scale > 0 ? count * model->stride : 0);
}

size_t lg_encode_scratch(const lg_model *model, size_t rows) { return lay_out(model, rows, NULL, NULL) + 8; }

/* A vector (input_dim) as a row of length 1. */
static lg_status unit_row(const lg_model *model, const float *vector, float *row) {
    size_t n = model->input_dim;
    float squared = model->kernels->squares(vector, n);
    double length = 1;
    memcpy(row, vector, n * sizeof *row);
    if (fabsf(squared - 1) < 1e-3f) return LG_OK; /* false for NaN */
    if (isfinite(squared) && squared > 1e-30f) {
        float root = sqrtf(squared);
        if (fabsf(root - 1) > 5e-4f)
            for (size_t i = 0; i < n; i++) row[i] = vector[i] / root;
        return LG_OK;
    }
    lg_status status = lg_length(vector, n, &length);
    if (status == LG_OK)
        for (size_t i = 0; i < n; i++) row[i] = (float)(vector[i] / length);
    return status;
}

/* The wide product (rows, columns) with int8 weights: each four columns stay in the cache for all rows of the block. */
static void product8(const lg_model *model, size_t rows, const lg_block *block) {
    const int8_t *weights = model->weights;
    size_t n = model->stride, columns = model->columns;
    for (size_t r = 0; r < rows; r++) {
        int8_t *rounded = block->rounded + r * n;
        model->kernels->round8(block->unit + r * model->input_dim, model->input_dim, model->input_scale, rounded);
        memset(rounded + model->input_dim, 0, n - model->input_dim);
    }
    for (size_t c = 0; c < columns; c += 4) {
        size_t first = c + 4 <= columns ? c : columns - 4; /* the last four overlap those before */
        for (size_t r = 0; r < rows; r++) {
            int32_t dots[4];
            model->kernels->dot8(block->rounded + r * n, weights + first * n, n, dots);
            for (size_t i = 0; i < 4; i++)
                block->wide[r * columns + first + i] =
                    (float)dots[i] * (model->input_scale * model->scales[first + i]);
        }
    }
}

static void product_float(const lg_model *model, size_t rows, const lg_block *block) {
    const float *weights = model->weights;
    size_t n = model->input_dim, columns = model->columns;
    for (size_t c = 0; c < columns; c++)
        for (size_t r = 0; r < rows; r++)
            block->wide[r * columns + c] = model->kernels->dotf(block->unit + r * n, weights + c * n, n);
}

/* hidden (units) += u v sigmoid(g), from parts (3 units). */
static void add_gate(float *hidden, const float *parts, size_t units) {
    const float *u = parts, *v = parts + units, *g = parts + 2 * units;
    for (size_t i = 0; i < units; i++) hidden[i] += u[i] * v[i] / (1 + expf(-g[i]));
}

/* The embedding (output_dim) from one row of the wide product, which is changed. */
static void finish_row(const lg_model *model, float *wide, const float *unit, float *hidden, float *embedding) {
    size_t dim = model->output_dim, units = model->units;
    float *parts = hidden + units;
    void (*add_scaled)(float *, float, const float *, size_t) = model->kernels->add_scaled;
    for (uint32_t i = 0; i < model->outlier_count; i++)
        add_scaled(wide, unit[model->outliers[i]], model->outlier_weights + (size_t)i * model->columns, model->columns);
    for (size_t i = 0; i < units; i++) hidden[i] = 0;
    add_gate(hidden, wide + dim, units);
    for (size_t layer = 0; layer < model->layers; layer++) {
        const float *weights = model->deeper + layer * units * units * 3;
        for (size_t i = 0; i < units * 3; i++) parts[i] = 0;
        for (size_t i = 0; i < units; i++) add_scaled(parts, hidden[i], weights + i * units * 3, units * 3);
        add_gate(hidden, parts, units);
    }
    for (size_t i = 0; i < units; i++) add_scaled(wide, hidden[i], model->head + i * dim, dim);
    float mean = model->kernels->squares(wide, dim) / (float)dim;
    float root = sqrtf((mean + 1e-20f) * (float)dim);
    for (size_t i = 0; i < dim; i++) embedding[i] = wide[i] / root;
}

lg_status lg_encode(const lg_model *model, const float *vectors, size_t rows, float *embeddings, void *scratch,
                    size_t *bad_row) {
    lg_block block;
    if (!model || (rows && (!vectors || !embeddings || !scratch)) || (uintptr_t)scratch % 8) return LG_BAD_ARGUMENT;
    if (!rows) return LG_OK;
    lay_out(model, rows, scratch, &block);
    for (size_t first = 0; first < rows; first += LG_ENCODE_BLOCK) {
        size_t count = rows - first < LG_ENCODE_BLOCK ? rows - first : LG_ENCODE_BLOCK;
        for (size_t r = 0; r < count; r++) {
            lg_status status = unit_row(model, vectors + (first + r) * model->input_dim, block.unit + r * model->input_dim);
            if (status != LG_OK && bad_row) *bad_row = first + r;
            if (status != LG_OK) return status;
        }
        (model->input_scale > 0 ? product8 : product_float)(model, count, &block);
        for (size_t r = 0; r < count; r++)
            finish_row(model, block.wide + r * model->columns, block.unit + r * model->input_dim, block.hidden,
                       embeddings + (first + r) * model->output_dim);
    }
    return LG_OK;
}
