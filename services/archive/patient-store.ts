import type { ArchiveStore } from './store.js';

/** Runs what an outage may interrupt, again and again. */
export type Patiently = <T>(action: () => Promise<T>) => Promise<T>;

/** The same store, whose outages are waited out: whatever it does may be done twice. */
export function patientStore(store: ArchiveStore, patiently: Patiently): ArchiveStore {
  return {
    place: store.place,
    readText: (name) => patiently(() => store.readText(name)),
    writeText: (name, text, before) => patiently(() => store.writeText(name, text, before)),
    partFile: (name) => patiently(() => store.partFile(name)),
    put: (name, path, facts) => patiently(() => store.put(name, path, facts)),
    open: (name) => patiently(() => store.open(name)),
    async *names() {
      yield* await patiently(async () => {
        const names: string[] = [];
        for await (const name of store.names()) names.push(name);
        return names;
      });
    },
    close: () => store.close(),
  };
}
