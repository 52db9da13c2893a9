// What benchmarks print: Markdown that can be pasted into the documentation, headed by the machine it was measured on.

import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { highestRss, type Measured, medianCpuMs, pairedRatio, type Spread, wallSpread } from './measure.ts';

/** Describes the machine in one line. */
export function describeMachine(): string {
  const cpu = cpus()[0]?.model.trim() ?? 'unknown CPU';
  const memory = `${(totalmem() / 2 ** 30).toFixed(0)} GiB`;
  return `${cpu}, ${availableParallelism()} cores, ${memory} memory, ${type()} ${release()}, Node.js ${process.version}`;
}

/** Returns a Markdown table whose columns also line up as plain text. The first column is left-aligned, numbers right. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(3, title.length, ...rows.map(row => row[column]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join(' | ')} |`;
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

/** Returns a table of wall times in seconds, and where there is a reference, of the ratios to it. */
export function wallTable(measured: readonly Measured[], reference?: Measured): string {
  const head = ['command', 'median s', 'min s', 'max s', 'CPU s', 'peak RSS MB'];
  const rows = measured.map(one => {
    const { min, median, max } = wallSpread(one);
    return [`\`${one.name}\``, ...[median, min, max].map(formatSeconds), formatCpu(one), formatPeakRss(one)];
  });
  if (reference === undefined) return markdownTable(head, rows);
  const withRatio = rows.map((row, index) => [...row, formatRatio(pairedRatio(measured[index]!, reference))]);
  return markdownTable([...head, `× \`${reference.name}\``], withRatio);
}

/** Returns a ratio as `1.23 (1.10–1.42)`. */
export function formatRatio({ median, min, max }: Spread): string {
  return `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`;
}

/** Returns the median CPU time in seconds. */
export function formatCpu(measured: Measured): string {
  const milliseconds = medianCpuMs(measured);
  return milliseconds === undefined ? 'unknown' : (milliseconds / 1000).toFixed(2);
}

/** Returns the highest resident set in megabytes. */
export function formatPeakRss(measured: Measured): string {
  const bytes = highestRss(measured);
  return bytes === undefined ? 'unknown' : (bytes / 1e6).toFixed(0);
}

/** Returns a count with its digits in groups. */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

function formatSeconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3);
}
