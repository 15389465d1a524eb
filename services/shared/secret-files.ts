import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Texts by the names of their variables; a variable that is empty counts as not set. */
export type Given = Record<string, string>;

/** What may be given as NAME_FILE instead of NAME, so that it stands in no environment and no shell history. */
export const SECRETS = [
  'KAFKA_SASL_PASSWORD',
  'KAFKA_SSL_KEY_PASSPHRASE',
  'SCHEMA_REGISTRY_PASSWORD',
  'CLICKHOUSE_PASSWORD',
  'CLICKHOUSE_READER_PASSWORD',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
] as const;

/** Puts what the files hold in place of the variables that name them. A file that cannot be used is a problem, by its name. */
export function withSecretsOfFiles(given: Given, problems: string[]): Given {
  const found: Given = {};
  for (const [name, value] of Object.entries(given)) {
    const secret = SECRETS.find((one) => `${one}_FILE` === name);
    if (secret === undefined) {
      found[name] ??= value;
      continue;
    }
    if (given[secret] !== undefined) problems.push(`${name} is set while ${secret} is set too`);
    // Whoever writes such a file with an editor ends its line.
    const text = textOf(name, value, problems)?.replace(/\r?\n$/, '');
    if (text === '') problems.push(`${name} names ${value}, which is empty`);
    else if (text !== undefined) found[secret] = text;
  }
  return found;
}

/** Certificates and keys in PEM; null for what is not set. */
export interface TlsFiles {
  /** Whom to trust; without it those that Node trusts. */
  readonly ca: string | null;
  /** Who we are, and the key that proves it. */
  readonly cert: string | null;
  readonly key: string | null;
  readonly passphrase: string | null;
}

/** The files of TLS to one server. What does not belong together, or is no PEM, is a problem. */
export function tlsFilesOf(given: Given, prefix: string, problems: string[]): TlsFiles {
  const [ca, cert, key] = ['CA_FILE', 'CERT_FILE', 'KEY_FILE'].map((kind) => {
    const name = `${prefix}${kind}`;
    const path = given[name];
    const text = path === undefined ? undefined : textOf(name, path, problems);
    return text ?? null;
  }) as [string | null, string | null, string | null];
  const passphrase = given[`${prefix}KEY_PASSPHRASE`] ?? null;
  const isSet = (kind: string): boolean => given[`${prefix}${kind}`] !== undefined;
  for (const [one, other] of [
    ['CERT_FILE', 'KEY_FILE'],
    ['KEY_FILE', 'CERT_FILE'],
  ] as const) {
    if (isSet(one) && !isSet(other)) problems.push(`${prefix}${other} is missing while ${prefix}${one} is set`);
  }
  if (ca !== null) checkCertificate(`${prefix}CA_FILE`, ca, problems);
  if (cert !== null) checkCertificate(`${prefix}CERT_FILE`, cert, problems);
  const pair = { cert, key, passphrase };
  if (cert !== null && key !== null) checkPair(`${prefix}KEY_FILE`, pair, problems);
  return { ca, ...pair };
}

/** As Node's TLS takes them. */
export function tlsOptions({ ca, cert, key, passphrase }: TlsFiles): SecureContextOptions {
  return {
    ...(ca === null ? {} : { ca }),
    ...(cert === null || key === null ? {} : { cert, key }),
    ...(passphrase === null ? {} : { passphrase }),
  };
}

function textOf(name: string, path: string, problems: string[]): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    problems.push(`${name} names ${path}, which cannot be read (${code})`);
    return undefined;
  }
}

function checkCertificate(name: string, text: string, problems: string[]): void {
  try {
    new X509Certificate(text);
  } catch {
    problems.push(`${name} is not a certificate in PEM`);
  }
}

/** Node finds out by itself whether a key can be opened and belongs to the certificate; its words name no content. */
function checkPair(name: string, { cert, key, passphrase }: Omit<TlsFiles, 'ca'>, problems: string[]): void {
  try {
    createSecureContext(tlsOptions({ ca: null, cert, key, passphrase }));
  } catch {
    problems.push(`${name} is not the key of the certificate beside it, or needs another passphrase`);
  }
}
