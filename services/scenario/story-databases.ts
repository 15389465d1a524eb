import { connectClickHouse, type ClickHouse } from '../shared/clickhouse/client.js';
import { dropDatabase, emptyDatabase, migrate, tableStatements } from '../shared/clickhouse/migrate.js';
import type { ClickHouseConfig } from '../shared/config.js';
import { patientClickHouse, patiently, type Patience } from '../shared/runtime/patience.js';

/** Throw-away databases for story after story. One that is given back is emptied and serves again: that is 20 times faster. */
export class DatabasesOfStories {
  readonly #config: ClickHouseConfig;
  readonly #name: string;
  readonly #patience: Patience;
  readonly #free: ClickHouse[] = [];
  readonly #made: ClickHouse[] = [];
  readonly #statements = new Map<ClickHouse, ReadonlyMap<string, string>>();

  constructor(config: ClickHouseConfig, name: string, patience: Patience) {
    this.#patience = patience;
    this.#config = config;
    this.#name = name;
  }

  /** An empty database. Nobody else has it until it is given back. */
  async take(): Promise<ClickHouse> {
    const free = this.#free.pop();
    if (free !== undefined) {
      await emptyDatabase(free, this.#statements.get(free) ?? new Map());
      return free;
    }
    const config = { ...this.#config, database: `${this.#name}_${this.#made.length}` };
    const database = patientClickHouse(connectClickHouse(config), this.#patience);
    this.#made.push(database);
    await patiently(() => migrate(config), this.#patience);
    this.#statements.set(database, await tableStatements(database));
    return database;
  }

  /** Only when nobody writes to it any more. */
  give(database: ClickHouse): void {
    this.#free.push(database);
  }

  /** What cannot be dropped stays behind: it must not hide why a story failed. */
  async close(): Promise<void> {
    await Promise.allSettled(
      this.#made.map(async (database) => {
        await database.close();
        await dropDatabase({ ...this.#config, database: database.database });
      }),
    );
  }
}
