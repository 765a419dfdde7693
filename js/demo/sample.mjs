// Vectors with the mean and the leading spectrum of a model's teacher, in groups that share a topic, as float16 .npy.
import { readFileSync } from "node:fs";

export function drawSample(model, rows) {
  const { mean, values, vectors } = statistics(readFileSync(model));
  const [width, rank] = [mean.length, values.length];
  const random = gaussian(7);
  const data = new Uint16Array(rows * width);
  let topic = [];
  for (let row = 0; row < rows; row++) {
    if (row % 12 === 0) topic = values.map(() => random());
    const codes = values.map((value, k) => Math.sqrt(value / 2) * (topic[k] + random()) * (k ? 1 : 0.1));
    const vector = mean.map((value, i) => {
      let sum = value;
      for (let k = 0; k < rank; k++) sum += codes[k] * vectors[i * rank + k];
      return sum;
    });
    const length = Math.hypot(...vector);
    for (let i = 0; i < width; i++) data[row * width + i] = half(vector[i] / length);
  }
  const text = `{'descr': '<f2', 'fortran_order': False, 'shape': (${rows}, ${width}), }`.padEnd(117);
  const head = Buffer.concat([Buffer.from([0x93]), Buffer.from("NUMPY"), Buffer.from([1, 0, 118, 0]), Buffer.from(`${text}\n`)]);
  return Buffer.concat([head, Buffer.from(data.buffer)]);
}

function statistics(file) {
  const start = file.indexOf('{"name": ');
  const text = file.subarray(start, file.lastIndexOf("}") + 1).toString("latin1");
  const stored = JSON.parse(text).statistics;
  const array = ({ dtype, base64 }) => {
    const bytes = Buffer.from(base64, "base64");
    return Array.from({ length: bytes.length / (dtype === "<f4" ? 4 : 2) }, (_, i) =>
      dtype === "<f4" ? bytes.readFloatLE(4 * i) : unhalf(bytes.readUInt16LE(2 * i)),
    );
  };
  return { mean: array(stored.mean), values: array(stored.eigenvalues), vectors: array(stored.eigenvectors) };
}

function unhalf(bits) {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  return (bits & 0x8000 ? -1 : 1) * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
}

function half(value) {
  const sign = value < 0 ? 0x8000 : 0;
  const size = Math.abs(value);
  const exponent = Math.max(-14, Math.floor(Math.log2(size || 2 ** -25)));
  const fraction = Math.round((size / 2 ** exponent) * 1024);
  return sign + (exponent + 14) * 1024 + fraction; // right for subnormal numbers too
}

function gaussian(seed) {
  let state = seed;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 1) / (2 ** 32 + 1);
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
