/** The questions of SPEC 9. `at` is event time in microseconds, `known` K in milliseconds (default: everything). */
export type Question = { readonly known?: number } & (
  | { readonly ask: 'timeline'; readonly model: string; readonly at: number }
  | { readonly ask: 'served' | 'blob' | 'proof' | 'trail'; readonly inference: string }
  | { readonly ask: 'agents'; readonly model: string; readonly release: string; readonly activation?: number }
  | { readonly ask: 'payments'; readonly model: string; readonly release: string; readonly activation?: number }
  | { readonly ask: 'payment'; readonly payment: string }
  | { readonly ask: 'taint' | 'incident'; readonly model: string; readonly release: string }
  | { readonly ask: 'windows' | 'alerts'; readonly model: string }
  | { readonly ask: 'incidents'; readonly model?: string }
);

export type Ask = Question['ask'];

/** Every question with its arguments, required ones first; the command line, the API and scenarios read this. */
export const QUESTIONS: Readonly<Record<Ask, { required: readonly Argument[]; optional: readonly Argument[] }>> = {
  timeline: { required: ['model', 'at'], optional: [] },
  served: { required: ['inference'], optional: [] },
  blob: { required: ['inference'], optional: [] },
  proof: { required: ['inference'], optional: [] },
  agents: { required: ['model', 'release'], optional: ['activation'] },
  payments: { required: ['model', 'release'], optional: ['activation'] },
  payment: { required: ['payment'], optional: [] },
  taint: { required: ['model', 'release'], optional: [] },
  windows: { required: ['model'], optional: [] },
  incident: { required: ['model', 'release'], optional: [] },
  incidents: { required: [], optional: ['model'] },
  alerts: { required: ['model'], optional: [] },
  trail: { required: ['inference'], optional: [] },
};

export type Argument = 'model' | 'at' | 'inference' | 'release' | 'activation' | 'payment';

/** JSON as SPEC 9 names it: ids sorted by UTF-8 bytes, times ISO-8601 with milliseconds, money as strings. */
export type Answer = JsonObject | readonly JsonObject[];
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [field: string]: Json;
}
