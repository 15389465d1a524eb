import { openStore } from '../archive/open-store.js';
import { patientStore } from '../archive/patient-store.js';
import { placeOf } from '../archive/place.js';
import { verifyArchive, type Verified } from '../archive/verify.js';
import { loadArchiveConfig } from '../shared/config.js';
import { BacktrailError } from '../shared/errors.js';
import { patiently } from '../shared/runtime/patience.js';
import { patienceOf } from './archive-patience.js';
import { lostLines, problemLine, rangeLines } from './archive-lines.js';
import type { VerifyCommandOptions } from './archive.js';
import { printJson, say, type CliContext } from './context.js';
import { EXIT, usageError } from './exit.js';
import { progressLine } from './progress.js';

/** `backtrail archive verify`: needs nothing but the archive. */
export async function runVerify(text: string, options: VerifyCommandOptions, context: CliContext): Promise<void> {
  if (options.root !== undefined && !/^[0-9a-f]{64}$/.test(options.root)) {
    throw usageError(`--root is not a hash of 64 hex digits: ${options.root}`);
  }
  const place = placeOf(text);
  const line = progressLine(context.stderr, context.env);
  const opened = await openStore(place, loadArchiveConfig(context.env));
  const store = patientStore(opened, (action) => patiently(action, patienceOf(context)));
  let files = 0;
  let verified: Verified;
  try {
    verified = await verifyArchive(store, {
      signal: context.signal,
      root: options.root,
      onRead: ({ file }) => {
        files += 1;
        line.update(`${String(files)} files checked, the last ${file}`);
      },
    });
  } catch (error) {
    if (!(error instanceof BacktrailError) || error.code !== 'ARCHIVE_DAMAGED') throw error;
    verified = unreadable(error.message);
  } finally {
    line.clear();
    await store.close();
  }
  if (options.json === true) printJson(context, { archive: place.name, ...verified });
  else print(verified, context);
  if (!verified.whole) context.endWith(EXIT.findings);
}

function print({ ranges, problems, lost, unlisted, undecodable, whole, root }: Verified, context: CliContext): void {
  if (ranges.length > 0) for (const line of rangeLines(ranges)) context.stdout.write(`${line}\n`);
  for (const problem of problems) context.stdout.write(`${problemLine(problem)}\n`);
  for (const line of lostLines(lost)) say(context, line);
  if (undecodable > 0) say(context, `${undecodable} values are no records of the schema they name, as they came.`);
  if (unlisted.length > 0) {
    say(context, `${unlisted.length} files are not part of it, as of a run that was cut off: ${unlisted[0] ?? ''} ...`);
  }
  if (whole) say(context, `whole, root ${root}`);
}

/** Of a manifest that cannot be read nothing else is known. */
function unreadable(problem: string): Verified {
  const nowhere = { topic: null, partition: null, from: null, to: null, file: 'manifest.json' };
  return {
    whole: false,
    root: '',
    ranges: [],
    lost: [],
    undecodable: 0,
    problems: [{ ...nowhere, problem }],
    unlisted: [],
  };
}
