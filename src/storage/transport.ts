import { lookup } from "node:dns/promises";
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from "node:https";
import type { Readable } from "node:stream";
import {
  listingBytesMax,
  pullConnectionsMax,
  pullConnectMsMax,
  pullIdleMsMax,
  storageErrorBytesMax,
} from "../domain/limits.ts";
import { StorageError } from "../domain/storage.ts";
import { addressAllowed, checkedLookup, checkHost, type Reach, refusedAddress } from "./address.ts";
import { cancelled, kindOfStatus, retryAfterMs, storageErrorOf } from "./retry.ts";

/** One HTTP request, for every scheme: no redirect, no retry, nothing decompressed. */
export interface Ask {
  readonly method?: "GET" | "HEAD" | "POST" | "PUT";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly reach?: Reach;
  /** For token endpoints on fixed addresses that are otherwise refused; never through a proxy. */
  readonly metadata?: boolean;
  readonly idleMsMax?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Readable;
}

export interface TransportOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** PEM texts of further authorities; `only` instead of the usual ones. */
  readonly ca?: readonly string[] | undefined;
  readonly verify?: boolean | undefined;
  readonly idleMsMax?: number | undefined;
}

const proxyNames = ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"];

/** Connections to stores. They are kept until `close`, so that an idle server has none. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #agents = new Map<string, HttpAgent>();

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  get env(): TransportOptions["env"] {
    return this.#options.env;
  }

  /** A transport with other authorities, of the same environment. */
  trusting(tls: Pick<TransportOptions, "ca" | "verify">): Transport {
    return new Transport({ ...this.#options, ...tls });
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  /** Rejects with StorageError when there is no answer; any status is an answer. */
  async send(ask: Ask, signal: AbortSignal): Promise<Answer> {
    if (signal.aborted) throw cancelled();
    if (ask.metadata !== true) await this.#checkReach(ask);
    try {
      return await this.#exchange(ask, signal);
    } catch (thrown) {
      if (signal.aborted) throw cancelled();
      throw at(ask.url, storageErrorOf(thrown));
    }
  }

  async #checkReach({ url, reach = "named" }: Ask): Promise<void> {
    checkHost(url.hostname, reach);
    if (!this.#proxied()) return;
    // Through a proxy the connection is to the proxy; what can be known of the name is judged here.
    const found = await lookup(url.hostname.replace(/^\[|\]$/g, ""), { all: true }).catch(() => []);
    if (!found.every(({ address }) => addressAllowed(address, reach))) {
      throw refusedAddress(url.hostname);
    }
  }

  #proxied(): boolean {
    return proxyNames.some((name) => (this.#options.env[name] ?? "") !== "");
  }

  #exchange(ask: Ask, signal: AbortSignal): Promise<Answer> {
    const { url, headers = {}, method = "GET", body } = ask;
    const idleMsMax = ask.idleMsMax ?? this.#options.idleMsMax ?? pullIdleMsMax;
    const options: RequestOptions = {
      method,
      headers: { "accept-encoding": "identity", "user-agent": "thaw", ...headers },
      agent: this.#agent(url, ask.metadata === true),
      signal,
      timeout: idleMsMax,
    };
    if (!this.#proxied() && ask.metadata !== true) {
      options.lookup = checkedLookup(ask.reach ?? "named");
    }
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const sent = send(url, options);
      const late = () => sent.destroy(Object.assign(new Error("timed out"), { code: "ETIMEDOUT" }));
      const connecting = setTimeout(late, Math.min(pullConnectMsMax, idleMsMax));
      sent.on("socket", (socket) => {
        if (!socket.connecting) clearTimeout(connecting);
        else socket.once("connect", () => clearTimeout(connecting));
      });
      sent.on("timeout", late);
      sent.on("error", (error) => {
        clearTimeout(connecting);
        reject(error);
      });
      sent.on("response", (answer) => {
        clearTimeout(connecting);
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: answer });
      });
      sent.end(body);
    });
  }

  #agent(url: URL, direct: boolean): HttpAgent {
    const id = `${url.protocol}${direct}`;
    const known = this.#agents.get(id);
    if (known !== undefined) return known;
    const { ca, verify, env } = this.#options;
    const options = {
      keepAlive: true,
      maxSockets: pullConnectionsMax,
      ...(direct || !this.#proxied() ? {} : { proxyEnv: { ...env } }),
      ...(ca === undefined ? {} : { ca: [...ca] }),
      ...(verify === undefined ? {} : { rejectUnauthorized: verify }),
    };
    const agent = url.protocol === "https:" ? new HttpsAgent(options) : new HttpAgent(options);
    this.#agents.set(id, agent);
    return agent;
  }
}

function at(url: URL, error: StorageError): StorageError {
  const { kind, message, retryAfterMs: waitMs } = error;
  if (kind === "address-refused" || kind === "cancelled") return error;
  return new StorageError(kind, `${url.host}: ${message}`, {
    cause: error.cause,
    retryAfterMs: waitMs,
  });
}

/** The whole body as text. Throws `too-large`. */
export async function textOf({ body }: Answer, bytesMax = listingBytesMax): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      bytes += chunk.length;
      if (bytes > bytesMax) throw new StorageError("too-large", `an answer over ${bytesMax} bytes`);
      chunks.push(chunk);
    }
  } catch (thrown) {
    throw storageErrorOf(thrown);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** JSON of an answer. Throws `corrupt`. */
export async function jsonOf(answer: Answer, bytesMax = listingBytesMax): Promise<unknown> {
  const text = await textOf(answer, bytesMax);
  try {
    return JSON.parse(text);
  } catch {
    throw new StorageError("corrupt", "the store answered with something that is no JSON");
  }
}

/** The beginning of an error's body; never throws. */
export async function errorText({ body }: Answer): Promise<string> {
  let text = "";
  try {
    for await (const chunk of body) {
      text += Buffer.from(chunk).toString("latin1");
      if (text.length > storageErrorBytesMax) break;
    }
  } catch {
    // What came is enough.
  }
  return text;
}

/** An error for an answer whose status is no success; `said` is the store's own code. */
export function statusError(host: string, answer: Answer, said = ""): StorageError {
  const kind = kindOfStatus(answer.status) ?? "internal";
  const code = said === "" ? "" : ` (${said})`;
  return new StorageError(kind, `${host} answered ${answer.status}${code}: ${inWords[kind]}`, {
    retryAfterMs: retryAfterMs(answer.headers, Date.now()),
  });
}

const inWords: Partial<Record<StorageError["kind"], string>> = {
  throttled: "too many requests",
  unavailable: "it is not able to answer now",
  unauthorized: "the credentials are missing, wrong or expired",
  forbidden: "no access; or there is no such object, and no right to see that",
  "not-found": "there is no such object",
  changed: "the object was replaced while it was read",
  "redirect-refused": "a redirect that is not followed",
  corrupt: "the object is not as long as the listing says",
  internal: "an answer that was not expected",
};
