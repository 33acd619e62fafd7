import { answers } from './answers.ts';
import type { Call } from './caller.ts';
import type { WebHdfs } from './webHdfs.ts';

type AttributeCalls = Pick<WebHdfs,
  | 'acl' | 'setAcl' | 'removeAcl' | 'xattrs' | 'setXattr' | 'removeXattr' | 'setPermission' | 'setOwner' | 'setTimes' | 'setReplication'
  | 'setStoragePolicy' | 'unsetStoragePolicy' | 'setEcPolicy' | 'ecPolicies' | 'storagePolicies' | 'setQuota' | 'setQuotaByType' | 'quotaUsage' | 'contentSummary'>;

/** The quota that SETQUOTA reads as "leave it". */
const UNTOUCHED = '9223372036854775807';

/** Owners, modes, times, ACLs, xattrs, policies and quotas. */
export function createAttributeCalls(call: Call): AttributeCalls {
  return {
    async acl(path, signal) {
      return (await call('GET', 'GETACLSTATUS', path, {}, signal, answers.acl)).AclStatus;
    },
    async setAcl(path, spec, signal) {
      await call('PUT', 'SETACL', path, { aclspec: spec }, signal);
    },
    async removeAcl(path, signal) {
      await call('PUT', 'REMOVEACL', path, {}, signal);
    },

    async xattrs(path, signal) {
      const answer = await call('GET', 'GETXATTRS', path, { encoding: 'hex' }, signal, answers.xattrs);
      return Object.fromEntries(answer.XAttrs.map(({ name, value }) => [name, (value ?? '').replace(/^0x/i, '').toLowerCase()]));
    },
    async setXattr(path, name, hex, signal) {
      await call('PUT', 'SETXATTR', path, { 'xattr.name': name, 'xattr.value': hex === '' ? undefined : `0x${hex}`, flag: 'CREATE,REPLACE' }, signal);
    },
    async removeXattr(path, name, signal) {
      await call('PUT', 'REMOVEXATTR', path, { 'xattr.name': name }, signal);
    },

    async setPermission(path, permission, signal) {
      await call('PUT', 'SETPERMISSION', path, { permission }, signal);
    },
    async setOwner(path, owner, group, signal) {
      await call('PUT', 'SETOWNER', path, { owner, group }, signal);
    },
    async setTimes(path, modificationTime, accessTime, signal) {
      await call('PUT', 'SETTIMES', path, { modificationtime: modificationTime, accesstime: accessTime }, signal);
    },
    async setReplication(path, replication, signal) {
      await call('PUT', 'SETREPLICATION', path, { replication }, signal);
    },

    async setStoragePolicy(path, policy, signal) {
      await call('PUT', 'SETSTORAGEPOLICY', path, { storagepolicy: policy }, signal);
    },
    async unsetStoragePolicy(path, signal) {
      await call('POST', 'UNSETSTORAGEPOLICY', path, {}, signal);
    },
    async storagePolicies(signal) {
      return (await call('GET', 'GETALLSTORAGEPOLICY', '/', {}, signal, answers.storagePolicies)).BlockStoragePolicies.BlockStoragePolicy;
    },
    async setEcPolicy(path, policy, signal) {
      await call('PUT', 'SETECPOLICY', path, { ecpolicy: policy }, signal);
    },
    async ecPolicies(signal) {
      const answer = await call('GET', 'GETECPOLICIES', '/', {}, signal, answers.ecPolicies);
      return answer.ErasureCodingPolicies.ErasureCodingPolicyInfo.map(({ state, policy }) => ({ name: policy.name, enabled: state === 'ENABLED', dataUnits: policy.numDataUnits }));
    },

    async setQuota(path, quota, signal) {
      await call('PUT', 'SETQUOTA', path, { namespacequota: quota.namespace ?? UNTOUCHED, storagespacequota: quota.space ?? UNTOUCHED }, signal);
    },
    async setQuotaByType(path, type, space, signal) {
      await call('PUT', 'SETQUOTABYSTORAGETYPE', path, { storagetype: type, storagespacequota: space }, signal);
    },
    async quotaUsage(path, signal) {
      return (await call('GET', 'GETQUOTAUSAGE', path, {}, signal, answers.quotaUsage)).QuotaUsage;
    },
    async contentSummary(path, signal) {
      return (await call('GET', 'GETCONTENTSUMMARY', path, {}, signal, answers.contentSummary)).ContentSummary;
    },
  };
}
