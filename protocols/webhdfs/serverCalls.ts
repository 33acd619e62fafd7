import { answers } from './answers.ts';
import type { Call } from './caller.ts';
import type { NameNodes } from './nameNodes.ts';
import { parseAnswer } from './parseAnswer.ts';
import type { HdfsServerDefaults, OpenFile, WebHdfs } from './webHdfs.ts';
import { WebHdfsError } from './webHdfsError.ts';

type ServerCalls = Pick<WebHdfs, 'serverDefaults' | 'jmx' | 'conf' | 'openFiles'>;

/** What the NameNode says about itself, partly by its plain HTTP pages. */
export function createServerCalls(call: Call, nameNodes: NameNodes, user: string): ServerCalls {
  return {
    async serverDefaults(signal) {
      const answer = await call('GET', 'GETSERVERDEFAULTS', '/', {}, signal, answers.serverDefaults);
      const raw = answer.FsServerDefaults;
      const types = ['NULL', 'CRC32', 'CRC32C', 'DEFAULT', 'MIXED'];
      const defaults: HdfsServerDefaults = {
        blockSize: raw.blockSize,
        bytesPerChecksum: raw.bytesPerChecksum,
        checksumType: types[raw.checksumType] ?? String(raw.checksumType),
        replication: raw.replication,
        keyProviderUri: raw.keyProviderUri === undefined || raw.keyProviderUri === '' ? undefined : raw.keyProviderUri,
      };
      return defaults;
    },

    async jmx(query, signal) {
      const body = await nameNodes.ask({ method: 'GET', target: `/jmx?${new URLSearchParams({ qry: query })}`, op: 'jmx', path: query, repeatable: true, signal });
      return parseAnswer(body, answers.jmx, { op: 'jmx', path: query }).beans;
    },

    async conf(name, signal) {
      try {
        const body = await nameNodes.ask({ method: 'GET', target: `/conf?${new URLSearchParams({ name })}`, op: 'conf', path: name, repeatable: true, headers: { Accept: 'application/json' }, signal });
        const answer = parseAnswer(body, answers.conf, { op: 'conf', path: name });
        return answer.property?.value ?? answer.properties?.find((one) => one.key === name)?.value;
      } catch (error) {
        if (error instanceof WebHdfsError && error.status === 404) return undefined;
        throw error;
      }
    },

    async openFiles(path, limit, signal) {
      const query = new URLSearchParams({ ugi: user, path, openforwrite: '1' });
      const body = await nameNodes.ask({ method: 'GET', target: `/fsck?${query}&user.name=${encodeURIComponent(user)}`, op: 'fsck', path, repeatable: true, limitBytes: 256 << 20, slow: true, signal });
      const files: OpenFile[] = [];
      let more = false;
      for (const file of readOpenFiles(body.toString('utf8'))) {
        if (files.length === limit) {
          more = true;
          break;
        }
        files.push(file);
      }
      return { files, more };
    },
  };
}

/** Lines of `fsck -openforwrite`: `/path 123 bytes, replicated: replication=1, 1 block(s), OPENFORWRITE: …`. */
function* readOpenFiles(text: string): Iterable<OpenFile> {
  const line = /^(\/[\s\S]*?) \d+ bytes, (?:replicated|erasure-coded): [^\n]*?\bOPENFORWRITE\b/gm;
  for (const found of text.matchAll(line)) yield { path: found[1]!, user: undefined };
}
