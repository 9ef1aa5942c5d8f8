import { STATUS_CODES } from "node:http";
import { status as grpcStatus } from "@grpc/grpc-js";
import { chapters } from "./chapters.ts";
import type { Golden } from "./golden.ts";

/** docs/protocols.md. */
export function protocolsPage(): string {
  const tables = chapters.map(({ title, goldens }) => {
    const rows = goldens.map((golden) => `| ${cells(golden).map(escaped).join(" | ")} |`);
    return [
      `## ${title}`,
      "",
      "| Case | Request | Answer | Follows |",
      "|---|---|---|---|",
      ...rows,
    ];
  });
  return [...intro, ...tables.flatMap((table) => ["", ...table]), ""].join("\n");
}

const intro = [
  "# Protocols, case by case",
  "",
  "<!-- Made by `npm run docs` from test/goldens. -->",
  "",
  "Servers that speak these protocols differ in places. The tables say what thaw answers and whose",
  "behaviour that is; “all” where the servers agree or the specification decides. Each row is a",
  "conversation that the tests hold with the real server; REST over HTTP/1.1 and HTTP/2 alike.",
];

function cells(golden: Golden): readonly string[] {
  const { title, follows, why } = golden;
  return [
    title,
    request(golden),
    answer(golden),
    why === undefined ? follows : `${follows}: ${why}`,
  ];
}

function request(golden: Golden): string {
  if (golden.kind === "grpc") return `\`${golden.method}\``;
  if (golden.kind === "stream") return "`ModelStreamInfer`";
  const { method, path, body, pieces } = golden.send;
  const verb = method ?? (body === undefined && pieces === undefined ? "GET" : "POST");
  return `\`${verb} ${path}\``;
}

function answer(golden: Golden): string {
  if (golden.kind === "stream") return `${golden.answers.length}, ${grpcStatus[golden.code]}`;
  if (golden.kind === "grpc") {
    const said = golden.details === undefined ? "" : ` “${golden.details}”`;
    return `${grpcStatus[golden.code]}${said}`;
  }
  const said = golden.body !== undefined && "error" in golden.body ? ` “${golden.body.error}”` : "";
  return `${golden.status} ${STATUS_CODES[golden.status]}${said}`;
}

function escaped(text: string): string {
  return text.replaceAll("|", "\\|");
}
