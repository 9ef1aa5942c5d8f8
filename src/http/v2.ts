import {
  decodeBody,
  type EncodedBody,
  encodeBody,
  headerLengthName,
} from "../protocol/v2/binary.ts";
import {
  decodeLargeBody,
  encodeLargeBody,
  isLargeAnswer,
  isLargeBody,
} from "../protocol/v2/large.ts";
import { type Dialect, headerText, type Reply } from "./dialect.ts";
import { jsonHeaders } from "./reply.ts";

/** Inference as V2 has it (Open Inference Protocol), with binary tensors. */
export const v2: Dialect = {
  decode: (target, body, headers) => {
    const headerLength = headerText(headers, headerLengthName);
    return isLargeBody(body, headerLength)
      ? decodeLargeBody(target, body, headerLength)
      : decodeBody(target, body, headerLength);
  },
  encode: (response, request) =>
    isLargeAnswer(response, request)
      ? largeReply(encodeLargeBody(response, request))
      : replyOf(encodeBody(response, request)),
};

function* largeReply(encoding: Generator<void, EncodedBody>): Generator<void, Reply> {
  return replyOf(yield* encoding);
}

function replyOf({ body, headerLength }: EncodedBody): Reply {
  if (headerLength === undefined) return { body, headers: jsonHeaders };
  const headers = {
    "content-type": "application/octet-stream",
    [headerLengthName]: String(headerLength),
  };
  return { body, headers };
}
