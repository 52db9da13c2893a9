// Builds dist/ from src/: one bundle split by command, because every file that Node.js resolves and compiles by itself
// costs a short command half a millisecond (docs/performance.md); SQL files as they are. Types are checked by `npm run types`.
import { cpSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

rmSync(`${root}dist`, { recursive: true, force: true });
await build({
  entryPoints: [`${root}src/cli.ts`, `${root}src/ingest/decode-worker.ts`],
  outdir: `${root}dist`,
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
  cpSync(`${root}src/store/${folder}`, `${root}dist/${folder}`, { recursive: true });
