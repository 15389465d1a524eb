export interface FormPart {
  name: string;
  value: string;
  isFile: boolean;
}

/** The parts of a multipart/form-data body, as byte strings. Clients send long parameters this way. */
export function readMultipart(body: string, boundary: string): FormPart[] {
  const parts: FormPart[] = [];
  const line = `--${boundary}`;
  let at = body.indexOf(line);
  while (at !== -1) {
    const begin = at + line.length;
    if (body.startsWith('--', begin)) break;
    const next = body.indexOf(`\r\n${line}`, begin);
    if (next === -1) break;
    const part = body.slice(begin + 2, next);
    const headEnd = part.indexOf('\r\n\r\n');
    if (headEnd !== -1) {
      const head = part.slice(0, headEnd);
      const name = /name="([^"]*)"/i.exec(head)?.[1];
      if (name !== undefined) {
        parts.push({ name, value: part.slice(headEnd + 4), isFile: /filename=/i.test(head) });
      }
    }
    at = next + 2;
  }
  return parts;
}
