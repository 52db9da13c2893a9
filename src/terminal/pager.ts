import { spawn } from 'node:child_process';

/**
 * Shows text in the user's pager: `TAILSPAN_PAGER`, `PAGER`, else less. Returns false where there is none, or the text
 * could not be handed over: then it is to be written as it is.
 */
export async function page(text: string, env: Readonly<Record<string, string | undefined>>): Promise<boolean> {
  const chosen = env.TAILSPAN_PAGER ?? env.PAGER;
  if (chosen === '' || chosen === 'cat') return false;
  // Ctrl-C is for the pager as long as it runs; without us it would fight with the shell for the terminal.
  const listeners = process.rawListeners('SIGINT') as NodeJS.SignalsListener[];
  const ignore = () => {};
  process.removeAllListeners('SIGINT').on('SIGINT', ignore);
  try {
    return await new Promise(resolve => {
      const pager = spawn(chosen ?? 'less', {
        // What the user names may have options; that there is no less is not worth a word of a shell.
        shell: chosen !== undefined,
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
  } finally {
    process.off('SIGINT', ignore);
    for (const listener of listeners) process.on('SIGINT', listener);
  }
}
