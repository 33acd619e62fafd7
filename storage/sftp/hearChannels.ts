import type { Client } from 'ssh2';

type Handle = (...message: readonly unknown[]) => void;

/** Fields of ssh2, whose version is pinned: what takes over the messages that come. */
interface WithHandlers {
  readonly _protocol: { readonly _handlers: Record<'CHANNEL_DATA' | 'CHANNEL_WINDOW_ADJUST', Handle> };
}

/**
 * Tells of everything that comes on a channel: answers, and room for more requests. Signs of life are nothing of it: sshd gives them also while the
 * program behind it, which has to answer, hangs with its disk. To be called once for a connection.
 */
export function hearChannels(client: Client, heard: () => void): void {
  const { _handlers: handlers } = (client as unknown as WithHandlers)._protocol;
  for (const name of ['CHANNEL_DATA', 'CHANNEL_WINDOW_ADJUST'] as const) {
    const handle = handlers[name];
    handlers[name] = (...message) => {
      heard();
      handle(...message);
    };
  }
}
