/**
 * Options of other servers that KServe's runtimes and their users write. They mean nothing here,
 * so that thaw's image can be put into such a runtime as it stands, and are named once in the log.
 */

/** KServe's Python servers (kserve/model_server.py and the servers' own). */
const kserve = [
  "--nthread",
  "--framework",
  "--max-threads",
  "--max-asyncio-workers",
  "--enable-grpc",
  "--enable-docs-url",
  "--enable-latency-logging",
  "--configure-logging",
  "--log-config-file",
  "--access-log-format",
  "--timeout-keep-alive",
  "--grpc-max-send-message-length",
  "--grpc-max-receive-message-length",
  "--predictor-host",
  "--predictor-protocol",
  "--predictor-use-ssl",
  "--predictor-request-timeout-seconds",
  "--predictor-request-retries",
  "--protocol",
  "--model-class-name",
];

/** tritonserver (`tritonserver --help`). */
const triton = [
  "--allow-grpc",
  "--allow-http",
  "--allow-metrics",
  "--allow-cpu-metrics",
  "--allow-gpu-metrics",
  "--http-address",
  "--grpc-address",
  "--metrics-address",
  "--http-thread-count",
  "--grpc-infer-allocation-pool-size",
  "--metrics-interval-ms",
  "--metrics-config",
  "--model-control-mode",
  "--repository-poll-secs",
  "--load-model",
  "--model-load-thread-count",
  "--strict-model-config",
  "--disable-auto-complete-config",
  "--strict-readiness",
  "--exit-on-error",
  "--exit-timeout-secs",
  "--backend-directory",
  "--backend-config",
  "--repoagent-directory",
  "--min-supported-compute-capability",
  "--pinned-memory-pool-byte-size",
  "--cuda-memory-pool-byte-size",
  "--cache-config",
  "--rate-limit",
  "--buffer-manager-thread-count",
  "--response-cache-byte-size",
  "--log-verbose",
  "--log-info",
  "--log-warning",
  "--log-error",
  "--log-file",
  "--trace-config",
  "--id",
];

/** OpenVINO Model Server. */
const ovms = [
  "--config-path",
  "--target-device",
  "--plugin-config",
  "--nireq",
  "--batch-size",
  "--shape",
  "--layout",
  "--grpc-workers",
  "--rest-workers",
  "--grpc-bind-address",
  "--rest-bind-address",
  "--grpc-channel-arguments",
  "--file-system-poll-wait-seconds",
  "--sequence-cleaner-poll-wait-minutes",
  "--idle-sequence-cleanup",
  "--low-latency-transformation",
  "--model-version-policy",
  "--stateful",
  "--metrics-enable",
  "--metrics-list",
  "--log-path",
  "--trace-path",
];

export const foreignFlags: ReadonlySet<string> = new Set([...kserve, ...triton, ...ovms]);

/** What starts other servers: `tritonserver …`, `mlserver start FOLDER`. */
export function withoutProgram(argv: readonly string[]): readonly string[] {
  const [first, second, ...rest] = argv;
  if (first === "tritonserver") return argv.slice(1);
  if (first !== "mlserver" || second !== "start") return argv;
  const [folder, ...more] = rest;
  return folder === undefined || folder.startsWith("-") ? rest : ["--model-dir", folder, ...more];
}
