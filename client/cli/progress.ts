import type { MultiBar, SingleBar } from 'cli-progress';
import type { SourceProgress } from '../../contracts/run.ts';
import type { RunView } from '../runView.ts';
import { bytesText, durationText } from './format.ts';

/** Shows a run as it goes on, on standard error. */
export interface ProgressView {
  /** How often there is something to show. Each look asks the engine and the worker several times. */
  readonly everyMs: number;
  show(view: RunView): void;
  /** Leaves the last state on the screen. */
  stop(): void;
}

const lookEveryMs = 1_000;
const quietEveryMs = 15_000;
const plainEveryMs = 5_000;
/** A rate that says more than this is that of a beginning, and says nothing. */
const longestEtaSeconds = 4 * 24 * 3600;
/** The rate is over this time, so that it follows what happens now. */
const rateWindowMs = 15_000;

/** Bars on a terminal, a line every few seconds elsewhere, nothing when quiet. */
export async function createProgress(options: { readonly quiet: boolean; readonly isTerminal: boolean }): Promise<ProgressView> {
  if (options.quiet) return { everyMs: quietEveryMs, show: () => undefined, stop: () => undefined };
  return options.isTerminal ? await bars() : lines();
}

function lines(): ProgressView {
  let lastMs = 0;
  let lastPhase: string | null = '';
  const meter = createMeter();
  return {
    everyMs: lookEveryMs,
    show(view) {
      const rates = view.sources.map((source) => meter(source));
      const now = Date.now();
      const key = `${view.phase} ${view.state}`;
      if (now - lastMs < plainEveryMs && key === lastPhase) return;
      lastMs = now;
      lastPhase = key;
      const head = `${view.runId}: ${view.phase ?? view.state}${view.waitingFor === null ? '' : `, waits for: ${view.waitingFor}`}`;
      const rows = view.sources.map((source, i) => `  ${nameOf(source)}: ${source.phase} ${amounts(source)} ${speedText(rates[i])}`.trimEnd());
      process.stderr.write(`${[head, ...rows].join('\n')}\n`);
    },
    stop: () => undefined,
  };
}

async function bars(): Promise<ProgressView> {
  const { default: cliProgress } = await import('cli-progress');
  const all: MultiBar = new cliProgress.MultiBar({ stream: process.stderr, hideCursor: true, clearOnComplete: false, linewrap: false, forceRedraw: true, format: '{name} {bar} {percentage}% {text}', barsize: 24 }, cliProgress.Presets.shades_classic);
  const known = new Map<string, SingleBar>();
  const meter = createMeter();
  let head: SingleBar | undefined;
  return {
    everyMs: lookEveryMs,
    show(view) {
      head ??= all.create(1, 0, {}, { format: '{text}' });
      head.update(0, { text: `${view.runId}  ${view.phase ?? view.state}${view.state === 'paused' ? ' (paused)' : ''}${view.waitingFor === null ? '' : `  waits for: ${view.waitingFor}`}` });
      for (const source of view.sources) {
        const name = nameOf(source);
        const bar = known.get(name) ?? all.create(Math.max(source.totalBytes, 1), 0, { name, text: '' });
        known.set(name, bar);
        bar.setTotal(Math.max(source.totalBytes, 1));
        const whole = source.phase === 'done';
        bar.update(whole ? Math.max(source.totalBytes, 1) : Math.min(source.bytes, source.totalBytes), { name, text: `${source.phase} ${amounts(source)} ${speedText(meter(source))}` });
      }
    },
    stop: () => all.stop(),
  };
}

interface Rate {
  readonly bytesPerSecond: number;
  readonly etaSeconds: number | undefined;
}

/** Remembers a few samples per source. */
function createMeter(): (source: SourceProgress) => Rate | undefined {
  const samples = new Map<string, { readonly atMs: number; readonly bytes: number }[]>();
  return (source) => {
    const mine = samples.get(nameOf(source)) ?? [];
    const now = { atMs: Date.now(), bytes: source.bytes };
    const kept = [...mine.filter((each) => now.atMs - each.atMs <= rateWindowMs), now];
    samples.set(nameOf(source), kept);
    const first = kept[0];
    if (first === undefined || now.atMs - first.atMs < 500) return undefined;
    const bytesPerSecond = Math.max(0, ((now.bytes - first.bytes) * 1000) / (now.atMs - first.atMs));
    const left = source.totalBytes - source.bytes;
    return { bytesPerSecond, etaSeconds: left > 0 && left <= bytesPerSecond * longestEtaSeconds ? left / bytesPerSecond : undefined };
  };
}

function nameOf(source: SourceProgress): string {
  return `${source.source}@${source.instance}`;
}

function amounts(source: SourceProgress): string {
  return `${source.files}/${source.totalFiles} files, ${bytesText(source.bytes)}/${bytesText(source.totalBytes)}`;
}

function speedText(rate: Rate | undefined): string {
  if (rate === undefined) return '';
  return `${bytesText(Math.round(rate.bytesPerSecond))}/s${rate.etaSeconds === undefined ? '' : `, ETA ${durationText(rate.etaSeconds)}`}`;
}
