import { createConnection, type Socket } from 'node:net';
import ssh2, { type Client, type ConnectConfig, type SFTPWrapper } from 'ssh2';
import SftpClient from 'ssh2-sftp-client';
import { Failure } from '../../contracts/failure.ts';
import type { SecretReader } from '../../contracts/secretReader.ts';
import type { SftpConfig } from '../sftp.ts';
import { sftpChannelFailure } from './sftpChannelFailure.ts';
import { sftpConnectionFailure } from './sftpFailure.ts';
import { prepareKeys } from './prepareKeys.ts';
import { hostKeyRule } from './sftpHostKey.ts';

/** An SSH connection whose server is who it should be and knows us, with a first channel for SFTP. */
export interface DialledServer {
  readonly client: Client;
  readonly socket: Socket;
  readonly sftp: SFTPWrapper;
}

/** A server that does not greet and let us in for so long is not there. */
const LOGIN_MS = 20_000;
/** An agent is on this machine. */
const AGENT_MS = 5000;
/** Signs of life per `timeoutSeconds`. They only make the server answer; a silent one is given up by watching what comes back (sftpConnection.ts). */
const KEEP_ALIVES = 4;
const KEEP_ALIVES_UNANSWERED = 10_000;

/** What is told to nobody: whoever uses the connection listens to it. */
const unheard = { error: () => {}, end: () => {}, close: () => {} };

/**
 * Connects, logs in and opens a first channel. Secrets are read here, each time, and are not kept by us.
 * @throws Failure
 */
export async function dialServer(place: SftpConfig, readSecret: SecretReader, shown: string): Promise<DialledServer> {
  const rule = await hostKeyRule(place, shown);
  const { agentError, ...login } = await loginOf(place, readSecret, shown);
  let refusal: Failure | undefined;
  let cause: Error | undefined;
  let isIn = false;
  const dialling = new SftpClient(shown, unheard);
  const { client } = dialling as unknown as { readonly client: Client };
  const loginMs = Math.min(LOGIN_MS, place.timeoutSeconds * 1000);
  const socket = createConnection({ host: place.host, port: place.port, noDelay: true });
  const late = setTimeout(() => socket.destroy(), 2 * loginMs);
  try {
    // What it makes of an error has lost whose it is.
    client.on('error', (error) => (cause ??= error)).on('ready', () => (isIn = true));
    client.on('handshake', () => prepareKeys(client));
    // Some servers only ask for the password, as for a question.
    client.on('keyboard-interactive', (_name, _instructions, _language, prompts, finish) => finish(prompts.map((each) => (each.echo === true ? '' : (login.password ?? '')))));
    const sftp = await dialling.connect({
      sock: socket,
      username: place.user,
      ...login,
      hostVerifier: (key: Buffer) => (refusal = rule.refusal(key)) === undefined,
      ...(rule.types === undefined ? {} : { algorithms: { serverHostKey: algorithmsOf(rule.types) } }),
      readyTimeout: loginMs,
      keepaliveInterval: Math.floor((place.timeoutSeconds * 1000) / KEEP_ALIVES),
      keepaliveCountMax: KEEP_ALIVES_UNANSWERED,
    } as ConnectConfig);
    return { client, socket, sftp };
  } catch (error) {
    client.end();
    socket.destroy();
    if (refusal !== undefined) throw refusal;
    const failure = isIn && cause === undefined ? sftpChannelFailure(error, shown) : sftpConnectionFailure(cause ?? error, shown);
    // It answered, and then would not sign.
    if (isOfAgent(cause)) throw silentAgent(cause, shown);
    if (agentError === undefined || failure.code !== 'E_DESTINATION_DENIED') throw failure;
    throw silentAgent(agentError, shown);
  } finally {
    clearTimeout(late);
  }
}

type Login = Pick<ConnectConfig, 'password' | 'privateKey' | 'passphrase' | 'agent' | 'tryKeyboard' | 'authHandler'>;

