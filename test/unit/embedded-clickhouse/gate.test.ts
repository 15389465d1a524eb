import { expect, test } from 'vitest';
import { Gate } from '../../../infra/embedded/clickhouse/gate.js';

const never = new AbortController().signal;

test('as many run as the gate is wide, the next waits, one too many is refused with 202', async () => {
  const gate = new Gate({ width: 1, queueMax: 1 });
  const leave = await gate.enter(never);
  let entered = false;
  const second = gate.enter(never).then((leaveSecond) => {
    entered = true;
    return leaveSecond;
  });
  await expect(gate.enter(never)).rejects.toMatchObject({ code: 202 });
  expect(entered).toBe(false);
  leave();
  (await second)();
  (await gate.enter(never))();
});

test('a client that goes away while it waits gives its place up', async () => {
  const gate = new Gate({ width: 1, queueMax: 1 });
  const leave = await gate.enter(never);
  const controller = new AbortController();
  const waiting = gate.enter(controller.signal);
  controller.abort();
  (await waiting)();
  const next = gate.enter(never);
  leave();
  leave();
  (await next)();
});
