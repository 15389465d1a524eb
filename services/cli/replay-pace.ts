/** How far a replay is, how fast, and how long it still takes. */
export class ReplayPace {
  #now = 0;
  #before = 0;

  constructor(
    private readonly total: number,
    private readonly startMs: number,
  ) {}

  /** What was read before the run was cut off says nothing of how fast it is. */
  read(records: number, when: 'now' | 'before'): void {
    if (when === 'now') this.#now += records;
    else this.#before += records;
  }

  sentence(atMs: number): string {
    const done = this.#now + this.#before;
    if (done >= this.total) return `${String(done)} records are read; windows, alerts and digests follow`;
    const perSecond = (this.#now * 1000) / Math.max(1, atMs - this.startMs);
    const left = perSecond === 0 ? '' : `, ${leftText((this.total - done) / perSecond)} left`;
    const percent = Math.floor((100 * done) / this.total);
    return `${String(done)} of ${String(this.total)} records (${String(percent)} %), ${String(Math.round(perSecond))}/s${left}`;
  }
}

function leftText(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  if (seconds < 90) return `${String(Math.ceil(seconds))} s`;
  return minutes < 90 ? `${String(minutes)} min` : `${String(Math.floor(minutes / 60))} h ${String(minutes % 60)} min`;
}
