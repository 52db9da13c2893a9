// Builds dist/ from src/: one bundle split by command, because every file that Node.js resolves and compiles by itself
// costs a short command half a millisecond (docs/performance.md); SQL files as they are; the fast lane as WebAssembly. Types are
// checked by `npm run types`.
import { cpSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

// Built beside the one that is there, which stays if this one does not come about.
const output = `${root}dist/next`;
rmSync(output, { recursive: true, force: true });
await build({
  entryPoints: ['cli', 'ingest/start-decode-worker', 'receive/receive-worker'].map(file => `${root}src/${file}.ts`),
  outdir: output,
  entryNames: '[name]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22.15',
  packages: 'external',
  logLevel: 'warning',
});
for (const folder of ['schema', 'views'])
  cpSync(`${root}src/store/${folder}`, `${output}/${folder}`, { recursive: true });

// Fixed memory, no allocation, no garbage collector: the smallest of what AssemblyScript can be.
const { error, stderr } = await asc.main([
  `${root}src/webassembly/lane/index.ts`,
  ...['--outFile', `${output}/lane.wasm`, '--runtime', 'stub', '--initialMemory', '1280', '--maximumMemory', '1280'],
  ...['--enable', 'simd', '--enable', 'bulk-memory', '-O3', '--noAssert', '--converge'],
]);
if (error !== null) throw new Error(`${stderr}`, { cause: error });

for (const name of readdirSync(`${root}dist`)) {
  if (name !== 'next') rmSync(`${root}dist/${name}`, { recursive: true });
}
for (const name of readdirSync(output)) renameSync(`${output}/${name}`, `${root}dist/${name}`);
rmSync(output, { recursive: true });
