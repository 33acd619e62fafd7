import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createLab } from './lab.ts';
import { changeSampleData, makeSampleData } from './sampleData.ts';
import { servers } from './servers.ts';

/** The command `npm run lab -- VERB [names…]`. */

/** Enough to see something move, little enough for a first try. */
const sampleSize = { files: 200, largeBytes: 64 << 20 };

const usage = `usage: npm run lab -- VERB [options]
  up [names…]      start servers and write mrs-backup.yaml
  down [names…]    stop servers, keep their data
  status           what runs
  reset [names…]   remove the data of servers
  restart NAME     stop and start one
  kill NAME        SIGKILL to all processes of one
  sample           fill the running servers of cluster A with sample data
  change           change some of the sample data
servers: ${Object.keys(servers).join(', ')}; none named = all
options: --state DIR (or MRS_BACKUP_LAB), --port NAME.ROLE=N (or MRS_BACKUP_LAB_PORTS as JSON), --output text|json`;

const root = fileURLToPath(new URL('..', import.meta.url));
process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  return 1;
});

async function main(argv: readonly string[]): Promise<number> {
  let parsed;
  try {
    parsed = parseArgs({ args: [...argv], allowPositionals: true, options: { output: { type: 'string', default: 'text' }, state: { type: 'string' }, port: { type: 'string', multiple: true, default: [] }, help: { type: 'boolean', short: 'h' } } });
  } catch (error) {
    return refuse((error as Error).message);
  }
  const { values, positionals: [verb, ...names] } = parsed;
  if (values.help) {
    console.log(usage);
    return 0;
  }
  if (values.output !== 'text' && values.output !== 'json') return refuse('--output is text or json');
  if (verb === undefined || !['up', 'down', 'status', 'reset', 'restart', 'kill', 'sample', 'change'].includes(verb)) return refuse(verb === undefined ? 'a verb is missing' : `there is no verb ${verb}`);
  if ((verb === 'restart' || verb === 'kill') && names.length !== 1) return refuse(`${verb} needs exactly one name`);
  const unknown = names.filter((name) => !Object.hasOwn(servers, name));
  if (unknown.length > 0) return refuse(`there is no server ${unknown.join(', ')}`);

  const ports: Record<string, number> = JSON.parse(process.env['MRS_BACKUP_LAB_PORTS'] ?? '{}') as Record<string, number>;
  for (const each of values.port) {
    const [key, port] = each.split('=');
    if (key === undefined || port === undefined || !/^\d+$/.test(port)) return refuse(`--port ${each}: write NAME.ROLE=N`);
    ports[key] = Number(port);
  }
  const lab = await createLab({
    stateFolder: values.state ?? process.env['MRS_BACKUP_LAB'] ?? join(root, '.lab'),
    toolsFolder: process.env['MRS_BACKUP_TOOLS'] ?? join(root, '.tools'),
    ports,
    onProgress: (line) => console.error(`lab: ${line}`),
  });
  if (verb === 'up') await lab.up(names);
  if (verb === 'down') await lab.down(names);
  if (verb === 'reset') await lab.reset(names);
  if (verb === 'restart') await lab.restart(names[0]!);
  if (verb === 'kill') await lab.kill(names[0]!);
  if (verb === 'sample') await makeSampleData(lab, sampleSize);
  if (verb === 'change') await changeSampleData(lab, sampleSize);

  const reports = lab.status();
  if (values.output === 'json') {
    console.log(JSON.stringify({ version: 1, config: lab.config(), servers: Object.fromEntries(Object.entries(reports).map(([name, { endpoints, pids, status, processes }]) => [name, { endpoints, pids, status, processes }])) }));
    return 0;
  }
  for (const [name, report] of Object.entries(reports)) {
    const processes = Object.entries(report.processes).map(([role, status]) => `${role} ${status}${report.pids[role] === undefined ? '' : ` (${report.pids[role]})`}`);
    console.log(`${name.padEnd(12)} ${report.status.padEnd(8)} ${Object.values(report.endpoints).join(' ')}  ${processes.join(', ')}`);
  }
  if (verb === 'up') console.log(`configuration: ${lab.config()}`);
  return 0;
}

function refuse(message: string): number {
  console.error(`error: ${message}\n${usage}`);
  return 2;
}
