import { type ChildProcess, spawn } from "node:child_process";

/** Knative's queue-proxy in front of a server on this machine, as it stands in a pod. */

export interface QueueProxy {
  /** Where requests arrive: HTTP/1.1 and h2c. */
  readonly port: number;
  readonly process: ChildProcess;
  log(): string;
}

export const adminPort = 8022;
const servingPort = 8013;

/** `userPort`: the server's. `concurrency`: containerConcurrency, 0 for no limit. */
export function startQueueProxy(
  program: string,
  userPort: number,
  concurrency: number,
): QueueProxy {
  const probe = {
    httpGet: { path: "/v2/health/ready", port: userPort, host: "127.0.0.1", scheme: "HTTP" },
    successThreshold: 1,
  };
  const child = spawn(program, [], {
    env: {
      ...process.env,
      CONTAINER_CONCURRENCY: String(concurrency),
      QUEUE_SERVING_PORT: String(servingPort),
      QUEUE_SERVING_TLS_PORT: "8112",
      USER_PORT: String(userPort),
      REVISION_TIMEOUT_SECONDS: "300",
      SERVING_NAMESPACE: "test",
      SERVING_CONFIGURATION: "iris",
      SERVING_REVISION: "iris-00001",
      SERVING_POD: "iris-pod",
      SERVING_POD_IP: "127.0.0.1",
      SERVING_SERVICE: "iris",
      SERVING_LOGGING_CONFIG: "",
      SERVING_LOGGING_LEVEL: "error",
      SERVING_READINESS_PROBE: JSON.stringify(probe),
      ENABLE_HTTP2_AUTO_DETECTION: "false",
      ENABLE_HTTP_FULL_DUPLEX: "false",
      ENABLE_MULTI_CONTAINER_PROBES: "false",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (piece) => {
      text += piece;
    });
  }
  return { port: servingPort, process: child, log: () => text };
}
