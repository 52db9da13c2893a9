import module from 'node:module';

// Where the decode thread begins. What it loads from here on is compiled once and kept, as bin/tailspan.js has it for the main thread:
// each thread asks for that itself, before it loads anything.

module.enableCompileCache();
await import('./decode-worker.ts');
