import { isAbsolute, resolve } from 'node:path';

import { BacktrailError } from '../shared/errors.js';

/** Where an archive is. */
export type Place =
  | { readonly kind: 'folder'; readonly path: string; readonly name: string }
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string; readonly name: string };

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/** A folder, or `s3://bucket/prefix`. Throws CONFIG_INVALID. */
export function placeOf(text: string): Place {
  if (text === '') throw new BacktrailError('CONFIG_INVALID', 'an archive is a folder, or s3://bucket/prefix');
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1];
  if (scheme === undefined) {
    return { kind: 'folder', path: isAbsolute(text) ? text : resolve(text), name: text };
  }
  const [bucket = '', ...rest] = text.slice(scheme.length + '://'.length).split('/');
  if (scheme !== 's3' || !BUCKET.test(bucket)) {
    throw new BacktrailError('CONFIG_INVALID', `an archive is a folder, or s3://bucket/prefix: ${text}`);
  }
  const prefix = rest.filter((part) => part !== '').join('/');
  return { kind: 's3', bucket, prefix, name: prefix === '' ? `s3://${bucket}` : `s3://${bucket}/${prefix}` };
}
