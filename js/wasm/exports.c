/* What JavaScript needs besides the functions of linguagen.h: the sizes of structs, and some of their fields. */
#include "linguagen.h"

#include <math.h>

#define EXPORT(name) __attribute__((export_name(#name))) name

/* Functions of JavaScript's Math: those of the C library, with their tables, would be a fifth of the engine. */
#define IMPORT(name) __attribute__((import_module("math"), import_name(#name))) double math_##name(double x)
IMPORT(cos);
IMPORT(exp);
IMPORT(log);

size_t EXPORT(model_size)(void);
size_t EXPORT(codec_size)(void);
size_t EXPORT(text_size)(void);
uint32_t EXPORT(model_input_dim)(const lg_model *model);
uint32_t EXPORT(model_output_dim)(const lg_model *model);
const char *EXPORT(model_name)(const lg_model *model);
uint32_t EXPORT(text_output_dim)(const lg_text *model);
const char *EXPORT(text_name)(const lg_text *model);
size_t EXPORT(codec_bytes_per_row)(const lg_codec *codec);
const float *EXPORT(codec_mean)(const lg_codec *codec);
const float *EXPORT(codec_deviation)(const lg_codec *codec);

double cos(double x) { return math_cos(x); }

float expf(float x) { return (float)math_exp(x); }

float logf(float x) { return (float)math_log(x); }

size_t model_size(void) { return sizeof(lg_model); }

size_t codec_size(void) { return sizeof(lg_codec); }

size_t text_size(void) { return sizeof(lg_text); }

uint32_t model_input_dim(const lg_model *model) { return model->input_dim; }

uint32_t model_output_dim(const lg_model *model) { return model->output_dim; }

const char *model_name(const lg_model *model) { return model->name; }

uint32_t text_output_dim(const lg_text *model) { return model->output_dim; }

const char *text_name(const lg_text *model) { return model->name; }

size_t codec_bytes_per_row(const lg_codec *codec) { return codec->bytes_per_row; }

/* (dim), or NULL if the kind needs none. */
const float *codec_mean(const lg_codec *codec) { return codec->mean; }

/* (dim); for int8 and uint8 one number; NULL if the kind needs none. */
const float *codec_deviation(const lg_codec *codec) { return codec->mean ? codec->deviation : &codec->deviation8; }
