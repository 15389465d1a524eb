import type { Random } from '../../services/demo/random.js';
import { maybe, some, type Fields, type Teller } from './told.js';
import { eventTime } from './times.js';

/** How often each release action is told. */
export type Actions = Readonly<Record<string, number>>;

const WHOLE_BP = 10_000;

/** The fields of one release record. */
export function releaseFields({ random, cast }: Teller, actions: Actions, action = random.weighted(actions)): Fields {
  const fields = {
    action,
    model_id: random.chance(0.85) ? (cast.models[0] as string) : random.pick(cast.models),
    effective_at: random.chance(0.25) ? eventTime(random) : null,
    reason: maybe(random, 0.1, ['drift', 'why\nnot']),
    actor: maybe(random, 0.1, ['on call']),
  };
  const release = random.pick(cast.releases);
  switch (action) {
    case 'PUBLISHED':
      return { ...fields, release, blob_ids: some(random, 0.5, cast.blobs), digest: maybe(random, 0.2, ['0xd1']) };
    case 'TRAFFIC_SET':
      return { ...fields, traffic: trafficSplit(random, cast.releases) };
    case 'ROLLED_BACK': {
      const traffic = random.chance(0.2) ? trafficSplit(random, cast.releases) : null;
      return { ...fields, release, to: random.pick(cast.releases), traffic };
    }
    case 'FLAGGED':
      return {
        ...fields,
        release,
        flag_id: random.pick(cast.flags),
        severity: 'HIGH',
        ...flagScope(random, cast.targets),
      };
    case 'UNFLAGGED':
      return { ...fields, flag_id: random.pick(cast.flags) };
    case 'TARGET_BOUND':
    case 'TARGET_UNBOUND':
      return { ...fields, release, target_id: random.pick(cast.targets) };
    default:
      return { ...fields, release };
  }
}

/** Everything to one, a canary, thirds, shares of 0, or an outage. */
function trafficSplit(random: Random, releases: readonly string[]): Record<string, number> {
  const one = random.pick(releases);
  const other = random.pick(releases);
  const third = random.pick(releases);
  switch (random.weighted({ one: 6, canary: 3, thirds: 1, zero: 1, outage: 1 })) {
    case 'canary': {
      const share = random.pick([1, 1000, 5000]);
      return one === other ? { [one]: WHOLE_BP } : { [one]: WHOLE_BP - share, [other]: share };
    }
    case 'thirds':
      return one === other || other === third || one === third
        ? { [one]: WHOLE_BP }
        : { [one]: 3334, [other]: 3333, [third]: 3333 };
    case 'zero':
      return one === other ? { [one]: 0 } : { [one]: WHOLE_BP, [other]: 0 };
    case 'outage':
      return {};
    default:
      return { [one]: WHOLE_BP };
  }
}

/** No scope, or one or several of: an activation that may not be there yet, a span that may be empty, targets or none. */
function flagScope(random: Random, targets: readonly string[]): Fields {
  if (random.chance(0.4)) return {};
  return {
    activation: maybe(random, 0.4, [1, 1, 2, 2, 3, 0, -1, 9]),
    from: random.chance(0.3) ? eventTime(random) : null,
    until: random.chance(0.3) ? eventTime(random) : null,
    targets: random.chance(0.25) ? some(random, 0.4, targets) : null,
  };
}
