import { subscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';

/** Counts the requests that this process makes over HTTP. */
export class HttpRequests {
  #count = 0;

  /** @param counts which of them; all by default */
  constructor(counts: (request: ClientRequest) => boolean = () => true) {
    subscribe('http.client.request.start', (message) => {
      if (counts((message as { request: ClientRequest }).request)) this.#count++;
    });
  }

  /** How many there were since it was last asked. */
  take(): number {
    const count = this.#count;
    this.#count = 0;
    return count;
  }
}
