/* Reading a table: docs/c.md lists its bytes. */
#include "internal.h"

#include <string.h>

enum {
    LG_VERSION = 1,
    LG_HEADER = 192,
    LG_CHECKED = 32, /* the checksum covers all bytes from here on */
};

const char *lg_status_text(lg_status status) {
    switch (status) {
    case LG_OK: return "no error";
    case LG_BAD_ARGUMENT: return "an argument has a value that its function does not accept";
    case LG_NOT_A_TABLE: return "not a table; write one with lg-export MODEL --format table";
    case LG_BAD_VERSION: return "a table of another version, or a big-endian machine; export it again";
    case LG_BAD_TABLE: return "the table is cut, edited or not aligned to 4 bytes; export or copy it again";
    case LG_NOT_FINITE: return "a row holds NaN or an infinite value";
    case LG_ZERO_ROW: return "a row holds only zeros, which have no direction";
    case LG_OTHER_KIND: return "the table holds a model of another kind; open it with lg_open or lg_text_open";
    case LG_EMPTY_TEXT: return "a text is empty or holds only spaces";
    }
    return "unknown status";
}

uint32_t lg_word_at(const unsigned char *table, size_t offset) {
    uint32_t value;
    memcpy(&value, table + offset, sizeof value);
    return value;
}

static uint64_t long_at(const unsigned char *table, size_t offset) {
    uint64_t value;
    memcpy(&value, table + offset, sizeof value);
    return value;
}

/* A polynomial of the words of 8 bytes: a change of any one word changes it. */
static uint64_t checksum(const unsigned char *bytes, size_t length) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i + 8 <= length; i += 8) hash = hash * 0x100000001b3u + long_at(bytes, i);
    return hash;
}

const void *lg_section(const unsigned char *table, uint64_t length, size_t place, uint64_t bytes) {
    uint64_t offset = lg_word_at(table, place);
    if (offset < LG_HEADER || offset % 64 || offset > length || bytes > length - offset) return NULL;
    return table + offset;
}

static lg_status read_sizes(lg_model *model, const unsigned char *table) {
    uint32_t precision = lg_word_at(table, 144);
    memcpy(model->name, table + 64, 63);
    model->name[63] = 0;
    model->input_dim = lg_word_at(table, 128);
    model->output_dim = lg_word_at(table, 132);
    model->units = lg_word_at(table, 136);
    model->layers = lg_word_at(table, 140);
    model->outlier_count = lg_word_at(table, 148);
    memcpy(&model->input_scale, table + 152, sizeof model->input_scale);
    model->codec_count = lg_word_at(table, 156);
    if (!model->input_dim || model->output_dim < 4 || model->input_dim > LG_MOST || model->output_dim > LG_MOST ||
        model->units > LG_MOST || model->layers > 64 || model->outlier_count > model->input_dim ||
        model->codec_count > 64 || precision > 1)
        return LG_BAD_TABLE;
    if (precision && !(model->input_scale > 0 && model->input_scale < 1e30f)) return LG_BAD_TABLE;
    if (!precision && model->input_scale != 0) return LG_BAD_TABLE;
    model->columns = model->output_dim + 3 * model->units;
    model->stride = precision ? (model->input_dim + 31) / 32 * 32 : model->input_dim;
    return LG_OK;
}

static lg_status check_codecs(const lg_model *model, uint64_t bytes) {
    const unsigned char *record = model->codecs;
    for (uint32_t i = 0; i < model->codec_count; i++) {
        uint32_t dim = bytes >= 8 ? lg_word_at(record, 0) : 0;
        uint64_t size = 8 + (uint64_t)dim * 8;
        if (!dim || dim > model->output_dim || size > bytes) return LG_BAD_TABLE;
        record += size;
        bytes -= size;
    }
    return LG_OK;
}

static lg_status find_sections(lg_model *model, const unsigned char *table, uint64_t length) {
    uint64_t columns = model->columns, units = model->units, outliers = model->outlier_count;
    int integer = model->input_scale > 0;
    model->weights = lg_section(table, length, 160, columns * model->stride * (integer ? 1 : 4));
    model->scales = lg_section(table, length, 164, integer ? columns * 4 : 0);
    model->outliers = lg_section(table, length, 168, outliers * 4);
    model->outlier_weights = lg_section(table, length, 172, outliers * columns * 4);
    model->deeper = lg_section(table, length, 176, model->layers * units * units * 3 * 4);
    model->head = lg_section(table, length, 180, units * model->output_dim * 4);
    model->codecs = lg_section(table, length, 184, 0);
    model->sums = lg_section(table, length, 188, integer ? columns * 4 : 0);
    if (!model->weights || !model->scales || !model->sums || !model->outliers || !model->outlier_weights ||
        !model->deeper || !model->head || !model->codecs)
        return LG_BAD_TABLE;
    for (uint32_t i = 0; i < model->outlier_count; i++)
        if (model->outliers[i] >= model->input_dim) return LG_BAD_TABLE;
    return check_codecs(model, length - (uint64_t)(model->codecs - table));
}

