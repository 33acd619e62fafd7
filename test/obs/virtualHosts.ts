import dns from 'node:dns';

/** Until disposed, every name below `.localhost` leads to this machine, as resolvers should have it but not all do. */
export function resolveLocalhostNames(): Disposable {
  const real = dns.lookup;
  const lookup = (name: string, options: unknown, callback: (...args: unknown[]) => void): void => (real as (...args: unknown[]) => void)(name.endsWith('.localhost') ? '127.0.0.1' : name, options, callback);
  dns.lookup = Object.assign(lookup, real) as typeof dns.lookup;
  return { [Symbol.dispose]: () => void (dns.lookup = real) };
}
