// ONNX Runtime's side: node peer.js PACKAGE FOLDER THREADS. Answers "MILLISECONDS NAME
// BATCH", one a line, by the median time of a run in seconds, as peers.go does.
'use strict';
const path = require('node:path');
const readline = require('node:readline');

const [pkg, folder, threads] = process.argv.slice(2);
const ort = require(path.resolve(pkg));
const options = { intraOpNumThreads: Number(threads), executionProviders: ['cpu'], graphOptimizationLevel: 'all', logSeverityLevel: 3 };
let made = {};

async function make(name, batch) {
  const session = await ort.InferenceSession.create(path.join(folder, name + '.onnx'), options);
  const dims = name.startsWith('resnet') ? [batch, 3, 32, 32] : [batch, 1, 28, 28];
  const data = Float32Array.from({ length: dims.reduce((a, b) => a * b) }, () => Math.random() - 0.5);
  const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', data, dims) };
  return () => session.run(feeds);
}

async function answer(line) {
  const [ms, name, batch] = line.split(' ');
  const key = name + ' ' + batch;
  if (made.key !== key) made = { key, run: await make(name, Number(batch)) };
  await made.run();
  const times = [];
  const start = process.hrtime.bigint();
  while (!times.length || process.hrtime.bigint() - start < BigInt(ms) * 1000000n) {
    const t = process.hrtime.bigint();
    await made.run();
    times.push(Number(process.hrtime.bigint() - t) / 1e9);
  }
  times.sort((a, b) => a - b);
  console.log(times[times.length >> 1]);
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) await answer(line);
})().catch((e) => { console.error(String(e)); process.exit(1); });
