import { Box, render, Text, useApp, useCursor, useInput, usePaste } from 'ink';
import { memo, useEffect, useSyncExternalStore } from 'react';
import { ExitCode } from '../errors.ts';
import type { Terminal } from '../terminal/interactive.ts';
import type { Screen } from '../terminal/screen.ts';
import { createTheme, type Theme } from '../terminal/theme.ts';
import type { ListOrder, TraceFeed } from './feed.ts';
import { frameOf } from './frame.ts';
import { keysOf } from './keys.ts';
import { Session } from './session.ts';
import type { Setting } from './state.ts';

// The screen as Ink draws it: a text a line, made elsewhere; the one place that hears keys. What it costs follows the size of the
// screen, never that of the data.

export interface TuiOptions {
  readonly feed: TraceFeed;
  readonly terminal: Terminal;
  readonly screen: Pick<Screen, 'colour' | 'unicode' | 'utc'>;
  /** The screen is read aloud: lines of words, no screen of its own. */
  readonly isReadAloud: boolean;
  /** The filter to begin with; empty for none. */
  readonly query: string;
  readonly order: ListOrder;
  /** The trace to open at once; undefined for the list. */
  readonly traceId: string | undefined;
  /** Ends it in order. */
  readonly signal: AbortSignal;
  /** Is told after each frame; for tests. */
  readonly onRender?: () => void;
}

/** How a person left. */
export interface TuiResult {
  readonly exitCode: ExitCode;
  /** Command lines that were asked for last. */
  readonly handedOff: readonly string[];
}

/** Shows traces until a person quits or the signal says so. The terminal is as it was before, whatever happens. */
export async function openTui(options: TuiOptions): Promise<TuiResult> {
  const { feed, terminal, screen, isReadAloud, query, order, traceId, signal, onRender } = options;
  const theme = await createTheme(screen.colour);
  const setting: Setting = {
    title: feed.title,
    unicode: screen.unicode,
    utc: screen.utc,
    isReadAloud,
    isLive: feed.isLive,
    commandLines: place => feed.commandLines(place),
  };
  const suspension = { suspend: () => Promise.resolve() };
  const session = new Session(
    feed,
    setting,
    { copy: text => terminal.copy(text), suspend: () => suspension.suspend() },
    { size: terminal.size(), query, order, traceId },
  );
  // Before Ink hears of it, so that the first frame of the new size is whole.
  const stopResizing = terminal.onResize(() => session.dispatch({ kind: 'resize', size: terminal.size() }));
  const interrupt = () => session.end(ExitCode.interrupted);
  signal.addEventListener('abort', interrupt);
  if (signal.aborted) interrupt();
  const instance = render(<App session={session} theme={theme} terminal={terminal} suspension={suspension} />, {
    stdin: terminal.stdin,
    stdout: terminal.stdout,
    // Ink would ask whether this is a CI job; who called has decided.
    interactive: true,
    alternateScreen: !isReadAloud,
    incrementalRendering: true,
    isScreenReaderEnabled: isReadAloud,
    exitOnCtrlC: false,
    patchConsole: true,
    ...(onRender === undefined ? {} : { onRender: () => onRender() }),
  });
  try {
    // It exits by itself only when it fails.
    const exitCode = await Promise.race([session.ended, instance.waitUntilExit().then(() => session.ended)]);
    return { exitCode, handedOff: session.state().handedOff };
  } finally {
    signal.removeEventListener('abort', interrupt);
    stopResizing();
    session.close();
    instance.unmount();
    await instance.waitUntilExit().catch(() => {});
    await terminal.close();
  }
}

interface AppProps {
  readonly session: Session;
  readonly theme: Theme;
  readonly terminal: Terminal;
  /** Where the way to leave the terminal to the shell is put, which only a component of Ink knows. */
  readonly suspension: { suspend: () => Promise<void> };
}

function App({ session, theme, terminal, suspension }: AppProps) {
  const state = useSyncExternalStore(session.subscribe, session.state);
  const { suspendTerminal } = useApp();
  const { setCursorPosition } = useCursor();
  useInput((input, key) => session.press(keysOf(input, key)));
  usePaste(text => session.dispatch({ kind: 'paste', text }));
  useEffect(() => {
    suspension.suspend = () => suspendTerminal(() => terminal.suspend());
  }, [suspension, suspendTerminal, terminal]);
  const { lines, cursor } = frameOf(state, session.setting);
  setCursorPosition(cursor);
  return (
    <Box flexDirection="column" width={state.size.columns} height={lines.length} overflow="hidden">
      {lines.map((line, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a row is its place on the screen; scrolling changes its text
        <Row key={row} text={theme.paint(line)} />
      ))}
    </Box>
  );
}

const Row = memo(function Row({ text }: { readonly text: string }) {
  return <Text wrap="truncate-end">{text}</Text>;
});