lg_status lg_check_table(const unsigned char *table, size_t length, uint32_t kind) {
    if (length < 12 || memcmp(table, "LGTABLE\n", 8) != 0) return LG_NOT_A_TABLE;
    if (lg_word_at(table, 8) != LG_VERSION) return LG_BAD_VERSION;
    if ((uintptr_t)table % 4 || length < LG_HEADER || length % 8 || long_at(table, 16) != length) return LG_BAD_TABLE;
    if (checksum(table + LG_CHECKED, length - LG_CHECKED) != long_at(table, 24)) return LG_BAD_TABLE;
    return lg_word_at(table, 12) == kind ? LG_OK : LG_OTHER_KIND;
}

lg_status lg_open(lg_model *model, const void *table, size_t length) {
    const unsigned char *bytes = table;
    if (!model || !table) return LG_BAD_ARGUMENT;
    memset(model, 0, sizeof *model);
    lg_status status = lg_check_table(bytes, length, LG_VECTOR_TABLE);
    if (status != LG_OK) return status;
    status = read_sizes(model, bytes);
    if (status == LG_OK) status = find_sections(model, bytes, length);
    model->table = bytes;
    model->kernels = lg_best_kernels();
    return status;
}

void lg_use_scalar(lg_model *model) { model->kernels = lg_scalar_kernels(); }

const char *lg_kernels_name(const lg_model *model) { return model->kernels->name; }

/* Bits a dimension of each kind. */
static const unsigned char kind_bits[] = {32, 16, 8, 8, 4, 1, 1, 1};

/* Whether numbers (n) are finite and of a size that a model's can have; deviations must be above 0, too. */
static int usable(const float *numbers, size_t n, float above) {
    for (size_t i = 0; i < n; i++)
        if (!(numbers[i] > above && numbers[i] < 1e9f)) return 0; /* false for NaN */
    return 1;
}

lg_status lg_codec_make(lg_codec *codec, lg_kind kind, uint32_t dim, uint32_t output_dim, const float *mean,
                        const float *deviation) {
    if (!codec || (int)kind < 0 || kind > LG_UBINARY) return LG_BAD_ARGUMENT;
    if (!dim || dim > output_dim || dim * kind_bits[kind] % 8) return LG_BAD_ARGUMENT;
    if (kind > LG_FLOAT16 && (!deviation || !usable(deviation, kind >= LG_INT4 ? dim : 1, 0))) return LG_BAD_ARGUMENT;
    if (kind >= LG_INT4 && (!mean || !usable(mean, dim, -1e9f))) return LG_BAD_ARGUMENT;
    memset(codec, 0, sizeof *codec);
    codec->kernels = lg_best_kernels();
    codec->kind = kind;
    codec->dim = dim;
    codec->output_dim = output_dim;
    codec->bytes_per_row = (size_t)dim * kind_bits[kind] / 8;
    if (kind == LG_INT8 || kind == LG_UINT8) codec->deviation8 = deviation[0];
    if (kind >= LG_INT4) {
        codec->mean = mean;
        codec->deviation = deviation;
    }
    return LG_OK;
}

lg_status lg_codec_open(lg_codec *codec, const lg_model *model, lg_kind kind, uint32_t dim) {
    const float *mean = NULL, *deviation = NULL;
    const unsigned char *record;
    if (!codec || !model) return LG_BAD_ARGUMENT;
    record = model->codecs;
    for (uint32_t i = 0; i < model->codec_count; i++, record += 8 + (size_t)lg_word_at(record, 0) * 8) {
        if (lg_word_at(record, 0) != dim) continue;
        mean = (const float *)(const void *)(record + 8);
        deviation = kind >= LG_INT4 ? mean + dim : (const float *)(const void *)(record + 4);
    }
    lg_status status = lg_codec_make(codec, kind, dim, model->output_dim, mean, deviation);
    if (status == LG_OK) codec->kernels = model->kernels;
    return status;
}
