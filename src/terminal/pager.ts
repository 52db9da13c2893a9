import { spawn } from 'node:child_process';

/**
 * Shows text in the user's pager: `TAILSPAN_PAGER`, `PAGER`, else less. Returns false where there is none, or the text
 * could not be handed over: then it is to be written as it is.
 */
export async function page(text: string, env: Readonly<Record<string, string | undefined>>): Promise<boolean> {
  const command = env.TAILSPAN_PAGER ?? env.PAGER ?? 'less';
  if (command === '' || command === 'cat') return false;
  return new Promise(resolve => {
    const pager = spawn(command, {
      shell: true,
      stdio: ['pipe', 'inherit', 'inherit'],
      // F: quit if it fits, R: colours, X: leave the text on the screen.
      env: { ...env, LESS: env.LESS ?? 'FRX', LV: env.LV ?? '-c' },
    });
    pager.on('error', () => resolve(false));
    // 127 and 126: the shell has no such command.
    pager.on('close', code => resolve(code !== 127 && code !== 126));
    pager.stdin.on('error', () => {});
    pager.stdin.end(text);
  });
}
