// Builds dist/ from src/: one bundle split by command, because every file that Node.js resolves and compiles by itself
// costs a short command half a millisecond (docs/performance.md); SQL files as they are; what is AssemblyScript as WebAssembly. Types are
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

/** WebAssembly modules, by name: the file that is compiled, and the pages of 64 KiB of its memory. */
const MODULES = {
  lane: { entry: 'webassembly/lane/index.ts', pages: 1280 },
  traces: { entry: 'webassembly/traces/index.ts', pages: 1472 },
} as const;

// Fixed memory, no allocation, no garbage collector: the smallest of what AssemblyScript can be.
for (const [name, { entry, pages }] of Object.entries(MODULES)) {
  const { error, stderr } = await asc.main([
    ...[`${root}src/${entry}`, '--outFile', `${output}/${name}.wasm`, '--runtime', 'stub'],
    ...['--initialMemory', `${pages}`, '--maximumMemory', `${pages}`],
    ...['--enable', 'simd', '--enable', 'bulk-memory', '-O3', '--noAssert', '--converge'],
  ]);
  if (error !== null) throw new Error(`${stderr}`, { cause: error });
}

for (const name of readdirSync(`${root}dist`)) {
  if (name !== 'next') rmSync(`${root}dist/${name}`, { recursive: true });
}
for (const name of readdirSync(output)) renameSync(`${output}/${name}`, `${root}dist/${name}`);
rmSync(output, { recursive: true });
