import { obs } from '../../storage/obs.ts';
import { sampleBody } from '../../storage/sampleBody.ts';

// A process of its own, which ends with 0 only if nothing of the SDK escapes its fence. Arguments: blocks of the configuration, as JSON.
const outcomes: string[] = [];
for (const text of process.argv.slice(2)) {
  const block = JSON.parse(text) as Record<string, unknown>;
  try {
    await using session = await obs.open(obs.config.parse(block), { name: 'dead', readSecret: async (reference) => process.env[(reference as { env: string }).env] ?? '' });
    const sample = sampleBody(12_000_000, 'dead');
    const results = await Promise.allSettled([session.put('a', sample.body(), sample), session.put('b', [Buffer.from('x')], { length: 1, sha256: sampleBody(1, 'other').sha256 }), session.stat('a'), session.remove('a'), session.sweep(0), Array.fromAsync(session.get('a')), Array.fromAsync(session.list(''))]);
    outcomes.push(results.map((result) => (result.status === 'fulfilled' ? 'ok' : String(result.reason.code))).join(' '));
  } catch (error) {
    outcomes.push(`open: ${String((error as { code?: string }).code)}`);
  }
}
// What was forgotten shows itself within a moment.
await new Promise((resolve) => setTimeout(resolve, 300));
console.log(JSON.stringify(outcomes));
