/** The metrics that a service serves, by name without `backtrail_` and the value of one label; NaN for one that is not there. */
export type Values = (name: string, label?: string) => number;

export async function metricsAt(port: number): Promise<Values> {
  return valuesIn(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
}

export function valuesIn(text: string): Values {
  const lines = text.split('\n');
  return (name, label) => {
    const line = lines.find(
      (one) => one.startsWith(`backtrail_${name}{`) && (label === undefined || one.includes(`="${label}"`)),
    );
    return Number(line?.split(' ').at(-1) ?? Number.NaN);
  };
}
