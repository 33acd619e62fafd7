import { InvalidArgumentError, Option } from 'commander';

/** An option of a command. */
export function option(flags: string, description: string): Option {
  return new Option(flags, description);
}

/** An option that may be given several times. */
export function repeated(flags: string, description: string): Option {
  return new Option(flags, description).argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
}

/** An option with a whole number from `least`. */
export function wholeNumber(flags: string, description: string, least = 1): Option {
  return new Option(flags, description).argParser((value: string) => {
    if (!/^\d+$/.test(value) || Number(value) < least) throw new InvalidArgumentError(`a whole number from ${least} is expected.`);
    return Number(value);
  });
}
