import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection, isGrpcServiceError, ServiceError, WorkflowNotFoundError } from '@temporalio/client';
import type { Config } from '../config/config.ts';
import { Failure } from '../contracts/failure.ts';
import { engineState } from '../worker/engineState.ts';

const connectTimeoutMs = 5_000;
/** gRPC status codes. */
const grpc = { cancelled: 1, deadlineExceeded: 4, notFound: 5, failedPrecondition: 9, unavailable: 14 } as const;

/** A connection to the engine. The caller disposes it. */
export interface Engine extends AsyncDisposable {
  readonly client: Client;
  readonly address: string;
  /**
   * Calls the engine with a deadline and translates what can go wrong.
   * @throws Failure E_ENGINE_UNREACHABLE, E_RUN_NOT_FOUND
   */
  call<T>(work: () => Promise<T>, timeoutMs?: number): Promise<T>;
}

/**
 * Connects to the engine: `TEMPORAL_ADDRESS`, else the configuration's, else the embedded one of the state folder.
 * @throws Failure E_ENGINE_UNREACHABLE
 */
export async function connectEngine(config: Config, env: NodeJS.ProcessEnv = process.env): Promise<Engine> {
  const address = await engineAddress(config, env);
  let connection: Connection;
  try {
    connection = await Connection.connect({ address, connectTimeout: connectTimeoutMs });
  } catch (cause) {
    throw unreachable(address, cause);
  }
  const client = new Client({ connection, namespace: env['TEMPORAL_NAMESPACE'] ?? config.engine.namespace });
  return {
    client,
    address,
    async call(work, timeoutMs = 15_000) {
      try {
        return await connection.withDeadline(Date.now() + timeoutMs, work);
      } catch (error) {
        throw translate(error, address);
      }
    },
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

async function engineAddress(config: Config, env: NodeJS.ProcessEnv): Promise<string> {
  const named = env['TEMPORAL_ADDRESS'] || config.engine.address;
  if (named) return named;
  const record = await readFile(join(await engineState(config.engine.state), 'engine.json'), 'utf8').then((text) => JSON.parse(text) as { address?: string }, () => undefined);
  if (record?.address !== undefined) return record.address;
  if (config.engine.port !== undefined) return `127.0.0.1:${config.engine.port}`;
  throw new Failure('E_ENGINE_UNREACHABLE', `no engine is named, and none has been started in ${config.engine.state}`, { hint: 'start it with: mrs-backup up' });
}

function unreachable(address: string, cause: unknown): Failure {
  return new Failure('E_ENGINE_UNREACHABLE', `the engine at ${address} does not answer`, { hint: 'start it with: mrs-backup up', cause });
}

/** What a call to the engine failed with, in our words. */
function translate(error: unknown, address: string): unknown {
  if (error instanceof WorkflowNotFoundError) return new Failure('E_RUN_NOT_FOUND', `there is no run ${error.workflowId}`, { cause: error });
  const service = error instanceof ServiceError ? error.cause : error;
  if (!isGrpcServiceError(service)) return error;
  if (service.code === grpc.notFound) return new Failure('E_RUN_NOT_FOUND', service.details || 'not found', { cause: error });
  if (service.code === grpc.failedPrecondition && /workflow task in failed state/i.test(service.details)) {
    return new Failure('E_ENGINE_UNREACHABLE', 'the run cannot answer now: its worker does not, and no other has taken it over yet', { hint: 'try again in a moment; mrs-backup run show tells what it waits for', cause: error });
  }
  if (service.code === grpc.unavailable || service.code === grpc.deadlineExceeded || service.code === grpc.cancelled) return unreachable(address, error);
  return error;
}
