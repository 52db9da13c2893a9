import { csv } from './csv.ts';
import { json } from './json.ts';
import { markdown } from './markdown.ts';
import { ndjson } from './ndjson.ts';
import { plain } from './plain.ts';
import type { Renderer } from './report.ts';
import { tableRenderer } from './table.ts';

/** The ways to write a report, as `--format` names them. */
export const RENDERERS: readonly Renderer[] = [tableRenderer, plain, json, ndjson, csv, markdown];
