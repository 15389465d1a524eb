const HIDDEN = '***';
const USER_OF_ADDRESS = /\/\/[^\s/?#@"'`]+@/g;
/** A shorter one would be found in words that have nothing to do with it. */
const SECRET_LENGTH_MIN = 4;

/** Any text without the user and password of the addresses in it. */
export function withoutUsers(text: string): string {
  return text.includes('@') ? text.replaceAll(USER_OF_ADDRESS, `//${HIDDEN}@`) : text;
}

/** A function that hides these secrets too, as they are, in JSON and in an address. */
export function hiding(secrets: readonly string[]): (text: string) => string {
  const long = secrets.filter(({ length }) => length >= SECRET_LENGTH_MIN);
  const forms = new Set(
    long.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)]),
  );
  return (text) => {
    let hidden = withoutUsers(text);
    for (const form of forms) hidden = hidden.replaceAll(form, HIDDEN);
    return hidden;
  };
}
