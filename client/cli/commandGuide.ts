import type { Option } from 'commander';
import { failures } from '../../contracts/failures.ts';
import type { CommandSpec, Noun } from './program.ts';

/** What exit codes mean to a script. */
const exitCodes: readonly (readonly [number, string])[] = [
  [0, 'done'], [1, 'failed'], [2, 'wrong usage or configuration'], [3, 'done with gaps: partial, differences, or damage found by a verification that itself worked'],
  [4, 'refused by a preflight or a policy'], [5, 'waits for approval'], [6, 'destination, source or engine unreachable'], [130, 'interrupted'],
];

/** docs/guide/commands.md: every command with its options and examples, exit codes and failure codes, from the program itself. */
export function commandGuide(nouns: readonly Noun[], single: readonly CommandSpec[], globalOptions: readonly Option[]): string {
  const commands = [...single.map((spec) => ({ words: '', spec })), ...nouns.flatMap((noun) => noun.verbs.map((spec) => ({ words: `${noun.name} `, spec })))];
  return [
    '# Commands', '',
    'Generated from the program by `npm run docs`; do not edit. Results go to standard output, everything else to standard error. `--output json` prints one',
    'document, described by [docs/reference/answers.schema.json](../reference/answers.schema.json), `--output jsonl` one line per item of a list. Every document carries',
    '`"version": 1`; times are ISO 8601 in UTC, sizes bytes, durations seconds. Members may be added, never renamed or removed within a major version.', '',
    '## Every command', '', ...optionTable(globalOptions), '',
    '`--help` prints the same as this page. A long command shows its progress on standard error; Ctrl-C detaches and never ends a run.', '',
    ...['', ...nouns.map((noun) => noun.name)].flatMap((noun) => section(noun, nouns, commands)),
    '## Exit codes', '', '| code | means |', '|---|---|', ...exitCodes.map(([exitCode, means]) => `| ${exitCode} | ${means} |`), '',
    'An unknown code counts as a failure. Errors are two lines on standard error, `error[E_CODE]: what, on what` and `hint: what to do next`; with `--output json`',
    'also `{ "version": 1, "error": { "code", "message", "hint", "details" } }` on standard output.', '',
    '## Failure codes', '', '| code | kind | exit code | tried again by a run | what to do |', '|---|---|---|---|---|',
    ...Object.entries(failures).map(([name, rule]) => `| \`${name}\` | ${rule.kind} | ${rule.exitCode} | ${rule.retryable ? 'yes' : 'no'} | ${cell(rule.hint)} |`), '',
  ].join('\n');
}

function section(noun: string, nouns: readonly Noun[], commands: readonly { readonly words: string; readonly spec: CommandSpec }[]): string[] {
  const mine = commands.filter((each) => each.words === (noun === '' ? '' : `${noun} `));
  const head = noun === '' ? ['## Without a noun', ''] : [`## ${noun}`, '', `${nouns.find((each) => each.name === noun)!.description}.`, ''];
  return [...head, ...mine.flatMap(({ words, spec }) => [
    `### mrs-backup ${words}${spec.usage}`, '', `${spec.description}.`, '',
    ...(spec.options === undefined || spec.options.length === 0 ? [] : [...optionTable(spec.options), '']),
    '```', ...spec.examples.map((example) => `mrs-backup ${example}`), '```', '',
  ])];
}

function optionTable(options: readonly Option[]): string[] {
  const more = (option: Option) => [
    ...(option.argChoices === undefined ? [] : [`one of ${option.argChoices.join(', ')}`]), ...(option.mandatory ? ['required'] : []),
    ...(option.defaultValue === undefined ? [] : [`default ${String(option.defaultValue)}`]),
  ];
  return ['| option | |', '|---|---|', ...options.map((option) => `| \`${cell(option.flags)}\` | ${cell([option.description, ...more(option)].join('; '))} |`)];
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
