import { withoutUsers } from '../../services/shared/redact.js';
import { type Endpoint, type Endpoints, mergeEndpoints, PARTS } from './endpoints.js';
import type { Env, Home } from './home.js';
import { isAlive, isFrozen } from './identity.js';
import type { PartName } from './ports.js';
import { httpAnswers, kafkaAnswers } from './ready.js';
import { externalAnswers } from './plan.js';
import { type ProcessRecord, readStackFile, type RunState, type StackFile } from './stack-file.js';

/** `unreachable`: it should be there, but does not answer now. */
export type SeenState = RunState | 'unreachable';

export interface PartStatus {
  /** null where there is neither an embedded server nor one named in the environment. */
  address: string | null;
  source: 'external' | 'embedded' | null;
  state: SeenState;
  pid: number | null;
  restarts: number;
  reason: string | null;
}

export interface ServiceStatus {
  name: string;
  pid: number | null;
  state: SeenState;
  restarts: number;
  reason: string | null;
  url: string;
}

export interface StackStatus {
  parts: Record<PartName, PartStatus>;
  services: ServiceStatus[];
  /** Without it nothing that dies is started again. */
  supervised: boolean;
  allReady: boolean;
}

/** What is there, asked of each server now, not only read from the record. */
export async function stackStatus(home: Home, env: Env): Promise<StackStatus> {
  const stack = readStackFile(home.stackFile);
  const supervised = isAlive(stack?.supervisor ?? null) && !isFrozen(stack?.supervisor ?? null);
  const endpoints = mergeEndpoints(env, stack);
  const records = stack?.processes ?? [];
  const [kafka, registry, clickhouse, services] = await Promise.all([
    partStatus('kafka', endpoints.kafka, { records, supervised }),
    partStatus('registry', endpoints.registry, { records, supervised }),
    partStatus('clickhouse', endpoints.clickhouse, { records, supervised }),
    Promise.all(records.filter(({ kind }) => kind === 'service').map((record) => serviceStatus(record, supervised))),
  ]);
  const parts = { kafka, registry, clickhouse };
  const embedded = Object.values(parts).some(({ source }) => source === 'embedded');
  const allReady =
    [...Object.values(parts), ...services].every(({ state }) => state === 'ready') && (supervised || !embedded);
  return { parts, services, supervised, allReady };
}

async function partStatus(
  part: PartName,
  endpoint: Endpoint | null,
  { records, supervised }: { records: ProcessRecord[]; supervised: boolean },
): Promise<PartStatus> {
  if (endpoint?.source === 'external') {
    const state = (await externalAnswers(part, endpoint.address)) ? 'ready' : 'unreachable';
    return { ...endpoint, address: withoutUsers(endpoint.address), state, pid: null, restarts: 0, reason: null };
  }
  const record = records.find(({ kind, name }) => kind === 'part' && name === part);
  if (record === undefined) {
    return { address: null, source: null, state: 'stopped', pid: null, restarts: 0, reason: null };
  }
  const { restarts, reason } = record;
  const state = await stateNow(record, supervised, (address) => partAnswers(part, address));
  return { address: record.address, source: 'embedded', state, pid: livePid(record), restarts, reason };
}

async function serviceStatus(record: ProcessRecord, supervised: boolean): Promise<ServiceStatus> {
  const { name, restarts, reason, address } = record;
  const state = await stateNow(record, supervised, (url) => httpAnswers(`${url}/readyz`));
  return { name, pid: livePid(record), state, restarts, reason, url: address };
}

export async function partAnswers(part: PartName, address: string): Promise<boolean> {
  if (part === 'kafka') return kafkaAnswers(address);
  return httpAnswers(part === 'registry' ? `${address}/subjects` : `${address}/ping`);
}

async function stateNow(
  record: ProcessRecord,
  supervised: boolean,
  answers: (address: string) => Promise<boolean>,
): Promise<SeenState> {
  if (!isAlive(record.identity)) {
    if (record.state === 'failed') return 'failed';
    // Dead this very moment, or waiting for its next life; without a supervisor there is none.
    if (!supervised) return 'stopped';
    return record.state === 'ready' ? 'restarting' : record.state;
  }
  if (isFrozen(record.identity)) return 'unreachable';
  if (record.state !== 'ready') return record.state;
  return (await answers(record.address)) ? 'ready' : 'unreachable';
}

function livePid(record: ProcessRecord): number | null {
  return isAlive(record.identity) ? (record.identity?.pid ?? null) : null;
}

/** All three servers, when all three are named, or running, watched over and answering; else null. */
export async function readyEndpoints(env: Env, stack: StackFile | null): Promise<Endpoints | null> {
  const { kafka, registry, clickhouse } = mergeEndpoints(env, stack);
  if (kafka === null || registry === null || clickhouse === null) return null;
  const endpoints = { kafka, registry, clickhouse };
  const embedded = PARTS.filter((part) => endpoints[part].source === 'embedded');
  if (embedded.length > 0 && !isAlive(stack?.supervisor ?? null)) return null;
  const answers = await Promise.all(embedded.map((part) => partAnswers(part, endpoints[part].address)));
  return answers.every(Boolean) ? endpoints : null;
}
