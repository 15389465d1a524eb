import type { Case } from './case.js';
import type { Told } from './told.js';

/** Which of these cases still show the difference that is looked for. */
export type StillDiffers = (cases: readonly Case[]) => Promise<boolean[]>;

/**
 * Makes a case smaller while it still shows the difference: whole parts of its records, single ones, then what records say.
 * What comes out still differs, and nothing more can be taken away from it.
 */
export async function shrink(found: Case, stillDiffers: StillDiffers): Promise<Case> {
  const fewer = await dropRecords(found, stillDiffers);
  return dropFields(fewer, stillDiffers);
}

/** Leaves out ever smaller parts: halves, quarters, at last single records. */
async function dropRecords(found: Case, stillDiffers: StillDiffers): Promise<Case> {
  let smallest = found;
  let parts = 2;
  while (smallest.records.length > 1) {
    const { records } = smallest;
    const size = Math.ceil(records.length / parts);
    const starts = Array.from({ length: Math.ceil(records.length / size) }, (_, i) => i * size);
    const without = starts.map((start) => ({
      ...smallest,
      records: [...records.slice(0, start), ...records.slice(start + size)],
    }));
    const next = await firstThatDiffers(without, stillDiffers);
    if (next !== null) {
      smallest = next;
      parts = Math.max(parts - 1, 2);
    } else if (size === 1) {
      return smallest;
    } else {
      parts = Math.min(parts * 2, records.length);
    }
  }
  return smallest;
}

const NEEDED = [
  'event_id',
  'action',
  'model_id',
  'inference_id',
  'payment_id',
  'agent_id',
  'proof_id',
  'change_id',
  'kind',
  'path',
  'state',
];

/** Takes fields away, and has records come at once. */
async function dropFields(found: Case, stillDiffers: StillDiffers): Promise<Case> {
  let smallest = found;
  for (;;) {
    const simpler = smallest.records.flatMap((told, i) =>
      simplerRecords(told).map((record) => ({ ...smallest, records: smallest.records.with(i, record) })),
    );
    const next = await firstThatDiffers(simpler, stillDiffers);
    if (next === null) return smallest;
    smallest = next;
  }
}

function simplerRecords(told: Told): Told[] {
  const optional = Object.entries(told.fields).filter(
    ([name, value]) => value !== null && !NEEDED.includes(name) && !(Array.isArray(value) && value.length === 0),
  );
  return [
    ...(told.arrives === told.at ? [] : [{ ...told, arrives: Math.floor(told.at / 1000) * 1000 }]).filter(
      ({ arrives }) => arrives !== told.arrives,
    ),
    ...optional.map(([name, value]) => ({
      ...told,
      fields: { ...told.fields, [name]: Array.isArray(value) ? value.slice(1) : null },
    })),
  ];
}

/** Many at a time, as they are run at once anyway. */
const AT_ONCE = 16;

async function firstThatDiffers(cases: readonly Case[], stillDiffers: StillDiffers): Promise<Case | null> {
  for (let from = 0; from < cases.length; from += AT_ONCE) {
    const some = cases.slice(from, from + AT_ONCE);
    const differs = await stillDiffers(some);
    const index = differs.indexOf(true);
    if (index >= 0) return some[index] as Case;
  }
  return null;
}
