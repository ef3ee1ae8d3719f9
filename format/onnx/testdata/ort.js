// Runs a model in ONNX Runtime: node ort.js PACKAGE MODEL FOLDER
//
// PACKAGE is the folder of the onnxruntime-node package. FOLDER/in.json lists the
// inputs as {"name": {"type": "float32", "dims": [1, 2], "file": "x.raw"}} with
// little-endian elements in FOLDER; FOLDER/out.json and its files get the outputs.
// FOLDER/in.json may hold "" : {"level": "disabled"} to set the optimiser's level.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const arrays = {
  float32: Float32Array, float64: Float64Array, float16: Uint16Array, int8: Int8Array, uint8: Uint8Array, bool: Uint8Array,
  int16: Int16Array, uint16: Uint16Array, int32: Int32Array, uint32: Uint32Array, int64: BigInt64Array, uint64: BigUint64Array,
};

async function main() {
  const [pkg, model, folder] = process.argv.slice(2);
  const ort = require(path.resolve(pkg));
  const spec = JSON.parse(fs.readFileSync(path.join(folder, 'in.json')));
  const options = { intraOpNumThreads: 1, executionProviders: ['cpu'], logSeverityLevel: 3 };
  if (spec['']) options.graphOptimizationLevel = spec[''].level;
  delete spec[''];
  const session = await ort.InferenceSession.create(model, options);
  const feeds = {};
  for (const [name, s] of Object.entries(spec)) {
    const raw = fs.readFileSync(path.join(folder, s.file));
    const copy = raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length);
    feeds[name] = new ort.Tensor(s.type, new arrays[s.type](copy), s.dims);
  }
  const results = await session.run(feeds);
  const out = {};
  session.outputNames.forEach((name, i) => {
    const t = results[name];
    const file = `out${i}.raw`;
    out[name] = { type: t.type, dims: t.dims.map(Number), file };
    fs.writeFileSync(path.join(folder, file), Buffer.from(t.data.buffer, t.data.byteOffset, t.data.byteLength));
  });
  fs.writeFileSync(path.join(folder, 'out.json'), JSON.stringify(out));
}

main().catch((e) => { console.error(String(e)); process.exit(1); });
