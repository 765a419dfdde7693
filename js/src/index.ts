export { Codec, type Kind, KINDS, rotationMatrix } from "./codes.js";
export { Compressor, type Engine, type LoadOptions } from "./compressor.js";
export { DeviceError, LinguaGenError, ModelFileError, UsageError, VectorError } from "./errors.js";
export { type Manifest, readManifest, type Trellis } from "./manifest.js";
export { readNpy, type Rows, writeNpy } from "./npy.js";
export { TrellisCodec } from "./trellis.js";
export { cosineTopK, type Hit, recallAtK } from "./search.js";
