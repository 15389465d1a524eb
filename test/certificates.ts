import { createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';

/** A certificate and its key in PEM, made for one run: nothing to keep secret, and nothing that runs out. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
  readonly name: string;
  readonly privateKey: KeyObject;
}

/** Whom to trust. */
export function certificateAuthority(name: string): Identity {
  return issue(name, null, [extension(BASIC_CONSTRAINTS, sequence(tlv(BOOLEAN, Buffer.from([0xff]))), true)]);
}

/** Somebody whom the authority vouches for: a server at 127.0.0.1 and localhost, or a client. */
export function identityFrom(authority: Identity, name: string): Identity {
  const localhost = tlv(DNS_NAME, Buffer.from('localhost'));
  const address = tlv(IP_ADDRESS, Buffer.from([127, 0, 0, 1]));
  return issue(name, authority, [extension(SUBJECT_ALT_NAME, sequence(localhost, address), false)]);
}

// Tags of ASN.1's DER, and names (RFC 5280), as far as a certificate for tests needs them.
const BOOLEAN = 0x01;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const UTF8_STRING = 0x0c;
const GENERALIZED_TIME = 0x18;
const SEQUENCE = 0x30;
const SET = 0x31;
const DNS_NAME = 0x82;
const IP_ADDRESS = 0x87;
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
const COMMON_NAME = Buffer.from('0603550403', 'hex');
const BASIC_CONSTRAINTS = Buffer.from('0603551d13', 'hex');
const SUBJECT_ALT_NAME = Buffer.from('0603551d11', 'hex');
const ECDSA_WITH_SHA256 = Buffer.from('06082a8648ce3d040302', 'hex');

function issue(name: string, authority: Identity | null, extensions: readonly Buffer[]): Identity {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer = authority?.privateKey ?? privateKey;
  const tbs = sequence(
    tlv(VERSION, tlv(INTEGER, Buffer.from([2]))),
    tlv(INTEGER, Buffer.from([serial++])),
    sequence(ECDSA_WITH_SHA256),
    commonName(authority?.name ?? name),
    sequence(tlv(GENERALIZED_TIME, Buffer.from('20200101000000Z')), tlv(GENERALIZED_TIME, Buffer.from(FOR_EVER))),
    commonName(name),
    publicKey.export({ format: 'der', type: 'spki' }),
    tlv(EXTENSIONS, sequence(...extensions)),
  );
  const signature = createSign('sha256').update(tbs).sign(signer);
  const der = sequence(tbs, sequence(ECDSA_WITH_SHA256), tlv(BIT_STRING, Buffer.concat([Buffer.from([0]), signature])));
  const lines = der.toString('base64').replaceAll(/.{64}/g, '$&\n').trimEnd();
  const cert = `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
  return { cert, key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), name, privateKey };
}

const FOR_EVER = '99991231235959Z';
let serial = 1;

function commonName(name: string): Buffer {
  return sequence(tlv(SET, sequence(COMMON_NAME, tlv(UTF8_STRING, Buffer.from(name)))));
}

function extension(id: Buffer, value: Buffer, critical: boolean): Buffer {
  const said = critical ? [tlv(BOOLEAN, Buffer.from([0xff]))] : [];
  return sequence(id, ...said, tlv(OCTET_STRING, value));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tlv(SEQUENCE, Buffer.concat(parts));
}

/** Tag, length, value. */
function tlv(tag: number, value: Buffer): Buffer {
  const length =
    value.length < 0x80
      ? [value.length]
      : value.length < 0x100
        ? [0x81, value.length]
        : [0x82, value.length >> 8, value.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), value]);
}
