import { appendFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import type { CommandContext } from '../../../src/commands/command.ts';
import { Ending } from '../../../src/commands/ending.ts';
import { FollowedFeed, FROM_START } from '../../../src/commands/tail/followed-feed.ts';
import { createScreen } from '../../../src/terminal/screen.ts';
import { ORPHAN, PAGE, PAYMENT, shopFile } from '../../cli/shop.ts';
import { otlpJson } from '../../support/otlp-json.ts';
import { TEST_NOW } from '../../support/run.ts';

// What is kept in memory of files that grow without end.

const sink = { write: async () => {}, isTTY: false };

const context: CommandContext = {
  screen: createScreen({}, { env: {}, platform: 'linux', stdout: sink, stderr: sink, now: () => TEST_NOW }),
  env: {},
  args: [],
  commandLine: undefined,
  get: option => (Object.is(option, FROM_START) ? (true as never) : undefined),
  say: async () => {},
  complain: async () => {},
  hasComplained: false,
  hasPipedInput: false,
  readInput: async () => '',
  openTerminal: async () => undefined,
  signal: new AbortController().signal,
  onFailure: () => {},
  prepare: () => Promise.reject(new Error('no command is run')),
};

test('is forgotten when it is enough, between two traces, and once it was looked at', async () => {
  const file = shopFile(PAGE);
  using ending = new Ending(context);
  const feed = await FollowedFeed.start(context, [file], ending, async () => {}, 5);
  onTestFinished(() => feed.close());
  const spans = () => feed.read(database => database.value('SELECT count(*) FROM span'));
  const never = new AbortController().signal;
  const until = async (isReached: () => boolean | Promise<boolean>) => {
    do {
      await feed.wait(20, never);
      await feed.poll();
    } while (!(await isReached()));
  };
  await until(() => feed.isForgetting);
  expect(await spans()).toBe(5n);
  appendFileSync(file, otlpJson(PAYMENT));
  await until(async () => (await spans()) === 3n);
  expect(feed.isForgetting).toBe(false);
  // A trace that waits for its rest keeps what is there.
  appendFileSync(file, otlpJson(PAGE) + otlpJson(ORPHAN));
  await until(async () => (await spans()) === 8n);
  expect(feed.isForgetting).toBe(false);
  appendFileSync(file, otlpJson(PAGE.map(span => ({ ...span, traceId: 'ab'.padStart(32, '0') }))));
  // But not beyond twice as much: then all of it is stored and shown.
  await until(() => feed.isForgetting);
  expect(await spans()).toBe(14n);
});
