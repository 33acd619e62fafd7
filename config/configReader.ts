import { checkConfig, type Catalogue } from './checkConfig.ts';
import type { Config } from './config.ts';
import { configFile, readConfigText, usableConfig, type ConfigLocation } from './loadConfig.ts';

/**
 * The configuration as it is now, each time it is asked for: an activity asks several times. Text that has not changed is not checked again, which costs
 * more than everything else in a short activity. The function it returns throws as `loadConfig` does.
 */
export function configReader(location: ConfigLocation, catalogue: Catalogue): () => Promise<Config> {
  const file = configFile(location);
  let last: { readonly text: string; readonly config: Config } | undefined;
  return async () => {
    const text = await readConfigText(file);
    if (last?.text !== text) last = { text, config: usableConfig(checkConfig(text, file, catalogue), file) };
    return last.config;
  };
}
