import { createConnection, type Socket } from 'node:net';
import ssh2, { type Client, type ConnectConfig } from 'ssh2';
import { Failure } from '../../contracts/failure.ts';
import type { SecretReader } from '../../contracts/secretReader.ts';
import type { SftpConfig } from '../sftp.ts';
import { sftpConnectionFailure } from './sftpFailure.ts';
import { prepareKeys } from './prepareKeys.ts';
import { hostKeyRule } from './sftpHostKey.ts';

/** An SSH connection whose server is who it should be and knows us. */
export interface DialledServer {
  readonly client: Client;
  readonly socket: Socket;
}

/** A server that does not greet and let us in for so long is not there. */
const LOGIN_MS = 20_000;
/** Signs of life per `timeoutSeconds`. They only make the server answer; a silent one is given up by watching what comes back (sftpConnection.ts). */
const KEEP_ALIVES = 4;
const KEEP_ALIVES_UNANSWERED = 10_000;

/**
 * Connects and logs in. Secrets are read here, each time, and are not kept by us.
 * @throws Failure
 */
export async function dialServer(place: SftpConfig, readSecret: SecretReader, shown: string): Promise<DialledServer> {
  const rule = await hostKeyRule(place, shown);
  const login = await loginOf(place, readSecret, shown);
  let refusal: Failure | undefined;
  let agentError: Error | undefined;
  const client = new ssh2.Client();
  const socket = createConnection({ host: place.host, port: place.port, noDelay: true });
  try {
    await new Promise<void>((resolve, reject) => {
      client.on('error', (error) => {
        // The agent may be missing and something else still fit: the last word is that of the server.
        if ((error as { level?: string }).level === 'agent') agentError = error;
        else reject(error);
      }).on('close', () => reject(new Error('the server closed the connection'))).on('ready', resolve);
      client.on('handshake', () => prepareKeys(client));
      // Some servers only ask for the password, as for a question.
      client.on('keyboard-interactive', (_name, _instructions, _language, prompts, finish) => finish(prompts.map((each) => (each.echo === true ? '' : (login.password ?? '')))));
      client.connect({
        sock: socket,
        username: place.user,
        ...login,
        hostVerifier: (key: Buffer) => (refusal = rule.refusal(key)) === undefined,
        ...(rule.types === undefined ? {} : { algorithms: { serverHostKey: algorithmsOf(rule.types) } }),
        readyTimeout: Math.min(LOGIN_MS, place.timeoutSeconds * 1000),
        keepaliveInterval: Math.floor((place.timeoutSeconds * 1000) / KEEP_ALIVES),
        keepaliveCountMax: KEEP_ALIVES_UNANSWERED,
      } as ConnectConfig);
    });
    return { client, socket };
  } catch (error) {
    client.on('error', () => {});
    client.end();
    socket.destroy();
    const failure = refusal ?? sftpConnectionFailure(error, shown);
    if (agentError === undefined || failure.code !== 'E_DESTINATION_DENIED') throw failure;
    throw new Failure('E_SECRET', `the SSH agent of ${shown} does not answer: ${agentError.message}`, { hint: 'start the agent, or correct the path of its socket', cause: agentError });
  }
}

async function loginOf({ password, privateKey, passphrase, agent }: SftpConfig, readSecret: SecretReader, shown: string): Promise<Pick<ConnectConfig, 'password' | 'privateKey' | 'passphrase' | 'agent' | 'tryKeyboard' | 'authHandler'>> {
  const socket = agent === true ? process.env['SSH_AUTH_SOCK'] : agent;
  if (agent !== undefined && (socket === undefined || socket === '')) throw new Failure('E_SECRET', `no SSH agent for ${shown}: SSH_AUTH_SOCK is not set`, { hint: 'start the worker where an agent is, or write the path of its socket as agent' });
  const key = privateKey === undefined ? undefined : await readSecret(privateKey, 'all');
  const phrase = passphrase === undefined ? undefined : await readSecret(passphrase);
  const parsed = key === undefined ? undefined : ssh2.utils.parseKey(key, phrase);
  if (parsed instanceof Error) throw new Failure('E_SECRET', `the private key of ${shown} cannot be used: ${parsed.message}`, { hint: phrase === undefined ? 'set passphrase if the key has one; it must be a private key in the format of OpenSSH or PEM' : 'check passphrase; the key must be a private key in the format of OpenSSH or PEM' });
  const word = password === undefined ? undefined : await readSecret(password);
  return {
    ...(key === undefined ? {} : { privateKey: key, ...(phrase === undefined ? {} : { passphrase: phrase }) }),
    ...(socket === undefined ? {} : { agent: socket }),
    ...(word === undefined ? {} : { password: word, tryKeyboard: true }),
    authHandler: [...(key === undefined ? [] : ['publickey' as const]), ...(socket === undefined ? [] : ['agent' as const]), ...(word === undefined ? [] : ['password' as const, 'keyboard-interactive' as const])],
  };
}

/** RSA keys are offered under the names of their signatures. */
function algorithmsOf(types: readonly string[]): string[] {
  return types.flatMap((type) => (type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'] : [type])).filter((name) => /^(ssh-ed25519|ecdsa-sha2-nistp\d+|rsa-sha2-\d+|ssh-rsa)$/.test(name));
}
