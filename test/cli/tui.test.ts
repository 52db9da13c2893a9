import { describe, expect, test } from 'vitest';
import { tailspan } from '../support/run.ts';
import { EXAMPLE, refusal } from './shop.ts';

// What the screen shows is in test/tui/.

describe('tui', () => {
  test.each([
    ['tui', ['tui', EXAMPLE]],
    ['show --interactive', ['show', '-i', '2d82b21542c9', EXAMPLE]],
  ])('%s without a terminal is refused before anything is read', async (_, args) => {
    const { exitCode, stdout, stderr } = await tailspan(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toBe(
      'error: this needs a terminal, to show traces on and to take keys from\n' +
        'hint: in a pipe or a script, tailspan search lists traces and tailspan show shows one\n',
    );
  });

  test('a query that is wrong is told as everywhere', async () => {
    expect((await refusal(['tui', EXAMPLE, '{ status = eror }'])).error).toContain('found "eror"');
  });

  test('an order that there is not is told with those that there are', async () => {
    expect(await refusal(['tui', EXAMPLE, '--sort', 'name'])).toMatchObject({ error: "--sort does not know 'name'" });
  });
});
