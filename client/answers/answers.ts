import type { z } from 'zod';
import { configAnswers } from './configAnswers.ts';
import { restorationAnswers } from './restorationAnswers.ts';
import { runAnswers } from './runAnswers.ts';
import { setAnswers } from './setAnswers.ts';

/** The document every command prints with `--output json`, by the words of the command. docs/reference/ is generated from it. */
export const answers: Readonly<Record<string, z.ZodType>> = { ...configAnswers, ...restorationAnswers, ...runAnswers, ...setAnswers };
