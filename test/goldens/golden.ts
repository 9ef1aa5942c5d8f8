import type { Send } from "../support/http.ts";

/**
 * Golden conversations: what a client sends, and what the real server must answer. The same rows
 * are played (`conversations.test.ts`) and make the table of `docs/protocols.md`.
 */

/** Whose behaviour is kept. "all": the servers agree, or the specification decides. */
export type Followed = "all" | "Triton" | "MLServer" | "KServe" | "OVMS" | "TF-Serving" | "thaw";

interface Row {
  readonly title: string;
  readonly follows: Followed;
  /** Why, in a few words; needed where the servers differ. */
  readonly why?: string;
}

/** Over REST; played over HTTP/1.1 and over HTTP/2 with prior knowledge. */
export interface RestGolden extends Row {
  readonly kind: "rest";
  readonly send: Send;
  readonly status: number;
  /** Values of headers; `null` where a header must be absent. */
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly body?: ExpectedBody;
}

/** A body as a whole, or a part that it must contain. */
export type ExpectedBody =
  | { readonly json: unknown }
  /** Each member of the object is as given; it may have others. */
  | { readonly partOf: object }
  /** The body is `{"error": …}`, and nothing else, with this in its message. */
  | { readonly error: string }
  | { readonly text: string }
  | { readonly bytes: Uint8Array };

/** Over gRPC, by the messages of `proto/` as proto-loader has them. */
export interface GrpcGolden extends Row {
  readonly kind: "grpc";
  readonly method: string;
  readonly message: object;
  /** A status code of gRPC; 0 is OK. */
  readonly code: number;
  /** A part of the status message. */
  readonly details?: string;
  /** Fields of the answer; it may have others. */
  readonly fields?: object;
}

/** A stream of ModelStreamInfer: what is sent, all answers, and the status at its end. */
export interface StreamGolden extends Row {
  readonly kind: "stream";
  readonly metadata?: Readonly<Record<string, string>>;
  readonly messages: readonly object[];
  /** Fields of each answer; it may have others. */
  readonly answers: readonly object[];
  readonly code: number;
}

export type Golden = RestGolden | GrpcGolden | StreamGolden;

/** Rows about one subject: one table of the page. */
export interface Chapter {
  readonly title: string;
  readonly goldens: readonly Golden[];
}
