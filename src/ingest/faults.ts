import type { Reason } from '../formats/reasons.ts';
import type { AccountKeeper, SourceAccount } from './account.ts';
import type { SourceDamage } from './damage.ts';
import { HINT_FORMATS, poorOutput, refusalOf } from './unreadable.ts';

// Why a source could not be read, or not to its end, by what was seen of it.

type Fault = SourceAccount['fault'];

const HINT_KEPT = 'what stands before it was read';

/** How a source begins. */
export interface Head {
  readonly head: Uint8Array;
  /** There is no more of it than that. */
  readonly isWhole: boolean;
}

/** Why a source that was read to its end is nevertheless not whole, or no trace dump at all. */
export function faultOf(account: AccountKeeper, { head, isWhole }: Head, spans: number): Fault {
  const skipped = account.skipped;
  const find = (...reasons: readonly Reason[]) => skipped.find(({ reason }) => reasons.includes(reason));
  // Of what is not read it is no matter that it is cut off.
  const named = spans === 0 && account.documents === 0 ? find('unread-format', 'unrecognised-json') : undefined;
  const truncated = find('truncated');
  if (truncated !== undefined && named === undefined) {
    return {
      message: `is cut off: ${truncated.first.detail} (byte ${truncated.first.offset})`,
      hint: spans > 0 ? HINT_KEPT : 'not one span is whole',
    };
  }
  if (spans > 0) return undefined;
  const poor = account.documents === 0 ? poorOutput(head) : undefined;
  if (poor !== undefined) return poor;
  const answer = find('api-error');
  if (answer !== undefined) {
    return {
      message: `is the error answer of an API: ${answer.first.detail}`,
      hint: 'ask the API for the trace again',
    };
  }
  if (named?.reason === 'unread-format') {
    return {
      message: `is in a format that is not read: ${named.first.detail}`,
      hint: refusalOf(head, true).hint,
    };
  }
  if (named !== undefined) {
    return { message: `holds JSON but no trace format that is read: ${named.first.detail}`, hint: HINT_FORMATS };
  }
  // Among text that is no JSON, what begins like it and is broken is text, too.
  const broken = skipped.find(({ reason }) => reason.startsWith('malformed-'));
  if (broken !== undefined && (account.documents > 0 || find('not-json') === undefined)) {
    return {
      message: `is broken: ${broken.first.detail} (byte ${broken.first.offset})`,
      hint: 'check how the file was written; nothing in it could be read',
    };
  }
  if (account.documents > 0) return undefined;
  if (skipped.every(({ reason }) => reason === 'not-json' || reason === 'malformed-json'))
    return refusalOf(head, isWhole);
  return undefined;
}

/** What damage means for a source of which something was read, or nothing. */
export function faultOfDamage({ message, hint }: Pick<SourceDamage, 'message' | 'hint'>, isKept: boolean): Fault {
  const said = hint ?? (isKept ? HINT_KEPT : undefined);
  return { message, ...(said === undefined ? {} : { hint: said }) };
}
