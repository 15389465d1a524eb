import type { Answer, Json, JsonObject } from '../shared/core/question.js';
import { printable, tableLines } from './table.js';

const NOTHING = '-';
const NONE = '(none)';

/**
 * An answer for people: lists of objects become tables, objects become one field a line, long lists one entry a line.
 * Nothing is left out; ids are never cut.
 */
export function answerLines(answer: Answer): string[] {
  return isList(answer) ? listLines(answer, '') : objectLines(answer, '');
}

function objectLines(object: JsonObject, indent: string): string[] {
  const fields = Object.entries(object);
  if (fields.length === 0) return [`${indent}${NONE}`];
  const width = Math.max(...fields.map(([name]) => name.length));
  return fields.flatMap(([name, value]) => {
    const simple = inline(value);
    if (simple !== null) return [`${indent}${name.padEnd(width)}  ${simple}`];
    const deeper = `${indent}  `;
    const lines = isList(value) ? listLines(value, deeper) : objectLines(value as JsonObject, deeper);
    const count = isList(value) ? ` (${value.length})` : '';
    return [`${indent}${printable(name)}${count}`, ...lines];
  });
}

function listLines(list: readonly Json[], indent: string): string[] {
  if (list.length === 0) return [`${indent}${NONE}`];
  const objects = list.filter((item): item is JsonObject => isObject(item));
  if (objects.length < list.length) return list.map((item) => `${indent}${cell(item)}`);
  const flat = objects.every((object) => Object.values(object).every((value) => inline(value) !== null));
  if (!flat) return objects.flatMap((object, i) => [...(i > 0 ? [''] : []), ...objectLines(object, indent)]);
  const names = [...new Set(objects.flatMap((object) => Object.keys(object)))];
  const rows = objects.map((object) => names.map((name) => cell(object[name])));
  return tableLines(
    names.map((title) => ({
      title,
      align: objects.every((object) => isAmount(title, object[title])) ? 'right' : 'left',
    })),
    rows,
  ).map((line) => indent + line);
}

function isAmount(name: string, value: Json | undefined): boolean {
  return typeof value === 'number' || (name.includes('amount') && typeof value === 'string');
}

/** The value on one line, or null if it needs more. */
function inline(value: Json): string | null {
  if (!isList(value)) return isObject(value) ? (Object.keys(value).length === 0 ? NONE : null) : cell(value);
  if (value.length === 0) return NONE;
  return value.length <= 3 && value.every((item) => !isObject(item) && !isList(item)) ? cell(value) : null;
}

function cell(value: Json | undefined): string {
  if (value === null || value === undefined) return NOTHING;
  if (isList(value)) return value.length === 0 ? NOTHING : value.map((item) => cell(item)).join(', ');
  if (isObject(value)) return printable(JSON.stringify(value));
  return printable(String(value));
}

function isList(value: Json | Answer | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !isList(value);
}
