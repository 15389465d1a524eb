import { createHash } from 'node:crypto';

import type { AlertHistory } from '../shared/core/alert-ledger.js';

/** The id of an alert, the same for ever (SPEC 7): whoever finds it again finds it under this. */
export function alertId(
  modelId: string,
  { kind, release, subject }: Pick<AlertHistory, 'kind' | 'release' | 'subject'>,
): string {
  return createHash('sha256').update([kind, modelId, release, subject].join('|')).digest('hex');
}
