import type { Chapter } from "./golden.ts";
import { absentExtensions } from "./rows/absent.ts";
import { cloudEvents } from "./rows/cloudevents.ts";
import { coding } from "./rows/coding.ts";
import { v1 } from "./rows/v1.ts";
import { v2Binary } from "./rows/v2-binary.ts";
import { v2Elements } from "./rows/v2-elements.ts";
import { v2Grpc } from "./rows/v2-grpc.ts";
import { v2Requests } from "./rows/v2-requests.ts";
import { v2Routes } from "./rows/v2-routes.ts";

/** Every chapter, in the order of the page. */
export const chapters: readonly Chapter[] = [
  v2Routes,
  v2Elements,
  v2Requests,
  v2Binary,
  coding,
  absentExtensions,
  ...v2Grpc,
  v1,
  cloudEvents,
];
