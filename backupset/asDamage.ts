import { Failure } from '../contracts/failure.ts';
import type { DamageKind, DamageList } from './damageList.ts';

/** Does the work; an error that means damage becomes an item of the list, and there is no result. */
export async function asDamage<T>(damage: DamageList, object: string, kind: DamageKind, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Failure) || !['E_CORRUPT', 'E_OBJECT_NOT_FOUND', 'E_FORMAT'].includes(error.code)) throw error;
    const said = error.details['kind'];
    damage.add(object, error.code === 'E_OBJECT_NOT_FOUND' ? 'missing' : typeof said === 'string' && ['length', 'digest', 'foreign', 'manifest'].includes(said) ? said as DamageKind : kind);
    return undefined;
  }
}