/** How to log in. An agent that does not answer, or has nothing to show, is left out where something else may fit, and told of when nothing does. */
async function loginOf({ password, privateKey, passphrase, agent }: SftpConfig, readSecret: SecretReader, shown: string): Promise<Login & { readonly agentError: Error | undefined }> {
  const socket = agent === true ? process.env['SSH_AUTH_SOCK'] : agent;
  if (agent !== undefined && (socket === undefined || socket === '')) throw new Failure('E_SECRET', `no SSH agent for ${shown}: SSH_AUTH_SOCK is not set`, { hint: 'start the worker where an agent is, or write the path of its socket as agent' });
  const key = privateKey === undefined ? undefined : await readSecret(privateKey, 'all');
  const phrase = passphrase === undefined ? undefined : await readSecret(passphrase);
  const unusable = key === undefined ? undefined : whyUnusable(key, phrase);
  if (unusable !== undefined) throw new Failure('E_SECRET', `the private key of ${shown} cannot be used: ${unusable}`, { hint: `${phrase === undefined ? 'set passphrase if the key has one' : 'check passphrase'}; it must be a private key in the format of OpenSSH or PEM (ssh-keygen -p -f FILE rewrites one of PKCS#8)` });
  const word = password === undefined ? undefined : await readSecret(password);
  const agentError = socket === undefined ? undefined : await errorOfAgent(socket);
  if (agentError !== undefined && key === undefined && word === undefined) throw silentAgent(agentError, shown);
  const usesAgent = socket !== undefined && agentError === undefined;
  return {
    agentError,
    ...(key === undefined ? {} : { privateKey: key, ...(phrase === undefined ? {} : { passphrase: phrase }) }),
    ...(usesAgent ? { agent: socket } : {}),
    ...(word === undefined ? {} : { password: word, tryKeyboard: true }),
    authHandler: [...(key === undefined ? [] : ['publickey' as const]), ...(usesAgent ? ['agent' as const] : []), ...(word === undefined ? [] : ['password' as const, 'keyboard-interactive' as const])],
  };
}

/** Why a key cannot be used; `undefined` when it can. */
function whyUnusable(key: string, passphrase: string | undefined): string | undefined {
  const parsed = ssh2.utils.parseKey(key, passphrase);
  if (parsed instanceof Error) return parsed.message;
  // For a file of several, ssh2 returns an array.
  return [parsed].flat().some((each) => each.isPrivateKey()) ? undefined : 'it is a public key';
}

/** Why an agent cannot be asked; `undefined` when it answers. */
async function errorOfAgent(socket: string): Promise<Error | undefined> {
  return await new Promise((resolve) => {
    const timer = setTimeout(() => resolve(new Error(`no answer within ${AGENT_MS / 1000} s`)), AGENT_MS);
    ssh2.createAgent(socket).getIdentities((error, keys) => {
      clearTimeout(timer);
      resolve(error ?? ((keys ?? []).length === 0 ? new Error('it holds no key') : undefined));
    });
  });
}

function isOfAgent(error: Error | undefined): error is Error {
  return (error as { level?: unknown } | undefined)?.level === 'agent';
}

function silentAgent(cause: Error, shown: string): Failure {
  return new Failure('E_SECRET', `the SSH agent of ${shown} cannot be used: ${cause.message}`, { hint: 'start the agent, load a key into it with ssh-add (not -c: nobody is here to confirm), or correct the path of its socket', cause });
}

const HOST_KEY_ALGORITHMS = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'];

/** Kinds that are known come first. The others are asked for too, so that a server that has nothing else can be refused by the key it shows. */
function algorithmsOf(types: readonly string[]): string[] {
  const kindOf = (algorithm: string): string => (algorithm.startsWith('rsa-') ? 'ssh-rsa' : algorithm);
  const isKnown = (algorithm: string): boolean => types.includes(kindOf(algorithm));
  return [...HOST_KEY_ALGORITHMS.filter(isKnown), ...HOST_KEY_ALGORITHMS.filter((each) => !isKnown(each))];
}
