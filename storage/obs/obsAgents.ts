import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import * as http from 'node:http';
import * as https from 'node:https';
import { Failure } from '../../contracts/failure.ts';
import type { ObsConfig } from './obsConfig.ts';

/** A server closes idle connections after some seconds; we do before it, so that no request goes into a closing one. */
const IDLE_MS = 4000;

/** Connections of one session, kept open between requests. */
export interface ObsAgents {
  readonly http: http.Agent;
  readonly https: https.Agent;
}

/**
 * The agents of a session. Certificates are always checked.
 * @throws Failure E_CONFIG when the file of the authority cannot be read, or holds none
 */
export async function createAgents({ caFile, proxy }: Pick<ObsConfig, 'caFile' | 'proxy'>): Promise<ObsAgents> {
  const ca = caFile === undefined ? undefined : await readFile(caFile, 'utf8').catch((cause: unknown) => {
    throw new Failure('E_CONFIG', `the certificates of caFile cannot be read: ${caFile}`, { hint: 'check the path, and that the user of the worker may read it', cause });
  });
  if (ca !== undefined && !isCertificate(ca)) throw new Failure('E_CONFIG', `there is no certificate in caFile: ${caFile}`, { hint: 'it must hold the certificate of the authority in PEM: -----BEGIN CERTIFICATE-----' });
  const shared: http.AgentOptions = { keepAlive: true, timeout: IDLE_MS, scheduling: 'lifo', ...(proxy === undefined ? {} : { proxyEnv: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } }) };
  return {
    http: new http.Agent(shared),
    https: new https.Agent({ ...shared, rejectUnauthorized: true, minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) }),
  };
}

/** TLS passes over what it cannot read, and then trusts nobody. */
function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}
