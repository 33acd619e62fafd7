/** The part of the SDK that is used; it brings no types of its own. Numbers and booleans come back as strings, what is absent as ''. */
declare module 'esdk-obs-nodejs' {
  import type { Agent as HttpAgent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
  import type { Agent as HttpsAgent } from 'node:https';

  export type ObsParameters = Record<string, unknown> & {
    readonly RequestHook?: (request: ClientRequest) => void;
    readonly ResponseHook?: (response: IncomingMessage) => void;
  };

  export interface ObsReply {
    readonly CommonMsg: { readonly Status: number; readonly Code?: string; readonly Message?: string };
    readonly InterfaceResult?: Record<string, any>;
  }

  export type ObsCallback = (error: Error | null, reply: ObsReply) => void;

  interface ObsUtil {
    readonly signatureContext: { readonly signature: 'obs' | 'v2' } | null;
    makeRequest(method: string, options: { readonly headers: Record<string, string>; readonly xml?: unknown }, attempt: number, done: (error: unknown, reply?: unknown) => void): Promise<void>;
  }

  export default class ObsClient {
    constructor(options: {
      readonly access_key_id: string;
      readonly secret_access_key: string;
      readonly security_token?: string | undefined;
      readonly server: string;
      readonly port: number;
      readonly is_secure: boolean;
      readonly ssl_verify: true;
      readonly path_style: boolean;
      readonly signature: 'obs' | 'v2';
      readonly is_signature_negotiation: false;
      readonly max_retry_count: 0;
      readonly http_agent: HttpAgent;
      readonly https_agent: HttpsAgent;
      readonly third_http_lib: { request(options: RequestOptions): ClientRequest };
    });
    readonly util: ObsUtil;
    exec(method: string, parameters: ObsParameters, callback: ObsCallback): void;
    refresh(accessKey: string, secretKey: string, securityToken?: string): void;
    close(): void;
  }
}
