import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import forge from 'node-forge';
import type { ServerPlace } from './labServer.ts';

const DAYS = 365;

/** Files of a server that speaks TLS, in its folder. The authority signed nothing else, and its key is thrown away. */
export interface Certificates {
  /** PEM of the authority: what a client trusts. */
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
  /** Certificate and key in PKCS#12, for Java. */
  readonly keyStore: string;
  readonly keyStorePassword: string;
}

/** Where the certificates of a server are. */
export function certificatesOf({ folder }: Pick<ServerPlace, 'folder'>): Certificates {
  return { authority: join(folder, 'ca.pem'), certificate: join(folder, 'server.pem'), key: join(folder, 'server.key'), keyStore: join(folder, 'server.p12'), keyStorePassword: 'throw-away' };
}

/** Makes a throw-away authority and a certificate for this machine, once. It is valid for so many days; less than none, and it has expired. */
export async function makeCertificates(place: Pick<ServerPlace, 'folder'>, names: readonly string[] = ['localhost', '*.localhost'], days = DAYS): Promise<Certificates> {
  const files = certificatesOf(place);
  if (existsSync(files.key)) return files;
  const authority = newKeys();
  const server = newKeys();
  const issuer = [{ name: 'commonName', value: 'throw-away authority of the lab' }];
  const authorityCertificate = certify(authority.publicKey, issuer, issuer, authority.privateKey, DAYS, [{ name: 'basicConstraints', cA: true, critical: true }, { name: 'keyUsage', keyCertSign: true, critical: true }]);
  const altNames = [...names.map((value) => ({ type: 2, value })), { type: 7, ip: '127.0.0.1' }];
  const certificate = certify(server.publicKey, [{ name: 'commonName', value: 'localhost' }], issuer, authority.privateKey, days, [{ name: 'extKeyUsage', serverAuth: true }, { name: 'subjectAltName', altNames }]);
  const store = forge.asn1.toDer(forge.pkcs12.toPkcs12Asn1(server.privateKey, [certificate], files.keyStorePassword, { algorithm: '3des' })).getBytes();
  await writeFile(files.authority, forge.pki.certificateToPem(authorityCertificate));
  await writeFile(files.certificate, forge.pki.certificateToPem(certificate));
  await writeFile(files.keyStore, Buffer.from(store, 'binary'), { mode: 0o600 });
  // Last: it says that all are there.
  await writeFile(`${files.key}.new`, forge.pki.privateKeyToPem(server.privateKey), { mode: 0o600 });
  await rename(`${files.key}.new`, files.key);
  return files;
}

function newKeys(): forge.pki.rsa.KeyPair {
  // Node makes a key a hundred times faster than the library.
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs1', format: 'pem' } });
  const key = forge.pki.privateKeyFromPem(privateKey);
  return { privateKey: key, publicKey: forge.pki.setRsaPublicKey(key.n, key.e) };
}

function certify(publicKey: forge.pki.rsa.PublicKey, subject: forge.pki.CertificateField[], issuer: forge.pki.CertificateField[], signer: forge.pki.rsa.PrivateKey, days: number, extensions: object[]): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = publicKey;
  certificate.serialNumber = `01${forge.util.bytesToHex(forge.random.getBytesSync(12))}`;
  certificate.validity.notBefore = new Date(Date.now() - 30 * 86_400_000);
  certificate.validity.notAfter = new Date(Date.now() + days * 86_400_000);
  certificate.setSubject(subject);
  certificate.setIssuer(issuer);
  certificate.setExtensions(extensions);
  certificate.sign(signer, forge.md.sha256.create());
  return certificate;
}
