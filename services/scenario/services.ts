import { agent } from '../agent/definition.js';
import { inference } from '../inference/definition.js';
import { payment } from '../payment/definition.js';
import { proof } from '../proof/definition.js';
import { release } from '../release/definition.js';
import type { Config } from '../shared/config.js';
import type { Stream } from '../shared/core/record.js';
import { createLog } from '../shared/log.js';
import type { Definition } from '../shared/runtime/definition.js';
import { patiently } from '../shared/runtime/patience.js';
import { runService } from '../shared/runtime/service.js';
import { allOf } from './story-topics.js';

/** Runs the five consumers in this process until the signal aborts; rejects when one ends by itself. */
export async function runServices(config: Config, signal: AbortSignal): Promise<void> {
  const failed = new AbortController();
  const ending = AbortSignal.any([signal, failed.signal]);
  const run = async <S extends Stream>(definition: Definition<S>): Promise<void> => {
    const log = createLog('warn', { service: definition.service });
    try {
      // What ends a service in an outage is not final: the supervisor would start its process again.
      await patiently(() => runService(definition, { ...config, port: 0 }, { signal: ending, log }), {
        signal: ending,
      });
    } catch (error) {
      if (signal.aborted) return;
      failed.abort();
      throw error;
    }
  };
  // All have ended when this ends: what they write to may be thrown away then.
  await allOf([run(release), run(inference), run(proof), run(agent), run(payment)]);
}
